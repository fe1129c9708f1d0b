#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The rules' own test: each planted fault is found by its rule, and a clean tree passes them all."""
import json
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
FIRST = "/* SPDX-License-Identifier: Apache-2.0 */\n"
BODY = "\treturn a;\n"


def function(name="thing", parameters="int a", body=BODY):
    return f"{FIRST}int {name}({parameters});\nint {name}({parameters})\n{{\n{body}}}\n"


def header(guard, text=""):
    return f"{FIRST}#ifndef {guard}\n#define {guard}\n\n{text}\n#endif\n"


CLEAN = {
    "module/base/thing.c": f'{FIRST}#include <stdlib.h>\n\n#include "base/thing.h"\n\n'
    "void *thing(void)\n{\n\treturn malloc(1);\n}\n",
    "module/base/thing.h": header("HOLDFAST_BASE_THING_H", "void *thing(void);\n"),
    "module/kms/key.h": header("HOLDFAST_KMS_KEY_H", '#include "base/thing.h"\n'),
    "module/store/sqlite/rows.c": f"{FIRST}#include <sqlite3.h>\n\nextern int rows;\n",
    "hsm/p11/local.h": header("HOLDFAST_HSM_P11_LOCAL_H", "extern int local;\n"),
    "hsm/p11/attribute.c": f"{FIRST}#include <stdlib.h>\n\n"
    "/* The library allocated it with malloc. */\n"
    "static void give_back(void *p)\n{\n\tfree(p);\n}\n\nvoid (*used)(void *p) = give_back;\n",
    "config/settings.c": function(),
    "tests/thing.py": "# SPDX-License-Identifier: Apache-2.0\n",
}
DEEP = "\tif (a)\n\t\tfor (;;)\n\t\t\twhile (a)\n\t\t\t\tif (a)\n\t\t\t\t\treturn 1;\n" + BODY

# rule, file, its text, what the rule must say
PLANTED = (
    ("layers", "module/kms/a.c", f'{FIRST}#include "hsm/p11/local.h"\n', "may not include hsm/p11"),
    ("layers", "module/kms/a.c", f"{FIRST}#include <sqlite3.h>\n", "may not include <sqlite3.h>"),
    ("layers", "module/base/a.c", f'{FIRST}#include "kms/key.h"\n', "may not include module/kms"),
    ("layers", "module/store/a.c", f"{FIRST}#include <sqlite3.h>\n", "may not include <sqlite3.h>"),
    ("layers", "module/kms/a.c", f'{FIRST}#include "key.h"\n', "not written from the root"),
    ("layers", "module/kms/a.c", f"{FIRST}#  include <openssl/evp.h>\n", "<openssl/evp.h>"),
    ("layers", "module/kms/a.c", f"{FIRST}#include <zlib.h>\n", "<zlib.h>"),
    ("layers", "module/new/a.c", FIRST, "no row"),
    ("names", "module/base/a.c", "int a;\n", "first line"),
    ("names", "module/base/b.h", FIRST + "int a;\n", "include guard"),
    ("names", "module/base/string_utils.c", FIRST, "no noun"),
    ("names", "module/common/a.c", FIRST, "no noun"),
    ("names", "notes.txt", "", "no place"),
    ("names", "module/base/a.c", f"{FIRST}/* {'TO' + 'DO'}: later */\n", "unfinished"),
    ("names", "module/base/CMakeLists.txt", "# SPDX-License-Identifier: Apache-2.0\n"
     + "file(" + "GLOB all *.c)\n", "globbed"),
    ("names", "tests/tool", "#!/bin/sh\necho\n", "SPDX"),
    ("sizes", "module/kms/a.c", function(body="\ta++;\n" * 70 + BODY), "lines, at most 60"),
    ("sizes", "module/kms/a.c", function(body="\ta++;\n" * 45 + BODY) * 3, "90 %"),
    ("sizes", "module/kms/a.c", function(body=DEEP), "4 levels of nesting"),
    ("sizes", "module/kms/a.c", function(parameters="int a, int b, int c, int d, int e, int f"),
     "6 parameters"),
    ("sizes", "module/kms/a.c", FIRST + "int a;\n" * 600, "601 lines"),
    ("sizes", "module/kms/a.h", FIRST + "int a;\n" * 151, "lines of declarations"),
    ("sizes", "module/kms/a.c", FIRST + "\t" * 13 + "\n", "104 columns"),
    ("calls", "module/kms/a.c", function(body="\tmemcpy(&a, &a, 1);\n" + BODY), "memcpy"),
    ("calls", "module/kms/a.c", function(body="\tvoid *(*f)(unsigned long) = malloc;\n" + BODY),
     "malloc"),
    ("calls", "module/kms/a.c", FIRST + "#define COPY(a) \\\n\tstrcpy(a, a)\n", "strcpy"),
    ("calls", "module/kms/a.c", function(body="\tfree(a);\n\ta++;\n" + BODY), "free"),
    ("calls", "module/base/a.c", function(body="\tgoto out;\nout:\n" + BODY), "goto"),
    ("calls", "module/base/a.c", function(body='\tsystem("x");\n' + BODY), "system"),
    ("calls", "module/base/a.c", function(body="\tputs(strerror(a));\n" + BODY), "strerror"),
    ("calls", "module/kms/a.c", function(body='\tgetenv("X");\n' + BODY), "getenv"),
    ("format", "module/kms/a.c", FIRST + "int  a ;\n", "a.c:2"),
    ("shell", "tests/tool.sh", "#!/bin/sh\nif true; then\n", "tool.sh"),
    ("shell", "tests/tool.py", "def f(:\n", "tool.py:1"),
    ("headers", "module/kms/a.h", header("HOLDFAST_KMS_A_H", "struct view a(size_t n);\n"), "gcc"),
    ("headers", "module/kms/a.h", header("HOLDFAST_KMS_A_H", "struct view a(size_t n);\n"), "clang"),
)


