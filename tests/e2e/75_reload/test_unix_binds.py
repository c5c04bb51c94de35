# SPDX-License-Identifier: Apache-2.0
"""Mode and group of listeners' Unix sockets: as written from the first moment on, changed by a reload, and refused
as a whole if they cannot be had."""
import grp
import os
import stat

from reloadtest import ADMIN, generation, reload
from weirtest import Client, Weir, get, run_weir

# One that is not the one files get by themselves, if we may choose.
GROUP = grp.getgrnam("daemon") if os.geteuid() == 0 else grp.getgrgid(os.getegid())


def text(block, body, more=""):
    return ADMIN + f"listener web {{ bind 127.0.0.1:{{port}}; bind unix:{{dir}}/s {block}\n{more}\nroute respond 200 {body} }}"


def rights(weir):
    there = os.stat(weir.dir / "s")
    assert stat.S_ISSOCK(there.st_mode)
    return stat.S_IMODE(there.st_mode), there.st_gid


def test_everybody_may_connect_unless_it_is_said():
    with Weir(text("", "a")) as weir:
        assert rights(weir) == (0o666, os.getegid())


def test_mode_and_group_at_a_start():
    with Weir(text(f"{{ mode 0660; group {GROUP.gr_name} }}", "a")) as weir:
        assert rights(weir) == (0o660, GROUP.gr_gid)
        with Client(weir.dir / "s") as client:
            assert client.ask(get()).body == b"a"


def test_a_reload_changes_them_on_the_same_socket():
    with Weir(text("", "a")) as weir, Client(weir.dir / "s") as client:
        before = os.stat(weir.dir / "s").st_ino
        assert reload(weir, text(f"{{ group {GROUP.gr_name}; mode 0620 }}", "b")).is_ok
        assert rights(weir) == (0o620, GROUP.gr_gid)
        assert os.stat(weir.dir / "s").st_ino == before and client.ask(get()).body == b"b"
        assert reload(weir, text("", "c")).is_ok
        assert rights(weir) == (0o666, os.getegid())
        # A socket that only comes has them as well.
        both = text("{ mode 0600 }", "d", "bind unix:{dir}/t { mode 0640 }")
        assert reload(weir, both).is_ok
        assert stat.S_IMODE(os.stat(weir.dir / "t").st_mode) == 0o640 and rights(weir)[0] == 0o600


def test_plan_shows_the_change():
    with Weir(text("", "a")) as weir:
        told = reload(weir, text("{ mode 0600 }", "a"), "plan").body
        assert "bind unix:" in told and "/s { mode 0666 }" in told and "/s { mode 0600 }" in told
        assert rights(weir)[0] == 0o666


def test_what_cannot_be_had_refuses_the_reload():
    with Weir(text("", "a")) as weir:
        reply = reload(weir, text("{ mode 0600; group no-such-group }", "b"))
        assert not reply.is_ok and "no-such-group" in reply.first + reply.body
        os.unlink(weir.dir / "s")
        reply = reload(weir, text("{ mode 0600 }", "b"))
        assert not reply.is_ok and "weir.conf:" in reply.first + reply.body
        assert generation(weir) == 1


def test_what_cannot_be_had_refuses_the_start(tmp_path):
    file = tmp_path / "weir.conf"
    file.write_text(f"listener web {{ bind unix:{tmp_path}/s {{ group no-such-group }}; route respond 200 }}\n")
    done = run_weir("-c", file)
    assert done.returncode == 1 and "weir.conf:1: group \"no-such-group\" does not exist" in done.stderr
    assert not (tmp_path / "s").exists()
