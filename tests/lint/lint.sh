#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# lint.sh [MANUAL]...: every static check, one line a finding (`file:line: message`), and a closing count.
# MANUAL are the man pages to check; the Makefile names those that are generated too.
set -eu
cd "$(dirname "$0")/../.."
python=${PYTHON:-/usr/bin/python3}
missing=$(for tool in clang-format shellcheck mandoc; do command -v $tool >/dev/null || echo $tool; done)
[ -z "$missing" ] || { echo "lint.sh needs $missing: ./configure --install-deps" >&2; exit 2; }

found=$(mktemp)
trap 'rm -f "$found"' EXIT

# collect NAME COMMAND...: adds what the command prints; a command that fails in silence is a finding too.
collect() {
    name=$1 before=$(wc -l <"$found")
    shift
    if ! "$@" >>"$found" 2>&1 && [ "$(wc -l <"$found")" = "$before" ]; then
        echo "tests/lint:1: $name failed and did not say why" >>"$found"
    fi
}

# A finding of clang-format is followed by the line and a caret: only the finding itself is kept.
format() {
    find src include modules tests \( -name '*.cc' -o -name '*.h' -o -name '*.c' \) -print0 2>/dev/null |
        xargs -0 -r clang-format --dry-run -Werror 2>&1 | sed -n 's/^\([^ ]*:[0-9]*:[0-9]*:\) error: /\1 /p'
}

scripts() { find configure .ci tests contrib -type f 2>/dev/null | while read -r file; do
    case $(head -c 30 "$file" | head -n 1 | tr -d '\0') in '#!/bin/sh'* | *bash*) echo "$file" ;; esac
done; }

# mandoc exits with 2 for a warning and says nothing else about a good page.
manuals() {
    for page; do
        mandoc -Tlint -W warning "$page" | sed -n 's/^mandoc: //p'
    done
}

collect rooms "$python" tests/lint/rooms.py
collect shape "$python" tests/lint/shape.py
collect names "$python" tests/lint/names.py
collect conformance "$python" tests/lint/conformance.py
collect format format
# shellcheck disable=SC2046  # file names of this tree have no blanks
collect shellcheck shellcheck -x -f gcc $(scripts)
collect manuals manuals "$@"

cat "$found"
count=$(wc -l <"$found")
echo "lint: $count finding$([ "$count" = 1 ] || echo s)"
[ "$count" = 0 ]
