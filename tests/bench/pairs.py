# SPDX-License-Identifier: Apache-2.0
"""Does this build cost more than that one?  Two binaries of weir, compared in alternating pairs.

Both run side by side on the first processor, one worker each; the origin and h2load have the last half of them.  Every pair
runs each binary once, and the order changes from pair to pair, so a machine that is slow for a while hurts both alike.
What counts is the median of the pairs' ratios of CPU per request, with its 95 % interval (bootstrap over the pairs);
the lower end must be within --bound.  Give the same binary twice first, as the control.

    tests/bench/pairs.py build-before/weir build/weir
    tests/bench/pairs.py --pairs 40 --seconds 2 --bound 1.01 build-before/weir build/weir small h2-tls pipeline
"""
import argparse
import os
import random
import statistics
import sys

from loads import LOADS, PIPELINED, run_load
from proxies import LOAD_PROCESSORS, need, on, start_contestant, stop, workplace

# By name, what h2load does and what weir's configuration has besides.
VARIANTS = {
    **{name: (name, "weir") for name in LOADS},
    "small-log": ("small", "weir combined"),
    "browser-log": ("browser", "weir combined"),
    "small-json": ("small", "weir json"),
    **{name: (load, "weir pipeline") for name, load in PIPELINED.items()},
}
GROUPS = {"log": ["small-log", "browser-log", "small-json"], "pipeline": list(PIPELINED)}
USUAL = ["small", "h2-tls"]


def run(weir, load, seconds, directory):
    """Microseconds of CPU per request."""
    cost = run_load(weir, load, seconds, directory)
    if cost.bad:
        sys.exit(f"{load}: {cost.bad} wrong answers: the run proves nothing")
    return cost.us


def interval(ratios, rounds=10_000):
    """The 95 % interval of the median, by drawing pairs again and again."""
    draw = random.Random(1)
    medians = sorted(statistics.median(draw.choices(ratios, k=len(ratios))) for _ in range(rounds))
    return medians[int(rounds * 0.025)], medians[int(rounds * 0.975)]


def ratios(before, after, load, options, directory):
    found = []
    for pair in range(options.pairs):
        order = [before, after] if pair % 2 == 0 else [after, before]
        cost = {id(weir): run(weir, load, options.seconds, directory) for weir in order}
        found.append(cost[id(after)] / cost[id(before)])
    return found


def compare(name, place, options):
    """Prints the result; true if it is within the bound, None if a build does not know the configuration."""
    load, contestant = VARIANTS[name]
    started = []
    try:
        for binary in (options.before, options.after):
            started.append(start_contestant(*place, contestant, [os.path.abspath(binary), "-c", "{file}"]))
            if isinstance(started[-1], str):
                print(f"{name:16} {binary}: {started.pop()}", flush=True)
                return None
        found = ratios(*started, load, options, place[0])
    finally:
        stop(started)
    low, high = interval(found)
    within = low <= options.bound
    print(f"{name:16} median {statistics.median(found):.4f}, 95 % interval {low:.4f} to {high:.4f} of {len(found)} pairs:"
          f" {'within' if within else 'OVER'} {options.bound}", flush=True)
    return within


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--pairs", type=int, default=40)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--bound", type=float, default=1.01)
    parser.add_argument("before")
    parser.add_argument("after")
    parser.add_argument("load", nargs="*", default=USUAL, help=" ".join([*VARIANTS, *GROUPS]))
    options = parser.parse_args()
    names = [name for word in options.load for name in GROUPS.get(word, [word])]
    if unknown := set(names) - set(VARIANTS):
        parser.error(f"unknown load: {' '.join(unknown)}")
    need("h2load", "nginx", options.before, options.after)
    with on(LOAD_PROCESSORS), workplace() as place:
        within = [compare(name, place, options) for name in names]
    sys.exit(0 if True in within and False not in within else 1)


if __name__ == "__main__":
    main()
