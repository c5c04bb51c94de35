# SPDX-License-Identifier: Apache-2.0
"""What HTTP/2 servers must not do (RFC 9113 section 8.1.1, 10.5): the request fails by name, weir does not."""
import json
import struct

import pytest
from h2origin import H2Origin, hello, read_rest, to_h2
from h2test import (CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, PUSH, RST_STREAM, SETTINGS,
                    WINDOW_UPDATE, H2Client, request)
from weirtest import Client, Weir, ask, get, rss_bytes, wait_until


def failure(weir, count=1):
    return json.loads(weir.access(count)[-1])["failure"]


def raw_head(connection, stream, *fields, flags=END_HEADERS):
    connection.frame(HEADERS, flags, stream, connection.encoder.encode(list(fields), huffman=False))


OK = (":status", "200")
MALFORMED = {
    "no status": [("x", "1")],
    "an empty status": [(":status", "")],
    "a status of letters": [(":status", "2xx")],
    "a status out of range": [(":status", "600")],
    "two of them": [OK, OK],
    "101": [(":status", "101")],
    "a pseudo-field of requests": [OK, (":path", "/")],
    "a pseudo-field behind others": [("x", "1"), OK],
    "a name in upper case": [OK, ("X-Up", "1")],
    "a blank in a name": [OK, ("x y", "1")],
    "a colon in a name": [OK, ("x:y", "1")],
    "a line end in a value": [OK, ("x", "1\r\ny: 2")],
    "NUL in a value": [OK, ("x", "1\0")],
    "blanks around a value": [OK, ("x", " 1 ")],
    "connection": [OK, ("connection", "close")],
    "transfer-encoding": [OK, ("transfer-encoding", "chunked")],
    "two lengths": [OK, ("content-length", "1"), ("content-length", "2")],
    "a length of letters": [OK, ("content-length", "1a")],
}


@pytest.mark.parametrize("kind", MALFORMED)
def test_malformed_heads_never_pass(kind):
    def serve(connection, asked):
        if len(origin.requests) == 1:
            raw_head(connection, asked.stream, *MALFORMED[kind])
            connection.data(asked.stream, b"x", end=True)
        else:
            hello(connection, asked)

    with H2Origin(serve) as origin, Weir(to_h2(origin)) as weir:
        assert ask(weir).status == 502
        assert failure(weir) in ("response_syntax", "response_framing")
        assert ask(weir).body == b"hello" and len(origin.connections) == 1  # its connection is as good as before


@pytest.mark.parametrize("length, sent", [(5, b"1234"), (5, b"123456")])
def test_a_length_that_is_not_kept(length, sent):
    def serve(connection, asked):
        connection.head(asked.stream, ("content-length", str(length)))
        connection.data(asked.stream, sent, end=True)

    with H2Origin(serve) as origin, Weir(to_h2(origin)) as weir:
        with Client(weir) as client:
            client.send(get("/"))
            # What comes at once with its head is answered for.
            assert client.receive(head_only=True).status == 502 or len(read_rest(client)) <= length
        with H2Client(weir) as client:
            got = client.ask(request())
            assert got.reset is not None or got.status == 502
        assert failure(weir, 2) == "response_syntax" and len(origin.connections) == 1


def test_a_head_that_is_too_large():
    def serve(connection, asked):
        connection.head(asked.stream, *[("x", "y")] * 250)

    with H2Origin(serve) as origin, Weir(to_h2(origin)) as weir:
        assert ask(weir).status == 502
        assert failure(weir) == "response_too_many_fields"


def test_too_many_interim_answers():
    def serve(connection, asked):
        for _ in range(65):
            connection.head(asked.stream, status=103)
        connection.respond(asked, b"late")

    with H2Origin(serve) as origin, Weir(to_h2(origin)) as weir:
        assert ask(weir, get("/")).status in (103, 502)
        assert failure(weir) == "response_interim_flood"


def flood(kind, flags, stream, payload, count):
    return lambda c, asked: c.send(c.bytes_of(kind, flags, stream or 0, payload) * count)


