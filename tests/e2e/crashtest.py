# SPDX-License-Identifier: Apache-2.0
"""What cases about crashes share: a worker that crashes in a request of our choice."""
import json
import signal

from admintest import ctl
from strace import injected
from weirtest import SANITIZED, Client, answer

# Sanitizers have their own words for SIGSEGV, which the harness takes for a finding.
FATAL = signal.SIGILL if SANITIZED else signal.SIGSEGV
ADMIN = "admin unix:{dir}/admin.sock\n"


def closing(connection, request):
    """Answers and closes, so that each request makes a connection: that is where it crashes."""
    connection.send(answer("ok", "200 OK", "Connection: close"))
    connection.close()


def crash(weir, request, call="connect"):
    """Has the only worker crash in that request, at that system call; its report."""
    crashes = sum("crashed (" in line for line in weir.log)
    back = sum("is back" in line for line in weir.log)
    with injected(weir.pids()[0], call, f"signal={FATAL.name}"), Client(weir) as client:
        client.send(request)
        line = weir.wait_log("crashed (", crashes + 1)
    weir.wait_log("is back", back + 1)
    return line


def quarantined(weir):
    return json.loads(ctl(weir, "status", json=True).stdout)["quarantined"]
