# SPDX-License-Identifier: Apache-2.0
"""Clients that show who they are: what is asked of them, and what routes, headers and logs can say of it."""
import hashlib
import json
import ssl

import pytest
from tlstest import Authority, TlsClient, client_context
from weirtest import Origin, Weir, answer, get


class World:
    def __init__(self, directory):
        self.authority = Authority(directory)
        self.others = Authority(directory, "others")
        self.server = self.authority.issue("a.test")
        self.alice = self.authority.issue("alice.test", "alice2.test", subject="/O=Example/CN=alice")
        self.bob = self.authority.issue("bob.test", subject="/CN=bob")
        self.stranger = self.others.issue("alice.test", subject="/O=Example/CN=alice")
        self.expired = self.authority.issue("old.test", days=-1)


@pytest.fixture(scope="module", name="world")
def fixture_world(tmp_path_factory):
    return World(tmp_path_factory.mktemp("certificates"))


def config(world, demand="required", routes="route respond 200 [$client_cert_subject]", rest=""):
    return f"""
access_log {{dir}}/access.log format json
listener web {{
    bind 127.0.0.1:{{port}} tls
    tls {{
        certificate {world.server.chain} {world.server.key}
        client_ca {world.authority.chain} verify {demand}
    }}
    {routes}
}}
{rest}"""


def outcome(weir, certificate, version):
    """What a client with this certificate gets: the answer, or the alert."""
    try:
        with TlsClient(weir, certificate=certificate, version=version) as client:
            return client.ask(get()).body.decode()
    except ssl.SSLError as error:
        return error.reason
    except (ConnectionResetError, BrokenPipeError):
        return "reset"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("demand", ["required", "optional"])
def test_who_is_let_in(world, demand, version):
    with Weir(config(world, demand)) as weir:
        assert outcome(weir, world.alice, version) == "[CN=alice,O=Example]"
        without = outcome(weir, None, version)
        if demand == "optional":
            assert without == "[]"
        else:
            assert "CERTIFICATE_REQUIRED" in without or "HANDSHAKE_FAILURE" in without or without == "reset"
        for certificate in [world.stranger, world.expired]:
            assert not outcome(weir, certificate, version).startswith("[")


def test_routes_match_what_was_shown(world):
    routes = """
    route client_cert subject CN=alice,O=Example respond 200 subject
    route client_cert san bob.test respond 200 san
    route respond 403 nobody"""
    with Weir(config(world, "optional", routes)) as weir:
        for certificate, text in [(world.alice, b"subject"), (world.bob, b"san"), (None, b"nobody")]:
            with TlsClient(weir, certificate=certificate) as client:
                assert client.ask(get()).body == text


def test_routes_match_the_fingerprint(world):
    der = ssl.PEM_cert_to_DER_cert(open(world.bob.chain, encoding="ascii").read())
    print_ = hashlib.sha256(der).hexdigest()
    routes = f"route client_cert fingerprint {print_} respond 200 bob; route respond 200 other"
    with Weir(config(world, "required", routes)) as weir:
        for certificate, text in [(world.bob, b"bob"), (world.alice, b"other")]:
            with TlsClient(weir, certificate=certificate) as client:
                assert client.ask(get()).body == text


def test_headers_say_who_it_is_and_cannot_be_forged(world):
    routes = """header set X-Subject $client_cert_subject; header set X-Names $client_cert_names
    route forward origin"""
    with Origin() as origin:
        rest = f"backend origin {{ server s1 {origin.address} }}"
        with Weir(config(world, "optional", routes, rest)) as weir:
            with TlsClient(weir, certificate=world.alice) as client:
                client.ask(get("/", "test", "X-Subject: CN=root", "X-Names: root"))
            with TlsClient(weir) as client:
                client.ask(get("/", "test", "X-Subject: CN=root", "X-Names: root"))
            first, second = origin.requests
            assert first.all("X-Subject") == ["CN=alice,O=Example"]
            assert first.all("X-Names") == ["alice.test,alice2.test"]
            assert "CN=root" not in second.all("X-Subject") and "root" not in second.all("X-Names")
            assert json.loads(weir.access(2)[0])["client_cert_subject"] == "CN=alice,O=Example"


def test_a_resumed_session_knows_who_it_is(world):
    routes = 'route respond 200 "$tls_resumed $client_cert_subject"'
    with Weir(config(world, "required", routes), workers=2) as weir:
        context = client_context(certificate=world.bob)
        with TlsClient(weir, context=context) as client:
            assert client.ask(get()).body == b"0 CN=bob"
            session = client.socket.session
        for _ in range(4):
            with TlsClient(weir, context=context, session=session) as client:
                assert client.ask(get()).body == b"1 CN=bob"


def test_a_session_does_not_open_another_door(world):
    """Two listeners share the ticket keys, but not what they ask of clients."""
    text = config(world) + f"""
listener open {{
    bind 127.0.0.1:{{open}} tls
    tls {{ certificate {world.server.chain} {world.server.key} }}
    route respond 200 open
}}"""
    with Weir(text, ports=["port", "open"]) as weir:
        context = client_context()
        with TlsClient(weir, context=context, port="open") as client:
            assert client.ask(get()).body == b"open"
            session = client.socket.session
        with pytest.raises((ssl.SSLError, ConnectionResetError, BrokenPipeError)):
            with TlsClient(weir, context=context, session=session) as client:
                client.ask(get())
