# SPDX-License-Identifier: Apache-2.0
"""weir.conf(5) names every field that is written anew, removed or refused: the lists are taken from there."""
import re

import pytest
from weirtest import ROOT, Origin, Weir, answer, ask, forward_to, get, run_weir

MANUAL = (ROOT / "man" / "weir.conf.5.in").read_text()


def names_of(item):
    """The fields in the first sentence of a list entry."""
    entry = MANUAL.split(f"\n.It {item}\n", 1)[1].split("\n.It ", 1)[0]
    names = []
    for line in entry.splitlines():
        if line.startswith(".Li "):
            names += re.findall(r"[A-Z][A-Za-z0-9*-]+", line.removeprefix(".Li"))
        if names and line.endswith((":", ".")):
            break
    return names


PROTECTED = [n.replace("*", "Anything") for n in names_of("Refused with 400") if n != "Connection"]
WRITTEN_ANEW = names_of("Written anew")


def test_the_lists_are_there():
    assert {"Authorization", "Content-Anything", "X-Forwarded-Anything", "X-Real-IP", "Via"} <= set(PROTECTED)
    assert {"Connection", "Transfer-Encoding", "Upgrade"} <= set(WRITTEN_ANEW)


def test_names_that_connection_cannot_name():
    with Origin(answer("ok")) as origin, Weir(forward_to(origin)) as weir:
        for name in PROTECTED:
            assert ask(weir, get("/", "a", f"Connection: close, {name}")).status == 400, name
        assert not origin.requests
        for name in ("Accept", "X-Forwarded", "X-Real", "If-Match", "X-Content-Type"):
            assert ask(weir, get("/", "a", f"Connection: close, {name}", f"{name}: 1")).status == 200
            assert origin.requests[-1].all(name) == [], name


@pytest.mark.parametrize("word", ["header", "response_header"])
def test_names_that_policies_cannot_name(tmp_path, word):
    file = tmp_path / "weir.conf"
    for name in [*WRITTEN_ANEW, "Trailer"]:
        file.write_text(f"listener web {{ bind 127.0.0.1:0; {word} set {name} x; route respond 200 }}\n")
        done = run_weir("-t", "-c", file)
        assert done.returncode == 1 and "belongs to the connection" in done.stderr, name
    for name in ("Via", "Forwarded", "X-Forwarded-For", "X-Real-IP", "Host", "Date", "Content-Type"):
        file.write_text(f"listener web {{ bind 127.0.0.1:0; {word} set {name} x; route respond 200 }}\n")
        assert run_weir("-t", "-c", file).returncode == 0, name
