# SPDX-License-Identifier: Apache-2.0
"""CPU per request of weir, nginx and haproxy, side by side.

Each round runs every proxy once on every scenario, one after the other, so that a busy machine hurts
all alike; the best round of each counts.  CPU is what the kernel charged to the proxy's processes
(utime + stime in /proc), one worker each.  h2load makes the load; an nginx that serves small files is
the origin.  Debian: apt-get install nghttp2-client nginx-light haproxy
"""
import argparse
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
WEIR = os.environ.get("WEIR", str(ROOT / "build" / "weir"))
SCENARIOS = ["small", "64k", "1m", "post-16k"]

ORIGIN = """daemon off; worker_processes 2; pid {dir}/origin.pid; error_log /dev/null;
events { worker_connections 4096; }
http { access_log off; keepalive_requests 100000000; sendfile on; tcp_nopush on;
  server { listen 127.0.0.1:{origin} reuseport; root {dir}; location = /small { return 200 "hello, world\\n"; }
    location = /post-16k { return 200 "thanks\\n"; } } }
"""
NGINX = """daemon off; worker_processes 1; pid {dir}/nginx.pid; error_log /dev/null;
events { worker_connections 4096; }
http { access_log off; keepalive_requests 100000000; proxy_temp_path {dir}/tmp; client_body_buffer_size 64k;
  upstream o { server 127.0.0.1:{origin}; keepalive 256; keepalive_requests 100000000; }
  server { listen 127.0.0.1:{port}; location / { proxy_pass http://o; proxy_http_version 1.1;
    proxy_set_header Connection ""; proxy_set_header Host $host; proxy_buffering on; proxy_max_temp_file_size 0; } } }
"""
HAPROXY = """global
  nbthread 1
  tune.pipesize 1048576
defaults
  mode http
  option splice-auto
  http-reuse always
  timeout client 60s
  timeout server 60s
  timeout connect 3s
frontend f
  bind 127.0.0.1:{port}
  default_backend b
backend b
  server s 127.0.0.1:{origin}
"""
WEIR_CONF = """workers 1
listener f { bind 127.0.0.1:{port}; route forward o }
backend o { server s 127.0.0.1:{origin} }
"""
PROXIES = {
    "weir": (WEIR_CONF, [WEIR, "-c", "{file}"]),
    "nginx": (NGINX, ["nginx", "-e", "/dev/null", "-c", "{file}"]),
    "haproxy": (HAPROXY, ["haproxy", "-f", "{file}"]),
}


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]

def family(pid):
    """A process and everything below it."""
    below = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid] + [p for child in below for p in family(int(child))]

def cpu_seconds(pid):
    ticks = 0
    for process in family(pid):
        fields = pathlib.Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")

def start(directory, name, template, command, values):
    file = directory / f"{name}.conf"
    for key, value in values.items():
        template = template.replace("{" + key + "}", str(value))
    file.write_text(template)
    process = subprocess.Popen([word.replace("{file}", str(file)) for word in command], stderr=subprocess.DEVNULL)
    port = values.get("port", values["origin"])
    for _ in range(1000):
        if process.poll() is not None:
            sys.exit(f"{name} does not start: {' '.join(command)}")
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return process
        except ConnectionRefusedError:
            time.sleep(0.01)
    sys.exit(f"{name} does not listen")

def measure(process, target, scenario, options):
    """Microseconds of CPU per request, requests per second, failed requests; target: a port or a file of URIs."""
    body = ["-d", options.body] if scenario.startswith("post") else []
    amount = [f"-c{options.connections}", f"-D{options.seconds}", "--warm-up-time=0"]
    before = cpu_seconds(process.pid)
    uris = [f"http://127.0.0.1:{target}/{scenario}"] if isinstance(target, int) else ["-i", str(target)]
    load = ["h2load", "--h1", "-t1", *amount, *body, *uris]
    out = subprocess.run(load, capture_output=True, text=True, check=True).stdout
    used = cpu_seconds(process.pid) - before
    good, bad = (int(re.search(rf"(\d+) {word}", out)[1]) for word in ("succeeded", "failed"))
    return used * 1e6 / max(good, 1), good / options.seconds, bad

def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--only", default=",".join(PROXIES))
    parser.add_argument("scenario", nargs="*", default=SCENARIOS)
    options = parser.parse_args()
    names = options.only.split(",")
    missing = [t for t in ("h2load", "nginx", *(PROXIES[n][1][0] for n in names)) if not shutil.which(t)]
    if missing:
        sys.exit(f"missing: {' '.join(missing)}; Debian: apt-get install nghttp2-client nginx-light haproxy; weir: make")
    best = {}
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        directory.chmod(0o755)
        options.body = f"{name}/body"
        (directory / "body").write_bytes(b"x" * (16 << 10))
        (directory / "64k").write_bytes(b"x" * (64 << 10))
        (directory / "1m").write_bytes(b"x" * (1 << 20))
        origin = free_port()
        running = [start(directory, "origin", ORIGIN, PROXIES["nginx"][1], {"dir": name, "origin": origin})]
        try:
            for n in names:
                values = {"dir": name, "origin": origin, "port": free_port()}
                running.append(start(directory, n, *PROXIES[n], values))
                running[-1].port = values["port"]
            for _ in range(options.rounds):
                for scenario in options.scenario:
                    for n, process in zip(names, running[1:]):
                        result = measure(process, process.port, scenario, options)
                        best[scenario, n] = min(best.get((scenario, n), result), result)
        finally:
            for process in running:
                process.send_signal(signal.SIGINT)
                process.wait()
    print(f"{'scenario':10}" + "".join(f"{n + ' us/req':>18}{'req/s':>9}{'bad':>5}" for n in names))
    for scenario in options.scenario:
        print(f"{scenario:10}" + "".join("{:18.1f}{:9.0f}{:5d}".format(*best[scenario, n]) for n in names))

if __name__ == "__main__":
    main()
