#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sizes: a file is one idea (500 lines), a function one thought (60 lines).

A longer function is allowed when the line directly above it is `// shape: REASON`, and a longer file when one of its
first 30 lines is; tables (braces without statements) do not count. Also refused: leftovers without an issue number
(`TODO` alone), and a file without its licence line or its head comment (x.cc may leave that to its x.h).

usage: shape.py [FILE...]    every file of src include modules tests by default; findings as `file:line: message`
"""
import pathlib
import re
import sys

FILE_LIMIT = 500
FUNCTION_LIMIT = 60
ROOT = pathlib.Path(__file__).parents[2]
TOKEN = re.compile(r"""//[^\n]*|/\*.*?\*/|R"(?P<d>[^(\s]*)\(.*?\)(?P=d)"|"(?:\\.|[^"\\\n])*"|(?<!\w)'(?:\\.|[^'\\\n])+'""", re.S)
WAIVER = re.compile(r"//\s*shape:\s*\S")
NOT_A_FUNCTION = re.compile(r"\b(namespace|class|struct|union|enum)\b[^()]*$|=\s*$|\bextern\s*$")
ATTRIBUTE = re.compile(r"\balignas\s*\([^)]*\)|\b__attribute__\s*\(\(.*?\)\)|\[\[.*?\]\]", re.S)
CONTROL = re.compile(r"^\s*(?:\}\s*)?(?:else|if|for|while|do|switch|try|catch)\b")


def bare(text):
    """The text without comments and literals, line for line."""
    return TOKEN.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)


def is_function(head):
    """Does a brace after these words open the body of a function?"""
    head = ATTRIBUTE.sub(" ", head)
    return ")" in head and not NOT_A_FUNCTION.search(head) and not CONTROL.match(head)


def functions(text):
    """Yields (first line, last line) of each outermost body with statements in it."""
    head, line = "", 1
    stack = []  # of (kind, first line, head to go on with)
    for char in re.sub(r"(?m)^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda m: "\n" * m[0].count("\n"), bare(text)):
        line += char == "\n"
        if char == "{":
            if re.search(r"[\w>]$", head):  # no blank before it: `member_{1}` in a constructor's list, `Type{1}`
                stack.append(("value", line, head))
            elif is_function(head) and not any(kind == "function" for kind, _, _ in stack):
                stack.append(("function", line - head.lstrip().count("\n"), ""))
            else:
                stack.append(("other", line, ""))
            head = ""
        elif char == "}" and stack:
            kind, first, head = stack.pop()
            if kind == "function":
                yield first, line
        elif char == ";":
            head = ""
        else:
            head += char


def has_header(path):
    """Is this x.cc with an x.h beside it or in the contract, whose head comment serves both?"""
    contract = ROOT / "include/weir" / (path.stem + ".h")
    return path.suffix == ".cc" and (path.with_suffix(".h").exists() or contract.exists())


def check(path):
    text = path.read_text()
    lines = text.splitlines()
    name = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    if len(lines) > FILE_LIMIT and not any(WAIVER.search(line) for line in lines[:30]):
        yield f"{name}:{len(lines)}: {len(lines)} lines; a file has at most {FILE_LIMIT}"
    for first, last in functions(text):
        length = last - first + 1
        if length > FUNCTION_LIMIT and not (first > 1 and WAIVER.search(lines[first - 2])):
            yield f"{name}:{first}: function of {length} lines; at most {FUNCTION_LIMIT}"
    for number, line in enumerate(lines, 1):
        if re.search(r"\b(TODO|FIXME|XXX)\b(?!\(#\d+\))", line):
            yield f"{name}:{number}: leftover without an issue number"
    if not lines or "SPDX-License-Identifier: Apache-2.0" not in lines[0]:
        yield f"{name}:1: the first line is the SPDX licence line"
    elif not has_header(path) and not any(line.lstrip().startswith(("//", "/*")) for line in lines[1:4]):
        yield f"{name}:2: no head comment: what idea lives here?"


def main():
    given = [pathlib.Path(a).resolve() for a in sys.argv[1:]]
    files = given or [p for top in ("src", "include", "modules", "tests") for p in sorted((ROOT / top).rglob("*"))
                      if p.suffix in (".cc", ".h", ".c")]
    findings = [finding for path in files for finding in check(path)]
    print(*findings, sep="\n", end="\n" if findings else "")
    sys.exit(bool(findings))


if __name__ == "__main__":
    main()
