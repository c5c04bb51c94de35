# SPDX-License-Identifier: Apache-2.0
"""Stops control with SIGSTOP for some seconds under load, while it checks several servers.

Much more time than an interval and a timeout passes between two looks of control at the clock.  That must
not look like the death of the servers: none goes down, no request fails, nothing is told to the log, and
the checks go on afterwards.

    tests/bench/control_stall.py --seconds 10
"""
import argparse
import contextlib
import os
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

from healthtest import Checked, Load, checked, servers as rows, wait_use
from weirtest import Weir, wait_until

CHECK = "check http /healthz {\ninterval 100ms\ntimeout 1s\nfall 1\n}"


def stopped(pid, seconds, meanwhile):
    end = time.monotonic() + seconds
    os.kill(pid, signal.SIGSTOP)
    try:
        while time.monotonic() < end:
            meanwhile()
    finally:
        os.kill(pid, signal.SIGCONT)


def run(seconds, servers):
    with contextlib.ExitStack() as stack:
        origins = [stack.enter_context(Checked(str(n))) for n in range(servers)]
        weir = stack.enter_context(Weir(checked(*origins, check=CHECK), workers=2))
        for n in range(servers):
            wait_use(weir, f"s{n + 1}", "up")
        before = len([line for line in weir.log if " control " in line])
        with Load(weir) as load:
            stopped(weir.pids("control")[0], seconds, load.progress)
            checks = [origin.checks for origin in origins]
            wait_until(lambda: all(o.checks > c + 5 for o, c in zip(origins, checks)), "checks to go on")
            load.progress()
        return {
            "seconds": seconds,
            "servers": servers,
            "requests": sum(load.good),
            "checks afterwards": sum(origin.checks for origin in origins) - sum(checks),
            "requests failed": load.bad,
            "servers not up": [name for name, row in rows(weir).items() if row["use"] != "up"],
            "told": [line for line in weir.log if " control " in line][before:],
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--servers", type=int, default=50)
    options = parser.parse_args()
    found = run(options.seconds, options.servers)
    for name, value in found.items():
        print(f"{name:20} {len(value) if isinstance(value, list) else value}")
    bad = found["requests failed"] + found["servers not up"] + found["told"]
    print("".join(f"    {text}\n" for text in bad[:10]), end="")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
