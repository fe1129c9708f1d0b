# SPDX-License-Identifier: Apache-2.0
"""P5: what the token remembers of the store. Older databases, rows that are gone, a token that dies
in between, and the store of a version that knew nothing of this."""
import contextlib
import os
import shutil
import signal
import sqlite3
import time
import urllib.request

import pytest
from botocore.exceptions import ClientError

from holdfast import wait_for
from holdfast.admin import Admin, AdminError
from holdfast.installation import free_port
from holdfast.objects import forget_anchors
from holdfast.process import children

SETTINGS_WRONG = 78  # sysexits.h: EX_CONFIG


def connect(own):
    return contextlib.closing(sqlite3.connect(own.store, timeout=10))


def keep(own, to):
    """A whole copy of the database, as anybody can make one who may read it."""
    with connect(own) as source, contextlib.closing(sqlite3.connect(to)) as target:
        source.backup(target)


def put_back(own, copy):
    for left in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.remove(own.store + left)
    shutil.copy(copy, own.store)


def change(own, statement, *parameters):
    with connect(own) as connection, connection:
        assert connection.execute(statement, parameters).rowcount == 1


def refused_start(own):
    """What the daemon says that does not start: the lines of this attempt."""
    before = len(own.daemon.read_log())
    own.daemon.start()
    wait_for(lambda: not own.daemon.running() or own.daemon.ready(), "started or ended", 30)
    assert not own.daemon.running(), "it serves"
    assert own.daemon.wait() == SETTINGS_WRONG
    return own.daemon.read_log()[before:]


def checks(own):
    return {row["Name"]: row for row in Admin(own).call("Status")["Checks"]}


def code_of(call, **arguments):
    """OK, or the name of the error."""
    try:
        call(**arguments)
        return "OK"
    except ClientError as error:
        return error.response["Error"]["Code"]


def test_an_older_database_does_not_enable_a_key_again(own):
    kms = own.client()
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    older = own.path("older.db")
    keep(own, older)
    kms.disable_key(KeyId=key)
    own.daemon.stop()
    newest = own.path("newest.db")
    keep(own, newest)
    put_back(own, older)
    said = refused_start(own)
    assert 'store.finding kind="rolled back" table="manifest"' in said
    assert "E_STORE_ROLLED_BACK" in said and "holdfastd --recover" in said
    put_back(own, newest)
    own.start()
    assert own.client().describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Disabled"


def test_killed_right_behind_the_answer_of_revoke_grant(own):
    kms = own.client()
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    principal = f"arn:aws:iam::{own.account}:root"
    for round_ in range(3):
        grant = kms.create_grant(KeyId=key, GranteePrincipal=principal, Operations=["Decrypt"])["GrantId"]
        older = own.path(f"older{round_}.db")
        keep(own, older)
        kms.revoke_grant(KeyId=key, GrantId=grant)
        own.daemon.kill()
        newest = own.path("newest.db")
        keep(own, newest)
        put_back(own, older)
        assert "E_STORE_ROLLED_BACK" in refused_start(own)
        put_back(own, newest)
        own.start()
        kms = own.client()
        assert kms.list_grants(KeyId=key)["Grants"] == []


def test_a_row_that_was_deleted_while_the_service_was_stopped(own):
    kms = own.client()
    key = kms.create_key(Tags=[{"TagKey": "secret", "TagValue": "yes"}])["KeyMetadata"]["KeyId"]
    own.daemon.stop()
    whole = own.path("whole.db")
    keep(own, whole)
    for table in ("tags", "versions"):
        change(own, f"DELETE FROM {table}")
        said = refused_start(own)
        assert f'store.finding kind="missing" table="{table}"' in said
        assert "E_STORE_MANIFEST" in said
        put_back(own, whole)
    own.start()
    assert own.client().describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"


def test_a_row_that_was_put_back_alone_is_named(own):
    kms = own.client()
    key = kms.create_key(Description="before")["KeyMetadata"]["KeyId"]
    with connect(own) as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(keys)")]
        older = connection.execute("SELECT * FROM keys").fetchone()
    kms.disable_key(KeyId=key)
    own.daemon.stop()
    change(own, f"UPDATE keys SET {', '.join(f'{name} = ?' for name in columns)}", *older)
    said = refused_start(own)
    line = next(line for line in said.splitlines() if "store.finding" in line)
    assert 'kind="older" table="keys"' in line and key.replace("-", "") in line.replace("-", "")


