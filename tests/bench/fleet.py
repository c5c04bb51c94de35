# SPDX-License-Identifier: Apache-2.0
"""Changing servers at run time, while requests run all the time.

    weights   pipelined weight changes over one connection: how many a second
    rolling   a backend replaced server by server: add, wait until it takes requests, drain, remove
    churn     adds and removes of a server with requests in flight everywhere
    explain   random requests: what `explain request` says against what really happened

Prints the figures; exit status 1 if a request failed, a count is wrong or an explanation is.

    tests/bench/fleet.py                 # 50,000 weights, 20 servers, 100,000 adds and removes, 10,000 requests
    tests/bench/fleet.py churn --churn 2000
"""
import argparse
import json
import pathlib
import random
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

from healthtest import ADMIN, admin, servers
from weirtest import Client, Weir, get, wait_until

CONF = """
{admin}
access_log {dir}/access.log format json
listener web { bind 127.0.0.1:{port}; route forward api }
listener origin { bind 127.0.0.1:{a}; bind 127.0.0.1:{b}; bind unix:{dir}/c; bind unix:{dir}/d; route respond 200 ok }
backend api { balance round_robin
    server a 127.0.0.1:{a}
    server b 127.0.0.1:{b} }
"""


class Load(threading.Thread):
    """Requests in batches on one connection; a broken connection or another status is a failure."""

    def __init__(self, weir):
        super().__init__(daemon=True)
        self.weir, self.over, self.good, self.failures = weir, threading.Event(), 0, []

    def run(self):
        batch, size = get() * 16, 0
        with Client(self.weir) as client:
            while not self.over.is_set():
                try:
                    client.send(batch)
                    for _ in range(16):
                        size = client.receive().status
                        if size != 200:
                            self.failures.append(size)
                        self.good += 1
                except (OSError, EOFError, AssertionError) as error:
                    self.failures.append(error)
                    return

    def stop(self):
        self.over.set()
        self.join()
        return self.failures


class Pipe:
    """Commands in batches over one connection."""

    def __init__(self, weir):
        import socket

        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(weir.dir / "admin.sock"))
        self.lines = self.socket.makefile("r", encoding="utf-8", newline="\n")

    def run(self, commands):
        """All replies, as (first line, body)."""
        sender = threading.Thread(target=self.socket.sendall, args=("\n".join([*commands, ""]).encode(),))
        sender.start()
        replies = []
        for _ in commands:
            first, body = self.lines.readline().rstrip("\n"), []
            while (line := self.lines.readline()) != ".\n":
                body.append(line)
            replies.append((first, "".join(body)))
        sender.join()
        return replies


def weights(weir, count):
    commands = [f"server set api/{'ab'[i % 2]} weight {1 + i % 100}" for i in range(count)]
    begin = time.monotonic()
    replies = Pipe(weir).run(commands)
    rate = count / (time.monotonic() - begin)
    bad = [first for first, _ in replies if not first.startswith("ok revision") or "pending" in first]
    print(f"weights: {count} changes, {rate:.0f} a second, {len(bad)} bad answers {bad[:1]}")
    return not bad and rate >= 10_000


def rolling(weir, count):
    admin(weir, "server set api/a weight auto"), admin(weir, "server set api/b weight auto")
    pipe, live = Pipe(weir), []
    for i in range(count):
        name = f"r{i}"
        path = f"unix:{weir.dir}/{'cd'[i % 2]}"
        steps = [f"server add api {name} {path}"]
        assert pipe.run(steps)[0][0].startswith("ok"), steps
        wait_until(lambda n=name: servers(weir)[n]["use"] == "up", f"{name} up")
        live.append(name)
        if len(live) > 1:
            old = live.pop(0)
            first, _ = pipe.run([f"server remove api/{old} drain 10s"])[0]
            assert first.startswith("ok"), first
            wait_until(lambda n=old: n not in servers(weir), f"{old} gone")
    admin(weir, f"server remove api/{live[0]}")
    print(f"rolling: {count} servers in, {count} out")
    return True


