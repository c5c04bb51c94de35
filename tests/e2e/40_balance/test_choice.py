# SPDX-License-Identifier: Apache-2.0
"""Which server gets a request."""
import os
import socket
from collections import Counter

import pytest
from weirtest import DEADLINE, Client, Connection, Origin, Weir, answer, ask, forward_to, get, reserve_port

THREE = "backend origin {{\n balance {method}\n server a {a}{wa}\n server b {b}{wb}\n server c {c}{wc}\n}}\n"


def spread(method, count, **words):
    """How many of so many requests each of three servers got."""
    names = "abc"
    origins = [Origin(answer(n)) for n in names]
    values = {n: o.address for n, o in zip(names, origins)}
    values.update({"w" + n: " " + words.get(n, "") for n in names})
    backend = THREE.format(method=method, **values)
    with origins[0], origins[1], origins[2]:
        with Weir("listener web { bind 127.0.0.1:{port}; route forward origin }\n" + backend) as weir:
            with Client(weir) as client:
                return Counter(client.ask(get()).body.decode() for _ in range(count))


def test_round_robin_is_even():
    assert spread("round_robin", 30) == {"a": 10, "b": 10, "c": 10}


def test_round_robin_follows_weights():
    counts = spread("round_robin", 70, a="weight 4", b="weight 2")
    assert counts == {"a": 40, "b": 20, "c": 10}


def test_weight_zero_gets_nothing():
    assert spread("round_robin", 20, c="weight 0") == {"a": 10, "b": 10}


@pytest.mark.parametrize("method", ["p2c", "random", "least_request"])
def test_everybody_gets_some(method):
    counts = spread(method, 300)
    assert sum(counts.values()) == 300
    assert all(counts[n] > 40 for n in "abc"), counts


def test_a_backup_serves_only_when_no_other_can():
    with Origin(answer("first")) as first, Origin(answer("spare")) as spare, reserve_port() as dead:
        text = """listener web { bind 127.0.0.1:{port}; route path /up forward up; route forward down }
            backend up { server a %s; server b %s backup }
            backend down { server a 127.0.0.1:%d; server b %s backup }"""
        with Weir(text % (first.address, spare.address, dead.getsockname()[1], spare.address)) as weir:
            assert [ask(weir, get("/up")).body for _ in range(5)] == [b"first"] * 5
            assert [ask(weir, get("/down")).body for _ in range(5)] == [b"spare"] * 5


def test_a_unix_server():
    with socket.socket(socket.AF_UNIX) as server, Weir(forward_to("unix:{dir}/server")) as weir:
        server.settimeout(DEADLINE)
        server.bind(str(weir.dir / "server"))
        os.chmod(weir.dir / "server", 0o777)
        server.listen()
        with Client(weir) as client:
            client.send(get("/u"))
            with Connection(server.accept()[0]) as connection:
                assert connection.read_head().target == "/u"
                connection.send(answer("by file"))
                assert client.receive().body == b"by file"
