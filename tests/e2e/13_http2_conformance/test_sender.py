# SPDX-License-Identifier: Apache-2.0
"""RFC 9113 and RFC 7541, as they bind a server that sends: one connection on which much happens is looked at frame by frame.

NOT_HERE is the rest of the list: the MUSTs that no client can see from its connection, or that other cases show.
"""
import struct

import pytest
from h2cases import RAW, the_server  # noqa: F401
from h2test import (ACK, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, PUSH, RST_STREAM, SETTINGS,
                    WINDOW_UPDATE, H2Client, request)

NOT_HERE = {
    "3.3, 9.2": "TLS, its version, ciphers, ALPN and renegotiation: 30_tls and 14_http2_attacks",
    "3.4 the preface of a client": "binds clients",
    "4.3.1 an update of the table's size after our own limit shrinks": "weir never shrinks SETTINGS_HEADER_TABLE_SIZE",
    "5.1 reserved (local), reserved (remote), 6.6, 8.4": "weir never pushes, and refuses PUSH_PROMISE: 6.6 in test_frames.py",
    "5.1.1 no stream that a server opens": "weir opens none; test_frames_are_as_they_must_be looks for even streams",
    "5.1.2 streams of ours below the peer's limit": "binds who opens streams",
    "5.2.1, 5.2.2 windows are no end-to-end promise": "binds no frame",
    "5.4.1 an error of our own library": "cannot be caused from outside",
    "6.5.3 the sender of SETTINGS that are never acknowledged": "MAY only",
    "6.8 frames above the last stream of GOAWAY": "12_http2/test_leaving.py",
    "6.8 the last stream of GOAWAY never grows": "12_http2/test_leaving.py",
    "8.2.1 fields towards servers": "they are of HTTP/1.1, written by its writer: tests/fuzz/translate_fuzz.cc",
    "8.3.2 :status of answers of HTTP/2 servers": "binds clients",
    "8.7 retries": "binds clients",
    "9.1.1 421": "30_tls/test_http2.py",
    "10.3 fields of answers that HTTP/2 could misread": "weir parses them as HTTP/1.1 first: 80_hostile",
    "10.5.1 a field block beyond the limit": "12_http2/test_malformed.py: 431",
    "RFC 7541 6.2.3, 7.1.3 fields that are never to be indexed": "HTTP/1.1 has no such mark",
}


def setting(key, value):
    return struct.pack(">HI", key, value)


def u32(number):
    return struct.pack(">I", number)


def much(client):
    """Something of everything that weir answers with."""
    client.frame(SETTINGS, 0, 0, setting(3, 7))
    client.frame(PING, 0, 0, b"12345678")
    for path in ("/", "/hints", "/chunks", "/empty", "/cached", "/size/100000", "/%00"):
        client.ask(request(path=path))
    client.ask(request("HEAD"))
    client.ask(request("POST"), b"x" * 100_000)
    client.ask(request("GET", "/", ("x-big", "y" * 9000)))
    assert client.answer(client.request([(":method", "GET")])).reset is not None
    assert client.ask([(":method", "CONNECT"), (":authority", "a.test:1")]).status == 405
    assert client.sync()


@pytest.fixture(scope="module", name="seen")
def what_was_seen(server):
    with H2Client(server[1]) as client:
        much(client)
        client.frame(PING, 0, 1, b"8" * 8)
        client.goaway()
        yield client


LENGTHS = {PING: [8], RST_STREAM: [4], WINDOW_UPDATE: [4]}
FLAGS = {DATA: END_STREAM, HEADERS: END_STREAM | END_HEADERS, SETTINGS: ACK, PING: ACK}


def test_3_4_settings_come_first_and_are_no_acknowledgement(seen):
    first = seen.frames[0]
    assert (first.type, first.flags, first.stream) == (SETTINGS, 0, 0)


def test_4_1_frames_are_as_they_must_be(seen):
    """4.1 unused flags unset; 4.2 no frame beyond 2^14; 5.1.1 no even streams; 6.x lengths and streams."""
    assert {got.type for got in seen.frames} == {DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE}
    for got in seen.frames:
        assert len(got.payload) <= 16384 and got.type <= 9 and got.type != PUSH
        assert not got.flags & ~FLAGS.get(got.type, 0), got
        assert len(got.payload) in LENGTHS.get(got.type, [len(got.payload)])
        if got.type in (DATA, HEADERS, RST_STREAM):
            assert got.stream % 2 == 1
        elif got.type != WINDOW_UPDATE:
            assert got.stream == 0
        if got.type == WINDOW_UPDATE:
            assert 0 < struct.unpack(">I", got.payload)[0] < 1 << 31
    assert seen.frames[-1].type == GOAWAY and seen.frames[-1].last_stream == seen.next_stream - 2


