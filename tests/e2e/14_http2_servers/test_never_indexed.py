# SPDX-License-Identifier: Apache-2.0
"""What is never to be in a table of HPACK's stays so on both sides of weir (RFC 7541 section 6.2.3 and 7.1.3)."""
import hpack
from h2origin import H2Origin, to_h2
from h2test import H2Client, request
from weirtest import Weir

SECRET = hpack.NeverIndexedHeaderTuple


def never_indexed(fields):
    return {name for name, *_ in (each for each in fields if not each.indexable)}


def test_fields_keep_their_way_of_being_written():
    """Twice, so that what had got into a table would be a reference to it the second time."""
    def serve(connection, asked):
        connection.respond(asked, b"ok", SECRET("x-answer-token", "a1b2"), ("x-answer", "open"), trailers=[SECRET("x-last", "c3"), ("x-end", "d4")])

    with H2Origin(serve) as origin, Weir(to_h2(origin)) as weir, H2Client(weir) as client:
        for count in (1, 2):
            stream = client.request(request("GET", "/", SECRET("x-token", "t0ken"), ("x-open", "open"), ("cookie", "a=" + 30 * "1"),
                                            SECRET("cookie", "b=" + 30 * "2")))
            assert client.answer(stream).body == b"ok"
            asked = origin.wait(count)
            assert asked.fields["cookie"] == f"a={30 * '1'}; b={30 * '2'}"
            assert never_indexed(asked.list) == {"x-token", "cookie"}
            told = [got.fields for got in client.frames if got.stream == stream and getattr(got, "fields", None)]
            assert [never_indexed(fields) for fields in told] == [{"x-answer-token"}, {"x-last"}]
