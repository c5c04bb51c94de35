# SPDX-License-Identifier: Apache-2.0
"""max_line, max_header and max_fields of a backend: over HTTP/1 and HTTP/2, for checks, and after a reload."""
import json
import pathlib
import re
import signal
import tempfile

import pytest
from h2origin import H2Origin
from weirtest import Client, Origin, Weir, answer, ask, get, run_weir

LIMITS = "max_line 1k; max_header 4k; max_fields 5"
LISTENER = "access_log {dir}/access.log format json\nlistener web { bind 127.0.0.1:{port}; route forward b }\n"

# name, size of value, how many, status, reason, the limit as the log names it
CASES = [
    ("longest line", 1000, 1, 200, None, None),
    ("line", 1100, 1, 502, "response_line_too_long", "max_line 1k"),
    ("most fields", 10, 3, 200, None, None),
    ("fields", 10, 6, 502, "response_too_many_fields", "max_fields 5"),
    ("header", 1000, 5, 502, "response_head_too_large", "max_header 4k"),
]


def config(address, limits=LIMITS, protocol="http/1.1", more=""):
    return LISTENER + f"backend b {{\n    protocol {protocol}\n    {limits}\n    server s1 {address}\n{more}}}\n"


def http1(size, count):
    return Origin(answer("x", "200 OK", *["X: " + "a" * size] * count))


def http2(size, count):
    return H2Origin(lambda c, request: c.respond(request, b"x", *[("x", "a" * size)] * count))


@pytest.mark.parametrize("make,protocol", [(http1, "http/1.1"), (http2, "h2")], ids=["h1", "h2"])
@pytest.mark.parametrize("size,count,status,reason,limit", [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_a_limit_holds_and_is_named_with_its_line(make, protocol, size, count, status, reason, limit):
    if protocol == "h2" and reason == "response_head_too_large":
        count = 4  # each field counts 32 bytes more there (RFC 9113 §6.5.2)
    with make(size, count) as origin, Weir(config(origin.address, protocol=protocol)) as weir:
        assert ask(weir).status == status
        assert json.loads(weir.access()[0])["failure"] == (reason or "")
        if limit:
            assert "weir.conf:6)" in weir.wait_log(f"server b/s1: answer refused (502): beyond {limit} (")


@pytest.mark.parametrize("make,protocol", [(http1, "http/1.1"), (http2, "h2")], ids=["h1", "h2"])
def test_the_defaults_are_wider_than_those_of_requests(make, protocol):
    cases = [(25000, 1, 200), (10, 190, 200), (10, 205, 502)]
    if protocol == "http/1.1":
        cases += [(32000, 1, 200), (33000, 1, 502), (30000, 2, 200), (30000, 3, 502)]
    for size, count, status in cases:
        with make(size, count) as origin, Weir(config(origin.address, "", protocol)) as weir:
            assert ask(weir).status == status, (size, count)
            if status == 502:
                weir.wait_log("(default)")


@pytest.mark.parametrize("make,protocol", [(http1, "http/1.1"), (http2, "h2")], ids=["h1", "h2"])
def test_checks_go_by_the_same_limits(make, protocol):
    check = "    check http /h { interval 20ms; timeout 5s; rise 1; fall 1 }\n"
    for limits, status in (("max_fields 60", 200), ("max_fields 20", 503)):
        with make(10, 40) as origin, Weir(config(origin.address, limits, protocol, check)) as weir:
            assert ask(weir).status == status


@pytest.mark.parametrize("make,protocol", [(http1, "http/1.1"), (http2, "h2")], ids=["h1", "h2"])
def test_a_reload_changes_them_on_open_connections(make, protocol):
    with make(10, 40) as origin, Weir(config(origin.address, "max_fields 60", protocol)) as weir, Client(weir) as client:
        assert client.ask(get()).status == 200
        for number, (limit, status) in enumerate([(20, 502), (60, 200)], 1):
            weir.config.write_text(re.sub(r"max_fields \d+", f"max_fields {limit}", weir.config.read_text()))
            weir.send_signal(signal.SIGHUP)
            weir.wait_log("runs in every worker", number)
            assert client.ask(get()).status == status


def test_the_file_says_them_and_is_checked():
    with tempfile.TemporaryDirectory() as directory:
        file = pathlib.Path(directory) / "weir.conf"
        file.write_text("listener a { bind 127.0.0.1:1; route forward b }\nbackend b { server s 127.0.0.1:9; max_line 2k }\n")
        printed = run_weir("-T", "-c", file).stdout
        assert "max_line 2k" in printed and "max_header 64k" in printed and "max_fields 200" in printed
        file.write_text(file.read_text().replace("2k", "65k"))
        refused = run_weir("-t", "-c", file)
        assert refused.returncode == 1 and "from 1k to 64k" in refused.stderr
