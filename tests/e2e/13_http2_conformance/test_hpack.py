# SPDX-License-Identifier: Apache-2.0
"""RFC 7541, as it binds who decodes: every MUST is a case, named by its section."""
import hpack
import pytest
from h2cases import RAW, Answers, Case, Ends, Serves, table, the_server  # noqa: F401
from h2test import COMPRESSION_ERROR, END_HEADERS, END_STREAM, HEADERS, SETTINGS, H2Client, request

ERROR = Ends(COMPRESSION_ERROR)


def sends(*blocks):
    """Requests with these blocks, on streams 1, 3, ..."""

    def do(client):
        for block in blocks:
            client.frame(HEADERS, END_HEADERS | END_STREAM, client.next_stream, block)
            client.next_stream += 2

    return do


def literal(name, value, first=b"\x40"):
    """A field with literal name and value; \\x40 puts it into the table, \\0 does not, \\x10 never."""
    return first + bytes([len(name)]) + name + bytes([len(value)]) + value


def integer(number, prefix, first=0):
    """RFC 7541 section 5.1."""
    most = (1 << prefix) - 1
    if number < most:
        return bytes([first | number])
    out, number = [first | most], number - most
    while number >= 128:
        out.append(number % 128 + 128)
        number //= 128
    return bytes([*out, number])


def saw(line):
    return Answers(200, lambda got: b"\r\n" + line + b"\r\n" in got.body)


def huffman(payload):
    """A value in Huffman's code, given as its bytes."""
    return b"\0\1x" + bytes([0x80 | len(payload)]) + payload


