# SPDX-License-Identifier: Apache-2.0
"""What an intermediary has to do on the way to a server (RFC 9110 §7.6 to §7.8, §9.2.2, §9.3.8)."""
import threading

import pytest
from conformancetest import Gateway
from h2test import request as fields_of
from weirtest import answer, get, post

SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n"


@pytest.fixture(scope="module")
def gateway():
    with Gateway() as gateway:
        yield gateway


# ---- Max-Forwards

COUNTED = {
    "1": "0",
    "7": "6",
    "010": "9",
    "2147483647": "2147483646",
    "2147483648": "2147483646",
    "99999999999999999999": "2147483646",
}


@pytest.mark.parametrize("method", ["TRACE", "OPTIONS"])
@pytest.mark.parametrize("value,forwarded", COUNTED.items())
def test_max_forwards_is_counted_down(gateway, method, value, forwarded):
    seen = gateway.exchange(get("/x", "a", f"max-forwards: {value}", method=method))
    assert (seen.response.status, seen.request.get("Max-Forwards")) == (200, forwarded)


@pytest.mark.parametrize("method", ["GET", "DELETE", "FROB"])
def test_max_forwards_of_other_methods_is_left_alone(gateway, method):
    seen = gateway.exchange(get("/x", "a", "Max-Forwards: 0", method=method))
    assert (seen.response.status, seen.request.get("Max-Forwards")) == (200, "0")


@pytest.mark.parametrize("method", ["TRACE", "OPTIONS", "GET"])
def test_no_max_forwards_is_made_up(gateway, method):
    assert gateway.exchange(get("/x", "a", method=method)).request.get("Max-Forwards") is None


def test_options_at_zero_is_answered_here(gateway):
    seen = gateway.exchange(get("/x", "a", "Max-Forwards: 0", method="OPTIONS"))
    assert (seen.response.status, seen.response.get("Content-Length"), seen.request) == (200, "0", None)


def test_trace_at_zero_shows_the_request_as_it_came(gateway):
    secrets = ["Cookie: a=secret", "authorization: secret", "Proxy-Authorization: secret"]
    message = get("/seen?q", "A", "X-One:  1", *secrets, "Max-Forwards: 0", method="TRACE")
    seen = gateway.exchange(message)
    assert (seen.response.status, seen.response.get("Content-Type"), seen.request) == (200, "message/http", None)
    assert seen.response.body == b"TRACE /seen?q HTTP/1.1\r\nHost: A\r\nX-One:  1\r\nMax-Forwards: 0\r\n\r\n"


def test_trace_at_zero_over_http2(gateway):
    seen = gateway.exchange_h2(fields_of("TRACE", "/seen", ("max-forwards", "0"), ("cookie", "a=secret")))
    assert (seen.response.status, seen.request) == (200, None)
    assert seen.response.body.startswith(b"TRACE /seen HTTP/2\r\n")
    assert b"secret" not in seen.response.body and b"hidden" not in seen.response.body


def test_max_forwards_is_counted_once_for_several_tries(gateway):
    used = threading.Event()

    def die(connection, request):
        used.set()
        connection.close()

    gateway.exchange(get())  # leaves a pooled connection
    gateway.say = lambda c, r: die(c, r) if not used.is_set() else c.send(answer("x"))
    with gateway.client() as client:
        assert client.ask(get("/x", "a", "Max-Forwards: 5", method="OPTIONS")).status == 200
    assert [r.get("Max-Forwards") for r in gateway.origin.requests[-2:]] == ["4", "4"]


# ---- Via, and requests that go round in a circle


@pytest.mark.parametrize("line,via", [("X: y", "1.1 weir"), ("Via: 1.0 fred", "1.0 fred, 1.1 weir"),
                                      ("Via: HTTP/1.1 a (b, c), 1.1 d", "HTTP/1.1 a (b, c), 1.1 d, 1.1 weir")])
def test_via(gateway, line, via):
    assert gateway.exchange(get("/", "a", line)).request.get("Via") == via


@pytest.mark.parametrize("count,status", [(15, 200), (16, 502), (40, 502)])
@pytest.mark.parametrize("apart", [False, True])
def test_a_request_that_was_here_often_is_refused(gateway, count, status, apart):
    lines = ["Via: 1.1 weir"] * count if apart else ["Via: " + ", ".join(["1.1 weir"] * count)]
    seen = gateway.exchange(get("/", "a", *lines))
    assert (seen.response.status, seen.request is None) == (status, status == 502)
    if status == 502:
        assert seen.response.get("Proxy-Status") == "weir; error=proxy_loop_detected"


def test_others_in_via_do_not_count(gateway):
    vias = ", ".join(["1.1 weird", "2 weir:80", "1.1 other (weir)"] * 20)
    assert gateway.exchange(get("/", "a", f"Via: {vias}")).response.status == 200


# ---- Connection


def test_what_connection_names_goes_no_further(gateway):
    said = answer("x", "200 OK", "Connection: X-Inner, close", "X-Inner: 1", "X-Outer: 1")
    seen = gateway.exchange(get("/", "a", "Connection: X-Mine", "X-Mine: 1", "X-Other: 1", "Keep-Alive: 5"), said)
    assert seen.request.get("X-Mine") is None and seen.request.get("Connection") is None
    assert seen.request.get("Keep-Alive") is None and seen.request.get("X-Other") == "1"
    assert seen.response.get("X-Inner") is None and seen.response.get("Connection") is None
    assert seen.response.get("X-Outer") == "1"


