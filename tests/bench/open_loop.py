# SPDX-License-Identifier: Apache-2.0
"""Latency at a constant arrival rate: runs arrivals.cc, which it builds when that is newer than its program."""
import collections
import json
import os
import subprocess
import time

from loads import BODIES, missing_lines
from proxies import ROOT, cpu_us

SOURCE, PROGRAM = ROOT / "tests" / "bench" / "arrivals.cc", ROOT / "build" / "arrivals"

# CPU per request, share of a processor that was used, microseconds of latency and of delay before sending.
Latency = collections.namedtuple("Latency", "us busy p50 p99 late99 bad")


def build():
    if PROGRAM.exists() and PROGRAM.stat().st_mtime >= SOURCE.stat().st_mtime:
        return
    PROGRAM.parent.mkdir(exist_ok=True)
    subprocess.run([os.environ.get("CXX", "g++"), "-std=c++20", "-O2", "-o", PROGRAM, SOURCE], check=True)


def arrive(process, rate, seconds):
    before, begin = cpu_us(process.pid), time.monotonic()
    words = [str(word) for word in (process.ports["port"], "/small", BODIES["small"], rate, seconds)]
    out = json.loads(subprocess.run([PROGRAM, *words], capture_output=True, text=True, check=True).stdout)
    took = time.monotonic() - begin
    bad = out["bad"] + missing_lines(process, out["good"])
    used = cpu_us(process.pid) - before
    return Latency(used / max(out["good"], 1), used / took / 1e6, out["p50"], out["p99"], out["late99"], bad)
