# SPDX-License-Identifier: Apache-2.0
"""Transactions: all or nothing, compare-and-set by scope, results kept by op-id."""
import threading

import pytest
from admintest import SOCKETS, STATE, AdminClient, ctl, newest_state
from healthtest import kill
from weirtest import Weir, wait_until

TWO_BACKENDS = SOCKETS + """
{top}
listener web { bind 127.0.0.1:{port}; route path /api/* forward api; route forward shop }
backend api { server a1 127.0.0.1:1; server a2 127.0.0.1:2; server a3 127.0.0.1:3 }
backend shop { server b1 127.0.0.1:4; server b2 127.0.0.1:5 }
"""


def start(top="", **more):
    return Weir(TWO_BACKENDS, top=top, workers=2, **more)


@pytest.fixture(scope="module")
def weir():
    with start() as weir:
        yield weir


@pytest.fixture
def admin(weir):
    with AdminClient(weir) as client:
        yield client
        client.send("abort")
        client.reply()
        for server in client.servers():
            client.ask(f"server set {server} weight auto force")
            client.ask(f"server set {server} state auto force")


def transact(client, *commands, options="", commit="commit"):
    """The reply to commit."""
    client.send(f"transaction {options}", *commands, commit)
    replies = [client.reply() for _ in range(len(commands) + 2)]
    assert all(r.is_ok for r in replies[:-1]), replies
    return replies[-1]


# ---- All or nothing ------------------------------------------------------------------------------


def test_all(admin):
    before = admin.revision("api")
    reply = transact(admin, "server set api/a1 weight 5", "server set api/a2 state drain", options="scope backend/api")
    assert reply.is_ok and reply.first.startswith("ok committed 2 revision "), reply
    assert reply.revision == admin.revision("api") > before
    servers = admin.servers()
    assert servers["api/a1"]["weight"] == 5 and servers["api/a2"]["use"] == "drain"


FAILING = {
    "server set api/a9 weight 1": "unknown",
    "server set api/a1 weight 1001": "usage",
    "server set api/a1 color red": "usage",
    "server add api a1 127.0.0.1:99": "conflict",
    "server remove api/a1": "refused",
    "status": "usage",
    "no such command": "unknown",
    "shutdown": "usage",
    "log level debug": "usage",
}


@pytest.mark.parametrize("command, code", FAILING.items())
@pytest.mark.parametrize("place", [0, 1, 3])
def test_nothing(admin, command, code, place):
    commands = ["server set api/a1 weight 7", "server add api new 127.0.0.1:77 weight 3", "server set shop/b1 state drain"]
    commands.insert(place, command)
    before = admin.state()
    reply = transact(admin, *commands)
    assert reply.code == code and f"command {place + 1}: " in reply.first, reply
    assert admin.state() == before


def test_what_would_be_all_right_alone_is_seen_together(admin):
    """Each step alone would be refused; what counts is how it ends."""
    before = admin.state()
    swap = ["server set shop/b1 state down", "server set shop/b2 state down", "server set shop/b1 state auto"]
    assert transact(admin, *swap).is_ok
    assert admin.servers()["shop/b2"]["use"] == "down" and admin.servers()["shop/b1"]["use"] == "up"
    admin.ask("server set shop/b2 state auto")
    assert admin.state()[0] == before[0]


def test_a_server_that_comes_and_goes_within_one(admin):
    before = admin.servers().keys()
    assert transact(admin, "server add api brief 127.0.0.1:78", "server set api/brief weight 3", "server remove api/brief").is_ok
    wait_until(lambda: admin.servers().keys() == before, "it to be gone")


def test_nobody_sees_it_before_commit(weir, admin):
    with AdminClient(weir) as other:
        before = other.state()
        admin.ask("transaction")
        admin.ask("server set api/a1 weight 9")
        admin.ask("server set api/a2 weight 9")
        assert other.state() == before
        admin.ask("commit")
        assert other.servers()["api/a1"]["weight"] == other.servers()["api/a2"]["weight"] == 9


def test_a_guard_looks_at_the_whole(weir, admin):
    before = admin.state()
    commands = ["server set api/a1 state down", "server set api/a2 weight 0"]
    reply = transact(admin, *commands)
    assert reply.code == "refused" and "only 1 of 3 servers of api" in reply.first, reply
    assert admin.state() == before
    with AdminClient(weir, "operate.sock") as operator:
        assert transact(operator, *commands, commit="commit force").code == "forbidden"
        operator.ask("abort")
    assert admin.state() == before
    assert transact(admin, *commands, commit="commit force").is_ok
    assert admin.servers()["api/a2"]["weight"] == 0


def test_abort(admin):
    before = admin.state()
    admin.ask("transaction")
    admin.ask("server set api/a1 weight 9")
    admin.ask("abort")
    assert admin.state() == before
    admin.refuse("commit", "usage", "no transaction")
    admin.refuse("abort", "usage", "no transaction")