def test_te_passes_as_trailers_only_and_is_named(gateway):
    request = gateway.exchange(get("/", "a", "Connection: te", "TE: gzip, trailers;q=1, trailers")).request
    assert (request.get("TE"), request.get("Connection")) == ("trailers", "te")


# ---- What is nobody's business passes


PASSED = ["X-Unknown: 1", "Authorization: Basic eA==", "Referer: http://a/", "Range: bytes=0-1", "If-Match: \"x\"",
          "If-None-Match: W/\"y\"", "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT", "If-Range: \"z\"",
          "Accept-Encoding: gzip;q=0.5", "From: a@b", "User-Agent: x/1 (y)"]
SAID = ["X-Unknown: 1", "WWW-Authenticate: Basic realm=\"a\"", "Proxy-Authenticate: Basic realm=\"b\"", "Allow: GET, FROB",
        "Content-Range: lines 1-2/3", "Vary: *", "Accept-Ranges: bytes", "Warning: 199 - \"x\"", "Server: x",
        "Proxy-Status: other; error=dns_error", "Content-Encoding: br", "Last-Modified: x", "Age: 1"]


def test_fields_that_are_not_ours_pass(gateway):
    seen = gateway.exchange(get("/", "a", *PASSED), answer("x", "206 Partial Content", *SAID))
    for message, lines in ((seen.request, PASSED), (seen.response, SAID)):
        for line in lines:
            name, value = line.split(": ", 1)
            assert message.get(name) == value


def test_fields_of_one_name_keep_their_order(gateway):
    seen = gateway.exchange(get("/", "a", "X: 1", "Y: a", "x: 2", "X: 3"), answer("", "200 OK", "Z: 1", "z: 2", "Z: 3"))
    assert (seen.request.all("X"), seen.response.all("Z")) == (["1", "2", "3"], ["1", "2", "3"])


@pytest.mark.parametrize("status", ["200 OK", "205 Reset Content", "299 Odd", "418 Teapot", "421 Misdirected", "599 Odd"])
def test_statuses_pass(gateway, status):
    response = gateway.exchange(get(), answer("", status)).response
    assert response.line == f"HTTP/1.1 {status}"


# ---- Upgrade


@pytest.mark.parametrize("lines", [["Upgrade: chat"], ["Upgrade: CHAT/2, chat"], ["Upgrade: chat/2", "Upgrade: chat"]])
def test_upgrade_is_forwarded_whole_and_named(gateway, lines):
    seen = gateway.exchange(get("/", "a", "Connection: Upgrade, TE", "TE: trailers", *lines), SWITCH)
    assert (seen.response.status, seen.response.get("Upgrade")) == (101, "chat")
    assert seen.response.get("Connection") == "upgrade"
    assert seen.request.get("Upgrade") == ", ".join(line.split(": ")[1] for line in lines)
    assert seen.request.get("Connection") == "te, upgrade"


@pytest.mark.parametrize("version,lines", [("1.0", ["Connection: Upgrade", "Upgrade: chat"]), ("1.1", ["Upgrade: chat"])])
def test_upgrade_is_ignored(gateway, version, lines):
    message = "\r\n".join([f"GET / HTTP/{version}", "Host: a", *lines, "", ""]).encode()
    assert gateway.exchange(message).request.get("Upgrade") is None
    assert gateway.exchange(message, SWITCH).response.status == 502


# ---- Connections that died in the pool


def replayed(gateway, message, expect):
    """Has the pooled connection that weir takes first, the one used last, end when it is used again."""
    state = {"first": None}

    def say(connection, request):
        if state["first"] is None:
            state["first"] = connection.number
            return connection.send(answer("first"))
        if connection.number == state["first"]:
            return connection.close()
        connection.read_body(request)
        return connection.send(expect)

    gateway.say = say
    with gateway.client() as client:
        assert client.ask(get("/", "a", "Connection: close")).body == b"first"
    with gateway.client() as client:
        client.send(message)
        return client.read_head()


@pytest.mark.parametrize("message,said,status", [
    (get("/x"), answer("ok"), 200),
    (get("/x", "a", "Connection: upgrade", "Upgrade: chat"), SWITCH, 101),
    (get("/x", "a", "Connection: upgrade", "Upgrade: chat"), answer("no", "403 Forbidden"), 403),
    (get("/x", "a", method="PUT", body=b"x" * 1000), answer("ok"), 200),
    (get("/x", "a", method="DELETE"), answer("ok"), 200),
    (get("/x", "a", "Max-Forwards: 3", method="TRACE"), answer("ok"), 200),
    (post("/x", b"x"), answer("ok"), 502),
    (get("/x", "a", "Connection: upgrade", "Upgrade: chat", method="POST"), SWITCH, 502),
    (get("/x", "a", method="PATCH", body=b"x"), answer("ok"), 502),
    (get("/x", "a", method="FROB"), answer("ok"), 502),
])
def test_only_idempotent_requests_are_replayed(gateway, message, said, status):
    assert replayed(gateway, message, said).status == status
