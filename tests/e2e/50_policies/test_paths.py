# SPDX-License-Identifier: Apache-2.0
"""Paths: matched in their plain form, forwarded as they were sent, refused where servers could read another route."""
import contextlib
import json

import pytest
from admintest import AdminClient
from h2test import H2Client, request
from reloadtest import reload, rewrite
from weirtest import Client, Origin, Weir, ask, forward_to, get, run_weir

ROUTES = """
    route admin path /admin/* respond 403 "denied"
    route login path /login.jsp respond 200 "login"
    route strict path /strict/* { path_check strict; forward origin }
    route trusting path /off/* { path_check off; forward origin }
    route moved path /moved/* redirect 301 "$path"
    route bounced path_regex "^/+bounce" redirect 302 "/$request_uri"
    route cut path /cut/* { rewrite path "^/cut/(.*)$" "/$1"; forward origin }
    route doubled path /doubled/* { rewrite path "^/doubled/(.*)$" "/x/%2e%2e%2f$1"; forward origin }
    route broken path /broken/* { rewrite path "^/broken/(.*)$" "/%$1"; forward origin }
"""
SERVED = {
    "/api/queues/%2F/q": None, "/group%2fproject": None, "/@scope%2fpkg": None, "/DOMAIN%5Cuser": None,
    "/DOMAIN\\user": None, "/300x200/http://img.example/a.png": None, "/bucket//key": None, "//a": None,
    "/a;b=c/d": None, "/%61%7e%c3%A9": None, "/caf\xc3\xa9": None, "/100%25": None, "/\"<>[]^`{|}": None,
    "/a/./b/../c%2f": "/a/c%2f", "/x/%2e%2E/y%2f": "/y%2f", "/cut/%2F/a//b;c": "/%2F/a//b;c", "/cut/..%2e": "/..%2e",
    "/off/;/..;/%2525252f%0a": None, "/strict/%20%C3%A9": None,
}
AMBIGUOUS = ["//admin", "/x%2f..%2fadmin", "/public/;/..;/admin", "/%2fadmin", "/%252fadmin", "/%2561dmin/x", "/\\admin",
             "/admin;x", "/admin%3bx/y", "/login.jsp;jsessionid=1", "/%2525252f", "/strict/a%2Fb", "/strict//", "/doubled/a"]
MALFORMED = ["/%zz", "/%", "/a%00", "/a%2500", "/off/%252500", "/x%0a", "/x%7f", "/broken/zz", "/broken/00"]


@pytest.fixture(scope="module")
def proxy():
    with contextlib.ExitStack() as stack:
        origin = stack.enter_context(Origin())
        yield origin, stack.enter_context(Weir(forward_to(origin, listener=ROUTES)))


def logged(weir, count):
    """Method, host, target, status and failure of the last of so many requests."""
    line = json.loads(weir.access(count)[-1])
    return line["method"], line["host"], line.get("target", line["path"]), line["status"], line["failure"]


@pytest.mark.parametrize("target,forwarded", [pytest.param(t, f or t, id=ascii(t)) for t, f in SERVED.items()])
@pytest.mark.parametrize("version", [1, 2])
def test_goes_out_as_it_was_sent(proxy, target, forwarded, version):
    origin, weir = proxy
    before = len(origin.requests)
    if version == 1:
        assert ask(weir, get(target)).status == 200
    else:
        with H2Client(weir) as client:
            assert client.ask(request(path=target.encode("latin-1"))).status == 200
    assert [r.target for r in origin.requests[before:]] == [forwarded]


@pytest.mark.parametrize("target", AMBIGUOUS + MALFORMED, ids=ascii)
@pytest.mark.parametrize("version", [1, 2])
def test_is_refused(proxy, target, version):
    origin, weir = proxy
    before = len(origin.requests)
    if version == 1:
        with Client(weir) as client:
            assert client.ask(get(target)).status == 400
            assert client.is_closed()
    else:
        with H2Client(weir) as client:
            assert client.ask(request(path=target)).status == 400
            assert client.ask(request(path="/after")).status == 200
    assert not [r for r in origin.requests[before:] if r.target != "/after"]


