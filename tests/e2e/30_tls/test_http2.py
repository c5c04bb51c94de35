# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 over TLS: who gets it, for which names, and what a connection carries."""
import json
import os
import subprocess

import pytest
from h2test import H2Client, request
from tlstest import Authority, TlsClient, client_context
from weirtest import DEADLINE, Origin, Weir, answer, get

LARGE = os.urandom(25_000).hex().encode()  # less than a window


@pytest.fixture(scope="module", name="authority")
def fixture_authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module", name="certificates")
def fixture_certificates(authority):
    return authority.issue("a.test", "also.a.test"), authority.issue("b.test")


def config(certificates, listener="", rest="", action='respond 200 "$protocol $tls_alpn $tls_server_name"'):
    given = "; ".join(f"certificate {each.chain} {each.key}" for each in certificates)
    return f"""
access_log {{dir}}/access.log format json
listener web {{
    bind 127.0.0.1:{{port}} tls
    tls {{ {given} }}
    {listener}
    route {action}
}}
{rest}"""


def forwarding(certificates, origin):
    return config(certificates, rest=f"backend origin {{ server s1 {origin.address} }}", action="forward origin")


def h2(weir, authority, name="a.test"):
    context = client_context(authority, alpn=["h2", "http/1.1"])
    return H2Client(weir, wrap=lambda plain: context.wrap_socket(plain, server_hostname=name))


def curl(weir, authority, *arguments):
    done = subprocess.run(
        ["curl", "-sS", "--cacert", authority.chain, "--resolve", f"a.test:{weir.port()}:127.0.0.1", *arguments,
         f"https://a.test:{weir.port()}/"], capture_output=True, timeout=DEADLINE, check=True)
    return done.stdout


def test_a_client_that_offers_it_gets_it(authority, certificates):
    with Weir(config(certificates)) as weir:
        assert curl(weir, authority, "--http2") == b"HTTP/2.0 h2 a.test"
        assert curl(weir, authority, "--http1.1") == b"HTTP/1.1 http/1.1 a.test"
        with TlsClient(weir, authority) as client:  # offers nothing
            assert client.ask(get(host="a.test")).body == b"HTTP/1.1  a.test"
        lines = [json.loads(line) for line in weir.access(3)]
        assert [line.get("tls_alpn", "") for line in lines] == ["h2", "http/1.1", ""]
        assert lines[0]["h2_stream"] == 1


@pytest.mark.parametrize("protocols, spoken", [("http/1.1", "http/1.1"), ("h2", "h2"), ("h2 http/1.1", "h2")])
def test_a_listener_offers_what_it_speaks(authority, certificates, protocols, spoken):
    with Weir(config(certificates, f"protocols {protocols}")) as weir:
        context = client_context(authority, alpn=["http/1.1", "h2"])
        with TlsClient(weir, context=context) as client:
            assert client.socket.selected_alpn_protocol() == spoken


def test_another_name_of_the_same_certificate_may_share_a_connection(authority, certificates):
    with Weir(config(certificates)) as weir, h2(weir, authority) as client:
        assert client.ask(request(authority="a.test", scheme="https")).status == 200
        assert client.ask(request(authority="also.a.test", scheme="https")).status == 200
        wrong = client.ask(request(authority="b.test", scheme="https"))
        assert wrong.status == 421
        assert client.ask(request(authority="a.test", scheme="https")).status == 200  # the connection stays
    with Weir(config(certificates)) as weir, h2(weir, authority, "b.test") as client:
        assert client.ask(request(authority="b.test", scheme="https")).status == 200


def test_bodies_of_both_directions(authority, certificates):
    def echo(connection, asked):
        connection.read_body(asked)
        connection.send(answer((asked.body * 60).decode("latin-1")))

    with Origin(echo) as origin, \
            Weir(forwarding(certificates, origin)) as weir, h2(weir, authority) as client:
        for body in (b"", b"x", b"y" * 16384, LARGE):
            fields = request("POST", "/", ("content-length", str(len(body))), authority="a.test", scheme="https")
            got = client.ask(fields, body)
            assert got.status == 200 and got.body == body * 60


def test_many_requests_share_a_connection(authority, certificates):
    with Origin() as origin, Weir(forwarding(certificates, origin)) as weir, h2(weir, authority) as client:
        streams = [client.request(request(path=f"/{i}", authority="a.test", scheme="https")) for i in range(50)]
        assert [client.answer(stream).status for stream in streams] == [200] * 50
