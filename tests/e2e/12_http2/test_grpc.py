# SPDX-License-Identifier: Apache-2.0
"""gRPC as far as HTTP/1.1 servers carry it: trailers, failures told as statuses, deadlines."""
import pytest
from h2test import H2Client, request
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
