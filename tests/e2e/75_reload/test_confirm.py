# SPDX-License-Identifier: Apache-2.0
"""A generation that nobody confirms is undone: the rollback is repeated until it is committed or somebody confirms."""
import contextlib
import os
import signal
import threading

import pytest
from admintest import AdminClient
from reloadtest import ADMIN, body, generation, reload, rewrite, simple
from weirtest import Weir, wait_until

LOG = ADMIN + "access_log {dir}/logs/access.log\n"
TWO = simple("two")


@pytest.fixture
def stuck():
    """Runs `two` unconfirmed; the rollback to `one` is refused, since the directory of its log has gone."""
    with Weir(simple("one", LOG), start=False) as weir:
        (weir.dir / "logs").mkdir()
        weir.start()
        (weir.dir / "logs" / "access.log").unlink()
        (weir.dir / "logs").rmdir()
        assert reload(weir, TWO, "reload confirm 50ms").is_ok
        weir.wait_log("rollback to generation 1 failed")
        yield weir


def test_a_refused_rollback_is_repeated(stuck):
    line = stuck.wait_log("trying again in", 2)
    assert "still unconfirmed" in line and "access.log" in line
    assert body(stuck) == b"two"
    (stuck.dir / "logs").mkdir()
    wait_until(lambda: body(stuck) == b"one", "the former one")
    # That was the end of it.
    with AdminClient(stuck) as admin:
        assert admin.reply_to("confirm").code == "refused"


def test_a_confirmation_ends_the_attempts(stuck):
    with AdminClient(stuck) as admin:
        assert admin.ask("confirm").is_ok
        assert admin.reply_to("confirm").code == "refused"
    (stuck.dir / "logs").mkdir()
    assert reload(stuck, TWO).first.startswith("ok nothing has changed: generation 2")
    assert body(stuck) == b"two"


def test_the_death_of_control_does_not_end_the_attempts(stuck):
    os.kill(stuck.pids("control")[0], signal.SIGKILL)
    stuck.wait_log("control is back")
    (stuck.dir / "logs").mkdir()
    wait_until(lambda: body(stuck) == b"one", "the former one")


def test_a_later_generation_ends_the_attempts(stuck):
    assert reload(stuck, simple("three")).is_ok
    (stuck.dir / "logs").mkdir()
    with AdminClient(stuck) as admin:
        assert admin.reply_to("confirm").code == "refused"
    assert body(stuck) == b"three"


def test_dying_workers_do_not_stop_it():
    done = threading.Event()
    with Weir(simple("one"), workers=2) as weir:

        def kill_workers():
            while not done.is_set():
                for pid in weir.pids():
                    with contextlib.suppress(ProcessLookupError):  # of the generation that has just left
                        os.kill(pid, signal.SIGKILL)

        assert reload(weir, TWO, "reload confirm 200ms").is_ok
        killer = threading.Thread(target=kill_workers)
        killer.start()
        weir.wait_log("generation 3 is committed (rollback 1 by confirm)")
        done.set()
        killer.join()
        wait_until(lambda: body(weir) == b"one", "the former one")


def test_confirmed_while_the_rollback_is_prepared():
    with Weir(simple("one")) as weir:
        worker, = weir.pids()
        assert reload(weir, TWO, "reload confirm 200ms").is_ok
        os.kill(worker, signal.SIGSTOP)
        weir.wait_log("rolling back to generation 1")
        with AdminClient(weir) as admin:
            assert admin.ask("confirm").is_ok
        os.kill(worker, signal.SIGCONT)
        weir.wait_log("it was confirmed meanwhile")
        assert body(weir) == b"two" and generation(weir) == 2


def test_two_unconfirmed_ones_go_back_to_the_last_confirmed():
    with Weir(simple("one")) as weir:
        assert reload(weir, TWO, "reload confirm 1h").is_ok
        rewrite(weir, simple("three"))
        assert reload(weir, command="reload confirm 50ms").is_ok
        wait_until(lambda: body(weir) == b"one", "the last one that was confirmed")
