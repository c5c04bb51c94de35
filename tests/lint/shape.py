#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sizes: a file is one idea (500 lines), a function one thought (60 lines), a class 40 declarations of its own and 20 fields.

A longer function is allowed when the line directly above it is `// shape: REASON`, and a longer file when one of its
first 30 lines is; tables (braces without statements) do not count. What a class overrides is not its own, nor are the
types nested in it; classes that were larger than that when the rule came (GROWN) may only shrink. Also refused: leftovers without an issue number
(`TODO` alone), and a file without its licence line or its head comment (x.cc may leave that to its x.h).

usage: shape.py [FILE...]    every file of src include modules tests by default; findings as `file:line: message`
"""
import pathlib
import re
import sys

FILE_LIMIT = 500
FUNCTION_LIMIT = 60
MEMBER_LIMIT = 40
FIELD_LIMIT = 20
GROWN = {  # (own declarations, fields of them)
    "src/admin/session.h:AdminSession": (44, 20),
    "src/config/config.h:Config": (40, 21),
    "src/event/loop.h:Loop": (52, 20),
    "src/http/h2_codec.h:H2Codec": (84, 32),
    "src/http/h2_codec_client.h:H2ClientCodec": (55, 20),
    "src/process/control.cc:Control": (40, 22),
    "src/process/judge.h:Judge": (44, 20),
    "src/process/master.h:Master": (54, 22),
    "src/process/reload.h:Reload": (62, 25),
    "src/process/runtime.h:Runtime": (57, 35),
    "src/proxy/h2_session.h:H2Session": (48, 24),
    "src/proxy/listener.h:Listener": (49, 20),
    "src/proxy/record.h:Record": (40, 26),
    "src/proxy/session.h:Session": (45, 20),
    "src/tls/transport.h:Transport": (47, 20),
    "src/upstream/backend.h:Backend": (49, 20),
    "src/upstream/connection.h:Connection": (44, 20),
    "src/upstream/h2_connection.h:H2Connection": (64, 23),
    "src/upstream/registry.h:Registry": (96, 21),
    "src/upstream/server.h:Server": (78, 23),
}
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


def members(body):
    """Yields each declaration between the braces of a class, without what stands in braces inside of it."""
    depth, declaration = 0, ""
    for at, char in enumerate(body):
        if char == "{":
            depth += 1
            declaration += char * (depth == 1)
        elif char == "}":
            depth -= 1
            declaration += char * (depth == 0)
            if depth == 0 and is_callable(declaration) and not re.match(r"\s*;", body[at + 1:at + 100]):
                yield declaration
                declaration = ""
        elif depth == 0 and char == ";":
            yield declaration
            declaration = ""
        elif depth == 0:
            declaration += char


def is_callable(declaration):
    """Is this a function's declaration, and no field of function type or nested type?"""
    head = re.sub(r"<[^<>]*(<[^<>]*>[^<>]*)*>", "", declaration.split("{")[0])
    return "(" in head and not re.match(r"\s*(enum|class|struct|union)\b", head)


def classes(text):
    """Yields (line, name, own declarations, fields) of each class."""
    text = re.sub(r"(?m)^[ \t]*#[^\n]*", "", bare(text))
    for match in re.finditer(r"\b(?:class|struct)\s+(\w+)(?:\s+final)?\s*(?::[^{};()]*)?\{", text):
        depth, end = 1, match.end()
        while depth and end < len(text):
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        own = fields = 0
        for declaration in members(text[match.end():end - 1]):
            words = re.sub(r"\b(public|private|protected)\s*:", "", declaration).strip()
            is_type = re.match(r"(using|friend|static_assert|enum|typedef)\b|(class|struct|union)\s+\w+\s*(final\b.*)?(:.*)?(\{|$)", words)
            if not words or is_type or re.search(r"\boverride\b", words):
                continue
            own += 1
            fields += not is_callable(words) and not re.match(r"static\b|constexpr\b|inline\b", words)
        yield text[:match.start()].count("\n") + 1, match[1], own, fields


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
    for line, its, own, fields in classes(text):
        most, most_fields = GROWN.get(f"{name}:{its}", (MEMBER_LIMIT, FIELD_LIMIT))
        if own > most or fields > most_fields:
            yield f"{name}:{line}: {its} declares {own} members, {fields} of them fields; at most {most} and {most_fields}"
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
