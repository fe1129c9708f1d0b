# SPDX-License-Identifier: Apache-2.0
"""A store of an older schema, and one of a newer, under the real daemon."""
import contextlib
import hashlib
import hmac
import os
import shutil
import sqlite3
import stat

import pytest

from holdfast import wait_for
from holdfast.objects import forget_anchors, token_objects

SCHEMA = 6
NEW_TABLES = ("manifest", "audit_heads", "claims", "clock_marks", "aliases", "tags", "last_uses",
              "key_uses", "sessions", "identities", "grant_counts", "grants")
NEW_INDEXES = ("keys_by_rotation", "keys_by_rotation_managed", "keys_by_demand", "versions_by_budget",
               "keys_by_deletion", "keys_destroying", "versions_by_end", "versions_going", "keys_by_id")
NEW_COLUMNS = {"keys": ("rotation_enabled", "rotation_period_days", "rotation_from_ms", "on_demand_ms", "destroying"),
               "versions": ("rotation", "valid_to_ms", "material")}
OLD_TABLES = ("installation", "keys", "versions", "access_keys")  # of schema 1, and as they were
CONFIGURATION = 78  # sysexits.h: EX_CONFIG


@contextlib.contextmanager
def connect(path):
    connection = sqlite3.connect(path, timeout=10)
    try:
        with connection:
            yield connection
    finally:
        connection.close()


