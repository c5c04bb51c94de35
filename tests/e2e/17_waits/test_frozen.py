# SPDX-License-Identifier: Apache-2.0
"""Every wait for a peer ends: docs/waits.md, row by row, in one daemon and at the same time.

Some limits are fixed, 5 seconds at the most; so long takes the test.
"""
import base64
import hashlib
import pathlib
import socket
import subprocess
import tempfile
import threading
import time

from frozentest import (CASES, Deaf, Frozen, Row, after_head, case, drain, over_tls, play, poll, pour, read_head,
                        rows)
from h2origin import H2Origin
from h2test import HEADERS, PREFACE, H2Client, request
from healthtest import servers
from pipelinetest import WARM
from tlstest import Authority, client_context
from weirtest import DEADLINE, WEIRCTL, Weir, answer, get

UPGRADE = get("/", "a", "Connection: Upgrade", "Upgrade: x")
WEBSOCKET = get("/", "a", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n"
UPLOAD = get("/", "a", "Content-Length: 10000000000", method="PUT")
CHUNKS = get("/", "a", "Transfer-Encoding: chunked", method="PUT")
CHUNK = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
BLOCK = b"x" * (1 << 16)
LARGE = b"HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
made = {}


def certificate():
    return made["certificate"]


# ---- Clients -------------------------------------------------------------------------------------


@case(tls=True)
def client_handshake(scene):
    client = scene.client()
    client.send(b"\x16\x03\x01")
    return scene.ended(client)


@case()
def client_first_request(scene):
    return scene.ended(scene.client())


@case()
def client_preface(scene):
    client = scene.client()
    client.send(PREFACE[:-5])
    return scene.ended(client)


@case()
def client_head(scene):
    scene.client().send(b"GET / HTTP/1.1\r\nHo")
    return scene.failure()


@case()
def client_body(scene):
    scene.client().send(get("/", "a", "Content-Length: 100", method="POST") + b"some")
    return scene.failure()


@case(route="respond 200 ok")
def client_next_request(scene):
    client = scene.client()
    assert client.ask(get()).body == b"ok"
    return scene.closed(client)


def flood(head, piece):
    def script(sock):
        read_head(sock)
        sock.sendall(head)
        pour(sock, piece)
    return lambda: Frozen(script)


@case(flood(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n", BLOCK))
def client_takes_nothing(scene):
    scene.client().send(get())
    return scene.failure()


@case(flood(CHUNKED, CHUNK))
def client_takes_no_chunks(scene):
    scene.client().send(get())
    return scene.failure()


@case(flood(CHUNKED, CHUNK), tls=True)
def client_takes_nothing_tls(scene):
    client = scene.client()
    client.socket = made["context"].wrap_socket(client.socket, server_hostname="a.test")
    client.send(get())
    return scene.failure()


@case(route="respond 200 ok")
def client_lingers(scene):
    client = scene.client()
    assert client.ask(get("/", "a", "Content-Length: 1000000", method="POST")).status == 200
    return scene.closed(client)


@case()
def client_request(scene):
    scene.client().send(get())
    return scene.failure()


def h2_client(scene, **options):
    client = H2Client(scene.port, **options)
    scene.kept.append(client)
    return client


@case()
def h2_client_settings(scene):
    return scene.ended(h2_client(scene))


@case()
def h2_client_head(scene):
    client = h2_client(scene)
    client.headers(1, request(), 0)
    return scene.failure()


@case()
def h2_client_body(scene):
    h2_client(scene).request(request("POST"), end=False)
    return scene.failure()


@case(flood(CHUNKED, CHUNK))
def h2_client_window(scene):
    client = h2_client(scene, window=100)
    client.request(request())
    client.sync()
    scene.now()
    return scene.failure()


@case(route="respond 200 ok")
def h2_client_next_request(scene):
    client = h2_client(scene)
    assert client.ask(request()).body == b"ok"
    return scene.closed(client)


@case(route="respond 200 ok", listener="max_requests 1")
def h2_client_lingers(scene):
    client = h2_client(scene)
    assert client.ask(request()).status == 200
    return scene.closed(client)


# ---- Tunnels -------------------------------------------------------------------------------------


@case(after_head(SWITCH % b"x"))
def tunnel_silent(scene):
    client = scene.client()
    assert client.ask(UPGRADE).status == 101
    return scene.closed(client)


@case(flood(SWITCH % b"x", BLOCK))
def tunnel_client_takes_nothing(scene):
    client = scene.client()
    assert client.ask(UPGRADE).status == 101
    return scene.closed(client)


@case(after_head(SWITCH % b"x"))
def tunnel_server_takes_nothing(scene):
    client = scene.client()
    assert client.ask(UPGRADE).status == 101
    pour(client.socket, BLOCK)
    return scene.closed(client)


def shake_hands(sock):
    head = read_head(sock).split(b"\r\n")
    key = next(line.split(b": ")[1] for line in head if line.lower().startswith(b"sec-websocket-key"))
    proof = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    switch = SWITCH % b"websocket"
    sock.sendall(switch[:-2] + b"Sec-WebSocket-Accept: " + proof + b"\r\n\r\n")


@case(lambda: Frozen(shake_hands))
def h2_tunnel_silent(scene):
    client = h2_client(scene)
    connect = [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":path", "/"),
               (":authority", "a.test"), ("sec-websocket-version", "13")]
    stream = client.request(connect, end=False)
    client.wait(lambda got: got.type == HEADERS and got.stream == stream)
    assert client.answers[stream].status == 200
    return scene.server_closed()


@case(lambda: Frozen(shake_hands))
def websocket_farewell(scene):
    client = scene.client()
    assert client.ask(WEBSOCKET).status == 101
    return scene.closed(client)


# ---- Servers -------------------------------------------------------------------------------------


@case(backend="server {name} {server} max_in_flight 1")
def queue_busy(scene):
    scene.client().send(get("/first"))
    poll(lambda: scene.server.sockets, "the first request")
    scene.client().send(get("/second"))
    return scene.failure()


@case(backend="check http / {\ntimeout 1m\n}")
def queue_starting(scene):
    scene.client().send(get())
    return scene.failure()


@case(Deaf)
def server_connect(scene):
    scene.client().send(get())
    return scene.failure()


@case(backend="tls {\nverify off\n}")
def server_handshake(scene):
    scene.client().send(get())
    return scene.failure()


def upload(scene, head, piece):
    client = scene.client()
    client.send(head)
    pour(client.socket, piece)
    return client


@case(after_head())
def server_takes_nothing(scene):
    upload(scene, UPLOAD, BLOCK)
    return scene.failure()


@case(after_head())
def server_takes_no_chunks(scene):
    upload(scene, CHUNKS, CHUNK)
    return scene.failure()


@case(over_tls(certificate, read_head), backend="tls {\nverify off\n}")
def server_takes_nothing_tls(scene):
    upload(scene, UPLOAD, BLOCK)
    return scene.failure()


@case(after_head(b"HTTP/1.1 100 Continue\r\n\r\n"))
def server_continues(scene):
    client = scene.client()
    client.send(UPLOAD[:-2] + b"Expect: 100-continue\r\n\r\n")
    assert client.receive().status == 100
    pour(client.socket, BLOCK)
    return scene.failure()


@case(after_head())
def server_client_left(scene):
    client = scene.client()
    client.socket.setblocking(False)
    client.send(UPLOAD)
    blocked = 0

    def is_full():
        nonlocal blocked
        try:
            client.socket.send(BLOCK)
            blocked = 0
        except BlockingIOError:
            blocked += 1
        except OSError:
            return True  # this machine is slow: the wait has ended before the client could leave
        return blocked == 3
    poll(is_full, "room")
    client.close()
    return scene.failure()


@case(after_head())
def server_first_byte(scene):
    scene.client().send(get())
    return scene.failure()


@case(after_head(b"HTTP/1.1 200 OK\r\nX"))
def server_head(scene):
    scene.client().send(get())
    return scene.failure()


@case(after_head(b"HTTP/1.1 103 Early Hints\r\n\r\n"))
def server_interim(scene):
    scene.client().send(get())
    return scene.failure()


@case(after_head(CHUNKED, b"5\r\nhello\r\n"))
def server_body(scene):
    scene.client().send(get())
    return scene.failure()


@case(after_head(LARGE, b"x" * 500_000))
def server_large_body(scene):
    client = scene.client()
    client.send(get())
    drain(client.socket)
    return scene.failure()


@case(after_head(answer("ok")))
def server_pool(scene):
    assert scene.client().ask(get()).body == b"ok"
    return scene.server_closed()


def shared(*data):
    """Serves as many requests as make a connection shared, reads another one, and sends so much."""
    def script(sock):
        for _ in range(WARM):
            read_head(sock)
            sock.sendall(answer("ok"))
        read_head(sock)
        for piece in data:
            sock.sendall(piece)
    return lambda: Frozen(script)


def share(scene):
    client = scene.client()
    for _ in range(WARM):
        assert client.ask(get()).body == b"ok"
    client.send(get())
    return client


@case(shared(), backend="pipeline 1")
def pipeline_first_byte(scene):
    share(scene)
    return scene.failure()


@case(shared(b"HTTP/1.1 200 OK\r\nX"), backend="pipeline 1")
def pipeline_head(scene):
    share(scene)
    return scene.failure()


@case(shared(b"HTTP/1.1 103 Early Hints\r\n\r\n"), backend="pipeline 1")
def pipeline_interim(scene):
    share(scene)
    return scene.failure()


@case(shared(CHUNKED, b"5\r\nhello\r\n"), backend="pipeline 1")
def pipeline_body(scene):
    share(scene)
    return scene.failure()


@case(shared(), backend="pipeline 1")
def pipeline_client_left(scene):
    share(scene).close()
    return scene.server_closed()


@case(shared(answer("ok")), backend="pipeline 1")
def pipeline_pool(scene):
    assert share(scene).receive().body == b"ok"
    return scene.server_closed()


@case(backend="protocol h2")
def h2_server_settings(scene):
    scene.client().send(WEBSOCKET)
    return scene.failure()


def h2_origin(**options):
    return lambda: H2Origin(lambda connection, asked: None, at_head=True, **options)


@case(h2_origin(generous=False), backend="protocol h2")
def h2_server_window(scene):
    upload(scene, UPLOAD, BLOCK)
    return scene.failure()


def read_until_head(connection):
    connection.wait(lambda got: got.type == HEADERS)
    threading.Event().wait()  # until the test's process ends


@case(h2_origin(settings={4: 1 << 30}, window=(1 << 30), script=read_until_head), backend="protocol h2")
def h2_server_takes_nothing(scene):
    upload(scene, UPLOAD, BLOCK)
    return scene.failure()


@case(h2_origin(), backend="protocol h2")
def h2_server_first_byte(scene):
    scene.client().send(get())
    return scene.failure()


def begin(connection, asked):
    connection.head(asked.stream)
    connection.data(asked.stream, b"hello")


@case(lambda: H2Origin(begin), backend="protocol h2")
def h2_server_body(scene):
    scene.client().send(get())
    return scene.failure()


@case(backend="protocol h2")
def h2_server_ping(scene):
    scene.client().send(get())
    return scene.failure()


def serve_once():
    origin = H2Origin()
    origin.peers = []

    def serve(connection, asked):
        origin.peers.append(connection.socket.getpeername()[1])
        connection.respond(asked, b"hello")
    origin.handler = serve
    return origin


@case(serve_once, backend="protocol h2")
def h2_server_pool(scene):
    assert scene.client().ask(get()).body == b"hello"
    return scene.server_closed()


# ---- Checks, names, commands ---------------------------------------------------------------------


def check(words, more=""):
    return "check %s {\ntimeout 300ms\ninterval 10ms\nfall 1\n%s\n}" % (words, more)


def check_failed(scene):
    def found():
        row = servers(scene.weir)[scene.name]
        return row["use"] == "down" and row["reason"].endswith("300ms")
    poll(found, scene.name)
    return "check failed"


@case(Deaf, backend=check("tcp"), checked=True)
def check_connect(scene):
    return check_failed(scene)


@case(backend="tls {\nverify off\n}\n" + check("http /"), checked=True)
def check_handshake(scene):
    return check_failed(scene)


@case(after_head(), backend=check("http /"), checked=True)
def check_answer(scene):
    return check_failed(scene)


@case(after_head(LARGE, b"some"), backend=check("http /", "body contains more"), checked=True)
def check_body(scene):
    return check_failed(scene)


@case(backend="protocol h2\n" + check("grpc"), checked=True)
def check_grpc(scene):
    return check_failed(scene)


@case(backend="server named app.test:80", checked=True)
def name_server(_):
    # Behind the number of the query.
    asked = made["names"].recv(512)[2:].lower()  # weir mixes cases
    while made["names"].recv(512)[2:].lower() != asked:
        pass
    return "asked again"


@case(checked=True)
def weirctl(scene):
    path = scene.weir.dir / "frozen.sock"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))
        sock.listen(1)
        done = subprocess.run([WEIRCTL, "-t", "0.3", "-s", path, "status"], capture_output=True, check=False)
    return f"exit status {done.returncode}"


