# SPDX-License-Identifier: Apache-2.0
"""Requests that are refused before they are understood, or that their client gives up: the log says whose they were."""
import json
import socket

import pytest
from h2test import H2Client
from weirtest import Client, Weir, get

CONF = """access_log {{dir}}/access.log
listener web {{ bind 127.0.0.1:{{port}}; {0}; route respond 200 "fine" }}
"""
LONG = "GET /long?a=b HTTP/1.1\r\nHost: One.example\r\nUser-Agent: UA\r\nX: "
MALFORMED = {
    "too large": (LONG + "x" * 9000 + "\r\n\r\n", "max_header 4k", 431),
    "too many": (LONG + "1\r\n" + "Y: 1\r\n" * 150 + "\r\n", "max_fields 100", 431),
    "blank before a colon": (LONG.replace("X:", "X :") + "1\r\n\r\n", "", 400),
    "two lengths": (LONG + "1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "", 400),
    "two hosts": (LONG + "1\r\nHost: two\r\n\r\n", "", 400),
}


def line_of(weir):
    line, = map(json.loads, weir.access())
    return line


def expect_named(line, status):
    assert (line["status"], line["method"], line["target"], line["host"].lower()) == (status, "GET", "/long?a=b", "one.example")


@pytest.mark.parametrize("name", MALFORMED)
def test_one_that_is_refused(name):
    head, limits, status = MALFORMED[name]
    with Weir(CONF.format(limits or "max_line 4k")) as weir, Client(weir) as client:
        client.send(head)
        assert client.receive().status == status
        line = line_of(weir)
        expect_named(line, status)
        assert line["bytes_in"] > 60


def test_one_whose_line_is_too_long():
    with Weir(CONF.format("max_line 1k")) as weir, Client(weir) as client:
        client.send("GET /" + "x" * 5000 + " HTTP/1.1\r\n")
        assert client.receive().status == 414
        line = line_of(weir)
        assert line["method"] == "GET" and line["target"].startswith("/xxx") and len(line["target"]) == 1024


def test_one_that_does_not_come_in_time():
    with Weir(CONF.format("timeout header 200ms")) as weir, Client(weir) as client:
        client.send(LONG)
        assert client.receive().status == 408
        expect_named(line_of(weir), 408)


@pytest.mark.parametrize("end", [lambda s: s.shutdown(socket.SHUT_WR), lambda s: s.close()], ids=["fin", "close"])
def test_one_that_its_client_gives_up(end):
    with Weir(CONF.format("max_line 4k")) as weir, Client(weir) as client:
        client.send(LONG)
        end(client.socket)
        line = line_of(weir)
        expect_named(line, 499)
        assert line["failure"] == "client_gone"


def test_a_connection_without_a_request_is_none():
    with Weir(CONF.format("max_line 4k")) as weir:
        with Client(weir) as client:
            client.socket.shutdown(socket.SHUT_WR)
            assert client.read_to_end() == b""
        with Client(weir) as client:
            assert client.ask(get("/after")).status == 200
        assert line_of(weir)["path"] == "/after"


def test_one_that_is_malformed_over_http2():
    with Weir(CONF.format("max_line 4k")) as weir, H2Client(weir) as client:
        client.request([(":method", "GET"), (":scheme", "http"), (":path", "/long?a=b"), (":authority", "one.example"), ("te", "gzip")])
        expect_named(line_of(weir), 0)
