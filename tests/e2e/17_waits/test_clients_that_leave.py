# SPDX-License-Identifier: Apache-2.0
"""client_close and tcp_keepalive: clients that end their direction, or vanish, while their request is under way.

weir looks a second after a request has begun, so each case takes about as long.
"""
import json
import os
import socket
import ssl
import threading

import pytest
import tcptable
from h2test import H2Client, request
from reloadtest import reload
from tlstest import Authority, client_context
from weirtest import Client, Origin, Weir, answer, forward_to, get, wait_until

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"


def outcomes(weir):
    """Status and failure of each request by its path, from the access log."""
    lines = [json.loads(line) for line in weir.access(0)]
    return {line["path"]: (line["status"], line["failure"]) for line in lines}


def wait_outcome(weir, path, status, failure=""):
    wait_until(lambda: path in outcomes(weir), f"{path} in the log")
    assert outcomes(weir)[path] == (status, failure)


def wait_gone(weir, path):
    wait_outcome(weir, path, 499, "client_gone")


def silent(connection, _):
    connection.read_to_end()


def streaming(connection, _):
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nevent\r\n")
    connection.read_to_end()


def is_free(origin):
    wait_until(lambda: origin.requests and not origin.open, "the end of the server's connection")


@pytest.mark.parametrize("handler", [silent, streaming], ids=["await", "relay"])
def test_an_attempt_is_cancelled(handler):
    with Origin(handler) as origin, Weir(forward_to(origin)) as weir, Client(weir) as client:
        client.send(get("/x"))
        origin.wait()
        client.finish()
        is_free(origin)
        wait_gone(weir, "/x")


def test_on_a_connection_that_was_idle():
    """It is registered with the loop since then: the end is told at once, and counts as late as any other."""
    with Origin(answer("ok"), silent) as origin, Weir(forward_to(origin)) as weir, Client(weir) as client:
        assert client.ask(get("/first")).body == b"ok"
        client.send(get("/second"))
        client.finish()
        is_free(origin)
        wait_gone(weir, "/second")


def test_in_the_queue():
    hold = threading.Event()

    def handler(connection, _):
        hold.wait(30)
        connection.send(answer("ok"))

    text = forward_to("{origin} max_in_flight 1", backend="timeout queue 1m")
    with Origin(handler) as origin, Weir(text, origin=origin.address) as weir, Client(weir) as first:
        first.send(get("/first"))
        origin.wait()
        with Client(weir) as second:
            second.send(get("/second"))
            second.finish()
            wait_gone(weir, "/second")
        hold.set()
        assert first.receive().body == b"ok"
        assert len(origin.requests) == 1


def full_listener():
    """A port whose queue is full: who connects is not answered."""
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    sock.listen(0)
    waiting = []
    for _ in range(4):
        waiting.append(socket.socket())
        waiting[-1].setblocking(False)
        waiting[-1].connect_ex(sock.getsockname())
    return sock, waiting


def test_while_a_server_is_connected_to():
    sock, _waiting = full_listener()
    text = forward_to(f"127.0.0.1:{sock.getsockname()[1]}", backend="timeout connect 1m")
    with Weir(text) as weir, Client(weir) as client:
        client.send(get("/x"))
        client.finish()
        wait_gone(weir, "/x")
    sock.close()


def test_an_upload_that_is_cut_short():
    """Whatever client_close says: the rest will never come."""
    with Origin(silent) as origin, Weir(forward_to(origin, listener="client_close finish")) as weir, Client(weir) as client:
        client.send(get("/x", "a", "Content-Length: 100", method="POST") + b"some")
        origin.wait()
        client.finish()
        is_free(origin)
        wait_gone(weir, "/x")


def test_what_was_sent_before_counts_first():
    """Pipelined requests: the first one is not cancelled by the end behind the second."""
    hold = threading.Event()

    def handler(connection, message):
        if message.target == "/first":
            hold.wait(30)
            connection.send(answer("one"))
        else:
            connection.read_to_end()

    with Origin(handler) as origin, Weir(forward_to(origin)) as weir:
        with Client(weir) as client, Client(weir) as other:
            client.send(get("/first") + get("/second"))
            client.finish()
            origin.wait()
            other.send(get("/other"))
            other.finish()
            wait_gone(weir, "/other")  # so it would be said of /first by now
            hold.set()
            assert client.receive().body == b"one"
            wait_gone(weir, "/second")
        wait_outcome(weir, "/first", 200)


