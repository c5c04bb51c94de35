# SPDX-License-Identifier: Apache-2.0
"""Connections of HTTP/1 clients: kept, pipelined, closed, half closed."""
from weirtest import Client, Origin, Weir, answer, ask, chunked, forward_to, get, post


def test_both_sides_are_kept():
    with Origin(answer("one"), answer("two")) as origin, Weir(forward_to(origin)) as weir:
        with Client(weir) as client:
            assert client.ask(get("/1")).body == b"one"
            assert client.ask(get("/2")).body == b"two"
        assert [(r.connection, r.target) for r in origin.requests] == [(1, "/1"), (1, "/2")]


def test_pipelined_requests_are_answered_in_order():
    echo = lambda c, r: c.send(answer(r.target))
    with Origin(echo) as origin, Weir(forward_to(origin)) as weir, Client(weir) as client:
        client.send(b"".join(get(f"/{i}") for i in range(50)))
        assert [client.receive().body for _ in range(50)] == [b"/%d" % i for i in range(50)]


def test_pipelined_behind_a_body():
    def echo(connection, request):
        connection.send(answer(connection.read_body(request).body))

    with Origin(echo) as origin, Weir(forward_to(origin)) as weir, Client(weir) as client:
        body = chunked(b"first", b"!")
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + body + post("/", b"second"))
        assert client.receive().body == b"first!"
        assert client.receive().body == b"second"


def test_the_client_asks_to_close():
    with Origin() as origin, Weir(forward_to(origin)) as weir, Client(weir) as client:
        response = client.ask(get("/", "test", "Connection: close"))
        assert (response.body, response.get("Connection")) == (b"ok", "close")
        assert client.is_closed()


def test_the_server_closes_without_harm_to_the_client():
    with Origin(answer("ok", "200 OK", "Connection: close")) as origin, Weir(forward_to(origin)) as weir:
        with Client(weir) as client:
            assert client.ask(get()).get("Connection") is None
            assert client.ask(get()).status == 200
        assert [r.connection for r in origin.requests] == [1, 2]


def test_max_requests():
    with Origin() as origin, Weir(forward_to(origin, listener="max_requests 2")) as weir, Client(weir) as client:
        assert client.ask(get()).get("Connection") is None
        assert client.ask(get()).get("Connection") == "close"
        assert client.is_closed()


def test_a_half_closed_client_gets_its_answer():
    def handler(connection, request):
        released.wait(10)
        connection.send(answer("still here"))

    import threading

    released = threading.Event()
    text = forward_to(origin := Origin(handler), listener="client_close finish")
    with origin, Weir(text) as weir, Client(weir) as client:
        client.send(get())
        client.finish()
        origin.wait()
        released.set()
        assert client.receive().body == b"still here"
        assert client.is_closed()


def test_an_empty_line_before_a_request():
    with Origin() as origin, Weir(forward_to(origin)) as weir, Client(weir) as client:
        assert client.ask(b"\r\n" + get()).status == 200


def test_a_head_in_single_bytes():
    with Origin() as origin, Weir(forward_to(origin)) as weir, Client(weir) as client:
        for byte in get("/slow"):
            client.send(bytes([byte]))
        assert client.receive().status == 200
        assert origin.requests[0].target == "/slow"


def test_no_server_means_503_and_the_connection_stays():
    with Weir("listener web { bind 127.0.0.1:{port}; route forward none }\nbackend none { server a 127.0.0.1:1 weight 0 }") as weir:
        with Client(weir) as client:
            assert client.ask(get()).status == 503
            assert client.ask(get()).status == 503


def test_a_unix_listener():
    text = "listener web { bind 127.0.0.1:{port}; bind unix:{dir}/sock; route respond 200 $client_addr }"
    with Weir(text) as weir, Client(weir.dir / "sock") as client:
        assert client.ask(get()).status == 200
        assert ask(weir).body == b"127.0.0.1"
