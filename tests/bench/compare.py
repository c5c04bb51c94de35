# SPDX-License-Identifier: Apache-2.0
"""CPU per request of weir, nginx and haproxy, side by side, and their latencies at a constant arrival rate.

All contestants of a scenario run at once.  Each round loads every one of them, one after the other, so that a busy machine
hurts all alike.  The best round of each counts for CPU, the median of the rounds for latencies.  A contestant with one
worker has the first processor; the origin (an nginx that serves small files) and the load have the last half of them.
Exit status 1 if an answer was wrong, incomplete or missing in an access log.
"""
import argparse
import contextlib
import statistics
import sys

import open_loop
from loads import PIPELINED, run_load
from proxies import LOAD_PROCESSORS, PROXIES, need, on, start_contestant, stop, workplace

ALL = ["weir", "nginx", "haproxy"]
LOGS = ["weir combined", "nginx combined", "nginx buffered", "haproxy combined"]
# By name, the load and the contestants; the others are compared with the first.
SCENARIOS = {
    **{load: (load, ALL) for load in ("small", "64k", "1m")},
    "post-16k": ("post", ALL),
    "small-log": ("small", LOGS),
    "browser-log": ("browser", LOGS),
    "json-log": ("small", ["weir combined", "weir json"]),
    **{name: (load, ["weir", "weir pipeline"]) for name, load in PIPELINED.items()},
    "two-workers": ("small", [f"{name} two" for name in ALL]),
}
OPEN = "open-loop"
OPEN_CONTESTANTS = ["weir", "weir combined", "weir pipeline", "nginx", "haproxy"]
SHARES = [0.30, 0.60]  # of what the first of them answers in a closed loop
GROUPS = {"log": ["small-log", "browser-log", "json-log"], "pipeline": list(PIPELINED)}


@contextlib.contextmanager
def contest(place, contestants):
    """By name, the process of each contestant, or why there is none."""
    started = {}
    try:
        for contestant in contestants:
            started[contestant] = start_contestant(*place, contestant)
        yield started
    finally:
        stop(running(started).values())


def running(started):
    return {contestant: process for contestant, process in started.items() if not isinstance(process, str)}


def rounds(processes, count, once):
    """By contestant, what `once` found in each round."""
    found = {contestant: [] for contestant in processes}
    for _ in range(count):
        for contestant, process in processes.items():
            found[contestant].append(once(process))
    return found


def show(scenario, started, rows):
    """A line for each contestant, in their order.  rows: by contestant, the columns."""
    for contestant, process in started.items():
        print(f"{scenario:18}{contestant:17}{rows.get(contestant, '  ' + str(process))}", flush=True)
        scenario = ""


def closed_loop(scenario, place, options):
    """Prints the costs; the number of wrong answers."""
    load, contestants = SCENARIOS[scenario]
    more = [f"-c{options.connections}"] if options.connections else []
    with contest(place, chosen(contestants, options)) as started:
        found = rounds(running(started), options.rounds,
                       lambda process: run_load(process, load, options.seconds, place[0], more))
    best = {contestant: min(costs) for contestant, costs in found.items()}
    bad = {contestant: sum(cost.bad for cost in costs) for contestant, costs in found.items()}
    first = next(iter(best.values())).us if best else 0
    show(scenario, started, {contestant: f"{us:9.2f}{us / first:7.2f}{rate:9.0f}{bad[contestant]:8}"
                             for contestant, (us, rate, _) in best.items()})
    return sum(bad.values())


def open_loops(place, options):
    """Prints the latencies at each share of the rate; the number of wrong answers."""
    with contest(place, chosen(OPEN_CONTESTANTS, options)) as started:
        processes = running(started)
        name, first = next(iter(processes.items()))
        most = run_load(first, "small", options.seconds, place[0])
        print(f"\n{name} answers {most.rate:.0f} req/s in a closed loop, {most.bad} bad")
        if most.bad:
            return most.bad
        print(f"{'scenario':18}{'contestant':17}{'req/s':>9}{'us/req':>9}{'busy %':>9}"
              f"{'p50 us':>9}{'p99 us':>9}{'late99':>9}{'bad':>8}")
        return sum(at_rate(share, share * most.rate, started, options) for share in SHARES)


def at_rate(share, rate, started, options):
    found = rounds(running(started), options.rounds, lambda process: open_loop.arrive(process, rate, options.seconds))
    rows = {}
    for contestant, each in found.items():
        us, busy, p50, p99, late99, _ = (statistics.median(column) for column in zip(*each))
        bad = sum(latency.bad for latency in each)
        rows[contestant] = f"{rate:9.0f}{us:9.2f}{100 * busy:9.0f}{p50:9.0f}{p99:9.0f}{late99:9.0f}{bad:8}"
    show(f"{OPEN} {share:.0%}", started, rows)
    return sum(latency.bad for each in found.values() for latency in each)


def chosen(contestants, options):
    return [contestant for contestant in contestants if contestant.split()[0] in options.only.split(",")]


def main():
    every = [*SCENARIOS, OPEN]
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, help="instead of those that each closed-loop scenario has")
    parser.add_argument("--only", default=",".join(PROXIES))
    parser.add_argument("scenario", nargs="*", default=every, help=" ".join([*every, *GROUPS]))
    options = parser.parse_args()
    scenarios = [name for word in options.scenario for name in GROUPS.get(word, [word])]
    if unknown := set(scenarios) - set(every):
        parser.error(f"unknown scenario: {' '.join(unknown)}")
    need("h2load", "nginx", *(PROXIES[name][1][0] for name in options.only.split(",")))
    if OPEN in scenarios:
        open_loop.build()
    bad = 0
    with on(LOAD_PROCESSORS), workplace() as place:
        closed = [name for name in scenarios if name != OPEN]
        if closed:
            print(f"{'scenario':18}{'contestant':17}{'us/req':>9}{'ratio':>7}{'req/s':>9}{'bad':>8}")
        bad += sum(closed_loop(name, place, options) for name in closed)
        bad += open_loops(place, options) if OPEN in scenarios else 0
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
