# SPDX-License-Identifier: Apache-2.0
"""What a listener grants an HTTP/2 client, and in which order a client gets its answers (RFC 9218)."""
import struct

import pytest
from h2test import DATA, HEADERS, PRIORITY_UPDATE, SETTINGS, WINDOW_UPDATE, H2Client, request
from weirtest import Origin, Weir, answer, forward_to, wait_until


def u32(number):
    return struct.pack(">I", number)


def test_max_streams_is_what_the_client_is_told():
    text = "listener web { bind 127.0.0.1:{port}; max_streams 7; route path /* respond 200 ok }"
    with Weir(text) as weir, H2Client(weir, window=0) as client:
        assert client.sync()
        settings = next(got for got in client.frames if got.type == SETTINGS and got.payload)
        assert b"\0\3\0\0\0\7" in settings.payload
        for _ in range(8):
            client.request(request())
        client.goaway()
        weir.wait_log("too many HTTP/2 streams")


@pytest.mark.parametrize("most", [65536, 300 * 1024, 1 << 20])
def test_the_window_of_an_upload_grows_as_far_as_it_may(most):
    with Origin(answer("ok")) as origin:
        with Weir(forward_to(origin, listener=f"    stream_window {most // 1024}k")) as weir, H2Client(weir) as client:
            assert client.sync()
            stream = client.request(request("POST"), end=False)
            window, sent, total, widest, seen = 65535, 0, 16 << 20, 0, 0
            while sent < total:
                for got in client.frames[seen:]:
                    if got.type == WINDOW_UPDATE and got.stream == stream:
                        window += struct.unpack(">I", got.payload)[0]
                seen, widest = len(client.frames), max(widest, window)
                if window == 0:
                    assert client.read() is not None
                    continue
                # One window after the other, so that all of it is seen open.
                size = min(window, 16384, total - sent)
                client.data(stream, b"x" * size)
                window, sent = window - size, sent + size
            client.data(stream, end=True)
            assert client.answer(stream).status == 200
            assert most // 2 <= widest <= most


def test_a_small_buffer_holds_the_server_up():
    body = b"x" * (8 << 20)
    taken = []

    def serve(connection, _):
        connection.send(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n")
        connection.socket.setblocking(False)
        sent = 0
        while sent < len(body):
            try:
                sent += connection.socket.send(body[sent:sent + 65536])
            except BlockingIOError:
                connection.socket.setblocking(True)
                taken.append(sent)
                sent += connection.socket.send(body[sent:])

    with Origin(serve) as origin:
        with Weir(forward_to(origin, listener="    stream_buffer 16k")) as weir, H2Client(weir, window=0) as client:
            stream = client.request(request())
            wait_until(lambda: taken, "the server to wait")
            client.frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 1 << 24))
            client.frame(WINDOW_UPDATE, 0, 0, u32(1 << 24))
            assert client.answer(stream).body == body


def in_order(client, streams):
    """The streams in the order of their first DATA."""
    for stream in streams:
        client.answer(stream)
    seen = [got.stream for got in client.frames if got.type == DATA]
    return sorted(set(seen), key=seen.index)


@pytest.fixture(name="held")
def held_back():
    """A client with answers ready on as many streams as it likes, that wait for the window of the connection."""
    with Origin(answer(b"x" * 40_000)) as origin, Weir(forward_to(origin)) as weir:
        client = H2Client(weir, window=65535, settings={4: 1 << 20})
        with client:
            client.answer(client.request(request()))  # 40,000 bytes of the window
            stream = client.request(request())  # and the rest of it
            client.body(stream, 65535 - 40_000)
            yield client, origin


def release(client, origin, count):
    origin.wait(2 + count)
    wait_until(lambda: client.sync() and sum(got.type == HEADERS for got in client.frames) >= 2 + count, "all heads")
    client.frame(WINDOW_UPDATE, 0, 0, u32(1 << 24))


def ask(client, priority):
    return client.request(request("GET", "/", *([("priority", priority)] if priority else [])))


def test_urgent_answers_go_first(held):
    client, origin = held
    late, usual, urgent = ask(client, "u=7"), ask(client, None), ask(client, "u=0")
    release(client, origin, 3)
    assert in_order(client, [late, usual, urgent])[-3:] == [urgent, usual, late]


def test_a_client_may_change_its_mind(held):
    client, origin = held
    first, second = ask(client, "u=1"), ask(client, "u=2")
    client.frame(PRIORITY_UPDATE, 0, 0, u32(second) + b"u=0")
    release(client, origin, 2)
    assert in_order(client, [first, second])[-2:] == [second, first]


def test_answers_that_are_not_incremental_come_one_after_the_other_and_others_in_turn(held):
    client, origin = held
    whole = [ask(client, "u=0") for _ in range(2)]
    mixed = [ask(client, "u=5, i") for _ in range(2)]
    release(client, origin, 4)
    in_order(client, whole + mixed)
    order = [got.stream for got in client.frames if got.type == DATA and got.stream >= whole[0]]
    changes = lambda of: sum(a != b for a, b in zip(of, of[1:]))  # noqa: E731
    assert changes([stream for stream in order if stream in whole]) == 1
    assert changes([stream for stream in order if stream in mixed]) > 1
    assert max(order.index(s) for s in whole) < min(order.index(s) for s in mixed)
