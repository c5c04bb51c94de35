# SPDX-License-Identifier: Apache-2.0
"""What cases about the health of servers share: the admin socket, a load, and an origin whose health can be set.

    with Checked() as origin, Weir(checked(origin)) as weir:
        wait_use(weir, "s1", "up")
        origin.sick.set()
        wait_use(weir, "s1", "down")
"""
import json
import os
import signal
import socket
import subprocess
import threading

from weirtest import DEADLINE, WEIRCTL, Client, Origin, answer, ask, forward_to, get, wait_until

ADMIN = "admin unix:{dir}/admin.sock { mode 0600 }"


# ---- The admin socket ----------------------------------------------------------------------------


def admin(weir, command):
    """One command over the socket: (first line, body).  Fails like a socket does while control is away."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(DEADLINE)
        sock.connect(str(weir.dir / "admin.sock"))
        sock.sendall(command.encode() + b"\n")
        with sock.makefile("r", encoding="utf-8", newline="\n") as lines:
            first, body = lines.readline(), []
            for line in lines:
                if line == ".\n":
                    return first.rstrip("\n"), "".join(body)
                body.append(line[1:] if line.startswith(".") else line)
    raise ConnectionError("half an answer")


def weirctl(weir, *words):
    """The same by the real client; its whole output."""
    command = [WEIRCTL, "-s", str(weir.dir / "admin.sock"), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE)
    assert done.returncode == 0, done.stderr
    return done.stdout


def order(weir, command):
    """A change, which has to succeed and is seen by all workers afterwards."""
    first, _ = admin(weir, command)
    assert first.split(" ")[0] == "ok" and "pending" not in first, first


def servers(weir):
    """`show servers` by name, without the backend."""
    first, body = admin(weir, "@json show servers")
    assert first.startswith("ok"), first
    return {row["server"].split("/")[1]: row for row in json.loads(body)}


def wait_use(weir, server, use):
    """Waits until the server is used like that, and all workers have seen it; gives its row."""
    row = {}

    def reached():
        row.update(servers(weir)[server])
        return row["use"] == use

    try:
        wait_until(reached, f"{server} to be {use}")
    except AssertionError as error:
        raise AssertionError(f"{error}; it is {row}") from None
    wait_seen(weir)
    return row


def wait_seen(weir):
    def seen():
        status = json.loads(admin(weir, "@json status")[1])
        return status["changes"] == status["changes_seen"]

    wait_until(seen, "all workers to see all changes")


def kill(weir, role):
    """Kills all processes of a role with SIGKILL, and waits for those that take their place."""
    back = lambda: sum(role in line and "is back" in line for line in weir.log)
    old, before = weir.pids(role), back()
    for pid in old:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: back() == before + len(old), f"{role} to be back")


# ---- The configuration ---------------------------------------------------------------------------


def checked(*origins, check="check http /healthz {\ninterval 30ms\njitter 0%\n}", backend="", top="", **more):
    """forward_to with checks and an admin socket."""
    return forward_to(*origins, backend=f"{check}\n{backend}", top=f"{ADMIN}\n{top}", **more)


# ---- Origins -------------------------------------------------------------------------------------


class Checked(Origin):
    """Answers 200 with its name, to checks too; while .sick is set these get 503."""

    def __init__(self, name="ok", handler=None, **more):
        super().__init__(self.reply, **more)
        self.name, self.asked = name, handler
        self.sick = threading.Event()

    def reply(self, connection, request):
        connection.read_body(request)
        if request.target == "/healthz":
            connection.send(answer("sick", "503 Service Unavailable") if self.sick.is_set() else answer("well"))
        elif self.asked:
            self.asked(connection, request)
        else:
            connection.send(answer(self.name))

    def count(self, target):
        return sum(r.target == target for r in list(self.requests))

    @property
    def checks(self):
        return self.count("/healthz")


# ---- Load ----------------------------------------------------------------------------------------


class Load:
    """Threads that ask one request after the other, each on a new connection, until the block ends."""

    def __init__(self, weir, threads=3, request=None):
        self.weir, self.request, self.done = weir, request, threading.Event()
        self.good, self.bad = [0] * threads, []
        self.threads = [threading.Thread(target=self.run, args=(i,), daemon=True) for i in range(threads)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        self.progress()
        return self

    def __exit__(self, *_):
        self.done.set()
        for thread in self.threads:
            thread.join(DEADLINE)

    def run(self, number):
        while not self.done.is_set():
            try:
                response = ask(self.weir, self.request)
                assert response.status == 200, response.raw
                self.good[number] += 1
            except (OSError, EOFError, AssertionError) as error:
                self.bad.append(error)

    def progress(self, requests=30):
        """Waits until so many more requests have been answered."""
        goal = sum(self.good) + requests
        wait_until(lambda: sum(self.good) >= goal or self.bad, "the load to go on")
        assert not self.bad, self.bad[:3]


def bodies(weir, count):
    """Who answered, one name a request, each on its own connection."""
    return [ask(weir).body.decode() for _ in range(count)]



# ---- Workers -------------------------------------------------------------------------------------

LOCAL = "route path /local respond 200 local"


def requests_by_worker(weir):
    lines = admin(weir, "metrics")[1].splitlines()
    return [float(line.split()[-1]) for line in lines if line.startswith("weir_worker_requests_total")]


class OneEach:
    """A connection to every worker of a listener that has the route LOCAL, by the workers' numbers."""

    def __init__(self, weir, workers):
        self.clients, spare = {}, []
        while len(self.clients) < workers:
            client, before = Client(weir), requests_by_worker(weir)
            assert client.ask(get("/local")).body == b"local"
            now = requests_by_worker(weir)
            number = next(i for i in range(workers) if now[i] > before[i])
            spare.append(client if self.clients.setdefault(number, client) is not client else None)
        for client in filter(None, spare):
            client.close()

    def __enter__(self):
        return [self.clients[number] for number in sorted(self.clients)]

    def __exit__(self, *_):
        for client in self.clients.values():
            client.close()
