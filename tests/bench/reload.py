# SPDX-License-Identifier: Apache-2.0
"""What a thousand reloads cost the clients: nothing, or this fails.

Two differing files in turn, under clients that keep their connections and clients that do not, with a
tunnel opened between every two reloads, and now and then a reload that fails or overlaps.  Counts failed
requests, stale ones (a reused connection closed before any byte of the answer), tunnels that closed, the
time from the order to the answer that all workers run it, the part of it that concerns workers (from the beginning of
preparing to the last worker's change), the longest loop turn meanwhile, and the memory of every process after the
twentieth and at the end.  Tunnels that stay open take memory in workers, so `--tunnels`
says how many are kept; of all that have been opened the oldest end first, and none may have closed by then.
"""
import argparse
import json
import os
import pathlib
import re
import signal
import statistics
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from admintest import AdminClient  # noqa: E402
from weirtest import Client, Origin, Weir, answer, get, status_of  # noqa: E402


MOST_GROWTH = 1.05
BUSY = "error conflict a reload is under way; try again"


def configuration(weir, origin, size, which):
    """`size` routes and as many servers; `which` (0 or 1) makes the two differ in some of everything."""
    port = weir.port() if weir else "{port}"
    lines = ["workers 2", "admin unix:{dir}/admin.sock", f"listener web {{ bind 127.0.0.1:{port}"]
    lines += [f"  route r{i} path /r{i}/* forward b{i % 10}" for i in range(size - which * 3)]
    lines += ["  route path /tunnel forward b0", f"  route forward b{which}", "}"]
    if which:
        lines.append(f"listener more {{ bind 127.0.0.1:{weir.port('more') if weir else '{more}'}; route respond 200 }}")
    for b in range(10):
        lines.append(f"backend b{b} {{")
        lines += [f"  server s{i} 127.0.0.1:{origin.port} weight {1 + which}" if i == 0 else
                  f"  server s{i} 127.0.{b + 1}.{i % 250 + 1}:{1000 + i // 250} backup" for i in range(size // 10 - which)]
        lines.append("}")
    return "\n".join(lines) + "\n"


class Load(threading.Thread):
    """Asks again and again, on one connection or on a new one each time."""

    def __init__(self, weir, keep):
        super().__init__(daemon=True)
        self.weir, self.keep, self.over = weir, keep, threading.Event()
        self.good = self.failed = self.stale = 0

    def run(self):
        client, used = None, False
        while not self.over.is_set():
            try:
                if client is None:
                    client, used = Client(self.weir), False
                self.good += client.ask(get(f"/r{self.good % 50}/x")).status == 200
                used = True
                if self.keep:
                    continue
            except (OSError, EOFError, AssertionError) as error:
                if used and not getattr(client, "pending", b""):
                    self.stale += 1
                else:
                    self.failed += 1
                print(f"lost: {error!r}")
            client.close()
            client = None


def tunnel(weir):
    client = Client(weir)
    client.send(get("/tunnel", "a", "Connection: upgrade", "Upgrade: x"))
    assert client.receive(head_only=True).status == 101
    return client


def serve(connection, request):
    if request.get("Upgrade"):
        connection.send("HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
        while piece := connection.socket.recv(100):
            connection.send(piece)
    else:
        connection.send(answer("fine"))


def family(weir):
    yield weir.process.pid, "master"
    for role in ("worker", "control", "writer"):
        yield from ((pid, role) for pid in weir.pids(role))


def sizes(weir):
    """Resident memory and the part that is not of a file, in KiB, of each process; the least in a second: who is just
    taking a configuration apart has two.  Without the shared segment: its size is that of the start, and its pages
    come as its rings go round for the first time."""
    least = {}
    for _ in range(20):
        for key in family(weir):
            own, files = (int(status_of(key[0], name).split()[0]) for name in ("RssAnon", "RssFile"))
            least[key] = min((own + files, own), least.get(key, (own + files, own)))
        time.sleep(0.05)
    return least


def workers_part(admin, number):
    """Milliseconds from the beginning of preparing a generation until the last worker ran it."""
    first = admin.ask(f"explain generation {number}").first
    times = re.findall(r"(?:prepare|commit|settle) ([\d.]+) ms", first)
    assert len(times) == 3, first
    return sum(map(float, times))


def end(tunnel):
    """True if it was whole."""
    with tunnel as client:
        try:
            client.send(b"x")
            return client.socket.recv(10) == b"x"
        except OSError:
            return False


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--reloads", type=int, default=100)
    parser.add_argument("--size", type=int, default=100, help="routes, and servers")
    parser.add_argument("--tunnels", type=int, default=20, help="kept open at a time")
    options = parser.parse_args()
    with Origin(serve) as origin:
        text = configuration(None, origin, options.size, 0)
        with Weir(text, ports=("port", "more")) as weir, AdminClient(weir) as admin:
            texts = [configuration(weir, origin, options.size, i).replace("{dir}", str(weir.dir)) for i in (0, 1)]
            loads = [Load(weir, keep) for keep in (True, True, False)]
            for load in loads:
                load.start()
            tunnels, times, parts, before, refused, closed = [], [], [], None, 0, 0
            for number in range(1, options.reloads + 1):
                weir.config.write_text(texts[number % 2])
                begin = time.monotonic()
                while (reply := admin.reply_to("reload")).first == BUSY:
                    time.sleep(0.001)
                times.append((time.monotonic() - begin) * 1000)
                assert reply.is_ok and "pending" not in reply.first, reply
                parts.append(workers_part(admin, re.search(r"generation (\d+)", reply.first)[1]))
                tunnels.append(tunnel(weir))
                if len(tunnels) > options.tunnels:
                    closed += not end(tunnels.pop(0))
                if number % 10 == 0:  # one that fails, and one more while it runs
                    weir.config.write_text("listener {")
                    weir.send_signal(signal.SIGHUP)
                    refused += admin.reply_to("reload").code in ("refused", "conflict")
                if number == 20:
                    before = sizes(weir)
            for load in loads:
                load.over.set()
                load.join()
            after = sizes(weir)
            closed += sum(not end(client) for client in tunnels)
            turns = [row["loop_lag_ms"] for row in json.loads(admin.ask("@json show workers").body)]
    lost = sum(load.failed + load.stale for load in loads)
    print(f"{options.reloads} reloads of {options.size} routes and servers: {statistics.median(times):.0f} ms each,"
          f" at worst {max(times):.0f} ms; {refused} refused as they must be; longest turn {max(turns)} ms")
    print(f"from preparing to the last worker's change {statistics.median(parts):.1f} ms, at worst {max(parts):.1f} ms")
    print(f"{sum(load.good for load in loads)} answers, {sum(load.failed for load in loads)} failed,"
          f" {sum(load.stale for load in loads)} stale; {options.reloads} tunnels, {closed} closed")
    grown = False
    for key, (size, own) in (before or {}).items():
        now, own_now = after.get(key, (0, 0))
        grown |= not 0 < now <= MOST_GROWTH * size
        print(f"{key[1]:8} resident {size} KiB after the twentieth, {now} KiB at the end, {now / size:.3f} times;"
              f" of its own {own} and {own_now} KiB")
    sys.exit(lost > 0 or closed > 0 or grown)


if __name__ == "__main__":
    main()
