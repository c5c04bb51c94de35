# SPDX-License-Identifier: Apache-2.0
"""Servers whose name has several addresses: one server with a set of addresses."""
import contextlib
import os
import signal
import socket
import ssl

import pytest

from admintest import AdminClient
from binarytest import Installed
from h2origin import H2Origin
from nametest import Nameserver
from tlstest import Authority, TlsOrigin
from weirtest import Client, Origin, Weir, answer, ask, forward_to, get, reserve_port, wait_until

TOP = "admin unix:{dir}/admin.sock\nlog_format brief \"$attempts $server_addr\"\n"
CHECK = "check http GET /healthz {\ninterval 50ms\ntimeout 5s\nrise 1\nfall 1\n}"


HOSTS = (1, 2, 3, 4, 9)


@contextlib.contextmanager
def black_hole(at):
    """Somebody listens there, but takes no more connections: they get no answer."""
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind(at)
        full.listen(0)
        for _ in range(8):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(full.getsockname())
        yield


@contextlib.contextmanager
def origins(*hosts, protocol="http/1.1", handler=None, make=None, silent=()):
    """Origins at 127.0.0.N for each N, all on one port; over HTTP/1 each answers with its address.

    At the same port the silent HOSTS do not answer, and the others refuse connections: if their port were not taken,
    another test's server might happen to listen there."""
    if protocol == "h2":
        make = lambda at: H2Origin(at=at)
    make = make or (lambda at: Origin(handler or answer(at[0]), at=at))
    while True:
        with contextlib.ExitStack() as stack:
            made, port = {}, 0
            try:
                for host in hosts:
                    made[host] = stack.enter_context(make((f"127.0.0.{host}", port)))
                    port = made[host].port
                for host in set(HOSTS) - set(hosts):
                    take = black_hole if host in silent else reserve_port
                    stack.enter_context(take((f"127.0.0.{host}", port)))
            except OSError:  # the port is somebody else's at one of the addresses
                continue
            yield made, port
            return


def at(*hosts):
    return [f"127.0.0.{host}" for host in hosts]


def text_of(port, *hosts):
    return ", ".join(f"{host}:{port}" for host in at(*hosts))


def by_name(names, port, backend=""):
    text = forward_to(f"app.test:{port}", top=f"{TOP}nameserver {names.address}", backend=backend)
    return text.replace("format json", "format brief")


def row(weir):
    with AdminClient(weir) as admin:
        return admin.servers()["origin/s1"]


def try_row(weir):
    try:
        return row(weir)
    except (OSError, EOFError, AssertionError, ValueError):
        return None


def wait_addresses(weir, text):
    wait_until(lambda: row(weir)["address"] == text, f"the addresses {text}")


def events(weir, kind):
    """What `explain` knows of events of that kind: FROM -> TO: CAUSE: REASON."""
    with AdminClient(weir) as admin:
        steps = admin.json("explain server origin/s1")
    return [step["outcome"] for step in steps if step["step"] == "event" and step["what"].endswith(" " + kind)]


def test_all_addresses_are_one_server():
    def handler(connection, _):
        connection.send(answer(connection.socket.getsockname()[0], "200 OK", "Connection: close"))
        connection.close()

    with origins(1, 2, 3, handler=handler) as (_, port), Nameserver(app=at(3, 1, 2)) as names:
        with Weir(by_name(names, port)) as weir:
            wait_addresses(weir, text_of(port, 1, 2, 3))
            # Their answers end with the connection, so each request has a new one.
            seen = [ask(weir).body.decode() for _ in range(6)]
            assert sorted(seen) == sorted(2 * at(1, 2, 3)), "connections take turns"
            assert weir.access(6) == [f"1 {host}:{port}" for host in seen]
            with AdminClient(weir) as admin:
                assert "weir_server_addresses{backend=\"origin\",server=\"s1\"} 3" in admin.ask("metrics").body
                told = admin.json("explain server origin/s1")
                assert any(step["step"] == "addresses" and step["what"] == text_of(port, 1, 2, 3) for step in told)


@pytest.mark.parametrize("alive", [1, 2, 4])
def test_the_next_address_is_tried_within_the_same_attempt(alive):
    with origins(alive) as (_, port), Nameserver(app=at(1, 2, 3, 4)) as names:
        with Weir(by_name(names, port, "retry none")) as weir:
            wait_addresses(weir, text_of(port, 1, 2, 3, 4))
            assert [ask(weir).status for _ in range(10)] == [200] * 10
            assert weir.access(10) == [f"1 127.0.0.{alive}:{port}"] * 10
            assert row(weir)["errors"] == 0


