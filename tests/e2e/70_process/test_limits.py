# SPDX-License-Identifier: Apache-2.0
"""Full: too many clients, no descriptors.  Nobody is refused, those who are in are served."""
import os
import resource
import select
import socket
import subprocess

from weirtest import Client, Origin, Weir, cpu_seconds, forward_to, get, status_of, wait_until


def is_idle(pid):
    """Hardly any CPU was used in a while: what waits is not polled for."""
    before = cpu_seconds(pid)
    with socket.socket() as never:  # a bounded wait for something that does not come
        never.bind(("127.0.0.1", 0))
        never.listen(1)
        never.settimeout(0.5)
        try:
            never.accept()
        except TimeoutError:
            pass
    return cpu_seconds(pid) - before < 0.2


def test_more_clients_than_allowed_wait():
    with Origin() as origin, Weir(forward_to(origin, top="max_connections 8")) as weir:
        inside = [Client(weir) for _ in range(8)]
        assert all(client.ask(get()).status == 200 for client in inside)
        with Client(weir) as ninth:
            ninth.send(get())
            assert is_idle(weir.pids()[0])
            assert len(origin.requests) == 8
            assert inside[0].ask(get()).status == 200
            inside.pop().close()
            assert ninth.receive().status == 200
        for client in inside:
            client.close()


def few_descriptors():
    resource.setrlimit(resource.RLIMIT_NOFILE, (220, 220))


def test_idle_connections_make_room():
    """More servers than descriptors: their idle connections give way to requests and to clients."""
    with Origin() as origin:
        text = forward_to(*[origin] * 250, backend="balance round_robin")
        with Weir(text, before_exec=few_descriptors) as weir, Client(weir) as client:
            for _ in range(400):
                assert client.ask(get()).status == 200
            others = [Client(weir) for _ in range(20)]
            for other in others:
                assert other.ask(get()).status == 200
                other.close()


def test_no_descriptors_left():
    """Tunnels take two descriptors a client and cannot give way."""

    def upgrade(connection, request):
        connection.send("HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
        connection.more()

    with Origin(upgrade) as origin, Weir(forward_to(origin), before_exec=few_descriptors) as weir:
        waiting = [Client(weir) for _ in range(60)]
        for client in waiting:
            client.send(get("/", "a", "Connection: upgrade", "Upgrade: x"))
        inside = []

        def let_in():
            ready, _, _ = select.select([client.socket for client in waiting], [], [], 0)
            for client in [c for c in waiting if c.socket in ready]:
                assert client.receive(head_only=True).status == 101
                waiting.remove(client)
                inside.append(client)
            return len(inside)

        wait_until(lambda: let_in() >= 20, "twenty tunnels")
        assert is_idle(weir.pids()[0])
        assert let_in() < 60
        while waiting:
            for client in inside:
                client.close()
            inside.clear()
            wait_until(let_in, "others in their place")
        for client in inside:
            client.close()


class Crowd:
    """Clients that have asked and wait for their answer."""

    def __init__(self, weir, count):
        self.waiting, self.served = [Client(weir) for _ in range(count)], []
        for client in self.waiting:
            client.send(get())

    def take_answers(self):
        """Receives what has come; gives the number of those that still wait."""
        for client in [c for c in self.waiting if select.select([c.socket], [], [], 0)[0]]:
            assert client.receive(head_only=True).status == 200
            self.waiting.remove(client)
            self.served.append(client)
        return len(self.waiting)

    def leave(self):
        """Those that were served close their connections."""
        while self.served:
            self.served.pop().close()


def test_everybody_gets_a_turn():
    with Origin() as origin, Weir(forward_to(origin, top="max_connections 8")) as weir:
        crowd = Crowd(weir, 100)
        while crowd.waiting:
            wait_until(lambda: crowd.take_answers() == 0 or len(crowd.served) == 8, "the next eight")
            crowd.leave()
        assert len(origin.requests) == 100


def descriptors(pid):
    return sorted(int(name) for name in os.listdir(f"/proc/{pid}/fd"))


def limit_descriptors(pid, limit):
    """Lowers or raises the limit of a running process.  Its own user may do that, root not everywhere."""
    user, group = (int(status_of(pid, name).split()[0]) for name in ("Uid", "Gid"))
    who = {"user": user, "group": group, "extra_groups": []} if os.geteuid() == 0 else {}
    subprocess.run(["prlimit", f"--pid={pid}", f"--nofile={limit}:"], check=True, **who)


def test_accept_without_descriptors():
    """Those who are in are served; the others wait, first for descriptors that come free, then for more of them."""
    text = "max_connections 1000\nlistener web { bind 127.0.0.1:{port}; route respond 200 fine }"
    with Weir(text) as weir:
        worker, inside = weir.pids()[0], [Client(weir) for _ in range(4)]
        assert all(client.ask(get()).status == 200 for client in inside)
        limit_descriptors(worker, descriptors(worker)[-1] + 4)
        crowd = Crowd(weir, 40)
        weir.wait_log("cannot accept")
        assert is_idle(worker)
        waiting = crowd.take_answers()
        assert waiting >= 30
        assert all(client.ask(get()).status == 200 for client in inside)
        for client in inside:
            client.close()
        wait_until(lambda: crowd.take_answers() <= waiting - 4, "others in their place")
        assert crowd.take_answers() > 20
        limit_descriptors(worker, 1000)
        wait_until(lambda: crowd.take_answers() == 0, "all the others")
        crowd.leave()


def test_large_answers_to_all_who_are_allowed():
    def handler(connection, request):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 8388608\r\n\r\n" + bytes(8 << 20))

    def exactly_enough():
        resource.setrlimit(resource.RLIMIT_NOFILE, (344, 344))

    with Origin(handler) as origin:
        with Weir(forward_to(origin, top="max_connections 100"), before_exec=exactly_enough) as weir:
            crowds = []
            for number in range(100):
                crowds.append(Crowd(weir, 1))
                wait_until(lambda: crowds[-1].take_answers() == 0, f"client {number}", 2)