def test_a_changed_row_is_refused_and_the_rest_is_served(own):
    kms = own.client()
    (one, other) = (kms.create_key(Description=name)["KeyMetadata"]["KeyId"] for name in ("one", "other"))
    blob = kms.encrypt(KeyId=other, Plaintext=b"x")["CiphertextBlob"]
    own.daemon.stop()
    change(own, "UPDATE keys SET description = 'changed' WHERE description = 'one'")
    own.start()
    kms = own.client()
    assert code_of(kms.describe_key, KeyId=one) == "KMSInternalException"
    assert code_of(kms.encrypt, KeyId=one, Plaintext=b"x") == "KMSInternalException"
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    row = checks(own)["manifest"]
    assert row["Level"] == "failure" and "store verify" in row["Remedy"]
    assert 'store.finding kind="changed" table="keys"' in own.daemon.read_log()
    found = Admin(own).call("VerifyStore")
    assert (found["Ok"], found["Error"], found["Found"]) == (False, "E_STORE_SEAL", 1)
    (finding,) = found["Findings"]
    assert (finding["Kind"], finding["Table"]) == ("changed", "keys")
    ran = own.run("holdfast", "--config", own.daemon.settings, "store", "verify", check=False)
    assert ran.returncode == 65 and "NOT SOUND" in ran.stdout
    # The others are changed and protected as before.
    kms.disable_key(KeyId=other)
    assert checks(own)["anchor"]["Level"] == "ok"


def test_a_worker_that_is_killed_while_it_anchors(own):
    kms = own.client()
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    answers, end = [], time.monotonic() + 6
    while time.monotonic() < end:
        for call in (kms.disable_key, kms.enable_key):
            answers.append(code_of(call, KeyId=key))
        if len(answers) % 10 == 0:
            for worker in children(own.token.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker, signal.SIGKILL)
    assert answers.count("OK") > 10
    assert set(answers) <= {"OK", "KMSInternalException", "DependencyTimeoutException", "ThrottlingException"}
    wait_for(own.daemon.ready, "it serves again")
    wait_for(lambda: code_of(kms.disable_key, KeyId=key) == "OK", "it is acknowledged")
    assert checks(own)["anchor"]["Level"] == "ok"
    own.daemon.kill()
    own.start()
    assert own.client().describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Disabled"
    assert Admin(own).call("VerifyStore")["Ok"]


def test_a_token_that_has_lost_its_anchor(own):
    own.client().create_key()
    own.stop()
    forget_anchors(own)
    own.start_token()
    assert "E_HSM_ANCHOR" in refused_start(own)


def go_on_beside(own):
    """A copy of the store is put into service beside it, with the same token, and goes further."""
    keep(own, own.path("twin.db"))
    twin = own.add_daemon("twin", {"store": {"path": own.path("twin.db")}, "metrics": {"listen": ""}})
    twin.start()
    twin.await_ready()
    client = own.client(twin)
    for _ in range(5):
        made = client.create_key()["KeyMetadata"]["KeyId"]
    client.disable_key(KeyId=made)  # answered when the token remembers it, and all before it
    return client


def assert_serves_nothing(own, key, blob):
    kms = own.client()
    for call, arguments in ((kms.encrypt, {"KeyId": key, "Plaintext": b"x"}),
                            (kms.decrypt, {"CiphertextBlob": blob}), (kms.list_keys, {}),
                            (kms.enable_key, {"KeyId": key})):
        with pytest.raises(ClientError) as caught:
            call(**arguments)
        assert caught.value.response["Error"]["Code"] == "KMSInternalException"
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500


def assert_tells_why(own):
    status, body = own.daemon.get("/readyz")
    assert status == 503 and b"E_DISTRUSTED" in body
    assert own.daemon.get("/healthz")[0] == 200
    with urllib.request.urlopen(f"http://{own.extra['metrics']['listen']}/metrics", timeout=5) as reply:
        assert b"\nholdfast_store_distrusted 1\n" in reply.read()
    row = checks(own)["trust"]
    assert row["Level"] == "failure" and "E_HSM_ANCHOR" in row["Detail"]
    assert "holdfastd --recover" in row["Remedy"]
    ran = own.run("holdfast", "--config", own.daemon.settings, "doctor", check=False)
    assert ran.returncode == 2 and "nothing is served since" in ran.stdout
    assert Admin(own).call("VerifyStore")["Error"] == "E_STORE_ROLLED_BACK"
    with pytest.raises(AdminError):
        Admin(own).call("BackupStore", Name="distrusted")
    assert own.daemon.read_log().count("service.distrusted") == 1


