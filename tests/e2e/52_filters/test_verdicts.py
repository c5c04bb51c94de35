# SPDX-License-Identifier: Apache-2.0
"""What a filter says, and when: every verdict from every callback, between clients and servers of either version, while peers
leave, break and stay silent.  Whatever happens, each filter hears of the end exactly once."""
import json
import os
import socket
import subprocess
import threading

import pytest

from h2origin import H2Origin
from h2test import H2Client, request
from weirtest import ROOT, Client, Origin, Weir, answer, get, post, wait_until

BINARY = os.environ.get("WEIR_WITH_MODULES", str(ROOT / "build" / "weir-with-modules"))
SENT, GOT = b"sent to the server", b"its answer"

BEFORE = ("request", "request_body", "request_whole", "request_change", "request_end", "response", "response_whole")
AFTER = ("response_body", "response_change", "response_end")  # the head has left
VERDICTS = {  # words of `trial`: what the client gets while that can be decided
    "continue": 200, "respond": 418, "refuse": 503, "abort": None, "silent": 500, "hang": 500, "reroute": 500, "twice": 200,
    "suspend timer continue": 200, "suspend signal continue": 200, "suspend timer respond": 418, "suspend timer refuse": 503,
    "suspend signal abort": None, "suspend timer silent": 500, "suspend never": 504,
}
CASES = [(callback, verdict) for callback in BEFORE + AFTER for verdict in VERDICTS]


def is_right(callback, verdict, status, complete):
    """What a client may get of that."""
    want = VERDICTS[verdict]
    if (callback, verdict) == ("request", "reroute"):
        want = 200
    if callback in AFTER and want != 200:
        # The answer breaks; or, as long as nothing of it has left, an error takes its place.  A filter that waits behind the
        # last byte of a known length does not keep the client from having it all.
        return not complete or status in (500, 504) or (callback == "response_end" and "suspend" in verdict)
    if callback == "request_end" and (status, complete) == (200, True):
        return True  # the server has got all it was promised, and has answered meanwhile
    return not complete if want is None else (status, complete) == (want, True)


def path_of(callback, verdict):
    return f"/{callback}/{verdict.replace(' ', '-')}"


def config(server, protocol, cases=CASES, extra=""):
    routes = "".join(f"route path {path_of(c, v)} {{ trial {c} {v}; forward o }}\n" for c, v in cases)
    return f"""access_log {{dir}}/access.log format json
listener web {{ bind 127.0.0.1:{{port}}; timeout filter 200ms
route path /fire {{ trial request fire; respond 200 "fired" }}
route path /rerouted respond 200 "{GOT.decode()}"
route path /metrics metrics
{routes}}}
backend o {{ protocol {protocol}; {extra} server s {server.address} }}
"""


def h2_answer(connection, asked):
    connection.respond(asked, GOT)


SERVERS = {"http/1.1": lambda: Origin(answer(GOT)), "h2": lambda: H2Origin(h2_answer)}


class H1:
    """A client of HTTP/1.1 with a connection for each request."""

    def __init__(self, weir):
        self.weir = weir

    def ask(self, path):
        with Client(self.weir) as client:
            client.send(post(path, SENT))
            try:
                got = client.receive()
            except (AssertionError, EOFError, OSError):
                return None, b"", False
            return (got.status, got.body, got.complete) if got else (None, b"", False)

    def start(self, path):
        client = Client(self.weir)
        client.send(post(path, SENT))
        return client


class H2:
    def __init__(self, weir):
        self.weir = weir

    def ask(self, path):
        with H2Client(self.weir) as client:
            got = client.ask(request("POST", path, ("content-length", str(len(SENT)))), SENT)
            return got.status or None, got.body, got.complete and got.reset is None

    def start(self, path):
        client = H2Client(self.weir)
        stream = client.request(request("POST", path), end=False)
        client.data(stream, SENT, end=True)
        return client


def fire_until(weir, done):
    """Fires the signals of those that wait for one, until what they wait for has happened."""
    def once():
        with Client(weir) as client:
            client.ask(get("/fire"))
        return done()
    return wait_until(once)


def ends(weir, count=1):
    """How the requests have ended that met a trial, as their filters were told; the log has that many lines at least."""
    notes = [json.loads(line).get("notes", {}) for line in weir.access(count) if line.endswith('"}')]
    return [each["finished"] for each in notes if "finished" in each]


