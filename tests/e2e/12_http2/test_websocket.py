# SPDX-License-Identifier: Apache-2.0
"""WebSocket of HTTP/2 clients with servers of HTTP/1.1 (RFC 8441)."""
import base64
import hashlib
import struct
import threading
import time

from h2test import PROTOCOL_ERROR, SETTINGS, WINDOW_UPDATE, H2Client
from weirtest import Origin, Weir, answer, forward_to, wait_until

ACCEPT = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def connect(path="/chat", protocol="websocket", *fields):
    return [(":method", "CONNECT"), (":protocol", protocol), (":scheme", "http"), (":path", path),
            (":authority", "a.test"), ("sec-websocket-version", "13"), *fields]


def switch(connection, message, early=b""):
    proof = base64.b64encode(hashlib.sha1(message.get("sec-websocket-key").encode() + ACCEPT).digest()).decode()
    connection.send(f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    f"Sec-WebSocket-Accept: {proof}\r\nSec-WebSocket-Protocol: x\r\n\r\n".encode() + early)


def echo(connection, message):
    switch(connection, message, b"welcome")
    while connection.more():
        data, connection.pending = connection.pending, b""
        connection.send(data)
    connection.close()


def open_tunnel(client, *fields):
    return client.request(connect("/chat", "websocket", *fields), end=False)


def test_a_tunnel_both_ways():
    with Origin(echo) as origin, Weir(forward_to(origin)) as weir, H2Client(weir) as client:
        client.sync()
        settings = next(got for got in client.frames if got.type == SETTINGS and got.payload)
        assert b"\0\x08\0\0\0\x01" in settings.payload
        stream = open_tunnel(client, ("sec-websocket-protocol", "x"))
        client.data(stream, b"early")
        assert client.body(stream, 12) == b"welcomeearly"
        got = client.answers[stream]
        assert got.status == 200 and got.fields["sec-websocket-protocol"] == "x"
        assert "sec-websocket-accept" not in got.fields and "upgrade" not in got.fields
        sent = origin.requests[0]
        assert sent.line == "GET /chat HTTP/1.1" and sent.get("upgrade") == "websocket"
        assert sent.get("connection").lower() == "upgrade" and len(base64.b64decode(sent.get("sec-websocket-key"))) == 16
        for i in range(60):
            client.data(stream, b"z" * 16384)
            client.body(stream, 12 + 16384 * (i + 1))
        client.data(stream, b"", end=True)
        assert client.answer(stream).complete
        assert client.sync()


def test_a_server_that_does_not_read_holds_the_client_up():
    reads = threading.Event()

    def serve(connection, message):
        switch(connection, message)
        reads.wait()
        got = len(connection.pending)
        while got < sent:
            got += len(connection.socket.recv(1 << 16))
        connection.send(b"all of it")

    with Origin(serve) as origin, Weir(forward_to(origin)) as weir, H2Client(weir) as client:
        stream = open_tunnel(client)
        windows, sent, seen = {0: 65535, stream: 65535}, 0, 0
        while True:
            held = min(windows.values()) == 0
            # Weir has looked at all of it then, and has opened no window again: what lies with it is one window.
            assert not held or client.sync()
            for got in client.frames[seen:]:
                if got.type == WINDOW_UPDATE:
                    windows[got.stream] += struct.unpack(">I", got.payload)[0]
            seen = len(client.frames)
            if held and min(windows.values()) == 0:
                break
            size = min(16384, *windows.values())
            client.data(stream, b"x" * size)
            sent += size
            windows = {each: window - size for each, window in windows.items()}
            assert sent < 64 << 20, "more than the kernel's buffers take"
        reads.set()
        assert client.body(stream, 9) == b"all of it"


def test_tunnels_do_not_disturb_requests_and_end_with_their_server():
    def serve(connection, message):
        if message.get("upgrade"):
            switch(connection, message)
            connection.read_until(b"quit")
            connection.send(b"bye")
            connection.close()
        else:
            connection.send(answer("ok"))

    plain = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "a.test")]
    with Origin(serve) as origin, Weir(forward_to(origin)) as weir, H2Client(weir) as client:
        stream = open_tunnel(client)
        assert client.ask(plain).body == b"ok"
        client.data(stream, b"quit")
        got = client.answer(stream)
        assert (got.status, got.body, got.complete) == (200, b"bye", True)
        assert client.ask(plain).body == b"ok"


def test_a_server_that_refuses_or_lies():
    lie = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n"
    with Origin(answer("no", "403 Forbidden"), lie) as origin, Weir(forward_to(origin)) as weir, H2Client(weir) as client:
        got = client.answer(open_tunnel(client))
        assert (got.status, got.body) == (403, b"no")
        assert client.answer(open_tunnel(client)).status == 502
        assert '"failure":"upgrade_unproven"' in weir.access(2)[1]


def test_other_protocols_and_malformed_ones():
    text = "access_log {dir}/access.log\nlistener web { bind 127.0.0.1:{port}; route path /* respond 200 ok }"
    with Weir(text) as weir, H2Client(weir) as client:
        assert client.answer(client.request(connect("/", "connect-udp"), end=False)).status == 501
        line, = weir.access()
        assert '"failure":"request_protocol_unknown"' in line and '"path":"/"' in line
        assert client.answer(client.request(connect(), end=True)).reset == PROTOCOL_ERROR
        no_path = [field for field in connect() if field[0] != ":path"]
        assert client.answer(client.request(no_path, end=False)).reset == PROTOCOL_ERROR
        by_get = [(":method", "GET"), *connect()[1:]]
        assert client.answer(client.request(by_get, end=False)).reset == PROTOCOL_ERROR


def test_time_limits():
    began = time.monotonic()
    with Origin(echo) as origin, Weir(forward_to(origin, listener="    timeout tunnel 300ms")) as weir:
        with H2Client(weir) as client:
            stream = open_tunnel(client)
            assert client.answer(stream).complete
            assert time.monotonic() - began >= 0.3
            wait_until(lambda: not origin.open, "the end at the server")
