# SPDX-License-Identifier: Apache-2.0
"""The state file: what was changed at run time is there after a restart, whatever died in between."""
import ctypes
import os
import random
import select
import signal
import threading

import pytest
from admintest import SOCKETS, STATE, AdminClient, newest_state, read_state_file, with_hash
from healthtest import kill
from weirtest import Weir, children, is_running, wait_until

NAMES = [f"s{i}" for i in range(1, 9)]
CONF = SOCKETS + """
{state}
{top}
listener web { bind 127.0.0.1:{port}; route path /local respond 200 local; route forward origin }
backend origin { {servers} }
"""
SERVERS = "\n".join(f"server {name} 127.0.0.1:{number}" for number, name in enumerate(NAMES, 1))
COLUMNS = ("use", "address", "weight", "configured", "override", "runtime")


def start(top="", state=STATE, **more):
    return Weir(CONF, top=top, state=state, servers=SERVERS, workers=2, **more)


def restart(weir):
    weir.stop()
    weir.log.clear()
    weir.start()


def rows(admin):
    """What is kept of each server; who took an override back is not."""
    kept = lambda row: [row[column] for column in COLUMNS] + [row["by"] if row["override"] else ""]
    return {name: kept(row) for name, row in admin.servers().items()}


# ---- Restarts ------------------------------------------------------------------------------------


def test_everything_comes_back():
    with start() as weir:
        with AdminClient(weir) as admin:
            for line in (
                "server set origin/s1 weight 7",
                "server set origin/s2 state drain",
                "server set origin/s3 address 127.0.0.1:33",
                "server set origin/s3 weight 0",
                "server set origin/s4 weight 9",
                "server set origin/s4 weight auto",
                "server set origin/s5 address 127.0.0.1:55",
                "server set origin/s5 address auto",
                "server set origin/s6 state down",
                "server set origin/s6 state auto",
                "server add origin new 127.0.0.1:44 weight 5 max_in_flight 3",
                "server add origin spare 127.0.0.1:45 backup",
                "server set origin/spare state up",
                "server add origin gone 127.0.0.1:46",
                "server remove origin/gone",
            ):
                admin.ask(line)
            wait_until(lambda: "origin/gone" not in admin.servers(), "the removed one to go")
            before = rows(admin)
            since = admin.servers()["origin/s2"]["since"]
            admin.ask("sync")
        for _ in range(2):  # from the records of the changes, then from a whole copy
            restart(weir)
            with AdminClient(weir) as admin:
                assert rows(admin) == before
                row = admin.servers()["origin/s2"]
                assert row["since"] == since and row["reason"].startswith("drained by uid ")
                explained = "\n".join(str(r) for r in admin.json("explain request GET /"))
                assert "max_in_flight" not in explained and "in reserve: backup" in explained


def test_a_name_that_was_given_twice():
    """Its first bearer is forgotten; so is who had its address."""
    with start() as weir:
        with AdminClient(weir) as admin:
            for address in (61, 62, 61):
                admin.ask(f"server add origin again 127.0.0.1:{address}")
                admin.ask("server set origin/again weight 3")
                admin.ask("server remove origin/again")
                wait_until(lambda: "origin/again" not in admin.servers(), "it to go")
            admin.ask("server add origin again 127.0.0.1:63 weight 8")
            admin.ask("server add origin heir 127.0.0.1:62")
            before = rows(admin)
            admin.ask("sync")
        restart(weir)
        with AdminClient(weir) as admin:
            assert rows(admin) == before


def test_what_the_configuration_has_no_more_is_dropped_with_a_word():
    with start() as weir:
        with AdminClient(weir) as admin:
            admin.ask("server set origin/s8 weight 3")
            admin.ask("server set origin/s1 weight 4")
            admin.ask("sync")
        weir.stop()
        weir.config.write_text(weir.config.read_text().replace("server s8 127.0.0.1:8", ""))
        weir.log.clear()
        weir.start()
        weir.wait_log("state file: origin/s8 does not exist any more")
        with AdminClient(weir) as admin:
            assert admin.servers()["origin/s1"]["weight"] == 4


