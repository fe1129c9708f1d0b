# SPDX-License-Identifier: Apache-2.0
"""Whoever writes the audit log's files is found out: by holdfast audit verify, which needs nothing but
the public key, or by the service's own start, which compares the log with the head that the store
keeps; by both, where the end is missing or made anew."""
import contextlib
import hashlib
import json
import os
import re
import shutil
import sqlite3

import pytest

from holdfast import wait_for
from holdfast.installation import running, write_file

SOUND, WRONG, SETTINGS_WRONG = 0, 65, 78
LINK = re.compile(rb',"chain":\{"id":"[0-9a-f-]+","sequence":(\d+),"previous":"([0-9a-f]{64})"\}\}$')


class Log:
    """The log of a stopped service, as [[line]] of its segments, and copies to go back to."""

    def __init__(self, own):
        self.own, self.folder = own, own.daemon.audit
        self.key = write_file(own.path("audit.pem"), own.run(
            "holdfast", "audit", "public-key", "--socket", own.daemon.admin).stdout)
        self.fill()
        own.daemon.stop()
        with contextlib.closing(sqlite3.connect(own.store)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self.kept, self.store, self.token = (own.path(name) for name in ("kept", "kept.db", "kept.token"))
        shutil.copytree(self.folder, self.kept)
        shutil.copy(own.store, self.store)
        own.keep_token(self.token)
        self.head = self.verify()[1]["Head"]

    def expected(self):
        return f"{self.head['Sequence']}:{self.head['Hash']}"

    def fill(self):
        """Three segments; what is said in them is long."""
        kms = self.own.client()
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        while len(self.names()) < 3:
            kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"a": "x" * 4000})
        for _ in range(20):
            kms.describe_key(KeyId=key)

    def names(self, folder=None):
        return sorted(n for n in os.listdir(folder or self.folder) if n.endswith(".jsonl"))

    def path(self, name):
        return os.path.join(self.folder, name)

    def restore(self):
        shutil.rmtree(self.folder)
        shutil.copytree(self.kept, self.folder)

    def read(self):
        out = []
        for name in self.names():
            with open(self.path(name), "rb") as file:
                out.append(file.read().rstrip(b"\0").split(b"\n")[:-1])
        assert len(out) == 3 and all(len(lines) > 10 for lines in out)
        return out

    def write(self, segments):
        for name, lines in zip(self.names(), segments):
            with open(self.path(name), "wb") as file:
                file.write(b"".join(line + b"\n" for line in lines))

    def verify(self, *more):
        ran = self.own.run("holdfast", "audit", "verify", self.folder, "--key", self.key, "--json",
                           *more, check=False)
        return ran.returncode, json.loads(ran.stdout)

    def starts(self):
        daemon = self.own.daemon
        before = len(daemon.read_log())
        daemon.start()
        wait_for(lambda: not daemon.running() or daemon.ready(), "started or ended", 30)
        served = daemon.running()
        status = daemon.stop() if served else daemon.wait()
        assert status == (0 if served else SETTINGS_WRONG)
        if served:  # it has written: back to the time before
            for left in ("-wal", "-shm"):
                with contextlib.suppress(FileNotFoundError):
                    os.remove(self.own.store + left)
            shutil.copy(self.store, self.own.store)
            self.own.put_back_token(self.token)
        return served, daemon.read_log()[before:]


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    folder = tmp_path_factory.mktemp("log")
    with running(folder, settings={"audit": {"segment_mib": 1}}) as own:
        yield Log(own)


def doctored(line):
    """Another record under the same place in the chain."""
    changed = line.replace(b'"eventSource":"kms', b'"eventSource":"kmz', 1)
    assert changed != line
    return changed


def chained_anew(segments):
    """Every link made to fit again, which takes no key. Attestations stay as they are."""
    previous, out = None, []
    for lines in segments:
        out.append([])
        for line in lines:
            link = LINK.search(line)
            if previous is not None:
                line = line[:link.start(2)] + previous.encode() + line[link.end(2):]
            previous = hashlib.sha256(line).hexdigest()
            out[-1].append(line)
    return out


