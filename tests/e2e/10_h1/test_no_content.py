# SPDX-License-Identifier: Apache-2.0
"""Answers of weir's own that have no content say nothing of a length (RFC 9110 8.6); servers that speak no HTTP."""
import json
import threading

import pytest
from weirtest import Client, Origin, Weir, forward_to, get


@pytest.mark.parametrize("status", [204, 304])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_respond(status, method):
    with Weir(f'listener web {{ bind 127.0.0.1:{{port}}; route path / respond {status}; route respond 200 "next" }}') as weir, Client(weir) as client:
        got = client.ask(get("/", method=method))
        assert got.status == status
        assert got.get("Content-Length") is None and got.get("Content-Type") is None and got.get("Transfer-Encoding") is None
        assert client.ask(get("/next")).body == b"next"


@pytest.mark.parametrize("first", [b"SSH-2.0-OpenSSH_9\r\n", b"220 mail.example ESMTP\r\n", b"\x16\x03", b"HTTP/2"])
def test_a_server_that_speaks_something_else_is_not_waited_for(first):
    """It waits for us to say more, so neither end nor silence tells."""
    over = threading.Event()

    def handler(connection, _):
        connection.send(first)
        over.wait(20)

    with Origin(handler) as origin, Weir(forward_to(origin)) as weir, Client(weir) as client:
        assert client.ask(get("/")).status == 502
        over.set()
        assert json.loads(weir.access()[0])["failure"] == "response_syntax"
