# SPDX-License-Identifier: Apache-2.0
"""Admin sockets, the state file, the pid file and name servers change in place; what cannot be had refuses the
whole reload, and nothing of it is left."""
import os
import signal
import stat

import pytest
from admintest import AdminClient
from nametest import Nameserver
from reloadtest import ADMIN, body, generation, reload, rewrite, simple
from weirtest import Origin, Weir, answer, ask, forward_to, wait_until


def family(weir):
    return [weir.process.pid, *weir.pids(), *weir.pids("control"), *weir.pids("writer")]


def descriptors(weir):
    return [len(os.listdir(f"/proc/{pid}/fd")) for pid in family(weir)]


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def test_admin_sockets_come_and_go():
    more = ADMIN + "admin unix:{dir}/read.sock { level read; mode 0640 }\n"
    with Weir(simple("x")) as weir:
        processes = family(weir)
        assert reload(weir, simple("x", more)).first == "ok generation 2, 1 change"
        assert mode(weir.dir / "read.sock") == 0o640
        with AdminClient(weir, "read.sock") as reader:
            assert reader.ask("status").is_ok
            assert reader.reply_to("reload").code == "forbidden"
            assert reload(weir, simple("x")).is_ok
            assert reader.lines.read() == b""  # closed
        assert not (weir.dir / "read.sock").exists() and reload(weir).is_ok
        assert family(weir) == processes
        assert reload(weir, simple("x", more)).is_ok
        os.kill(weir.pids("control")[0], signal.SIGKILL)
        weir.wait_log("control is back")
        with AdminClient(weir, "read.sock") as reader:
            assert reader.ask("status").is_ok


def test_a_client_of_a_socket_that_goes_has_its_replies():
    other = "admin unix:{dir}/other.sock\n"
    with Weir(simple("one")) as weir:
        with AdminClient(weir) as admin, AdminClient(weir) as watcher:
            watcher.socket.sendall(b"watch\n")
            assert watcher.lines.readline().startswith(b"ok")
            rewrite(weir, simple("two", other))
            admin.socket.sendall(b"status\nreload\nshow listeners\n")
            text = admin.lines.read().decode()  # up to the end: it is closed by weir
            replies = text.split("\n.\n")
            assert "ok generation 2, 3 changes" in text and len(replies) == 4 and replies[3] == "", text
            assert b'"config.committed"' in watcher.lines.read()
        assert not (weir.dir / "admin.sock").exists()
        with AdminClient(weir, "other.sock") as admin:
            assert admin.ask("status").is_ok


def test_mode_and_level_of_an_admin_socket():
    lower = "admin unix:{dir}/admin.sock { level read; mode 0660 }\n"
    with Weir(simple("x")) as weir, AdminClient(weir) as before:
        assert before.ask("status").is_ok and mode(weir.dir / "admin.sock") == 0o600
        assert reload(weir, simple("x", lower)).is_ok
        assert mode(weir.dir / "admin.sock") == 0o660
        # Who had more rights than the socket gives now is gone.
        assert before.lines.read() == b""
        with AdminClient(weir) as after:
            assert after.reply_to("reload").code == "forbidden"
        assert not list(weir.dir.glob("*.next"))


def test_the_pid_file_moves():
    with Weir(simple("x", ADMIN + "pid_file {dir}/one.pid\n")) as weir:
        one, two = weir.dir / "one.pid", weir.dir / "two.pid"
        assert int(one.read_text()) == weir.process.pid
        assert reload(weir, simple("x", ADMIN + "pid_file {dir}/two.pid\n")).is_ok
        assert not one.exists() and int(two.read_text()) == weir.process.pid
        assert reload(weir, simple("x")).is_ok
        assert not two.exists()
        assert reload(weir, simple("x", ADMIN + "pid_file {dir}/one.pid\n")).is_ok
        weir.stop()
        assert not one.exists()


def test_the_state_file_moves():
    def at(name, origin):
        top = ADMIN + (f"state_file {{dir}}/{name}\n" if name else "")
        return forward_to(origin, top=top)

    def change(weir, weight):
        with AdminClient(weir) as admin:
            assert admin.ask(f"server set origin/s1 weight {weight}").is_ok
            assert admin.ask("sync").is_ok

    def weight(weir):
        with AdminClient(weir) as admin:
            return admin.ask("@json show servers").json()[0]["weight"]

    with Origin(answer("x")) as origin, Weir(at(None, origin)) as weir:
        change(weir, 3)
        assert reload(weir, at("one", origin)).is_ok
        change(weir, 4)
        (weir.dir / "two").write_text("of another life\n")
        assert reload(weir, at("two", origin)).is_ok
        first = [(weir.dir / name).read_bytes() for name in ("one", "one.alt")]
        change(weir, 5)
        assert [(weir.dir / name).read_bytes() for name in ("one", "one.alt")] == first
        # All of it is in the second one: also what was changed before.
        weir.stop()
        text = at(None, origin) + f"state_file {weir.dir}/two\n"
        with Weir(text) as again:
            assert weight(again) == 5
            assert reload(again, at(None, origin)).is_ok
            change(again, 6)


