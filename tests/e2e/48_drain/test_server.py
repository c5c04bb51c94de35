# SPDX-License-Identifier: Apache-2.0
"""A server is drained: it is told when nothing is in flight there any more, or its time is up."""
import threading

from draintest import PORTS, Watch, leaving
from healthtest import order, servers
from weirtest import DEADLINE, Client, Origin, Weir, answer, get, wait_until


class Held:
    def __init__(self):
        self.go = threading.Event()

    def __call__(self, connection, _request):
        self.go.wait(DEADLINE)
        connection.send(answer("finished"))


def until(watch, kind):
    """The types of events up to the first of that kind."""
    seen = []
    while not seen or seen[-1] != kind:
        seen.append(watch.next()[0])
    return seen


def test_it_is_told_when_a_server_is_drained():
    held = Held()
    with Origin(held) as origin, Weir(leaving(origin), PORTS, workers=2) as weir, Watch(weir) as watch:
        with Client(weir) as client:
            client.send(get())
            origin.wait()
            order(weir, "server set origin/s1 state drain force")
            reason = servers(weir)["s1"]["reason"]
            assert reason.startswith("drained by uid ") and reason.endswith("; 1 in flight"), reason
            held.go.set()
            assert client.receive().status == 200
        assert until(watch, "server.drained")[-2:] in (["server.state", "server.drained"], ["server.use", "server.drained"])
        assert servers(weir)["s1"]["reason"].endswith("; nothing in flight")


def test_removal_ends_when_the_time_is_up():
    held = Held()
    with Origin(held) as origin, Origin(held) as other, Weir(leaving(origin), PORTS) as weir, Watch(weir) as watch:
        order(weir, f"server add origin s2 {other.address} weight 1000")
        order(weir, "server set origin/s1 weight 0")
        with Client(weir) as client:
            client.send(get())
            wait_until(lambda: servers(weir)["s2"]["in_flight"] == 1, "a request")
            order(weir, "server remove origin/s2 drain 300ms force")
            assert "server.drained" not in until(watch, "server.removed")
            assert "s2" not in servers(weir)
            held.go.set()
            assert client.receive().status == 200
