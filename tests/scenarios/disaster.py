# SPDX-License-Identifier: Apache-2.0
"""holdfast-recovery(7), by its word: backups are made and losses made good with the commands that the
page prints, in their order, on a host whose folders are those of the package. Only where the host's
root lies, the backup's name and the code of the report are filled in."""
import contextlib
import json
import os
import re
import shutil
import sqlite3
import stat
import subprocess
import tempfile

import pytest

from holdfast import wait_for
from holdfast.installation import ROOT, Installation, program, write_file

PAGE = os.path.join(ROOT, "config/man/holdfast-recovery.7")
PLACES = {"tokens": "var/lib/holdfast-token/tokens", "token-state": "var/lib/holdfast-token",
          "holdfast.db": "var/lib/holdfast/holdfast.db", "audit": "var/lib/holdfast/audit",
          "pin": "etc/holdfast/pin", "softhsm2.conf": "etc/holdfast/softhsm2.conf",
          "token.conf": "etc/holdfast/holdfast-token.conf", "token.sock": "run/token.sock",
          "credentials": "home/credentials", "so-pin": "etc/holdfast/pin-so"}
BACKUP = re.compile(r"holdfast-\d{8}T\d{6}Z-\d+\.db")
CODE = re.compile(r"--accept ([0-9a-f]{4}(?:-[0-9a-f]{4}){3})")
WALKED = set()


def read_page():
    """{(heading, number): commands} of all that the page prints to be typed."""
    found, heading, lines = {}, "", None
    with open(PAGE, encoding="utf-8") as file:
        for line in file.read().splitlines():
            if line.startswith((".Sh ", ".Ss ")):
                outer = line[4:] if line.startswith(".Sh") else outer
                heading = outer if line.startswith(".Sh") else f"{outer}: {line[4:]}"
            elif line.startswith(".Bd -literal"):
                lines = []
            elif line == ".Ed":
                number = sum(1 for one, _ in found if one == heading)
                found[heading, number], lines = lines, None
            elif lines is not None:
                lines.append(line)
    return found


STEPS = read_page()


def may_run(path):
    """Whether any user may."""
    parts = [path]
    while parts[-1] != "/":
        parts.append(os.path.dirname(parts[-1]))
    return all(os.stat(part).st_mode & stat.S_IXOTH for part in parts)