def test_name_servers_change():
    with Nameserver(app="127.0.0.1") as one, Nameserver(app="127.0.0.2") as other, Origin(answer("by name")) as origin:
        text = lambda names: forward_to(f"app.test:{origin.port}", top=f"{ADMIN}nameserver {names.address}")
        with Weir(text(one)) as weir:
            wait_until(lambda: ask(weir).body == b"by name", "the name to resolve")
            one.ttl = other.ttl = 1000
            one.names["app"] = "127.0.0.1"
            processes = family(weir)
            assert reload(weir, text(other)).is_ok
            with AdminClient(weir) as admin:
                address = lambda: admin.ask("@json show servers").json()[0]["address"]
                wait_until(lambda: address().startswith("127.0.0.2:"), "the other's answer")
            # Back to those of this machine, whoever they are: weir has not read them at its start.
            assert reload(weir, text(one).replace(f"nameserver {one.address}", "")).is_ok
            assert family(weir) == processes


BAD = [
    ("admin unix:{dir}/none/a.sock\n", "No such file"),
    ("admin unix:{dir}/weir.conf\n", "not a socket"),
    ("admin unix:{dir}/b.sock { group no-such-group }\n", "no-such-group"),
    ("pid_file {dir}/none/weir.pid\n", "No such file"),
    ("pid_file {dir}\n", "is no file"),
    ("state_file {dir}/none/state\n", "No such file"),
    ("state_file /dev/null\n", "/dev/null"),
]


@pytest.mark.parametrize("line, why", BAD, ids=[line.split("{")[0] + why for line, why in BAD])
def test_what_cannot_be_had_refuses_all_of_it(line, why):
    """The last of several: those before it are taken back."""
    good = ADMIN.replace("\n", " { mode 0666 }\n") + "pid_file {dir}/new.pid\n" + "admin unix:{dir}/new.sock\n"
    if line.startswith("pid_file"):
        good = good.replace("pid_file {dir}/new.pid\n", "state_file {dir}/new.state\n")
    with Weir(simple("one", ADMIN + "pid_file {dir}/old.pid\n")) as weir, AdminClient(weir) as kept:
        assert kept.ask("status").is_ok
        before, files = descriptors(weir), sorted(os.listdir(weir.dir))
        reply = reload(weir, simple("two", good + line))
        assert reply.code == "refused" and why in reply.first + reply.body, reply
        assert "weir.conf:5: " in reply.first + reply.body, reply
        assert sorted(os.listdir(weir.dir)) == files and mode(weir.dir / "admin.sock") == 0o600
        assert (weir.dir / "old.pid").read_text() == f"{weir.process.pid}\n"
        assert kept.ask("status").is_ok and body(weir) == b"one" and generation(weir) == 1
        wait_until(lambda: descriptors(weir) == before, "as many descriptors as before")


def test_nothing_is_left_of_many_changes():
    texts = [simple(f"t{i}", f"{ADMIN}admin unix:{{dir}}/a{i}.sock {{ mode 06{i}0 }}\n"
                    f"state_file {{dir}}/s{i}\npid_file {{dir}}/p{i}\nnameserver 127.0.0.{i + 1}\n") for i in (0, 4)]
    with Weir(texts[0]) as weir:
        for _ in range(17):  # so that the history is full
            assert reload(weir, texts[1]).is_ok and reload(weir, texts[0]).is_ok
        before, files = descriptors(weir), sorted(os.listdir(weir.dir))
        for _ in range(5):
            assert reload(weir, texts[1]).is_ok and reload(weir, texts[0]).is_ok
        assert sorted(os.listdir(weir.dir)) == files
        wait_until(lambda: all(now <= was for now, was in zip(descriptors(weir), before)), "as many as before")
        with AdminClient(weir) as admin:
            assert admin.reply_to("rollback").is_ok
        assert (weir.dir / "p4").exists() and not (weir.dir / "p0").exists()
