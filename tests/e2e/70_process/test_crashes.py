# SPDX-License-Identifier: Apache-2.0
"""A worker that crashes says in which request; a request that does it twice is refused."""
import os
import re
import signal
import subprocess

from crashtest import ADMIN, FATAL, closing, crash, quarantined
from weirtest import WEIR, Client, Origin, Weir, answer, ask, forward_to, get, status_of, wait_until


def test_the_report_names_the_request():
    with Origin(closing) as origin, Weir(forward_to(origin)) as weir:
        assert ask(weir).status == 200
        line = crash(weir, get("/a/b?secret=1", "Shop.Example", "X-One: 1"))
        assert re.search(
            rf"worker\[0\], process \d+, crashed \(signal {FATAL.value}\) in stream GET /a/b of listener web, "
            r"route \S+ \(\S*weir\.conf:\d+\), phase connect, host Shop\.Example, client 127\.0\.0\.1:\d+, "
            r"fingerprint [0-9a-f]{16}, call \w+, turn of \d+ ms; started again at once", line), line
        assert "secret" not in line
        addresses = weir.wait_log("backtrace, for addr2line").rsplit(": ", 1)[1].split()
        found = subprocess.run(["addr2line", "-Cfe", WEIR, *addresses], capture_output=True, text=True, check=True)
        assert "weir::proxy::Attempt::start" in found.stdout, found.stdout
        assert ask(weir).status == 200


def test_the_report_of_what_a_server_sent():
    """The event is the server's, the request is the client's."""
    size = 1 << 20
    with Origin(answer(bytes(size))) as origin, Weir(forward_to(origin)) as weir:
        line = crash(weir, get("/large"), "splice")
        assert "in stream GET /large of listener web" in line and "phase relay" in line, line
        assert len(ask(weir, get("/large")).body) == size


def test_the_report_of_a_crash_for_nobody():
    with Origin() as origin, Weir(forward_to(origin)) as weir, Client(weir) as idle:
        assert idle.ask(get()).status == 200
        worker = weir.pids()[0]
        wait_until(lambda: status_of(worker, "State").startswith("S"), "the end of its turn")
        os.kill(worker, FATAL)
        assert "outside of any stream" in weir.wait_log("crashed (")
        assert idle.is_closed()
        weir.wait_log("is back")
        assert ask(weir).status == 200


def test_the_report_of_a_crash_while_draining():
    text = forward_to("{o}", top="shutdown_timeout 1h")
    with Origin(answer("ok"), lambda connection, request: connection.more()) as origin, \
            Weir(text, o=origin.address) as weir:
        with Client(weir) as idle, Client(weir) as client:
            assert idle.ask(get()).status == 200
            client.send(get("/last"))
            origin.wait(2)
            weir.send_signal(signal.SIGTERM)
            assert idle.is_closed()
            os.kill(weir.pids()[0], FATAL)
            assert client.is_closed()
        assert "started again" not in weir.wait_log("crashed (")
        assert weir.wait() == 0


def test_the_second_crash_of_a_request_is_its_last():
    bad = ("/bad", "test", "X-Bad: 1")
    text = forward_to("{o}", top=ADMIN, listener="    route path /metrics metrics")
    with Origin(closing) as origin, Weir(text, o=origin.address) as weir:
        first = crash(weir, get(*bad))
        assert quarantined(weir) == 0
        # Another query and another value do not make it another request.
        second = crash(weir, get("/bad?x=1", "test", "X-Bad: 2"))
        fingerprint = re.search("fingerprint ([0-9a-f]{16})", first)[1]
        assert fingerprint in second
        assert fingerprint in weir.wait_log("they are refused for 10 minutes")

        seen = len(origin.requests)
        response = ask(weir, get("/bad?x=2", "test", "X-Bad: 3"))
        assert response.status == 403
        assert "http_request_denied" in response.get("Proxy-Status")
        assert len(origin.requests) == seen
        # Others are served, also those that differ in a little.
        for other in (get("/good"), get("/bad"), get("/bad", "other", "X-Bad: 1"), get("/bad", "test", "X-Bad: 1", "X: 1")):
            assert ask(weir, other).status == 200
        # The connection is as good as before.
        with Client(weir) as client:
            assert client.ask(get(*bad)).status == 403
            assert client.ask(get("/good")).status == 200

        assert quarantined(weir) == 1
        metrics = ask(weir, get("/metrics")).body.decode()
        assert "\nweir_quarantined_fingerprints 1\n" in metrics
        assert '\nweir_worker_requests_quarantined_total{worker="0"} 2\n' in metrics
        assert sum('"quarantined"' in line for line in weir.access(8)) == 2


def test_one_crash_each_is_nobodys_last():
    with Origin(closing) as origin, Weir(forward_to(origin, top=ADMIN)) as weir:
        for path in ("/a", "/b", "/c"):
            crash(weir, get(path))
        assert quarantined(weir) == 0
        for path in ("/a", "/b", "/c"):
            assert ask(weir, get(path)).status == 200


def test_a_crash_loop_is_slowed_down():
    """Each next start of a worker that dies young waits longer; the others go on, and nobody is refused."""
    with Origin() as origin, Weir(forward_to(origin), workers=2) as weir:
        os.kill(weir.pids()[1], signal.SIGKILL)
        for deaths in range(1, 30):
            line = weir.wait_log("worker[1] is back", deaths)
            if any("started again in 800 ms" in l for l in weir.log):
                break
            os.kill(int(line.split()[-1]), signal.SIGKILL)
            assert ask(weir).status == 200
        waits = [l.rsplit("started again ", 1)[1] for l in weir.log if "started again" in l]
        assert waits[-5:] == ["at once", "in 100 ms", "in 200 ms", "in 400 ms", "in 800 ms"]
        assert not any("worker[0]" in line for line in weir.log)
        wait_until(lambda: len(weir.pids()) == 2, "both workers")
