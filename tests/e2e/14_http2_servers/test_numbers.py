# SPDX-License-Identifier: Apache-2.0
"""What weir tells of its connections over HTTP/2 to servers: metrics, and two columns of `show`."""
import json
import re

from h2origin import H2Origin, hello, to_h2
from h2test import CANCEL, H2Client, request
from healthtest import ADMIN, admin, kill, order
from weirtest import Client, Weir, ask, get, wait_until

NAME = re.compile(r'weir_server_http2_(\w+)\{backend="origin",server="s1"(?:,by="(\w+)")?\} (\d+)')


def numbers(weir):
    """All of them, without `weir_server_http2_` before and `_total` behind."""
    found = {}
    for name, by, value in NAME.findall(admin(weir, "metrics")[1]):
        found[name.removesuffix("_total") + (f"_by_{by}" if by else "")] = int(value)
    return found


def wait_numbers(weir, **wanted):
    """Waits for these; all others are to be 0."""
    kinds = ("connections_open", "connections", "streams_open", "goaways", "resets_by_server", "resets_by_weir",
             "ping_timeouts")
    expected = {**dict.fromkeys(kinds, 0), **wanted}
    got = {}

    def reached():
        got.update(numbers(weir))
        return got == expected

    try:
        wait_until(reached, str(wanted))
    except AssertionError as error:
        raise AssertionError(f"{error}; they are {got}") from None


def shown(weir, what):
    row, = json.loads(admin(weir, f"@json show {what}")[1])
    return row["h2_connections"], row["h2_streams"]


def world(origin, **options):
    return Weir(to_h2(origin, top=ADMIN, **options))


def test_connections_and_the_streams_on_them():
    def serve(connection, asked):
        if asked.fields[":path"] == "/now":
            hello(connection, asked)

    with H2Origin(serve) as origin, world(origin) as weir, H2Client(weir) as client:
        wait_numbers(weir)
        assert client.ask(request(path="/now")).status == 200
        wait_numbers(weir, connections_open=1, connections=1)
        waiting = [client.request(request(path="/later")) for _ in range(3)]
        origin.wait(4)
        wait_numbers(weir, connections_open=1, connections=1, streams_open=3)
        assert shown(weir, "servers") == shown(weir, "backends") == (1, 3)
        for asked in origin.requests[1:]:
            hello(asked.connection, asked)
        assert [client.answer(stream).status for stream in waiting] == [200] * 3
        wait_numbers(weir, connections_open=1, connections=1)
        assert shown(weir, "servers") == shown(weir, "backends") == (1, 0)


def test_who_reset_streams():
    def serve(connection, asked):
        if asked.fields[":path"] == "/reset":
            connection.reset(asked.stream, CANCEL)

    with H2Origin(serve) as origin, world(origin) as weir:
        assert ask(weir, get("/reset")).status == 502
        wait_numbers(weir, connections_open=1, connections=1, resets_by_server=1)
        with Client(weir) as client:
            client.send(get("/never"))
            origin.wait(2)
            client.reset()
        wait_numbers(weir, connections_open=1, connections=1, resets_by_server=1, resets_by_weir=1)


def test_servers_that_leave_and_those_that_fall_silent():
    def serve(connection, asked):
        if connection.number == 1:
            connection.goaway((1 << 31) - 1)
            connection.goaway(asked.stream)
            hello(connection, asked)
        else:
            connection.acknowledge = False

    with H2Origin(serve) as origin, world(origin, backend="timeout ping 100ms") as weir:
        assert ask(weir).status == 200
        wait_numbers(weir, connections=1, goaways=1)
        assert ask(weir).status == 504
        wait_numbers(weir, connections=2, goaways=1, ping_timeouts=1)


def test_a_farewell_after_its_server_was_given_up():
    """What runs there goes on, and that the server leaves is counted all the same."""
    with H2Origin(at_head=True, handler=lambda c, asked: None) as origin, world(origin) as weir, Client(weir) as client:
        client.send(get("/"))
        asked = origin.wait()
        order(weir, "server set origin/s1 state drain force")
        asked.connection.goaway(asked.stream)
        wait_numbers(weir, connections_open=1, connections=1, streams_open=1, goaways=1)
        hello(asked.connection, asked)
        assert client.receive().status == 200
        wait_numbers(weir, connections=1, goaways=1)


def test_what_a_dead_worker_had_open_is_not_there_any_more():
    with H2Origin(at_head=True, handler=lambda c, asked: None) as origin, world(origin) as weir, Client(weir) as client:
        client.send(get("/"))
        origin.wait()
        wait_numbers(weir, connections_open=1, connections=1, streams_open=1)
        kill(weir, "worker")
        wait_numbers(weir, connections=1)


def test_servers_of_http1_have_none():
    from weirtest import Origin, forward_to
    with Origin() as origin, Weir(forward_to(origin, top=ADMIN)) as weir:
        assert ask(weir).status == 200
        assert numbers(weir) == {} and shown(weir, "servers") == (0, 0)
