# SPDX-License-Identifier: Apache-2.0
"""Kills workers with SIGKILL at random moments under load and looks at what they left behind.

Clients ask for small answers of an origin, large ones (moved through a pipe) and ones that weir makes itself
(sixteen at a time on one connection); every path holds a number of its own.  A worker is killed after a
random number of further answers, but is left alone for a second first, as weir holds back who dies young.
Afterwards
  - nothing is in flight at any server,
  - no counter of `weirctl metrics` went back from one look to the next,
  - every answer that a client got whole has its line in the access log, and every line is JSON.

    tests/bench/kill_workers.py --kills 1000
"""
import argparse
import itertools
import json
import os
import pathlib
import random
import signal
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

from healthtest import ADMIN, servers, weirctl
from weirtest import DEADLINE, Client, Origin, Weir, answer, get, wait_until

CONF = """
{admin}
access_log {dir}/access.log format json
listener web {
    bind 127.0.0.1:{port}
    route path /local/* respond 200 here
    route path /large/* forward large
    route forward small
}
backend small { server s1 {s1} max_in_flight 100
                server s2 {s2} }
backend large { server l1 {s1} }
"""
LARGE = answer(b"x" * 200_000)
SMALL = answer(b"y" * 100)
PIPELINED = 16
BACK_OFF_S = 1.05  # who was started longer ago than this is replaced at once


def reply(connection, request):
    connection.send(LARGE if request.target.startswith("/large") else SMALL)


class Asker(threading.Thread):
    """Asks on one connection until it breaks, then on the next; keeps the paths whose answers came whole."""

    def __init__(self, weir, number, kind):
        super().__init__(daemon=True)
        self.weir, self.number, self.kind = weir, number, kind
        self.complete, self.broken, self.wrong = [], 0, []
        self.done = threading.Event()

    def run(self):
        numbers = itertools.count()
        while not self.done.is_set():
            try:
                with Client(self.weir) as client:
                    while not self.done.is_set():
                        self.ask(client, numbers)
            except (OSError, EOFError, AssertionError):
                self.broken += 1

    def ask(self, client, numbers):
        many = PIPELINED if self.kind == "local" else 1
        paths = [f"/{self.kind}/{self.number}-{next(numbers)}" for _ in range(many)]
        client.send(b"".join(map(get, paths)))
        for path in paths:
            response = client.receive()
            if response.status == 200:
                self.complete.append(path)
            else:
                self.wrong.append(response.raw)


class Watcher(threading.Thread):
    """Looks at the metrics again and again."""

    def __init__(self, weir):
        super().__init__(daemon=True)
        self.weir, self.looks, self.back, self.last, self.failed = weir, 0, [], {}, []
        self.done = threading.Event()

    def run(self):
        while not self.done.is_set():
            try:
                self.look()
            except AssertionError as error:
                self.failed.append(error)

    def look(self):
        types, now = {}, {}
        for line in weirctl(self.weir, "metrics").splitlines():
            if line.startswith("# TYPE "):
                types.update([line.split(" ")[2:]])
            elif not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                family = name.split("{")[0]
                if types.get(family) != "gauge":
                    now[name] = float(value)
        self.back += [(n, v, now.get(n)) for n, v in self.last.items() if now.get(n, -1) < v]
        self.last, self.looks = now, self.looks + 1


def kill_some(weir, kills, answers):
    started, killed = {}, set()
    while len(killed) < kills:
        goal = answers() + random.randrange(60)
        wait_until(lambda: answers() >= goal, "the load to go on")
        now, is_first = time.monotonic(), not started
        pids = [pid for pid in weir.pids() if pid not in killed]  # dying may take a moment
        for pid in pids:
            started.setdefault(pid, 0 if is_first else now)
        old = [pid for pid in pids if now - started[pid] > BACK_OFF_S]
        if old:
            chosen = random.choice(old)
            os.kill(chosen, signal.SIGKILL)
            killed.add(chosen)


def read_log(weir, complete):
    """Lines by path, once all those that are waited for are there or nothing more comes."""
    path = weir.dir / "access.log"
    seen = [-1, 0.0]

    def settled():
        size = path.stat().st_size
        if size != seen[0]:
            seen[:] = size, time.monotonic()
        return time.monotonic() - seen[1] > 0.3

    wait_until(settled, "the access log to stand still")
    lines, broken = {}, []
    for text in path.read_text(errors="replace").splitlines():
        try:
            line = json.loads(text)
            lines[line["path"]] = lines.get(line["path"], 0) + 1
        except ValueError:
            broken.append(text)
    return lines, broken, [path for path in complete if path not in lines]


def run(kills, workers, kinds=("small", "large", "local")):
    """Two clients of each kind.  Returns what was found, as a dictionary; all that should be empty or zero comes last."""
    begin = time.monotonic()
    with Origin(reply) as s1, Origin(reply) as s2:
        with Weir(CONF, workers=workers, admin=ADMIN, s1=s1.address, s2=s2.address) as weir:
            threads = [Asker(weir, i, kind) for i, kind in enumerate(kinds * 2)]
            watcher = Watcher(weir)
            for thread in [*threads, watcher]:
                thread.start()
            kill_some(weir, kills, lambda: sum(len(t.complete) for t in threads))
            for thread in [*threads, watcher]:
                thread.done.set()
            for thread in [*threads, watcher]:
                thread.join(DEADLINE)
            wait_until(lambda: len(weir.pids()) == workers, "the last worker to be replaced")
            idle = lambda: not any(row["in_flight"] for row in servers(weir).values())
            wait_until(idle, "in_flight to be 0")
            complete = [path for thread in threads for path in thread.complete]
            lines, broken, missing = read_log(weir, complete)
            watcher.look()
            requests = sum(v for n, v in watcher.last.items() if n.startswith("weir_listener_requests_total"))
            dropped = sum(v for n, v in watcher.last.items() if n.startswith("weir_worker_log_lines_dropped_total"))
            return {
                "kills": sum("ended: signal 9" in line for line in weir.log),
                "seconds": round(time.monotonic() - begin, 1),
                "answers": len(complete),
                "connections broken": sum(thread.broken for thread in threads),
                "looks at metrics": watcher.looks,
                "lines": sum(lines.values()),
                "requests counted": int(requests),
                "in flight": sum(row["in_flight"] for row in servers(weir).values()),
                "looks that failed": watcher.failed,
                "counters that went back": watcher.back,
                "answers without a line": missing,
                "lines broken": broken,
                "lines twice": [path for path, count in lines.items() if count > 1],
                "lines dropped": int(dropped),
                # Whoever is killed while it sends a line's last bytes has written the line and not counted it.
                "lines not counted": max(0, sum(lines.values()) - int(requests) - kills),
                "answers other than 200": [raw for thread in threads for raw in thread.wrong],
            }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--workers", type=int, default=8)
    options = parser.parse_args()
    found = run(options.kills, options.workers)
    bad = False
    for number, (name, value) in enumerate(found.items()):
        wrong = number >= list(found).index("in flight") and bool(value)
        bad |= wrong
        print(f"{name:24} {len(value) if isinstance(value, list) else value}")
        if wrong and isinstance(value, list):
            print("    " + "\n    ".join(map(str, value[:10])))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
