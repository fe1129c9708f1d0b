#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Names and first lines: what stands at the top of the tree and of each file."""
import os
import re
import sys

import source

TOP = {"CMakeLists.txt", "README.md", "module", "hsm", "config", "tests", "LICENSE",
       "CMakePresets.json"}
# A file or folder so called has not found its noun.
NOUNLESS = re.compile(r"(?:^|[_.-])(?:utils?|common|misc|helpers?)(?:[_.-]|$)")
UNFINISHED = re.compile(r"\b(?:" + "|".join(("TO" + "DO", "FIX" + "ME", "X" + "XX")) + r")\b")
SPDX = "SPDX-License-Identifier: Apache-2.0"
C_FIRST = f"/* {SPDX} */"
TEXT = (".c", ".h", ".def", ".py", ".sh", ".cmake", ".txt", ".conf", ".md", ".service", ".sql")


def check_top(root):
    there = {name for name in os.listdir(root) if not name.startswith(".")} - source.SKIPPED
    found = [f"{name}: the top level has no place for it" for name in sorted(there - TOP)]
    return found + [f"{name}: missing at the top level" for name in sorted(TOP - there)]


def is_script(root, path):
    with open(os.path.join(root, path), "rb") as file:
        return file.read(2) == b"#!"


def check_spdx(path, lines, script):
    if path.endswith((".c", ".h", ".def")):
        if not lines or lines[0] != C_FIRST:
            return [f"{path}:1: the first line is not {C_FIRST}"]
    elif script or path.endswith((".py", ".cmake")) or path.endswith("CMakeLists.txt"):
        at = 1 if script else 0
        if len(lines) <= at or lines[at] != f"# {SPDX}":
            return [f"{path}:{at + 1}: the line is not # {SPDX}"]
    return []


def guard_of(path):
    short = path[len("module/"):] if path.startswith("module/") else path
    return "HOLDFAST_" + re.sub(r"\W", "_", short).upper()


def check_guard(path, text):
    guard = r"HOLDFAST_\w+_H" if path.startswith("tests/") else guard_of(path)
    if re.search(rf"^#ifndef ({guard})\n#define \1\n", text, re.MULTILINE):
        return []
    return [f"{path}:1: no include guard {guard_of(path)}"]


def check_text(root, path):
    script = is_script(root, path)
    if not script and not path.endswith(TEXT):
        return []
    text = source.read(root, path)
    lines = text.splitlines()
    found = check_spdx(path, lines, script)
    if path.endswith(".h"):
        found += check_guard(path, text)
    for number, line in enumerate(lines, 1):
        if UNFINISHED.search(line):
            found.append(f"{path}:{number}: a note of unfinished work")
        if re.search(r"\bfile\s*\(\s*GLOB", line) and not path.endswith(".py"):
            found.append(f"{path}:{number}: sources are listed, not globbed")
    return found


def main():
    root = source.root_argument()
    found = check_top(root)
    for path in source.files(root):
        for part in path.split(os.sep):
            if NOUNLESS.search(part):
                found.append(f"{path}: {part} is no noun for what is in it")
        if "corpus" not in path.split(os.sep):
            found += check_text(root, path)
    return source.report("names", found)


if __name__ == "__main__":
    sys.exit(main())
