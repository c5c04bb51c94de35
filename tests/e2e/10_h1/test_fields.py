# SPDX-License-Identifier: Apache-2.0
"""Which fields pass, in which form, and which never do."""
from weirtest import Client, Origin, Weir, answer, ask, forward_to, get


def test_fields_pass_in_order_and_as_written():
    lines = ["X-One: 1", "accept: */*", "X-Two:  spaced  out ", "Cookie: a=b", "X-One: again"]
    with Origin(answer("", "200 Fine", "x-LOWER: a", "Set-Cookie: a=1", "Set-Cookie: b=2")) as origin:
        with Weir(forward_to(origin)) as weir:
            response = ask(weir, get("/p?q=1", "Example.com", *lines))
            request = origin.requests[0]
            assert request.line == "GET /p?q=1 HTTP/1.1"
            assert request.get("Host") == "Example.com"
            assert request.all("X-One") == ["1", "again"]
            assert request.get("X-Two") == "spaced  out"
            assert request.get("Cookie") == "a=b"
            assert response.all("Set-Cookie") == ["a=1", "b=2"]
            assert response.get("x-lower") == "a"


def test_hop_by_hop_fields_stay_here():
    lines = ["Connection: close, X-Mine", "X-Mine: 1", "Keep-Alive: timeout=5", "Proxy-Connection: close",
             "TE: gzip", "Proxy-Authorization: secret", "X-Passes: 1"]
    reply = answer("ok", "200 OK", "Connection: X-Inner", "X-Inner: 1", "Keep-Alive: timeout=9", "X-Outer: 1")
    with Origin(reply) as origin, Weir(forward_to(origin)) as weir:
        response = ask(weir, get("/", "a", *lines))
        request = origin.requests[0]
        for name in ("X-Mine", "Keep-Alive", "Proxy-Connection", "TE"):
            assert request.get(name) is None, name
        assert "close" not in (request.get("Connection") or "")
        assert request.get("X-Passes") == "1"
        assert response.get("X-Inner") is None and response.get("Keep-Alive") is None
        assert response.get("X-Outer") == "1"


def test_connection_may_not_name_what_matters():
    with Origin() as origin, Weir(forward_to(origin)) as weir:
        for name in ("Host", "Content-Length", "X-Forwarded-For", "Authorization", "Cookie"):
            assert ask(weir, get("/", "a", f"Connection: close, {name}", "Cookie: a=b")).status == 400, name
        assert not origin.requests


def test_names_with_an_underscore_are_dropped():
    with Origin() as origin, Weir(forward_to(origin)) as weir:
        ask(weir, get("/", "a", "X_Forwarded_For: 1.1.1.1", "X-Fine: 1"))
        assert origin.requests[0].get("X_Forwarded_For") is None
        assert origin.requests[0].get("X-Fine") == "1"


def test_absolute_form():
    with Origin() as origin, Weir(forward_to(origin)) as weir, Client(weir) as client:
        assert client.ask(b"GET http://Site.example/x?y HTTP/1.1\r\nHost: site.example\r\n\r\n").status == 200
        assert origin.requests[0].line == "GET /x?y HTTP/1.1"
        assert origin.requests[0].get("Host").lower() == "site.example"


def test_only_dot_segments_of_a_path_are_resolved():
    wanted = {"/a/./b": "/a/b", "/a/../b": "/b", "/%61dmin": "/%61dmin", "/a%2fb//c": "/a%2fb//c", "/a/b/": "/a/b/", "/x?a=%2f..": "/x?a=%2f.."}
    with Origin() as origin, Weir(forward_to(origin)) as weir, Client(weir) as client:
        for target, forwarded in wanted.items():
            assert client.ask(get(target)).status == 200
            assert origin.requests[-1].target == forwarded


def test_options_for_the_server_itself():
    with Origin() as origin, Weir(forward_to(origin)) as weir:
        assert ask(weir, get("*", method="OPTIONS")).status == 200
        assert origin.requests[0].line == "OPTIONS * HTTP/1.1"
