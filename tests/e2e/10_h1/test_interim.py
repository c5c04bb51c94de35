# SPDX-License-Identifier: Apache-2.0
"""Interim answers, Expect, answers that come before the request is complete."""
import select
import time

import pytest
from weirtest import DEADLINE, Client, Origin, Weir, answer, forward_to, get, post


def test_expect_continue_is_passed_on():
    def handler(connection, request):
        assert request.get("Expect").lower() == "100-continue"
        connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        connection.send(answer(connection.read_body(request).body))

    with Origin(handler) as origin, Weir(forward_to(origin)) as weir, Client(weir) as client:
        client.send(get("/", "a", "Expect: 100-continue", "Content-Length: 4", method="POST"))
        assert client.receive().status == 100
        client.send("body")
        assert client.receive().body == b"body"
        assert not origin.failures


def test_an_upload_after_it_may_take_longer_than_an_answer():
    def handler(connection, request):
        connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        connection.send(answer(connection.read_body(request).body))

    with Origin(handler) as origin, Weir(forward_to(origin, backend="timeout read 200ms")) as weir, Client(weir) as client:
        client.send(get("/", "a", "Expect: 100-continue", "Transfer-Encoding: chunked", method="POST"))
        assert client.receive().status == 100
        begun, chunks = time.monotonic(), 0
        while time.monotonic() < begun + 0.6:
            client.send("1\r\nx\r\n")
            chunks += 1
            assert not select.select([client.socket], [], [], 0.01)[0], client.receive()
        client.send("0\r\n\r\n")
        assert client.receive().body == b"x" * chunks


def test_expect_continue_refused():
    with Origin(lambda c, r: c.send(answer("no", "403 Forbidden"))) as origin, Weir(forward_to(origin)) as weir:
        with Client(weir) as client:
            client.send(get("/", "a", "Expect: 100-continue", "Content-Length: 4", method="POST"))
            assert client.receive().status == 403


def test_an_unknown_expectation():
    with Origin() as origin, Weir(forward_to(origin)) as weir, Client(weir) as client:
        assert client.ask(get("/", "a", "Expect: miracles")).status == 417
        assert not origin.requests


def test_early_hints_pass():
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
    with Origin(hints + hints + answer("done")) as origin, Weir(forward_to(origin)) as weir, Client(weir) as client:
        for _ in range(2):
            for _ in range(2):
                hint = client.receive() if client.pending else client.ask(get())
                assert hint.status == 103
                assert hint.get("Link") == "</a.css>; rel=preload"
            assert client.receive().body == b"done"


def test_early_hints_are_not_for_http_1_0():
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
    with Origin(hints + answer("done")) as origin, Weir(forward_to(origin)) as weir, Client(weir) as client:
        response = client.ask(b"GET / HTTP/1.0\r\nHost: a\r\n\r\n")
        assert (response.status, response.body) == (200, b"done")


def test_too_many_interim_answers():
    flood = b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1000
    with Origin(flood + answer("done")) as origin, Weir(forward_to(origin)) as weir, Client(weir) as client:
        client.send(get())
        statuses = []
        while not statuses or statuses[-1] < 200:
            statuses.append(client.receive().status)
        assert statuses[-1] == 502
        assert len(statuses) <= 65


@pytest.mark.parametrize("close", [False, True])
def test_an_answer_while_the_body_still_uploads(close):
    def handler(connection, request):
        connection.read_exact(1000)
        connection.send(answer("enough", "413 Content Too Large", *["Connection: close"] * close))
        connection.read_to_end()

    with Origin(handler, answer("next")) as origin, Weir(forward_to(origin)) as weir, Client(weir) as client:
        client.send(get("/", "a", "Content-Length: 10000000", method="POST") + b"x" * 1000)
        response = client.receive()
        assert (response.status, response.body) == (413, b"enough")
        with Client(weir) as other:  # the half-used server connection serves nobody else
            assert other.ask(get("/next")).body == b"next"
        assert origin.requests[1].connection == 2


def test_an_early_answer_of_weir_itself_is_not_eaten_by_a_reset():
    text = "listener web { bind 127.0.0.1:{port}; route respond 403 stop }"
    with Weir(text) as weir, Client(weir) as client:
        body = b"x" * 4_000_000
        client.socket.setblocking(False)
        sent = client.socket.send(get("/", "a", f"Content-Length: {len(body)}", method="POST") + body)
        assert sent > 1000
        client.socket.settimeout(DEADLINE)
        response = client.receive()
        assert (response.status, response.body) == (403, b"stop")


def test_body_larger_than_allowed():
    with Origin() as origin, Weir(forward_to(origin, listener="max_body 1k")) as weir:
        with Client(weir) as client:
            assert client.ask(post("/", b"x" * 1025)).status == 413
        with Client(weir) as client:
            assert client.ask(post("/", b"x" * 1024)).status == 200
        with Client(weir) as client:
            head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            client.send(head + b"401\r\n" + b"x" * 1025)
            assert client.receive().status == 413
