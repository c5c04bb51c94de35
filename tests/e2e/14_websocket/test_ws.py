# SPDX-License-Identifier: Apache-2.0
"""npm's ws as client and as server, over weir."""
import contextlib
import json
import os
import pathlib
import subprocess
import threading

import pytest
from healthtest import ADMIN, order
from tlstest import Authority
from weirtest import DEADLINE, Weir

SCRIPT = pathlib.Path(__file__).with_name("ws.cjs")


class Node:
    """ws.cjs in a role; `said` is the next thing that it says."""

    def __init__(self, *arguments):
        environment = {**os.environ, "NODE_PATH": "/usr/share/nodejs"}
        self.process = subprocess.Popen(["node", SCRIPT, *arguments], env=environment, stdout=subprocess.PIPE, text=True)
        self.watchdog = threading.Timer(3 * DEADLINE, self.process.kill)
        self.watchdog.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.watchdog.cancel()
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def said(self):
        line = self.process.stdout.readline()
        assert line, "it has ended"
        return json.loads(line)


@pytest.fixture(scope="module", name="certificate")
def fixture_certificate(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates")).issue("a.test")


@contextlib.contextmanager
def world(certificate):
    """weir in front of a server."""
    with Node("serve") as server:
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
    with world(certificate) as (weir, server), Node("talk", url(weir, scheme)) as client:
        assert client.said() == "fine"
        assert client.said() == {"closed": 1000} and server.said() == {"closed": 1000}


@pytest.mark.parametrize("scheme", ["ws", "wss"])
def test_a_drain_closes_with_1001(certificate, scheme):
    with world(certificate) as (weir, server), Node("stay", url(weir, scheme)) as client:
        assert client.said() == "open"
        order(weir, "drain listener web 300ms")
        assert client.said() == {"closed": 1001} and server.said() == {"closed": 1001}
