# SPDX-License-Identifier: Apache-2.0
"""Two instances: what they must not share, and what is left of one whose master has died."""
import contextlib
import os
import pathlib
import re
import signal
import subprocess

import pytest
from admintest import AdminClient
from binarytest import Installed
from reloadtest import reload
from weirtest import (WEIR, Client, Load, Origin, Weir, ask, children, forward_to, get, is_running, run_weir,
                      wait_until)

SIMPLE = "listener web { bind 127.0.0.1:{port}; route respond 200 one }\n"
FILES = ("pid_file {dir}/pid\n", "state_file {dir}/state\n")
ADMIN = "admin unix:{dir}/admin.sock\n"


@contextlib.contextmanager
def beside(weir, text, **values):
    """Another one's configuration, whose ports and directory may be the first one's."""
    other = Weir(text, ports=(), start=False, port=weir.port(), first=weir.dir, **values)
    try:
        yield other
    finally:
        other.__exit__(None)


def refused(weir, text, *words, **values):
    """The other one does not start, says why, and leaves the first one as it was."""
    with beside(weir, text, **values) as other:
        done = run_weir("-c", other.config)
        assert done.returncode == 1, done.stderr
        for word in (str(weir.process.pid), *words):
            assert word in done.stderr, done.stderr
    assert ask(weir).body == b"one" and is_running(weir.process.pid)


# ---- Refused -------------------------------------------------------------------------------------


@pytest.mark.parametrize("bind", ["127.0.0.1:{port}", "0.0.0.0:{port}"])
def test_an_address_is_not_shared_by_mistake(bind):
    with Weir(SIMPLE) as weir:
        text = SIMPLE.replace("127.0.0.1:{port}", bind).replace("one", "two")
        refused(weir, text, bind.replace("{port}", str(weir.port())), "(weir)", "shared")


def test_nor_one_of_an_upgraded_instance(tmp_path):
    installed = Installed(tmp_path)
    with Weir(FILES[0] + SIMPLE, binary=installed.path) as weir:
        installed.install(version="0.1.9")
        weir.send_signal(signal.SIGUSR2)
        weir.wait_log("has taken over from")
        refused(weir, SIMPLE, "in use")
        refused(weir, FILES[0].replace("{dir}", "{first}") + "listener other { bind 127.0.0.1:0; route respond 200 }", "pid_file")


@pytest.mark.parametrize("line", FILES)
def test_files_are_one_instances_alone(line):
    with Weir(line + SIMPLE) as weir:
        path = weir.dir / line.split("/")[1].strip()
        before = path.read_bytes()
        refused(weir, line.replace("{dir}", "{first}") + "listener other { bind 127.0.0.1:0; route respond 200 }",
                line.split(" ")[0], "another weir")
        assert path.read_bytes() == before


@pytest.mark.parametrize("line", FILES)
def test_files_of_another_instance_refuse_a_reload(line):
    with Weir(line + SIMPLE) as first, Weir(ADMIN + SIMPLE) as second:
        with AdminClient(second) as admin:
            text = second.config.read_text() + line.replace("{dir}", str(first.dir))
            second.config.write_text(text)
            reply = admin.reply_to("reload")
            assert reply.code == "refused" and f"process {first.process.pid}" in reply.first, reply.first
        assert (first.dir / line.split("/")[1].strip()).exists()


def test_an_address_of_another_instance_refuses_a_reload():
    with Weir(SIMPLE) as first, Weir(ADMIN + SIMPLE) as second:
        more = second.config.read_text() + f"listener more {{ bind 127.0.0.1:{first.port()}; route respond 200 }}\n"
        second.config.write_text(more)
        with AdminClient(second) as admin:
            reply = admin.reply_to("reload")
            assert reply.code == "refused" and f"in use by process {first.process.pid}" in reply.first, reply.first


def test_overlapping_addresses_of_one_instance_are_no_others():
    text = ADMIN + "listener web { bind 0.0.0.0:{port}; route respond 200 all }\n"
    with Weir(text) as weir:
        assert ask(weir).body == b"all"
        more = text + "listener local { bind 127.0.0.1:{port}; route respond 200 local }\n"
        assert reload(weir, more).is_ok
        wait_until(lambda: ask(weir).body == b"local", "the nearer one")
        weir.stop()
        weir.log.clear()
        weir.start()
        assert ask(weir).body == b"local"


