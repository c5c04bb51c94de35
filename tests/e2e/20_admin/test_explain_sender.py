# SPDX-License-Identifier: Apache-2.0
"""explain request says whom a worker would take a request to be from, with the line that says so."""
from admintest import SOCKETS, AdminClient
from weirtest import Weir

TEXT = SOCKETS + """
trusted_proxies 10.0.0.0/8 { fields x-forwarded-for x-forwarded-proto x-forwarded-host }
trusted_proxies unix:
listener web {
    bind 127.0.0.1:{port}
    route inner client 192.0.2.0/24 respond 200
    route secure header X-Forwarded-Proto https respond 200
    route rest respond 404
}
"""


def rows(admin, words):
    return {row["step"]: row for row in admin.json(f"explain request {words}")}


def first(admin, words):
    return admin.ask(f"explain request {words}").first


def test_the_client_that_a_trusted_proxy_names():
    with Weir(TEXT) as weir, AdminClient(weir) as admin:
        asked = 'GET http://in.test/ client=10.1.1.1 "X-Forwarded-For=1.1.1.1, 192.0.2.7" X-Forwarded-Host=Out.Test'
        assert first(admin, asked) == "ok route inner"
        client = rows(admin, asked)["client"]
        assert client["what"] == "192.0.2.7"
        assert client["outcome"] == "trusted as 10.0.0.0/8; it names the client in X-Forwarded-For; scheme http, host out.test"
        line = next(i for i, text in enumerate(weir.config.read_text().splitlines(), 1) if "10.0.0.0/8" in text)
        assert client["place"].endswith(f"weir.conf:{line}")
        client = rows(admin, "GET / client=10.1.1.1")["client"]
        assert "it names no client" in client["outcome"] and client["what"] == "10.1.1.1"


def test_a_strangers_fields_mean_nothing():
    with Weir(TEXT) as weir, AdminClient(weir) as admin:
        asked = "GET / client=203.0.113.9 X-Forwarded-For=192.0.2.7 X-Forwarded-Proto=https"
        assert first(admin, asked) == "ok route rest"
        assert "client" not in rows(admin, asked)


def test_routes_see_what_weir_sets():
    with Weir(TEXT) as weir, AdminClient(weir) as admin:
        assert first(admin, "GET https://in.test/ client=203.0.113.9") == "ok route secure"
        assert first(admin, "GET / client=unix: X-Forwarded-Proto=https") == "ok route secure"
        assert first(admin, "GET / client=unix: X-Forwarded-For=192.0.2.7") == "ok route inner"
        assert rows(admin, "GET / client=unix:")["client"]["outcome"].startswith("trusted as unix:; it names no client")
        assert admin.reply_to("explain request GET / client=unix").code == "usage"
