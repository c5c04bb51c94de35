# SPDX-License-Identifier: Apache-2.0
"""What a client sees when weir itself must answer."""
import json
import re

from weirtest import Client, Weir, ask, get

TEXT = "access_log {dir}/access.log\nlistener web { bind 127.0.0.1:{port}; route path /x respond 200 }"


def test_html_for_people():
    with Weir(TEXT) as weir:
        response = ask(weir, get("/nowhere", "a", "Accept: text/html,*/*;q=0.8"))
        page = response.body.decode()
        assert response.status == 404
        assert response.get("Content-Type").startswith("text/html")
        assert "<h1>404 Not Found</h1>" in page and "No route matches" in page
        assert json.loads(weir.access()[0])["request_id"] in page


def test_json_for_programs():
    with Weir(TEXT) as weir:
        response = ask(weir, get("/nowhere", "a", "Accept: application/json"))
        page = json.loads(response.body)
        assert response.get("Content-Type") == "application/json"
        assert (page["status"], page["title"]) == (404, "Not Found")
        assert re.fullmatch("[0-9a-f]{32}", page["request_id"])


def test_proxy_status_names_the_failure():
    with Weir(TEXT) as weir:
        assert ask(weir, get("/nowhere")).get("Proxy-Status") == "weir; error=destination_not_found"
        with Client(weir) as client:
            response = client.ask(b"GET / HTTP/1.1\r\n\r\n")
            assert response.status == 400
            assert response.get("Proxy-Status") == "weir; error=http_request_error"
            assert response.get("Connection") == "close"
            assert client.is_closed()


def test_nothing_of_the_request_stands_in_the_page():
    with Weir(TEXT) as weir:
        response = ask(weir, get("/<script>alert(1)</script>", "a", "User-Agent: <script>"))
        assert b"<script" not in response.body


def test_head_gets_the_length_but_no_page():
    with Weir(TEXT) as weir, Client(weir) as client:
        response = client.ask(get("/nowhere", method="HEAD"), head_only=True)
        assert response.status == 404
        assert client.ask(get("/x")).status == 200
