# SPDX-License-Identifier: Apache-2.0
"""A listener leaves the pool and comes back, and others do not notice."""
import json
import threading

import pytest
from draintest import (PORTS, Loads, Watch, drains, is_refused, leaving, phase, ready, wait_phase, wait_refused)
from healthtest import admin, kill, order
from weirtest import DEADLINE, Client, Origin, Weir, answer, ask, get, wait_until


class Held:
    """A handler that answers once it is released; requests for /quick at once."""

    def __init__(self):
        self.go = threading.Event()

    def __call__(self, connection, request):
        if request.target != "/quick":
            self.go.wait(DEADLINE)
        connection.send(answer("finished"))


def tunnel(connection, _request):
    connection.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
    while connection.more():
        connection.send(connection.pending)
        connection.pending = b""
    connection.close()


UPGRADE = get("/tunnel", "test", "Connection: Upgrade", "Upgrade: echo")


def open_tunnel(weir, port="port"):
    client = Client(weir, port)
    assert client.ask(UPGRADE, head_only=True).status == 101
    client.send("ping")
    assert client.read_exact(4) == b"ping"
    return client


def test_ready_says_no_before_clients_are_refused():
    with Origin() as origin, Weir(leaving(origin, delay="30s"), PORTS, workers=2) as weir:
        for path, port in (("/healthz", "port"), ("/healthz", "status"), ("/healthz/web", "status")):
            assert ready(weir, path, port) == (200, "ready")
        order(weir, "drain listener web")
        assert phase(weir, "web") == "leaving"
        for path, port in (("/healthz", "port"), ("/healthz/web", "status")):
            assert ready(weir, path, port) == (503, "not ready: the listener is drained")
        assert ready(weir) == (200, "ready")
        with Client(weir) as client:  # all is served as before
            for _ in range(3):
                response = client.ask(get())
                assert (response.status, response.get("Connection")) == (200, None)
        assert admin(weir, "ready")[0] == "ok ready"
        assert admin(weir, "ready web")[0] == "error refused not ready: the listener is drained"
        order(weir, "undrain listener web")
        assert ready(weir, "/healthz/web") == (200, "ready")


def test_a_drain_without_clients_is_done_soon_and_leaves_others_alone():
    with Origin() as origin, Weir(leaving(origin), PORTS, workers=2) as weir, Watch(weir) as watch:
        with Client(weir, "other") as other:
            assert other.ask(get()).status == 200
            order(weir, "drain listener web")
            wait_phase(weir, "web", "drained")
            assert is_refused(weir)
            response = other.ask(get())
            assert (response.status, response.get("Connection")) == (200, None)
            assert ask(weir, get(), "other").status == 200
        assert [watch.next() for _ in range(2)] == [
            ("listener.drain", "web", "serving", "draining"), ("listener.drain", "web", "draining", "drained")]
        row = drains(weir)["web"]
        assert (row["type"], row["connections"], row["in_flight"]) == ("listener", 0, 0) and row["by"].startswith("uid ")
        order(weir, "undrain listener web")
        assert watch.next() == ("listener.drain", "web", "drained", "serving")
        assert ask(weir).status == 200 and drains(weir) == {}


def test_requests_under_way_end_and_the_last_one_is_told():
    held = Held()
    with Origin(held) as origin, Weir(leaving(origin), PORTS) as weir:
        with Client(weir) as busy, Client(weir) as idle, Client(weir) as asks:
            assert idle.ask(get("/quick")).status == 200 and asks.ask(get("/quick")).status == 200
            busy.send(get())
            origin.wait(3)
            order(weir, "drain listener web")
            # It was used just now: it may ask once more.
            response = asks.ask(get("/quick"))
            assert (response.status, response.get("Connection")) == (200, "close")
            assert asks.is_closed() and idle.is_closed()
            wait_refused(weir)
            wait_until(lambda: drains(weir)["web"]["connections"] == 1, "one connection to be left")
            assert drains(weir)["web"]["in_flight"] == 1 and phase(weir, "web") == "draining"
            held.go.set()
            response = busy.receive()
            assert (response.body, response.get("Connection")) == (b"finished", "close")
        wait_phase(weir, "web", "drained")


