# SPDX-License-Identifier: Apache-2.0
"""RFC 9113 sections 3 to 7, as they bind a server that receives: every MUST is a case, named by its section.

What cannot be seen from a connection stands in NOT_HERE of test_sender.py with the reason.
"""
import struct

import pytest
from h2cases import MOST, Answers, Case, Ends, Resets, Serves, table, the_server  # noqa: F401
from h2test import (CANCEL, COMPRESSION_ERROR, CONTINUATION, DATA, END_HEADERS, END_STREAM, FLOW_CONTROL_ERROR,
                    FRAME_SIZE_ERROR, GOAWAY, HEADERS, NO_ERROR, PADDED, PING, PREFACE, PRIORITIZED, PRIORITY,
                    PRIORITY_UPDATE, PROTOCOL_ERROR, PUSH, REFUSED_STREAM, RST_STREAM, SETTINGS, STREAM_CLOSED,
                    WINDOW_UPDATE, H2Client, request)
from weirtest import Client


def u32(number):
    return struct.pack(">I", number)


def setting(key, value):
    return struct.pack(">HI", key, value)


def opened(client, *fields):
    """A stream whose request has more to say."""
    return client.request(request("POST", "/", *fields), end=False)


def half_closed(client):
    """A stream that the client has ended, and whose answer waits for a window."""
    client.frame(SETTINGS, 0, 0, setting(4, 0))
    stream = client.request(request(path="/size/10"))
    client.wait(lambda got: got.type == HEADERS and got.stream == stream)
    return stream


def closed(client):
    assert client.ask(request()).status == 200
    return client.next_stream - 2


def was_reset(client):
    stream = opened(client)
    client.frame(RST_STREAM, 0, stream, u32(CANCEL))
    return stream


def reset_by_weir(client):
    stream = client.request([(":method", "GET")], end=False)
    client.wait(lambda got: got.type == RST_STREAM)
    client.frames.clear()
    return stream


def block(client, fields=None, huffman=True):
    return client.encoder.encode(fields or request(), huffman=huffman)


def cut(client, *pieces, stream=1, flags=END_STREAM):
    """HEADERS with the first piece, CONTINUATION with each other; the last one ends the block."""
    client.next_stream = stream + 2
    client.frame(HEADERS, flags | (0 if len(pieces) > 1 else END_HEADERS), stream, pieces[0])
    for i, piece in enumerate(pieces[1:], 2):
        client.frame(CONTINUATION, END_HEADERS if i == len(pieces) else 0, stream, piece)


def prepare(stream):
    """Cases that need a stream in some state before they begin: its maker and what is done to it."""
    return lambda act: lambda client: act(client, stream(client))


on_open, on_half_closed, on_closed, on_reset = map(prepare, (opened, half_closed, closed, was_reset))

CONNECTION = (
    Case("3.4", "SETTINGS again are applied and acknowledged", lambda c: c.frame(SETTINGS, 0, 0, setting(3, 5)), Serves()),
    Case("4.1", "frames of unknown types are ignored", lambda c: (c.frame(0x99, 0xff, 0, b"?" * 99), c.frame(0xfe, 0, 7)), Serves()),
    Case("4.1", "unknown flags are ignored", lambda c: c.headers(c.next_stream, request(), 0xd2 | END_HEADERS | END_STREAM), Answers(200, stream=1)),
    Case("4.1", "unknown flags of PING are ignored", lambda c: c.frame(PING, 0xfe, 0, b"8" * 8), Serves()),
    Case("4.1", "the reserved bit is ignored", lambda c: c.headers(0x80000001, request()), Answers(200, stream=1)),
    Case("4.2", "DATA beyond SETTINGS_MAX_FRAME_SIZE", lambda c: c.data(opened(c), b"x" * 16385), Ends(FRAME_SIZE_ERROR)),
    Case("4.2", "HEADERS beyond SETTINGS_MAX_FRAME_SIZE", lambda c: c.frame(HEADERS, 5, 1, b"\0" * 16385), Ends(FRAME_SIZE_ERROR)),
    Case("4.2", "a frame of 2^14 bytes is taken", lambda c: c.data(opened(c), b"x" * 16384, end=True), Answers(200)),
    Case("4.2", "an unknown frame beyond SETTINGS_MAX_FRAME_SIZE", lambda c: c.frame(0x99, 0, 0, b"x" * 16385), Ends(FRAME_SIZE_ERROR)),
    Case("4.3", "a block that does not decompress", lambda c: c.frame(HEADERS, 5, 1, b"\x80"), Ends(COMPRESSION_ERROR)),
    Case("4.3", "a block that is cut in the middle of a field", lambda c: c.frame(HEADERS, 5, 1, b"\x82\x86\x84\x41\x06a.te"), Ends(COMPRESSION_ERROR)),
    Case("4.3", "another frame in the middle of a block", lambda c: (c.headers(1, request(), 0), c.frame(PING, 0, 0, b"8" * 8)), Ends(PROTOCOL_ERROR)),
    Case("4.3", "another stream's frame in the middle of a block", lambda c: (c.headers(1, request(), 0), c.headers(3, request())), Ends(PROTOCOL_ERROR)),
    Case("5.5", "an unknown frame in the middle of a block", lambda c: (c.headers(1, request(), 0), c.frame(0x99, 0, 1, b"?")), Ends(PROTOCOL_ERROR)),
    Case("5.5", "unknown settings are ignored", lambda c: c.frame(SETTINGS, 0, 0, setting(0xfff0, 1) + setting(0x9, 0)), Serves()),
)

