# SPDX-License-Identifier: Apache-2.0
"""holdfastd --recover and --restore: what does not fit is told, and accepted by an operator alone."""
import contextlib
import hashlib
import json
import os
import shutil
import sqlite3
import time

import pytest

from holdfast import wait_for
from holdfast.installation import program

SOUND, REFUSED_ROWS, MUST_ACCEPT = 0, 1, 2
REFUSED, AWAY, CONFIGURATION = 65, 69, 78


def recover(there, *arguments):
    """(exit status, report) of holdfastd --recover ... --json."""
    ran = there.run("holdfastd", "--config", there.daemon.settings, "--recover", "--json", *arguments,
                    check=False)
    return ran.returncode, json.loads(ran.stdout) if ran.stdout else ran.stderr


def accept(there, *arguments):
    status, report = recover(there, *arguments)
    assert status in (REFUSED_ROWS, MUST_ACCEPT, SOUND), report
    status, _ = recover(there, *arguments, "--accept", report["Code"])
    assert status == 0
    return report


def digests(there):
    """SHA-256 of every file of the installation but the daemon's log, and the folders' entries."""
    found = {}
    for folder, _, names in os.walk(there.directory):
        for name in names:
            path = os.path.join(folder, name)
            if os.path.isfile(path) and not path.endswith(".log"):
                with open(path, "rb") as file:
                    found[path] = hashlib.sha256(file.read()).hexdigest()
    return found


def copy_store(there, path):
    """As a careless backup does it: the file and its log, of a stopped service."""
    shutil.copy(there.store, path)
    if os.path.exists(there.store + "-wal"):
        shutil.copy(there.store + "-wal", path + "-wal")


def put_back(there, path):
    for left in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.remove(there.store + left)
    copy_store_to = there.store
    shutil.copy(path, copy_store_to)


def change(there, statement):
    connection = sqlite3.connect(there.store)
    with connection:
        assert connection.execute(statement).rowcount == 1
    connection.close()


def starts(there):
    daemon = there.daemon
    daemon.start()
    wait_for(lambda: daemon.ready() or not daemon.running(), "started or ended", 30)
    if not daemon.running():
        assert daemon.wait() == CONFIGURATION
    return daemon.ready()


def records(there, name):
    return [r for r in there.daemon.audit_records() if r["eventName"] == name]


def make_key(there, text):
    kms = there.client()
    arn = kms.create_key(Description=text)["KeyMetadata"]["Arn"]
    return arn, kms.encrypt(KeyId=arn, Plaintext=text.encode())["CiphertextBlob"]


def opens(there, key):
    return there.client().decrypt(CiphertextBlob=key[1])["Plaintext"]


def rotate(there, key):
    """A new version, and a ciphertext under it."""
    kms = there.client()

    def current():
        return kms.describe_key(KeyId=key[0])["KeyMetadata"]["CurrentKeyMaterialId"]

    old = current()
    kms.rotate_key_on_demand(KeyId=key[0])
    wait_for(lambda: current() != old, "rotated", 30)
    sealed = kms.encrypt(KeyId=key[0], Plaintext=b"after")
    return sealed["CiphertextBlob"], kms.decrypt(CiphertextBlob=sealed["CiphertextBlob"])["KeyMaterialId"]


def test_a_report_changes_nothing(own):
    make_key(own, "one")
    status, said = recover(own)
    assert status == AWAY and "E_ALREADY_RUNNING" in said  # while the service runs
    own.daemon.kill()  # all of it is in the write-ahead log
    before = digests(own)
    status, report = recover(own)
    assert (status, report["Verdict"], report["Findings"]) == (SOUND, "E_OK", [])
    change(own, "UPDATE keys SET description = 'another'")
    before = digests(own)
    status, report = recover(own)
    assert (status, report["Verdict"]) == (REFUSED_ROWS, "E_STORE_SEAL")
    assert [(f["Kind"], f["Table"]) for f in report["Findings"]] == [("changed", "keys")]
    status, said = recover(own, "--accept", "0123-4567-89ab-cdef")
    assert status == REFUSED
    assert digests(own) == before


def test_a_row_that_was_removed(own):
    key = make_key(own, "one")
    own.client().create_alias(AliasName="alias/gone", TargetKeyId=key[0])
    own.daemon.stop()
    change(own, "DELETE FROM aliases")
    assert not starts(own)
    assert "E_STORE_MANIFEST" in own.daemon.read_log()
    status, report = recover(own)
    assert (status, report["Verdict"]) == (MUST_ACCEPT, "E_STORE_MANIFEST")
    assert [(f["Kind"], f["Table"]) for f in report["Findings"]] == [("missing", "aliases")]
    accept(own)
    assert starts(own)
    assert opens(own, key) == b"one"
    told, = records(own, "RecoverStore")
    assert told["userIdentity"]["type"] == "Operator"
    assert told["serviceEventDetails"]["code"] == report["Code"]
    assert told["serviceEventDetails"]["findings"] == [{"kind": "missing", "table": "aliases", "row": ""}]
    own.daemon.stop()
    assert recover(own)[0] == SOUND


def test_an_older_store(own):
    """What was revoked comes back, and is told; what was rotated since is adopted; nothing is
    destroyed before the operator has looked."""
    key, doomed = make_key(own, "one"), make_key(own, "two")
    kms = own.client()
    kms.schedule_key_deletion(KeyId=doomed[0], PendingWindowInDays=7)
    own.daemon.stop()
    older = own.path("older.db")
    copy_store(own, older)
    own.daemon.start()
    own.daemon.await_ready()
    after, material = rotate(own, key)
    lost = make_key(own, "three")
    own.client().cancel_key_deletion(KeyId=doomed[0])
    own.daemon.stop()
    put_back(own, older)
    assert not starts(own)
    assert "E_STORE_ROLLED_BACK" in own.daemon.read_log()
    report = accept(own)
    assert report["Verdict"] == "E_STORE_ROLLED_BACK"
    assert report["Mark"]["Epoch"] < report["Token"]["Mark"]["Epoch"]
    assert starts(own)
    assert opens(own, key) == b"one"
    opened = own.client().decrypt(CiphertextBlob=after)
    assert (opened["Plaintext"], opened["KeyMaterialId"]) == (b"after", material)
    told, = records(own, "AdoptKeyVersion")
    assert told["serviceEventDetails"]["keyMaterialId"] == material
    with pytest.raises(own.client().exceptions.ClientError):
        opens(own, lost)
    clock = json.loads(own.run("holdfast", "clock", "show", "--json", "--socket", own.daemon.admin).stdout)
    assert not clock["Trusted"]
