# SPDX-License-Identifier: Apache-2.0
"""Secrets that were planted, and a search of files that finds them however they were written down."""
import base64
import os
import re

RUN = 12      # bytes of a secret, or of its Base64, that are no chance
HEX_RUN = 16  # digits of its hex, which other things are written in, too
STRIDE = 4    # places that are looked at, so a run of RUN + STRIDE - 1 is found wherever it begins

ZEROS = re.compile(rb"\0{256,}")  # of pages and segments that are not written yet
ESCAPED = re.compile(rb"\\u00([0-9a-fA-F]{2})|\\x([0-9a-fA-F]{2})|%([0-9a-fA-F]{2})|\\([0-7]{3})")
BACKSLASHED = re.compile(rb'\\(["\\/bfnrt])')
CONTROL = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}
BETWEEN_DIGITS = re.compile(rb"\\x|\\u00|0x|[%:,\-\s]")
URL_SAFE = bytes.maketrans(b"-_", b"+/")
LINE_ENDS = re.compile(rb"[\r\n]+")


def unescaped(data):
    """JSON's, C's, HTTP's and the shell's ways to write bytes that are no letters."""
    def byte(match):
        x, y, z, octal = match.groups()
        return bytes([int(octal, 8) & 255 if octal else int(x or y or z, 16)])

    return BACKSLASHED.sub(lambda m: CONTROL.get(m[1], m[1]), ESCAPED.sub(byte, data))


def latin(data):
    """Bytes that were taken for characters, and those written as UTF-8."""
    return data.decode("utf-8", "replace").encode("latin-1", "replace")


def views(data):
    """What could be meant by these bytes, each reading once."""
    plain = data.replace(b"\0", b"")  # UTF-16, and digits in wide characters
    open_ = unescaped(data)
    found = dict.fromkeys([data, plain, open_, latin(data), latin(open_), latin(plain),
                           LINE_ENDS.sub(b"", data)])
    return list(found)


def hex_views(data):
    plain = data.replace(b"\0", b"").lower()
    return list(dict.fromkeys([data.lower(), plain, BETWEEN_DIGITS.sub(b"", plain)]))


def windows(data, length):
    return {data[at:at + length] for at in range(len(data) - length + 1)}


def base64_forms(data):
    """At each place that it can have within something longer."""
    for before in range(3):
        text = base64.b64encode(b"\0" * before + data)
        yield text[4:] if before else text
    yield base64.b64encode(data)


class Canaries:
    """add() each secret, then search() folders."""

    def __init__(self):
        self.secrets = {}  # name: bytes
        self.windows = {RUN: {}, HEX_RUN: {}}

    def add(self, name, secret):
        data = secret.encode() if isinstance(secret, str) else secret
        assert len(data) >= RUN + STRIDE, f"{name} is too short to be told from chance"
        self.secrets[name] = data
        for form in (data, *base64_forms(data)):
            self.windows[RUN].update(dict.fromkeys(windows(form, RUN), name))
        self.windows[HEX_RUN].update(dict.fromkeys(windows(data.hex().encode(), HEX_RUN), name))
        return secret

    def allow(self, public):
        """Parts of secrets that are none: what all session tokens begin with, say."""
        for length, known in self.windows.items():
            for part in windows(public.encode() if isinstance(public, str) else public, length):
                known.pop(part, None)

    def search_bytes(self, data):
        """{name: where it stands, with what is around it} of the secrets in it."""
        data = ZEROS.sub(b"\0" * 8, data)
        read = views(data)
        read += [view.translate(URL_SAFE) for view in read[:1] if b"-" in view or b"_" in view]
        found = {}
        for length, texts in ((RUN, read), (HEX_RUN, hex_views(data))):
            known = self.windows[length]
            for text in texts:
                for at in range(0, len(text) - length + 1, STRIDE):
                    name = known.get(text[at:at + length])
                    if name is not None:
                        found.setdefault(name, (at, text[max(0, at - 100):at + 60]))
        return found

    def search(self, *folders, but=()):
        """{path: what is in it} of all files, but those that may hold them, and how many were read."""
        found, count = {}, 0
        for folder in folders:
            for top, _, names in os.walk(folder):
                for path in (os.path.join(top, name) for name in names):
                    if path in but or not os.path.isfile(path):
                        continue
                    with open(path, "rb") as file:
                        inside = self.search_bytes(file.read())
                    count += 1
                    if inside:
                        found[path] = inside
        return found, count