STREAMS = (
    Case("5.1", "idle: DATA", lambda c: c.data(5, b"x"), Ends(PROTOCOL_ERROR)),
    Case("5.1", "idle: RST_STREAM", lambda c: c.frame(RST_STREAM, 0, 5, u32(CANCEL)), Ends(PROTOCOL_ERROR)),
    Case("5.1", "idle: WINDOW_UPDATE", lambda c: c.frame(WINDOW_UPDATE, 0, 5, u32(1)), Ends(PROTOCOL_ERROR)),
    Case("5.1", "idle: CONTINUATION", lambda c: c.frame(CONTINUATION, END_HEADERS, 5), Ends(PROTOCOL_ERROR)),
    Case("5.1", "idle: PRIORITY is allowed", lambda c: c.frame(PRIORITY, 0, 5, u32(0) + b"\x10"), Serves()),
    Case("5.1", "half-closed (remote): DATA", on_half_closed(lambda c, s: c.data(s, b"x")), Ends(STREAM_CLOSED)),
    Case("5.1", "half-closed (remote): HEADERS", on_half_closed(lambda c, s: c.headers(s, [("x", "1")])), Ends(STREAM_CLOSED)),
    Case("5.1", "half-closed (remote): CONTINUATION", on_half_closed(lambda c, s: c.frame(CONTINUATION, END_HEADERS, s)), Ends(PROTOCOL_ERROR)),
    Case("5.1", "half-closed (remote): WINDOW_UPDATE is allowed", on_half_closed(lambda c, s: c.frame(WINDOW_UPDATE, 0, s, u32(10))), Answers(200, lambda got: got.body == b"x" * 10)),
    Case("5.1", "half-closed (remote): PRIORITY is allowed", on_half_closed(lambda c, s: (c.frame(PRIORITY, 0, s, u32(0) + b"\1"), c.frame(WINDOW_UPDATE, 0, s, u32(10)))), Answers(200)),
    Case("5.1", "half-closed (remote): RST_STREAM is allowed", on_half_closed(lambda c, s: (c.frame(RST_STREAM, 0, s, u32(CANCEL)), c.frame(SETTINGS, 0, 0, setting(4, 1 << 20)))), Serves()),
    Case("5.1", "closed: WINDOW_UPDATE is ignored", on_closed(lambda c, s: c.frame(WINDOW_UPDATE, 0, s, u32(1))), Serves()),
    Case("5.1", "closed: RST_STREAM is ignored", on_closed(lambda c, s: c.frame(RST_STREAM, 0, s, u32(CANCEL))), Serves()),
    Case("5.1", "closed: PRIORITY is allowed", on_closed(lambda c, s: c.frame(PRIORITY, 0, s, u32(0) + b"\x10")), Serves()),
    Case("5.1", "closed: DATA", on_closed(lambda c, s: c.data(s, b"x")), Ends(STREAM_CLOSED)),
    Case("5.1", "closed: DATA of nothing", on_closed(lambda c, s: c.data(s)), Ends(STREAM_CLOSED)),
    Case("5.1", "closed: DATA whose head comes byte by byte", on_closed(lambda c, s: [c.send(bytes([byte])) for byte in c.bytes_of(DATA, 0, s, b"x")]), Ends(STREAM_CLOSED)),
    Case("5.1", "closed: HEADERS", on_closed(lambda c, s: c.headers(s, [("x", "1")])), Ends(STREAM_CLOSED)),
    Case("5.1", "closed: CONTINUATION", on_closed(lambda c, s: c.frame(CONTINUATION, END_HEADERS, s)), Ends(PROTOCOL_ERROR)),
    Case("5.1", "closed by the client's reset: DATA", on_reset(lambda c, s: c.data(s, b"x")), Ends(STREAM_CLOSED)),
    Case("5.1", "closed by the client's reset: HEADERS", on_reset(lambda c, s: c.headers(s, request())), Ends(STREAM_CLOSED)),
    Case("5.1", "closed by the client's reset: WINDOW_UPDATE is ignored", on_reset(lambda c, s: c.frame(WINDOW_UPDATE, 0, s, u32(1))), Serves()),
    Case("5.1", "closed by the client's reset: PRIORITY is allowed", on_reset(lambda c, s: c.frame(PRIORITY, 0, s, u32(0) + b"\x10")), Serves()),
    Case("5.1", "closed by weir's reset: DATA is discarded", lambda c: c.data(reset_by_weir(c), b"x", end=True), Serves()),
    Case("5.1", "closed by weir's reset: trailers still change the table", lambda c: (c.headers(reset_by_weir(c), [("x-known", "1" * 50)]), c.ask(request("GET", "/", ("x-known", "1" * 50)))), Answers(200, lambda got: b"x-known: 1111" in got.body)),
    Case("5.1", "closed by weir's reset: DATA again and again is discarded", lambda c: (lambda s: [c.data(s, b"x") for _ in range(100)])(reset_by_weir(c)), Serves()),
    Case("5.1", "closed by weir's reset of another stream: DATA", lambda c: (lambda s: (reset_by_weir(c), c.data(s, b"x")))(closed(c)), Ends(STREAM_CLOSED)),
    Case("5.1.1", "a stream that was used, for another request", on_closed(lambda c, s: c.headers(s, request())), Ends(STREAM_CLOSED)),
    Case("5.1.1", "an even stream", lambda c: c.headers(2, request()), Ends(PROTOCOL_ERROR)),
    Case("5.1.1", "a stream below one that was used", lambda c: (c.headers(5, request()), c.headers(3, request())), Ends(PROTOCOL_ERROR)),
    Case("5.1.1", "a stream that was skipped is closed", lambda c: (c.headers(7, request()), c.answer(7), c.headers(5, request())), Ends(PROTOCOL_ERROR)),
    Case("5.1.1", "the highest stream of all", lambda c: c.headers(MOST, request()), Answers(200, stream=MOST)),
    Case("5.4.1", "nothing is served behind an error", lambda c: c.send(c.bytes_of(PING, 0, 1, b"8" * 8) + c.bytes_of(HEADERS, 5, 1, block(c))), Ends(PROTOCOL_ERROR)),
    Case("5.4.2", "RST_STREAM is not answered with RST_STREAM", on_reset(lambda c, s: [c.frame(RST_STREAM, 0, s, u32(CANCEL)) for _ in range(3)]), Serves()),
)

