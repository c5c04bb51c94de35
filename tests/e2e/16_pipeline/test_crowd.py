# SPDX-License-Identifier: Apache-2.0
"""Many clients at servers that misbehave at random: whatever ends how, nobody gets what is another's."""
import random
import threading
from collections import Counter

import pytest
from pipelinetest import Http1Clients, ask_after, body, head, id_of, metric, pipelined, right, warm_up
from weirtest import Origin, Weir, chunked

CLIENTS, REQUESTS = 8, 40
LENGTH, CHUNKED, CLOSE = "Content-Length: 40", "Transfer-Encoding: chunked", "Connection: close"

# What is said to one request, and whether the connection ends behind it.
MOODS = {
    "close": (lambda r: b"", True),
    "half a head": (lambda r: head(r, LENGTH)[:30], True),
    "half a body": (lambda r: head(r, LENGTH) + body(r)[:20], True),
    "one answer, and the end": (lambda r: right(r), True),
    "an announced end": (lambda r: right(r, fields=[CLOSE]), True),
    "no length": (lambda r: head(r) + body(r), True),
    "chunks": (lambda r: head(r, CHUNKED) + chunked(body(r)), False),
    "a broken chunk": (lambda r: head(r, CHUNKED) + b"x\r\n", False),
    "garbage": (lambda r: b"garbage\r\n\r\n", False),
    "garbage behind it": (lambda r: right(r) + b"garbage\r\n\r\n", False),
    "too short": (lambda r: head(r, "Content-Length: 20") + body(r), False),
    "two lengths": (lambda r: head(r, LENGTH, "Content-Length: 0") + body(r), False),
    "100": (lambda r: b"HTTP/1.1 100 Continue\r\n\r\n" + right(r), False),
    "103": (lambda r: b"HTTP/1.1 103 Early Hints\r\n\r\n" + right(r), False),
}


class Moody(Origin):
    """Answers rightly until it is told to go on, and then nine times of ten."""

    def __init__(self, seed):
        self.random, self.may_go, self.sent = random.Random(seed), False, Counter()
        super().__init__(self.answer)

    def answer(self, connection, request):
        connection.read_body(request)
        with self.lock:
            self.sent[id_of(request)] += 1
            mood = self.random.choice([*MOODS]) if self.may_go and self.random.random() < 0.1 else None
        said, ends = MOODS[mood] if mood else (right, False)
        connection.send(said(request))
        connection.close() if ends else None


class Asking(threading.Thread):
    """One request after the other, every eighth a POST; .outcomes of all."""

    def __init__(self, weir, origin, number):
        super().__init__()
        self.weir, self.origin, self.number, self.outcomes = weir, origin, number, []

    def run(self):
        for count in range(REQUESTS):
            name = f"c{self.number}r{count}"
            with Http1Clients(self.weir, self.origin) as clients:
                clients.send(name, method="POST" if count % 8 == 7 else "GET")
                self.outcomes.append(clients.outcome(name))

    @staticmethod
    def is_post(name):
        return int(name.split("r")[1]) % 8 == 7


@pytest.mark.parametrize("shared", [True, False], ids=["shared", "private"])
@pytest.mark.parametrize("seed", range(4))
def test_a_crowd_at_a_moody_server(seed, shared):
    backend = "timeout first_byte 2s\ntimeout read 2s"
    with Moody(seed) as origin, Weir(pipelined(origin, shared, backend=backend)) as weir:
        origin.heads = set()
        warm_up(weir)
        origin.may_go = True
        asking = [Asking(weir, origin, number) for number in range(CLIENTS)]
        for each in asking:
            each.start()
        for each in asking:
            each.join()
        origin.may_go = False
        outcomes = [outcome for each in asking for outcome in each.outcomes]
        assert len(outcomes) == CLIENTS * REQUESTS, "no client broke down"
        assert [each for each in outcomes if not each.is_own] == []
        assert {each.word for each in outcomes} <= {"ok", "another length", "cut", "none", "502"}
        # No such limit for the others: weir repeats a GET as often as it finds a kept connection closed.
        assert max(count for name, count in origin.sent.items() if name[0] == "c" and Asking.is_post(name)) == 1
        assert not shared or metric(weir, "faults_total") >= 1
        ask_after(weir)
