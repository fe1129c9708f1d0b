# SPDX-License-Identifier: Apache-2.0
"""P5: rows of the store that somebody changed, swapped, copied or forged are refused."""
import contextlib
import os
import shutil
import sqlite3

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from holdfast import wait_for

# Tables that carry seals and have rows at rest, and the columns that no seal needs to cover.
SEALED = ("installation", "keys", "versions", "identities", "access_keys")
UNCOVERED = {"installation": {"only"}}


class Store:
    """The database of a stopped daemon, with a copy to go back to: its own, and the token's of that
    time, for which it is the newest."""

    def __init__(self, own):
        self.own, self.copy = own, own.path("store.copy")
        own.daemon.stop()
        with self.connect() as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copy(own.store, self.copy)
        own.keep_token(own.path("tokens.copy"))

    @contextlib.contextmanager
    def connect(self):
        """A connection that is closed afterwards, which sqlite3's own context manager leaves open."""
        connection = sqlite3.connect(self.own.store, timeout=10)
        try:
            with connection:
                yield connection
        finally:
            connection.close()

    def change(self, *statements):
        """Runs statements with their parameters; all must change something."""
        with self.connect() as connection:
            for statement, *parameters in statements:
                cursor = connection.execute(statement, parameters)
                assert cursor.rowcount != 0, statement

    def restore(self):
        self.own.daemon.end()
        for left in ("-wal", "-shm"):
            if os.path.exists(self.own.store + left):
                os.remove(self.own.store + left)
        shutil.copy(self.copy, self.own.store)
        self.own.put_back_token(self.own.path("tokens.copy"))

    def start(self):
        """Whether the daemon serves."""
        daemon = self.own.daemon
        daemon.start()
        wait_for(lambda: daemon.ready() or not daemon.running(), "started or ended", 30)
        if daemon.running():
            return True
        assert daemon.wait() != 0
        return False


def prepare(own):
    """Two keys with a ciphertext each: [(arn, blob)]."""
    kms, out = own.client(), []
    for name in ("one", "two"):
        arn = kms.create_key(Description=name)["KeyMetadata"]["Arn"]
        out.append((arn, kms.encrypt(KeyId=arn, Plaintext=name.encode())["CiphertextBlob"]))
    return out


def works(call, **arguments):
    try:
        call(**arguments)
        return True
    except (ClientError, BotoCoreError):
        return False


def usable(own, arn, blob):
    """Which calls a key still serves."""
    kms = own.client()
    calls = {"describe": works(kms.describe_key, KeyId=arn),
             "encrypt": works(kms.encrypt, KeyId=arn, Plaintext=b"x"),
             "generate": works(kms.generate_data_key, KeyId=arn, KeySpec="AES_256"),
             "decrypt": works(kms.decrypt, CiphertextBlob=blob),
             "enable": works(kms.enable_key, KeyId=arn)}
    return {name for name, worked in calls.items() if worked}


def columns(store, table):
    """[(name, type, whether in the primary key)]"""
    with store.connect() as connection:
        return [(row[1], row[2], row[5] > 0) for row in
                connection.execute(f'SELECT * FROM pragma_table_info(?)', (table,))]


def changed(value):
    """Another value of the same type."""
    if isinstance(value, int):
        return value + 1
    if isinstance(value, bytes):
        return value[:-1] + bytes([value[-1] ^ 1])
    return value[:-1] + ("x" if value[-1:] != "x" else "y") if value else "x"


def test_rows_as_they_were_are_taken(own):
    """The control: the same stops, copies and starts without a change."""
    keys = prepare(own)
    store = Store(own)
    store.restore()
    assert store.start()
    for arn, blob in keys:
        assert usable(own, arn, blob) == {"describe", "encrypt", "generate", "decrypt", "enable"}


@pytest.mark.parametrize("table", SEALED)
def test_each_column_of_each_row_counts(own, table):
    (arn, blob), _ = prepare(own)
    store = Store(own)
    of_key = "WHERE key_id = (SELECT key_id FROM keys WHERE description = 'one')"
    # Of the identities the user's, whose access key asks.
    where = {"keys": of_key, "versions": of_key, "identities": "WHERE kind = 2"}.get(table, "")
    covered = [c for c in columns(store, table) if c[0] not in UNCOVERED.get(table, ())]
    assert len(covered) >= 6 and "seal" in [name for name, *_ in covered]
    taken = []
    for name, _, _ in covered:
        store.restore()
        with store.connect() as connection:
            (value,) = connection.execute(f'SELECT "{name}" FROM {table} {where}').fetchone()
        store.change((f'UPDATE {table} SET "{name}" = ? {where}', changed(value)))
        if store.start():
            left = usable(own, arn, blob)
            # A version says nothing about the key's own row.
            if table == "versions":
                left -= {"describe", "enable"}
            if left:
                taken.append((name, sorted(left)))
    assert taken == []


