# SPDX-License-Identifier: Apache-2.0
"""gRPC's own client and server (grpcio, on gRPC's C core) with weir between them: every kind of call, what statuses,
trailers and deadlines become of, and who is asked for health.  Messages are plain bytes: what is in them is nobody's
business on the way."""
import re
import threading
from concurrent import futures

import grpc
import pytest
from healthtest import ADMIN, admin
from weirtest import DEADLINE, Weir, wait_until

CONNECTIONS = re.compile(r"^weir_server_http2_connections_open\S+ (\d+)$", re.M)
SERVING = b"\x08\x01"  # HealthCheckResponse { status: SERVING }


def upper(request, context):
    context.set_trailing_metadata((("served-by", "upper"), ("seen-bin", b"\x00\xff")))
    return request.upper()


def count(request, _context):
    for number in range(int(request)):
        yield str(number).encode()


def join(requests, _context):
    return b"+".join(requests)


def echo(requests, _context):
    yield from requests


def fail(_request, context):
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not today")


class Wait:
    """Answers when it is told to; knows whether the client has given up meanwhile."""

    def __init__(self):
        self.begun, self.ended = threading.Event(), threading.Event()

    def __call__(self, request, context):
        context.add_callback(self.ended.set)
        self.begun.set()
        self.ended.wait(DEADLINE)
        return request


class Server:
    """Of the service `t.T`, and of grpc.health.v1."""

    def __enter__(self):
        self.wait, self.healthy = Wait(), True
        self.server = grpc.server(futures.ThreadPoolExecutor(8))
        self.server.add_generic_rpc_handlers((
            grpc.method_handlers_generic_handler("t.T", {
                "Upper": grpc.unary_unary_rpc_method_handler(upper),
                "Count": grpc.unary_stream_rpc_method_handler(count),
                "Join": grpc.stream_unary_rpc_method_handler(join),
                "Echo": grpc.stream_stream_rpc_method_handler(echo),
                "Fail": grpc.unary_unary_rpc_method_handler(fail),
                "Wait": grpc.unary_unary_rpc_method_handler(self.wait)}),
            grpc.method_handlers_generic_handler("grpc.health.v1.Health", {
                "Check": grpc.unary_unary_rpc_method_handler(lambda _request, _context: SERVING)})))
        self.port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()
        return self

    def __exit__(self, *_):
        self.wait.ended.set()
        self.server.stop(None).wait()


def behind(server, route=""):
    return f"""listener calls {{ bind 127.0.0.1:{{port}}; protocols h2; route forward b {route} }}
backend b {{ protocol h2; check grpc {{ interval 50ms }}; server s 127.0.0.1:{server.port} }}
"""


def channel_to(weir):
    return grpc.insecure_channel(f"127.0.0.1:{weir.port()}", options=(("grpc.enable_http_proxy", 0),))


@pytest.fixture(name="both")
def both_sides():
    with Server() as server, Weir(behind(server), workers=2) as weir, channel_to(weir) as channel:
        yield server, channel


def failure(call, *arguments, **options):
    with pytest.raises(grpc.RpcError) as caught:
        call(*arguments, timeout=DEADLINE if "timeout" not in options else options["timeout"])
    return caught.value


def test_unary_with_metadata_at_the_end(both):
    reply, call = both[1].unary_unary("/t.T/Upper").with_call(b"hello", timeout=DEADLINE)
    assert reply == b"HELLO" and call.code() == grpc.StatusCode.OK
    assert {("served-by", "upper"), ("seen-bin", b"\x00\xff")} <= {tuple(each) for each in call.trailing_metadata()}


def test_messages_of_megabytes(both):
    message = b"x" * 3_000_000
    assert both[1].unary_unary("/t.T/Upper")(message, timeout=DEADLINE) == message.upper()


def test_a_stream_of_answers(both):
    answers = list(both[1].unary_stream("/t.T/Count")(b"500", timeout=DEADLINE))
    assert answers == [str(number).encode() for number in range(500)]


def test_a_stream_of_questions(both):
    assert both[1].stream_unary("/t.T/Join")(iter([b"a", b"b", b"c"]), timeout=DEADLINE) == b"a+b+c"


def test_streams_both_ways_answer_one_by_one(both):
    """Each message is answered before the next one is sent: nothing waits for more on the way."""
    go_on = threading.Semaphore(0)

    def questions():
        for number in range(20):
            yield str(number).encode()
            assert go_on.acquire(timeout=DEADLINE)

    for number, answer in enumerate(both[1].stream_stream("/t.T/Echo")(questions(), timeout=DEADLINE)):
        assert answer == str(number).encode()
        go_on.release()
    assert number == 19


def test_many_calls_at_once(both):
    upper_case = both[1].unary_unary("/t.T/Upper")
    calls = [upper_case.future(f"call {i}".encode(), timeout=DEADLINE) for i in range(300)]
    assert [call.result() for call in calls] == [f"CALL {i}".encode() for i in range(300)]


def test_a_status_and_its_words(both):
    error = failure(both[1].unary_unary("/t.T/Fail"), b"")
    assert (error.code(), error.details()) == (grpc.StatusCode.FAILED_PRECONDITION, "not today")
    assert failure(both[1].unary_unary("/t.T/Nowhere"), b"").code() == grpc.StatusCode.UNIMPLEMENTED


def test_a_deadline_ends_the_call_on_both_sides(both):
    server, channel = both
    error = failure(channel.unary_unary("/t.T/Wait"), b"", timeout=0.5)
    assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert server.wait.ended.wait(DEADLINE)


def test_a_call_that_is_given_up_ends_at_the_server(both):
    server, channel = both
    call = channel.unary_unary("/t.T/Wait").future(b"", timeout=DEADLINE)
    assert server.wait.begun.wait(DEADLINE)
    call.cancel()
    assert server.wait.ended.wait(DEADLINE)


def test_no_server_is_a_status():
    with Server() as server:
        text = behind(server)
    with Weir(text) as weir, channel_to(weir) as channel:
        assert failure(channel.unary_unary("/t.T/Upper"), b"").code() == grpc.StatusCode.UNAVAILABLE


def test_calls_outlive_a_server_that_leaves():
    """It says GOAWAY, and what comes then goes to the other one."""
    with Server() as one, Server() as two:
        text = ADMIN + behind(one).replace("server s ", f"balance round_robin; server t 127.0.0.1:{two.port}; server s ")
        with Weir(text) as weir, channel_to(weir) as channel:
            call = channel.unary_unary("/t.T/Upper")

            def connections():
                return sorted(CONNECTIONS.findall(admin(weir, "metrics")[1]))

            # A server that comes up between two calls may begin the round anew: both calls may be for the same.
            wait_until(lambda: call(b"a", timeout=DEADLINE) == b"A" and connections() == ["1", "1"], "both to be asked")
            left = one.server.stop(DEADLINE)
            # Calls that cross the farewell on its way are cancelled by a server of gRPC.
            # Its check may have failed before that: then the connection is closed from our side.
            wait_until(lambda: connections() == ["0", "1"], "the connection to end")
            for _ in range(50):
                assert call(b"b", timeout=DEADLINE) == b"B"
            wait_until(left.is_set, "the server to have no calls")
