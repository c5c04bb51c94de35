# SPDX-License-Identifier: Apache-2.0
"""Large bodies arrive whole and wait outside of weir."""
import contextlib
import hashlib
import threading

import pytest
import tcptable
from weirtest import DEADLINE, SANITIZED, Client, Origin, Weir, answer, forward_to, get, rss_bytes, wait_until

BLOCK = bytes(range(256)) * 4096  # 1 MiB
SIZE = 64


def digest_of(blocks):
    digest = hashlib.sha256()
    for _ in range(blocks):
        digest.update(BLOCK)
    return digest.hexdigest().encode()


@pytest.mark.parametrize("kind", ["length", "chunked"])
def test_download(kind):
    def handler(connection, request):
        if kind == "length":
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (SIZE << 20))
            for _ in range(SIZE):
                connection.send(BLOCK)
        else:
            connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in range(SIZE):
                connection.send(b"100000\r\n" + BLOCK + b"\r\n")
            connection.send(b"0\r\n\r\n")

    with Origin(handler) as origin, Weir(forward_to(origin)) as weir, Client(weir) as client:
        body = client.ask(get()).body
        assert len(body) == SIZE << 20
        assert hashlib.sha256(body).hexdigest().encode() == digest_of(SIZE)
        assert client.ask(get()).status == 200


@pytest.mark.parametrize("kind", ["length", "chunked"])
def test_upload(kind):
    def handler(connection, request):
        connection.send(answer(hashlib.sha256(connection.read_body(request).body).hexdigest()))

    with Origin(handler) as origin, Weir(forward_to(origin)) as weir, Client(weir) as client:
        if kind == "length":
            client.send(get("/", "a", f"Content-Length: {SIZE << 20}", method="PUT"))
            for _ in range(SIZE):
                client.send(BLOCK)
        else:
            client.send(get("/", "a", "Transfer-Encoding: chunked", method="PUT"))
            for _ in range(SIZE):
                client.send(b"100000\r\n" + BLOCK + b"\r\n")
            client.send(b"0\r\n\r\n")
        assert client.receive().body == digest_of(SIZE)
        assert client.ask(get()).status == 200


@pytest.mark.skipif(SANITIZED, reason="sanitizers keep memory of their own")
@pytest.mark.parametrize("kind", ["length", "chunked"])
def test_a_slow_reader_holds_the_server_back(kind):
    """256 MiB wait for a client that reads nothing: the sockets fill up, weir's memory does not."""
    blocks, sent = 256, []

    def handler(connection, request):
        chunks = kind == "chunked"
        framing = "Transfer-Encoding: chunked" if chunks else f"Content-Length: {blocks << 20}"
        connection.send(f"HTTP/1.1 200 OK\r\n{framing}\r\n\r\n")
        block = b"100000\r\n" + BLOCK + b"\r\n" if chunks else BLOCK
        connection.socket.settimeout(1)  # no progress for a second: the way is full
        try:
            for _ in range(blocks):
                connection.send(block)
                sent.append(1)
        except TimeoutError:
            stuck.set()

    stuck = threading.Event()
    with Origin(b"", handler) as origin, Weir(forward_to(origin)) as weir:
        origin.handlers = [answer("warm"), handler]
        with Client(weir) as client:
            assert client.ask(get()).body == b"warm"
        worker = weir.pids()[0]
        before = rss_bytes(worker)
        with Client(weir) as client:
            client.send(get())
            wait_until(stuck.is_set, "a full way")
            assert len(sent) < 64
            assert rss_bytes(worker) - before < 2 << 20


def test_a_slow_server_holds_the_client_back():
    release = threading.Event()

    def handler(connection, request):
        release.wait(DEADLINE)
        body = connection.read_body(request).body
        connection.send(answer(str(len(body))))

    with Origin(handler) as origin, Weir(forward_to(origin)) as weir, Client(weir) as client:
        worker = weir.pids()[0]
        client.send(get("/", "a", f"Content-Length: {SIZE << 20}", method="PUT"))
        origin.wait()
        before = rss_bytes(worker)
        client.socket.settimeout(1)
        with pytest.raises(TimeoutError):
            for count in range(SIZE):
                client.socket.sendall(BLOCK)
        if not SANITIZED:
            assert rss_bytes(worker) - before < 2 << 20
        assert count < SIZE - 1
        release.set()


def unread(weir, client):
    """How many of the client's bytes lie before weir, which has not taken them yet."""
    row = tcptable.connection(weir.port(), client.socket.getsockname()[1])
    return int(row[4].split(":")[1], 16)


def test_the_last_bytes_of_an_upload_come_last():
    """Of an upload to a server that reads late, a part waits in the kernel; the small rest must not overtake it."""
    rest = b"the rest" * 2048
    release = threading.Event()

    def handler(connection, request):
        release.wait(DEADLINE)
        connection.send(answer(hashlib.sha256(connection.read_body(request).body).hexdigest()))

    with Origin(handler) as origin, Weir(forward_to(origin)) as weir:
        for halves in range(1, 17):
            release.clear()
            body = BLOCK[: 1 << 19] * halves + rest
            with Client(weir) as client:
                rest_sent = False
                client.send(get("/", "a", f"Content-Length: {len(body)}", method="PUT"))
                sender = threading.Thread(target=client.send, args=(body[: -len(rest)],))
                sender.start()
                with contextlib.suppress(AssertionError):  # more than all buffers hold
                    wait_until(lambda: not sender.is_alive() and unread(weir, client) == 0, "", 0.3)
                    client.send(rest)
                    rest_sent = True
                release.set()
                sender.join()
                if not rest_sent:
                    client.send(rest)
                assert client.receive().body.decode() == hashlib.sha256(body).hexdigest(), halves
