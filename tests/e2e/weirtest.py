# SPDX-License-Identifier: Apache-2.0
"""The harness of the end-to-end tests: everything a case needs, in one file.

A case is a scripted client, scripted origins and a configuration, all on loopback sockets:

    def test_it_forwards():
        with Origin(answer("hello")) as origin, Weir(forward_to(origin)) as weir:
            with Client(weir) as client:
                assert client.ask(get("/")).body == b"hello"
            assert origin.requests[0].line == "GET / HTTP/1.1"

Weir(text, ports=["port"])  writes the text into a directory of its own and runs $WEIR on it.  Each
    `{name}` of `ports` becomes a free port, `{dir}` that directory, and other names come from keyword
    arguments.  The port stays reserved by a bound socket that does not listen, so no two cases that
    run at the same time get the same.  Inside: .port(name), .log (lines of the error log so far),
    .wait_log(text), .pids(role), .access() (lines of the access log), .send_signal(), .stop().
Origin(*handlers)  is a server in threads.  The n-th request goes to the n-th handler, the last one
    serves the rest.  A handler is bytes to send, or a function (connection, request); closing is its
    own business (connection.close()), else the connection is kept.  .requests has every request.
Client(weir or port)  is a connection.  Bytes go out as they are written; ask() sends and receives.

Nothing here sleeps to let something happen: wait_until() polls a condition against a deadline, and
reading a socket has a deadline too.
"""
import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, field

ROOT = pathlib.Path(__file__).resolve().parents[2]
WEIR = os.environ.get("WEIR", str(ROOT / "build" / "weir"))
WEIRCTL = os.environ.get("WEIRCTL", str(ROOT / "build" / "weirctl"))
SANITIZED = bool(os.environ.get("WEIR_SANITIZED"))
# What takes longer than this hangs.  It says nothing about how fast something has to be, so a slow machine may take
# its time.
DEADLINE = 180.0 if SANITIZED else 60.0


