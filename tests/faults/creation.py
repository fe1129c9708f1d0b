# SPDX-License-Identifier: Apache-2.0
"""A CreateKey killed at each step leaves a whole key with its tags or none, and never a lost token or
object.

strace kills holdfast-token's worker, or holdfastd, at its n-th system call that changes a file or
talks to the other process; n goes through all of them. After each, everything must be as if the
call had been made or not been made, without a hand being moved.
"""
import os
import signal
import sqlite3
import subprocess

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from holdfast import Signer, wait_for
from holdfast.installation import read_credentials
from holdfast.objects import token_objects
from holdfast.process import alive
from holdfast.tracing import kill_at, killer, sequence, steps

TOKEN_CALLS = "openat,write,ftruncate,fsync,fdatasync,rename,unlink,sendto,sendmsg"
DAEMON_CALLS = "openat,write,pwrite64,ftruncate,fsync,fdatasync,rename,unlink,sendto,sendmsg"
LOGIN_CALLS = ("ftruncate", "write", "fsync", "rename", "unlink")
INIT_CALLS = ("fsync", "fdatasync", "pwrite64", "ftruncate", "sendto", "sendmsg", "write")
TAGS = [{"TagKey": "owner", "TagValue": "ada"}, {"TagKey": "room", "TagValue": ""}]
STEPS_MAX = 70  # when there are more, these are spread over them, truncations all included


def try_create(kms):
    """The ARN when it was acknowledged, else None."""
    try:
        return kms.create_key(Tags=TAGS)["KeyMetadata"]["Arn"]
    except (ClientError, BotoCoreError):
        return None


class Ledger:
    """What must be there: everything acknowledged, and the ciphertexts made meanwhile."""

    def __init__(self, installation):
        self.installation = installation
        self.acknowledged, self.sealed = set(), []

    def check(self, asked):
        """Every listed key is whole; none acknowledged is lost; at most one more per call asked for."""
        kms = self.installation.client()
        listed = {entry["KeyArn"] for entry in kms.list_keys(Limit=1000)["Keys"]}
        assert self.acknowledged <= listed
        assert len(listed) <= asked
        for arn in listed - {arn for arn, _ in self.sealed}:
            assert kms.describe_key(KeyId=arn)["KeyMetadata"]["KeyState"] == "Enabled"
            assert kms.list_resource_tags(KeyId=arn)["Tags"] == TAGS
            blob = kms.encrypt(KeyId=arn, Plaintext=arn.encode())["CiphertextBlob"]
            self.sealed.append((arn, blob))
        for arn, blob in (self.sealed[0], self.sealed[-1]):
            assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == arn.encode()

    def check_token(self):
        """At the end, with everything stopped: the token holds the listed keys' versions and the
        three keys of the installation, and nothing else; no intent is left open."""
        own = self.installation
        own.stop()
        own.start_token()
        # What was under way when a daemon died is settled once its lease has ended.
        own.daemon.later(7200)
        own.daemon.stop()
        own.start()
        kms = own.client()
        for arn, blob in self.sealed:
            assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == arn.encode()
        listed = {entry["KeyId"] for entry in kms.list_keys(Limit=1000)["Keys"]}
        own.stop()
        objects = token_objects(own)
        # SoftHSM leaves files of objects that never came to be: no id, no label, no value.
        labels = [one["label"] for one in objects if one["id"] or one["label"]]
        versions = sorted(label.split(":")[2] for label in labels if label.count(":") == 3)
        assert versions == sorted(listed)
        assert {label.rpartition(":")[2] for label in labels if label.count(":") != 3} == {
            "row-seal", "audit-sign", "secret-wrap"}
        with sqlite3.connect(own.store) as connection:
            tables = [name for (name,) in connection.execute(
                "SELECT name FROM sqlite_master WHERE type='table' AND name LIKE '%intent%'")]
            assert tables
            for table in tables:
                assert connection.execute(f'SELECT count(*) FROM "{table}"').fetchone() == (0,)


def test_the_worker_killed_at_each_step(make, tmp_path):
    own = make()
    ledger = Ledger(own)
    ledger.acknowledged.add(try_create(own.client()))
    ledger.check(1)
    calls = sequence(own.worker(), tmp_path / "dry-run", TOKEN_CALLS,
                     lambda: ledger.acknowledged.add(try_create(own.client())))
    assert "ftruncate" in calls, calls
    asked, killed = 2, 0
    for step in steps(calls, STEPS_MAX):
        worker = own.worker()
        with killer(worker, tmp_path / "kill", *step):
            arn = try_create(own.client())
            asked += 1
            ledger.acknowledged |= {arn} - {None}
        if alive(worker):
            continue  # this run needed fewer calls
        killed += 1
        # Its supervisor would replace it as well, later each time: a worker that dies young is
        # given more and more time.
        own.token.kill()
        own.start_token()
        own.await_calls()
        ledger.check(asked)
    assert killed > len(steps(calls, STEPS_MAX)) / 2
    ledger.check_token()


