#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Shell scripts pass shellcheck; Python files compile."""
import os
import subprocess
import sys

import source


def interpreter(root, path):
    with open(os.path.join(root, path), "rb") as file:
        first = file.readline(80)
    return first.decode(errors="replace") if first.startswith(b"#!") else ""


def check_python(root, path):
    try:
        compile(source.read(root, path), path, "exec")
    except SyntaxError as error:
        return [f"{path}:{error.lineno}: {error.msg}"]
    return []


def main():
    root, found, scripts = source.root_argument(), [], []
    for path in source.files(root):
        first = interpreter(root, path)
        if path.endswith(".py") or "python" in first:
            found += check_python(root, path)
        elif path.endswith(".sh") or first.rstrip().endswith(("/sh", "bash")):
            scripts.append(path)
    if scripts:
        command = ["shellcheck", "--format=gcc", "--severity=warning", *scripts]
        ran = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
        found += (ran.stdout + ran.stderr).splitlines()
    return source.report("shell", found, f"{len(scripts)} scripts")


if __name__ == "__main__":
    sys.exit(main())
