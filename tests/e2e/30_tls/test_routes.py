# SPDX-License-Identifier: Apache-2.0
"""Routes by what the connection is: protocol, SNI and client certificate; `explain request` says the same."""
import hashlib
import ssl

import pytest
from admintest import AdminClient
from h2test import H2Client, request
from tlstest import Authority, TlsClient, client_context
from weirtest import Client, Weir, get

ROUTES = """
    route cert_subject client_cert subject CN=alice,O=Example respond 200 "$route"
    route cert_san client_cert san bob.test respond 200 "$route"
    route cert_print client_cert fingerprint {fingerprint} respond 200 "$route"
    route h2_b protocol h2 sni b.test respond 200 "$route"
    route two protocol h2 respond 200 "$route"
    route old protocol http/1.0 respond 200 "$route"
    route wild sni *.wild.test respond 200 "$route"
    route not_clear sni a.test sni b.test not protocol h2 respond 200 "$route"
    route rest respond 200 "$route"
"""


class World:
    def __init__(self, directory):
        self.authority = Authority(directory)
        self.server = self.authority.issue("a.test", "b.test", "x.wild.test")
        self.alice = self.authority.issue("alice.test", subject="/O=Example/CN=alice")
        self.bob = self.authority.issue("other.test", "bob.test", subject="/CN=bob")
        self.carol = self.authority.issue("carol.test", subject="/CN=carol")
        with open(self.carol.chain, encoding="ascii") as file:
            self.fingerprint = hashlib.sha256(ssl.PEM_cert_to_DER_cert(file.read())).hexdigest()

    def config(self):
        routes = ROUTES.format(fingerprint=self.fingerprint)
        tls = f"certificate {self.server.chain} {self.server.key}; client_ca {self.authority.chain} verify optional"
        return f"""
admin unix:{{dir}}/admin.sock {{ mode 0600 }}
listener secure {{ bind 127.0.0.1:{{port}} tls; tls {{ {tls} }} {routes} }}
listener clear {{ bind 127.0.0.1:{{clear}}; {routes} }}"""


@pytest.fixture(scope="module", name="world")
def fixture_world(tmp_path_factory):
    return World(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module", name="weir")
def fixture_weir(world):
    with Weir(world.config(), ports=["port", "clear"]) as weir:
        yield weir


def taken(weir, name, protocol, certificate):
    """The route that a real request takes; `name` is for SNI, and without it the request comes in the clear."""
    context = client_context(certificate=certificate, alpn=["h2"] if protocol == "h2" else [])
    if protocol == "h2":
        wrap = (lambda plain: context.wrap_socket(plain, server_hostname=name)) if name else None
        with H2Client(weir, "port" if name else "clear", wrap=wrap) as client:
            return client.ask(request(authority=name or "a.test", scheme="https" if name else "http")).body.decode()
    asked = get(host=name or "a.test")
    if protocol == "http/1.0":
        asked = asked.replace(b"HTTP/1.1", b"HTTP/1.0")
    with TlsClient(weir, name=name, context=context) if name else Client(weir, "clear") as client:
        return client.ask(asked).body.decode()


def explained(weir, url, *pairs):
    with AdminClient(weir) as admin:
        return admin.ask(f"explain request GET {url} {' '.join(pairs)}")


@pytest.mark.parametrize("name, protocol, who, route", [
    (None, "http/1.1", None, "rest"), (None, "http/1.0", None, "old"), (None, "h2", None, "two"),
    ("a.test", "http/1.1", None, "not_clear"), ("a.test", "http/1.0", None, "old"), ("a.test", "h2", None, "two"),
    ("b.test", "h2", None, "h2_b"), ("x.wild.test", "http/1.1", None, "wild"), ("x.wild.test", "h2", None, "two"),
    ("a.test", "http/1.1", "alice", "cert_subject"), ("a.test", "h2", "alice", "cert_subject"),
    ("a.test", "http/1.1", "bob", "cert_san"), ("a.test", "h2", "carol", "cert_print")])
def test_what_is_taken_and_what_is_explained(world, weir, name, protocol, who, route):
    assert taken(weir, name, protocol, getattr(world, who) if who else None) == route
    shown = {"alice": ["client_cert_subject=CN=alice,O=Example"], "carol": ["client_cert_fingerprint=" + world.fingerprint],
             "bob": ["client_cert_san=other.test", "client_cert_san=bob.test"]}.get(who, [])
    if name:
        pairs = [f"sni={name.upper()}", f"protocol={protocol}", *shown]
        assert explained(weir, "/", *pairs).first == f"ok route {route}"
        assert explained(weir, f"https://{name}:{weir.port()}/", *pairs[1:]).first == f"ok route {route}"
    else:
        told = explained(weir, "http://a.test/", "listener=clear", f"protocol={protocol}")
        assert told.first == f"ok route {route}"


def test_an_explanation_says_what_it_is_of(world, weir):
    told = explained(weir, "https://b.test/", "protocol=h2", "client_cert_subject=CN=dave").body
    assert "host b.test, h2, sni b.test, certificate CN=dave" in told
    assert "does not match: client_cert subject CN=alice,O=Example" in told
    # A scheme in capitals is the same scheme, and the path may be missing.
    assert "host b.test, h2, sni b.test" in explained(weir, "HTTPS://b.test?x=1", "protocol=h2").body
    # Addresses are not for SNI, and a clear URL has no TLS.
    assert "sni" not in explained(weir, "https://127.0.0.1/").body.split("route")[0]
    assert "sni" not in explained(weir, "http://a.test/").body.split("route")[0]
    with AdminClient(weir) as admin:
        for wrong in ["protocol=spdy", "client=nobody"]:
            assert admin.reply_to(f"explain request GET / {wrong}").code == "usage"
