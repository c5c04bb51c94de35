# SPDX-License-Identifier: Apache-2.0
"""How long bodies are, in both directions, between versions of HTTP."""
import socket

import pytest
from weirtest import Client, CutOff, Origin, Weir, answer, ask, chunked, forward_to, get, post

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"


def echo(connection, request):
    connection.send(answer(connection.read_body(request).body))


def test_a_length_stays_a_length():
    with Origin(echo) as origin, Weir(forward_to(origin)) as weir:
        assert ask(weir, post("/", b"hello")).body == b"hello"
        assert origin.requests[0].get("Content-Length") == "5"
        assert origin.requests[0].get("Transfer-Encoding") is None


def test_chunks_and_trailers_to_the_server():
    head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
    with Origin(echo) as origin, Weir(forward_to(origin)) as weir:
        body = chunked(b"hello, ", b"world", trailers=["X-Sum: 12"])
        assert ask(weir, head + body).body == b"hello, world"
        request = origin.requests[0]
        assert request.get("Transfer-Encoding") == "chunked"
        assert request.get("Content-Length") is None
        assert request.trailers == [("X-Sum", "12")]


def test_chunks_and_trailers_to_the_client():
    response = CHUNKED + b"\r\n" + chunked(b"a" * 10, b"b" * 70000, trailers=["X-Sum: 80010"])
    with Origin(response) as origin, Weir(forward_to(origin)) as weir, Client(weir) as client:
        for _ in range(2):
            got = client.ask(get("/", "test", "TE: trailers"))
            assert got.body == b"a" * 10 + b"b" * 70000
            assert got.trailers == [("X-Sum", "80010")]


def test_trailers_may_not_frame_or_route():
    body = chunked(b"x", trailers=["Content-Length: 9", "Host: evil", "X-Fine: 1"])
    with Origin(echo) as origin, Weir(forward_to(origin)) as weir:
        ask(weir, b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
        names = [n.lower() for n, _ in origin.requests[0].trailers] if origin.requests else []
        assert "content-length" not in names and "host" not in names


@pytest.mark.parametrize("framing", ["Content-Length: 1000", "Transfer-Encoding: chunked", None])
def test_head_has_no_body(framing):
    head = b"HTTP/1.1 200 OK\r\n" + (framing.encode() + b"\r\n" if framing else b"") + b"\r\n"
    with Origin(head, answer("next")) as origin, Weir(forward_to(origin)) as weir, Client(weir) as client:
        response = client.ask(get(method="HEAD"), head_only=True)
        if framing and framing.startswith("Content"):
            assert response.get("Content-Length") == "1000"
        assert client.ask(get()).body == b"next"
        assert [r.connection for r in origin.requests] == [1, 1]


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_statuses_without_a_body(status):
    head = f"HTTP/1.1 {status}\r\nETag: \"x\"\r\n\r\n".encode()
    with Origin(head, answer("next")) as origin, Weir(forward_to(origin)) as weir, Client(weir) as client:
        response = client.ask(get(), head_only=True)
        assert response.get("ETag") == '"x"'
        assert response.get("Transfer-Encoding") is None
        assert client.ask(get()).body == b"next"


def test_an_old_client():
    with Origin(CHUNKED + b"\r\n" + chunked(b"a", b"b")) as origin, Weir(forward_to(origin)) as weir:
        with Client(weir) as client:
            response = client.ask(b"GET / HTTP/1.0\r\nHost: a\r\n\r\n")
            assert response.get("Transfer-Encoding") is None
            assert response.body == b"ab"  # up to the end of the connection


def test_an_old_client_that_wants_to_stay():
    with Origin(answer("1"), answer("2")) as origin, Weir(forward_to(origin)) as weir, Client(weir) as client:
        request = b"GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n"
        response = client.ask(request)
        assert response.get("Connection").lower() == "keep-alive"
        assert client.ask(request).body == b"2"


def test_an_old_client_without_host():
    with Origin() as origin, Weir(forward_to(origin)) as weir, Client(weir) as client:
        assert client.ask(b"GET / HTTP/1.0\r\n\r\n").status == 200


def test_an_old_server():
    def handler(connection, request):
        connection.send(b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nold")
        connection.close()

    with Origin(handler) as origin, Weir(forward_to(origin)) as weir, Client(weir) as client:
        for number in (1, 2):
            response = client.ask(get())
            assert (response.line, response.body) == ("HTTP/1.1 200 OK", b"old")
            assert origin.requests[-1].connection == number


def test_a_body_that_ends_with_the_connection():
    def handler(connection, request):
        connection.send(b"HTTP/1.1 200 OK\r\nX-Kind: close\r\n\r\n" + b"x" * 100000)
        connection.close()

    with Origin(handler) as origin, Weir(forward_to(origin)) as weir, Client(weir) as client:
        for _ in range(2):  # as chunks, so the client's connection outlives it
            response = client.ask(get())
            assert response.get("Transfer-Encoding") == "chunked"
            assert response.body == b"x" * 100000


def test_data_and_the_end_in_one_segment():
    def handler(connection, request):
        connection.socket.setsockopt(6, 3, 1)  # TCP_CORK: the answer leaves together with the FIN
        connection.send(answer("whole", "200 OK"))
        connection.close()

    with Origin(handler) as origin, Weir(forward_to(origin)) as weir, Client(weir) as client:
        for number in range(1, 21):
            assert client.ask(get()).body == b"whole"
            assert origin.requests[-1].connection == number


def test_a_truncated_answer_is_not_passed_off_as_whole():
    half = CutOff(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    with Origin(half) as origin, Weir(forward_to(origin)) as weir, Client(weir) as client:
        assert half.ask(client).get("Content-Length") == "100"
        with pytest.raises((EOFError, ConnectionResetError)):
            client.read_exact(100)
        assert "truncated" in weir.access()[0]


def test_an_answer_that_breaks_off_at_once_is_replaced():
    """Head and end come in one turn: nothing has left yet, and the client gets an answer that says so."""
    def half(connection, request):
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)  # one segment
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        connection.close()

    with Origin(half) as origin, Weir(forward_to(origin)) as weir:
        assert ask(weir).status == 502
        assert "truncated" in weir.access()[0]