def test_without_a_state_file_a_restart_forgets():
    with start(state="") as weir:
        with AdminClient(weir) as admin:
            admin.ask("server set origin/s1 weight 7")
            admin.ask("sync")
        restart(weir)
        with AdminClient(weir) as admin:
            assert admin.servers()["origin/s1"]["weight"] == 1


# ---- The files -----------------------------------------------------------------------------------


def test_the_files_are_as_documented():
    with start() as weir, AdminClient(weir) as admin:
        admin.ask("server set origin/s1 weight 7")
        admin.ask("server add origin new 127.0.0.1:44 backup")
        admin.ask("server set origin/new state drain")
        admin.ask("server remove origin/new")
        admin.ask("sync")
        epoch, records, broken = newest_state(weir)
        assert epoch == 1 and not broken
        kinds = [record[0] for record in records]
        assert kinds == ["epoch", "whole", "server", "added", "server", "removed"], records
        _, backend, name, *overrides = records[2]
        state, weight, address = overrides[:4], overrides[4:8], overrides[8:]
        assert (backend, name) == ("origin", "s1") and state == ["auto", "", "", "0"] and address == ["-", "", "", "0"]
        assert weight[0] == "7" and weight[1].startswith("uid ") and weight[2] == "server set" and int(weight[3]) > 0
        assert records[3][:7] == ["added", "origin", "new", "127.0.0.1:44", "1", "0", "backup"]
        assert records[5] == ["removed", "origin", "new"]
        for name in ("state", "state.alt"):
            assert (weir.dir / name).stat().st_mode & 0o777 == 0o600


def newest_path(weir):
    return max((weir.dir / "state", weir.dir / "state.alt"), key=lambda path: read_state_file(path)[0])


def test_a_torn_last_line():
    """At whichever byte the file ends, the changes before are there, and the torn one is not half there."""
    with start() as weir:
        with AdminClient(weir) as admin:
            admin.ask("server set origin/s1 weight 7")
            admin.ask("server set origin/s2 weight 8")
            admin.ask("sync")
        path = newest_path(weir)
        weir.stop()
        whole = path.read_bytes()
        last = len(whole) - len(whole.splitlines(True)[-1])
        for size in {last, last + 1, last + 17, len(whole) - 30, len(whole) - 2}:
            for other in (weir.dir / "state", weir.dir / "state.alt"):
                other.write_bytes(b"")
            path.write_bytes(whole[:size])
            weir.log.clear()
            weir.start()
            with AdminClient(weir) as admin:
                servers = admin.servers()
                assert servers["origin/s1"]["weight"] == 7 and servers["origin/s2"]["weight"] == 1, size
                admin.ask("server set origin/s3 weight 9")
                admin.ask("sync")
            restart(weir)
            with AdminClient(weir) as admin:
                assert admin.servers()["origin/s3"]["weight"] == 9
                admin.ask("server set origin/s3 weight auto")
            weir.stop()


def test_a_writer_that_dies_in_the_midst_of_a_line_spoils_only_that():
    with start() as weir:
        with AdminClient(weir) as admin:
            admin.ask("server set origin/s1 weight 7")
            admin.ask("sync")
            with open(newest_path(weir), "ab") as file:
                file.write(b"0123456789abcdef server ori")
            kill(weir, "writer")
            admin.ask("server set origin/s2 weight 8")
            admin.ask("sync")
            _, records, broken = newest_state(weir)
            assert len(broken) == 1 and [r[2] for r in records if r[0] == "server"][-1] == "s2"
        restart(weir)
        with AdminClient(weir) as admin:
            assert [admin.servers()[f"origin/{s}"]["weight"] for s in ("s1", "s2")] == [7, 8]


GARBAGE = {
    "bytes": bytes(range(256)) * 400,
    "nothing": b"",
    "zeros": b"\0" * 100_000,
    "no end of line": b"x" * 5_000_000,
    "words without meaning": with_hash(b"epoch 7") + with_hash(b"whole") + with_hash(b"server") + with_hash(b"wizard a b"),
    "wrong numbers": with_hash(b"epoch 7")
    + with_hash(b"whole")
    + with_hash(b"server origin s1 sideways 99999999999 nowhere me why now")
    + with_hash(b"added origin new 127.0.0.1:x 1 0 - me")
    + with_hash(b"added origin s1 127.0.0.1:9 1 0 - me")
    + with_hash(b"server origin s2 drain - - me why x"),
    "an epoch that is not whole": with_hash(b"epoch 9") + with_hash(b"server origin s1 drain - - me why 1"),
}


