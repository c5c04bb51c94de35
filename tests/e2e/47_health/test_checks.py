# SPDX-License-Identifier: Apache-2.0
"""What checks ask, what they expect, and when they change what is known of a server."""
import socket
import time

import pytest
from healthtest import LOCAL, Checked, OneEach, bodies, checked, wait_use, weirctl
from weirtest import Origin, Weir, answer, chunked, get

FAST = "interval 20ms\nrise 1\nfall 1\njitter 0%\n"


def check(what, text=FAST):
    return f"check {what} {{\n{text}\n}}"


class Port:
    """A TCP server that can be opened and closed on one port; says nothing to anybody."""

    def __init__(self):
        self.kept = socket.socket()
        self.kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self.kept.bind(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.kept.getsockname()[1]
        self.socket = None

    def __enter__(self):
        return self

    def open(self):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self.socket.bind(self.kept.getsockname())
        self.socket.listen(100)

    def close(self):
        self.socket.close()

    def __exit__(self, *_):
        self.kept.close()
        if self.socket:
            self.socket.close()


# ---- What is asked -------------------------------------------------------------------------------


def test_tcp():
    with Port() as port, Weir(checked(port.address, check=check("tcp"))) as weir:
        assert wait_use(weir, "s1", "down")["reason"] == "check: connection refused"
        port.open()
        assert wait_use(weir, "s1", "up")["reason"] == "check: connected"
        port.close()
        wait_use(weir, "s1", "down")


def test_the_request_of_an_http_check():
    text = FAST + 'host shop.example\nheader X-Check "from weir"\nheader User-Agent mine'
    with Checked() as origin, Weir(checked(origin, check=check("http HEAD /a?b=c", text))) as weir:
        wait_use(weir, "s1", "up")
        request = origin.requests[0]
        assert request.line == "HEAD /a?b=c HTTP/1.1"
        assert (request.get("Host"), request.get("X-Check"), request.get("User-Agent")) == ("shop.example", "from weir", "mine")


def test_what_is_asked_by_itself():
    with Checked() as origin, Weir(checked(origin)) as weir:
        request = origin.wait()
        assert request.line == "GET /healthz HTTP/1.1" and request.get("Host") == origin.address
        assert request.get("User-Agent").startswith("weir-check/")
        wait_use(weir, "s1", "up")


def test_a_port_of_its_own():
    with Checked("traffic") as origin, Checked() as other:
        with Weir(checked(origin, check=check("http /healthz", FAST + f"port {other.port}"))) as weir:
            wait_use(weir, "s1", "up")
            assert bodies(weir, 3) == ["traffic"] * 3
            assert other.checks > 0 and origin.checks == 0
            other.sick.set()
            wait_use(weir, "s1", "down")


# ---- What is expected ----------------------------------------------------------------------------


def status(number):
    return answer("text", f"{number} Some")


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
NO_ANSWER = lambda connection, request: connection.is_closed()
EXPECTED = [
    # (more of the check, the answer, its reason if it fails)
    ("", status(200), None),
    ("", status(399), None),
    ("", status(404), '404, body "text"'),
    ("expect 404", status(404), None),
    ("expect 200-299,401 500-599", status(401), None),
    ("expect 200-299,401 500-599", status(599), None),
    ("expect 200-299,401 500-599", status(402), '402, body "text"'),
    ('body contains "ready"', answer("all is ready!"), None),
    ('body contains "ready"', CHUNKED + chunked(b"rea", b"dy"), None),
    ('body contains "ready"', answer("starting"), '200, body "starting"'),
    ('body regex "^load [0-7][.]"', answer("load 3.5"), None),
    ('body regex "^load [0-7][.]"', answer("load 9.5"), '200, body "load 9.5"'),
    ('body contains "load"\nbody regex "[0-7]"', answer("load 9"), '200, body "load 9"'),
    ("", lambda connection, request: connection.close(), "connected, closed without an answer"),
    ("", b"no HTTP\r\n\r\n", "connected, bad answer: "),
    ("timeout 300ms", NO_ANSWER, "connected, no answer in 300ms"),
    ("timeout 300ms\nbody contains x", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nx", "200, no end in 300ms"),
]


@pytest.mark.parametrize("more, reply, reason", EXPECTED, ids=range(len(EXPECTED)))
def test_what_is_expected(more, reply, reason):
    with Origin(reply) as origin, Weir(checked(origin, check=check("http /h", FAST + more))) as weir:
        row = wait_use(weir, "s1", "down" if reason else "up")
        assert row["reason"].startswith("check: " + (reason or ""))


# ---- Rise, fall and how often --------------------------------------------------------------------


class Script:
    """Check answers by a list of True and False; the last one stays."""

    def __init__(self, *results):
        self.results, self.times = list(results), []

    def __call__(self, connection, request):
        self.times.append(time.monotonic())
        well = self.results.pop(0) if len(self.results) > 1 else self.results[0]
        connection.send(answer("", "200 OK" if well else "503 No"))


def test_rise_and_fall():
    # up, two bad ones do not count, three do; one good one does not count, two do.
    script = Script(True, False, False, True, False, False, False, True, False, True, True)
    with Origin(script) as origin, Weir(checked(origin, check=check("http /h", "interval 20ms\nrise 2\nfall 3\n"))) as weir:
        weir.wait_log("is down, was up")
        assert len(origin.requests) >= 7
        weir.wait_log("is up, was down")
        assert len(origin.requests) >= 11
        assert len([line for line in weir.log if "is down" in line]) == 1


def test_intervals():
    """`interval` while all is well, `fast` while it is doubtful, `down` while it is down."""
    text = "interval 300ms\nfast 10ms\ndown 400ms\nrise 1\nfall 4\njitter 0%\ntimeout 100ms"
    script = Script(True, True, False, False, False, False, False)
    began = time.monotonic()
    with Origin(script) as origin, Weir(checked(origin, check=check("http /h", text))) as weir:
        wait_use(weir, "s1", "down")
        origin.wait(8)
        # A busy origin notes a check late, but never before its time.
        assert script.times[2] - began > 2 * 0.3
        assert min(after - before for before, after in zip(script.times[2:], script.times[3:6])) < 0.3
        assert script.times[7] - began > 2 * 0.3 + 2 * 0.4
        assert wait_use(weir, "s1", "down")["reason"] == "check: 503"


def test_one_check_for_all_workers():
    with Checked() as origin, Weir(checked(origin, check=check("http /healthz", "interval 1h")), workers=4) as weir:
        wait_use(weir, "s1", "up")
        assert bodies(weir, 20) == ["ok"] * 20
        assert origin.checks == 1
    began = time.monotonic()
    with Checked() as origin, Weir(checked(origin, check=check("http /healthz", "interval 50ms\njitter 0%")), workers=4):
        origin.wait(21)
        assert time.monotonic() - began > 20 * 0.05


# ---- Who hears of it -----------------------------------------------------------------------------


def test_all_workers_see_a_server_go_and_come_back():
    with Checked("a") as a, Checked("b") as b:
        text = checked(a, b, check=check("http /healthz"), backend="balance round_robin", listener=LOCAL)
        with Weir(text, workers=4) as weir, OneEach(weir, 4) as clients:
            names = lambda: [{client.ask(get()).body for _ in range(6)} for client in clients]
            wait_use(weir, "s1", "up")
            wait_use(weir, "s2", "up")
            assert names() == [{b"a", b"b"}] * 4
            a.sick.set()
            wait_use(weir, "s1", "down")
            assert names() == [{b"b"}] * 4
            a.sick.clear()
            wait_use(weir, "s1", "up")
            assert names() == [{b"a", b"b"}] * 4


def test_the_reason_is_everywhere():
    with Checked("a") as a, Checked("b") as b, Weir(checked(a, b, check=check("http /healthz"))) as weir:
        wait_use(weir, "s1", "up")
        a.sick.set()
        reason = '503, body "sick"'
        assert wait_use(weir, "s1", "down")["reason"] == f"check: {reason}"
        assert f"server origin/s1 is down, was up: check: {reason}" in weir.wait_log("is down")
        shown = weirctl(weir, "show", "servers")
        assert "check: 503, body" in next(line for line in shown.splitlines() if line.startswith("origin/s1"))
        told = weirctl(weir, "explain", "server", "origin/s1").splitlines()
        assert told[0] == "down"
        assert any(line.startswith("check ") and "failed: 503, body" in line for line in told)
        assert any(line.startswith("event ") and "up -> down: check: 503, body" in line for line in told)
        a.sick.clear()
        wait_use(weir, "s1", "up")
        assert "is up, was down: check: 200" in weir.wait_log("is up, was down")