def test_shared_is_shared():
    text = SIMPLE.replace("{port};", "{port} shared;")
    with Weir(text) as weir, beside(weir, text.replace("one", "two")) as other:
        other.start()
        assert not any("listens on it too" in line for line in weir.log)
        other.wait_log(f"127.0.0.1:{weir.port()}: process {weir.process.pid} (weir) listens on it too, and shares its clients")
        assert {ask(weir).body for _ in range(200)} == {b"one", b"two"}
        other.stop()
        assert {ask(weir).body for _ in range(50)} == {b"one"}


def test_the_second_ones_word_suffices_but_not_silently():
    with Weir(SIMPLE) as weir, beside(weir, SIMPLE.replace("{port};", "{port} shared;").replace("one", "two")) as other:
        other.start()
        assert " warn " in other.wait_log(f"process {weir.process.pid} (weir) listens on it too")


# ---- A dead master's workers ---------------------------------------------------------------------


def kill_master(weir):
    """Its children, which live on."""
    family = children(weir.process.pid)
    weir.send_signal(signal.SIGKILL)
    weir.process.wait()
    return family


def test_the_log_tells_of_the_death():
    with Weir("error_log {dir}/error.log\n" + SIMPLE, start=False) as weir:
        log = weir.dir / "error.log"
        weir.process = subprocess.Popen([WEIR, "-c", str(weir.config)])
        wait_until(lambda: log.exists() and "weir ready" in log.read_text(), "the start")
        family = kill_master(weir)
        told = "error writer the master has died; its workers serve for 5 more seconds, unless another master takes their sockets"
        wait_until(lambda: told in log.read_text(), "the line")
        wait_until(lambda: not any(map(is_running, family)), "the end of the workers")
        assert log.read_text().count("has died") == 1


def start_again(weir):
    weir.log.clear()
    weir.start()


@pytest.mark.parametrize("files", ["", *FILES, "".join(FILES) + ADMIN])
def test_a_supervisors_restart(files):
    text = files + SIMPLE
    with Weir(text, workers=2) as weir:
        family = kill_master(weir)
        start_again(weir)
        weir.wait_log("listening sockets taken over from 2 workers")
        assert ask(weir).body == b"one"
        wait_until(lambda: not any(map(is_running, family)), "the end of the former workers")
        assert ask(weir).body == b"one"


def test_nobody_goes_unanswered():
    with Origin() as origin, Weir(forward_to(origin, top="workers 2\npid_file {dir}/pid")) as weir:
        load = [Load(weir) for _ in range(4)]
        for each in load:
            each.start()
        for _ in range(3):
            for each in load:
                each.progress()
            kill_master(weir)
            start_again(weir)
            for each in load:
                each.progress()
        for each in load:
            each.stop()
        assert [(each.broken, each.refused) for each in load] == [(0, 0)] * 4


# Those below who wait for the end of workers that nobody has asked for their sockets take seconds: that long these go on.


def test_while_nobody_restarts_it_the_workers_go_on_for_a_while():
    """And nobody outlives it for longer."""
    weir = Weir("access_log {dir}/access.log\n" + SIMPLE, workers=2)
    workers = weir.pids()
    family = kill_master(weir)
    assert len(workers) == 2 and all(map(is_running, workers))
    assert {ask(weir).body for _ in range(50)} == {b"one"}
    asked = 50
    with contextlib.suppress(ConnectionRefusedError):
        while any(map(is_running, workers)):
            assert ask(weir).body == b"one"
            asked += 1
    wait_until(lambda: not any(map(is_running, family)), "the end of all of them")
    # Nor is a line lost of what they have answered.
    assert (weir.dir / "access.log").read_text().count("\n") == asked
    weir.__exit__(None)


UPGRADE = get("/", "test", "Connection: upgrade", "Upgrade: raw")


def raw(connection, request):
    connection.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: raw\r\n\r\n")
    while (data := connection.socket.recv(4096)):
        connection.send(data)


def test_a_tunnel_of_the_dead_does_not_hold_the_address():
    """The worker stays as long as its client, and refuses others once it has given up to be asked for its sockets."""
    with Origin(raw) as origin, Weir(forward_to(origin)) as weir, Client(weir) as tunnel:
        tunnel.send(UPGRADE)
        assert tunnel.receive(head_only=True).status == 101
        worker, = weir.pids()
        kill_master(weir)

        def is_refused():
            try:
                with Client(weir) as client:
                    assert client.ask(get("/")).status == 502  # the origin's 101 answers no upgrade
                return False
            except ConnectionRefusedError:
                return True

        wait_until(is_refused, "an end of accepting")
        tunnel.send(b"still here")
        assert tunnel.read_exact(10) == b"still here" and is_running(worker)
        start_again(weir)
        assert "taken over" not in "\n".join(weir.log)
        tunnel.send(b"and again")
        assert tunnel.read_exact(9) == b"and again" and is_running(worker)
        tunnel.close()
        wait_until(lambda: not is_running(worker), "the end of the worker")