def wait_until(condition, what="the condition", seconds=DEADLINE):
    """The first true value of condition(); fails after the deadline."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds:g} s for {what}")
        time.sleep(0.002)


# ---- Messages ------------------------------------------------------------------------------------


@dataclass
class Message:
    """A request or response as it stood on the wire."""

    line: str
    fields: list  # of (name, value), as written and in order
    raw: bytes  # the head, with its empty line
    body: bytes = b""
    trailers: list = field(default_factory=list)
    connection: int = 0  # number of the origin's connection, from 1
    complete: bool = True

    @property
    def status(self):
        return int(self.line.split(" ")[1])

    @property
    def method(self):
        return self.line.split(" ")[0]

    @property
    def target(self):
        return self.line.split(" ")[1]

    def all(self, name):
        return [v for n, v in self.fields if n.lower() == name.lower()]

    def get(self, name):
        """The only value of a field, or None; twice the same field is a failure."""
        values = self.all(name)
        assert len(values) <= 1, f"{name} stands {len(values)} times in {self.raw!r}"
        return values[0] if values else None


def get(target="/", host="test", *lines, method="GET", body=None):
    """The bytes of a request; with a body, also its Content-Length."""
    head = [f"{method} {target} HTTP/1.1", f"Host: {host}", *lines]
    if body is not None:
        head.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*head, "", ""]).encode("latin-1") + (body or b"")


def post(target, body, *lines):
    return get(target, "test", *lines, method="POST", body=body)


def answer(body="", status="200 OK", *lines):
    """The bytes of a response with Content-Length."""
    body = body.encode() if isinstance(body, str) else body
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *lines, "", ""]
    return "\r\n".join(head).encode("latin-1") + body


def chunked(*parts, trailers=()):
    out = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in parts)
    return out + b"0\r\n" + b"".join(t.encode() + b"\r\n" for t in trailers) + b"\r\n"


class Connection:
    """A socket that reads HTTP/1 messages, with deadlines."""

    def __init__(self, sock, number=0):
        self.socket, self.number, self.pending = sock, number, b""
        sock.settimeout(DEADLINE)
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def reset(self):
        """Closes with RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data.encode("latin-1") if isinstance(data, str) else data)

    def finish(self):
        """Ends the sending direction only."""
        self.socket.shutdown(socket.SHUT_WR)

    def more(self):
        """Reads once; False at the end of the stream."""
        data = self.socket.recv(65536)
        self.pending += data
        return bool(data)

    def read_until(self, mark):
        """Bytes up to and with the mark."""
        while mark not in self.pending:
            if not self.more():
                raise EOFError(f"end after {self.pending!r}")
        at = self.pending.index(mark) + len(mark)
        taken, self.pending = self.pending[:at], self.pending[at:]
        return taken

    def read_exact(self, count):
        parts, missing = [self.pending[:count]], count - len(self.pending)
        self.pending = self.pending[count:]
        while missing > 0:
            data = self.socket.recv(min(missing, 262144))
            if not data:
                raise EOFError(f"{missing} of {count} bytes missing")
            parts.append(data)
            missing -= len(data)
        return b"".join(parts)

    def read_to_end(self):
        """Everything until the peer closes; a reset is a failure."""
        while self.more():
            pass
        taken, self.pending = self.pending, b""
        return taken

    def is_closed(self):
        """Waits for the end of the stream; False if bytes come instead.  A reset counts as closed."""
        try:
            return not self.pending and not self.socket.recv(1)
        except ConnectionResetError:
            return True

    def read_chunks(self):
        body, trailers = [], []
        while size := int(self.read_until(b"\r\n").split(b";")[0], 16):
            body.append(self.read_exact(size))
            assert self.read_exact(2) == b"\r\n"
        while (line := self.read_until(b"\r\n")) != b"\r\n":
            name, value = line.decode("latin-1").rstrip("\r\n").split(":", 1)
            trailers.append((name, value.strip()))
        return b"".join(body), trailers

    def read_head(self):
        """The next head, or None if the peer closed before its first byte."""
        if not self.pending and not self.more():
            return None
        raw = self.read_until(b"\r\n\r\n")
        line, *rest = raw[:-4].decode("latin-1").split("\r\n")
        return Message(line, [(n, v.strip()) for n, v in (f.split(":", 1) for f in rest)], raw, connection=self.number)

    def read_body(self, message):
        if message.line.startswith("HTTP/") and message.status in (204, 304):
            return message
        if message.get("Transfer-Encoding") == "chunked":
            message.body, message.trailers = self.read_chunks()
        elif message.get("Content-Length") is not None:
            message.body = self.read_exact(int(message.get("Content-Length")))
        elif message.line.startswith("HTTP/") and message.status >= 200:
            message.body = self.read_to_end()
        return message


# ---- The client ----------------------------------------------------------------------------------


class Client(Connection):
    def __init__(self, to, port="port"):
        if isinstance(to, Weir):
            to = to.port(port)
        if isinstance(to, int):
            super().__init__(socket.create_connection(("127.0.0.1", to), DEADLINE))
        else:
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(str(to))
            super().__init__(sock)

    def receive(self, head_only=False):
        """The next response; head_only for answers to HEAD and for 1xx."""
        message = self.read_head()
        assert message is not None, "closed without an answer"
        return message if head_only or message.status < 200 else self.read_body(message)

    def ask(self, request, head_only=False):
        self.send(request)
        return self.receive(head_only)


def ask(weir, request=None, port="port"):
    """One request on a connection of its own."""
    with Client(weir, port) as client:
        return client.ask(request or get())


# ---- The origin ----------------------------------------------------------------------------------


class CutOff:
    """A handler that sends a part of an answer, and closes when the test says that the client has it: of what breaks off before
    weir has sent anything, the client sees nothing."""

    def __init__(self, part):
        self.part, self.seen = part, threading.Semaphore(0)

    def __call__(self, connection, request):
        connection.send(self.part)
        assert self.seen.acquire(timeout=DEADLINE)
        connection.close()

    def ask(self, client):
        """Reads the head of such an answer and has the connection closed; returns the head."""
        client.send(get())
        message = client.read_head()
        self.seen.release()
        return message


