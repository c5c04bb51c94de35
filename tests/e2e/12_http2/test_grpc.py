# SPDX-License-Identifier: Apache-2.0
"""gRPC: trailers, failures told as statuses, also when the answer has begun, and deadlines."""
import threading

import pytest
from h2origin import H2Origin, to_h2
from h2test import CANCEL, ENHANCE_YOUR_CALM, INADEQUATE_SECURITY, INTERNAL_ERROR, NO_ERROR, PROTOCOL_ERROR, REFUSED_STREAM, H2Client, request
from weirtest import Origin, Weir, chunked, forward_to

CALL = ("content-type", "application/grpc+proto")


def call(*fields, path="/pkg.Service/Do"):
    return request("POST", path, CALL, ("te", "trailers"), *fields)


def test_trailers_and_trailers_only():
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\n"

    def serve(connection, message):
        connection.read_body(message)
        if message.target.endswith("Only"):
            return connection.send(head + b"grpc-status: 5\r\nContent-Length: 0\r\n\r\n")
        connection.send(head + b"Transfer-Encoding: chunked\r\n\r\n")
        return connection.send(chunked(message.body, message.body, trailers=("grpc-status: 0", "grpc-message: fine")))

    with Origin(serve) as origin, Weir(forward_to(origin)) as weir, H2Client(weir) as client:
        got = client.ask(call(), b"\0\0\0\0\1x")
        assert got.body == b"\0\0\0\0\1x" * 2 and got.trailers == {"grpc-status": "0", "grpc-message": "fine"}
        got = client.ask(call(path="/pkg.Service/Only"), b"\0\0\0\0\1x")
        assert got.status == 200 and got.fields["grpc-status"] == "5" and got.body == b""


def test_a_stream_of_messages_goes_through_one_by_one():
    def serve(connection, message):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n\r\n")
        while size := int(connection.read_until(b"\r\n"), 16):
            part = connection.read_exact(size)
            connection.read_exact(2)
            connection.send(b"%x\r\n%s\r\n" % (size, part))
        connection.read_exact(2)
        connection.send(b"0\r\ngrpc-status: 0\r\n\r\n")

    with Origin(serve) as origin, Weir(forward_to(origin)) as weir, H2Client(weir) as client:
        stream = client.request(call(), end=False)
        for i in range(1, 6):
            client.data(stream, b"%5d" % i)
            client.body(stream, 5 * i)
        client.data(stream, end=True)
        assert client.answer(stream).trailers == {"grpc-status": "0"}


def test_failures_are_statuses():
    with Weir(forward_to("127.0.0.1:1")) as weir, H2Client(weir) as client:
        got = client.ask(call(), b"x")
        assert (got.status, got.body, got.fields["content-type"]) == (200, b"", "application/grpc")
        assert got.fields["grpc-status"] == "14" and got.fields["grpc-message"]
        # What is no call is told in HTTP's own words.
        assert client.ask(request("POST", "/", ("content-type", "application/grpcx")), b"x").status == 502


@pytest.mark.parametrize("limit", ["200m", "200000u", "99999999n"])
def test_a_deadline_of_the_client(limit):
    def never(connection, message):
        connection.read_body(message)
        connection.is_closed()

    with Origin(never) as origin, Weir(forward_to(origin)) as weir, H2Client(weir) as client:
        got = client.ask(call(("grpc-timeout", limit)), b"x")
        assert got.fields["grpc-status"] == "4"
        assert client.sync()
        assert origin.requests[0].get("grpc-timeout") == limit


# ---- Failures behind the head of the answer

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n\r\n"
MESSAGE = b"\0\0\0\0\1x"
PIECE = b"6\r\n" + MESSAGE + b"\r\n"
UNAVAILABLE, DEADLINE_EXCEEDED = "14", "4"


def begin(connection, message):
    """Head and one message of an answer that goes on."""
    connection.read_body(message)
    connection.send(HEAD + PIECE)


def begin_h2(connection, asked):
    connection.head(asked.stream, ("content-type", "application/grpc"))
    connection.data(asked.stream, MESSAGE)


def ends_with(client, stream, code):
    """The answer is whole for HTTP/2: what came before the failure, then a status."""
    got = client.answer(stream)
    assert got.complete and got.reset is None and (got.status, got.body) == (200, MESSAGE)
    assert got.trailers["grpc-status"] == code and got.trailers["grpc-message"] and got.trailers["proxy-status"]
    assert client.sync()


def asked_and_begun(client, *fields):
    stream = client.request(call(*fields), end=False)
    client.data(stream, MESSAGE, end=True)
    client.body(stream, len(MESSAGE))
    return stream


@pytest.mark.parametrize("last", [b"", b"6\r\n", b"zz\r\n"], ids=["at a message's end", "in a chunk", "malformed"])
def test_an_http1_server_that_breaks_off(last):
    seen = threading.Event()

    def serve(connection, message):
        begin(connection, message)
        seen.wait()
        connection.send(last)
        connection.close()

    with Origin(serve) as origin, Weir(forward_to(origin)) as weir, H2Client(weir) as client:
        stream = asked_and_begun(client)
        seen.set()
        ends_with(client, stream, UNAVAILABLE)


