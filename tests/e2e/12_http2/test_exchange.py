# SPDX-License-Identifier: Apache-2.0
"""Requests and answers between HTTP/2 clients and HTTP/1.1 servers (RFC 9113 section 8)."""
import json
import struct
import subprocess
import threading

from h2test import DATA, NO_ERROR, PROTOCOL_ERROR, RST_STREAM, WINDOW_UPDATE, H2Client, request
from weirtest import DEADLINE, Client, Origin, Weir, answer, chunked, forward_to, get, wait_until


def test_fields_arrive_as_http1_would_have_sent_them():
    with Origin(answer("hello", "200 OK", "X-Up: Case", "Connection: x-hop", "X-Hop: 1", "Keep-Alive: 5")) as origin:
        with Weir(forward_to(origin)) as weir, H2Client(weir) as client:
            got = client.ask(request("GET", "/a?b", ("cookie", "a=1"), ("te", "trailers"), ("x-one", "1"),
                                     ("cookie", "b=2"), ("under_score", "x")))
            assert (got.status, got.body) == (200, b"hello")
            assert got.fields["x-up"] == "Case" and got.fields["content-length"] == "5"
            assert not {"connection", "keep-alive", "x-hop", "transfer-encoding"} & set(got.fields)
        sent = origin.requests[0]
        assert sent.line == "GET /a?b HTTP/1.1"
        assert sent.get("host") == "a.test" and sent.get("cookie") == "a=1; b=2" and sent.get("te") == "trailers"
        assert sent.get("x-one") == "1" and sent.get("under_score") is None and sent.get("via") == "2 weir"


def test_the_access_log_names_version_and_stream():
    text = "access_log {dir}/access.log format json\n"
    text += "listener web { bind 127.0.0.1:{port}; route path /* respond 200 ok }"
    with Weir(text) as weir:
        with H2Client(weir) as client:
            client.ask(request(path="/a"))
            client.ask(request(path="/b"))
        with Client(weir) as client:
            client.ask(get("/c"))
        assert [(line["protocol"], line.get("h2_stream"), line["path"]) for line in map(json.loads, weir.access(3))] == [
            ("HTTP/2.0", 1, "/a"), ("HTTP/2.0", 3, "/b"), ("HTTP/1.1", None, "/c")]


def test_curl_and_nghttp_and_h2load():
    with Origin(answer("hello")) as origin, Weir(forward_to(origin)) as weir:
        url = f"http://127.0.0.1:{weir.port('port')}/"
        out = subprocess.run(["curl", "-s", "--http2-prior-knowledge", "-w", "%{http_version} %{http_code}", url],
                             capture_output=True, text=True, timeout=DEADLINE, check=True).stdout
        assert out == "hello2 200"
        out = subprocess.run(["nghttp", url], capture_output=True, text=True, timeout=DEADLINE, check=True).stdout
        assert out == "hello"
        out = subprocess.run(["h2load", "-n", "500", "-c", "2", "-m", "10", url],
                             capture_output=True, text=True, timeout=DEADLINE, check=True).stdout
        assert "500 succeeded, 0 failed" in out


