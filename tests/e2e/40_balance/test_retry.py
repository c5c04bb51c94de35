# SPDX-License-Identifier: Apache-2.0
"""When a request is tried again, and when it must not be."""
import pytest
from weirtest import Client, Origin, Weir, answer, ask, chunked, forward_to, get, post, reserve_port, wait_until


def dead_server():
    return reserve_port()


def address(sock):
    return f"127.0.0.1:{sock.getsockname()[1]}"


def close_when_reused(connection, request):
    """Answers, then closes as the next request arrives: a keep-alive timer that raced it."""
    connection.read_body(request)
    connection.send(answer("first"))
    connection.read_until(b"\r\n\r\n")
    connection.close()


def test_connect_failure_tries_the_next_server():
    with dead_server() as dead, Origin(answer("alive")) as origin:
        with Weir(forward_to(address(dead), origin, backend="balance round_robin")) as weir:
            assert [ask(weir, r).status for r in (get(), post("/", b"body"), get(), post("/", b"body"))] == [200] * 4
            lines = weir.access(4)
            assert any('"attempts":2' in line for line in lines)
            assert not any('"failure":"c' in line for line in lines), "none has failed"
            assert sum('"retry_reason":"connect_refused"' in line for line in lines) >= 1


def test_nobody_listens():
    with dead_server() as dead, Weir(forward_to(address(dead))) as weir:
        response = ask(weir)
        assert response.status == 502
        assert "error=connection_refused" in response.get("Proxy-Status")
        line, = weir.access()
        assert '"failure":"connect_refused"' in line and '"retry_reason"' not in line, "nothing was tried again"


def test_retry_none():
    with dead_server() as dead, Origin() as origin:
        with Weir(forward_to(address(dead), origin, backend="balance round_robin\nretry none")) as weir:
            assert sorted(ask(weir).status for _ in range(4)) == [200, 200, 502, 502]


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_a_stale_connection_is_replayed(method):
    body = b"again" if method == "PUT" else None
    with Origin(close_when_reused, answer("second")) as origin, Weir(forward_to(origin)) as weir:
        with Client(weir) as client:
            assert client.ask(get()).body == b"first"
            response = client.ask(get("/x", method=method, body=body), head_only=method == "HEAD")
            assert response.status == 200
        assert origin.requests[-1].line == f"{method} /x HTTP/1.1"
        assert origin.requests[-1].body == (body or b"")


def test_a_post_is_not_replayed():
    with Origin(close_when_reused, answer("second")) as origin, Weir(forward_to(origin)) as weir:
        with Client(weir) as client:
            assert client.ask(get()).body == b"first"
            assert client.ask(post("/", b"pay once")).status == 502
        assert len(origin.requests) == 1


def test_a_connection_closed_while_idle_is_not_used():
    def once(connection, request):
        connection.send(answer("once"))
        connection.close()

    with Origin(once) as origin, Weir(forward_to(origin)) as weir, Client(weir) as client:
        for number in range(1, 11):
            assert client.ask(post("/", b"")).status == 200
            assert origin.requests[-1].connection == number
            wait_until(lambda: len(origin.open) == 0, "the server's close")


def test_a_new_connection_that_dies_is_a_502():
    with Origin(lambda c, r: c.close()) as origin, Weir(forward_to(origin)) as weir:
        response = ask(weir)
        assert response.status == 502
        assert "error=connection_terminated" in response.get("Proxy-Status")
        assert len(origin.requests) == 1


def test_retry_on_a_status():
    first, second = Origin(answer("busy", "503 Busy")), Origin(answer("fine"))
    with first, second:
        words = "balance round_robin\nretry 2 on connect_error,503"
        with Weir(forward_to(first, second, backend=words)) as weir:
            assert [ask(weir).body for _ in range(4)] == [b"fine"] * 4


def test_who_may_act_twice_is_not_asked_again():
    first, second = Origin(answer("busy", "503 Busy")), Origin(answer("busy", "503 Busy"))
    with first, second, Weir(forward_to(first, second, backend="retry 2 on 503")) as weir:
        assert ask(weir, post("/", b"")).body == b"busy"
        assert len(first.requests + second.requests) == 1
        assert ask(weir).body == b"busy", "there is no third: what came last counts"
        assert len(first.requests + second.requests) == 3
        assert ['"attempts":2,' in line for line in weir.access(2)] == [False, True]
        assert '"retry_reason":"503"' in weir.access(2)[1]


def test_trailers_go_with_every_attempt():
    def busy(connection, request):
        connection.read_body(request)
        connection.send(answer("busy", "503 Busy"))

    def fine(connection, request):
        connection.read_body(request)
        connection.send(answer("fine"))

    first, second = Origin(busy), Origin(fine)
    with first, second, Weir(forward_to(first, second, backend="balance round_robin\nretry 2 on 503")) as weir:
        head = b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
        body = chunked(b"body", trailers=["X-Sum: 4"])
        assert [ask(weir, head + body).body for _ in range(4)] == [b"fine"] * 4
        assert all(request.trailers == [("X-Sum", "4")] for request in first.requests + second.requests)


def test_first_byte_timeout():
    with Origin(lambda c, r: c.read_to_end()) as origin:
        with Weir(forward_to(origin, backend="timeout first_byte 150ms")) as weir:
            response = ask(weir)
            assert response.status == 504
            assert "error=http_response_timeout" in response.get("Proxy-Status")
