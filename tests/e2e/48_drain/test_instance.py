# SPDX-License-Identifier: Apache-2.0
"""The instance leaves the pool, by command and by signal."""
import json
import os
import signal
import subprocess

import pytest
from draintest import (PORTS, Balancer, Loads, drains, is_refused, leaving, phase, ready, wait_phase, wait_refused)
from h2test import H2Client, request
from healthtest import admin, order
from reloadtest import reload
from weirtest import DEADLINE, ROOT, WEIRCTL, Client, Origin, Weir, ask, forward_to, get, post, wait_until

SCRIPT = str(ROOT / "contrib" / "keepalived" / "check_weir.sh")


def test_it_leaves_and_comes_back():
    with Origin() as origin, Weir(leaving(origin), PORTS, workers=2) as weir:
        with Client(weir, "status") as status:
            assert status.ask(get("/healthz")).status == 200
            order(weir, "drain")
            answer = status.ask(get("/healthz"))
            assert (answer.status, answer.body) == (503, b"not ready: weir is drained\n")
            assert answer.get("Connection") == "close"
        wait_phase(weir, "instance", "drained")
        assert all(is_refused(weir, port) for port in PORTS)
        assert admin(weir, "ready")[0] == "error refused not ready: weir is drained"
        order(weir, "undrain")
        assert ready(weir) == (200, "ready") and ask(weir).status == 200 and ask(weir, get(), "other").status == 200


def test_a_listener_stays_away_when_the_instance_comes_back():
    with Origin() as origin, Weir(leaving(origin), PORTS, workers=2) as weir:
        order(weir, "drain listener web")
        order(weir, "drain")
        wait_phase(weir, "instance", "drained")
        wait_phase(weir, "web", "drained")
        order(weir, "undrain")
        assert is_refused(weir) and ask(weir, get(), "other").status == 200
        order(weir, "undrain listener web")
        assert ask(weir).status == 200


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGQUIT, "shutdown 20s"])
def test_readiness_says_no_before_the_end_begins(how):
    with Origin() as origin, Weir(leaving(origin, delay="1500ms"), PORTS, workers=2) as weir:
        weir.send_signal(how) if isinstance(how, signal.Signals) else order(weir, how)
        weir.wait_log("weir leaves")
        assert ready(weir) == (503, "not ready: weir is shutting down")
        assert ask(weir).status == 200  # all is served yet
        assert weir.wait() == 0


def test_the_end_refuses_clients_while_requests_end():
    with Origin(lambda connection, _: None) as origin, Weir(leaving(origin), PORTS, workers=2) as weir:
        with Client(weir) as busy:
            busy.send(get())
            origin.wait()
            weir.send_signal(signal.SIGTERM)
            for port in PORTS:
                wait_refused(weir, port)
            assert weir.process.poll() is None
            origin.connections[0].send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            response = busy.receive()
            assert (response.body, response.get("Connection")) == (b"ok", "close")
        assert weir.wait() == 0


def test_it_waits_no_longer_for_clients_of_former_listeners():
    with Origin(lambda connection, _: None) as origin, Weir(leaving(origin, delay="1ms"), PORTS) as weir:
        with Client(weir, "other") as client:
            client.send(get())
            origin.wait()
            text = leaving(origin, delay="1ms")
            assert reload(weir, text[:text.index("listener other")] + text[text.index("backend"):]).is_ok
            order(weir, "drain 500ms")
            answer = client.receive()
            assert (answer.status, answer.get("Connection")) == (503, "close")


def test_an_instance_that_was_drained_ends_without_delay():
    with Origin() as origin, Weir(leaving(origin, delay="1ms"), PORTS) as weir:
        order(weir, "drain")
        wait_phase(weir, "instance", "drained")
        weir.send_signal(signal.SIGTERM)
        assert weir.wait() == 0
        assert not any("weir leaves" in line for line in weir.log)


def test_it_is_not_ready_while_it_can_accept_nobody():
    with Origin() as origin, Weir("max_connections 2\n" + leaving(origin), PORTS) as weir:
        with Client(weir, "status") as status:
            assert status.ask(get("/healthz")).status == 200
            with Client(weir) as client:
                assert client.ask(get()).status == 200
                answer = status.ask(get("/healthz"))
                assert (answer.status, answer.body) == (503, b"not ready: no more connections are accepted\n")
            wait_until(lambda: status.ask(get("/healthz")).status == 200, "room for another connection")


def test_the_check_for_keepalived():
    def check(*words):
        environment = dict(os.environ, WEIRCTL=WEIRCTL, WEIR_SOCKET=str(weir.dir / "admin.sock"))
        return subprocess.run([SCRIPT, *words], env=environment, timeout=DEADLINE, check=False).returncode

    with Origin() as origin, Weir(leaving(origin, delay="30s"), PORTS) as weir:
        assert check() == check("web") == 0
        order(weir, "drain listener web")
        assert (check(), check("web"), check("other"), check("nowhere")) == (0, 1, 0, 1)
        order(weir, "drain")
        assert check() == check("other") == 1
        order(weir, "undrain")
        assert check() == 0
        weir.stop()
        assert check() == 1


def test_behind_a_balancer_nothing_is_lost():
    with Origin() as origin:
        text = leaving(origin, delay="300ms")
        with Weir(text, PORTS, workers=2) as one, Weir(text, PORTS, workers=2) as two, Balancer([one, two]) as balancer:
            with Loads([balancer.port]) as loads:
                for weir in (one, two, one):
                    order(weir, "drain 20s")
                    wait_phase(weir, "instance", "drained")
                    assert drains(weir)["instance"]["connections"] == 0
                    loads.progress()
                    order(weir, "undrain")
                    wait_until(lambda: all(balancer.ready), "both to be ready")
                one.send_signal(signal.SIGTERM)
                assert one.wait() == 0
                loads.progress()
            assert phase(two, "instance") == "serving"


@pytest.mark.parametrize("signals", [[signal.SIGINT], [signal.SIGTERM], [signal.SIGQUIT, signal.SIGTERM]])
def test_at_the_end_every_request_has_its_answer_and_its_line(signals):
    """One that waits for a server, one whose body comes, one over HTTP/2 and one for a place: none is just cut off."""
    with Origin(lambda connection, _: None) as origin:
        text = forward_to(f"{origin.address} max_in_flight 2", top="shutdown_timeout 50ms")
        with Weir(text) as weir, Client(weir) as waiting, Client(weir) as sending, H2Client(weir) as other:
            waiting.send(get())
            stream = other.request(request())
            origin.wait(2)
            sending.send(post("/", b"never whole")[:-1])
            queued = other.request(request())
            other.sync()
            for number in signals:
                weir.send_signal(number)
            assert [client.receive().status for client in (waiting, sending)] == [503, 503]
            assert [other.answer(each).status for each in (stream, queued)] == [503, 503]
            assert weir.wait() == 0
            lines = [json.loads(line) for line in weir.access(4)]
            assert [(line["status"], line["failure"]) for line in lines] == 4 * [(503, "drain_timeout")]
