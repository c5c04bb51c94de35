# SPDX-License-Identifier: Apache-2.0
"""How tunnels of WebSocket end: both sides are told 1001 (RFC 6455 section 7.4.1), and never within a frame."""
import base64
import hashlib
import queue

import pytest
from draintest import PORTS, leaving
from h2test import H2Client
from healthtest import order
from tlstest import Authority, client_context
from weirtest import DEADLINE, Client, Connection, Origin, Weir, forward_to, get

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
GOING_AWAY = b"\x03\xe9"
CLOSE = b"\x88\x02" + GOING_AWAY
KINDS = ["h1", "tls", "h2"]


def frame(payload, first=0x82, mask=None):
    """A frame of a server, or with a mask of a client."""
    size, bit = len(payload), 0x80 if mask else 0
    head = bytes([first, bit | (size if size < 126 else 126 if size < 65536 else 127)])
    if size >= 126:
        head += size.to_bytes(2 if size < 65536 else 8, "big")
    return head + (mask + xor(payload, mask) if mask else payload)


def xor(payload, mask):
    return bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


def shook_hands(head):
    """Checks a server's view of the last frame it gets, a Close, and that nothing follows."""
    assert len(head) == 8 and head[:2] == b"\x88\x82", head
    return xor(head[6:], head[2:6])


class Server:
    """An origin that accepts one tunnel; the case then plays its part on .connection."""

    def __init__(self):
        self.tunnels, self.done = queue.Queue(), queue.Queue()
        self.origin = Origin(self.accept)

    def __enter__(self):
        self.origin.__enter__()
        return self

    def __exit__(self, *arguments):
        self.done.put(None)
        return self.origin.__exit__(*arguments)

    def accept(self, connection, request):
        proof = base64.b64encode(hashlib.sha1(request.get("sec-websocket-key").encode() + GUID).digest()).decode()
        connection.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n"
                        f"Sec-WebSocket-Accept: {proof}\r\n\r\n")
        self.tunnels.put(connection)
        self.done.get()
        connection.close()

    def tunnel(self):
        return self.tunnels.get(timeout=DEADLINE)


