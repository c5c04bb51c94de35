# SPDX-License-Identifier: Apache-2.0
"""Asking name servers: long answers, several servers, and what is said when there is no answer."""
import ctypes
import os

import pytest

from admintest import AdminClient
from nametest import Nameserver
from reloadtest import reload
from weirtest import Origin, Weir, answer, ask, forward_to, wait_until

ADMIN = "admin unix:{dir}/admin.sock\n"


def resolve(weir):
    wait_until(lambda: ask(weir).status == 200, "the name to resolve")


def addresses(weir):
    with AdminClient(weir) as admin:
        return admin.servers()["origin/s1"]["address"]


def test_a_truncated_answer_is_asked_for_over_tcp():
    many = ["127.0.0.1"] + [f"127.1.0.{i}" for i in range(1, 60)]
    with Nameserver(app=many) as names, Origin(answer("ok")) as origin:
        names.truncates = True
        with Weir(forward_to(f"app.test:{origin.port}", top=f"{ADMIN}nameserver {names.address}")) as weir:
            resolve(weir)
            assert names.asked_tcp > 0
            assert len(addresses(weir).split(", ")) == 16


@pytest.mark.parametrize("first", ["servfail", "refused", "not there"])
def test_the_next_name_server_is_asked(first):
    with Nameserver() as bad, Nameserver(app="127.0.0.1") as good, Origin(answer("ok")) as origin:
        bad.rcode = {"servfail": 2, "refused": 5}.get(first, 0)
        if first == "not there":
            bad.__exit__()
        top = f"nameserver {bad.address}\nnameserver {good.address}\n"
        with Weir(forward_to(f"app.test:{origin.port}", top=top)) as weir:
            resolve(weir)
            assert good.asked > 0


def test_a_name_server_that_says_nothing():
    # It waits for an answer that never comes: the time limit of a look-up is 2 s.
    with Nameserver() as silent, Nameserver(app="127.0.0.1") as good, Origin(answer("ok")) as origin:
        silent.silent = True
        top = f"nameserver {silent.address}\nnameserver {good.address}\n"
        with Weir(forward_to(f"app.test:{origin.port}", top=top)) as weir:
            resolve(weir)
            assert silent.asked > 0


@pytest.mark.parametrize("rcode, words", [(0, "NXDOMAIN"), (2, "SERVFAIL"), (5, "REFUSED")])
def test_the_log_says_why_a_name_does_not_resolve(rcode, words):
    with Nameserver() as names:
        names.rcode = rcode
        with Weir(forward_to("app.test:80", top=f"{ADMIN}nameserver {names.address}")) as weir:
            weir.wait_log("app.test does not resolve")
            line = next(line for line in weir.log if "does not resolve" in line)
            assert words in line and "origin/s1" in line and "no address yet" in line
            assert rcode == 0 or names.address in line
            asked = names.asked
            wait_until(lambda: names.asked > asked, "another look-up")
            with AdminClient(weir) as admin:
                assert words in admin.servers()["origin/s1"]["reason"]
                assert any(words in row["outcome"] for row in admin.json("explain server origin/s1"))
            # The same again is told once.
            assert len([line for line in weir.log if "does not resolve" in line]) == 1


def test_another_name_after_a_reload():
    with Nameserver(one="127.0.0.1", two="127.0.0.2") as names, Origin(answer("ok")) as origin:
        text = lambda at: forward_to(f"{at}:{origin.port}", top=f"{ADMIN}nameserver {names.address}")
        with Weir(text("one.test")) as weir:
            for at, expected in (("two.test", "127.0.0.2"), ("127.0.0.3", "127.0.0.3"), ("one.test", "127.0.0.1")):
                assert reload(weir, text(at)).is_ok
                wait_until(lambda: addresses(weir) == f"{expected}:{origin.port}", f"the address of {at}")


CLONE_NEWNS, MS_BIND, MS_PRIVATE, MS_REC = 0x20000, 4096, 1 << 18, 1 << 14


def with_resolv_conf(path):
    """What makes that file /etc/resolv.conf, for the daemon alone."""

    def mount():
        libc = ctypes.CDLL(None, use_errno=True)
        done = libc.unshare(CLONE_NEWNS) == 0
        done = done and libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None) == 0
        if not done or libc.mount(str(path).encode(), b"/etc/resolv.conf", None, MS_BIND, None) != 0:
            raise OSError(ctypes.get_errno(), "a resolv.conf of its own")

    return mount


@pytest.mark.skipif(os.geteuid() != 0, reason="port 53 and a mount of its own need root")
def test_a_reload_reads_resolv_conf_again(tmp_path):
    # It names addresses without a port; those of other tests at the same time are others.
    network = f"127.53.{os.getpid() >> 8 & 255}"
    one, other = f"{network}.{os.getpid() % 64 + 1}", f"{network}.{os.getpid() % 64 + 101}"
    file = tmp_path / "resolv.conf"
    file.write_text(f"# comment\nnameserver {one}\noptions edns0\n")
    with Nameserver((one, 53), app="127.0.0.1") as first, Nameserver((other, 53), app="127.0.0.2") as second:
        first.ttl = second.ttl = 1000
        text = forward_to("app.test:80", top=ADMIN)
        with Weir(text, before_exec=with_resolv_conf(file)) as weir:
            wait_until(lambda: addresses(weir) == "127.0.0.1:80", "the answer of the first")
            file.write_text(f"nameserver {other}\n")
            assert reload(weir, text + "# the same\n").is_ok
            wait_until(lambda: addresses(weir) == "127.0.0.2:80", "the answer of the second")
            assert second.asked == 1
