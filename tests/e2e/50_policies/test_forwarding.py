# SPDX-License-Identifier: Apache-2.0
"""X-Forwarded-*, Forwarded and Via: from strangers, from trusted proxies, and what the operator makes of them."""
import json

import pytest
from h2test import H2Client, request
from weirtest import Client, Origin, Weir, answer, ask, forward_to, get, wait_until

CLAIMS = ("X-Forwarded-For: 10.0.0.1, 192.0.2.7", "X-Forwarded-Proto: https", "X-Forwarded-Host: claimed",
          "Forwarded: for=10.0.0.1", "X-Real-IP: 10.0.0.1", "X-Forwarded-Port: 1", "Via: 1.1 other")
EVERYTHING = "fields x-forwarded-for x-forwarded-proto x-forwarded-host x-forwarded-port x-real-ip forwarded"


def pair(line):
    name, value = line.split(": ", 1)
    return name.lower(), value


def send(weir, h2, lines, host="asked.example"):
    """One request over either version; its status and body."""
    if not h2:
        response = ask(weir, get("/", host, *lines))
        return response.status, response.body
    with H2Client(weir) as client:
        got = client.ask(request("GET", "/", *map(pair, lines), authority=host))
        return got.status, got.body


def seen(top, *lines, h2=False, listener=""):
    with Origin(answer("ok")) as origin, Weir(forward_to(origin, top=top, listener=listener)) as weir:
        assert send(weir, h2, lines)[0] == 200
        return origin.requests[0]


both = pytest.mark.parametrize("h2", [False, True], ids=["h1", "h2"])


@both
def test_a_plain_request(h2):
    got = seen("", h2=h2)
    assert got.get("X-Forwarded-For") == "127.0.0.1"
    assert got.get("X-Forwarded-Proto") == "http"
    assert got.get("X-Forwarded-Host") == "asked.example"
    assert got.get("Forwarded") is None
    assert got.get("Via") == ("2 weir" if h2 else "1.1 weir")
    assert got.get("Host") == "asked.example"


@both
@pytest.mark.parametrize("top", ["", "trusted_proxies 10.0.0.0/8 unix:"])
def test_strangers_are_not_believed(top, h2):
    got = seen(top, *CLAIMS, h2=h2)
    assert got.get("X-Forwarded-For") == "127.0.0.1"
    assert got.get("X-Forwarded-Proto") == "http"
    assert got.get("X-Forwarded-Host") == "asked.example"
    assert got.get("X-Real-IP") is None and got.get("X-Forwarded-Port") is None
    assert got.get("Forwarded") == 'for=127.0.0.1;host="asked.example";proto=http'
    assert got.get("Via") == ("1.1 other, 2 weir" if h2 else "1.1 other, 1.1 weir")


@both
def test_trusted_proxies_are_believed_in_the_fields_they_are_named_for(h2):
    got = seen(f"trusted_proxies 127.0.0.0/8 10.0.0.0/8 {{ {EVERYTHING} }}", *CLAIMS, h2=h2)
    assert got.get("X-Forwarded-For") == "10.0.0.1, 192.0.2.7, 127.0.0.1"
    assert got.get("X-Forwarded-Proto") == "https"
    assert got.get("X-Forwarded-Host") == "claimed"
    assert got.get("X-Real-IP") == "10.0.0.1" and got.get("X-Forwarded-Port") == "1"
    assert got.get("Forwarded") == 'for=10.0.0.1, for=127.0.0.1;host="asked.example";proto=http'


# Balancers pass these through, as their clients have made them up.
@both
def test_by_default_only_address_and_scheme_are_believed(h2):
    got = seen("trusted_proxies 127.0.0.0/8 10.0.0.0/8", *CLAIMS, h2=h2)
    assert got.get("X-Forwarded-For") == "10.0.0.1, 192.0.2.7, 127.0.0.1"
    assert got.get("X-Forwarded-Proto") == "https"
    assert got.get("X-Forwarded-Host") == "asked.example"
    assert got.get("X-Real-IP") is None and got.get("X-Forwarded-Port") is None
    assert got.get("Forwarded") == ('for=192.0.2.7;host="asked.example";proto=https, '
                                    'for=127.0.0.1;host="asked.example";proto=http')


