# SPDX-License-Identifier: Apache-2.0
"""How connections of HTTP/2 end: in two steps, so that no request on its way is lost (RFC 9113 section 6.8)."""
import threading

from draintest import PORTS, leaving
from h2test import GOAWAY, NO_ERROR, H2Client, request
from healthtest import order
from weirtest import Origin, Weir, answer, forward_to

LAST = (1 << 31) - 1


def is_goaway(got):
    return got.type == GOAWAY


def check_two_steps(client, ask=True):
    """The first GOAWAY allows everything, what comes then is served; the second one says what was."""
    first = client.wait(is_goaway)
    assert (first.last_stream, first.code) == (LAST, NO_ERROR)
    if ask:
        assert client.ask(request()).status == 200
    end = client.goaway()
    assert end.code == NO_ERROR and end.last_stream < LAST
    assert client.ended


def test_max_requests():
    text = "listener web { bind 127.0.0.1:{port}; max_requests 5; route path /* respond 200 ok }"
    with Weir(text) as weir, H2Client(weir) as client:
        client.acknowledge = False
        client.sync()
        for _ in range(5):
            assert client.ask(request()).status == 200
        ends = [got for got in client.frames if got.type == GOAWAY]
        assert ends and ends[0].last_stream == LAST
        client.acknowledge = True
        assert client.ask(request()).status == 200  # was on its way, for all weir knows
        assert client.goaway().last_stream < LAST


def test_max_lifetime_and_idle():
    for limit in ("max_lifetime 200ms", "timeout idle 200ms"):
        text = "listener web { bind 127.0.0.1:{port}; " + limit + "; route path /* respond 200 ok }"
        with Weir(text) as weir, H2Client(weir) as client:
            assert client.ask(request()).status == 200
            end = client.goaway()
            assert end.code == NO_ERROR and client.ended


def test_a_drained_listener_lets_requests_finish():
    release = threading.Event()

    def slow(connection, _):
        release.wait()
        connection.send(answer("done"))

    with Origin(slow) as origin, Weir(leaving(origin), PORTS) as weir:
        with H2Client(weir) as busy, H2Client(weir) as idle:
            stream = busy.request(request())
            origin.wait(1)
            idle.sync()
            order(weir, "drain listener web 20s")
            check_two_steps(idle, ask=False)
            first = busy.wait(is_goaway)
            assert first.last_stream == LAST
            release.set()
            assert busy.answer(stream).body == b"done"
            assert busy.goaway().code == NO_ERROR


def test_a_reload_keeps_connections_and_requests():
    release = threading.Event()

    def slow(connection, message):
        if message.target == "/slow":
            release.wait()
        connection.send(answer(message.target))

    with Origin(slow) as origin, Weir(forward_to(origin)) as weir, H2Client(weir) as client:
        stream = client.request(request(path="/slow"))
        origin.wait(1)
        config = weir.dir / "weir.conf"
        config.write_text(config.read_text().replace("    route forward origin", "    max_fields 90\n    route forward origin"))
        weir.send_signal(1)
        weir.wait_log("generation 2 is committed")
        assert client.ask(request(path="/new")).body == b"/new"
        release.set()
        assert client.answer(stream).body == b"/slow"
        assert not any(map(is_goaway, client.frames))
