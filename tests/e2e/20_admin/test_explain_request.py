# SPDX-License-Identifier: Apache-2.0
"""explain request tells of each refusal, and of each policy, what the worker does: the same words are asked and sent."""
import pytest
from admintest import SOCKETS, AdminClient
from h2test import H2Client, request
from tlstest import Authority, TlsClient
from weirtest import Client, Origin, Weir, answer, get

TEXT = SOCKETS + """
trusted_proxies 127.0.0.1
listener web {
    bind 127.0.0.1:{port}
    max_body 1k
    route closed path /closed close
    route large path /large { max_body 2k; forward api }
    route early path /early { early_data on; forward api }
    route rest forward api
}
backend api { server a 127.0.0.1:ORIGIN }
"""

LOOP = ", ".join(["1.1 weir"] * 16)

CASES = [
    # method, path, fields; what a worker answers; what explain calls it
    ("GET", "/", {}, 200, "route rest"),
    ("TRACE", "/", {"Max-Forwards": "0"}, 200, "route rest"),
    ("OPTIONS", "/", {"Max-Forwards": "0"}, 200, "route rest"),
    ("OPTIONS", "/", {"Max-Forwards": "x"}, 400, "refused request_syntax"),
    ("OPTIONS", "/", {"Max-Forwards": "3"}, 200, "route rest"),
    ("GET", "/", {"Via": LOOP}, 502, "refused forwarding_loop"),
    ("GET", "/", {"Early-Data": "1"}, 425, "refused early_data"),
    ("GET", "/early", {"Early-Data": "1"}, 200, "route early"),
    ("POST", "/", {"Content-Length": "1025"}, 413, "refused request_body_too_large"),
    ("POST", "/large", {"Content-Length": "2049"}, 413, "refused request_body_too_large"),
    ("CONNECT", "a.test:443", {}, 405, "refused method_not_allowed"),
    ("GET", "/a%2f..%2fclosed", {}, 400, "refused ambiguous_path"),
    ("GET", "/", {"X-Bad Name": "x"}, 400, "refused request_syntax"),
]


@pytest.fixture(scope="module")
def running():
    with Origin(answer("ok")) as origin:
        with Weir(TEXT.replace("ORIGIN", str(origin.port))) as weir, AdminClient(weir) as admin:
            yield weir, admin, origin


