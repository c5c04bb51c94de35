# SPDX-License-Identifier: Apache-2.0
"""What no server may ever see: malformed requests of HTTP/2 (RFC 9113 sections 8.1 to 8.3) and broken frames."""
import struct

import pytest
from h2test import (CONTINUATION, DATA, END_HEADERS, FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, GOAWAY, HEADERS,
                    NO_ERROR, PADDED, PING, PRIORITY, PROTOCOL_ERROR, PUSH, RST_STREAM, SETTINGS, STREAM_CLOSED,
                    WINDOW_UPDATE, COMPRESSION_ERROR, H2Client, request)
from weirtest import Origin, Weir, answer, forward_to


def pseudo(**changes):
    """The pseudo-fields of GET /, with changes; None leaves one out."""
    fields = {"method": "GET", "scheme": "http", "authority": "a.test", "path": "/"}
    fields.update(changes)
    return [(":" + name, value) for name, value in fields.items() if value is not None]


MALFORMED = {
    "upper case": pseudo() + [("X-Upper", "1")],
    "blank in a name": pseudo() + [("x y", "1")],
    "colon in a name": pseudo() + [("x:y", "1")],
    "colon before a name": pseudo() + [(":x", "1")],
    "CR in a name": pseudo() + [("x\ry", "1")],
    "NUL in a name": pseudo() + [("x\0y", "1")],
    "empty name": pseudo() + [("", "1")],
    "CR in a value": pseudo() + [("x", "a\rb")],
    "LF in a value": pseudo() + [("x", "a\nb: c")],
    "CRLF in a value": pseudo() + [("x", "a\r\nb: c")],
    "NUL in a value": pseudo() + [("x", "a\0b")],
    "blank before a value": pseudo() + [("x", " a")],
    "blank behind a value": pseudo() + [("x", "a ")],
    "connection": pseudo() + [("connection", "close")],
    "keep-alive": pseudo() + [("keep-alive", "1")],
    "proxy-connection": pseudo() + [("proxy-connection", "close")],
    "transfer-encoding": pseudo() + [("transfer-encoding", "chunked")],
    "upgrade": pseudo() + [("upgrade", "websocket")],
    "te of codings": pseudo() + [("te", "gzip")],
    "no method": pseudo(method=None),
    "no scheme": pseudo(scheme=None),
    "no path": pseudo(path=None),
    "no authority": pseudo(authority=None),
    "empty path": pseudo(path=""),
    "path without slash": pseudo(path="x"),
    "asterisk of GET": pseudo(path="*"),
    "absolute path": pseudo(path="http://b.test/"),
    "blank in the path": pseudo(path="/ HTTP/1.1"),
    "CRLF in the path": pseudo(path="/\r\nx: y"),
    "blank in the method": pseudo(method="GET /x"),
    "CRLF in the method": pseudo(method="GET\r\nx:"),
    "blank in the authority": pseudo(authority="a test"),
    "CRLF in the authority": pseudo(authority="a\r\nx: y"),
    "two methods": [(":method", "POST")] + pseudo(),
    "two paths": pseudo() + [(":path", "/x")],
    "two authorities": pseudo() + [(":authority", "b.test")],
    "a late pseudo-field": pseudo(path=None) + [("x", "1"), (":path", "/")],
    "an unknown pseudo-field": pseudo() + [(":what", "1")],
    "a pseudo-field of answers": pseudo() + [(":status", "200")],
    "two hosts that disagree": pseudo() + [("host", "b.test")],
    "ports that disagree": pseudo(authority="a.test:81") + [("host", "a.test")],
    "a length without a body": pseudo(method="POST") + [("content-length", "3")],
    "no length at all": pseudo(method="POST") + [("content-length", "")],
    "a negative length": pseudo(method="POST") + [("content-length", "-1")],
    "two lengths": pseudo(method="POST") + [("content-length", "0"), ("content-length", "0")],
    "CONNECT with a path": pseudo(method="CONNECT"),
}


@pytest.fixture(scope="module", name="server")
def the_server():
    with Origin(answer("ok")) as origin, Weir(forward_to(origin)) as weir:
        yield origin, weir


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_requests_are_reset(server, name):
    origin, weir = server
    before = len(origin.requests)
    with H2Client(weir) as client:
        client.headers(1, MALFORMED[name], huffman=False)
        got = client.answer(1)
        assert got.reset == PROTOCOL_ERROR, got
        assert got.status == 0
        client.next_stream = 3
        assert client.ask(request()).body == b"ok"
    assert len(origin.requests) == before + 1


