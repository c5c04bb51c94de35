# SPDX-License-Identifier: Apache-2.0
"""What a recipient of requests has to accept, refuse and answer (RFC 9110, RFC 9112)."""
import threading

import pytest
from conformancetest import Gateway
from h2test import request as fields_of
from weirtest import Weir, answer, ask, chunked, get, post

CODED = b"POST / HTTP/1.1\r\nHost: a\r\n%s\r\n\r\n0\r\n\r\n"


@pytest.fixture(scope="module")
def gateway():
    with Gateway() as gateway:
        yield gateway


def coded(*values):
    return CODED % b"\r\n".join(b"Transfer-Encoding: " + v.encode() for v in values)


def long_line(line, host="a"):
    return f"{line}\r\nHost: {host}\r\n\r\n".encode()


REFUSED = {
    # Transfer codings (RFC 9112 §6.1, §6.3)
    "coding unknown": (coded("x"), 400),
    "coding gzip": (coded("gzip"), 400),
    "coding identity": (coded("identity"), 400),
    "coding behind chunked": (coded("chunked, gzip"), 400),
    "coding twice chunked": (coded("chunked, chunked"), 400),
    "coding two fields": (coded("chunked", "chunked"), 400),
    "coding unknown, chunked": (coded("x, chunked"), 501),
    "coding gzip, chunked": (coded("gzip, chunked"), 501),
    "coding with parameter, chunked": (coded("x;y=1, chunked"), 501),
    "coding in HTTP/1.0": (b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "coding and length": (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "length malformed": (get("/", "a", "Content-Length: +5"), 400),
    "length repeated": (get("/", "a", "Content-Length: 5", "Content-Length: 5"), 400),
    "length too large": (get("/", "a", "Content-Length: 99999999999999999999"), 400),
    # Chunks (§7.1, §7.1.1)
    "chunk extension without name": (CODED[:-5] % b"Transfer-Encoding: chunked" + b"1;\r\nx\r\n0\r\n\r\n", 400),
    "chunk extension without value": (CODED[:-5] % b"Transfer-Encoding: chunked" + b"1;a=\r\nx\r\n0\r\n\r\n", 400),
    "chunk extension with open quote": (CODED[:-5] % b"Transfer-Encoding: chunked" + b'1;a="\r\nx\r\n0\r\n\r\n', 400),
    "chunk size too large": (CODED[:-5] % b"Transfer-Encoding: chunked" + b"fffffffffffffffff\r\n", 400),
    # Start line (§3)
    "method without end": (b"A" * 9000, 501),
    "method too long": (long_line("A" * 9000 + " / HTTP/1.1"), 501),
    "method no token": (b"A\x01" + b"A" * 9000, 400),
    "target too long": (long_line("GET /" + "a" * 9000 + " HTTP/1.1"), 414),
    "version too long": (long_line("GET / HTTP/1." + "1" * 9000), 400),
    "version 2.0": (long_line("GET / HTTP/2.0"), 505),
    "no version": (b"GET /\r\n\r\n", 400),
    "two blanks": (long_line("GET  / HTTP/1.1"), 400),
    "control in target": (long_line("GET /\x01 HTTP/1.1"), 400),
    # Host and targets (§3.2)
    "host missing": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "host twice": (b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
    "host with user": (long_line("GET / HTTP/1.1", "u@a"), 400),
    "host with bad port": (long_line("GET / HTTP/1.1", "a:65536"), 400),
    "host empty twice": (b"GET / HTTP/1.1\r\nHost:\r\nHost:\r\n\r\n", 400),
    "target without host": (b"GET http:///x HTTP/1.1\r\nHost:\r\n\r\n", 400),
    "target with user": (long_line("GET http://u@a/ HTTP/1.1"), 400),
    "target of other host": (long_line("GET http://b/ HTTP/1.1"), 400),
    "target with host, Host empty": (long_line("GET http://a/ HTTP/1.1", ""), 400),
    "target * of GET": (long_line("GET * HTTP/1.1"), 400),
    # Fields (§5, RFC 9110 §5.4, §5.5)
    "blank before colon": (b"GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n", 400),
    "blank before first field": (b"GET / HTTP/1.1\r\n X: y\r\nHost: a\r\n\r\n", 400),
    "folded": (b"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n", 400),
    "bare CR": (b"GET / HTTP/1.1\r\nHost: a\r\nX: y\rz\r\n\r\n", 400),
    "NUL": (b"GET / HTTP/1.1\r\nHost: a\r\nX: y\0z\r\n\r\n", 400),
    "field too long": (get("/", "a", "X: " + "a" * 9000), 431),
    "too many fields": (get("/", "a", *["X: y"] * 101), 431),
    # Max-Forwards of TRACE and OPTIONS (RFC 9110 §7.6.2)
    "max-forwards negative": (get("/", "a", "Max-Forwards: -1", method="OPTIONS"), 400),
    "max-forwards empty": (get("/", "a", "Max-Forwards:", method="TRACE"), 400),
    "max-forwards twice": (get("/", "a", "Max-Forwards: 1", "Max-Forwards: 1", method="TRACE"), 400),
    "max-forwards list": (get("/", "a", "Max-Forwards: 1, 1", method="OPTIONS"), 400),
    "expectation": (get("/", "a", "Expect: miracles"), 417),
}


@pytest.mark.parametrize("message,status", REFUSED.values(), ids=REFUSED.keys())
def test_refused(gateway, message, status):
    seen = gateway.exchange(message)
    assert seen.response.status == status
    assert seen.response.get("Connection") == "close"
    assert seen.request is None or not seen.request.complete
    assert seen.response.body  # says why


def chunk(extension):
    return CODED[:-5] % b"Transfer-Encoding: chunked" + b"1" + extension + b"\r\nx\r\n0" + extension + b"\r\n\r\n"


ACCEPTED = {
    "empty line first": (b"\r\n" + get(), "GET / HTTP/1.1"),
    "version 1.9": (long_line("GET / HTTP/1.9"), "GET / HTTP/1.1"),
    "version 1.0": (long_line("GET / HTTP/1.0"), "GET / HTTP/1.1"),
    "unknown method": (long_line("FROB / HTTP/1.1"), "FROB / HTTP/1.1"),
    "target of 8000 bytes": (long_line("GET /" + "a" * 7999 + " HTTP/1.1"), "GET /" + "a" * 7999 + " HTTP/1.1"),
    "absolute": (long_line("GET http://a/x?y HTTP/1.1"), "GET /x?y HTTP/1.1"),
    "absolute without path": (long_line("GET http://a HTTP/1.1"), "GET / HTTP/1.1"),
    "options *": (long_line("OPTIONS * HTTP/1.1"), "OPTIONS * HTTP/1.1"),
    "options absolute without path": (long_line("OPTIONS http://a HTTP/1.1"), "OPTIONS * HTTP/1.1"),
    "empty list elements": (get("/", "a", "Connection: , close,,"), "GET / HTTP/1.1"),
    "chunk extension": (chunk(b";a"), "POST / HTTP/1.1"),
    "chunk extension behind blank": (chunk(b" ;a=b"), "POST / HTTP/1.1"),
    "chunk extension with blanks": (chunk(b"\t; a = \"b;\\\"\" ;c"), "POST / HTTP/1.1"),
    "coding in capitals": (coded("CHUNKED"), "POST / HTTP/1.1"),
    "obs-text": (get("/", "a", "X: \xe9"), "GET / HTTP/1.1"),
}


@pytest.mark.parametrize("message,line", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_accepted(gateway, message, line):
    seen = gateway.exchange(message)
    assert (seen.response.status, seen.request.line) == (200, line)


HOSTS = {
    "empty": (b"GET / HTTP/1.1\r\nHost:\r\n\r\n", ""),
    "empty port": (long_line("GET / HTTP/1.1", "a:"), "a:"),
    "empty port of IPv6": (long_line("GET / HTTP/1.1", "[::1]:"), "[::1]:"),
    "port": (long_line("GET / HTTP/1.1", "a:81"), "a:81"),
    "absolute target with empty port": (long_line("GET http://a:/ HTTP/1.1", "a:80"), "a:"),
    "absolute target in other case": (long_line("GET http://A.test/ HTTP/1.1", "a.test:80"), "A.test"),
    "HTTP/1.0 without Host": (b"GET / HTTP/1.0\r\n\r\n", ""),
    "HTTP/1.0 with a target": (b"GET http://a/ HTTP/1.0\r\n\r\n", "a"),
}


@pytest.mark.parametrize("message,host", HOSTS.values(), ids=HOSTS.keys())
def test_host(gateway, message, host):
    seen = gateway.exchange(message)
    assert (seen.response.status, seen.request.get("Host")) == (200, host)


def test_host_with_empty_port_over_http2(gateway):
    seen = gateway.exchange_h2(fields_of(authority="a.test:"))
    assert (seen.response.status, seen.request.get("Host")) == (200, "a.test:")


@pytest.mark.parametrize("fields,status", [
    (fields_of(path="/" + "a" * 9000), 414),
    (fields_of(method="A" * 9000), 501),
    (fields_of("GET", "/", ("x", "a" * 9000)), 431),
    (fields_of("GET", "/", *[("x", "y")] * 120), 431),
])
def test_what_is_too_long_over_http2(gateway, fields, status):
    seen = gateway.exchange_h2(fields)
    assert (seen.response.status, seen.request) == (status, None)


def test_a_configured_number_of_fields_holds():
    text = "listener web { bind 127.0.0.1:{port}; max_fields 1000; max_header 64k; route respond 200 ok }"
    with Weir(text) as weir:
        assert ask(weir, get("/", "a", *["X: y"] * 999)).status == 200
        assert ask(weir, get("/", "a", *["X: y"] * 1000)).status == 431


# ---- Bodies and connections


def test_trailers_are_kept_apart_and_without_what_connection_names(gateway):
    head = b"POST / HTTP/1.1\r\nHost: a\r\nConnection: X-Mine\r\nTransfer-Encoding: chunked\r\n\r\n"
    seen = gateway.exchange(head + chunked(b"x", trailers=["X-Mine: 1", "X-Sum: 2", "Content-Length: 9", "Host: b"]),
                            b"HTTP/1.1 200 OK\r\nConnection: X-Inner\r\nTransfer-Encoding: chunked\r\n\r\n"
                            + chunked(b"y", trailers=["X-Inner: 1", "X-Out: 2", "Set-Cookie: a=b"]))
    assert seen.request.trailers == [("X-Sum", "2")] and seen.request.get("X-Sum") is None
    assert seen.response.trailers == [("X-Out", "2")] and seen.response.get("X-Out") is None


def test_pipelined_requests_are_answered_in_order(gateway):
    gateway.say = lambda connection, request: connection.send(answer(request.target))
    with gateway.client() as client:
        client.send(b"".join(get(f"/{i}") for i in range(20)))
        assert [client.receive().body for _ in range(20)] == [b"/%d" % i for i in range(20)]


def test_close_is_said_and_done(gateway):
    gateway.say = answer("x")
    with gateway.client() as client:
        client.send(get("/", "a", "Connection: close") + get("/second"))
        response = client.receive()
        assert (response.body, response.get("Connection")) == (b"x", "close")
        assert client.is_closed()
    assert gateway.origin.requests[-1].target == "/"


def test_a_body_that_nobody_wants_is_read_or_the_connection_ends(gateway):
    with gateway.client() as client:
        assert client.ask(post("/own", b"x" * 1000)).body == b"own\n"
        assert client.ask(get("/own")).body == b"own\n"
    with gateway.client() as client:
        client.send(get("/own", "a", "Content-Length: 10000000", method="POST"))
        assert client.receive().get("Connection") == "close"


def test_a_server_that_says_more_than_it_was_asked_is_not_used_again(gateway):
    gateway.say = answer("x") + answer("poison")
    with gateway.client() as client:
        assert client.ask(get()).body == b"x"
        gateway.say = answer("fine")
        assert client.ask(get()).body == b"fine"
    assert gateway.origin.requests[-1].connection != gateway.origin.requests[-2].connection


def test_an_idle_server_that_speaks_is_not_used_again(gateway):
    asked, spoken = threading.Event(), threading.Event()

    def say(connection, request):
        connection.send(answer("x"))
        asked.wait()
        connection.send(answer("poison"))
        try:
            connection.read_to_end()
        except ConnectionResetError:
            pass
        spoken.set()  # weir has closed the connection

    gateway.say = say
    with gateway.client() as client:
        assert client.ask(get()).body == b"x"
        before = gateway.origin.requests[-1].connection
        asked.set()
        assert spoken.wait(20)
        gateway.say = answer("fine")
        assert client.ask(get()).body == b"fine"
    assert gateway.origin.requests[-1].connection != before