def churn(weir, count):
    pipe, done, begin = Pipe(weir), 0, time.monotonic()
    while done < count:
        size = min(500, count - done)
        batch = []
        for i in range(done, done + size):
            batch += [f"server add api n{i} unix:{weir.dir}/{'cd'[i % 2]}", f"server remove api/n{i}"]
        bad = [first for first, _ in pipe.run(batch) if not first.startswith("ok")]
        assert not bad, bad[:3]
        done += size
    wait_until(lambda: len(servers(weir)) == 2, "the last ones gone")
    rate = 2 * count / (time.monotonic() - begin)
    print(f"churn: {count} adds and {count} removes, {rate:.0f} a second")
    return True


def random_routes(pick):
    lines = []
    for i in range(60):
        parts = [f"route r{i}"]
        if pick.random() < 0.6:
            parts.append(f"host {pick.choice(['a.example', 'b.example', '*.example', 'c.test'])}")
        if pick.random() < 0.8:
            parts.append(f"path {pick.choice(['/', '/a', '/a/*', '/a/b/*', '/c', '/c/*'])}")
        if pick.random() < 0.3:
            parts.append(f"method {pick.choice(['GET', 'POST'])}")
        if pick.random() < 0.3:
            parts.append(f"{pick.choice(['', 'not '])}header X-K {pick.choice('12')}")
        if pick.random() < 0.2:
            parts.append(f"query q {pick.choice('12')}")
        if pick.random() < 0.2:
            parts.append("path_regex ^/[ac]/")
        if len(parts) > 2:
            lines.append(" ".join(parts) + " respond 200")
    return "\n".join(lines)


def explain(count):
    pick = random.Random(7)
    text = f"{ADMIN}\naccess_log {{dir}}/access.log format json\nlistener web {{ bind 127.0.0.1:{{port}}\n{random_routes(pick)}\n}}"
    with Weir(text) as weir, Client(weir) as client:
        questions, batch = [], []
        for i in range(count):
            method, host = pick.choice(["GET", "POST", "PUT"]), pick.choice(["a.example", "b.example", "x.y.example", "c.test", "d"])
            path = pick.choice(["/", "/a", "/a/", "/a/b", "/a/b/c", "/c", "/c/d", "/none"]) + pick.choice(["", "?q=1", "?q=2&x=3"])
            fields = pick.choice([[], ["X-K: 1"], ["X-K: 2"]])
            questions.append(f"explain request {method} http://{host}{path} " + " ".join(f.replace(": ", "=") for f in fields))
            batch.append(get(path, host, *fields, method=method))
        for i in range(0, count, 50):
            client.send(b"".join(batch[i : i + 50]))
            for _ in batch[i : i + 50]:
                client.receive()
        said = [first for first, _ in Pipe(weir).run(questions)]
        happened = [json.loads(line)["route"] for line in weir.access(count)]
        wrong = [(q, s, h) for q, s, h in zip(questions, said, happened) if s != (f"ok route {h}" if h else "ok no route")]
        print(f"explain: {count} requests over {len(set(happened))} routes, {len(wrong)} explained wrongly {wrong[:1]}")
        return not wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--weights", type=int, default=50_000)
    parser.add_argument("--rolling", type=int, default=20)
    parser.add_argument("--churn", type=int, default=100_000)
    parser.add_argument("--explain", type=int, default=10_000)
    parser.add_argument("what", nargs="*", default=["weights", "rolling", "churn", "explain"])
    options = parser.parse_args()
    fine = True
    for what in options.what:
        if what == "explain":
            fine &= explain(options.explain)
            continue
        with Weir(CONF, ports=("port", "a", "b"), workers=2, admin=ADMIN) as weir:
            loads = [Load(weir) for _ in range(4)]
            for load in loads:
                load.start()
            fine &= {"weights": weights, "rolling": rolling, "churn": churn}[what](weir, getattr(options, what))
            failures = [failure for load in loads for failure in load.stop()]
            left = {name: row["in_flight"] for name, row in servers(weir).items() if row["in_flight"]}
            print(f"         meanwhile {sum(load.good for load in loads)} requests, {len(failures)} failed {failures[:1]}, in flight at the end: {left}")
            fine &= not failures and not left
    sys.exit(not fine)


if __name__ == "__main__":
    main()
