# SPDX-License-Identifier: Apache-2.0
"""weirctl against a scripted daemon: statuses, quoting, pipelining, files, transactions, and a daemon that fails."""
import array
import contextlib
import os
import pathlib
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import pytest
from weirtest import DEADLINE, WEIRCTL, wait_until

OK = "ok\n.\n"


class Daemon:
    """Answers each line with answer(line): text, or None to close. Keeps the lines and the files that came."""

    def __init__(self, answer=lambda line: OK, limit=None):
        self.answer, self.limit = answer, limit
        self.lines, self.files, self.ended = [], [], threading.Event()
        self.directory = tempfile.mkdtemp(prefix="weirctl-")
        self.path = os.path.join(self.directory, "s")
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(self.path)
        self.socket.listen(8)
        self.connections = []
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for sock in [self.socket, *self.connections]:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        for fd in (fd for _, fd in self.files):
            os.close(fd)
        shutil.rmtree(self.directory)

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self.socket.accept()
                self.connections.append(sock)
                self.serve(sock)

    def serve(self, sock):
        rest = b""
        with contextlib.suppress(OSError):
            while True:
                got, control, _, _ = sock.recvmsg(65536, socket.CMSG_SPACE(16))
                fds = [fd for _, _, body in control for fd in array.array("i", body)]
                *lines, rest = (rest + got).split(b"\n")
                self.files += [(lines[0].decode(), fd) for fd in fds]
                replies = [self.reply(line.decode()) for line in lines]
                sock.sendall("".join(r for r in replies if r is not None).encode())
                if not got or None in replies:
                    break
        sock.close()
        self.ended.set()

    def reply(self, line):
        self.lines.append(line)
        return self.answer(line)

    def run(self, *words, stdin="", **options):
        return run("-s", self.path, *words, stdin=stdin, **options)


def run(*words, stdin="", **options):
    return subprocess.run([WEIRCTL, *words], input=stdin, capture_output=True, text=True, timeout=DEADLINE, **options)


