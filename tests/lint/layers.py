#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Who may include whom: every #include against the table in tests/lint/layers.txt."""
import os
import re
import sys

import source

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"]+)"|<([^>]+)>)', re.MULTILINE)

# System headers that belong to a library, by the beginning of their name.
LIBRARIES = {
    "jansson": ("jansson",),
    "openssl": ("openssl/",),
    "p11-kit": ("p11-kit/", "p11-kit-1/"),
    "sqlite3": ("sqlite3",),
    "postgresql": ("libpq", "postgresql/"),
    "microhttpd": ("microhttpd",),
    "gnutls": ("gnutls/",),
    "inih": ("ini.h",),
    "curl": ("curl/",),
    "systemd": ("systemd/",),
    "seccomp": ("seccomp",),
}
# The C library and the kernel's interface.
LIBC_FOLDERS = ("sys/", "linux/", "netinet/", "arpa/", "net/")
LIBC = set(
    """assert ctype dirent dlfcn endian errno fcntl float getopt grp inttypes libgen limits locale
    malloc math mntent netdb poll pthread pwd sched semaphore setjmp signal stdalign stdarg stdatomic stdbool stddef
    stdint stdio stdlib stdnoreturn string strings sysexits syslog termios threads time ucontext unistd
    utime wchar""".split()
)


def table(root):
    rows = {}
    for line in source.read(root, "tests/lint/layers.txt").splitlines():
        if line.strip() and not line.startswith("#"):
            folder, allowed = line.split(":", 1)
            rows[folder.strip()] = allowed.split()
    return rows


def row_of(rows, path):
    """The row of the nearest folder, upwards."""
    folder = os.path.dirname(path)
    while folder:
        if folder in rows:
            return folder
        folder = os.path.dirname(folder)
    return None


def system_allowed(allowed, header):
    for library, beginnings in LIBRARIES.items():
        if header.startswith(beginnings):
            return f"<{library}>" in allowed
    return header.startswith(LIBC_FOLDERS) or re.sub(r"\.h$", "", header) in LIBC


def own_target(root, name):
    """An include of ours as a path from the root, or None."""
    for base in ("", "module/"):
        if os.path.isfile(os.path.join(root, base + name)):
            return base + name
    return None


def own_allowed(rows, folder, target):
    """A row's name covers the files right in that folder, not those of its subfolders."""
    if row_of(rows, target) == folder:
        return True
    for name in rows[folder]:
        for base in ("", "module/"):
            if target == base + name or os.path.dirname(target) == base + name:
                return True
    return False


def check_include(root, rows, folder, quoted, system):
    if system:
        if not system_allowed(rows[folder], system):
            return f"{folder} may not include <{system}>"
        return None
    target = own_target(root, quoted)
    if target is None:
        return f'"{quoted}" is not written from the root or from module/, or does not exist'
    if not own_allowed(rows, folder, target):
        return f"{folder} may not include {target}"
    return None


def check_file(root, rows, path):
    folder = row_of(rows, path)
    if folder is None:
        return [f"{path}:1: this folder has no row in tests/lint/layers.txt"]
    found, text = [], source.read(root, path)
    for match in INCLUDE.finditer(text):
        wrong = check_include(root, rows, folder, match.group(1), match.group(2))
        if wrong:
            line = text.count("\n", 0, match.start()) + 1
            found.append(f"{path}:{line}: {wrong}")
    return found


def main():
    root = source.root_argument()
    rows, found = table(root), []
    paths = source.files(root, (".c", ".h", ".def"), source.PRODUCT)
    for path in paths:
        found += check_file(root, rows, path)
    return source.report("layers", found, f"{len(paths)} files, {len(rows)} rows")


if __name__ == "__main__":
    sys.exit(main())
