# SPDX-License-Identifier: Apache-2.0
"""What bodies that filters hold may take of a worker's memory: who comes too late is refused, who is there goes on, and all is
given back."""
import fcntl
import os
import sys
from termios import FIONREAD, TIOCOUTQ as SIOCOUTQ

import pytest

from h2origin import H2Origin
from h2test import H2Client, request
from reloadtest import ADMIN, reload
from weirtest import ROOT, Client, Origin, Weir, answer, get, post, wait_until

BINARY = os.environ.get("WEIR_WITH_MODULES", str(ROOT / "build" / "weir-with-modules"))
BLOCK, PAYLOAD = 16 * 1024, 16 * 1024 - 24  # what a block takes, and what it holds
TWO = b"x" * (2 * PAYLOAD)


def config(server, memory="64k", protocol="http/1.1"):
    return f"""access_log {{dir}}/access.log format json
body_memory {memory}
{ADMIN}listener web {{ bind 127.0.0.1:{{port}}
route path /sum {{ example_sum 1000000; forward o }}
route path /whole {{ trial response_whole continue; forward o }}
route path /upper {{ example_upper; forward o }}
route path /metrics metrics }}
backend o {{ protocol {protocol}; server s {server.address} }}
"""


def metric(weir, name):
    with Client(weir) as client:
        lines = client.ask(get("/metrics")).body.decode().splitlines()
    return sum(int(line.split()[-1]) for line in lines if line.startswith(f"weir_worker_body_memory_{name}{{"))


def wait_held(weir, blocks):
    wait_until(lambda: metric(weir, "bytes") == blocks * BLOCK, f"{blocks} blocks to be held")


def queued(sock, which):
    """Bytes that lie in a socket: FIONREAD those that came, SIOCOUTQ those that have not been acknowledged."""
    return int.from_bytes(fcntl.ioctl(sock, which, bytes(4)), sys.byteorder)


class H1Upload:
    """An upload of which the last byte is missing, until it is finished."""

    def __init__(self, weir, body):
        self.client, self.rest = Client(weir), body[-1:]
        self.client.send(post("/sum", body)[:-1])

    def finish(self):
        self.client.send(self.rest)
        return self.status()

    def status(self):
        got = self.client.receive()
        self.client.close()
        return got.status

    def leave(self):
        self.client.reset()


class H2Upload:
    def __init__(self, weir, body):
        self.client, self.rest = H2Client(weir), body[-1:]
        self.stream = self.client.request(request("POST", "/sum"), end=False)
        self.more(body[:-1])

    def more(self, body):
        for at in range(0, len(body), 16384):
            self.client.data(self.stream, body[at:at + 16384])
            self.client.sync()  # the stream's window is open again

    def finish(self):
        self.client.data(self.stream, self.rest, end=True)
        return self.status()

    def status(self):
        got = self.client.answer(self.stream)
        self.client.close()
        return got.status

    def leave(self):
        self.client.close()


def h2_answer(connection, asked):
    connection.respond(asked, b"fine")


SERVERS = {"http/1.1": lambda: Origin(answer("fine")), "h2": lambda: H2Origin(h2_answer)}


@pytest.mark.parametrize("protocol", SERVERS)
@pytest.mark.parametrize("kind", [H1Upload, H2Upload])
def test_who_comes_too_late_is_refused(kind, protocol):
    with SERVERS[protocol]() as origin, Weir(config(origin, "64k", protocol), binary=BINARY) as weir:
        first, second = kind(weir, TWO), kind(weir, TWO)
        wait_held(weir, 4)
        third = kind(weir, b"xy")
        assert third.finish() == 503
        assert metric(weir, "refusals_total") == 1
        wait_until(lambda: any('"overloaded"' in line for line in weir.access(1)), "its line in the log")
        assert first.finish() == 200
        wait_held(weir, 2)
        next_one = kind(weir, TWO)
        wait_held(weir, 4)
        assert next_one.finish() == 200
        assert second.finish() == 200
        wait_held(weir, 0)
        assert metric(weir, "refusals_total") == 1
        assert len(origin.requests) == 3


@pytest.mark.parametrize("kind", [H1Upload, H2Upload])
def test_who_leaves_gives_back_what_he_held(kind):
    with Origin(answer("fine")) as origin, Weir(config(origin), binary=BINARY) as weir:
        uploads = [kind(weir, TWO), kind(weir, TWO)]
        wait_held(weir, 4)
        for each in uploads:
            each.leave()
        wait_held(weir, 0)
        assert kind(weir, TWO).finish() == 200


@pytest.mark.parametrize("kind", [H1Upload, H2Upload])
def test_a_smaller_limit_harms_nobody_who_holds_something(kind):
    with Origin(answer("fine")) as origin, Weir(config(origin, "128k"), binary=BINARY) as weir:
        body = b"x" * (7 * PAYLOAD)
        early = kind(weir, body)
        wait_held(weir, 7)
        assert reload(weir, config(origin, "64k")).first.startswith("ok generation 2")
        assert kind(weir, b"xy").status() == 503
        assert early.finish() == 200
        wait_held(weir, 0)
        assert kind(weir, b"xy").finish() == 200
        too_long = kind(weir, body)
        assert too_long.status() == 503
        wait_held(weir, 0)
        assert reload(weir, config(origin, "1g")).first.startswith("ok generation 3")
        assert kind(weir, body).finish() == 200


def test_one_that_grows_goes_by_the_limit_it_began_with():
    with Origin(answer("fine")) as origin, Weir(config(origin, "128k"), binary=BINARY) as weir:
        early = H2Upload(weir, b"x" * (5 * PAYLOAD))
        wait_held(weir, 5)
        assert reload(weir, config(origin, "64k")).first.startswith("ok generation 2")
        early.more(b"x" * (2 * PAYLOAD))
        wait_held(weir, 7)
        assert early.finish() == 200
        wait_held(weir, 0)


def test_what_may_be_sent_again_is_held_until_the_answer():
    with Origin(lambda connection, _: None, answer("fine")) as origin, Weir(config(origin), binary=BINARY) as weir:
        with Client(weir) as client:
            client.send(get("/sum", method="PUT", body=TWO))
            origin.wait(1)
            wait_held(weir, 2)
            client.reset()
        wait_held(weir, 0)


def test_an_answer_that_does_not_fit():
    with Origin(answer(b"x" * 90_000)) as origin, Weir(config(origin), binary=BINARY) as weir:
        with Client(weir) as client:
            got = client.ask(get("/whole"))
            assert got.status == 503 and b"overloaded" in got.body
        with H2Client(weir) as client:
            assert client.ask(request("GET", "/whole")).status == 503
        wait_held(weir, 0)
        assert metric(weir, "refusals_total") == 2


def test_a_client_that_does_not_read_makes_a_filter_hold_little():
    size = 16 << 20
    with Origin(answer(b"x" * size, "200 OK", "Content-Type: text/plain")) as origin:
        with Weir(config(origin), binary=BINARY) as weir, Client(weir) as client:
            client.send(get("/upper"))
            # Both sides stand still: what the client does not take stays with the server.
            wait_until(lambda: origin.connections and queued(origin.connections[0].socket, SIOCOUTQ) > 1 << 20, "a full server")
            wait_until(lambda: queued(client.socket, FIONREAD) > 65536, "a full client")
            assert metric(weir, "bytes") <= 256 * 1024
            got = client.receive()
            assert got.status == 200 and got.body == b"X" * size
            wait_held(weir, 0)
            assert metric(weir, "refusals_total") == 0