def test_what_the_next_configuration_has_no_more_is_closed():
    with Weir(SIMPLE + "listener more { bind 127.0.0.1:{other}; route respond 200 more }\n", ports=("port", "other")) as weir:
        family = kill_master(weir)
        weir.config.write_text(weir.config.read_text().split("listener more")[0])
        start_again(weir)
        wait_until(lambda: not any(map(is_running, family)), "the end of the former workers")
        assert ask(weir).body == b"one"
        with pytest.raises(ConnectionRefusedError):
            ask(weir, port="other")


def test_a_unix_socket_is_taken_over():
    text = "listener web { bind unix:{dir}/web.sock; route respond 200 one }\n" + SIMPLE.replace("web", "tcp")
    with Weir(text) as weir:
        path = weir.dir / "web.sock"
        before = path.stat().st_ino
        family = kill_master(weir)
        with Client(path) as client:
            assert client.ask(get("/")).body == b"one"
        start_again(weir)
        wait_until(lambda: not any(map(is_running, family)), "the end of the former workers")
        assert path.stat().st_ino == before
        with Client(path) as client:
            assert client.ask(get("/")).body == b"one"


def test_a_stopped_worker_of_the_dead_keeps_nobody_from_starting():
    with Weir(FILES[0] + SIMPLE, workers=2) as weir:
        first, second = weir.pids()
        os.kill(first, signal.SIGSTOP)
        family = kill_master(weir)
        start_again(weir)
        weir.wait_log("listening sockets taken over from 1 workers")
        assert {ask(weir).body for _ in range(20)} == {b"one"}
        os.kill(first, signal.SIGCONT)
        wait_until(lambda: not any(map(is_running, family)), "the end of the former workers")
        # It has not closed to clients what is others' now.
        assert {ask(weir).body for _ in range(50)} == {b"one"}


def test_workers_that_offer_nothing_are_named():
    """Those of an earlier version, for instance: what they still listen on is shared with them, and that is said."""
    with Weir(SIMPLE) as weir:
        worker, = weir.pids()
        os.kill(worker, signal.SIGSTOP)
        family = kill_master(weir)
        start_again(weir)
        line = weir.wait_log("workers of a weir that has died still listen on it")
        assert str(worker) in line
        os.kill(worker, signal.SIGKILL)
        wait_until(lambda: not any(map(is_running, family)), "the end of the former processes")
        assert {ask(weir).body for _ in range(50)} == {b"one"}


def test_a_lock_is_not_inherited():
    """Nobody but the master has the locked files open, nor any child that it starts later."""
    with Weir("".join(FILES) + ADMIN + SIMPLE) as weir:
        os.kill(weir.pids("control")[0], signal.SIGKILL)
        weir.wait_log("control is back")
        held = re.findall(r"FLOCK +ADVISORY +WRITE (\d+) \S+:(\d+) ", pathlib.Path("/proc/locks").read_text())
        inodes = {str((weir.dir / name).stat().st_ino) for name in ("pid", "state")}
        assert {(pid, inode) for pid, inode in held if inode in inodes} == {(str(weir.process.pid), i) for i in inodes}
        workers, family = weir.pids(), kill_master(weir)
        held = re.findall(r"FLOCK +ADVISORY +WRITE \S+ \S+:(\d+) ", pathlib.Path("/proc/locks").read_text())
        assert not inodes & set(held)
        for pid in workers:  # which would go on for a while
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not any(map(is_running, family)), "the end of its children")


def test_the_lock_outlives_a_failed_upgrade(tmp_path):
    installed = Installed(tmp_path)
    with Weir("".join(FILES) + ADMIN + "upgrade_timeout 20s\n" + SIMPLE, binary=installed.path) as weir:
        for _ in range(2):
            weir.send_signal(signal.SIGUSR2)
            weir.wait_log("has taken over from")
            for line in FILES:
                refused(weir, line.replace("{dir}", "{first}") + "listener o { bind 127.0.0.1:0; route respond 200 }")
            weir.log.clear()


def test_an_admin_socket_of_a_dead_master_is_replaced():
    with Weir(ADMIN + SIMPLE) as weir:
        control, = weir.pids("control")
        os.kill(control, signal.SIGSTOP)
        family = kill_master(weir)
        start_again(weir)
        os.kill(control, signal.SIGCONT)
        wait_until(lambda: not any(map(is_running, family)), "the end of the former processes")
        with AdminClient(weir) as admin:
            assert admin.ask("status").is_ok
