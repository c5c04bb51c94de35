#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Words that say nothing: type names that end in one of them, and files called after them.

usage: names.py [FILE...]    every file of src include modules by default; findings as `file:line: message`
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).parents[2]
ENDINGS = "Manager Managers Helper Helpers Util Utils Impl Base Data Info Handler Handlers".split()
FILES = "common misc util utils helper helpers base_types defs".split()
TYPE = re.compile(r"^\s*(?:template\s*<.*>\s*)?(?:class|struct|union|enum(?:\s+class)?|using)\s+(?:\[\[\w+\]\]\s*)?(\w+)")
PLAIN_FUNCTION = "sprintf vsprintf strcpy strcat gets strtok atoi atol".split()
CALL = re.compile(r"(?<![\w.>])(" + "|".join(PLAIN_FUNCTION) + r")\s*\(")
PLAIN_THROW = re.compile(r"^\s*throw\b|\bstd::mutex\b|\bstd::(?:this_thread::)?sleep_for\b")


def check(path):
    name = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    if path.stem in FILES:
        yield f"{name}:1: a file is named for what is in it, not {path.stem}"
    if not re.fullmatch(r"[a-z0-9_]+", path.stem):
        yield f"{name}:1: file names are snake_case"
    for number, line in enumerate(path.read_text().splitlines(), 1):
        code = line.split("//")[0]
        if match := TYPE.match(code):
            ending = next((e for e in ENDINGS if match[1].endswith(e)), None)
            if ending:
                yield f"{name}:{number}: {match[1]}: say what it is; {ending} says nothing"
        if match := CALL.search(code):
            yield f"{name}:{number}: {match[1]}() has no place here"
        if match := PLAIN_THROW.search(code):
            yield f"{name}:{number}: weir has no {match[0].strip()}"


def main():
    given = [pathlib.Path(a).resolve() for a in sys.argv[1:]]
    files = given or [p for top in ("src", "include", "modules") for p in sorted((ROOT / top).rglob("*"))
                      if p.suffix in (".cc", ".h")]
    findings = [finding for path in files for finding in check(path)]
    print(*findings, sep="\n", end="\n" if findings else "")
    sys.exit(bool(findings))


if __name__ == "__main__":
    main()
