# SPDX-License-Identifier: Apache-2.0
"""What counts as a byte: heads, bodies, trailers, interim answers and tunnels, in the log and in the metrics."""
import json
import re

import pytest
from h2test import H2Client, request
from healthtest import ADMIN, admin
from weirtest import Client, Origin, Weir, answer, ask, chunked, forward_to, get, post

CHUNKED_ANSWER = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"hello ", b"world")


def last(weir, count=1):
    line = json.loads(weir.access(count)[-1])
    return line["bytes_in"], line["bytes_out"]


def head(message):
    return len(message.raw)


def field_lines(trailers):
    return sum(len(name) + len(value) + 4 for name, value in trailers)


REQUESTS = {
    "without a body": (get("/a?b=c", "test", "X-Long: " + "x" * 500), 0),
    "with a body": (post("/", b"x" * 700), 0),
    "with a large body": (post("/", b"x" * 300_000), 0),
    "in chunks": (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"abc", b"defgh"),
                  -len(chunked(b"abc", b"defgh")) + 8),
    "in chunks with trailers": (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                                + chunked(b"abc", trailers=["X-Sum: 1"]),
                                -len(chunked(b"abc", trailers=["X-Sum: 1"])) + 3 + len("X-Sum: 1\r\n")),
}


@pytest.mark.parametrize("text, framing", REQUESTS.values(), ids=REQUESTS)
def test_of_requests(text, framing):
    with Origin(answer("ok")) as origin, Weir(forward_to(origin)) as weir:
        assert ask(weir, text).status == 200
        assert last(weir)[0] == len(text) + framing


def test_each_request_on_a_connection_counts_its_own():
    first, second = get("/first"), get("/second-is-longer", "test", "X-A: 1")
    with Origin(answer("ok")) as origin, Weir(forward_to(origin)) as weir, Client(weir) as client:
        client.send(first + second)
        client.receive(), client.receive()
        assert [json.loads(line)["bytes_in"] for line in weir.access(2)] == [len(first), len(second)]


ANSWERS = {
    "with a length": (answer("hello"), get(), 5),
    "in chunks": (CHUNKED_ANSWER, get(), 11),
    "large": (answer("x" * 300_000), get(), 300_000),
    "without a body": (b"HTTP/1.1 204 No Content\r\n\r\n", get(), 0),
}


@pytest.mark.parametrize("text, asked, content", ANSWERS.values(), ids=ANSWERS)
def test_of_answers(text, asked, content):
    with Origin(text) as origin, Weir(forward_to(origin)) as weir:
        got = ask(weir, asked)
        assert len(got.body) == content
        assert last(weir)[1] == head(got) + content


def test_of_answers_to_head_and_of_our_own():
    with Origin(answer("hello")) as origin:
        with Weir(forward_to(origin, listener="route path /local respond 200 local")) as weir, Client(weir) as client:
            got = client.ask(get("/", method="HEAD"), head_only=True)
            assert last(weir)[1] == head(got)
            got = client.ask(get("/local"))
            assert last(weir, 2)[1] == head(got) + len("local")


def test_of_interim_answers_and_trailers():
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    final = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n" + chunked(b"abc", trailers=["X-Sum: 1"])
    with Origin(hints + hints + final) as origin, Weir(forward_to(origin)) as weir, Client(weir) as client:
        client.send(get("/", "test", "TE: trailers"))
        interim = [client.receive(), client.receive()]
        got = client.receive()
        assert [m.status for m in interim] == [103, 103] and got.body == b"abc" and got.trailers
        assert last(weir)[1] == sum(map(head, interim)) + head(got) + 3 + field_lines(got.trailers)


def tunnel_ends(connection, request):
    """Accepts, says something at once, and echoes three bytes."""
    connection.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: raw\r\n\r\nhello")
    early = connection.read_exact(3)
    connection.send(early + connection.read_exact(4))
    connection.close()


def test_of_tunnels_with_what_came_early():
    asked = get("/", "test", "Connection: upgrade", "Upgrade: raw")
    with Origin(tunnel_ends) as origin, Weir(forward_to(origin)) as weir, Client(weir) as client:
        client.send(asked + b"abc")  # in the hope that the tunnel will stand
        got = client.read_head()
        assert got.status == 101
        assert client.read_exact(5) == b"hello"
        client.send(b"defg")
        assert client.read_exact(7) == b"abcdefg"
        assert client.is_closed()
        client.close()
        assert last(weir) == (len(asked) + 3 + 4, head(got) + 5 + 7)


def test_of_http2():
    with Origin(answer("hello")) as origin, Weir(forward_to(origin)) as weir, H2Client(weir) as client:
        small = client.answer(client.request(request("GET", "/")))
        plain = last(weir)
        client.answer(client.request(request("GET", "/", ("x-long", "x" * 500))))
        assert small.status == 200 and plain[0] > len("GET / a.test")
        assert last(weir, 2)[0] - plain[0] >= 500 + len("x-long")
        fields = {n: v for n, v in small.fields.items() if not n.startswith(":")}
        assert plain[1] == len("HTTP/1.1 200 OK\r\n\r\n") + field_lines(fields.items()) + len("hello")


def combined_bytes(weir, count):
    return [int(re.search(r'" \d+ (\d+) "', line)[1]) for line in weir.access(count)]


def test_combined_has_the_body_only():
    answers = [answer("hello"), CHUNKED_ANSWER, answer("hello"), b"HTTP/1.1 304 Not Modified\r\n\r\n"]
    with Origin(*answers) as origin, Weir(forward_to(origin).replace("json", "combined")) as weir:
        with Client(weir) as client:
            for method in ("GET", "GET", "HEAD", "GET"):
                client.ask(get("/", method=method), head_only=method == "HEAD")
        assert combined_bytes(weir, 4) == [5, 11, 0, 0]


def test_named_formats_have_both():
    text = forward_to("{origin}").replace("format json", "format both")
    with Origin(answer("hello")) as origin:
        with Weir('log_format both "$body_bytes_out $bytes_out"\n' + text, origin=origin.address) as weir:
            got = ask(weir)
            assert weir.access() == [f"5 {head(got) + 5}"]


def value(weir, sample):
    body = admin(weir, "metrics")[1]
    return int(next(line.split(" ")[1] for line in body.splitlines() if line.startswith(sample + " ")))


def test_metrics_count_the_same():
    with Origin(answer("hello")) as origin, Weir(forward_to(origin, top=ADMIN)) as weir:
        asked = get("/", "test", "X-A: 1")
        got = ask(weir, asked)
        weir.access(1)
        for of in ('listener_{}{{listener="web"}}', 'backend_{}{{backend="origin"}}', 'worker_{}{{worker="0"}}'):
            assert value(weir, "weir_" + of.format("received_bytes_total")) == len(asked)
            assert value(weir, "weir_" + of.format("sent_bytes_total")) == head(got) + 5
