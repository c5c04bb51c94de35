# SPDX-License-Identifier: Apache-2.0
"""A generation that nobody confirms is undone: the rollback is repeated until it is committed or somebody confirms."""
import contextlib
import json
import os
import re
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


def unconfirmed(weir):
    """What `status` and the last row of `show generations` say of the wait, as JSON; both say the same."""
    with AdminClient(weir) as admin:
        status = json.loads(admin.ask("@json status").body)["unconfirmed"]
        assert json.loads(admin.ask("@json show generations").body)[-1]["unconfirmed"] == status
    return status


@pytest.mark.parametrize("how", ["reload", "SIGHUP", "confirm"])
def test_who_wants_the_same_without_a_condition_has_confirmed_it(how):
    with Weir(simple("one")) as weir:
        assert reload(weir, TWO, "reload confirm 700ms").is_ok
        if how == "SIGHUP":
            weir.send_signal(signal.SIGHUP)
            weir.wait_log("nothing has changed: generation 2 stays and is confirmed")
        elif how == "reload":
            assert reload(weir).first == "ok nothing has changed: generation 2 stays and is confirmed"
            assert reload(weir).first == "ok nothing has changed: generation 2 stays"
        else:
            assert reload(weir, command="confirm").first == "ok generation 2 is confirmed"
        assert unconfirmed(weir) is None
        with AdminClient(weir) as admin:
            assert admin.reply_to("confirm").code == "refused"
        # Later than the rollback would have come.
        assert reload(weir, simple("three"), "reload confirm 800ms").is_ok
        wait_until(lambda: generation(weir) == 4, "the rollback of the third")
        assert body(weir) == b"two"


def test_the_same_with_another_time_begins_the_wait_anew():
    with Weir(simple("one")) as weir:
        assert reload(weir, TWO, "reload confirm 1h").is_ok
        assert re.fullmatch(r"ok nothing has changed: generation 2 stays; unconfirmed: generation 1 comes back at \S+Z",
                            reload(weir, command="reload confirm 50ms").first)
        wait_until(lambda: body(weir) == b"one", "the former one")


def test_a_plan_confirms_nothing():
    with Weir(simple("one")) as weir:
        assert reload(weir, TWO, "reload confirm 1h").is_ok
        assert reload(weir, command="plan").is_ok
        assert unconfirmed(weir)["back_to"] == 1


def test_an_unconfirmed_generation_is_shown_as_such():
    with Weir(simple("one")) as weir:
        assert unconfirmed(weir) is None
        first = reload(weir, TWO, "reload confirm 1h").first
        until = re.fullmatch(r"ok generation 2, 1 change; unconfirmed: generation 1 comes back at (\S+Z)", first)[1]
        assert unconfirmed(weir) == {"back_to": 1, "until": until}
        with AdminClient(weir) as admin:
            for command in ("status", "show generations"):
                assert f"generation 1 comes back at {until}" in admin.ask(command).body
        assert reload(weir, simple("three")).first == "ok generation 3, 1 change"
        assert unconfirmed(weir) is None


def test_a_rollback_does_not_bring_back_what_was_rolled_back():
    with Weir(simple("one")) as weir:
        assert reload(weir, TWO).is_ok
        assert reload(weir, simple("bad"), "reload confirm 50ms").is_ok
        weir.wait_log("generation 4 runs in every worker")
        assert body(weir) == b"two"
        assert reload(weir, command="rollback").first == "ok generation 5, 1 change"
        assert body(weir) == b"one"
        reply = reload(weir, command="rollback")
        assert reply.first == "error refused no generation before the present one is kept"
        # One that follows a rollback has that as the one before.
        assert reload(weir, simple("six")).is_ok
        assert reload(weir, command="rollback").is_ok and body(weir) == b"one"


def test_a_rollback_of_an_unconfirmed_one_goes_to_the_last_confirmed():
    with Weir(simple("one")) as weir:
        assert reload(weir, TWO, "reload confirm 1h").is_ok
        assert reload(weir, simple("three"), "reload confirm 1h").is_ok
        assert reload(weir, command="rollback").is_ok
        assert body(weir) == b"one" and unconfirmed(weir) is None
