# SPDX-License-Identifier: Apache-2.0
"""Clients that speak TLS: handshakes, versions, names, ends, and bodies of all sizes."""
import json
import os
import socket
import ssl
import subprocess

import pytest
from tlstest import Authority, TlsClient, client_context, openssl
from weirtest import DEADLINE, Client, Origin, Weir, answer, get, post, wait_until

LARGE = os.urandom(1 << 20) * 5


@pytest.fixture(scope="module", name="authority")
def fixture_authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module", name="certificate")
def fixture_certificate(authority):
    return authority.issue("a.test")


def config(certificate, tls="", listener="", rest="", action='respond 200 "$tls_version $scheme"'):
    return f"""
admin unix:{{dir}}/admin.sock
access_log {{dir}}/access.log format json
listener web {{
    bind 127.0.0.1:{{port}} tls
    tls {{ certificate {certificate.chain} {certificate.key}; {tls} }}
    {listener}
    route path /metrics metrics
    route {action}
}}
{rest}"""


def forwarding(certificate, origin, **options):
    rest = f"backend origin {{ server s1 {origin.address} }}"
    return config(certificate, rest=rest, action="forward origin", **options)


def metric(weir, name):
    """Summed over workers."""
    with TlsClient(weir) as client:
        text = client.ask(get("/metrics")).body.decode()
    return sum(int(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name))


def test_a_request_over_tls(authority, certificate):
    with Weir(config(certificate)) as weir:
        with TlsClient(weir, authority, alpn=["http/1.1"]) as client:
            assert client.ask(get()).body == b"TLSv1.3 https"
            assert client.ask(get()).body == b"TLSv1.3 https"  # and another on the same connection
            assert client.socket.selected_alpn_protocol() == "http/1.1"
        line = json.loads(weir.access(1)[0])
        assert line["tls_version"] == "TLSv1.3" and line["tls_server_name"] == "a.test"
        assert line["tls_alpn"] == "http/1.1" and line["tls_cipher"] == "TLS_AES_128_GCM_SHA256"


def test_curl_agrees(authority, certificate):
    with Weir(config(certificate)) as weir:
        port = weir.port("port")
        done = subprocess.run(
            ["curl", "-s", "--http1.1", "--cacert", authority.chain, "--resolve", f"a.test:{port}:127.0.0.1",
             f"https://a.test:{port}/"], capture_output=True, text=True, timeout=DEADLINE, check=True)
        assert done.stdout == "TLSv1.3 https"


@pytest.mark.parametrize("least, offered, works", [
    ("1.2", ssl.TLSVersion.TLSv1_2, True),
    ("1.2", ssl.TLSVersion.TLSv1_3, True),
    ("1.3", ssl.TLSVersion.TLSv1_2, False),
    ("1.3", ssl.TLSVersion.TLSv1_3, True),
])
def test_versions(certificate, least, offered, works):
    with Weir(config(certificate, f"min_version {least}")) as weir:
        if works:
            with TlsClient(weir, version=offered) as client:
                assert client.ask(get()).body.startswith(offered.name.replace("_", ".").encode())
        else:
            with pytest.raises(ssl.SSLError, match="alert protocol version"):
                TlsClient(weir, version=offered)
            assert metric(weir, 'weir_worker_tls_failures_total{worker="0",reason="version"}') == 1


def test_ciphers_and_groups_are_passed_to_the_library(certificate):
    tls = "ciphers TLS_CHACHA20_POLY1305_SHA256 ECDHE-ECDSA-AES256-GCM-SHA384; groups P-384"
    with Weir(config(certificate, tls)) as weir:
        with TlsClient(weir) as client:
            assert client.socket.cipher()[0] == "TLS_CHACHA20_POLY1305_SHA256"
        with TlsClient(weir, version=ssl.TLSVersion.TLSv1_2) as client:
            assert client.socket.cipher()[0] == "ECDHE-ECDSA-AES256-GCM-SHA384"
        shown = openssl("s_client", "-connect", f"127.0.0.1:{weir.port('port')}", input=b"")
        assert b"ECDH, secp384r1, 384 bits" in shown