def test_4_1_the_reserved_bit_is_unset(server):
    with H2Client(server[1]) as client:
        raw = []
        take = client._take
        client._take = lambda size: raw.append(take(size)) or raw[-1]
        much(client)
        heads = [piece for piece in raw if piece and len(piece) == 9]
        assert heads and not any(head[5] & 0x80 for head in heads)


def test_6_5_2_settings_are_in_their_ranges_and_none_is_of_a_client(seen):
    payload = seen.frames[0].payload
    values = dict(struct.unpack(">HI", payload[i:i + 6]) for i in range(0, len(payload), 6))
    assert 2 not in values  # ENABLE_PUSH
    assert values.get(4, 65535) < 1 << 31 and 1 << 14 <= values.get(5, 1 << 14) < 1 << 24
    assert values[3] >= 100 and values[8] == 1 and values[9] == 1


def test_8_2_fields_of_answers(seen):
    """8.2 lower case; 8.2.2 nothing of the connection; 8.3 :status first and alone; 8.3.2 no reason."""
    answers = [got for got in seen.frames if got.type == HEADERS]
    assert answers
    for got in answers:
        names = [name for name, _ in got.fields]
        assert all(name == name.lower() for name in names)
        assert not {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "x-hop", "te"} & set(names)
        assert not any(name.startswith(":") for name in names[1:])
        assert names[0] == ":status" or (got.flags & END_STREAM and ":status" not in names)  # trailers


def test_8_1_frames_of_an_answer_come_in_order(seen):
    """8.1: interim heads, a head, DATA, trailers; END_STREAM on the last of them and on nothing else; nothing behind it."""
    for stream in range(1, seen.next_stream, 2):
        of = [got for got in seen.frames if got.stream == stream and got.type in (DATA, HEADERS, RST_STREAM)]
        if of[-1].type == RST_STREAM:
            assert len(of) == 1
            continue
        assert [bool(got.flags & END_STREAM) for got in of] == [False] * (len(of) - 1) + [True]
        statuses = [int(dict(got.fields).get(":status", 0)) for got in of if got.type == HEADERS]
        kinds = "".join("d" if got.type == DATA else "t" if ":status" not in dict(got.fields) else
                        "i" if int(dict(got.fields)[":status"]) < 200 else "h" for got in of)
        assert kinds.lstrip("i").lstrip("h").rstrip("t").strip("d") == "" and kinds.count("h") == 1 and kinds.count("t") <= 1, kinds
        assert 101 not in statuses


def test_8_1_bodies_are_as_long_as_they_say(seen):
    for got in (answer for stream, answer in seen.answers.items() if stream and answer.status):
        if "content-length" in got.fields and got.body:
            assert int(got.fields["content-length"]) == len(got.body)
    assert not any(answer.body for answer in seen.answers.values() if answer.status in (204, 304))


@pytest.mark.parametrize("frame", [16384, 20000, (1 << 24) - 1])
def test_4_2_frames_keep_to_the_size_that_the_client_takes(server, frame):
    with H2Client(server[1], settings={5: frame}) as client:
        assert len(client.ask(request(path="/size/200000")).body) == 200_000
        assert max(len(got.payload) for got in client.frames if got.type == DATA) <= frame


def test_6_9_1_data_keeps_to_the_windows(server):
    with H2Client(server[1], window=100) as client:
        stream = client.request(request(path="/size/1000"))
        for total, more in ((100, 1), (101, 399), (500, 500)):
            assert len(client.body(stream, total)) == total and client.sync() and len(client.answers[stream].body) == total
            client.frame(WINDOW_UPDATE, 0, stream, u32(more))
        assert client.answer(stream).complete


def test_6_9_1_data_keeps_to_the_window_of_the_connection(server):
    with H2Client(server[1], window=65535, settings={4: 1 << 20}) as client:
        first, second = (client.request(request(path="/size/60000")) for _ in range(2))
        while sum(len(client.answers[s].body) for s in (first, second) if s in client.answers) < 65535:
            assert client.read()
        assert client.sync()
        assert sum(len(client.answers[s].body) for s in (first, second)) == 65535
        client.frame(WINDOW_UPDATE, 0, 0, u32(1 << 20))
        assert client.answer(first).complete and client.answer(second).complete


