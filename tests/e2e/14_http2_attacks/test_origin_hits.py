# SPDX-License-Identifier: Apache-2.0
"""What is cheap for a client must not be expensive for a server: no request of a read reaches a server before everything in
that read has been judged, and streams beyond the limit are refused and counted."""
import json
import struct

import pytest
from h2cases import RAW
from h2test import (ACK, CANCEL, DATA, GOAWAY, HEADERS, NO_ERROR, PREFACE, PROTOCOL_ERROR, REFUSED_STREAM, RST_STREAM, SETTINGS, STREAM_CLOSED,
                    WINDOW_UPDATE, H2Client, request)
from weirtest import Client, Origin, Weir, answer, get, wait_until

CONFIG = """
access_log {{dir}}/access.log format json
listener web {{
    bind 127.0.0.1:{{port}}
    timeout header {header}
    route path /metrics metrics
    route forward origin
}}
backend origin {{ server s1 {origin} }}
"""
ALLOWED, SENT = 128, 300


def frame(kind, flags, stream, payload=b""):
    return H2Client.bytes_of(kind, flags, stream, payload)


def gets(count):
    return b"".join(frame(HEADERS, 5, stream, RAW) for stream in range(1, 2 * count, 2))


def u32(number):
    return struct.pack(">I", number)


def metric(weir, name, labels=""):
    with Client(weir) as reader:
        lines = reader.ask(get("/metrics")).body.decode().splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.split("{")[0].split(" ")[0] == name and labels in line)


def attempts(weir):
    return metric(weir, "weir_worker_attempts_total")


def resets_by_weir(weir):
    return metric(weir, "weir_worker_http2_resets_total", 'by="weir"')


def in_one_write(weir, data, settings=b""):
    """A client whose first write has its preface, its SETTINGS and this; it acknowledges nothing by itself."""
    client = H2Client.__new__(H2Client)
    client.attach(weir)
    client.acknowledge = False
    client.send(PREFACE + frame(SETTINGS, 0, 0, settings) + data)
    return client


def weir_before(origin, header="10s"):
    return Weir(CONFIG.format(origin=origin.address, header=header))


def refused(client):
    return [got.stream for got in client.frames if got.type == RST_STREAM and got.code == REFUSED_STREAM]


def test_streams_beyond_a_limit_that_the_client_cannot_know_are_refused():
    """Nothing starts at a server before the client shows that it reads; then what was allowed is served."""
    with Origin(answer("ok")) as origin, weir_before(origin) as weir, in_one_write(weir, gets(SENT)) as client:
        # An answer to PING overtakes resets; the second one comes after them.
        assert client.sync() and client.sync()
        assert refused(client) == list(range(2 * ALLOWED + 1, 2 * SENT, 2))
        assert not [got for got in client.frames if got.type == GOAWAY]
        assert attempts(weir) == 0 and not origin.requests
        assert resets_by_weir(weir) == SENT - ALLOWED
        client.frame(SETTINGS, ACK, 0)
        for stream in range(1, 2 * ALLOWED, 2):
            assert client.answer(stream).body == b"ok"
        assert attempts(weir) == ALLOWED
        client.next_stream = 2 * SENT + 1
        assert client.ask(request()).status == 200


def test_no_number_of_streams_beyond_an_unknown_limit_costs_the_allowed_ones():
    """Thousands of them are no error of the connection either: it takes no more, and serves what was allowed."""
    with Origin(answer("ok")) as origin, weir_before(origin) as weir, in_one_write(weir, gets(5000)) as client:
        assert client.wait(lambda got: got.type == GOAWAY)
        end = client.frames[-1]
        assert (end.code, end.last_stream) == (NO_ERROR, 2 * ALLOWED - 1)
        weir.wait_log("too many HTTP/2 streams before it acknowledged their limit")
        assert attempts(weir) == 0 and not origin.requests
        client.frame(SETTINGS, ACK, 0)
        for stream in range(1, 2 * ALLOWED, 2):
            assert client.answer(stream).body == b"ok"
        assert attempts(weir) == ALLOWED
        assert client.goaway() == end


def test_a_client_that_overruns_again_and_again_gets_nothing_started():
    with Origin(answer("ok")) as origin, weir_before(origin) as weir:
        for _ in range(20):
            with in_one_write(weir, gets(SENT)) as client:
                assert client.wait(lambda got: got.type == RST_STREAM and got.stream == 2 * SENT - 1)
        wait_until(lambda: metric(weir, "weir_worker_http2_connections_open") == 0, "the end of all connections")
        assert attempts(weir) == 0 and not origin.requests


def test_a_client_that_never_acknowledges_its_limit_is_answered_in_the_end():
    with Origin(answer("ok")) as origin, weir_before(origin, "200ms") as weir, in_one_write(weir, gets(ALLOWED + 1)) as client:
        assert {client.answer(stream).status for stream in range(1, 2 * ALLOWED, 2)} == {408}
        assert attempts(weir) == 0 and not origin.requests
        assert all(line["method"] == "GET" and line["failure"] == "request_header_timeout" 
                   for line in map(json.loads, weir.access(ALLOWED)[:ALLOWED]))


@pytest.mark.parametrize("end, code", [
    (gets(SENT)[len(gets(100)):], PROTOCOL_ERROR),  # more streams than were acknowledged
    (frame(DATA, 0, 0, b"x"), PROTOCOL_ERROR),
    (frame(WINDOW_UPDATE, 0, 0, u32(0)), PROTOCOL_ERROR),
    (frame(DATA, 0, 1, b"x"), STREAM_CLOSED),
    (frame(HEADERS, 5, 2, RAW), PROTOCOL_ERROR),
], ids=["streams", "DATA on stream 0", "WINDOW_UPDATE of 0", "DATA on an ended stream", "an even stream"])
def test_no_request_of_a_read_that_ends_the_connection_reaches_a_server(end, code):
    with Origin(answer("ok")) as origin, weir_before(origin) as weir, H2Client(weir) as client:
        assert client.sync()
        client.send(gets(100) + end)
        assert client.goaway().code == code
        assert attempts(weir) == 0 and not origin.requests


@pytest.mark.parametrize("undo", [
    lambda stream: frame(RST_STREAM, 0, stream, u32(CANCEL)),
    lambda stream: frame(WINDOW_UPDATE, 0, stream, u32((1 << 31) - 1)),
], ids=["reset", "window overflow"])
def test_requests_that_the_same_read_resets_reach_no_server(undo):
    with Origin(answer("ok")) as origin, weir_before(origin) as weir, H2Client(weir) as client:
        assert client.sync()
        client.send(b"".join(frame(HEADERS, 5, stream, RAW) + undo(stream) for stream in range(1, 101, 2)))
        client.next_stream = 101
        assert client.ask(request()).status == 200
        assert attempts(weir) == 1 and len(origin.requests) == 1


def test_settings_cannot_be_acknowledged_before_they_were_sent():
    with Origin(answer("ok")) as origin, weir_before(origin) as weir, in_one_write(weir, frame(SETTINGS, ACK, 0) + gets(SENT)) as client:
        assert client.goaway().code == PROTOCOL_ERROR
        assert attempts(weir) == 0 and not origin.requests