def test_a_second_request_in_the_socket_counts_too():
    hold = threading.Event()

    def handler(connection, message):
        if message.target != "/second":
            hold.wait(30)
        connection.send(answer(message.target))

    with Origin(handler) as origin, Weir(forward_to(origin)) as weir:
        with Client(weir) as client, Client(weir) as other:
            client.send(get("/first"))
            origin.wait()
            client.send(get("/second"))
            client.finish()
            other.send(get("/other"))
            other.finish()
            wait_gone(weir, "/other")
            hold.set()
            assert [client.receive().body, client.receive().body] == [b"/first", b"/second"]
            assert client.is_closed()


FINISH = {
    "listener": ("client_close finish", ""),
    "route": ("client_close abort", "client_close finish"),
}


@pytest.mark.parametrize("place", FINISH)
def test_finish(place):
    listener, route = FINISH[place]
    hold = threading.Event()

    def handler(connection, message):
        if message.target == "/kept":
            connection.send(HEAD % 10 + b"begun")
            hold.wait(30)
            connection.send(b"ended")
        else:
            connection.read_to_end()

    text = """access_log {dir}/access.log
        listener web { bind 127.0.0.1:{port}\n %s\n
            route path /kept { %s; forward origin }
            route path /other { client_close abort; forward origin } }
        backend origin { server a %s }"""
    with Origin(handler) as origin, Weir(text % (listener, route, origin.address)) as weir:
        with Client(weir) as client, Client(weir) as other:
            client.send(get("/kept"))
            client.finish()
            origin.wait()
            other.send(get("/other"))
            other.finish()
            wait_gone(weir, "/other")
            hold.set()
            assert client.receive().body == b"begunended"
            assert client.is_closed()
        wait_outcome(weir, "/kept", 200)


def test_a_tunnel_may_be_half_closed():
    hold = threading.Event()

    def handler(connection, message):
        if message.target == "/other":
            return connection.read_to_end()
        connection.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
        assert connection.read_to_end() == b"all"
        hold.wait(30)
        connection.send(b"answer")
        return connection.close()

    with Origin(handler) as origin, Weir(forward_to(origin)) as weir:
        with Client(weir) as client, Client(weir) as other:
            assert client.ask(get("/x", "a", "Connection: Upgrade", "Upgrade: x")).status == 101
            client.send(b"all")
            client.finish()
            other.send(get("/other"))
            other.finish()
            wait_gone(weir, "/other")
            hold.set()
            assert client.read_to_end() == b"answer"


# ---- TLS -----------------------------------------------------------------------------------------


class Tls:
    """A client that says close_notify and FIN when a case wants it, and reads on behind it."""

    def __init__(self, weir, authority):
        self.plain = socket.create_connection(("127.0.0.1", weir.port()), 20)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = client_context(authority).wrap_bio(self.incoming, self.outgoing, server_hostname="a.test")
        self.wait(self.tls.do_handshake)

    def flush(self):
        if data := self.outgoing.read():
            self.plain.sendall(data)

    def wait(self, call, *arguments):
        while True:
            try:
                result = call(*arguments)
                self.flush()
                return result
            except ssl.SSLWantReadError:
                self.flush()
                data = self.plain.recv(65536)
                self.incoming.write(data) if data else self.incoming.write_eof()

    def send(self, data):
        self.tls.write(data)
        self.flush()

    def say_goodbye(self):
        with pytest.raises(ssl.SSLWantReadError):
            self.tls.unwrap()
        self.flush()

    def finish(self):
        self.plain.shutdown(socket.SHUT_WR)

    def read_to(self, end):
        got = b""
        while not got.endswith(end):
            got += self.wait(self.tls.read, 65536)
        return got


@pytest.fixture(scope="module", name="authority")
def the_authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tls"))


