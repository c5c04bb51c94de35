# SPDX-License-Identifier: Apache-2.0
"""explain says what workers do: in a panic, with backups, with servers at their limit, and with none left."""
import json
import threading

import pytest
from healthtest import ADMIN, Checked, admin, bodies, checked, order, wait_use
from weirtest import DEADLINE, Client, Origin, Weir, answer, ask, forward_to, get, reserve_port, wait_until

CHECK = "check http /healthz {\ninterval 20ms\nrise 1\nfall 1\n}"


def explained(weir):
    """The rows about servers by name, and the steps that come of them."""
    rows = json.loads(admin(weir, "@json explain request GET http://test/")[1])
    servers = {row["what"].split("/")[1]: row["outcome"] for row in rows if row["step"] == "server"}
    return servers, [row["step"] for row in rows if row["step"] not in ("listener", "request", "route", "server", "backend")]


def candidates(weir):
    return {name for name, outcome in explained(weir)[0].items() if outcome.startswith("candidate")}


def test_in_a_panic_all_are_candidates_but_those_taken_out_by_hand():
    with Checked("s1") as a, Checked("s2") as b, Checked("s3") as c, Checked("s4") as d:
        origins = (a, b, c, d)
        with Weir(checked(*origins, check=CHECK, backend="panic 60%"), workers=2) as weir:
            for name in ("s1", "s2", "s3", "s4"):
                wait_use(weir, name, "up")
            assert explained(weir)[1] == []
            order(weir, "server set origin/s4 state down force")
            for origin in (b, c):
                origin.sick.set()
            wait_use(weir, "s2", "down"), wait_use(weir, "s3", "down")
            servers, steps = explained(weir)
            assert steps == ["panic"]
            assert candidates(weir) == set(bodies(weir, 40)) == {"s1", "s2", "s3"}
            assert servers["s2"].startswith("candidate in panic: down: ") and servers["s4"].startswith("skipped: down")


def backup(*servers):
    """Of servers with their options, and a local path."""
    lines = "\n".join(f"server {name} {address} {options}" for name, address, options in servers)
    return f"{ADMIN}\nlistener web {{ bind 127.0.0.1:{{port}}; route forward origin }}\nbackend origin {{\n{lines}\n}}\n"


def test_backups_are_candidates_when_no_other_can_take_a_request():
    with Origin(answer("s1")) as a, Origin(answer("b1")) as b, Origin(answer("b2")) as c:
        text = backup(("s1", a.address, ""), ("b1", b.address, "backup"), ("b2", c.address, "backup"))
        with Weir(text) as weir:
            servers, _ = explained(weir)
            assert servers["b1"].startswith("in reserve: backup") and candidates(weir) == {"s1"}
            assert set(bodies(weir, 10)) == {"s1"}
            order(weir, "server set origin/s1 state down")
            assert candidates(weir) == {"b1", "b2"} == set(bodies(weir, 40))


def test_a_backup_takes_over_from_a_server_at_its_limit():
    gate = threading.Event()

    def held(connection, request):
        gate.wait(DEADLINE)
        connection.send(answer("late"))

    with Origin(held) as a, Origin(answer("b1")) as b:
        text = backup(("s1", a.address, "max_in_flight 1"), ("b1", b.address, "backup"))
        with Weir(text) as weir, Client(weir) as client:
            client.send(get())
            a.wait()
            servers, _ = explained(weir)
            assert servers["s1"] == "skipped: at max_in_flight 1" and servers["b1"].startswith("candidate: backup")
            assert ask(weir).body == b"b1"
            order(weir, "server set origin/b1 state down force")
            assert explained(weir)[1] == ["wait"]
            gate.set()
            client.receive()
            wait_until(lambda: candidates(weir) == {"s1"}, "room at the server")


def test_what_becomes_of_a_request_without_a_server():
    with Origin(answer("f1")) as fallback:
        text = backup(("s1", "127.0.0.1:1", "")).replace("backend origin {", "backend origin {\nfallback rest")
        text += f"backend rest {{ server f1 {fallback.address} }}\n"
        with Weir(text) as weir:
            order(weir, "server set origin/s1 state down force")
            assert explained(weir)[1] == ["fallback"] and candidates(weir) == {"f1"}
            assert ask(weir).body == b"f1"
            order(weir, "server set rest/f1 state down force")
            assert explained(weir)[1] == ["fallback", "answer"]
            assert ask(weir).status == 503


def test_a_half_open_server_is_on_trial():
    with reserve_port() as sock, Origin(answer("s2")) as good:
        dead = f"127.0.0.1:{sock.getsockname()[1]}"
        block = "outlier { connect_errors 1; eject 10ms; max_eject 10ms; max_ejected 100% }\nretry none"
        with Weir(forward_to(dead, good, backend=block, top=ADMIN)) as weir:
            wait_until(lambda: ask(weir).status == 502, "an ejection")
            wait_use(weir, "s1", "half-open")
            servers, _ = explained(weir)
            assert servers["s1"].startswith("on trial: one request at a time") and candidates(weir) == {"s2"}
