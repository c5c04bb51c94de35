# SPDX-License-Identifier: Apache-2.0
"""What filters are shown of a request as its client has sent it, and of requests that weir refuses before it asks them."""
import json
import os

import pytest

from h2test import END_STREAM, H2Client, request
from weirtest import ROOT, Client, Origin, Weir, answer

BINARY = os.environ.get("WEIR_WITH_MODULES", str(ROOT / "build" / "weir-with-modules"))
CONF = """access_log {{dir}}/access.log format json
listener web {{ bind 127.0.0.1:{{port}}; max_line 1k; max_header 4k; timeout header 300ms; {policies}
route path /fine forward o
route path /small {{ max_body 1k; forward o }} }}
backend o {{ server s {server} }}
"""
SENT = [("x-a", "sent"), ("x_b", "dropped"), ("x-forwarded-for", "192.0.2.9"), ("x-a", "again")]


class H1:
    line = "HTTP/1.1"

    @staticmethod
    def ask(weir, method, path, *fields):
        return H1.say(weir, f"{method} {path} HTTP/1.1\r\nHost: a.test\r\n" + "".join(f"{n}: {v}\r\n" for n, v in fields) + "\r\n")

    @staticmethod
    def say(weir, head):
        """Status, fields and body of the answer; nothing if the connection was broken off."""
        with Client(weir) as client:
            client.send(head)
            try:
                got = client.receive()
            except (AssertionError, EOFError, ConnectionError):
                return None
            return got.status, {name.lower(): value for name, value in got.fields}, got.body


class H2:
    line = "HTTP/2"

    @staticmethod
    def ask(weir, method, path, *fields):
        return H2.say(weir, request(method, path, *fields))

    @staticmethod
    def say(weir, fields):
        with H2Client(weir) as client:
            got = client.ask(fields)
            return (got.status, got.fields, got.body) if got.reset is None else None


KINDS = pytest.mark.parametrize("kind", [H1, H2])


def start(origin, policies="witness"):
    return Weir(CONF.format(policies=policies, server=origin.address), binary=BINARY)


def line_of(weir):
    line, = map(json.loads, weir.access())
    return line


@KINDS
def test_all_that_the_client_has_sent_is_shown_as_it_was(kind):
    with Origin(answer("ok")) as origin, start(origin, "header set X-A changed; witness") as weir:
        status, fields, body = kind.ask(weir, "GET", "/fine?q=%41", *SENT)
        assert (status, body) == (200, b"ok")
        host = "Host" if kind is H1 else "host"
        assert fields["x-line"] == f"GET /fine?q=%41 {kind.line}" and fields["x-whole"] == "yes"
        shown = f"{host}=a.test|x-a=sent|!x_b=dropped|x-forwarded-for=192.0.2.9|x-a=again"
        assert fields["x-fields"] == shown and fields["x-refusal"] == ""
        # The server gets what became of it.
        asked, = origin.requests
        assert asked.get("x-a") == "changed" and asked.get("x-forwarded-for") == "127.0.0.1" and asked.get("x_b") is None
        line = line_of(weir)
        assert line["notes"] == {"asked": "request"}
        # What was dropped was received all the same.
        assert line["bytes_in"] == len(f"GET /fine?q=%41 {kind.line}\r\nHost: a.test\r\n\r\n" + "".join(f"{n}: {v}\r\n" for n, v in SENT))


LONG = "x" * 5000
HEAD = "GET /fine HTTP/1.1\r\nHost: a\r\n"
REFUSED = {  # what an HTTP/1.1 client sends: status, failure, X-Line, X-Fields, X-Known, X-Whole
    "a blank before a colon": (HEAD + "X_Y : 1\r\n z: 2\r\n\r\n", 400, "request_syntax", "GET /fine HTTP/1.1", "Host=a|!X_Y =1|=z: 2",
                               "GET /fine a", "yes"),
    "no request": ("nonsense\r\n\r\n", 400, "request_syntax", "nonsense", "", "nonsense", "yes"),
    "two lengths": (HEAD + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400, "request_framing", "GET /fine HTTP/1.1",
                    "Host=a|Content-Length=1|Content-Length=2", "GET /fine a", "yes"),
    "a long line": (f"GET /{LONG} HTTP/1.1\r\n", 414, "request_line_too_long", f"GET /{LONG}"[:200], "", f"GET /{LONG}"[:200], "no"),
    "a large field": (HEAD + f"A: {LONG}", 431, "request_head_too_large", "GET /fine HTTP/1.1", f"Host=a|A={LONG}"[:200], "GET /fine a",
                      "no"),
    "another version": (HEAD.replace("1.1", "3.0") + "\r\n", 505, "request_version", "GET /fine HTTP/3.0", "Host=a", "GET /fine a", "yes"),
    "a coding": (HEAD + "Transfer-Encoding: x, chunked\r\n\r\n", 501, "request_coding_unknown", "GET /fine HTTP/1.1",
                 "Host=a|Transfer-Encoding=x, chunked", "GET /fine a", "yes"),
    "late": (HEAD + "A: b\r\nHalf", 408, "request_header_timeout", "GET /fine HTTP/1.1", "Host=a|A=b|=Half", "GET /fine a", "no"),
    "no route": (HEAD.replace("/fine", "/none") + "\r\n", 404, "no_route", "GET /none HTTP/1.1", "Host=a", "GET /none a", "yes"),
    "a large body": (HEAD.replace("/fine", "/small") + "Content-Length: 2000\r\n\r\n", 413, "request_body_too_large",
                     "GET /small HTTP/1.1", "Host=a|Content-Length=2000", "GET /small a", "yes"),
}


