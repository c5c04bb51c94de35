# SPDX-License-Identifier: Apache-2.0
"""Control dies or stands still while traffic goes on."""
import sys

from healthtest import Checked, Load, bodies, checked, kill, order, servers, wait_seen, wait_use
from weirtest import ROOT, Weir, wait_until

sys.path.insert(0, str(ROOT / "tests" / "bench"))

import control_stall

SLOW = "check http /healthz {\ninterval 1h\nfast 20ms\ntimeout 1h\nrise 1\nfall 1\n}"


def test_no_request_fails_when_control_is_killed():
    with Checked("a") as a, Checked("b") as b, Weir(checked(a, b), workers=2) as weir:
        wait_use(weir, "s1", "up")
        wait_use(weir, "s2", "up")
        with Load(weir) as load:
            for _ in range(3):
                kill(weir, "control")
                load.progress()
        assert not load.bad
        assert {row["use"] for row in servers(weir).values()} == {"up"}


def test_states_outlive_control():
    """The checks of the next hour are over: whatever is known afterwards was known before."""
    with Checked("a") as a, Checked("b") as b, Checked("c") as c, Checked("d") as d:
        b.sick.set()
        with Weir(checked(a, b, c, d, check=SLOW), workers=2) as weir:
            wait_use(weir, "s1", "up")
            wait_use(weir, "s2", "down")
            wait_use(weir, "s3", "up")
            wait_use(weir, "s4", "up")
            order(weir, "server set origin/s3 state drain")
            order(weir, "server set origin/s4 weight 7")
            known = ("use", "reason", "since", "weight")
            state = lambda: {name: [row[column] for column in known] for name, row in servers(weir).items()}
            before = state()
            for origin in (a, b, c, d):  # a check would hang now and change nothing
                origin.handlers = [lambda connection, request: connection.read_to_end()]
            kill(weir, "control")
            after = state()
            assert after == before
            assert after["s2"][0] == "down" and after["s3"][0] == "drain" and after["s4"][3] == 7


def test_checks_go_on_after_control_was_killed():
    with Checked("a") as a, Checked("b") as b, Weir(checked(a, b), workers=2) as weir:
        wait_use(weir, "s2", "up")
        wait_use(weir, "s1", "up")
        a.sick.set()
        wait_use(weir, "s1", "down")
        kill(weir, "control")
        b.sick.set()
        wait_use(weir, "s2", "down")
        a.sick.clear()
        wait_use(weir, "s1", "up")
        assert set(bodies(weir, 10)) == {"a"}


def test_an_added_server_and_a_removed_one_outlive_control():
    with Checked("a") as a, Checked("b") as b, Weir(checked(a), workers=2) as weir:
        wait_use(weir, "s1", "up")
        order(weir, f"server add origin late {b.address}")
        wait_use(weir, "late", "up")
        kill(weir, "control")
        assert servers(weir)["late"]["use"] == "up"
        wait_until(lambda: set(bodies(weir, 10)) == {"a", "b"}, "both to answer")
        order(weir, "server remove origin/late")
        kill(weir, "control")
        wait_until(lambda: "late" not in servers(weir), "the removed one to go")
        wait_seen(weir)
        assert set(bodies(weir, 10)) == {"a"}


def test_a_death_of_everybody_who_checks_and_serves():
    with Checked("a") as a, Checked("b") as b, Weir(checked(a, b), workers=2) as weir:
        b.sick.set()
        wait_use(weir, "s2", "down")
        wait_use(weir, "s1", "up")
        for role in ("control", "worker", "writer"):
            kill(weir, role)
        assert set(bodies(weir, 10)) == {"a"}
        assert servers(weir)["s2"]["use"] == "down"


def test_control_that_stands_still_takes_no_server_down():
    found = control_stall.run(seconds=3, servers=6)
    assert found["requests"] > 50 and found["checks afterwards"] >= 6
    assert not found["requests failed"] and not found["servers not up"] and not found["told"]
