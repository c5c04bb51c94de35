# SPDX-License-Identifier: Apache-2.0
"""A listener or an address that a reload removes: whoever was told that it is connected is answered or closed in
order, never reset; then clients are refused."""
import socket
import struct
import threading

import pytest
from draintest import wait_refused
from reloadtest import ADMIN, reload, simple
from weirtest import DEADLINE, Client, Origin, Weir, get, wait_until

PORTS = ("port", "other")


def with_other(*binds, same=False):
    """A configuration with more addresses: of the same listener, or of one of its own."""
    more = " ".join(f"bind {bind};" for bind in binds)
    if same:
        return f"{ADMIN}listener web {{ bind 127.0.0.1:{{port}}; {more} route respond 200 old }}\n"
    return simple("old") + f"listener gone {{ {more} route respond 200 old }}\n"


class Knocking(threading.Thread):
    """Connects and asks, again and again, until it is refused."""

    def __init__(self, to):
        super().__init__(daemon=True)
        self.to, self.good, self.failure, self.over = to, 0, None, threading.Event()

    def run(self):
        while not self.over.is_set():
            try:
                client = Client(self.to)
            except (ConnectionRefusedError, FileNotFoundError):
                return
            try:
                with client:
                    assert client.ask(get("/")).status == 200
            except Exception as error:  # pylint: disable=broad-except
                self.failure = f"after {self.good} good ones: {error!r}"
                return
            self.good += 1

    def stop(self):
        self.over.set()
        self.join(DEADLINE)


@pytest.mark.parametrize("same", [False, True], ids=["listener", "address"])
@pytest.mark.parametrize("workers", [1, 2])
def test_who_has_not_asked_yet_when_the_address_goes(same, workers):
    """With a deferred accept weir has not even seen them."""
    text = with_other("127.0.0.1:{other}", same=same)
    with Weir(text, PORTS, workers=workers) as weir:
        asks = [Client(weir, "other") for _ in range(12)]
        begun = [Client(weir, "other") for _ in range(6)]
        silent = [Client(weir, "other") for _ in range(6)]
        for client in begun:
            client.send("GET / HTTP/1.1\r\nHo")
        assert reload(weir, simple("new")).is_ok
        expected = b"new" if same else b"old"  # the rules of its listener
        for client in asks:
            assert client.ask(get("/")).body == expected
        for client in begun:
            client.send("st: a\r\n\r\n")
            assert client.receive().body == expected
        wait_refused(weir, "other")
        if not same:
            for client in asks + begun + silent:
                assert client.read_to_end() == b""  # a reset would be an error
        for client in asks + begun + silent:
            client.close()
        with Client(weir) as client:
            assert client.ask(get("/")).body == b"new"


def test_who_was_silent_over_the_change_may_ask_until_it_is_closed():
    text = with_other("127.0.0.1:{other}", same=True)
    with Weir(text, PORTS) as weir:
        silent = [Client(weir, "other") for _ in range(8)]
        assert reload(weir, simple("new")).is_ok
        wait_refused(weir, "other")
        for client in silent:
            assert client.ask(get("/")).body == b"new"
            client.close()


@pytest.mark.parametrize("unix", [False, True], ids=["tcp", "unix"])
def test_nobody_is_reset_while_it_goes(unix):
    with Weir(with_other("127.0.0.1:{other}", "unix:{dir}/web.sock"), PORTS, workers=2) as weir:
        to = weir.dir / "web.sock" if unix else weir.port("other")
        threads = [Knocking(to) for _ in range(4)]
        for thread in threads:
            thread.start()
        wait_until(lambda: all(t.good > 20 or t.failure for t in threads), "the load")
        assert reload(weir, simple("new")).is_ok
        for thread in threads:
            thread.join(DEADLINE)
            assert not thread.is_alive() and not thread.failure, thread.failure
        wait_refused(weir, "other")
        assert not (weir.dir / "web.sock").exists()


def test_it_may_come_back_at_once():
    text = with_other("127.0.0.1:{other}", "unix:{dir}/web.sock")
    with Weir(text, PORTS, workers=2) as weir:
        silent = [Client(weir, "other") for _ in range(6)]
        assert reload(weir, simple("new")).is_ok
        assert reload(weir, text).is_ok
        for client in silent:
            with client:
                assert client.ask(get("/")).body == b"old"
        for _ in range(6):
            with Client(weir, "other") as client:
                assert client.ask(get("/")).body == b"old"
            with Client(weir.dir / "web.sock") as client:
                assert client.ask(get("/")).body == b"old"


def knocks(client):
    """How often the client's kernel had to say something again (the last field of Linux' first tcp_info)."""
    info = client.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    return struct.unpack_from("I", info, 100)[0]


def all_come_in(weir):
    clients = [Client(weir, "other") for _ in range(40)]
    assert [knocks(client) for client in clients] == [0] * 40
    assert [client.ask(get("/")).body for client in clients] == [b"old"] * 40
    for client in clients:
        client.close()


@pytest.mark.parametrize("back", ["reload", "rollback"])
def test_nobody_knocks_in_vain_when_it_came_back(back):
    """The sockets that go let nobody in; who comes must not be given to them."""
    text = with_other("127.0.0.1:{other}")
    with Weir(text, PORTS, workers=2) as weir:
        assert reload(weir, simple("new")).is_ok
        assert (reload(weir, text) if back == "reload" else reload(weir, command="rollback")).is_ok
        all_come_in(weir)


def test_it_comes_and_goes():
    text = with_other("127.0.0.1:{other}")
    with Weir(text, PORTS, workers=2) as weir:
        for _ in range(3):
            assert reload(weir, simple("new")).is_ok
            assert reload(weir, text).is_ok
            with Client(weir, "other") as client:
                assert client.ask(get("/")).body == b"old"
        assert reload(weir, simple("new")).is_ok
        wait_refused(weir, "other")


def test_a_worker_that_leaves_does_not_close_what_came_back():
    text = with_other("127.0.0.1:{other}")
    with Weir("workers 3\n" + text, PORTS) as weir:
        before = set(weir.pids())
        assert reload(weir, "workers 1\n" + simple("new")).is_ok
        assert reload(weir, "workers 3\n" + text).is_ok
        wait_until(lambda: len(before & set(weir.pids())) == 1, "the end of two workers")
        all_come_in(weir)


def test_its_clients_stay_when_it_comes_back():
    with Origin(lambda connection, _: None) as origin:
        there = simple("old") + (f"listener gone {{ bind 127.0.0.1:{{other}}; route forward b }}\n"
                                 f"backend b {{ server s 127.0.0.1:{origin.port} }}\n")
        with Weir(there, PORTS) as weir, Client(weir, "other") as client:
            client.send(get("/"))
            origin.wait()
            assert reload(weir, simple("new")).is_ok
            assert reload(weir, there).is_ok
            origin.connections[0].send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            answer = client.receive()
            assert (answer.body, answer.get("Connection")) == (b"ok", None)
            client.send(get("/"))
            origin.wait(2)


def test_a_worker_that_leaves_closes_what_it_began_to_close():
    """Two changes at once: the address goes, and so does the worker that watches some of its sockets."""
    text = with_other("127.0.0.1:{other}")
    with Weir("workers 3\n" + text, PORTS) as weir:
        clients = [Client(weir, "other") for _ in range(16)]
        assert reload(weir, "workers 1\n" + simple("new")).is_ok
        for client in clients:
            with client:
                assert client.ask(get("/")).body == b"old"
        wait_until(lambda: len(weir.pids()) == 1, "one worker")
        wait_refused(weir, "other")
