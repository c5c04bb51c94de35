# SPDX-License-Identifier: Apache-2.0
"""What an HTTP/2 client may not do for long (RFC 9113 section 10.5): it is sent away, by name, and nobody else notices."""
import struct

import pytest
from h2test import (CANCEL, CONTINUATION, DATA, END_HEADERS, ENHANCE_YOUR_CALM, HEADERS, NO_ERROR, PING, PRIORITY,
                    PRIORITY_UPDATE, PROTOCOL_ERROR, REFUSED_STREAM, RST_STREAM, SETTINGS, WINDOW_UPDATE, H2Client, request)
from weirtest import Client, Origin, Weir, answer, forward_to, get, rss_bytes, wait_until

METRICS = "listener web { bind 127.0.0.1:{port}; route path /metrics metrics; route path /* respond 200 ok }"


def window(size):
    return struct.pack(">I", size)


def flood(client, frame, count=20_000):
    """Sends it until weir has had enough."""
    for _ in range(count // 100):
        if not client.send(frame * 100):
            return


def rapid_reset(client):
    for _ in range(3000):
        stream = client.request(request())
        if not client.frame(RST_STREAM, 0, stream, window(CANCEL)):
            return


def made_to_reset(client):
    """Each request makes weir reset it: its body is longer than its length.  Never too many of them at a time."""
    for i in range(3000):
        stream = client.request(request("POST", "/", ("content-length", "1")), end=False)
        if not client.data(stream, b"xx") or (i % 50 == 0 and client.answer(stream).reset is None):
            return


def header_bomb(client):
    """One large entry of the table, referred to again and again for a byte each."""
    client.headers(1, request("GET", "/", ("x-bomb", "y" * 3500)))
    index = 62 + [name for name, _ in client.encoder.header_table.dynamic_entries].index(b"x-bomb")
    client.frame(HEADERS, END_HEADERS | 1, 3, bytes([0x80 | index]) * 16_000)


def dribble(client):
    """Few bytes at a time, asked for byte by byte (CVE-2019-9511, CVE-2019-9517)."""
    client.frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 1))
    client.request(request(path="/metrics"))
    flood(client, client.bytes_of(WINDOW_UPDATE, 0, 1, window(1)), 5000)


def too_many_streams(client):
    """Refused ones are answered, and nobody reads that; the limit was never acknowledged."""
    client.frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 0))
    for _ in range(3000):
        client.request(request())
    client.sync()


def reset_by_weir(client):
    """A stream that the client has not ended, and whose head is malformed."""
    stream = client.request([(":method", "GET")], end=False)
    client.wait(lambda got: got.type == RST_STREAM)
    assert stream == 1


def late_headers(client):
    """For a stream that weir has closed, each with a block to be decoded."""
    reset_by_weir(client)
    flood(client, client.bytes_of(HEADERS, END_HEADERS | 1, 1, b"\x88" * 100), 3000)


def many_settings(client):
    client.frame(SETTINGS, 0, 0, struct.pack(">HI", 3, 1) * 100)


def continuations(client):
    client.headers(1, request(), 0)
    flood(client, client.bytes_of(CONTINUATION, 0, 1, b""), 1000)


FLOODS = {
    "resets": rapid_reset,
    "resets by weir": made_to_reset,
    "resets for nothing": late_headers,
    "streams": too_many_streams,
    "settings of many": many_settings,
    "settings by GOAWAY": lambda c: (c.request(request("POST"), end=False), flood(c, c.bytes_of(7, 0, 0, b"\0" * 8))),
    "pings answered unasked": lambda c: flood(c, c.bytes_of(PING, 1, 0, b"8" * 8)),
    "window_updates for a byte": dribble,
    "settings": lambda c: flood(c, c.bytes_of(SETTINGS, 0, 0, struct.pack(">HI", 4, 70_000))),
    "pings": lambda c: flood(c, c.bytes_of(PING, 0, 0, b"8" * 8)),
    "priorities": lambda c: flood(c, c.bytes_of(PRIORITY, 0, 1, b"\0" * 5)),
    "priorities by update": lambda c: flood(c, c.bytes_of(PRIORITY_UPDATE, 0, 0, window(1) + b"u=1")),
    "window_updates": lambda c: flood(c, c.bytes_of(WINDOW_UPDATE, 0, 0, window(1))),
    "empty_frames": lambda c: (c.request(request("POST"), end=False), flood(c, c.bytes_of(DATA, 0, 1, b""))),
    "empty_frames on closed streams": lambda c: (reset_by_weir(c), flood(c, c.bytes_of(DATA, 0, 1, b"x"))),
    "empty_frames on closed streams, without bytes": lambda c: (reset_by_weir(c), flood(c, c.bytes_of(DATA, 0, 1))),
    "empty_frames on refused streams": lambda c: ([c.request(request("POST"), end=False) for _ in range(129)], flood(c, c.bytes_of(DATA, 0, 257, b"x"))),
    "fields": header_bomb,
    "floods": continuations,
}


