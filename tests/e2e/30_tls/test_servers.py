# SPDX-License-Identifier: Apache-2.0
"""Servers that speak TLS: who is believed, and what happens to those who are not."""
import base64
import hashlib
import json
import os
import ssl

import pytest
from admintest import AdminClient
from tlstest import Authority, TlsOrigin, openssl
from weirtest import Client, CutOff, Origin, Weir, answer, ask, forward_to, get, post, wait_until

LARGE = os.urandom(1 << 20) * 3


@pytest.fixture(scope="module", name="authority")
def fixture_authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module", name="certificate")
def fixture_certificate(authority):
    return authority.issue("origin.test", "127.0.0.1")


def to(origin, tls, backend="", **options):
    return forward_to(origin, backend=f"tls {{ {tls} }}\nretry none\n{backend}", **options)


def failure(weir):
    return json.loads(weir.access(1)[-1])["failure"]


def test_a_server_that_is_who_it_should_be(authority, certificate):
    with TlsOrigin(certificate, answer("hello")) as origin:
        for tls in [f"ca {authority.chain}", f"ca {authority.chain}; server_name origin.test"]:
            with Weir(to(origin, tls)) as weir:
                assert ask(weir).body == b"hello"
                assert ask(weir).body == b"hello"
        assert len(origin.connections) == 2  # one for each weir: they are kept
        assert not origin.broken


@pytest.mark.parametrize("kind", ["authority", "name", "address", "expired", "system roots"])
def test_a_server_that_is_not(authority, certificate, tmp_path, kind):
    shown = {
        "authority": lambda: Authority(tmp_path).issue("origin.test", "127.0.0.1"),
        "name": lambda: authority.issue("other.test"),
        "address": lambda: authority.issue("127.0.0.2"),
        "expired": lambda: authority.issue("origin.test", "127.0.0.1", days=-1),
        "system roots": lambda: certificate,
    }[kind]()
    tls = "" if kind == "system roots" else f"ca {authority.chain}"
    if kind in ("name", "authority", "expired"):
        tls += "; server_name origin.test"
    with TlsOrigin(shown) as origin, Weir(to(origin, tls)) as weir:
        response = ask(weir)
        assert response.status == 502
        assert "tls_certificate_error" in response.get("Proxy-Status")
        assert failure(weir) == "tls_certificate"
        weir.wait_log("server origin/s1: TLS: ")
        assert not origin.requests


def test_verify_off_believes_anybody(certificate):
    with TlsOrigin(certificate) as origin, Weir(to(origin, "verify off")) as weir:
        assert ask(weir).status == 200


class Clear(Origin):
    """Answers whatever comes with HTTP."""

    def serve(self, connection):
        connection.more()
        connection.send(answer("?"))
        connection.close()


def test_a_server_in_the_clear_is_no_tls_server(authority):
    with Clear() as origin, Weir(to(origin, f"ca {authority.chain}")) as weir:
        assert ask(weir).status == 502
        assert failure(weir) == "tls_protocol"


def test_the_name_is_asked_for(authority, certificate):
    names = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sni_callback = lambda sock, name, _: names.append(name)
    with TlsOrigin(certificate, context=context) as origin:
        with Weir(to(origin, f"ca {authority.chain}; server_name origin.test")) as weir:
            assert ask(weir).status == 200
        with Weir(to(origin, f"ca {authority.chain}")) as weir:  # an address is no name
            assert ask(weir).status == 200
    assert names == ["origin.test", None]


def pin_of(certificate):
    key = openssl("x509", "-in", certificate.chain, "-noout", "-pubkey")
    der = openssl("pkey", "-pubin", "-outform", "DER", input=key)
    return base64.b64encode(hashlib.sha256(der).digest()).decode()


def test_pins(authority, certificate):
    another = pin_of(authority.issue("x.test"))
    with TlsOrigin(certificate) as origin:
        right = f"ca {authority.chain}; pin {another}; pin {pin_of(certificate)}"
        for tls in [right, f"verify off; pin {pin_of(certificate)}"]:
            with Weir(to(origin, tls)) as weir:
                assert ask(weir).status == 200
        with Weir(to(origin, f"verify off; pin {another}")) as weir:
            assert ask(weir).status == 502
            assert failure(weir) == "tls_certificate"


