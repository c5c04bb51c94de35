# SPDX-License-Identifier: Apache-2.0
"""The configuration changes under running clients: what is new holds at once, what stays stays."""
import json
import os
import re
import signal
import socket
import threading
import time

import pytest
from admintest import AdminClient
from draintest import wait_refused
from reloadtest import ADMIN, body, generation, reload, rewrite, simple
from weirtest import Client, Origin, Weir, answer, ask, get, is_running, wait_until

def test_a_signal_loads_the_file_again():
    with Weir(simple("one")) as weir, Client(weir) as kept:
        assert kept.ask(get("/")).body == b"one"
        rewrite(weir, simple("two"))
        weir.send_signal(signal.SIGHUP)
        weir.wait_log("generation 2 is committed")
        wait_until(lambda: body(weir) == b"two", "the new text")
        assert kept.ask(get("/")).body == b"two"  # the same connection
        assert generation(weir) == 2


def test_weirctl_says_what_has_changed():
    with Weir(simple("one"), workers=3) as weir, Client(weir) as kept:
        assert kept.ask(get("/")).body == b"one"
        workers = weir.pids()
        reply = reload(weir, simple("two"))
        assert reply.first == "ok generation 2, 1 change", reply
        assert "two" in reply.body and "weir.conf:" in reply.body
        # The answer means: in all workers.
        for _ in range(30):
            assert body(weir) == b"two"
        assert kept.ask(get("/")).body == b"two"
        assert weir.pids() == workers


def test_plan_changes_nothing():
    with Weir(simple("one")) as weir:
        reply = reload(weir, simple("two"), "plan")
        assert reply.first == "ok 1 change" and "two" in reply.body
        assert body(weir) == b"one" and generation(weir) == 1
        assert reload(weir, simple("one"), "plan").first == "ok 0 changes"
        # Neither it nor what is refused before workers know of it takes a generation's number.
        assert reload(weir, "nonsense").code == "refused"
        assert reload(weir, simple("two")).first == "ok generation 2, 1 change"


def test_every_reload_is_answered_however_many_are_sent_at_once():
    with Weir(simple("one")) as weir, AdminClient(weir) as admin:
        rewrite(weir, simple("two"))
        replies = admin.many(["reload", "plan"] * 100)
        assert replies[0].first == "ok generation 2, 1 change"
        for reply in replies[1:]:
            busy = reply.code == "conflict" and "a reload is under way" in reply.first
            assert busy or reply.first in ("ok 0 changes", "ok nothing has changed: generation 2 stays"), reply
        assert body(weir) == b"two"


def test_nothing_new():
    with Weir(simple("one")) as weir:
        assert reload(weir).first == "ok nothing has changed: generation 1 stays"
        assert generation(weir) == 1


@pytest.mark.parametrize(
    "text, why",
    [
        ("listener web { bind 127.0.0.1:{port}; route respond }", "is not valid"),
        (simple("two") + "listener other {\nbind 192.0.2.1:80; route respond 200 }", ".conf:5: 192.0.2.1:80"),
        ("access_log /nonexistent/dir/log\n" + simple("two"), ".conf:2: log /nonexistent/dir/log"),
        ("user daemon\n" + simple("two"), "upgrade"),
        ("workers 64\n" + simple("two"), "upgrade"),
    ],
)
def test_a_bad_change_is_refused_whole(text, why):
    with Weir(simple("one"), workers=2) as weir:
        reply = reload(weir, text)
        assert reply.code == "refused" and why in reply.first + reply.body, reply
        assert body(weir) == b"one" and generation(weir) == 1
        # Signals and reloads still work.
        rewrite(weir, "workers 2\n" + simple("three"))
        weir.send_signal(signal.SIGHUP)
        wait_until(lambda: body(weir) == b"three", "the good one")


def test_rollback_and_history():
    with Weir(simple("one")) as weir:
        for text in ("two", "three"):
            assert reload(weir, simple(text)).is_ok
        assert reload(weir, command="rollback").first.startswith("ok generation 4")
        assert body(weir) == b"two"
        assert reload(weir, command="rollback 1").is_ok
        assert body(weir) == b"one"
        with AdminClient(weir) as admin:
            rows = json.loads(admin.ask("@json show generations").body)
            assert [row["generation"] for row in rows] == [1, 2, 3, 4, 5]
            assert rows[3]["how"] == "rollback 2" and rows[4]["bundle"] == rows[0]["bundle"]
            assert "three" in admin.ask("explain generation 3").body
            assert admin.reply_to("rollback 99").code == "refused"


