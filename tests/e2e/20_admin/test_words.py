# SPDX-License-Identifier: Apache-2.0
"""What the daemon says to words that it does not know, and what its tables look like."""
import pytest
from admintest import AdminClient, ctl, fleet
from weirtest import Origin, Weir


@pytest.fixture(scope="module", name="weir")
def one_for_all():
    listener = 'route odd path_regex \'^/v2/\\d+\' respond 200 "say \\"hello\\""'
    with Origin() as origin, Weir(fleet(origin, listener=listener)) as weir:
        yield weir


UNKNOWN = {
    "watch foo": ("usage", 'no scope "foo"', "config and servers"),
    "watch sevrers": ("usage", 'did you mean "servers"'),
    "statsu": ("unknown", 'did you mean "status"'),
    "show server": ("unknown", 'did you mean "show servers"'),
    "help relaod": ("unknown", 'did you mean "reload"'),
    "server set origin/s1 state dwon": ("usage", 'did you mean "down"'),
    "server set origin/s1 wieght 3": ("usage", 'did you mean "weight"'),
    "server set orign/s1 weight 3": ("unknown", 'did you mean "origin"'),
    "server set origin/s9 weight 3": ("unknown", 'did you mean "s1"'),
    "server set s1 weight 3": ("usage", "BACKEND/NAME"),
    "server add origin x 127.0.0.1:1 bakcup": ("usage", 'did you mean "backup"'),
    "server add origin x http://127.0.0.1:1": ("usage", "is a URL", "127.0.0.1:1"),
    "show servers orign": ("unknown", 'did you mean "origin"'),
    "explain request GET / listener=wbe": ("unknown", 'did you mean "web"'),
    "drain listener wbe": ("unknown", 'did you mean "web"'),
    "ready wbe": ("unknown", 'did you mean "web"'),
    "log level wran": ("usage", 'did you mean "warn"'),
    "status now": ("usage", "status takes no arguments"),
    "server add origin": ("usage", "server add BACKEND NAME ADDRESS"),
}


@pytest.mark.parametrize("line, code, texts", [(line, code, texts) for line, (code, *texts) in UNKNOWN.items()], ids=UNKNOWN)
def test_unknown_words(weir, line, code, texts):
    with AdminClient(weir) as admin:
        admin.refuse(line, code, *texts)
        admin.ask("status")  # the connection goes on


def test_an_unknown_scope_ends_weirctl(weir):
    done = ctl(weir, "watch", "foo")
    assert done.returncode == 2 and "foo" in done.stderr and not done.stdout


def test_tables_show_texts_as_they_were_written(weir):
    table = ctl(weir, "show", "routes").stdout
    assert r'"say \"hello\""' in table and "\\x" not in table
    assert "\\x" not in ctl(weir, "explain", "request", "GET", "/v2/7").stdout
