# SPDX-License-Identifier: Apache-2.0
"""What the service manager hears: sd_notify(3)."""
import os
import signal
import socket

import pytest
from weirtest import DEADLINE, Weir

TEXT = "listener web { bind 127.0.0.1:{port}; route respond 200 }"


class ServiceManager:
    """The socket that $NOTIFY_SOCKET names; in the abstract namespace if it begins with @."""

    def __init__(self, name, **more):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.settimeout(DEADLINE)
        self.socket.bind(name.replace("@", "\0"))
        if not name.startswith("@"):
            os.chmod(name, 0o666)
        self.variables = {"NOTIFY_SOCKET": name, **more}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def set_environment(self):
        os.environ.update(self.variables)

    def receive(self, expected):
        """The next message that says that, as a dictionary."""
        while True:
            lines = self.socket.recv(4096).decode().splitlines()
            if expected in lines:
                return dict(line.split("=", 1) for line in lines)


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_ready_and_stopping(kind, tmp_path):
    name = str(tmp_path / "notify") if kind == "path" else f"@weir-test-{os.getpid()}"
    with ServiceManager(name) as manager, Weir(TEXT, before_exec=manager.set_environment, workers=2) as weir:
        ready = manager.receive("READY=1")
        assert ready["MAINPID"] == str(weir.process.pid)
        assert ready["STATUS"] == "serving, 2 workers"
        weir.send_signal(signal.SIGTERM)
        assert manager.receive("STOPPING=1")["STATUS"] == "stopping"
        assert weir.wait() == 0


def test_it_is_alive(tmp_path):
    variables = {"WATCHDOG_USEC": "100000"}
    with ServiceManager(str(tmp_path / "notify"), **variables) as manager:
        with Weir(TEXT, before_exec=manager.set_environment):
            for _ in range(3):
                manager.receive("WATCHDOG=1")


def test_nobody_listens():
    """A socket that is not there, or no socket at all: weir does not care."""
    for name in ("/nonexistent/notify", "nonsense", "@", "/" + "x" * 200):
        with Weir(TEXT, before_exec=lambda name=name: os.environ.update(NOTIFY_SOCKET=name)) as weir:
            weir.stop(signal.SIGINT)  # which ends it at once, and is told like every end
            assert weir.process.returncode == 0