def test_no_protocol_in_common_ends_the_handshake(certificate):
    with Weir(config(certificate)) as weir:
        with pytest.raises(ssl.SSLError, match="no application protocol"):
            TlsClient(weir, alpn=["spdy/3"])
        assert metric(weir, 'weir_worker_tls_failures_total{worker="0",reason="alpn"}') == 1


def test_names_choose_certificates(authority, certificate):
    others = [authority.issue("b.test", "c.test"), authority.issue("*.wild.test"), authority.issue("x.wild.test")]
    more = "; ".join(f"certificate {c.chain} {c.key}" for c in others)
    with Weir(config(certificate, more)) as weir:
        for name, subject in [("a.test", "a.test"), ("b.test", "b.test"), ("c.test", "b.test"),
                              ("q.wild.test", "*.wild.test"), ("x.wild.test", "x.wild.test")]:
            with TlsClient(weir, authority, name) as client:
                assert client.subject == subject
        # Two labels for one asterisk, a name nobody has, and none at all: the first one.
        unchecked = client_context(authority, check_hostname=False)
        for name in ["p.q.wild.test", "other.test", None]:
            with TlsClient(weir, name=name, context=unchecked) as client:
                assert client.subject == "a.test"


def test_rsa_and_ecdsa_for_one_name(authority, certificate):
    rsa = authority.issue("a.test", key="rsa", subject="/CN=rsa")
    with Weir(config(certificate, f"certificate {rsa.chain} {rsa.key}")) as weir:
        for cipher, subject in [("ECDHE-ECDSA-AES128-GCM-SHA256", "a.test"), ("ECDHE-RSA-AES128-GCM-SHA256", "rsa")]:
            context = client_context(authority, version=ssl.TLSVersion.TLSv1_2)
            context.set_ciphers(cipher)
            with TlsClient(weir, context=context) as client:
                assert client.subject == subject


def test_routes_match_the_server_name(certificate):
    routes = "route sni b.test respond 200 b; route sni *.wild.test respond 200 wild"
    with Weir(config(certificate, listener=routes, action="respond 200 other")) as weir:
        for name, text in [("b.test", b"b"), ("B.test", b"b"), ("x.wild.test", b"wild"), (None, b"other")]:
            with TlsClient(weir, name=name) as client:
                assert client.ask(get(host="whatever")).body == text


def test_tickets_work_at_every_worker(certificate):
    with Weir(config(certificate, action="respond 200 $tls_resumed"), workers=4) as weir:
        context, session = client_context(), None
        with TlsClient(weir, context=context) as client:
            assert client.ask(get()).body == b"0"
            session = client.socket.session
        for _ in range(16):
            with TlsClient(weir, context=context, session=session) as client:
                assert client.ask(get()).body == b"1"
                assert client.socket.session_reused
        assert metric(weir, "weir_worker_tls_resumptions_total") == 16


def test_one_ticket_comes_with_the_first_answer(certificate):
    with Weir(config(certificate)) as weir:
        told = openssl("s_client", "-connect", f"127.0.0.1:{weir.port('port')}", "-msg", "-ign_eof",
                       input=get("/", "test", "Connection: close"))
        assert told.count(b"NewSessionTicket") == 1


def test_tickets_off(certificate):
    with Weir(config(certificate, "tickets off")) as weir:
        for version in [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]:
            context = client_context(version=version)
            with TlsClient(weir, context=context) as client:
                client.ask(get())
                assert not client.socket.session or not client.socket.session.has_ticket