@both
@pytest.mark.parametrize("name", ["X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port",
                                  "X-Forwarded-Prefix", "X-Real-IP", "Forwarded", "Via"])
def test_the_operator_has_the_last_word(name, h2):
    lines = (f"{name}: client",) if name != "Via" else ()
    assert seen("", *lines, h2=h2, listener=f"header set {name} operator").all(name) == ["operator"]
    assert seen("", *lines, h2=h2, listener=f"header remove {name}").all(name) == []
    added = seen("", *lines, h2=h2, listener=f"header add {name} operator").all(name)
    assert added[-1] == "operator" and "client" not in added


@both
def test_the_operator_uses_what_is_known_of_the_client(h2):
    listener = "header set X-Real-IP $client_addr; header set X-Forwarded-Port $client_port; header set X-Forwarded-Server $scheme/$host"
    got = seen("trusted_proxies 127.0.0.1", "X-Forwarded-For: 192.0.2.7", "X-Forwarded-Proto: https", h2=h2, listener=listener)
    assert got.get("X-Real-IP") == "192.0.2.7"
    assert got.get("X-Forwarded-Port") == "0"
    assert got.get("X-Forwarded-Server") == "https/asked.example"


@both
def test_routes_and_filters_see_what_weir_has_set(h2):
    text = """listener web { bind 127.0.0.1:{port}
        route header X-Forwarded-Proto https respond 200 "client's"
        route header X-Real-IP 10.0.0.1 respond 200 "client's"
        route header X-Forwarded-Host asked.example respond 200 "$header_x_forwarded_for"
        route respond 404 }"""
    with Weir(text) as weir:
        assert send(weir, h2, ("X-Forwarded-Proto: https", "X-Real-IP: 10.0.0.1")) == (200, b"127.0.0.1")


@both
def test_the_client_behind_trusted_proxies(h2):
    text = """trusted_proxies 127.0.0.0/8 10.0.0.0/8
        listener web { bind 127.0.0.1:{port}; route client 192.0.2.0/24 respond 200 $client_addr; route respond 403 $client_addr }"""
    with Weir(text) as weir:
        assert send(weir, h2, ("X-Forwarded-For: 1.1.1.1, 192.0.2.7, 10.0.0.9",)) == (200, b"192.0.2.7")
        assert send(weir, h2, ()) == (403, b"127.0.0.1")
        assert send(weir, h2, ("Forwarded: for=192.0.2.7", "X-Real-IP: 192.0.2.7")) == (403, b"127.0.0.1")


# Matching stays with Host: routes decide where a request goes by what it was sent to.
@both
def test_scheme_and_host_of_the_client_are_in_texts(h2):
    text = """trusted_proxies 127.0.0.1 { fields x-forwarded-for x-forwarded-proto x-forwarded-host }
        access_log {dir}/access.log
        listener web { bind 127.0.0.1:{port}
            route host public.example respond 404
            route path /secret respond 404
            route redirect 301 "$scheme://$host/new$path" }"""
    lines = ("X-Forwarded-Proto: https", "X-Forwarded-Host: Public.Example:8443")
    with Weir(text) as weir:
        if h2:
            with H2Client(weir) as client:
                got = client.ask(request("GET", "/a", *map(pair, lines), authority="inner:80"))
                assert (got.status, got.fields["location"]) == (301, "https://public.example/new/a")
        else:
            got = ask(weir, get("/a", "inner:80", *lines))
            assert (got.status, got.get("Location")) == (301, "https://public.example/new/a")
        assert json.loads(weir.access()[0])["host"] == "public.example"


