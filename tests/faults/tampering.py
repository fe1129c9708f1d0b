# SPDX-License-Identifier: Apache-2.0
"""P5 for each table, from outside: whoever writes the database's file is found out, whatever row and
column it is. Each case is one change of the file of a stopped service, what `holdfastd --recover`
reports of it, and for one case of each kind what the service's own start makes of it."""
import contextlib
import json
import os
import shutil
import sqlite3
import uuid

import pytest
from botocore.exceptions import ClientError

from holdfast import wait_for
from holdfast.admin import Admin, allow

SOUND, REFUSED_ROWS, MUST_ACCEPT, SETTINGS_WRONG = 0, 1, 2, 78
SEVERAL = ("keys", "versions", "aliases", "tags", "grants", "identities", "access_keys", "sessions")
SINGLE = ("clock_marks", "audit_heads")
STOPPING = ("audit_heads",)  # where a refused row keeps the service from starting
SERVICE = "rds.us-east-1.amazonaws.com"
UNIQUE = {"versions": ["token_id"], "grants": ["likeness"], "identities": ["id", "arn"]}  # beside the key


class Scene:
    """A service with a past: rows of all kinds, of which some were changed and others removed since
    `older` was copied."""

    def __init__(self, own):
        self.own = own
        self.kms, self.admin = own.client(), Admin(own)
        self.fill()
        self.sealed = self.kms.encrypt(KeyId=self.keys[0], Plaintext=b"x")["CiphertextBlob"]
        self.older, self.newest = own.path("older.db"), own.path("newest.db")
        self.stop(self.older)
        own.start()
        self.age()
        self.stop(self.newest)
        self.token = own.path("tokens.newest")
        own.keep_token(self.token)

    def fill(self):
        root = f"arn:aws:iam::{self.own.account}:root"
        self.admin.create("service", SERVICE)
        self.keys, self.grants, self.sessions, self.access = [], [], [], []
        for name in ("one", "two", "gone"):
            key = self.kms.create_key(Description=name, Tags=[{"TagKey": name, "TagValue": name}])
            self.keys.append(key["KeyMetadata"]["KeyId"])
            key = {"KeyId": self.keys[-1]}
            self.kms.create_alias(AliasName=f"alias/{name}", TargetKeyId=key["KeyId"])
            made = self.kms.create_grant(**key, GranteePrincipal=root, Operations=["Decrypt"], Name=name)
            self.grants.append(made["GrantId"])
            user, signer = self.admin.user(name, policy=allow("*"))
            made = self.admin.call("CreateSession", Principal=user, Service=SERVICE)
            self.sessions.append(made["Credentials"]["AccessKeyId"])
            self.access.append(signer.access_key)

    def age(self):
        """Each table that has changes has one, and each that has removals one of these."""
        kms, key = self.own.client(), self.keys[0]
        kms.update_key_description(KeyId=key, Description="changed since")
        kms.tag_resource(KeyId=key, Tags=[{"TagKey": "one", "TagValue": "changed since"}])
        kms.update_alias(AliasName="alias/one", TargetKeyId=self.keys[1])
        self.admin.put_policy("user", "one", allow("kms:*"))
        self.admin.call("UpdateAccessKey", AccessKeyId=self.access[0], Status="Inactive")
        kms.delete_alias(AliasName="alias/gone")
        kms.untag_resource(KeyId=self.keys[2], TagKeys=["gone"])
        kms.revoke_grant(KeyId=self.keys[2], GrantId=self.grants[2])
        self.admin.call("DeleteSession", AccessKeyId=self.sessions[2])
        self.admin.call("DeleteAccessKey", AccessKeyId=self.access[2])

    def stop(self, copy):
        self.own.daemon.stop()
        with contextlib.closing(sqlite3.connect(self.own.store)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copy(self.own.store, copy)

    def put(self, copy):
        for left in ("-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                os.remove(self.own.store + left)
        shutil.copy(copy, self.own.store)

    @contextlib.contextmanager
    def doctored(self):
        """The newest file, to be changed."""
        self.put(self.newest)
        with contextlib.closing(sqlite3.connect(self.own.store)) as connection, connection:
            connection.execute("PRAGMA ignore_check_constraints = ON")
            connection.execute("ATTACH ? AS older", (self.older,))
            yield connection

    def report(self):
        """(exit status, verdict, [(kind, table)]) of holdfastd --recover."""
        status, verdict, found = self.findings()
        return status, verdict, [(kind, table) for kind, table, _ in found]

    def findings(self):
        """The same with the row: [(kind, table, row)]"""
        ran = self.own.run("holdfastd", "--config", self.own.daemon.settings, "--recover", "--json",
                           check=False)
        assert ran.stdout, ran.stderr
        told = json.loads(ran.stdout)
        return (ran.returncode, told["Verdict"],
                [(finding["Kind"], finding["Table"], finding["Row"]) for finding in told["Findings"]])

    def starts(self, may_write=True):
        """(whether it serves, what it said)"""
        daemon = self.own.daemon
        before = len(daemon.read_log())
        daemon.start()
        wait_for(lambda: not daemon.running() or daemon.ready(), "started or ended", 30)
        served = daemon.running()
        status = daemon.stop() if served else daemon.wait()
        assert status == (0 if served else SETTINGS_WRONG)
        if may_write:  # which the token remembers
            self.own.put_back_token(self.token)
        return served, daemon.read_log()[before:]


@pytest.fixture(scope="module")
def scene(calendar):
    return Scene(calendar.installation)


def columns(connection, table):
    """(names of the primary key, names of the rest without the seal)"""
    rows = connection.execute("SELECT name, pk FROM pragma_table_info(?)", (table,)).fetchall()
    assert "seal" in [name for name, _ in rows]
    return ([name for name, pk in rows if pk],
            [name for name, pk in rows if not pk and name != "seal"])


def changed(value):
    """Another value of the same type."""
    if isinstance(value, int):
        return value + 1
    if isinstance(value, bytes):
        return value[:-1] + bytes([value[-1] ^ 1]) if value else b"x"
    return value[:-1] + ("x" if value[-1:] != "x" else "y") if value else "x"


def first_row(connection, table, of=""):
    cursor = connection.execute(f"SELECT * FROM {of}{table} ORDER BY seal LIMIT 1")
    return dict(zip([column[0] for column in cursor.description], cursor.fetchone()))


def where(names):
    return " AND ".join(f"{name} IS ?" for name in names)


def insert(connection, table, row):
    connection.execute(f"INSERT INTO {table}({', '.join(row)}) VALUES ({', '.join('?' * len(row))})",
                       list(row.values()))


def set_row(connection, table, names, row):
    """All columns of the row with that primary key."""
    done = connection.execute(
        f"UPDATE {table} SET {', '.join(f'{name} = ?' for name in row)} WHERE {where(names)}",
        [*row.values(), *(row[name] for name in names)])
    assert done.rowcount == 1


def test_files_as_they_were_are_sound(scene):
    """The control: the same copies and reports without a change."""
    scene.put(scene.newest)
    assert scene.report() == (SOUND, "E_OK", [])
    assert scene.starts()[0]


@pytest.mark.parametrize("table", SEVERAL + SINGLE)
def test_each_changed_column_is_reported(scene, table):
    tried = 0
    with scene.doctored() as connection:
        names, rest = columns(connection, table)
        row = first_row(connection, table)
    for name in [*rest, "seal"]:
        with scene.doctored() as connection:
            set_row(connection, table, names, {**row, name: changed(row[name])})
        status = MUST_ACCEPT if table in STOPPING else REFUSED_ROWS
        assert scene.report() == (status, "E_STORE_SEAL", [("changed", table)]), name
        tried += 1
    assert tried >= 3
    served, said = scene.starts()
    assert served == (table not in STOPPING)
    assert f'store.finding kind="changed" table="{table}"' in said


def test_a_changed_or_missing_installation_is_refused(scene):
    """Without it nothing else can be verified: there is no report."""
    with scene.doctored() as connection:
        _, rest = columns(connection, "installation")
        row = first_row(connection, "installation")
    for name in [*rest, "seal", None]:
        with scene.doctored() as connection:
            if name is None:
                connection.execute("DELETE FROM installation")
            elif name != "only":  # always 1
                set_row(connection, "installation", ["id"], {**row, name: changed(row[name])})
            else:
                continue
        ran = scene.own.run("holdfastd", "--config", scene.own.daemon.settings, "--recover", check=False)
        assert ran.returncode not in (SOUND, REFUSED_ROWS, MUST_ACCEPT), name
        # The key that seals is named by the row: another one is not found, or not fit for it.
        last = ran.stderr.splitlines()[-1]
        assert "E_INSTALLATION" in last and "--restore" in last and "do not use --init" in last, name
    assert not scene.starts(may_write=False)[0]
    # Nor is another one begun on what the first left, nor what is there taken for a half-made one.
    for statement in ("DELETE FROM installation", "UPDATE installation SET ready=0"):
        with scene.doctored() as connection:
            connection.execute(statement)
        ran = scene.own.run("holdfastd", "--config", scene.own.daemon.settings, "--init", "--region",
                            scene.own.region, "--account", scene.own.account, "--credentials",
                            scene.own.path("others"), check=False)
        assert ran.returncode == SETTINGS_WRONG and "E_INSTALLATION" in ran.stderr
    scene.put(scene.newest)
    assert scene.report() == (SOUND, "E_OK", [])


@pytest.mark.parametrize("table", SEVERAL + SINGLE)
def test_a_removed_row_is_reported(scene, table):
    with scene.doctored() as connection:
        names, _ = columns(connection, table)
        row = first_row(connection, table)
        connection.execute(f"DELETE FROM {table} WHERE {where(names)}", [row[n] for n in names])
    said = assert_refused(scene, "E_STORE_MANIFEST", [("missing", table)])
    name = " ".join(f"{name}={shown(row[name])}" for name in names)
    assert scene.findings()[2] == [("missing", table, name)]
    assert f'table="{table}" row="{name}"' in said


def shown(value):
    """As reports name it."""
    return value.hex() if isinstance(value, bytes) else str(value)


def assert_refused(scene, verdict, findings):
    """The report must be accepted, and the service does not start, saying the same."""
    status, told, found = scene.report()
    assert (status, told, sorted(found)) == (MUST_ACCEPT, verdict, sorted(findings))
    served, said = scene.starts(may_write=False)
    assert not served and verdict in said and "holdfastd --recover" in said
    for kind, table in findings:
        assert f'store.finding kind="{kind}" table="{table}"' in said
    return said


@contextlib.contextmanager
def gone(scene, table):
    """A row of the running service's file, as long as it lasts."""
    with contextlib.closing(sqlite3.connect(scene.own.store, timeout=10)) as connection:
        names, _ = columns(connection, table)
        row = first_row(connection, table)
        with connection:
            connection.execute(f"DELETE FROM {table} WHERE {where(names)}", [row[n] for n in names])
        yield row
        with connection:
            insert(connection, table, row)


def test_a_row_that_goes_while_the_service_runs_is_missed_by_lists(scene):
    """What is left of a list is no answer. With the row, it is again."""
    scene.put(scene.newest)
    scene.own.start()
    kms, daemon = scene.own.client(), scene.own.daemon
    lists = {"keys": lambda row: kms.list_keys(), "aliases": lambda row: kms.list_aliases(),
             "grants": lambda row: kms.list_grants(KeyId=str(uuid.UUID(bytes=row["key_id"])))}
    try:
        for table, read in lists.items():
            before = len(daemon.read_log())
            with gone(scene, table) as row:
                with pytest.raises(ClientError) as refused:
                    read(row)
                assert refused.value.response["Error"]["Code"] == "KMSInternalException", table
                told = [line for line in daemon.read_log()[before:].splitlines()
                        if "store.rows_missing" in line and f'table="{table}" rows=1' in line]
                assert told, table
            read(row)
    finally:
        daemon.stop()
        scene.own.put_back_token(scene.token)


def test_an_index_that_lacks_rows_is_reported_and_made_anew(scene):
    """All rows are there and so is the text of the schema, but keys are not found by their ids."""
    with scene.doctored() as connection:
        (text,) = connection.execute("SELECT sql FROM sqlite_schema WHERE name='keys_by_id'").fetchone()
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("DROP INDEX keys_by_id")
        connection.execute(f"{text} WHERE 0")
        connection.execute("UPDATE sqlite_schema SET sql=? WHERE name='keys_by_id'", (text,))
    said = assert_refused(scene, "E_STORE_MANIFEST", [("index", "keys")])
    assert scene.findings()[2] == [("index", "keys", "index=keys_by_id")]
    assert 'row="index=keys_by_id"' in said
    recover = ("holdfastd", "--config", scene.own.daemon.settings, "--recover", "--json")
    told = json.loads(scene.own.run(*recover, check=False).stdout)
    scene.own.run(*recover, "--accept", told["Code"])
    assert scene.report() == (SOUND, "E_OK", [])
    assert scene.starts()[0]


@pytest.mark.parametrize("table", SEVERAL)
def test_a_row_under_another_name_is_reported(scene, table):
    """Copied, seal and all, to a primary key of its own."""
    with scene.doctored() as connection:
        names, _ = columns(connection, table)
        row = first_row(connection, table)
        copy = {**row, names[-1]: changed(row[names[-1]])}
        for column in UNIQUE.get(table, ()):
            copy[column] = changed(copy[column])
        insert(connection, table, copy)
    assert scene.report() == (REFUSED_ROWS, "E_STORE_SEAL", [("changed", table)])


@pytest.mark.parametrize("table", SEVERAL)
def test_the_contents_of_two_rows_exchanged_are_reported(scene, table):
    with scene.doctored() as connection:
        names, _ = columns(connection, table)
        cursor = connection.execute(f"SELECT * FROM {table} ORDER BY seal LIMIT 2")
        header = [column[0] for column in cursor.description]
        one, two = (dict(zip(header, row)) for row in cursor.fetchall())
        connection.execute(f"DELETE FROM {table} WHERE {where(names)}", [two[n] for n in names])
        set_row(connection, table, names, {**two, **{name: one[name] for name in names}})
        insert(connection, table, {**one, **{name: two[name] for name in names}})
    assert scene.report() == (REFUSED_ROWS, "E_STORE_SEAL", [("changed", table)] * 2)


@pytest.mark.parametrize("table", ["keys", "aliases", "tags", "identities", "access_keys",
                                   "clock_marks", "audit_heads"])
def test_a_row_as_it_was_before_is_reported(scene, table):
    """Its seal is good: only the manifest knows that it is not the last."""
    with scene.doctored() as connection:
        names, _ = columns(connection, table)
        cursor = connection.execute(f"SELECT * FROM older.{table} EXCEPT SELECT * FROM {table}")
        header = [column[0] for column in cursor.description]
        rows = [dict(zip(header, row)) for row in cursor.fetchall()]
        still = [row for row in rows if connection.execute(
            f"SELECT count(*) FROM {table} WHERE {where(names)}",
            [row[name] for name in names]).fetchone()[0]]
        assert len(still) >= 1
        set_row(connection, table, names, still[0])
    assert_refused(scene, "E_STORE_MANIFEST", [("older", table)])


@pytest.mark.parametrize("table", ["aliases", "tags", "grants", "access_keys", "sessions"])
def test_a_row_that_was_removed_and_is_back_is_reported(scene, table):
    """What was revoked, put back with its good seal."""
    with scene.doctored() as connection:
        names, _ = columns(connection, table)
        same = " AND ".join(f"n.{name} IS o.{name}" for name in names)
        cursor = connection.execute(f"SELECT o.* FROM older.{table} AS o WHERE NOT EXISTS "
                                    f"(SELECT * FROM {table} AS n WHERE {same})")
        header = [column[0] for column in cursor.description]
        (row,) = cursor.fetchall()
        insert(connection, table, dict(zip(header, row)))
    assert_refused(scene, "E_STORE_MANIFEST", [("added", table)])


def test_a_grant_copied_to_another_key_is_reported(scene):
    """Whoever may decrypt with one key would with the other."""
    with scene.doctored() as connection:
        cursor = connection.execute("SELECT * FROM grants LIMIT 1")
        row = dict(zip([column[0] for column in cursor.description], cursor.fetchone()))
        (other,) = connection.execute("SELECT key_id FROM keys WHERE key_id <> ? LIMIT 1",
                                      (row["key_id"],)).fetchone()
        insert(connection, "grants", {**row, "key_id": other, "grant_id": changed(row["grant_id"])})
    assert scene.report() == (REFUSED_ROWS, "E_STORE_SEAL", [("changed", "grants")])


def test_an_older_file_is_reported(scene):
    scene.put(scene.older)
    assert_refused(scene, "E_STORE_ROLLED_BACK", [("rolled back", "manifest")])


def test_an_older_manifest_is_reported(scene):
    """Alone it does not fit its rows, and the token remembers a newer one."""
    with scene.doctored() as connection:
        connection.execute("DELETE FROM manifest")
        connection.execute("INSERT INTO manifest SELECT * FROM older.manifest")
    status, verdict, found = scene.report()
    assert (status, verdict) == (MUST_ACCEPT, "E_STORE_ROLLED_BACK")
    assert ("rolled back", "manifest") in found


def test_a_changed_or_missing_manifest_is_reported(scene):
    with scene.doctored() as connection:
        _, rest = columns(connection, "manifest")
        row = first_row(connection, "manifest")
    for name in [*rest, "seal"]:
        with scene.doctored() as connection:
            set_row(connection, "manifest", ["id"], {**row, name: changed(row[name])})
        assert scene.report()[:2] == (MUST_ACCEPT, "E_STORE_MANIFEST"), name
    with scene.doctored() as connection:
        connection.execute("DELETE FROM manifest")
    assert_refused(scene, "E_STORE_MANIFEST", [("manifest", "manifest")])


def test_refused_rows_of_all_tables_are_discarded(scene):
    """A row on which sound ones hang stays, refused; a version comes back from the token; the rest is
    gone, each by name, and the service serves."""
    stays, whose = ("keys", "identities"), {
        "keys": ("key_id", uuid.UUID(scene.keys[1]).bytes), "access_keys": ("access_key_id", scene.access[1]),
        "versions": ("key_id", uuid.UUID(scene.keys[0]).bytes), "identities": ("name", "one"),
        "sessions": ("access_key_id", scene.sessions[1])}
    with scene.doctored() as connection:
        for table in SEVERAL + SINGLE:
            _, rest = columns(connection, table)
            row = first_row(connection, table)
            name, value = whose.get(table, ("seal", row["seal"]))
            done = connection.execute(f"UPDATE {table} SET {rest[-1]} = ? WHERE {name} = ?",
                                      (changed(row[rest[-1]]), value))
            assert done.rowcount == 1
    command = ("holdfastd", "--config", scene.own.daemon.settings, "--recover", "--json")
    told = json.loads(scene.own.run(*command, check=False).stdout)
    assert not told["Starts"] and {f["Table"] for f in told["Findings"]} == set(SEVERAL + SINGLE)
    assert all(finding["Discarded"] for finding in told["Findings"])
    ran = scene.own.run(*command, "--accept", told["Code"], "--discard-refused")
    for table in SEVERAL + SINGLE:
        assert (f'store.row_discarded table="{table}" row=' in ran.stderr) == (table not in stays), table
    status, verdict, found = scene.report()
    assert (status, verdict) == (REFUSED_ROWS, "E_STORE_SEAL")
    assert sorted(found) == [("changed", "identities"), ("changed", "keys")]
    before = len(scene.own.daemon.read_log())
    scene.own.daemon.start()
    scene.own.daemon.await_ready()
    assert scene.own.daemon.read_log()[before:].count(" key.version_adopted ") == 1
    kms = scene.own.client()
    assert kms.decrypt(CiphertextBlob=scene.sealed)["Plaintext"] == b"x"
    kms.rotate_key_on_demand(KeyId=scene.keys[0])
    wait_for(lambda: kms.list_key_rotations(KeyId=scene.keys[0])["Rotations"], "rotated", 30)
    for key in (scene.keys[0], scene.keys[2]):
        kms.decrypt(CiphertextBlob=kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"])
    with pytest.raises(kms.exceptions.ClientError):
        kms.encrypt(KeyId=scene.keys[1], Plaintext=b"x")
    scene.own.daemon.stop()
    scene.own.put_back_token(scene.token)
