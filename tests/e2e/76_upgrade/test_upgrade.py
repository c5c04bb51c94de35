# SPDX-License-Identifier: Apache-2.0
"""Another binary takes over under running clients, in the same process; one that cannot, does not."""
import json
import os
import pwd
import signal

import pytest
from admintest import AdminClient, STATE, fleet
from binarytest import Installed, own_version
from tlstest import Authority, TlsClient, client_context
from weirtest import Client, Load, Origin, Weir, ask, children, get, is_running, wait_until

NEXT = "0.1.9"
ADMIN = "admin unix:{dir}/admin.sock\n"
SIMPLE = ADMIN + "upgrade_timeout 20s\nlistener web { bind 127.0.0.1:{port}; route respond 200 x }\n"


class Raw:
    """An origin that accepts an upgrade and then says back what it hears."""

    def __call__(self, connection, request):
        connection.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: raw\r\n\r\n")
        while (data := connection.socket.recv(4096)):
            connection.send(data)


UPGRADE = get("/", "test", "Connection: upgrade", "Upgrade: raw")


@pytest.fixture
def installed(tmp_path):
    return Installed(tmp_path)


def status(weir):
    with AdminClient(weir) as admin:
        return json.loads(admin.ask("@json status").body)


def order(weir):
    with AdminClient(weir) as admin:
        return admin.reply_to("upgrade")


def upgrade(weir, count=1):
    """Orders one and waits for its end."""
    reply = order(weir)
    assert reply.is_ok, reply
    weir.wait_log("has taken over from", count)


def events(weir):
    with AdminClient(weir) as admin:
        return admin.ask("watch")


def processes(weir):
    return {pid: open(f"/proc/{pid}/cmdline", "rb").read() for pid in children(weir.process.pid)}


def test_another_version_takes_over(installed):
    with Weir(SIMPLE, workers=2, binary=installed.path) as weir:
        assert ask(weir).status == 200 and status(weir)["version"] == own_version()
        before = set(children(weir.process.pid))
        installed.install(version=NEXT)
        reply = order(weir)
        assert reply.first == f"ok {own_version()} hands over to {NEXT}"
        weir.wait_log(f"weir {NEXT} has taken over from {own_version()}, 2 workers")
        assert ask(weir).status == 200
        now = status(weir)
        assert now["version"] == NEXT and now["workers"] == 2 and now["generation"] == 1
        # All are of the new binary, and the former ones have ended.
        wait_until(lambda: not any(map(is_running, before)), "the end of the former processes")
        wait_until(lambda: len(children(weir.process.pid)) == 4, "control, writer and two workers")
        for pid in children(weir.process.pid):
            assert os.readlink(f"/proc/{pid}/exe") == str(installed.path)
        # The same process with the same arguments, for whoever supervises it.
        assert open(f"/proc/{weir.process.pid}/cmdline", "rb").read().split(b"\0")[1:3] == \
            [b"-c", str(weir.config).encode()]



def test_a_signal_does_it_too(installed):
    with Weir(SIMPLE, binary=installed.path) as weir:
        installed.install(version=NEXT)
        weir.send_signal(signal.SIGUSR2)
        weir.wait_log(f"weir {NEXT} has taken over")
        assert ask(weir).status == 200 and status(weir)["version"] == NEXT


def test_there_and_back_again_under_load(installed):
    with Origin() as origin, Weir(fleet(origin), workers=2, binary=installed.path) as weir:
        load = [Load(weir) for _ in range(2)]
        for each in load:
            each.start()
        with Client(weir) as kept:
            assert kept.ask(get("/")).status == 200
            for i in range(6):
                installed.install(version=NEXT if i % 2 == 0 else None)
                load[0].progress()
                upgrade(weir, i + 1)
                assert status(weir)["version"] == (NEXT if i % 2 == 0 else own_version())
            # Its worker has left, and told it so by the end of the connection, between two requests.
            wait_until(kept.is_closed, "the end of an idle connection")
        for each in load:
            each.progress()
            each.stop()
        assert [(each.broken, each.refused) for each in load] == [(0, 0)] * 2
        wait_until(lambda: len(children(weir.process.pid)) == 4, "the end of all former processes")