def test_http1_stays_http1():
    with Origin(answer("hello")) as origin, Weir(forward_to(origin)) as weir, Client(weir) as client:
        assert client.ask(get("/")).body == b"hello"
        # Only where the first request would stand.
        assert client.ask(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").status == 505


def test_a_listener_may_speak_http1_only():
    text = "listener web { bind 127.0.0.1:{port}; protocols http/1.1; route path /* respond 200 ok }"
    with Weir(text) as weir, Client(weir) as client:
        assert client.ask(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").status == 505


def test_a_preface_in_pieces():
    text = "listener web { bind 127.0.0.1:{port}; route path /* respond 200 ok }"
    with Weir(text) as weir, Client(weir) as raw, H2Client(weir) as client:
        assert client.ask(request()).status == 200
        for byte in b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + H2Client.bytes_of(4, 0, 0):
            raw.send(bytes([byte]))
        assert raw.read_exact(9)[3] == 4  # SETTINGS


def test_bodies_both_ways():
    def echo(connection, message):
        connection.read_body(message)
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        connection.send(chunked(message.body, trailers=("X-Sum: 7", "Content-Length: 1")))

    with Origin(echo) as origin, Weir(forward_to(origin)) as weir, H2Client(weir) as client:
        got = client.ask(request("POST", "/"), b"x" * 50_000)
        assert got.body == b"x" * 50_000
        assert got.trailers == {"x-sum": "7"}
        stream = client.request(request("POST", "/", ("content-length", "3")), end=False)
        client.data(stream, b"ab")
        client.data(stream, b"c", end=True)
        assert client.answer(stream).body == b"abc"
        assert origin.requests[0].get("transfer-encoding") == "chunked"
        assert origin.requests[1].get("content-length") == "3"


def test_trailers_of_a_request():
    with Origin(answer("ok")) as origin, Weir(forward_to(origin)) as weir, H2Client(weir) as client:
        stream = client.request(request("POST", "/", ("te", "trailers")), end=False)
        client.data(stream, b"body")
        client.headers(stream, [("x-sum", "7"), ("priority", "u=0"), ("x-forwarded-for", "evil")])
        assert client.answer(stream).status == 200
        assert origin.requests[0].body == b"body"
        assert origin.requests[0].trailers == [("x-sum", "7")]


def test_interim_answers_and_no_bodies():
    with Origin(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + answer("ok"),
                b"HTTP/1.1 200 OK\r\nContent-Length: 42\r\n\r\n",
                b"HTTP/1.1 204 No Content\r\n\r\n",
                b"HTTP/1.1 304 Not Modified\r\nContent-Length: 42\r\n\r\n") as origin:
        with Weir(forward_to(origin)) as weir, H2Client(weir) as client:
            got = client.ask(request())
            assert got.interim == [(103, {"link": "</a>"})] and got.body == b"ok"
            got = client.ask(request("HEAD"))
            assert (got.status, got.body, got.fields["content-length"]) == (200, b"", "42")
            got = client.ask(request())
            assert (got.status, got.body) == (204, b"") and "content-length" not in got.fields
            got = client.ask(request())
            assert (got.status, got.body) == (304, b"")


def test_an_answer_that_is_cut_off_is_reset():
    def cut(connection, _):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        connection.close()

    with Origin(cut, answer("fine")) as origin, Weir(forward_to(origin)) as weir, H2Client(weir) as client:
        got = client.ask(request())
        # If the end was read together with the head, nothing of the answer has left yet.
        assert got.status == 502 or (not got.complete and got.reset not in (None, NO_ERROR))
        assert client.ask(request()).body == b"fine"


def test_an_early_answer_does_not_wait_for_the_body():
    text = "listener web { bind 127.0.0.1:{port}; route path /* respond 403 no }"
    with Weir(text) as weir, H2Client(weir) as client:
        stream = client.request(request("POST", "/"), end=False)
        got = client.answer(stream)
        assert (got.status, got.body, got.reset) == (403, b"no", None)
        # An ordinary rest is let in; one without end is refused.
        sent = 0
        while client.answers[stream].reset is None:
            client.data(stream, b"x" * 16384)
            sent += 16384
            assert client.sync() and sent <= 1 << 20
        assert client.answers[stream].reset == NO_ERROR
        assert client.ask(request()).status == 403


def test_many_at_once_do_not_wait_for_each_other():
    release = threading.Event()

    def slow(connection, message):
        if message.target == "/slow":
            release.wait()
        connection.send(answer(message.target))

    with Origin(slow) as origin, Weir(forward_to(origin)) as weir, H2Client(weir) as client:
        first = client.request(request(path="/slow"))
        others = [client.request(request(path=f"/{i}")) for i in range(50)]
        for i, stream in enumerate(others):
            assert client.answer(stream).body == f"/{i}".encode()
        assert first not in client.answers
        release.set()
        assert client.answer(first).body == b"/slow"


def test_a_large_answer():
    body = bytes(range(256)) * 20_000
    with Origin(answer(body)) as origin, Weir(forward_to(origin)) as weir, H2Client(weir) as client:
        assert client.ask(request()).body == body


def test_a_client_that_does_not_read_one_answer_gets_the_others():
    body = b"x" * 3_000_000
    big = answer(body)

    def serve(connection, message):
        try:
            connection.send(big if message.target == "/big" else answer("small"))
        except OSError:
            pass

    with Origin(serve) as origin, Weir(forward_to(origin)) as weir, H2Client(weir, window=1000) as client:
        client.frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 1 << 29))
        first = client.request(request(path="/big"))
        client.wait(lambda got: got.type == DATA and got.stream == first)
        assert client.ask(request(path="/small")).body == b"small"
        assert len(client.answers[first].body) == 1000
        client.frame(WINDOW_UPDATE, 0, first, struct.pack(">I", 1 << 29))
        assert client.answer(first).body == body