def config(table, peers):
    text = ["access_log {dir}/access.log format json", "admin unix:{dir}/admin.sock",
            "nameserver 127.0.0.1:%d" % made["names"].getsockname()[1]]
    tls = f"tls {{\ncertificate {certificate().chain} {certificate().key}\n}}"
    for row in table:
        mine, name = CASES[row.state], row.state
        route = mine.route.replace("{name}", name)
        text.append(f"listener {name} {{\nbind 127.0.0.1:{{{name}}}{' tls' if mine.tls else ''}\n{tls if mine.tls else ''}\n"
                    f"{mine.listener}\n{row.limits('listener')}\nroute {route}\n}}")
        address = f"127.0.0.1:{peers[name].port}"
        own = mine.backend.replace("{name}", name).replace("{server}", address)
        server = "" if own.startswith("server ") else f"server {name} {address}"
        text.append(f"backend {name} {{\n{server}\n{own}\n{row.limits('backend')}\n}}")
    return "\n".join(text)


def test_rows_and_cases_are_the_same():
    assert [row.state for row in rows()] == list(CASES)


def test_every_wait_ends():
    table: list[Row] = rows()
    with tempfile.TemporaryDirectory() as directory:
        authority = Authority(pathlib.Path(directory))
        made["certificate"], made["context"] = authority.issue("a.test"), client_context(authority)
        made["names"] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made["names"].bind(("127.0.0.1", 0))
        made["names"].settimeout(DEADLINE)
        peers = {row.state: CASES[row.state].server() for row in table}
        results, started = {}, time.monotonic()
        with Weir(config(table, peers), ports=[row.state for row in table]) as weir:
            threads = [threading.Thread(target=play, args=(weir, row.state, peers[row.state], started, results), daemon=True)
                       for row in table]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(2 * DEADLINE)
            results = {row.state: ("nothing", 0) for row in table} | results
            wrong = [f"{row.state}: {results[row.state][0]} instead of {row.end}"
                     for row in table if results[row.state][0] != row.end]
            assert not wrong, "\n".join(wrong)
            early = [f"{row.state}: after {results[row.state][1]:.3f} s instead of {row.seconds:g} s"
                     for row in table if results[row.state][1] < row.seconds]
            assert not early, "\n".join(early)
            in_flight = {name: row["in_flight"] for name, row in servers(weir).items() if row["in_flight"]}
            assert set(in_flight) <= {"queue_busy"}, "slots are held"
        made["names"].close()
