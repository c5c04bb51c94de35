# SPDX-License-Identifier: Apache-2.0
"""Attacks on HTTP/2 and TLS at full rate, and what other clients notice of them.

For each attack of tests/e2e/attacktest.py it prints how many connections attackers got through with it, how many of them
were ended by the name of a limit, how much the worker grew at most and what its limits allow, and the 99th percentile of
another client's answers three times: in quiet, beside the attack (it goes to another weir of the same machine, which shares
nothing but the processors) and under it.  Exit status 1 if the other client lost a request, the worker grew beyond its
bound, or an attack that a limit should end was not ended by it.
"""
import argparse
import multiprocessing
import pathlib
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from attacktest import ATTACKS, Peak, Target, Victim, config, counted, serve  # noqa: E402
from tlstest import Authority  # noqa: E402
from weirtest import Client, Origin, Weir, get  # noqa: E402

PORTS = ("port", "secure")


def attacker(name, target, begin, seconds, count):
    """A process that does it again and again."""
    attack = next(each for each in ATTACKS if each.name == name)
    begin.wait()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        attack.run(target)
        with count.get_lock():
            count.value += 1


def measure(weir, seconds, attack=None, target=None, attackers=0):
    """(the victim, how often the attack went through) with that attack going on against `target`."""
    begin, count = multiprocessing.Event(), multiprocessing.Value("i", 0)
    processes = [multiprocessing.Process(target=attacker, args=(attack.name, target, begin, seconds, count), daemon=True)
                 for _ in range(attackers)]
    for process in processes:
        process.start()
    with Victim(weir) as victim:
        begin.set()
        victim.join(seconds)
    for process in processes:
        process.join()
    return victim, count.value


def metrics(weir):
    with Client(weir) as reader:
        return reader.ask(get("/metrics")).body.decode()


def one(attack, certificate, options):
    with Origin(serve) as origin:
        text = config(certificate, origin)
        with Weir(text, PORTS) as weir, Weir(text, PORTS) as other:
            worker = weir.pids()
            quiet, _ = measure(weir, options.seconds)
            beside, _ = measure(weir, options.seconds, attack, Target(other), options.attackers)
            with Peak(worker[0]) as peak:
                under, shots = measure(weir, options.seconds, attack, Target(weir), options.attackers)
            ended = counted(metrics(weir), attack.kinds)
            grown, bound = peak.grown(), 2 * attack.bound * options.attackers
            times = [1000 * victim.percentile(0.99) for victim in (quiet, beside, under)]
            failures = under.failures + beside.failures + quiet.failures
            bad = bool(failures) or grown > bound or weir.pids() != worker or (attack.kinds and ended < shots)
            print(f"{attack.name:34} {shots:6} {int(ended):6} {grown / 1024:8.0f} {bound / 1024:8.0f} "
                  f"{times[0]:7.2f} {times[1]:7.2f} {times[2]:7.2f} {times[2] / times[1]:6.2f}{' BAD' if bad else ''}", flush=True)
            for failure in failures:
                print("   ", failure)
            return bad


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--attackers", type=int, default=2, help="processes, each with a connection at a time")
    parser.add_argument("--only", action="append", help="names of attacks")
    options = parser.parse_args()
    print(f"{'attack':34} {'runs':>6} {'ended':>6} {'KiB':>8} {'bound':>8} {'quiet':>7} {'beside':>7} {'under':>7} {'ratio':>6}   (99 %, ms)")
    with tempfile.TemporaryDirectory(prefix="weir-attacks-") as directory:
        pathlib.Path(directory).chmod(0o755)
        certificate = Authority(pathlib.Path(directory)).issue("a.test")
        chosen = [attack for attack in ATTACKS if not options.only or attack.name in options.only]
        bad = [attack.name for attack in chosen if one(attack, certificate, options)]
    sys.exit(f"bad: {', '.join(bad)}" if bad else 0)


if __name__ == "__main__":
    main()
