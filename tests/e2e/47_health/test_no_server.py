# SPDX-License-Identifier: Apache-2.0
"""Backends without a server that can be used: fallbacks, panic, and what clients are told."""
import contextlib
import json

from healthtest import ADMIN, Checked, bodies, checked, order, servers, wait_use
from weirtest import Origin, Weir, answer, ask, forward_to, reserve_port, wait_until

CHECK = "check http /healthz {\ninterval 20ms\nrise 1\nfall 1\n}"


def backend(name, origin, *more):
    lines = "\n".join(more)
    return f"backend {name} {{\nserver {name} {origin.address}\n{CHECK}\n{lines}\n}}\n"


def log_of(weir, count):
    return [json.loads(line) for line in weir.access(count)]


def test_none_is_left():
    with Checked() as origin, Weir(checked(origin, check=CHECK)) as weir:
        origin.sick.set()
        wait_use(weir, "s1", "down")
        response = ask(weir)
        assert response.status == 503 and "error=destination_unavailable" in response.get("Proxy-Status")
        line = log_of(weir, 1)[0]
        assert (line["failure"], line["reason"], line["server"]) == ("no_server", "No server is available.", "")


def test_a_chain_of_fallbacks():
    with Checked("first") as a, Checked("second") as b, Checked("third") as c:
        rest = backend("second", b, "fallback third") + backend("third", c)
        with Weir(checked(a, check=CHECK, backend="fallback second") + rest, workers=2) as weir:
            for name in ("s1", "second", "third"):
                wait_use(weir, name, "up")
            assert bodies(weir, 6) == ["first"] * 6
            a.sick.set()
            wait_use(weir, "s1", "down")
            assert bodies(weir, 6) == ["second"] * 6
            b.sick.set()
            wait_use(weir, "second", "down")
            assert bodies(weir, 6) == ["third"] * 6
            c.sick.set()
            wait_use(weir, "third", "down")
            assert ask(weir).status == 503
            a.sick.clear()
            wait_use(weir, "s1", "up")
            assert bodies(weir, 6) == ["first"] * 6
            assert [line["backend"] for line in log_of(weir, 25)] == (
                ["origin"] * 6 + ["second"] * 6 + ["third"] * 7 + ["origin"] * 6
            )


def test_a_fallback_for_drained_and_empty_backends():
    with Origin(answer("first")) as a, Origin(answer("second")) as b:
        rest = f"backend empty {{\nfallback second\n}}\nbackend second {{\nserver second {b.address}\n}}\n"
        text = forward_to(a, backend="fallback empty", top=ADMIN) + rest
        with Weir(text, workers=2) as weir:
            assert bodies(weir, 4) == ["first"] * 4
            order(weir, "server set origin/s1 state drain force")
            assert bodies(weir, 4) == ["second"] * 4


def test_servers_that_refuse_connections_have_a_fallback_too():
    with reserve_port() as dead, Origin(answer("second")) as b:
        rest = f"backend second {{\nserver second {b.address}\n}}\n"
        with Weir(forward_to("127.0.0.1:%d" % dead.getsockname()[1], backend="fallback second") + rest) as weir:
            assert bodies(weir, 4) == ["second"] * 4


# ---- Panic ---------------------------------------------------------------------------------------


@contextlib.contextmanager
def four(panic, more="", **options):
    with contextlib.ExitStack() as stack:
        origins = [stack.enter_context(Checked(f"s{n}")) for n in range(1, 5)]
        text = checked(*origins, check=CHECK, backend=f"balance round_robin\npanic {panic}\n{more}", **options)
        weir = stack.enter_context(Weir(text, workers=2))
        for n in range(1, 5):
            wait_use(weir, f"s{n}", "up")
        yield weir, origins


def sicken(weir, *origins):
    for origin in origins:
        origin.sick.set()
        wait_use(weir, origin.name, "down")


def test_below_the_panic_share_all_servers_are_used():
    with four("50%") as (weir, origins):
        sicken(weir, *origins[:2])
        assert set(bodies(weir, 16)) == {"s3", "s4"}  # half of them is enough
        sicken(weir, origins[2])
        wait_until(lambda: set(bodies(weir, 16)) == {"s1", "s2", "s3", "s4"}, "panic")
        origins[0].sick.clear()
        wait_use(weir, "s1", "up")
        assert set(bodies(weir, 16)) == {"s1", "s4"}


def test_panic_spares_who_was_taken_out_by_hand():
    with four("60%") as (weir, origins):
        order(weir, "server set origin/s1 state drain")
        order(weir, "server set origin/s2 state down")
        assert set(bodies(weir, 16)) == {"s3", "s4"}
        sicken(weir, origins[2])
        assert set(bodies(weir, 16)) == {"s3", "s4"}
        sicken(weir, origins[3])
        assert set(bodies(weir, 16)) == {"s3", "s4"}


def test_no_panic_without_a_share():
    with four("none") as (weir, origins):
        sicken(weir, *origins)
        assert ask(weir).status == 503


def test_who_was_ejected_comes_back_in_a_panic():
    """Panic sends requests to half-open servers as well; one of them must be the trial."""
    bad = answer("bad", "503 Service Unavailable")
    with Origin(bad, bad, bad, answer("a")) as a, Origin(answer("b")) as b:
        outlier = "outlier {\neject 50ms\nmax_ejected 50%\n}\npanic 60%\nbalance round_robin"
        with Weir(forward_to(a, b, backend=outlier, top=ADMIN), workers=2) as weir:
            wait_until(lambda: ask(weir) and len(a.requests) == 3, "three bad answers")
            weir.wait_log("s1 is down")
            is_back = lambda: ask(weir).status == 200 and servers(weir)["s1"]["use"] == "up"
            wait_until(is_back, "s1 to come back", seconds=5)
