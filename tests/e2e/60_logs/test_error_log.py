# SPDX-License-Identifier: Apache-2.0
"""The error log: where it goes and what its level keeps out."""
import os
import signal

from weirtest import Weir, ask, wait_until

LISTENER = "listener web { bind 127.0.0.1:{port}; route respond 200 }\n"


def test_a_file_and_a_level():
    with Weir("error_log {dir}/error.log level notice\n" + LISTENER) as weir:
        assert ask(weir).status == 200
        path = weir.dir / "error.log"
        wait_until(lambda: "weir ready" in path.read_text(), "the first line")
        os.kill(weir.pids()[0], signal.SIGKILL)
        wait_until(lambda: "signal 9" in path.read_text(), "word of the worker's end")
        assert " debug " not in path.read_text()


def test_only_errors():
    with Weir("error_log {dir}/error.log level error\n" + LISTENER) as weir:
        os.kill(weir.pids()[0], signal.SIGKILL)
        path = weir.dir / "error.log"
        wait_until(lambda: "signal 9" in path.read_text(), "word of the worker's end")
        assert " notice " not in path.read_text()


def test_opened_again():
    with Weir("error_log {dir}/error.log level notice\n" + LISTENER) as weir:
        path = weir.dir / "error.log"
        wait_until(lambda: "weir ready" in path.read_text(), "the first line")
        os.rename(path, weir.dir / "old.log")
        weir.send_signal(signal.SIGUSR1)
        wait_until(path.exists, "a new file")
        os.kill(weir.pids()[0], signal.SIGKILL)
        wait_until(lambda: "signal 9" in path.read_text(), "a line in the new file")