@pytest.mark.parametrize("name", FLOODS)
def test_floods_end_with_their_name(name):
    kind = name.split(" ", maxsplit=1)[0]
    with Weir(METRICS) as weir, H2Client(weir, window=1000) as other:
        before = rss_bytes(weir.pids()[0])
        client = H2Client(weir)
        client.acknowledge = False
        client.sync()
        FLOODS[name](client)
        end = client.goaway()
        client.close()
        weir.wait_log(f"too many HTTP/2 {kind}")
        # The kernel may have dropped it with a reset, if the client was still sending.
        assert end is None or end.code in (ENHANCE_YOUR_CALM, NO_ERROR)
        assert other.ask(request()).status == 200
        with Client(weir) as reader:
            text = reader.ask(get("/metrics")).body.decode()
        line = next(each for each in text.splitlines()
                    if each.startswith("weir_worker_http2_abuse_total") and f'kind="{kind}"' in each)
        assert line.endswith(" 1")
        assert rss_bytes(weir.pids()[0]) - before < 16 << 20


def test_an_honest_client_may_reset_now_and_then():
    with Weir(METRICS) as weir, H2Client(weir) as client:
        for _ in range(200):
            client.frame(RST_STREAM, 0, client.request(request()), window(CANCEL))
        assert client.ask(request()).status == 200


def test_more_streams_than_allowed_are_refused():
    def never(connection, _):
        connection.is_closed()

    with Origin(never) as origin, Weir(forward_to(origin)) as weir, H2Client(weir) as client:
        client.sync()
        streams = [client.request(request()) for _ in range(128)]
        wait_until(lambda: len(origin.requests) == 128, "128 requests")
        late = client.request(request())
        got = client.answer(late)
        assert got.reset == REFUSED_STREAM or client.frames[-1].type == 7
        assert len(streams) == 128 == len(origin.requests)


@pytest.mark.parametrize("room", [0, 10])
def test_a_client_that_never_opens_its_window_is_given_up(room):
    body = b"x" * 1_000_000
    with Origin(answer(body)) as origin:
        with Weir(forward_to(origin, listener="    timeout send 300ms")) as weir, H2Client(weir, window=room) as client:
            stream = client.request(request())
            got = client.answer(stream)
            assert got.reset == CANCEL and len(got.body) == room
            wait_until(lambda: '"failure":"client_send_timeout"' in weir.dir.joinpath("access.log").read_text(),
                       "the line of the access log")
            assert client.sync()


def test_a_request_body_that_stops_is_given_up():
    with Origin(answer("ok")) as origin:
        with Weir(forward_to(origin, listener="    timeout body 200ms")) as weir, H2Client(weir) as client:
            stream = client.request(request("POST"), end=False)
            client.data(stream, b"x")
            assert client.answer(stream).status == 408
            assert client.sync()


def test_a_header_block_that_comes_after_it_was_given_up():
    """The answer waits for a window, so that the stream is still there when its head arrives at last."""
    text = "listener web { bind 127.0.0.1:{port}; timeout header 200ms; route path /* respond 200 ok }"
    with Weir(text) as weir, H2Client(weir, window=0) as client:
        client.sync()
        client.headers(1, request(), 1)
        assert client.wait(lambda got: got.type == HEADERS and got.stream == 1)
        assert client.answers[1].status == 408
        client.frame(CONTINUATION, END_HEADERS, 1, client.encoder.encode([("x", "1")]))
        client.frame(WINDOW_UPDATE, 0, 1, window(1000))
        assert client.answer(1).complete and client.answers[1].status == 408
        client.frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 1000))
        client.next_stream = 3
        assert client.ask(request()).status == 200


def test_one_stream_too_many_ends_the_connection_by_name():
    def never(connection, _):
        connection.is_closed()

    with Origin(never) as origin, Weir(forward_to(origin)) as weir, H2Client(weir) as client:
        client.sync()
        for _ in range(129):
            client.request(request())
        assert client.goaway().code == PROTOCOL_ERROR
        weir.wait_log("too many HTTP/2 streams")


def test_a_header_block_that_stops_is_given_up():
    with Weir("listener web { bind 127.0.0.1:{port}; timeout header 200ms; route path /* respond 200 ok }") as weir:
        with H2Client(weir) as client:
            client.headers(1, request(), 0)
            assert client.wait(lambda got: got.type in (HEADERS, RST_STREAM, 7)) is not None or client.ended
