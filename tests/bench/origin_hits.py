# SPDX-License-Identifier: Apache-2.0
"""How many requests reach the server for the same number of client frames: weir, haproxy and nginx side by side.

Some traffic is cheap for a client and expensive for the server behind a proxy: requests whose answers the client never
waits for.  Each row sends a fixed number of frames (HTTP/2) or requests (HTTP/1); when a proxy ends the connection early,
the client reconnects and goes on until all frames are sent.  A table shows the requests that the server received.

The count does not depend on how fast the machine is, except that a proxy that notices a disconnected client sooner
forwards less.  Exit status 1 if weir let more requests of the row "overrun" through than haproxy did.
Debian: apt-get install haproxy nginx-light
"""
import argparse
import contextlib
import multiprocessing
import pathlib
import selectors
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from h2cases import RAW  # noqa: E402
from h2test import (CANCEL, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PREFACE, RST_STREAM, SETTINGS,  # noqa: E402
                    WINDOW_UPDATE, H2Client)
from weirtest import WEIR  # noqa: E402

# Each proxy: its configuration, its command, and the names of its ports for HTTP/1 and HTTP/2.
NGINX = """daemon off; worker_processes 1; pid {dir}/nginx.pid; error_log /dev/null;
events { worker_connections 8192; }
http { access_log off; proxy_temp_path {dir}/tmp; client_body_temp_path {dir}/body;
  upstream o { server 127.0.0.1:{origin}; keepalive 256; }
  server { listen 127.0.0.1:{h1}; listen 127.0.0.1:{h2} http2;
    location / { proxy_pass http://o; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_request_buffering off; } } }
"""
HAPROXY = """global
  nbthread 1
defaults
  mode http
  http-reuse always
  timeout client 60s
  timeout server 60s
  timeout connect 3s
frontend f
  bind 127.0.0.1:{h1}
  bind 127.0.0.1:{h2} proto h2
  default_backend b
backend b
  server s 127.0.0.1:{origin}
"""
WEIR_CONF = """workers 1
error_log {dir}/error.log
listener f { bind 127.0.0.1:{h1}; bind 127.0.0.1:{h2}; route forward o }
backend o { server s 127.0.0.1:{origin} }
"""
PROXIES = {
    "weir": (WEIR_CONF, [WEIR, "-c", "{file}"]),
    "haproxy": (HAPROXY, ["haproxy", "-f", "{file}"]),
    "nginx": (NGINX, ["nginx", "-e", "/dev/null", "-c", "{file}"]),
}
PROMPT = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def origin(port, hits, ready):
    """Counts the heads of requests and answers each; one process, any number of connections."""
    selector = selectors.DefaultSelector()
    listener = socket.create_server(("127.0.0.1", port), backlog=4096)
    listener.setblocking(False)
    selector.register(listener, selectors.EVENT_READ)
    ready.set()
    while True:
        for key, _ in selector.select():
            if key.fileobj is listener:
                sock, _ = listener.accept()
                sock.setblocking(False)
                selector.register(sock, selectors.EVENT_READ, bytearray())
                continue
            sock, kept = key.fileobj, key.data
            try:
                got = sock.recv(1 << 16)
            except OSError:
                got = b""
            if not got:
                selector.unregister(sock)
                sock.close()
                continue
            kept += got
            count = kept.count(b"\r\n\r\n")
            del kept[:max(kept.rfind(b"\r\n\r\n") + 4, len(kept) - 3) if count else max(len(kept) - 4096, 0)]
            hits.value += count
            with contextlib.suppress(OSError):
                sock.send(PROMPT * count)


# ---- What clients send


def frame(kind, flags, stream, payload=b""):
    return H2Client.bytes_of(kind, flags, stream, payload)


def u32(number):
    return struct.pack(">I", number)


def get(stream):
    return frame(HEADERS, END_HEADERS | END_STREAM, stream, RAW)


def post(stream, block=b""):
    return frame(HEADERS, END_HEADERS, stream, b"\x83" + RAW[1:] + block)


def reset(stream):
    return frame(RST_STREAM, 0, stream, u32(CANCEL))