def prepare_names(own):
    """Two keys, an alias and a tag of each: [key ARN]."""
    kms, out = own.client(), []
    for name in ("one", "two"):
        arn = kms.create_key(Description=name, Tags=[{"TagKey": name, "TagValue": f"tag of {name}"}])
        out.append(arn["KeyMetadata"]["Arn"])
        kms.create_alias(AliasName=f"alias/{name}", TargetKeyId=out[-1])
    return out


def resolved(own, alias):
    """Which key a call by this alias takes, or None when it is refused."""
    try:
        return own.client().encrypt(KeyId=alias, Plaintext=b"x")["KeyId"]
    except (ClientError, BotoCoreError):
        return None


def tags_told(own, arn):
    """The tags that are told of a key, or None when the list is refused."""
    try:
        told = own.client().list_resource_tags(KeyId=arn)["Tags"]
    except (ClientError, BotoCoreError):
        return None
    return {tag["TagKey"]: tag["TagValue"] for tag in told}


def each_column_changed(own, table, where):
    """Starts the daemon with one column of the row changed, one after the other: their names. With
    another primary key a row is missing, and nothing is served."""
    store = Store(own)
    for name, *_ in columns(store, table):
        store.restore()
        with store.connect() as connection:
            (value,) = connection.execute(f'SELECT "{name}" FROM {table} {where}').fetchone()
        store.change((f'UPDATE {table} SET "{name}" = ? {where}', changed(value)))
        if store.start():
            yield name
        else:
            assert "E_STORE_MANIFEST" in own.daemon.read_log().splitlines()[-1], name


def test_each_column_of_an_alias_counts(own):
    one, two = prepare_names(own)
    assert (resolved(own, "alias/one"), resolved(own, "alias/two")) == (one, two)
    tried = []
    for column in each_column_changed(own, "aliases", "WHERE name = 'alias/one'"):
        tried.append(column)
        assert resolved(own, "alias/one") is None, column
        assert resolved(own, "alias/two") == two, column
        # Where the row is still in a list, the list is refused; no other tells it.
        for arguments in ({}, {"KeyId": one}):
            if works(own.client().list_aliases, **arguments):
                told = own.client().list_aliases(**arguments)["Aliases"]
                assert not [entry for entry in told if entry["AliasName"] != "alias/two"], column
    assert len(tried) >= 6


def test_each_column_of_a_tag_counts(own):
    one, two = prepare_names(own)
    assert tags_told(own, one) == {"one": "tag of one"}
    tried = []
    for column in each_column_changed(own, "tags", "WHERE tag_key = 'one'"):
        tried.append(column)
        assert tags_told(own, one) in (None, {}), column
        assert tags_told(own, two) == {"two": "tag of two"}, column
    assert len(tried) >= 4


def test_two_aliases_exchanged(own):
    """Whoever may decrypt with one key would have others encrypt for it."""
    one, two = prepare_names(own)
    store = Store(own)
    names = [f'"{name}"' for name, _, primary in columns(store, "aliases") if not primary]
    store.change(*swap("aliases", names, "name"))
    assert store.start()
    assert (resolved(own, "alias/one"), resolved(own, "alias/two")) == (None, None)
    assert works(own.client().describe_key, KeyId=one) and works(own.client().describe_key, KeyId=two)


def test_an_alias_changed_while_the_service_runs(own):
    one, two = prepare_names(own)
    assert resolved(own, "alias/one") == one
    with contextlib.closing(sqlite3.connect(own.store, timeout=10)) as connection, connection:
        connection.execute("UPDATE aliases SET key_id = (SELECT key_id FROM keys WHERE "
                           "description = 'two') WHERE name = 'alias/one'")
    wait_for(lambda: resolved(own, "alias/one") is None, "the change is noticed and refused", 5)
    assert resolved(own, "alias/two") == two


def test_a_seal_that_is_missing(own):
    keys = prepare(own)
    store = Store(own)
    for table in ("keys", "versions", "access_keys"):
        store.restore()
        try:
            store.change((f"UPDATE {table} SET seal = zeroblob(32)",))
        except sqlite3.IntegrityError:
            continue
        if store.start():
            assert not usable(own, *keys[0]) - {"describe", "enable"}


def swap(table, columns_, by):
    """SQL that exchanges columns of the two rows that `by` tells apart."""
    names = ", ".join(columns_)
    picked = ", ".join(f"(SELECT {c} FROM was WHERE was.{by} <> {table}.{by})" for c in columns_)
    return [("CREATE TEMP TABLE was AS SELECT * FROM " + table,),
            (f"UPDATE {table} SET ({names}) = (SELECT {picked})",)]


