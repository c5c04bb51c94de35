# SPDX-License-Identifier: Apache-2.0
"""What metrics and logs say of protocols: versions of HTTP and TLS, resumption, open connections."""
import json
import ssl

import pytest
from admintest import AdminClient
from h2test import RST_STREAM, H2Client, request
from tlstest import Authority, TlsClient, client_context
from weirtest import Client, Weir, get, wait_until


@pytest.fixture(scope="module", name="certificate")
def fixture_certificate(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates")).issue("a.test")


def config(certificate):
    return f"""
access_log {{dir}}/access.log format json
admin unix:{{dir}}/admin.sock {{ mode 0600 }}
listener secure {{
    bind 127.0.0.1:{{port}} tls
    tls {{ certificate {certificate.chain} {certificate.key} }}
    route respond 200
}}
listener clear {{ bind 127.0.0.1:{{clear}}; route respond 200 }}"""


def metrics(weir):
    """Name and labels but the worker's -> the sum over workers."""
    sums = {}
    with AdminClient(weir) as admin:
        for line in admin.ask("metrics").body.splitlines():
            if line.startswith("weir_worker_"):
                name, value = line.rsplit(" ", 1)
                labels = [label for label in name.rstrip("}").split("{")[1].split(",") if not label.startswith("worker=")]
                key = " ".join([name.split("{")[0].removeprefix("weir_worker_"), *labels])
                sums[key] = sums.get(key, 0) + float(value)
    return sums


def h2(weir, version=None):
    context = client_context(alpn=["h2"], version=version)
    return H2Client(weir, wrap=lambda plain: context.wrap_socket(plain, server_hostname="a.test"))


def test_requests_and_connections_by_protocol(certificate):
    with Weir(config(certificate), ports=["port", "clear"], workers=2) as weir:
        with Client(weir, "clear") as client:
            client.ask(get("/"))
            client.ask(get("/").replace(b"HTTP/1.1", b"HTTP/1.0"))
        with Client(weir, "clear") as client:
            assert client.ask(b"what\r\n\r\n").status == 400  # of no protocol
        with H2Client(weir, "clear") as clear, h2(weir) as secure:
            for client in [clear, secure, secure]:
                assert client.ask(request()).status == 200
            found = wait_until(lambda: (now := metrics(weir))['requests_by_protocol_total protocol="h2"'] == 3 and now)
            assert found['requests_by_protocol_total protocol="http/1.0"'] == 1
            assert found['requests_by_protocol_total protocol="http/1.1"'] == 1
            assert found["requests_total"] == 6
            assert (found["http2_connections_total"], found["http2_connections_open"]) == (2, 2)
        wait_until(lambda: metrics(weir)["http2_connections_open"] == 0)
        assert metrics(weir)["http2_connections_total"] == 2


def test_resets_by_who_did(certificate):
    with Weir(config(certificate), ports=["port", "clear"]) as weir, H2Client(weir, "clear") as client:
        client.sync()
        before = metrics(weir)
        first = client.request(request("POST"), end=False)
        client.frame(RST_STREAM, 0, first, b"\0\0\0\x08")
        malformed = client.request([("Upper", "no"), *request()])  # weir resets this one
        assert client.answer(malformed).reset is not None and client.sync()
        after = metrics(weir)
        for who in ["client", "weir"]:
            key = f'http2_resets_total by="{who}"'
            assert after[key] - before[key] == 1, key


def test_handshakes_by_version_and_outcome(certificate):
    with Weir(config(certificate), ports=["port", "clear"], workers=2) as weir:
        for version, times in [(ssl.TLSVersion.TLSv1_2, 1), (ssl.TLSVersion.TLSv1_3, 2)]:
            context = client_context(version=version)
            session = None
            for _ in range(times):
                with TlsClient(weir, context=context, session=session) as client:
                    client.ask(get())
                    session = client.socket.session
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            TlsClient(weir, alpn=["nothing-we-know"])
        found = wait_until(lambda: (now := metrics(weir))['tls_failures_total reason="alpn"'] == 1 and now)
        assert found['tls_handshakes_total version="TLSv1.2"'] == 1
        assert found['tls_handshakes_total version="TLSv1.3"'] == 2
        assert found["tls_resumptions_total"] == 1


def test_the_log_says_how_each_request_came(certificate):
    with Weir(config(certificate), ports=["port", "clear"]) as weir:
        context = client_context(version=ssl.TLSVersion.TLSv1_2)
        with TlsClient(weir, context=context) as client:
            client.ask(get("/full"))
            session = client.socket.session
        with TlsClient(weir, context=context, session=session) as client:
            client.ask(get("/resumed"))
        with h2(weir, ssl.TLSVersion.TLSv1_3) as client:
            client.ask(request(path="/first"))
            client.ask(request(path="/second"))
        with Client(weir, "clear") as client:
            client.ask(get("/clear"))
        full, resumed, first, second, clear = map(json.loads, weir.access(5))

        def said(line):
            return [line.get(name) for name in ["tls_version", "tls_server_name", "tls_alpn", "tls_resumed", "h2_stream"]]

        assert said(full) == ["TLSv1.2", "a.test", "", 0, None]
        assert said(resumed) == ["TLSv1.2", "a.test", "", 1, None]
        assert said(first) == ["TLSv1.3", "a.test", "h2", 0, 1] and said(second) == ["TLSv1.3", "a.test", "h2", 0, 3]
        assert said(clear) == [None] * 5
        assert full["tls_cipher"].startswith("ECDHE-") and first["tls_cipher"].startswith("TLS_")
