# SPDX-License-Identifier: Apache-2.0
"""CPU per small request with HTTP/2 to the server, against HTTP/1.1 to the same server.

The origin is another weir with a `respond` route.  Clients keep 64 connections (--connections), as many as in usual
comparisons of proxies, and ask anew as soon as they are answered.  The proxies have one CPU, the origin and h2load
another one, so that what a proxy costs does not depend on who else runs.  Each round runs both, one right after the
other, and has its own ratio: the median counts; exit status 1 if HTTP/2 costs more than 0.75 of HTTP/1.1.  With more
connections than `keepalive` (here 256) HTTP/1.1 opens new ones for many requests, which says little.  With --strace it
tells the system calls per request instead.
Debian: apt-get install nghttp2-client strace
"""
import argparse
import os
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile

from loads import measure
from proxies import WEIR, free_port, start

ORIGIN = """workers 1
listener o { bind 127.0.0.1:{origin}; route respond 200 "hello, world" }
"""
CONF = """workers 1
listener f { bind 127.0.0.1:{port}; route forward o }
backend o { protocol {protocol}; keepalive 256; server s 127.0.0.1:{origin} }
"""
PROTOCOLS = ["http/1.1", "h2"]
MOST = 0.75


def descendants(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        return [each for child in f.read().split() for each in [child, *descendants(child)]]


def apart(command):
    """The command on the last CPU, everything else on the others, if there are others."""
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) == 1 or not shutil.which("taskset"):
        return command
    os.sched_setaffinity(0, cpus[:-1])
    return ["taskset", "-c", str(cpus[-1]), *command]


def load(process, options):
    return ["--h1", f"-c{options.connections}", f"http://127.0.0.1:{process.port}/small"]


def calls(process, options):
    """System calls per request, by name."""
    # Only an answer shows that there is a worker: before that, the master listens already.
    subprocess.run(["h2load", "--h1", "-n1", f"http://127.0.0.1:{process.port}/small"], capture_output=True, check=True)
    pids = [word for pid in descendants(process.pid) for word in ("-p", pid)]
    with subprocess.Popen(["strace", "-f", "-c", *pids], stderr=subprocess.PIPE, text=True) as tracer:
        out = subprocess.run(["h2load", *load(process, options), "-n20000"], capture_output=True, text=True, check=True).stdout
        tracer.send_signal(signal.SIGINT)
        table = tracer.communicate()[1]
    good = int(re.search(r"(\d+) succeeded", out)[1])
    rows = re.findall(r"^ *[\d.]+ +[\d.]+ +\d+ +(\d+) +(?:\d+ +)?(\w+)$", table, re.M)
    return {name: int(count) / good for count, name in rows if name != "total" and int(count) > good / 100}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--strace", action="store_true")
    options = parser.parse_args()
    rounds = []
    proxy = apart([WEIR, "-c", "{file}"])
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        directory.chmod(0o755)
        origin = free_port()
        running = [start(directory, "origin", ORIGIN, [WEIR, "-c", "{file}"], {"origin": origin})]
        try:
            for number, protocol in enumerate(PROTOCOLS):
                values = {"protocol": protocol, "origin": origin, "port": free_port()}
                running.append(start(directory, f"weir{number}", CONF, proxy, values))
                running[-1].port = values["port"]
            for protocol, process in zip(PROTOCOLS, running[1:]):
                if options.strace:
                    found = calls(process, options)
                    print(f"{protocol:9}", "  ".join(f"{call} {count:.2f}" for call, count in found.items()))
            for number in range(0 if options.strace else options.rounds):
                order = list(zip(PROTOCOLS, running[1:]))
                rounds.append({protocol: measure(process, load(process, options), options.seconds)
                               for protocol, process in (order if number % 2 else reversed(order))})
        finally:
            for process in running:
                process.send_signal(signal.SIGINT)
    if options.strace:
        return 0
    for protocol in PROTOCOLS:
        used, rate, bad = zip(*(each[protocol] for each in rounds))
        print(f"{protocol:9} {statistics.median(used):6.2f} us/req {statistics.median(rate):8.0f} req/s {sum(bad):4} bad")
    ratios = sorted(each["h2"][0] / each["http/1.1"][0] for each in rounds)
    ratio = statistics.median(ratios)
    print(f"h2 / http/1.1: {ratio:.3f}, rounds {ratios[0]:.3f} to {ratios[-1]:.3f} (at most {MOST})")
    return ratio > MOST or any(bad for each in rounds for _, _, bad in each.values())


if __name__ == "__main__":
    sys.exit(main())