def in_flight(weir):
    with Client(weir) as client:
        lines = client.ask(get("/metrics")).body.decode().splitlines()
    return [line.split()[-1] for line in lines if line.startswith("weir_server_requests_in_flight{")]


@pytest.mark.parametrize("protocol", SERVERS)
@pytest.mark.parametrize("kind", [H1, H2])
def test_every_verdict_from_every_callback(kind, protocol):
    with SERVERS[protocol]() as origin, Weir(config(origin, protocol), binary=BINARY) as weir:
        for callback, verdict in CASES:
            before = len(ends(weir, 0))
            if "signal" in verdict:
                got = []
                thread = threading.Thread(target=lambda: got.append(kind(weir).ask(path_of(callback, verdict))))
                thread.start()
                fire_until(weir, lambda: got)
                thread.join()
                status, body, complete = got[0]
            else:
                status, body, complete = kind(weir).ask(path_of(callback, verdict))
            what = f"{callback}: {verdict}"
            assert is_right(callback, verdict, status, complete), f"{what}: {status}, {complete}"
            if (status, complete) == (200, True):
                assert body == GOT + (b"!" if callback == "response_change" else b""), what
            wait_until(lambda: len(ends(weir, 0)) > before, f"the end of {what}")
        wait_until(lambda: in_flight(weir) == ["0"], "nothing in flight")


def test_what_the_server_gets():
    cases = [("request_change", "continue"), ("request_whole", "suspend timer continue"), ("request_body", "continue")]
    with Origin(answer(GOT)) as origin, Weir(config(origin, "http/1.1", cases), binary=BINARY) as weir:
        for callback, verdict in cases:
            assert H1(weir).ask(path_of(callback, verdict))[0] == 200
        changed, whole, observed = origin.requests
        assert changed.body == SENT + b"!" and changed.get("transfer-encoding") == "chunked"
        for same in (whole, observed):
            assert same.body == SENT and same.get("content-length") == str(len(SENT))


@pytest.mark.parametrize("kind", [H1, H2])
@pytest.mark.parametrize("callback", [each for each in BEFORE if each != "request_end"])
def test_the_client_leaves_while_a_filter_waits(kind, callback):
    cases = [(callback, "suspend never")]
    with Origin(answer(GOT)) as origin:
        text = config(origin, "http/1.1", cases).replace("timeout filter 200ms", "timeout filter none")
        with Weir(text, binary=BINARY) as weir:
            client = kind(weir).start(path_of(*cases[0]))
            weir.wait_log("trial waits")
            # A reset: the client has gone for good.
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            client.close()
            wait_until(lambda: ends(weir, 0) == ["client_gone"], "the end")
            wait_until(lambda: in_flight(weir) == ["0"], "nothing in flight")


@pytest.mark.parametrize("kind", [H1, H2])
def test_the_server_breaks_while_an_answer_waits(kind):
    cut = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut"
    # A filter that wants all of an answer sees that it is cut; while one waits nothing is read, so its time is up first.
    for cases, status, end in (([("response", "suspend never")], 504, "filter_timeout"),
                               ([("response_whole", "continue")], 502, "response_truncated")):
        with Origin(lambda connection, _: (connection.send(cut), connection.close())) as origin:
            with Weir(config(origin, "http/1.1", cases), binary=BINARY) as weir:
                assert kind(weir).ask(path_of(*cases[0]))[0] == status
                wait_until(lambda: ends(weir, 0) == [end], "the end")
                wait_until(lambda: in_flight(weir) == ["0"], "nothing in flight")


def test_a_body_that_is_longer_than_a_filter_takes():
    cases = [("request_whole", "continue"), ("response_whole", "continue")]
    with Origin(answer(b"x" * 200_000)) as origin, Weir(config(origin, "http/1.1", cases), binary=BINARY) as weir:
        with Client(weir) as client:
            assert client.ask(post(path_of(*cases[0]), b"x" * 200_000)).status == 413
        with Client(weir) as client:
            assert client.ask(get(path_of(*cases[1]))).status == 502
        assert len(origin.requests) == 1


def test_who_breaks_the_contract_is_named():
    cases = [("request", "hang"), ("response", "silent")]
    with Origin(answer(GOT)) as origin, Weir(config(origin, "http/1.1", cases), binary=BINARY) as weir:
        for case in cases:
            assert H1(weir).ask(path_of(*case))[0] == 500
        weir.wait_log("has suspended the stream and waits for nothing")
        line = weir.wait_log("has answered without an answer")
        assert "filter trial (" in line and "weir.conf:" in line


