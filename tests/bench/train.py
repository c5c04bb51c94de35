# SPDX-License-Identifier: Apache-2.0
"""What a training build of weir learns from: the work that matters, in the proportions in which it does.

`make pgo` runs this.  Two instances, one for each format of the access log, serve small answers over HTTP/1.1 and HTTP/2, in clear and
over TLS, with few fields and with a browser's, some of them over shared connections to the server, some large answers and
uploads, and new connections.  One weir is the origin of the other; what is large comes from a server here.

    tests/bench/train.py build-pgo/training/weir
"""
import asyncio
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time

CONF = """workers 1
{user}access_log {dir}/access.log format {format}
listener clear {{ bind 127.0.0.1:{clear}; route path /large/* forward large; route path /shared/* forward shared; route forward o }}
listener secure {{ bind 127.0.0.1:{secure} tls; tls {{ certificate {dir}/cert.pem {dir}/key.pem }}
route path /large/* forward large; route path /shared/* forward shared; route forward o }}
listener origin {{ bind 127.0.0.1:{origin}; route respond 200 "{small}" }}
backend o {{ server s 127.0.0.1:{origin} }}
backend shared {{ server s 127.0.0.1:{origin}; pipeline 2 {{ credentials on }} }}
backend large {{ server s 127.0.0.1:{large} }}
"""
BROWSER = ["User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36",
           "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
           "Accept-Encoding: gzip, deflate, br, zstd", "Accept-Language: en-GB,en-US;q=0.9,en;q=0.8",
           "Referer: https://www.example.com/dashboard/overview?tab=latency", "Sec-Fetch-Site: same-origin",
           "Cookie: session=6f1ed002ab5595859014ebf0951522d9; theme=dark; consent=1"]
FIELDS = [word for line in BROWSER for word in ("-H", line)]
# Requests, and what else h2load is told.
LOADS = [
    (60000, ["--h1", "-c32", "http://127.0.0.1:{clear}/small"]),
    (60000, ["--h1", "-c32", *FIELDS, "http://127.0.0.1:{clear}/a/path/with?some=query"]),
    (40000, ["--h1", "-c32", *FIELDS, "https://127.0.0.1:{secure}/small"]),
    (80000, ["-c8", "-m32", *FIELDS, "https://127.0.0.1:{secure}/small"]),
    (20000, ["-c8", "-m8", "http://127.0.0.1:{clear}/small"]),
    (20000, ["--h1", "-c32", *FIELDS, "http://127.0.0.1:{clear}/shared/a"]),
    (20000, ["-c8", "-m32", "https://127.0.0.1:{secure}/shared/a"]),
    (1500, ["--h1", "-c8", "http://127.0.0.1:{clear}/large/64k"]),
    (1500, ["-c4", "-m4", "https://127.0.0.1:{secure}/large/64k"]),
    (1000, ["--h1", "-c8", "-d{dir}/upload", "http://127.0.0.1:{clear}/large/upload"]),
    (1000, ["-c4", "-m4", "-d{dir}/upload", "https://127.0.0.1:{secure}/large/upload"]),
    (3000, ["--h1", "-c3000", "-r1500", "http://127.0.0.1:{clear}/small"]),
    (1000, ["-c1000", "-r500", "https://127.0.0.1:{secure}/small"]),
]


async def answer_large(reader, writer):
    """Reads a request with its body, and answers with 64 KiB; chunked every other time."""
    number = 0
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            for line in head.lower().split(b"\r\n"):
                if line.startswith(b"content-length:"):
                    await reader.readexactly(int(line.split(b":")[1]))
                elif line == b"transfer-encoding: chunked":
                    while size := int((await reader.readline()).split(b";")[0], 16):
                        await reader.readexactly(size + 2)
                    await reader.readline()
            number += 1
            body = bytes(65536)
            if number % 2:
                writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10000\r\n" + body + b"\r\n0\r\n\r\n")
            else:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 65536\r\n\r\n" + body)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


def free_ports(count):
    held = [socket.socket() for _ in range(count)]
    for each in held:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    return ports


def wait_for(port):
    for _ in range(500):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    sys.exit(f"nobody listens on port {port}")


async def train(binary, directory, form):
    clear, secure, origin = free_ports(3)
    server = await asyncio.start_server(answer_large, "127.0.0.1", 0)
    values = {"dir": directory, "format": form, "clear": clear, "secure": secure, "origin": origin, "small": "x" * 120,
              "large": server.sockets[0].getsockname()[1], "user": "user root\n" if os.geteuid() == 0 else ""}
    conf = directory / "weir.conf"
    conf.write_text(CONF.format(**values))
    weir = subprocess.Popen([binary, "-c", conf])
    try:
        wait_for(clear)
        for requests, words in LOADS:
            words = [word.format(**values) for word in words]
            load = await asyncio.create_subprocess_exec("h2load", "-t1", f"-n{requests}", *words, stdout=subprocess.PIPE)
            out, _ = await load.communicate()
            if load.returncode != 0 or f"{requests} succeeded" not in out.decode():
                sys.exit(f"h2load {' '.join(words)}: not all was answered:\n{out.decode()}")
    finally:
        weir.send_signal(signal.SIGTERM)
        weir.wait()
        server.close()
    if weir.returncode != 0:
        sys.exit(f"weir ended with {weir.returncode}")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        (directory / "upload").write_bytes(bytes(65536))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                        "-subj", "/CN=127.0.0.1", "-keyout", f"{name}/key.pem", "-out", f"{name}/cert.pem"],
                       check=True, capture_output=True)
        for form in ("combined", "json"):
            asyncio.run(train(sys.argv[1], directory, form))


if __name__ == "__main__":
    main()
