# SPDX-License-Identifier: Apache-2.0
"""Checks of servers that speak HTTP/2, and of gRPC's own kind (doc/health-checking.md of gRPC)."""
import struct

import pytest
from admintest import ctl
from h2origin import H2Origin, hello, to_h2
from weirtest import Origin, Weir, answer, ask, get, wait_until

ADMIN = "admin unix:{dir}/admin.sock\n"
FAST = "interval 20ms; timeout 5s; rise 1; fall 1"


def message(*content):
    return struct.pack(">BI", 0, len(bytes(content))) + bytes(content)


def last_check(weir):
    return ctl(weir, "explain", "server", "origin/s1").stdout


def test_an_http_check_speaks_what_requests_speak():
    with H2Origin() as origin:
        with Weir(to_h2(origin, backend=f"check http GET /healthz {{ host up.test; header X-Y z; {FAST} }}")) as weir:
            assert ask(weir).body == b"hello"
            sent = next(each.fields for each in origin.requests if each.fields[":path"] == "/healthz")
            assert sent[":method"] == "GET" and sent[":authority"] == "up.test" and sent["x-y"] == "z"
            assert sent["user-agent"].startswith("weir-check/")


def test_its_body_and_status_count():
    state = {"status": 200, "body": b"all well"}

    def serve(connection, asked):
        if asked.fields[":path"] == "/healthz":
            connection.respond(asked, state["body"], status=state["status"])
        else:
            hello(connection, asked)

    check = f"check http /healthz {{ body contains well; {FAST} }}"
    with H2Origin(serve) as origin, Weir(to_h2(origin, backend=f"{check}\ntimeout queue 50ms")) as weir:
        wait_until(lambda: ask(weir).status == 200, "the server to be up")
        for other in ({"status": 500, "body": b"all well"}, {"status": 200, "body": b"ill"}):
            state.update(other)
            wait_until(lambda: ask(weir).status == 503, "the server to be down")
            state.update(status=200, body=b"all well")
            wait_until(lambda: ask(weir).status == 200, "the server to be up again")


def test_a_server_of_http1_does_not_pass():
    with Origin(answer("hello")) as origin:
        text = to_h2(origin, backend=f"check http /healthz {{ {FAST} }}\ntimeout queue 50ms", top=ADMIN)
        with Weir(text) as weir:
            wait_until(lambda: "protocol_mismatch" in last_check(weir), "a failed check")
            assert ask(weir).status == 503


SERVING = message(8, 1)
ANSWERS = {
    "serving": (lambda c, r: c.respond(r, SERVING, trailers=[("grpc-status", "0")]), True),
    "not serving": (lambda c, r: c.respond(r, message(8, 2), trailers=[("grpc-status", "0")]), False),
    "unknown": (lambda c, r: c.respond(r, message(), trailers=[("grpc-status", "0")]), False),
    "no such service": (lambda c, r: c.respond(r, b"", ("grpc-status", "5")), False),
    "serving, but failed": (lambda c, r: c.respond(r, SERVING, trailers=[("grpc-status", "13")]), False),
    "no status": (lambda c, r: c.respond(r, SERVING), False),
    "half a message": (lambda c, r: c.respond(r, SERVING[:-1], trailers=[("grpc-status", "0")]), False),
    "an error of http": (lambda c, r: c.respond(r, b"", status=404), False),
    "a reset": (lambda c, r: c.reset(r.stream, 2), False),
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_grpc(kind):
    respond, passes = ANSWERS[kind]

    def serve(connection, asked):
        if asked.fields[":path"] == "/grpc.health.v1.Health/Check":
            respond(connection, asked)
        else:
            hello(connection, asked)

    text = to_h2(backend=f"server s1 {{address}}\ncheck grpc shop.Orders {{ {FAST} }}\ntimeout queue 50ms", top=ADMIN)
    with H2Origin(serve) as origin, Weir(text, address=origin.address) as weir:
        if passes:
            assert wait_until(lambda: ask(weir), "an answer").body == b"hello"
        else:
            wait_until(lambda: ask(weir).status == 503 and len(origin.requests) > 2, "the server to be down")
        sent = origin.requests[0]
        assert sent.fields[":method"] == "POST" and sent.fields["content-type"] == "application/grpc"
        assert sent.fields["te"] == "trailers" and sent.body == message(10, 11, *b"shop.Orders")
