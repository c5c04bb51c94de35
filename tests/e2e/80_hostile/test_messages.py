# SPDX-License-Identifier: Apache-2.0
"""Every message of tests/hostile against the running daemon."""
import re

import pytest
from weirtest import ROOT, Client, Origin, Weir, answer, ask, forward_to, get

ESCAPES = {"r": "\r", "n": "\n", "t": "\t", "\\": "\\"}


def unescape(text):
    repeated = re.compile(r"\\\{(\d+)\*((?:\\[^{]|[^\\}])*)\}")
    while repeated.search(text):  # the innermost first
        text = repeated.sub(lambda m: m[2] * int(m[1]), text)
    byte = lambda m: chr(int(m[1], 16)) if m[1] else ESCAPES[m[2]]
    return re.sub(r"\\(?:x([0-9a-fA-F]{2})|(.))", byte, text).encode("latin-1")


def messages(name, columns):
    for line in (ROOT / "tests" / "hostile" / name).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            title, *words, message = line.split(" | ", columns - 1)
            yield pytest.param(*words, unescape(message), id=title)


@pytest.fixture(scope="module")
def proxy():
    """One weir for all: whatever came before must not harm what comes after."""
    words = "timeout header 150ms body 150ms; protocols http/1.1"
    with Origin(swallow) as origin, Weir(forward_to(origin, listener=words)) as weir:
        yield weir, origin


def swallow(connection, request):
    try:
        connection.read_body(request)
    finally:
        request.complete = True
    connection.send(answer("ok"))


@pytest.mark.parametrize("outcome,message", messages("requests.txt", 3))
def test_request(proxy, outcome, message):
    weir, origin = proxy
    outcome = "400" if outcome == "hidden" else outcome
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


@pytest.fixture(scope="module")
def bad_server():
    script = {}

    def handler(connection, request):
        if request.target == "/after":
            return connection.send(answer("fine"))
        connection.send(script["message"])
        connection.close()

    with Origin(handler) as origin, Weir(forward_to(origin, listener="route method CONNECT forward origin")) as weir:
        yield weir, script


@pytest.mark.parametrize("method,outcome,message", messages("responses.txt", 4))
def test_response(bad_server, method, outcome, message):
    weir, script = bad_server
    script["message"] = message
    status, whole = 0, True
    with Client(weir) as client:
        target = ("test:443", "test:443") if method == "CONNECT" else ("/", "test")
        client.send(get(*target, "Connection: close", method=method))
        try:
            while (response := client.read_head()) is not None:
                status = response.status
                if status >= 200:
                    client.read_body(response) if method != "HEAD" else None
        except (ConnectionError, EOFError):
            whole = False
    if outcome.isdigit():
        assert (status, whole) == (int(outcome), True)
    elif outcome == "cut":
        # What comes at once with its head has not left yet, and is answered for.
        assert (status, whole) == (502, True) or status < 300 and not whole
    else:
        assert 200 <= status < 300 and whole
    assert ask(weir, get("/after")).body == b"fine"
