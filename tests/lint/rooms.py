#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The direction of includes, as docs/architecture.md draws it.

A file of src/ROOM includes the contract, its own room, and rooms on lower floors; a contract header includes the
standard library and the contract; headers form no cycle; a foreign library appears in its one place. The table is
read from the fenced block of docs/architecture.md whose lines are `floor N  room room...` and
`library HEADER-PREFIX only PLACE`, so the document cannot drift from the code.

usage: rooms.py [ROOT]     prints `file:line: message` for each finding; exit status 1 if there is one
"""
import fnmatch
import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
FLOOR = re.compile(r"^floor\s+(\d+)\s+(.+)$", re.M)
LIBRARY = re.compile(r"^library\s+(\S+)\s+only\s+(\S+)", re.M)


class Table:
    """The floors and the places of libraries, read from the document."""

    def __init__(self, text):
        self.floors = {}
        for number, names in FLOOR.findall(text):
            for name in names.split("#")[0].split():
                self.floors[name] = int(number)
        self.libraries = LIBRARY.findall(text)


def includes(path):
    """Yields (line number, opening mark, name) of each #include in the file."""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if match := INCLUDE.match(line):
            yield number, match[1], match[2]


def room_of(relative):
    """The room of a file of src/: its folder, or its own name on the top floor."""
    parts = relative.split("/")
    return parts[1]


def in_place(relative, place):
    """Is src/PLACE (a room, a file, a file without its ending, or a pattern) where this file is?"""
    inner = relative.removeprefix("src/")
    return fnmatch.fnmatch(inner, place) or inner == place or inner.startswith(place + "/") or inner.rsplit(".", 1)[0] == place


def check_source(root, relative, table):
    room = room_of(relative)
    if room not in table.floors:
        yield f"{relative}:1: room {room} is on no floor of docs/architecture.md"
        return
    for number, _, name in includes(root / relative):
        for prefix, place in table.libraries:
            if name.startswith(prefix) and not in_place(relative, place):
                yield f"{relative}:{number}: <{name}> belongs to {place} alone"
        if not (root / "src" / name).is_file():
            continue
        other = room_of("src/" + name)
        if other != room and table.floors.get(other, 99) >= table.floors[room]:
            yield (f"{relative}:{number}: {room} (floor {table.floors[room]}) must not include {name} "
                   f"(floor {table.floors.get(other, 'none')})")


def check_contract(root, relative):
    for number, mark, name in includes(root / relative):
        standard = mark == "<" and re.fullmatch(r"[a-z_0-9]+", name)
        if not standard and not name.startswith("weir/"):
            yield f"{relative}:{number}: the contract includes only the standard library and <weir/...>, not {name}"


def check_module(root, relative):
    own = str(pathlib.Path(relative).parent)
    for number, mark, name in includes(root / relative):
        if (root / "src" / name).is_file() and not (root / own / name).is_file():
            yield f"{relative}:{number}: a module sees the contract, not {name}"


def cycles(root, files):
    """Yields one finding for each include cycle among the headers."""
    known = {f.removeprefix("src/").removeprefix("include/"): f for f in files if f.endswith(".h")}
    graph = {f: [known[n] for _, _, n in includes(root / f) if n in known] for f in known.values()}
    done, found = set(), set()

    def visit(path):
        for following in graph[path[-1]]:
            if following in path:
                loop = path[path.index(following):]
                if frozenset(loop) not in found:
                    found.add(frozenset(loop))
                    yield f"{loop[0]}:1: include cycle: {' -> '.join([*loop, loop[0]])}"
            elif following not in done:
                yield from visit([*path, following])
        done.add(path[-1])

    for start in sorted(graph):
        if start not in done:
            yield from visit([start])


def check(root, table):
    files = sorted(str(p.relative_to(root)) for top in ("src", "include/weir", "modules")
                   for p in (root / top).rglob("*") if p.suffix in (".cc", ".h"))
    for relative in files:
        if relative.startswith("src/"):
            yield from check_source(root, relative, table)
        elif relative.startswith("include/"):
            yield from check_contract(root, relative)
        else:
            yield from check_module(root, relative)
    yield from cycles(root, files)


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2])
    document = root / "docs/architecture.md"
    table = Table(document.read_text() if document.exists() else "")
    findings = list(check(root, table)) if table.floors else ["docs/architecture.md:1: no floor table"]
    print(*findings, sep="\n", end="\n" if findings else "")
    sys.exit(bool(findings))


if __name__ == "__main__":
    main()