# PROTOCOL-HTTP2.md, "Errors": the code of RST_STREAM, the status of the call.
RESETS = [(NO_ERROR, "13"), (PROTOCOL_ERROR, "13"), (INTERNAL_ERROR, "13"), (REFUSED_STREAM, UNAVAILABLE), (CANCEL, "1"),
          (ENHANCE_YOUR_CALM, "8"), (INADEQUATE_SECURITY, "7")]


@pytest.mark.parametrize("code, status", RESETS)
def test_an_http2_server_that_resets_the_stream(code, status):
    seen = threading.Event()

    def serve(connection, asked):
        begin_h2(connection, asked)
        seen.wait()
        connection.reset(asked.stream, code)

    with H2Origin(serve) as origin, Weir(to_h2(origin)) as weir, H2Client(weir) as client:
        stream = asked_and_begun(client)
        seen.set()
        ends_with(client, stream, status)


@pytest.mark.parametrize("code, status", RESETS)
def test_an_http2_server_that_resets_the_stream_before_its_head(code, status):
    """Trailers-Only, with the same status."""
    with H2Origin(lambda connection, asked: connection.reset(asked.stream, code)) as origin:
        with Weir(to_h2(origin)) as weir, H2Client(weir) as client:
            got = client.ask(call(), MESSAGE)
            assert (got.status, got.body, got.complete) == (200, b"", True)
            assert got.fields["grpc-status"] == status and got.fields["grpc-message"]


def test_an_http2_server_that_closes_the_connection():
    seen = threading.Event()

    def serve(connection, asked):
        begin_h2(connection, asked)
        seen.wait()
        connection.close()

    with H2Origin(serve) as origin, Weir(to_h2(origin)) as weir, H2Client(weir) as client:
        stream = asked_and_begun(client)
        seen.set()
        ends_with(client, stream, UNAVAILABLE)


@pytest.mark.parametrize("kind", ["http1", "http2"])
def test_the_clients_deadline_behind_the_head(kind):
    origin = Origin(lambda connection, message: (begin(connection, message), connection.is_closed())) if kind == "http1" else H2Origin(begin_h2)
    with origin, Weir((forward_to if kind == "http1" else to_h2)(origin)) as weir, H2Client(weir) as client:
        ends_with(client, asked_and_begun(client, ("grpc-timeout", "300m")), DEADLINE_EXCEEDED)


@pytest.mark.parametrize("kind", ["http1", "http2"])
def test_a_server_that_stops_behind_the_head(kind):
    origin = Origin(lambda connection, message: (begin(connection, message), connection.is_closed())) if kind == "http1" else H2Origin(begin_h2)
    text = (forward_to if kind == "http1" else to_h2)(origin, listener="    timeout read 200ms")
    with origin, Weir(text) as weir, H2Client(weir) as client:
        ends_with(client, asked_and_begun(client), DEADLINE_EXCEEDED)


def test_a_server_that_has_told_its_own_status():
    def serve(connection, asked):
        begin_h2(connection, asked)
        with connection.lock:
            connection.socket.sendall(connection.bytes_of(1, 5, asked.stream, connection.encoder.encode([("grpc-status", "5"), ("grpc-message", "gone")])))
        connection.reset(asked.stream, NO_ERROR)

    with H2Origin(serve) as origin, Weir(to_h2(origin)) as weir, H2Client(weir) as client:
        got = client.ask(call(), MESSAGE)
        assert got.trailers == {"grpc-status": "5", "grpc-message": "gone"} and got.body == MESSAGE


def test_a_client_that_is_still_sending():
    seen = threading.Event()

    def serve(connection, message):
        connection.send(HEAD + PIECE)
        seen.wait()
        connection.close()

    with Origin(serve) as origin, Weir(forward_to(origin)) as weir, H2Client(weir) as client:
        stream = client.request(call(), end=False)
        client.data(stream, MESSAGE)
        client.body(stream, len(MESSAGE))
        seen.set()
        ends_with(client, stream, UNAVAILABLE)
        client.data(stream, MESSAGE, end=True)
        assert client.sync()


@pytest.mark.parametrize("head", [HEAD.replace(b"Transfer-Encoding: chunked", b"Content-Length: 100"), HEAD], ids=["a length", "no call"])
def test_what_cannot_be_told_in_trailers_is_a_reset(head):
    """A length that was announced would be wrong; and what is no call has no status."""

    seen = threading.Event()

    def serve(connection, message):
        connection.read_body(message)
        connection.send(head + (MESSAGE if b"Length" in head else PIECE))
        seen.wait()
        connection.close()

    kind = CALL if b"Length" in head else ("content-type", "text/plain")
    with Origin(serve) as origin, Weir(forward_to(origin)) as weir, H2Client(weir) as client:
        stream = client.request(request("POST", "/pkg.Service/Do", kind), end=False)
        client.data(stream, MESSAGE, end=True)
        client.body(stream, len(MESSAGE))
        seen.set()
        got = client.answer(stream)
        assert got.reset == INTERNAL_ERROR and not got.trailers and not got.complete
        assert client.sync()
