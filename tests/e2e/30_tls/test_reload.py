# SPDX-License-Identifier: Apache-2.0
"""Certificates are checked when they are loaded, and replaced under running clients."""
import os
import pathlib
import re
import shutil
import socket
import ssl
import threading

import pytest
from admintest import AdminClient
from reloadtest import rewrite
from tlstest import Authority, TlsClient, client_context, openssl
from weirtest import SANITIZED, Weir, ask, get, run_weir, wait_until


@pytest.fixture(scope="module", name="authority")
def fixture_authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates"))


def config(tls, listener="", ports=""):
    return f"""
admin unix:{{dir}}/admin.sock
listener web {{
    bind 127.0.0.1:{{port}} tls
    tls {{ {tls} }}
    {listener}
    route respond 200 $tls_server_name
}}
{ports}"""


def install(weir_or_dir, certificate):
    """Puts a certificate where the configuration expects it, each file at once."""
    directory = pathlib.Path(weir_or_dir)
    for source, name in [(certificate.key, "site.key"), (certificate.chain, "site.pem")]:
        shutil.copy(source, directory / "new")
        os.replace(directory / "new", directory / name)


def reload(weir):
    with AdminClient(weir) as admin:
        return admin.reply_to("reload")


def test_another_certificate_for_new_clients(authority, tmp_path):
    install(tmp_path, authority.issue("a.test", subject="/CN=first"))
    with Weir(config(f"certificate {tmp_path}/site.pem {tmp_path}/site.key")) as weir:
        with TlsClient(weir, authority) as kept:
            assert kept.subject == "first" and kept.ask(get()).status == 200
            install(tmp_path, authority.issue("a.test", subject="/CN=second"))
            reload(weir)
            with TlsClient(weir, authority) as client:
                assert client.subject == "second"
            assert kept.ask(get()).status == 200  # over the connection of before


def test_a_rollback_keeps_certificates_that_were_replaced(authority, tmp_path):
    """What an old configuration says holds again; a key that had to go does not come back."""
    def text(answer, files):
        return config(f"certificate {tmp_path}/{files}.pem {tmp_path}/{files}.key").replace("$tls_server_name", answer)

    install(tmp_path, authority.issue("a.test", subject="/CN=first"))
    other = authority.issue("a.test", subject="/CN=other")
    shutil.copy(other.chain, tmp_path / "other.pem")
    shutil.copy(other.key, tmp_path / "other.key")

    def seen(weir):
        with TlsClient(weir, authority) as client:
            return client.subject, client.ask(get()).body

    with Weir(text("one", "site")) as weir:
        assert seen(weir) == ("first", b"one")
        install(tmp_path, authority.issue("a.test", subject="/CN=second"))
        rewrite(weir, text("two", "site"))
        assert reload(weir).is_ok and seen(weir) == ("second", b"two")
        (tmp_path / "site.key").unlink()  # nothing is read from the disk
        with AdminClient(weir) as admin:
            assert admin.ask("rollback 1").is_ok and seen(weir) == ("second", b"one")
            # What the present one does not name comes back as it was.
            rewrite(weir, text("three", "other"))
            assert admin.ask("reload").is_ok and seen(weir) == ("other", b"three")
            assert admin.ask("rollback 3").is_ok and seen(weir) == ("second", b"one")


def test_a_handshake_keeps_what_it_began_with(authority, tmp_path):
    install(tmp_path, authority.issue("a.test", subject="/CN=first"))
    with Weir(config(f"certificate {tmp_path}/site.pem {tmp_path}/site.key")) as weir:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = client_context(authority).wrap_bio(incoming, outgoing, server_hostname="a.test")
        with pytest.raises(ssl.SSLWantReadError):
            tls.do_handshake()
        hello = outgoing.read()
        with socket.create_connection(("127.0.0.1", weir.port("port")), 20) as sock:
            sock.sendall(hello[:50])
            with AdminClient(weir) as admin:
                opened = 'weir_worker_connections_open{worker="0"} 1'
                wait_until(lambda: opened in admin.ask("metrics").body, "the client to be accepted")
            install(tmp_path, authority.issue("a.test", subject="/CN=second"))
            reload(weir)
            sock.sendall(hello[50:])
            while True:
                try:
                    tls.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    data = sock.recv(65536)
                    assert data
                    incoming.write(data)
            assert ("commonName", "first") in [e[0] for e in tls.getpeercert()["subject"]]


