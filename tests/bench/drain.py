# SPDX-License-Identifier: Apache-2.0
"""Drains an instance again and again under load and counts what is lost: nothing.

Two weirs stand behind a small balancer that looks at their readiness.  Clients keep their connections as long as they
may.  One weir after the other is drained with both thresholds, readiness first and then a time and a number of
requests that may be left, waits until it is drained, and comes back.  Some clients ask for answers that take a
moment, so that there is always something in flight.  Lost is an answer other than 200, a connection that breaks,
and a reused one that is closed before the first byte of an answer.

    tests/bench/drain.py --drains 50
"""
import argparse
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

from draintest import PORTS, Balancer, Loads, drains, leaving, wait_phase
from healthtest import order
from weirtest import Origin, Weir, answer, wait_until

SLOW_S = 0.02


def reply(connection, request):
    if len(request.raw) % 4 == 0:  # by their own ports in X-Forwarded-For: some
        time.sleep(SLOW_S)
    connection.send(answer("x" * 1000))


def run(count, clients, delay):
    took, left = [], 0
    with Origin(reply) as origin:
        text = leaving(origin, delay=delay)
        with Weir(text, PORTS, workers=2) as one, Weir(text, PORTS, workers=2) as two, Balancer([one, two]) as balancer:
            with Loads([balancer.port], clients) as loads:
                for number in range(count):
                    weir = (one, two)[number % 2]
                    begin = time.monotonic()
                    order(weir, "drain 10s until 0")
                    wait_phase(weir, "instance", "drained")
                    took.append(time.monotonic() - begin)
                    left += drains(weir)["instance"]["connections"]
                    loads.progress(5)
                    order(weir, "undrain")
                    wait_until(lambda: all(balancer.ready), "both to be ready")
                failures = [failure for thread in loads.threads for failure in thread.failures]
                good = sum(thread.good for thread in loads.threads)
    return {
        "drains": count,
        "requests": good,
        "longest drain, s": round(max(took), 2),
        "left at the end of one": left,
        "failed": failures,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--drains", type=int, default=20)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--delay", default="300ms", help="drain_delay")
    options = parser.parse_args()
    found = run(options.drains, options.clients, options.delay)
    for name, value in found.items():
        print(f"{name:24} {len(value) if isinstance(value, list) else value}")
    print("".join(f"    {failure}\n" for failure in found["failed"][:10]), end="")
    return 1 if found["failed"] or found["left at the end of one"] else 0


if __name__ == "__main__":
    sys.exit(main())