def old_columns(connection, table):
    columns = [name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")]
    return ", ".join(f'"{name}"' for name in columns if name not in NEW_COLUMNS.get(table, ()))


def content(path):
    """Every row, as it was of old, of the tables that stay."""
    with connect(path) as connection:
        return {table: sorted(connection.execute(f"SELECT {old_columns(connection, table)} FROM {table}"))
                for table in OLD_TABLES}


def version(path):
    with connect(path) as connection:
        return connection.execute("PRAGMA user_version").fetchone()[0]


def seal(key, table, key_columns, values):
    """As module/store/row.h says."""
    def value(one):
        tag, octets = (1, one.to_bytes(8, "big")) if isinstance(one, int) else (2, one.encode())
        return bytes([tag]) + len(octets).to_bytes(4, "big") + octets

    names = b"".join(len(n).to_bytes(2, "big") + n for n in (b"holdfast row 1", table.encode()))
    row = names + bytes([key_columns, len(values)]) + b"".join(map(value, values))
    return hmac.digest(key, row, hashlib.sha256)


def row_seal_key(own, connection):
    """The bytes of the token's key that seals rows: a test can have them, see objects.py."""
    (wanted,) = connection.execute("SELECT row_seal FROM installation").fetchone()
    return next(bytes.fromhex(one["value"]) for one in token_objects(own, reveal=True)
                if one["id"] == wanted.hex())


def make_old_principals(own, connection):
    """The users as schemas 1 and 2 kept them, and access keys that refer to them."""
    key = row_seal_key(own, connection)
    users = connection.execute("SELECT account, id, 2, arn, name, 1 FROM identities WHERE kind = 2")
    for user in users.fetchall():
        connection.execute("INSERT INTO principals VALUES(?, ?, ?, ?, ?, ?, ?)",
                           (*user, seal(key, "principals", 2, user)))
    connection.execute("CREATE TEMP TABLE was AS SELECT * FROM access_keys")
    connection.execute("DROP TABLE access_keys")
    connection.execute(
        "CREATE TABLE access_keys( access_key_id TEXT NOT NULL PRIMARY KEY, account TEXT NOT NULL,"
        " principal_id TEXT NOT NULL, status INTEGER NOT NULL, created_ms INTEGER NOT NULL,"
        " wrapped BLOB NOT NULL, seal BLOB NOT NULL CHECK(length(seal)=32),"
        " FOREIGN KEY(account, principal_id) REFERENCES principals(account, id)) STRICT")
    connection.execute("INSERT INTO access_keys SELECT * FROM was")


def make_old(own):
    """Takes the store back to schema 1: what its last program would have left of these rows."""
    with connect(own.store) as connection:
        make_old_principals(own, connection)
        for table in NEW_TABLES:
            connection.execute(f"DROP TABLE {table}")
        for index in NEW_INDEXES:
            connection.execute(f"DROP INDEX {index}")
        for table, columns in NEW_COLUMNS.items():
            for column in columns:
                connection.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        connection.execute("DELETE FROM schema_info WHERE version > 1")
        connection.execute("PRAGMA user_version = 1")
    with connect(own.store) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert version(own.store) == 1


@pytest.fixture
def old(own):
    """A stopped installation of schema 1 with one key: (installation, key ARN, ciphertext)."""
    kms = own.client()
    arn = kms.create_key(Description="from before")["KeyMetadata"]["Arn"]
    blob = kms.encrypt(KeyId=arn, Plaintext=b"from before")["CiphertextBlob"]
    own.stop()
    make_old(own)
    forget_anchors(own)
    own.start_token()
    return own, arn, blob


def copy_of(own):
    return f"{own.store}.before-schema-{SCHEMA}"


def start_refused(own):
    own.daemon.start()
    wait_for(lambda: not own.daemon.running() or own.daemon.ready(), "started or ended", 30)
    assert not own.daemon.running(), "it serves"
    return own.daemon.wait()


def test_an_old_store_is_brought_up_and_its_keys_decrypt(old):
    own, arn, blob = old
    before = content(own.store)
    own.start()
    kms = own.client()
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"from before"
    assert content(own.store) == before
    assert version(own.store) == SCHEMA
    kms.create_alias(AliasName="alias/after", TargetKeyId=arn)
    kms.tag_resource(KeyId=arn, Tags=[{"TagKey": "made", "TagValue": "before"}])
    assert kms.encrypt(KeyId="alias/after", Plaintext=b"x")["KeyId"] == arn
    log = own.daemon.read_log()
    assert f'store.copied copy="{copy_of(own)}"' in log
    assert f"store.migrated from=1 to={SCHEMA}" in log
    assert log.index("store.copied") < log.index("store.migrated")
    # Who was there is an identity now, and stays one; its access key is that of before.
    assert "store.identities_adopted principals=1" in log
    with connect(own.store) as connection:
        assert connection.execute("SELECT count(*) FROM principals").fetchone() == (0,)
    own.daemon.stop()
    own.start()
    assert own.client().decrypt(CiphertextBlob=blob)["Plaintext"] == b"from before"


def test_the_copy_is_the_old_store(old):
    own, *_ = old
    before = content(own.store)
    own.start()
    assert stat.S_IMODE(os.stat(copy_of(own)).st_mode) == 0o600
    assert content(copy_of(own)) == before
    assert version(copy_of(own)) == 1
    with connect(copy_of(own)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        marks = ", ".join("?" * len(NEW_TABLES))
        assert not connection.execute(f"SELECT * FROM sqlite_schema WHERE name IN ({marks})",
                                      NEW_TABLES).fetchall()


def test_a_store_that_is_up_to_date_is_not_copied(own):
    own.daemon.stop()
    own.start()
    assert not os.path.exists(copy_of(own))
    assert "store.copied" not in own.daemon.read_log()


def test_the_way_back_and_forth(old):
    """As the README describes it; what stands in for the old version is the new one's upgrade, with
    a token that remembers nothing, and what it leaves there is nobody's."""
    own, arn, blob = old
    before = content(own.store)
    own.start()
    later = own.client().create_key()["KeyMetadata"]["Arn"]
    later_blob = own.client().encrypt(KeyId=later, Plaintext=b"later")["CiphertextBlob"]
    own.daemon.stop()
    own.keep_token(own.path("tokens.later"))
    keys = token_objects(own)
    own.token.stop()
    forget_anchors(own)
    aside = own.path("aside")
    os.mkdir(aside)
    for suffix in ("", "-wal", "-shm"):
        if os.path.exists(own.store + suffix):
            shutil.move(own.store + suffix, aside)
    shutil.move(copy_of(own), own.store)
    assert (version(own.store), content(own.store)) == (1, before)
    own.start()
    assert own.client().decrypt(CiphertextBlob=blob)["Plaintext"] == b"from before"
    with pytest.raises(own.client().exceptions.ClientError):
        own.client().decrypt(CiphertextBlob=later_blob)
    # The key of that time was reported, not destroyed: with the newer store it decrypts again.
    own.stop()
    assert token_objects(own) == keys
    own.put_back_token(own.path("tokens.later"))
    for suffix in ("", "-wal", "-shm"):
        if os.path.exists(own.store + suffix):
            os.remove(own.store + suffix)
    for name in os.listdir(aside):
        shutil.move(os.path.join(aside, name), own.path(name))
    own.start()
    assert own.client().decrypt(CiphertextBlob=later_blob)["Plaintext"] == b"later"
    assert own.client().describe_key(KeyId=arn)["KeyMetadata"]["Description"] == "from before"


def test_without_room_for_the_copy_nothing_is_changed(old):
    own, _, blob = old
    before = content(own.store)
    os.mkdir(copy_of(own) + ".unfinished")
    assert start_refused(own) != 0
    assert "store.copy_failed" in own.daemon.read_log()
    assert (version(own.store), content(own.store)) == (1, before)
    os.rmdir(copy_of(own) + ".unfinished")
    own.start()
    assert own.client().decrypt(CiphertextBlob=blob)["Plaintext"] == b"from before"


def test_a_newer_store_is_refused_as_it_is(own):
    own.client().create_key()
    own.daemon.stop()
    with connect(own.store) as connection:
        connection.execute("PRAGMA user_version = 99")
    with connect(own.store) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with open(own.store, "rb") as file:
        before = file.read()
    assert start_refused(own) == CONFIGURATION
    line = next(line for line in own.daemon.read_log().splitlines() if "schema_refused" in line)
    assert "number=99" in line and "newer" in line
    assert "run that version" in line and "copy that it kept" in line
    with open(own.store, "rb") as file:
        assert file.read() == before
    assert not os.path.exists(copy_of(own))