def test_tickets_of_tls_1_2(certificate):
    with Weir(config(certificate, action="respond 200 $tls_resumed"), workers=2) as weir:
        context = client_context(version=ssl.TLSVersion.TLSv1_2)
        with TlsClient(weir, context=context) as client:
            client.ask(get())
            session = client.socket.session
        for _ in range(6):
            with TlsClient(weir, context=context, session=session) as client:
                assert client.ask(get()).body == b"1"


CIPHERS = {
    ssl.TLSVersion.TLSv1_2: ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
                             "ECDHE-ECDSA-CHACHA20-POLY1305"],
    ssl.TLSVersion.TLSv1_3: ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"],
}


@pytest.mark.parametrize("version, cipher", [(v, cipher) for v, ciphers in CIPHERS.items() for cipher in ciphers])
def test_large_bodies_both_ways(certificate, version, cipher):
    with Origin(lambda c, r: c.send(answer(c.read_body(r).body))) as origin:
        with Weir(forwarding(certificate, origin, tls=f"ciphers {cipher}")) as weir:
            with TlsClient(weir, version=version) as client:
                assert client.socket.cipher()[0] == cipher
                assert client.ask(post("/", LARGE)).body == LARGE
                assert client.ask(post("/", b"small")).body == b"small"


def test_a_client_that_does_not_read_holds_the_origin_up(certificate):
    sent = []

    def flood(connection, _):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (len(LARGE) * 20))
        for _ in range(20):
            connection.send(LARGE)
            sent.append(1)

    with Origin(flood) as origin, Weir(forwarding(certificate, origin)) as weir:
        with TlsClient(weir) as client:
            client.send(get())
            client.read_head()
            client.read_exact(1000)
            assert len(sent) < 20
            rest = client.read_exact(len(LARGE) * 20 - 1000)
            assert rest[-len(LARGE):] == LARGE


def test_half_close_still_gets_the_answer(certificate):
    with Origin(lambda c, r: (c.read_body(r), c.send(answer("late")))) as origin:
        with Weir(forwarding(certificate, origin)) as weir:
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            tls = client_context().wrap_bio(incoming, outgoing, server_hostname="a.test")
            with socket.create_connection(("127.0.0.1", weir.port("port")), 20) as sock:

                def until(step):
                    while True:
                        try:
                            return step()
                        except ssl.SSLWantReadError:
                            if outgoing.pending:
                                sock.sendall(outgoing.read())
                            incoming.write(sock.recv(65536))

                until(tls.do_handshake)
                tls.write(get())
                with pytest.raises(ssl.SSLWantReadError):
                    tls.unwrap()  # our close_notify
                sock.sendall(outgoing.read())
                sock.shutdown(socket.SHUT_WR)
                received = b""
                while not received.endswith(b"late"):
                    received += until(lambda: tls.read(65536))


def test_the_end_is_said(certificate):
    with Weir(config(certificate)) as weir, TlsClient(weir) as client:
        client.ask(get("/", "test", "Connection: close"))
        assert client.socket.recv(1) == b""  # close_notify: without one this raises


def test_an_idle_client_is_told_to_go(certificate):
    with Weir(config(certificate, listener="timeout idle 100ms")) as weir, TlsClient(weir) as client:
        client.ask(get())
        assert client.socket.recv(1) == b""


def test_a_client_that_vanishes_is_noticed(certificate):
    with Origin(lambda c, r: c.read_head()) as origin, Weir(forwarding(certificate, origin)) as weir:
        with TlsClient(weir) as client:
            client.send(get())
            origin.wait(1)
        assert json.loads(weir.access(1)[0])["failure"] == "client_gone"


def test_a_slow_handshake_is_ended(certificate):
    with Weir(config(certificate, listener="timeout handshake 100ms")) as weir:
        with Client(weir) as client:
            client.send(b"\x16\x03\x01\x02\x00")  # the beginning of a ClientHello
            assert client.is_closed()
        assert metric(weir, 'weir_worker_tls_failures_total{worker="0",reason="timeout"}') == 1


