# SPDX-License-Identifier: Apache-2.0
"""Who is to blame for a crash: the builder's thread, a command, a check; and how an operator sees and lifts a
quarantine."""
import ctypes
import os
import pathlib
import re

from admintest import AdminClient
from crashtest import ADMIN, FATAL, closing, crash, quarantined
from draintest import Watch
from strace import injected
from weirtest import Client, Origin, Weir, answer, ask, forward_to, get, wait_until

BAD = get("/bad", "test", "X-Bad: 1")


def test_an_operator_sees_and_lifts_a_quarantine():
    with Origin(closing) as origin, Weir(forward_to(origin, top=ADMIN)) as weir, Watch(weir) as watch:
        with AdminClient(weir) as admin:
            assert admin.ask("@json show quarantine").json() == []
            crash(weir, BAD)
            [row] = admin.ask("@json show quarantine").json()
            assert (row["state"], row["crashes"], row["method"], row["path"]) == ("suspect", 1, "GET", "/bad")
            crash(weir, BAD)
            assert watch.next() == ("quarantine.added", row["fingerprint"], "suspect", "refused")
            [now] = admin.ask("@json show quarantine").json()
            assert (now["state"], now["crashes"]) == ("refused", 2) and now["since"][:22] == row["since"][:22]
            assert now["listener"] == "web" and now["until"] > now["since"]
            assert ask(weir, BAD).status == 403
            assert admin.reply_to("clear quarantine 1234").code == "unknown"
            assert admin.reply_to("clear quarantine x").code == "usage"
            assert admin.ask(f"clear quarantine {row['fingerprint']}").first == "ok 1 cleared"
            assert watch.next()[:3] == ("quarantine.cleared", row["fingerprint"], "refused")
            assert ask(weir, BAD).status == 200 and quarantined(weir) == 0
            assert admin.ask("@json show quarantine").json() == []
            # It begins anew, and all of them may go at once.
            crash(weir, BAD)
            assert ask(weir, BAD).status == 200
            crash(weir, get("/other"))
            assert admin.ask("clear quarantine").first == "ok 2 cleared"
            assert admin.ask("clear quarantine").first == "ok 0 cleared"
            assert any("clear quarantine" in line for line in admin.ask("show audit").body.splitlines())


def test_the_builder_does_not_blame_the_stream():
    """The loop stands in a request while the other thread crashes."""
    with Origin(closing) as origin, Weir(forward_to(origin, top=ADMIN)) as weir:
        worker = weir.pids()[0]
        threads = sorted(int(name) for name in os.listdir(f"/proc/{worker}/task"))
        builder = next(thread for thread in threads if thread != worker)
        with injected(worker, "connect", "delay_enter=3000000"), Client(weir) as client:
            client.send(BAD)
            held = pathlib.Path(f"/proc/{worker}/syscall")
            wait_until(lambda: held.read_text().split(" ")[0] == "42", "the loop to be in its request")
            assert ctypes.CDLL(None, use_errno=True).syscall(234, worker, builder, int(FATAL)) == 0  # tgkill
            line = weir.wait_log("crashed (")
        assert re.search(rf"crashed \(signal {FATAL.value}\) in its builder thread", line) and "/bad" not in line, line
        weir.wait_log("is back")
        with AdminClient(weir) as admin:
            assert admin.ask("@json show quarantine").json() == []


def test_control_says_in_which_command():
    with Weir(ADMIN + "listener web { bind 127.0.0.1:{port}; route respond 200 x }\n") as weir:
        with AdminClient(weir) as admin, injected(weir.pids("control")[0], "sendmsg", f"signal={FATAL.name}"):
            admin.socket.sendall(b"shutdown 7s\n")
            line = weir.wait_log("crashed (")
        assert "control, process" in line and 'in command shutdown 7s, call ' in line, line
        weir.wait_log("control backtrace, for addr2line")


def test_control_says_in_which_check():
    with Origin(answer("ok")) as origin:
        text = forward_to(origin, top=ADMIN, backend="check http / { interval 20ms }")
        with Weir(text) as weir:
            origin.wait(1)
            with injected(weir.pids("control")[0], "connect", f"signal={FATAL.name}"):
                line = weir.wait_log("crashed (")
            assert f"in check of {origin.address}, call " in line, line
            weir.wait_log("control is back")
            assert ask(weir).status == 200