def expect_shown(got, weir, case):
    status, failure, line, shown, known, whole = case
    fields = got[1]
    assert (got[0], fields["x-refusal"]) == (status, failure)
    assert [fields[name].strip() for name in ("x-line", "x-fields", "x-known", "x-whole")] == [line, shown, known, whole]
    told = line_of(weir)
    assert (told["status"], told["failure"], told["notes"]) == (status, failure, {"asked": failure})


@pytest.mark.parametrize("name", REFUSED)
def test_a_request_that_is_refused_is_shown(name):
    head, *case = REFUSED[name]
    with Origin() as origin, start(origin) as weir:
        expect_shown(H1.say(weir, head), weir, case)
        assert not origin.requests


REFUSED_H2 = {
    "a target": (request("GET", "/%zz", ("a_b", "1")), 400, "request_target", "GET /%zz HTTP/2", "host=a.test|!a_b=1", "GET /%zz a.test",
                 "yes"),
    "a long target": (request("GET", "/" + LONG, ("a", "1")), 414, "request_line_too_long", f"GET /{LONG}"[:200], "host=a.test",
                      f"GET /{LONG}"[:200], "no"),
    "a large field": (request("GET", "/fine", ("a", "1"), ("b", LONG), ("c", "2")), 431, "request_head_too_large", "GET /fine HTTP/2",
                      "host=a.test|a=1", "GET /fine a.test", "no"),
    "a protocol": (request("CONNECT", "/fine", authority="a.test") + [(":protocol", "x")], 501, "request_protocol_unknown",
                   "GET /fine HTTP/2", "host=a.test", "GET /fine a.test", "yes"),
    "no route": (request("GET", "/none"), 404, "no_route", "GET /none HTTP/2", "host=a.test", "GET /none a.test", "yes"),
    "a large body": (request("POST", "/small", ("content-length", "2000")), 413, "request_body_too_large", "POST /small HTTP/2",
                     "host=a.test|content-length=2000", "POST /small a.test", "yes"),
}


@pytest.mark.parametrize("name", REFUSED_H2)
def test_a_request_that_is_refused_is_shown_over_http2(name):
    fields, *case = REFUSED_H2[name]
    with Origin() as origin, start(origin) as weir, H2Client(weir) as client:
        stream = client.request(fields, end=case[0] not in (413, 501))
        got = client.answer(stream)
        expect_shown((got.status, got.fields), weir, case)
        assert client.ask(request("GET", "/fine")).status == 200
        assert len(origin.requests) == 1


def test_a_head_that_stops_is_shown_over_http2():
    with Origin() as origin, start(origin) as weir, H2Client(weir) as client:
        client.sync()  # nothing may come between the frames of a block, an acknowledgement neither
        client.headers(1, request("GET", "/fine", ("a_b", "1")), END_STREAM)
        got = client.answer(1)
        expect_shown((got.status, got.fields), weir, (408, "request_header_timeout", "GET /fine HTTP/2", "host=a.test|!a_b=1",
                                                      "GET /fine a.test", "no"))


BAD = {H1: [(HEAD + "A : 1\r\n\r\n", 400), (f"GET /{LONG} HTTP/1.1\r\n", 414), (HEAD + f"A: {LONG}", 431)],
       H2: [(request("GET", "/%zz"), 400), (request("GET", "/" + LONG), 414), (request("GET", "/fine", ("a", LONG)), 431)]}


@KINDS
@pytest.mark.parametrize("verdict, status, body", [("respond", 418, b"seen\n"), ("refuse", 503, None), ("abort", None, None)])
def test_a_filter_may_answer_or_abort_it(kind, verdict, status, body):
    for sent, refusal in BAD[kind]:
        with Origin() as origin, start(origin, f"witness {verdict}") as weir:
            got = kind.say(weir, sent)
            if status is None:
                assert got is None
            else:
                assert got[0] == status and got[1]["x-refusal"].startswith("request_") and body in (None, got[2])
            line = line_of(weir)
            assert line["notes"]["asked"].startswith("request_")
            failures = {"respond": line["notes"]["asked"], "refuse": "overloaded", "abort": "filter_aborted"}
            assert (line["status"], line["failure"]) == (status or 0, failures[verdict]), refusal


@KINDS
@pytest.mark.parametrize("verdict", ["silent", "wait", "reroute"])
def test_anything_else_is_a_breach(kind, verdict):
    sent, _ = BAD[kind][0]
    with Origin() as origin, start(origin, f"witness {verdict}") as weir:
        status, fields, _ = kind.say(weir, sent)
        assert status == 500 and "x-refusal" not in fields, "it is called for the end only"
        assert line_of(weir)["failure"] == "filter_breach"
        assert "weir.conf:3" in weir.wait_log("filter witness (")
        assert kind.ask(weir, "GET", "/fine")[0] == 200


@KINDS
def test_who_does_not_want_to_is_not_asked(kind):
    with Origin() as origin, start(origin, "trial request respond") as weir:
        for sent, refusal in BAD[kind]:
            assert kind.say(weir, sent)[0] == refusal
        assert kind.ask(weir, "GET", "/fine")[0] == 418