@pytest.mark.parametrize("protocol", ["http/1.1", "h2"])
def test_an_address_that_does_not_answer_has_its_share_of_the_time(protocol):
    with origins(2, protocol=protocol, silent=[1]) as (_, port), Nameserver(app=at(1, 2)) as names:
        # Two seconds for both: the first one may take one of them.
        backend = f"timeout connect 2s\nretry none\nprotocol {protocol}"
        with Weir(by_name(names, port, backend)) as weir:
            wait_addresses(weir, text_of(port, 1, 2))
            assert [ask(weir).status for _ in range(4)] == [200] * 4
            assert weir.access(4) == [f"1 127.0.0.2:{port}"] * 4


def test_all_addresses_fail_as_one():
    with origins(9) as (_, port), Nameserver(app=at(1, 2)) as names:
        with Weir(by_name(names, port, "retry none\noutlier { connect_errors 3; eject 60s; max_ejected 100% }")) as weir:
            wait_addresses(weir, text_of(port, 1, 2))
            assert ask(weir).status == 502
            with AdminClient(weir) as admin:
                errors = 'weir_server_connect_errors_total{backend="origin",server="s1"} 1\n'
                assert errors in admin.ask("metrics").body, "one error, whatever number of addresses"
            for _ in range(2):
                ask(weir)
            wait_until(lambda: row(weir)["use"] == "down", "the ejection of the server")
            # Another address in the set does not bring it back, others altogether do.
            names.names["app"] = at(2, 3)
            wait_addresses(weir, text_of(port, 2, 3))
            assert row(weir)["use"] == "down"
            names.names["app"] = at(9)
            wait_until(lambda: ask(weir).body == b"127.0.0.9", "the server at its new address")


def test_the_order_of_an_answer_is_no_change():
    with origins(1, 2) as (_, port), Nameserver(app=at(1, 2)) as names:
        with Weir(by_name(names, port)) as weir:
            wait_addresses(weir, text_of(port, 1, 2))
            before = len(events(weir, "server.address"))
            for order in (at(2, 1), at(1, 2), at(2, 1)):
                names.names["app"], asked = order, names.asked
                wait_until(lambda: names.asked > asked + 1, "another look-up")
            assert len(events(weir, "server.address")) == before


@pytest.mark.parametrize("protocol", ["http/1.1", "h2"])
def test_connections_to_an_address_that_left_are_not_used_again(protocol):
    with origins(1, 2, protocol=protocol) as (made, port), Nameserver(app=at(1)) as names:
        with Weir(by_name(names, port, f"protocol {protocol}")) as weir:
            wait_addresses(weir, text_of(port, 1))
            assert ask(weir).status == 200
            assert len(made[1].connections) == 1
            names.names["app"] = at(1, 2)
            wait_addresses(weir, text_of(port, 1, 2))
            assert ask(weir).status == 200
            assert (len(made[1].connections), len(made[2].connections)) == (1, 0), "the pooled one is as good as before"
            names.names["app"] = at(2)
            wait_addresses(weir, text_of(port, 2))
            assert ask(weir).status == 200
            assert len(made[2].connections) == 1 and len(made[1].connections) == 1


def test_a_request_on_its_way_finishes_at_an_address_that_left():
    begun = []

    def slow(connection, _):
        begun.append(connection)

    with origins(1, handler=slow) as (made, port), Nameserver(app=at(1)) as names:
        with Weir(by_name(names, port)) as weir, Client(weir) as client:
            wait_addresses(weir, text_of(port, 1))
            client.send(get())
            wait_until(lambda: begun, "the request")
            names.names["app"] = at(2)
            wait_addresses(weir, text_of(port, 2))
            begun[0].send(answer("late"))
            assert client.receive().body == b"late"
            wait_until(lambda: not made[1].open, "the end of the connection")


class Checked:
    """An origin's handler whose checks are answered by .status; None leaves them waiting."""

    def __init__(self):
        self.hosts, self.status = [], "200 OK"

    def __call__(self, connection, request):
        if request.target != "/healthz":
            return connection.send(answer(connection.socket.getsockname()[0]))
        self.hosts.append(request.get("Host"))
        if self.status:
            connection.send(answer("", self.status))