def over_tls(authority, origin, listener=""):
    certificate = authority.issue("a.test")
    return f"""access_log {{dir}}/access.log
        listener web {{ bind 127.0.0.1:{{port}} tls
            tls {{ certificate {certificate.chain} {certificate.key} }}
            {listener}
            route path /abort {{ client_close abort; forward origin }}
            route forward origin }}
        backend origin {{ server a {origin.address} }}"""


ENDS = {
    "close_notify": lambda client: client.say_goodbye(),
    "close_notify and FIN": lambda client: (client.say_goodbye(), client.finish()),
    "FIN": lambda client: client.finish(),
}


@pytest.mark.parametrize("end", ENDS)
def test_over_tls(authority, end):
    with Origin(silent) as origin, Weir(over_tls(authority, origin)) as weir:
        client = Tls(weir, authority)
        client.send(get("/x"))
        origin.wait()
        ENDS[end](client)
        is_free(origin)
        wait_gone(weir, "/x")
        client.plain.close()


@pytest.mark.parametrize("end", ENDS)
def test_finish_over_tls(authority, end):
    """Without close_notify an end may be anybody's: such a client has gone."""
    hold = threading.Event()

    def handler(connection, message):
        if message.target == "/abort":
            return connection.read_to_end()
        hold.wait(30)
        return connection.send(answer("still here"))

    with Origin(handler) as origin, Weir(over_tls(authority, origin, "client_close finish")) as weir:
        client, other = Tls(weir, authority), Tls(weir, authority)
        client.send(get("/x"))
        ENDS[end](client)
        other.send(get("/abort"))
        other.say_goodbye()
        wait_gone(weir, "/abort")
        if end == "FIN":
            wait_gone(weir, "/x")
            hold.set()
        else:
            hold.set()
            assert client.read_to(b"still here").startswith(b"HTTP/1.1 200")
        client.plain.close()
        other.plain.close()


def test_an_http2_client_that_ends_has_gone():
    with Origin(silent) as origin, Weir(forward_to(origin, listener="client_close finish")) as weir:
        with H2Client(weir) as client:
            client.request(request(path="/x"))
            origin.wait()
            client.socket.shutdown(socket.SHUT_WR)
            is_free(origin)
            wait_gone(weir, "/x")


# ---- tcp_keepalive -------------------------------------------------------------------------------


def keepalive_seconds(port, peer):
    """In how many seconds the kernel will probe the peer of a connection; None if it will not."""
    row = tcptable.connection(port, peer)
    kind, when = row[5].split(":")
    return int(when, 16) / os.sysconf("SC_CLK_TCK") if kind == "02" else None


def probes(weir, origin):
    """Of the client's connection at weir, and of weir's at the server."""
    with Client(weir) as client:
        assert client.ask(get("/")).status == 200
        to_client = keepalive_seconds(weir.port(), client.socket.getsockname()[1])
        server_port = origin.connections[-1].socket.getpeername()[1]
        return to_client, keepalive_seconds(server_port, origin.port)


@pytest.mark.parametrize(
    "listener, backend, seconds",
    [("", "", (30, 30)), ("tcp_keepalive 50s", "tcp_keepalive 70s", (50, 70)), ("tcp_keepalive none", "tcp_keepalive none", (None, None))],
    ids=["default", "other", "none"],
)
def test_tcp_keepalive(listener, backend, seconds):
    with Origin() as origin, Weir(forward_to(origin, listener=listener, backend=backend)) as weir:
        found = probes(weir, origin)
        for left, limit in zip(found, seconds, strict=True):
            assert (left is None) == (limit is None)
            assert limit is None or limit - 20 < left <= limit


def test_tcp_keepalive_follows_a_reload():
    top = "admin unix:{dir}/admin.sock"
    with Origin() as origin, Weir(forward_to(origin, top=top)) as weir:
        text = forward_to(origin, top=top, listener="tcp_keepalive 90s", backend="tcp_keepalive 110s")
        assert reload(weir, text).is_ok
        to_client, to_server = probes(weir, origin)
        assert 70 < to_client <= 90
        assert 90 < to_server <= 110
