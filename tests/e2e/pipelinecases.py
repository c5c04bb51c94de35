# SPDX-License-Identifier: Apache-2.0
"""What servers may do to a shared connection: the table that 16_pipeline/test_hostile.py plays.

A script is called when three GET requests and a POST have come to the origin; with `pipeline` it has a connection with
all three GETs, without it one with the first alone.  See pipelinetest.py for what a Batch can do.
"""
from dataclasses import dataclass

from pipelinetest import FIRST, body, content, head, right
from weirtest import chunked

CHUNKED, LENGTH = "Transfer-Encoding: chunked", "Content-Length: 40"
SURPLUS = b"HTTP/1.1 200 OK\r\nX-Id: surplus\r\nX-Size: 7\r\nContent-Length: 7\r\n\r\nsurplus"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n"
EITHER = None


@dataclass
class Case:
    script: object
    fault: object = True  # whether an oddity has to be found; EITHER if it may
    shared: str = "ok"  # how the first request may end with `pipeline`; all others end well
    private: str = "502"  # and without
    known: int = 0  # so many clients may get what is another's: HTTP/1.1 does not show it
    method: str = "GET"  # of the first request
    interim: tuple = ()  # what the first client has to get before the answer
    slow: str = "60s"
    backend: str = ""


def interim(status, *fields):
    return "\r\n".join([f"HTTP/1.1 {status} Interim", *fields, "", ""]).encode()


