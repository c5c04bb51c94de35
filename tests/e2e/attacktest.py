# SPDX-License-Identifier: Apache-2.0
"""Attacks on HTTP/2 and TLS, for the cases of 14_http2_attacks and for tests/bench/attacks.py.

ATTACKS  are all of them.  Each has .name; .run(target), one connection's worth of it, as fast as the client can; .kinds, the
    words for it in logs and metrics, any of them, if a limit ends it; .bound, how many bytes a worker may grow by for each connection.
Target(weir, authority)  is a weir with config() as it looks to an attacker: .h2() and .tls() connect.
Victim(weir)  asks for small answers on a connection of its own until it is stopped: .failures, .times in seconds.
Peak(pid)  looks how large a process becomes: .grown().

The bounds follow from the limits (src/http/h2_codec.h, max_header, the units of base/buffer.h), times two for what an
allocator keeps and for what is read and not yet understood.
"""
import os
import select
import socket
import ssl
import struct
import threading
import time
from dataclasses import dataclass
from typing import Callable

from h2cases import RAW
from h2test import (CANCEL, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, PRIORITY, PRIORITY_UPDATE,
                    RST_STREAM, SETTINGS, WINDOW_UPDATE, H2Client, request)
from tlstest import client_context
from weirtest import DEADLINE, answer, rss_bytes

KIB = 1024
STREAMS = 128  # that may be open at a time
EXCHANGE = 16 * KIB  # what weir keeps for one of them, without head and bodies
RESETS = 1000  # that a client may cause; what begins and is reset within a turn of the loop is given back at its end
HEAD = 2 * 32 * KIB  # max_header, as it arrives and in the stream's memory
CONTENT = 64 * KIB  # a stream's first window
GROWTH = 4 * KIB * KIB  # of all windows of a connection
ANSWER = (64 + 2 * 16) * KIB  # kept for a client that does not take it, and what was read meanwhile
ACKS = 256 * 256  # frames that wait to be answered
CONNECTION = 512 * KIB  # buffers of the session, of the library, of the socket's last write
HELLO = 256 * KIB  # a ClientHello of the most that OpenSSL takes, and the state of a handshake


def config(certificate, origin):
    return f"""
listener web {{
    bind 127.0.0.1:{{port}}
    bind 127.0.0.1:{{secure}} tls
    tls {{ certificate {certificate.chain} {certificate.key} }}
    timeout send 1s handshake 1s header 2s
    route path /metrics metrics
    route path /small respond 200 ok
    route forward origin
}}
backend origin {{ server s1 {origin.address} }}
"""


def serve(connection, message):
    """/size/N answers with so many bytes, /deaf never takes a body."""
    if message.target == "/deaf":
        connection.is_closed()
        return
    connection.read_body(message)
    connection.send(answer(b"x" * int(message.target.split("/")[2]) if message.target.startswith("/size/") else b"ok"))


class Target:
    def __init__(self, weir):
        self.clear, self.secure = weir.port("port"), weir.port("secure")

    def h2(self, **options):
        client = H2Client(self.clear, **options)
        client.acknowledge = False
        return client

    def tls(self):
        return socket.create_connection(("127.0.0.1", self.secure), DEADLINE)


def u32(number):
    return struct.pack(">I", number)


def frame(kind, flags, stream, payload=b""):
    return H2Client.bytes_of(kind, flags, stream, payload)


def get(stream):
    return frame(HEADERS, END_HEADERS | END_STREAM, stream, RAW)


def until_ended(client, pieces):
    """Sends until weir has had enough, and gives its last word."""
    for piece in pieces:
        if not client.send(piece):
            break
    client.goaway()