def times(weir, number):
    """Milliseconds of each step of the reload that made it; nothing if it was none."""
    with AdminClient(weir) as admin:
        first = admin.ask(f"explain generation {number}").first
        return {step: float(ms) for step, ms in re.findall(r"(\w+) ([\d.]+) ms", first)}


def test_explain_tells_how_long_each_step_took():
    with Weir(simple("one")) as weir:
        begin = time.monotonic()
        assert reload(weir, simple("two")).is_ok
        whole = (time.monotonic() - begin) * 1000
        took = times(weir, 2)
        assert list(took) == ["load", "judge", "prepare", "commit", "settle"]
        assert 0 < sum(took.values()) <= whole + 0.5
        assert not times(weir, 1)
        weir.wait_log("generation 2 runs in every worker: load ")
        # Whoever begins anew knows it as well.
        os.kill(weir.pids("control")[0], signal.SIGKILL)
        weir.wait_log("control is back")
        assert times(weir, 2) == took


def test_unconfirmed_goes_back_by_itself():
    with Weir(simple("one")) as weir:
        assert reload(weir, simple("two"), "reload confirm 100ms").is_ok
        wait_until(lambda: body(weir) == b"one", "the former one")
        assert generation(weir) == 3
        with AdminClient(weir) as admin:
            assert admin.reply_to("confirm").code == "refused"


def test_confirmed_stays():
    with Weir(simple("one")) as weir:
        assert reload(weir, simple("two"), "reload confirm 1h").is_ok
        with AdminClient(weir) as admin:
            assert admin.ask("confirm").is_ok
        os.kill(weir.pids("control")[0], signal.SIGKILL)
        weir.wait_log("control is back")
        assert body(weir) == b"two" and generation(weir) == 2


def test_unconfirmed_goes_back_after_controls_death():
    with Weir(simple("one")) as weir:
        assert reload(weir, simple("two"), "reload confirm 1s").is_ok
        os.kill(weir.pids("control")[0], signal.SIGKILL)
        weir.wait_log("was not confirmed")
        wait_until(lambda: body(weir) == b"one", "the former one")


def test_listeners_come_move_and_go():
    two = simple("web") + "listener more { bind 127.0.0.1:{other}; route respond 200 more }\n"
    moved = ADMIN + "listener more { bind 127.0.0.1:{port}; route respond 200 moved }\n"
    with Weir(simple("web"), ports=("port", "other"), workers=2) as weir, Client(weir) as kept:
        assert kept.ask(get("/")).body == b"web"
        assert reload(weir, two).is_ok
        assert body(weir, "other") == b"more" and body(weir) == b"web"
        with Client(weir, "other") as of_more:
            assert of_more.ask(get("/")).body == b"more"
            assert reload(weir, moved).is_ok
            assert body(weir) == b"moved"
            wait_refused(weir, "other")
            # Its clients are served: "more" is the same listener, at another address.
            assert of_more.ask(get("/")).body == b"moved"
        assert reload(weir, two).is_ok
        assert body(weir, "other") == b"more" and body(weir) == b"web"


def test_unix_sockets_come_and_go():
    text = ADMIN + "listener web { bind 127.0.0.1:{port}; bind unix:{dir}/web.sock; route respond 200 web }\n"
    with Weir(simple("web"), workers=2) as weir:
        path = weir.dir / "web.sock"
        assert reload(weir, text).is_ok
        with Client(path) as client:
            assert client.ask(get("/")).body == b"web"
        assert reload(weir, simple("web")).is_ok
        assert not path.exists()