@pytest.mark.parametrize("text", GARBAGE.values(), ids=GARBAGE.keys())
def test_garbage(text):
    with start(start=False) as weir:
        (weir.dir / "state").write_bytes(text)
        (weir.dir / "state.alt").write_bytes(text[::-1])
        weir.start()
        with AdminClient(weir) as admin:
            assert admin.servers().keys() == {f"origin/{name}" for name in NAMES}
            assert all(row["weight"] == 1 for row in admin.servers().values())
            assert admin.servers()["origin/s1"]["use"] == "up"
            admin.ask("server set origin/s3 weight 9")
            admin.ask("sync")
        restart(weir)
        with AdminClient(weir) as admin:
            assert admin.servers()["origin/s3"]["weight"] == 9


@pytest.mark.parametrize("what", ["directory", "link"])
def test_what_is_no_file_is_refused(what):
    with start(start=False) as weir:
        if what == "directory":
            (weir.dir / "state").mkdir()
        else:
            (weir.dir / "state").symlink_to("/dev/full")
        with pytest.raises(AssertionError, match="state_file"):
            weir.start()


def test_growth_leads_to_a_new_epoch_in_the_other_file():
    with start() as weir:
        with AdminClient(weir) as admin:
            first = newest_path(weir)
            admin.ask("log level warn")
            count, epoch = 0, 1
            while epoch == 1:
                replies = admin.many(f"server set origin/s{n % 8 + 1} weight {n // 8 % 900 + 2}" for n in range(count, count + 8000))
                assert all(r.is_ok for r in replies)
                count += 8000
                assert count < 80_000
                admin.ask("sync")
                epoch = newest_state(weir)[0]
            assert epoch == 2 and newest_path(weir) != first
            assert newest_path(weir).stat().st_size < first.stat().st_size + (1 << 20)
            before = rows(admin)
        restart(weir)
        with AdminClient(weir) as admin:
            assert rows(admin) == before


# ---- Deaths --------------------------------------------------------------------------------------


class Changer(threading.Thread):
    """Changes the weights of some servers, never the same twice, and asks for sync after every few.

    .synced holds the last weight of each server that a sync was answered for, .sent all that may be there.
    """

    def __init__(self, weir, names, begin=2):
        super().__init__(daemon=True)
        self.weir, self.names, self.next = weir, names, begin
        self.synced, self.maybe = {}, {name: set() for name in names}
        self.syncs, self.done = 0, threading.Event()

    def run(self):
        while not self.done.is_set():
            try:
                with AdminClient(self.weir) as admin:
                    while not self.done.is_set():
                        self.step(admin)
            except (OSError, EOFError):
                continue

    def step(self, admin):
        changed = {}
        for name in self.names:
            self.next = 2 if self.next == 999 else self.next + 1
            self.maybe[name].add(self.next)
            changed[name] = self.next
        replies = admin.many([*(f"server set origin/{n} weight {w}" for n, w in changed.items()), "sync"])
        if all(r.is_ok for r in replies):
            self.synced.update(changed)
            for name, weight in changed.items():
                self.maybe[name] = {weight}
            self.syncs += 1

    def progress(self, syncs=2):
        goal = self.syncs + syncs
        wait_until(lambda: self.syncs >= goal, "changes to go on")

    def check(self, found):
        for name in self.names:
            assert found[name] in self.maybe[name], (name, found[name], self.maybe[name])


def weights(admin):
    return {name.split("/")[1]: row["weight"] for name, row in admin.servers().items()}


