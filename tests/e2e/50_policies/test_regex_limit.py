# SPDX-License-Identifier: Apache-2.0
"""A regular expression that gives up has neither matched nor not matched."""
import json

import pytest
from admintest import AdminClient
from h2test import H2Client, request
from weirtest import Client, Origin, Weir, answer, ask, forward_to, get, wait_until

PADDED = "/" + "a" * 4000 + "!"
ROUTES = """
    route early method PUT respond 200 "early"
    route denied path_regex "^/(a+)+$" respond 403 "denied"
    route sure path_regex "^/(a+)+$" method DELETE respond 403 "denied"
    route rewritten path /r/* { rewrite path "/(a+)+$" "/x"; forward origin }
"""


@pytest.mark.parametrize("version", [1, 2])
def test_a_deny_rule_does_not_fail_open(version):
    with Origin() as origin, Weir(forward_to(origin, listener=ROUTES)) as weir:
        if version == 1:
            with Client(weir) as client:
                assert client.ask(get("/aaa")).status == 403
                assert client.ask(get(PADDED)).status == 500
                assert client.ask(get("/b")).status == 200
        else:
            with H2Client(weir) as client:
                assert client.ask(request(path=PADDED)).status == 500
                assert client.ask(request(path="/b")).status == 200
        assert [r.target for r in origin.requests] == ["/b"]
        line = next(l for l in map(json.loads, weir.access(2)) if l["status"] == 500)
        assert (line["failure"], line["route"], line["path"]) == ("regex_limit", "denied", PADDED)
        weir.wait_log("route denied: a regular expression reached its step limit")


def test_an_earlier_route_decides():
    with Origin() as origin, Weir(forward_to(origin, listener=ROUTES)) as weir:
        assert ask(weir, get(PADDED, method="PUT", body=b"")).body == b"early"


def test_a_rewrite_says_so_too():
    with Origin() as origin, Weir(forward_to(origin, listener=ROUTES)) as weir:
        assert ask(weir, get("/r" + PADDED)).status == 500
        assert json.loads(weir.access(1)[0])["failure"] == "regex_limit"
        assert ask(weir, get("/r/aaa")).status == 200
        assert [r.target for r in origin.requests] == ["/x"]


def test_a_check_whose_expression_gives_up_fails_with_that_reason():
    check = 'check http GET /healthz { interval 50ms; fall 1; rise 1; body regex "^(a+)+$" }'
    text = "admin unix:{dir}/admin.sock\n"
    with Origin(answer("a" * 5000 + "!")) as origin, Weir(text + forward_to(origin, backend=check)) as weir:
        with AdminClient(weir) as admin:
            wait_until(lambda: "regex_limit of body regex" in str(admin.ask("explain server origin/s1").body), "the reason")
            assert ask(weir).status == 503