def test_what_runs_long_ends_in_the_former_worker(installed):
    with Origin(Raw()) as origin, Weir(fleet(origin), binary=installed.path) as weir, Client(weir) as tunnel:
        tunnel.send(UPGRADE)
        assert tunnel.receive(head_only=True).status == 101
        former, = weir.pids()
        installed.install(version=NEXT)
        upgrade(weir)
        tunnel.send(b"still here")
        assert tunnel.read_exact(10) == b"still here"
        # The worker itself says so, when it has heard of it.
        wait_until(lambda: status(weir)["workers_leaving"] == 1, "a worker that leaves")
        assert is_running(former)
        with AdminClient(weir) as admin:
            rows = json.loads(admin.ask("@json show workers").body)
            assert sorted(row["state"] for row in rows) == ["leaving", "serving"]
            # Another reload has nothing to do with it.
            assert admin.reply_to("reload").is_ok
        upgrade(weir, 2)
        tunnel.send(b"and again")
        assert tunnel.read_exact(9) == b"and again"
        tunnel.close()
        wait_until(lambda: not is_running(former), "the end of the former worker")
        wait_until(lambda: status(weir)["workers_leaving"] == 0, "nobody who leaves")


def test_former_workers_that_stay_stand_in_nobodys_way(installed):
    with Origin(Raw()) as origin, Weir(fleet(origin), binary=installed.path) as weir:
        with AdminClient(weir) as admin:
            admin.ask("server set origin/s1 weight 7")
        tunnels = []
        for i in range(18):  # there is room for 16 workers
            tunnel = Client(weir)
            tunnel.send(UPGRADE)
            assert tunnel.receive(head_only=True).status == 101
            tunnels.append(tunnel)
            upgrade(weir, i + 1)
        assert len(weir.pids()) > 10  # a former worker may have taken the next one's tunnel, too
        for tunnel in tunnels:
            tunnel.send(b"x")
            assert tunnel.read_exact(1) == b"x"
            tunnel.close()
        wait_until(lambda: len(children(weir.process.pid)) == 3, "the end of all former processes")
        assert rows(weir)["origin/s1"]["weight"] == 7


def test_what_was_set_and_learnt_survives(installed):
    text = fleet("127.0.0.1:1", "127.0.0.1:2", top=STATE, backend="check tcp { interval 100ms; fall 1 }")
    with Weir(text, binary=installed.path) as weir:
        for memory in (False, True, False):
            with AdminClient(weir) as admin:
                admin.ask("server set origin/s1 weight 7")
                admin.reply_to("server add origin extra 127.0.0.1:3 weight 4")
                admin.ask("sync")
            wait_until(lambda: all(row["health"] == "down" for row in rows(weir).values()), "failed checks")
            before = rows(weir)
            installed.install(version=NEXT, memory=memory)
            count = sum("has taken over from" in line for line in weir.log) + 1
            upgrade(weir, count)
            after = rows(weir)
            assert set(after) == set(before)
            for name, row in before.items():
                assert {k: after[name][k] for k in ("use", "weight", "runtime", "health", "override")} == \
                    {k: row[k] for k in ("use", "weight", "runtime", "health", "override")}


def rows(weir):
    with AdminClient(weir) as admin:
        return {row["server"]: row for row in json.loads(admin.ask("@json show servers").body)}


def test_other_memory_under_load(installed):
    with Origin() as origin, Weir(fleet(origin), workers=2, binary=installed.path) as weir:
        load = [Load(weir) for _ in range(2)]
        for each in load:
            each.start()
        for i in range(4):
            installed.install(version=NEXT, memory=i % 2 == 0)
            load[0].progress()
            upgrade(weir, i + 1)
        for each in load:
            each.progress()
            each.stop()
        assert [(each.broken, each.refused) for each in load] == [(0, 0)] * 2
        wait_until(lambda: len(children(weir.process.pid)) == 4, "the end of all former processes")


