# SPDX-License-Identifier: Apache-2.0
"""response_header holds for answers that weir makes itself: those of a route by its chain, others by the listener's."""
import pytest
from h2test import H2Client, request
from reloadtest import ADMIN, reload
from weirtest import Client, Origin, Weir, ask, forward_to, get

TEXT = """
access_log {dir}/access.log format a
log_format a "$status $response_header_x_from"
listener web {
    bind 127.0.0.1:{port}
    max_header 1k
    response_header set X-From "$listener/$route/$status"
    response_header set Content-Type text/plain
    route text path /text respond 200 "text" { }
    route cleared path /cleared { response_header none; respond 200 "cleared" }
    route own path /own { response_header none; response_header set Content-Type application/problem+json; respond 503 }
    route away path /away redirect 302 /there
    route bare path /bare { response_header none; response_header set X-From "$route"; response_header remove Content-Type; respond 200 bare }
    route small path /small { max_body 1k; forward dead }
    route dead path /dead forward dead
}
backend dead { server s1 127.0.0.1:{closed}; response_header set X-Backend dead }
"""


def fields(weir, h2, path, *more):
    """Status, X-From and Content-Type of an answer."""
    if h2:
        with H2Client(weir) as client:
            got = client.ask(request("GET", path, *more))
            return got.status, got.fields.get("x-from"), got.fields.get("content-type"), got.fields
    got = ask(weir, get(path, "a", *(f"{name}: {value}" for name, value in more)))
    return got.status, got.get("X-From"), got.get("Content-Type"), {n.lower(): v for n, v in got.fields}


@pytest.mark.parametrize("h2", [False, True], ids=["h1", "h2"])
def test_each_kind_of_answer(h2):
    with Weir(TEXT, ports=("port", "closed")) as weir:
        assert fields(weir, h2, "/text")[:3] == (200, "web/text/200", "text/plain")
        assert fields(weir, h2, "/cleared")[:3] == (200, None, "text/plain; charset=utf-8")
        assert fields(weir, h2, "/own")[:3] == (503, None, "application/problem+json")
        status, source, _, all_fields = fields(weir, h2, "/away")
        assert (status, source, all_fields["location"]) == (302, "web/away/302", "/there")
        assert fields(weir, h2, "/bare")[:3] == (200, "bare", None)
        # A failed forward has the chain of its route, the backend's policies included.
        status, source, kind, all_fields = fields(weir, h2, "/dead")
        assert (status, source, kind, all_fields["x-backend"]) == (502, "web/dead/502", "text/plain", "dead")
        # Without a route the listener's own hold.
        assert fields(weir, h2, "/nowhere")[:3] == (404, "web//404", "text/plain")
        assert fields(weir, h2, "/", ("x-long", "x" * 2000))[:2] == (431, "web//431")
        assert "200 web/text/200" in weir.access(8) and "404 web//404" in weir.access(8)


def test_requests_that_cannot_be_understood():
    with Weir(TEXT, ports=("port", "closed")) as weir:
        for bytes_ in (b"GET /\r\n\r\n", b"G@T / HTTP/1.1\r\nHost: a\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n",
                       b"GET / HTTP/3.0\r\nHost: a\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nConnection: host\r\n\r\n"):
            with Client(weir) as client:
                got = client.ask(bytes_)
                assert got.status in (400, 505), bytes_
                assert got.get("X-From") == f"web//{got.status}" and got.get("Content-Type") == "text/plain"
                assert client.is_closed()


def test_a_request_that_its_route_refuses():
    with Weir(TEXT, ports=("port", "closed")) as weir:
        got = ask(weir, get("/small", "a", "Content-Length: 5000"))
        assert (got.status, got.get("X-From"), got.get("X-Backend")) == (413, "web/small/413", "dead")
        with H2Client(weir) as client:
            stream = client.request(request("POST", "/small", ("content-length", "5000")), end=False)
            assert client.answer(stream).fields["x-from"] == "web/small/413"


def test_head_and_lengths_stay_right():
    with Weir(TEXT, ports=("port", "closed")) as weir, Client(weir) as client:
        got = client.ask(get("/text", method="HEAD"), head_only=True)
        assert (got.get("Content-Length"), got.get("X-From")) == ("4", "web/text/200")
        assert client.ask(get("/text")).body == b"text"


# What a policy has said lives as long as the answer that says it.
def test_a_reload_changes_what_answers_without_a_route_get():
    def text(word, route="respond 200"):
        return ADMIN + f"listener web {{ bind 127.0.0.1:{{port}}; response_header set X-From {word}; route path /x {route} }}"

    with Weir(text("one")) as weir, Client(weir) as client:
        assert client.ask(get("/nowhere")).get("X-From") == "one"
        assert reload(weir, text("two")).is_ok
        assert client.ask(get("/nowhere")).get("X-From") == "two"
        assert ask(weir, get("/nowhere")).get("X-From") == "two"
        # It is a change, though no route shows it.
        cleared = "{ response_header none; respond 200 }"
        assert reload(weir, text("two", cleared)).is_ok
        assert reload(weir, text("three", cleared)).first.endswith(", 2 changes")
        assert client.ask(get("/nowhere")).get("X-From") == "three"
        assert client.ask(get("/x")).get("X-From") is None


def test_answers_of_servers_have_the_status_in_texts_too():
    with Origin(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n") as origin:
        with Weir(forward_to(origin, listener="response_header set X-Status $status")) as weir:
            assert ask(weir).get("X-Status") == "201"