def test_weir_shows_its_own_certificate(authority, certificate):
    own = authority.issue("weir.test", subject="/CN=weir")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority.chain)
    with TlsOrigin(certificate, context=context) as origin:
        with Weir(to(origin, f"ca {authority.chain}; certificate {own.chain} {own.key}")) as weir:
            assert ask(weir).status == 200
            assert origin.peers[0]["subject"] == ((("commonName", "weir"),),)
        with Weir(to(origin, f"ca {authority.chain}")) as weir:
            assert ask(weir).status == 502


def test_sessions_are_resumed(authority, certificate):
    with TlsOrigin(certificate, answer("x", "200 OK", "Connection: close")) as origin:
        with Weir(to(origin, f"ca {authority.chain}")) as weir:
            for _ in range(4):
                assert ask(weir).status == 200
        assert origin.context.session_stats()["hits"] == 3


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("ciphers", ["TLS_AES_128_GCM_SHA256 ECDHE-ECDSA-AES128-GCM-SHA256",
                                     "TLS_AES_256_GCM_SHA384 ECDHE-ECDSA-AES256-GCM-SHA384"])
def test_large_bodies(authority, certificate, version, ciphers):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = version
    with TlsOrigin(certificate, lambda c, r: c.send(answer(c.read_body(r).body)), context=context) as origin:
        with Weir(to(origin, f"ca {authority.chain}; ciphers {ciphers}")) as weir:
            assert ask(weir, post("/", LARGE)).body == LARGE
            assert origin.sockets[0].cipher()[0] in ciphers


def test_a_body_without_length_ends_with_the_farewell(authority, certificate):
    def bye(connection, _):
        connection.send(b"HTTP/1.1 200 OK\r\n\r\nall of it")
        connection.socket = connection.socket.unwrap()

    with TlsOrigin(certificate, bye) as origin, Weir(to(origin, f"ca {authority.chain}")) as weir:
        assert ask(weir).body == b"all of it"


def test_a_body_without_farewell_is_not_whole(authority, certificate):
    cut = CutOff(b"HTTP/1.1 200 OK\r\n\r\nnot all of it")
    with TlsOrigin(certificate, cut) as origin, Weir(to(origin, f"ca {authority.chain}")) as weir:
        with Client(weir) as client:
            message = cut.ask(client)
            with pytest.raises((EOFError, ConnectionResetError)):
                client.read_body(message)
        assert failure(weir) == "response_truncated"


def test_another_server_is_tried(authority, certificate, tmp_path):
    wrong = Authority(tmp_path).issue("127.0.0.1")
    with TlsOrigin(wrong) as bad, TlsOrigin(certificate, answer("good")) as good:
        text = forward_to(bad, good, backend=f"tls {{ ca {authority.chain} }}\nbalance round_robin")
        with Weir(text) as weir:
            assert [ask(weir).body for _ in range(4)] == [b"good"] * 4


def test_a_unix_socket_needs_a_name(authority, certificate):
    with TlsOrigin(certificate) as origin:
        with Weir(to(origin, f"ca {authority.chain}", top="admin unix:{dir}/admin.sock")) as weir, AdminClient(weir) as admin:
            reply = admin.reply_to("server add origin s9 unix:/tmp/origin.sock")
            assert reply.code == "refused" and "server_name" in reply.first
        named = to(origin, f"ca {authority.chain}; server_name origin.test", top="admin unix:{dir}/admin.sock")
        with Weir(named) as weir, AdminClient(weir) as admin:
            assert admin.reply_to("server add origin s9 unix:/tmp/origin.sock").is_ok


def test_checks_speak_tls_too(authority, certificate):
    own = authority.issue("weir.test", subject="/CN=weir")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority.chain)
    backend = "check http GET /healthz { interval 50ms; rise 1; fall 1 }"
    tls = f"ca {authority.chain}; certificate {own.chain} {own.key}"
    with TlsOrigin(certificate, answer("fine"), context=context) as origin:
        with Weir(to(origin, tls, backend, top="admin unix:{dir}/admin.sock")) as weir:
            wait_until(lambda: ask(weir).status == 200, "the server to be up")
            assert any(r.target == "/healthz" for r in origin.requests)


def test_a_check_refuses_who_is_not_to_be_trusted(authority, certificate, tmp_path):
    wrong = Authority(tmp_path).issue("127.0.0.1")
    backend = "check tcp { interval 50ms; rise 1; fall 1 }"
    with TlsOrigin(wrong) as origin:
        with Weir(to(origin, f"ca {authority.chain}", backend)) as weir:
            weir.wait_log("server origin/s1 is down")
            assert any("TLS: " in line for line in weir.log)
            assert ask(weir).status == 503
