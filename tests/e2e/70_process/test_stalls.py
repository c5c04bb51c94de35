# SPDX-License-Identifier: Apache-2.0
"""A worker that does not turn its loop: nothing new waits for it, and if it goes on like that it is replaced."""
import os
import signal

from admintest import ctl
from strace import injected
from weirtest import Client, Load, Origin, Weir, ask, forward_to, get, wait_until


def test_a_stopped_worker_is_replaced():
    text = forward_to("{o}", top="stall_timeout 2s")
    with Origin() as origin, Weir(text, workers=2, o=origin.address) as weir:
        loads = [Load(weir) for _ in range(4)]
        for load in loads:
            load.start()
        loads[0].progress()
        old = weir.pids()
        os.kill(old[0], signal.SIGSTOP)
        weir.wait_log("worker[0] has not turned its loop")
        # Nothing new waits for it: each of them goes on, but for one that was in its hands.
        going_on = [load.good + 20 for load in loads]
        wait_until(lambda: sum(load.good >= goal for load, goal in zip(loads, going_on)) >= len(loads) - 1, "progress")
        weir.wait_log("stopped by signal 19): it is ended")
        line = weir.wait_log("worker[0], process")
        weir.wait_log("worker[0] is back")
        for load in loads:
            load.stop()
        assert sum(load.refused for load in loads) == 0
        assert sum(load.broken for load in loads) <= len(loads)
        assert old[0] not in weir.pids() and old[1] in weir.pids(), line


def test_the_report_of_a_stall_names_the_request():
    text = forward_to("{o}", top="stall_timeout 1s\nadmin unix:{dir}/admin.sock")
    with Origin() as origin, Weir(text, o=origin.address) as weir:
        for count in (1, 2):
            before = len(weir.log)
            with injected(weir.pids()[0], "connect", "signal=SIGSTOP"), Client(weir) as client:
                client.send(get("/slow"))
                weir.wait_log("has not turned its loop", 2 * count - 1)
            line = weir.wait_log("s and ended: signal ", count)
            # A signal may be lost while the tracer lets go: it has turned again then, and is killed in the middle of nothing.
            is_named = "in stream GET /slow of listener web" in line
            assert "stalled for" in line and (is_named or any("turns again" in each for each in weir.log[before:])), line
            weir.wait_log("is back", count)
        # Whoever stopped it is to blame, not the request.
        assert "quarantined:      0" in ctl(weir, "status").stdout
        assert ask(weir, get("/slow")).status == 200


def test_who_does_not_die_is_killed():
    """Held in the middle of a system call, it cannot even say its last words."""
    text = forward_to("{o}", top="stall_timeout 1s")
    with Origin() as origin, Weir(text, workers=1, o=origin.address) as weir:
        with injected(weir.pids()[0], "connect", "delay_enter=3600s"), Client(weir) as client:
            client.send(get())
            weir.wait_log("does not end: it is killed")
        assert "stalled for" in weir.wait_log("s and ended: signal 9")
        weir.wait_log("is back")
        assert ask(weir).status == 200


def test_who_goes_on_in_time_is_left_alone():
    text = forward_to("{o}", top="stall_timeout none")
    with Origin() as origin, Weir(text, workers=2, o=origin.address) as weir:
        old = weir.pids()
        os.kill(old[0], signal.SIGSTOP)
        weir.wait_log("worker[0] has not turned its loop")
        for _ in range(20):
            assert ask(weir).status == 200
        os.kill(old[0], signal.SIGCONT)
        weir.wait_log("worker[0] turns again")
        os.kill(old[1], signal.SIGSTOP)
        weir.wait_log("worker[1] has not turned its loop")
        # Its sockets have come back to the first one.
        for _ in range(20):
            assert ask(weir).status == 200
        os.kill(old[1], signal.SIGCONT)
        weir.wait_log("worker[1] turns again")
        assert weir.pids() == old


def test_a_long_turn_is_no_death():
    """All workers at once: nobody is left to take their connections, and all that came in is answered."""
    text = forward_to("{o}", top="stall_timeout 1h")
    with Origin() as origin, Weir(text, workers=2, o=origin.address) as weir:
        old = weir.pids()
        for pid in old:
            os.kill(pid, signal.SIGSTOP)
        weir.wait_log("has not turned its loop", 2)
        with Client(weir) as client:
            client.send(get())
            for pid in old:
                os.kill(pid, signal.SIGCONT)
            assert client.receive().status == 200
        weir.wait_log("turns again", 2)
        assert weir.pids() == old