CASES = (
    Case("2.3.3", "an index beyond both tables", sends(RAW + b"\xbe"), ERROR),
    Case("2.3.3", "an index far beyond both tables", sends(RAW + integer(1 << 30, 7, 0x80)), ERROR),
    Case("2.3.3", "all of the static table", sends(RAW + b"".join(integer(i, 7, 0x80) for i in range(15, 57) if i not in (20, 28, 31, 38, 57))), Serves()),
    Case("2.3.3", "the newest entry is the first", sends(RAW + literal(b"x-a", b"1") + literal(b"x-b", b"2"), RAW + b"\xbe"), saw(b"x-b: 2")),
    Case("2.3.3", "the oldest entry is the last", sends(RAW + literal(b"x-a", b"1") + literal(b"x-b", b"2"), RAW + b"\xbf"), saw(b"x-a: 1")),
    Case("4.1", "an entry costs 32 octets more", sends(RAW + literal(b"x-a", b"1"), b"\x3f\x05" + RAW + b"\xbe"), saw(b"x-a: 1")),
    Case("4.1", "an entry that does not fit is evicted", sends(RAW + literal(b"x-a", b"1"), b"\x3f\x04" + RAW + b"\xbe"), ERROR),
    Case("4.2", "an update of the table's size in the middle of a block", sends(RAW + b"\x20"), ERROR),
    Case("4.2", "an update of the table's size behind the first field", sends(b"\x82\x20" + RAW[1:]), ERROR),
    Case("4.2", "several updates of the table's size", sends(b"\x20\x3f\x21" + RAW), Serves()),
    Case("4.3", "a smaller table forgets", sends(RAW + literal(b"x-a", b"1"), b"\x20" + RAW + b"\xbe"), ERROR),
    Case("4.3", "a table that has been empty takes entries again", sends(RAW + literal(b"x-a", b"1"), b"\x20\x3f\xe1\x1f" + RAW + literal(b"x-b", b"2"), RAW + b"\xbe"), saw(b"x-b: 2")),
    Case("4.4", "older entries leave for newer ones", sends(*[RAW + b"\x40\x03x-" + bytes([97 + i]) + integer(1500, 7) + b"y" * 1500 for i in range(3)], RAW + b"\xc0"), ERROR),
    Case("4.4", "an entry larger than the table empties it", sends(RAW + literal(b"x-a", b"1"), RAW + b"\x40\3x-b" + integer(4096, 7) + b"y" * 4096, RAW + b"\xbe"), ERROR),
    Case("4.4", "an entry larger than the table is no error", sends(RAW + b"\x40\3x-b" + integer(4096, 7) + b"y" * 4096), saw(b"x-b: " + b"y" * 4096)),
    Case("5.1", "an index of more than 2^32", sends(RAW + b"\xff\xff\xff\xff\xff\xff\x0f"), ERROR),
    Case("5.1", "a length of more than 2^32", sends(RAW + b"\0\1x\x7f\xff\xff\xff\xff\xff\x0f"), ERROR),
    Case("5.1", "an integer without an end", sends(RAW + b"\xff" + b"\x80" * 100), ERROR),
    Case("5.1", "an integer that the block cuts", sends(RAW + b"\xff\x80"), ERROR),
    Case("5.2", "a name longer than the block", sends(RAW + b"\0\x05x"), ERROR),
    Case("5.2", "a value longer than the block", sends(RAW + b"\0\1x\x05a"), ERROR),
    Case("5.2", "Huffman's code", sends(RAW + huffman(b"\x1f")), saw(b"x: a")),
    Case("5.2", "Huffman's code with EOS", sends(RAW + huffman(b"\xff\xff\xff\xff")), ERROR),
    Case("5.2", "Huffman's code with EOS behind a letter", sends(RAW + huffman(b"\x1f\xff\xff\xff\xff")), ERROR),
    Case("5.2", "padding of a whole octet", sends(RAW + huffman(b"\x1f\xff")), ERROR),
    Case("5.2", "padding that is not of ones", sends(RAW + huffman(b"\x18")), ERROR),
    Case("5.2", "no letters at all", sends(RAW + b"\0\1x\x80"), saw(b"x: ")),
    Case("6.1", "index 0", sends(RAW + b"\x80"), ERROR),
    Case("6.2.1", "a literal that is added, its name beyond both tables", sends(RAW + b"\x7e\x011"), ERROR),
    Case("6.2.1", "a literal that is added, its name from the table", sends(RAW + literal(b"x-a", b"1"), RAW + b"\x7e\x012"), saw(b"x-a: 2")),
    Case("6.2.2", "a literal that is not added, its name beyond both tables", sends(RAW + b"\x0f\x2f\x011"), ERROR),
    Case("6.2.2", "a literal that is not added is not in the table", sends(RAW + literal(b"x-a", b"1", b"\0"), RAW + b"\xbe"), ERROR),
    Case("6.2.3", "a literal that is never added", sends(RAW + literal(b"x-a", b"1", b"\x10")), saw(b"x-a: 1")),
    Case("6.2.3", "a literal that is never added is not in the table", sends(RAW + literal(b"x-a", b"1", b"\x10"), RAW + b"\xbe"), ERROR),
    Case("6.3", "an update of the table's size beyond SETTINGS_HEADER_TABLE_SIZE", sends(integer(4097, 5, 0x20) + RAW), ERROR),
    Case("6.3", "an update of the table's size to SETTINGS_HEADER_TABLE_SIZE", sends(integer(4096, 5, 0x20) + RAW), Serves()),
)


@table(*CASES)
def test_what_a_client_encodes(server, case):
    case.run(server[1])


@pytest.mark.parametrize("size", [0, 100, 1 << 20])
def test_4_2_the_encoder_keeps_to_the_table_that_it_is_granted(server, size):
    with H2Client(server[1], settings={1: size}) as client:
        client.decoder = hpack.Decoder()
        client.decoder.max_allowed_table_size = size
        if size < 4096:
            client.decoder.header_table_size = size
        for _ in range(3):
            assert client.ask(request()).fields["content-length"]


def test_4_2_a_table_that_shrinks_is_announced_at_the_beginning_of_the_next_block(server):
    with H2Client(server[1]) as client:
        assert client.ask(request()).status == 200
        client.frame(SETTINGS, 0, 0, b"\0\1\0\0\0\0")
        assert client.wait(lambda got: got.type == SETTINGS and got.flags & 1) and client.sync()
        client.decoder.max_allowed_table_size = 0  # from here on it refuses blocks that do not say so
        stream = client.request(request())
        assert client.answer(stream).status == 200
        first = next(got for got in client.frames if got.type == HEADERS and got.stream == stream)
        assert first.payload[0] == 0x20, first