def test_few_may_be_left():
    held = Held()
    with Origin(held) as origin, Weir(leaving(origin), PORTS) as weir:
        with Client(weir) as first, Client(weir) as second:
            for number, client in enumerate((first, second), 1):
                client.send(get())
                origin.wait(number)
            order(weir, "drain listener web until 1")
            wait_until(lambda: drains(weir)["web"]["in_flight"] == 2, "two to be counted")
            wait_refused(weir)
            assert phase(weir, "web") == "draining" and drains(weir)["web"]["until"] == 1
            second.close()  # gives up
            wait_phase(weir, "web", "drained")
            assert first.receive().status == 503
        held.go.set()


def test_when_the_time_is_up_the_rest_is_closed():
    with Origin(tunnel) as origin, Weir(leaving(origin), PORTS) as weir, Watch(weir) as watch:
        with open_tunnel(weir) as client, open_tunnel(weir, "other") as other:
            order(weir, "drain listener web 700ms")
            assert client.read_to_end() == b""  # an orderly end: a reset would raise
            assert [watch.next()[3] for _ in range(2)] == ["draining", "drained"]
            other.send("ping")
            assert other.read_exact(4) == b"ping"


def test_tunnels_have_a_lifetime():
    with Origin(tunnel) as origin, Weir(leaving(origin, listener="max_lifetime 300ms"), PORTS) as weir:
        with open_tunnel(weir) as client:
            assert client.read_to_end() == b""
        line = json.loads(weir.access()[0])
        assert line["status"] == 101 and not line.get("failure"), line


@pytest.mark.parametrize("reached", ["leaving", "draining", "drained"])
def test_it_comes_back_from_every_phase(reached):
    with Origin(tunnel) as origin, Weir(leaving(origin, delay="none" if reached != "leaving" else "30s"), PORTS, workers=2) as weir:
        with open_tunnel(weir) as client:
            order(weir, f"drain listener web {'500ms' if reached == 'drained' else '30s'}")
            wait_phase(weir, "web", reached)
            if reached != "leaving":
                wait_refused(weir)
            order(weir, "undrain listener web")
            assert phase(weir, "web") == "serving"
            if reached == "drained":
                assert client.is_closed()
            else:
                client.send("ping")
                assert client.read_exact(4) == b"ping"
        for _ in range(20):
            open_tunnel(weir).close()
        assert ready(weir, "/healthz/web") == (200, "ready")


def test_under_load_nothing_is_lost():
    with Origin() as origin, Weir(leaving(origin), PORTS, workers=2) as weir:
        with Loads([weir.port("port"), weir.port("other")]) as loads:
            for _ in range(2):
                order(weir, "drain listener web")
                wait_phase(weir, "web", "drained")
                wait_until(lambda: loads.at(1), "all to be at the other listener")
                loads.progress()
                order(weir, "undrain listener web")
                order(weir, "drain listener other")
                wait_phase(weir, "other", "drained")
                wait_until(lambda: loads.at(0), "all to be back")
                loads.progress()
                order(weir, "undrain listener other")


def test_a_drain_outlives_control_and_workers():
    held = Held()
    with Origin(held) as origin, Weir(leaving(origin), PORTS, workers=2) as weir:
        with Client(weir, "other") as busy:
            busy.send(get())
            origin.wait()
            order(weir, "drain listener web 30s")
            order(weir, "drain listener other 30s until 0")
            kill(weir, "control")
            wait_phase(weir, "web", "drained")
            assert phase(weir, "other") == "draining"
            kill(weir, "worker")
            wait_phase(weir, "other", "drained")
            assert is_refused(weir) and is_refused(weir, "other")
        order(weir, "undrain listener web")
        held.go.set()
        assert ask(weir).status == 200 and is_refused(weir, "other")


@pytest.mark.parametrize("command, code", [
    ("drain listener", "usage"), ("drain listener nowhere", "unknown"), ("drain 5", "usage"), ("drain 5s until", "usage"),
    ("drain until x", "usage"), ("drain 5s 6s", "usage"), ("undrain listener nowhere", "unknown"), ("undrain web", "usage"),
    ("ready nowhere", "unknown")])
def test_wrong_words(command, code):
    with Origin() as origin, Weir(leaving(origin), PORTS) as weir:
        assert admin(weir, command)[0].startswith(f"error {code} ")
        assert drains(weir) == {}
