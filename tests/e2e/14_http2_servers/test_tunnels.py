# SPDX-License-Identifier: Apache-2.0
"""WebSocket and gRPC to HTTP/2 servers: tunnels by extended CONNECT (RFC 8441), calls with all their parts."""
import base64
import hashlib
import json

import pytest
from h2origin import H2Origin, read_rest, to_h2
from h2test import CANCEL, DATA, END_STREAM, H2Client, request
from weirtest import Client, Weir, ask, get, wait_until

ACCEPT = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TAKES_TUNNELS = {8: 1}
CALL = ("content-type", "application/grpc")


def upgrade(path="/chat"):
    return get(path, "a.test", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol: x")


def connect():
    return [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":path", "/chat"),
            (":authority", "a.test"), ("sec-websocket-version", "13"), ("sec-websocket-protocol", "x")]


def echo(connection, asked):
    """Sends back what comes, until the other side ends."""
    if asked.fields[":method"] != "CONNECT":
        return connection.respond(asked, asked.body or b"hello")
    connection.head(asked.stream, ("sec-websocket-protocol", "x"))
    sent = 0

    def send(got=None):
        nonlocal sent
        piece = asked.body[sent:]
        sent += len(piece)
        if piece or asked.complete:
            connection.data(asked.stream, piece, end=asked.complete)
        return asked.complete or asked.reset is not None or got is None and False
    if not send():
        connection.wait(lambda got: got.stream == asked.stream and send(got))


def tunnels(handler=echo, settings=None):
    return H2Origin(handler, settings=TAKES_TUNNELS if settings is None else settings, at_head=True)


def test_from_http1():
    with tunnels() as origin, Weir(to_h2(origin)) as weir, Client(weir) as client:
        client.send(upgrade())
        got = client.receive(head_only=True)
        proof = base64.b64encode(hashlib.sha1(b"dGhlIHNhbXBsZSBub25jZQ==" + ACCEPT).digest()).decode()
        assert got.status == 101 and got.get("upgrade") == "websocket" and got.get("connection").lower() == "upgrade"
        assert got.get("sec-websocket-accept") == proof and got.get("sec-websocket-protocol") == "x"
        sent = origin.requests[0].fields
        assert (sent[":method"], sent[":protocol"], sent[":path"], sent[":scheme"]) == ("CONNECT", "websocket", "/chat", "http")
        assert sent["sec-websocket-version"] == "13"
        assert not {"sec-websocket-key", "upgrade", "connection", "content-length"} & set(sent)
        for size in (5, 60000, 1):
            client.send(b"z" * size)
            assert client.read_exact(size) == b"z" * size
        client.finish()
        assert client.read_to_end() == b""
        assert origin.requests[0].complete


def test_from_http2():
    with tunnels() as origin, Weir(to_h2(origin)) as weir, H2Client(weir) as client:
        stream = client.request(connect(), end=False)
        client.data(stream, b"early")
        assert client.body(stream, 5) == b"early"
        assert client.answers[stream].status == 200
        assert client.answers[stream].fields["sec-websocket-protocol"] == "x"
        assert "sec-websocket-accept" not in client.answers[stream].fields
        for i in range(20):
            client.data(stream, b"z" * 16000)
            client.body(stream, 5 + 16000 * (i + 1))
        client.data(stream, end=True)
        assert client.answer(stream).complete and client.sync()


@pytest.mark.parametrize("settings", [{}, {8: 0}])
def test_a_server_that_takes_no_tunnels(settings):
    with tunnels(settings=settings) as origin, Weir(to_h2(origin)) as weir:
        with Client(weir) as client:
            assert client.ask(upgrade()).status == 502
        assert json.loads(weir.access(1)[0])["failure"] == "upgrade_unknown"
        assert not origin.requests and ask(weir).body == b"hello"


def test_a_tunnel_that_is_refused():
    with tunnels(lambda c, asked: c.respond(asked, b"no", status=403)) as origin, Weir(to_h2(origin)) as weir:
        with Client(weir) as client:
            got = client.ask(upgrade())
            assert got.status == 403 and got.body == b"no"
        with H2Client(weir) as client:
            got = client.answer(client.request(connect(), end=False))
            assert got.status == 403 and got.body == b"no"
        assert len(origin.connections) == 1


def test_who_leaves_a_tunnel_takes_the_other_side_along():
    def serve(connection, asked):
        connection.head(asked.stream)
        if asked.fields[":path"] == "/cut":
            connection.reset(asked.stream, CANCEL)

    with tunnels(serve) as origin, Weir(to_h2(origin)) as weir:
        with Client(weir) as client:
            client.send(upgrade("/cut"))
            read_rest(client)
        with Client(weir) as client:
            client.send(upgrade())
            assert client.receive(head_only=True).status == 101
            client.reset()
        wait_until(lambda: origin.requests[1].reset is not None, "a reset")
        assert len(origin.connections) == 1


def test_calls_of_all_kinds():
    def serve(connection, asked):
        if asked.fields[":path"] == "/s/Only":
            return connection.head(asked.stream, CALL, ("grpc-status", "5"), end=True)
        connection.head(asked.stream, CALL)
        sent = 0
        while not asked.complete:
            connection.wait(lambda got: got.type == DATA and got.stream == asked.stream)
            connection.data(asked.stream, asked.body[sent:])
            sent = len(asked.body)
        with connection.lock:
            connection.socket.sendall(connection.bytes_of(1, 4 | END_STREAM, asked.stream, connection.encoder.encode(
                [("grpc-status", "0"), ("grpc-message", "fine")])))

    with H2Origin(serve, at_head=True) as origin, Weir(to_h2(origin)) as weir, H2Client(weir) as client:
        call = request("POST", "/s/Both", CALL, ("te", "trailers"), ("grpc-timeout", "20S"))
        stream = client.request(call, end=False)
        for i in range(1, 6):
            client.data(stream, b"\0\0\0\0\1%d" % i)
            assert client.body(stream, 6 * i)[-1:] == b"%d" % i
        client.data(stream, end=True)
        got = client.answer(stream)
        assert got.trailers == {"grpc-status": "0", "grpc-message": "fine"} and got.fields["content-type"] == CALL[1]
        assert origin.requests[0].fields["te"] == "trailers" and origin.requests[0].fields["grpc-timeout"] == "20S"
        got = client.ask(request("POST", "/s/Only", CALL, ("te", "trailers")), b"\0\0\0\0\0")
        assert got.status == 200 and got.fields["grpc-status"] == "5" and not got.trailers and got.body == b""


def test_a_call_that_fails_on_the_way():
    with H2Origin(lambda c, asked: c.reset(asked.stream, 2)) as origin, Weir(to_h2(origin)) as weir:
        with H2Client(weir) as client:
            got = client.ask(request("POST", "/s/Any", CALL, ("te", "trailers")), b"\0\0\0\0\0")
            assert got.status == 200 and got.fields["grpc-status"] == "13" and "grpc-message" in got.fields
        assert len(origin.requests) == 1
