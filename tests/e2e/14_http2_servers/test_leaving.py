# SPDX-License-Identifier: Apache-2.0
"""How connections to HTTP/2 servers end, and what becomes of the requests on them (RFC 9113 section 6.8, 8.7)."""
import json
import pathlib

import pytest
from h2origin import H2Origin, hello, read_rest, to_h2
from h2test import CANCEL, ENHANCE_YOUR_CALM, GOAWAY, INTERNAL_ERROR, PING, PROTOCOL_ERROR, REFUSED_STREAM, H2Client, request
from weirtest import Client, Weir, ask, get, post, wait_until


def failures(weir, count=1):
    return [json.loads(line)["failure"] for line in weir.access(count)]


def after_the_first(misbehave):
    """A handler that treats the first request in another way."""
    def handle(connection, asked):
        if len(connection.origin.requests) == 1:
            misbehave(connection, asked)
        else:
            connection.respond(asked, asked.body or b"again")
    return handle


def test_what_a_server_says_it_has_not_seen_is_asked_elsewhere():
    with H2Origin(after_the_first(lambda c, asked: c.goaway(0))) as origin, Weir(to_h2(origin)) as weir:
        assert ask(weir, post("/", b"not idempotent")).body == b"not idempotent"
        assert [each.body for each in origin.requests] == [b"not idempotent"] * 2 and len(origin.connections) == 2


def test_a_refused_stream_is_asked_again():
    with H2Origin(after_the_first(lambda c, asked: c.reset(asked.stream, REFUSED_STREAM))) as origin:
        with Weir(to_h2(origin)) as weir:
            assert ask(weir, post("/", b"body")).body == b"body"
            assert len(origin.requests) == 2 and len(origin.connections) == 1


def test_a_server_that_refuses_for_ever():
    with H2Origin(lambda c, asked: c.reset(asked.stream, REFUSED_STREAM)) as origin, Weir(to_h2(origin)) as weir:
        assert ask(weir).status == 503
        assert failures(weir) == ["stream_refused"] and len(origin.requests) == 4


def test_what_runs_when_a_server_leaves_runs_out():
    def serve(connection, asked):
        if asked.fields[":path"] == "/slow":
            connection.slow = asked
            connection.goaway((1 << 31) - 1)
        elif connection.number == 1:
            connection.respond(asked, b"first")
        else:
            connection.respond(asked, b"other")
            origin.connections[0].respond(origin.connections[0].slow, b"slow")

    with H2Origin(serve) as origin, Weir(to_h2(origin)) as weir, Client(weir) as slow:
        assert ask(weir).body == b"first"
        slow.send(get("/slow"))
        origin.wait(2)
        wait_until(lambda: ask(weir).body == b"other", "another connection")
        assert slow.receive().body == b"slow"
        # The one that was left is closed.
        wait_until(lambda: origin.connections[0].ended, "the end of the first connection")


@pytest.mark.parametrize("method, status, count", [("GET", 200, 3), ("POST", 502, 2)])
def test_a_connection_that_is_lost(method, status, count):
    def serve(connection, asked):
        if len(origin.requests) == 2:
            return connection.close()
        return connection.respond(asked, b"well")

    with H2Origin(serve) as origin, Weir(to_h2(origin)) as weir:
        assert ask(weir).body == b"well"
        assert ask(weir, get("/", method=method)).status == status
        assert len(origin.requests) == count
        line = json.loads(weir.access(2)[1])
        assert (line["failure"] or line["retry_reason"]) == "server_closed"


@pytest.mark.parametrize("code, name", [(INTERNAL_ERROR, "stream_reset"), (PROTOCOL_ERROR, "stream_reset"), (0, "stream_reset"),
                                        (CANCEL, "stream_cancelled"), (ENHANCE_YOUR_CALM, "stream_throttled")])
def test_a_stream_that_the_server_resets(code, name):
    with H2Origin(after_the_first(lambda c, asked: c.reset(asked.stream, code))) as origin:
        with Weir(to_h2(origin)) as weir:
            assert ask(weir).status == 502
            assert failures(weir) == [name]
            assert ask(weir).status == 200 and len(origin.connections) == 1


def test_an_answer_that_is_cut():
    def serve(connection, asked):
        connection.head(asked.stream)
        connection.data(asked.stream, b"half")
        connection.reset(asked.stream, INTERNAL_ERROR)

    with H2Origin(serve) as origin, Weir(to_h2(origin)) as weir:
        with Client(weir) as client:
            client.send(get("/"))
            assert not read_rest(client).endswith(b"0\r\n\r\n")
        with H2Client(weir) as client:
            got = client.ask(request())  # what comes at once with its head is answered for
            assert got.reset == INTERNAL_ERROR or got.status == 502
        assert failures(weir, 2) == ["stream_reset"] * 2 and len(origin.connections) == 1


def test_a_server_that_has_fallen_silent():
    def serve(connection, asked):
        if connection.number == 1 and len(connection.requests) > 1:
            connection.acknowledge = False  # no sign of life from here on
        else:
            hello(connection, asked)

    with H2Origin(serve) as origin, Weir(to_h2(origin, backend="timeout ping 100ms")) as weir:
        assert ask(weir).body == b"hello"
        assert ask(weir).body == b"hello"  # over another connection
        assert len(origin.connections) == 2 and any(got.type == PING for got in origin.connections[0].frames)


def test_a_slow_server_that_is_alive_is_asked_once():
    def serve(connection, asked):
        pings = 0
        while connection.number == 1 and pings == 0:
            got = connection.read()
            pings += got is not None and got.type == PING
        hello(connection, asked)

    with H2Origin(serve) as origin, Weir(to_h2(origin, backend="timeout ping 50ms")) as weir:
        assert ask(weir).body == b"hello"
        assert len(origin.connections) == 1


def test_an_idle_connection_says_farewell():
    with H2Origin() as origin, Weir(to_h2(origin, backend="timeout idle 100ms")) as weir:
        assert ask(weir).body == b"hello"
        wait_until(lambda: origin.connections[0].ended, "the end of the connection")
        assert [got.code for got in origin.connections[0].frames if got.type == GOAWAY] == [0]


def test_none_is_kept_without_keepalive():
    with H2Origin() as origin, Weir(to_h2(origin, backend="keepalive none")) as weir:
        for _ in range(2):
            assert ask(weir).body == b"hello"
        wait_until(lambda: len(origin.connections) == 2 and all(c.ended for c in origin.connections), "their ends")


def test_a_reload_to_another_protocol():
    from weirtest import Origin, answer
    with H2Origin() as origin, Weir(to_h2(origin)) as weir, Origin(answer("one")) as other:
        assert ask(weir).body == b"hello"
        path = next(pathlib.Path(weir.directory.name).glob("*.conf"))
        path.write_text(path.read_text().replace("protocol h2", "").replace(origin.address, other.address))
        weir.send_signal(1)
        wait_until(lambda: ask(weir).body == b"one", "the reload")
        wait_until(lambda: origin.connections[0].ended, "the end of the former connection")


def test_a_server_that_wants_http1():
    with H2Origin(lambda c, asked: c.reset(asked.stream, 13)) as origin, Weir(to_h2(origin)) as weir:
        assert ask(weir).status == 502
        assert failures(weir) == ["protocol_refused"]
