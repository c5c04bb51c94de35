# SPDX-License-Identifier: Apache-2.0
"""A filter that lives beside streams: example_switch asks a backend every now and then, and tells servers what it said last."""
import os
import signal
import subprocess
import threading

import pytest

from h2origin import H2Origin
from h2test import H2Client, request
from reloadtest import ADMIN, reload
from weirtest import DEADLINE, ROOT, SANITIZED, Client, Origin, Weir, answer, get, rss_bytes, wait_until

BINARY = os.environ.get("WEIR_WITH_MODULES", str(ROOT / "build" / "weir-with-modules"))
SWITCH = "example_switch state /s 20"
STARTS, ENDS = "asks /s", "asks /s no more"  # what it says then

CONFIG = """error_log stderr level info
admin unix:{dir}/admin.sock
access_log {dir}/access.log format json
listener web { bind 127.0.0.1:{port}; route { {statement}forward o } }
backend o { server s {origin} }
backend state { protocol {protocol}; server s {state}{terms} }
"""


class State:
    """The backend that is asked: an origin whose answer can be changed."""

    def __init__(self, **options):
        self.status = "200 OK"
        self.origin = Origin(lambda connection, asked: connection.send(answer("", self.status)), **options)
        self.address = self.origin.address

    def __enter__(self):
        self.origin.__enter__()
        return self

    def __exit__(self, *arguments):
        self.origin.__exit__(*arguments)

    @property
    def hits(self):
        return len(self.origin.requests)

    def more(self, count=3):
        """Waits until it has been asked that many times more."""
        goal = self.hits + count
        wait_until(lambda: self.hits >= goal, "questions")


def fill(text, origin, state, statement=SWITCH, protocol="http/1.1", terms=""):
    values = {"origin": origin.address, "state": state.address, "statement": statement and statement + "; ",
              "protocol": protocol, "terms": terms}
    for name, value in values.items():
        text = text.replace("{" + name + "}", value)
    return text


def start(origin, state, workers=1, **terms):
    return Weir(fill(CONFIG, origin, state, **terms), workers=workers, binary=BINARY)


def change(weir, origin, state, statement, text=CONFIG):
    assert reload(weir, fill(text, origin, state, statement)).is_ok


def said(weir, what):
    return [line for line in weir.log if "filter example_switch (" in line and line.endswith(f"): {what}")]


def wait_said(weir, what, count=1):
    wait_until(lambda: len(said(weir, what)) >= count, f"{count} times {what}")
    assert len(said(weir, what)) == count
    return said(weir, what)


def told(weir, origin):
    """What a request says to the server."""
    with Client(weir) as client:
        assert client.ask(get()).status == 200
    return origin.requests[-1].get("x-switch")


def wait_told(weir, origin, what):
    wait_until(lambda: told(weir, origin) == what, f"X-Switch: {what}")


@pytest.mark.parametrize("protocol", ["http/1.1", "h2"])
def test_it_follows_the_backend(protocol):
    class H2State(State):
        def __init__(self):
            self.status = "200 OK"
            self.origin = H2Origin(lambda connection, asked: connection.respond(asked, b"", status=self.status[:3]))
            self.address = self.origin.address

    with Origin() as origin, (State() if protocol == "http/1.1" else H2State()) as state:
        with start(origin, state, protocol=protocol) as weir:
            wait_told(weir, origin, "200")
            state.status = "503 Service Unavailable"
            wait_told(weir, origin, "503")
            with H2Client(weir) as client:
                assert client.ask(request("GET", "/")).status == 200
            assert origin.requests[-1].get("x-switch") == "503"
            assert "weir.conf:5)" in wait_said(weir, "now 503")[0]


def test_a_reload_that_leaves_it_does_not_disturb_it():
    with Origin() as origin, State() as state, start(origin, state, workers=2) as weir:
        wait_said(weir, STARTS, 2)
        state.more()
        for number in range(5):
            # The statement stands on another line, in a listener that is made anew.
            moved = CONFIG.replace("listener web {", "\n" * number + "listener web { timeout idle %ds;" % (50 + number))
            change(weir, origin, state, SWITCH, moved)
            state.more()
        assert len(said(weir, STARTS)) == 2 and not said(weir, ENDS)
        assert len(said(weir, "now 200")) == 2


def test_a_reload_that_removes_it_ends_it_with_its_last_stream():
    go_on = threading.Event()

    def hold(connection, asked):
        assert go_on.wait(DEADLINE)
        connection.send(answer("held"))

    with Origin(hold) as origin, State() as state, start(origin, state) as weir, Client(weir) as client:
        state.more()
        client.send(get())
        origin.wait()
        change(weir, origin, state, "")
        state.more(10)
        assert not said(weir, ENDS)
        go_on.set()
        assert client.receive().body == b"held"
        wait_said(weir, ENDS)
        hits = state.hits
        assert told(weir, origin) is None
        change(weir, origin, state, "example_switch state /again 20")
        state.more(20)
        assert len([each for each in state.origin.requests if each.target == "/s"]) <= hits + 1
        wait_told(weir, origin, "200")
        wait_said(weir, "asks /again")