def test_6_9_2_a_window_may_fall_below_zero(server):
    with H2Client(server[1], window=1000) as client:
        stream = client.request(request(path="/size/3000"))
        assert len(client.body(stream, 1000)) == 1000
        client.frame(SETTINGS, 0, 0, setting(4, 0))  # the window is -1000 now
        client.frame(WINDOW_UPDATE, 0, stream, u32(1000))
        assert client.sync() and len(client.answers[stream].body) == 1000
        client.frame(WINDOW_UPDATE, 0, stream, u32(1))
        assert len(client.body(stream, 1001)) == 1001 and client.sync() and len(client.answers[stream].body) == 1001
        client.frame(SETTINGS, 0, 0, setting(4, 65535))
        assert len(client.answer(stream).body) == 3000


def test_6_9_1_an_end_without_octets_needs_no_window(server):
    with H2Client(server[1], window=5, settings={4: 5}) as client:
        got = client.ask(request(path="/chunks"))
        assert got.body == b"hello" and got.trailers == {"x-sum": "1"} and got.complete


def upload(client, stream, size, padding=b""):
    """Sends DATA within the windows that weir grants, and fails if they do not open again."""
    windows, seen = {0: 65535, stream: 65535}, 0
    while size > 0:
        for got in client.frames[seen:]:
            if got.type == WINDOW_UPDATE and got.stream in windows:
                windows[got.stream] += struct.unpack(">I", got.payload)[0]
        seen = len(client.frames)
        room = min(min(windows.values()), 16384) - len(padding)
        if room <= 0 or (room < 1000 < size):
            assert client.read() is not None
            continue
        piece = min(room, size)
        payload = bytes([len(padding) - 1]) + b"x" * piece + padding[1:] if padding else b"x" * piece
        client.frame(DATA, 8 if padding else 0, stream, payload)
        for key in windows:
            windows[key] -= len(payload)
        size -= piece
    client.data(stream, end=True)
    return windows


def test_6_9_windows_open_again_as_content_is_used(server):
    with H2Client(server[1]) as client:
        assert client.sync()
        stream = client.request(request("POST", "/size/0"), end=False)
        upload(client, stream, 3_000_000)
        assert client.answer(stream).status == 200


def test_6_1_padding_counts_and_is_given_back(server):
    with H2Client(server[1]) as client:
        assert client.sync()
        stream = client.request(request("POST", "/size/0"), end=False)
        upload(client, stream, 300_000, padding=b"\0" * 256)
        assert client.answer(stream).status == 200


@pytest.mark.parametrize("how", ["weir has reset", "is over"])
def test_5_1_the_window_of_the_connection_survives_content_of_a_stream_that(server, how):
    """20 MiB, more than the window of the connection, are discarded: none of it is lost to the streams that follow."""
    with H2Client(server[1]) as client:
        assert client.sync()
        stream = client.request(request("POST", "/%00") if how == "is over" else [(":method", "POST")], end=False)
        client.answer(stream)
        room, seen, left = 65535, 0, 20 << 20
        while left > 0:
            for got in client.frames[seen:]:
                if got.type == WINDOW_UPDATE and got.stream == 0:
                    room += struct.unpack(">I", got.payload)[0]
            seen = len(client.frames)
            if room < 16384:
                assert client.read() is not None
                continue
            client.data(stream, b"x" * 16384)
            room, left = room - 16384, left - 16384
        got = client.ask(request("POST"), b"y" * 1000)
        assert got.status == 200 and got.body.endswith(b"|" + b"y" * 1000)
        assert not [each for each in client.frames if each.type == GOAWAY]


def test_7541_4_the_table_is_the_same_on_both_sides_after_many_requests(server):
    with H2Client(server[1]) as client:
        for i in range(100):
            got = client.ask(request("GET", "/", (f"x-{i}", "v" * 200), ("x-same", "1")))
            assert f"\r\nx-{i}: {'v' * 200}\r\n".encode() in got.body and b"\r\nx-same: 1\r\n" in got.body
    with H2Client(server[1]) as client:
        client.send(client.bytes_of(HEADERS, END_HEADERS | END_STREAM, 1, RAW))
        assert client.answer(1).status == 200
