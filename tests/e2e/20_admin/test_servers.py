# SPDX-License-Identifier: Apache-2.0
"""Servers change at run time, in all workers before the answer, or nothing changes at all."""
import json
import os
import signal
import subprocess

import pytest
from admintest import AdminClient
from healthtest import ADMIN, admin, order, servers
from weirtest import DEADLINE, WEIRCTL, Client, Origin, Weir, answer, ask, forward_to, get, wait_until


STATE = "\nstate_file {dir}/state"


def named(*names):
    return [Origin(answer(name)) for name in names]


def who(weir, count=24):
    """Who answers new connections, which spread over all workers."""
    return {ask(weir).body.decode() for _ in range(count)}


def ctl(weir, *words, text=None):
    command = [WEIRCTL, "-s", str(weir.dir / "admin.sock"), *words]
    return subprocess.run(command, capture_output=True, text=True, input=text, timeout=DEADLINE)


def test_each_change_is_seen_at_once_by_every_worker():
    a, b, c = named("a", "b", "c")
    with a, b, c, Weir(forward_to(a, b, top=ADMIN), workers=4) as weir:
        assert who(weir) == {"a", "b"}
        order(weir, "server set origin/s1 weight 0")
        assert who(weir) == {"b"}
        order(weir, "server set origin/s1 weight auto")
        order(weir, "server set origin/s2 state drain")
        assert who(weir) == {"a"}
        order(weir, "server set origin/s2 state auto")
        order(weir, f"server add origin s3 {c.address}")
        assert who(weir, 48) == {"a", "b", "c"}
        order(weir, f"server set origin/s1 address {c.address}")
        assert "a" not in who(weir)
        order(weir, "server set origin/s1 address auto")
        order(weir, "server remove origin/s3")
        assert who(weir) == {"a", "b"}


def test_a_stuck_worker_is_named_and_catches_up():
    with Origin() as a, Origin() as b, Weir(forward_to(a, b, top=ADMIN), workers=2) as weir:
        stuck = weir.pids()[1]
        os.kill(stuck, signal.SIGSTOP)
        try:
            first, _ = admin(weir, "server set origin/s1 weight 5")
            assert first.startswith("ok revision") and first.endswith("pending worker 1")
        finally:
            os.kill(stuck, signal.SIGCONT)
        caught_up = '"changes_behind":0'
        wait_until(lambda: admin(weir, "@json show workers")[1].count(caught_up) == 2, "both workers up to date")


def test_a_server_that_leaves_finishes_its_requests():
    def slow(connection, request):
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha")
        connection.send(connection.read_until(b"go"))

    with Origin() as a, Origin(slow) as b, Weir(forward_to(a, top=ADMIN)) as weir:
        order(weir, f"server add origin b {b.address}")
        order(weir, "server set origin/s1 weight 0")
        with Client(weir) as client:
            client.send(get("/", "a", "Content-Length: 2", method="POST"))
            b.wait()
            order(weir, "server set origin/s1 weight 1")
            order(weir, "server remove origin/b")
            row = servers(weir)["b"]
            assert (row["use"], row["in_flight"]) == ("drain", 1)
            client.send("go")
            assert client.receive().body == b"hago"
        wait_until(lambda: "b" not in servers(weir), "the server to be gone")


@pytest.mark.parametrize(
    "command,code",
    [
        ("server set origin/s1 state down", "refused"),
        ("server set origin/s1 weight 0", "refused"),
        ("server remove origin/s1", "refused"),
        ("server set origin/s3 weight 1", "unknown"),
        ("server set orign/s1 weight 1", "unknown"),
        ("server set origin/s1 weight 1001", "usage"),
        ("server set origin/s1 state sleepy", "usage"),
        ("server set origin/s1 colour red", "usage"),
        ("server add origin s1 127.0.0.1:1", "conflict"),
        ("server add origin 1 127.0.0.1:1", "usage"),
        ("server add origin x nowhere", "usage"),
        ("serve set origin/s1 weight 1", "unknown"),
        ('"unended', "usage"),
    ],
)
def test_what_is_refused_changes_nothing(command, code):
    with Origin() as origin, Weir(forward_to(origin, top=ADMIN)) as weir:
        before = admin(weir, "@json show servers")
        first, _ = admin(weir, command)
        assert first.startswith(f"error {code} "), first
        assert admin(weir, "@json show servers") == before
        assert ask(weir).status == 200


def test_each_override_keeps_its_author():
    with Origin() as a, Origin() as b, Weir(forward_to(a, b, top=ADMIN + STATE)) as weir, AdminClient(weir) as client:
        def by():
            return servers(weir)["s1"]["by"]

        assert ctl(weir, "server", "set", "origin/s1", "weight", "7").returncode == 0
        first = by()
        assert client.ask("server set origin/s1 state drain").is_ok
        me = f"uid {os.getuid()} pid {os.getpid()}"
        assert first != me and by() == f"{me} (state), {first} (weight)"
        explained = [line for line in client.ask("explain server origin/s1").body.splitlines() if "override" in line]
        assert me in explained[0] and "state drain" in explained[0] and first in explained[1] and "weight 7" in explained[1]
        drift = client.ask("plan").body
        assert f"is kept in state drain (by {me}" in drift and f"has weight 7 instead of 1 (by {first}" in drift

        # What was changed beside it does not become that one's, and what is taken back is nobody's.
        assert client.ask("server set origin/s1 state auto").is_ok and by() == first
        assert client.ask(f"server set origin/s1 address {b.address.replace('127.0.0.1', '127.0.0.2')}").is_ok
        both = f"{first} (weight), {me} (address)"
        assert by() == both
        client.ask("sync")
        weir.stop()
        weir.log.clear()
        weir.start()
        assert by() == both
        order(weir, "server set origin/s1 address auto")
        assert by() == first
        order(weir, "server set origin/s1 weight auto")
        assert by() == "" and "override" not in [line.split()[0] for line in admin(weir, "explain server origin/s1")[1].splitlines()]