@pytest.mark.parametrize("role", ["writer", "control", "both", "master", "all"])
def test_deaths_under_a_stream_of_changes(role):
    """Whatever dies, each change that sync was answered for is there after it, and no other is half there."""
    chance = random.Random(role)
    with start() as weir:
        for _ in range(3):
            changers = [Changer(weir, NAMES[i::2], begin=chance.randrange(2, 900)) for i in range(2)]
            for changer in changers:
                changer.start()
            for _ in range(1 if role in ("master", "all") else 3):
                for changer in changers:
                    changer.progress()
                chance_ms = chance.random() * 0.01
                threading.Event().wait(chance_ms)  # somewhere between two commands
                if role == "master":
                    weir.stop(signal.SIGKILL)
                elif role == "all":
                    family = children(weir.process.pid)
                    for pid in [weir.process.pid, *chance.sample(family, len(family))]:
                        os.kill(pid, signal.SIGKILL)
                    weir.process.wait()
                    wait_until(lambda: not any(map(is_running, family)), "the end of all")
                else:
                    for each in ("writer", "control") if role == "both" else (role,):
                        kill(weir, each)
            if role not in ("master", "all"):
                for changer in changers:
                    changer.progress()
            for changer in changers:
                changer.done.set()
                changer.join(30)
                assert not changer.is_alive()
            if weir.process.poll() is None:
                with AdminClient(weir) as admin:
                    found = weights(admin)
                    for changer in changers:
                        changer.check(found)
                    admin.ask("sync")
                restart(weir)
            else:
                weir.log.clear()
                weir.start()
                found = None
            with AdminClient(weir) as admin:
                again = weights(admin)
                for changer in changers:
                    changer.check(again)
                assert found is None or again == found


def test_changes_after_a_death_of_control_outlive_a_restart():
    with start() as weir:
        for round in range(2, 6):
            with AdminClient(weir) as admin:
                admin.ask(f"server set origin/s1 weight {round}")
                admin.ask("sync")
            kill(weir, "control")
            with AdminClient(weir) as admin:
                assert admin.servers()["origin/s1"]["weight"] == round
                admin.ask(f"server set origin/s2 weight {round}")
                admin.ask("sync")
            restart(weir)
            with AdminClient(weir) as admin:
                assert [admin.servers()[f"origin/{s}"]["weight"] for s in ("s1", "s2")] == [round, round]


# ---- A full disk ---------------------------------------------------------------------------------

CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 0x4000, 0x40000


def tiny_disk(directory, kib):
    """In the new process: a mount namespace in which that directory is a disk of so many KiB."""
    libc = ctypes.CDLL(None, use_errno=True)

    def enter():
        private = libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None) if libc.unshare(CLONE_NEWNS) == 0 else -1
        size = f"size={kib}k".encode()
        if private != 0 or libc.mount(b"tmpfs", str(directory).encode(), b"tmpfs", 0, size) != 0:
            raise OSError(ctypes.get_errno(), "no mount namespace of our own")

    return enter


def inside(weir, *path):
    """A path as weir sees it."""
    return f"/proc/{weir.process.pid}/root{weir.dir.joinpath(*path)}"


def test_a_full_disk():
    """It is said, sync fails, and everything else goes on; with room again, nothing is missing."""
    with start(state="state_file {dir}/disk/state", start=False) as weir:
        (weir.dir / "disk").mkdir()
        weir.before_exec = tiny_disk(weir.dir / "disk", 1024)
        weir.start()
        with AdminClient(weir) as admin:
            admin.ask("server set origin/s1 weight 7")
            admin.ask("sync")
            with open(inside(weir, "disk", "ballast"), "wb", buffering=0) as ballast:
                with pytest.raises(OSError):
                    while ballast.write(b"x" * 4096) == 4096:
                        pass
            replies = admin.many(f"server set origin/s{n % 8 + 1} weight {n // 8 + 2}" for n in range(800))
            assert all(r.is_ok for r in replies)
            weir.wait_log("state file: No space left on device")
            assert weights(admin) == {name: 101 for name in NAMES}
            said = sum("No space left" in line for line in weir.log)
            assert said < 20, said
            with AdminClient(weir) as other:
                other.send("sync")
                admin.ask("server set origin/s8 weight 102")
                assert not select.select([other.socket], [], [], 0)[0]
                os.unlink(inside(weir, "disk", "ballast"))
                assert other.reply().is_ok
                admin.ask("sync")
            texts = [open(inside(weir, "disk", name), "rb").read() for name in ("state", "state.alt")]
        weir.stop()
        for name, text in zip(("state", "state.alt"), texts):
            (weir.dir / "disk" / name).write_bytes(text)
        weir.before_exec = None
        weir.log.clear()
        weir.start()
        with AdminClient(weir) as admin:
            assert weights(admin) == {**{name: 101 for name in NAMES}, "s8": 102}
