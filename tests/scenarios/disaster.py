# SPDX-License-Identifier: Apache-2.0
"""holdfast-recovery(7), by its word: backups are made and losses made good with the commands that the
page prints, in their order, on a host whose folders are those of the package. Only where the host's
root lies, the backup's name and the code of the report are filled in."""
import json
import os
import re
import shutil
import subprocess

import pytest

from holdfast import wait_for

from holdfast.installation import ROOT, Installation, program, write_file

PAGE = os.path.join(ROOT, "config/man/holdfast-recovery.7")
PLACES = {"tokens": "var/lib/holdfast-token/tokens", "token-state": "var/lib/holdfast-token",
          "holdfast.db": "var/lib/holdfast/holdfast.db", "audit": "var/lib/holdfast/audit",
          "pin": "etc/holdfast/pin", "softhsm2.conf": "etc/holdfast/softhsm2.conf",
          "token.conf": "etc/holdfast/holdfast-token.conf"}
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


class Host(Installation):
    """A machine: the packages' folders under a root of its own, with the two services."""

    def __init__(self, directory):
        super().__init__(directory)
        self.refused = ""  # why holdfastd did not start
        self.backup = ""   # the one to restore
        self.code = ""
        os.makedirs(self.path("bin/x"), exist_ok=True)
        write_file(self.path("bin/holdfast"), mode=0o700, text=f"""#!/bin/sh
exec {program("holdfast")} "$@" --config {self.daemon.settings}
""")

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
        line = re.sub(r"\bholdfast(-token)?: ", f"{os.getuid()}:{os.getgid()} ", line)  # the packages' users
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
        ran = self.run("holdfast", "audit", "verify", self.daemon.audit, "--key",
                       self.path("backup/audit.pem"), check=False)
        assert ran.returncode == 0, ran.stdout
        return ran.stdout


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
            shutil.copytree(host.path(tree), host.path(f"then/{tree}"))

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
            shutil.copytree(host.path(f"then/{tree}"), host.path(tree))
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
def past(tmp_path_factory):
    host = Host(tmp_path_factory.mktemp("host"))
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
    assert os.stat(host.store).st_mode & 0o777 == 0o600
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
    assert [one["serviceEventDetails"]["version"] for one in adopted] == [2, 3]
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