def test_many_reloads_under_load(authority, tmp_path):
    certificates = [authority.issue("a.test", subject=f"/CN=number {i}") for i in range(2)]
    install(tmp_path, certificates[0])
    with Weir(config(f"certificate {tmp_path}/site.pem {tmp_path}/site.key"), workers=2) as weir:
        done, failures, asked = threading.Event(), [], [0, 0]

        def clients(which):
            context = client_context(authority)
            try:
                kept = TlsClient(weir, context=context)
                while not done.is_set():
                    with TlsClient(weir, context=context) as client:
                        assert client.ask(get()).status == 200
                    assert kept.ask(get()).status == 200
                    asked[which] += 1
                kept.close()
            except (OSError, AssertionError, EOFError) as error:
                failures.append(error)
                done.set()

        threads = [threading.Thread(target=clients, args=(i,)) for i in range(2)]
        for thread in threads:
            thread.start()
        try:
            for i in range(3 if SANITIZED else 12):
                before = min(asked)
                install(tmp_path, certificates[(i + 1) % 2])
                reload(weir)
                wait_until(lambda: done.is_set() or min(asked) > before, "clients after a reload")
                if done.is_set():
                    break
                with TlsClient(weir, authority) as client:
                    assert client.subject == f"number {(i + 1) % 2}"
        finally:
            done.set()
            for thread in threads:
                thread.join()
        assert not failures


def test_tickets_survive_a_reload(authority, tmp_path):
    install(tmp_path, authority.issue("a.test"))
    with Weir(config(f"certificate {tmp_path}/site.pem {tmp_path}/site.key")) as weir:
        context = client_context(authority)
        with TlsClient(weir, context=context) as client:
            client.ask(get())
            session = client.socket.session
        install(tmp_path, authority.issue("a.test", subject="/CN=second"))
        reload(weir)
        with TlsClient(weir, context=context, session=session) as client:
            assert client.socket.session_reused


def test_a_bad_key_changes_nothing(authority, tmp_path):
    install(tmp_path, authority.issue("a.test", subject="/CN=first"))
    with Weir(config(f"certificate {tmp_path}/site.pem {tmp_path}/site.key")) as weir:
        shutil.copy(authority.issue("b.test").key, tmp_path / "site.key")
        with AdminClient(weir) as admin:
            reply = admin.reply_to("reload")
        assert reply.code == "refused" and "does not belong to the certificate" in reply.body
        with TlsClient(weir, authority) as client:
            assert client.subject == "first"


def test_a_worker_that_is_replaced_has_the_keys(authority, tmp_path):
    install(tmp_path, authority.issue("a.test"))
    with Weir(config(f"certificate {tmp_path}/site.pem {tmp_path}/site.key")) as weir:
        for name in ["site.pem", "site.key"]:
            os.unlink(tmp_path / name)  # what was loaded is what counts
        (before,) = weir.pids("worker")
        os.kill(before, 9)
        wait_until(lambda: weir.pids("worker") not in ([], [before]), "another worker")
        with TlsClient(weir, authority) as client:
            assert client.ask(get()).status == 200


def test_secrets_are_not_shown(authority, tmp_path):
    install(tmp_path, authority.issue("a.test"))
    with Weir(config(f"certificate {tmp_path}/site.pem {tmp_path}/site.key")) as weir:
        with AdminClient(weir) as admin:
            for command in ["show bundle", "show config"]:
                shown = admin.ask(command).body
                assert "site.key" in shown and "PRIVATE KEY" not in shown


