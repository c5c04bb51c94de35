# SPDX-License-Identifier: Apache-2.0
"""curl in every version of HTTP, in clear text and over TLS, to servers of either version."""
import subprocess

import pytest
from clienttest import World, content
from weirtest import DEADLINE

# How it asks, over what, and what it is spoken to by then.
WAYS = [("--http1.0", "clear", "1.1"), ("--http1.1", "clear", "1.1"), ("--http2", "clear", "1.1"),
        ("--http2-prior-knowledge", "clear", "2"), ("--http1.1", "tls", "1.1"), ("--http2", "tls", "2")]
LARGE = 5_000_000


@pytest.fixture(scope="module", name="world")
def fixture_world(tmp_path_factory):
    with World(tmp_path_factory.mktemp("certificates")) as world:
        yield world


def is_echo(size, method="POST"):
    def check(head, body):
        assert body == content(size) and head["x-method"] == method
    return check


def is_size(size):
    def check(head, body):
        assert body == content(size) and head["content-length"] == str(size)
    return check


def is_head_only(head, body):
    assert body == b"" and head["content-length"] == str(LARGE) and head["x-method"] == "HEAD"


def has_trailers(head, body):
    assert body == b"content"
    # Who speaks HTTP/1.0 is told none.
    assert "1.0" in head["asked"] or (head["x-sum"], head["x-late"]) == ("1234", "yes")


# `@N` becomes a file of so many bytes.
ASKED = {
    "get": ("/size/1000", [], is_size(1000)),
    "post": ("/echo", ["--data-binary", "@1000"], is_echo(1000)),
    "post of nothing": ("/echo", ["--data-binary", "@0"], is_echo(0)),
    "large upload": ("/echo", ["--data-binary", f"@{LARGE}", "-H", "Expect:"], is_echo(LARGE)),
    "upload of unknown length": ("/echo", ["-T", "-", "-H", "Expect:"], is_echo(LARGE, "PUT")),
    "upload that waits for 100": ("/echo", ["--data-binary", "@2000000", "-H", "Expect: 100-continue"], is_echo(2_000_000)),
    "large download": (f"/size/{LARGE}", [], is_size(LARGE)),
    "head": (f"/size/{LARGE}", ["--head"], is_head_only),
    "trailers": ("/trailers", [], has_trailers),
}
# HTTP/1.0 can neither send what has no length nor wait.
ROWS = [(asked, *way) for asked in ASKED for way in WAYS
        if way[0] != "--http1.0" or asked not in ("upload of unknown length", "upload that waits for 100")]


def curl(world, directory, way, over, url, arguments):
    """The fields of the last head with those behind the content, the content, and what curl says of it."""
    def written(argument):
        if not argument.startswith("@"):
            return argument
        (directory / argument[1:]).write_bytes(content(int(argument[1:])))
        return f"@{directory / argument[1:]}"

    command = ["curl", "-sS", way, "--cacert", world.authority.chain, "--max-time", DEADLINE,
               # It waits as long for a 100 that does not come.
               "--expect100-timeout", 2 * DEADLINE, "-D", directory / "head", "-o", directory / "body",
               "-w", "%{http_version} %{http_code}", *map(written, arguments), url]
    given = content(LARGE) if "-T" in arguments else b""
    done = subprocess.run(list(map(str, command)), input=given, capture_output=True, timeout=2 * DEADLINE, check=False)
    assert done.returncode == 0, done.stderr.decode()
    lines = (directory / "head").read_bytes().decode("latin-1").split("\r\n\r\n", 1)
    # What is interim has a head of its own.
    while " 100" in lines[0].split("\r\n")[0]:
        lines = lines[1].split("\r\n\r\n", 1)
    named = [line.split(": ", 1) for part in lines for line in part.split("\r\n") if ": " in line]
    fields = {name.lower(): value for name, value in named}
    body = b"" if "--head" in arguments else (directory / "body").read_bytes()
    return {**fields, "asked": way}, body, done.stdout.decode()


@pytest.mark.parametrize("server", ["h1", "h2"])
@pytest.mark.parametrize("asked, way, over, version", ROWS, ids=lambda each: each.lstrip("-"))
def test_curl(world, tmp_path, asked, way, over, version, server):
    path, arguments, check = ASKED[asked]
    head, body, said = curl(world, tmp_path, way, over, world.url(over, server, path), arguments)
    assert said == f"{version} 200"
    check(head, body)
