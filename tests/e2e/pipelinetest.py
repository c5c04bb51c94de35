# SPDX-License-Identifier: Apache-2.0
"""What the cases about shared HTTP/1.1 connections to servers (`pipeline`) have in common.

    with Scripted(script) as origin, Weir(pipelined(origin)) as weir, CLIENTS["http/1.1"](weir, origin) as clients:
        warm_up(weir)                      16 answers on one kept connection: sharing begins behind them
        clients.send("g1")                 GET /g1 with "X-Id: g1"
        clients.outcome("g1").word         "ok", "cut", "502", ...: see Outcome

A request carries its id in the path and in X-Id.  A right answer repeats the id in X-Id, says in X-Size how long its
content should be, and its content is made of the id: content(id, size).  So an Outcome knows whether it is its own.

Scripted(script, waits_for=IDS)  answers every request rightly, but the script has the connection on which FIRST came:
it is called with a Batch as soon as all of IDS have come to the origin, by whatever connection.  With `pipeline` they
lie on that one connection; without, FIRST does alone.  When the script returns, its connection is served on rightly.

Batch:  .first, .rest (requests, in order of arrival)    .say(bytes...), .close(), .reset(), .finish()
        .passed_on()    waits until the client of FIRST has its head
        .others()       waits until the other requests have come by other connections
        .leave()        closes as one should: over TLS with close_notify
        .told()         waits until the case has set origin.may_go
        .dropped()      waits until weir has ended the connection
"""
import contextlib
import struct
from collections import Counter
from dataclasses import dataclass, field

from h2test import CANCEL, RST_STREAM, Answer, H2Client, request as h2_request
from healthtest import ADMIN, admin
from tlstest import TlsOrigin
from weirtest import Client, Origin, ask, forward_to, get, wait_until

WARM = 16
FIRST, POST = "g1", "p1"
REQUESTS = (FIRST, "g2", "g3", POST)
SHAREABLE = REQUESTS[:3]


def pipelined(origin, shared=True, slow="60s", words="", backend="", top=""):
    """One server with one shared connection, or none; `words` go into the block of `pipeline`."""
    sharing = f"pipeline 1 {{ slow {slow}; {words} }}" if shared else ""
    return forward_to(origin, backend=f"{sharing}\n{backend}", top=f"{ADMIN}\n{top}")


def metric(weir, name):
    """weir_server_pipeline_NAME of the only server."""
    mark = f'weir_server_pipeline_{name}{{backend="origin",server="s1"}} '
    return next(int(line[len(mark):]) for line in admin(weir, "metrics")[1].splitlines() if line.startswith(mark))


# ---- Messages ------------------------------------------------------------------------------------


