# SPDX-License-Identifier: Apache-2.0
"""npm's ws as client and as server, over weir."""
import contextlib
import pathlib

import pytest
from healthtest import ADMIN, order
from nodetest import Node
from tlstest import Authority
from weirtest import Weir

SCRIPT = pathlib.Path(__file__).with_name("ws.cjs")


@pytest.fixture(scope="module", name="certificate")
def fixture_certificate(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates")).issue("a.test")


@contextlib.contextmanager
def world(certificate):
    """weir in front of a server."""
    with Node(SCRIPT, "serve") as server:
        text = f"""{ADMIN}
listener web {{
    bind 127.0.0.1:{{port}}
    bind 127.0.0.1:{{secure}} tls
    tls {{ certificate {certificate.chain} {certificate.key} }}
    route forward chat
}}
backend chat {{ server s1 127.0.0.1:{server.said()} }}"""
        with Weir(text, ports=["port", "secure"]) as weir:
            yield weir, server


def url(weir, scheme):
    return f"{scheme}://127.0.0.1:{weir.port('secure' if scheme == 'wss' else 'port')}/chat"


@pytest.mark.parametrize("scheme", ["ws", "wss"])
def test_messages_of_all_sizes(certificate, scheme):
    with world(certificate) as (weir, server), Node(SCRIPT, "talk", url(weir, scheme)) as client:
        assert client.said() == "fine"
        assert client.said() == {"closed": 1000} and server.said() == {"closed": 1000}


@pytest.mark.parametrize("scheme", ["ws", "wss"])
def test_a_drain_closes_with_1001(certificate, scheme):
    with world(certificate) as (weir, server), Node(SCRIPT, "stay", url(weir, scheme)) as client:
        assert client.said() == "open"
        order(weir, "drain listener web 300ms")
        assert client.said() == {"closed": 1001} and server.said() == {"closed": 1001}
