# SPDX-License-Identifier: Apache-2.0
"""What was changed at run time outlives processes and restarts; a change is there or not, never half."""
import ctypes
import json
import os
import random
import signal

import pytest
from healthtest import ADMIN, admin, order, servers
from weirtest import Origin, Weir, ask, forward_to, wait_until

TOP = ADMIN + "\nstate_file {dir}/state"


def restart(weir, number=signal.SIGINT):
    weir.stop(number)
    weir.log.clear()  # its successor has to say anew that it is ready
    weir.start()


def test_overrides_survive_a_restart():
    with Origin() as a, Origin() as b, Origin() as c, Weir(forward_to(a, b, top=TOP)) as weir:
        order(weir, "server set origin/s1 weight 9")
        order(weir, "server set origin/s2 state drain")
        order(weir, f"server add origin s3 {c.address} weight 4")
        order(weir, f"server add origin s4 {c.address.replace('127.0.0.1', '127.0.0.2')}")
        order(weir, "server remove origin/s4")
        order(weir, f"server set origin/s2 address {c.address}")
        order(weir, "server set origin/s2 address auto")
        order(weir, "sync")
        before = servers(weir)
        for number in (signal.SIGINT, signal.SIGTERM):
            restart(weir, number)
            after = servers(weir)
            assert sorted(after) == ["s1", "s2", "s3"]
            for name, row in after.items():
                for column in ("use", "address", "weight", "override", "by", "runtime"):
                    assert row[column] == before[name][column], (name, column)


def test_taken_back_is_taken_back():
    with Origin() as a, Origin() as b, Weir(forward_to(a, b, top=TOP)) as weir:
        order(weir, "server set origin/s1 weight 9")
        order(weir, f"server set origin/s1 address {b.address}")
        order(weir, "server set origin/s1 address auto")
        order(weir, "server set origin/s1 weight auto")
        order(weir, "sync")
        restart(weir)
        row = servers(weir)["s1"]
        assert row["override"] == "" and row["address"] == a.address and row["weight"] == 1


def test_what_the_state_file_brings_back_is_no_event_of_now():
    with Origin() as a, Origin() as b, Weir(forward_to(a, b, top=TOP)) as weir:
        order(weir, "server set origin/s1 state drain")
        order(weir, "server set origin/s1 state auto")
        order(weir, "server set origin/s2 state drain")
        order(weir, "server set origin/s2 weight 7")
        order(weir, "server add origin s3 127.0.0.1:9 weight 0")
        order(weir, "sync")
        since = servers(weir)["s2"]["since"]
        restart(weir)
        weir.wait_log(f"state file: server origin/s2: state drain since {since} by uid ")
        restored = [line.split("state file: ")[1] for line in weir.log if "state file: " in line]
        assert len(restored) == 2 and "weight 7" in restored[0] and "origin/s3: added at run time since" in restored[1]
        assert not [line for line in weir.log if "origin/s1" in line or " is drain, was" in line]
        events = [row for row in json.loads(admin(weir, "@json explain server origin/s2")[1]) if row["step"] == "event"]
        assert events == []


@pytest.mark.parametrize("role", ["writer", "control"])
def test_killed_at_any_moment(role):
    """Everything that `sync` has confirmed is there after the death of a process and after a restart."""
    pick = random.Random(5)
    with Origin() as a, Origin() as b, Weir(forward_to(a, b, top=TOP)) as weir:
        weight = 1
        for _ in range(5):
            for _ in range(pick.randrange(1, 40)):
                weight += 1
                order(weir, f"server set origin/s1 weight {weight}")
            order(weir, "sync")
            old = weir.pids(role)
            os.kill(old[0], signal.SIGKILL)
            wait_until(lambda: [p for p in weir.pids(role) if p not in old], "a successor")
            wait_until(lambda: alive(weir), "an answer")
            assert servers(weir)["s1"]["weight"] == weight
        order(weir, "sync")
        restart(weir, signal.SIGKILL)
        assert servers(weir)["s1"]["weight"] == weight
        assert ask(weir).status == 200


def alive(weir):
    try:
        return admin(weir, "status")[0].startswith("ok")
    except (OSError, ConnectionError):
        return False


@pytest.mark.parametrize("rubbish", [b"", b"\0" * 5000, b"0123456789abcdef epoch 7\n", b"half a line"])
def test_a_spoilt_file(rubbish):
    with Origin() as origin, Weir(forward_to(origin, top=TOP), start=False) as weir:
        (weir.dir / "state").write_bytes(rubbish)
        weir.start()
        assert ask(weir).status == 200
        order(weir, "server set origin/s1 weight 3")
        order(weir, "sync")
        restart(weir)
        assert servers(weir)["s1"]["weight"] == 3


def test_results_of_operations_are_kept():
    command = "transaction op-id one\nserver set origin/s1 weight {}\ncommit"
    with Origin() as origin, Weir(forward_to(origin, top=TOP)) as weir:
        admin(weir, command.format(5))
        order(weir, "sync")
        restart(weir)
        admin(weir, "server set origin/s1 weight 6")
        admin(weir, command.format(5))
        assert servers(weir)["s1"]["weight"] == 6


def small_disk(directory):
    """In the new process: a file system of 64 KiB at that directory, which nobody else sees."""
    libc = ctypes.CDLL(None, use_errno=True)
    new_namespace, recursive_private = 0x20000, 0x4000 | 0x40000

    def enter():
        done = libc.unshare(new_namespace) == 0 and libc.mount(None, b"/", None, recursive_private, None) == 0
        if not done or libc.mount(b"none", str(directory).encode(), b"tmpfs", 0, b"size=64k") != 0:
            raise OSError(ctypes.get_errno(), "no file system of our own")

    return enter


def test_a_full_disk():
    """Said in the log; nothing else suffers, and `sync` does not claim what is not so."""
    text = forward_to("{o}", top=TOP.replace("{dir}/state", "{dir}/small/state"))
    with Origin() as origin, Weir(text, start=False, o=origin.address) as weir:
        (weir.dir / "small").mkdir()
        weir.before_exec = small_disk(weir.dir / "small")
        weir.start()
        for weight in range(1, 900):
            order(weir, f"server set origin/s1 weight {weight + 1}")
        weir.wait_log("state file: No space left on device")
        assert admin(weir, "sync")[0].startswith("error timeout")  # which takes the five seconds that it has
        assert servers(weir)["s1"]["weight"] == 900
        assert ask(weir).status == 200
