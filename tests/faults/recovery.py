# SPDX-License-Identifier: Apache-2.0
"""holdfastd --recover and --restore: what does not fit is told, and accepted by an operator alone."""
import contextlib
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import tempfile
import threading
import time

import pytest

from holdfast import wait_for
from holdfast.installation import Installation, program, write_file

SOUND, REFUSED_ROWS, MUST_ACCEPT = 0, 1, 2
NOBODY = 65534
REFUSED, AWAY, NOT_PERMITTED, CONFIGURATION = 65, 69, 77, 78


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
    shutil.copy(path, there.store)


def change(there, statement):
    connection = sqlite3.connect(there.store)
    with connection:
        assert connection.execute(statement).rowcount == 1
    connection.close()


def ask(there, question):
    connection = sqlite3.connect(there.store)
    answer = connection.execute(question).fetchone()[0]
    connection.close()
    return answer


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
    assert digests(own) == before
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
    row = f"account={own.account} region={own.region} name=alias/gone"
    assert told["serviceEventDetails"]["findings"] == [{"kind": "missing", "table": "aliases", "row": row}]
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
    assert (clock["Trusted"], clock["State"]) == (False, "recovered")
    assert "CancelKeyDeletion" in clock["Remedy"] and "HeldSince" not in clock
    own.daemon.stop()
    assert starts(own)  # which ends no such hold
    for verb, state in (("show", "recovered"), ("accept", "trusted"), ("show", "trusted")):
        told = own.run("holdfast", "clock", verb, "--json", "--socket", own.daemon.admin).stdout
        assert json.loads(told)["State"] == state


# --- backups ---

def backup(there, *name):
    ran = there.run("holdfast", "backup", *name, "--json", "--socket", there.daemon.admin, check=False)
    return ran.returncode, json.loads(ran.stdout) if ran.returncode == 0 else ran.stderr


@contextlib.contextmanager
def load(there, arn):
    """Calls that change the store, and calls that do not, without end; all must succeed."""
    ended, faults = threading.Event(), []

    def calls():
        kms = there.client()
        count = 0
        while not ended.is_set():
            try:
                kms.encrypt(KeyId=arn, Plaintext=b"x")
                kms.update_key_description(KeyId=arn, Description=str(count))
            except Exception as fault:  # pylint: disable=broad-except
                faults.append(fault)
                return
            count += 1

    threads = [threading.Thread(target=calls) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    assert not faults, faults


def test_a_backup_is_made_under_load_and_restored(own):
    key = make_key(own, "one")
    grant = own.client().create_grant(KeyId=key[0], GranteePrincipal=f"arn:aws:iam::{own.account}:root",
                                      Operations=["Decrypt"])["GrantId"]
    with load(own, key[0]):
        status, made = backup(own)
        assert status == 0, made
        assert backup(own, "named.db")[0] == 0
    assert made["Verdict"] == "E_OK" and os.stat(made["Path"]).st_mode & 0o777 == 0o600
    with open(made["Path"], "rb") as file:
        assert hashlib.sha256(file.read()).hexdigest() == made["Sha256"]
    with open(made["Path"] + ".json", encoding="utf-8") as file:
        assert json.load(file)["epoch"] == made["Epoch"]
    assert sorted(os.listdir(os.path.dirname(made["Path"]))) == sorted(
        name + more for name in (os.path.basename(made["Path"]), "named.db") for more in ("", ".json"))
    # the last two would be the text beside "named", and a log of "named.db"
    for wrong in ("named.db", "../other.db", "/tmp/other.db", ".hidden", "named.json", "named.db-wal"):
        status, said = backup(own, wrong)
        assert status == REFUSED, said

    told = [r for r in records(own, "BackupStore") if "errorCode" not in r]
    assert told[0]["responseElements"]["sha256"] == made["Sha256"] and not told[0]["readOnly"]

    after, material = rotate(own, key)
    own.client().revoke_grant(KeyId=key[0], GrantId=grant)
    own.daemon.stop()
    report = accept(own, "--restore", made["Path"])
    assert report["Verdict"] == "E_STORE_ROLLED_BACK" and report["Mark"]["Epoch"] == made["Epoch"]
    kept, = [name for name in os.listdir(own.directory) if ".before-recovery-" in name]
    assert not [name for name in os.listdir(own.directory) if ".recovering" in name]
    assert starts(own)
    assert opens(own, key) == b"one"
    opened = own.client().decrypt(CiphertextBlob=after)
    assert (opened["Plaintext"], opened["KeyMaterialId"]) == (b"after", material)
    grants = own.client().list_grants(KeyId=key[0])["Grants"]
    assert [g["GrantId"] for g in grants] == [grant]  # which the report warns of
    told, = records(own, "RecoverStore")
    assert told["serviceEventDetails"]["restoredFrom"] == made["Path"]
    own.daemon.stop()
    assert recover(own, "--restore", own.path(kept))[1]["Verdict"] == "E_STORE_ROLLED_BACK"


def test_backups_of_one_second_have_each_a_name(own):
    made = [backup(own)[1]["Path"] for _ in range(3)]
    assert len(set(made)) == 3 and all(os.path.exists(path) for path in made)


def test_a_report_says_how_to_accept_until_it_is(own):
    _, made = backup(own)
    rotate(own, make_key(own, "one"))
    own.daemon.stop()
    words = ("holdfast", "recover", "--config", own.daemon.settings, "--restore", made["Path"])
    told = own.run(*words, check=False).stdout
    line = told.rstrip().splitlines()[-1]
    assert line.endswith(f" --config {own.daemon.settings}"), told
    ran = own.run(*line.split(), check=False)  # as it stands
    assert ran.returncode == 0, ran.stderr
    assert "Nothing has been changed" in told and "Nothing has been changed" not in ran.stdout


def give(there, uid):
    """Store, audit log and backups, as the package has them; the token stays another user's."""
    for folder in (there.directory, there.path("backups"), there.daemon.audit,
                   os.path.dirname(there.daemon.audit)):
        os.chown(folder, uid, uid)
        for name in os.listdir(folder):
            path = os.path.join(folder, name)
            if name.startswith(("holdfast.db", "holdfast-2", "audit-", "lock")):
                os.chown(path, uid, uid)
    os.chmod(there.daemon.settings, 0o644)


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone can become another user")
def test_root_works_as_the_user_whose_store_it_is():
    """As under the packaged units, where root has no capability to write into another's folder."""
    with tempfile.TemporaryDirectory(prefix="holdfast-") as folder:
        os.chmod(folder, 0o755)
        users = {"token": {"user": "root", "daemon_users": "nobody"}}
        there = Installation(folder, settings=users).initialise()
        try:
            there.start()
            _, made = backup(there)
            rotate(there, make_key(there, "one"))
            there.daemon.stop()
            give(there, NOBODY)
            accept(there, "--restore", made["Path"])
            stores = [name for name in os.listdir(folder) if name.startswith("holdfast.db")]
            assert len(stores) == 2
            assert {os.stat(there.path(name)).st_uid for name in stores} == {NOBODY}
            as_nobody = subprocess.run(
                ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--",
                 program("holdfastd"), "--config", there.daemon.settings, "--recover"], check=False,
                capture_output=True, timeout=60)
            assert as_nobody.returncode == SOUND, as_nobody.stderr
            give(there, 0)
            assert starts(there)
            told, = records(there, "RecoverStore")
            assert told["userIdentity"]["principalId"] == "uid:0"  # who it was
        finally:
            there.cleanup()


