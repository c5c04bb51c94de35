# SPDX-License-Identifier: Apache-2.0
"""The command line: -t, -T, help, --version, mistakes; and the examples."""
import pathlib
import re

import pytest
from tlstest import example_files
from weirtest import ROOT, Weir, ask, get, run_weir

GOOD = "listener web {\n    bind 127.0.0.1:8080\n    route forward origin\n}\nbackend origin { server s1 127.0.0.1:9000 }\n"
EXAMPLES = sorted((ROOT / "conf" / "examples").glob("*.conf"))


def check(tmp_path, text, option="-t"):
    path = tmp_path / "weir.conf"
    path.write_text(text)
    return run_weir(option, "-c", path)


def test_a_good_file(tmp_path):
    done = check(tmp_path, GOOD)
    assert done.returncode == 0, done.stderr


def test_all_mistakes_at_once_with_place_and_hint(tmp_path):
    text = GOOD.replace("}\nbackend", "    timeout heder 10s\n}\nbackend") + "backend b {\n    balance leastconn\n}\nworkrs 4\n"
    done = check(tmp_path, text)
    assert done.returncode == 1
    assert re.search(r'weir\.conf:\d+:\d+: error: .*"?leastconn"?', done.stderr), done.stderr
    assert 'did you mean "workers"' in done.stderr
    assert done.stderr.count(" error: ") >= 3
    lines = done.stderr.splitlines()
    caret = next(i for i, line in enumerate(lines) if line.strip().strip("~") == "^" or re.fullmatch(r"[\s|]*\^~*", line))
    assert lines[caret - 1].strip()


@pytest.mark.parametrize("text", ["listener web { bind 127.0.0.1:8080; route forward nowhere }", "timeout idle 5", "}", "listener {",
                                  "workers 1\nworkers 2", "include \"missing.conf\"", "max_connections 0", "error_log \"${NO_SUCH_NAME}\""])
def test_mistakes(tmp_path, text):
    done = check(tmp_path, text)
    assert done.returncode == 1
    assert re.search(r"weir\.conf:\d+:\d+: error: ", done.stderr), done.stderr


@pytest.mark.parametrize("words, text", [(["directive", "verify"], "tls of a backend"), (["pin"], "tls of a backend"),
                                         (["directive", "timeout"], "first_byte"), (["path_regex"], "a matcher of route"),
                                         (["$client_addr"], "a variable")])
def test_help_explains_words(words, text):
    done = run_weir("help", *words)
    assert done.returncode == 0 and text in done.stdout and not done.stderr


@pytest.mark.parametrize("word, text", [("proxy_pass", "forward BACKEND"), ("ballance", 'did you mean "balance"')])
def test_help_has_hints_at_other_words(word, text):
    done = run_weir("help", "directive", word)
    assert done.returncode == 1 and text in done.stderr and not done.stdout


LISTS = {"access-log": "tls_resumed", "commands": "explain request", "directives": "max_in_flight", "failures": "response_truncated",
         "foreign": "proxy_pass", "metrics": "weir_backend_queue_length"}


@pytest.mark.parametrize("name, word", LISTS.items())
def test_each_list_of_the_program_has_its_place_in_a_manual(name, word):
    done = run_weir("help", name, "--mdoc")
    assert done.returncode == 0 and word in done.stdout and done.stdout.rstrip().endswith(".El")
    assert sum(f'.\\" @{name}@' in page.read_text().splitlines() for page in (ROOT / "man").glob("*.in")) == 1


def test_bad_regular_expressions_are_told_with_all_the_rest(tmp_path):
    text = """listener web {
    bind 127.0.0.1:8080
    rewrite path "(" x
    route path_regex "(" respond 200
    route path /x respnd 200
}
backend b {
    server s 127.0.0.1:1
    check http GET / { body regex "(" }
}
"""
    done = check(tmp_path, text)
    assert done.returncode == 1
    for place in ("3:5", "4:22", "9:35"):
        assert f"weir.conf:{place}: error: regular expression, at offset 1: missing closing parenthesis\n" in done.stderr, done.stderr
    assert "weir.conf:5:19: error: unknown matcher or action" in done.stderr


@pytest.mark.parametrize("line, hint", [('header set X-A "a $clint_addr"', 'did you mean "$client_addr"?'),
                                        ('route path "/$host" respond 200 "a $hst"', 'did you mean "$host"?'),
                                        ("route respond 200 $heder_host", 'did you mean "$header_host"?'),
                                        ("route respond 200 $header_", "write $header_NAME"),
                                        ("route respond 200 $zzzz", '"weir help variables" lists all')])