def test_the_daemon_killed_at_each_step(own, tmp_path):
    ledger = Ledger(own)
    ledger.acknowledged.add(try_create(own.client()))
    ledger.check(1)
    client = own.client()
    calls = sequence(own.daemon.pid, tmp_path / "dry-run", DAEMON_CALLS,
                     lambda: ledger.acknowledged.add(try_create(client)))
    assert {"fdatasync", "fsync"} & set(calls), calls
    asked, killed = 2, 0
    for step in steps(calls, STEPS_MAX):
        pid = own.daemon.pid
        with killer(pid, tmp_path / "kill", *step):
            arn = try_create(own.client())
            asked += 1
            ledger.acknowledged |= {arn} - {None}
        if own.daemon.running():
            continue
        killed += 1
        own.daemon.wait()
        own.daemon.start()
        own.await_calls()
        ledger.check(asked)
    assert killed > len(steps(calls, STEPS_MAX)) / 2
    ledger.check_token()


def start_under_strace(own, output, step, only):
    """holdfast-token, started under strace, which kills the worker at a call of its start; with
    `only`, at a call that touches this file."""
    paths = ["-P", only] if only else []
    command = ["strace", "-f", "-o", str(output), *paths, *kill_at(*step), *own.token.argv]
    with open(own.token.log, "ab") as log:
        return subprocess.Popen(command, env=own.token.environment, stdin=subprocess.DEVNULL,
                                stdout=log, stderr=log, start_new_session=True)


def killed_in(output):
    with open(output, encoding="ascii", errors="replace") as file:
        return "+++ killed by SIGKILL +++" in file.read()


def token_object(own):
    """The file that the whole SoftHSM token hangs on."""
    (folder,) = os.listdir(own.token_folder)
    return os.path.join(own.token_folder, folder, "token.object")


@pytest.mark.parametrize("which", ["calls on token.object", "all calls"])
def test_a_login_killed_at_each_step_loses_no_token(own, tmp_path, which):
    """SoftHSM's C_Login truncates token.object and writes it again."""
    kms = own.client()
    key = kms.create_key()["KeyMetadata"]["Arn"]
    blob = kms.encrypt(KeyId=key, Plaintext=b"dear")["CiphertextBlob"]
    output = tmp_path / "login"
    only = token_object(own) if which != "all calls" else None
    killed, tried = 0, {name: 1 for name in LOGIN_CALLS}
    while tried:
        step = next(iter(tried.items()))
        own.token.stop()
        wait_for(lambda: not own.daemon.ready(), "the daemon notices", 10)
        output.write_text("")
        tracer = start_under_strace(own, output, step, only)
        try:
            wait_for(lambda: killed_in(output) or own.daemon.ready(), "killed or started", 30)
            lost = killed_in(output)
        finally:
            # The whole group: strace, supervisor, worker; all started by this test.
            os.killpg(tracer.pid, signal.SIGKILL)
            tracer.wait(10)
        wait_for(lambda: not own.daemon.ready(), "the daemon notices", 10)
        own.start_token()
        own.await_calls()
        assert own.client().decrypt(CiphertextBlob=blob)["Plaintext"] == b"dear"
        killed += lost
        if lost:
            # Of all the start's calls, the more there are, the wider the steps.
            tried[step[0]] += 1 if only else 1 + tried[step[0]] // 4
        else:
            del tried[step[0]]  # fewer calls of this kind: the next kind
    assert killed > 1
    if only:
        # Some kill did hit the moment in which the file is empty, and its copy came back.
        assert "softhsm.token_restored" in own.token.read_log()


def test_an_interrupted_init_can_be_repeated(make, tmp_path):
    """holdfastd --init killed at each step: repeated, it ends well, and never without credentials."""
    own = make()
    own.stop()
    killed, tried, runs = 0, {name: 1 for name in INIT_CALLS}, 0
    while tried:
        step, runs = next(iter(tried.items())), runs + 1
        for left in ("", "-wal", "-shm"):
            if os.path.exists(own.store + left):
                os.remove(own.store + left)
        own.start_token()
        lost = interrupted_init(own, tmp_path, step, runs)
        own.credentials_file = own.path(f"credentials-{runs}")
        again = own.run("holdfastd", *init_arguments(own), check=False)
        if again.returncode != 0:
            # Done but for the end: then the credentials of the first must be whole.
            assert "initialised before" in again.stdout + again.stderr, again.stderr
            own.credentials_file = own.path(f"credentials-lost-{runs}")
        own.signer = Signer(*read_credentials(own.credentials_file), own.region)
        assert os.stat(own.credentials_file).st_mode & 0o777 == 0o600
        if not lost:
            own.start()
            key = own.client().create_key()["KeyMetadata"]["KeyId"]
            own.client().encrypt(KeyId=key, Plaintext=b"x")
            own.daemon.stop()
        killed += lost
        if lost:
            tried[step[0]] += 1 + tried[step[0]] // 8  # the more there are, the wider the steps
        else:
            del tried[step[0]]
    assert killed > 3


def init_arguments(own):
    return ["--config", own.daemon.settings, "--init", "--region", own.region, "--account",
            own.account, "--credentials", own.credentials_file]


def interrupted_init(own, tmp_path, step, run):
    """Whether the kill came before the end."""
    own.credentials_file = own.path(f"credentials-lost-{run}")
    output = tmp_path / "init"
    output.write_text("")
    command = ["strace", "-f", "-o", output, *kill_at(*step), own.daemon.argv[0],
               *init_arguments(own)]
    subprocess.run(command, env={**os.environ, **own.environment}, capture_output=True, timeout=60,
                   check=False)
    return killed_in(output)
