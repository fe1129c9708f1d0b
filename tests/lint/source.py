# SPDX-License-Identifier: Apache-2.0
"""The sources of the tree as the rules see them: files, C tokens, functions.

The tokenizer knows comments, strings, characters, line continuation and preprocessor lines, which
is all that the rules need. It expands no macro.
"""
import os
import re
import sys
from dataclasses import dataclass, field

PRODUCT = ("module", "hsm", "config")
SKIPPED = {".git", "build", ".holdfast", "__pycache__", ".pytest_cache"}

TOKEN = re.compile(
    r"""(?P<comment>/\*.*?\*/|//[^\n]*)
      |(?P<string>"(?:\\.|[^"\\\n])*")
      |(?P<char>'(?:\\.|[^'\\\n])*')
      |(?P<word>[A-Za-z_]\w*)
      |(?P<number>\.?\d[\w.]*)
      |(?P<hash>^[ \t]*\#)
      |(?P<newline>\n)
      |(?P<punct>\S)""",
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)
CONTROL = {"if", "for", "while", "switch"}


@dataclass
class Token:
    kind: str
    text: str
    line: int


@dataclass
class Function:
    path: str
    name: str
    line: int
    last: int
    parameters: int
    nesting: int
    body: list = field(repr=False)
    signature: list = field(repr=False)

    @property
    def lines(self):
        return self.last - self.line + 1


def files(root, suffixes=None, under=None):
    """Paths below root, relative, sorted; generated folders left out."""
    found = []
    for top, folders, names in os.walk(root):
        folders[:] = sorted(f for f in folders if f not in SKIPPED)
        for name in sorted(names):
            path = os.path.relpath(os.path.join(top, name), root)
            if suffixes is not None and not name.endswith(suffixes):
                continue
            if under is not None and path.split(os.sep)[0] not in under:
                continue
            found.append(path)
    return found


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as file:
        return file.read()


def tokens(text):
    """Tokens outside comments and preprocessor lines."""
    # A continued line is one line to the language; the numbers of lines stay right enough.
    line, directive, out = 1, False, []
    for match in TOKEN.finditer(text.replace("\\\n", " \x01")):
        kind, value = match.lastgroup, match.group()
        line_here = line
        line += value.count("\n") + value.count("\x01")
        if kind == "newline":
            directive = False
        elif kind == "hash":
            directive = True
        elif value == "\x01" or kind == "comment" or directive:
            continue
        else:
            out.append(Token(kind, value, line_here))
    return out


def macro_tokens(text):
    """Tokens of the bodies of #define lines: what a macro hides counts as written."""
    out = []
    joined = re.sub(r"\\\n", lambda m: " \x01", text)
    line = 1
    for raw in joined.split("\n"):
        if re.match(r"\s*#\s*define\b", raw):
            body = re.sub(r"^\s*#\s*define\s+\w+(\([^)]*\))?", "", raw)
            for match in TOKEN.finditer(body):
                if match.lastgroup != "comment":
                    out.append(Token(match.lastgroup, match.group(), line))
        line += 1 + raw.count("\x01")
    return out


def group_end(toks, at):
    """Index behind the bracket that closes the one at `at`."""
    depth = 0
    for i in range(at, len(toks)):
        if toks[i].text in "([{":
            depth += 1
        elif toks[i].text in ")]}":
            depth -= 1
            if depth == 0:
                return i + 1
    return len(toks)


def parameter_count(toks):
    """`toks`: a parenthesised list with its parentheses."""
    inner = toks[1:-1]
    if not inner or (len(inner) == 1 and inner[0].text == "void"):
        return 0
    depth, count = 0, 1
    for token in inner:
        if token.text in "([{":
            depth += 1
        elif token.text in ")]}":
            depth -= 1
        elif token.text == "," and depth == 0:
            count += 1
    return count


class Nesting:
    """Deepest nesting of control statements, braces or not; `else if` does not deepen."""

    def __init__(self, toks):
        self.toks, self.deepest = toks, 0

    def block(self, at, depth):
        """`at` is behind the opening brace; answers the index behind the closing one."""
        while at < len(self.toks) and self.toks[at].text != "}":
            at = self.statement(at, depth)
        return at + 1

    def inner(self, at, depth):
        self.deepest = max(self.deepest, depth)
        return self.statement(at, depth)

    def statement(self, at, depth):
        if at >= len(self.toks):
            return at
        text = self.toks[at].text
        if text == "{":
            return self.block(at + 1, depth)
        if text in CONTROL:
            at = self.inner(group_end(self.toks, at + 1), depth + 1)
            while at < len(self.toks) and self.toks[at].text == "else":
                at += 1
                if self.toks[at].text == "if":
                    at = group_end(self.toks, at + 1)
                at = self.inner(at, depth + 1)
            return at
        if text == "do":
            at = self.inner(at + 1, depth + 1)
            return self.expression(at)
        if text in ("case", "default"):
            while self.toks[at].text != ":":
                at += 1
            return at + 1
        return self.loop_macro(at, depth)

    def loop_macro(self, at, depth):
        """NAME(...) { ... } is a loop that a macro makes."""
        if self.toks[at].kind == "word" and self.text(at + 1) == "(":
            end = group_end(self.toks, at + 1)
            if self.text(end) == "{":
                return self.inner(end, depth + 1)
        return self.expression(at)

    def text(self, at):
        return self.toks[at].text if at < len(self.toks) else ""

    def expression(self, at):
        while at < len(self.toks) and self.toks[at].text != ";":
            at = group_end(self.toks, at) if self.toks[at].text in "([{" else at + 1
        return at + 1


def signature_list(toks):
    """(index, end) of the parameter list of a signature, or None when it is no function's."""
    at, found = 0, None
    while at < len(toks):
        if toks[at].text == "=":
            return None
        if toks[at].text == "(":
            end = group_end(toks, at)
            named = at > 0 and toks[at - 1].kind == "word"
            if named and toks[at - 1].text != "__attribute__":
                found = (at, end)
            at = end
        elif toks[at].text in "[{":
            at = group_end(toks, at)
        else:
            at += 1
    return found


def functions(path, text):
    """Every function defined in a file."""
    toks, out, start, at = tokens(text), [], 0, 0
    while at < len(toks):
        if toks[at].text == ";":
            start = at = at + 1
        elif toks[at].text == "{":
            end = group_end(toks, at)
            signature = toks[start:at]
            place = signature_list(signature)
            if place is not None and signature[-1].text in (")",):
                nesting = Nesting(toks[at + 1 : end])
                nesting.block(0, 0)
                out.append(
                    Function(
                        path,
                        signature[place[0] - 1].text,
                        signature[0].line,
                        toks[end - 1].line,
                        parameter_count(signature[place[0] : place[1]]),
                        nesting.deepest,
                        toks[at:end],
                        signature,
                    )
                )
                start = end
            at = end
        elif toks[at].text == "(":
            at = group_end(toks, at)
        else:
            at += 1
    return out


def report(rule, found, told=""):
    """Prints what was found; answers the exit code."""
    for line in found:
        print(line)
    if told:
        print(f"{rule}: {told}")
    return 1 if found else 0


def root_argument():
    """The tree to look at: the first argument, or the one that this file is in."""
    if len(sys.argv) > 1:
        return os.path.abspath(sys.argv[1])
    return os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