@contextlib.contextmanager
def started(*words, **pipes):
    process = subprocess.Popen([WEIRCTL, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, **pipes)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


# ---- Answers and statuses ------------------------------------------------------------------------


def test_a_body_is_printed():
    with Daemon(lambda _: "ok\nNAME  STATE\ns1    up\n.\n") as daemon:
        done = daemon.run("show", "servers", "api")
        assert (done.returncode, done.stdout, done.stderr) == (0, "NAME  STATE\ns1    up\n", "")
        assert daemon.lines == ["show servers api"]


def test_what_ok_says_is_the_first_line_but_not_of_json():
    with Daemon(lambda _: "ok revision 18 pending worker 3\n{}\n.\n") as daemon:
        assert daemon.run("undrain").stdout == "revision 18 pending worker 3\n{}\n"
        assert daemon.run("-j", "undrain").stdout == "{}\n"
        assert daemon.lines == ["undrain", "@json undrain"]


def test_doubled_dots_are_undone():
    with Daemon(lambda _: "ok\n..\n...a\nb.\n\n.\n") as daemon:
        assert daemon.run("show", "config").stdout == ".\n..a\nb.\n\n"


STATUSES = {"refused": 1, "forbidden": 1, "limit": 1, "busy": 1, "usage": 2, "unknown": 2, "conflict": 4, "timeout": 5}


@pytest.mark.parametrize("code, status", STATUSES.items())
def test_exit_statuses(code, status):
    with Daemon(lambda _: f"error {code} it is not to be\nwhat changed\n.\n") as daemon:
        done = daemon.run("server", "set", "api/s1", "weight", "0")
        assert done.returncode == status
        assert done.stderr == f"weirctl: {code}: it is not to be\n"
        assert done.stdout == "what changed\n"


@pytest.mark.parametrize("words", [["-x"], ["-t", "0", "status"], ["-t", "1s", "status"], ["completion", "fish"], ["-s"]])
def test_wrong_usage(words):
    done = run(*words)
    assert done.returncode == 2 and "usage: weirctl" in done.stderr and not done.stdout


def test_version_and_help_need_no_daemon():
    assert run("--version").stdout.startswith("weirctl ")
    assert run("--help").stdout.startswith("usage: weirctl")


def test_help_needs_no_daemon(tmp_path):
    nobody = ["-s", str(tmp_path / "nobody")]
    done = run(*nobody, "help")
    assert done.returncode == 0 and not done.stderr
    assert "server add " in done.stdout and "show routes " in done.stdout
    assert run(*nobody, "help", "server", "set").stdout.startswith("server set BACKEND/NAME weight")
    assert run(*nobody, "help", "--words").stdout.splitlines().count("show servers") == 1
    done = run(*nobody, "help", "statsu")
    assert done.returncode == 2 and 'did you mean "status"' in done.stderr
    assert run(*nobody, "status").returncode == 3


def test_the_socket_may_come_from_the_environment():
    with Daemon() as daemon:
        assert run("status", env={"WEIR_SOCKET": daemon.path}).returncode == 0
        assert daemon.lines == ["status"]


# ---- Words ---------------------------------------------------------------------------------------

WORDS = {
    "plain": "plain", "api/s1": "api/s1", "[::1]:80": "[::1]:80", "ä": "ä", "": '""', "two words": '"two words"',
    "a\tb": '"a\tb"', 'say "x"': r'"say \"x\""', "it's": '"it\'s"', "back\\slash": r'"back\\slash"',
    "one\nshutdown": r'"one\nshutdown"', "-1": "-1", "\r": '"\r"',
}  # fmt: skip


@pytest.mark.parametrize("word, sent", WORDS.items())
def test_a_word_stays_one_word(word, sent):
    with Daemon() as daemon:
        assert daemon.run("log", "level", word).returncode == 0
        assert daemon.lines == [f"log level {sent}"]


# ---- Commands from stdin -------------------------------------------------------------------------


def test_many_commands_through_one_connection():
    with Daemon(lambda line: f"ok {line}\nbody\n.\n") as daemon:
        lines = [f'server set api/s{i} weight "{i}"' for i in range(5000)]
        begin = time.monotonic()
        done = daemon.run(stdin="# weights\n\n" + "\n".join(lines))
        assert time.monotonic() - begin < DEADLINE
        assert done.returncode == 0, done.stderr
        assert done.stdout == "".join(f"{line}\nbody\n" for line in lines)
        assert daemon.lines == lines and len(daemon.connections) == 1


def test_answers_longer_than_what_pipes_hold():
    body = "x" * 1000 + "\n"
    with Daemon(lambda _: "ok\n" + body * 500 + ".\n") as daemon:
        assert daemon.run(stdin="show sessions\n" * 20).stdout == body * 10000


def test_the_first_failure_decides_and_the_rest_is_done():
    answers = {"b": "error conflict no\n.\n", "c": "error refused no\n.\n"}
    with Daemon(lambda line: answers.get(line, OK)) as daemon:
        done = daemon.run(stdin="a\nb\n# c\nc\nd\n")
        assert daemon.lines == ["a", "b", "c", "d"]
        assert done.returncode == 4
        assert done.stderr == "weirctl: line 2: conflict: no\nweirctl: line 4: refused: no\n"


def test_an_answer_does_not_wait_for_the_end_of_stdin():
    with Daemon(lambda line: f"ok {line}\n.\n") as daemon:
        process = subprocess.Popen([WEIRCTL, "-s", daemon.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for line in b"status\n", b"sync\n":
            process.stdin.write(line)
            process.stdin.flush()
            assert process.stdout.readline() == line
        process.communicate(timeout=DEADLINE)
        assert process.returncode == 0


def test_json_for_each_line_once():
    with Daemon() as daemon:
        assert daemon.run("-j", stdin="status\n@json sync\n").returncode == 0
        assert daemon.lines == ["@json status", "@json sync"]


# ---- Files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["reload", "plan"])
def test_a_file_is_opened_by_the_caller(command, tmp_path):
    file = tmp_path / "new weir.conf"
    file.write_text("workers 2\n")
    with Daemon() as daemon:
        assert daemon.run(command, str(file)).returncode == 0
        (line, fd), = daemon.files
        assert line == f'{command} "{file}"'
        assert os.read(fd, 100) == b"workers 2\n"
        with pytest.raises(OSError):
            os.write(fd, b"x")


@pytest.mark.parametrize("words", [["reload"], ["reload", "confirm", "60s"], ["plan"], ["show", "plan", "file"]])
def test_no_file_is_opened_without_need(words):
    with Daemon() as daemon:
        assert daemon.run(*words).returncode == 0
        assert (daemon.lines, daemon.files) == ([" ".join(words)], [])


def test_a_file_that_is_not_there_is_not_asked_for(tmp_path):
    with Daemon() as daemon:
        done = daemon.run("plan", str(tmp_path / "missing"))
        assert done.returncode == 1 and "missing: No such file" in done.stderr
        assert daemon.lines == []


def test_files_among_lines_keep_their_line(tmp_path):
    files = [tmp_path / str(n) for n in range(3)]
    for file in files:
        file.write_text(file.name)
    with Daemon() as daemon:
        done = daemon.run(stdin="status\n" * 50 + "".join(f"status\nplan {f}\nsync\n" for f in files) + "plan none\n")
        assert done.returncode == 1 and done.stderr.startswith("weirctl: line 60: none: ")
        assert len(daemon.lines) == 59
        assert [(line, os.read(fd, 9)) for line, fd in daemon.files] == [(f"plan {f}", f.name.encode()) for f in files]


# ---- Transactions --------------------------------------------------------------------------------

CHANGES = "# two changes\nserver set api/s1 weight 3\n\nserver set api/s2 weight 4\n"
CHANGED = ["server set api/s1 weight 3", "server set api/s2 weight 4"]


def test_a_transaction_is_a_frame_around_stdin():
    with Daemon(lambda line: f"ok {line.split()[0]}\n.\n") as daemon:
        done = daemon.run("transaction", "op-id", "my op", "scope", "backend/api", stdin=CHANGES)
        assert done.returncode == 0
        assert done.stdout == "transaction\nserver\nserver\ncommit\n"
        assert daemon.lines == ['transaction op-id "my op" scope backend/api', *CHANGED, "commit"]
        assert len(daemon.connections) == 1


@pytest.mark.parametrize("failing, sent", [("transaction", 1), (CHANGED[0], 2), (CHANGED[1], 3), ("commit", 4)])
def test_the_first_error_aborts(failing, sent):
    answers = {failing: "error conflict generation is 9\n.\n", "abort": "error usage no transaction\n.\n"}
    with Daemon(lambda line: answers.get(line, OK)) as daemon:
        done = daemon.run("transaction", stdin=CHANGES)
        assert done.returncode == 4
        assert done.stderr.count("weirctl:") == 1 and done.stderr.endswith("conflict: generation is 9\n")
        assert daemon.lines == ["transaction", *CHANGED, "commit"][:sent] + ["abort"]


def test_a_commit_of_its_own_ends_it():
    with Daemon() as daemon:
        assert daemon.run("transaction", stdin="sync\ncommit confirm 60s\nnever\n").returncode == 0
        assert daemon.lines == ["transaction", "sync", "commit confirm 60s"]


def test_json_in_a_transaction():
    with Daemon(lambda line: "ok text\n{}\n.\n") as daemon:
        assert daemon.run("-j", "transaction", stdin="sync\n@json commit\n").stdout == "{}\n{}\n{}\n"
        assert daemon.lines == ["@json transaction", "@json sync", "@json commit"]


def test_stdin_that_cannot_be_read_is_not_committed(tmp_path):
    with Daemon() as daemon:
        directory = os.open(tmp_path, os.O_RDONLY)
        command = [WEIRCTL, "-s", daemon.path, "transaction"]
        done = subprocess.run(command, stdin=directory, stderr=subprocess.PIPE, timeout=DEADLINE)
        os.close(directory)
        assert done.returncode == 1 and b"stdin: Is a directory" in done.stderr
        assert daemon.lines == ["transaction", "abort"]


def test_a_transaction_whose_daemon_dies():
    with Daemon(lambda line: None if line == CHANGED[1] else OK) as daemon:
        done = daemon.run("transaction", stdin=CHANGES)
        assert done.returncode == 3 and "line 4: the daemon closed the connection" in done.stderr
        assert daemon.lines == ["transaction", *CHANGED]


# ---- A daemon that fails -------------------------------------------------------------------------


def test_no_daemon(tmp_path):
    done = run("-s", str(tmp_path / "none"), "status")
    assert done.returncode == 3 and "none: No such file" in done.stderr
    assert run("-s", "x" * 200, "status").returncode == 3
    assert run("status", env={"WEIR_SOCKET": str(tmp_path)}).returncode == 3


@pytest.mark.parametrize("answer", [None, "ok\nhalf a bo", "", "ok"])
def test_a_daemon_that_dies_half_way(answer):
    texts = iter([answer, None])
    with Daemon(lambda _: next(texts)) as daemon:
        done = daemon.run(stdin="status\nsync\n")
        assert done.returncode == 3 and "line 1: the daemon closed the connection" in done.stderr
        assert done.stdout == ""


def test_what_a_daemon_says_before_it_hangs_up_is_read():
    class Curt(Daemon):
        def serve(self, sock):
            sock.recv(1)
            sock.sendall(b"error limit too much\n.\n")
            sock.close()

    with Curt() as daemon:
        done = daemon.run(stdin="status\n" * 100000)
        assert done.returncode == 1 and "line 1: limit: too much" in done.stderr


def test_something_else_answers():
    with Daemon(lambda _: "HTTP/1.1 400 Bad Request\n") as daemon:
        done = daemon.run("status")
        assert done.returncode == 3 and "not weir" in done.stderr and "HTTP/1.1" in done.stderr


@pytest.mark.parametrize("answer", ["", "ok\nsome\n", "o"])
def test_a_daemon_that_stops_answering(answer):
    with Daemon(lambda _: answer) as daemon:
        done = daemon.run("-t", "0.2", "status")
        assert done.returncode == 5 and "no answer in time" in done.stderr
        assert done.stdout == answer[3:]


def test_a_daemon_that_does_not_read():
    with Daemon() as daemon:
        daemon.serve = lambda sock: None
        assert daemon.run("-t", "0.2", stdin="status\n" * 1000000).returncode == 5


def test_a_daemon_that_does_not_accept():
    with tempfile.TemporaryDirectory() as directory, contextlib.ExitStack() as stack:
        path = os.path.join(directory, "s")
        full = stack.enter_context(socket.socket(socket.AF_UNIX))
        full.bind(path)
        full.listen(0)
        with contextlib.suppress(BlockingIOError):
            while True:
                sock = stack.enter_context(socket.socket(socket.AF_UNIX))
                sock.setblocking(False)
                sock.connect(path)
        assert run("-t", "0.2", "-s", path, "status").returncode == 5


def test_drops_of_an_answer_do_not_prolong_it():
    class Dripping(Daemon):
        def serve(self, sock):
            sock.sendall(b"ok\n")
            with contextlib.suppress(OSError):
                while not self.ended.wait(0.01):
                    sock.sendall(b"drop\n")

    with Dripping() as daemon:
        assert daemon.run("-t", "0.3", "status").returncode == 5
        daemon.ended.set()


# ---- Watching, and readers that leave ------------------------------------------------------------


class Events(Daemon):
    """Begins to answer a watch, and sends what say() is given."""

    def serve(self, sock):
        sock.recv(100)
        sock.sendall(b"ok\n")
        self.say = sock.sendall
        self.ended.set()


def test_watch_prints_each_event_at_once_and_ends_well():
    with Events() as daemon, started("-t", "0.1", "-s", daemon.path, "watch", "servers") as process:
        assert daemon.ended.wait(DEADLINE)
        for event in b'{"seq":1}\n', b'{"seq":2}\n':
            daemon.say(event)
            assert process.stdout.readline() == event
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.3)
        process.send_signal(signal.SIGINT)
        assert process.wait(DEADLINE) == 0


def test_a_watch_whose_daemon_dies():
    with Events() as daemon, started("-s", daemon.path, "watch", stderr=subprocess.DEVNULL) as process:
        assert daemon.ended.wait(DEADLINE)
        daemon.say(b"{}\n")
        assert process.stdout.readline() == b"{}\n"
        daemon.connections[0].shutdown(socket.SHUT_RDWR)
        assert process.wait(DEADLINE) == 3


def test_a_watch_that_does_not_begin():
    with Daemon(lambda _: "") as daemon:
        assert daemon.run("-t", "0.2", "watch").returncode == 5


def test_a_reader_that_leaves_is_no_news():
    with Daemon(lambda _: "ok\n" + "x\n" * 1000000 + ".\n") as daemon:
        line = f"{shlex.quote(WEIRCTL)} -s {daemon.path} show sessions | head -n 1"
        done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=DEADLINE)
        assert (done.stdout, done.stderr) == ("x\n", "")


def test_a_full_disk_is():
    with Daemon(lambda _: "ok\nx\n.\n") as daemon, open("/dev/full", "w", encoding="ascii") as full:
        command = [WEIRCTL, "-s", daemon.path, "status"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=DEADLINE)
        assert done.returncode == 1 and "stdout: No space left" in done.stderr


# ---- Completion ----------------------------------------------------------------------------------

COMMANDS = "help\n$(touch sown)\nstate;x\nserver add\nserver remove\nserver set\nshow backends\nshow servers\nstatus\nsync\n"


@pytest.mark.parametrize("typed, words", [(["s"], "server show status sync"), (["show", "s"], "servers"), (["-j", "server", ""], "add remove set"),
                                          (["help", ""], ""), (["-s"], "")])  # fmt: skip
def test_completion_asks_the_daemon(typed, words):
    with Daemon(lambda _: f"ok\n{COMMANDS}.\n") as daemon:
        script = run("completion", "bash").stdout
        typed = ["weirctl", *(["-s", daemon.path] if typed != ["-s"] else []), *typed, *([""] if typed == ["-s"] else [])]
        script += f'COMP_WORDS=({shlex.join(typed)}); COMP_CWORD={len(typed) - 1}; _weirctl; echo "${{COMPREPLY[@]}}"\n'
        path = f"{pathlib.Path(WEIRCTL).parent}:{os.environ['PATH']}"
        done = subprocess.run(["bash"], input=script, capture_output=True, text=True, timeout=DEADLINE, env={"PATH": path})
        assert (sorted(done.stdout.split()), done.stderr) == (words.split(), "")
        assert set(daemon.lines) <= {"help --words"}


def test_completion_without_a_daemon(tmp_path):
    script = run("completion", "bash").stdout
    script += f'COMP_WORDS=(weirctl -s {tmp_path}/nobody show ""); COMP_CWORD=4; _weirctl; echo "${{COMPREPLY[@]}}"\n'
    path = f"{pathlib.Path(WEIRCTL).parent}:{os.environ['PATH']}"
    done = subprocess.run(["bash"], input=script, capture_output=True, text=True, timeout=DEADLINE, env={"PATH": path})
    assert {"servers", "routes", "config"} <= set(done.stdout.split()) and not done.stderr


def test_completion_for_zsh():
    script = run("completion", "zsh").stdout
    assert script.startswith("#compdef weirctl\n") and "help --words" in script
