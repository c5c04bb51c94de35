# SPDX-License-Identifier: Apache-2.0
"""Full: too many clients, no descriptors.  Nobody is refused, those who are in are served."""
import resource
import select
import socket

from weirtest import Client, Origin, Weir, cpu_seconds, forward_to, get, wait_until


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

        wait_until(lambda: let_in() >= 30, "thirty tunnels")
        assert is_idle(weir.pids()[0])
        assert let_in() < 60
        while waiting:
            for client in inside:
                client.close()
            inside.clear()
            wait_until(let_in, "others in their place")
        for client in inside:
            client.close()
