# SPDX-License-Identifier: Apache-2.0
"""CONNECT opens a tunnel only where a route names that method."""
import json

import pytest
from admintest import AdminClient
from h2test import H2Client, request
from weirtest import Client, Origin, Weir, ask, forward_to, get

CONNECT = b"CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n"


def tunnel(connection, _):
    connection.send(b"HTTP/1.1 200 OK\r\n\r\n")
    while data := connection.socket.recv(65536):
        connection.send(data)
    connection.close()


def test_no_route_names_it():
    with Origin(tunnel) as origin, Weir(forward_to(origin)) as weir, Client(weir) as client:
        response = client.ask(CONNECT + b"\x16\x03\x01 for the tunnel")
        assert response.status == 405
        assert "GET" in response.get("Allow").split(", ") and "CONNECT" not in response.get("Allow")
        assert client.is_closed()
        assert not origin.requests
        line = json.loads(weir.access(1)[0])
        assert (line["method"], line["host"], line["target"]) == ("CONNECT", "a.test", "a.test:443")
        assert (line["status"], line["failure"]) == (405, "method_not_allowed")


# Whatever the route that it takes would do with another request: 200 to CONNECT is a tunnel that is none.
@pytest.mark.parametrize("route", ["respond 200 hello", "redirect 301 /x", "ready", "path /x respond 200 x",
                                   "not method CONNECT forward origin", "method GET forward origin"])
def test_other_routes_do_not_let_it_pass(route):
    with Weir(forward_to("127.0.0.1:1", listener=f"route r {route}")) as weir:
        assert ask(weir, CONNECT).status == 405


def test_a_route_names_it():
    with Origin(tunnel) as origin, Weir(forward_to(origin, listener="route method GET method CONNECT forward origin")) as weir:
        with Client(weir) as client:
            client.send(CONNECT)
            assert client.read_head().status == 200
            for word in (b"hello", b"\0\xff" * 1000):
                client.send(word)
                assert client.read_exact(len(word)) == word
        assert origin.requests[0].line == "CONNECT a.test:443 HTTP/1.1"


def test_the_first_route_that_matches_decides():
    routes = "route first path_regex ^ respond 200 x; route second method CONNECT forward origin"
    with Weir(forward_to("127.0.0.1:1", listener=routes)) as weir:
        assert ask(weir, CONNECT).status == 405


def test_a_deny_route_closes_the_connection():
    with Weir(forward_to("127.0.0.1:1", listener="route close")) as weir, Client(weir) as client:
        client.send(CONNECT)
        assert client.is_closed()


@pytest.mark.parametrize("host", ["b.test:443", "b.test", "a.test:444"])
def test_a_host_that_differs_is_refused(host):
    with Origin(tunnel) as origin, Weir(forward_to(origin, listener="route method CONNECT forward origin")) as weir:
        assert ask(weir, get("a.test:443", host, method="CONNECT")).status == 400
        assert not origin.requests


def test_http2_opens_none_yet():
    with Origin(tunnel) as origin, Weir(forward_to(origin, listener="route method CONNECT forward origin")) as weir:
        with H2Client(weir) as client:
            answer = client.ask([(":method", "CONNECT"), (":authority", "A.test:443")])
            assert answer.status == 405 and "GET" in answer.fields["allow"]
            assert client.ask(request(path="/%zz")).status == 400  # the connection stays
        line = next(l for l in map(json.loads, weir.access(2)) if l["method"] == "CONNECT")
        assert (line["host"], line["target"], line["failure"]) == ("a.test", "A.test:443", "method_not_allowed")


def test_explain_says_so():
    with Weir("admin unix:{dir}/admin.sock\n" + forward_to("127.0.0.1:1")) as weir, AdminClient(weir) as admin:
        assert "method_not_allowed" in admin.ask("explain request CONNECT a.test:443").first
