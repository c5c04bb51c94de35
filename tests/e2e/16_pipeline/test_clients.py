# SPDX-License-Identifier: Apache-2.0
"""Clients that leave or do not read harm nobody beside them on a shared connection, and which requests are shared at all."""
import contextlib

import pytest
from pipelinetest import (CLIENTS, FIRST, POST, REQUESTS, SHAREABLE, WARM, Http2Client, Scripted, ask_after, body, content,
                          head, metric, pipelined, right, warm_up)
from weirtest import Weir

BOTH = pytest.mark.parametrize("shared", [True, False], ids=["shared", "private"])
OVER = pytest.mark.parametrize("over", CLIENTS)


@contextlib.contextmanager
def world(script, shared, over="http/1.1", waits_for=REQUESTS, warm=WARM, **options):
    """(weir, origin, clients) behind the warm-up."""
    with Scripted(script, waits_for) as origin, Weir(pipelined(origin, shared, **options)) as weir:
        with CLIENTS[over](weir, origin) as clients:
            warm_up(weir, warm)
            yield weir, origin, clients


def send_first(origin, clients, *others):
    """FIRST is at the origin before the others are sent."""
    clients.send(FIRST)
    origin.wait_for(FIRST)
    for name in others:
        clients.send(name)


def check_right(clients, *names):
    outcomes = [clients.outcome(name) for name in names]
    assert all(each.word == "ok" and each.is_own for each in outcomes), outcomes


def check_calm(weir, origin, sent):
    """So many requests went over the shared connection, and nothing is odd about that."""
    assert metric(weir, "requests_total") == sent
    assert metric(weir, "faults_total") == 0
    assert metric(weir, "moved_total") == sum(count - 1 for count in origin.sent.values())


# ---- Clients that leave


@BOTH
@OVER
@pytest.mark.parametrize("gone", [FIRST, "g2", "g3", "g1 g2", "g2 g3", "g1 g2 g3"])
def test_a_client_leaves_before_its_answer(gone, over, shared):
    def script(batch):
        batch.told()
        batch.say(right(*batch.requests))

    gone = gone.split()
    with world(script, shared, over) as (weir, origin, clients):
        send_first(origin, clients, *REQUESTS[1:])
        origin.wait_for(*REQUESTS)
        for name in gone:
            clients.leave(name)
        weir.access(WARM + len(gone))  # weir knows
        origin.may_go = True
        check_right(clients, *[name for name in REQUESTS if name not in gone])
        if shared:
            origin.wait_played()
            ask_after(weir)
            assert origin.connections_of(*SHAREABLE, "z1") == {1}, "the connection has lived on"
            check_calm(weir, origin, 4)


@BOTH
def test_a_client_leaves_in_the_middle_of_its_answer(shared):
    def script(batch):
        batch.say(head(batch.first, "Content-Length: 40"), body(batch.first)[:20])
        batch.told()
        with contextlib.suppress(OSError):  # without sharing, the connection may end with the client
            batch.say(body(batch.first)[20:], right(*batch.rest))

    with world(script, shared) as (weir, origin, clients):
        send_first(origin, clients, *REQUESTS[1:])
        clients.head(FIRST)
        clients.leave(FIRST)
        weir.access(WARM + 1)
        origin.may_go = True
        check_right(clients, *REQUESTS[1:])
        if shared:
            origin.wait_played()
            ask_after(weir)
            assert origin.connections_of(*SHAREABLE, "z1") == {1}
            check_calm(weir, origin, 4)


# ---- Clients that do not read, and answers that are long

LONG = 24 << 20  # more than there is room for in buffers of the kernel


@BOTH
def test_a_client_that_does_not_read_holds_nobody_up(shared):
    def script(batch):
        batch.say(right(batch.first, size=LONG), right(*batch.rest))

    with world(script, shared, slow="20ms") as (weir, origin, clients):
        send_first(origin, clients, *REQUESTS[1:])
        check_right(clients, *REQUESTS[1:])
        check_right(clients, FIRST)
        assert not shared or metric(weir, "faults_total") == 0


@BOTH
def test_a_stream_that_is_not_read_holds_nobody_up(shared):
    def script(batch):
        batch.say(right(batch.first, size=LONG), right(*batch.rest))

    with world(script, shared, slow="20ms") as (weir, origin, clients):
        with Http2Client(weir, origin, window=65535, settings={4: 1000}) as narrow:
            narrow.send(FIRST)
            origin.wait_for(FIRST)
            for name in REQUESTS[1:]:
                narrow.send(name)
            check_right(narrow, *REQUESTS[1:])
            assert len(narrow.client.body(narrow.streams[FIRST], 1000)) == 1000
        ask_after(weir)
        assert not shared or metric(weir, "faults_total") == 0