@pytest.mark.parametrize("method, path, fields, status, told", CASES, ids=lambda value: str(value)[:30])
def test_it_says_what_is_done(running, method, path, fields, status, told):
    weir, admin, _ = running
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    host = path if method == "CONNECT" else "test"
    with Client(weir) as client:
        client.send(f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n".encode())
        assert client.receive().status == status
    words = " ".join(f'"{name}={value}"' for name, value in fields.items())
    reply = admin.ask(f"explain request {method} {path} {words}")
    assert reply.first == f"ok {told}"


def test_nobody_else_is_asked_to_answer_the_last_hop(running):
    _, admin, _ = running
    rows = {row["step"]: row for row in admin.json("explain request TRACE / Max-Forwards=0")}
    assert rows["answer"]["what"] == "200" and "Max-Forwards" in rows["answer"]["outcome"]
    assert "server" not in rows
    rows = {row["step"]: row for row in admin.json("explain request TRACE / Max-Forwards=1")}
    assert "answer" not in rows and "server" in rows


def test_a_limit_is_told_with_the_number_that_passed_it(running):
    weir, admin, _ = running
    row = {row["step"]: row for row in admin.json("explain request POST /large Content-Length=4096")}["body"]
    assert (row["what"], row["outcome"]) == ("4096 bytes", "max_body is 2048")
    line = next(i for i, text in enumerate(weir.config.read_text().splitlines(), 1) if "route large" in text)
    assert row["place"].endswith(f"weir.conf:{line}")


SHARING = SOCKETS + """
listener web { bind 127.0.0.1:{port}; route path /own forward own; route path /with forward with; route forward without }
backend own { server a 127.0.0.1:1 }
backend without { server a 127.0.0.1:1; pipeline 1 }
backend with { server a 127.0.0.1:1; pipeline 1 { credentials on } }
"""


@pytest.mark.parametrize("asked, outcome", [
    ("GET /own", None),
    ("GET /", "may share a connection with others"),
    ("HEAD /", "may share a connection with others"),
    ("POST /", "has a connection of its own: its method is not GET, HEAD or OPTIONS"),
    ("GET / Content-Length=5", "has a connection of its own: it has a body"),
    ("GET / Cookie=a=b", "has a connection of its own: it has credentials"),
    ("GET /with Cookie=a=b", "may share a connection with others"),
])
def test_it_tells_whether_a_connection_is_shared(asked, outcome):
    with Weir(SHARING) as weir, AdminClient(weir) as admin:
        rows = {row["step"]: row for row in admin.json(f"explain request {asked}")}
        assert rows.get("pipeline", {}).get("outcome") == outcome


# ---- Policies -------------------------------------------------------------------------------------

POLICIES = SOCKETS + """
listener web {
    bind 127.0.0.1:{port}
    bind 127.0.0.1:{secure} tls
    tls { certificate CERTIFICATE KEY }
    header set X-From $client_addr
    header set X-Listener "$scheme/$tls_server_name/$listener"
    response_header set X-Path $forward_path
    response_header set X-By "$server for $host"
    route path /api/* {
        header add X-User "$header_x_user,$cookie_sid,$query_a"
        rewrite path ^/api/(v[0-9])/(.*) /$2?version=$1
        header remove X-Secret
        header set X-Path "$path $forward_path $query"
        forward origin
    }
    route path /loop { rewrite path ^/loop /up/..%2f..%2fadmin; forward origin }
    route path /moved { redirect 302 "https://$host/new?$query" }
    route path /hello { response_header none; respond 200 "hello $header_x_user" }
    route path /x/* { rewrite path ^/x/(a+)+$ /y; header set X-Late 1; forward origin }
    route forward origin
}
backend origin { server s1 127.0.0.1:ORIGIN }
"""


@pytest.fixture(scope="module")
def policies(tmp_path_factory):
    certificate = Authority(tmp_path_factory.mktemp("tls")).issue("a.test")
    with Origin(answer("ok")) as origin:
        text = POLICIES.replace("ORIGIN", str(origin.port)).replace("CERTIFICATE", certificate.chain).replace("KEY", certificate.key)
        with Weir(text, ports=("port", "secure")) as weir, AdminClient(weir) as admin:
            yield weir, admin, origin


def told(admin, words):
    """What the policies say: (statement, outcome, line of weir.conf)."""
    rows = [row for row in admin.json(f"explain request {words}") if row["step"] == "policy"]
    return [(row["what"], row["outcome"], int(row["place"].rsplit(":", 1)[1])) for row in rows]


def fields_of(told_of, begin):
    """The fields that are set so, by name."""
    lines = [outcome.removeprefix(begin) for _, outcome, _ in told_of if outcome.startswith(begin)]
    return dict(line.split(": ", 1) for line in lines)


@pytest.mark.parametrize("protocol", ["http/1.1", "h2"])
def test_what_policies_do_is_what_the_server_and_the_client_get(policies, protocol):
    weir, admin, origin = policies
    given = {"X-User": "alice", "Cookie": "sid=7", "X-Secret": "s"}
    if protocol == "h2":
        with H2Client(weir) as client:
            got = client.ask(request("GET", "/api/v1/users?a=b", *((n.lower(), v) for n, v in given.items()), authority="shop.test"))
    else:
        with Client(weir) as client:
            got = client.ask(get("/api/v1/users?a=b", "shop.test", *(f"{n}: {v}" for n, v in given.items())))
    assert got.status == 200
    seen = origin.requests[-1]
    asked = " ".join(f'"{n}={v}"' for n, v in given.items())
    lines = told(admin, f"GET http://shop.test/api/v1/users?a=b {asked} protocol={protocol}")
    config = weir.config.read_text().splitlines()
    words = ["header", "header", "response_header", "response_header", "header", "rewrite", "header", "header"]
    assert [statement.split(" ")[0] for statement, _, _ in lines] == words
    for statement, _, line in lines:
        assert config[line - 1].split()[:3] == statement.split()[:3]
    assert ("the path becomes " + seen.target) in [outcome for _, outcome, _ in lines]
    fields = fields_of(lines, "sets ") | fields_of(lines, "adds ")
    assert fields.keys() == {"X-From", "X-Listener", "X-User", "X-Path"}
    assert fields["X-User"] == "alice,7,b" and fields["X-Path"] == "/api/v1/users /users version=v1&a=b"
    # Its own X-User stays beside what is added.
    assert fields.pop("X-User") == seen.all("X-User")[1]
    assert fields == {name: seen.get(name) for name in fields}
    assert "removes X-Secret" in [outcome for _, outcome, _ in lines] and seen.get("X-Secret") is None
    answered = fields_of(lines, "on the answer: sets ")
    assert answered == {"X-Path": "/users", "X-By": "$server for shop.test"}
    fields = {name.lower(): value for name, value in (got.fields.items() if protocol == "h2" else got.fields)}
    assert fields["x-path"] == "/users" and fields["x-by"] == "s1 for shop.test"


def test_policies_see_what_is_said_of_tls(policies):
    weir, admin, origin = policies
    with TlsClient(weir, port="secure") as client:
        assert client.ask(get("/", "a.test")).status == 200
    got = origin.requests[-1]
    assert got.get("X-Listener") == "https/a.test/web"
    for words in ("GET https://a.test/", "GET / sni=a.test"):
        assert fields_of(told(admin, words), "sets ")["X-Listener"] == got.get("X-Listener")


def test_a_path_that_a_policy_has_made_is_refused_as_by_a_worker(policies):
    weir, admin, _ = policies
    reply = admin.ask("explain request GET /loop")
    assert reply.first == "ok refused ambiguous_path" and "the path becomes" in reply.body
    with Client(weir) as client:
        assert client.ask(get("/loop")).status == 400
    rows = {row["step"]: row for row in admin.json("explain request GET /loop")}
    assert rows["answer"]["what"] == "400" and "server" not in rows


def test_an_expression_at_its_step_limit_answers(policies):
    weir, admin, _ = policies
    path = "/x/" + "a" * 5000 + "!"
    reply = admin.ask(f"explain request GET {path}")
    with Client(weir) as client:
        assert client.ask(get(path)).status == 500
    assert reply.first == "ok answered 500 by rewrite"
    lines = {statement.split(" ")[0] + outcome for statement, outcome, _ in told(admin, f"GET {path}")}
    assert any(line.startswith("rewriteanswers 500: regex_limit") for line in lines), lines
    assert "headerthe request does not come here" in lines
    assert any(line.startswith("response_headeron the answer") for line in lines), lines


def test_answers_of_routes_are_told_with_their_values(policies):
    weir, admin, _ = policies
    with Client(weir) as client:
        moved, hello = client.ask(get("/moved?a", "b.test")), client.ask(get("/hello", "b.test", "X-User: alice"))
    row = {row["step"]: row for row in admin.json("explain request GET http://b.test/moved?a")}["answer"]
    assert (row["what"], row["outcome"]) == ("302", moved.get("Location")) == ("302", "https://b.test/new?a")
    rows = admin.json("explain request GET http://b.test/hello X-User=alice")
    row = {row["step"]: row for row in rows}["answer"]
    assert (row["what"], row["outcome"].encode()) == ("200", hello.body) == ("200", b"hello alice")
    assert not any(row["what"].startswith("response_header") for row in rows)


def test_a_reload_is_followed(policies):
    weir, admin, _ = policies
    before = weir.config.read_text()
    try:
        weir.config.write_text(before.replace("header set X-From $client_addr", "header set X-From me"))
        admin.ask("reload")
        assert fields_of(told(admin, "GET /"), "sets ")["X-From"] == "me"
    finally:
        weir.config.write_text(before)
        admin.ask("reload")
    assert fields_of(told(admin, "GET /"), "sets ")["X-From"] == "127.0.0.1"
