# SPDX-License-Identifier: Apache-2.0
"""What cases about leaving the pool share: a configuration with readiness, what is told of a drain, clients that
honour `Connection: close`, and a balancer that looks at readiness.

    with Origin() as origin, Weir(leaving(origin), PORTS) as weir:
        order(weir, "drain listener web 5s")
        wait_phase(weir, "web", "drained")
"""
import http.client
import itertools
import json
import socket
import threading

from healthtest import ADMIN, admin
from weirtest import DEADLINE, Client, ask, get, wait_until

PORTS = ("port", "other", "status")


def leaving(origin, delay="none", timeout="20s", listener=""):
    """Two listeners in front of one origin, and a third that tells of readiness."""
    return f"""{ADMIN}
drain_delay {delay}
shutdown_timeout {timeout}
access_log {{dir}}/access.log format json
listener web {{ bind 127.0.0.1:{{port}}
    {listener}
    route path /healthz ready
    route forward origin }}
listener other {{ bind 127.0.0.1:{{other}}
    route forward origin }}
listener status {{ bind 127.0.0.1:{{status}}
    route path /healthz ready
    route path /healthz/web ready web }}
backend origin {{ server s1 {origin.address} }}
"""


def drains(weir):
    """What `status` tells of drains, by object."""
    first, body = admin(weir, "@json status")
    assert first.startswith("ok"), first
    return {row["object"]: row for row in json.loads(body)["drains"]}


def phase(weir, what):
    row = drains(weir).get(what)
    return row["phase"] if row else "serving"


def wait_phase(weir, what, wanted):
    wait_until(lambda: phase(weir, what) == wanted, f"{what} to be {wanted}")


def is_refused(weir, port="port"):
    try:
        socket.create_connection(("127.0.0.1", weir.port(port)), 0.2).close()
        return False
    except ConnectionRefusedError:
        return True
    except TimeoutError:
        return False  # on the way to be shut


def wait_refused(weir, port="port"):
    wait_until(lambda: is_refused(weir, port), "clients to be refused")


def ready(weir, path="/healthz", port="status"):
    response = ask(weir, get(path), port)
    return response.status, response.body.decode().strip()


class Watch:
    """Events as they come, as (type, object, from, to)."""

    def __init__(self, weir):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(DEADLINE)
        self.socket.connect(str(weir.dir / "admin.sock"))
        self.lines = self.socket.makefile("r", encoding="utf-8")
        self.socket.sendall(b"watch\n")
        assert self.lines.readline().startswith("ok")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.lines.close()
        self.socket.close()

    def next(self):
        event = json.loads(self.lines.readline())
        return event["type"], event["object"], event["from"], event["to"]


class KeepAlive(threading.Thread):
    """Asks again and again on a connection that it keeps, as long as it may; goes to the next place when it is
    refused.  Whatever else goes wrong is a failure."""

    def __init__(self, places, started=None):
        super().__init__(daemon=True)
        self.places, self.at = places, 0
        self.good, self.by_place, self.failures = 0, {}, []
        self.over = threading.Event()

    def run(self):
        while not self.over.is_set():
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.places[self.at], timeout=DEADLINE)
                connection.connect()
            except ConnectionRefusedError:
                self.at = (self.at + 1) % len(self.places)
                continue
            except OSError as error:
                self.failures.append(f"to connect to place {self.at}: {error!r}")
                return
            self.use(connection)
            connection.close()

    def use(self, connection):
        for number in itertools.count(1):
            if self.over.is_set():
                return
            try:
                connection.request("GET", "/")
                response = connection.getresponse()
                assert response.status == 200, response.status
                response.read()
            except Exception as error:  # pylint: disable=broad-except
                self.failures.append(f"request {number} of a connection to place {self.at}: {error!r}")
                return
            self.good += 1
            self.by_place[self.at] = self.by_place.get(self.at, 0) + 1
            if response.will_close:
                return

    def stop(self):
        self.over.set()
        self.join(DEADLINE)
        return self.failures


class Loads:
    """Several of them for the length of a block."""

    def __init__(self, places, count=4):
        self.threads = [KeepAlive(places) for _ in range(count)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        self.progress()
        return self

    def __exit__(self, kind, *_):
        failures = [f for thread in self.threads for f in thread.stop()]
        assert kind or not failures, failures[:3]

    def progress(self, requests=40):
        """Waits until every one has been answered so often again."""
        goals = [thread.good + requests for thread in self.threads]
        done = lambda: all(t.good >= g or t.failures for t, g in zip(self.threads, goals))
        wait_until(done, "the load to go on")
        failures = [f for thread in self.threads for f in thread.failures]
        assert not failures, failures[:3]

    def at(self, place):
        """True if all of them are at that place now."""
        return all(thread.at == place for thread in self.threads)


class Balancer:
    """What stands in front of several weirs: passes bytes on to those that say that they are ready, checks them
    again and again, and tries the next one when it is refused."""

    def __init__(self, weirs, interval=0.02):
        self.weirs, self.interval = weirs, interval
        self.ready = [True] * len(weirs)
        self.turn = 0
        self.over = threading.Event()
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.socket.listen(256)
        self.port = self.socket.getsockname()[1]

    def __enter__(self):
        threading.Thread(target=self.check, daemon=True).start()
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.socket.close()

    def check(self):
        while not self.over.wait(self.interval):
            for i, weir in enumerate(self.weirs):
                try:
                    with Client(weir, "status") as client:
                        self.ready[i] = client.ask(get("/healthz")).status == 200
                except (OSError, EOFError, AssertionError):
                    self.ready[i] = False

    def accept(self):
        while not self.over.is_set():
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def connect(self):
        self.turn += 1
        order = [(self.turn + i) % len(self.weirs) for i in range(len(self.weirs))]
        for i in sorted(order, key=lambda i: not self.ready[i]):
            try:
                return socket.create_connection(("127.0.0.1", self.weirs[i].port("port")), DEADLINE)
            except ConnectionRefusedError:
                continue
        return None

    def serve(self, client):
        server = self.connect()
        if server is None:
            return client.close()
        threads = [threading.Thread(target=self.copy, args=pair, daemon=True)
                   for pair in ((client, server), (server, client))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        client.close()
        return server.close()

    @staticmethod
    def copy(one, other):
        try:
            while data := one.recv(65536):
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)
        except OSError:
            pass