class Load(threading.Thread):
    """Asks one request after the other on new connections, until told to stop."""

    def __init__(self, weir):
        super().__init__()
        self.weir, self.done, self.good, self.refused, self.broken = weir, threading.Event(), 0, 0, 0

    def run(self):
        while not self.done.is_set():
            try:
                assert ask(self.weir).status == 200
                self.good += 1
            except ConnectionRefusedError:
                self.refused += 1
            except (OSError, EOFError, AssertionError):
                self.broken += 1

    def progress(self):
        """Waits for twenty more answers."""
        goal = self.good + 20
        wait_until(lambda: self.good >= goal, "progress")

    def stop(self):
        self.done.set()
        self.join()


class Origin:
    def __init__(self, *handlers, listening=True, family=socket.AF_INET, at=("127.0.0.1", 0)):
        self.handlers = list(handlers) or [answer("ok")]
        self.requests, self.connections, self.failures = [], [], []
        self.open = set()
        self.lock = threading.Lock()
        self.closing = False
        self.socket = socket.socket(family)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(at)
        self.port = self.socket.getsockname()[1]
        self.address = f"{at[0]}:{self.port}"
        if listening:
            self.listen()

    def listen(self):
        """Without this (listening=False) connections are refused."""
        self.socket.listen(1024)
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.closing = True
        for sock in [self.socket, *(c.socket for c in list(self.open))]:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.socket.close()

    def accept(self):
        while not self.closing:
            try:
                sock, _ = self.socket.accept()
            except OSError:
                return
            with self.lock:
                connection = Connection(sock, len(self.connections) + 1)
                sock.settimeout(None)
                self.connections.append(connection)
                self.open.add(connection)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def handler(self):
        at = min(len(self.requests), len(self.handlers)) - 1
        return self.handlers[max(at, 0)]

    def serve(self, connection):
        try:
            while (request := connection.read_head()) is not None:
                request.complete = False
                with self.lock:
                    self.requests.append(request)
                    handler = self.handler()
                if isinstance(handler, bytes):
                    connection.read_body(request)
                    request.complete = True
                    connection.send(handler)
                else:
                    handler(connection, request)
                if connection.socket.fileno() < 0:
                    break
        except (OSError, EOFError, ValueError, AssertionError) as error:
            if not self.closing:
                self.failures.append(error)
        finally:
            with self.lock:
                self.open.discard(connection)
            connection.close()

    def wait(self, count=1):
        """Waits until that many requests have come; gives the last of them."""
        wait_until(lambda: len(self.requests) >= count, f"{count} requests at the origin")
        return self.requests[count - 1]


# ---- The daemon ----------------------------------------------------------------------------------


def forward_to(*origins, listener="", backend="", top=""):
    """The configuration of one listener that forwards to one backend."""
    addresses = [o if isinstance(o, str) else o.address for o in origins]
    servers = "\n".join(f"    server s{i} {address}" for i, address in enumerate(addresses, 1))
    return f"""{top}
access_log {{dir}}/access.log format json
listener web {{
    bind 127.0.0.1:{{port}}
{listener}
    route forward origin
}}
backend origin {{
{servers}
{backend}
}}
"""


def children(pid):
    """While one of them ends the kernel's list may miss another (proc(5)): only what it says twice is right."""
    former = None
    while True:
        try:
            with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
                found = [int(p) for p in f.read().split()]
        except OSError:
            return []
        if found == former:
            return found
        former = found


def status_of(pid, name):
    """One value of /proc/PID/status."""
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return next(line.split(":", 1)[1].strip() for line in f if line.startswith(name + ":"))