FRAMES = (
    Case("6.1", "DATA on stream 0", lambda c: c.data(0, b"x"), Ends(PROTOCOL_ERROR)),
    Case("6.1", "DATA with padding as long as the payload", lambda c: c.frame(DATA, PADDED, opened(c), b"\1x"[:1] + b""), Ends(PROTOCOL_ERROR)),
    Case("6.1", "DATA with more padding than payload", lambda c: c.frame(DATA, PADDED, opened(c), b"\x09x"), Ends(PROTOCOL_ERROR)),
    Case("6.1", "PADDED DATA without a length of padding", lambda c: c.frame(DATA, PADDED, opened(c)), Ends(FRAME_SIZE_ERROR, PROTOCOL_ERROR)),
    Case("6.1", "DATA of padding only", lambda c: c.frame(DATA, PADDED | END_STREAM, opened(c), b"\x03\0\0\0"), Answers(200, lambda got: got.body.endswith(b"|"))),
    Case("6.1", "padding is not content", lambda c: c.frame(DATA, PADDED | END_STREAM, opened(c), b"\x03abc\0\0\0"), Answers(200, lambda got: got.body.endswith(b"|abc"))),
    Case("6.2", "HEADERS on stream 0", lambda c: c.headers(0, request()), Ends(PROTOCOL_ERROR)),
    Case("6.2", "HEADERS with more padding than payload", lambda c: c.frame(HEADERS, PADDED | END_HEADERS, 1, b"\xff"), Ends(PROTOCOL_ERROR)),
    Case("6.2", "PADDED HEADERS without a length of padding", lambda c: c.frame(HEADERS, PADDED | END_HEADERS, 1), Ends(FRAME_SIZE_ERROR, PROTOCOL_ERROR)),
    Case("6.2", "HEADERS with padding", lambda c: cut(c, b"\2" + block(c) + b"\0\0", flags=PADDED | END_STREAM), Answers(200)),
    Case("6.2", "HEADERS with a priority", lambda c: cut(c, u32(0) + b"\xff" + block(c), flags=PRIORITIZED | END_STREAM), Answers(200)),
    Case("6.2", "HEADERS with padding and priority", lambda c: cut(c, b"\2" + u32(0) + b"\xff" + block(c) + b"\0\0", flags=PADDED | PRIORITIZED | END_STREAM), Answers(200)),
    Case("6.2", "HEADERS too short for their priority", lambda c: c.frame(HEADERS, PRIORITIZED | END_HEADERS, 1, b"\0\0"), Ends(FRAME_SIZE_ERROR)),
    Case("6.3", "PRIORITY on stream 0", lambda c: c.frame(PRIORITY, 0, 0, b"\0" * 5), Ends(PROTOCOL_ERROR)),
    Case("6.3", "PRIORITY of four bytes", on_open(lambda c, s: c.frame(PRIORITY, 0, s, b"\0" * 4)), Ends(FRAME_SIZE_ERROR)),
    Case("6.3", "PRIORITY of six bytes", on_open(lambda c, s: c.frame(PRIORITY, 0, s, b"\0" * 6)), Ends(FRAME_SIZE_ERROR)),
    Case("6.4", "RST_STREAM on stream 0", lambda c: c.frame(RST_STREAM, 0, 0, u32(CANCEL)), Ends(PROTOCOL_ERROR)),
    Case("6.4", "RST_STREAM of three bytes", on_open(lambda c, s: c.frame(RST_STREAM, 0, s, b"\0" * 3)), Ends(FRAME_SIZE_ERROR)),
    Case("6.4", "RST_STREAM of five bytes", on_open(lambda c, s: c.frame(RST_STREAM, 0, s, b"\0" * 5)), Ends(FRAME_SIZE_ERROR)),
    Case("6.5", "SETTINGS on a stream", on_open(lambda c, s: c.frame(SETTINGS, 0, s)), Ends(PROTOCOL_ERROR)),
    Case("6.5", "SETTINGS of five bytes", lambda c: c.frame(SETTINGS, 0, 0, b"\0" * 5), Ends(FRAME_SIZE_ERROR)),
    Case("6.5", "an acknowledgement with a payload", lambda c: c.frame(SETTINGS, 1, 0, setting(3, 1)), Ends(FRAME_SIZE_ERROR)),
    Case("6.5", "an acknowledgement of nothing", lambda c: c.frame(SETTINGS, 1, 0), Ends(PROTOCOL_ERROR)),
    Case("6.5", "the last of several values counts", lambda c: (c.frame(SETTINGS, 0, 0, setting(4, 0) + setting(4, 10)), c.request(request(path="/size/10"))), Answers(200, lambda got: len(got.body) == 10)),
    Case("6.5.2", "SETTINGS_ENABLE_PUSH of 2", lambda c: c.frame(SETTINGS, 0, 0, setting(2, 2)), Ends(PROTOCOL_ERROR)),
    Case("6.5.2", "SETTINGS_INITIAL_WINDOW_SIZE of 2^31", lambda c: c.frame(SETTINGS, 0, 0, setting(4, 1 << 31)), Ends(FLOW_CONTROL_ERROR)),
    Case("6.5.2", "SETTINGS_MAX_FRAME_SIZE of 2^14 - 1", lambda c: c.frame(SETTINGS, 0, 0, setting(5, 16383)), Ends(PROTOCOL_ERROR)),
    Case("6.5.2", "SETTINGS_MAX_FRAME_SIZE of 2^24", lambda c: c.frame(SETTINGS, 0, 0, setting(5, 1 << 24)), Ends(PROTOCOL_ERROR)),
    Case("6.5.2", "the ends of the ranges are allowed", lambda c: c.frame(SETTINGS, 0, 0, setting(1, 0xffffffff) + setting(2, 1) + setting(2, 0) + setting(3, 0) + setting(5, 16384) + setting(5, (1 << 24) - 1) + setting(6, 0xffffffff)), Serves()),
    Case("RFC 8441 3", "SETTINGS_ENABLE_CONNECT_PROTOCOL of 2", lambda c: c.frame(SETTINGS, 0, 0, setting(8, 2)), Ends(PROTOCOL_ERROR)),
    Case("RFC 9218 2.1", "SETTINGS_NO_RFC7540_PRIORITIES of 2", lambda c: c.frame(SETTINGS, 0, 0, setting(9, 2)), Ends(PROTOCOL_ERROR)),
    Case("RFC 9218 7.1", "PRIORITY_UPDATE on a stream", lambda c: c.frame(PRIORITY_UPDATE, 0, opened(c), u32(1) + b"u=1"), Ends(PROTOCOL_ERROR)),
    Case("RFC 9218 7.1", "PRIORITY_UPDATE of stream 0", lambda c: c.frame(PRIORITY_UPDATE, 0, 0, u32(0) + b"u=1"), Ends(PROTOCOL_ERROR)),
    Case("RFC 9218 7.1", "PRIORITY_UPDATE of three bytes", lambda c: c.frame(PRIORITY_UPDATE, 0, 0, b"\0\0\0"), Ends(FRAME_SIZE_ERROR)),
    Case("RFC 9218 7.1", "PRIORITY_UPDATE that makes no sense is ignored", lambda c: c.frame(PRIORITY_UPDATE, 0, 0, u32(1) + b"u=99,,i=\0"), Serves()),
    Case("6.6", "PUSH_PROMISE", on_open(lambda c, s: c.frame(PUSH, END_HEADERS, s, u32(2))), Ends(PROTOCOL_ERROR)),
    Case("6.7", "PING on a stream", on_open(lambda c, s: c.frame(PING, 0, s, b"8" * 8)), Ends(PROTOCOL_ERROR)),
    Case("6.7", "PING of seven bytes", lambda c: c.frame(PING, 0, 0, b"7" * 7), Ends(FRAME_SIZE_ERROR)),
    Case("6.7", "PING of nine bytes", lambda c: c.frame(PING, 0, 0, b"9" * 9), Ends(FRAME_SIZE_ERROR)),
    Case("6.8", "GOAWAY on a stream", on_open(lambda c, s: c.frame(GOAWAY, 0, s, b"\0" * 8)), Ends(PROTOCOL_ERROR)),
    Case("6.8", "GOAWAY of seven bytes", lambda c: c.frame(GOAWAY, 0, 0, b"\0" * 7), Ends(FRAME_SIZE_ERROR)),
    Case("6.9", "WINDOW_UPDATE of 0 on the connection", lambda c: c.frame(WINDOW_UPDATE, 0, 0, u32(0)), Ends(PROTOCOL_ERROR)),
    Case("6.9", "WINDOW_UPDATE of 0 on a stream", on_open(lambda c, s: c.frame(WINDOW_UPDATE, 0, s, u32(0))), Ends(PROTOCOL_ERROR)),
    Case("6.9", "WINDOW_UPDATE of three bytes", lambda c: c.frame(WINDOW_UPDATE, 0, 0, b"\0" * 3), Ends(FRAME_SIZE_ERROR)),
    Case("6.9", "WINDOW_UPDATE of five bytes", lambda c: c.frame(WINDOW_UPDATE, 0, 0, b"\0" * 5), Ends(FRAME_SIZE_ERROR)),
    Case("6.9", "the reserved bit of WINDOW_UPDATE is ignored", lambda c: c.frame(WINDOW_UPDATE, 0, 0, u32(0x80000001)), Serves()),
    Case("6.9.1", "a window of the connection beyond 2^31 - 1", lambda c: c.frame(WINDOW_UPDATE, 0, 0, u32(MOST)), Ends(FLOW_CONTROL_ERROR)),
    Case("6.9.1", "a window of a stream beyond 2^31 - 1", on_open(lambda c, s: c.frame(WINDOW_UPDATE, 0, s, u32(MOST))), Resets(FLOW_CONTROL_ERROR)),
    Case("6.9.2", "SETTINGS that make a window of a stream flow over", on_open(lambda c, s: (c.frame(WINDOW_UPDATE, 0, s, u32((1 << 30) - 1)), c.frame(SETTINGS, 0, 0, setting(4, (1 << 30) + 1)))), Ends(FLOW_CONTROL_ERROR)),
    Case("6.10", "CONTINUATION on stream 0", lambda c: (c.headers(1, request(), 0), c.frame(CONTINUATION, END_HEADERS, 0)), Ends(PROTOCOL_ERROR)),
    Case("6.10", "CONTINUATION of another stream", lambda c: (c.headers(1, request(), 0), c.frame(CONTINUATION, END_HEADERS, 3)), Ends(PROTOCOL_ERROR)),
    Case("6.10", "CONTINUATION behind DATA", on_open(lambda c, s: (c.data(s, b"x"), c.frame(CONTINUATION, END_HEADERS, s))), Ends(PROTOCOL_ERROR)),
    Case("6.10", "CONTINUATION behind the end of the block", on_open(lambda c, s: c.frame(CONTINUATION, END_HEADERS, s)), Ends(PROTOCOL_ERROR)),
    Case("6.10", "a block in several pieces", lambda c: (lambda all: cut(c, all[:3], all[3:4], b"", all[4:]))(block(c)), Answers(200)),
    Case("7", "unknown codes of RST_STREAM are as good as any", lambda c: c.frame(RST_STREAM, 0, opened(c), u32(0xdeadbeef)), Serves()),
)


