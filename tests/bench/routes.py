# SPDX-License-Identifier: Apache-2.0
"""CPU per request with 10 routes and with 10,000, hits spread over all of them.

Half of the routes name an exact path, half a prefix; each round runs both tables, the best round of
each counts.  Exit status 1 if the large table costs more than 1.10 times the small one.
Debian: apt-get install nghttp2-client nginx-light
"""
import argparse
import pathlib
import signal
import sys
import tempfile

from loads import BODIES, measure
from proxies import ORIGIN, PROXIES, WEIR, free_port, start

CONF = """workers 1
listener f {
    bind 127.0.0.1:{port}
{routes}
}
backend o { server s 127.0.0.1:{origin} }
"""
SIZES = [10, 10_000]
MOST = 1.10


def paths(size):
    return [f"/p/{i}/some/page" if i % 2 else f"/e/{i}" for i in range(size)]


def routes(size):
    return "\n".join(f"    route path {'/p/%d/*' % i if i % 2 else '/e/%d' % i} forward o" for i in range(size))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=8)  # each asks for every route in turn
    options = parser.parse_args()
    best = {}
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        directory.chmod(0o755)
        origin = free_port()
        anything = ORIGIN.replace("location = /small", "location /")
        running = [start(directory, "origin", anything, PROXIES["nginx"][1], {"dir": name, "origin": origin})]
        try:
            for size in SIZES:
                port = free_port()
                values = {"routes": routes(size), "origin": origin, "port": port}
                running.append(start(directory, f"weir{size}", CONF, [WEIR, "-c", "{file}"], values))
                (directory / f"uris{size}").write_text("".join(f"http://127.0.0.1:{port}{p}\n" for p in paths(size)))
            for _ in range(options.rounds):
                for size, process in zip(SIZES, running[1:]):
                    words = ["--h1", f"-c{options.connections}", "-i", directory / f"uris{size}"]
                    result = measure(process, words, options.seconds, BODIES["small"])
                    best[size] = min(best.get(size, result), result)
        finally:
            for process in running:
                process.send_signal(signal.SIGINT)
                process.wait()
    for size in SIZES:
        print("{:6} routes: {:6.2f} us/req {:7.0f} req/s {} bad".format(size, *best[size]))
    ratio = best[SIZES[1]][0] / best[SIZES[0]][0]
    print(f"ratio {ratio:.3f}, wanted at most {MOST:.2f}")
    sys.exit(ratio > MOST or any(bad for _, _, bad in best.values()))


if __name__ == "__main__":
    main()
