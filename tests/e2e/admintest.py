# SPDX-License-Identifier: Apache-2.0
"""What cases about the admin socket share: a raw client of it, weirctl, and the state files.

    with Origin() as a, Weir(fleet(a), workers=4) as weir, AdminClient(weir) as admin:
        admin.ask("server set origin/s1 weight 3")       a Reply; fails if it is not ok
        admin.reply_to("server set origin/s1 weight x")  a Reply, whatever it is
        admin.many(lines)                                replies to lines that are sent without waiting
        ctl(weir, "status", json=True)                   the CompletedProcess of the real weirctl
"""
import contextlib
import ctypes
import functools
import json
import re
import socket
import subprocess
import threading
from dataclasses import dataclass

from weirtest import DEADLINE, WEIRCTL, answer, forward_to, get

LOCAL = "route path /local respond 200 local"
SOCKETS = """
admin unix:{dir}/admin.sock { mode 0600 }
admin unix:{dir}/operate.sock { mode 0600; level operate }
admin unix:{dir}/read.sock { mode 0600; level read }
"""
STATE = "state_file {dir}/state"


def fleet(*origins, top="", listener="", backend=""):
    """forward_to with an admin socket of each level, and a path that needs no server."""
    return forward_to(*origins, top=f"{SOCKETS}\n{top}", listener=f"{LOCAL}\n{listener}", backend=backend)


def named(name):
    """An origin's handler that says who it is."""
    return answer(name)


# ---- The socket ----------------------------------------------------------------------------------


@dataclass
class Reply:
    first: str
    body: str = ""

    @property
    def is_ok(self):
        return self.first.split(" ")[0] == "ok"

    @property
    def code(self):
        words = self.first.split(" ")
        return words[1] if words[0] == "error" else ""

    @property
    def revision(self):
        words = self.first.split(" ")
        return int(words[words.index("revision") + 1])

    def json(self):
        return json.loads(self.body)


class AdminClient:
    def __init__(self, weir, name="admin.sock"):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(DEADLINE)
        self.socket.connect(str(weir.dir / name))
        self.lines = self.socket.makefile("rb", buffering=1 << 18)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.lines.close()
        self.socket.close()

    def send(self, *lines):
        self.socket.sendall(b"".join((l if isinstance(l, bytes) else l.encode()) + b"\n" for l in lines))

    def line(self):
        """The next line without its end; EOFError behind the last."""
        line = self.lines.readline()
        if not line.endswith(b"\n"):
            raise EOFError(f"the socket ended after {line!r}")
        return line[:-1].decode()

    def reply(self):
        reply, body = Reply(self.line()), []
        while (line := self.line()) != ".":
            body.append(line[1:] if line.startswith(".") else line)
        reply.body = "".join(line + "\n" for line in body)
        return reply

    def reply_to(self, line):
        self.send(line)
        return self.reply()

    def ask(self, line):
        reply = self.reply_to(line)
        assert reply.is_ok, f"{line}: {reply.first}"
        return reply

    def refuse(self, line, code, *texts):
        """The line has to fail with that code, and words of these texts in its message."""
        reply = self.reply_to(line)
        assert reply.code == code and all(text in reply.first for text in texts), f"{line}: {reply.first}"
        return reply

    def many(self, lines):
        """The replies to all lines, in order, while somebody else sends them."""
        lines = list(lines)

        def send():
            with contextlib.suppress(OSError):  # who reads notices that it ended
                self.send(*lines)

        sender = threading.Thread(target=send, daemon=True)
        sender.start()
        replies = [self.reply() for _ in lines]
        sender.join(DEADLINE)
        return replies

    def json(self, command):
        return self.ask(f"@json {command}").json()

    def servers(self):
        """`show servers` by name, with the backend."""
        return {row["server"]: row for row in self.json("show servers")}

    def revision(self, backend="origin"):
        return next(row["revision"] for row in self.json("show backends") if row["backend"] == backend)

    def state(self):
        """What changes of servers leave behind: rows without their traffic, and revisions."""
        kept = ("server", "use", "address", "weight", "configured", "override", "runtime")
        state = self.json("show state")
        return [[row[k] for k in kept] for row in state["servers"]], state["backends"]


def ctl(weir, *words, json=False, name="admin.sock", stdin=""):
    """The real weirctl; a CompletedProcess with texts."""
    command = [WEIRCTL, "-s", str(weir.dir / name), *(["-j"] if json else []), *map(str, words)]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=DEADLINE)


# ---- Workers -------------------------------------------------------------------------------------


def who(client, count=1):
    """Who answers so many requests on a connection."""
    client.send(get() * count)
    return [client.receive().body.decode() for _ in range(count)]


# ---- State files ---------------------------------------------------------------------------------


@functools.lru_cache(None)
def hash_library():
    library = ctypes.CDLL("libxxhash.so.0")
    library.XXH3_64bits_withSeed.restype = ctypes.c_uint64
    library.XXH3_64bits_withSeed.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64]
    return library


WORD = re.compile(r'"((?:[^"\\]|\\.)*)"|([^" ]+)')


def record_hash(record):
    return b"%016x" % hash_library().XXH3_64bits_withSeed(record, len(record), 0x77656972)


def with_hash(record):
    """A line of a state file."""
    return record_hash(record) + b" " + record + b"\n"


def read_state_file(path):
    """(epoch, records, lines that are none); the epoch is 0 if the file is not whole."""
    records, broken = [], []
    for line in path.read_bytes().split(b"\n"):
        found, record = line[:16], line[17:]
        if line and record_hash(record) == found:
            records.append([quoted or plain for quoted, plain in WORD.findall(record.decode())])
        elif line:
            broken.append(line)
    epoch = next((int(r[1]) for r in records if r[0] == "epoch"), 0)
    return (epoch if ["whole"] in records else 0), records, broken


def newest_state(weir):
    """The records of the file that counts."""
    files = [read_state_file(weir.dir / name) for name in ("state", "state.alt")]
    return max(files, key=lambda file: file[0])
