# SPDX-License-Identifier: Apache-2.0
"""openssl s_client: versions, names, kinds of keys, protocols, client certificates and tickets, in all combinations that
have a meaning of their own; each is seen from both sides."""
import itertools
import re
import subprocess

import pytest
from tlstest import Authority
from weirtest import DEADLINE, Weir, ask, get, wait_until

VERSIONS = {"1.2": ["-tls1_2"], "1.3": ["-tls1_3"]}
KEYS = {("1.2", "ec"): ["-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"], ("1.2", "rsa"): ["-cipher", "ECDHE-RSA-AES128-GCM-SHA256"],
        ("1.3", "ec"): ["-sigalgs", "ecdsa_secp256r1_sha256"], ("1.3", "rsa"): ["-sigalgs", "rsa_pss_rsae_sha256"]}
SAID = "$tls_version|$tls_server_name|$tls_alpn|$tls_resumed|$client_cert_subject"


class World:
    """A listener for each demand of client certificates, with certificates of two names and both kinds of keys."""

    def __init__(self, directory):
        self.dir, self.authority = directory, Authority(directory)
        self.certificates = {(name, key): self.authority.issue(name, key=key, subject=f"/CN={name} {key}")
                             for name in ("a.test", "b.test") for key in ("ec", "rsa")}
        self.alice = self.authority.issue("alice.test", subject="/CN=alice")
        self.stranger = Authority(directory, "others").issue("alice.test", subject="/CN=alice")
        given = "; ".join(f"certificate {each.chain} {each.key}" for each in self.certificates.values())
        ports = ["none", "optional", "required", "clear"]
        listeners = "".join(f"""
listener {demand} {{
    bind 127.0.0.1:{{{demand}}} tls
    tls {{ {given}; {f'client_ca {self.authority.chain} verify {demand}' if demand != 'none' else ''} }}
    route respond 200 "{SAID}|"
}}""" for demand in ports[:3])
        listeners += "\nlistener clear { bind 127.0.0.1:{clear}; route path /metrics metrics }"
        self.weir = Weir(listeners, ports, workers=2)


@pytest.fixture(scope="module", name="world")
def fixture_world(tmp_path_factory):
    world = World(tmp_path_factory.mktemp("certificates"))
    with world.weir:
        yield world


def s_client(world, demand, *arguments):
    """What s_client says, and what weir has answered to a request of HTTP/1.1; the latter is None if nothing came."""
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{world.weir.port(demand)}", "-ign_eof", "-CAfile", world.authority.chain]
    done = subprocess.run(command + list(map(str, arguments)), input=get("/", "a.test", "Connection: close"),
                          capture_output=True, timeout=DEADLINE, check=False)
    text = (done.stdout + done.stderr).decode("latin-1")
    answered = re.search(r"\r\n\r\n(TLSv1\.\d\|.*?\|.*?\|.*?\|.*?)\|", text)
    return text, answered and answered.group(1).split("|")


@pytest.mark.parametrize("version, key, name", itertools.product(VERSIONS, ["ec", "rsa"], ["a.test", "b.test"]))
def test_versions_names_and_keys(world, version, key, name):
    text, answered = s_client(world, "none", *VERSIONS[version], *KEYS[version, key], "-servername", name, "-verify_hostname", name)
    assert f"subject=CN = {name} {key}" in text and "Verify return code: 0 (ok)" in text
    assert f"Peer signature type: {'ECDSA' if key == 'ec' else 'RSA-PSS'}" in text
    assert answered == [f"TLSv{version}", name, "", "0", ""]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("offered, agreed", [("http/1.1", "http/1.1"), ("spdy/3,http/1.1", "http/1.1"), ("h2", "h2"),
                                             ("http/1.1,h2", "h2"), ("spdy/3", None)])
def test_protocols(world, version, offered, agreed):
    text, answered = s_client(world, "none", *VERSIONS[version], "-alpn", offered)
    assert f"ALPN protocol: {agreed}" in text if agreed else "alert no application protocol" in text
    assert (answered and answered[2]) == ("http/1.1" if agreed == "http/1.1" else None)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("demand, shown, works", [
    ("none", None, True), ("none", "alice", True), ("optional", None, True), ("optional", "alice", True),
    ("optional", "stranger", False), ("required", None, False), ("required", "alice", True), ("required", "stranger", False)])
def test_client_certificates(world, version, demand, shown, works):
    certificate = getattr(world, shown) if shown else None
    text, answered = s_client(world, demand, *VERSIONS[version],
                              *(["-cert", certificate.chain, "-key", certificate.key] if shown else []))
    assert ("Acceptable client certificate CA names" in text) == (demand != "none")
    if works:
        assert answered[4] == ("CN=alice" if shown == "alice" and demand != "none" else "")
    else:
        assert answered is None and re.search(r"alert (unknown ca|certificate required|handshake failure)", text), text


def resumptions(world):
    """By worker."""
    lines = ask(world.weir, get("/metrics"), "clear").body.decode().splitlines()
    return [int(line.split()[-1]) for line in lines if line.startswith("weir_worker_tls_resumptions_total")]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("demand", ["none", "required"])
def test_tickets_of_one_worker_are_taken_by_all(world, tmp_path, version, demand):
    shown = ["-cert", world.alice.chain, "-key", world.alice.key] if demand == "required" else []
    given = [*VERSIONS[version], "-servername", "a.test", *shown]
    subject = "CN=alice" if shown else ""
    text, answered = s_client(world, demand, *given, "-sess_out", tmp_path / "session")
    assert text.count("New, TLSv") and answered == [f"TLSv{version}", "a.test", "", "0", subject]
    before = resumptions(world)

    def both_have():
        text, answered = s_client(world, demand, *given, "-sess_in", tmp_path / "session")
        assert "Reused, TLSv" in text and answered == [f"TLSv{version}", "a.test", "", "1", subject]
        return all(now > then for now, then in zip(resumptions(world), before))

    wait_until(both_have, "both workers to resume it")
