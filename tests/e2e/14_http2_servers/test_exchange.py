# SPDX-License-Identifier: Apache-2.0
"""Requests and answers between clients of either version and HTTP/2 servers (RFC 9113 section 8)."""
import json
import os
import threading

from h2origin import H2Origin, to_h2
from h2test import H2Client, request
from weirtest import Client, Weir, answer, ask, get, post, wait_until

BODY = os.urandom(60000)


def echo(connection, asked):
    connection.respond(asked, asked.body, ("x-method", asked.fields[":method"]))


def failure(weir):
    return json.loads(weir.access(1)[-1])["failure"]


def test_fields_of_http1_become_those_of_http2():
    with H2Origin() as origin, Weir(to_h2(origin)) as weir, Client(weir) as client:
        got = client.ask(get("/a?b=c", "A.test:81", "Connection: x-hop, te", "X-Hop: 1", "TE: trailers, deflate",
                             "Keep-Alive: 5", "Cookie: a=1", "X-Mixed: Case", "Proxy-Connection: close"))
        assert (got.status, got.body, got.get("content-length")) == (200, b"hello", "5")
        sent = origin.requests[0].fields
        assert [sent[":method"], sent[":scheme"], sent[":path"], sent[":authority"]] == ["GET", "http", "/a?b=c", "A.test:81"]
        assert sent["te"] == "trailers" and sent["cookie"] == "a=1" and sent["x-mixed"] == "Case"
        assert sent["via"] == "1.1 weir" and sent["x-forwarded-proto"] == "http"
        assert not {"host", "connection", "x-hop", "keep-alive", "proxy-connection", "transfer-encoding"} & set(sent)
        assert all(name == name.lower() for name in sent)
        assert [each[0] for each in origin.requests[0].list[:4]] == [":method", ":scheme", ":path", ":authority"]


def test_bodies_both_ways():
    with H2Origin(echo) as origin, Weir(to_h2(origin)) as weir, Client(weir) as client:
        got = client.ask(post("/", BODY))
        assert got.body == BODY and got.get("transfer-encoding") == "chunked"
        assert origin.requests[0].fields["content-length"] == str(len(BODY))
        chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (b"one", b"two" * 9000))
        client.send(b"PUT / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\nX-Sum: 7\r\n\r\n")
        got = client.receive()
        assert got.body == b"one" + b"two" * 9000 and got.get("x-method") == "PUT"
        assert "content-length" not in origin.requests[1].fields and origin.requests[1].trailers == {"x-sum": "7"}
        assert client.ask(post("/", b"")).get("content-length") == "0"
        assert origin.requests[2].fields["content-length"] == "0"


def test_between_http2_and_http2():
    with H2Origin(echo) as origin, Weir(to_h2(origin)) as weir, H2Client(weir) as client:
        got = client.ask(request("POST", "/x", ("cookie", "a=1"), ("cookie", "b=2"), ("te", "trailers")), BODY)
        assert got.status == 200 and got.body == BODY
        sent = origin.requests[0].fields
        assert sent["cookie"] == "a=1; b=2" and sent["te"] == "trailers" and "content-length" not in sent
        assert sent[":authority"] == "a.test" and sent["via"] == "2 weir"


def test_answers_without_a_body():
    def serve(connection, asked):
        path = asked.fields[":path"]
        if path == "/204":
            connection.respond(asked, status=204)
        elif path == "/304":
            connection.respond(asked, b"", ("content-length", "99"), ("etag", "x"), status=304)
        elif path == "/empty":
            connection.respond(asked)
        else:
            connection.respond(asked, b"", ("content-length", "77"))

    with H2Origin(serve) as origin, Weir(to_h2(origin)) as weir, Client(weir) as client:
        got = client.ask(get("/204"), head_only=True)
        assert got.status == 204 and got.get("content-length") is None and got.get("transfer-encoding") is None
        got = client.ask(get("/304"), head_only=True)
        assert got.status == 304 and got.get("content-length") == "99" and got.get("etag") == "x"
        got = client.ask(get("/empty"))
        assert got.status == 200 and got.get("content-length") == "0"
        got = client.ask(get("/", method="HEAD"), head_only=True)
        assert got.status == 200 and got.get("content-length") == "77"
        assert client.ask(get("/empty")).status == 200