class H2Tunnel:
    """A tunnel over HTTP/2 that is used as a Connection is."""

    def __init__(self, weir):
        self.client = H2Client(weir)
        self.stream = self.client.request([
            (":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":path", "/chat"),
            (":authority", "a.test"), ("sec-websocket-version", "13")], end=False)
        self.read = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.close()

    def send(self, data):
        for at in range(0, len(data), 16384):
            self.client.data(self.stream, data[at:at + 16384])

    def read_exact(self, count):
        self.read += count
        return self.client.body(self.stream, self.read)[self.read - count:self.read]

    def read_to_end(self):
        answer = self.client.answer(self.stream)
        assert answer.complete and answer.reset is None
        return answer.body[self.read:]


class Tunnel(Connection):
    def __init__(self, client):
        super().__init__(client.socket)
        self.send(get("/chat", "a.test", "Connection: Upgrade", "Upgrade: websocket", f"Sec-WebSocket-Key: {KEY}"))
        assert b" 101 " in self.read_until(b"\r\n\r\n")


@pytest.fixture(scope="module", name="certificate")
def fixture_certificate(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates")).issue("a.test")


class World:
    """weir in front of one Server; `opened` is a client's end and the server's of a tunnel of some kind."""

    def __init__(self, certificate, listener):
        self.server = Server()
        tls = f"bind 127.0.0.1:{{tls}} tls\n tls {{ certificate {certificate.chain} {certificate.key} }}"
        self.weir = Weir(forward_to(self.server.origin, listener=f"{tls}\n{listener}"), ports=["port", "tls"])

    def __enter__(self):
        self.server.__enter__()
        self.weir.__enter__()
        return self

    def __exit__(self, *arguments):
        self.weir.__exit__(*arguments)
        self.server.__exit__(*arguments)

    def opened(self, kind):
        if kind == "h2":
            client = H2Tunnel(self.weir)
        else:
            plain = Client(self.weir, "tls" if kind == "tls" else "port")
            if kind == "tls":
                plain.socket = client_context().wrap_socket(plain.socket, server_hostname="a.test")
            client = Tunnel(plain)
        return client, self.server.tunnel()


@pytest.mark.parametrize("limit", ["timeout tunnel 300ms", "max_lifetime 300ms"])
@pytest.mark.parametrize("kind", KINDS)
def test_both_sides_are_told(certificate, kind, limit):
    with World(certificate, limit) as world:
        client, server = world.opened(kind)
        with client:
            client.send(frame(b"hello", mask=b"mask"))
            assert server.read_exact(11) == frame(b"hello", mask=b"mask")
            server.send(frame(b"x" * 300))
            assert client.read_exact(304) == frame(b"x" * 300)
            assert shook_hands(server.read_exact(8)) == GOING_AWAY
            server.send(CLOSE)  # its answer is for nobody any more
            server.finish()
            assert client.read_to_end() == CLOSE
            assert server.read_to_end() == b""


@pytest.mark.parametrize("kind", KINDS)
def test_a_frame_that_the_server_has_begun_is_completed(certificate, kind):
    with World(certificate, "timeout tunnel 300ms") as world:
        client, server = world.opened(kind)
        with client:
            whole = frame(b"y" * 1000)
            server.send(whole[:500])
            assert client.read_exact(500) == whole[:500]
            # Towards the server no frame had begun, so it knows.
            assert shook_hands(server.read_exact(8)) == GOING_AWAY
            server.send(whole[500:] + frame(b"too late"))
            server.finish()
            assert client.read_to_end() == whole[500:] + CLOSE


@pytest.mark.parametrize("cut", [1, 3, 5, 100])
@pytest.mark.parametrize("kind", KINDS)
def test_a_frame_that_the_client_has_begun_is_completed(certificate, kind, cut):
    with World(certificate, "timeout tunnel 300ms") as world:
        client, server = world.opened(kind)
        with client:
            whole = frame(b"z" * 200, mask=b"\x01\x02\x03\x04")
            client.send(whole[:cut])
            assert server.read_exact(cut) == whole[:cut]
            assert client.read_exact(4) == CLOSE
            client.send(whole[cut:] + frame(b"too late", mask=b"mask"))
            assert server.read_exact(len(whole) - cut) == whole[cut:]
            assert shook_hands(server.read_exact(8)) == GOING_AWAY
            server.close()
            assert client.read_to_end() == b""


@pytest.mark.parametrize("kind", KINDS)
def test_who_has_said_close_is_told_nothing(certificate, kind):
    with World(certificate, "timeout tunnel 300ms") as world:
        client, server = world.opened(kind)
        with client:
            server.send(frame(b"\x03\xe8done", first=0x88))
            assert client.read_exact(8) == b"\x88\x06\x03\xe8done"
            assert shook_hands(server.read_exact(8)) == GOING_AWAY  # the client has not answered
            server.close()
            assert client.read_to_end() == b""


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_websocket_after_all_is_left_alone(certificate, kind):
    with World(certificate, "timeout tunnel 300ms") as world:
        client, server = world.opened(kind)
        with client:
            client.send(b"hello")  # no frame of a client: it is not masked
            assert server.read_exact(5) == b"hello"
            server.send(b"what")  # nor is this one of a server
            assert client.read_exact(4) == b"what"
            assert client.read_to_end() == b"" and server.read_to_end() == b""


@pytest.mark.parametrize("kind", KINDS)
def test_large_frames_pass_whole(certificate, kind):
    with World(certificate, "timeout tunnel 500ms") as world:
        client, server = world.opened(kind)
        with client:
            sent = b"".join(frame(bytes([n]) * size) for n, size in enumerate([3 << 20, 0, 125, 126, 65535, 65536, 1 << 20]))
            server.send(sent)
            assert client.read_exact(len(sent)) == sent
            assert shook_hands(server.read_exact(8)) == GOING_AWAY
            server.close()
            assert client.read_to_end() == CLOSE


def test_a_drain_tells_and_who_never_ends_a_frame_is_cut_off(certificate):
    with Server() as server, Weir(leaving(server.origin), PORTS) as weir:
        polite = Tunnel(Client(weir))
        first = server.tunnel()
        rude = Tunnel(Client(weir))
        second = server.tunnel()
        half = frame(b"never complete")[:7]
        second.send(half)
        assert rude.read_exact(7) == half
        order(weir, "drain listener web 500ms")
        assert polite.read_exact(4) == CLOSE
        assert shook_hands(first.read_exact(8)) == GOING_AWAY and shook_hands(second.read_exact(8)) == GOING_AWAY
        # Not a byte is put into the frame that has begun.
        with pytest.raises(ConnectionResetError):
            assert rude.read_to_end() == b"", "an orderly end within a frame"
        polite.close()
        rude.close()