def test_a_backup_that_is_no_store_is_not_restored(own):
    _, made = backup(own)
    with open(made["Path"], "r+b") as file:
        file.seek(0)
        file.write(b"this is no store of ours")
    own.daemon.stop()
    before = digests(own)
    status, said = recover(own, "--restore", made["Path"])
    assert status == REFUSED and f"{made['Path']} is no store of Holdfast, or is damaged" in said
    with open(own.path("empty.db"), "wb"):
        pass
    assert recover(own, "--restore", own.path("empty.db"))[0] == REFUSED
    os.remove(own.path("empty.db"))
    os.rename(made["Path"], own.path("aside.db"))
    os.symlink(own.path("aside.db"), made["Path"])  # what somebody else put there
    status, said = recover(own, "--restore", made["Path"])
    assert status not in (SOUND, REFUSED_ROWS, MUST_ACCEPT) and "a link, and not the file itself" in said
    os.rename(own.path("aside.db"), made["Path"])
    missing = own.run("holdfast", "recover", "--restore", own.path("nowhere.db"), "--config",
                      own.daemon.settings, check=False)
    assert missing.returncode == 74
    assert missing.stderr == f"holdfastd: {own.path('nowhere.db')}: No such file or directory\n"
    assert digests(own) == before


def test_what_was_is_kept_under_a_name_of_its_own(own):
    """However fast one recovery follows the other."""
    _, made = backup(own)
    own.daemon.stop()
    for _ in range(3):
        accept(own, "--restore", made["Path"])
    assert len([name for name in os.listdir(own.directory) if ".before-recovery-" in name]) == 3


def test_a_backup_tells_people_in_words(own):
    ran = own.run("holdfast", "backup", "--socket", own.daemon.admin)
    assert "sound: every row carries its seal" in ran.stdout and "E_OK" not in ran.stdout


def change_setting(there, section, name, value):
    with open(there.daemon.settings, encoding="utf-8") as file:
        text = file.read()
    write_file(there.daemon.settings, text.replace(f"[{section}]\n", f"[{section}]\n{name} = {value}\n"))


def test_a_token_that_is_not_reached_ends_it(own):
    """And who waits in front of it is told what to look at."""
    socket = own.path("token.sock")
    own.daemon.stop()
    own.token.stop()
    began = time.monotonic()
    status, said = recover(own)
    assert status == AWAY and time.monotonic() - began < 20
    assert socket in said and "is holdfast-token running" in said and "`daemon_users` of [token]" in said
    own.start_token()
    change_setting(own, "token", "user", NOBODY)
    status, said = recover(own)
    assert status == NOT_PERMITTED
    assert socket in said and f"it is served by uid {os.getuid()}; `user` of [token]" in said


