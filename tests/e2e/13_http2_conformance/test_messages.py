# SPDX-License-Identifier: Apache-2.0
"""RFC 9113 section 8, as it binds a server and an intermediary that receives: what is malformed reaches no server."""
from h2cases import Answers, Case, Resets, table, the_server  # noqa: F401
from h2test import END_HEADERS, END_STREAM, PROTOCOL_ERROR, request

MALFORMED = Resets(PROTOCOL_ERROR)


def pseudo(**changes):
    """The pseudo-fields of GET /, with changes; None leaves one out."""
    fields = {"method": "GET", "scheme": "http", "authority": "a.test", "path": "/"}
    fields.update(changes)
    return [(":" + name, value) for name, value in fields.items() if value is not None]


def asks(*fields, body=None, **changes):
    """Sends a request with these fields, and the body in DATA if there is one."""

    def do(client):
        stream = client.next_stream
        client.next_stream += 2
        client.headers(stream, pseudo(**changes) + list(fields), END_HEADERS | (END_STREAM if body is None else 0), huffman=False)
        if body is not None:
            client.data(stream, body, end=True)

    return do


def trailers(*fields, flags=END_HEADERS | END_STREAM, before=()):
    def do(client):
        stream = client.request(pseudo(method="POST") + list(before), end=False)
        client.data(stream, b"abc")
        client.headers(stream, list(fields), flags, huffman=False)

    return do


def forwards(*lines):
    """An answer whose body tells that the server has seen these lines."""
    return Answers(200, lambda got: all(b"\r\n" + line + b"\r\n" in got.body for line in lines))


def octets(*numbers):
    return [bytes([number]) for number in numbers]


NAMES = [
    Case("8.2.1", f"octet {c[0]:#04x} in a name", asks((b"x" + c + b"y", b"1")), MALFORMED)
    for c in octets(*range(0x21), 0x22, 0x28, 0x2c, 0x2f, 0x3a, 0x3b, 0x40, *range(0x41, 0x5b), 0x5c, 0x7b, *range(0x7f, 0x100))
]
VALUES = [
    Case("8.2.1", f"octet {c[0]:#04x} in a value", asks((b"x", b"a" + c + b"b")), MALFORMED)
    for c in octets(*(set(range(0x20)) - {9}), 0x7f)
] + [
    Case("8.2.1", f"octet {c[0]:#04x} {where} a value", asks((b"x", value)), MALFORMED)
    for c in octets(9, 0x20, 10, 13, 0) for where, value in (("before", c + b"a"), ("behind", b"a" + c))
]
SMUGGLED = [
    Case("8.3.1", f"octet {c[0]:#04x} in :{name}", asks(**{name: before + c + b"x"}), MALFORMED)
    for c in octets(*range(0x21), 0x7f) for name, before in (("method", b"GET"), ("path", b"/"), ("authority", b"a.test"))
]
CONNECTION = [
    Case("8.2.2", f"{name}: {value}", asks((name, value)), MALFORMED)
    for name, value in (("connection", "close"), ("connection", ""), ("proxy-connection", "keep-alive"), ("keep-alive", "1"),
                        ("transfer-encoding", "chunked"), ("transfer-encoding", "identity"), ("upgrade", "h2c"))
]

FIELDS = (
    Case("8.2", "a name in upper case", asks(("X-Upper", "1")), MALFORMED),
    Case("8.2.1", "a name without octets", asks(("", "1")), MALFORMED),
    Case("8.2.1", "an empty value is allowed", asks(("x", "")), forwards(b"x: ")),
    Case("8.2.1", "tabs, blanks and octets above 0x7f inside of a value are allowed", asks((b"x", b"a\t b\xe4")), forwards(b"x: a\t b\xe4")),
    *NAMES, *VALUES, *CONNECTION,
    Case("8.2.2", "te: trailers is allowed", asks(("te", "trailers")), forwards(b"TE: trailers")),
    Case("8.2.2", "te: gzip", asks(("te", "gzip")), MALFORMED),
    Case("8.2.2", "te: trailers and more", asks(("te", "trailers, deflate;q=0.5")), MALFORMED),
    Case("8.2.3", "crumbs of cookies become one field", asks(("cookie", "a=1"), ("x", "1"), ("cookie", "b=2"), ("cookie", "c=3")), forwards(b"cookie: a=1; b=2; c=3")),
)

