# SPDX-License-Identifier: Apache-2.0
"""Signals, the pid file, the background."""
import os
import signal
import subprocess
import threading

import pytest
from weirtest import (DEADLINE, WEIR, Client, Origin, Weir, answer, ask, children, forward_to, get, is_running,
                      status_of, wait_until)


def accepts(weir):
    try:
        Client(weir).close()
    except OSError:
        return False
    return True


class Held:
    """A handler that answers once it is released; requests for /idle at once."""

    def __init__(self):
        self.go = threading.Event()

    def __call__(self, connection, request):
        if request.target != "/idle":
            self.go.wait(DEADLINE)
        connection.send(answer("finished"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
def test_drain_lets_requests_finish(number):
    held = Held()
    with Origin(held) as origin, Weir(forward_to(origin)) as weir:
        with Client(weir) as busy, Client(weir) as idle:
            assert idle.ask(get("/idle")).status == 200
            busy.send(get())
            origin.wait(2)
            weir.send_signal(number)
            assert idle.is_closed()

            def refused():
                try:
                    Client(weir).close()
                except OSError:
                    return True

            held.go.set()
            response = busy.receive()
            assert (response.body, response.get("Connection")) == (b"finished", "close")
        assert weir.wait() == 0
        wait_until(refused, "a closed port")


def test_drain_has_a_limit():
    with Origin(Held()) as origin, Weir(forward_to(origin, top="shutdown_timeout 200ms")) as weir:
        with Client(weir) as busy:
            busy.send(get())
            origin.wait()
            weir.send_signal(signal.SIGTERM)
            assert busy.receive().status == 503
            assert weir.wait() == 0


def test_int_stops_now():
    with Origin(Held()) as origin, Weir(forward_to(origin)) as weir, Client(weir) as busy:
        busy.send(get())
        origin.wait()
        weir.send_signal(signal.SIGINT)
        assert weir.wait() == 0


def test_a_second_term_stops_now():
    with Origin(Held()) as origin, Weir(forward_to(origin)) as weir, Client(weir) as busy:
        idle = Client(weir)
        assert idle.ask(get("/idle")).status == 200
        busy.send(get())
        origin.wait(2)
        weir.send_signal(signal.SIGTERM)
        assert idle.is_closed()
        weir.send_signal(signal.SIGTERM)
        assert weir.wait() == 0


def test_a_signal_of_a_later_version_changes_nothing():
    with Origin() as origin, Weir(forward_to(origin)) as weir:
        before = weir.pids()
        weir.send_signal(signal.SIGUSR2)
        weir.wait_log("SIGUSR2")
        assert ask(weir).status == 200
        assert weir.pids() == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
def test_a_signal_to_the_whole_group_lets_requests_finish(number):
    held = Held()
    with Origin(held) as origin, Weir(forward_to(origin, top="workers 2"), before_exec=os.setpgrp) as weir:
        with Client(weir) as busy:
            busy.send(get())
            origin.wait()
            os.killpg(weir.process.pid, number)
            # Once the drain is under way, every process has had the signal.
            wait_until(lambda: not accepts(weir), "the listener to close")
            held.go.set()
            assert busy.receive().body == b"finished"
        assert weir.wait() == 0
        assert len(weir.access()) == 1


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1, signal.SIGTERM, signal.SIGINT, signal.SIGUSR2])
def test_signals_end_no_child(number):
    with Weir("listener web { bind 127.0.0.1:{port}; route respond 200 }", workers=2) as weir:
        family = children(weir.process.pid)
        for pid in family:
            os.kill(pid, number)
            assert status_of(pid, "SigIgn")[-4:] == "5a07", "a later signal could end it"
        assert ask(weir).status == 200
        assert children(weir.process.pid) == family and not any("died" in line for line in weir.log)


def test_pid_file():
    with Weir("pid_file {dir}/pid\nlistener web { bind 127.0.0.1:{port}; route respond 200 }") as weir:
        path = weir.dir / "pid"
        assert int(path.read_text()) == weir.process.pid
        weir.stop(signal.SIGTERM)
        assert not path.exists()


def test_in_the_background():
    text = "pid_file {dir}/pid\nerror_log {dir}/error.log\nlistener web { bind 127.0.0.1:{port}; route respond 200 yes }"
    weir = Weir(text, start=False)
    done = subprocess.run([WEIR, "-d", "-c", str(weir.config)], timeout=DEADLINE, check=False)
    assert done.returncode == 0
    pid = int((weir.dir / "pid").read_text())
    try:
        assert ask(weir).body == b"yes"  # it was ready before the command came back
        assert os.getsid(pid) != os.getsid(0)
        family = children(pid)
    finally:
        os.kill(pid, signal.SIGTERM)
    wait_until(lambda: not is_running(pid) and not any(map(is_running, family)), "the end")
    weir.__exit__(None)


def test_in_the_background_with_a_mistake():
    weir = Weir("listener web { bind 127.0.0.1:{port}; route forward nowhere }", start=False)
    done = subprocess.run([WEIR, "-d", "-c", str(weir.config)], timeout=DEADLINE, capture_output=True, text=True)
    assert done.returncode == 1 and "nowhere" in done.stderr
    weir.__exit__(None)
