# SPDX-License-Identifier: Apache-2.0
"""A log that cannot take its lines costs lines, which are counted, and nothing else."""
import ctypes
import json
import os
import re
import select
import signal
import socket

from healthtest import ADMIN, admin
from weirtest import DEADLINE, Client, Weir, get, wait_until

LISTENER = "\nlistener web { bind 127.0.0.1:{port}; route respond 200 fine }\n"
LONG = "/" + "x" * 7000
CLONE_NEWNS, MS_BIND, MS_REC, MS_PRIVATE = 0x20000, 0x1000, 0x4000, 0x40000


def errors(weir):
    return (weir.dir / "error.log").read_text()


def dropped(weir):
    return sum(map(int, re.findall(r"writer (\d+) log lines were dropped", errors(weir))))


def ask_many(weir, count, target="/"):
    with Client(weir) as client:
        for _ in range(count):
            assert client.ask(get(target)).status == 200


class Stalled(Weir):
    """Its access log is a FIFO whose reader reads only when it is told to."""

    def __init__(self):
        super().__init__("access_log {dir}/fifo\nerror_log {dir}/error.log" + LISTENER, start=False)
        os.mkfifo(self.dir / "fifo")
        self.reader_end = os.open(self.dir / "fifo", os.O_RDONLY | os.O_NONBLOCK)
        self.start()

    def read_all(self):
        """Everything until weir has closed the FIFO."""
        os.set_blocking(self.reader_end, True)
        with open(self.reader_end, "rb") as file:
            return file.read()


def test_a_full_disk():
    with Weir("access_log /dev/full\nerror_log {dir}/error.log" + LISTENER) as weir:
        ask_many(weir, 50)
        wait_until(lambda: dropped(weir) > 0, "word of the lost lines")
        weir.send_signal(signal.SIGTERM)
        assert weir.wait() == 0
        assert dropped(weir) == 50


def test_a_full_disk_for_the_error_log():
    with Weir("access_log {dir}/access.log\nerror_log /dev/full" + LISTENER) as weir:
        old = weir.pids("control")
        os.kill(old[0], signal.SIGKILL)
        wait_until(lambda: weir.pids("control") not in ([], old), "a new one")
        ask_many(weir, 50)
        assert len(weir.access(50)) == 50
        weir.send_signal(signal.SIGTERM)
        assert weir.wait() == 0


def test_a_stalled_disk():
    """Other logs are written, the end comes at once, and whatever is not in the log was counted."""
    with Stalled() as weir:
        count = 1500  # more than the ring holds
        ask_many(weir, count, LONG)
        os.kill(weir.pids("control")[0], signal.SIGKILL)
        wait_until(lambda: "ended: signal 9" in errors(weir), "a line in the other log")
        wait_until(lambda: dropped(weir) > 0, "word of the lost lines")
        ask_many(weir, 10)
        weir.send_signal(signal.SIGTERM)
        assert weir.wait() == 0
        assert weir.read_all().count(b"\n") + dropped(weir) == count + 10


def test_a_stall_that_ends():
    """A line of which a part was written before the stall is whole after it."""
    with Stalled() as weir:
        ask_many(weir, 50, LONG)
        wait_until(lambda: dropped(weir) > 0, "word of the lost lines")
        begin = b""

        def all_dealt_with():
            nonlocal begin
            if select.select([weir.reader_end], [], [], 0)[0]:
                begin += os.read(weir.reader_end, 1 << 20)
            return begin.count(b"\n") + dropped(weir) == 50

        wait_until(all_dealt_with, "the end of the stall")
        ask_many(weir, 50, "/after")
        weir.send_signal(signal.SIGTERM)
        assert weir.wait() == 0
        *whole, rest = (begin + weir.read_all()).split(b"\n")
        paths = [json.loads(line)["path"] for line in whole]
        assert rest == b"" and paths.count("/after") == 50
        assert len(paths) + dropped(weir) == 100


def test_a_reader_that_leaves():
    with Stalled() as weir:
        writers = weir.pids("writer")
        os.close(weir.reader_end)
        ask_many(weir, 10)
        wait_until(lambda: dropped(weir) > 0, "word of the lost lines")
        weir.reader_end = os.open(weir.dir / "fifo", os.O_RDONLY | os.O_NONBLOCK)
        ask_many(weir, 10)
        assert weir.pids("writer") == writers
        weir.send_signal(signal.SIGTERM)
        assert weir.wait() == 0
        written = weir.read_all().count(b"\n")
        assert written >= 10 and written + dropped(weir) == 20


