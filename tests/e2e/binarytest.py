# SPDX-License-Identifier: Apache-2.0
"""Other versions of weir for cases about upgrades: copies of the binary under test with a few bytes changed.

    at = Installed(tmp_path)               a copy of it, to be started with Weir(..., binary=at.path)
    at.install(version="0.1.9")            another version lies there from now on
    at.install(memory=True)                one whose shared memory has another layout
    at.install(broken="run_worker")        one that crashes where that function begins
    at.install(stuck="run_worker")         one that hangs there
"""
import functools
import os
import pathlib
import platform
import re
import shutil
import struct
import subprocess
import tempfile

from weirtest import WEIR

MEMORY = b"wershm02"
HANGS = {"x86_64": b"\xeb\xfe", "aarch64": b"\x00\x00\x00\x14"}
CRASHES = {"x86_64": b"\x0f\x0b", "aarch64": b"\x00\x00\x00\x00"}


@functools.cache
def own_version():
    return subprocess.run([WEIR, "--version"], capture_output=True, text=True).stdout.split()[1]


@functools.cache
def binary():
    """The binary under test without its debug information: that is most of it, and would be copied each time."""
    with tempfile.TemporaryDirectory(prefix="weir-e2e-") as directory:
        stripped = pathlib.Path(directory) / "weir"
        subprocess.run(["strip", "--strip-debug", "-o", stripped, WEIR], check=True)
        return stripped.read_bytes()


@functools.cache
def symbols():
    return subprocess.run(["nm", "-C", WEIR], capture_output=True, text=True, check=True).stdout


def offset_of(data, function):
    """Where in the file the code of weir::process::FUNCTION lies."""
    found = re.search(rf"^([0-9a-f]+) [Tt] weir::process::{function}\(", symbols(), re.M)
    address = int(found.group(1), 16)
    table, = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    for i in range(count):
        kind, _, offset, start, _, length = struct.unpack_from("<IIQQQQ", data, table + i * size)
        if kind == 1 and start <= address < start + length:
            return address - start + offset
    raise AssertionError(f"{function} is in no segment")


class Installed:
    def __init__(self, directory):
        os.chmod(directory, 0o755)
        self.path = directory / "weir"
        self.install()

    def install(self, version=None, memory=False, broken=None, stuck=None):
        data = bytearray(binary())

        def replace(before, after):
            assert before in data and len(before) == len(after)
            data[:] = bytes(data).replace(before, after)

        if version:
            replace(own_version().encode() + b"\0", version.encode() + b"\0")
        if memory:
            replace(MEMORY, MEMORY[:-1] + b"9")
        for function, code in ((broken, CRASHES), (stuck, HANGS)):
            if function:
                at = offset_of(data, function)
                data[at:at + len(code[platform.machine()])] = code[platform.machine()]
        self.put(bytes(data))

    def put(self, data, mode=0o755):
        """As a package manager does: a new file in the place of the old one."""
        new = self.path.with_suffix(".new")
        new.write_bytes(data)
        os.chmod(new, mode)
        os.replace(new, self.path)

    def take_away(self):
        shutil.move(self.path, self.path.with_suffix(".gone"))
