# SPDX-License-Identifier: Apache-2.0
"""Windows of HTTP/2 servers, in both directions (RFC 9113 section 5.2)."""
import socket
import struct
import threading

from h2origin import H2Origin, to_h2
from h2test import CANCEL, WINDOW_UPDATE
from weirtest import Client, Weir, ask, get, post, rss_bytes, wait_until

MUCH = 64 << 20


class Windowed:
    """Sends a large body as the windows allow."""
    def __init__(self, connection, asked, most=MUCH):
        self.connection, self.asked, self.sent, self.most = connection, asked, 0, most

    def window(self, stream):
        updates = [struct.unpack(">I", got.payload)[0] for got in list(self.connection.frames)
                   if got.type == WINDOW_UPDATE and got.stream == stream]
        return 65535 + sum(updates) - self.sent

    def run(self):
        self.connection.head(self.asked.stream)
        while self.sent < self.most and self.asked.reset is None:
            size = min(16384, self.window(self.asked.stream), self.window(0), self.most - self.sent)
            if size <= 0:
                if self.connection.ended:
                    return
                threading.Event().wait(0.002)
                continue
            self.connection.data(self.asked.stream, b"x" * size)
            self.sent += size


def test_a_client_that_does_not_read_holds_up_nobody():
    flows = []

    def serve(connection, asked):
        if asked.fields[":path"] == "/much":
            flows.append(Windowed(connection, asked))
            threading.Thread(target=flows[-1].run, daemon=True).start()
        else:
            connection.respond(asked, b"quick")

    with H2Origin(serve) as origin, Weir(to_h2(origin)) as weir, Client(weir) as slow:
        assert ask(weir).body == b"quick"
        slow.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
        before = rss_bytes(weir.pids()[0])
        slow.send(get("/much"))
        wait_until(lambda: flows and flows[0].sent > 65535, "a full window")
        last = [0, 0]

        def stalled():
            ask(weir)
            last[0], last[1] = (last[0] + 1 if flows[0].sent == last[1] else 0), flows[0].sent
            return last[0] > 200
        wait_until(stalled, "the server's flow to end")
        assert flows[0].sent < MUCH
        assert rss_bytes(weir.pids()[0]) - before < 8 << 20
        assert len(origin.connections) == 1
        slow.reset()
        wait_until(lambda: flows[0].asked.reset == CANCEL, "a reset")
        assert ask(weir).body == b"quick"


def test_a_request_waits_for_the_windows_of_its_server():
    body = bytes(range(256)) * 4096

    def serve(connection, asked):
        connection.respond(asked, b"done")

    with H2Origin(serve, generous=False) as origin, Weir(to_h2(origin)) as weir, Client(weir) as client:
        client.send(post("/", body))
        asked = origin.wait()
        wait_until(lambda: len(asked.body) == 65535, "a full window")
        assert ask(weir).body == b"done"  # others pass
        assert len(asked.body) == 65535
        for stream in (0, asked.stream):
            asked.connection.frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", 1 << 24))
        assert client.receive().body == b"done" and asked.body == body
        assert len(origin.connections) == 1


def test_windows_grow_for_who_keeps_up():
    flows = []

    def serve(connection, asked):
        flows.append(Windowed(connection, asked, 4 << 20))
        flows[-1].end = lambda: connection.data(asked.stream, end=True)
        threading.Thread(target=lambda: (flows[-1].run(), flows[-1].end()), daemon=True).start()

    with H2Origin(serve) as origin, Weir(to_h2(origin)) as weir:
        assert ask(weir).body == b"x" * (4 << 20)
        largest = max(struct.unpack(">I", got.payload)[0] for got in origin.connections[0].frames
                      if got.type == WINDOW_UPDATE and got.stream == 1)
        assert largest > 65535