def test_hosts_that_agree_are_one(server):
    origin, weir = server
    with H2Client(weir) as client:
        assert client.ask(pseudo(authority="A.test") + [("host", "a.test:80")]).status == 200
        assert origin.requests[-1].get("host") == "A.test"
        assert client.ask(pseudo(authority=None) + [("host", "b.test")]).status == 200
        assert origin.requests[-1].get("host") == "b.test"


@pytest.mark.parametrize("sent", [b"ab", b"abcd"])
def test_a_length_that_is_not_that_of_the_body(server, sent):
    _, weir = server
    with H2Client(weir) as client:
        stream = client.request(pseudo(method="POST") + [("content-length", "3")], end=False)
        client.data(stream, sent, end=True)
        got = client.answer(stream)
        assert got.reset == PROTOCOL_ERROR and got.status == 0
        assert client.ask(request()).status == 200


def test_trailers_with_pseudo_fields_or_without_end(server):
    _, weir = server
    with H2Client(weir) as client:
        stream = client.request(request("POST"), end=False)
        client.headers(stream, [(":path", "/x")])
        assert client.answer(stream).reset == PROTOCOL_ERROR
        stream = client.request(request("POST"), end=False)
        client.headers(stream, [("x", "1")], END_HEADERS)
        assert client.answer(stream).reset == PROTOCOL_ERROR
        assert client.ask(request()).status == 200


def test_requests_that_are_well_formed_but_not_served(server):
    _, weir = server
    with H2Client(weir) as client:
        assert client.ask([(":method", "CONNECT"), (":authority", "a.test:443")]).status == 405
        assert client.ask(request(path="/%00")).status == 400
        assert client.ask(request("TRACE"), b"x").status == 400
        assert client.ask(request("POST", "/", ("expect", "tea"))).status == 417
        assert client.ask(request("GET", "/", ("x-big", "y" * 9000))).status == 431
        assert client.ask(request("GET", "/", *[(f"x-{i}", "y") for i in range(120)])).status == 431
        assert client.ask(request()).status == 200


def window(size):
    return struct.pack(">I", size)


def open_stream(client):
    return client.request(request("POST"), end=False)