def test_a_request_under_way_ends_as_it_began():
    release = threading.Event()

    def slow(connection, request):
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf")
        release.wait(20)
        connection.send("half")

    with Origin(slow) as origin:
        before = ADMIN + f"listener web {{ bind 127.0.0.1:{{port}}; route slow forward b }} backend b {{ server s 127.0.0.1:{origin.port} }}\n"
        with Weir(before) as weir, Client(weir) as client:
            client.send(get("/"))
            origin.wait()
            assert reload(weir, simple("new")).is_ok  # the backend is gone
            assert body(weir) == b"new"
            release.set()
            assert client.receive().body == b"halfhalf"
            assert client.ask(get("/")).body == b"new"
            line = json.loads(weir.access(1)[0]) if (weir.dir / "access.log").exists() else None
            assert line is None or line["backend"] == "b"


def test_tunnels_live_on():
    def upgrade(connection, request):
        connection.send("HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
        while piece := connection.socket.recv(100):
            connection.send(piece)

    with Origin(upgrade) as origin:
        text = ADMIN + f"listener web {{ bind 127.0.0.1:{{port}}; route forward b }} backend b {{ server s 127.0.0.1:{origin.port} }}\n"
        with Weir(text) as weir, Client(weir) as tunnel:
            tunnel.send(get("/", "a", "Connection: upgrade", "Upgrade: x"))
            assert tunnel.receive(head_only=True).status == 101
            for number in range(3):
                assert reload(weir, simple(f"other{number}")).is_ok
                tunnel.send(b"still here")
                assert tunnel.read_exact(10) == b"still here"


def test_workers_come_and_go():
    with Weir("workers 1\n" + simple("x")) as weir, Client(weir) as kept:
        assert kept.ask(get("/")).body == b"x"
        first = weir.pids()
        assert reload(weir, "workers 4\n" + simple("x")).is_ok
        wait_until(lambda: len(weir.pids()) == 4, "four workers")
        for number in (1, 2, 3):
            weir.wait_log(f"worker[{number}] is ready")
        assert weir.pids()[0] == first[0]
        for _ in range(40):
            assert body(weir) == b"x"
        assert reload(weir, "workers 2\n" + simple("x")).is_ok
        wait_until(lambda: len(weir.pids()) == 2, "two workers")
        for _ in range(20):
            assert body(weir) == b"x"
        assert kept.ask(get("/")).body == b"x"


def test_overrides_and_runtime_servers_stay():
    with Origin(answer("a")) as a, Origin(answer("b")) as b:
        head = ADMIN.replace("{", "{{").replace("}", "}}") + "listener web {{ bind 127.0.0.1:{{port}}; route {} forward api }}\n"
        backend = f"backend api {{{{ server a 127.0.0.1:{a.port} weight {{}} }}}}\n"
        with Weir(head.format("one") + backend.format(1)) as weir, AdminClient(weir) as admin:
            admin.ask(f"server add api b 127.0.0.1:{b.port}")
            admin.ask("server set api/a state drain")
            reply = reload(weir, head.format("two") + backend.format(5), "plan")
            assert "drift: server api/a is kept in state drain" in reply.body
            assert "drift: server api/b was added at run time" in reply.body
            assert reload(weir).is_ok
            assert [body(weir) for _ in range(5)] == [b"b"] * 5
            admin.ask("server set api/a state auto")
            rows = {row["server"]: row for row in json.loads(admin.ask("@json show servers").body)}
            assert rows["api/a"]["weight"] == 5 and set(rows) == {"api/a", "api/b"}
            # The same name and address in the file adopts it, another address refuses the reload.
            both = "backend api {{ server a 127.0.0.1:%d; server b 127.0.0.1:%d }}\n" % (a.port, a.port)
            reply = reload(weir, head.format("two") + both.format())
            assert reply.code == "refused" and "api/b" in reply.first, reply
            both = "backend api {{ server a 127.0.0.1:%d; server b 127.0.0.1:%d }}\n" % (a.port, b.port)
            assert reload(weir, head.format("two") + both.format()).is_ok
            reply = reload(weir, command="plan")
            assert "api/b was added" not in reply.body


def test_a_replaced_worker_runs_the_present_generation():
    with Weir(simple("one")) as weir:
        assert reload(weir, simple("two")).is_ok
        os.kill(weir.pids()[0], signal.SIGKILL)
        weir.wait_log("worker[0] is back")
        assert body(weir) == b"two"


@pytest.mark.parametrize("role", ["worker", "control", "writer"])
def test_anybody_may_die_at_any_moment_of_it(role):
    """Old or new, never mixed, never none; and the next reload works."""
    for number in range(16):
        with Weir("workers 2\n" + simple("old")) as weir:
            victim, full = weir.pids(role)[0], len(weir.pids(role))
            rewrite(weir, simple("new"))
            weir.send_signal(signal.SIGHUP)
            for _ in range(number * number * 200):  # from at once to some milliseconds
                pass
            os.kill(victim, signal.SIGKILL)
            wait_until(lambda: victim not in weir.pids(role) and len(weir.pids(role)) == full, "its successor")
            wait_until(lambda: reload(weir, command="plan").is_ok, "the end of the reload")
            seen = {body(weir) for _ in range(8)}
            assert seen in ({b"old"}, {b"new"}), (number, seen, generation(weir))
            assert seen == {b"new" if generation(weir) == 2 else b"old"}
            wait_until(lambda: reload(weir, simple("next")).is_ok, "another one")
            assert {body(weir) for _ in range(8)} == {b"next"}


def test_a_stalled_worker_does_not_prepare():
    with Weir("workers 2\n" + simple("one")) as weir:
        stalled = weir.pids()[1]
        os.kill(stalled, signal.SIGSTOP)
        rewrite(weir, "workers 2\n" + simple("two"))
        weir.send_signal(signal.SIGHUP)
        weir.wait_log("no reload:")
        os.kill(stalled, signal.SIGCONT) if is_running(stalled) else None
        assert {body(weir) for _ in range(10)} == {b"one"}


def test_signals_are_coalesced():
    with Weir(simple("t")) as weir:
        for number in range(50):
            rewrite(weir, simple(f"t{number}"))
            weir.send_signal(signal.SIGHUP)
        wait_until(lambda: body(weir) == b"t49", "the last one")
        assert generation(weir) < 51


def test_no_descriptor_is_left_behind():
    one = simple("one")
    two = simple("two") + "listener more { bind 127.0.0.1:{other}; route respond 200 more }\n"
    count = lambda pid: len(os.listdir(f"/proc/{pid}/fd"))
    with Weir(one, ports=("port", "other"), workers=2) as weir:
        family = lambda: [weir.process.pid, *weir.pids(), *weir.pids("control"), *weir.pids("writer")]
        for _ in range(33):  # so that the history is full
            assert reload(weir, two).is_ok
            assert reload(weir, one).is_ok
        wait_refused(weir, "other")
        before = [count(pid) for pid in family()]
        for _ in range(10):
            assert reload(weir, two).is_ok
            assert reload(weir, one).is_ok
        wait_until(lambda: all(count(pid) <= was for pid, was in zip(family(), before)), "as many as before")


def test_a_counter_never_goes_back():
    def requests(weir):
        with AdminClient(weir) as admin:
            rows = json.loads(admin.ask("@json show routes").body)
        return {row["route"]: row["requests"] for row in rows}

    first = ADMIN + "listener web { bind 127.0.0.1:{port}; route a path /a respond 200 a; route b respond 200 b }\n"
    second = ADMIN + "listener web { bind 127.0.0.1:{port}; route c path /c respond 200 c; route b respond 200 b2; }\n"
    with Weir(first) as weir:
        for _ in range(3):
            ask(weir, get("/a"))
            ask(weir, get("/b"))
        assert requests(weir) == {"a": 3, "b": 3}
        assert reload(weir, second).is_ok
        ask(weir, get("/c"))
        assert requests(weir) == {"c": 1, "b": 3}
        assert reload(weir, first).is_ok
        assert requests(weir) == {"a": 3, "b": 3}


def test_logs_change_at_the_commit():
    with Weir("access_log {dir}/one.log\n" + simple("x")) as weir:
        ask(weir, get("/first"))
        assert "first" in weir.access(1, "one.log")[0]
        assert reload(weir, "access_log {dir}/two.log format combined\n" + simple("x")).is_ok
        ask(weir, get("/second"))
        assert "GET /second HTTP/1.1" in weir.access(1, "two.log")[0]
        assert len(weir.access(1, "one.log")) == 1
