# SPDX-License-Identifier: Apache-2.0
"""Do reloads harm streams that wait in filters?

Clients of HTTP/1.1 and HTTP/2 ask again and again by a route whose filter waits for a timer (20 ms), in the request's
direction or the answer's, while the configuration is replaced by one in which that filter is the same, or another.  Fails if a
request does, or if the memory of a process after the last reload is more than 5 % above that after the twentieth.
"""
import argparse
import contextlib
import os
import sys
import threading
import time

from reload import BUSY, MOST_GROWTH, sizes  # also makes the modules of the end-to-end tests known

from admintest import AdminClient
from h2test import H2Client, request
from weirtest import ROOT, Client, Origin, Weir, answer, get

BINARY = os.environ.get("WEIR_WITH_MODULES", str(ROOT / "build" / "weir-with-modules"))
PATHS = ("/request", "/response")


def configuration(origin, which):
    """The filter of /request is the same in both files, that of /response stands on another line."""
    lines = ["workers 2", "admin unix:{dir}/admin.sock", "listener web {", "bind 127.0.0.1:{port}",
             "route path /request { trial request suspend timer continue; forward o }"]
    lines += ["route path /other respond 404"] if which else []
    lines += ["route path /response { trial response suspend timer continue; forward o }", "}",
              f"backend o {{ server s {origin.address} }}"]
    return "\n".join(lines) + "\n"


class Load(threading.Thread):
    def __init__(self, weir, path, over_h2):
        super().__init__(daemon=True)
        self.weir, self.path, self.over_h2 = weir, path, over_h2
        self.over, self.good, self.failed = threading.Event(), 0, 0

    def ask(self, client):
        if self.over_h2:
            got = client.ask(request("GET", self.path))
            return got.status == 200 and got.complete
        return client.ask(get(self.path)).status == 200

    def run(self):
        while not self.over.is_set():
            try:
                with (H2Client if self.over_h2 else Client)(self.weir) as client:
                    for _ in range(10):
                        self.good, self.failed = (self.good + 1, self.failed) if self.ask(client) else (self.good, self.failed + 1)
            except (OSError, EOFError, AssertionError) as error:
                self.failed += 1
                print(f"lost: {error!r}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--reloads", type=int, default=1000)
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        origin = stack.enter_context(Origin(answer("fine")))
        texts = [configuration(origin, which) for which in (0, 1)]
        weir = stack.enter_context(Weir(texts[0], binary=BINARY))
        admin = stack.enter_context(AdminClient(weir))
        texts = [text.replace("{dir}", str(weir.dir)).replace("{port}", str(weir.port())) for text in texts]
        loads = [Load(weir, path, over_h2) for path in PATHS for over_h2 in (False, True) for _ in range(4)]
        for load in loads:
            load.start()
        before = {}
        for number in range(1, options.reloads + 1):
            weir.config.write_text(texts[number % 2])
            while (reply := admin.reply_to("reload")).first == BUSY:
                time.sleep(0.001)
            assert reply.is_ok, reply
            if number == 20:
                before = sizes(weir)
        after = sizes(weir)
        for load in loads:
            load.over.set()
        for load in loads:
            load.join()
    failed = sum(load.failed for load in loads)
    print(f"{options.reloads} reloads, {sum(load.good for load in loads)} answers that had waited in a filter, {failed} failed")
    grown = False
    for key, (size, _) in before.items():
        now = after.get(key, (0, 0))[0]
        grown |= not 0 < now <= MOST_GROWTH * size
        print(f"{key[1]:8} resident {size} KiB after the twentieth, {now} KiB at the end, {now / size:.3f} times")
    sys.exit(failed > 0 or grown)


if __name__ == "__main__":
    main()
