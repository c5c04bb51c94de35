# SPDX-License-Identifier: Apache-2.0
"""What the cases of HTTP/2 conformance share: each is one sentence of an RFC, what a client does, and what must follow.

    Case("5.1", "DATA on an idle stream", lambda c: c.data(5, b"x"), Ends(PROTOCOL_ERROR))

`do(client)` acts on a fresh connection whose SETTINGS are exchanged.  What must follow is one of

    Ends(*codes)            GOAWAY with one of them, and the end of the connection (section 5.4.1)
    Resets(*codes)          RST_STREAM of the newest stream with one of them; the connection goes on (section 5.4.2)
    Serves()                nothing at all: no reset, no GOAWAY, and requests are answered
    Answers(status, test)   an answer on the newest stream, whose Answer passes the test; the connection goes on

An Ends that the RFC calls a stream error is one that weir makes an error of the connection, as section 5.4.1 allows.
RAW is the block of a request for HPACK's own cases: GET http://a.test/ without entries of the dynamic table.
"""
import struct
from dataclasses import dataclass
from typing import Any, Callable

import pytest
from h2test import GOAWAY, RST_STREAM, SETTINGS, H2Client, request
from weirtest import Origin, Weir, answer, forward_to

MOST = (1 << 31) - 1
RAW = b"\x82\x86\x84\x01\x06a.test"


@dataclass(frozen=True)
class Case:
    section: str
    what: str
    do: Callable[[H2Client], Any]
    then: Any

    def run(self, weir, **options):
        with H2Client(weir, **options) as client:
            assert client.sync()
            self.do(client)
            self.then.check(client)


def is_error(got):
    return got.type == RST_STREAM or (got.type == GOAWAY and got.code != 0)


def still_serves(client, stream):
    """Another request is answered, whatever was done to the windows."""
    client.frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 1 << 20))
    client.next_stream = stream + 2
    got = client.ask(request())
    assert got.status == 200 and got.complete and client.sync(), client.frames


class Ends:
    def __init__(self, *codes):
        self.codes = codes

    def check(self, client):
        end = client.goaway()
        assert client.ended and end is not None and end.code in self.codes, client.frames


class Serves:
    def check(self, client):
        still_serves(client, max([client.next_stream - 2, *(n for n in client.answers if n % 2)]))
        assert not [each for each in client.frames if is_error(each)], client.frames


class Resets:
    def __init__(self, *codes, stream=None):
        self.codes, self.stream = codes, stream

    def check(self, client):
        stream = self.stream or max(client.next_stream - 2, 1)
        got = client.answer(stream)
        assert got.reset in self.codes and not got.status, client.frames
        still_serves(client, stream)
        assert sum(1 for each in client.frames if is_error(each)) == 1, client.frames


class Answers:
    def __init__(self, status, test=lambda got: True, stream=None):
        self.status, self.test, self.stream = status, test, stream

    def check(self, client):
        stream = self.stream or max(client.next_stream - 2, 1)
        got = client.answer(stream)
        assert got.status == self.status and got.complete and self.test(got), (got, client.frames)
        if stream < MOST:
            still_serves(client, stream)


def serve(connection, message):
    """/size/N: so many bytes; /chunks: without a length, with trailers; else what the request was."""
    connection.read_body(message)
    message.complete = True
    if message.target.startswith("/size/"):
        return connection.send(answer(b"x" * int(message.target.split("/")[2])))
    if message.target == "/chunks":
        return connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close, x-hop\r\nX-Hop: 1\r\n"
                               b"Keep-Alive: timeout=5\r\nProxy-Connection: close\r\nX-Upper-Case: 1\r\n\r\n"
                               b"5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n")
    if message.target == "/hints":
        connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
    if message.target == "/empty":
        return connection.send(b"HTTP/1.1 204 No Content\r\n\r\n")
    if message.target == "/cached":
        return connection.send(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n")
    if message.method == "HEAD":
        return connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n")
    return connection.send(answer(message.raw + b"|" + message.body))


@pytest.fixture(scope="module", name="server")
def the_server():
    with Origin(serve) as origin, Weir(forward_to(origin)) as weir:
        yield origin, weir


def table(*cases):
    """A decorator: the test runs once for each case, named by section and words."""
    names = [f"{case.section} {case.what}" for case in cases]
    assert len(set(names)) == len(names), "two cases of one name"
    return pytest.mark.parametrize("case", cases, ids=names)