def content(name, size=40):
    return (f"{name} " * (size // (len(name) + 1) + 1)).encode()[:size]


def request_for(name, *fields, method=None, body=None):
    method = method or ("POST" if name == POST else "GET")
    body = b"once" if method == "POST" else body
    return get(f"/{name}", "test", f"X-Id: {name}", *fields, method=method, body=body)


def id_of(request):
    name = request.get("X-Id")
    assert request.target == f"/{name}", request.raw
    return name


def head(request, *fields, line="HTTP/1.1 200 OK", size=40):
    """A head as the case wants it: no length by itself."""
    return "\r\n".join([line, f"X-Id: {id_of(request)}", f"X-Size: {size}", *fields, "", ""]).encode("latin-1")


def right(*requests, line="HTTP/1.1 200 OK", fields=(), size=40):
    """Whole and correct answers."""
    return b"".join(
        head(each, f"Content-Length: {size}", *fields, line=line, size=size)
        + (b"" if each.method == "HEAD" else content(id_of(each), size)) for each in requests)


def body(request, size=40):
    return content(id_of(request), size)


# ---- The origin ----------------------------------------------------------------------------------


class Batch:
    def __init__(self, origin, connection, first):
        self.origin, self.connection, self.requests = origin, connection, [first]

    @property
    def first(self):
        return self.requests[0]

    @property
    def rest(self):
        return self.requests[1:]

    @property
    def names(self):
        return [id_of(each) for each in self.requests]

    def gather(self):
        """Reads what comes on the connection until everything that is waited for has come to the origin."""
        self.connection.socket.settimeout(0.002)
        wait_until(self.is_complete, f"{self.origin.waits_for} at the origin")
        self.connection.socket.settimeout(None)

    def is_complete(self):
        if self.origin.has_seen(*self.origin.waits_for):
            return True
        with contextlib.suppress(TimeoutError):
            assert self.connection.more(), "weir has closed the connection of the batch"
        while b"\r\n\r\n" in self.connection.pending:
            self.requests.append(self.connection.read_head())
            self.origin.note(self.requests[-1])
        return False

    def say(self, *parts):
        self.connection.send(b"".join(parts))

    def close(self):
        self.connection.close()

    def leave(self):
        if hasattr(self.connection.socket, "unwrap"):
            self.connection.socket = self.connection.socket.unwrap()
        self.connection.close()

    def reset(self):
        self.connection.reset()

    def finish(self):
        self.connection.finish()

    def passed_on(self):
        wait_until(lambda: id_of(self.first) in self.origin.heads, "the client to have the head")

    def others(self, but=()):
        missing = set(self.origin.waits_for) - {FIRST} - {id_of(each) for each in but}
        elsewhere = lambda: {id_of(r) for r in list(self.origin.requests) if r.connection != self.connection.number}
        wait_until(lambda: missing <= elsewhere(), "the other requests on other connections")

    def told(self):
        wait_until(lambda: self.origin.may_go, "the case to go on")

    def dropped(self):
        with contextlib.suppress(ConnectionError):
            while self.connection.socket.recv(65536):
                pass


class Scripted(Origin):
    def __init__(self, script, waits_for=REQUESTS, **options):
        self.script, self.waits_for = script, waits_for
        self.sent, self.heads, self.batch, self.played = Counter(), set(), None, False
        self.may_go = False  # what a script waits for until the case says so: see Batch.told
        super().__init__(**options)

    def note(self, request):
        """Whether it is FIRST for the first time."""
        with self.lock:
            self.requests.append(request)
            self.sent[id_of(request)] += 1
            return id_of(request) == FIRST and self.sent[FIRST] == 1

    def has_seen(self, *names):
        return all(self.sent[name] for name in names)

    def wait_for(self, *names):
        wait_until(lambda: self.has_seen(*names), f"{names} at the origin")

    def connections_of(self, *names):
        return {r.connection for r in self.requests if id_of(r) in names}

    def serve(self, connection):
        try:
            while (request := connection.read_head()) is not None:
                connection.read_body(request)
                self.play(connection, request) if self.note(request) else connection.send(right(request))
                if connection.socket.fileno() < 0:
                    break
        except (OSError, EOFError):
            pass  # weir may drop any connection whenever it likes: outcomes tell whether that was right
        except AssertionError as error:
            self.failures.append(error)
        finally:
            connection.close()

    def play(self, connection, request):
        self.batch = Batch(self, connection, request)
        try:
            self.batch.gather()
            self.script(self.batch)
        finally:
            self.played = True

    def wait_played(self):
        wait_until(lambda: self.played, "the end of the script")
        assert not self.failures, self.failures


class ScriptedTls(TlsOrigin, Scripted):
    """ScriptedTls(certificate, script, ...)"""


# ---- Clients -------------------------------------------------------------------------------------


@dataclass
class Outcome:
    name: str
    status: int = 0
    told: str = None  # the answer's X-Id
    size: int = None  # and X-Size
    body: bytes = b""
    interim: list = field(default_factory=list)
    whole: bool = False
    bodiless: bool = False  # HEAD

    def take_head(self, status, told, size):
        self.status, self.told, self.size = status, told, int(size) if size else None

    @property
    def is_own(self):
        """Nothing in it belongs to another request; what weir itself says (502, 504) has no id."""
        if self.status != 200:
            return self.told in (None, self.name)
        return self.told == self.name and self.body == content(self.name, len(self.body))

    @property
    def word(self):
        if not self.whole:
            return "cut" if self.status else "none"
        if self.status != 200:
            return str(self.status)
        return "ok" if self.bodiless or len(self.body) == self.size else "another length"


class Http1Clients:
    """A connection for each request."""

    def __init__(self, weir, origin):
        self.weir, self.origin, self.clients, self.found, self.finals = weir, origin, {}, {}, {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for client in self.clients.values():
            client.close()

    def send(self, name, *fields, method=None, body=None):
        self.clients[name], self.found[name] = Client(self.weir), Outcome(name, bodiless=method == "HEAD")
        self.clients[name].send(request_for(name, *fields, method=method, body=body))

    def leave(self, name):
        self.clients[name].close()

    def head(self, name):
        """Reads the head of the final answer, once; None if there is none."""
        found = self.found[name]
        if name not in self.finals:
            while (message := self.clients[name].read_head()) is not None and message.status < 200:
                found.interim.append(message.status)
            self.finals[name] = message
            if message:
                found.take_head(message.status, message.get("X-Id"), message.get("X-Size"))
                self.origin.heads.add(name)
        return self.finals[name]

    def outcome(self, name):
        found = self.found[name]
        with contextlib.suppress(EOFError, ConnectionError):
            if (final := self.head(name)) is not None:
                found.whole = found.bodiless or final.status in (204, 304) or self.read_content(name, final, found)
        return found

    def read_content(self, name, message, found):
        """Unlike Connection.read_body it keeps what has come when the connection breaks."""
        client = self.clients[name]
        if message.get("Transfer-Encoding") == "chunked":
            while size := int(client.read_until(b"\r\n").split(b";")[0], 16):
                self.take(client, size, found)
                client.read_until(b"\r\n")
            while client.read_until(b"\r\n") != b"\r\n":
                pass
        else:
            self.take(client, int(message.get("Content-Length")), found)
        return True

    @staticmethod
    def take(client, size, found):
        parts, missing = [], size
        try:
            while missing:
                if not client.pending and not client.more():
                    raise EOFError
                parts.append(client.pending[:missing])
                client.pending = client.pending[missing:]
                missing -= len(parts[-1])
        finally:
            found.body += b"".join(parts)


class Http2Client:
    """A stream for each request, on one connection."""

    def __init__(self, weir, origin, **options):
        self.origin, self.client, self.streams, self.bodiless = origin, H2Client(weir, **options), {}, set()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.close()

    def send(self, name, *fields, method=None):
        method = method or ("POST" if name == POST else "GET")
        pairs = [("x-id", name), *((n.lower(), v) for n, v in (f.split(": ", 1) for f in fields))]
        self.streams[name] = self.client.request(h2_request(method, f"/{name}", *pairs), end=method != "POST")
        self.bodiless |= {name} if method == "HEAD" else set()
        if method == "POST":
            self.client.data(self.streams[name], b"once", end=True)

    def leave(self, name):
        self.client.frame(RST_STREAM, 0, self.streams[name], struct.pack(">I", CANCEL))

    def head(self, name):
        got = self.client.answers.setdefault(self.streams[name], Answer())
        while not (got.status or got.reset is not None) and self.client.read():
            pass
        self.origin.heads.add(name)
        return got

    def outcome(self, name):
        found, got = Outcome(name, bodiless=name in self.bodiless), self.head(name)
        self.client.answer(self.streams[name])
        found.take_head(got.status, got.fields.get("x-id"), got.fields.get("x-size"))
        found.body, found.whole, found.interim = got.body, got.complete, [status for status, _ in got.interim]
        return found


CLIENTS = {"http/1.1": Http1Clients, "h2": Http2Client}


def warm_up(weir, count=WARM):
    """So many right answers with a length, one after the other on one client connection."""
    with Client(weir) as client:
        for number in range(1, count + 1):
            assert client.ask(request_for(f"w{number}")).body == content(f"w{number}")


def ask_after(weir, name="z1"):
    """One more request when all is over has to be answered rightly."""
    message = ask(weir, request_for(name))
    assert (message.status, message.get("X-Id"), message.body) == (200, name, content(name))