@both
def test_forwarded_is_believed_if_it_is_named_and_well_formed(h2):
    text = """trusted_proxies 127.0.0.1 { fields forwarded }
        listener web { bind 127.0.0.1:{port}; route respond 200 "$client_addr $scheme $host" }"""
    with Weir(text) as weir:
        value = 'Forwarded: for=1.1.1.1;proto=http, For="[2001:db8::7]:4711";Proto=https;host="b:1"'
        assert send(weir, h2, (value,)) == (200, b"2001:db8::7 https b")
        assert send(weir, h2, ('Forwarded: for=1.1.1.1;proto=https, for="',)) == (200, b"127.0.0.1 http asked.example")
        assert send(weir, h2, ("X-Forwarded-For: 1.1.1.1", "X-Forwarded-Proto: https")) == (200, b"127.0.0.1 http asked.example")


# What is unterminated would make a part of a string of what we add.
@both
def test_a_malformed_forwarded_is_replaced(h2):
    got = seen("trusted_proxies 127.0.0.1 { fields forwarded }", 'Forwarded: for="1.1.1.1', h2=h2)
    assert got.get("Forwarded") == 'for=127.0.0.1;host="asked.example";proto=http'


def test_a_unix_socket_has_no_address():
    top = "access_log {dir}/access.log format a; log_format a '$client_addr $scheme $host'"
    text = forward_to("{origin}", listener="bind unix:{dir}/sock").replace("access_log {dir}/access.log format json", top)
    with Origin(answer("ok")) as origin, Weir(text, origin=origin.address) as weir:
        with Client(weir.dir / "sock") as client:
            assert client.ask(get("/", "a", "X-Forwarded-For: 1.1.1.1", "Forwarded: for=1.1.1.1")).status == 200
        got = origin.requests[0]
        assert got.all("X-Forwarded-For") == [] and b"unix:" not in got.raw
        assert got.get("Forwarded") == 'for=unknown;host="a";proto=http'
        assert weir.access()[0] == "unix: http a"


def test_a_trusted_unix_socket_speaks_for_its_client():
    text = forward_to("{origin}", top="trusted_proxies unix:", listener="bind unix:{dir}/sock")
    with Origin(answer("ok")) as origin, Weir(text, origin=origin.address) as weir:
        with Client(weir.dir / "sock") as client:
            assert client.ask(get("/", "a", "X-Forwarded-For: 1.1.1.1", "X-Forwarded-Proto: https")).status == 200
            assert client.ask(get("/", "a")).status == 200
        # Others are not meant by it.
        assert ask(weir, get("/", "a", "X-Forwarded-For: 1.1.1.1")).status == 200
        assert [r.all("X-Forwarded-For") for r in origin.requests] == [["1.1.1.1"], [], ["127.0.0.1"]]
        assert origin.requests[0].get("X-Forwarded-Proto") == "https"
        entries = wait_until(lambda: len(weir.access()) >= 3 and [json.loads(line) for line in weir.access()])
        assert [entry["client"] for entry in entries] == ["1.1.1.1", "unix:", "127.0.0.1"]


# The narrowest range that holds the peer decides, in whatever order they are written.
def test_the_narrowest_range_decides():
    tops = ["trusted_proxies 127.0.0.0/8\ntrusted_proxies 127.0.0.1 { fields x-real-ip }",
            "trusted_proxies 127.0.0.1 { fields x-real-ip }\ntrusted_proxies 127.0.0.0/8"]
    for top in tops:
        got = seen(top, "X-Forwarded-For: 1.1.1.1", "X-Real-IP: 2.2.2.2")
        assert got.get("X-Forwarded-For") == "2.2.2.2, 127.0.0.1"


# A field that somebody in front has added must not vanish because the client names it in Connection.
@pytest.mark.parametrize("name", ["X-Forwarded-For", "X-Forwarded-Anything", "X-Real-IP", "Forwarded", "Via"])
def test_clients_cannot_name_these_fields_in_connection(name):
    with Origin(answer("ok")) as origin, Weir(forward_to(origin)) as weir:
        assert ask(weir, get("/", "a", f"Connection: close, {name}")).status == 400
        assert not origin.requests


def test_what_the_operator_sets_cannot_be_named_away():
    got = seen("", "Connection: close, X-Token", "X-Token: client", listener="header set X-Token operator")
    assert got.all("X-Token") == ["operator"]
