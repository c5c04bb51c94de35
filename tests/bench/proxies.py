# SPDX-License-Identifier: Apache-2.0
"""The proxies that are measured: their configurations, how they are started and stopped, and the CPU time they use.

A contestant is written `weir`, or with a feature, `weir combined`: that proxy with what FEATURES adds to its template.
"""
import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
WEIR = os.environ.get("WEIR", str(ROOT / "build" / "weir"))
PROCESSORS = sorted(os.sched_getaffinity(0))  # the proxies have the first ones, as many as they have workers
LOAD_PROCESSORS = PROCESSORS[len(PROCESSORS) // 2:]
SIZES = {"64k": 64 << 10, "1m": 1 << 20, "post-16k": 16 << 10}  # files that the origin serves or a client sends

ORIGIN = """daemon off; worker_processes 2; pid {dir}/origin.pid; error_log /dev/null;
events { worker_connections 4096; }
http { access_log off; keepalive_requests 100000000; sendfile on; tcp_nopush on;
  server { listen 127.0.0.1:{origin} reuseport; root {dir}; location = /small { return 200 "hello, world\\n"; }
    location = /post-16k { return 200 "thanks\\n"; } } }
"""
NGINX = """daemon off; worker_processes {workers}; pid {dir}/{name}.pid; error_log /dev/null;
events { worker_connections 4096; }
http { access_log {log}; keepalive_requests 100000000; proxy_temp_path {dir}/tmp; client_body_buffer_size 64k;
  upstream o { server 127.0.0.1:{origin}; keepalive 256; keepalive_requests 100000000; }
  server { listen 127.0.0.1:{port}; location / { proxy_pass http://o; proxy_http_version 1.1;
    proxy_set_header Connection ""; proxy_set_header Host $host; proxy_buffering on; proxy_max_temp_file_size 0; } } }
"""
HAPROXY = """global
  nbthread {workers}
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
WEIR_CONF = """workers {workers}
access_log {log}
listener clear { bind 127.0.0.1:{port}; route forward o }
listener secure { bind 127.0.0.1:{secure} tls; tls { certificate {dir}/cert.pem {dir}/key.pem }; route forward o }
backend o {
    server s 127.0.0.1:{origin}
    {backend}
}
"""
PROXIES = {
    "weir": (WEIR_CONF, [WEIR, "-c", "{file}"]),
    "nginx": (NGINX, ["nginx", "-e", "/dev/null", "-c", "{file}"]),
    "haproxy": (HAPROXY, ["haproxy", "-f", "{file}"]),
}
PLAIN = {"workers": "1", "log": "off", "backend": ""}
# What each feature changes of that, by proxy; a text is why a proxy has no such feature.
FEATURES = {
    "combined": {"weir": {"log": "{dir}/{name}.log format combined"}, "nginx": {"log": "{dir}/{name}.log combined"},
                 "haproxy": "it writes no log file, it only logs to syslog"},
    "buffered": {"nginx": {"log": "{dir}/{name}.log combined buffer=64k flush=1s"}},
    "json": {"weir": {"log": "{dir}/{name}.log format json"}},
    "pipeline": {"weir": {"backend": "pipeline 2 { credentials on }"}},
    "two": {name: {"workers": "2"} for name in PROXIES},
}
MAY_BE_REFUSED = ["weir pipeline"]  # by a weir that does not know it yet


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def family(pid):
    """A process and everything below it."""
    below = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid] + [p for child in below for p in family(int(child))]


def cpu_us(pid):
    """CPU time of a process, its children and all their threads in microseconds, as the scheduler counts it."""
    total = 0
    for process in family(pid):
        for thread in pathlib.Path(f"/proc/{process}/task").iterdir():
            total += int((thread / "schedstat").read_text().split()[0])
    return total / 1000


def write(directory, name, template, values):
    """The configuration file; a value may name others."""
    file = directory / f"{name}.conf"
    for key, value in values.items():
        template = template.replace("{" + key + "}", str(value))
    file.write_text(template)
    return file


def start(directory, name, template, command, values):
    file = write(directory, name, template, values)
    process = subprocess.Popen([word.replace("{file}", str(file)) for word in command], stderr=subprocess.DEVNULL)
    port = values.get("port", values["origin"])
    for _ in range(1000):
        if process.poll() is not None:
            sys.exit(f"{name} does not start: {' '.join(command)}")
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            process.log = None
            return process
        except ConnectionRefusedError:
            time.sleep(0.01)
    sys.exit(f"{name} does not listen")


def stop(processes):
    for process in processes:
        process.send_signal(signal.SIGINT)
        process.wait()


def split(contestant):
    """Its proxy, and what its feature changes: values, or a text that says why there is no such contestant."""
    proxy, _, feature = contestant.partition(" ")
    return proxy, FEATURES[feature][proxy] if feature else {}


def start_contestant(directory, origin, contestant, command=None):
    """The process, with its `ports`, and in `log` its access log or None; or a text that says why there is none."""
    proxy, change = split(contestant)
    if isinstance(change, str):
        return f"left out: {change}"
    template, command = PROXIES[proxy][0], command or PROXIES[proxy][1]
    ports = {"port": free_port(), "secure": free_port()}
    name = f"{contestant.replace(' ', '-')}-{ports['port']}"
    values = {**PLAIN, **change, **ports, "origin": origin, "dir": directory, "name": name}
    if contestant in MAY_BE_REFUSED and (reason := refusal(command, write(directory, name, template, values))):
        return f"not in this build: {reason}"
    with on(PROCESSORS[:int(values["workers"])]):
        process = start(directory, name, template, command, values)
    process.ports = ports
    process.log = directory / f"{name}.log" if "log" in change else None
    return process


def refusal(command, file):
    """The first line of what `weir -t` says against the file, or None."""
    check = subprocess.run([command[0], "-t", "-c", file], capture_output=True, text=True, check=False)
    return None if check.returncode == 0 else check.stderr.split("\n", 1)[0].rpartition("error: ")[2]


@contextlib.contextmanager
def workplace():
    """A directory with a certificate and the files of SIZES, and the port of an origin that serves them."""
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        directory.chmod(0o755)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                        "2", "-subj", "/CN=127.0.0.1", "-keyout", f"{name}/key.pem", "-out", f"{name}/cert.pem"],
                       check=True, capture_output=True)
        for file, size in SIZES.items():
            (directory / file).write_bytes(bytes(size))
        port = free_port()
        with on(LOAD_PROCESSORS):
            origin = start(directory, "origin", ORIGIN, PROXIES["nginx"][1], {"dir": name, "origin": port})
        try:
            yield directory, port
        finally:
            stop([origin])


@contextlib.contextmanager
def on(processors):
    """Everything that is started in here runs on these."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, processors)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def need(*tools):
    missing = [tool for tool in tools if not shutil.which(tool)]
    if missing:
        sys.exit(f"missing: {' '.join(missing)}; Debian: apt-get install nghttp2-client nginx-light haproxy; weir: make")
