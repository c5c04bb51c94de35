#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/conformance.md: every row of its tables names tests that exist, or the reason for departing.

A test is written in backquotes:
    `10_h1/test_framing.py::test_an_old_client`          tests/e2e
    `http/chunked_test.cc::ChunkDecoder.StartsAfresh`    tests/unit; a case of TEST, TEST_F or TEST_P
    `requests.txt::cl-te`                                a line of tests/hostile, run by unit and end-to-end tests

usage: conformance.py    findings as `file:line: message`
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).parents[2]
PAGE = ROOT / "docs" / "conformance.md"
REFERENCE = re.compile(r"`([\w./-]+\.(?:py|cc|txt))::([\w.-]+)`")
COLUMNS = 4


def exists(file, name):
    folder, pattern = {
        ".py": ("tests/e2e", rf"^def {re.escape(name)}\("),
        ".cc": ("tests/unit", r"^TEST(?:_F|_P)?\({}, {}\)".format(*map(re.escape, (name + ".").split(".")[:2]))),
        ".txt": ("tests/hostile", rf"^{re.escape(name)} \| "),
    }[pathlib.Path(file).suffix]
    path = ROOT / folder / file
    return path.is_file() and re.search(pattern, path.read_text(encoding="utf-8"), re.M)


def check(text):
    in_table = False
    for number, line in enumerate(text.splitlines(), 1):
        for file, name in REFERENCE.findall(line):
            if not exists(file, name):
                yield f"docs/conformance.md:{number}: there is no test {file}::{name}"
        if not line.startswith("|"):
            in_table = False
            continue
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))]
        is_head, in_table = not in_table, True
        if is_head or set("".join(cells)) <= set("-: "):
            continue
        if len(cells) != COLUMNS:
            yield f"docs/conformance.md:{number}: a row has {COLUMNS} cells"
        elif not REFERENCE.search(cells[-1]) and not cells[-1].startswith("Departs:"):
            yield f"docs/conformance.md:{number}: a row names a test, or says \"Departs:\" and why"


def main():
    findings = list(check(PAGE.read_text(encoding="utf-8")))
    print(*findings, sep="\n", end="\n" if findings else "")
    sys.exit(bool(findings))


if __name__ == "__main__":
    main()
