#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Counts a JUnit report: prints "<passed> <failed>".

For ctest's reports the single tests inside a cmocka program are counted, not the programs; one that
died without a summary counts as one failure.
"""
import re
import sys
import xml.etree.ElementTree as ElementTree


def count_case(case):
    bad = any(case.find(tag) is not None for tag in ("failure", "error"))
    if not bad and (case.find("skipped") is not None or case.get("status") in ("disabled", "notrun")):
        return 0, 0
    output = "".join(case.findtext("system-out") or "")
    passed = sum(int(n) for n in re.findall(r"^\[  PASSED  \] (\d+) test", output, re.MULTILINE))
    failed = sum(int(n) for n in re.findall(r"^\[  FAILED  \] (\d+) test", output, re.MULTILINE))
    if bad or case.get("status") == "fail":
        return passed, max(1, failed)
    return max(1, passed), failed


def main():
    try:
        cases = ElementTree.parse(sys.argv[1]).getroot().iter("testcase")
        counts = [count_case(case) for case in cases]
    except (OSError, ElementTree.ParseError):
        counts = []
    print(sum(c[0] for c in counts), sum(c[1] for c in counts))


if __name__ == "__main__":
    main()
