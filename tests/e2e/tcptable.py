# SPDX-License-Identifier: Apache-2.0
"""The kernel's table of TCP connections over IPv4."""
import pathlib


def connection(port, peer):
    """The words of the row of the connection from a local port to one of a peer (see proc(5)); None if there is none.

    The kernel hands the table out page by page: while others come and go a row may be missing, or be there twice.
    """
    for _ in range(5):
        for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
            row = line.split()
            if tuple(int(end.split(":")[1], 16) for end in row[1:3]) == (port, peer):
                return row
    return None