def test_other_memory_waits_for_the_end_of_a_drain(installed):
    with Weir(SIMPLE, binary=installed.path) as weir, AdminClient(weir) as admin:
        admin.ask("drain listener web 1h")
        installed.install(version=NEXT, memory=True)
        reply = admin.reply_to("upgrade")
        assert reply.code == "refused" and "a drain is under way" in reply.first
        admin.ask("undrain listener web")
        assert ask(weir).status == 200


@pytest.mark.parametrize("what, why", [
    ("nothing", "No such file"),
    ("no program", "ended in its trial"),
    ("not executable", "Permission denied"),
    ("crashes", "ended in its trial"),
])
def test_one_that_fails_its_trial_changes_nothing(installed, what, why):
    with Weir(SIMPLE, binary=installed.path) as weir, Client(weir) as kept:
        assert kept.ask(get("/")).status == 200
        before = children(weir.process.pid)
        if what == "nothing":
            installed.take_away()
        elif what == "no program":
            installed.put(b"#!/bin/sh\nexit 0\n")
        elif what == "not executable":
            installed.put(b"", 0o644)
        else:
            installed.install(version=NEXT, broken="run_trial")
        reply = order(weir)
        assert reply.code == "refused" and why in reply.first, reply
        assert kept.ask(get("/")).status == 200
        wait_until(lambda: children(weir.process.pid) == before, "the end of the trial")
        assert status(weir)["version"] == own_version()
        # And the next one is as good as the first.
        installed.install(version=NEXT)
        upgrade(weir)
        assert status(weir)["version"] == NEXT


@pytest.mark.parametrize("memory", [False, True])
@pytest.mark.parametrize("role", ["worker", "control", "writer"])
def test_one_that_does_not_come_up_gives_way(installed, role, memory):
    with Origin() as origin, Weir(fleet(origin), workers=2, binary=installed.path) as weir:
        with AdminClient(weir) as admin:
            admin.ask("server set origin/s1 weight 7")
        load = Load(weir)
        load.start()
        workers = weir.pids()
        installed.install(version=NEXT, broken=f"run_{role}", memory=memory)
        assert order(weir).is_ok
        weir.wait_log(f"weir {own_version()} is back: {role}")
        wait_until(lambda: len(children(weir.process.pid)) == 4, "everybody")
        load.progress()
        load.stop()
        assert (load.broken, load.refused) == (0, 0)
        assert weir.pids() == workers  # which never stopped to serve
        wait_until(lambda: answers(weir), "control")
        assert status(weir)["version"] == own_version()
        assert rows(weir)["origin/s1"]["weight"] == 7
        installed.install(version=NEXT)
        upgrade(weir)
        assert status(weir)["version"] == NEXT and ask(weir).status == 200


def answers(weir):
    try:
        return status(weir)
    except (OSError, EOFError, AssertionError):
        return None


def test_one_that_hangs_gives_way(installed):
    text = SIMPLE.replace("upgrade_timeout 20s", "upgrade_timeout 3s")
    with Weir(text, binary=installed.path) as weir, Client(weir) as kept:
        assert kept.ask(get("/")).status == 200
        installed.install(version=NEXT, stuck="run_worker")
        assert order(weir).is_ok
        weir.wait_log("is back: not ready in time: worker[1]")
        assert kept.ask(get("/")).status == 200
        wait_until(lambda: answers(weir), "control")
        assert status(weir)["version"] == own_version()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
def test_with_reload_what_needs_new_processes_changes(installed):
    with Weir(SIMPLE, binary=installed.path) as weir, Client(weir) as kept:
        assert kept.ask(get("/")).status == 200
        weir.config.write_text("user daemon\n" + weir.config.read_text().replace("200 x", "200 y"))
        with AdminClient(weir) as admin:
            reply = admin.reply_to("reload")
            assert reply.code == "refused" and "upgrade reload" in reply.first
        installed.install(version=NEXT)
        with AdminClient(weir) as admin:
            assert admin.reply_to("upgrade reload").is_ok
        weir.wait_log(f"weir {NEXT} has taken over")
        wait_until(lambda: ask(weir).body == b"y", "an answer of a new worker")
        assert status(weir)["generation"] > 1
        wait_until(lambda: len(children(weir.process.pid)) == 3, "the end of all former processes")
        daemon = pwd.getpwnam("daemon").pw_uid
        assert [os.stat(f"/proc/{pid}").st_uid for pid in weir.pids()] == [daemon]
        # Without another file it is an upgrade like any other.
        with AdminClient(weir) as admin:
            assert admin.reply_to("upgrade reload").is_ok
        weir.wait_log(f"weir {NEXT} has taken over", 2)
        # A file that is wrong upgrades nothing.
        weir.config.write_text("nonsense\n")
        before = children(weir.process.pid)
        with AdminClient(weir) as admin:
            assert admin.reply_to("upgrade reload").code == "refused"
        assert ask(weir).body == b"y"
        wait_until(lambda: set(children(weir.process.pid)) <= set(before), "the end of the loader")


