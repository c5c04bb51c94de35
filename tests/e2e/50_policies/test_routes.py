# SPDX-License-Identifier: Apache-2.0
"""Every matcher, one action each."""
import pytest
from weirtest import Client, Weir, ask, get

ROUTES = """
listener web {
    bind 127.0.0.1:{port}
    route exact host one.example respond 200 "one"
    route wild host *.example.org host example.net respond 200 "wild"
    route both host two.example path /deep/* respond 200 "both"
    route deep path /a/b respond 200 "exact path"
    route tree path /tree/* respond 200 "tree"
    route regex path_regex "^/item/[0-9]+$" respond 200 "item"
    route method M_PLACE method DELETE method PATCH respond 200 "method"
    route field header X-Canary yes respond 200 "field"
    route argument query version 2 respond 200 "argument"
    route cookie_route cookie group beta respond 200 "cookie"
    route no path /only/* not method GET respond 200 "not get"
    route abroad path /net not client 127.0.0.0/8 respond 200 "abroad"
    route home path /net client 127.0.0.0/8 respond 200 "home"
    route quiet path /quiet close
    route moved path /old/* redirect 301 "https://$host/new$path?$query"
    route empty path /empty respond 204
}
""".replace("route method M_PLACE", "route methods")

CASES = [
    ("one.example", "/", "one"),
    ("ONE.Example:8080", "/", "one"),
    ("one.example.", "/", "one"),
    ("a.example.org", "/x", "wild"),
    ("b.a.example.org", "/x", "wild"),
    ("example.net", "/x", "wild"),
    ("two.example", "/deep/er", "both"),
    ("two.example", "/deep", "both"),
    ("x", "/a/b", "exact path"),
    ("x", "/a/./c/../b", "exact path"),
    ("x", "/tree", "tree"),
    ("x", "/tree/leaf", "tree"),
    ("x", "/item/42", "item"),
    ("x", "/any?version=2", "argument"),
    ("x", "/net", "home"),
]


@pytest.fixture(scope="module")
def weir():
    with Weir(ROUTES) as running:
        yield running


@pytest.mark.parametrize("host,target,text", CASES)
def test_matches(weir, host, target, text):
    assert ask(weir, get(target, host)).body == text.encode()


@pytest.mark.parametrize("host,target", [("example.org", "/"), ("two.example", "/deeper"), ("x", "/treetop"),
                                         ("x", "/item/42x"), ("x", "/a/b/"), ("x", "/any?version=20"), ("x", "/only/me")])
def test_does_not_match(weir, host, target):
    response = ask(weir, get(target, host))
    assert response.status == 404
    assert "error=destination_not_found" in response.get("Proxy-Status")


def test_fields_methods_cookies(weir):
    assert ask(weir, get("/", "x", method="DELETE")).body == b"method"
    assert ask(weir, get("/", "x", method="PATCH", body=b"")).body == b"method"
    assert ask(weir, get("/", "x", "x-canary: yes")).body == b"field"
    assert ask(weir, get("/", "x", "X-Canary: no")).status == 404
    assert ask(weir, get("/", "x", "Cookie: a=b; group=beta")).body == b"cookie"
    assert ask(weir, get("/", "x", "Cookie: group=betamax")).status == 404
    assert ask(weir, get("/only/me", "x", method="PUT", body=b"")).body == b"not get"


def test_actions(weir):
    with Client(weir) as client:
        client.send(get("/quiet", "x"))
        assert client.is_closed()
    response = ask(weir, get("/old/page?a=1", "site.test"))
    assert (response.status, response.get("Location")) == (301, "https://site.test/new/old/page?a=1")
    with Client(weir) as client:
        assert client.ask(get("/empty", "x")).status == 204
        assert client.ask(get("/net", "x")).body == b"home"


def test_the_first_that_matches_wins():
    text = """listener web { bind 127.0.0.1:{port}; route method POST respond 200 first
        route path /x respond 200 second; route host h respond 200 third; route respond 200 last }"""
    with Weir(text) as weir:
        assert ask(weir, get("/x", "h", method="POST", body=b"")).body == b"first"
        assert ask(weir, get("/x", "h")).body == b"second"
        assert ask(weir, get("/y", "h")).body == b"third"
        assert ask(weir, get("/y", "i")).body == b"last"