@pytest.mark.parametrize("garbage", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\0" * 400, bytes(range(256)) * 8,
                                     b"\x16\x03\x01\xff\xff" + b"\1" * 3000],
                         ids=["http", "zeros", "bytes", "long record"])
def test_what_is_no_tls_is_refused(certificate, garbage):
    with Weir(config(certificate)) as weir:
        with Client(weir) as client:
            client.send(garbage)
            client.finish()
            client.read_to_end()
        with TlsClient(weir) as client:
            assert client.ask(get()).status == 200


def test_renegotiation_is_refused(certificate):
    with Weir(config(certificate)) as weir:
        done = subprocess.run(
            ["openssl", "s_client", "-tls1_2", "-connect", f"127.0.0.1:{weir.port('port')}"],
            input=b"R\n", capture_output=True, timeout=DEADLINE, check=False)
        assert b"no renegotiation" in done.stderr


def test_pipelined_requests_in_one_record(certificate):
    with Weir(config(certificate, action="respond 200 $path")) as weir, TlsClient(weir) as client:
        client.send(b"".join(get(f"/{i}") for i in range(20)))
        assert [client.receive().body for _ in range(20)] == [b"/%d" % i for i in range(20)]


def test_one_byte_a_record(certificate):
    with Weir(config(certificate, action="respond 200 $path")) as weir, TlsClient(weir) as client:
        for byte in get("/slowly"):
            client.send(bytes([byte]))
        assert client.receive().body == b"/slowly"


def test_tunnels_run_over_tls(certificate):
    def echo(connection, _):
        connection.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: upgrade\r\n\r\n")
        while connection.more():
            connection.send(connection.pending)
            connection.pending = b""

    with Origin(echo) as origin, Weir(forwarding(certificate, origin)) as weir, TlsClient(weir) as client:
        assert client.ask(get("/", "test", "Upgrade: echo", "Connection: upgrade"), head_only=True).status == 101
        for part in [b"hello", LARGE[:200000], b"!"]:
            client.send(part)
            assert client.read_exact(len(part)) == part


def test_early_data_is_refused_unless_the_route_takes_it(certificate):
    top = "trusted_proxies 127.0.0.0/8\n"
    listener = "route path /safe { early_data on; respond 200 safe }"
    text = top + config(certificate, listener=listener, action="respond 200 ok")
    with Weir(text) as weir, TlsClient(weir) as client:
        assert client.ask(get("/safe", "test", "Early-Data: 1")).status == 200
        assert client.ask(get("/", "test")).status == 200
        assert client.ask(get("/", "test", "Early-Data: 1")).status == 425
    with Weir(config(certificate, action="respond 200 ok")) as weir, TlsClient(weir) as client:
        assert client.ask(get("/", "test", "Early-Data: 1")).status == 200  # nobody's word for it


def test_a_worker_that_dies_takes_no_ticket_keys_with_it(certificate):
    with Weir(config(certificate, action="respond 200 $tls_resumed")) as weir:
        context = client_context()
        with TlsClient(weir, context=context) as client:
            client.ask(get())
            session = client.socket.session
        (before,) = weir.pids("worker")
        os.kill(before, 9)
        wait_until(lambda: weir.pids("worker") not in ([], [before]), "another worker")
        with TlsClient(weir, context=context, session=session) as client:
            assert client.ask(get()).body == b"1"


def test_a_ticket_does_not_wait_for_a_request(certificate):
    """A client that has not asked yet may be waiting for an acknowledgement of its last flight."""
    with Weir(config(certificate)) as weir:
        context = client_context()
        with TlsClient(weir, context=context) as client:
            client.socket.settimeout(0.01)

            def has_ticket():
                try:
                    client.socket.recv(1)
                except ssl.SSLError:
                    pass
                except TimeoutError:
                    pass
                return client.socket.session and client.socket.session.has_ticket

            wait_until(has_ticket, "a ticket")
            client.socket.settimeout(DEADLINE)
            assert client.ask(get()).status == 200
