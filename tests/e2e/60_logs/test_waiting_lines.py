# SPDX-License-Identifier: Apache-2.0
"""`access_log PATH buffer SIZE flush TIME`: lines wait to be written, and no death of a process loses them."""
import contextlib
import os
import signal

import pytest
from binarytest import Installed
from healthtest import ADMIN
from reloadtest import reload
from weirtest import Client, Weir, ask, get, status_of, wait_until

LONG = "/" + "x" * 6999  # two of them are less than 16k, three are more


def conf(options, file="access.log"):
    return f"""{ADMIN}
access_log {{dir}}/{file} format path {options}
log_format path $path
listener web {{ bind 127.0.0.1:{{port}}; route respond 200 fine }}
"""


HELD = conf("buffer 16k flush 1h")


def lines(weir, file="access.log"):
    return (weir.dir / file).read_text().splitlines()


def ask_until_one_waits(weir, target, file="access.log"):
    """Asks once, or more often if the writer is still at work and takes the line along.  Gives all lines, of which the last one
    waits.  What weir has to log itself must be in its log before."""
    asked, writer, worker = [], weir.pids("writer")[0], weir.pids()[0]
    pauses = lambda: int(status_of(writer, "voluntary_ctxt_switches"))
    sleeps = lambda pid: status_of(pid, "State").startswith("S")
    while len(asked) < 20:
        before = pauses()
        assert ask(weir, get(target)).status == 200
        asked.append(target)
        wait_until(lambda: sleeps(worker), "the line to be complete")
        wait_until(lambda: pauses() > before and sleeps(writer), "the writer to wait")
        if lines(weir, file) != asked:
            assert lines(weir, file) == asked[:-1]
            return asked
    raise AssertionError("no line waits")


def wait_for_file(weir, file):
    """Until the writer has that log open, and no other."""
    at = f"/proc/{weir.pids('writer')[0]}/fd"

    def logs():
        names = set()
        for fd in os.listdir(at):
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                names.add(os.readlink(f"{at}/{fd}"))
        return {name for name in names if name.startswith(f"{weir.dir}/")}

    wait_until(lambda: logs() == {str(weir.dir / file)}, f"the writer to write to {file}")


def test_lines_wait_until_there_are_enough():
    with Weir(HELD) as weir, Client(weir) as client:
        *written, last = ask_until_one_waits(weir, "/first")
        assert client.ask(get(LONG)).status == 200
        assert client.ask(get(LONG)).status == 200
        assert lines(weir) == written
        assert client.ask(get("/third" + LONG)).status == 200
        expected = [*written, last, LONG, LONG, "/third" + LONG]
        assert weir.access(len(expected)) == expected


def test_lines_wait_for_a_time():
    with Weir(conf("buffer 4m flush 20ms")) as weir:
        ask(weir, get("/one"))
        assert weir.access(1) == ["/one"]


def test_a_shutdown_writes_what_waits():
    with Weir(HELD) as weir:
        asked = ask_until_one_waits(weir, "/one")
        ask(weir, get("/two"))
        assert lines(weir) == asked[:-1]
        weir.send_signal(signal.SIGINT)
        assert weir.wait() == 0
        assert lines(weir) == [*asked, "/two"]


def test_a_reopen_writes_what_waits_to_the_former_file():
    with Weir(HELD) as weir:
        before = ask_until_one_waits(weir, "/before")
        os.rename(weir.dir / "access.log", weir.dir / "former.log")
        weir.send_signal(signal.SIGUSR1)
        wait_for_file(weir, "access.log")
        assert lines(weir, "former.log") == before
        weir.wait_log("opened again")
        after = ask_until_one_waits(weir, "/after")
        weir.send_signal(signal.SIGINT)
        assert weir.wait() == 0
        assert lines(weir) == after and lines(weir, "former.log") == before


def test_a_reload_changes_how_long_lines_wait():
    with Weir(HELD) as weir:
        one = ask_until_one_waits(weir, "/one")
        assert reload(weir, conf("", "second.log")).first == "ok generation 2, 1 change"
        wait_for_file(weir, "second.log")
        assert lines(weir) == one
        ask(weir, get("/two"))
        assert weir.access(1, "second.log") == ["/two"]
        assert reload(weir, conf("buffer 16k flush 1h", "third.log")).is_ok
        wait_for_file(weir, "third.log")
        weir.wait_log("reload: ok generation 3")
        weir.wait_log("generation 3 runs in every worker")
        three = ask_until_one_waits(weir, "/three", "third.log")
        weir.send_signal(signal.SIGINT)
        assert weir.wait() == 0
        assert lines(weir, "third.log") == three and lines(weir, "second.log") == ["/two"]


@pytest.mark.parametrize("role", ["writer", "worker"])
def test_a_killed_process_loses_no_line_that_waits(role):
    with Weir(HELD) as weir, Client(weir) as client:
        first = ask_until_one_waits(weir, "/first")
        for number in range(20):
            assert client.ask(get(f"/{number}")).status == 200
        assert lines(weir) == first[:-1]
        os.kill(weir.pids(role)[0], signal.SIGKILL)
        # The worker may die between its last answer and the line of that.
        wanted = [*first, *(f"/{number}" for number in range(20 if role == "writer" else 19))]
        assert weir.access(len(wanted))[:len(wanted)] == wanted


def test_an_upgrade_writes_what_waits(tmp_path):
    installed = Installed(tmp_path)
    with Weir(HELD, binary=installed.path) as weir:
        asked = ask_until_one_waits(weir, "/one")
        former = weir.pids("writer")
        installed.install(version="0.1.9")
        weir.send_signal(signal.SIGUSR2)
        wait_until(lambda: weir.pids("writer") not in ([], former), "another writer")
        assert lines(weir) == asked
        weir.wait_log("has taken over from")