# Each breaks the connection with that code (RFC 9113 sections 4.1 to 6.10).
BROKEN = {
    "DATA on stream 0": (lambda c: c.frame(DATA, 0, 0, b"x"), PROTOCOL_ERROR),
    "DATA on an idle stream": (lambda c: c.frame(DATA, 0, 5, b"x"), PROTOCOL_ERROR),
    "DATA with too much padding": (lambda c: c.frame(DATA, PADDED, open_stream(c), b"\x09x"), PROTOCOL_ERROR),
    "HEADERS on stream 0": (lambda c: c.headers(0, request()), PROTOCOL_ERROR),
    "HEADERS on an even stream": (lambda c: c.headers(2, request()), PROTOCOL_ERROR),
    "HEADERS that go back": (lambda c: (c.headers(5, request()), c.headers(3, request())), PROTOCOL_ERROR),
    "HEADERS with too much padding": (lambda c: c.frame(HEADERS, PADDED | END_HEADERS, 1, b"\xff"), PROTOCOL_ERROR),
    "HEADERS that depend on nothing": (lambda c: c.frame(HEADERS, 0x24, 1, b"\0\0"), FRAME_SIZE_ERROR),
    "no field block": (lambda c: c.frame(HEADERS, END_HEADERS, 1, b"\xff\xff\xff\xff\xff\xff"), COMPRESSION_ERROR),
    "a frame between HEADERS and CONTINUATION": (lambda c: (c.headers(1, request(), 0), c.frame(PING, 0, 0, b"8" * 8)),
                                                 PROTOCOL_ERROR),
    "CONTINUATION of nothing": (lambda c: c.frame(CONTINUATION, END_HEADERS, 1, b""), PROTOCOL_ERROR),
    "CONTINUATION of another": (lambda c: (c.headers(1, request(), 0), c.frame(CONTINUATION, 4, 3, b"")),
                                PROTOCOL_ERROR),
    "PRIORITY on stream 0": (lambda c: c.frame(PRIORITY, 0, 0, b"\0" * 5), PROTOCOL_ERROR),
    "RST_STREAM on stream 0": (lambda c: c.frame(RST_STREAM, 0, 0, window(8)), PROTOCOL_ERROR),
    "RST_STREAM on an idle stream": (lambda c: c.frame(RST_STREAM, 0, 9, window(8)), PROTOCOL_ERROR),
    "RST_STREAM of three bytes": (lambda c: c.frame(RST_STREAM, 0, open_stream(c), b"\0\0\0"), FRAME_SIZE_ERROR),
    "SETTINGS on a stream": (lambda c: c.frame(SETTINGS, 0, 1), PROTOCOL_ERROR),
    "SETTINGS of five bytes": (lambda c: c.frame(SETTINGS, 0, 0, b"\0" * 5), FRAME_SIZE_ERROR),
    "an acknowledgement with a payload": (lambda c: c.frame(SETTINGS, 1, 0, b"\0" * 6), FRAME_SIZE_ERROR),
    "a window of 2^31": (lambda c: c.frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 1 << 31)), FLOW_CONTROL_ERROR),
    "frames of 100 bytes": (lambda c: c.frame(SETTINGS, 0, 0, struct.pack(">HI", 5, 100)), PROTOCOL_ERROR),
    "push of 2": (lambda c: c.frame(SETTINGS, 0, 0, struct.pack(">HI", 2, 2)), PROTOCOL_ERROR),
    "PUSH_PROMISE": (lambda c: (open_stream(c), c.frame(PUSH, END_HEADERS, 1, window(2))), PROTOCOL_ERROR),
    "PING on a stream": (lambda c: c.frame(PING, 0, 1, b"8" * 8), PROTOCOL_ERROR),
    "PING of seven bytes": (lambda c: c.frame(PING, 0, 0, b"7" * 7), FRAME_SIZE_ERROR),
    "GOAWAY on a stream": (lambda c: c.frame(GOAWAY, 0, 1, b"\0" * 8), PROTOCOL_ERROR),
    "WINDOW_UPDATE of three bytes": (lambda c: c.frame(WINDOW_UPDATE, 0, 0, b"\0\0\0"), FRAME_SIZE_ERROR),
    "WINDOW_UPDATE of 0": (lambda c: c.frame(WINDOW_UPDATE, 0, 0, window(0)), PROTOCOL_ERROR),
    "WINDOW_UPDATE of 0 on a stream": (lambda c: c.frame(WINDOW_UPDATE, 0, open_stream(c), window(0)), PROTOCOL_ERROR),
    "WINDOW_UPDATE on an idle stream": (lambda c: c.frame(WINDOW_UPDATE, 0, 9, window(1)), PROTOCOL_ERROR),
    "a window that flows over": (lambda c: c.frame(WINDOW_UPDATE, 0, 0, window((1 << 31) - 1)), FLOW_CONTROL_ERROR),
    "a frame of 2^24 bytes": (lambda c: c.send(b"\xff\xff\xff\0\0\0\0\0\1" + b"x" * 100), FRAME_SIZE_ERROR),
    "a field table larger than allowed": (lambda c: c.frame(HEADERS, 5, 1, b"\x3f\xff\xff\x01"), COMPRESSION_ERROR),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_frames_end_the_connection(server, name):
    _, weir = server
    do, code = BROKEN[name]
    with H2Client(weir) as client:
        client.sync()
        do(client)
        end = client.goaway()
        assert end is not None and end.code == code, end


# Each breaks its stream alone.
STREAM_ERRORS = {
    "a window that flows over": (lambda c, s: c.frame(WINDOW_UPDATE, 0, s, window((1 << 31) - 1)), FLOW_CONTROL_ERROR),
}


@pytest.mark.parametrize("name", STREAM_ERRORS)
def test_broken_streams_are_reset(server, name):
    _, weir = server
    do, code = STREAM_ERRORS[name]
    with H2Client(weir) as client:
        stream = open_stream(client)
        do(client, stream)
        assert client.answer(stream).reset == code
        assert client.ask(request()).status == 200


def test_data_behind_the_end_reaches_nobody(server):
    origin, weir = server
    with H2Client(weir) as client:
        assert client.ask(request()).status == 200
        count = len(origin.requests)
        client.data(1, b"x" * 16384)
        assert int.from_bytes(client.goaway().payload[4:8], "big") == STREAM_CLOSED
    with H2Client(weir) as client:
        assert client.ask(request()).status == 200
        assert len(origin.requests) == count + 1


def test_unknown_frames_and_settings_are_ignored(server):
    _, weir = server
    with H2Client(weir, settings={77: 1}) as client:
        client.frame(99, 255, 0, b"?")
        client.frame(98, 255, 7, b"?")
        assert client.ask(request()).status == 200
        assert all(got.type != GOAWAY or got.code == NO_ERROR for got in client.frames)
