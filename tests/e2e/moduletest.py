# SPDX-License-Identifier: Apache-2.0
"""A weir with a module in it, as `./configure --with-module=DIR` and make would build it.

    path = build_with(ROOT / "modules" / "favourite", tmp_path)
    Weir(text, binary=path)

Only the module and the table of modules are compiled; the rest is linked as it lies beside the binary under test.  The
commands are those that make would use now, so it is built as that binary was, under sanitizers too.
"""
import os
import shlex
import subprocess

from weirtest import ROOT, WEIR

TABLE = """#include <weir/module.h>
extern const weir::Module {name}_module;
namespace weir {{
const Module* const modules[] = {{&{name}_module, nullptr}};
const std::size_t module_count = 1;
}}
"""


def commands_of_make():
    """How make compiles a file, and how it links weir."""
    target = os.path.relpath(WEIR, ROOT)
    lines = subprocess.run(["make", "-n", "V=1", "-W", "src/filter/table.cc", target], cwd=ROOT, capture_output=True, text=True,
                           check=True).stdout.splitlines()
    compiling = [line for line in lines if line.endswith(" src/filter/table.cc")]
    linking = [line for line in lines if f" -o {target} " in line]
    return shlex.split(compiling[0]), shlex.split(linking[0])


def build_with(module, directory):
    compiling, linking = commands_of_make()
    table = directory / "modules.cc"
    table.write_text(TABLE.format(name=module.name))
    objects = []
    for source in [table, *sorted(module.glob("*.cc"))]:
        objects.append(str(directory / (source.stem + ".o")))
        own = [str(source) if word == "src/filter/table.cc" else objects[-1] if word.endswith("/table.o") else word for word in compiling]
        subprocess.run(own, cwd=ROOT, check=True)
    path = str(directory / "weir")
    linking[linking.index("-o") + 1] = path
    old = next(i for i, word in enumerate(linking) if word.endswith("build/modules.o"))
    linking[old:old + 1] = objects
    subprocess.run(linking, cwd=ROOT, check=True)
    return path
