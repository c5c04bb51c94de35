# SPDX-License-Identifier: Apache-2.0
"""Upgrades weir in place again and again under load and counts what is lost: nothing.

Two copies of the binary that call themselves different versions take turns; with --memory every other one also lays out
shared memory in another way.  Some clients keep their connections as long as they may, some open one for each
request; a tunnel is opened between every two upgrades and used until the end.  Lost is an answer other than
200, a connection that breaks, and a reused one that is closed before the first byte of an answer.

    tests/bench/upgrade.py --upgrades 20
"""
import argparse
import json
import pathlib
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

from admintest import AdminClient, fleet
from binarytest import Installed
from draintest import Loads
from weirtest import Client, Load, Origin, Weir, answer, children, get, wait_until

UPGRADE = get("/tunnel", "test", "Connection: upgrade", "Upgrade: raw")


def reply(connection, request):
    if request.target != "/tunnel":
        return connection.send(answer("x" * 1000))
    connection.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: raw\r\n\r\n")
    while (data := connection.socket.recv(4096)):
        connection.send(data)


def upgrade(weir, count):
    begin = time.monotonic()
    with AdminClient(weir) as admin:
        assert admin.reply_to("upgrade").is_ok
    weir.wait_log("has taken over from", count)
    return time.monotonic() - begin


def run(count, clients, memory):
    took, tunnels = [], []
    with tempfile.TemporaryDirectory() as directory, Origin(reply) as origin:
        installed = Installed(pathlib.Path(directory))
        with Weir(fleet(origin), workers=2, binary=installed.path) as weir:
            fresh = Load(weir)
            fresh.start()
            with Loads([weir.port()], clients) as loads:
                for number in range(count):
                    tunnel = Client(weir)
                    tunnel.send(UPGRADE)
                    assert tunnel.receive(head_only=True).status == 101
                    tunnels.append(tunnel)
                    installed.install(version="0.1.9" if number % 2 == 0 else None, memory=memory and number % 2 == 0)
                    took.append(upgrade(weir, number + 1))
                    loads.progress(5)
                failures = [failure for thread in loads.threads for failure in thread.failures]
                good = sum(thread.good for thread in loads.threads)
            fresh.stop()
            closed = 0
            for tunnel in tunnels:
                try:
                    tunnel.send(b"ping")
                    closed += tunnel.read_exact(4) != b"ping"
                except (OSError, EOFError):
                    closed += 1
                tunnel.close()
            wait_until(lambda: len(children(weir.process.pid)) == 4, "the end of all former processes")
    return {
        "upgrades": count,
        "requests on kept connections": good,
        "requests on new connections": fresh.good,
        "longest upgrade, ms": round(1000 * max(took)),
        "failed on kept connections": failures,
        "failed on new connections": fresh.refused + fresh.broken,
        "tunnels closed": closed,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--upgrades", type=int, default=20)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--memory", action="store_true", help="every other version has other shared memory")
    options = parser.parse_args()
    found = run(options.upgrades, options.clients, options.memory)
    print(json.dumps(found, indent=2))
    lost = found["failed on kept connections"] or found["failed on new connections"] or found["tunnels closed"]
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
