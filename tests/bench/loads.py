# SPDX-License-Identifier: Apache-2.0
"""The loads that h2load makes, what a proxy is charged for one, and whether all its answers were right."""
import collections
import re
import subprocess
import time

from proxies import SIZES, cpu_us

BROWSER = [word for line in (
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "Accept-Encoding: gzip, deflate, br, zstd", "Accept-Language: en-GB,en-US;q=0.9,en;q=0.8",
    "Referer: https://www.example.com/dashboard/overview?tab=latency",
    "Cookie: session=6f1ed002ab5595859014ebf0951522d9; theme=dark; consent=1; _ga=GA1.1.1172233445.1718000000",
) for word in ("-H", line)]
LOADS = {
    "small": ["--h1", "-c64", "http://127.0.0.1:{port}/small"],
    "h2-tls": ["-c10", "-m32", "https://127.0.0.1:{secure}/small"],
    "browser": ["--h1", "-c64", *BROWSER, "http://127.0.0.1:{port}/small"],
    "https": ["--h1", "-c64", "https://127.0.0.1:{secure}/small"],
    "64k": ["--h1", "-c32", "http://127.0.0.1:{port}/64k"],
    "1m": ["--h1", "-c16", "http://127.0.0.1:{port}/1m"],
    "h2-1m": ["-c4", "-m4", "https://127.0.0.1:{secure}/1m"],
    "post": ["--h1", "-c32", "-d{dir}/post-16k", "http://127.0.0.1:{port}/post-16k"],
    "many": ["-c10", "-m100", "https://127.0.0.1:{secure}/small"],  # streams at a time: what each weighs shows
}
BODIES = {**SIZES, "small": len("hello, world\n"), "post-16k": len("thanks\n")}  # bytes of the response, by path
# Traffic to a backend that shares connections, beside the same traffic to one that does not: by name, the load.
PIPELINED = {f"pipeline-{load}": load for load in ("small", "browser", "https", "h2-tls")}

Cost = collections.namedtuple("Cost", "us rate bad")  # CPU per request, requests per second, wrong answers


def run_load(process, load, seconds, directory, more=()):
    """The cost of one of LOADS to a contestant; more: what else h2load is told."""
    words = [word.format(dir=directory, **process.ports) for word in LOADS[load]]
    return measure(process, [*words, *more], seconds, BODIES[words[-1].rpartition("/")[2]])


def measure(process, words, seconds, body=None):
    """The cost of what h2load does when told so; body: how many bytes each response has, if that is known."""
    before = cpu_us(process.pid)
    command = ["h2load", "-t1", f"-D{seconds}", "--warm-up-time=0", *words]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    good, bad = answers(out, body)
    bad += missing_lines(process, good)
    return Cost((cpu_us(process.pid) - before) / max(good, 1), good / seconds, bad)


def answers(out, body):
    """How many good and bad answers h2load tells of.  Bad are those that failed, that have another status than 2xx, and
    as many as it takes to explain a wrong number of bytes."""
    def number(pattern):
        return int(re.search(pattern, out)[1])

    good, started, data = number(r"(\d+) succeeded"), number(r"(\d+) started"), number(r"\((\d+)\) data")
    bad = sum(number(rf"(\d+) {word}") for word in ("failed", "errored", "timeout", "3xx", "4xx", "5xx"))
    # A part of what was under way at the end is in the bytes as well.
    wrong = max(good * body - data, data - started * body, 0) if body else 0
    return good, bad + -(-wrong // (body or 1)) + (good == 0)


def missing_lines(process, expected):
    """How many lines the contestant's access log lacks once none has arrived for two seconds; empties it."""
    if not process.log:
        return 0
    if not process.log.exists():
        return expected
    lines, patience = 0, time.monotonic() + 2
    with open(process.log, "rb") as log:
        while lines < expected and time.monotonic() < patience:
            if found := log.read(1 << 20).count(b"\n"):
                lines, patience = lines + found, time.monotonic() + 2
            else:
                time.sleep(0.01)
    with open(process.log, "wb"):
        pass
    return max(expected - lines, 0)