def private_dev(directory):
    """In the new process: a mount namespace in which /dev is that directory."""
    libc = ctypes.CDLL(None, use_errno=True)

    def enter():
        private = libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None) if libc.unshare(CLONE_NEWNS) == 0 else -1
        if private != 0 or libc.mount(str(directory).encode(), b"/dev", None, MS_BIND, None) != 0:
            raise OSError(ctypes.get_errno(), "no mount namespace of our own")

    return enter


class Syslog(Weir):
    """In a /dev of its own, whose log is .socket."""

    def __init__(self, text):
        super().__init__(text + LISTENER, start=False)
        (self.dir / "dev").mkdir()
        self.listen()
        self.before_exec = private_dev(self.dir / "dev")
        self.start()

    def listen(self):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.dir / "dev" / "log"))
        os.chmod(self.dir / "dev" / "log", 0o666)
        self.socket.settimeout(DEADLINE)

    def close(self):
        self.socket.close()
        os.unlink(self.dir / "dev" / "log")

    def read_until(self, text):
        """Lines up to the first with that text."""
        lines = [self.socket.recv(65536).decode()]
        while text not in lines[-1]:
            lines.append(self.socket.recv(65536).decode())
        return lines


def test_syslog():
    with Syslog("access_log syslog format combined\nerror_log syslog level notice") as weir:
        ask_many(weir, 1, "/logged")
        lines = weir.read_until("/logged")
        assert lines[-1].startswith("<30>weir: 127.0.0.1 - - [")
        assert any(line.startswith("<29>weir: ") and "weir ready" in line for line in lines)
        weir.close()


def test_syslog_is_started_again():
    with Syslog("access_log syslog format combined\nerror_log {dir}/error.log") as weir:
        ask_many(weir, 1, "/before")
        weir.read_until("/before")
        weir.close()
        ask_many(weir, 5, "/without")
        wait_until(lambda: dropped(weir) > 0, "word of the lost lines")
        weir.listen()
        ask_many(weir, 1, "/after")
        assert weir.read_until("/after")
        weir.close()


def test_syslog_stands_still():
    with Syslog("access_log syslog format combined\nerror_log {dir}/error.log") as weir:
        ask_many(weir, 2000)
        wait_until(lambda: dropped(weir) > 0, "word of the lost lines")
        ask_many(weir, 100)
        weir.send_signal(signal.SIGTERM)
        assert weir.wait() == 0
        weir.socket.setblocking(False)
        received = 0
        while select.select([weir.socket], [], [], 0)[0]:
            received += weir.socket.recv(65536).startswith(b"<30>weir: ")
        assert received + dropped(weir) == 2100
        weir.close()


def lost(weir, log):
    sample = f'weir_log_lines_lost_total{{log="{log}"}} '
    (value,) = [line[len(sample):] for line in admin(weir, "metrics")[1].splitlines() if line.startswith(sample)]
    return int(value)


def test_lines_that_syslog_does_not_take():
    with Syslog(f"{ADMIN}access_log syslog format combined\nerror_log {{dir}}/error.log\n") as weir:
        ask_many(weir, 1, "/before")
        weir.read_until("/before")
        assert lost(weir, "access") == 0
        weir.close()
        ask_many(weir, 5, "/without")
        wait_until(lambda: lost(weir, "access") == 5, "the lost lines to be counted")
        wait_until(lambda: dropped(weir) > 0, "word of them")
        assert lost(weir, "error") == 0
        weir.listen()
        ask_many(weir, 1, "/after")
        assert weir.read_until("/after")
        assert lost(weir, "access") == 5
        weir.close()


def test_nobody_hears_of_lines_lost_to_a_dead_syslog_but_metrics():
    with Syslog(f"{ADMIN}access_log syslog format combined\nerror_log syslog level info\n") as weir:
        ask_many(weir, 1, "/before")
        weir.read_until("/before")
        weir.close()
        ask_many(weir, 4, "/without")
        wait_until(lambda: lost(weir, "access") == 4, "the lost lines to be counted")
        wait_until(lambda: lost(weir, "error") >= 1, "the report of them, which was lost as well")
        weir.listen()
        weir.close()
