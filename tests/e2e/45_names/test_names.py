# SPDX-License-Identifier: Apache-2.0
"""Servers by name: asked at a small DNS server of the test."""

from nametest import Nameserver
from weirtest import Origin, Weir, answer, ask, forward_to, wait_until


def test_a_server_by_name():
    with Nameserver(app="127.0.0.1") as names, Origin(answer("by name")) as origin:
        text = forward_to(f"app.test:{origin.port}", top=f"nameserver {names.address}")
        with Weir(text) as weir:
            wait_until(lambda: ask(weir).body == b"by name", "the name to resolve")


def test_weir_starts_while_a_name_does_not_resolve():
    with Nameserver() as names, Origin(answer("at last")) as origin:
        text = forward_to(f"app.test:{origin.port}", top=f"nameserver {names.address}")
        with Weir(text) as weir:
            response = ask(weir)
            assert response.status in (502, 503)
            assert "error=" in response.get("Proxy-Status")
            names.names["app"] = "127.0.0.1"
            wait_until(lambda: ask(weir).status == 200, "the name to resolve")


def test_the_last_good_answer_is_kept():
    with Nameserver(app="127.0.0.1") as names, Origin(answer("ok")) as origin:
        text = forward_to(f"app.test:{origin.port}", top=f"nameserver {names.address}")
        with Weir(text) as weir:
            wait_until(lambda: ask(weir).status == 200, "the name to resolve")
            names.names.clear()
            asked = names.asked
            wait_until(lambda: names.asked > asked + 1, "another look-up")
            assert ask(weir).status == 200
