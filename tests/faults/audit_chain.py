# SPDX-License-Identifier: Apache-2.0
"""The audit log's chain through the life of a real service: kills, a full disk, retention, and what
holdfast audit verify says of it; and that a log that was doctored is told from one that was not."""
import json
import os
import shutil
import signal
import threading
import time

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from holdfast import wait_for
from holdfast.installation import write_file
from holdfast.tracing import Tracer

KILLS = 4
LOAD_THREADS = 4


class Load:
    """Calls until told to stop; the request ids of those that were answered."""

    def __init__(self, own, key):
        self.own, self.key = own, key
        self.answered, self.failed = [], 0
        self.ended = threading.Event()
        self.threads = [threading.Thread(target=self.run) for _ in range(LOAD_THREADS)]

    def run(self):
        kms = self.own.client()
        while not self.ended.is_set():
            try:
                for call in (lambda: kms.encrypt(KeyId=self.key, Plaintext=b"x"),
                             lambda: kms.describe_key(KeyId=self.key)):
                    self.answered.append(call()["ResponseMetadata"]["RequestId"])
            except ClientError as error:
                self.answered.append(error.response["ResponseMetadata"]["RequestId"])
                self.failed += 1
                time.sleep(0.01)
            except (BotoCoreError, OSError):
                time.sleep(0.01)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def more(self, count):
        wanted = len(self.answered) + count
        wait_for(lambda: len(self.answered) >= wanted, "calls are answered", 60)

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join(60)


def public_key(own):
    path = own.path("audit.pem")
    if not os.path.exists(path):
        write_file(path, own.run("holdfast", "audit", "public-key", "--socket",
                                 own.daemon.admin).stdout)
    return path


def verify(own, folder=None, *arguments):
    ran = own.run("holdfast", "audit", "verify", folder or own.daemon.audit, "--key",
                  public_key(own), "--json", *arguments, check=False)
    return ran.returncode, json.loads(ran.stdout)


def segments(own):
    return sorted(os.path.join(own.daemon.audit, name) for name in os.listdir(own.daemon.audit)
                  if name.endswith(".jsonl"))


def rewrite(own, setting, text):
    with open(own.daemon.settings, encoding="utf-8") as file:
        before = file.read()
    write_file(own.daemon.settings, before.replace("[audit]\n", f"[audit]\n{setting} = {text}\n", 1))


def test_every_acknowledged_call_is_in_a_log_that_verifies_after_kills(own):
    key = own.client().create_key()["KeyMetadata"]["Arn"]
    public_key(own)
    with Load(own, key) as load:
        for round_number in range(KILLS):
            load.more(60 + 17 * round_number)
            own.daemon.kill()
            own.daemon.start()
            own.daemon.await_ready()
        load.more(20)
        status, live = verify(own)  # beside the writer
        assert status == 0 and live["Sound"], live
    own.stop()
    status, report = verify(own)
    assert status == 0, report
    assert report["Sound"] and report["Problems"] == 0 and report["Begin"]["Sequence"] == 1
    # A clean stop leaves nothing that is not signed for.
    assert report["UnattestedRecords"] == 0 and report["Attestations"] > 0
    logged = {record["requestID"] for record in own.daemon.audit_records() if "requestID" in record}
    assert set(load.answered) <= logged
    lines = own.daemon.audit_lines()
    assert [line["chain"]["sequence"] for line in lines] == list(range(1, len(lines) + 1))
    assert len({line["chain"]["id"] for line in lines}) == 1


def test_a_disk_that_refuses_leaves_no_hole_in_the_chain(make, tmp_path):
    # strace answers in the kernel's place by a call without a number, which the sandbox forbids.
    own = make(settings={"sandbox": {"seccomp": "off"}})
    public_key(own)
    kms = own.client()
    key = kms.create_key()["KeyMetadata"]["Arn"]
    with Tracer(own.daemon.pid, tmp_path / "full", "-e", "trace=pwritev,pwritev2", "-e",
                "inject=pwritev,pwritev2:error=ENOSPC"):
        with pytest.raises(ClientError) as refused:
            own.client().describe_key(KeyId=key)
        assert refused.value.response["Error"]["Code"] == "KMSInternalException"
        wait_for(lambda: not own.daemon.ready(), "it says that it is not ready")
    wait_for(own.daemon.ready, "it goes on by itself", 30)
    answered = kms.describe_key(KeyId=key)["ResponseMetadata"]["RequestId"]
    own.stop()
    status, report = verify(own)
    assert status == 0 and report["Sound"], report
    assert answered in {record.get("requestID") for record in own.daemon.audit_records()}


