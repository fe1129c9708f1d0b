#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Size of functions, files and lines.

A header's limit counts what is declared: comments are its contract and may be as long as they need
to be. A table of data (a file whose functions are few and small) has the limit of any other file.
"""
import re
import sys

import source

FUNCTION_LINES = 60
FUNCTION_LINES_90 = 40
NESTING = 3
PARAMETERS = 5
FILE_LINES = 600
HEADER_LINES = 150
COLUMNS = 100
TAB = 8

# Callbacks whose parameters are a library's: file, name → the library's type.
FOREIGN = {
    ("module/server/door.c", "no_certificate"): "gnutls_certificate_retrieve_function3",
    ("module/server/door.c", "no_certificate"): "gnutls_certificate_retrieve_function3",
    ("module/server/door.c", "on_request"): "MHD_AccessHandlerCallback",
    ("module/server/exchange.c", "collect"): "MHD_KeyValueIteratorN",
    ("module/store/sqlite/tracker.c", "hook"): "sqlite3_preupdate_hook's",
}


def percentile(values, part):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))] if ordered else 0


def columns(line):
    return len(line.expandtabs(TAB))


def declared_lines(text):
    without = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    return sum(1 for line in without.splitlines() if line.strip())


def check_function(function):
    limits = (
        ("lines", function.lines, FUNCTION_LINES),
        ("levels of nesting", function.nesting, NESTING),
        ("parameters", function.parameters, PARAMETERS),
    )
    return [
        f"{function.path}:{function.line}: {function.name} has {value} {what}, at most {limit}"
        for what, value, limit in limits
        if value > limit
        and not (what == "parameters" and (function.path, function.name) in FOREIGN)
    ]


def check_file(path, text):
    found = []
    if path.endswith(".h") and declared_lines(text) > HEADER_LINES:
        found.append(f"{path}:1: {declared_lines(text)} lines of declarations, at most {HEADER_LINES}")
    lines = text.splitlines()
    if len(lines) > FILE_LINES:
        found.append(f"{path}:1: {len(lines)} lines, at most {FILE_LINES}")
    for number, line in enumerate(lines, 1):
        if columns(line) > COLUMNS:
            found.append(f"{path}:{number}: {columns(line)} columns, at most {COLUMNS}")
    return found


def main():
    root, found, told = source.root_argument(), [], []
    for name, under in (("product", source.PRODUCT), ("tests", ("tests",))):
        lengths = []
        for path in source.files(root, (".c", ".h"), under):
            text = source.read(root, path)
            found += check_file(path, text)
            for function in source.functions(path, text):
                found += check_function(function)
                lengths.append(function.lines)
        ninth = percentile(lengths, 0.9)
        if ninth > FUNCTION_LINES_90:
            found.append(f"{name}: 90 % of functions have up to {ninth} lines, at most {FUNCTION_LINES_90}")
        told.append(
            f"{name}: {len(lengths)} functions, median {percentile(lengths, 0.5)} lines, "
            f"90 % up to {ninth}, longest {max(lengths, default=0)}"
        )
    return source.report("sizes", found, "; ".join(told))


if __name__ == "__main__":
    sys.exit(main())
