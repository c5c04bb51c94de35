# SPDX-License-Identifier: Apache-2.0
"""Memory of a worker while a large answer goes to a client that reads slowly, and a large body comes in.

Prints how much the worker's resident memory grows at most; exit status 1 if that is 1 MiB or more.
"""
import argparse
import pathlib
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from weirtest import Client, Origin, Weir, answer, forward_to, get, rss_bytes  # noqa: E402

BLOCK = bytes(1 << 20)
MIB = 1 << 20


def send_blocks(connection, blocks):
    for _ in range(blocks):
        connection.send(BLOCK)


def read_slowly(connection, size, every=64 * MIB):
    seen = 0
    while seen < size:
        data = connection.socket.recv(MIB)
        if not data:
            raise EOFError(f"{size - seen} bytes are missing")
        if (seen + len(data)) // every > seen // every:
            time.sleep(0.05)  # all that is slow about it
        seen += len(data)


class Peak(threading.Thread):
    """Looks at a process again and again."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.before, self.most, self.over = pid, rss_bytes(pid), 0, threading.Event()

    def run(self):
        while not self.over.wait(0.005):
            self.most = max(self.most, rss_bytes(self.pid) - self.before)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--mib", type=int, default=10 * 1024)
    options = parser.parse_args()
    size = options.mib * MIB

    def handler(connection, request):
        if request.method == "GET" and request.target == "/large":
            connection.send(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n")
            send_blocks(connection, options.mib)
        elif request.method == "PUT":
            read_slowly(connection, size - len(connection.pending))
            connection.pending = b""
            connection.send(answer("thanks"))
        else:
            connection.send(answer("ok"))

    worst = 0
    with Origin(handler) as origin, Weir(forward_to(origin)) as weir, Client(weir) as client:
        client.ask(get())
        for name in ("download", "upload"):
            peak, begin = Peak(weir.pids()[0]), time.monotonic()
            peak.start()
            if name == "download":
                client.send(get("/large"))
                client.read_until(b"\r\n\r\n")
                read_slowly(client, size - len(client.pending))
                client.pending = b""
            else:
                client.send(get("/", "a", f"Content-Length: {size}", method="PUT"))
                send_blocks(client, options.mib)
                assert client.receive().status == 200
            peak.over.set()
            peak.join()
            worst = max(worst, peak.most)
            print(f"{name}: {options.mib} MiB in {time.monotonic() - begin:.0f} s, the worker grew by {peak.most / 1024:.0f} KiB at most")
    sys.exit(worst >= MIB)


if __name__ == "__main__":
    main()