@table(*CONNECTION, *STREAMS, *FRAMES)
def test_what_a_client_sends(server, case):
    case.run(server[1])


@pytest.mark.parametrize("preface", [PREFACE[:-2] + b"\r\r", PREFACE[:18] + b"XX\r\n\r\n"])
def test_3_4_another_preface_is_no_http2(server, preface):
    with Client(server[1]) as client:
        client.send(preface)
        end = client.read_to_end()
        assert end.startswith(b"HTTP/1.1 505") or end == b"", end


def test_3_4_the_preface_of_a_client_ends_with_settings(server):
    client = H2Client.__new__(H2Client)
    client.attach(server[1])
    client.send(PREFACE)
    client.frame(PING, 0, 0, b"8" * 8)
    assert client.goaway().code == PROTOCOL_ERROR
    client.close()


def test_3_4_a_preface_may_come_byte_by_byte(server):
    client = H2Client.__new__(H2Client)
    client.attach(server[1])
    for byte in PREFACE + client.bytes_of(SETTINGS, 0, 0):
        client.send(bytes([byte]))
    assert client.ask(request()).status == 200
    client.close()


def test_5_1_2_more_streams_than_allowed(server):
    _, weir = server
    with H2Client(weir, window=0) as client:
        assert client.sync()
        for _ in range(129):
            client.request(request(path="/size/10"))
        end = client.wait(lambda got: got.type == GOAWAY or (got.type == RST_STREAM and got.stream == 257))
        assert end.code in (PROTOCOL_ERROR, REFUSED_STREAM)


