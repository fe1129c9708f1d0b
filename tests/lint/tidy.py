#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""clang-tidy over the product's sources, as `tests/run tidy`; rules in .clang-tidy.

Needs a build folder made by clang (compile_commands.json); `tidy.py [TREE [BUILD]]`.

A source that was found clean is not looked at again while everything that clang-tidy was given is
the same to the byte: the source and all files that it includes, the system's too, the rules, the
compiler's arguments and the program. What was clean is remembered in ~/.cache/holdfast/tidy (or
XDG_CACHE_HOME), whichever clone it lies in; a finding never is.
"""
import concurrent.futures
import functools
import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys

import source

PROGRAM = "clang-tidy-14"
COMPILER = "clang-14"
TIMEOUT_S = 240
MEMORY = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"),
                      "holdfast", "tidy")


@functools.lru_cache(maxsize=None)
def digest_of(path):
    """Of a file's bytes; None when it cannot be read."""
    try:
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()
    except OSError:
        return None


class Tree:
    """The compilation database, and what was found clean before."""

    def __init__(self, root, build):
        self.root, self.build = root, build
        with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
            entries = json.load(file)
        self.entries = {os.path.relpath(entry["file"], root): entry for entry in entries}
        # Rules and program are the same for all sources. The program is large: where it lies, how
        # long it is and when it was installed tell one from another.
        program = os.path.realpath(shutil.which(PROGRAM))
        status = os.stat(program)
        self.common = [program, status.st_size, status.st_mtime_ns,
                       digest_of(os.path.join(root, ".clang-tidy")),
                       digest_of(os.path.abspath(__file__))]

    def sources(self):
        """Those of the product, largest first."""
        ours = [path for path in self.entries if path.split(os.sep)[0] in source.PRODUCT]
        return sorted(ours, key=lambda path: -os.path.getsize(os.path.join(self.root, path)))

    def note(self, path):
        """Where it is noted that this source is clean, under these rules and with these arguments."""
        told = [path, self.entries[path]["command"].replace(self.root, "."), *self.common]
        return os.path.join(MEMORY, hashlib.sha256(json.dumps(told).encode()).hexdigest())

    def dependencies(self, path):
        """The source and all files that it includes; of the tree's own the relative paths."""
        entry = self.entries[path]
        arguments = shlex.split(entry["command"])
        output = arguments.index("-o")
        del arguments[output:output + 2]
        arguments.remove("-c")
        ran = subprocess.run([COMPILER, *arguments[1:], "-M", "-MT", "x"], cwd=entry["directory"],
                             capture_output=True, text=True, check=True, timeout=TIMEOUT_S)
        names = ran.stdout.removeprefix("x:").replace("\\\n", " ").split()
        prefix = self.root + os.sep
        return sorted({os.path.normpath(name).removeprefix(prefix) for name in names})

    def known(self, path):
        """Whether it was found clean, and nothing that was looked at has changed."""
        try:
            with open(self.note(path), encoding="utf-8") as file:
                seen = json.load(file)
        except (OSError, ValueError):
            return False
        return bool(seen) and all(digest_of(os.path.join(self.root, name)) == digest
                                  for name, digest in seen.items())

    def remember(self, path, before):
        """That it is clean, unless something changed while it was looked at."""
        digest_of.cache_clear()
        if before != self.digests(before):
            return
        note = self.note(path)
        draft = f"{note}.{os.getpid()}.{path.replace(os.sep, '-')}"
        with open(draft, "w", encoding="utf-8") as file:
            json.dump(before, file)
        os.replace(draft, note)

    def digests(self, names):
        return {name: digest_of(os.path.join(self.root, name)) for name in names}


def look(tree, path):
    """What clang-tidy finds in one source."""
    command = [PROGRAM, "--quiet", "-p", tree.build, path]
    ran = subprocess.run(command, cwd=tree.root, capture_output=True, text=True, check=False,
                         timeout=TIMEOUT_S)
    if ran.returncode == 0:
        return []
    found = [line.replace(tree.root + "/", "") for line in ran.stdout.splitlines()
             if ": error: " in line]
    return found or [f"{path}: {(ran.stdout + ran.stderr).strip()[:400]}"]


def check(tree, path):
    """(findings, whether it was looked at)."""
    if tree.known(path):
        return [], False
    before = tree.digests(tree.dependencies(path))
    found = look(tree, path)
    if not found and None not in before.values():
        tree.remember(path, before)
    return found, True


def main():
    root = source.root_argument()
    build = sys.argv[2] if len(sys.argv) > 2 else os.path.join(root, "build/asan")
    tree = Tree(root, build)
    os.makedirs(MEMORY, exist_ok=True)
    paths = tree.sources()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        checked = list(pool.map(lambda path: check(tree, path), paths))
    found = {line for lines, _ in checked for line in lines}
    looked = sum(fresh for _, fresh in checked)
    return source.report("tidy", sorted(found), f"{len(paths)} files, {looked} of them looked at")


if __name__ == "__main__":
    sys.exit(main())
