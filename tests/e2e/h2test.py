# SPDX-License-Identifier: Apache-2.0
"""An HTTP/2 client that says exactly what a case wants, on top of weirtest.

H2Client(weir) is a connection whose frames are made and understood by hand, with hpack for header blocks only, so that
it can say what no honest library would.  After the preface and SETTINGS:

    client.request(get("/"))            HEADERS with END_STREAM on the next stream; its number
    client.headers(stream, fields...)   any header block with any flags
    client.data(stream, bytes, end)     DATA
    client.frame(type, flags, stream, payload)
    client.answer(stream)               Answer: status, fields, body, trailers, interim, reset (an error code or None)
    client.wait(event)                  reads frames until event(frame) is true

Flow control towards the client is generous unless Windows are said; what weir may send is in `client.frames`.
"""
import socket
import struct
from dataclasses import dataclass, field

import hpack

from weirtest import DEADLINE

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
PRIORITY_UPDATE = 16
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITIZED = 1, 1, 4, 8, 32
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR = 0, 1, 2, 3
STREAM_CLOSED, FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL, COMPRESSION_ERROR = 5, 6, 7, 8, 9
ENHANCE_YOUR_CALM, INADEQUATE_SECURITY = 11, 12
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def request(method="GET", path="/", *fields, authority="a.test", scheme="http"):
    """The fields of a request, pseudo-fields first."""
    return [(":method", method), (":scheme", scheme), (":authority", authority), (":path", path), *fields]


@dataclass
class Frame:
    type: int
    flags: int
    stream: int
    payload: bytes
    fields: list = None  # of HEADERS

    @property
    def code(self):
        """The error code of RST_STREAM and GOAWAY."""
        return struct.unpack(">I", self.payload[:4] if self.type == RST_STREAM else self.payload[4:8])[0]

    @property
    def last_stream(self):
        return struct.unpack(">I", self.payload[:4])[0]


@dataclass
class Answer:
    status: int = 0
    fields: dict = field(default_factory=dict)
    body: bytes = b""
    trailers: dict = field(default_factory=dict)
    interim: list = field(default_factory=list)
    reset: int = None
    complete: bool = False


class H2Client:
    def __init__(self, weir, port="port", settings=(), window=1 << 24, wrap=None):
        self.attach(weir, port, wrap)
        pairs = dict(settings)
        pairs.setdefault(4, (1 << 30) if window > 65535 else window)
        self.send(PREFACE)
        self.frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", key, value) for key, value in pairs.items()))
        if window > 65535:
            self.frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", (1 << 30) - 65535))

    def attach(self, weir, port="port", wrap=None):
        """Connects and says nothing yet, not even the preface."""
        number = weir if isinstance(weir, int) else weir.port(port)
        self.socket = socket.create_connection(("127.0.0.1", number), timeout=DEADLINE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if wrap:
            self.socket = wrap(self.socket)
        self.encoder, self.decoder = hpack.Encoder(), hpack.Decoder()
        self.decoder.max_header_list_size = 1 << 20
        self.frames, self.answers, self.next_stream = [], {}, 1
        self.buffer, self.ended = b"", False
        self.acknowledge = True

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        """False if weir has closed meanwhile."""
        try:
            self.socket.sendall(data)
            return True
        except OSError:
            return False

    @staticmethod
    def bytes_of(kind, flags, stream, payload=b""):
        return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload

    def frame(self, kind, flags, stream, payload=b""):
        return self.send(self.bytes_of(kind, flags, stream, payload))

    def headers(self, stream, fields, flags=END_STREAM | END_HEADERS, huffman=True):
        return self.frame(HEADERS, flags, stream, self.encoder.encode(fields, huffman=huffman))

    def request(self, fields, end=True):
        stream, self.next_stream = self.next_stream, self.next_stream + 2
        self.headers(stream, fields, END_HEADERS | (END_STREAM if end else 0))
        return stream

    def data(self, stream, data=b"", end=False):
        return self.frame(DATA, END_STREAM if end else 0, stream, data)

    def ask(self, fields, body=None):
        stream = self.request(fields, end=body is None)
        if body is not None:
            for at in range(0, len(body), 16384):
                self.data(stream, body[at:at + 16384])
            self.data(stream, end=True)
        return self.answer(stream)

    # ---- Reading

    def _take(self, size):
        while len(self.buffer) < size:
            try:
                data = self.socket.recv(1 << 16)
            except ConnectionResetError:
                data = b""
            if not data:
                self.ended = True
                return None
            self.buffer += data
        taken, self.buffer = self.buffer[:size], self.buffer[size:]
        return taken

    def read(self):
        """The next frame; None at the end of the connection."""
        head = self._take(9)
        if head is None:
            return None
        size = int.from_bytes(head[:3], "big")
        payload = self._take(size)
        if payload is None:
            return None
        got = Frame(head[3], head[4], int.from_bytes(head[5:], "big") & 0x7FFFFFFF, payload)
        self.frames.append(got)
        self._understand(got)
        return got

    def _understand(self, got):
        answer = self.answers.setdefault(got.stream, Answer())
        if got.type == SETTINGS and not got.flags & ACK and self.acknowledge:
            self.frame(SETTINGS, ACK, 0)
        elif got.type == PING and not got.flags & ACK and self.acknowledge:
            self.frame(PING, ACK, 0, got.payload)
        elif got.type == HEADERS:
            assert got.flags & END_HEADERS
            got.fields = self.decoder.decode(got.payload)
            fields = dict(got.fields)
            status = int(fields.pop(":status", 0))
            if not status:
                answer.trailers = fields
            elif status < 200:
                answer.interim.append((status, fields))
            else:
                answer.status, answer.fields = status, fields
        elif got.type == DATA:
            answer.body += got.payload
        elif got.type == RST_STREAM:
            answer.reset = got.code
        if got.type in (DATA, HEADERS) and got.flags & END_STREAM:
            answer.complete = True

    def wait(self, event):
        """The first frame, from now on, for which event(frame) holds; None if the connection ends before."""
        while (got := self.read()) is not None:
            if event(got):
                return got
        return None

    def answer(self, stream):
        """The answer of a stream once it is complete, or as far as it came until its reset or the end."""
        while not (self.answers.setdefault(stream, Answer()).complete or self.answers[stream].reset is not None):
            if self.read() is None:
                break
        return self.answers[stream]

    def body(self, stream, size):
        """The body so far, once it has that many bytes."""
        while len(self.answers.setdefault(stream, Answer()).body) < size:
            assert self.read() is not None, "the connection has ended"
        return self.answers[stream].body

    def goaway(self):
        """The last GOAWAY before the connection ends."""
        while self.read() is not None:
            pass
        ends = [each for each in self.frames if each.type == GOAWAY]
        return ends[-1] if ends else None

    def sync(self):
        """Returns when weir has read all that was sent; False if the connection has ended."""
        self.frame(PING, 0, 0, b"syncsync")
        return self.wait(lambda got: got.type == PING and got.flags & ACK and got.payload == b"syncsync") is not None
