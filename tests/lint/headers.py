#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every header compiles by itself, twice included, with gcc and with clang."""
import concurrent.futures
import os
import subprocess
import sys

import source

COMPILERS = ("gcc", "clang-14")
FLAGS = ("-std=gnu17 -fsyntax-only -x c -D_GNU_SOURCE -DHOLDFAST_VERSION=\"0\" -Wall -Wextra "
         "-Wconversion -Wstrict-prototypes -Wundef -Werror").split()
LIBRARIES = "p11-kit-1 libcrypto jansson sqlite3 libmicrohttpd inih libcurl libsystemd".split()


def library_flags():
    asked = ["pkg-config", "--cflags", *LIBRARIES]
    return subprocess.run(asked, check=True, capture_output=True, text=True).stdout.split()


def compile_alone(root, path, compiler, flags):
    include = path[len("module/"):] if path.startswith("module/") else path
    text = f'#include "{include}"\n#include "{include}"\nextern int nothing;\n'
    command = [compiler, *FLAGS, "-I", root, "-I", os.path.join(root, "module"), *flags, "-"]
    ran = subprocess.run(command, cwd=root, input=text, capture_output=True, text=True, check=False)
    if ran.returncode == 0:
        return []
    first = next((line for line in ran.stderr.splitlines() if "error" in line), ran.stderr[:200])
    return [f"{path}:1: does not compile by itself with {compiler}: {first}"]


def main():
    root = source.root_argument()
    flags = library_flags()
    paths = source.files(root, (".h",), source.PRODUCT + ("tests",))
    jobs = [(root, path, compiler, flags) for path in paths for compiler in COMPILERS]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        found = [line for lines in pool.map(lambda job: compile_alone(*job), jobs) for line in lines]
    return source.report("headers", found, f"{len(paths)} headers, {len(COMPILERS)} compilers")


if __name__ == "__main__":
    sys.exit(main())
