# SPDX-License-Identifier: Apache-2.0
"""CPU per request of weir, nginx and haproxy, side by side.

All contestants of a scenario run at once.  Each round loads every one of them, one after the other, so that a busy machine
hurts all alike; the best round of each counts.  A contestant with one worker has the first
processor; the origin (an nginx that serves small files) and the load have the last half of them.
Exit status 1 if an answer was wrong, incomplete or missing in an access log.
"""
import argparse
import contextlib
import sys

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


def chosen(contestants, options):
    return [contestant for contestant in contestants if contestant.split()[0] in options.only.split(",")]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, help="instead of those that each scenario has")
    parser.add_argument("--only", default=",".join(PROXIES))
    parser.add_argument("scenario", nargs="*", default=list(SCENARIOS), help=" ".join([*SCENARIOS, *GROUPS]))
    options = parser.parse_args()
    scenarios = [name for word in options.scenario for name in GROUPS.get(word, [word])]
    if unknown := set(scenarios) - set(SCENARIOS):
        parser.error(f"unknown scenario: {' '.join(unknown)}")
    need("h2load", "nginx", *(PROXIES[name][1][0] for name in options.only.split(",")))
    with on(LOAD_PROCESSORS), workplace() as place:
        print(f"{'scenario':18}{'contestant':17}{'us/req':>9}{'ratio':>7}{'req/s':>9}{'bad':>8}")
        bad = sum(closed_loop(name, place, options) for name in scenarios)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
