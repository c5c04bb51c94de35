# SPDX-License-Identifier: Apache-2.0
"""Does this build cost more than that one?  Two binaries of weir, compared in alternating pairs.

Both run side by side on the first processor, one worker each; the origin and h2load have the last one.  Every pair runs
each binary once, and the order changes from pair to pair, so a machine that is slow for a while hurts both alike.
What counts is the median of the pairs' ratios of CPU per request, with its 95 % interval (bootstrap over the pairs);
the lower end must be within --bound.  Give the same binary twice first, as the control.

    tests/bench/pairs.py build-before/weir build/weir
    tests/bench/pairs.py --pairs 40 --seconds 2 --bound 1.01 build-before/weir build/weir small h2-tls
"""
import argparse
import os
import pathlib
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile

from proxies import ORIGIN, PROXIES, family, free_port, start

CONF = """workers 1
listener clear {{ bind 127.0.0.1:{{port}}; route forward o }}
listener secure {{ bind 127.0.0.1:{secure} tls; tls {{ certificate {dir}/cert.pem {dir}/key.pem }}; route forward o }}
backend o {{ server s 127.0.0.1:{{origin}} }}
"""
BROWSER = [word for line in (
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "Accept-Encoding: gzip, deflate, br, zstd", "Accept-Language: en-GB,en-US;q=0.9,en;q=0.8",
    "Referer: https://www.example.com/dashboard/overview?tab=latency",
    "Cookie: session=6f1ed002ab5595859014ebf0951522d9; theme=dark; consent=1; _ga=GA1.1.1172233445.1718000000",
) for word in ("-H", line)]
LOADS = {
    "small": ["--h1", "-c64", "http://127.0.0.1:{clear}/small"],
    "h2-tls": ["-c10", "-m32", "https://127.0.0.1:{secure}/small"],
    "browser": ["--h1", "-c64", *BROWSER, "http://127.0.0.1:{clear}/small"],
    "https": ["--h1", "-c64", "https://127.0.0.1:{secure}/small"],
    "64k": ["--h1", "-c32", "http://127.0.0.1:{clear}/64k"],
    "1m": ["--h1", "-c16", "http://127.0.0.1:{clear}/1m"],
    "h2-1m": ["-c4", "-m4", "https://127.0.0.1:{secure}/1m"],
    "post": ["--h1", "-c32", "-d{dir}/post-16k", "http://127.0.0.1:{clear}/post-16k"],
    "many": ["-c10", "-m100", "https://127.0.0.1:{secure}/small"],  # streams at a time: what each weighs shows
}
USUAL = ["small", "h2-tls"]
SIZES = {"64k": 64 << 10, "1m": 1 << 20, "post-16k": 16 << 10}

def cpu_us(pid):
    """CPU time of a process, its children and all their threads, as the scheduler counts it."""
    total = 0
    for process in family(pid):
        for thread in pathlib.Path(f"/proc/{process}/task").iterdir():
            total += int((thread / "schedstat").read_text().split()[0])
    return total / 1000

def run(weir, load, seconds):
    """Microseconds of CPU per request."""
    words = [word.format(dir=weir.directory, **weir.ports) for word in LOADS[load]]
    before = cpu_us(weir.pid)
    out = subprocess.run(["h2load", "-t1", f"-D{seconds}", "--warm-up-time=0", *words],
                         capture_output=True, text=True, check=True).stdout
    used = cpu_us(weir.pid) - before
    good, failed = (int(re.search(rf"(\d+) {word}", out)[1]) for word in ("succeeded", "failed"))
    if failed or not good:
        sys.exit(f"{load}: {good} answers, {failed} failed: the run proves nothing")
    return used / good

def interval(ratios, rounds=10_000):
    """The 95 % interval of the median, by drawing pairs again and again."""
    draw = random.Random(1)
    medians = sorted(statistics.median(draw.choices(ratios, k=len(ratios))) for _ in range(rounds))
    return medians[int(rounds * 0.025)], medians[int(rounds * 0.975)]

def compare(before, after, load, options):
    """Prints the result; true if it is within the bound."""
    ratios = []
    for pair in range(options.pairs):
        order = [before, after] if pair % 2 == 0 else [after, before]
        cost = {id(weir): run(weir, load, options.seconds) for weir in order}
        ratios.append(cost[id(after)] / cost[id(before)])
    low, high = interval(ratios)
    within = low <= options.bound
    print(f"{load:8} median {statistics.median(ratios):.4f}, 95 % interval {low:.4f} to {high:.4f} of {len(ratios)} pairs:"
          f" {'within' if within else 'OVER'} {options.bound}", flush=True)
    return within

def start_weir(directory, name, binary, origin):
    secure, clear = free_port(), free_port()
    template = CONF.format(secure=secure, dir=directory)
    weir = start(directory, name, template, [binary, "-c", "{file}"], {"origin": origin, "port": clear})
    weir.ports, weir.directory = {"clear": clear, "secure": secure}, directory
    return weir

def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--pairs", type=int, default=40)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--bound", type=float, default=1.01)
    parser.add_argument("before")
    parser.add_argument("after")
    parser.add_argument("load", nargs="*", default=USUAL, help=" ".join(LOADS))
    options = parser.parse_args()
    processors = sorted(os.sched_getaffinity(0))
    running = []
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        directory.chmod(0o755)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                        "2", "-subj", "/CN=127.0.0.1", "-keyout", f"{name}/key.pem", "-out", f"{name}/cert.pem"],
                       check=True, capture_output=True)
        for file, size in SIZES.items():
            (directory / file).write_bytes(bytes(size))
        try:
            origin = free_port()
            os.sched_setaffinity(0, {processors[-1]})
            running.append(start(directory, "origin", ORIGIN, PROXIES["nginx"][1], {"dir": name, "origin": origin}))
            os.sched_setaffinity(0, {processors[0]})
            for label, binary in (("before", options.before), ("after", options.after)):
                running.append(start_weir(directory, label, os.path.abspath(binary), origin))
            os.sched_setaffinity(0, {processors[-1]})
            within = [compare(*running[1:], load, options) for load in options.load]
        finally:
            for process in running:
                process.send_signal(signal.SIGINT)
                process.wait()
    sys.exit(0 if all(within) else 1)

if __name__ == "__main__":
    main()
