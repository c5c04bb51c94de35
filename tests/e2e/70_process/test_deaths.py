# SPDX-License-Identifier: Apache-2.0
"""Whoever dies is replaced, and takes nothing with it but its own work."""
import ctypes
import os
import platform
import signal
import socket
import threading

import pytest
from weirtest import DEADLINE, Client, Load, Origin, Weir, answer, ask, forward_to, get, status_of, wait_until


def replaced(weir, role, old):
    return wait_until(lambda: [p for p in weir.pids(role) if p not in old], f"a new {role}")


def test_a_killed_worker_under_load():
    with Origin() as origin, Weir(forward_to(origin), workers=2) as weir:
        loads = [Load(weir) for _ in range(4)]
        for load in loads:
            load.start()
        for kills in range(1, 4):
            goal = sum(load.good for load in loads) + 50
            wait_until(lambda: sum(load.good for load in loads) >= goal, "progress")
            old = weir.pids()
            os.kill(old[0], signal.SIGKILL)
            replaced(weir, "worker", old)
        for load in loads:
            load.stop()
        assert sum(load.refused for load in loads) == 0
        assert sum(load.broken for load in loads) <= 3 * len(loads)  # those in flight
        assert ask(weir).status == 200


def test_in_flight_counts_survive_a_killed_worker():
    hold = threading.Event()

    def handler(connection, request):
        if request.target == "/hold":
            hold.wait(DEADLINE)
        connection.send(answer("ok"))

    text = forward_to("{o} max_in_flight 1")
    with Origin(handler) as origin, Weir(text, o=origin.address) as weir, Client(weir) as client:
        client.send(get("/hold"))
        origin.wait()
        old = weir.pids()
        os.kill(old[0], signal.SIGKILL)
        replaced(weir, "worker", old)
        assert ask(weir, get("/next")).status == 200
        hold.set()


@pytest.mark.parametrize("role", ["control", "writer"])
def test_traffic_does_not_need(role):
    with Origin() as origin, Weir(forward_to(origin)) as weir, Client(weir) as client:
        for round_number in range(3):
            old = weir.pids(role)
            os.kill(old[0], signal.SIGKILL)
            assert client.ask(get()).status == 200
            replaced(weir, role, old)
            weir.wait_log(f"{role} is back", round_number + 1)
        # A line that was being written at a kill may be there twice.
        wait_until(lambda: len(set(weir.access(0))) == 3, "a line for each request")


class Registers(ctypes.Structure):
    """user_regs_struct of x86-64, of which only the number of the system call matters."""

    _fields_ = [("before", ctypes.c_ulonglong * 15), ("orig_rax", ctypes.c_ulonglong), ("after", ctypes.c_ulonglong * 11)]


def make_it_call(pid, number):
    """Lets a process make another system call in place of the next one it enters."""
    attach, cont, getregs, setregs, syscall = 16, 7, 12, 13, 24
    libc, registers = ctypes.CDLL(None, use_errno=True), Registers()
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]

    def ptrace(request, data=None):
        assert libc.ptrace(request, pid, None, data) == 0, os.strerror(ctypes.get_errno())

    ptrace(attach)
    os.waitpid(pid, 0x40000000)
    ptrace(syscall)
    os.waitpid(pid, 0x40000000)
    ptrace(getregs, ctypes.byref(registers))
    registers.orig_rax = number
    ptrace(setregs, ctypes.byref(registers))
    ptrace(cont)
    # Who traces a process hears of its end first.
    _, status = os.waitpid(pid, 0x40000000)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGSYS


@pytest.mark.skipif(platform.machine() != "x86_64", reason="knows the registers of x86-64 only")
@pytest.mark.parametrize("role", ["worker", "control", "writer"])
def test_a_forbidden_system_call_ends_it(role):
    execve = 59
    with Origin() as origin, Weir(forward_to(origin)) as weir:
        old = weir.pids(role)
        make_it_call(old[0], execve)
        assert ask(weir).status == 200
        weir.wait_log("signal 31")
        replaced(weir, role, old)
        assert ask(weir).status == 200


def test_workers_have_no_privileges():
    with Origin() as origin, Weir(forward_to(origin)) as weir:
        for role in ("worker", "control", "writer"):
            pid = weir.pids(role)[0]
            if os.geteuid() == 0:
                assert "0" not in status_of(pid, "Uid").split(), role
                assert "0" not in status_of(pid, "Gid").split(), role
            assert int(status_of(pid, "CapEff"), 16) == 0 or os.geteuid() != 0
            assert status_of(pid, "NoNewPrivs") == "1", role
        assert status_of(weir.pids()[0], "Seccomp") == "2"