def test_each_worker_has_one_until_it_ends():
    with Origin() as origin, State() as state, start(origin, state, workers=2) as weir:
        wait_said(weir, STARTS, 2)
        wait_said(weir, "now 200", 2)
        assert reload(weir, "workers 1\n" + fill(CONFIG, origin, state)).is_ok
        wait_said(weir, ENDS)
        wait_until(lambda: len(weir.pids()) == 1, "the end of a worker")
        state.more()
        weir.stop(signal.SIGTERM)
        wait_said(weir, ENDS, 2)
        assert len(said(weir, STARTS)) == 2


def test_a_backend_that_is_down_and_comes_back():
    with Origin() as origin, State(listening=False) as state:
        with start(origin, state) as weir:
            wait_told(weir, origin, "connect_refused")
            state.origin.listen()
            wait_told(weir, origin, "200")
            wait_said(weir, "now 200")


def test_a_backend_that_is_slow():
    with Origin() as origin, State() as state:
        wait = threading.Event()
        at_once = state.origin.handlers[0]
        state.origin.handlers = [lambda connection, asked: (wait.wait(DEADLINE), at_once(connection, asked))]
        with start(origin, state) as weir:
            wait_told(weir, origin, "first_byte_timeout")
            wait.set()
            wait_told(weir, origin, "200")


def test_questions_wait_in_the_queue_of_their_backend():
    with Origin() as origin, State() as state:
        held, go_on = threading.Semaphore(0), threading.Event()
        at_once = state.origin.handlers[0]

        def hold(connection, asked):
            if asked.target == "/held":
                held.release()
                assert go_on.wait(DEADLINE)
            at_once(connection, asked)

        state.origin.handlers = [hold]
        text = CONFIG.replace("route {", "route path /held forward state; route {")
        with Weir(fill(text, origin, state, "", terms=" max_in_flight 1"), binary=BINARY) as weir:
            with Client(weir) as client:
                client.send(get("/held"))
                assert held.acquire(timeout=DEADLINE)
                assert reload(weir, fill(text, origin, state, terms=" max_in_flight 1")).is_ok
                wait_said(weir, STARTS)
                assert told(weir, origin) == "unknown"
                go_on.set()
                assert client.receive().status == 200
                wait_told(weir, origin, "200")


def test_many_reloads_leave_nothing_behind():
    text = CONFIG.replace("server s {state}", "timeout idle 1s; server s {state}")  # for pooled connections that nobody needs
    with Origin() as origin, State() as state, Weir(fill(text, origin, state), binary=BINARY) as weir:
        def descriptors():
            return len(os.listdir(f"/proc/{worker}/fd"))

        worker, = weir.pids()
        state.more()
        begun, memory, count = descriptors(), 0, 30
        for number in range(1, count + 1):
            change(weir, origin, state, f"example_switch state /{number} 20", text)
            if number == 10:
                memory = rss_bytes(worker)
        for number in range(1, count):
            wait_said(weir, f"asks /{number} no more")
            wait_said(weir, f"asks /{number}")
        wait_said(weir, ENDS)
        assert not said(weir, f"asks /{count} no more")
        before = state.hits
        state.more(10)
        assert {each.target for each in state.origin.requests[before:]} == {f"/{count}"}
        wait_until(lambda: descriptors() <= begun + 2, f"{begun} descriptors or little more")
        assert weir.pids() == [worker]
        assert SANITIZED or rss_bytes(worker) < memory + (4 << 20)


def test_a_reload_that_is_refused_starts_nothing():
    with Origin() as origin, State() as state, start(origin, state) as weir:
        state.more()
        text = CONFIG.replace("route {", "route path /other { example_switch state /other 20; forward o }\nroute {")
        assert not reload(weir, fill(text, origin, state, SWITCH + "; example_ask nobody /")).is_ok
        assert reload(weir, fill(text, origin, state, SWITCH), command="plan").is_ok
        state.more(10)
        assert len(said(weir, STARTS)) == 1 and not said(weir, ENDS)
        assert {each.target for each in state.origin.requests} == {"/s"}


def test_mistakes_are_found_when_the_configuration_is_loaded(tmp_path):
    for words, why in {"": "wants: BACKEND PATH INTERVAL_MS", "o / 0": "wants:", "o / 5x": "wants:", "o / 99999999999": "wants:",
                       "nobody / 5": "there is no backend"}.items():
        file = tmp_path / "weir.conf"
        file.write_text("listener web { bind 127.0.0.1:1; route { example_switch %s; respond 200 \"\" } }\n"
                        "backend o { server s 127.0.0.1:1 }\n" % words)
        done = subprocess.run([BINARY, "-t", "-c", file], capture_output=True, text=True)
        assert done.returncode != 0 and why in done.stderr and "weir.conf:1:" in done.stderr