PSEUDO = (
    Case("8.3", "an unknown pseudo-field", asks((":what", "1")), MALFORMED),
    Case("8.3", "a pseudo-field of answers", asks((":status", "200")), MALFORMED),
    Case("8.3", "a pseudo-field behind a field", asks(("x", "1"), (":path", "/"), path=None), MALFORMED),
    Case("8.3", "a pseudo-field without a name", asks((":", "1")), MALFORMED),
    *[Case("8.3", f"two of :{name}", asks((":" + name, value)), MALFORMED)
      for name, value in (("method", "GET"), ("scheme", "http"), ("authority", "a.test"), ("path", "/"))],
    *[Case("8.3.1", f"no :{name}", asks(**{name: None}), MALFORMED) for name in ("method", "scheme", "path")],
    *[Case("8.3.1", f"an empty :{name}", asks(**{name: ""}), MALFORMED) for name in ("method", "scheme", "path", "authority")],
    Case("8.3.1", ":path without a slash", asks(path="x"), MALFORMED),
    Case("8.3.1", ":path * of GET", asks(path="*"), MALFORMED),
    Case("8.3.1", ":path * of OPTIONS", asks(method="OPTIONS", path="*"), Answers(200, lambda got: got.body.startswith(b"OPTIONS * HTTP/1.1\r\n"))),
    Case("8.3.1", ":path of a whole URI", asks(path="http://a.test/"), MALFORMED),
    Case("8.3.1", ":authority with user information", asks(authority="user:password@a.test"), Answers(400)),
    Case("8.3.1", ":authority becomes Host", asks(("x", "1"), authority="b.test:81"), forwards(b"host: b.test:81")),
    Case("8.3.1", "Host instead of :authority", asks(("host", "b.test"), authority=None), forwards(b"host: b.test")),
    Case("8.3.1", "Host that says the same", asks(("host", "a.test")), Answers(200, lambda got: got.body.lower().count(b"\r\nhost:") == 1)),
    Case("8.3.1", "Host that says something else", asks(("host", "b.test")), MALFORMED),
    Case("8.3.1", "two of Host", asks(("host", "a.test"), ("host", "a.test")), MALFORMED),
    Case("8.3.1", "neither :authority nor Host", asks(authority=None), MALFORMED),
    *SMUGGLED,
    Case("8.5", "CONNECT with :path and :scheme", asks(method="CONNECT"), MALFORMED),
    Case("8.5", "CONNECT without :authority", asks(method="CONNECT", scheme=None, path=None, authority=None), MALFORMED),
    Case("8.5", "CONNECT is nothing that weir serves", asks(method="CONNECT", scheme=None, path=None, authority="a.test:1"), Answers(405)),
    Case("RFC 8441 4", ":protocol without CONNECT", asks((":protocol", "websocket")), MALFORMED),
    Case("RFC 8441 4", ":protocol without :path", asks((":protocol", "websocket"), method="CONNECT", path=None), MALFORMED),
)

MESSAGES = (
    Case("8.1", "trailers without END_STREAM", trailers(("x", "1"), flags=END_HEADERS), MALFORMED),
    Case("8.1", "trailers with a pseudo-field", trailers((":path", "/x")), MALFORMED),
    Case("8.1", "trailers with a name in upper case", trailers(("X", "1")), MALFORMED),
    Case("8.1", "trailers with a connection-specific field", trailers(("connection", "close")), MALFORMED),
    Case("8.1", "trailers", trailers(("x-sum", "1")), Answers(200, lambda got: got.body.endswith(b"|abc"))),
    Case("8.1", "trailers without fields", trailers(), Answers(200, lambda got: got.body.endswith(b"|abc"))),
    Case("8.1", "trailers behind an exact length", trailers(("x-sum", "1"), before=[("content-length", "3")]), Answers(200)),
    Case("8.1.1", "trailers before the length is reached", trailers(("x-sum", "1"), before=[("content-length", "4")]), MALFORMED),
    Case("8.1.1", "trailers beyond the length", trailers(("x-sum", "1"), before=[("content-length", "2")]), MALFORMED),
    Case("8.1.1", "less DATA than content-length", asks(("content-length", "4"), body=b"abc", method="POST"), MALFORMED),
    Case("8.1.1", "more DATA than content-length", asks(("content-length", "2"), body=b"abc", method="POST"), MALFORMED),
    Case("8.1.1", "as much DATA as content-length", asks(("content-length", "3"), body=b"abc", method="POST"), Answers(200)),
    Case("8.1.1", "content-length without DATA", asks(("content-length", "3"), method="POST"), MALFORMED),
    Case("8.1.1", "content-length 0 without DATA", asks(("content-length", "0"), method="POST"), Answers(200)),
    *[Case("8.1.1", f"content-length {what}", asks(*[("content-length", value) for value in values], body=b"abc", method="POST"), MALFORMED)
      for what, values in (("twice", ("3", "3")), ("as a list", ("3, 3",)), ("with a sign", ("+3",)), ("below zero", ("-3",)), ("of nothing", ("",)),
                           ("in hexadecimal", ("0x3",)), ("of 2^64 + 3", ("18446744073709551619",)), ("with a fraction", ("3.0",)))],
    Case("8.2", "a malformed request changes the table all the same",
         lambda c: (asks(("x-known", "1" * 50), ("X", "1"))(c), c.answer(1), c.answers.clear(), c.frames.clear(), asks(("x-known", "1" * 50))(c)), forwards(b"x-known: " + b"1" * 50)),
)


@table(*FIELDS, *PSEUDO, *MESSAGES)
def test_what_a_client_asks(server, case):
    origin, weir = server
    before = len(origin.requests)
    case.run(weir)
    if case.then is MALFORMED:
        # What the server has seen of it, if anything, was without its end; only the request behind it came whole.
        assert [got.line for got in origin.requests[before:] if got.complete] == ["GET / HTTP/1.1"]
