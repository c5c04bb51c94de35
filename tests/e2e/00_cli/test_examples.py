# SPDX-License-Identifier: Apache-2.0
"""Each example runs and does what it is an example of.

An example runs as it is written, on other ports: where it listens becomes a free port, a server that is not
a listener of its own becomes an origin that says which one it stands for, and WEIR_RUN is the directory.
"""
import contextlib
import os
import re
import subprocess

import pytest
from h2origin import H2Origin
from h2test import H2Client, request
from tlstest import Certificate, TlsClient, TlsOrigin, example_files
from weirtest import DEADLINE, ROOT, WEIRCTL, Client, Origin, Weir, answer, ask, get, post, run_weir, wait_until

EXAMPLES = sorted((ROOT / "conf" / "examples").glob("*.conf"))
ADDRESS = re.compile(r"((?:127\.0\.0\.1|0\.0\.0\.0|\[::\]):)(\d+)")


def serve_calls(port):
    """Serves by grpc.health.v1, and answers every other call with its port."""
    def serve(connection, asked):
        is_check = asked.fields[":path"] == "/grpc.health.v1.Health/Check"
        body = b"\0\0\0\0\2\x08\1" if is_check else port.encode()
        connection.respond(asked, body, ("content-type", "application/grpc"), trailers=[("grpc-status", "0")])
    return serve


class Example:
    """A running example; .origins by the port that stands in the file."""

    def __init__(self, stem):
        self.text = (ROOT / "conf" / "examples" / f"{stem}.conf").read_text()
        self.text = self.text.replace("${WEIR_RUN:-/tmp}", "{dir}")
        self.origins, self.stack = {}, contextlib.ExitStack()

    def __enter__(self):
        files = self.stack.enter_context(example_files()) if "WEIR_CERTIFICATES" in self.text else ""
        self.files, self.text = files, self.text.replace("${WEIR_CERTIFICATES:-/etc/weir/tls}", files)
        named = {port for _, port in ADDRESS.findall(re.sub(r"#.*", "", self.text))}
        own = {port for _, port in ADDRESS.findall("\n".join(re.findall(r"\bbind .*", self.text)))}
        for port in named - own:
            handler = answer(port, "200 OK", "Server: " + port)
            secure = port.endswith("443")
            origin = TlsOrigin(self.certificate("shop"), handler) if secure else Origin(handler)
            if "protocol h2" in self.text:
                origin = H2Origin(serve_calls(port))
            self.origins[int(port)] = self.stack.enter_context(origin)
        values = {f"p{port}": str(origin.port) for port, origin in self.origins.items()}
        text = ADDRESS.sub(r"\1{p\2}", self.text)
        self.weir = self.stack.enter_context(Weir(text, ports=[f"p{port}" for port in own], **values))
        return self

    def __exit__(self, *error):
        self.stack.__exit__(*error)

    def certificate(self, name):
        return Certificate(f"{self.files}/{name}.pem", f"{self.files}/{name}.key")

    def ask(self, request=None, port=8080):
        return ask(self.weir, request, f"p{port}")

    def weirctl(self, socket, *words):
        command = [WEIRCTL, "-s", str(self.weir.dir / socket), *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE)


def grpc(example):
    with H2Client(example.weir, "p8080") as client:
        got = client.ask(request("POST", "/shop.Orders/List", ("content-type", "application/grpc")), b"x")
        assert got.body == b"9001" and got.trailers == {"grpc-status": "0"}
        got = client.ask(request("POST", "/else", ("content-type", "application/grpc")), b"x")
        assert got.fields["grpc-status"] == "12"
    assert example.ask().status == 505


def websocket(example):
    assert example.ask(get("/chat")).body == b"9001" and example.ask().status == 404
    with H2Client(example.weir, "p8080") as client:
        assert client.ask(request(path="/chat")).body == b"9001"


def admin(example):
    assert example.ask(port=9090, request=get("/healthz")).body == b"ready\n"
    assert b"weir_" in example.ask(port=9090, request=get("/metrics")).body
    assert "app/one" in example.weirctl("weir-read.sock", "show", "servers").stdout
    addition = ["server", "add", "app", "three", f"127.0.0.1:{example.weir.port('p9003')}"]
    assert example.weirctl("weir-read.sock", *addition).returncode != 0
    assert example.weirctl("weir-admin.sock", *addition).returncode == 0
    wait_until(lambda: b"three" in example.ask().body, "an answer of the server that was added")
    assert example.weirctl("weir-admin.sock", "drain").returncode == 0
    assert example.ask(port=9090, request=get("/healthz")).status == 503 and example.ask().status == 200
    assert example.weirctl("weir-admin.sock", "undrain").returncode == 0
    example.weir.stop()
    example.weir.log.clear()
    example.weir.start()
    wait_until(lambda: b"three" in example.ask().body, "the same after a restart")


def checks(example):
    # Requests wait until one server is up, not for the first checks of all.
    wait_until(lambda: b"three" in example.ask().body, "an answer of the server that is up last")
    assert {example.ask().body.split()[3] for _ in range(6)} == {b"one:", b"three:"}
    assert example.ask(get("/images/x")).status == 200


