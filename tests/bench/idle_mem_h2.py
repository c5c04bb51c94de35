# SPDX-License-Identifier: Apache-2.0
"""Memory of an idle HTTP/2 connection in weir, nginx and haproxy, side by side.

Each of many clients asks once, over a connection of its own, and keeps it.  What is printed is by how much the
memory of the proxy's processes (PSS: user space only) has grown for each of them, over TLS and in clear text.
Exit status 1 if weir needs more than the thriftiest of the others.  Those that are not installed are left out.
"""
import argparse
import contextlib
import pathlib
import re
import resource
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from proxies import PROXIES, family, free_port, start  # noqa: E402
from tlstest import Authority  # noqa: E402
from weirtest import Origin, answer  # noqa: E402

NGINX = """daemon off; worker_processes 1; pid {dir}/nginx.pid; error_log /dev/null; worker_rlimit_nofile {files};
events { worker_connections {files}; }
http { access_log off; proxy_temp_path {dir}/tmp; keepalive_timeout 300s;
  upstream o { server 127.0.0.1:{origin}; keepalive 16; }
  server { listen 127.0.0.1:{port} ssl http2; listen 127.0.0.1:{clear} http2;
    ssl_certificate {pem}; ssl_certificate_key {pem}; ssl_protocols TLSv1.3;
    location / { proxy_pass http://o; proxy_http_version 1.1; proxy_set_header Connection ""; } } }
"""
HAPROXY = """global
  nbthread 1
  maxconn {half}
defaults
  mode http
  http-reuse always
  timeout client 300s
  timeout server 300s
  timeout connect 3s
frontend f
  bind 127.0.0.1:{port} ssl crt {pem} alpn h2
  bind 127.0.0.1:{clear} proto h2
  default_backend b
backend b
  server s 127.0.0.1:{origin}
"""
WEIR = """workers 1
access_log off
listener t { bind 127.0.0.1:{port} tls; tls { certificate {cert} {key} }; protocols h2 http/1.1; timeout idle 300s; route forward o }
listener c { bind 127.0.0.1:{clear}; protocols h2 http/1.1; timeout idle 300s; route forward o }
backend o { server s 127.0.0.1:{origin} }
"""
CONFIGURATIONS = {"weir": WEIR, "nginx": NGINX, "haproxy": HAPROXY}

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS, ACK = bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]), bytes([0, 0, 0, 4, 1, 0, 0, 0, 0])
HEADERS, DATA, PING = 1, 0, 6


def frame(kind, flags, stream, payload):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def read_exactly(connection, size):
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            raise EOFError("closed by the proxy")
        data += more
    return data


def ask_once(connection):
    """A GET and its whole answer; then a PING, so that nothing is under way any more."""
    block = bytes([0x82, 0x87, 0x84, 0x41, 1]) + b"a"  # :method GET, :scheme https, :path /, :authority a
    connection.sendall(PREFACE + SETTINGS + ACK + frame(HEADERS, 5, 1, block))
    ended = False
    while True:
        head = read_exactly(connection, 9)
        read_exactly(connection, int.from_bytes(head[:3], "big"))
        if head[3] in (HEADERS, DATA) and head[4] & 1 and not ended:
            ended = True
            connection.sendall(frame(PING, 0, 0, bytes(8)))
        if head[3] == PING and head[4] & 1:
            return


def pss(pid):
    texts = (pathlib.Path(f"/proc/{p}/smaps_rollup").read_text() for p in family(pid))
    return sum(int(re.search(r"^Pss:\s+(\d+)", text, re.M)[1]) for text in texts) * 1024


def steady_pss(pid):
    """Once it is known who is idle, and what that needs is given back: when it has stayed the same for a second."""
    sizes = [pss(pid)]
    while len(sizes) < 6 or len(set(sizes[-6:])) > 1:
        time.sleep(0.2)
        sizes.append(pss(pid))
    return sizes[-1]


def measure(process, port, context, count):
    """Bytes for each of `count` idle clients."""
    def connect():
        plain = socket.create_connection(("127.0.0.1", port))
        connection = context.wrap_socket(plain, server_hostname="a") if context else plain
        ask_once(connection)
        return connection

    with contextlib.ExitStack() as open_ones:
        for _ in range(8):  # what is needed once
            open_ones.enter_context(connect())
        before = steady_pss(process.pid)
        for _ in range(count):
            open_ones.enter_context(connect())
        return (steady_pss(process.pid) - before) / count


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--clients", type=int, default=2000)
    parser.add_argument("--only", default=",".join(PROXIES))
    options = parser.parse_args()
    files = 3 * options.clients + 1000
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, max(files, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))
    names = [n for n in options.only.split(",") if shutil.which(PROXIES[n][1][0])]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    found = {}
    with tempfile.TemporaryDirectory() as name, Origin(lambda c, _: c.send(answer("x" * 128))) as origin:
        directory = pathlib.Path(name)
        directory.chmod(0o755)
        certificate = Authority(directory).issue("a")
        pem = directory / "both.pem"
        pem.write_text(pathlib.Path(certificate.chain).read_text() + pathlib.Path(certificate.key).read_text())
        values = {"dir": name, "origin": origin.port, "cert": certificate.chain, "key": certificate.key, "pem": pem,
                  "files": files, "half": files // 2}
        for n in names:
            for kind in ("tls", "clear"):
                ports = {"port": free_port(), "clear": free_port()}
                process = start(directory, n, CONFIGURATIONS[n], PROXIES[n][1], {**values, **ports})
                try:
                    over_tls = kind == "tls"
                    port = ports["port" if over_tls else "clear"]
                    found[n, kind] = measure(process, port, context if over_tls else None, options.clients)
                finally:
                    process.terminate()
                    process.wait()
    print(f"{'bytes for each':16}" + "".join(f"{n:>10}" for n in names))
    for kind in ("tls", "clear"):
        print(f"{kind:16}" + "".join(f"{found[n, kind]:10.0f}" for n in names))
    others = [n for n in names if n != "weir"]
    sys.exit(any(found["weir", kind] > min(found[n, kind] for n in others) for kind in ("tls", "clear")) if others else 0)


if __name__ == "__main__":
    main()