def test_a_segment_that_retention_removed_is_explained_and_one_that_somebody_did_is_not(own, tmp_path):
    public_key(own)
    rewrite(own, "segment_mib", 1)
    own.daemon.stop()
    own.daemon.start()
    own.daemon.await_ready()
    key = own.client().create_key()["KeyMetadata"]["Arn"]
    context = {f"{i}": "x" * 4000 for i in range(1)}
    kms = own.client()
    while len(segments(own)) < 3:
        kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext=context)
    first = segments(own)[0]
    aside = shutil.copytree(own.daemon.audit, tmp_path / "aside")
    os.remove(aside / os.path.basename(first))
    status, report = verify(own, str(aside))
    assert status == 65 and report["FirstProblem"]["Kind"] == "missing segment"
    rewrite(own, "keep_mib", 2)
    own.daemon.signal(signal.SIGHUP)
    wait_for(lambda: not os.path.exists(first), "the oldest segment is removed")
    own.stop()
    status, report = verify(own)
    assert status == 0 and report["Sound"], report
    assert report["Begin"]["Sequence"] > 1 and report["RemovedSegments"] >= 1


def test_a_doctored_log_is_told_by_file_and_line_and_event(own):
    kms = own.client()
    key = kms.create_key()["KeyMetadata"]["Arn"]
    ids = [kms.describe_key(KeyId=key)["ResponseMetadata"]["RequestId"] for _ in range(10)]
    public_key(own)
    own.stop()
    status, sound = verify(own)
    assert status == 0
    (segment,) = segments(own)
    with open(segment, encoding="utf-8") as file:
        lines = file.read().split("\n")
    at = next(i for i, line in enumerate(lines) if ids[4] in line)
    event = json.loads(lines[at])["eventID"]
    doctored = lines[at].replace('"eventName":"DescribeKey"', '"eventName":"ListKeys"')
    assert doctored != lines[at]
    write_file(segment, "\n".join(lines[:at] + [doctored] + lines[at + 1:]), 0o640)
    status, report = verify(own)
    problem = report["FirstProblem"]
    assert status == 65 and not report["Sound"]
    assert (problem["Kind"], problem["Segment"], problem["Line"], problem["EventId"]) == \
        ("changed line", os.path.basename(segment), at + 1, event)
    told = own.run("holdfast", "audit", "verify", own.daemon.audit, "--key", public_key(own),
                   check=False)
    assert told.returncode == 65
    assert told.stdout.startswith("NOT SOUND: changed line") and event in told.stdout
    # An end that was cut off is told by a head that was written down before.
    write_file(segment, "\n".join(lines[:-3] + [""]), 0o640)
    expect = f"{sound['Head']['Sequence']}:{sound['Head']['Hash']}"
    status, report = verify(own, None, "--expect", expect)
    assert status == 65 and report["FirstProblem"]["Kind"] == "missing end"


def test_wrong_arguments_are_told(own):
    wrong = write_file(own.path("wrong.pem"), "no key\n")
    folder = own.daemon.audit
    for arguments, status in (([folder, "--key", wrong], 64),
                              ([folder, "--key", public_key(own), "--expect", "1:ab"], 64),
                              ([own.path("nowhere"), "--key", public_key(own)], 74),
                              ([folder, "--key", own.path("missing.pem")], 74)):
        assert own.run("holdfast", "audit", "verify", *arguments, check=False).returncode == status
    # A folder without a log, mistyped or emptied, is no sound log.
    empty = own.path("empty")
    os.mkdir(empty)
    ran = own.run("holdfast", "audit", "verify", empty, "--key", public_key(own), check=False)
    assert (ran.returncode, ran.stdout) == (74, "") and f"no audit log in {empty}" in ran.stderr
    wait_for(lambda: verify(own)[0] == 0, "the token has signed for the log", 30)
    asked = own.run("holdfast", "audit", "verify", folder, "--socket", own.path("no.sock"), check=False)
    assert asked.returncode == 69 and "does not answer: No such file or directory.\n" in asked.stderr
    asked = own.run("holdfast", "audit", "verify", folder, "--socket", own.daemon.admin)
    assert asked.stdout.startswith("SOUND\n")