def record_at(lines, near):
    return next(i for i in range(near, len(lines)) if b'"attestation"' not in lines[i])


# --- what is done to the segments [first, second, third] ---

def edit(s):
    at = record_at(s[1], 5)
    s[1][at] = doctored(s[1][at])


def edit_the_end(s):
    at = record_at(s[2], len(s[2]) - 5)
    s[2][at] = doctored(s[2][at])


def delete(s):
    del s[1][record_at(s[1], 5)]


def reorder(s):
    s[1][5], s[1][6] = s[1][6], s[1][5]


def repeat(s):
    s[1].insert(5, s[1][5])


def empty(s):
    s[1] = []


def exchange(s):
    s[0], s[1] = s[1], s[0]


def replace(s):
    s[1] = list(s[0])


def put_back_older(s):
    s[1] = s[1][:-10]


def truncate(s):
    del s[2][-8:]


def truncate_a_segment(s):
    del s[2][:]


def rechain(s):
    edit(s)
    s[:] = chained_anew(s)


def rechain_the_end(s):
    edit_the_end(s)
    s[:] = chained_anew(s)


def rechain_unsigned(s):
    """As whoever has no key must: with all that was signed since left out."""
    edit(s)
    at = record_at(s[1], 5)
    s[1][at:] = [line for line in s[1][at:] if b'"attestation"' not in line]
    s[2] = [line for line in s[2] if b'"attestation"' not in line]
    number = int(LINK.search(s[1][at])[1])
    for lines, begin in ((s[1], at), (s[2], 0)):
        for i in range(begin, len(lines)):
            link = LINK.search(lines[i])
            lines[i] = lines[i][:link.start(1)] + b"%d" % number + lines[i][link.end(1):]
            number += 1
    s[:] = chained_anew(s)


# What the verification calls it, and whether the start notices: it looks for the head that the store
# keeps, sequence and hash. That a log is cut short nothing in it tells.
TABLE = [
    (edit, "changed line", False), (edit_the_end, "changed line", False),
    (delete, "missing lines", False), (reorder, "lines in another order", False),
    (repeat, "lines in another order", False), (empty, "missing segment", False),
    (exchange, "missing segment", False), (replace, "lines in another order", False),
    (put_back_older, "missing lines", False), (rechain, "wrong signature", True),
    (rechain_the_end, "wrong signature", True), (rechain_unsigned, None, True),
    (truncate, None, True), (truncate_a_segment, None, True),
]


def test_the_log_as_it_was_written_is_sound(log):
    """The control: the same reading and writing without a change."""
    log.restore()
    log.write(log.read())
    status, report = log.verify("--expect", log.expected())
    assert status == SOUND and report["Sound"] and report["UnattestedRecords"] == 0
    assert log.starts()[0]


@pytest.mark.parametrize("act, kind, noticed", TABLE, ids=lambda value: getattr(value, "__name__", ""))
def test_a_doctored_log_is_told(log, act, kind, noticed):
    log.restore()
    segments = log.read()
    act(segments)
    log.write(segments)
    status, report = log.verify()
    if kind is not None:
        assert status == WRONG and report["FirstProblem"]["Kind"] == kind
        assert report["FirstProblem"]["Segment"] in log.names()
    else:  # a head that was written down elsewhere tells, and what nobody has signed for is counted
        assert report["Sound"]
        if act is rechain_unsigned:  # an end that was cut off may happen to be where a signature stood
            assert report["UnattestedRecords"] > 0
        status, report = log.verify("--expect", log.expected())
        assert (status, report["FirstProblem"]["Kind"]) == (WRONG, "missing end")
    served, said = log.starts()
    assert served != noticed
    assert noticed == ("audit.head_missing" in said and "E_AUDIT_CHAIN" in said)
