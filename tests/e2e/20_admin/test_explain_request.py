# SPDX-License-Identifier: Apache-2.0
"""explain request tells of each refusal what the worker does: the same words are asked and sent."""
import pytest
from admintest import SOCKETS, AdminClient
from weirtest import Client, Origin, Weir, answer

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
