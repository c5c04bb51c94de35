# SPDX-License-Identifier: Apache-2.0
"""Requests that wait in the queue of a backend when a reload removes it: they have its servers as long as those do
work, and fail only by their own limit."""
import json
import threading

import pytest
from admintest import AdminClient
from reloadtest import ADMIN, body, reload, simple
from weirtest import DEADLINE, Client, Origin, Weir, answer, get, wait_until


class Held:
    """A handler that answers one request after the other, each when it is released."""

    def __init__(self):
        self.go = threading.Semaphore(0)

    def __call__(self, connection, request):
        assert self.go.acquire(timeout=DEADLINE)
        connection.send(answer(request.target))


def limited(*origins, most=1, queue="20s"):
    servers = " ".join(f"server s{i} {origin.address} max_in_flight {most};" for i, origin in enumerate(origins))
    return (f"{ADMIN}listener web {{ bind 127.0.0.1:{{port}}; timeout queue {queue}; route slow forward b }}\n"
            f"backend b {{ balance least_request; {servers} }}\n")


def show(weir, what):
    with AdminClient(weir) as admin:
        return json.loads(admin.ask(f"@json show {what}").body)


def waiting(weir):
    return sum(stream["phase"] == "choose" for stream in show(weir, "streams"))


def queue(weir, origin, count):
    """So many clients with a request each, of which the origin has the first."""
    clients = []
    for number in range(count):
        clients.append(Client(weir))
        clients[-1].send(get(f"/{number}"))
        if number == 0:
            origin.wait(1)
    wait_until(lambda: waiting(weir) == count - 1, "them to wait")
    return clients


@pytest.mark.parametrize("workers", [1, 2])
def test_they_are_served_one_after_the_other(workers):
    held = Held()
    with Origin(held) as origin, Weir(limited(origin), workers=workers) as weir:
        clients = queue(weir, origin, 6)
        assert reload(weir, simple("new")).is_ok
        assert body(weir) == b"new"
        assert waiting(weir) == 5
        for _ in clients:
            held.go.release()
        for number, client in enumerate(clients):
            with client:
                response = client.receive()
                assert (response.status, response.body) == (200, f"/{number}".encode())
                assert client.ask(get("/")).body == b"new"
        wait_until(lambda: not show(weir, "servers"), "its servers to be gone")


def test_the_backend_may_come_back_meanwhile():
    held = Held()
    with Origin(held) as origin, Weir(limited(origin)) as weir:
        clients = queue(weir, origin, 3)
        assert reload(weir, simple("new")).is_ok
        assert reload(weir, limited(origin, most=3)).is_ok
        origin.wait(3)
        for client in clients:
            held.go.release()
        for number, client in enumerate(clients):
            with client:
                assert client.receive().body == f"/{number}".encode()


def test_the_limit_of_the_queue_holds():
    held = Held()
    with Origin(held) as origin, Weir(limited(origin, queue="1s")) as weir:
        first, second = queue(weir, origin, 2)
        assert reload(weir, simple("new")).is_ok
        assert second.receive().status == 503
        held.go.release()
        assert first.receive().body == b"/0"
        wait_until(lambda: not show(weir, "servers"), "its servers to be gone")


def test_who_waits_for_a_first_check_is_let_try():
    silent = threading.Event()
    with Origin(lambda *_: silent.wait(DEADLINE), answer("served")) as origin:
        check = "check http / { interval 30s; timeout 30s }"
        text = limited(origin, most="none").replace("balance", f"{check} balance")
        with Weir(text) as weir, Client(weir) as client:
            origin.wait(1)
            client.send(get("/"))
            wait_until(lambda: waiting(weir) == 1, "it to wait")
            assert reload(weir, simple("new")).is_ok
            assert client.receive().body == b"served"
        silent.set()