def test_6_7_ping_is_answered_with_its_own_payload_and_its_answer_is_not(server):
    with H2Client(server[1]) as client:
        client.acknowledge = False
        client.frame(PING, 1, 0, b"answered")
        client.frame(PING, 0, 0, b"12345678")
        assert client.sync()
        pings = [got for got in client.frames if got.type == PING]
        assert [(got.flags, got.stream, got.payload) for got in pings] == [(1, 0, b"12345678"), (1, 0, b"syncsync")]


def test_6_5_3_every_settings_frame_is_acknowledged_once(server):
    with H2Client(server[1]) as client:
        for value in range(5):
            client.frame(SETTINGS, 0, 0, setting(3, value))
        assert client.sync()
        acknowledged = [got for got in client.frames if got.type == SETTINGS and got.flags & 1]
        assert len(acknowledged) == 6 and not any(got.payload for got in acknowledged)


@pytest.mark.parametrize("code", [NO_ERROR, 0xdeadbeef])
def test_6_8_a_client_that_leaves_gets_what_it_asked_for_whatever_its_reason(server, code):
    with H2Client(server[1]) as client:
        stream = half_closed(client)
        client.frame(GOAWAY, 0, 0, u32(0) + u32(code))
        client.frame(SETTINGS, 0, 0, setting(4, 10))
        assert client.answer(stream).body == b"x" * 10