def test_checks_fail_only_if_all_addresses_do():
    handler = Checked()
    with origins(1, handler=handler) as (_, port), Nameserver(app=at(1, 2, 3)) as names:
        with Weir(by_name(names, port, CHECK)) as weir:
            wait_until(lambda: row(weir)["use"] == "up", "a passed check")
            asked = len(handler.hosts)
            wait_until(lambda: len(handler.hosts) > asked + 6, "more checks")
            assert len(events(weir, "server.use")) == 1
            handler.status = "503 No"
            wait_until(lambda: row(weir)["use"] == "down", "failed checks")
            assert "503" in row(weir)["reason"] and "connection refused" in row(weir)["reason"]


def test_a_check_sends_the_name_as_its_host():
    handler = Checked()
    with origins(1, handler=handler) as (_, port), Nameserver(app=at(1)) as names:
        with Weir(by_name(names, port, CHECK)) as weir:
            wait_until(lambda: row(weir)["use"] == "up", "a passed check")
            assert set(handler.hosts) == {f"app.test:{port}"}


def test_over_tls_the_name_is_the_sni(tmp_path):
    authority, context, asked = Authority(tmp_path), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), []
    context.sni_callback = lambda sock, name, _: asked.append(name)
    handler = Checked()
    certificate = authority.issue("app.test")

    def make(at):
        return TlsOrigin(certificate, handler, context=context, at=at)

    with origins(1, make=make) as (_, port), Nameserver(app=at(2, 1, 3)) as names:
        backend = f"retry none\ntls {{ ca {authority.chain} }}\n{CHECK}"
        with Weir(by_name(names, port, backend)) as weir:
            wait_until(lambda: row(weir)["use"] == "up", "a passed check")
            assert [ask(weir).status for _ in range(4)] == [200] * 4
            assert set(asked) == {"app.test"} and set(handler.hosts) == {f"app.test:{port}"}


def test_a_server_that_moved_starts_anew():
    handler = Checked()
    with origins(1, 2, 3, handler=handler) as (made, port), Nameserver(app=at(1)) as names:
        with Weir(by_name(names, port, CHECK)) as weir, Client(weir) as client:
            wait_until(lambda: row(weir)["use"] == "up", "a passed check")
            # One address stays: it is the same server, and nothing waits for a check.
            handler.status = None
            names.names["app"] = at(1, 2)
            wait_addresses(weir, text_of(port, 1, 2))
            assert row(weir)["use"] == "up" and ask(weir).status == 200
            names.names["app"] = at(3)
            wait_addresses(weir, text_of(port, 3))
            assert row(weir)["use"] == "starting" and row(weir)["health"] == "starting"
            client.send(get())
            wait_until(lambda: made[3].requests, "a check")
            handler.status = "200 OK"
            names.names["app"] = at(2)  # its check is answered
            assert client.receive().body == b"127.0.0.2"


def test_an_operator_sets_one_address():
    with origins(1, 2, 3) as (_, port), Nameserver(app=at(1, 2)) as names:
        with Weir(by_name(names, port)) as weir, AdminClient(weir) as admin:
            wait_addresses(weir, text_of(port, 1, 2))
            assert admin.ask(f"server set origin/s1 address 127.0.0.3:{port}").is_ok
            assert row(weir)["address"] == text_of(port, 3)
            assert {ask(weir).body for _ in range(4)} == {b"127.0.0.3"}
            assert admin.ask("server set origin/s1 address auto").is_ok
            assert row(weir)["address"] == text_of(port, 1, 2)


@pytest.mark.parametrize("memory", [False, True])
def test_an_upgrade_keeps_the_addresses(tmp_path, memory):
    installed = Installed(tmp_path)
    with origins(1, 2) as (_, port), Nameserver(app=at(1, 2)) as names:
        with Weir(by_name(names, port), binary=installed.path) as weir:
            wait_addresses(weir, text_of(port, 1, 2))
            names.silent = True
            installed.install(memory=memory)
            with AdminClient(weir) as admin:
                assert admin.ask("upgrade").is_ok
            weir.wait_log("has taken over from")
            assert row(weir)["address"] == text_of(port, 1, 2)
            assert row(weir)["use"] == "up" and ask(weir).status == 200


def test_a_successor_of_control_keeps_the_addresses():
    with origins(1, 2) as (_, port), Nameserver(app=at(1, 2)) as names:
        with Weir(by_name(names, port)) as weir:
            wait_addresses(weir, text_of(port, 1, 2))
            names.silent = True
            control, = weir.pids("control")
            os.kill(control, signal.SIGKILL)
            wait_until(lambda: weir.pids("control") not in ([], [control]), "the successor")
            wait_until(lambda: (weir.dir / "admin.sock").exists() and try_row(weir), "its answer")
            assert row(weir)["address"] == text_of(port, 1, 2)
            assert row(weir)["use"] == "up" and ask(weir).status == 200
