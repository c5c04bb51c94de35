# SPDX-License-Identifier: Apache-2.0
"""What weir owes to the answers that it forwards or makes: Date, interim answers, 426, and no half of a bad one."""
import email.utils
import threading
import time

import pytest
from conformancetest import Gateway
from h2test import request as fields_of
from weirtest import answer, chunked, get

HINT = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n"
UPGRADE = ("Connection: Upgrade", "Upgrade: chat")


@pytest.fixture(scope="module")
def gateway():
    with Gateway() as gateway:
        yield gateway


def is_now(date):
    """In the one form that may be sent, and the present second or one just gone."""
    told = email.utils.parsedate_to_datetime(date)
    assert date == email.utils.format_datetime(told, usegmt=True)
    return abs(told.timestamp() - time.time()) < 30


UNDATED = {
    "200": (get(), answer("x")),
    "404": (get(), answer("x", "404 Not Found")),
    "304": (get(), b"HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n"),
    "500": (get(), answer("x", "500 Internal Server Error")),
    "head": (get(method="HEAD"), b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"),
    "chunked": (get(), CHUNKED + chunked(b"x")),
    "101": (get("/", "a", *UPGRADE), SWITCH),
    "own": (get("/own"), None),
    "redirect": (get("/away"), None),
    "bad request": (get("/", "a", "Content-Length: x"), None),
}


@pytest.mark.parametrize("message,said", UNDATED.values(), ids=UNDATED.keys())
def test_a_date_is_added_where_there_is_none(gateway, message, said):
    seen = gateway.exchange(message, said, head_only=True)
    assert is_now(seen.response.get("Date"))


def test_a_date_is_added_over_http2(gateway):
    answered = gateway.exchange_h2(fields_of(), answer("x")).response
    assert (answered.status, is_now(answered.fields["date"])) == (200, True)


@pytest.mark.parametrize("date", ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "yesterday"])
def test_a_date_that_is_there_stays(gateway, date):
    assert gateway.exchange(get(), answer("x", "200 OK", f"Date: {date}")).response.get("Date") == date


def test_the_operator_may_remove_the_date(gateway):
    assert gateway.exchange(get("/undated"), answer("x")).response.get("Date") is None


def test_interim_answers_have_no_date(gateway):
    seen = gateway.exchange(get(), HINT + answer("x"))
    assert [r.get("Date") is None for r in seen.responses] == [True, False]


# ---- Interim answers


def interim(count, size=40):
    line = b"HTTP/1.1 103 Early Hints\r\nX: "
    return (line + b"a" * (size - len(line) - 4) + b"\r\n\r\n") * count


INTERIM = {
    "none": (0, 40, 200),
    "most": (64, 40, 200),
    "one more": (65, 40, 502),
    "most bytes": (16, 4096, 200),
    "more bytes": (17, 4096, 502),
    "one large": (1, 65537 - 2000, 502),  # its line is longer than max_line
}


@pytest.mark.parametrize("count,size,status", INTERIM.values(), ids=INTERIM.keys())
def test_interim_answers_are_forwarded_up_to_a_limit(gateway, count, size, status):
    seen = gateway.exchange(get(), interim(count, size) + answer("done"))
    assert seen.response.status == status
    assert all(r.status == 103 for r in seen.responses[:-1])
    assert len(seen.responses) == count + 1 if status == 200 else len(seen.responses) <= count


@pytest.mark.parametrize("count,size,status", [(64, 10, 200), (65, 10, 502), (15, 4000, 200), (17, 4000, 502)])
def test_interim_answers_of_an_http2_server(gateway, count, size, status):
    def say(connection, request):
        for _ in range(count):
            connection.head(request.stream, ("x", "a" * size), status=103)
        connection.respond(request, b"done")

    seen = gateway.exchange(get(), say, port="h2port")
    assert seen.response.status == status
    assert len(seen.responses) == count + 1 if status == 200 else len(seen.responses) <= count


def test_an_http_1_0_client_gets_no_interim_answer(gateway):
    seen = gateway.exchange(b"GET / HTTP/1.0\r\nHost: a\r\n\r\n", HINT + answer("x"))
    assert [r.status for r in seen.responses] == [200]


# ---- What is wrong before anything has left

BROKEN = {
    "chunk size": CHUNKED + b"x\r\nhello\r\n0\r\n\r\n",
    "chunk extension": CHUNKED + b"5;=\r\nhello\r\n0\r\n\r\n",
    "second chunk": CHUNKED + b"5\r\nhello\r\nx\r\n",
    "trailer": CHUNKED + b"5\r\nhello\r\n0\r\nbad\r\n\r\n",
    "behind interim": HINT + CHUNKED + b"5\nhello",
}


@pytest.mark.parametrize("said", BROKEN.values(), ids=BROKEN.keys())
def test_a_bad_body_that_comes_with_its_head_is_502(gateway, said):
    def say(connection, request):
        connection.send(said)

    with gateway.client() as client:
        gateway.say = say
        client.send(get())
        while (response := client.receive()).status < 200:
            pass
        assert (response.status, response.get("Proxy-Status")) == (502, "weir; error=http_protocol_error")
        gateway.say = answer("next")
        assert client.ask(get()).body == b"next"  # and the client's connection goes on


@pytest.mark.parametrize("said", BROKEN.values(), ids=BROKEN.keys())
def test_a_bad_body_that_comes_with_its_head_is_502_over_http2(gateway, said):
    answered = gateway.exchange_h2(fields_of(), lambda connection, request: connection.send(said)).response
    assert (answered.status, answered.reset) == (502, None)


def test_a_bad_body_behind_bytes_that_have_left_breaks_the_connection(gateway):
    def say(connection, request):
        connection.send(CHUNKED + b"5\r\nhello\r\n")
        passed.wait()
        connection.send(b"x\r\n")

    passed = threading.Event()
    with gateway.client() as client:
        gateway.say = say
        client.send(get())
        assert client.receive(head_only=True).status == 200
        assert client.read_until(b"hello\r\n")
        passed.set()
        with pytest.raises((ConnectionResetError, EOFError)):
            client.read_chunks()


# ---- 426


@pytest.mark.parametrize("lines,wanted", [(["Upgrade: TLS/1.3"], "TLS/1.3"),
                                          (["Upgrade: chat/2, chat/1"], "chat/2, chat/1"),
                                          (["Upgrade: chat/2", "Upgrade: chat/1"], "chat/2, chat/1")])
@pytest.mark.parametrize("close", [False, True])
def test_426_names_its_protocols(gateway, lines, wanted, close):
    said = answer("no", "426 Upgrade Required", "Connection: Upgrade", *lines)
    response = gateway.exchange(get("/", "a", *["Connection: close"] * close), said).response
    assert (response.status, response.get("Upgrade")) == (426, wanted)
    assert response.get("Connection") == ("close, upgrade" if close else "upgrade")


def test_upgrade_passes_with_no_other_answer(gateway):
    response = gateway.exchange(get(), answer("x", "200 OK", "Connection: upgrade", "Upgrade: chat")).response
    assert response.get("Upgrade") is None and response.get("Connection") is None


def test_http2_has_no_upgrade_with_426(gateway):
    said = answer("no", "426 Upgrade Required", "Connection: Upgrade", "Upgrade: chat")
    answered = gateway.exchange_h2(fields_of(), said).response
    assert answered.status == 426 and "upgrade" not in answered.fields