class Host(Installation):
    """A machine: the package's folders under a root of its own, and both services, each as its user
    where the tests are root's."""

    def __init__(self, directory):
        self.separate = os.geteuid() == 0 and may_run(program("holdfastd"))
        self.users = {"holdfast": 64001, "holdfast-token": 64002}
        if not self.separate:
            self.users = dict.fromkeys(self.users, os.geteuid())
        super().__init__(directory, settings={"token": {
            "user": self.users["holdfast-token"], "daemon_users": self.users["holdfast"]}})
        self.refused = ""  # why holdfastd did not start
        self.said = ""     # at its last start
        self.backup = ""   # the one to restore
        self.code = ""
        write_file(self.path("bin/holdfast"), mode=0o700, text=f"""#!/bin/sh
exec {program("holdfast")} "$@" --config {self.daemon.settings}
""")
        self.assign(self.users)
        self.give("holdfast", "var/lib/holdfast", "holdfastd", "home")
        self.give("holdfast-token", "var/lib/holdfast-token", "run", "pin", "so-pin")

    def assign(self, users):
        """These are the users' numbers now: in the settings, which would have names, and for the
        services."""
        for path in (self.settings, self.daemon.settings):
            with open(path, encoding="utf-8") as file:
                text = file.read()
            for setting, name in (("user", "holdfast-token"), ("daemon_users", "holdfast")):
                text = text.replace(f"\n{setting} = {self.users[name]}\n", f"\n{setting} = {users[name]}\n")
            write_file(path, text, mode=0o644)
        self.users = users
        self.token.argv = self.as_user("holdfast-token") + self.token.argv[-3:]
        self.daemon.argv = self.as_user("holdfast") + self.daemon.argv[-3:]

    def as_user(self, name):
        number = self.users[name]
        return ["setpriv", f"--reuid={number}", f"--regid={number}", "--clear-groups",
                "--"] if self.separate else []

    def give(self, name, *paths):
        for path in map(self.path, paths):
            for folder, _, files in os.walk(path):
                for one in (folder, *(os.path.join(folder, file) for file in files)):
                    os.chown(one, self.users[name], -1)
            os.chown(path, self.users[name], -1)
        os.chown(self.daemon.settings, os.geteuid(), -1)  # of another it would not be read

    def write_token_settings(self):
        path = super().write_token_settings()
        os.chmod(self.path("softhsm2.conf"), 0o644)
        os.chmod(path, 0o644)
        return path

    def run(self, name, *arguments, check=True):
        """The services' programs as their users."""
        user = {"holdfastd": "holdfast", "holdfast-token": "holdfast-token"}.get(name)
        if user is None:
            return super().run(name, *arguments, check=check)
        ran = subprocess.run([*self.as_user(user), program(name), *arguments], check=False, text=True,
                             env={**os.environ, **self.environment}, capture_output=True, timeout=60)
        assert not check or ran.returncode == 0, f"{name} {arguments}: {ran.stdout}{ran.stderr}"
        return ran

    def path(self, name):
        path = os.path.join(self.directory, PLACES.get(name, name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return path

    def add_daemon(self, name, settings=None):
        audit = self.path("audit")
        os.makedirs(audit, mode=0o750, exist_ok=True)
        daemon = super().add_daemon(name, {"audit": {"directory": audit}})
        daemon.audit = audit
        return daemon

    # --- typing what the page says ---

    def follow(self, heading, number=0):
        """All commands of one place of the page; {command: what it printed}."""
        WALKED.add((heading, number))
        return {line: self.type(line) for line in STEPS[heading, number]}

    def type(self, line):
        if line.startswith("systemctl "):
            return self.systemctl(*line.split()[1:])
        line = BACKUP.sub(self.backup, line).replace("CODE", self.code)
        line = re.sub(r"(?<![\w.])/(var/lib|etc|backup)", rf"{self.directory}/\1", line)
        for name, number in self.users.items():
            owner = f"{number}:{number}" if self.separate else str(number)
            line = re.sub(rf"(?<=\s){name}: ", f"{owner} ", line)
        ran = subprocess.run(["sh", "-euc", line], stdin=subprocess.DEVNULL, capture_output=True,
                             text=True, timeout=60, check=False, cwd=self.directory,
                             env={**os.environ, **self.environment,
                                  "PATH": f"{self.directory}/bin:/usr/bin:/bin"})
        told = CODE.search(ran.stdout)
        self.code = told[1] if told else self.code
        reports = line.startswith("holdfast recover") and "--accept CODE" not in line
        assert ran.returncode in ((0, 1, 2) if reports else (0,)), f"{line}: {ran.stdout}{ran.stderr}"
        return ran.stdout

    def systemctl(self, verb, *units):
        for unit in units:
            process = {"holdfastd": self.daemon, "holdfast-token": self.token}[unit]
            if verb == "stop":
                assert process.stop() in (0, None), process.read_log()[-2000:]
            elif unit == "holdfastd":
                self.start_service()
            else:
                self.start_token()
        return ""

    def start_service(self):
        before = len(self.daemon.read_log())
        self.daemon.start()
        wait_for(lambda: self.daemon.ready() or not self.daemon.running(), "started or ended", 30)
        self.refused = ""
        if not self.daemon.running():
            self.daemon.wait()
            self.refused = self.daemon.read_log()[before:]
        self.said = self.daemon.read_log()[before:]

    # --- disasters ---

    def lose(self, *names):
        """The machine stops at once, and these are gone."""
        self.daemon.kill()
        self.token.kill()
        for socket in (self.path("token.sock"), self.daemon.admin):
            if os.path.exists(socket):
                os.remove(socket)
        for name in names:
            path = self.path(name)
            if os.path.isdir(path):
                shutil.rmtree(path)
            else:
                for left in ("", "-wal", "-shm"):
                    if os.path.exists(path + left):
                        os.remove(path + left)

    def records(self, name):
        return [r for r in self.daemon.audit_records() if r["eventName"] == name]

    def audit_is_sound(self):
        def verify():
            return self.run("holdfast", "audit", "verify", self.daemon.audit, "--key",
                            self.path("backup/audit.pem"), check=False)

        wait_for(lambda: verify().returncode != 1, "the log's end is signed for", 10, 0.1)
        ran = verify()
        assert ran.returncode == 0, ran.stdout


def copy_tree(old, new):
    """With all owners."""
    subprocess.run(["cp", "-a", old, new], check=True)


class Past:
    """What happened before the loss: backups of two ages, and something after each."""

    def __init__(self, host):
        self.host = host
        os.makedirs(host.path("backup/audit/x"))
        kms = host.client()
        self.rotated = self.make("known to every backup")
        self.revoked = kms.create_grant(KeyId=self.rotated[0], Operations=["Decrypt"], Name="revoked",
                                        GranteePrincipal=f"arn:aws:iam::{host.account}:root")["GrantId"]
        self.stores = []
        self.stores.append(self.backup_store())
        self.backup_token(0)
        self.second = self.rotate()
        self.newer = self.make("made between the backups")
        self.stores.append(self.backup_store())
        self.backup_token(1)
        kms = host.client()
        self.third = self.rotate()
        kms.revoke_grant(KeyId=self.rotated[0], GrantId=self.revoked)
        self.newest = self.make("made after the backups")
        host.follow("BACKUPS: The settings")
        host.follow("BACKUPS: The audit log")
        host.lose()
        host.type(STEPS["BACKUPS: The audit log", 0][0])  # to its last line
        for tree in ("var", "etc"):
            copy_tree(host.path(tree), host.path(f"then/{tree}"))

    def make(self, text):
        kms = self.host.client()
        arn = kms.create_key(Description=text)["KeyMetadata"]["Arn"]
        return arn, kms.encrypt(KeyId=arn, Plaintext=text.encode())["CiphertextBlob"], text.encode()

    def rotate(self):
        kms, arn = self.host.client(), self.rotated[0]

        def current():
            return kms.describe_key(KeyId=arn)["KeyMetadata"]["CurrentKeyMaterialId"]

        old = current()
        kms.rotate_key_on_demand(KeyId=arn)
        wait_for(lambda: current() != old, "rotated", 30)
        return arn, kms.encrypt(KeyId=arn, Plaintext=b"rotated")["CiphertextBlob"], b"rotated"

    def backup_store(self):
        host = self.host
        host.follow("BACKUPS: The store", 0)
        host.follow("BACKUPS: The store", 1)
        made = {name for name in os.listdir(host.path("backup")) if name.endswith(".db")}
        host.backup, = made - set(self.stores)
        return host.backup

    def backup_token(self, age):
        self.host.follow("BACKUPS: The token")
        os.rename(self.host.path("backup/token.tar"), self.host.path(f"backup/token-{age}.tar"))

    def disaster(self, *lost, store=1, token=1):
        """As after the past, with something lost, and the backups of these ages at hand."""
        host = self.host
        host.lose("var", "etc")
        for tree in ("var", "etc"):
            copy_tree(host.path(f"then/{tree}"), host.path(tree))
        host.lose(*lost)
        shutil.copy(host.path(f"backup/token-{token}.tar"), host.path("backup/token.tar"))
        host.backup = self.stores[store]
        host.code = ""
        return host

    def opens(self, key):
        """Whether the ciphertext opens; else it is refused by name."""
        kms = self.host.client()
        try:
            assert kms.decrypt(CiphertextBlob=key[1])["Plaintext"] == key[2]
            return True
        except kms.exceptions.ClientError:
            return False


@pytest.fixture(scope="module")
def past():
    with tempfile.TemporaryDirectory(prefix="holdfast-") as folder:
        os.chmod(folder, 0o755)
        host = Host(folder)
        try:
            host.initialise()
            host.start()
            yield Past(host)
            host.assert_nothing_refused()
        finally:
            host.cleanup()


def opening(past):
    """Which of the five ciphertexts open: under the key that all know, as it was at first, after its
    rotation between the backups, after the one behind them; under the keys made then."""
    return [past.opens(one) for one in (past.rotated, past.second, past.third, past.newer, past.newest)]


def encrypts(host, arn):
    kms = host.client()
    try:
        return kms.encrypt(KeyId=arn, Plaintext=b"x") is not None
    except kms.exceptions.ClientError:
        return False


def assert_what_came_back_is_told(past):
    """The grant is there again, the audit log has its revocation, and nothing is destroyed before the
    operator has seen that."""
    host = past.host
    grants = host.client().list_grants(KeyId=past.rotated[0])["Grants"]
    assert [grant["GrantId"] for grant in grants] == [past.revoked]
    told, = host.follow("WHAT WAS LOST: The store", 1).values()
    assert "RevokeGrant" in told
    shown = json.loads(host.run("holdfast", "clock", "show", "--json", "--socket", host.daemon.admin).stdout)
    assert shown["State"] == "recovered"
    host.follow("WHAT WAS LOST: The store", 2)
    assert json.loads(host.run("holdfast", "clock", "show", "--json", "--socket",
                               host.daemon.admin).stdout)["State"] == "trusted"


def assert_recovered(past, verdict):
    """The audit log is one, with the acceptance in it, and is signed for on both sides of it."""
    host = past.host
    told = host.records("RecoverStore")[-1]["serviceEventDetails"]
    assert told["verdict"] == verdict
    status = os.stat(host.store)
    assert (status.st_uid, status.st_mode & 0o777) == (host.users["holdfast"], 0o600)
    host.audit_is_sound()


@pytest.mark.parametrize("store, token, opened, verdict", [
    (1, 1, [True, True, False, True, False], "E_STORE_ROLLED_BACK"),  # the token's, made after it
    (1, 0, [True, False, False, False, False], "E_OK"),  # an older token is no fault
    (0, 1, [True, True, False, False, False], "E_STORE_ROLLED_BACK"),  # a version is adopted
    (0, 0, [True, False, False, False, False], "E_STORE_ROLLED_BACK"),
], ids=["newest", "token_older", "store_older", "both_old"])
def test_store_and_token_were_lost(past, store, token, opened, verdict):
    host = past.disaster("token-state", "holdfast.db", store=store, token=token)
    host.follow("WHAT WAS LOST: Store and token")
    assert not host.refused
    assert opening(past) == opened
    adopted = host.said.count(" key.version_adopted ")
    assert adopted == (1 if (store, token) == (0, 1) else 0)
    assert len(host.records("AdoptKeyVersion")) == adopted
    assert ("reconcile.version_refused" in host.said) == ((store, token) == (1, 0))
    assert ("reconcile.object_unknown" in host.said) == ((store, token) == (0, 1))  # the newer key's
    assert encrypts(host, past.rotated[0]) == ((store, token) != (1, 0))
    assert_what_came_back_is_told(past)
    assert_recovered(past, verdict)


def test_the_store_was_lost(past):
    host = past.disaster("holdfast.db", store=0)
    host.start_token()
    host.start_service()
    assert "E_NOT_INITIALISED" in host.refused and "restore a backup" in host.refused
    told = list(host.follow("WHAT WAS LOST: The store").values())
    assert "THIS STORE IS OLDER" in told[1]
    assert opening(past) == [True, True, True, False, False]
    adopted = host.records("AdoptKeyVersion")
    assert sorted(one["serviceEventDetails"]["version"] for one in adopted) == [2, 3]
    assert_what_came_back_is_told(past)
    assert_recovered(past, "E_STORE_ROLLED_BACK")


def test_the_token_was_lost(past):
    """The store names what is lost with it; a key of which an old version is left rotates."""
    host = past.disaster("token-state", token=0)
    told = host.follow("WHAT WAS LOST: The token")
    assert "fit together" in told["holdfast recover"]
    assert not host.refused
    assert host.said.count(" reconcile.version_refused ") == 4  # two of the old key, two new keys'
    assert opening(past) == [True, False, False, False, False]
    assert not encrypts(host, past.rotated[0])
    again = past.rotate()
    assert past.opens(again) and past.opens(past.rotated)
    host.audit_is_sound()


def test_the_audit_log_was_lost_and_is_put_back(past):
    host = past.disaster("audit")
    host.start_token()
    host.start_service()
    assert "E_AUDIT_CHAIN" in host.refused and "holdfastd --recover" in host.refused
    told = host.follow("WHAT WAS LOST: The audit log")
    assert "it is there" in told["holdfast recover"]
    assert not host.refused
    host.audit_is_sound()
    assert host.records("RevokeGrant") and not host.records("RecoverStore")


def test_the_audit_log_was_lost_for_good(past):
    host = past.disaster("audit")
    host.start_token()
    told = list(host.follow("THE REPORT").values())
    assert "IT IS NOT THERE" in told[-1] and "E_AUDIT_CHAIN" in told[-1]
    host.follow("THE REPORT", 1)
    host.start_service()
    assert not host.refused
    assert opening(past) == [True] * 5
    assert_recovered(past, "E_AUDIT_CHAIN")
    assert host.records("RevokeGrant") == []


def forge(host, table, **columns):
    """A row that nobody sealed."""
    with contextlib.closing(sqlite3.connect(host.store)) as connection, connection:
        columns["seal"] = bytes(32)
        connection.execute(f"INSERT INTO {table}({', '.join(columns)}) "
                           f"VALUES ({', '.join('?' * len(columns))})", list(columns.values()))


def test_rows_that_keep_the_service_from_starting_are_discarded(past):
    """Whatever somebody wrote to an audit record on its way, an intent, and the head of the log."""
    host = past.disaster()
    event, intent = "0f0e0d0c-0b0a-4908-8706-050403020100", bytes(range(16))
    forge(host, "outbox", event_id=event, line=b'{"eventName":"Forged"}')
    forge(host, "intents", token_id=intent, account=host.account, region=host.region, key_id=intent,
          partition="aws", multi_region=0, number=1, kind=1, owner=bytes(16), lease_ms=1)
    with contextlib.closing(sqlite3.connect(host.store)) as connection, connection:
        assert connection.execute("UPDATE audit_heads SET sequence = sequence - 1").rowcount == 1
    rows = {"outbox": f"event_id={event}", "intents": f"token_id={intent.hex()}",
            "audit_heads": "log=holdfastd"}
    host.start_token()
    host.start_service()
    for table, row in rows.items():
        line, = [line for line in host.refused.splitlines()
                 if f'store.finding kind="changed" table="{table}" row="{row}"' in line]
        assert "does not start with it" in line and "holdfast recover" in line
    told = host.follow("ROWS THAT ARE REFUSED")
    report = told["holdfast recover"]
    for row in rows.values():
        assert row in report
    assert report.count("the service does not start with it") == 3
    assert "event id" in report and "its object on the token" in report and "cut off" in report
    assert report.splitlines()[-1].split(" --config ")[0].endswith(f"--accept {host.code} --discard-refused")
    assert not host.refused
    assert opening(past) == [True] * 5
    details = host.records("RecoverStore")[-1]["serviceEventDetails"]
    assert (details["discardedRows"], details["refusedRowsLeft"]) == (3, 0)
    assert {(f["table"], f["row"]) for f in details["findings"]} == set(rows.items())
    assert not host.records("Forged")
    assert_recovered(past, "E_STORE_SEAL")


def move_token(host):
    """Its folder goes to another place, which softhsm2.conf names."""
    old, host.token_folder = host.token_folder, host.path("var/lib/elsewhere/tokens")
    os.rename(old, host.token_folder)
    host.write_token_settings()


def make_clone(host):
    """The same objects on a token of another serial number and label; `uri` names the label."""
    folder, = os.listdir(host.token_folder)
    path = os.path.join(host.token_folder, folder, "token.object")
    with contextlib.closing(sqlite3.connect(host.store)) as connection:
        (serial,), = connection.execute("SELECT token_serial FROM installation").fetchall()
    clone = serial[:-1] + ("0" if serial[-1] != "0" else "1")
    with open(path, "rb") as file:
        content = file.read()
    for was, now in ((serial, clone), ("holdfast ", "another  ")):
        assert content.count(was.encode()) == 1
        content = content.replace(was.encode(), now.encode())
    with open(path, "wb") as file:
        file.write(content)
    for settings in (host.settings, host.daemon.settings):
        with open(settings, encoding="utf-8") as file:
            text = file.read()
        assert text.count("uri = pkcs11:token=holdfast\n") == 1
        write_file(settings, text.replace("pkcs11:token=holdfast", "pkcs11:token=another"), mode=0o644)
    return serial, clone


def test_the_token_is_moved_and_then_another_takes_its_place(past):
    host = past.disaster()
    move_token(host)
    host.start_token()
    assert "fit together" in host.type("holdfast recover")
    host.token.stop()
    serials = make_clone(host)
    host.start_token()
    host.start_service()
    assert "E_HSM_TOKEN_CHANGED" in host.refused
    told = host.follow("ANOTHER TOKEN")
    report = told["holdfast recover"]
    assert "ANOTHER TOKEN" in report and all(serial in report for serial in serials)
    assert not host.refused
    assert opening(past) == [True] * 5
    details = host.records("RecoverStore")[-1]["serviceEventDetails"]
    assert (details["previousTokenSerial"], details["tokenSerial"]) == serials
    assert_recovered(past, "E_HSM_TOKEN_CHANGED")


def test_the_host_was_lost(past):
    """Another machine has what was backed up, and the PIN; nothing else."""
    host = past.disaster(store=1, token=1)
    with open(host.pin_file, encoding="utf-8") as file:
        pin = file.read()
    host.lose("var", "etc")
    os.makedirs(host.path("etc/holdfast"))
    host.follow("WHAT WAS LOST: The host", 0)
    assert not os.path.exists(host.pin_file)  # is in no backup
    write_file(host.pin_file, pin, mode=0o400)
    if host.separate:
        host.assign({"holdfast": 64003, "holdfast-token": 64004})
        host.give("holdfast", "holdfastd")
    host.give("holdfast-token", "run", "pin")
    told = host.follow("WHAT WAS LOST: The host", 1)
    assert not host.refused
    assert "SOUND" in list(told.values())[-1]
    assert opening(past) == [True, True, False, True, False]
    assert_what_came_back_is_told(past)
    assert_recovered(past, "E_STORE_ROLLED_BACK")


def test_every_step_of_the_page_was_walked():
    assert WALKED == set(STEPS)
