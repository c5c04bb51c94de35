# SPDX-License-Identifier: Apache-2.0
"""Whoever sits at the admin socket: the others are answered, and nothing changes that was not ordered."""
import json
import socket

import pytest
from healthtest import ADMIN, admin, order, servers
from weirtest import DEADLINE, Origin, Weir, ask, forward_to, rss_bytes


def connect(weir):
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(DEADLINE)
    sock.connect(str(weir.dir / "admin.sock"))
    return sock


@pytest.mark.parametrize(
    "garbage",
    [b"x" * (10 << 20), b"\0" * 1000 + b"\n", bytes(range(256)) * 100 + b"\n", b"server set origin/s1 weight 9", b"\n" * 100_000,
     b'"' * 1000 + b"\n", b"a " * 1000 + b"\n", b"transaction\n" * 3],
    ids=["endless", "nul", "bytes", "half", "empty", "quotes", "words", "nested"],
)
def test_garbage(garbage):
    with Origin() as origin, Weir(forward_to(origin, top=ADMIN)) as weir, connect(weir) as client:
        before = servers(weir)
        try:
            client.sendall(garbage)
            client.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            pass  # cut off in the middle of it
        assert servers(weir) == before
        assert ask(weir).status == 200


def test_a_client_that_never_reads():
    with Origin() as origin, Weir(forward_to(origin, top=ADMIN)) as weir, connect(weir) as deaf:
        control = weir.pids("control")[0]
        before = rss_bytes(control)
        deaf.settimeout(1)
        try:
            for _ in range(200):
                deaf.sendall(b"show servers\n" * 1000)
        except TimeoutError:
            pass  # it does not take more than it can answer
        order(weir, "server set origin/s1 weight 2")
        assert servers(weir)["s1"]["weight"] == 2
        assert rss_bytes(control) - before < 32 << 20


def test_many_clients():
    with Origin() as origin, Weir(forward_to(origin, top=ADMIN)) as weir:
        clients = [connect(weir) for _ in range(200)]
        order(weir, "server set origin/s1 weight 2")
        for client in clients:
            client.close()


def test_watch_tells_everything_in_order():
    with Origin() as origin, Weir(forward_to(origin, top=ADMIN)) as weir, connect(weir) as watcher:
        lines = watcher.makefile("r")
        watcher.sendall(b"watch servers\n")
        assert lines.readline() == "ok\n"
        for weight in range(2, 12):
            order(weir, f"server set origin/s1 weight {weight}")
        events = [json.loads(lines.readline()) for _ in range(10)]
        assert [event["to"] for event in events] == [str(weight) for weight in range(2, 12)]
        assert [event["seq"] for event in events] == list(range(events[0]["seq"], events[0]["seq"] + 10))
        assert set(events[0]) == {"seq", "time", "generation", "type", "object", "from", "to", "reason", "cause"}


def test_a_slow_watcher_learns_what_it_missed():
    with Origin() as origin, Weir(forward_to(origin, top=ADMIN)) as weir, connect(weir) as watcher, connect(weir) as pipe:
        watcher.sendall(b"watch\n")
        lines = watcher.makefile("r")
        assert lines.readline() == "ok\n"
        replies = pipe.makefile("r")
        for start in range(0, 40_000, 1000):
            pipe.sendall(b"".join(b"server set origin/s1 weight %d\n" % (1 + (start + i) % 900) for i in range(1000)))
            for _ in range(2000):
                replies.readline()
        seen, gaps = 0, 0
        while seen < 39_000:
            event = json.loads(lines.readline())
            if event["type"] == "gap":
                assert event["from"] == seen + 1
                seen, gaps = event["to"], gaps + 1
            else:
                assert seen in (0, event["seq"] - 1)
                seen = event["seq"]
        assert gaps >= 1
