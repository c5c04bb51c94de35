# SPDX-License-Identifier: Apache-2.0
"""Upgrade: after 101 both sides exchange bytes that are nobody's business."""
import hashlib
import os
import threading

from weirtest import Client, Origin, Weir, answer, forward_to, get, wait_until

UPGRADE = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: abc")
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


def echo(connection, request):
    connection.send(SWITCH)
    if connection.pending:
        connection.send(connection.pending)
    while data := connection.socket.recv(65536):
        connection.send(data)
    connection.close()


def test_bytes_both_ways():
    with Origin(echo) as origin, Weir(forward_to(origin)) as weir, Client(weir) as client:
        response = client.ask(get("/chat", "a", *UPGRADE))
        assert (response.status, response.get("Upgrade")) == (101, "websocket")
        assert response.get("Connection").lower() == "upgrade"
        assert origin.requests[0].get("Upgrade") == "websocket"
        assert origin.requests[0].get("Sec-WebSocket-Key") == "abc"
        for word in (b"hello", b"\0\xff" * 10, b"x" * 100000):
            client.send(word)
            assert client.read_exact(len(word)) == word
        client.finish()
        assert client.read_to_end() == b""


def test_bytes_sent_with_the_request_and_with_the_answer():
    def handler(connection, request):
        connection.send(SWITCH + b"welcome")
        connection.send(connection.read_exact(5).upper())
        connection.close()

    with Origin(handler) as origin, Weir(forward_to(origin)) as weir, Client(weir) as client:
        client.send(get("/chat", "a", *UPGRADE) + b"early")
        assert client.receive().status == 101
        assert client.read_to_end() == b"welcomeEARLY"


def test_a_refused_upgrade_leaves_the_next_request_alone():
    with Origin(answer("no", "426 Upgrade Required"), answer("next")) as origin, Weir(forward_to(origin)) as weir:
        with Client(weir) as client:
            client.send(get("/chat", "a", *UPGRADE) + get("/next"))
            assert client.receive().status == 426
            assert client.receive().body == b"next"
            assert origin.requests[1].target == "/next"


def test_nobody_asked_for_an_upgrade():
    with Origin(SWITCH) as origin, Weir(forward_to(origin)) as weir, Client(weir) as client:
        assert client.ask(get()).status == 502


def test_much_in_both_directions_at_once():
    data = os.urandom(1 << 20) * 16
    with Origin(echo) as origin, Weir(forward_to(origin)) as weir, Client(weir) as client:
        assert client.ask(get("/", "a", *UPGRADE)).status == 101
        writer = threading.Thread(target=lambda: (client.send(data), client.finish()))
        writer.start()
        back = client.read_exact(len(data))
        writer.join()
        assert hashlib.sha256(back).digest() == hashlib.sha256(data).digest()
        assert client.read_to_end() == b""
        assert '"status":101' in weir.access()[0]


def test_the_end_of_one_side_ends_the_other():
    gone = threading.Event()

    def handler(connection, request):
        connection.send(SWITCH)
        connection.read_to_end()
        gone.set()

    with Origin(handler) as origin, Weir(forward_to(origin)) as weir:
        client = Client(weir)
        assert client.ask(get("/", "a", *UPGRADE)).status == 101
        client.close()
        wait_until(gone.is_set, "the end of the server's connection")
