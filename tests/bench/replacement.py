# SPDX-License-Identifier: Apache-2.0
"""How long a killed worker, writer or control is missing, while new connections come all the time.

Kills each role so many times and prints the median and the worst time until its replacement said that it
was ready, and what became of the connections meanwhile: refused ones, broken ones (in flight at the
worker that was killed), and the longest that any of the others took.
"""
import argparse
import os
import pathlib
import re
import signal
import statistics
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from weirtest import Origin, Weir, ask, forward_to, wait_until  # noqa: E402


class Load(threading.Thread):
    def __init__(self, weir):
        super().__init__(daemon=True)
        self.weir, self.over = weir, threading.Event()
        self.good, self.refused, self.broken, self.slowest = 0, 0, 0, 0.0

    def run(self):
        while not self.over.is_set():
            begin = time.monotonic()
            try:
                self.good += ask(self.weir).status == 200
            except ConnectionRefusedError:
                self.refused += 1
            except (OSError, EOFError, AssertionError):
                self.broken += 1
            self.slowest = max(self.slowest, time.monotonic() - begin)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--kills", type=int, default=20)
    options = parser.parse_args()
    late = False
    with Origin() as origin, Weir(forward_to(origin), workers=2) as weir:
        for role in ("worker", "control", "writer"):
            load, times = Load(weir), []
            load.start()
            for _ in range(options.kills):
                old = weir.pids(role)
                seen = sum(bool(re.search(rf"{role}\S* is back", line)) for line in weir.log)
                begin = time.monotonic()
                os.kill(old[0], signal.SIGKILL)
                wait_until(lambda: sum(bool(re.search(rf"{role}\S* is back", x)) for x in weir.log) > seen, "its return")
                times.append((time.monotonic() - begin) * 1000)
                time.sleep(1.1)  # who dies young is held back: that is another matter
            load.over.set()
            load.join()
            late |= statistics.median(times) > 100 or load.refused > 0
            print(f"{role:8} killed {len(times)} times: back after {statistics.median(times):.1f} ms, at worst"
                  f" {max(times):.1f} ms; {load.good} answers, {load.refused} refused, {load.broken} broken,"
                  f" the slowest took {load.slowest * 1000:.0f} ms")
    sys.exit(late)


if __name__ == "__main__":
    main()
