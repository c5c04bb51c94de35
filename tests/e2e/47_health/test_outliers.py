# SPDX-License-Identifier: Apache-2.0
"""What requests show about servers: who fails is left alone for a while, and let in again by one request."""
import contextlib
import os
import signal
import threading

import pytest
from healthtest import ADMIN, LOCAL, OneEach, bodies, kill, order, servers, wait_use
from weirtest import DEADLINE, Client, CutOff, Origin, Weir, answer, ask, forward_to, get, reserve_port, wait_until

BAD = answer("bad", "503 Service Unavailable")


def watched(*origins, outlier="eject 1h", backend="", **more):
    block = f"outlier {{\nmax_ejected 100%\n{outlier}\n}}\n{backend}"
    return forward_to(*origins, listener=LOCAL, backend=block, top=ADMIN, **more)


def dead(sock):
    return "127.0.0.1:%d" % sock.getsockname()[1]


# ---- What ejects ---------------------------------------------------------------------------------


def test_failed_connects_count_over_all_workers():
    with reserve_port() as sock, Weir(watched(dead(sock)), workers=3) as weir, OneEach(weir, 3) as clients:
        assert [client.ask(get()).status for client in clients[:2]] == [502, 502]
        assert servers(weir)["s1"]["use"] == "up"
        assert clients[2].ask(get()).status == 502
        assert wait_use(weir, "s1", "down")["reason"] == "outlier: 3 failed connects in a row, ejected for 3600000 ms"
        assert [client.ask(get()).status for client in clients] == [503] * 3
        assert "origin/s1 is down, was up: outlier: 3 failed connects" in weir.wait_log("is down")


def test_bad_answers_count_over_all_workers():
    with Origin(BAD) as origin, Weir(watched(origin), workers=3) as weir, OneEach(weir, 3) as clients:
        assert [client.ask(get()).body for client in clients] == [b"bad"] * 3
        assert "3 bad answers in a row" in wait_use(weir, "s1", "down")["reason"]
        assert len(origin.requests) == 3


def test_a_good_answer_begins_the_count_again():
    answers = [BAD, BAD, answer("good"), BAD, BAD, answer("good"), BAD]
    with Origin(*answers) as origin, Weir(watched(origin), workers=2) as weir:
        assert bodies(weir, 8) == ["bad", "bad", "good", "bad", "bad", "good", "bad", "bad"]
        assert servers(weir)["s1"]["use"] == "up"
        assert ask(weir).body == b"bad"
        wait_use(weir, "s1", "down")


def test_other_statuses_do_not_count():
    with Origin(answer("mine", "500 Internal Server Error")) as origin, Weir(watched(origin)) as weir:
        assert bodies(weir, 10) == ["mine"] * 10
        assert servers(weir)["s1"]["use"] == "up"


def hang(connection, request):
    connection.is_closed()


FAILURES = {
    "no answer in time": hang,
    "closed": lambda connection, request: connection.close(),
    "reset": lambda connection, request: connection.reset(),
    "not HTTP": b"SSH-2.0-OpenSSH\r\n\r\n",
}


@pytest.mark.parametrize("how", FAILURES)
def test_no_answer_is_a_bad_answer(how):
    text = "timeout first_byte 50ms"
    with Origin(FAILURES[how]) as origin, Weir(watched(origin, backend=text), workers=2) as weir:
        assert all(ask(weir).status in (502, 504) for _ in range(3))
        assert "3 bad answers in a row" in wait_use(weir, "s1", "down")["reason"]
        assert len(origin.requests) == 3