EXAMPLE = """access_log {dir}/access.log format json
listener web { bind 127.0.0.1:{port}
route path /sum { example_sum 1000; example_count; forward o }
route path /upper { example_upper; forward o }
route path /ask { example_ask gate /may; forward o }
route path /away { example_ask away /may; forward o } }
backend o { server s {origin} }
backend gate { server g {gate} }
backend away { server a 127.0.0.1:{closed} }
"""


def test_the_example_module():
    def may(connection, asked):
        connection.send(answer("", "204 No Content" if asked.get("x-key") == "right" else "403 Forbidden"))
    with Origin(answer("text", "200 OK", "Content-Type: text/plain")) as origin, Origin(may) as gate:
        text = EXAMPLE
        with Weir(text, ports=("port", "closed"), binary=BINARY, origin=origin.address, gate=gate.address) as weir:
            with Client(weir) as client:
                assert client.ask(post("/sum", b"abc")).status == 200
                assert origin.requests[-1].get("x-body-sum") == str(sum(b"abc"))
                upper = client.ask(get("/upper"))
                assert upper.body == b"TEXT" and upper.get("content-length") == "4"
                assert client.ask(get("/ask", "a", "X-Key: right")).status == 200
                assert client.ask(get("/ask", "a", "X-Key: wrong")).status == 403
                assert client.ask(get("/away")).status == 503
            assert gate.requests[0].target == "/may"
            lines = weir.access(5)
            assert '"notes":{"body_in":"3","body_out":"4"}' in lines[0]
            assert '"notes":{"asked":"refused"}' in lines[3] and "connect_refused" in lines[4]


@pytest.mark.parametrize("expects", [False, True])
def test_a_body_that_says_it_is_too_long_for_a_filter_is_refused_at_once(expects):
    """Nobody is asked to send it, and nothing of it is read."""
    with Origin() as origin:
        with Weir(EXAMPLE, ports=("port", "closed"), binary=BINARY, origin=origin.address, gate=origin.address) as weir:
            for version in (Client, H2Client):
                with version(weir) as client:
                    expect = [("expect", "100-continue")] if expects else []
                    if version is H2Client:
                        asked = request("POST", "/sum", ("content-length", "1001"), *expect)
                        got = client.answer(client.request(asked, end=False))
                        assert (got.status, got.interim) == (413, [])
                    else:
                        fields = "".join(f"{name}: {value}\r\n" for name, value in expect)
                        client.send(f"POST /sum HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n{fields}\r\n".encode())
                        assert client.receive().status == 413
            assert [json.loads(line)["failure"] for line in weir.access(2)] == ["request_body_too_large"] * 2
            assert not origin.requests


EMPTY = """listener web {{ bind 127.0.0.1:{{port}}; {everywhere}
route path /respond {{ example_upper; respond 404 "" }}
route path /redirect {{ example_upper; redirect 301 "/there" }}
route path /forward {{ example_upper; forward o }}
route {{ respond 200 "next" }} }}
backend o {{ server s {{origin}} }}
"""


@pytest.mark.parametrize("everywhere", ["", "example_upper"])
def test_an_empty_answer_that_could_have_been_changed_says_that_it_is_empty(everywhere):
    with Origin(answer("")) as origin:
        with Weir(EMPTY.format(everywhere=everywhere), binary=BINARY, origin=origin.address) as weir, Client(weir) as client:
            for path, status in (("/respond", 404), ("/redirect", 301), ("/forward", 200)):
                client.send(get(path) + get("/"))
                empty = client.receive()
                assert (empty.status, empty.body, empty.get("content-length")) == (status, b"", "0")
                assert client.receive().body.lower() == b"next"
                assert client.ask(b"HEAD %s HTTP/1.1\r\nHost: a\r\n\r\n" % path.encode(), head_only=True).status == status


EXAMPLES = {"example_sum": "wants: LIMIT", "example_ask nobody /": "there is no backend", "example_count 1": "takes no words"}


def test_mistakes_are_found_when_the_configuration_is_loaded(tmp_path):
    for statement, why in EXAMPLES.items():
        file = tmp_path / "weir.conf"
        file.write_text("listener web { bind 127.0.0.1:1; route { %s; respond 200 \"\" } }\n" % statement)
        told = subprocess.run([BINARY, "-t", "-c", file], capture_output=True, text=True)
        assert told.returncode != 0 and why in told.stderr and "weir.conf:1:" in told.stderr