SIZE = 1 << 20
LONG_ANSWERS = {
    "length": (lambda r: head(r, f"Content-Length: {SIZE}", size=SIZE) + content(FIRST, SIZE)[:SIZE // 2],
               content(FIRST, SIZE)[SIZE // 2:]),
    "chunks": (lambda r: head(r, "Transfer-Encoding: chunked", size=SIZE) + b"%x\r\n" % SIZE + content(FIRST, SIZE)[:SIZE // 2],
               content(FIRST, SIZE)[SIZE // 2:] + b"\r\n0\r\n\r\n"),
}


@BOTH
@OVER
@pytest.mark.parametrize("kind", LONG_ANSWERS)
def test_nothing_goes_behind_a_long_answer(kind, over, shared):
    begin, rest = LONG_ANSWERS[kind]

    def script(batch):
        batch.say(begin(batch.first))
        batch.told()
        batch.say(rest)

    with world(script, shared, over, waits_for=[FIRST]) as (weir, origin, clients):
        send_first(origin, clients)
        clients.head(FIRST)
        for name in REQUESTS[1:]:
            clients.send(name)
        check_right(clients, *REQUESTS[1:])
        origin.may_go = True
        check_right(clients, FIRST)
        if shared:
            assert 1 not in origin.connections_of(*REQUESTS[1:])
            check_calm(weir, origin, 1)


# ---- Authentication that belongs to a connection

SCHEMES = {"NTLM": ["NTLM"], "Negotiate": ["Negotiate"], "a token": ["Negotiate oYH="], "lower case": ["ntlm"],
           "the second of a list": ['Basic realm="a, b", Negotiate'], "the second field": ['Basic realm="a"', "NTLM"]}


@BOTH
@pytest.mark.parametrize("kind", SCHEMES)
def test_a_server_that_knows_clients_by_their_connection_is_not_shared_again(kind, shared):
    fields = [f"WWW-Authenticate: {value}" for value in SCHEMES[kind]]

    def script(batch):
        batch.say(right(batch.first, line="HTTP/1.1 401 Who", fields=fields), right(*batch.rest))

    with world(script, shared) as (weir, origin, clients):
        send_first(origin, clients, *REQUESTS[1:])
        assert clients.outcome(FIRST).word == "401"
        check_right(clients, *REQUESTS[1:])
        for number in range(WARM + 4):
            ask_after(weir, f"z{number}")
        if shared:
            check_calm(weir, origin, 3)


@BOTH
def test_other_schemes_do_not_matter(shared):
    def script(batch):
        batch.say(right(batch.first, line="HTTP/1.1 401 Who", fields=['WWW-Authenticate: Basic realm="NTLM, Negotiate"']))

    with world(script, shared, waits_for=[FIRST]) as (weir, origin, clients):
        send_first(origin, clients)
        assert clients.outcome(FIRST).word == "401"
        ask_after(weir)
        if shared:
            check_calm(weir, origin, 2)


# ---- What is shared

UNSHARED = {
    "POST": ([], {"method": "POST"}),
    "PUT": ([], {"method": "PUT", "body": b""}),
    "DELETE": ([], {"method": "DELETE"}),
    "an unknown method": ([], {"method": "FETCH"}),
    "GET with content": ([], {"body": b"x"}),
    "GET with chunks": (["Transfer-Encoding: chunked"], {"after": b"0\r\n\r\n"}),
    "Upgrade": (["Connection: Upgrade", "Upgrade: websocket"], {}),
    "Cookie": (["Cookie: a=b"], {}),
    "Authorization": (["Authorization: Basic YTpi"], {}),
}
SHARED = {
    "GET": ([], {}),
    "HEAD": ([], {"method": "HEAD"}),
    "OPTIONS": ([], {"method": "OPTIONS"}),
    "Expect without content": (["Expect: 100-continue"], {}),  # which weir keeps to itself
}


def held_until(*names):
    """A script that answers when all of these have come, which is what Scripted waits for anyway."""
    return {"script": lambda batch: batch.say(right(*batch.requests)), "waits_for": [FIRST, *names]}


@BOTH
@pytest.mark.parametrize("kind", UNSHARED)
def test_requests_that_are_not_shared(kind, shared):
    fields, options = UNSHARED[kind]
    options = dict(options)
    after = options.pop("after", b"")
    with world(shared=shared, **held_until("q1")) as (weir, origin, clients):
        send_first(origin, clients)
        clients.send("q1", *fields, **options)
        clients.clients["q1"].send(after)
        check_right(clients, "q1", FIRST)
        assert origin.connections_of("q1").isdisjoint({1})
        if shared:
            check_calm(weir, origin, 1)


@pytest.mark.parametrize("kind", SHARED)
def test_requests_that_are_shared(kind):
    fields, options = SHARED[kind]
    with world(shared=True, **held_until("q1")) as (weir, origin, clients):
        send_first(origin, clients)
        clients.send("q1", *fields, **options)
        check_right(clients, FIRST, "q1")
        assert origin.connections_of("q1") == {1} and not origin.requests[-1].all("Expect")
        check_calm(weir, origin, 2)


@pytest.mark.parametrize("kind", ["Cookie", "Authorization"])
def test_credentials_are_shared_if_the_operator_says_so(kind):
    with world(shared=True, words="credentials on", **held_until("q1")) as (weir, origin, clients):
        send_first(origin, clients)
        clients.send("q1", *UNSHARED[kind][0])
        check_right(clients, FIRST, "q1")
        assert origin.connections_of("q1") == {1}
        check_calm(weir, origin, 2)


def test_nothing_is_shared_before_the_warm_up():
    with world(shared=True, warm=WARM - 1, **held_until("g2", "g3", POST)) as (weir, origin, clients):
        send_first(origin, clients, *REQUESTS[1:])
        check_right(clients, *REQUESTS)
        assert len(origin.connections_of(*SHAREABLE)) == 3
        check_calm(weir, origin, 0)


def test_no_more_than_depth_behind_each_other():
    with world(shared=True, words="depth 2", **held_until("g2", "g3")) as (weir, origin, clients):
        send_first(origin, clients, "g2")
        origin.wait_for("g2")
        clients.send("g3")
        check_right(clients, *SHAREABLE)
        assert origin.batch.names == [FIRST, "g2"]
        check_calm(weir, origin, 2)