def test_generations_go_on(installed):
    with Weir(SIMPLE, binary=installed.path) as weir:
        weir.config.write_text(weir.config.read_text().replace("200 x", "200 y"))
        with AdminClient(weir) as admin:
            assert admin.reply_to("reload").is_ok
        installed.install(version=NEXT)
        upgrade(weir)
        assert ask(weir).body == b"y"
        with AdminClient(weir) as admin:
            assert [row["generation"] for row in json.loads(admin.ask("@json show generations").body)] == [1, 2]
            assert admin.reply_to("rollback 1").is_ok
            assert ask(weir).body == b"x"
            assert status(weir)["generation"] == 3


def test_the_number_of_workers_changes_while_former_ones_drain(installed):
    with Origin(Raw()) as origin, Weir(fleet(origin), workers=2, binary=installed.path) as weir, \
            Client(weir) as tunnel:
        tunnel.send(UPGRADE)
        assert tunnel.receive(head_only=True).status == 101
        upgrade(weir)
        weir.config.write_text(weir.config.read_text().replace("workers 2", "workers 4"))
        with AdminClient(weir) as admin:
            assert admin.reply_to("reload").is_ok
        wait_until(lambda: status(weir)["workers"] == 4, "four workers")
        wait_until(lambda: len(weir.pids()) == 5, "four workers, and a former one")
        tunnel.send(b"x")
        assert tunnel.read_exact(1) == b"x"


def test_the_end_is_the_end_of_former_ones_too(installed):
    with Origin(Raw()) as origin, Weir(fleet(origin, top="shutdown_timeout 200ms"), binary=installed.path) as weir, \
            Client(weir) as tunnel:
        tunnel.send(UPGRADE)
        assert tunnel.receive(head_only=True).status == 101
        upgrade(weir)
        family = children(weir.process.pid)
        weir.send_signal(signal.SIGTERM)
        assert weir.wait() == 0
        wait_until(lambda: not any(map(is_running, family)), "the end of all")


def test_the_end_may_come_in_the_middle(installed):
    text = SIMPLE.replace("20s", "1h\nshutdown_timeout 100ms")
    with Weir(text, binary=installed.path) as weir:
        installed.install(version=NEXT, stuck="run_worker")
        assert order(weir).is_ok
        weir.wait_log("takes over from")
        wait_until(lambda: len(weir.pids()) == 2, "a worker that hangs")
        weir.send_signal(signal.SIGTERM)
        weir.wait_log("weir stops")
        assert weir.wait() == 0


@pytest.mark.parametrize("memory", [False, True])
def test_certificates_go_along(installed, tmp_path, memory):
    authority = Authority(tmp_path)
    certificate = authority.issue("a.test")
    text = ADMIN + f"""
listener web {{
    bind 127.0.0.1:{{port}} tls
    tls {{ certificate {certificate.chain} {certificate.key} }}
    route respond 200 $tls_resumed
}}"""
    context = client_context(authority)
    with Weir(text, binary=installed.path) as weir:
        with TlsClient(weir, context=context) as client:
            assert client.ask(get(host="a.test")).body == b"0"
            session = client.socket.session
        os.unlink(certificate.key)  # nobody reads it again
        installed.install(version=NEXT, memory=memory)
        upgrade(weir)
        # The keys of tickets lie in shared memory: what one binary has given out, the next one takes.
        with TlsClient(weir, context=context, session=session) as client:
            assert client.ask(get(host="a.test")).body == (b"0" if memory else b"1")