def write(root, path, text):
    full = os.path.join(root, path)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, "w", encoding="utf-8") as file:
        file.write(text)


def clean_tree(root):
    for name in ("CMakeLists.txt", "README.md", "LICENSE", "CMakePresets.json"):
        write(root, name, "# SPDX-License-Identifier: Apache-2.0\n")
    for path in (".clang-format", "tests/lint/layers.txt"):
        write(root, path, open(os.path.join(ROOT, path), encoding="utf-8").read())
    for path, text in CLEAN.items():
        write(root, path, text)


def run_rule(rule, root):
    command = ["/usr/bin/python3", "-B", os.path.join(HERE, f"{rule}.py"), root]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    return ran.returncode, ran.stdout + ran.stderr


def check_clean(root):
    wrong = []
    for rule in ("layers", "names", "sizes", "calls", "format", "shell", "headers"):
        code, output = run_rule(rule, root)
        if code != 0:
            wrong.append(f"{rule} refuses a clean tree: {output.strip()}")
    return wrong


def check_planted(base, planted):
    rule, path, text, expected = planted
    root = os.path.join(base, "planted")
    shutil.copytree(os.path.join(base, "clean"), root)
    write(root, path, text)
    code, output = run_rule(rule, root)
    shutil.rmtree(root)
    if code == 0 or expected not in output:
        return [f"{rule} misses \"{expected}\" in {path}: {output.strip()[:300]}"]
    return []


def run_tidy(root):
    """With a memory of its own."""
    command = ["/usr/bin/python3", "-B", os.path.join(HERE, "tidy.py"), root]
    ran = subprocess.run(command, capture_output=True, text=True, check=False,
                         env={**os.environ, "XDG_CACHE_HOME": os.path.join(root, "cache")})
    return ran.returncode, ran.stdout + ran.stderr


# What is changed, and what tidy says then. A null pointer is followed in the first and the last.
TIDY_RULES = "Checks: '-*,clang-analyzer-{}'\nWarningsAsErrors: '*'\n"
TIDY_STEPS = (
    ({"module/a.h": "#define START 0\n"}, "Dereference of null pointer"),
    ({}, "Dereference of null pointer"),
    ({"module/a.h": "#define START &there\n"}, "1 files, 1 of them looked at"),
    ({}, "1 files, 0 of them looked at"),
    ({".clang-tidy": TIDY_RULES.format("core*")}, "1 files, 1 of them looked at"),
    ({"module/a.h": "#define START 0\n"}, "Dereference of null pointer"),
)


def check_tidy(root):
    """It remembers what was clean, until something changes that it is made of."""
    path = os.path.join(root, "module/a.c")
    write(root, "module/a.c", '#include "a.h"\nint there;\nint a(void);\nint a(void)\n{\n'
          "\tint *p = START;\n\treturn *p;\n}\n")
    write(root, ".clang-tidy", TIDY_RULES.format("*"))
    write(root, "build/asan/compile_commands.json", json.dumps([
        {"directory": root, "file": path, "command": f"/usr/bin/clang-14 -std=c17 -o a.o -c {path}"}]))
    wrong = []
    for changed, expected in TIDY_STEPS:
        for name, text in changed.items():
            write(root, name, text)
        code, output = run_tidy(root)
        if expected not in output or (code != 0) != expected.startswith("Dereference"):
            wrong.append(f"tidy, {changed or 'again'}: not \"{expected}\": {output.strip()[:300]}")
    return wrong


def main():
    with tempfile.TemporaryDirectory(prefix="holdfast-lint-") as base:
        clean_tree(os.path.join(base, "clean"))
        wrong = check_clean(os.path.join(base, "clean"))
        for planted in PLANTED:
            wrong += check_planted(base, planted)
        wrong += check_tidy(os.path.join(base, "tidy"))
    print(*wrong, sep="\n", end="\n" if wrong else "")
    print(f"selftest: {len(PLANTED) + len(TIDY_STEPS)} planted faults, {len(wrong)} missed or wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
