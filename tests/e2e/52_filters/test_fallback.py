# SPDX-License-Identifier: Apache-2.0
"""Policies of a fallback backend: they hold for the requests that come there, and those of the backend before it no more."""
import json
import os
import subprocess
import threading

import pytest

from admintest import AdminClient
from h2origin import H2Origin
from h2test import H2Client, request
from reloadtest import ADMIN, reload
from weirtest import DEADLINE, ROOT, Client, Origin, Weir, answer, chunked, get, wait_until

BINARY = os.environ.get("WEIR_WITH_MODULES", str(ROOT / "build" / "weir-with-modules"))
GOT = b"its answer"

# How the first backend has no server left.
GONE = {"none": "", "refused": "server a 127.0.0.1:{closed};", "drained": "server a 127.0.0.1:{closed} weight 0;",
        "status": "server a {busy}; retry 1 on 503;"}


def config(gone, sorry, origin, first="", route="", protocol="http/1.1"):
    return ADMIN + f"""access_log {{dir}}/access.log format json
listener web {{ bind 127.0.0.1:{{port}}; timeout filter 500ms; header set X-Outer 1; response_header set X-Seen listener
route {{ {route} forward api }} }}
backend api {{ {GONE[gone]} fallback sorry; {first} }}
backend sorry {{ protocol {protocol}; server s {origin.address}; {sorry} }}
backend gate {{ server g {{gate}} }}
"""


class Reply:
    def __init__(self, status, fields, body):
        self.status, self.fields, self.body = status, {name.lower(): value for name, value in fields}, body


def ask_h1(weir, body=None, path="/"):
    with Client(weir) as client:
        got = client.ask(get(path) if body is None else get(path, method="PUT", body=body))
        return Reply(got.status, got.fields, got.body)


def ask_h2(weir, body=None, path="/"):
    with H2Client(weir) as client:
        got = client.ask(request("GET" if body is None else "PUT", path), body)
        assert got.complete and got.reset is None
        return Reply(got.status, got.fields.items(), got.body)


CLIENTS = {"h1": ask_h1, "h2": ask_h2}
every_client = pytest.mark.parametrize("ask", CLIENTS.values(), ids=CLIENTS)


class Asked:
    """A request at an origin of either version."""

    def __init__(self, origin, at=-1):
        last = origin.requests[at]
        h2 = isinstance(origin, H2Origin)
        self.fields = last.fields if h2 else {name.lower(): value for name, value in last.fields}
        self.path, self.body = (last.fields[":path"] if h2 else last.target), last.body


SERVERS = {"http/1.1": lambda: Origin(answer(GOT)),
           "h2": lambda: H2Origin(lambda connection, asked: connection.respond(asked, GOT))}


class World:
    """The gate that example_ask asks, and a server that only says 503."""

    def __enter__(self):
        def may(connection, asked):
            connection.send(answer("", "403 Forbidden" if asked.get("x-key") == "wrong" else "204 No Content"))
        self.gate, self.busy = Origin(may), Origin(answer("busy", "503 Service Unavailable"))
        return self

    def __exit__(self, *_):
        self.gate.__exit__()
        self.busy.__exit__()

    def weir(self, text, **more):
        return Weir(text, ports=("port", "closed"), binary=BINARY, gate=self.gate.address, busy=self.busy.address, **more)


SORRY = """header set X-Sorry "$backend $header_x_first"; response_header set X-Seen sorry; rewrite path '^/(.*)' '/sorry/$1';"""
FIRST = "header set X-First yes; response_header set X-First yes; response_header set X-Seen first;"


@pytest.mark.parametrize("protocol", SERVERS)
@pytest.mark.parametrize("gone", GONE)
@every_client
def test_fields_and_paths(ask, gone, protocol):
    with World() as world, SERVERS[protocol]() as origin:
        with world.weir(config(gone, SORRY, origin, FIRST, protocol=protocol)) as weir:
            for body in (None, b"sent"):
                got = ask(weir, body, path="/a/b")
                assert (got.status, got.body) == (200, GOT)
                # What the first backend did to the request stays; its policies on answers do not hold.
                asked = Asked(origin)
                assert asked.fields["x-sorry"] == "sorry yes" and asked.fields["x-outer"] == "1"
                assert asked.path == "/sorry/a/b" and asked.body == (body or b"")
                assert "x-first" not in got.fields and got.fields["x-seen"] == "listener"


def test_policies_on_answers_stand_in_their_order():
    """The innermost sees an answer first, so the listener has the last word; and without it the fallback."""
    with World() as world, Origin(answer(GOT)) as origin:
        with world.weir(config("none", "response_header none; response_header set X-By sorry;", origin)) as weir:
            got = ask_h1(weir)
            assert "x-seen" not in got.fields and got.fields["x-by"] == "sorry"


@every_client
def test_none_of_a_backend_is_its_own(ask):
    with World() as world, Origin(answer(GOT)) as origin:
        with world.weir(config("refused", "", origin, first="header none; response_header none;")) as weir:
            got = ask(weir)
            assert Asked(origin).fields["x-outer"] == "1" and got.fields["x-seen"] == "listener"
        with world.weir(config("refused", "header none; response_header none;", origin)) as weir:
            got = ask(weir)
            # The listener's policy has run for the first backend already.
            assert Asked(origin).fields["x-outer"] == "1" and "x-seen" not in got.fields