def test_plain_paths_are_matched_whatever_their_spelling(proxy):
    _, weir = proxy
    for target in ("/admin", "/%61dmin/x", "/x/../admin", "/x/%2e%2e/admin/"):
        assert ask(weir, get(target)).status == 403, target


def test_a_location_names_no_other_host(proxy):
    _, weir = proxy
    assert ask(weir, get("/moved/a")).get("Location") == "/moved/a"
    assert ask(weir, get("//bounce.example/a")).get("Location") == "/bounce.example/a"


def test_a_refused_request_is_logged_like_any_other():
    with Origin() as origin, Weir(forward_to(origin, listener=ROUTES)) as weir:
        assert ask(weir, get("//admin", "Some.test:80")).status == 400
        assert logged(weir, 1) == ("GET", "some.test", "//admin", 400, "ambiguous_path")
        assert ask(weir, get("/%zz?q", "Some.test:80")).status == 400
        assert logged(weir, 2) == ("GET", "some.test", "/%zz?q", 400, "request_target")
        with H2Client(weir) as client:
            assert client.ask(request(path="/%zz", authority="other.test")).status == 400
        assert logged(weir, 3) == ("GET", "other.test", "/%zz", 400, "request_target")
        # A host that is none: the rest is there all the same.
        assert ask(weir, get("/x", "a b")).status == 400
        assert logged(weir, 4) == ("GET", "a b", "/x", 400, "request_host")


def test_the_three_forms_in_logs_and_variables():
    text = 'log_format forms "$path|$forward_path|$target|$request_uri|"\n' \
        + "access_log {dir}/access.log format forms\n" \
        + "listener web { bind 127.0.0.1:{port}; route { rewrite path ^/r/(.*) /$1; forward origin } }\n" \
        + "backend origin { server s1 {origin} }\n"
    with Origin() as origin, Weir(text, origin=origin.address) as weir, Client(weir) as client:
        assert client.ask(get("/r/./%61%2fb?x")).status == 200
        assert client.ask(b"GET http://test/%7e HTTP/1.1\r\nHost: test\r\n\r\n").status == 200
        assert weir.access(2) == ["/r/a%2Fb|/%61%2fb|/r/./%61%2fb?x|/r/./%61%2fb?x|",
                                  "/~|/%7e|http://test/%7e|/%7e|"]


def test_explain_says_which_reading_takes_another_route():
    with Weir("admin unix:{dir}/admin.sock\n" + forward_to("127.0.0.1:1", listener=ROUTES)) as weir:
        with AdminClient(weir) as admin:
            reply = admin.ask("explain request GET //admin/x")
            assert "refused ambiguous_path" in reply.first
            assert "read so, it takes route admin" in str(reply.body)
            assert "refused ambiguous_path" in admin.ask("explain request GET /strict/a%2Fb").first
            assert "route trusting" in admin.ask("explain request GET /off/a%2Fb//c").first


def test_path_check_of_a_listener_changes_by_reload():
    text = "admin unix:{dir}/admin.sock\nlistener web { bind 127.0.0.1:{port}; CHECK\n" \
        "route path /a respond 200 a; route path /open/* { path_check on; respond 200 open }; route respond 200 rest }\n"
    plain, strict, off = (text.replace("CHECK", word) for word in ("", "path_check strict", "path_check off"))
    with Weir(plain) as weir:
        statuses = lambda: [ask(weir, get(t)).status for t in ("//a", "/b//c", "/open/x//y")]
        assert statuses() == [400, 200, 200]
        with AdminClient(weir) as admin:
            rewrite(weir, strict)
            assert "path_check on -> strict" in admin.ask("plan").body
        assert reload(weir, strict).is_ok
        assert statuses() == [400, 400, 200]
        assert reload(weir, off).is_ok
        assert statuses() == [200, 200, 200]
        printed = run_weir("-T", "-c", weir.config).stdout
        assert "path_check off" in printed and "path_check on" in printed
