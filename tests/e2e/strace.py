# SPDX-License-Identifier: Apache-2.0
"""Things that happen to a process in the middle of its work: strace does them at a system call of our choice."""
import contextlib
import subprocess


@contextlib.contextmanager
def injected(pid, call, what):
    """While it lasts, what strace(1) calls an injection happens when the process first enters that system call."""
    command = ["strace", "-p", str(pid), "-e", f"trace={call}", "-e", f"inject={call}:{what}:when=1"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as strace:
        line = strace.stderr.readline()
        assert "attached" in line, line
        try:
            yield
        finally:
            strace.terminate()
            strace.stderr.read()
