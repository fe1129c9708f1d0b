#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""clang-tidy over the product's sources, as `tests/run tidy`; rules in .clang-tidy.

Needs a build folder made by clang (compile_commands.json); `tidy.py [TREE [BUILD]]`.
"""
import concurrent.futures
import json
import os
import subprocess
import sys

import source

TIMEOUT_S = 240


def commands(root, build):
    """Sources of the product in the compilation database, largest first."""
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        paths = {os.path.relpath(entry["file"], root) for entry in json.load(file)}
    ours = [path for path in paths if path.split(os.sep)[0] in source.PRODUCT]
    return sorted(ours, key=lambda path: -os.path.getsize(os.path.join(root, path)))


def check(root, build, path):
    command = ["clang-tidy-14", "--quiet", "-p", build, path]
    ran = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False,
                         timeout=TIMEOUT_S)
    if ran.returncode == 0:
        return []
    found = [line.replace(root + "/", "") for line in ran.stdout.splitlines() if ": error: " in line]
    return found or [f"{path}: {(ran.stdout + ran.stderr).strip()[:400]}"]


def main():
    root = source.root_argument()
    build = sys.argv[2] if len(sys.argv) > 2 else os.path.join(root, "build/asan")
    paths = commands(root, build)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        found = [line for lines in pool.map(lambda p: check(root, build, p), paths) for line in lines]
    return source.report("tidy", sorted(set(found)), f"{len(paths)} files")


if __name__ == "__main__":
    sys.exit(main())