@pytest.mark.parametrize("protocol", SERVERS)
@pytest.mark.parametrize("gone", ["none", "refused"])
@every_client
def test_a_module_that_wants_the_whole_body(ask, gone, protocol):
    body = bytes(range(256)) * 200
    with World() as world, SERVERS[protocol]() as origin:
        with world.weir(config(gone, "example_sum 60000;", origin, protocol=protocol)) as weir:
            assert ask(weir, body).status == 200
            asked = Asked(origin)
            assert asked.fields["x-body-sum"] == str(sum(body)) and asked.body == body
            assert ask(weir, b"").status == 200
            assert Asked(origin).fields["x-body-sum"] == "0"
            assert ask(weir, b"x" * 60_001).status == 413


def test_a_body_of_unknown_length_and_a_client_that_waits_to_be_told():
    with World() as world, Origin(answer(GOT)) as origin:
        with world.weir(config("refused", "example_sum 1000;", origin)) as weir, Client(weir) as client:
            client.send("POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n")
            assert client.receive().status == 100
            client.send(chunked(b"ab", b"c", trailers=("X-End: 1",)))
            assert client.receive().status == 200
            asked = origin.requests[0]
            assert asked.get("x-body-sum") == str(sum(b"abc")) and asked.body == b"abc"
            assert asked.trailers == [("X-End", "1")]


@every_client
def test_a_body_that_was_read_for_the_first_backend_is_not_passed_unseen(ask):
    """There is no way to show it to the filter of the fallback in its place, so that is not used."""
    with World() as world, Origin(answer(GOT)) as origin:
        with world.weir(config("none", "example_sum 1000;", origin, first="example_sum 1000;")) as weir:
            assert ask(weir, b"sent").status == 503
            assert ask(weir).status == 200  # there is none
            assert len(origin.requests) == 1


@every_client
def test_a_module_that_waits(ask):
    with World() as world, Origin(answer(GOT)) as origin:
        for gone in GONE:
            with world.weir(config(gone, "example_ask gate /may;", origin)) as weir:
                before = len(world.gate.requests)
                for body in (None, b"sent"):
                    assert ask(weir, body).status == 200
                    assert Asked(origin).body == (body or b"")
                assert len(world.gate.requests) == before + 2
        before = len(origin.requests)
        with world.weir(config("none", "header set X-Key wrong; example_ask gate /may;", origin)) as weir:
            got = ask(weir)
            assert (got.status, got.body, got.fields["x-seen"]) == (403, b"refused\n", "listener")
        assert len(origin.requests) == before


@every_client
def test_what_its_filters_may_say(ask):
    said = {"respond": 418, "refuse": 503, "reroute": 500, "silent": 500, "hang": 500, "suspend timer continue": 200,
            "suspend timer reroute": 500, "suspend never": 504}
    with World() as world, Origin(answer(GOT)) as origin:
        for verdict, status in said.items():
            with world.weir(config("refused", f"trial request {verdict};", origin)) as weir:
                assert ask(weir).status == status, verdict
        assert len(origin.requests) == 1


def test_the_former_ones_hear_of_the_end():
    with World() as world, Origin(answer(GOT)) as origin:
        with world.weir(config("refused", "", origin, first="trial request continue; trial response abort;")) as weir:
            assert ask_h1(weir).status == 200
            assert '"notes":{"finished":"rerouted"}' in weir.access(1)[0]


def test_a_client_that_leaves_while_a_filter_of_the_fallback_waits():
    with World() as world, Origin(answer(GOT)) as origin:
        text = config("refused", "trial request suspend never;", origin).replace("timeout filter 500ms", "timeout filter none")
        with world.weir(text) as weir:
            for client in (Client(weir), H2Client(weir)):
                count = len([line for line in weir.log if "trial waits" in line])
                client.send(get("/")) if isinstance(client, Client) else client.request(request())
                weir.wait_log("trial waits", count + 1)
                client.close()
            lines = wait_until(lambda: len(weir.access(2)) >= 2 and weir.access(2), "both lines")
            assert all('"finished":"client_gone"' in line for line in lines)
        assert not origin.requests


def test_an_answer_is_given_up_only_for_a_server():
    with World() as world, Origin(answer(GOT)) as origin:
        text = config("status", SORRY, origin).replace(f"server s {origin.address}", "server s 127.0.0.1:{closed} weight 0")
        with world.weir(text) as weir:
            got = ask_h1(weir)
            assert (got.status, got.body) == (503, b"busy")


HELD = """access_log {dir}/access.log format json
listener web { bind 127.0.0.1:{port}
route path /sums forward summing
route path /asks forward asking
route path /dead forward dead
route path /queue { timeout queue 100ms; forward queueing } }
backend summing { server a 127.0.0.1:{closed} weight 0; fallback sums; example_sum 500 }
backend sums { server s {origin}; example_sum 1000 }
backend asking { server a 127.0.0.1:{closed}; fallback asked }
backend asked { server s {origin}; example_ask gate / }
backend dead { server a 127.0.0.1:{closed}; fallback deader }
backend deader { server b 127.0.0.1:{closed} weight 0; response_header set X-A 1 }
backend queueing { server a 127.0.0.1:{closed}; fallback queued }
backend queued { server q {slow} max_in_flight 1 }
backend gate { server g {gate} }
"""