def flood(piece, count=50_000, before=lambda client: None):
    def run(target):
        with target.h2() as client:
            before(client)
            until_ended(client, [piece * 200] * (count // 200))

    return run


def streams(piece, count=4000):
    """`piece` makes the frames of one stream after the other."""

    def run(target):
        with target.h2() as client:
            numbers = [1 + 2 * i for i in range(count)]
            until_ended(client, [b"".join(map(piece, numbers[at:at + 50])) for at in range(0, count, 50)])

    return run


def header_bomb(target):
    """One large entry of the table, referred to again and again for a byte each."""
    with target.h2() as client:
        client.send(frame(HEADERS, 5, 1, RAW + b"\x40\6x-bomb\x7f\xad\x1a" + b"y" * 3500))
        until_ended(client, [frame(HEADERS, 5, 3, b"\xbe" * 16_000)] * 10)


def cookie_bomb(target):
    """The same with crumbs of cookies, which are joined (CVE-2026-49975)."""
    with target.h2() as client:
        client.send(frame(HEADERS, 5, 1, RAW + b"\x60\x7f\xad\x1a" + b"y" * 3500))
        until_ended(client, [frame(HEADERS, 5, 3, b"\xbe" * 16_000)] * 10)


def continuations(target):
    with target.h2() as client:
        until_ended(client, [frame(HEADERS, 0, 1, RAW)] + [frame(CONTINUATION, 0, 1, b"\0\1x\1y")] * 1000)


def large_continuations(target):
    with target.h2() as client:
        until_ended(client, [frame(HEADERS, 0, 1, RAW)] + [frame(CONTINUATION, 0, 1, b"\0\1x\x7f\xb1\x6c" + b"y" * 14_000)] * 100)


def dribble(target):
    """Windows that are opened byte by byte (CVE-2019-9511, CVE-2019-9517)."""
    with target.h2(window=1) as client:
        client.send(frame(HEADERS, 5, 1, RAW[:2] + b"\x04\x0b/size/99999" + RAW[3:]))
        while client.send(frame(WINDOW_UPDATE, 0, 1, u32(1))) and client.read() is not None:
            pass


def zero_window(target):
    """Answers that nobody takes, on all streams (CVE-2019-9517, CVE-2026-49975)."""
    with target.h2(window=0) as client:
        numbers = [client.request(request(path="/size/500000")) for _ in range(STREAMS)]
        for number in numbers:
            client.answer(number)


def slow_reader(target):
    """Answers within generous windows, and nobody reads the socket; the reset of a full socket is its end."""
    with target.h2() as client:
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * KIB)
        for _ in range(STREAMS):
            client.request(request(path="/size/500000"))
        # The end of the connection lies behind what is not read; only an answer to more bytes tells of it.
        while client.send(frame(PING, 0, 0, b"8" * 8)) and not is_gone(client.socket, 200):
            pass


def is_gone(sock, milliseconds):
    """The other side has closed, or does meanwhile; nothing is read."""
    poll = select.poll()
    poll.register(sock, select.POLLHUP | select.POLLERR | select.POLLRDHUP)
    return bool(poll.poll(milliseconds))


def unread_uploads(target):
    """Content that no server takes, on all streams."""
    with target.h2() as client:
        for _ in range(STREAMS):
            stream = client.request(request("POST", "/deaf"), end=False)
            for at in range(0, 65535, 16384):
                client.data(stream, b"x" * min(16384, 65535 - at))
        client.sync()


def large_heads(target):
    """Heads of nearly all that is allowed, on all streams, whose requests stay open."""
    with target.h2() as client:
        for stream in range(1, 2 * STREAMS, 2):
            block = RAW + b"".join(b"\0\2x" + bytes([97 + i]) + b"\x7f\xa1\x36" + b"y" * 7072 for i in range(4))
            client.send(frame(HEADERS, 0, stream, block[:16_000]) + frame(CONTINUATION, END_HEADERS, stream, block[16_000:]))
        client.sync()


# ---- TLS


def hello(extension=b"", ciphers=b"\xc0\x2b\xc0\x2f", name=b"a.test"):
    """A ClientHello of TLS 1.2 with one more extension, as a message of the handshake."""
    server_name = struct.pack(">HHHBH", 0, len(name) + 5, len(name) + 3, 0, len(name)) + name
    groups = struct.pack(">HHHHH", 10, 6, 4, 29, 23)
    formats = struct.pack(">HHBB", 11, 2, 1, 0)
    schemes = struct.pack(">HHHHHH", 13, 8, 6, 0x0403, 0x0804, 0x0401)
    extensions = server_name + groups + formats + schemes + extension
    body = b"\3\3" + bytes(32) + b"\0" + struct.pack(">H", len(ciphers)) + ciphers + b"\1\0" + struct.pack(">H", len(extensions)) + extensions
    return b"\1" + struct.pack(">I", len(body))[1:] + body


def records(message, size=16384, kind=22, version=0x0301):
    return b"".join(struct.pack(">BHH", kind, version, len(message[at:at + size])) + message[at:at + size]
                    for at in range(0, len(message), size))


def says(data):
    """What weir answers to these bytes in the place of a handshake, up to its end or its ServerHelloDone."""

    def run(target):
        with target.tls() as sock:
            got = b""
            try:
                sock.sendall(data)
                while b"\x0e\0\0\0" not in got and (more := sock.recv(1 << 16)):
                    got += more
            except ConnectionError:
                pass
            return got

    return run


def handshakes(target, count=50):
    """Clients that let weir sign, and go."""
    sockets = [target.tls() for _ in range(count)]
    for sock in sockets:
        sock.sendall(records(hello()))
    for sock in sockets:
        sock.recv(1)
        sock.close()


def slow_handshakes(target, count=50):
    """Clients that never finish to say hello."""
    message = records(hello())
    sockets = [target.tls() for _ in range(count)]
    for sock in sockets:
        sock.sendall(message[:-10])
    for sock in sockets:
        is_gone(sock, DEADLINE * 1000)
        sock.close()


def tiny_records(target):
    """A true handshake whose hello comes in records of one byte, then HTTP/2 likewise."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    inside = client_context(alpn=["h2"]).wrap_bio(incoming, outgoing, server_hostname="a.test")
    with target.tls() as sock:

        def step(act, once=lambda data: data):
            while True:
                try:
                    done = act()
                except ssl.SSLWantReadError:
                    done = None
                if outgoing.pending:
                    sock.sendall(once(outgoing.read()))
                if done is not None:
                    return done
                incoming.write(sock.recv(1 << 16))

        step(lambda: inside.do_handshake() or True, lambda data: records(data[5:], 1) if data[:1] == b"\x16" else data)
        text = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0) + frame(HEADERS, 5, 1, RAW[:2] + b"\x04\6/small" + RAW[3:])
        for byte in text:
            inside.write(bytes([byte]))
        got = b""
        while b"ok" not in got[-2:]:
            got += step(lambda: inside.read(1 << 14))
        return got


@dataclass(frozen=True)
class Attack:
    name: str
    run: Callable
    kinds: tuple = ()
    bound: int = CONNECTION


def priority_update(number):
    return frame(PRIORITY_UPDATE, 0, 0, u32(number) + b"u=1")


def opened(client):
    client.send(frame(HEADERS, END_HEADERS, 1, b"\x83" + RAW[1:2] + b"\x04\5/deaf" + RAW[3:]))


def closed(client):
    """A stream that weir resets before the client has ended it."""
    client.send(frame(HEADERS, END_HEADERS, 1, b"\x82"))
    client.answer(1)


BEGUN = CONNECTION + STREAMS * EXCHANGE
RESET = CONNECTION + RESETS * EXCHANGE
HTTP2 = (
    Attack("rapid reset", streams(lambda n: get(n) + frame(RST_STREAM, 0, n, u32(CANCEL))), ("resets",), RESET),
    Attack("made you reset: windows", streams(lambda n: get(n) + frame(WINDOW_UPDATE, 0, n, u32((1 << 31) - 1))), ("resets", "streams"), RESET),
    Attack("made you reset: lengths", streams(lambda n: frame(HEADERS, END_HEADERS, n, b"\x83" + RAW[1:] + b"\x0f\x0d\x011") + frame(DATA, 0, n, b"xx")), ("resets", "streams"), RESET),
    Attack("made you reset: malformed heads", streams(lambda n: frame(HEADERS, 5, n, RAW + b"\0\1X\1y")), ("resets", "streams"), RESET),
    Attack("heads of streams that are over", flood(get(1), before=closed), ("resets",), RESET),
    Attack("DATA of streams that are over", flood(frame(DATA, 0, 1, b"x"), before=closed), ("empty_frames",)),
    Attack("too many streams", streams(get, 6000), ("streams",), BEGUN),
    Attack("CONTINUATION", continuations, ("floods",), CONNECTION + HEAD),
    Attack("large CONTINUATION", large_continuations, ("fields", "floods"), CONNECTION + 4 * HEAD),
    Attack("header bomb", header_bomb, ("fields",), CONNECTION + 4 * HEAD),
    Attack("cookie bomb", cookie_bomb, ("fields",), CONNECTION + 4 * HEAD),
    Attack("SETTINGS", flood(frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 70_000))), ("settings",), CONNECTION + ACKS),
    Attack("PING", flood(frame(PING, 0, 0, b"8" * 8)), ("pings",), CONNECTION + ACKS),
    Attack("answers to PING", flood(frame(PING, 1, 0, b"8" * 8)), ("pings",)),
    Attack("GOAWAY", flood(frame(GOAWAY, 0, 0, b"\0" * 8), before=opened), ("settings",)),
    Attack("PRIORITY", flood(frame(PRIORITY, 0, 1, b"\0" * 5)), ("priorities",)),
    Attack("PRIORITY_UPDATE", flood(priority_update(1)), ("priorities",)),
    Attack("WINDOW_UPDATE", flood(frame(WINDOW_UPDATE, 0, 0, u32(1))), ("window_updates",)),
    Attack("windows of a byte", dribble, ("window_updates",), BEGUN),
    Attack("empty DATA", flood(frame(DATA, 0, 1), before=opened), ("empty_frames",)),
    Attack("DATA of padding", flood(frame(DATA, 8, 1, b"\2\0\0"), before=opened), ("empty_frames",)),
    Attack("windows of nothing", zero_window, (), BEGUN + STREAMS * ANSWER),
    Attack("unread answers", slow_reader, (), BEGUN + STREAMS * ANSWER),
    Attack("unread content", unread_uploads, (), BEGUN + STREAMS * CONTENT + GROWTH),
    Attack("large heads", large_heads, (), BEGUN + STREAMS * HEAD),
)
TLS = (
    Attack("handshakes", handshakes, ("closed",), 50 * HELLO),
    Attack("slow handshakes", slow_handshakes, ("timeout",), 50 * HELLO),
    Attack("tiny records", tiny_records, (), HELLO + CONNECTION),
    Attack("a hello of 64 KB", says(records(hello(extension=struct.pack(">HH", 0x5a5a, 65_000) + bytes(65_000)))), (), 2 * HELLO),
    Attack("30,000 cipher suites", says(records(hello(ciphers=b"\x13\x01" * 30_000))), ("protocol",), 2 * HELLO),
    Attack("a hello that says 16 MB", says(records(b"\1\xff\xff\xff" + b"x" * 60_000)), ("protocol",), 2 * HELLO),
    Attack("a name longer than its extension", says(records(hello().replace(struct.pack(">H", 6) + b"a.test", struct.pack(">H", 9999) + b"a.test"))), ("protocol",), HELLO),
    Attack("a ticket of junk", says(records(hello(extension=struct.pack(">HH", 35, 16_000) + os.urandom(16_000)))), (), 2 * HELLO),
    Attack("heartbeats", says(records(b"\1\xff\xff" + b"x" * 16, kind=24) * 100), (), HELLO),
    Attack("heartbeats behind the hello", says(records(hello(extension=struct.pack(">HHB", 15, 1, 1))) + records(b"\1\xff\xff" + b"x" * 16, kind=24, version=0x0303) * 100), ("protocol",), HELLO + (64 << 10)),  # answered, and refused with an alert
    Attack("empty records", says(records(hello())[:-5] + struct.pack(">BHH", 22, 0x0301, 0) * 1000), (), HELLO),
)
ATTACKS = HTTP2 + TLS


class Victim(threading.Thread):
    def __init__(self, weir):
        super().__init__(daemon=True)
        self.client, self.times, self.failures, self.over = H2Client(weir), [], [], threading.Event()

    def run(self):
        try:
            while not self.over.is_set():
                begun = time.perf_counter()
                got = self.client.ask(request(path="/small"))
                self.times.append(time.perf_counter() - begun)
                if (got.status, got.body) != (200, b"ok"):
                    self.failures.append(got)
                    break
                self.client.answers.clear()
                self.client.frames.clear()
        except OSError as error:
            self.failures.append(error)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()
        self.client.close()

    def percentile(self, share):
        times = sorted(self.times)
        return times[min(int(len(times) * share), len(times) - 1)]


class Peak(threading.Thread):
    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.before, self.most, self.over = pid, rss_bytes(pid), 0, threading.Event()

    def run(self):
        while not self.over.wait(0.005):
            self.most = max(self.most, rss_bytes(self.pid))

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()

    def grown(self):
        return max(self.most, rss_bytes(self.pid)) - self.before


def counted(text, kinds):
    """How often the metrics say that a limit of one of these names was met."""
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
               if line.startswith(("weir_worker_http2_abuse_total", "weir_worker_tls_failures_total")) and any(f'="{kind}"' in line for kind in kinds))