def check(tmp_path, tls):
    """What weir -t says of a file with this tls block in its first lines."""
    (tmp_path / "weir.conf").write_text(f"listener web {{ bind 127.0.0.1:1 tls\ntls {{\n{tls}\n}}\nroute close }}\n")
    return run_weir("-t", "-c", tmp_path / "weir.conf")


def test_what_is_checked_when_it_is_loaded(authority, tmp_path):
    good, other = authority.issue("a.test"), authority.issue("b.test")
    chain = tmp_path / "chain.pem"
    chain.write_text(open(good.chain, encoding="ascii").read() + open(other.chain, encoding="ascii").read())
    (tmp_path / "empty.pem").write_text("nothing\n")
    for tls, line, words in [
        (f"certificate {good.chain} {other.key}", 3, "does not belong to the certificate"),
        (f"certificate {chain} {good.key}", 3, "is not in order: number 2 has not signed number 1"),
        (f"certificate {tmp_path}/empty.pem {good.key}", 3, "holds no certificate"),
        (f"certificate {good.chain} {tmp_path}/empty.pem", 3, "holds no private key"),
        (f"certificate {good.chain} {good.key}\ngroups X25519 NoSuchGroup", 4, "are known to OpenSSL 3"),
        (f"certificate {good.chain} {good.key}\nciphers NO-SUCH-CIPHER", 4, "are known to OpenSSL 3"),
        (f"certificate {good.chain} {good.key}\nclient_ca {tmp_path}/empty.pem", 2, "holds no certificate"),
        (f"certificate {good.chain} {good.key} ocsp {tmp_path}/empty.pem", 2, "no good OCSP answer"),
    ]:
        done = check(tmp_path, tls)
        assert done.returncode == 1
        assert re.search(rf"weir.conf:{line}:\d+: error: .*{words}", done.stderr), done.stderr


@pytest.mark.parametrize("days, words", [(-1, "has expired"), (5, "expires in [45] days")])
def test_dates_are_a_warning(authority, tmp_path, days, words):
    certificate = authority.issue("a.test", days=days)
    done = check(tmp_path, f"certificate {certificate.chain} {certificate.key}")
    assert done.returncode == 0
    assert re.search(rf"weir.conf:3:\d+: warning: certificate .* {words}", done.stderr), done.stderr


def test_paths_are_relative_to_the_file(authority, tmp_path):
    install(tmp_path, authority.issue("a.test"))
    assert check(tmp_path, "certificate site.pem site.key").returncode == 0


def test_an_ocsp_answer_is_stapled(authority, tmp_path):
    certificate = authority.issue("a.test")
    serial = openssl("x509", "-in", certificate.chain, "-noout", "-serial").decode().strip().split("=")[1]
    (tmp_path / "index").write_text(f"V\t400101000000Z\t\t{serial}\tunknown\t/CN=a.test\n")
    openssl("ocsp", "-index", tmp_path / "index", "-CA", authority.chain, "-rsigner", authority.chain, "-rkey",
            authority.key, "-issuer", authority.chain, "-cert", certificate.chain, "-respout", tmp_path / "ocsp",
            "-ndays", 2)
    tls = f"certificate {certificate.chain} {certificate.key} ocsp {tmp_path}/ocsp"
    with Weir(config(tls)) as weir:
        shown = openssl("s_client", "-status", "-connect", f"127.0.0.1:{weir.port('port')}", input=b"")
        assert b"OCSP Response Status: successful" in shown
        assert b"Cert Status: good" in shown


def test_an_address_changes_between_plain_and_tls(authority, tmp_path):
    install(tmp_path, authority.issue("a.test"))
    tls = config(f"certificate {tmp_path}/site.pem {tmp_path}/site.key")
    with Weir(tls) as weir:
        with TlsClient(weir, authority) as client:
            assert client.ask(get()).status == 200
        text = weir.config.read_text()
        weir.config.write_text(re.sub(r"(bind \S+) tls", r"\1", text))
        reload(weir)
        assert ask(weir).status == 200
        weir.config.write_text(text)
        reload(weir)
        with TlsClient(weir, authority) as client:
            assert client.ask(get()).status == 200
