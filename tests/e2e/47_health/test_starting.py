# SPDX-License-Identifier: Apache-2.0
"""Servers of which nothing is known yet: requests wait for them rather than fail."""
import threading

from healthtest import ADMIN, Checked, bodies, checked, order, servers, wait_use
from weirtest import DEADLINE, Client, Origin, Weir, answer, ask, forward_to, get, reserve_port, wait_until

SLOW = "check http /healthz {\ninterval 50ms\ntimeout 10s\nrise 1\nfall 1\n}"


class Held:
    """An origin whose checks are answered when .answer is set; then with .status."""

    def __init__(self, name="ok"):
        self.answer, self.status = threading.Event(), "200 OK"
        self.origin = Origin(self.reply)
        self.address, self.name, self.checks, self.asked = self.origin.address, name, 0, 0

    def reply(self, connection, request):
        if request.target == "/healthz":
            self.checks += 1
            self.answer.wait(DEADLINE)
            return connection.send(answer("", self.status))
        self.asked += 1
        connection.send(answer(self.name))

    def __enter__(self):
        self.origin.__enter__()
        return self

    def __exit__(self, *error):
        self.answer.set()
        self.origin.__exit__(*error)


def test_requests_wait_for_the_first_check():
    with Held() as origin, Weir(checked(origin, check=SLOW), workers=2) as weir:
        clients = [Client(weir) for _ in range(10)]
        for client in clients:
            client.send(get())
        wait_until(lambda: origin.checks == 1, "the first check")
        row = servers(weir)["s1"]
        assert (row["use"], row["reason"]) == ("starting", "check: not checked yet")
        assert origin.asked == 0
        origin.answer.set()
        assert [client.receive().body for client in clients] == [b"ok"] * 10
        for client in clients:
            client.close()


def test_a_first_check_that_fails():
    with Held() as origin, Weir(checked(origin, check=SLOW.replace("fall 1", "fall 3"))) as weir, Client(weir) as client:
        client.send(get())
        wait_until(lambda: origin.checks == 1, "the first check")
        origin.status = "503 No"
        origin.answer.set()
        assert client.receive().status == 503
        wait_use(weir, "s1", "down")
        assert ask(weir).status == 503 and origin.asked == 0
        origin.status = "200 OK"
        wait_use(weir, "s1", "up")
        assert ask(weir).body == b"ok"


def test_a_first_check_is_waited_for_where_panic_is_allowed():
    """Of a server that is not known yet nothing bad is known either."""
    with Held() as origin, Weir(checked(origin, check=SLOW, backend="panic 50%")) as weir, Client(weir) as client:
        client.send(get())
        wait_until(lambda: origin.checks == 1, "the first check")
        assert weir.access(0) == [] and servers(weir)["s1"]["use"] == "starting"
        origin.status = "503 No"
        origin.answer.set()
        assert client.receive().body == b"ok"  # that was panic
        assert servers(weir)["s1"]["use"] == "down"


def test_who_is_known_to_be_well_is_not_waited_for():
    with Held("late") as late, Checked("early") as early, Weir(checked(late, early, check=SLOW)) as weir:
        wait_use(weir, "s2", "up")
        assert bodies(weir, 10) == ["early"] * 10
        late.answer.set()
        wait_use(weir, "s1", "up")
        wait_until(lambda: ask(weir).body == b"late", "the late one")


def test_a_server_whose_first_check_fails_takes_nothing():
    with Held("ill") as ill, Held("well") as well, Weir(checked(ill, well, check=SLOW)) as weir:
        clients = [Client(weir) for _ in range(10)]
        for client in clients:
            client.send(get())
        wait_until(lambda: ill.checks == 1 == well.checks, "the first checks")
        ill.status = "503 No"
        ill.answer.set()
        wait_use(weir, "s1", "down")
        well.answer.set()
        assert [client.receive().body for client in clients] == [b"well"] * 10
        assert ill.asked == 0
        for client in clients:
            client.close()


def test_an_added_server_takes_nothing_before_its_first_success():
    with Checked("old") as old, Held("new") as new, Weir(checked(old, check=SLOW), workers=2) as weir:
        wait_use(weir, "s1", "up")
        new.status = "503 No"
        order(weir, f"server add origin new {new.address}")
        wait_until(lambda: new.checks == 1, "its first check")
        assert servers(weir)["new"]["use"] == "starting"
        assert bodies(weir, 10) == ["old"] * 10
        new.answer.set()
        wait_use(weir, "new", "down")
        assert bodies(weir, 10) == ["old"] * 10 and new.asked == 0
        new.status = "200 OK"
        wait_use(weir, "new", "up")
        wait_until(lambda: ask(weir).body == b"new", "the new one")


def test_an_added_server_may_be_left_alone_for_a_while():
    text = SLOW.replace("interval", "start_delay 1h\ninterval")
    with Checked("old") as old, Checked("new") as new, Weir(checked(old, check=text)) as weir:
        wait_use(weir, "s1", "up")
        order(weir, f"server add origin new {new.address}")
        old.wait(len(old.requests) + 5)
        assert new.checks == 0 and servers(weir)["new"]["use"] == "starting"


def test_a_name_that_does_not_resolve():
    with reserve_port() as sock, Checked("known") as known:
        # Nobody answers there: the name stays unknown.
        top = "nameserver 127.0.0.1:%d" % sock.getsockname()[1]
        with Weir(checked("nowhere.test:80", known, top=top)) as weir:
            wait_use(weir, "s2", "up")
            assert bodies(weir, 10) == ["known"] * 10
            row = servers(weir)["s1"]
            assert row["use"] in ("starting", "down") and row["reason"].startswith("nowhere.test:80 does not resolve yet: ")


def test_only_names_that_do_not_resolve():
    with reserve_port() as sock:
        top = "%s\nnameserver 127.0.0.1:%d" % (ADMIN, sock.getsockname()[1])
        with Weir(forward_to("nowhere.test:80", top=top, backend="timeout queue 200ms")) as weir:
            response = ask(weir)
            assert response.status == 503 and "error=" in response.get("Proxy-Status")
            assert servers(weir)["s1"]["reason"].startswith("nowhere.test:80 does not resolve yet: ")


def test_limits_to_the_wait():
    with Held() as origin:
        with Weir(checked(origin, check=SLOW, backend="timeout queue 10ms")) as weir:
            assert ask(weir).status == 503
            assert '"failure":"queue_timeout"' in weir.access()[0]
        with Weir(checked(origin, check=SLOW, backend="max_queue 1")) as weir, Client(weir) as client, Client(weir) as other:
            client.send(get())
            other.send(get())
            assert '"failure":"queue_full"' in weir.access()[0]
            origin.answer.set()
            assert {client.receive().status, other.receive().status} == {200, 503}