FLOODS = {
    "settings": flood(SETTINGS, 0, 0, b"", 4000),
    "pings": flood(PING, 0, 0, b"12345678", 4000),
    "window updates": flood(WINDOW_UPDATE, 0, 0, struct.pack(">I", 1), 20000),
    "priorities": flood(2, 0, 1, b"\0\0\0\0\0", 20000),
    "empty frames": lambda c, asked: (c.head(asked.stream), flood(DATA, 0, asked.stream, b"", 4000)(c, asked)),
    "continuations": lambda c, asked: (raw_head(c, asked.stream, OK, flags=0),
                                       flood(CONTINUATION, 0, asked.stream, b"", 4000)(c, asked)),
}


@pytest.mark.parametrize("kind", FLOODS)
def test_floods(kind):
    def serve(connection, asked):
        if connection.number == 1:
            FLOODS[kind](connection, asked)
        else:
            hello(connection, asked)

    with H2Origin(serve) as origin, Weir(to_h2(origin)) as weir:
        before = rss_bytes(weir.pids()[0])
        with Client(weir) as client:
            client.send(get("/"))
            read_rest(client) if kind == "empty frames" else client.receive()
        assert failure(weir) == "server_abuse"
        assert ask(weir).body == b"hello"
        assert rss_bytes(weir.pids()[0]) - before < 4 << 20
        wait_until(lambda: origin.connections[0].ended, "the end of the connection")
        assert [each.code for each in origin.connections[0].frames if each.type == GOAWAY] in ([], [11])


def test_the_bomb():
    def serve(connection, asked):
        # One field in the table, and then by its index: a byte each.
        block = connection.encoder.encode([OK, ("x", "0" * 3000)]) + b"\xbe" * 12000
        connection.frame(HEADERS, END_HEADERS | END_STREAM, asked.stream, block)

    with H2Origin(serve) as origin, Weir(to_h2(origin)) as weir:
        before = rss_bytes(weir.pids()[0])
        assert ask(weir).status == 502
        assert failure(weir) == "server_abuse"
        assert rss_bytes(weir.pids()[0]) - before < 4 << 20


BROKEN = {
    "a promise": lambda c, s: c.frame(PUSH, END_HEADERS, s, b"\0\0\0\2" + c.encoder.encode([(":method", "GET")])),
    "headers of another stream": lambda c, s: raw_head(c, s + 2, OK),
    "headers of an even stream": lambda c, s: raw_head(c, 2, OK),
    "no hpack": lambda c, s: c.frame(HEADERS, END_HEADERS, s, b"\xff\xff\xff\xff\xff\xff"),
    "a frame that is too long": lambda c, s: c.frame(DATA, 0, s, b"x" * 20000),
    "a reset of nothing": lambda c, s: c.frame(RST_STREAM, 0, 99, b"\0\0\0\0"),
    "a window of nothing": lambda c, s: c.frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\0"),
    "a window beyond all": lambda c, s: c.frame(WINDOW_UPDATE, 0, 0, b"\x7f\xff\xff\xff"),
    "bad settings": lambda c, s: c.frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 1 << 31)),
    "data before a head": lambda c, s: c.data(s, b"x"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_connection_is_not_used_again(kind):
    def serve(connection, asked):
        if connection.number == 1:
            BROKEN[kind](connection, asked.stream)
        else:
            hello(connection, asked)

    with H2Origin(serve) as origin, Weir(to_h2(origin)) as weir:
        assert ask(weir).status == 502
        assert failure(weir) == "response_syntax"
        if kind != "data before a head":
            wait_until(lambda: origin.connections[0].ended, "the end of the connection")
            assert ask(weir).body == b"hello"


def test_more_of_the_body_than_the_window():
    def serve(connection, asked):
        connection.head(asked.stream)
        connection.send(connection.bytes_of(DATA, 0, asked.stream, b"x" * 16384) * 1100)

    with H2Origin(serve) as origin, Weir(to_h2(origin)) as weir, Client(weir) as client:
        client.send(get("/"))
        read_rest(client)
        assert failure(weir) in ("response_syntax", "response_truncated")
        assert origin.connections
