# SPDX-License-Identifier: Apache-2.0
"""How long a killed worker, writer or control is missing, under load.

Kills each role so many times, one process a second, and prints the median and the worst time until its
replacement said that it was ready, and what became of the clients meanwhile, some of whom keep their connection
and some come anew each time: refused ones, broken ones, and the longest that any of the others took.

A worker may take along the requests that it has, and no more: it is stopped first, its clients are counted, and
then it is killed.  Fails if more were broken, if anybody was refused, or if it took longer than 100 ms.

    tests/bench/replacement.py --kills 60 worker
"""
import argparse
import ctypes
import gc
import os
import pathlib
import re
import signal
import socket
import statistics
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from weirtest import Client, Origin, Weir, forward_to, get, wait_until  # noqa: E402

LIBC = ctypes.CDLL(None, use_errno=True)
SYS_PIDFD_GETFD = 438


class Load(threading.Thread):
    """Asks again and again, on one connection or on a new one each time."""

    def __init__(self, weir, keep):
        super().__init__(daemon=True)
        self.weir, self.keep, self.over = weir, keep, threading.Event()
        self.good, self.refused, self.broken, self.slowest = 0, 0, 0, 0.0

    def run(self):
        client = None
        while not self.over.is_set():
            begin = time.monotonic()
            try:
                client = client or Client(self.weir)
                self.good += client.ask(get()).status == 200
                if self.keep:
                    continue
            except ConnectionRefusedError:
                self.refused += 1
            except (OSError, EOFError, AssertionError):
                self.broken += 1
            finally:
                self.slowest = max(self.slowest, time.monotonic() - begin)
            if client:
                client.close()
                client = None


def is_client(sock, port):
    try:
        return sock.getpeername() and sock.getsockname()[1] == port
    except OSError:  # it listens, or its client has gone
        return False


def clients_of(pid, port):
    """Connections to the port that the process has accepted.  Asks the sockets themselves: the kernel's list is long
    after some thousand connections, and who waits for a stopped worker waits for us to have read it."""
    process, count = os.pidfd_open(pid), 0
    for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        if os.readlink(fd).startswith("socket:"):
            with socket.socket(fileno=LIBC.syscall(SYS_PIDFD_GETFD, process, int(fd.name), 0)) as copy:
                count += bool(copy.family == socket.AF_INET and is_client(copy, port))
    os.close(process)
    return count


def returns(weir, role):
    return sum(bool(re.search(rf"{role}\S* is back", line)) for line in weir.log)


def kill_one(weir, role):
    """Kills the oldest of a role; milliseconds until its return, and the clients it had."""
    pid, seen, clients = weir.pids(role)[0], returns(weir, role), 0
    if role == "worker":
        os.kill(pid, signal.SIGSTOP)
        clients = clients_of(pid, weir.port())
    begin = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: returns(weir, role) > seen, "its return")
    return (time.monotonic() - begin) * 1000, clients


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--clients", type=int, default=4, help="of each kind")
    parser.add_argument("roles", nargs="*", default=["worker", "control", "writer"])
    options = parser.parse_args()
    gc.disable()  # the origin keeps what it got: a collection stops all clients for a tenth of a second
    wrong = False
    with Origin() as origin, Weir(forward_to(origin), workers=2) as weir:
        for role in options.roles:
            loads, times, had = [Load(weir, i % 2 == 0) for i in range(2 * options.clients)], [], 0
            for load in loads:
                load.start()
            for _ in range(options.kills):
                next_kill = time.monotonic() + (1 if role == "worker" else 1.1)  # who dies young is held back
                took, clients = kill_one(weir, role)
                times.append(took)
                had += clients
                time.sleep(max(0, next_kill - time.monotonic()))
            for load in loads:
                load.over.set()
                load.join()
            refused, broken = sum(load.refused for load in loads), sum(load.broken for load in loads)
            wrong |= statistics.median(times) > 100 or refused > 0 or broken > had
            print(f"{role:8} killed {len(times)} times: back after {statistics.median(times):.1f} ms, at worst"
                  f" {max(times):.1f} ms; {sum(load.good for load in loads)} answers, {refused} refused,"
                  f" {broken} broken of {had} in flight there,"
                  f" the slowest took {max(load.slowest for load in loads) * 1000:.0f} ms")
    sys.exit(wrong)


if __name__ == "__main__":
    main()
