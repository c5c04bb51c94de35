# SPDX-License-Identifier: Apache-2.0
"""What the matrices of other people's clients share: one weir that they all ask, in clear text and over TLS.

    with World(directory) as world:
        world.url("tls", "h2", "/size/100")    over TLS, and on to a server that is spoken to over HTTP/2

The servers are one origin: over HTTP/1.1 weir asks it itself, over HTTP/2 there is weir once more in between.  It
answers /echo with the content, /size/N with N bytes, /trailers with "content" and trailers; to all it says X-Method.
"""
import contextlib

from tlstest import Authority
from weirtest import Origin, Weir, answer, chunked

TRAILERS = ("x-sum: 1234", "x-late: yes")


def content(size):
    """Bytes whose order matters."""
    return (b"".join(b"%07d\n" % i for i in range(0, min(size, 1 << 16) // 8 + 1)) * (size // (1 << 16) + 1))[:size]


def serve(connection, message):
    if message.get("Expect") == "100-continue":
        connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
    connection.read_body(message)
    method = f"X-Method: {message.method}"
    if message.target == "/trailers":
        head = f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum, x-late\r\n{method}\r\n\r\n"
        return connection.send(head.encode() + chunked(b"content", trailers=TRAILERS))
    body = content(int(message.target.split("/")[2])) if message.target.startswith("/size/") else message.body
    whole = answer(body, "200 OK", method)
    return connection.send(whole[:-len(body)] if message.method == "HEAD" and body else whole)


class World:
    def __init__(self, directory):
        self.stack = contextlib.ExitStack()
        self.authority = Authority(directory)
        certificate = self.authority.issue("a.test", "127.0.0.1")
        self.origin = self.stack.enter_context(Origin(serve))
        text = f"""
access_log {{dir}}/access.log format json
listener web {{
    bind 127.0.0.1:{{clear}}
    bind 127.0.0.1:{{tls}} tls
    tls {{ certificate {certificate.chain} {certificate.key} }}
    route path /h1/* {{ rewrite path ^/h1/(.*)$ /$1; forward one }}
    route path /h2/* {{ rewrite path ^/h2/(.*)$ /$1; forward two }}
}}
listener again {{ bind 127.0.0.1:{{inner}}; protocols h2; max_streams 200; route forward one }}
backend one {{ server s1 {self.origin.address} }}
backend two {{ protocol h2; server s2 127.0.0.1:{{inner}} }}
"""
        self.weir = self.stack.enter_context(Weir(text, ["clear", "tls", "inner"], workers=2))

    def __enter__(self):
        return self

    def __exit__(self, *what):
        return self.stack.__exit__(*what)

    def url(self, over, server, path):
        return f"http{'s' if over == 'tls' else ''}://127.0.0.1:{self.weir.port(over)}/{server}{path}"