def test_two_keys_exchanged(own):
    """Whole rows, seals included, under each other's primary key."""
    keys = prepare(own)
    store = Store(own)
    names = [f'"{name}"' for name, _, primary in columns(store, "keys") if not primary]
    store.change(*swap("keys", names, "key_id"))
    if store.start():
        for arn, blob in keys:
            assert usable(own, arn, blob) == set()


def test_two_versions_exchanged(own):
    """What one key encrypted would open under the other's name."""
    keys = prepare(own)
    store = Store(own)
    with store.connect() as connection:
        rows = connection.execute(
            "SELECT key_id, token_id, suite, created_ms, material_id, seal FROM versions").fetchall()
    assert len(rows) == 2
    (first, *first_values), (second, *second_values) = rows
    update = ("UPDATE versions SET token_id = ?, suite = ?, created_ms = ?, material_id = ?, seal = ? "
              "WHERE key_id = ?")
    store.change(
        (update, b"\0" * 16, *first_values[1:], first),
        (update, *first_values, second),
        (update, *second_values, first))
    if store.start():
        for arn, blob in keys:
            assert not usable(own, arn, blob) & {"encrypt", "generate", "decrypt"}


def test_a_row_copied_under_another_name(own):
    (arn, blob), _ = prepare(own)
    store = Store(own)
    names = [f'"{name}"' for name, *_ in columns(store, "keys")]
    picked = ", ".join("zeroblob(16)" if name == '"key_id"' else name for name in names)
    store.change((f"INSERT INTO keys({', '.join(names)}) SELECT {picked} FROM keys LIMIT 1",))
    forged = arn.rpartition("/")[0] + "/00000000-0000-0000-0000-000000000000"
    if store.start():
        assert usable(own, forged, b"\1" + blob[1:3] + bytes(16) + blob[19:]) == set()


def test_a_copied_access_key(own):
    """Another access key id with the secret of a known one."""
    prepare(own)
    store = Store(own)
    names = [name for name, *_ in columns(store, "access_keys")]
    picked = ", ".join("'AKIA' || 'AAAAAAAAAAAAAAAA'" if n == "access_key_id" else n for n in names)
    store.change((f"INSERT INTO access_keys({', '.join(names)}) SELECT {picked} FROM access_keys",))
    if store.start():
        own.signer.access_key = "AKIA" + "A" * 16
        assert own.exchange().call("ListKeys").status != 200


def test_a_version_that_was_taken_away(own):
    keys = prepare(own)
    store = Store(own)
    store.change(("DELETE FROM versions WHERE key_id = (SELECT key_id FROM keys WHERE "
                  "description = 'one')",))
    if store.start():
        assert not usable(own, *keys[0]) & {"encrypt", "generate", "decrypt"}
        assert own.daemon.running()


def test_a_forged_audit_record_in_the_outbox(own):
    prepare(own)
    store = Store(own)
    line = b'{"eventName":"Forged","eventID":"00000000-0000-4000-8000-000000000000"}'
    store.change(("INSERT INTO outbox(sequence, event_id, line, seal) VALUES (99, ?, ?, zeroblob(32))",
                  "00000000-0000-4000-8000-000000000000", line))
    store.start()
    for name in os.listdir(own.daemon.audit):
        with open(os.path.join(own.daemon.audit, name), "rb") as file:
            assert b"Forged" not in file.read()


def test_a_row_changed_while_the_service_runs(own):
    """The snapshot is not asked for what somebody committed behind it."""
    (arn, blob), (other, other_blob) = prepare(own)
    own.client().disable_key(KeyId=arn)
    with contextlib.closing(sqlite3.connect(own.store, timeout=10)) as connection, connection:
        connection.execute("UPDATE keys SET state = 2 WHERE description = 'one'")
    kms = own.client()
    wait_for(lambda: not works(kms.describe_key, KeyId=arn), "the change is noticed and refused", 5)
    assert usable(own, arn, blob) == set()
    assert "encrypt" in usable(own, other, other_blob)


def test_another_installations_rows(own, make):
    """A database that belongs to another token."""
    there = make()
    keys = prepare(there)
    there.stop()
    own.stop()
    shutil.copy(there.store, own.store)
    for left in ("-wal", "-shm"):
        if os.path.exists(own.store + left):
            os.remove(own.store + left)
    own.start_token()
    own.daemon.start()
    wait_for(lambda: own.daemon.ready() or not own.daemon.running(), "started or ended", 30)
    if own.daemon.running():
        own.signer = there.signer
        assert usable(own, *keys[0]) == set()


def test_a_newer_schema_is_refused(own):
    prepare(own)
    store = Store(own)
    store.change(("UPDATE schema_info SET version = 999 WHERE version = 3",), ("PRAGMA user_version = 999",))
    assert not store.start()
    assert "newer" in own.daemon.read_log()
