# SPDX-License-Identifier: Apache-2.0
"""Attacks on HTTP/2 and TLS at full rate, and what other clients notice of them.

For each attack of tests/e2e/attacktest.py it prints how many connections attackers got through with it, how many of them
were ended by the name of a limit, how much the worker grew at most and what its limits allow, and the 99th percentiles of
other clients' answers:

- of a crowd (h2load, 64 clients with 300 requests a second each) in quiet and beside the attackers, and the ratio of both;
- of one client that is alone, three times: in quiet; beside honest clients, as many as there are attackers and as busy as
  they can be with small requests (or, where TLS is attacked, with handshakes); and beside the attackers.  The ratio is that
  of the last two: a worker is as fast for its clients as the work that is in front of them, honest or not.

Attackers, honest clients, the crowd and the origin have the last processor, weir and the lone client share the first; crowd
and lone client go before all others: what the attack costs anybody but weir does not count.  Exit status 1 if another
client lost a request, the worker grew beyond its bound, an attack that a limit should end was not ended by it, or with
--ratio one of the two ratios of an attack is larger than that.
"""
import argparse
import contextlib
import multiprocessing
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from attacktest import ATTACKS, TLS, Peak, Target, Victim, config, counted, frame, serve  # noqa: E402
from h2cases import RAW  # noqa: E402
from h2test import DATA, END_STREAM, HEADERS  # noqa: E402
from tlstest import Authority, client_context  # noqa: E402
from weirtest import Client, Origin, Weir, get  # noqa: E402

PORTS = ("port", "secure")
PROCESSORS = sorted(os.sched_getaffinity(0))
CROWD = ("-c64", "-t1", "--rps=300")
SMALL = RAW[:2] + b"\x04\6/small" + RAW[3:]
ANSWERED = frame(DATA, END_STREAM, 0, b"ok")[:5]  # of the answer to that


def requests(target):
    """What an honest client does: fifty requests at a time on one connection, and takes the answers."""
    with target.h2() as client:
        for first in range(1, 4000, 100):
            client.send(b"".join(frame(HEADERS, 5, number, SMALL) for number in range(first, first + 100, 2)))
            got = b""
            while got.count(ANSWERED) < 50:
                got += client.socket.recv(1 << 16)


def handshakes(target):
    """Fifty clients that come at the same time, shake hands to the end, and go."""
    context = client_context()
    sockets = [context.wrap_socket(target.tls(), do_handshake_on_connect=False) for _ in range(50)]
    for sock in sockets:
        sock.setblocking(False)
        with contextlib.suppress(BlockingIOError, OSError):
            sock.do_handshake()
    for sock in sockets:
        sock.setblocking(True)
        sock.do_handshake()
        sock.close()


def busy(run, target, begin, seconds, count):
    """A process that does it again and again."""
    os.sched_setaffinity(0, PROCESSORS[-1:])
    begin.wait()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        run(target)
        with count.get_lock():
            count.value += 1


def watch(port, begin, seconds, pipe):
    """A process of the other client; it shares a processor with weir, and is never kept waiting for that by the kernel."""
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    with Victim(port) as victim:
        begin.wait()
        victim.times.clear()
        victim.join(seconds)
        pipe.send((1000 * victim.percentile(0.99), [str(each) for each in victim.failures]))


def crowd(port, begin, seconds, pipe):
    """The same for a crowd at a steady rate."""
    os.sched_setaffinity(0, PROCESSORS[-1:])
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    with tempfile.NamedTemporaryFile() as log:
        load = ["h2load", "--h1", *CROWD, f"-D{seconds:.0f}", "--warm-up-time=0", f"--log-file={log.name}"]
        begin.wait()
        subprocess.run([*load, f"http://127.0.0.1:{port}/small"], check=True, stdout=subprocess.DEVNULL)
        rows = [[int(word) for word in line.split()] for line in log.read().decode().splitlines()]
    pipe.send((steady(rows), [f"status {status}" for _, status, _ in rows if status != 200]))


