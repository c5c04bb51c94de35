# SPDX-License-Identifier: Apache-2.0
"""max_in_flight, and what waits behind it."""
import socket
import threading
import time

from h2test import H2Client, request
from weirtest import DEADLINE, Client, Origin, Weir, answer, ask, get, wait_until


class Gauge:
    """A handler that counts how many requests it serves at a time and holds each until released."""

    def __init__(self):
        self.now, self.most, self.lock, self.go = 0, 0, threading.Lock(), threading.Event()

    def __call__(self, connection, request):
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        self.go.wait(DEADLINE)
        with self.lock:
            self.now -= 1
        connection.send(answer("ok"))


def config(origin, words, backend=""):
    return """access_log {dir}/access.log
        listener web { bind 127.0.0.1:{port}; route forward origin }
        backend origin { server a %s %s\n %s }""" % (origin.address, words, backend)


def test_never_more_than_allowed_over_all_workers():
    gauge = Gauge()
    with Origin(gauge) as origin, Weir(config(origin, "max_in_flight 3"), workers=2) as weir:
        clients = [Client(weir) for _ in range(24)]
        for client in clients:
            client.send(get())
        origin.wait(3)
        gauge.go.set()
        assert [c.receive().status for c in clients] == [200] * 24
        assert gauge.most <= 3
        for client in clients:
            client.close()


def test_the_queue_has_an_end_in_time():
    gauge = Gauge()
    with Origin(gauge) as origin, Weir(config(origin, "max_in_flight 1", "timeout queue 200ms")) as weir:
        with Client(weir) as first, Client(weir) as second:
            first.send(get())
            origin.wait()
            began = time.monotonic()
            response = second.ask(get())
            assert time.monotonic() - began >= 0.19
            assert response.status == 503
            assert "connection_limit_reached" in response.get("Proxy-Status")
            gauge.go.set()
            assert first.receive().status == 200
            assert second.ask(get()).status == 200
        assert any("queue_timeout" in line or "busy" in line for line in weir.access(3))


def test_the_queue_has_an_end_in_length():
    gauge = Gauge()
    with Origin(gauge) as origin, Weir(config(origin, "max_in_flight 1", "max_queue 2")) as weir:
        clients = [Client(weir) for _ in range(4)]
        for number, client in enumerate(clients):
            client.send(get())
            if number == 0:
                origin.wait()
        full = wait_until(lambda: [l for l in weir.access(1) if '"status":503' in l], "a refusal")
        assert len(full) == 1
        gauge.go.set()
        assert sorted(c.receive().status for c in clients) == [200, 200, 200, 503]
        for client in clients:
            client.close()


def test_a_client_that_leaves_the_queue_is_forgotten():
    gauge = Gauge()
    with Origin(gauge) as origin, Weir(config(origin, "max_in_flight 1")) as weir:
        with Client(weir) as first, Client(weir) as third:
            first.send(get("/first"))
            origin.wait()
            second = Client(weir)
            second.send(get("/second"))
            second.reset()
            third.send(get("/third"))
            gauge.go.set()
            assert first.receive().status == third.receive().status == 200
        assert ask(weir, get("/fourth")).status == 200


def test_a_long_queue_whose_server_dies():
    """All that wait are answered, whatever becomes of the others, and the worker lives on."""
    gauge, many = Gauge(), 1000
    text = """access_log {dir}/access.log
        listener web { bind 127.0.0.1:{port}; max_streams 1000; route path /here respond 200 here; route forward origin }
        backend origin { server a %s max_in_flight 1; max_queue 10000; timeout queue 5m }"""
    with Origin(gauge) as origin, Weir(text % origin.address) as weir:
        worker = weir.pids()
        with Client(weir) as first, H2Client(weir) as one, H2Client(weir) as other:
            first.send(get())
            origin.wait()
            waiting = [(client, client.request(request())) for client in (one, other) for _ in range(many)]
            assert one.sync() and other.sync()
            origin.socket.shutdown(socket.SHUT_RDWR)  # who connects now is refused
            origin.connections[0].reset()
            assert first.receive().status == 502
            assert {client.answer(stream).status for client, stream in waiting} == {502}
        assert ask(weir, get("/here")).body == b"here"
        assert weir.pids() == worker
