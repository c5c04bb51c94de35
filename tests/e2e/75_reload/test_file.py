# SPDX-License-Identifier: Apache-2.0
"""`reload FILE` and `plan FILE`: weirctl opens the file, weir reads it as if it stood beside the first one, and it may
name nothing that its author could not have otherwise."""
import array
import json
import os
import pathlib
import signal
import socket

import pytest
from admintest import AdminClient, ctl
from reloadtest import ADMIN, body, fill_in, generation, simple
from weirtest import Weir, wait_until

READ = "admin unix:{dir}/read.sock { level read }\n"


def write(weir, directory, text, name="candidate.conf"):
    path = pathlib.Path(directory) / name
    path.write_text(fill_in(weir, text), encoding="utf-8")
    return path


def send_files(weir, line, *paths, name="admin.sock"):
    """A line with descriptors, over the bare socket."""
    with AdminClient(weir, name) as admin:
        files = [os.open(path, os.O_RDONLY | os.O_NONBLOCK) for path in paths]
        data = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))] if files else []
        admin.socket.sendmsg([line.encode() + b"\n"], data)
        for file in files:
            os.close(file)
        return admin.lines.readline().decode()


def test_a_file_from_anywhere_is_loaded_once(tmp_path):
    with Weir(simple("one")) as weir:
        path = write(weir, tmp_path, simple("two"))
        done = ctl(weir, "plan", path)
        assert done.returncode == 0 and done.stdout.startswith("1 change\n") and "two" in done.stdout, done
        assert body(weir) == b"one" and generation(weir) == 1
        done = ctl(weir, "reload", path)
        assert done.returncode == 0 and done.stdout.startswith("generation 2, 1 change"), done
        assert body(weir) == b"two"
        with AdminClient(weir) as admin:
            row = json.loads(admin.ask("@json show generations").body)[-1]
            assert row["how"] == f"load {path}" and row["by"].startswith("uid ")
        path.unlink()  # it is kept as it was
        os.kill(weir.pids()[0], signal.SIGKILL)
        weir.wait_log("worker[0] is back")
        assert body(weir) == b"two"
        weir.send_signal(signal.SIGHUP)  # the files of the start
        wait_until(lambda: body(weir) == b"one", "the first one again")
        # What clients see already may not have come to its end.
        wait_until(lambda: ctl(weir, "rollback", 2).returncode == 0, "the way back")
        assert body(weir) == b"two"


def test_with_confirm_it_goes_back(tmp_path):
    with Weir(simple("one")) as weir:
        assert ctl(weir, "reload", write(weir, tmp_path, simple("two")), "confirm", "100ms").returncode == 0
        wait_until(lambda: generation(weir) == 3 and body(weir) == b"one", "the former one")


def test_it_includes_what_stands_beside_the_first_file(tmp_path):
    with Weir(simple("one")) as weir:
        (weir.dir / "conf.d").mkdir()
        (weir.dir / "conf.d" / "a.conf").write_text("shutdown_timeout 7s\n")
        path = write(weir, tmp_path, 'include "conf.d/*.conf"\n' + simple("two"))
        done = ctl(weir, "reload", path)
        assert done.returncode == 0 and "shutdown_timeout 30s -> 7s" in done.stdout, done


@pytest.mark.parametrize(
    "line, why",
    [
        ('include "{out}/secret"', "is not beneath"),
        ('include "{out}/*"', "is not beneath"),
        ('include "../../{out}/secret"', "is not beneath"),
        ('include "link"', "cannot be opened"),
        ('include "linked/secret"', "cannot be opened"),
        ('include "linked/*"', "cannot be opened"),
        ('include "fifo"', "is not a regular file"),
        ("access_log {out}/log", "neither in use now nor beneath"),
        ("error_log {out}/log", "neither in use now nor beneath"),
        ("pid_file {out}/pid", "neither in use now nor beneath"),
        ("state_file {dir}/../{outname}/state", "neither in use now nor beneath"),
        ("admin unix:{out}/a.sock", "neither in use now nor beneath"),
        ("listener more { bind unix:{out}/l.sock; route respond 200 }", "neither in use now nor beneath"),
    ],
)
def test_what_it_must_not_name(line, why, tmp_path):
    (tmp_path / "secret").write_text("the_secret;\n")
    with Weir(simple("one")) as weir:
        (weir.dir / "link").symlink_to(tmp_path / "secret")
        (weir.dir / "linked").symlink_to(tmp_path)
        os.mkfifo(weir.dir / "fifo")
        # From another place in the tree, so that "../" leads somewhere else.
        line = line.replace("{outname}", os.path.relpath(tmp_path, weir.dir.parent)).replace("{out}", str(tmp_path))
        path = write(weir, tmp_path, f"{simple('two')}{line}\n")
        for command in ("plan", "reload"):
            done = ctl(weir, command, path)
            assert done.returncode == 1 and why in done.stdout + done.stderr, done
            assert "the_secret" not in done.stdout + done.stderr
        assert sorted(os.listdir(tmp_path)) == ["candidate.conf", "secret"]
        assert body(weir) == b"one" and generation(weir) == 1


def test_what_is_in_use_may_be_named(tmp_path):
    top = ADMIN + f"access_log {tmp_path}/log\npid_file {tmp_path}/pid\n"
    with Weir(simple("one", top)) as weir:
        assert ctl(weir, "reload", write(weir, tmp_path, simple("two", top))).returncode == 0
        assert body(weir) == b"two"


def test_only_files_and_only_from_those_who_may(tmp_path):
    with Weir(simple("one", ADMIN + READ)) as weir:
        path = write(weir, tmp_path, simple("two", ADMIN + READ))
        os.mkfifo(tmp_path / "fifo")
        count = lambda: len(os.listdir(f"/proc/{weir.pids('control')[0]}/fd"))
        assert send_files(weir, "plan", path).startswith("ok 0 changes")  # nothing names it
        before = count()
        assert send_files(weir, "reload x").startswith("error usage the descriptor of FILE")
        for what in (tmp_path, tmp_path / "fifo", "/dev/null"):
            assert "is not valid" in send_files(weir, "reload x", what)
        assert send_files(weir, "plan x", path, name="read.sock").startswith("error forbidden")
        assert send_files(weir, 'reload "a\\nb"', path).startswith("error usage")
        assert send_files(weir, "plan x", *[path] * 20).startswith("ok 1 change")
        for _ in range(20):
            assert send_files(weir, "show listeners", *[path] * 4).startswith("ok")
        wait_until(lambda: count() <= before, "all descriptors to be closed")
        assert body(weir) == b"one"
        done = ctl(weir, "reload", write(weir, tmp_path, simple("three", "nonsense;\n"), "bad.conf"))
        assert done.returncode == 1 and "bad.conf:2:1" in done.stdout + done.stderr, done
