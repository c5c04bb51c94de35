# SPDX-License-Identifier: Apache-2.0
"""header, response_header, rewrite: where they stand and in which order they act."""
from weirtest import Origin, Weir, answer, ask, get

TEXT = """
listener web {
    bind 127.0.0.1:{port}
    header set X-Level listener
    header add X-All listener
    response_header set X-From "$listener/$route/$backend/$server"
    route plain path /plain {
        header add X-All route
        header remove X-Secret
        header set X-Info "$method $host $path $query $client_addr $scheme $query_a $cookie_c $header_x_in"
        response_header remove Server
        response_header add Vary X-All
        forward origin
    }
    route cleared path /cleared { header none; header set X-Level route; forward origin }
    route local path /local respond 200 "local"
    route api path /v2/* {
        rewrite path "^/v2/(.*)$" "/$1"
        forward origin
    }
    route twist path /twist/* { rewrite path "^/twist/(.*)$" "/q?p=$1"; forward origin }
    route forward origin
}
backend origin {
    server s1 {origin}
    header add X-All backend
}
"""


def run(request, reply=answer("ok", "200 OK", "Server: x", "Vary: A")):
    with Origin(reply) as origin, Weir(TEXT, origin=origin.address) as weir:
        response = ask(weir, request)
        return (origin.requests[0] if origin.requests else None), response


def test_request_fields():
    request, _ = run(get("/plain?a=b%20c", "h", "X-Secret: 1", "X-Level: client", "X-All: client",
                         "Cookie: c=d", "X-In: in"))
    assert request.get("X-Level") == "listener"
    assert request.all("X-All") in (["client", "listener", "backend", "route"], ["client", "listener", "route", "backend"])
    assert request.get("X-Secret") is None
    assert request.get("X-Info") == "GET h /plain a=b%20c 127.0.0.1 http b c d in"


def test_response_fields():
    _, response = run(get("/plain"))
    assert response.get("X-From") == "web/plain/origin/s1"
    assert response.get("Server") is None
    assert response.all("Vary") == ["A", "X-All"]


def test_none_clears_what_came_from_outside():
    request, _ = run(get("/cleared"))
    assert request.get("X-Level") == "route"
    assert request.all("X-All") == []


def test_rewrite():
    request, _ = run(get("/v2/users/7?full=1"))
    assert request.target == "/users/7?full=1"
    request, _ = run(get("/twist/x?full=1"))
    assert request.target == "/q?p=x&full=1"


def test_a_rewrite_cannot_leave_the_tree():
    request, _ = run(get("/v2/.%2e"))
    assert request is None or ".." not in request.target


def test_local_answers_have_the_listeners_fields():
    request, response = run(get("/local"))
    assert request is None
    assert (response.status, response.body) == (200, b"local")
    assert response.get("X-From") == "web/local//"


def test_values_from_clients_cannot_split_fields():
    request, _ = run(get("/plain?a=x%0d%0aX-Evil:%201", "h"))
    assert request.get("X-Evil") is None
    assert request.get("X-Info") is None or "\n" not in request.get("X-Info")
