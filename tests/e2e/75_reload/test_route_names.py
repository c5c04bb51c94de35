# SPDX-License-Identifier: Apache-2.0
"""Routes without a name are called by what they match, so that a comment moves no counter."""
import json

from admintest import AdminClient
from reloadtest import ADMIN, reload
from weirtest import Weir, ask, get

ROUTES = ["route path /a/* respond 200 a", "route not method GET path /b respond 200 b",
          "route header Authorization secret respond 200 c", "route header authorization other respond 200 d", "route respond 200 e"]
NAMES = ["path /a/*", "not method GET path /b", "header Authorization", "header Authorization #2", "any"]


def config(*routes):
    return ADMIN + "access_log {dir}/access.log format json\nlistener web { bind 127.0.0.1:{port}\n" + "\n".join(routes) + "\n}\n"


def requests(weir):
    with AdminClient(weir) as admin:
        return {row["route"]: row["requests"] for row in json.loads(admin.ask("@json show routes").body)}


def ask_each(weir):
    for request in (get("/a/x"), get("/b", method="PUT", body=b""), get("/", "h", "Authorization: secret"),
                    get("/", "h", "Authorization: other"), get("/")):
        assert ask(weir, request).status == 200


def test_counters_stay_when_lines_move():
    with Weir(config(*ROUTES)) as weir:
        ask_each(weir)
        assert requests(weir) == dict.fromkeys(NAMES, 1)
        assert reload(weir, config("# a comment", "", *ROUTES[:2], "# and another", *ROUTES[2:])).is_ok
        assert requests(weir) == dict.fromkeys(NAMES, 1)
        ask_each(weir)
        assert requests(weir) == dict.fromkeys(NAMES, 2)
        # A route before them moves none either.
        assert reload(weir, config("route path /new respond 200 new", *ROUTES)).is_ok
        assert requests(weir) == {"path /new": 0} | dict.fromkeys(NAMES, 2)


def test_names_are_the_same_everywhere():
    with Weir(config(*ROUTES)) as weir, AdminClient(weir) as admin:
        ask_each(weir)
        assert [json.loads(line)["route"] for line in weir.access(5)] == NAMES
        metrics = admin.ask("metrics").body
        for name in NAMES:
            assert f'weir_route_requests_total{{listener="web",route="{name}"}} 1' in metrics
        assert "route path /a/*" in admin.ask("explain request GET /a/b").first
        for reply in ("show routes", "metrics", "plan"):
            assert "secret" not in admin.ask(reply).body


def test_commands_take_names_and_places():
    with Weir(config(*ROUTES)) as weir, AdminClient(weir) as admin:
        rows = lambda words: json.loads(admin.ask(f"@json show routes {words}").body)
        assert [row["route"] for row in rows("web")] == NAMES
        assert [row["nth"] for row in rows("")] == [1, 2, 3, 4, 5]
        assert [row["route"] for row in rows('"web/header Authorization #2"')] == ["header Authorization #2"]
        assert [row["route"] for row in rows("web/#3")] == ["header Authorization"]
        for wrong in ("other", "web/none", "web/#6", "web/#0"):
            assert admin.reply_to(f"show routes {wrong}").code == "unknown"