def test_half_an_answer_is_a_bad_answer():
    half = CutOff(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
    with Origin(half) as origin, Weir(watched(origin), workers=3) as weir, OneEach(weir, 3) as clients:
        for client in clients:
            message = half.ask(client)
            with pytest.raises((EOFError, ConnectionResetError)):
                client.read_body(message)
        assert "3 bad answers in a row" in wait_use(weir, "s1", "down")["reason"]
        assert len(origin.requests) == 3


def test_never_more_than_max_ejected():
    with contextlib.ExitStack() as stack:
        origins = [stack.enter_context(Origin(BAD)) for _ in range(5)]
        text = watched(*origins, backend="balance round_robin").replace("max_ejected 100%", "max_ejected 50%")
        with Weir(text, workers=2) as weir:
            assert bodies(weir, 60) == ["bad"] * 60
            assert sorted(row["use"] for row in servers(weir).values()) == ["down"] * 2 + ["up"] * 3


# ---- The way back --------------------------------------------------------------------------------


class Trial:
    """s1 was ejected after three bad answers; when it is half-open the request that tries it is held."""

    def __init__(self, eject="50ms", workers=3, **more):
        self.release, self.verdict, self.tried = threading.Event(), answer("s1"), 0
        self.eject, self.workers, self.more = eject, workers, more

    def handler(self, connection, request):
        if len(self.bad.requests) <= 3:
            return connection.send(BAD)
        self.tried += 1
        self.release.wait(DEADLINE)
        connection.send(self.verdict)

    def __enter__(self):
        self.stack = contextlib.ExitStack()
        self.bad = self.stack.enter_context(Origin(self.handler))
        self.good = self.stack.enter_context(Origin(answer("s2")))
        text = watched(self.bad, self.good, outlier=f"eject {self.eject}", backend="balance round_robin", **self.more)
        self.weir = self.stack.enter_context(Weir(text, workers=self.workers))
        wait_until(lambda: ask(self.weir) and len(self.bad.requests) == 3, "three bad answers")
        wait_use(self.weir, "s1", "half-open")
        return self

    def __exit__(self, *error):
        self.release.set()
        self.stack.__exit__(*error)

    def start(self):
        """The request that tries it, by whichever worker."""
        client = Client(self.weir)
        client.send(get("/trial"))
        wait_until(lambda: self.tried == 1, "the trial to begin")
        return client


def test_one_request_over_all_workers_tries_a_half_open_server():
    with Trial() as trial, trial.start() as client, OneEach(trial.weir, 3) as others:
        assert [other.ask(get()).body for other in others * 5] == [b"s2"] * 15
        assert trial.tried == 1 and servers(trial.weir)["s1"]["use"] == "half-open"
        trial.release.set()
        assert client.receive().body == b"s1"
        wait_use(trial.weir, "s1", "up")
        assert "up, was half-open: outlier: the trial request went well" in trial.weir.wait_log("is up")
        assert {other.ask(get()).body for other in others * 2} == {b"s1", b"s2"}


def test_a_failed_trial_ejects_for_twice_as_long():
    with Trial() as trial, trial.start() as client:
        trial.verdict = BAD
        trial.release.set()
        assert client.receive().body == b"bad"
        line = trial.weir.wait_log("the trial request failed")
        assert line.endswith("ejected for 100 ms")
        wait_use(trial.weir, "s1", "half-open")
        assert ask(trial.weir).body == b"bad"
        assert trial.weir.wait_log("the trial request failed", 2).endswith("ejected for 200 ms")


def test_max_eject_is_the_longest():
    with Trial(eject="50ms\nmax_eject 60ms") as trial, trial.start() as client:
        trial.verdict = BAD
        trial.release.set()
        assert client.receive().body == b"bad"
        assert trial.weir.wait_log("the trial request failed").endswith("ejected for 60 ms")


def test_success_forgets_former_ejections():
    with Trial() as trial, trial.start() as client:
        trial.verdict = BAD
        trial.release.set()
        assert client.receive().body == b"bad"
        wait_use(trial.weir, "s1", "half-open")
        trial.verdict = answer("s1")
        assert ask(trial.weir).body == b"s1"
        wait_use(trial.weir, "s1", "up")
        trial.verdict = BAD
        wait_until(lambda: ask(trial.weir) and servers(trial.weir)["s1"]["use"] != "up", "another ejection")
        assert trial.weir.wait_log("3 bad answers in a row", 2).endswith("ejected for 50 ms")


def test_a_trial_whose_worker_dies_is_given_to_another():
    with Trial() as trial:
        with OneEach(trial.weir, 3) as clients:
            # Whoever is asked first tries it.
            pids = trial.weir.pids()
            clients[1].send(get("/trial"))
            wait_until(lambda: trial.tried == 1, "the trial to begin")
            os.kill(pids[1], signal.SIGKILL)
            wait_until(lambda: clients[1].is_closed(), "the worker's death")
            assert trial.tried == 1
            trial.release.set()
            wait_until(lambda: clients[0].ask(get()) and trial.tried == 2, "another trial", seconds=5)
        wait_use(trial.weir, "s1", "up")


def test_a_client_that_leaves_in_the_middle_of_its_trial():
    """It only says that it sends no more, and may still read: the trial goes on, and nobody else tries."""
    with Trial() as trial, OneEach(trial.weir, 3) as others:
        trial.start().close()
        assert [other.ask(get()).body for other in others * 2] == [b"s2"] * 6
        assert trial.tried == 1
        trial.release.set()
        wait_use(trial.weir, "s1", "up")


def test_a_client_that_breaks_off_its_trial():
    with Trial() as trial:
        trial.start().reset()
        wait_until(lambda: [l for l in trial.weir.access() if '"client_gone"' in l], "the client's leaving", seconds=3)
        with Client(trial.weir) as client:
            client.send(get("/again"))
            wait_until(lambda: trial.tried == 2, "another trial", seconds=5)
            assert servers(trial.weir)["s1"]["use"] == "half-open"
            trial.release.set()
            assert client.receive().body == b"s1"
        wait_use(trial.weir, "s1", "up")


def test_control_dies_during_a_trial():
    """Its successor knows of the trial and takes the verdict."""
    with Trial() as trial, trial.start() as client:
        pid = trial.weir.pids("control")[0]
        os.kill(pid, signal.SIGSTOP)
        trial.release.set()
        assert client.receive().body == b"s1"
        kill(trial.weir, "control")
        wait_use(trial.weir, "s1", "up")


def test_drained_while_it_is_ejected():
    with Trial() as trial:
        order(trial.weir, "server set origin/s1 state drain force")
        assert set(bodies(trial.weir, 10)) == {"s2"} and trial.tried == 0
        order(trial.weir, "server set origin/s1 state auto")
        wait_use(trial.weir, "s1", "half-open")
        trial.release.set()
        assert wait_until(lambda: ask(trial.weir).body == b"s1", "the trial")
        wait_use(trial.weir, "s1", "up")