def test_a_server_that_does_not_read_holds_up_nobody():
    release, sizes = threading.Event(), []

    def serve(connection, message):
        if message.method == "POST":
            release.wait()
            connection.read_body(message)
            sizes.append(len(message.body))
        connection.send(answer("got it"))

    with Origin(serve) as origin, Weir(forward_to(origin)) as weir, H2Client(weir) as client:
        stream = client.request(request("POST", "/"), end=False)
        window, sent, seen = 65535, 0, 0

        def count_window():
            nonlocal window, seen
            for got in client.frames[seen:]:
                if got.type == WINDOW_UPDATE and got.stream == stream:
                    window += struct.unpack(">I", got.payload)[0]
            seen = len(client.frames)

        def fill(most):
            nonlocal window, sent
            while window >= 16384 and sent < most:
                client.data(stream, b"y" * 16384)
                window, sent = window - 16384, sent + 16384

        # What the kernels take and one window, and then no more; everybody else is served.
        while True:
            fill(1 << 26)
            assert client.ask(request(path="/other")).body == b"got it"
            before = window
            count_window()
            if window == before:
                break
        assert 0 < sent < 1 << 26
        release.set()
        goal = sent + (1 << 20)
        while sent < goal:
            fill(goal)
            if sent < goal:
                client.wait(lambda got: got.type == WINDOW_UPDATE and got.stream == stream)
                count_window()
        client.data(stream, b"", end=True)
        assert client.answer(stream).body == b"got it"
        assert sizes == [sent]


def test_urgency_orders_answers():
    more = struct.pack(">I", 1 << 29)

    def serve(connection, message):
        connection.send(answer(b"x" * (64_000 if message.target == "/fill" else 1000)))

    with Origin(serve) as origin, Weir(forward_to(origin)) as weir, H2Client(weir, window=1) as client:
        fill = client.request(request(path="/fill"))
        client.frame(WINDOW_UPDATE, 0, fill, more)
        client.answer(fill)
        late = client.request(request("GET", "/", ("priority", "u=7")))
        soon = client.request(request("GET", "/", ("priority", "u=0")))
        client.wait(lambda got: got.type == DATA and got.stream in (late, soon))
        client.wait(lambda got: got.type == DATA and got.stream in (late, soon))
        client.send(client.bytes_of(WINDOW_UPDATE, 0, late, more) + client.bytes_of(WINDOW_UPDATE, 0, soon, more))
        # Of the connection's window 1533 bytes are left: who is urgent has its part first.
        assert len(client.answer(soon).body) == 1000
        client.frame(WINDOW_UPDATE, 0, 0, more)
        assert len(client.answer(late).body) == 1000
        order = [(got.stream, len(got.payload)) for got in client.frames if got.type == DATA and got.stream != fill]
        assert order[2:4] == [(soon, 999), (late, 534)]


def test_a_broken_connection_cancels_its_requests():
    gone = threading.Event()

    def wait_for_the_end(connection, _):
        if connection.is_closed():
            gone.set()

    with Origin(wait_for_the_end) as origin, Weir(forward_to(origin)) as weir, H2Client(weir) as client:
        client.request(request(path="/lost"))
        origin.wait(1)
        client.frame(DATA, 0, 0, b"x")
        assert client.goaway().code == PROTOCOL_ERROR
        assert gone.wait(20)
        line = json.loads(weir.access(1)[0])
        assert (line["path"], line["status"], line["failure"]) == ("/lost", 499, "client_gone")


def test_a_reset_cancels_the_request_at_the_server():
    gone = threading.Event()

    def wait_for_the_end(connection, _):
        if connection.is_closed():
            gone.set()

    with Origin(wait_for_the_end) as origin, Weir(forward_to(origin)) as weir, H2Client(weir) as client:
        stream = client.request(request())
        wait_until(lambda: origin.requests, "the request")
        client.frame(RST_STREAM, 0, stream, struct.pack(">I", 8))
        assert gone.wait(20)
        assert client.sync()
