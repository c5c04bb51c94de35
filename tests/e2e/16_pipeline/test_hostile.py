# SPDX-License-Identifier: Apache-2.0
"""Servers that misbehave on a shared connection: nobody gets another one's answer, nothing is sent twice that must not be,
and no request fails that would have done well on a connection of its own.

The control, `private`, plays the same without `pipeline`.  What servers do stands in pipelinecases.py.
"""
import contextlib
from dataclasses import dataclass

import pytest
from pipelinecases import CASES, Case
from pipelinetest import (CLIENTS, FIRST, POST, REQUESTS, SHAREABLE, Scripted, ScriptedTls, ask_after, metric, pipelined,
                          warm_up)
from tlstest import Authority
from weirtest import Weir, wait_until


@dataclass
class Played:
    case: Case
    shared: bool
    weir: object
    origin: object
    outcomes: dict


@contextlib.contextmanager
def played(case, shared, clients="http/1.1", origin=None, backend=""):
    """The case when every client has its answer, or knows that it gets none."""
    origin, backend = origin or Scripted(case.script), f"{case.backend}\n{backend}"
    with origin, Weir(pipelined(origin, shared, case.slow, backend=backend)) as weir, CLIENTS[clients](weir, origin) as asking:
        warm_up(weir)
        asking.send(FIRST, method=case.method)
        origin.wait_for(FIRST)
        for name in REQUESTS[1:]:
            asking.send(name)
        outcomes = {name: asking.outcome(name) for name in REQUESTS}
        origin.may_go = True
        origin.wait_played()
        yield Played(case, shared, weir, origin, outcomes)


def check_batch(of):
    """With `pipeline` the requests really were on one connection that had been a private one, and without they were not."""
    if not of.shared:
        assert of.origin.batch.names == [FIRST]
    elif of.case.slow == "60s":
        assert of.origin.batch.names[0] == FIRST and sorted(of.origin.batch.names) == sorted(SHAREABLE)
    else:  # some may have gone elsewhere before the last one came
        assert of.origin.batch.names[:2] == [FIRST, "g2"]
    assert of.origin.batch.connection.number == 1


def check_delivery(of):
    others = [name for name, outcome in of.outcomes.items() if not outcome.is_own]
    assert len(others) <= (of.case.known if of.shared else 0), others
    assert of.outcomes[POST].is_own and of.outcomes[POST].word == "ok"
    assert [each for each in of.outcomes[FIRST].interim if each != 100] == list(of.case.interim) or not of.case.interim


def check_ends(of):
    expected = of.case.shared if of.shared else of.case.private
    assert of.outcomes[FIRST].word in expected.split("|")
    if not (of.case.known and of.shared):
        assert {name: of.outcomes[name].word for name in REQUESTS[1:]} == {name: "ok" for name in REQUESTS[1:]}


def check_repetition(of):
    """A POST goes out once; others go once more at most, and are counted as moved."""
    assert of.origin.sent[POST] == 1
    assert max(of.origin.sent.values()) <= 2
    if of.shared:
        assert metric(of.weir, "requests_total") == len(of.origin.batch.names)
        assert metric(of.weir, "moved_total") == sum(count - 1 for count in of.origin.sent.values())


def check_oddity(of):
    """An oddity is counted, said, and ends sharing; the next request is answered in any case."""
    line = "server origin/s1: pipeline off for 10s: "
    if of.shared and of.case.fault:
        wait_until(lambda: metric(of.weir, "faults_total") == 1, "the oddity to be counted")
        of.weir.wait_log(line)
        assert metric(of.weir, "connections_open") == 0
    before = metric(of.weir, "requests_total") if of.shared else 0
    ask_after(of.weir)
    if of.shared and of.case.fault:
        assert metric(of.weir, "requests_total") == before
    elif of.shared and of.case.fault is False:
        assert metric(of.weir, "faults_total") == 0 and not [each for each in of.weir.log if line in each]


def check(of):
    check_batch(of)
    check_delivery(of)
    check_ends(of)
    check_repetition(of)
    check_oddity(of)


# What a case does without sharing, too, shows that its server and its client are as they are meant to be.
@pytest.mark.parametrize("shared", [True, False], ids=["shared", "private"])
@pytest.mark.parametrize("name", CASES)
def test_over_http1(name, shared):
    with played(CASES[name], shared) as of:
        check(of)


@pytest.mark.parametrize("name", [name for name in CASES if not name.startswith(("head: ", "length: ", "broken chunk: "))])
def test_over_http2(name):
    with played(CASES[name], True, "h2") as of:
        check(of)


@pytest.fixture(scope="module", name="authority")
def fixture_authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module", name="certificate")
def fixture_certificate(authority):
    return authority.issue("127.0.0.1")


OVER_TLS = ["close after nothing", "close after half a head", "close after half a body", "close after one answer",
            "reset after one answer that has been passed on", "letters behind an answer", "letters while idle",
            "an answer while idle", "length: too short", "Connection: close", "without length, slowly", "interim: 103",
            "all in one segment", "byte by byte", "a slow first answer", "a huge answer"]


@pytest.mark.parametrize("name", OVER_TLS)
def test_over_tls(authority, certificate, name):
    origin = ScriptedTls(certificate, CASES[name].script)
    with played(CASES[name], True, origin=origin, backend=f"tls {{ ca {authority.chain} }}") as of:
        check(of)
