# SPDX-License-Identifier: Apache-2.0
"""The access log: its formats, its reasons, and that no line is lost."""
import json
import os
import re
import signal

from weirtest import Client, CutOff, Origin, Weir, answer, ask, forward_to, get, post, reserve_port, wait_until


def test_json():
    with Origin(answer("hello")) as origin, Weir(forward_to(origin)) as weir:
        ask(weir, post("/p?q=1", b"body", "User-Agent: test \"1\"\t", "Referer: http://r/"))
        line = json.loads(weir.access()[0])
        wanted = {"client": "127.0.0.1", "listener": "web", "backend": "origin", "server": "s1", "method": "POST",
                  "host": "test", "path": "/p", "query": "q=1", "protocol": "HTTP/1.1", "status": 200,
                  "failure": "", "attempts": 1, "user_agent": 'test "1"', "referer": "http://r/"}
        assert {k: line[k] for k in wanted} == wanted
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
        assert line["bytes_in"] >= 4 and line["bytes_out"] > 5
        for phase in ("queue_ms", "connect_ms", "first_byte_ms", "total_ms"):
            assert line[phase] >= 0
        assert len(line["request_id"]) == 32


def test_combined():
    with Origin(answer("hello")) as origin:
        with Weir(forward_to(origin).replace("json", "combined")) as weir:
            ask(weir, get("/p?q=1", "a", 'User-Agent: evil " \x1b'.replace("\x1b", "x"), "Referer: http://r/"))
            line = weir.access()[0]
            pattern = r'127\.0\.0\.1 - - \[[^\]]+\] "GET /p\?q=1 HTTP/1\.1" 200 \d+ "http://r/" "evil .*x"'
            assert re.fullmatch(pattern, line), line


def test_a_named_format():
    text = forward_to("{origin}").replace("format json", "format brief")
    text = 'log_format brief "$method $host$path $status $backend/$server [$header_x_a] $reason|"\n' + text
    with Origin() as origin, reserve_port() as dead:
        with Weir(text, origin=origin.address) as weir:
            ask(weir, get("/x", "h", "X-A: 1"))
            assert weir.access() == ["GET h/x 200 origin/s1 [1] -|"]
        with Weir(text, origin=f"127.0.0.1:{dead.getsockname()[1]}") as weir:
            ask(weir, get("/x", "h"))
            assert weir.access() == ["GET h/x 502 origin/s1 [-] connect_refused|"]


def test_what_clients_send_cannot_forge_lines():
    with Origin() as origin, Weir(forward_to(origin)) as weir:
        ask(weir, get("/%0a{}", "a", "User-Agent: \xff\xfe{\"status\":1}"))
        lines = weir.access()
        assert len(lines) == 1 and json.loads(lines[0])


def test_every_end_has_a_reason():
    half = CutOff(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
    with Origin(b"garbage\r\n\r\n", half) as origin, Weir(forward_to(origin)) as weir:
        assert ask(weir).status == 502
        with Client(weir) as client:
            half.ask(client)
            assert client.read_exact(4) == b"half"
            assert client.is_closed()
        with Client(weir) as client:
            assert client.ask(b"BAD\r\n\r\n").status == 400
        failures = [json.loads(line)["failure"] for line in weir.access(3)]
        assert failures == ["response_syntax", "response_truncated", "request_syntax"]


def test_opened_again_after_a_rename():
    with Origin() as origin, Weir(forward_to(origin)) as weir:
        ask(weir, get("/before"))
        assert "/before" in weir.access()[0]
        os.rename(weir.dir / "access.log", weir.dir / "access.log.1")
        weir.send_signal(signal.SIGUSR1)
        weir.wait_log("opened again")
        wait_until((weir.dir / "access.log").exists, "a new file")
        old = len((weir.dir / "access.log.1").read_text().splitlines())

        def lands():
            ask(weir, get("/after"))
            return "/after" in (weir.dir / "access.log").read_text()

        wait_until(lands, "lines in the new file")
        assert old == 1


def test_a_killed_writer_loses_nothing():
    with Origin() as origin, Weir(forward_to(origin)) as weir, Client(weir) as client:
        count = 300
        for number in range(count):
            assert client.ask(get(f"/{number}")).status == 200
            if number in (100, 200):
                writer = wait_until(lambda: weir.pids("writer"), "a writer")[0]  # its successor may not be there yet
                os.kill(writer, signal.SIGKILL)
        def paths():
            whole = [line for line in weir.access(0) if line.endswith("}")]  # the last one may be half there
            return [json.loads(line)["path"] for line in whole]

        wait_until(lambda: set(paths()) == {f"/{n}" for n in range(count)}, "every line")
        assert len(paths()) <= count + 2, "only what was being written at a kill may be there twice"


def test_a_killed_worker_leaves_its_lines():
    with Origin() as origin, Weir(forward_to(origin)) as weir:
        with Client(weir) as client:
            for number in range(50):
                client.ask(get(f"/{number}"))
            os.kill(weir.pids()[0], signal.SIGKILL)
        assert len(weir.access(49)) >= 49  # the last one may have died between answer and line


def test_off():
    with Weir("access_log off\nlistener web { bind 127.0.0.1:{port}; route respond 200 }") as weir:
        assert ask(weir).status == 200
        assert sorted(p.name for p in weir.dir.iterdir()) == ["weir.conf"]
