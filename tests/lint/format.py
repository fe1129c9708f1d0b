#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Layout: clang-format has nothing to change in any C file."""
import subprocess
import sys

import source


def main():
    root = source.root_argument()
    paths = source.files(root, (".c", ".h"), source.PRODUCT + ("tests",))
    command = ["clang-format-14", "--dry-run", "--Werror", "--ferror-limit=1", *paths]
    ran = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    found = [line for line in ran.stderr.splitlines() if "error:" in line]
    if ran.returncode != 0 and not found:
        found = [ran.stderr.strip() or "clang-format-14 failed"]
    return source.report("format", found, f"{len(paths)} files")


if __name__ == "__main__":
    sys.exit(main())
