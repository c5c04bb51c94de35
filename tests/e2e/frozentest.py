# SPDX-License-Identifier: Apache-2.0
"""For test_frozen.py: peers that stop at a certain point, and the table of docs/waits.md.

A case is a function with the name of its row.  It gets a Scene: a listener and a backend of its own, in which the row's
limit is short and every other one is `none`; it brings the peer to where it stops, and returns scene.failure(), which waits
for a failure in the access log, or scene.closed(), which waits until weir has closed a connection.
"""
import json
import re
import socket
import ssl
import threading
import time
from dataclasses import dataclass

import tcptable
from weirtest import DEADLINE, ROOT, Client, Connection

SHORT = "300ms"
CLIENT_LIMITS = ("handshake", "header", "body", "send", "idle", "request", "tunnel")
SERVER_LIMITS = ("connect", "send", "first_byte", "read", "idle", "queue", "ping")


@dataclass
class Row:
    section: str
    state: str
    limit: str
    end: str

    @property
    def seconds(self):
        """The least that the wait takes."""
        fixed = re.fullmatch(r"(\d+) s", self.limit)
        return float(fixed[1]) if fixed else 0.3

    def limits(self, side):
        """The timeouts of a listener or a backend."""
        names = CLIENT_LIMITS if side == "listener" else SERVER_LIMITS
        mine = (self.section == "Servers") == (side == "backend")
        short = self.limit.removeprefix("timeout ") if mine else ""
        if side == "listener" and self.section == "Tunnels":
            short = "tunnel"
        return "timeout " + " ".join(f"{name} {SHORT if name == short else 'none'}" for name in names)


def rows():
    """Of the sections of docs/waits.md that have tests."""
    found, section = [], ""
    for line in (ROOT / "docs" / "waits.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            section = line[3:]
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `") and not section.startswith("Waits that are not"):
            found.append(Row(section, *(cells[i].replace("`", "") for i in (0, 2, 3))))
    return found


CASES = {}


@dataclass
class Case:
    run: object
    server: object
    listener: str
    backend: str
    route: str
    tls: bool
    checked: bool


def case(server=None, listener="", backend="", route="forward {name}", tls=False, checked=False):
    """`server` makes the peer behind the backend; `checked`: it stands for itself, without requests."""
    def register(run):
        CASES[run.__name__] = Case(run, server or Frozen, listener, backend, route, tls, checked)
        return run
    return register


# ---- Peers ---------------------------------------------------------------------------------------


def small_buffers(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)


def drain(sock):
    """Reads on for somebody else's sake."""
    def run():
        try:
            while sock.recv(1 << 16):
                pass
        except OSError:
            pass
    threading.Thread(target=run, daemon=True).start()


def pour(sock, piece):
    """Sends without end, until the connection breaks."""
    def run():
        try:
            while True:
                sock.sendall(piece)
        except OSError:
            pass
    threading.Thread(target=run, daemon=True).start()


def read_head(sock):
    got = b""
    while b"\r\n\r\n" not in got:
        data = sock.recv(1)
        assert data, "closed within a head"
        got += data
    return got


class Frozen:
    """A server that does what `script` says with each connection, and then nothing any more."""

    def __init__(self, script=lambda sock: None):
        self.script, self.sockets, self.peers = script, [], []
        self.socket = socket.socket()
        small_buffers(self.socket)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.listen(16)
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        try:
            while True:
                sock, peer = self.socket.accept()
                self.peers.append(peer[1])
                threading.Thread(target=self.serve, args=(sock,), daemon=True).start()
        except OSError:
            pass

    def serve(self, sock):
        try:
            sock = self.script(sock) or sock
        except OSError:
            pass
        self.sockets.append(sock)

    def close(self):
        for sock in (self.socket, *self.sockets):
            sock.close()


class Deaf(Frozen):
    """A server whose queue is full: who connects gets no answer."""

    def __init__(self):
        self.socket, self.sockets, self.peers = socket.socket(), [], []
        self.socket.bind(("127.0.0.1", 0))
        self.socket.listen(0)
        self.port = self.socket.getsockname()[1]
        for _ in range(4):
            self.sockets.append(socket.socket())
            self.sockets[-1].setblocking(False)
            self.sockets[-1].connect_ex(("127.0.0.1", self.port))


def after_head(*data):
    """Reads a head, and sends so much."""
    def script(sock):
        read_head(sock)
        for piece in data:
            sock.sendall(piece)
    return lambda: Frozen(script)


def over_tls(certificate, script):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)

    def wrapped(sock):
        certificate().load(context)
        sock = context.wrap_socket(sock, server_side=True)
        script(sock)
        return sock
    return lambda: Frozen(wrapped)


# ---- What can be seen ------------------------------------------------------------------------------


def poll(condition, what):
    end = time.monotonic() + DEADLINE
    while True:
        if value := condition():
            return value
        assert time.monotonic() < end, f"no end of {what}"
        time.sleep(0.01)


def is_open(port, peer):
    """A process has the connection between a local port and that of its peer open."""
    row = tcptable.connection(port, peer)
    return row is not None and row[9] != "0"


class Scene:
    """Where a case plays."""

    def __init__(self, weir, name, server, started):
        self.weir, self.name, self.server, self.kept = weir, name, server, []
        # What stands for itself has begun to wait when weir was started.
        self.begun = started if CASES[name].checked else time.monotonic()

    @property
    def port(self):
        return self.weir.port(self.name)

    def client(self):
        """A client that reads what it is told to, and has little room for more."""
        sock = socket.socket()
        small_buffers(sock)
        sock.connect(("127.0.0.1", self.port))
        client = Client.__new__(Client)
        Connection.__init__(client, sock)
        self.kept.append(client)
        return client

    def now(self):
        """From this moment on the peer does nothing."""
        self.begun = time.monotonic()

    def failure(self):
        def found():
            lines = [json.loads(line) for line in self.weir.access(0)]
            return [l["failure"] for l in lines if l["listener"] == self.name and l["failure"]]
        return poll(found, self.name)[0]

    def ended(self, client):
        """weir has ended its direction: for clients that have room to hear of it, and may not be accepted yet."""
        established = 1
        poll(lambda: client.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] != established, self.name)
        return "closed"

    def closed(self, client):
        """weir has closed the connection of a client that it has answered."""
        port = client.socket.getsockname()[1]
        poll(lambda: not is_open(self.port, port), self.name)
        return "closed"

    def server_closed(self):
        port = poll(lambda: self.server.peers, "a connection")[0]
        poll(lambda: not is_open(port, self.server.port), self.name)
        return "closed"


def play(weir, name, server, started, results):
    scene = Scene(weir, name, server, started)
    try:
        end = CASES[name].run(scene)
        results[name] = (end, time.monotonic() - scene.begun)
    except BaseException as error:  # of a thread: it is said by the test
        results[name] = (f"{type(error).__name__}: {error}", 0)
    finally:
        results.setdefault("scenes", []).append(scene)  # peers stay as they are
