# SPDX-License-Identifier: Apache-2.0
"""What filters of modules say of a request that somebody asks about: nothing of it happens."""
import os

import pytest

from admintest import SOCKETS, AdminClient
from weirtest import ROOT, Origin, Weir, answer

BINARY = os.environ.get("WEIR_WITH_MODULES", str(ROOT / "build" / "weir-with-modules"))

TEXT = SOCKETS + """
listener web { bind 127.0.0.1:{port}
route path /example { example_sum 1000; example_count; example_upper; example_ask gate /may; forward o }
route path /trial { TRIALS; header set X-Behind "$note_finished"; forward o }
route path /answer { trial response respond; trial request VERDICT; example_ask gate /may; response_header set X-A 1; forward o } }
backend o { server s {origin} }
backend gate { server g {gate} }
"""
HARMLESS = ("continue", "reroute", "suspend never", "twice", "fire", "abort", "silent", "hang")


def told(admin, words):
    reply = admin.ask(f"@json explain request {words}")
    return reply.first, [row["outcome"] for row in reply.json() if row["step"] == "policy"], {row["step"]: row for row in reply.json()}


@pytest.mark.parametrize("verdict, status", [("respond", 418), ("refuse", 503)])
def test_filters_tell_and_do_nothing(verdict, status):
    text = TEXT.replace("TRIALS", "; ".join(f"trial request {each}" for each in HARMLESS)).replace("VERDICT", verdict)
    with Origin(answer("ok")) as origin, Origin(answer("ok")) as gate:
        with Weir(text, binary=BINARY, origin=origin.address, gate=gate.address) as weir, AdminClient(weir) as admin:
            for _ in range(2):
                first, lines, rows = told(admin, "POST /example Content-Length=3")
                assert lines == ["sets X-Body-Sum when it has the body, of at most 1000 bytes",
                                 "counts the bytes of both bodies for the log",
                                 "makes the letters of the answer upper case if it is text", "would ask gate /may"]
                assert "server" in rows
                assert told(admin, "GET /example")[1][0] == "the request has no body to sum up"
                first, lines, rows = told(admin, "GET /trial")
                assert lines == [each.split(" ")[0] for each in HARMLESS] + ["sets X-Behind: $note_finished"]
                assert first.startswith("ok route") and "server" in rows
                first, lines, rows = told(admin, "GET /answer")
                assert first == f"ok answered {status} by trial"
                assert lines == ["answers 418: trial", f"answers {status}: trial", "the request does not come here", "on the answer: sets X-A: 1"]
                assert rows["answer"]["what"] == str(status) and rows["answer"]["outcome"] == "trial" and "server" not in rows
            assert origin.requests == gate.requests == []
