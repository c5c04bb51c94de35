# SPDX-License-Identifier: Apache-2.0
"""Metrics of the process as a whole, of queues, checks, ejections and certificates, against the real thing."""
import threading
import time

import pytest
from admintest import AdminClient, ctl
from healthtest import ADMIN, Checked, admin, checked, wait_use
from reloadtest import reload, simple
from tlstest import Authority
from weirtest import DEADLINE, Client, Origin, Weir, answer, ask, forward_to, get, reserve_port, wait_until


def samples(weir):
    """Each sample with its labels, and its value."""
    lines = admin(weir, "metrics")[1].splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


def test_the_start():
    before = time.time()
    with Weir(simple("one")) as weir:
        assert before - 1 <= samples(weir)["weir_start_time_seconds"] <= time.time()


def reloads(weir):
    of = samples(weir)
    return (of['weir_config_reloads_total{result="ok"}'], of['weir_config_reloads_total{result="refused"}'],
            of["weir_config_last_reload_successful"], of["weir_config_generation"])


def test_reloads_and_how_the_last_one_ended():
    with Weir(simple("one")) as weir:
        assert reloads(weir) == (0, 0, 1, 1)
        started = samples(weir)["weir_config_last_reload_success_timestamp_seconds"]
        assert reload(weir, simple("two")).is_ok
        assert reloads(weir) == (1, 0, 1, 2)
        done = samples(weir)["weir_config_last_reload_success_timestamp_seconds"]
        assert started < done <= time.time()
        assert not reload(weir, "listener web { bnid 127.0.0.1:1 }\n" + ADMIN).is_ok
        assert reloads(weir) == (1, 1, 0, 2)
        assert samples(weir)["weir_config_last_reload_success_timestamp_seconds"] == done
        assert reload(weir, command="rollback").is_ok
        assert reloads(weir) == (2, 1, 1, 3)


def test_what_is_no_reload_does_not_count():
    with Weir(simple("one")) as weir:
        assert reload(weir, simple("two"), command="plan").is_ok
        reload(weir, "nonsense\n" + ADMIN, command="plan")
        reload(weir, command="rollback 99")
        assert reloads(weir)[0] == 0
        # An order to go back that is refused is a failed change of the configuration.
        assert reloads(weir)[1] == 1


def test_by_signal_it_counts_too():
    import signal

    with Weir(simple("one")) as weir:
        reload(weir, "nonsense\n" + ADMIN, command="plan")
        weir.send_signal(signal.SIGHUP)
        wait_until(lambda: reloads(weir) == (0, 1, 0, 1), "the refusal to be counted")


def test_queues():
    gate = threading.Event()

    def held(connection, request):
        gate.wait(DEADLINE)
        connection.send(answer("late"))

    text = "max_in_flight 1"
    with Origin(held) as origin:
        configured = forward_to(f"{origin.address} {text}", top=ADMIN)
        with Weir(configured, workers=2) as weir, Client(weir) as one, Client(weir) as two, Client(weir) as three:
            length = lambda: samples(weir)['weir_backend_queue_length{backend="origin"}']
            assert length() == 0
            one.send(get())
            origin.wait()
            two.send(get())
            three.send(get())
            wait_until(lambda: length() == 2, "two to wait")
            three.close()
            wait_until(lambda: length() <= 2, "the queue")
            gate.set()
            assert two.receive().body == b"late" and one.receive().body == b"late"
            wait_until(lambda: length() == 0, "an empty queue")
            assert samples(weir)['weir_backend_queued_requests_total{backend="origin"}'] >= 1


def test_a_queue_ends_with_its_worker():
    import os
    import signal

    gate = threading.Event()

    def held(connection, request):
        gate.wait(DEADLINE)

    with Origin(held) as origin, Weir(forward_to(f"{origin.address} max_in_flight 1", top=ADMIN)) as weir:
        with Client(weir) as one, Client(weir) as two:
            length = lambda: samples(weir)['weir_backend_queue_length{backend="origin"}']
            one.send(get())
            origin.wait()
            two.send(get())
            wait_until(lambda: length() == 1, "one to wait")
            os.kill(weir.pids("worker")[0], signal.SIGKILL)
            wait_until(lambda: length() == 0, "the queue to be forgotten")
            gate.set()


def test_checks_by_result():
    with Checked() as origin, Weir(checked(origin)) as weir:
        of = lambda result: samples(weir)[f'weir_server_checks_total{{backend="origin",server="s1",result="{result}"}}']
        wait_use(weir, "s1", "up")
        wait_until(lambda: of("passed") >= 2, "checks to pass")
        assert of("failed") == 0
        origin.sick.set()
        wait_until(lambda: of("failed") >= 3, "checks to fail")
        assert not any("ejections" in name for name in samples(weir))


def test_ejections():
    with reserve_port() as sock:
        dead = f"127.0.0.1:{sock.getsockname()[1]}"
        block = "outlier { connect_errors 2; max_ejected 100%; eject 1h }"
        with Weir(forward_to(dead, backend=block, top=ADMIN)) as weir:
            name = 'weir_server_ejections_total{backend="origin",server="s1"}'
            assert samples(weir)[name] == 0
            for _ in range(2):
                assert ask(weir).status == 502
            wait_until(lambda: samples(weir)[name] == 1, "the ejection")
            assert not any("weir_server_checks" in each for each in samples(weir))


@pytest.mark.parametrize("asked", ["control", "worker"])
def test_certificates(tmp_path, asked):
    authority = Authority(tmp_path)
    soon, late = authority.issue("a.test", days=3), authority.issue("b.test", days=20)
    tls = "".join(f"certificate {each.chain} {each.key}\n" for each in (soon, late))
    text = f"""{ADMIN}
listener web {{
    bind 127.0.0.1:{{port}} tls
    tls {{
        {tls}
    }}
    route respond 200 ok
}}
listener status {{ bind 127.0.0.1:{{status}}; route metrics }}
"""
    with Weir(text, ports=["port", "status"]) as weir:
        if asked == "control":
            lines = admin(weir, "metrics")[1].splitlines()
        else:
            lines = ask(weir, get("/metrics"), "status").body.decode().splitlines()
        ends = {}
        for each in (soon, late):
            name = f'weir_certificate_expiry_timestamp_seconds{{certificate="{each.chain}"}} '
            (ends[each.chain],) = [float(line[len(name):]) for line in lines if line.startswith(name)]
        day = 86400
        assert abs(ends[soon.chain] - time.time() - 3 * day) < day / 24
        assert abs(ends[late.chain] - time.time() - 20 * day) < day / 24


def test_the_client_prints_them():
    with Weir(simple("one")) as weir, AdminClient(weir):
        assert "weir_start_time_seconds" in ctl(weir, "metrics").stdout