def half(data):
    return data[:len(data) // 2]


def sized(request, size=40):
    return head(request, f"Content-Length: {size}")


def begun(batch, part):
    """A part of the first answer, which its client has when this returns."""
    batch.say(part)
    batch.passed_on()


def then_end(part, passed_on=False, end="close"):
    """The script that says a part of the answers and ends the connection."""
    def script(batch):
        batch.say(part(batch))
        batch.passed_on() if passed_on else None
        getattr(batch, end)()
    return script


def then_rest(part):
    """The script that says something of its own to the first request, and answers the rest rightly."""
    return lambda batch: batch.say(part(batch.first), right(*batch.rest))


def then_idle(part):
    """The script that answers everything, and goes on when it has nothing to answer."""
    def script(batch):
        batch.say(right(*batch.requests))
        batch.told()
        batch.say(part)
        batch.dropped()
    return script


def then_end_idle(end):
    def script(batch):
        batch.say(right(*batch.requests))
        batch.told()
        getattr(batch, end)()
    return script


def then_more(part):
    """The script that says something behind the last answer, in the same segment."""
    return lambda batch: (batch.say(right(*batch.requests), part), batch.dropped())


def begun_then_rest(part, rest):
    """The script whose first answer goes wrong when the client has its head already."""
    def script(batch):
        begun(batch, part(batch.first))
        batch.say(rest, right(*batch.rest))
    return script


# ---- Connections that end without notice

ENDINGS = {
    "nothing": (lambda b: b"", False, "ok", "ok"),
    "half a status line": (lambda b: b"HTTP/1.1 2", False, "ok", "502"),
    "half a head": (lambda b: half(head(b.first, LENGTH)), False, "ok", "502"),
    "a head": (lambda b: sized(b.first), True, "cut", "cut"),
    "half a body": (lambda b: sized(b.first) + half(body(b.first)), True, "cut", "cut"),
    "half a chunk": (lambda b: head(b.first, CHUNKED) + b"28\r\n" + half(body(b.first)), True, "cut", "cut"),
    "all chunks but the last": (lambda b: head(b.first, CHUNKED) + b"28\r\n" + body(b.first) + b"\r\n", True, "cut", "cut"),
    "an interim answer": (lambda b: interim(103), False, "ok|cut|none|502", "ok|cut|none|502"),
    "one answer": (lambda b: right(b.first), False, "ok", "ok"),
    "one answer that has been passed on": (lambda b: right(b.first), True, "ok", "ok"),
    "an answer and a half": (lambda b: right(b.first) + b"".join(half(right(each)) for each in b.rest[:1]), False, "ok", "ok"),
}


def endings(end, *names):
    for name in names or ENDINGS:
        part, passed_on, shared, private = ENDINGS[name]
        yield f"{end} after {name}", Case(then_end(part, passed_on, end), True, shared, private)


ENDS = dict([*endings("close"), *endings("reset", "nothing", "half a head", "half a body", "one answer",
                                        "one answer that has been passed on"),
             *endings("finish", "nothing", "half a head", "half a body", "one answer")])

# ---- Bytes that nobody has asked for

GARBAGE = {"letters": b"garbage", "a blank line": b"\r\n", "NUL": b"\0", "a blank": b" ",
           "half a head": b"HTTP/1.1 200 OK\r\nX-", "an answer": SURPLUS,
           "a timeout": b"HTTP/1.1 408 Too Late\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
           "an interim answer": interim(103)}
EXTRA = {
    **{f"{name} behind an answer": Case(then_rest(lambda r, extra=GARBAGE[name]: right(r) + extra), True, "ok", "ok")
       for name in ("letters", "a blank line", "NUL", "a blank")},
    **{f"{name} while idle": Case(then_idle(extra), True, "ok", "ok") for name, extra in GARBAGE.items()},
    **{f"{name} behind the last answer": Case(then_more(GARBAGE[name]), True, "ok", "ok")
       for name in ("letters", "a blank line", "an answer")},
    "an answer behind an answer": Case(then_rest(lambda r: right(r) + SURPLUS), True, "ok", "ok", known=2),
    "a first answer twice": Case(then_rest(lambda r: right(r, r)), True, "ok", "ok", known=2),
}

# ---- Lengths


def lengths(*fields, content_of=body):
    return Case(then_rest(lambda r: head(r, *fields) + content_of(r)))


def swallow(batch):
    """The length of the first answer covers the second one too."""
    covered = b"".join(right(each) for each in batch.rest[:1])
    batch.say(sized(batch.first, 40 + len(covered)), body(batch.first), covered, right(*batch.rest[1:]))
    batch.passed_on()
    batch.close()


LENGTHS = {
    "too long, then close": Case(then_end(lambda b: sized(b.first, 50) + body(b.first), True), True, "cut", "ok|cut"),
    "too long, by bytes of the next": Case(then_rest(lambda r: sized(r, 45) + body(r)), True, "another length", "cut",
                                           known=1, backend="timeout read 300ms"),
    "too long, by the whole next": Case(swallow, EITHER, "another length|cut", "ok", known=2),
    "too short": Case(then_rest(lambda r: sized(r, 30) + body(r)), True, "another length", "another length"),
    "none at all, with content": Case(then_rest(lambda r: sized(r, 0) + body(r)), True, "another length", "another length"),
    "two that differ": lengths(LENGTH, "Content-Length: 41"),
    "two that are the same": lengths(LENGTH, LENGTH),
    "a list": lengths("Content-Length: 40, 40"),
    "with chunks": lengths(LENGTH, CHUNKED, content_of=lambda r: chunked(body(r))),
    "negative": lengths("Content-Length: -40"),
    "with a sign": lengths("Content-Length: +40"),
    "in hexadecimal": lengths("Content-Length: 0x28"),
    "beyond 64 bits": lengths("Content-Length: 18446744073709551656"),
    "empty": lengths("Content-Length:"),
}

# ---- Chunks

# What is content of these goes on where the first half of body() ends.
BROKEN_CHUNKS = {"size": b"x\r\n", "size in a negative number": b"-5\r\n g1 g\r\n", "too long": b"2\r\n g1 g\r\n",
                 "end": b"5\r\n g1 g1 g1 g1", "size beyond 64 bits": b"f" * 17 + b"\r\n", "bare line feed": b"5\n g1 g\r\n",
                 "trailer": b"0\r\nno field\r\n\r\n"}


def chunks(request):
    return head(request, CHUNKED) + b"14\r\n" + half(body(request)) + b"\r\n"


CHUNKS = {
    **{f"broken chunk: {name}": Case(begun_then_rest(chunks, broken), True, "cut", "cut")
       for name, broken in BROKEN_CHUNKS.items()},
    "broken chunk at once": Case(then_rest(lambda r: head(r, CHUNKED) + b"x\r\n"), True, "ok|cut|502", "cut|502"),
    "another coding": lengths("Transfer-Encoding: gzip, chunked", content_of=lambda r: chunked(body(r))),
    "chunked twice": lengths(CHUNKED, CHUNKED, content_of=lambda r: chunked(body(r))),
    "chunked by HTTP/1.0": Case(then_rest(lambda r: head(r, CHUNKED, line="HTTP/1.0 200 OK") + chunked(body(r))), EITHER,
                               "ok|502"),
    "bytes behind the last chunk": Case(then_rest(lambda r: head(r, CHUNKED) + chunked(body(r)) + b"x"), True, "ok", "ok"),
}

# ---- Ends that are announced: no oddity, whatever was behind


def announced(*fields, line="HTTP/1.1 200 OK", end="leave", fault=False):
    return Case(then_end(lambda b: head(b.first, *fields, line=line) + body(b.first), end=end), fault, "ok", "ok")


def announced_slowly(batch):
    begun(batch, head(batch.first, "Connection: close") + half(body(batch.first)))
    batch.others()
    batch.say(body(batch.first)[20:])
    batch.leave()


ANNOUNCED = {
    "Connection: close": announced(LENGTH, "Connection: close"),
    "Connection: close in a list": announced(LENGTH, "Connection: X-Hop, Close"),
    "Connection: close, then a half-close": announced(LENGTH, "Connection: close", end="finish"),
    "Connection: close without length": announced("Connection: close"),
    "HTTP/1.0": announced(LENGTH, line="HTTP/1.0 200 OK"),
    "HTTP/1.0 that keeps, and ends": announced(LENGTH, "Connection: keep-alive", line="HTTP/1.0 200 OK", fault=True),
    "HTTP/1.0 without length": announced(line="HTTP/1.0 200 OK"),
    "without length": announced(),
    "without length, slowly": Case(announced_slowly, False, "ok", "ok", slow="20ms"),
    "Connection: close, and goes on": Case(then_rest(lambda r: right(r, fields=["Connection: close"])), EITHER, "ok", "ok"),
    "Connection: close, and half an answer": Case(
        then_end(lambda b: head(b.first, LENGTH, "Connection: close") + half(body(b.first)), True), EITHER, "cut", "cut"),
}

# ---- Interim answers

INTERIM = {
    "100": Case(then_rest(lambda r: interim(100) + right(r)), True, "ok", "ok"),
    "101": Case(then_rest(lambda r: SWITCH + right(r))),
    "102": Case(then_rest(lambda r: interim(102) + right(r)), False, "ok", "ok", interim=(102,)),
    "103": Case(then_rest(lambda r: interim(103, "Link: </a>") + right(r)), False, "ok", "ok", interim=(103,)),
    "102 and 103": Case(then_rest(lambda r: interim(102) + interim(103) + right(r)), False, "ok", "ok", interim=(102, 103)),
    "199": Case(then_rest(lambda r: interim(199) + right(r)), EITHER, "ok", "ok"),
    "103 with a length": Case(then_rest(lambda r: interim(103, "Content-Length: 5") + right(r)), EITHER, "ok|502", "ok|502"),
    "a flood of 103": Case(then_rest(lambda r: interim(103) * 70 + right(r)), True, "ok|502|cut|none", "502|cut|none"),
}

# ---- Answers that have no content


def bodiless(status, *fields):
    return then_rest(lambda r: head(r, *fields, line=f"HTTP/1.1 {status}"))


# What a 204 says of a length is taken for an end of the connection: nothing behind it counts.
BODILESS = {
    "304 with content": Case(then_rest(lambda r: head(r, LENGTH, line="HTTP/1.1 304 Same") + body(r)), True, "304", "304"),
    "204 with content": Case(then_rest(lambda r: head(r, line="HTTP/1.1 204 None") + body(r)), True, "204", "204"),
    "204 with a length and content": Case(then_rest(lambda r: head(r, LENGTH, line="HTTP/1.1 204 None") + body(r)), EITHER,
                                          "204", "204"),
    "204 with chunks": Case(then_rest(lambda r: head(r, CHUNKED, line="HTTP/1.1 204 None") + chunked(body(r))), EITHER,
                            "204", "204"),
    "HEAD with content": Case(then_rest(lambda r: sized(r) + body(r)), True, "ok", "ok", method="HEAD"),
    "HEAD with chunks": Case(then_rest(lambda r: head(r, CHUNKED) + chunked(body(r))), True, "ok", "ok", method="HEAD"),
    "HEAD with an answer as content": Case(then_rest(lambda r: sized(r, len(SURPLUS)) + SURPLUS), True, "ok", "ok",
                                           method="HEAD", known=2),
    "304 with a length": Case(bodiless("304 Same", LENGTH), False, "304", "304"),
    "204": Case(bodiless("204 None"), False, "204", "204"),
    "HEAD with a length": Case(bodiless("200 OK", LENGTH), False, "ok", "ok", method="HEAD"),
    "HEAD with the field of chunks": Case(bodiless("200 OK", CHUNKED), False, "ok", "ok", method="HEAD"),
    "HEAD without length": Case(bodiless("200 OK"), False, "ok", "ok", method="HEAD"),
}

# ---- Heads

MALFORMED = {
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "HTTP/2": b"HTTP/2 200\r\n\r\n", "ICY": b"ICY 200 OK\r\n\r\n",
    "HTTP/0.9": b"<html>hello</html>\r\n\r\n", "a status of two digits": b"HTTP/1.1 20 OK\r\n\r\n",
    "status 999": b"HTTP/1.1 999 Odd\r\n\r\n", "a blank line first": b"\r\nHTTP/1.1 200 OK\r\n\r\n",
    "bare line feeds": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n", "a TLS alert": b"\x15\x03\x03\0\2\2\x28\r\n\r\n",
    "a folded field": b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n",
    "a blank before the colon": b"HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n",
    "NUL in a field": b"HTTP/1.1 200 OK\r\nX: \0\r\nContent-Length: 0\r\n\r\n",
    "too many fields": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 300 + b"\r\n",
    "a field that is too long": b"HTTP/1.1 200 OK\r\nX: " + b"a" * 40000 + b"\r\n\r\n",
}


def endless_head(batch):
    batch.say(b"HTTP/1.1 200 OK\r\n")
    while True:  # until weir has had enough, and sending fails
        batch.say(b"X: y\r\n" * 1000)


HEADS = {
    **{f"head: {name}": Case(then_rest(lambda r, said=said: said)) for name, said in MALFORMED.items()},
    "an endless head": Case(endless_head, True, "ok|502", "502"),
    "an endless line": Case(then_end(lambda b: b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200000, end="dropped"), True, "ok|502",
                            "502"),
    "a huge head": Case(then_rest(lambda r: right(r, fields=[f"X-{i}: {'a' * 1000}" for i in range(24)])), False, "ok", "ok"),
    "Upgrade in a 200": Case(then_rest(lambda r: right(r, fields=["Connection: Upgrade", "Upgrade: h2c"])), EITHER, "ok", "ok"),
    "503": Case(then_rest(lambda r: right(r, line="HTTP/1.1 503 Busy")), False, "503", "503"),
}

# ---- Order and time


def swapped(batch):
    batch.say(right(*reversed(batch.requests)))


def byte_by_byte(batch):
    for byte in right(*batch.requests):
        batch.say(bytes([byte]))


def slowly(batch):
    """Nothing until the others have gone elsewhere; their answers come all the same, behind the first."""
    batch.others()
    batch.say(right(*batch.requests))


def slow_body(batch):
    begun(batch, sized(batch.first) + half(body(batch.first)))
    batch.others()
    batch.say(body(batch.first)[20:], right(*batch.rest))


def slow_second(batch):
    batch.say(right(batch.first))
    batch.others(but=batch.rest[:1])
    batch.say(right(*batch.rest))


def huge(batch):
    size = 1 << 20
    begun(batch, head(batch.first, f"Content-Length: {size}", size=size) + content(FIRST, size // 2))
    batch.others()
    batch.say(content(FIRST, size)[size // 2:], right(*batch.rest))


TIMES = {
    "all in one segment": Case(lambda b: b.say(right(*b.requests)), False, "ok", "ok"),
    "byte by byte": Case(byte_by_byte, False, "ok", "ok"),
    "chunked with trailers": Case(then_rest(
        lambda r: head(r, CHUNKED) + chunked(body(r), trailers=["X-Sum: 1"])), False, "ok", "ok"),
    "answers in swapped order": Case(swapped, False, "ok", "ok", known=2),
    "a slow first answer": Case(slowly, False, "ok", "ok", slow="20ms"),
    "a slow first body": Case(slow_body, False, "ok", "ok", slow="20ms"),
    "a slow second answer": Case(slow_second, False, "ok", "ok", slow="20ms"),
    "a huge answer": Case(huge, False, "ok", "ok", slow="20ms"),
    "only the first is answered": Case(lambda b: b.say(right(b.first)), EITHER, "ok", "ok", slow="20ms",
                                       backend="timeout first_byte 3s"),
    "no answer at all": Case(lambda b: b.dropped(), EITHER, "504", "504", slow="20ms", backend="timeout first_byte 300ms"),
    "half an answer, and no more": Case(lambda b: (begun(b, sized(b.first) + half(body(b.first))), b.dropped()), EITHER,
                                        "cut", "cut", slow="20ms", backend="timeout read 300ms"),
}

CASES = {**ENDS, **EXTRA, **{f"length: {name}": case for name, case in LENGTHS.items()}, **CHUNKS, **ANNOUNCED,
         **{f"interim: {name}": case for name, case in INTERIM.items()}, **BODILESS, **HEADS, **TIMES}
