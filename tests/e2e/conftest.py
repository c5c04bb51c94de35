# SPDX-License-Identifier: Apache-2.0
"""Makes `import weirtest` work from every directory of cases, whatever pytest was started with, and keeps the cases
that run side by side out of each other's ports."""
import ctypes
import errno
import fcntl
import os
import pathlib
import socket
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

CLONE_NEWNET = 0x40000000
SIOCSIFFLAGS, IFF_UP = 0x8914, 0x1


def pytest_configure(config):
    """
    A network of its own for each process that runs cases.

    On one loopback the port of an origin that a case has stopped is soon another case's, and gets the checks and
    retries that were meant for the first one.  Whoever is not root, and may make no namespace, shares the host's
    network: there run the cases one after the other (`-n 0`).
    """
    if not hasattr(config, "workerinput") and config.getoption("numprocesses", None):
        return  # the process that only hands the cases out
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) == 0:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", IFF_UP))
    elif ctypes.get_errno() != errno.EPERM:
        raise OSError(ctypes.get_errno(), "a network namespace for the cases: " + os.strerror(ctypes.get_errno()))