def test_a_lost_connection_drops_it(weir, admin):
    before = admin.state()
    for whole in (True, False):
        with AdminClient(weir) as lost:
            lost.ask("transaction")
            lost.ask("server set api/a1 weight 9")
            lost.send("server set api/a2 weight 9")
            lost.socket.sendall(b"commit\r" if whole else b"comm")  # never its end
    assert admin.state() == before


def test_only_one_at_a_time(admin):
    admin.ask("transaction scope backend/api")
    admin.refuse("transaction", "usage", "open already")
    admin.ask("abort")


def test_over_a_mebibyte(admin):
    before = admin.state()
    admin.ask("transaction")
    filler = "server set api/a1 address unix:/" + "x" * 60_000
    replies = admin.many([filler] * 20)
    assert [r.code for r in replies[:17]] == [""] * 17 and replies[-1].code == "limit"
    admin.ask("abort")
    assert admin.state() == before


# ---- Conflicts -----------------------------------------------------------------------------------


def test_if_revision(weir, admin):
    revision = admin.revision("api")
    options = f"scope backend/api if-revision {revision}"
    reply = transact(admin, "server set api/a1 weight 2", options=options)
    assert reply.is_ok and reply.revision > revision
    before = admin.state()
    stale = transact(admin, "server set api/a1 weight 3", options=options)
    assert stale.code == "conflict" and f"the revision is {reply.revision}" in stale.first, stale
    assert "last: api/a1 server.weight by uid " in stale.first, stale
    assert admin.state() == before
    done = ctl(weir, "transaction", *options.split(), stdin="server set api/a1 weight 3\n")
    assert done.returncode == 4 and "conflict" in done.stderr
    done = ctl(weir, "transaction", "scope", "backend/api", "if-revision", reply.revision, stdin="server set api/a1 weight 3\n")
    assert done.returncode == 0, done.stderr


def test_if_generation(weir, admin):
    generation = admin.json("status")["generation"]
    assert transact(admin, "server set api/a1 weight 2", options=f"if-generation {generation}").is_ok
    before = admin.state()
    reply = transact(admin, "server set api/a1 weight 3", options=f"if-generation {generation + 1}")
    assert reply.code == "conflict" and f"the generation is {generation}" in reply.first
    assert admin.state() == before
    done = ctl(weir, "transaction", "if-generation", generation + 1, stdin="server set api/a1 weight 3\n")
    assert done.returncode == 4 and "conflict" in done.stderr


OPTIONS = {
    "scope backend/apo": ("unknown", 'did you mean "api"?'),
    "scope api": ("usage", "no option"),
    "if-revision 1": ("usage", "needs a scope"),
    "if-revision x scope backend/api": ("usage", "no option"),
    "op-id": ("usage", "no value"),
    "op-id " + "x" * 129: ("usage", "no option"),
    "color red": ("usage", "no option"),
}


@pytest.mark.parametrize("options", OPTIONS)
def test_wrong_options(admin, options):
    code, text = OPTIONS[options]
    admin.refuse(f"transaction {options}", code, text)
    admin.refuse("commit", "usage", "no transaction")