def test_a_restore_that_is_killed_leaves_one_of_the_two(own):
    old = make_key(own, "old")
    _, made = backup(own)
    new = make_key(own, "new")
    own.daemon.stop()
    command = [program("holdfastd"), "--config", own.daemon.settings, "--restore", made["Path"]]
    ends = {True: 0, False: 0}
    for attempt in range(10):
        code = recover(own, "--restore", made["Path"])[1]["Code"]
        process = subprocess.Popen([*command, "--accept", code], env={**os.environ, **own.environment},
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.03 + attempt * 0.015)
        process.kill()
        process.wait()
        status, report = recover(own)
        assert (status, report["Verdict"]) == (SOUND, "E_OK"), report
        ends[ask(own, "SELECT count(*) FROM keys") == 1] += 1
    assert starts(own)
    assert opens(own, old) == b"old"
    assert ends[False] > 0
    if ends[True]:
        with pytest.raises(own.client().exceptions.ClientError):
            opens(own, new)


# --- another token ---

def clone_token(there):
    """The token's folder as a restored copy of it would be: the same objects, another serial number."""
    there.token.stop()
    folder, = os.listdir(there.token_folder)
    path = os.path.join(there.token_folder, folder, "token.object")
    serial = ask(there, "SELECT token_serial FROM installation")
    with open(path, "rb") as file:
        content = file.read()
    assert content.count(serial.encode()) == 1
    other = serial[:-1] + ("0" if serial[-1] != "0" else "1")
    with open(path, "wb") as file:
        file.write(content.replace(serial.encode(), other.encode()))
    there.start_token()
    return serial, other


def test_a_clone_of_the_token_is_accepted_by_an_operator(own):
    key = make_key(own, "one")
    own.daemon.stop()
    serial, other = clone_token(own)
    assert not starts(own)
    assert "E_HSM_TOKEN_CHANGED" in own.daemon.read_log()
    status, report = recover(own)
    assert (status, report["Verdict"]) == (MUST_ACCEPT, "E_HSM_TOKEN_CHANGED")
    assert report["Token"]["Moved"] and report["Token"]["SecretsOpen"]
    assert recover(own, "--accept", report["Code"])[0] == REFUSED
    assert recover(own, "--accept", report["Code"], "--accept-token")[0] == SOUND
    assert starts(own)
    assert opens(own, key) == b"one"
    told, = records(own, "RecoverStore")
    details = told["serviceEventDetails"]
    assert (details["previousTokenSerial"], details["tokenSerial"]) == (serial, other)
    own.daemon.stop()
    assert recover(own)[0] == SOUND


# --- rows that are refused, and the audit log ---

def test_rows_that_are_refused_can_be_discarded(own):
    """But for those on which others hang."""
    key = make_key(own, "one")
    own.client().create_alias(AliasName="alias/forged", TargetKeyId=key[0])
    own.client().create_grant(KeyId=key[0], GranteePrincipal=f"arn:aws:iam::{own.account}:root",
                              Operations=["Decrypt"])
    own.daemon.stop()
    change(own, "UPDATE grants SET operations = operations + 1")
    change(own, "UPDATE aliases SET updated_ms = updated_ms + 1")
    status, report = recover(own)
    assert (status, report["Verdict"], report["Found"]) == (REFUSED_ROWS, "E_STORE_SEAL", 2)
    assert recover(own, "--accept", report["Code"], "--discard-refused")[0] == SOUND
    assert [ask(own, f"SELECT count(*) FROM {table}") for table in ("grants", "aliases", "keys")] == [0, 0, 1]
    assert starts(own)
    assert opens(own, key) == b"one"
    told, = records(own, "RecoverStore")
    assert told["serviceEventDetails"]["discardedRows"] == 2
    assert {f["table"] for f in told["serviceEventDetails"]["findings"]} == {"grants", "aliases"}
    own.daemon.stop()
    assert recover(own)[0] == SOUND


def test_an_audit_log_that_was_lost(own):
    key = make_key(own, "one")
    own.daemon.stop()  # stores the log's head
    for name in os.listdir(own.daemon.audit):
        os.remove(os.path.join(own.daemon.audit, name))
    assert not starts(own)
    assert "E_AUDIT_CHAIN" in own.daemon.read_log()
    report = accept(own)
    assert report["Verdict"] == "E_AUDIT_CHAIN" and report["AuditLog"]["ExpectedSequence"] > 0
    assert starts(own)
    assert opens(own, key) == b"one"
    told, = records(own, "RecoverStore")
    assert told["serviceEventDetails"]["auditLog"]["verdict"] == "E_AUDIT_CHAIN"
    own.daemon.stop()
    assert recover(own)[0] == SOUND
    assert starts(own)


def test_the_operators_command_leads_there(own):
    own.daemon.stop()
    ran = own.run("holdfast", "recover", "--config", own.daemon.settings, check=False)
    assert ran.returncode == SOUND and "fit together" in ran.stdout, ran.stderr
    ran = own.run("holdfast", "recover", "--config", own.daemon.settings, "--json", check=False)
    assert json.loads(ran.stdout)["Verdict"] == "E_OK"