def test_a_copy_that_goes_further_with_the_same_token_stops_the_service(make):
    own = make(settings={"metrics": {"listen": f"127.0.0.1:{free_port()}"}}).start()
    kms = own.client()
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    twin = go_on_beside(own)
    assert code_of(kms.disable_key, KeyId=key) == "KMSInternalException"
    wait_for(lambda: not own.daemon.ready(), "it trusts its store no more")
    before = len(own.daemon.audit_records())
    assert_serves_nothing(own, key, blob)
    refused = own.daemon.audit_records()[before:]
    assert [record["eventName"] for record in refused] == ["Encrypt", "Decrypt", "ListKeys", "EnableKey"]
    assert {record["errorCode"] for record in refused} == {"KMSInternalException"}
    assert_tells_why(own)
    assert twin.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    own.daemon.stop()
    said = refused_start(own)
    assert "E_STORE_ROLLED_BACK" in said and 'store.finding kind="rolled back" table="manifest"' in said


def test_a_manifest_that_is_taken_away_stops_the_service(own):
    kms = own.client()
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    change(own, "DELETE FROM manifest")
    code_of(kms.list_aliases)
    wait_for(lambda: not own.daemon.ready(), "it trusts its store no more")
    assert_serves_nothing(own, key, blob)
    assert checks(own)["trust"]["Level"] == "failure"
    own.daemon.stop()
    assert "E_STORE_MANIFEST" in refused_start(own)


def pin(own, installation):
    with open(own.daemon.settings, encoding="utf-8") as file:
        lines = [line for line in file.read().splitlines() if not line.startswith("installation =")]
    lines.insert(lines.index("[store]") + 1, f"installation = {installation}")
    with open(own.daemon.settings, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


def test_a_store_of_another_installation_than_the_settings_name(own):
    other = "0" * 32
    own.daemon.stop()
    with connect(own) as connection:
        (stored,) = connection.execute("SELECT id FROM installation").fetchone()
    pin(own, other)
    said = refused_start(own)
    assert "E_INSTALLATION_OTHER" in said and f'store_has="{stored}" settings_name="{other}"' in said
    ran = own.run("holdfastd", "--config", own.daemon.settings, "--recover", check=False)
    assert ran.returncode == SETTINGS_WRONG and "E_INSTALLATION_OTHER" in ran.stderr
    pin(own, stored)
    own.start()


def make_schema_4(own):
    """What the version before left: without manifest and heads."""
    with connect(own) as connection, connection:
        for table in ("manifest", "audit_heads"):
            connection.execute(f"DROP TABLE {table}")
        connection.execute("DELETE FROM schema_info WHERE version > 4")
        connection.execute("PRAGMA user_version = 4")


def test_a_store_of_before_begins_its_manifest_and_is_protected(own):
    key = own.client().create_key()["KeyMetadata"]["KeyId"]
    own.stop()
    make_schema_4(own)
    forget_anchors(own)
    own.start()
    log = own.daemon.read_log()
    assert "store.migrated from=4" in log and "store.manifest_begun" in log and "anchor.made" in log
    older = own.path("older.db")
    keep(own, older)
    own.client().schedule_key_deletion(KeyId=key)
    own.daemon.stop()
    put_back(own, older)
    assert "E_STORE_ROLLED_BACK" in refused_start(own)


def test_a_store_that_was_taken_back_to_before_manifests(own):
    own.client().create_key()
    own.daemon.stop()
    make_schema_4(own)
    said = refused_start(own)
    assert "E_STORE_MANIFEST" in said and 'kind="manifest"' in said


@pytest.mark.parametrize("kill", [False, True])
def test_an_audit_log_that_was_cut_short(own, kill):
    kms = own.client()
    for _ in range(3):
        kms.create_key()
    if kill:
        wait_for(lambda: Admin(own).call("Status")["Anchor"]["HeadSequence"] >= 2, "the head is stored", 20)
        own.daemon.kill()
    else:
        own.daemon.stop()
    (name,) = [n for n in os.listdir(own.daemon.audit) if n.endswith(".jsonl")]
    path = os.path.join(own.daemon.audit, name)
    with open(path, "rb") as file:
        lines = file.read().split(b"\0")[0].splitlines(keepends=True)
    with open(path, "wb") as file:
        file.writelines(lines[:1])
    said = refused_start(own)
    assert "audit.head_missing" in said and "E_AUDIT_CHAIN" in said
    with open(path, "rb") as file:
        left = file.read()
    assert left == lines[0], "the refused start has signed for a log that was cut short"
    with open(path, "wb") as file:
        file.writelines(lines)
    own.start()