def test_two_controllers_of_two_backends_never_conflict(weir):
    """Each is alone in its scope, so each compare-and-set succeeds, whatever the other does meanwhile."""
    failed = []

    def control(backend, server):
        with AdminClient(weir) as client:
            revision = client.revision(backend)
            for weight in range(1, 101):
                change = f"server set {backend}/{server} weight {weight % 2 + 1}"
                reply = transact(client, change, options=f"scope backend/{backend} if-revision {revision}")
                if not reply.is_ok:
                    failed.append(reply)
                    return
                revision = reply.revision

    threads = [threading.Thread(target=control, args=pair) for pair in (("api", "a1"), ("shop", "b1"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed, failed


def test_two_controllers_of_one_backend_lose_no_update(weir, admin):
    """Read, add one, compare and set, again if it was a conflict: the sum is right."""

    def control():
        with AdminClient(weir) as client:
            for _ in range(25):
                while True:
                    state = client.json("show state")
                    revision = next(b["revision"] for b in state["backends"] if b["backend"] == "api")
                    weight = next(s["weight"] for s in state["servers"] if s["server"] == "api/a3")
                    change = f"server set api/a3 weight {weight + 1}"
                    reply = transact(client, change, options=f"scope backend/api if-revision {revision}")
                    if reply.is_ok:
                        break
                    assert reply.code == "conflict"

    threads = [threading.Thread(target=control) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert admin.servers()["api/a3"]["weight"] == 101


# ---- Op-ids --------------------------------------------------------------------------------------


def test_an_op_id_gives_its_first_result(admin):
    first = transact(admin, "server set api/a1 weight 11", options="op-id one scope backend/api")
    admin.ask("server set api/a1 weight 12")
    before = admin.state()
    again = transact(admin, "server set api/a1 weight 11", options="op-id one scope backend/api")
    assert again.first == first.first and admin.state() == before
    assert admin.servers()["api/a1"]["weight"] == 12


def test_an_op_id_is_not_used_up_by_what_failed(admin):
    options = "op-id two"
    assert transact(admin, "server set api/a9 weight 1", options=options).code == "unknown"
    assert transact(admin, "server set api/a1 weight 13", options=options).is_ok
    assert admin.servers()["api/a1"]["weight"] == 13


ONE, OTHER = "server set api/a1 weight 21", "server set api/a2 weight 22"


@pytest.mark.parametrize("commands", [["server set api/a1 weight 23"], [OTHER, ONE], [ONE], [ONE, OTHER, ONE], []])
def test_an_op_id_with_other_commands_is_a_conflict(admin, commands):
    options = f"op-id {len(commands)}-{'-'.join(commands).count('1')}"
    assert transact(admin, ONE, OTHER, options=options).is_ok
    before = admin.state()
    reply = transact(admin, *commands, options=options)
    assert reply.code == "conflict" and "other commands" in reply.first, reply.first
    assert admin.state() == before
    # The first result is still kept.
    assert transact(admin, ONE, OTHER, options=options).first == "ok committed 2"


def test_words_of_an_op_id_are_compared_not_their_spelling(admin):
    assert transact(admin, 'server set api/a1 weight 24', options="op-id spelling").is_ok
    assert transact(admin, 'server  set "api/a1" weight   24', options="op-id spelling").is_ok
    assert transact(admin, 'server set "api/a1 weight" 24', options="op-id spelling").code == "conflict"


def test_a_conflict_of_an_op_id_outlives_a_restart():
    with start(STATE) as weir:
        with AdminClient(weir) as admin:
            assert transact(admin, ONE, options="op-id five").is_ok
            admin.ask("sync")
        weir.stop()
        weir.log.clear()
        weir.start()
        with AdminClient(weir) as admin:
            assert transact(admin, OTHER, options="op-id five").code == "conflict"
            assert transact(admin, ONE, options="op-id five").is_ok


def test_an_op_id_outlives_a_restart():
    with start(STATE) as weir:
        with AdminClient(weir) as admin:
            first = transact(admin, "server add api new 127.0.0.1:79", options='op-id "an id" scope backend/api')
            admin.ask("sync")
        weir.stop()
        weir.log.clear()
        weir.start()
        with AdminClient(weir) as admin:
            before = admin.state()
            again = transact(admin, "server add api new 127.0.0.1:79", options='op-id "an id" scope backend/api')
            assert again.first == first.first and admin.state() == before
            assert "api/new" in admin.servers()


@pytest.mark.parametrize("role", ["control", "writer"])
def test_an_op_id_outlives_a_death(role):
    with start(STATE) as weir:
        with AdminClient(weir) as admin:
            first = transact(admin, "server add api new 127.0.0.1:79", options="op-id three scope backend/api")
            admin.ask("sync")
        kill(weir, role)
        with AdminClient(weir) as admin:
            again = transact(admin, "server add api new 127.0.0.1:79", options="op-id three scope backend/api")
            assert again.first == first.first


def test_all_of_a_transaction_is_kept():
    """A server added and changed in one go is there with both after a restart."""
    with start(STATE) as weir:
        with AdminClient(weir) as admin:
            change = ["server add api new 127.0.0.1:79 weight 2", "server set api/new weight 5", "server set api/new state drain"]
            assert transact(admin, *change).is_ok
            assert transact(admin, "server add shop gone 127.0.0.1:80", "server remove shop/gone").is_ok
            wait_until(lambda: "shop/gone" not in admin.servers(), "the server to leave")
            before = admin.state()[0]
            admin.ask("sync")
        _, records, broken = newest_state(weir)
        assert not broken and ["added", "api", "new"] in [r[:3] for r in records]
        weir.stop()
        weir.log.clear()
        weir.start()
        with AdminClient(weir) as admin:
            assert admin.state()[0] == before


def test_what_was_given_up_takes_no_room():
    """There is room for 65,536 servers; those of aborted transactions do not use it up."""
    with start() as weir, AdminClient(weir) as admin:
        for _ in range(5):
            adds = [f"server add api s{i} 127.0.{i // 250}.{i % 250}:9" for i in range(16_000)]
            admin.ask("transaction")
            assert all(r.is_ok for r in admin.many(adds))
            admin.ask("server set api/missing weight 1")
            admin.refuse("commit", "unknown", "command 16001: ")
        admin.ask("server add api last 127.0.0.1:81")