def test_interim_answers_and_trailers():
    def serve(connection, asked):
        connection.head(asked.stream, ("link", "</s.css>"), status=103)
        connection.respond(asked, b"body", trailers=[("x-sum", "9"), ("content-type", "forbidden/here")])

    with H2Origin(serve) as origin, Weir(to_h2(origin)) as weir:
        with Client(weir) as client:
            client.send(get("/"))
            early = client.receive(head_only=True)
            assert early.status == 103 and early.get("link") == "</s.css>"
            assert client.receive(head_only=True).get("transfer-encoding") == "chunked"
            assert client.read_until(b"\r\n\r\n") == b"4\r\nbody\r\n0\r\nx-sum: 9\r\n\r\n"
        with H2Client(weir) as client:
            got = client.ask(request())
            assert got.interim == [(103, {"link": "</s.css>"})] and got.body == b"body" and got.trailers == {"x-sum": "9"}


def test_expect_100_continue_reaches_the_server():
    def serve(connection, asked):
        if not asked.complete:
            connection.head(asked.stream, status=100)
            connection.wait(lambda _: asked.complete)
        connection.respond(asked, asked.body)

    with H2Origin(serve, at_head=True) as origin, Weir(to_h2(origin)) as weir, Client(weir) as client:
        client.send(b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
        assert client.receive(head_only=True).status == 100
        client.send(b"body")
        assert client.receive().body == b"body"
        assert origin.requests[0].fields["expect"] == "100-continue"


def test_an_answer_before_the_request_is_complete():
    def serve(connection, asked):
        connection.respond(asked, b"enough", status=413)

    with H2Origin(serve, at_head=True) as origin, Weir(to_h2(origin)) as weir, H2Client(weir) as client:
        stream = client.request(request("POST"), end=False)
        client.data(stream, b"x" * 1000)
        got = client.answer(stream)
        assert got.status == 413 and got.body == b"enough"
        # The rest of it is of no interest to the server, which hears so.
        wait_until(lambda: origin.requests[0].reset is not None, "a reset")
        assert origin.requests[0].reset == 0
        assert client.ask(request()).status == 413


def test_a_client_that_leaves_takes_its_request_along():
    with H2Origin(lambda *_: None) as origin, Weir(to_h2(origin)) as weir:
        with Client(weir) as client:
            client.send(get("/"))
            origin.wait()
            client.reset()
        wait_until(lambda: origin.requests[0].reset is not None, "a reset")
        assert origin.requests[0].reset == 8 and len(origin.connections) == 1


def test_many_requests_share_one_connection():
    gate = threading.Barrier(41)

    def serve(connection, asked):
        def later():
            gate.wait(20)
            connection.respond(asked, asked.fields[":path"].encode())
        threading.Thread(target=later, daemon=True).start()

    with H2Origin(serve) as origin, Weir(to_h2(origin)) as weir:
        clients = [Client(weir) for _ in range(40)]
        for i, client in enumerate(clients):
            client.send(get(f"/{i}"))
        origin.wait(40)
        gate.wait(20)
        for i, client in enumerate(clients):
            assert client.receive().body == b"/%d" % i
            client.close()
        assert len(origin.connections) == 1
        assert not origin.failures


def test_a_limit_of_streams_means_another_connection():
    gate = threading.Event()

    def serve(connection, asked):
        def later():
            gate.wait(20)
            connection.respond(asked, b"done")
        if asked.fields[":path"] == "/now":
            connection.respond(asked, b"now")
        else:
            threading.Thread(target=later, daemon=True).start()

    with H2Origin(serve, settings={3: 4}) as origin, Weir(to_h2(origin)) as weir:
        assert ask(weir, get("/now")).body == b"now"
        clients = [Client(weir) for _ in range(10)]
        for client in clients:
            client.send(get("/"))
        origin.wait(9)  # four, four, and as many as fit on the third
        gate.set()
        for client in clients:
            assert client.receive().body == b"done"
            client.close()
        assert len(origin.connections) == 3


def test_weir_is_an_origin():
    inner = "listener web { bind 127.0.0.1:{port}; route path /* respond 200 \"$protocol $path\" }"
    with Weir(inner) as far, Weir(to_h2(f"127.0.0.1:{far.port()}")) as near:
        assert ask(near, get("/a")).body == b"HTTP/2.0 /a"
        with H2Client(near) as client:
            assert client.ask(request(path="/b")).body == b"HTTP/2.0 /b"


def test_a_server_that_speaks_http1_only():
    from weirtest import Origin
    with Origin(answer("hello")) as origin, Weir(to_h2(origin, backend="retry none")) as weir:
        assert ask(weir).status == 502
        assert failure(weir) == "protocol_mismatch"
    with Origin(answer("hello")) as origin, Weir(to_h2(origin, protocol="auto")) as weir:
        assert ask(weir).body == b"hello"  # clear text: nobody can ask