def rss_bytes(pid):
    return int(status_of(pid, "VmRSS").split()[0]) * 1024


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def reserve_port(at=("127.0.0.1", 0)):
    """A socket that keeps a port without listening: whoever connects to it is refused."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        sock.bind(at)
    except OSError:
        sock.close()
        raise
    return sock


def run_weir(*arguments, **options):
    """Runs weir to its end; gives the CompletedProcess with texts."""
    return subprocess.run([WEIR, *map(str, arguments)], capture_output=True, text=True, timeout=DEADLINE, **options)


class Weir:
    def __init__(self, text, ports=("port",), arguments=(), workers=1, start=True, before_exec=None, binary=WEIR, **values):
        self.directory = tempfile.TemporaryDirectory(prefix="weir-e2e-")
        self.dir = pathlib.Path(self.directory.name)
        os.chmod(self.dir, 0o755)  # workers may run as somebody else
        self.reserved = {name: reserve_port() for name in ports}
        values["dir"] = str(self.dir)
        for name in self.reserved:
            values[name] = str(self.port(name))
        if "workers " not in text:
            text = f"workers {workers}\n{text}"
        for name, value in values.items():
            text = text.replace("{" + name + "}", str(value))
        self.config = self.dir / "weir.conf"
        self.config.write_text(text, encoding="latin-1")
        self.arguments, self.before_exec, self.binary = arguments, before_exec, binary
        self.process, self.log, self.reader = None, [], None
        if start:
            self.start()

    def port(self, name="port"):
        return self.reserved[name].getsockname()[1]

    def start(self):
        command = [str(self.binary), "-c", str(self.config), *self.arguments]
        pipes = {"stderr": subprocess.PIPE, "stdout": subprocess.DEVNULL}
        self.process = subprocess.Popen(command, preexec_fn=self.before_exec, **pipes)
        self.reader = threading.Thread(target=self.read_log, daemon=True)
        self.reader.start()
        try:
            self.wait_log("weir ready")
        except AssertionError:
            self.stop(signal.SIGKILL)
            raise

    def read_log(self):
        for line in self.process.stderr:
            self.log.append(line.decode("utf-8", "replace").rstrip("\n"))

    def wait_log(self, text, count=1):
        def found():
            lines = [line for line in self.log if text in line]
            if len(lines) >= count:
                return lines
            if self.process.poll() is not None:
                self.reader.join(DEADLINE)
                lines = [line for line in self.log if text in line]
                assert len(lines) >= count, "weir ended:\n" + "\n".join(self.log)
            return lines if len(lines) >= count else None

        try:
            return wait_until(found, f'"{text}" in the log')[count - 1]
        except AssertionError as error:
            raise AssertionError(f"{error}\n" + "\n".join(self.log)) from None

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.stop()
        for sock in self.reserved.values():
            sock.close()
        if kind:
            print("---- weir's log\n" + "\n".join(self.log))
        else:
            found = [l for l in self.log if "Sanitizer" in l or "runtime error" in l or "assert" in l.lower()]
            assert not found, "\n".join(self.log)
        self.directory.cleanup()

    def send_signal(self, number):
        os.kill(self.process.pid, number)

    def wait(self):
        """Waits for the end; gives the exit status (negative: a signal)."""
        return self.process.wait(DEADLINE)

    def stop(self, number=signal.SIGINT):
        if self.process and self.process.poll() is None:
            family = children(self.process.pid)
            # Workers whose master was killed would wait for another one.
            orphans = self.pids() if number == signal.SIGKILL else []
            self.send_signal(number)
            try:
                self.process.wait(DEADLINE)
                for pid in orphans:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError("weir did not stop:\n" + "\n".join(self.log)) from None
            finally:
                wait_until(lambda: not any(map(is_running, family)), "the end of weir's children")
        if self.reader:
            self.reader.join(DEADLINE)

    def pids(self, role="worker"):
        """Processes of a role that are alive, in the order in which they were started."""
        found = []
        for pid in children(self.process.pid):
            try:
                line = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"--role" in line and line[line.index(b"--role") + 1] == role.encode() and is_running(pid):
                found.append(pid)
        return sorted(found)

    def access(self, count=1, name="access.log"):
        """The lines of the access log, once there are that many."""
        path = self.dir / name
        read = lambda: path.read_text(errors="replace").splitlines() if path.exists() else []
        wait_until(lambda: len(read()) >= count, f"{count} lines in {name}")
        return read()


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            return f.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False
