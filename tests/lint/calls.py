#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Calls and words that the code may not use, and where."""
import sys

import source

# Memory and unbounded text: module/base alone, where each stands behind a checked function.
BASE_ALONE = set(
    """malloc calloc realloc reallocarray free aligned_alloc posix_memalign memcpy memmove memset
    memcmp mempcpy memccpy bcopy bzero bcmp strcpy stpcpy strncpy strcat strncat strdup strndup
    asprintf vasprintf sprintf vsprintf atoi atol atoll atof strtol strtoul strtoll strtoull strtod
    strtok sscanf""".split()
)
# Unsafe in threads, in signals or by nature.
NOWHERE = set(
    """system popen rand srand random srandom drand48 strerror alloca gets tmpnam tempnam mktemp
    localtime gmtime ctime asctime getpwnam getpwuid getgrnam getgrgid getlogin ttyname readdir_r
    vfork gethostbyname inet_ntoa strtok goto longjmp setjmp""".split()
)
# One file is the allocator of its process, and wipes for the libraries in it.
ALLOCATOR = "module/daemon/wiping.c"
# The programs may look at the environment, libraries not: but SoftHSM's settings are found there.
ENVIRONMENT = {"getenv", "secure_getenv", "setenv", "putenv", "unsetenv"}
ENVIRONMENT_PLACES = ("module/daemon/", "hsm/token/", "module/cli/", "hsm/p11/softhsm.c")
# cmocka is written with setjmp; fixed seeds repeat; AddressSanitizer watches the memory of tests.
TESTS_MAY = {"setjmp", "longjmp", "srandom", "random"} | ENVIRONMENT | BASE_ALONE


def is_call(toks, at):
    """A name followed by `(`, or handed on as a value; not a member and not a declaration."""
    if toks[at].text == "goto":
        return True
    before = toks[at - 1].text if at > 0 else ""
    after = toks[at + 1].text if at + 1 < len(toks) else ""
    if before == "." or (before == ">" and at > 1 and toks[at - 2].text == "-"):
        return False
    if at > 0 and toks[at - 1].kind == "word" and before not in ("return", "else", "do", "case"):
        return False  # struct view free: a declaration
    return after == "(" or (before in "(,=" and after in "),;")


def adapters(path, text):
    """Lines of one-line static adapters that hand a library's memory to free(), with a comment."""
    lines, allowed = text.splitlines(), set()
    for function in source.functions(path, text):
        static = any(token.text == "static" for token in function.signature)
        statements = sum(1 for token in function.body if token.text == ";")
        above = lines[function.line - 2].rstrip() if function.line > 1 else ""
        if static and statements == 1 and above.endswith("*/"):
            allowed.update(range(function.line, function.last + 1))
    return allowed


def forbidden(path):
    words = set(NOWHERE)
    if not path.startswith(ENVIRONMENT_PLACES):
        words |= ENVIRONMENT
    if not path.startswith("module/base/") and path != ALLOCATOR:
        words |= BASE_ALONE
    if path.startswith("tests/"):
        words -= TESTS_MAY
    return words


def check_file(root, path):
    text, found = source.read(root, path), []
    words, freeing = forbidden(path), adapters(path, text)
    for toks in (source.tokens(text), source.macro_tokens(text)):
        for at, token in enumerate(toks):
            if token.kind != "word" or token.text not in words or not is_call(toks, at):
                continue
            if token.text == "free" and token.line in freeing:
                continue
            found.append(f"{path}:{token.line}: {token.text} may not be used here")
    return found


def main():
    root, found = source.root_argument(), []
    for path in source.files(root, (".c", ".h"), source.PRODUCT + ("tests",)):
        found += check_file(root, path)
    return source.report("calls", found)


if __name__ == "__main__":
    sys.exit(main())
