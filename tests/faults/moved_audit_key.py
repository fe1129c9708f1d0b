# SPDX-License-Identifier: Apache-2.0
"""A token whose audit-signing key was made anew: the service says so where it begins, and the log
verifies with both keys, with neither alone; a stolen old token is told. And what stands at the end of
a log that nobody watched."""
import hashlib
import json
import os
import re
import shutil

from holdfast import wait_for
from holdfast.installation import write_file
from holdfast.objects import remake_audit_key

SOUND, WARNING, WRONG = 0, 1, 65
LINK = re.compile(rb',"chain":\{"id":"([0-9a-f-]+)","sequence":(\d+),"previous":"([0-9a-f]{64})"\}\}$')


def keep_key(own, name):
    ran = own.run("holdfast", "audit", "public-key", "--socket", own.daemon.admin)
    return write_file(own.path(name), ran.stdout)


def fingerprint(path):
    with open(path, encoding="utf-8") as file:
        return re.search("[0-9a-f]{64}", file.read())[0]


def verify(own, *keys):
    given = [part for key in keys for part in ("--key", key)]
    ran = own.run("holdfast", "audit", "verify", own.daemon.audit, "--json", *given, check=False)
    assert ran.stdout, ran.stderr
    return ran.returncode, json.loads(ran.stdout)


def resumptions(own):
    return [r["serviceEventDetails"] for r in own.daemon.audit_records()
            if r["eventName"] == "ResumeAuditLog"]


def work(own):
    kms = own.client()
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    for _ in range(5):
        kms.encrypt(KeyId=key, Plaintext=b"x")


def with_token(own, change):
    """Both processes down; the token is another when they are back."""
    own.stop()
    change()
    own.start()


def put(own, kept):
    own.token.stop()
    os.rename(own.token_folder, own.token_folder + f".{len(os.listdir(own.directory))}")
    os.rename(kept, own.token_folder)


def test_a_log_goes_on_with_another_key_and_says_so(own):
    work(own)
    first = keep_key(own, "first.pem")
    own.daemon.stop()
    old_token = own.path("old-token")
    own.keep_token(old_token)
    assert verify(own, first)[0] == SOUND and not resumptions(own)  # a clean stop leaves nothing to tell
    with_token(own, lambda: remake_audit_key(own))
    work(own)
    second = keep_key(own, "second.pem")
    names = [fingerprint(path) for path in (first, second)]
    assert names[0] != names[1]

    # The change: in the daemon's log, and in the chain in front of all else.
    said = own.daemon.read_log()
    assert "audit.key_changed" in said and all(name[:16] in said for name in names)
    told, = resumptions(own)
    assert (told["previousKey"], told["key"]) == (names[0][:16], names[1][:16])
    assert "firstUnproven" not in told

    # doctor and evidence need the older key, too.
    ran = own.run("holdfast", "doctor", "--json", "--config", own.daemon.settings, check=False)
    assert "another key" in ran.stdout
    ran = own.run("holdfast", "doctor", "--json", "--config", own.daemon.settings, "--audit-key", first,
                  check=False)
    assert "follow from each other" in ran.stdout

    own.stop()
    for keys in ((first, second), (second, first)):
        status, report = verify(own, *keys)
        assert status == SOUND and report["Sound"], report
        assert [turn["KeyFingerprint"] for turn in report["Keys"]] == names
        assert [turn["Recorded"] for turn in report["Keys"]] == [False, True]
        assert report["Keys"][1]["FirstLine"] == report["Keys"][0]["LastLine"] + 1
        assert report["UnattestedRecords"] == 0
    both = write_file(own.path("both.pem"), "".join(open(path, encoding="utf-8").read()
                                                     for path in (first, second)))
    assert verify(own, both)[0] == SOUND
    lines = own.daemon.audit_lines()
    for keys, foreign in ((first, names[1]), (second, names[0])):
        status, report = verify(own, keys)
        begins = next(line["chain"]["sequence"] for line in lines
                      if line.get("attestation", {}).get("key") == foreign[:16])
        assert (status, report["FirstProblem"]["Kind"]) == (WRONG, "wrong signature")
        assert report["FirstProblem"]["Sequence"] == begins and foreign[:16] in report["FirstProblem"]["Text"]

    # The old token is used again: the service takes it, and the auditor is told.
    put(own, old_token)
    own.start()
    work(own)
    own.stop()
    status, report = verify(own, both)
    assert status == WARNING and report["Sound"] and report["KeyReturns"] == 1
    assert report["Keys"][2]["Returned"] and report["Keys"][2]["KeyFingerprint"] == names[0]
    ran = own.run("holdfast", "audit", "verify", own.daemon.audit, "--key", both, check=False)
    assert f"WARNING   from line {report['Keys'][2]['FirstSignature']} on" in ran.stdout


def newest(own):
    name = max(n for n in os.listdir(own.daemon.audit) if n.endswith(".jsonl"))
    return os.path.join(own.daemon.audit, name)