def steady(rows):
    """Of h2load's rows (begin, status, both times in us) the 99th percentile in ms: the median of three thirds of the
    time, since 384 answers that wait for one hiccup of the machine are 1 % of two seconds."""
    first, last = min(rows)[0], max(rows)[0] + 1
    thirds = [[], [], []]
    for begin, _, took in rows:
        thirds[3 * (begin - first) // (last - first)].append(took)
    return statistics.median(sorted(times)[len(times) * 99 // 100] for times in thirds) / 1000


def measure(weir, seconds, run=None, count=0, others=watch):
    """(the 99th percentile in ms, what the others missed, how often it was done), with so many doing that."""
    begin, done = multiprocessing.Event(), multiprocessing.Value("i", 0)
    mine, theirs = multiprocessing.Pipe()
    made = [multiprocessing.Process(target=others, args=(weir.port(), begin, seconds, theirs), daemon=True)]
    longer = seconds + (others == crowd)  # than h2load, which begins later
    made += [multiprocessing.Process(target=busy, args=(run, Target(weir), begin, longer, done), daemon=True) for _ in range(count)]
    for process in made:
        process.start()
    begin.set()
    time99, failures = mine.recv()
    for process in made:
        process.join()
    return time99, failures, done.value


def metrics(weir):
    with Client(weir) as reader:
        return reader.ask(get("/metrics")).body.decode()


def one(attack, certificate, options):
    """Whether all is well."""
    honest = handshakes if attack in TLS else requests
    os.sched_setaffinity(0, PROCESSORS[-1:])
    with Origin(serve) as origin:
        os.sched_setaffinity(0, PROCESSORS[:1])
        with Weir(config(certificate, origin), PORTS) as weir:
            return compare(attack, honest, weir, options)


def compare(attack, honest, weir, options):
    worker = weir.pids()
    quiet, missed, _ = measure(weir, options.seconds)
    beside, missed_beside, _ = measure(weir, options.seconds, honest, options.attackers)
    with Peak(worker[0]) as peak:
        under, missed_under, runs = measure(weir, options.seconds, attack.run, options.attackers)
    ended = counted(metrics(weir), attack.kinds)
    grown, bound = peak.grown(), 2 * attack.bound * options.attackers
    calm, missed_calm, _ = measure(weir, options.seconds, others=crowd)
    pressed, missed_pressed, _ = measure(weir, options.seconds, attack.run, options.attackers, others=crowd)
    failures = missed + missed_beside + missed_under + missed_calm + missed_pressed
    slow = options.ratio and (under > options.ratio * beside or pressed > options.ratio * calm)
    wrong = [word for word, is_so in [
        ("LOST", failures), ("GROWN", grown > bound), ("DIED", weir.pids() != worker),
        ("NOT ENDED", attack.kinds and ended < runs), ("SLOW", slow)] if is_so]
    print(f"{attack.name:34} {runs:6} {int(ended):6} {grown / 1024:8.0f} {bound / 1024:8.0f} "
          f"{calm:7.2f} {pressed:7.2f} {pressed / calm:6.2f} "
          f"{quiet:7.2f} {beside:7.2f} {under:7.2f} {under / beside:6.2f} {' '.join(wrong)}", flush=True)
    for failure in failures:
        print("   ", failure)
    return not wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--attackers", type=int, default=2, help="processes, each with a connection at a time")
    parser.add_argument("--only", action="append", help="names of attacks")
    parser.add_argument("--ratio", type=float, default=0, help="the largest that is good; 0 = any")
    options = parser.parse_args()
    if not shutil.which("h2load"):
        sys.exit("missing: h2load; Debian: apt-get install nghttp2-client")
    print(f"{'':67}{'a crowd, 99 % in ms':22} {'one client alone, 99 % in ms':>30}")
    print(f"{'attack':34} {'runs':>6} {'ended':>6} {'KiB':>8} {'bound':>8} {'quiet':>7} {'under':>7} {'ratio':>6} "
          f"{'quiet':>7} {'honest':>7} {'under':>7} {'ratio':>6}")
    with tempfile.TemporaryDirectory(prefix="weir-attacks-") as directory:
        pathlib.Path(directory).chmod(0o755)
        certificate = Authority(pathlib.Path(directory)).issue("a.test")
        chosen = [attack for attack in ATTACKS if not options.only or attack.name in options.only]
        bad = [attack.name for attack in chosen if not one(attack, certificate, options)]
    sys.exit(f"bad: {', '.join(bad)}" if bad else 0)


if __name__ == "__main__":
    main()
