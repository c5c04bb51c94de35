# SPDX-License-Identifier: Apache-2.0
"""An answer to a change means that every worker has seen it: the next request of each obeys."""
import os
import signal
import threading
import time

import pytest
from admintest import AdminClient, fleet, named, who
from healthtest import OneEach
from weirtest import DEADLINE, Origin, Weir, answer, get, wait_until

WORKERS = 4


@pytest.fixture(scope="module")
def world():
    """Four workers, a connection to each, and three servers of which the third is not in the file."""
    with Origin(named("a")) as a, Origin(named("b")) as b, Origin(named("c")) as c:
        with Weir(fleet(a, b, backend="balance round_robin"), workers=WORKERS) as weir, AdminClient(weir) as admin, OneEach(weir, WORKERS) as each:
            yield World(weir, admin, each, a, b, c)


class World:
    def __init__(self, weir, admin, each, a, b, c):
        self.weir, self.admin, self.each = weir, admin, each
        self.a, self.b, self.c = a, b, c

    def change(self, line):
        first = self.admin.ask(line).first
        assert "pending" not in first, first
        return first

    def give(self, origin):
        """Has the first worker send a request to the one server that is not in the file."""
        for name in ("s1", "s2"):
            self.change(f"server set origin/{name} weight 0 force")
        self.each[0].send(get())
        origin.wait()
        for name in ("s1", "s2"):
            self.change(f"server set origin/{name} weight auto")

    def answers(self, count=1):
        """Who answers in each worker, all asked before any answers."""
        for client in self.each:
            client.send(get() * count)
        return [{client.receive().body.decode() for _ in range(count)} for client in self.each]

    def everywhere(self, *names, count=6):
        found = self.answers(count)
        assert found == [set(names)] * WORKERS, found


ROUNDS = range(5)


def test_weight(world):
    for _ in ROUNDS:
        world.change("server set origin/s2 weight 0")
        world.everywhere("a")
        world.change("server set origin/s2 weight auto")
        world.everywhere("a", "b")


@pytest.mark.parametrize("state", ["drain", "down"])
def test_state(world, state):
    for _ in ROUNDS:
        world.change(f"server set origin/s1 state {state}")
        world.everywhere("b")
        world.change("server set origin/s1 state up")
        world.everywhere("a", "b")
        world.change(f"server set origin/s2 state {state}")
        world.everywhere("a")
        world.change("server set origin/s2 state auto")
        world.everywhere("a", "b")
    world.change("server set origin/s1 state auto")


def test_address(world):
    for _ in ROUNDS:
        world.change(f"server set origin/s2 address {world.c.address}")
        world.everywhere("a", "c")
        world.change("server set origin/s2 address auto")
        world.everywhere("a", "b")


def test_add_and_remove(world):
    for number in ROUNDS:
        world.change(f"server add origin r{number} {world.c.address}")
        world.everywhere("a", "b", "c")
        world.change(f"server remove origin/r{number}")
        world.everywhere("a", "b")
        wait_until(lambda: len(world.admin.servers()) == 2, "the server to leave")


def test_backup(world):
    world.change(f"server add origin spare {world.c.address} backup")
    world.everywhere("a", "b")
    world.change("server set origin/s1 state down")
    world.everywhere("b")
    world.change("server set origin/s2 state down force")
    world.everywhere("c")
    world.change("server set origin/s2 state auto")
    world.everywhere("b")
    world.change("server set origin/s1 state auto")
    world.change("server remove origin/spare")
    world.everywhere("a", "b")
    wait_until(lambda: len(world.admin.servers()) == 2, "the server to leave")


def test_max_in_flight(world):
    go = threading.Event()

    def slow(connection, request):
        go.wait(20)
        connection.send(answer("slow"))

    with Origin(slow) as limited:
        world.change(f"server add origin limited {limited.address} max_in_flight 1")
        world.give(limited)
        for client in world.each[1:]:
            assert set(who(client, 6)) == {"a", "b"}
        assert world.admin.servers()["origin/limited"]["in_flight"] == 1
        go.set()
        assert world.each[0].receive().body == b"slow"
        world.change("server remove origin/limited")
        world.everywhere("a", "b")
        wait_until(lambda: len(world.admin.servers()) == 2, "the server to leave")
        assert len(limited.requests) == 1


def test_a_removed_server_finishes_what_it_has(world):
    go = threading.Event()

    def slow(connection, request):
        go.wait(20)
        connection.send(answer("slow"))

    with Origin(slow) as leaving:
        world.change(f"server add origin leaving {leaving.address}")
        world.give(leaving)
        world.change("server remove origin/leaving")
        others = [set(who(client, 4)) for client in world.each[1:]]
        assert others == [{"a", "b"}] * (WORKERS - 1)
        row = world.admin.servers()["origin/leaving"]
        assert row["use"] == "drain" and row["in_flight"] == 1 and row["reason"].startswith("removed by uid ")
        world.admin.refuse("server set origin/leaving weight 2", "refused", "being removed")
        go.set()
        assert world.each[0].receive().body == b"slow"
        wait_until(lambda: len(world.admin.servers()) == 2, "the server to leave")


def test_a_stopped_worker_is_named_and_catches_up():
    with Origin(named("a")) as a, Origin(named("b")) as b:
        with Weir(fleet(a, b, backend="balance round_robin"), workers=WORKERS) as weir, AdminClient(weir) as admin, OneEach(weir, WORKERS) as each:
            number = 2
            os.kill(weir.pids()[number], signal.SIGSTOP)
            try:
                begin = time.monotonic()
                first = admin.ask("server set origin/s2 weight 0").first
                took = time.monotonic() - begin
                assert first.endswith(f" pending worker {number}") and first.count("pending") == 1, first
                assert 0.2 < took < DEADLINE, took
                others = [client for i, client in enumerate(each) if i != number]
                assert [set(who(client, 6)) for client in others] == [{"a"}] * (WORKERS - 1)
                # Many at once do not wait one after the other.
                begin = time.monotonic()
                replies = admin.many(f"server set origin/s1 weight {weight}" for weight in range(1, 101))
                assert all(r.is_ok and f"pending worker {number}" in r.first for r in replies)
                assert time.monotonic() - begin < 100 * took / 2
                assert admin.json("show workers")[number]["changes_behind"] == 101
            finally:
                os.kill(weir.pids()[number], signal.SIGCONT)
            wait_until(lambda: admin.json("show workers")[number]["changes_behind"] == 0, "the worker to catch up")
            assert set(who(each[number], 6)) == {"a"}
            assert "pending" not in admin.ask("server set origin/s2 weight 1").first
            assert set(who(each[number], 300)) == {"a", "b"}