def test_the_same_server_may_be_added_again():
    with Origin() as a, Origin() as b, Weir(forward_to(a, top=ADMIN)) as weir:
        add = f"server add origin s2 {b.address} weight 3 max_in_flight 4 backup"
        order(weir, add)
        order(weir, "server set origin/s2 weight 5")
        before = admin(weir, "@json show servers")
        order(weir, add)
        order(weir, f"server add origin s1 {a.address}")  # of the file
        assert admin(weir, "@json show servers") == before
        for other in (f"{b.address} weight 4 max_in_flight 4 backup", f"{b.address} weight 3 max_in_flight 4",
                      f"{b.address} weight 3 backup", "127.0.0.9:1 weight 3 max_in_flight 4 backup"):
            assert admin(weir, f"server add origin s2 {other}")[0].startswith("error conflict ")
        assert admin(weir, f"server add origin s3 {b.address}")[0].startswith("error conflict ")


def test_force_and_levels():
    top = ADMIN + "\nadmin unix:{dir}/read.sock { level read }\nadmin unix:{dir}/operate.sock { level operate }"
    with Origin() as origin, Weir(forward_to(origin, top=top)) as weir:
        def at(level, *words):
            return subprocess.run([WEIRCTL, "-s", f"{weir.dir}/{level}.sock", *words], capture_output=True, text=True, timeout=DEADLINE)

        assert at("read", "show", "servers").returncode == 0
        assert "forbidden" in at("read", "server", "set", "origin/s1", "weight", "2").stderr
        assert at("operate", "server", "set", "origin/s1", "weight", "2").returncode == 0
        assert "forbidden" in at("operate", "server", "set", "origin/s1", "state", "down", "force").stderr
        assert "forbidden" in at("operate", "show", "bundle").stderr
        assert at("admin", "server", "set", "origin/s1", "state", "down", "force").returncode == 0
        assert ask(weir).status == 503
        audit = at("read", "-j", "show", "audit").stdout
        assert [entry["outcome"].split(" ")[0] for entry in json.loads(audit)] == ["forbidden:", "ok", "forbidden:", "ok"]


def test_transactions_are_all_or_nothing():
    with Origin() as a, Origin() as b, Weir(forward_to(a, b, top=ADMIN, listener="    route path /x close")) as weir:
        before = servers(weir)
        bad = "server set origin/s1 weight 7\nserver set origin/nobody weight 1\n"
        done = ctl(weir, "transaction", text=bad)
        assert done.returncode == 2 and "command 2" in done.stderr
        assert servers(weir) == before
        good = f"server set origin/s1 weight 7\nserver add origin new {a.address.replace('127.0.0.1', '127.0.0.2')}\n"
        assert ctl(weir, "transaction", "op-id", "one", text=good).returncode == 0
        after = servers(weir)
        assert after["s1"]["weight"] == 7 and "new" in after
        again = ctl(weir, "transaction", "op-id", "one", text=good)
        assert again.returncode == 0 and servers(weir) == after
        other = ctl(weir, "transaction", "op-id", "one", text="server set origin/s1 weight 9\n")
        assert other.returncode == 4 and "op-id one" in other.stderr and servers(weir) == after
        revision = json.loads(admin(weir, "@json show backends")[1])[0]["revision"]
        stale = ctl(weir, "transaction", "scope", "backend/origin", "if-revision", str(revision - 1), text=good)
        assert stale.returncode == 4 and "the revision is" in stale.stderr
        assert ctl(weir, "transaction", "if-generation", "7", text="").returncode == 4


def test_a_transaction_that_is_not_committed_is_dropped():
    with Origin() as origin, Weir(forward_to(origin, top=ADMIN)) as weir:
        before = servers(weir)
        admin(weir, "transaction\nserver set origin/s1 weight 9")  # and the connection ends
        assert servers(weir) == before


def test_every_command_answers_in_both_forms():
    with Origin() as origin, Weir(forward_to(origin, top=ADMIN)) as weir:
        words = admin(weir, "help --words")[1].split("\n")
        looks = [w for w in words if w.startswith(("show", "status", "help", "sync"))]
        assert len(looks) > 12
        for command in looks:
            first, body = admin(weir, "@json " + command)
            assert first.startswith("ok"), (command, first)
            assert body == "" or json.loads(body) is not None, command
            assert admin(weir, command)[0].startswith("ok"), command
            assert admin(weir, "help " + command)[1].startswith(command)
