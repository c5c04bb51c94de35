# SPDX-License-Identifier: Apache-2.0
"""Proxy-Status (RFC 9209): which error is told with which status, and whose members are left alone."""
import pytest
from conformancetest import CONFIG, Gateway
from h2test import request as fields_of
from weirtest import answer, get, reserve_port

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n"

ROUTES = """    route path /refused forward refused
    route path /silent { timeout first_byte 50ms; forward origin }
    route path /none forward none
    route path /small forward small
"""
BACKENDS = """backend refused { server s1 127.0.0.1:{dead} }
backend none { }
backend small { max_fields 3; max_line 1k; max_header 2k; server s1 {origin} }
"""


@pytest.fixture(scope="module")
def gateway():
    dead = reserve_port()
    text = CONFIG.replace("    route path /own", ROUTES + "    route path /own", 1) + BACKENDS
    with Gateway(text.replace("{dead}", str(dead.getsockname()[1]))) as gateway:
        yield gateway
    dead.close()


def close(connection, request):
    connection.close()


def silent(connection, request):
    connection.read_to_end()


ERRORS = {
    "request": (get("/", "a", "Expect: x"), None, 417, "http_request_error"),
    "refused": (get("/refused"), None, 502, "connection_refused"),
    "no server": (get("/none"), None, 503, "destination_unavailable"),
    "closed": (get("/", method="POST"), close, 502, "connection_terminated"),
    "first byte": (get("/silent"), silent, 504, "http_response_timeout"),
    "incomplete": (get(), b"HTTP/1.1 200 OK\r\nX: y", 502, "http_response_incomplete"),
    "syntax": (get(), b"SMTP hello\r\n\r\n", 502, "http_protocol_error"),
    "coding": (get(), b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", 502, "http_response_transfer_coding"),
    "body": (get(), CHUNKED + b"x\r\n", 502, "http_protocol_error"),
    "upgrade": (get(), SWITCH, 502, "http_upgrade_failed"),
    "loop": (get("/", "a", "Via: " + "1.1 weir, " * 16), None, 502, "proxy_loop_detected"),
    "line": (get("/small"), answer("x", "200 OK", "X: " + "a" * 1024), 502, "http_response_header_size"),
    "fields": (get("/small"), answer("x", "200 OK", *["X: y"] * 3), 502, "http_response_header_section_size"),
    "header": (get("/small"), answer("x", "200 OK", *["X: " + "a" * 1010] * 2), 502, "http_response_header_section_size"),
}


def said_and_closed(said):
    def say(connection, request):
        connection.send(said)
        connection.close()

    return say if isinstance(said, bytes) else said


@pytest.mark.parametrize("message,said,status,error", ERRORS.values(), ids=ERRORS.keys())
def test_errors(gateway, message, said, status, error):
    response = gateway.exchange(message, said_and_closed(said)).response
    assert (response.status, response.get("Proxy-Status")) == (status, f"weir; error={error}")


@pytest.mark.parametrize("path,status,error", [("/refused", 502, "connection_refused"), ("/none", 503, "destination_unavailable")])
def test_errors_over_http2(gateway, path, status, error):
    answered = gateway.exchange_h2(fields_of(path=path)).response
    assert (answered.status, answered.fields["proxy-status"]) == (status, f"weir; error={error}")


def test_members_of_others_stay(gateway):
    lines = ["Proxy-Status: inner; error=connection_timeout; details=\"x\"", "Proxy-Status: ExampleCDN"]
    response = gateway.exchange(get(), answer("x", "504 Gateway Timeout", *lines)).response
    assert response.all("Proxy-Status") == [line.split(": ", 1)[1] for line in lines]


def test_a_good_answer_has_no_member_of_ours(gateway):
    assert gateway.exchange(get()).response.get("Proxy-Status") is None
    assert gateway.exchange(get("/own")).response.get("Proxy-Status") is None
