# SPDX-License-Identifier: Apache-2.0
"""Each example runs and does what it is an example of."""
import pathlib
import re

import pytest
from weirtest import ROOT, Client, Origin, Weir, answer, get, run_weir, wait_until

EXAMPLES = sorted((ROOT / "conf" / "examples").glob("*.conf"))


def placed(text, directory):
    """The example on free ports: each port it names becomes one, and paths lead into the directory."""
    names = {}

    def port(match):
        return match[1] + "{" + names.setdefault(match[2], f"port_{match[2]}") + "}"

    text = re.sub(r"((?:127\.0\.0\.1|0\.0\.0\.0|\[::\]|\[::1\]|localhost):)(\d+)", port, text)
    text = re.sub(r"(?m)^(\s*(?:user|group|pid_file|chroot)\s.*)$", r"# \1", text)
    text = re.sub(r"/(?:var/log|run|var/lib)/weir", "{dir}", text)
    return text, names


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_it_is_valid(path):
    assert run_weir("-t", "-c", path).returncode == 0


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_it_runs(path):
    text, names = placed(path.read_text(), None)
    with Weir(text, ports=tuple(names.values())) as weir:
        statuses = []
        for name in names.values():
            try:
                with Client(weir, name) as client:
                    statuses.append(client.ask(get("/", "www.example.com")).status)
            except (ConnectionError, AssertionError):
                pass  # a server that the example only names, or an action `close`
        assert statuses, "nobody answered"
        assert all(status < 600 for status in statuses)