def test_what_is_told_of_it_is_what_happens():
    """To `explain`, to the access log and to metrics: which backend, which server, and what failed there."""
    with Origin(answer("ok")) as origin, Origin(answer("", "403 Forbidden")) as gate, Origin(lambda *_: None) as slow:
        values = {"origin": origin.address, "gate": gate.address, "slow": slow.address}
        with Weir(ADMIN + HELD, ports=("port", "closed"), binary=BINARY, **values) as weir, AdminClient(weir) as admin:
            assert ask_h1(weir, b"hello", "/sums").status == 503 and not origin.requests
            said = admin.ask("explain request PUT /sums Content-Length=5")
            assert said.first == "ok refused no_server" and "the body, which has been read" in said.body
            assert admin.ask("explain request GET /sums").first == "ok route path /sums"
            assert ask_h1(weir, None, "/sums").status == 200
            assert ask_h1(weir, None, "/asks").status == 403
            assert ask_h1(weir, None, "/dead").status == 502
            lines = [json.loads(line) for line in weir.access(4)]
            names = ("backend", "server", "status", "failure", "attempts", "retry_reason")
            assert [tuple(line.get(name) for name in names) for line in lines] == [
                ("summing", "", 503, "no_server", 0, None), ("sums", "s", 200, "", 1, None),
                ("asked", "", 403, "", 1, "connect_refused"), ("dead", "a", 502, "connect_refused", 1, "connect_refused")]
            with Client(weir) as first:
                first.send(get("/queue"))
                slow.wait()
                assert ask_h1(weir, None, "/queue").status == 503
                last = json.loads(weir.access(5)[4])
                assert tuple(last.get(name) for name in names) == ("queued", "", 503, "queue_timeout", 1, "connect_refused")
                assert last["queue_ms"] >= 100
            metrics = admin.ask("metrics").body
            for name, of in (("attempts", "asking"), ("connect_errors", "asking"), ("attempts", "dead"), ("connect_errors", "dead")):
                assert f'weir_backend_{name}_total{{backend="{of}"}} 1\n' in metrics
            assert 'weir_backend_attempts_total{backend="asked"} 0\n' in metrics
            assert not any("is not used" in line for line in weir.log), "a filter asks that backend"


@every_client
def test_a_reload_that_changes_only_its_policy(ask):
    with World() as world, Origin(answer(GOT)) as origin:
        # The text stays as long as it is, and nothing else moves.
        before, after = (config("refused", f"header set X-Sorry {word};", origin) for word in ("one", "two"))
        with world.weir(before) as weir:
            assert ask(weir).status == 200 and Asked(origin).fields["x-sorry"] == "one"
            told = reload(weir, after.replace("{gate}", world.gate.address).replace("{busy}", world.busy.address))
            assert told.first == "ok generation 2, 2 changes", told.first
            assert ask(weir).status == 200 and Asked(origin).fields["x-sorry"] == "two"


def test_a_request_keeps_its_chain_over_a_reload():
    """One that waits in a filter while its backend is given another fallback goes to the former one, by the former policies."""
    hold = threading.Semaphore(0)

    def may(connection, asked):
        assert hold.acquire(timeout=DEADLINE)
        connection.send(answer("", "204 No Content"))

    with Origin(may) as gate, Origin(answer(GOT)) as origin, Origin(answer("other")) as other:
        text = config("refused", SORRY, origin, first="example_ask gate /may;")
        with Weir(text, ports=("port", "closed"), binary=BINARY, gate=gate.address) as weir:
            got = []
            thread = threading.Thread(target=lambda: got.append(ask_h1(weir)))
            thread.start()
            gate.wait(1)
            assert reload(weir, f"""{ADMIN}listener web {{ bind 127.0.0.1:{{port}}
route path /sorry forward sorry; route forward api }}
backend api {{ server a 127.0.0.1:{{closed}}; fallback other }}
backend sorry {{ server s {origin.address} }}
backend other {{ server o {other.address} }}
""").is_ok
            assert ask_h1(weir).body == b"other"
            hold.release()
            thread.join()
            assert got[0].body == GOT and Asked(origin).fields["x-sorry"] == "sorry"


def test_too_many_fallbacks(tmp_path):
    chain = "".join(f"backend b{i} {{ server s 127.0.0.1:1; fallback b{i + 1} }}\n" for i in range(16))
    file = tmp_path / "weir.conf"
    file.write_text(f"listener web {{ bind 127.0.0.1:1; route forward b0 }}\n{chain}backend b16 {{ server s 127.0.0.1:1 }}\n")
    told = subprocess.run([BINARY, "-t", "-c", file], capture_output=True, text=True)
    assert told.returncode != 0 and "backend \"b0\" has more than 15 fallbacks" in told.stderr