def forge(own, count):
    """Lines that follow from the last one, as anybody can write them who can write there."""
    with open(newest(own), "rb") as file:
        lines = file.read().rstrip(b"\0").split(b"\n")[:-1]
    for _ in range(count):
        link = LINK.search(lines[-1])
        record = next(line for line in reversed(lines) if b'"attestation"' not in line)
        record = record[:LINK.search(record).start()]
        lines.append(record + b',"chain":{"id":"%s","sequence":%d,"previous":"%s"}}' % (
            link[1], int(link[2]) + 1, hashlib.sha256(lines[-1]).hexdigest().encode()))
    with open(newest(own), "wb") as file:
        file.write(b"\n".join(lines) + b"\n")


def test_lines_that_were_written_while_nobody_watched_are_told_before_they_are_signed(own):
    work(own)
    key = keep_key(own, "audit.pem")
    own.daemon.stop()
    end = verify(own, key)[1]["Head"]["Sequence"]
    forge(own, 3)
    assert verify(own, key)[1]["UnattestedRecords"] == 3
    own.start()
    assert "audit.tail_unproven" in own.daemon.read_log()
    told, = resumptions(own)
    # The head was stored before the last signature was written: that is a line, too.
    assert told["firstUnproven"] in (end, end + 1) and told["lastUnproven"] == end + 3
    assert told["behindStop"] and "behind the signed record of a stop" in own.daemon.read_log()
    wait_for(lambda: verify(own, key)[1]["UnattestedRecords"] == 0, "they are signed over")
    own.stop()
    status, report = verify(own, key)
    assert status == WARNING  # nobody else writes behind a stop
    found, = report["FoundAtStarts"]
    assert report["Sound"] and (found["FirstLine"], found["LastLine"], found["ToldInLine"]) == \
        (told["firstUnproven"], end + 3, end + 4)
    ran = own.run("holdfast", "audit", "verify", own.daemon.audit, "--key", key, check=False)
    assert f"to {end + 3}, at a start (told in line {end + 4})" in ran.stdout


def test_lines_of_a_service_that_was_killed_are_told_and_no_warning(own):
    work(own)
    key = keep_key(own, "audit.pem")
    own.daemon.kill()
    forge(own, 2)  # as if it had written them before it was signed for
    own.start()
    told, = resumptions(own)
    assert "behindStop" not in told
    own.stop()
    status, report = verify(own, key)
    assert status == SOUND and report["StartsWithLinesFound"] == 1

    # Several logs in one run: an object a line, and the worst decides.
    cut = str(shutil.copytree(own.daemon.audit, own.path("cut")))
    one, = [name for name in os.listdir(cut) if name.endswith(".jsonl")]
    with open(os.path.join(cut, one), encoding="utf-8") as file:
        lines = file.read().split("\n")
    write_file(os.path.join(cut, one), "\n".join(lines[:3] + lines[4:]))
    ran = own.run("holdfast", "audit", "verify", own.daemon.audit, cut, "--key", key, "--json", check=False)
    reports = [json.loads(line) for line in ran.stdout.splitlines()]
    assert ran.returncode == WRONG
    assert [(r["Directory"], r["Sound"]) for r in reports] == [(own.daemon.audit, True), (cut, False)]
    assert all(isinstance(r["Keys"], list) and isinstance(r["FoundAtStarts"], list) for r in reports)
    ran = own.run("holdfast", "audit", "verify", own.daemon.audit, cut, "--key", key, "--expect",
                  f"1:{'0' * 64}", check=False)
    assert ran.returncode == 64 and "of one log" in ran.stderr


def test_a_log_that_is_cut_while_the_service_runs_is_seen_at_once(own):
    work(own)
    keep_key(own, "audit.pem")
    wait_for(lambda: own.run("holdfast", "audit", "verify", own.daemon.audit, "--key",
                             own.path("audit.pem"), check=False).returncode == 0, "it is signed for")
    own.run("holdfast", "evidence", own.path("before"), "--socket", own.daemon.admin)
    with open(newest(own), "rb") as file:
        lines = file.read().rstrip(b"\0").split(b"\n")[:-1]
    # An older state of the file in its place: sound in itself, and signed for.
    signed = next(i for i, line in enumerate(lines) if b'"attestation"' in line)
    path = newest(own)
    os.rename(path, own.path("aside"))
    write_file(path, b"\n".join(lines[:signed + 1]).decode() + "\n", 0o640)
    assert own.run("holdfast", "audit", "verify", own.daemon.audit, "--key", own.path("audit.pem"),
                   check=False).returncode == 0
    ran = own.run("holdfast", "doctor", "--config", own.daemon.settings, check=False)
    assert "NOT whole: missing end" in ran.stdout
    own.run("holdfast", "evidence", own.path("after"), "--socket", own.daemon.admin)
    for name, kind in (("before", None), ("after", "missing end")):
        with open(os.path.join(own.path(name), "evidence.json"), encoding="utf-8") as file:
            audit = json.load(file)["Audit"]
        assert audit["ExpectedHead"]["Sequence"] > 0 and len(audit["ExpectedHead"]["Hash"]) == 64
        assert audit["Verified"] == (kind is None)
        assert kind is None or audit["FirstProblem"]["Kind"] == kind