def numbers(count, first=1):
    return range(first, first + 2 * count, 2)


HELLO = PREFACE + frame(SETTINGS, 0, 0)


def connect(port):
    sock = socket.create_connection(("127.0.0.1", port), 5)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def drain(sock, seconds):
    """Reads until the connection ends, or so long."""
    sock.settimeout(seconds)
    with contextlib.suppress(OSError):
        while sock.recv(1 << 16):
            pass


def bursts(*writes, frames, wait=0.0, greeted=False):
    """One connection: the preface in the first write, the others one after the other; then it is read for `wait` seconds and
    closed.  `greeted`: the SETTINGS of the proxy are read and acknowledged first."""

    def run(port):
        with connect(port) as sock, contextlib.suppress(OSError):
            first = HELLO
            if greeted:
                sock.sendall(HELLO)
                sock.recv(1 << 16)
                first = frame(SETTINGS, 1, 0)
            for at, piece in enumerate(writes):
                sock.sendall(piece if at else first + piece)
            if wait:
                drain(sock, wait)
        return frames

    return run


def stream_by_stream(piece, frames_each, at_a_time=50):
    """The same for one stream after the other, on one connection until the proxy ends it."""

    def run(port):
        sent = 0
        with connect(port) as sock, contextlib.suppress(OSError):
            sock.sendall(HELLO)
            for first in range(1, 8000, 2 * at_a_time):
                sock.sendall(b"".join(map(piece, numbers(at_a_time, first))))
                sent += at_a_time * frames_each
            drain(sock, 0.2)
        return sent or 1

    return run


def http1(data, requests, half_close=False):
    def run(port):
        with connect(port) as sock, contextlib.suppress(OSError):
            sock.sendall(data)
            if half_close:
                sock.shutdown(socket.SHUT_WR)
        return requests

    return run


GET = b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1000000\r\n\r\nx"
BAD_LENGTH = b"\x0f\x0d\x011"
ALL = list(numbers(100))
ROWS = {  # the row of the table: (its port, one connection, which returns how many frames it has sent)
    "overrun: 300 HEADERS, close": ("h2", bursts(b"".join(map(get, numbers(300))), frames=300)),
    "overrun, connection read": ("h2", bursts(b"".join(map(get, numbers(300))), frames=300, wait=0.1)),
    "overrun after SETTINGS ACK": ("h2", bursts(b"".join(map(get, numbers(300))), frames=300, wait=0.1, greeted=True)),
    "overrun with a bad frame at the end": ("h2", bursts(b"".join(map(get, numbers(99))) + frame(DATA, 0, 0), frames=100, wait=0.1)),
    "100 HEADERS, close": ("h2", bursts(b"".join(map(get, ALL)), frames=100)),
    "100 HEADERS, GOAWAY, close": ("h2", bursts(b"".join(map(get, ALL)) + frame(GOAWAY, 0, 0, u32(0) * 2), frames=101)),
    "100 uploads begun, close": ("h2", bursts(b"".join(map(post, ALL)), frames=100)),
    "rapid reset": ("h2", stream_by_stream(lambda n: get(n) + reset(n), 2)),
    "rapid reset, resets in a second write": ("h2", bursts(b"".join(map(get, ALL)), b"".join(map(reset, ALL)), frames=200)),
    "rapid reset of uploads": ("h2", stream_by_stream(lambda n: post(n) + frame(DATA, 0, n, b"x") + reset(n), 3)),
    "made you reset: window overflow": ("h2", stream_by_stream(lambda n: get(n) + frame(WINDOW_UPDATE, 0, n, u32((1 << 31) - 1)), 2)),
    "made you reset: window update of 0": ("h2", stream_by_stream(lambda n: get(n) + frame(WINDOW_UPDATE, 0, n, u32(0)), 2)),
    "made you reset: content-length": ("h2", stream_by_stream(lambda n: post(n, BAD_LENGTH) + frame(DATA, 0, n, b"xx"), 2)),
    "made you reset: DATA after the end": ("h2", stream_by_stream(lambda n: get(n) + frame(DATA, 0, n, b"x"), 2)),
    "malformed heads": ("h2", stream_by_stream(lambda n: frame(HEADERS, 5, n, RAW + b"\0\1X\1y"), 1)),
    "HEADERS without end, CONTINUATION": ("h2", bursts(frame(HEADERS, 0, 1, RAW) + frame(CONTINUATION, 0, 1) * 99, frames=100, wait=0.1)),
    "windows of 0": ("h2", bursts(frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 0)) + b"".join(map(get, ALL)), frames=101, wait=0.1)),
    "HTTP/1: 100 pipelined, close": ("h1", http1(GET * 100, 100)),
    "HTTP/1: 100 pipelined, half-close": ("h1", http1(GET * 100, 100, half_close=True)),
    "HTTP/1: a request, close": ("h1", http1(GET, 1)),
    "HTTP/1: an upload begun, close": ("h1", http1(POST, 1)),
}