def forwarding(example):
    assert example.ask(get("/", "h", "X-Forwarded-For: 192.0.2.7")).status == 200
    request = example.origins[3000].requests[0]
    assert request.get("X-Real-IP") == "192.0.2.7" and request.get("X-Forwarded-Host") is None
    assert request.get("X-Forwarded-For").startswith("192.0.2.7")
    refused = example.ask(get("/admin/", "h", "X-Forwarded-For: 192.0.2.7"))
    assert (refused.status, refused.body) == (403, b"not from 192.0.2.7\n")
    assert refused.get("X-Served-By") == "weir"
    assert example.ask(get("/admin/", "h", "X-Forwarded-For: 10.1.2.3")).status == 200
    sent_on = example.ask(get("/secure/a?b", "h", "X-Forwarded-Host: www.example.com"))
    assert (sent_on.status, sent_on.get("Location")) == (307, "https://www.example.com/secure/a?b")
    assert example.ask(get("/secure/a?b", "h", "X-Forwarded-Proto: https")).status == 200


def load_balancing(example):
    example.origins[3001].handlers = [answer("", "503 Busy")]
    assert {example.ask().body for _ in range(20)} == {b"3002"}
    assert example.origins[3001].requests and not example.origins[3003].requests
    assert example.ask(get("/reports/1")).body in (b"3011", b"3012")


def logging(example):
    response = example.ask(get("/x?y", "h"))
    assert response.get("X-Request-Id") == example.origins[3000].requests[0].get("X-Request-Id")
    line = example.weir.wait_log(" 127.0.0.1 GET h/x?y 200 ")
    assert re.search(r" t=[\d.]+/[\d.]+/[\d.]+ app/app1 try=1 -$", line), line


def quickstart(example):
    assert example.ask(get("/hello")).body.startswith(b"Hello from weir ")
    answers = [example.ask(get("/x", "h")).body for _ in range(4)]
    assert sorted(set(answers)) == [b"This is server one: you asked for h/x.\n", b"This is server two: you asked for h/x.\n"]
    assert answers[:2] == answers[2:]
    example.weir.wait_log('"GET /x HTTP/1.1" 200', 4)


def reverse_proxy(example):
    response = example.ask()
    assert (response.body, response.get("Server")) == (b"3000", None)
    assert response.get("X-Content-Type-Options") == "nosniff"
    assert example.ask(get("/", "h", f"Content-Length: {21 << 20}", method="POST")).status == 413


def routing(example):
    api, shop = "api.example.com", "shop.example.com"
    wanted = [
        (get("/v1/users", api), b"3001"), (get("/v2/users", api), b"3001"), (get("/", "a.static.example.com"), b"3002"),
        (get("/", "cdn.example.com"), b"3002"), (get("/old/x", shop), 301), (get("/", shop, method="TRACE"), 405),
        (get("/a.php", shop), 404), (get("/internal/x", shop), b"3004"), (get("/", shop, "X-Canary: yes"), b"3003"),
        (get("/", shop, "Cookie: a=b; canary=yes"), b"3003"), (get("/?canary=yes", shop), b"3003"),
        (get("/", shop), b"3004")]  # fmt: skip
    for request, result in wanted:
        response = example.ask(request)
        assert result in (response.status, response.body), request
    first, second = example.origins[3001].requests
    assert (first.target, first.get("X-Api-Version")) == ("/v1/users", None)
    assert (second.target, second.get("X-Api-Version")) == ("/users", "2")
    assert example.ask(get("/old/x", shop)).get("Location") == "https://shop.example.com/new/old/x"


def timeouts(example):
    assert example.ask(get("/" + "x" * 5000)).status == 414
    assert example.ask(get("/", "h", *[f"X-{n}: y" for n in range(70)])).status == 431
    assert example.ask(get("/", "h", f"Content-Length: {11 << 20}", method="POST")).status == 413
    assert example.ask(post("/upload/x", bytes(11 << 20))).status == 200
    example.origins[3000].handlers = [b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"]
    with Client(example.weir, "p8080") as client:
        assert client.ask(get("/socket", "h", "Connection: upgrade", "Upgrade: x"), head_only=True).status == 101


def tls(example):
    def over_tls(name, target="/", **options):
        with TlsClient(example.weir, port="p8443", name=name, **options) as client:
            return client.ask(get(target))

    assert over_tls("www.example.com").body == b"3000"
    assert over_tls("shop.example.com").body == b"3443"
    assert over_tls("www.example.com", "/admin/x").status == 403
    assert over_tls("www.example.com", "/admin/x", certificate=example.certificate("admin")).status == 200
    assert example.origins[3000].requests[-1].get("X-Client-Subject") == "CN=admin"
    moved = example.ask(get("/a?b", "www.example.com"))
    assert moved.status == 308 and moved.get("Location") == "https://www.example.com/a?b"


def unix_sockets(example):
    for to in (example.weir.dir / "weir-edge.sock", example.weir.port("p8080")):
        with Client(to) as client:
            assert client.ask(get("/x")).body == b"You came through a Unix socket to /x.\n"


CASES = [admin, checks, forwarding, grpc, load_balancing, logging, quickstart, reverse_proxy, routing, timeouts, tls,
         unix_sockets, websocket]
CASES = {case.__name__.replace("_", "-"): case for case in CASES}

# A listening Unix socket belongs to root then, with a mode that keeps the workers from connecting to it.
def test_each_has_a_case():
    assert sorted(CASES) == [path.stem for path in EXAMPLES]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_it_is_valid(path):
    with example_files():
        assert run_weir("-t", "-c", path).returncode == 0


@pytest.mark.parametrize("name", CASES)
def test_it_does_what_it_shows(name):
    with Example(name) as example:
        CASES[name](example)
