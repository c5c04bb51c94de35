# SPDX-License-Identifier: Apache-2.0
"""X-Forwarded-*, Forwarded and Via, from strangers and from trusted proxies."""
import pytest
from weirtest import Origin, Weir, answer, ask, forward_to, get

CLAIMS = ("X-Forwarded-For: 10.0.0.1, 192.0.2.7", "X-Forwarded-Proto: https", "X-Forwarded-Host: claimed",
          "Forwarded: for=10.0.0.1", "X-Real-IP: 10.0.0.1", "X-Forwarded-Port: 1", "Via: 1.1 other")


def seen(top, *lines):
    with Origin(answer("ok")) as origin, Weir(forward_to(origin, top=top)) as weir:
        assert ask(weir, get("/", "asked.example", *lines)).status == 200
        return origin.requests[0]


def test_a_plain_request():
    request = seen("")
    assert request.get("X-Forwarded-For") == "127.0.0.1"
    assert request.get("X-Forwarded-Proto") == "http"
    assert request.get("X-Forwarded-Host") == "asked.example"
    assert request.get("Forwarded") is None
    assert request.get("Via") == "1.1 weir"
    assert request.get("Host") == "asked.example"


@pytest.mark.parametrize("top", ["", "trusted_proxies 10.0.0.0/8"])
def test_strangers_are_not_believed(top):
    request = seen(top, *CLAIMS)
    assert request.get("X-Forwarded-For") == "127.0.0.1"
    assert request.get("X-Forwarded-Proto") == "http"
    assert request.get("X-Forwarded-Host") == "asked.example"
    assert request.get("X-Real-IP") is None and request.get("X-Forwarded-Port") is None
    assert request.get("Forwarded") == 'for=127.0.0.1;host="asked.example";proto=http'
    assert request.get("Via") == "1.1 other, 1.1 weir"


def test_trusted_proxies_are_believed():
    request = seen("trusted_proxies 127.0.0.0/8 10.0.0.0/8", *CLAIMS)
    chain = request.get("X-Forwarded-For")
    assert chain.startswith("10.0.0.1, 192.0.2.7") and chain.count(",") == 2
    assert request.get("X-Forwarded-Proto") == "https"
    assert request.get("X-Forwarded-Host") == "claimed"
    assert request.get("X-Real-IP") == "10.0.0.1"
    assert request.get("Forwarded").startswith("for=10.0.0.1, for=")


def test_the_client_behind_trusted_proxies():
    text = """trusted_proxies 127.0.0.0/8 10.0.0.0/8
        listener web { bind 127.0.0.1:{port}; route client 192.0.2.0/24 respond 200 $client_addr; route respond 403 $client_addr }"""
    with Weir(text) as weir:
        response = ask(weir, get("/", "a", "X-Forwarded-For: 1.1.1.1, 192.0.2.7, 10.0.0.9"))
        assert (response.status, response.body) == (200, b"192.0.2.7")
        assert ask(weir, get("/")).body == b"127.0.0.1"
