# SPDX-License-Identifier: Apache-2.0
"""A log that cannot take its lines costs lines, which are counted, and nothing else."""
import ctypes
import os
import re
import socket
import threading

from weirtest import Client, Weir, ask, get, wait_until

LISTENER = "\nlistener web { bind 127.0.0.1:{port}; route respond 200 fine }\n"
LONG = "/" + "x" * 7000
CLONE_NEWNS, MS_BIND, MS_REC, MS_PRIVATE = 0x20000, 0x1000, 0x4000, 0x40000


def dropped(weir):
    lines = re.findall(r"(\d+) log lines were dropped", "\n".join(weir.log))
    return sum(map(int, lines))


def test_a_full_disk():
    with Weir("access_log /dev/full" + LISTENER) as weir, Client(weir) as client:
        for _ in range(50):
            assert client.ask(get()).status == 200
        wait_until(lambda: dropped(weir) > 0, "word of the lost lines")


def test_a_stalled_disk():
    with Weir("access_log {dir}/fifo" + LISTENER, start=False) as weir:
        os.mkfifo(weir.dir / "fifo")
        reader = os.open(weir.dir / "fifo", os.O_RDONLY | os.O_NONBLOCK)
        weir.start()
        with Client(weir) as client:
            for _ in range(1500):  # more than the ring holds
                assert client.ask(get(LONG)).status == 200
        os.set_blocking(reader, True)
        drain = threading.Thread(target=lambda: all(iter(lambda: os.read(reader, 1 << 20), b"")), daemon=True)
        drain.start()
        wait_until(lambda: dropped(weir) > 0, "word of the lost lines")
        assert ask(weir).status == 200
    drain.join()
    os.close(reader)


def private_dev(directory):
    """In the new process: a mount namespace in which /dev is that directory."""
    libc = ctypes.CDLL(None, use_errno=True)

    def enter():
        private = libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None) if libc.unshare(CLONE_NEWNS) == 0 else -1
        if private != 0 or libc.mount(str(directory).encode(), b"/dev", None, MS_BIND, None) != 0:
            raise OSError(ctypes.get_errno(), "no mount namespace of our own")

    return enter


def test_syslog():
    text = "access_log syslog format combined\nerror_log syslog level notice" + LISTENER
    with Weir(text, start=False) as weir, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        (weir.dir / "dev").mkdir()
        log.bind(str(weir.dir / "dev" / "log"))
        os.chmod(weir.dir / "dev" / "log", 0o666)
        log.settimeout(20)
        weir.before_exec = private_dev(weir.dir / "dev")
        weir.start()
        assert ask(weir, get("/logged")).status == 200
        lines = []
        while not any("/logged" in line for line in lines):
            lines.append(log.recv(65536).decode())
        assert lines[-1].startswith("<30>weir: 127.0.0.1 - - [")
        assert any(line.startswith("<29>weir: ") and "weir ready" in line for line in lines)
