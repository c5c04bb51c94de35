# SPDX-License-Identifier: Apache-2.0
"""Every message of tests/hostile against the running daemon."""
import functools
import re

import pytest
from weirtest import ROOT, Client, Origin, Weir, answer, ask, forward_to, get

ESCAPES = {"r": "\r", "n": "\n", "t": "\t", "\\": "\\"}


def unescape(text):
    text = re.sub(r"\\\{(\d+)\*([^}]*)\}", lambda m: m[2] * int(m[1]), text)
    return re.sub(r"\\(?:x([0-9a-fA-F]{2})|(.))", lambda m: chr(int(m[1], 16)) if m[1] else ESCAPES[m[2]], text).encode("latin-1")


def messages(name):
    for line in (ROOT / "tests" / "hostile" / name).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            title, outcome, message = line.split(" | ", 2)
            yield pytest.param(outcome.strip(), unescape(message), id=title.strip())


@pytest.fixture(scope="module")
def proxy():
    """One weir for all: whatever came before must not harm what comes after."""
    words = "timeout header 150ms body 150ms"
    with Origin(swallow) as origin, Weir(forward_to(origin, listener=words)) as weir:
        yield weir, origin


def swallow(connection, request):
    try:
        connection.read_body(request)
    finally:
        request.complete = True
    connection.send(answer("ok"))


@pytest.mark.parametrize("outcome,message", messages("requests.txt"))
def test_request(proxy, outcome, message):
    weir, origin = proxy
    before = len(origin.requests)
    statuses = []
    with Client(weir) as client:
        try:
            client.send(message)
            client.finish() if outcome == "pass" else None
            while (response := client.read_head()) is not None:
                statuses.append(response.status)
                client.read_body(response)
        except (ConnectionError, EOFError):
            pass  # it may close while we still send, and HEAD has no body
    reached = [r for r in origin.requests[before:] if r.target != "/after"]
    if outcome == "pass":
        assert reached or 100 <= statuses[0] < 400 or statuses[0] == 502, statuses
    elif outcome.isdigit() and outcome != "408":
        assert statuses[-1:] == [int(outcome)], statuses
        assert not [r for r in reached if r.complete]
    else:
        assert all(s >= 400 for s in statuses), statuses
    with Client(weir) as after:
        assert after.ask(get("/after")).body == b"ok"


@pytest.mark.parametrize("outcome,message", messages("responses.txt"))
def test_response(outcome, message):
    def handler(connection, request):
        connection.read_body(request)
        if request.target == "/after":
            return connection.send(answer("fine"))
        connection.send(message)
        connection.close()

    with Origin(handler) as origin, shared_weir(origin) as weir:
        with Client(weir) as client:
            client.send(get())
            try:
                response = client.read_head()
                while response is not None and response.status < 200:
                    response = client.read_head()
                if outcome.isdigit():
                    assert response is not None and response.status == int(outcome)
            except (ConnectionError, EOFError):
                assert not outcome.isdigit()
        assert ask(weir, get("/after")).body == b"fine"


shared_weir = functools.partial(lambda origin: Weir(forward_to(origin)))
