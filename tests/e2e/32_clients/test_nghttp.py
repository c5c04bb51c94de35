# SPDX-License-Identifier: Apache-2.0
"""nghttp and h2load: many streams, large contents both ways, windows of all sizes, trailers."""
import re
import subprocess

import pytest
from clienttest import World, content
from weirtest import DEADLINE, wait_until

SUM = re.compile(r"(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout")
DATA = re.compile(r"\((\d+)\) data")

# Requests, clients, streams at a time, bits of a stream's and of the connection's window, what is asked for, and sent.
LOADS = {
    "many streams": (2000, 4, 100, 16, 16, "/size/10", 0),
    "more than weir allows at a time": (600, 1, 300, 16, 16, "/size/10", 0),
    "small windows": (100, 2, 20, 10, 12, "/size/20000", 0),
    "one window of the connection for all": (60, 1, 60, 30, 16, "/size/200000", 0),
    "large windows": (20, 2, 10, 30, 30, "/size/2000000", 0),
    "uploads": (40, 2, 20, 16, 16, "/echo", 300_000),
    "uploads beside small windows": (20, 1, 20, 10, 14, "/echo", 50_000),
}


@pytest.fixture(scope="module", name="world")
def fixture_world(tmp_path_factory):
    with World(tmp_path_factory.mktemp("certificates")) as world:
        yield world


def run(*command):
    done = subprocess.run(list(map(str, command)), capture_output=True, timeout=2 * DEADLINE, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.mark.parametrize("server", ["h1", "h2"])
@pytest.mark.parametrize("over", ["clear", "tls"])
@pytest.mark.parametrize("load", LOADS)
def test_h2load(world, tmp_path, load, over, server):
    requests, clients, streams, window, all_windows, path, upload = LOADS[load]
    (tmp_path / "sent").write_bytes(content(upload))
    text = run("h2load", "-n", requests, "-c", clients, "-m", streams, "-w", window, "-W", all_windows,
               *(["-d", tmp_path / "sent"] if upload else []), world.url(over, server, path)).decode()
    assert SUM.search(text).groups() == (str(requests), "0", "0", "0"), text
    assert f"{requests} 2xx, 0 3xx, 0 4xx, 0 5xx" in text, text
    size = upload or int(path.split("/")[2])
    assert int(DATA.search(text).group(1)) == requests * size, text
    assert "Application protocol: h2" in text


# What nghttp is told besides, the path, and what it writes.
ASKED = {
    "one": ([], "/size/1000", content(1000)),
    "many at a time": (["--multiply=20", "-w10", "-W12"], "/size/3000", content(3000) * 20),
    "small windows": (["-w1", "-W4"], "/size/300", content(300)),
    "upload": (["-d{sent}"], "/echo", content(200_000)),
    "upload that waits for 100": (["-d{sent}", "--expect-continue"], "/echo", content(200_000)),
    "upload with trailers": (["-d{sent}", "--no-content-length", "--trailer=x-sum: 99"], "/echo", content(200_000)),
    "a padded one": (["-b64"], "/size/1000", content(1000)),
    "one of weight 256": (["--weight=256"], "/size/1000", content(1000)),
}


@pytest.mark.parametrize("server", ["h1", "h2"])
@pytest.mark.parametrize("over", ["clear", "tls"])
@pytest.mark.parametrize("asked", ASKED)
def test_nghttp(world, tmp_path, asked, over, server):
    arguments, path, body = ASKED[asked]
    (tmp_path / "sent").write_bytes(content(200_000))
    before = len(world.origin.requests)
    given = [each.replace("{sent}", str(tmp_path / "sent")) for each in arguments]
    got = run("nghttp", "-y", *given, world.url(over, server, path))
    # Pieces of many answers come as they come.
    assert got == body if "many" not in asked else sorted(got) == sorted(body)
    if "trailers" in asked:
        wait_until(lambda: len(world.origin.requests) > before, "the request")
        assert world.origin.requests[-1].trailers == [("x-sum", "99")]
