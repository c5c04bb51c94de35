# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 to servers under TLS: what is offered by ALPN, and what becomes of it."""
import json
import socket
import ssl

import pytest
from h2origin import H2Origin, to_h2
from tlstest import Authority
from weirtest import Weir, ask, get, wait_until


@pytest.fixture(scope="module", name="authority")
def fixture_authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates"))


class Either:
    """A server that speaks either version, as it is agreed on; `speaks`: what it knows, the preferred one first."""
    def __init__(self, authority, *speaks):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue("127.0.0.1").load(self.context)
        if speaks:
            self.context.set_alpn_protocols(list(speaks))
        self.agreed = []
        self.origin = H2Origin(wrap=self.wrap)
        self.address = self.origin.address

    def wrap(self, sock):
        sock = self.context.wrap_socket(sock, server_side=True)
        self.agreed.append(sock.selected_alpn_protocol())
        if self.agreed[-1] != "h2":
            self.serve_http1(sock)
        return sock

    @staticmethod
    def serve_http1(sock):
        data = b""
        while piece := sock.recv(65536):
            data += piece
            while b"\r\n\r\n" in data:
                head, data = data.split(b"\r\n\r\n", 1)
                if b"upgrade: websocket" in head.lower():
                    sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n")
                else:
                    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none")
        raise OSError("that was HTTP/1.1")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.origin.__exit__()


def config(server, authority, protocol):
    return to_h2(server, protocol=protocol, backend=f"tls {{ ca {authority.chain} }}\nretry none")


@pytest.mark.parametrize("protocol", ["h2", "auto"])
def test_both_agree_on_http2(authority, protocol):
    with Either(authority, "h2", "http/1.1") as server, Weir(config(server, authority, protocol)) as weir:
        for _ in range(3):
            assert ask(weir).body == b"hello"
        assert server.agreed == ["h2"]
        assert server.origin.requests[0].fields[":scheme"] == "https"


@pytest.mark.parametrize("speaks", [["http/1.1"], []])
def test_a_server_that_does_not(authority, speaks):
    with Either(authority, *speaks) as server:
        with Weir(config(server, authority, "auto")) as weir:
            assert ask(weir).body == b"one"
            assert ask(weir).body == b"one"
            assert len(server.agreed) == 1
        with Weir(config(server, authority, "h2")) as weir:
            assert ask(weir).status == 502
            failure = json.loads(weir.access(1)[-1])["failure"]
            assert failure in ("protocol_mismatch", "tls_alert")


def test_auto_takes_http1_for_an_upgrade(authority):
    with Either(authority, "h2", "http/1.1") as server, Weir(config(server, authority, "auto")) as weir:
        assert ask(weir).body == b"hello"
        with socket.create_connection(("127.0.0.1", weir.port())) as sock:
            sock.sendall(get("/", "t", "Upgrade: websocket", "Connection: upgrade", "Sec-WebSocket-Key: x",
                             "Sec-WebSocket-Version: 13"))
            assert sock.recv(65536).startswith(b"HTTP/1.1 101 ")
        assert ask(weir).body == b"hello"
        assert server.agreed == ["h2", "http/1.1"]


def test_a_server_that_changes_its_mind(authority):
    with Either(authority, "h2", "http/1.1") as server, Weir(config(server, authority, "auto")) as weir:
        assert ask(weir).body == b"hello"
        server.context.set_alpn_protocols(["http/1.1"])
        server.origin.connections[0].goaway(1)
        wait_until(lambda: ask(weir).body == b"one", "HTTP/1.1")
        assert server.agreed[-1] == "http/1.1"
