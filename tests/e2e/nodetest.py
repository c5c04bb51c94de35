# SPDX-License-Identifier: Apache-2.0
"""Scripts of Node.js as clients and servers: each line that they read or write is one JSON value.

    with Node(script, "serve") as server:
        port = server.said()
        server.tell({"leave": True})

What Debian packages of npm is found; what else a script needs is installed beside it by ./configure --install-deps.
"""
import json
import os
import subprocess
import threading

from weirtest import DEADLINE


class Node:
    def __init__(self, script, *arguments):
        environment = {**os.environ, "NODE_PATH": "/usr/share/nodejs"}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.process = subprocess.Popen(["node", script, *map(str, arguments)], env=environment, text=True, **pipes)
        self.watchdog = threading.Timer(3 * DEADLINE, self.process.kill)
        self.watchdog.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.watchdog.cancel()
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            pipe.close()

    def said(self):
        """The next thing that it says."""
        line = self.process.stdout.readline()
        assert line, "it has ended; if modules are missing, ./configure --install-deps installs them"
        return json.loads(line)

    def tell(self, value):
        self.process.stdin.write(json.dumps(value) + "\n")
        self.process.stdin.flush()