# ---- Proxies


def free_ports(count):
    socks = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [sock.getsockname()[1] for sock in socks]
    for sock in socks:
        sock.close()
    return ports


@contextlib.contextmanager
def proxy(name, directory, origin_port):
    """Its ports by name."""
    ports = dict(zip(("h1", "h2"), free_ports(2)))
    text, command = PROXIES[name]
    for key, value in {"dir": directory, "origin": origin_port, **ports}.items():
        text = text.replace("{" + key + "}", str(value))
    file = directory / f"{name}.conf"
    file.write_text(text)
    process = subprocess.Popen([word.replace("{file}", str(file)) for word in command], stderr=subprocess.DEVNULL)
    try:
        for port in ports.values():
            wait_for(port, process, name)
        yield ports
    finally:
        process.terminate()
        process.wait()


def wait_for(port, process, name):
    for _ in range(1000):
        if process.poll() is not None:
            break
        with contextlib.suppress(ConnectionRefusedError):
            return socket.create_connection(("127.0.0.1", port)).close()
        time.sleep(0.01)
    sys.exit(f"{name} does not start")


def settled(hits):
    """The count once it has not changed for a while."""
    last, since = hits.value, time.monotonic()
    while time.monotonic() < since + 0.4:
        time.sleep(0.02)
        if hits.value != last:
            last, since = hits.value, time.monotonic()
    return last


def measure(name, row, frames, directory):
    """(requests at the server, connections used)"""
    hits, ready, (port,) = multiprocessing.Value("Q", 0), multiprocessing.Event(), free_ports(1)
    server = multiprocessing.Process(target=origin, args=(port, hits, ready), daemon=True)
    server.start()
    ready.wait()
    which, run = ROWS[row]
    sent = connections = 0
    with proxy(name, directory, port) as ports:
        while sent < frames:
            sent += run(ports[which])
            connections += 1
        total = settled(hits)
    server.terminate()
    server.join()
    return total, connections


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--frames", type=int, default=6000, help="frames of HTTP/2 a row; of HTTP/1 a tenth")
    parser.add_argument("--only", action="append", help="words in the names of rows")
    parser.add_argument("--proxies", default=",".join(PROXIES))
    options = parser.parse_args()
    names = options.proxies.split(",")
    missing = [name for name in names if not shutil.which(PROXIES[name][1][0])]
    if missing:
        sys.exit(f"missing: {', '.join(missing)}; Debian: apt-get install haproxy nginx-light")
    print(f"{'requests at the server':42}" + "".join(f"{name:>12}" for name in names))
    totals = {}
    with tempfile.TemporaryDirectory(prefix="weir-hits-") as directory:
        for row in ROWS:
            if options.only and not any(word in row for word in options.only):
                continue
            frames = options.frames // (10 if ROWS[row][0] == "h1" else 1)
            for name in names:
                totals[row, name], _ = measure(name, row, frames, pathlib.Path(directory))
            print(f"{row:42}" + "".join(f"{totals[row, name]:12}" for name in names), flush=True)
    bad = [row for row in ROWS if row.startswith("overrun")
           and totals.get((row, "weir"), 0) > totals.get((row, "haproxy"), float("inf"))]
    sys.exit(f"more than haproxy: {', '.join(bad)}" if bad else 0)


if __name__ == "__main__":
    main()
