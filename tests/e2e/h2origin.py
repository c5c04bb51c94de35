# SPDX-License-Identifier: Apache-2.0
"""A server of HTTP/2 that says exactly what a case wants, on top of h2test.

    with H2Origin(handler) as origin:        handler(connection, request), when a request is complete
    H2Origin(handler, at_head=True)          when its head has come
    H2Origin(script=function)                function(connection) has the connection for itself after the preface

A connection speaks frames as H2Client does (frame, headers, data, read, wait, body), and in addition

    connection.respond(request, body, *fields, status=200, trailers=None)
    connection.reset(stream, code)     connection.goaway(last_stream, code)

The origin knows .requests (stream, fields, body, trailers, connection), .connections, .wait(count).
"""
import socket
import struct
import threading
from dataclasses import dataclass, field

import hpack

from h2test import (DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, NO_ERROR, PREFACE, RST_STREAM, SETTINGS,
                    WINDOW_UPDATE, H2Client)
from weirtest import wait_until


@dataclass
class Request:
    stream: int
    connection: object
    fields: dict
    body: bytes = b""
    trailers: dict = field(default_factory=dict)
    complete: bool = False
    reset: int = None


class Accepted(H2Client):
    def __init__(self, origin, sock, number):
        self.origin, self.socket, self.number = origin, sock, number
        self.encoder, self.decoder = hpack.Encoder(), hpack.Decoder()
        self.decoder.max_header_list_size = 1 << 20
        self.frames, self.answers, self.requests = [], {}, {}
        self.buffer, self.ended, self.acknowledge = b"", False, True
        self.lock = threading.Lock()

    def greet(self, settings):
        """Reads the preface and says the settings; False if it is no HTTP/2."""
        if self._take(len(PREFACE)) != PREFACE:
            return False
        self.frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", key, value) for key, value in dict(settings).items()))
        self.frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", self.origin.window)) if self.origin.window else None
        return True

    def send(self, data):
        with self.lock:
            return super().send(data)

    def _understand(self, got):
        super_types = (SETTINGS, 6)
        if got.type in super_types:
            super()._understand(got)
            return
        if got.type == HEADERS:
            got.fields = self.decoder.decode(got.payload)
            if got.stream in self.requests:
                self.requests[got.stream].trailers = dict(got.fields)
            else:
                made = Request(got.stream, self, dict(got.fields))
                made.list = got.fields
                self.requests[got.stream] = made
                self.origin.requests.append(made)
        elif got.type == DATA and got.stream in self.requests:
            self.requests[got.stream].body += got.payload
            if self.origin.generous and got.payload:
                for stream in (0, got.stream):
                    self.frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", len(got.payload)))
        elif got.type == RST_STREAM and got.stream in self.requests:
            self.requests[got.stream].reset = got.code
        if got.type in (DATA, HEADERS) and got.flags & END_STREAM:
            self.requests[got.stream].complete = True

    def serve(self):
        told = set()
        while (got := self.read()) is not None:
            request = self.requests.get(got.stream)
            due = request and (request.complete or self.origin.at_head)
            if due and got.stream not in told and request.reset is None:
                told.add(got.stream)
                self.origin.handler(self, request)

    def head(self, stream, *fields, status=200, end=False):
        flags = END_HEADERS | (END_STREAM if end else 0)
        with self.lock:
            block = self.encoder.encode([(":status", str(status)), *fields])
            self.socket.sendall(self.bytes_of(HEADERS, flags, stream, block))

    def respond(self, request, body=b"", *fields, status=200, trailers=None):
        stream = request.stream
        self.head(stream, *fields, status=status, end=not body and not trailers)
        for at in range(0, len(body), 16384):
            part = body[at:at + 16384]
            self.data(stream, part, end=at + 16384 >= len(body) and not trailers)
        if trailers:
            with self.lock:
                self.socket.sendall(self.bytes_of(HEADERS, END_HEADERS | END_STREAM, stream,
                                                  self.encoder.encode(trailers)))

    def reset(self, stream, code):
        self.frame(RST_STREAM, 0, stream, struct.pack(">I", code))

    def goaway(self, last, code=NO_ERROR):
        self.frame(GOAWAY, 0, 0, struct.pack(">II", last, code))

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()


def hello(connection, request):
    connection.respond(request, b"hello", ("content-length", "5"))


class H2Origin:
    def __init__(self, handler=hello, settings=(), script=None, at_head=False, wrap=None, window=0, generous=True,
                 at=("127.0.0.1", 0)):
        self.handler, self.settings, self.script, self.at_head = handler, settings, script, at_head
        self.wrap, self.window, self.generous = wrap, window, generous
        self.requests, self.connections, self.failures = [], [], []
        self.closing = False
        self.socket = socket.socket()
        self.socket.bind(at)
        self.port = self.socket.getsockname()[1]
        self.address = f"{at[0]}:{self.port}"
        self.socket.listen(1024)
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.closing = True
        for each in [self, *self.connections]:
            try:
                each.socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.socket.close()

    def _accept(self):
        while not self.closing:
            try:
                sock, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.wrap:
                sock = self.wrap(sock)
            connection = Accepted(self, sock, len(self.connections) + 1)
            self.connections.append(connection)
            if not connection.greet(self.settings):
                return
            (self.script or Accepted.serve)(connection)
        except (OSError, ValueError, AssertionError, hpack.exceptions.HPACKError) as error:
            if not self.closing:
                self.failures.append(error)
        finally:
            sock.close()

    def wait(self, count=1):
        """Waits until the heads of that many requests have come; gives the last of them."""
        wait_until(lambda: len(self.requests) >= count, f"{count} requests at the origin")
        return self.requests[count - 1]


def read_rest(client):
    """What an HTTP/1.1 client still gets before its connection ends, in whatever way."""
    got = b""
    try:
        while data := client.socket.recv(1 << 16):
            got += data
    except ConnectionResetError:
        pass
    got, client.pending = client.pending + got, b""
    return got


def to_h2(*origins, backend="", protocol="h2", **options):
    """Like weirtest.forward_to, with HTTP/2 to the servers."""
    from weirtest import forward_to
    return forward_to(*origins, backend=f"protocol {protocol}\n{backend}", **options)