def test_the_caret_is_at_an_unknown_variable(tmp_path, line, hint):
    text = f"listener web {{\n  bind 127.0.0.1:8080\n  {line}\n  route path /other respond 200\n}}\n"
    done = check(tmp_path, text)
    lines = done.stderr.splitlines()
    variable = re.search(r'unknown variable "(\$\w+)"', lines[0])[1]
    assert lines[1].rindex(variable) == lines[2].index("^") == int(lines[0].split(":")[2]) - 1, done.stderr
    assert lines[3] == f"hint: {hint}"


def test_messages_without_a_line_have_no_caret(tmp_path):
    done = check(tmp_path, GOOD + f"error_log {tmp_path}/none/error.log\n")
    assert done.returncode == 1 and "mkdir -p" in done.stderr
    assert "^" not in done.stderr and "" not in done.stderr.splitlines(), done.stderr


@pytest.mark.parametrize("words, text", [("timeout idle", "timeout idle TIME | none"), ("matcher path", "path VALUE"),
                                         ("variable $header_host", "$header_NAME"), ("$header_host", "$header_NAME"),
                                         ("directive bind", "bind "), ("variables", "$query_NAME"), ("matchers", "client_cert NAME VALUE"),
                                         ("timeouts", "first_byte"), ("directives", "listener")])
def test_help_about_each_kind_of_word(words, text):
    done = run_weir("help", *words.split())
    assert done.returncode == 0 and text in done.stdout and not done.stderr


@pytest.mark.parametrize("words, text", [("timeout idel", 'unknown timeout "idel"; did you mean "idle"?'),
                                         ("matcher zzzz", "see weir help matchers"), ("variable hst", 'did you mean "host"?')])
def test_help_about_what_is_none_of_its_kind(words, text):
    done = run_weir("help", *words.split())
    assert done.returncode == 1 and text in done.stderr and not done.stdout


def test_warnings_do_not_stop_it(tmp_path):
    text = GOOD + "backend unused { server s1 127.0.0.1:9001 }\n"
    done = check(tmp_path, text)
    assert done.returncode == 0
    assert "warning" in done.stderr and "unused" in done.stderr


def test_what_is_printed_loads_again(tmp_path):
    first = check(tmp_path, GOOD, "-T")
    assert first.returncode == 0, first.stderr
    assert re.search(r"weir\.conf:\d+", first.stdout)
    again = tmp_path / "again"
    again.mkdir()
    assert check(again, first.stdout).returncode == 0
    plain = lambda text: [line.split("#")[0].rstrip() for line in text.splitlines() if line.split("#")[0].strip()]
    assert plain(check(again, first.stdout, "-T").stdout) == plain(first.stdout)


def test_a_file_that_is_not_there(tmp_path):
    done = run_weir("-t", "-c", "none.conf", cwd=tmp_path)
    assert done.returncode == 1 and "none.conf" in done.stderr


def test_it_does_not_start_with_a_mistake(tmp_path):
    (tmp_path / "weir.conf").write_text("nonsense\n")
    done = run_weir("-c", tmp_path / "weir.conf")
    assert done.returncode == 1 and "nonsense" in done.stderr


def test_words_of_the_command_line():
    told = r"weir \d+\.\d+\.\d+\S*\nTLS: OpenSSL 3\.\d+\.\d+ .*(, AES-GCM of records by libipsec-mb)?\n"
    assert re.fullmatch(told, run_weir("--version").stdout)
    done = run_weir("help", "directive", "timeout")
    assert done.returncode == 0 and "first_byte" in done.stdout
    assert "balance" in run_weir("help", "directives").stdout
    for wrong in (["--no-such-option"], ["-x"], ["surplus"], ["-c"]):
        done = run_weir(*wrong)
        assert done.returncode == 2 and "usage: weir" in done.stderr, wrong


def test_a_port_in_use():
    text = "listener web { bind 127.0.0.1:{port}; route respond 200 }"
    import socket

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        weir = Weir(text, ports=(), start=False, port=other.getsockname()[1])
        done = run_weir("-c", weir.config)
        assert done.returncode == 1 and "in use" in done.stderr
        weir.__exit__(None)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.name)
def test_examples_load(path):
    with example_files():
        done = run_weir("-t", "-c", path)
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stderr


def test_the_quick_start_runs():
    text = (ROOT / "conf" / "examples" / "quickstart.conf").read_text()
    ports = sorted(set(re.findall(r"(?:127\.0\.0\.1|0\.0\.0\.0|\[::\]|\[::1\]):(\d+)", text)))
    assert "8080" in ports
    for port in ports:
        text = text.replace(f":{port}", f":{{p{port}}}")
    with Weir(text, ports=[f"p{port}" for port in ports]) as weir:
        assert ask(weir, get("/"), port="p8080").status == 200


def test_every_example_has_a_purpose():
    assert EXAMPLES
    for path in EXAMPLES:
        assert pathlib.Path(path).read_text().startswith("#"), path
