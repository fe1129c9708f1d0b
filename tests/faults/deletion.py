# SPDX-License-Identifier: Apache-2.0
"""A deletion killed at each step ends after the next start, is told once, and touches nothing else.

strace kills holdfastd, or holdfast-token's worker, at its n-th system call that changes a file or
talks to the other process while keys are deleted; n goes through those of one deletion.
"""
import json
import sqlite3

from botocore.exceptions import ClientError

from holdfast import wait_for
from holdfast.objects import token_objects
from holdfast.process import alive
from holdfast.tracing import Tracer, killer, longest_thread, threads_of

DAEMON_CALLS = "write,pwrite64,ftruncate,fsync,fdatasync,rename,unlink,sendto,sendmsg"
TOKEN_CALLS = "openat,write,ftruncate,fsync,rename,unlink"
WINDOW = 8 * 86400  # longer than the shortest waiting period
LEASE = 120         # longer than what a killed daemon has claimed
DAEMON_STEPS_MAX = 20
TOKEN_STEPS_MAX = 10
BEFORE_UNLINK = 5     # calls of the worker before SoftHSM removes the file of an object
PACE = {"scheduler": {"interval_ms": "700", "share_percent": "100"}}


def spread(calls, most, begin=0):
    """(system call, which of its occurrences), over all of them from `begin` on."""
    seen, steps = {}, []
    for name in calls:
        seen[name] = seen.get(name, 0) + 1
        steps.append((name, seen[name]))
    steps = steps[begin:]
    if len(steps) <= most:
        return steps
    return [steps[round(i * (len(steps) - 1) / (most - 1))] for i in range(most)]


class Doomed:
    """Keys whose time comes together, and one that nothing may happen to."""

    def __init__(self, own):
        self.own, self.clock = own, own.with_clock()
        own.daemon.stop()
        own.start()
        kms = own.client()
        self.kept = kms.create_key(Tags=[{"TagKey": "a", "TagValue": "b"}])["KeyMetadata"]["Arn"]
        kms.create_alias(AliasName="alias/kept", TargetKeyId=self.kept)
        kms.create_grant(KeyId=self.kept, GranteePrincipal=own.account, Operations=["Decrypt"])
        self.blob = kms.encrypt(KeyId="alias/kept", Plaintext=b"dear")["CiphertextBlob"]
        self.keys = {}

    def add(self, count):
        """Keys with everything that hangs on a key, scheduled."""
        kms = self.own.client()
        for _ in range(count):
            key = kms.create_key(Tags=[{"TagKey": "x", "TagValue": "y"}])["KeyMetadata"]["KeyId"]
            kms.create_alias(AliasName=f"alias/{key}", TargetKeyId=key)
            kms.create_grant(KeyId=key, GranteePrincipal=self.own.account, Operations=["Encrypt"])
            self.keys[key] = kms.encrypt(KeyId=key, Plaintext=b"lost")["CiphertextBlob"]
            kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)

    def left(self):
        """Keys that the store still has, by its own file: nobody is asked, so nobody must be up."""
        with sqlite3.connect(f"file:{self.own.store}?mode=ro", uri=True) as connection:
            return connection.execute("SELECT count(*) FROM keys").fetchone()[0] - 1

    def start(self, later):
        """After `later` seconds by the clock, as after a downtime."""
        self.clock.advance(later)
        self.own.daemon.start()

    def check_kept(self):
        kms = self.own.client()
        assert kms.decrypt(CiphertextBlob=self.blob)["Plaintext"] == b"dear"
        assert kms.describe_key(KeyId="alias/kept")["KeyMetadata"]["KeyState"] == "Enabled"
        assert len(kms.list_grants(KeyId=self.kept)["Grants"]) == 1
        assert len(kms.list_resource_tags(KeyId=self.kept)["Tags"]) == 1
        for key in self.keys:
            try:
                state = kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"]
                assert state == "PendingDeletion"
            except ClientError as error:
                assert error.response["Error"]["Code"] == "NotFoundException"

    def check_end(self):
        """Everything of the keys is gone, each is told once, and the kept one has all it had."""
        own = self.own
        wait_for(lambda: self.left() == 0, "all keys are deleted", 60)
        own.await_calls()
        self.check_kept()
        kms = own.client()
        assert [one["AliasName"] for one in kms.list_aliases()["Aliases"]] == ["alias/kept"]
        for key, blob in self.keys.items():
            for call in (lambda key=key: kms.list_grants(KeyId=key),
                         lambda blob=blob: kms.decrypt(CiphertextBlob=blob)):
                try:
                    call()
                    raise AssertionError(f"{key} is in use")
                except ClientError as error:
                    assert error.response["Error"]["Code"] in ("NotFoundException",
                                                               "InvalidCiphertextException")
        assert "reconcile.version_refused" not in own.daemon.read_log()
        own.stop()
        self.check_records()
        self.check_token()

    def check_records(self):
        told = [record["serviceEventDetails"] for record in self.own.daemon.audit_records()
                if record["eventName"] == "DeleteKey"]
        assert sorted(one["keyId"] for one in told) == sorted(self.keys), json.dumps(told)
        assert all(one["keyMaterialCount"] == len(one["keyMaterials"]) == 1 for one in told)
        materials = [one["keyMaterials"][0]["keyMaterialId"] for one in told]
        assert len(set(materials)) == len(told)

    def check_token(self):
        labels = [one["label"] for one in token_objects(self.own) if one["id"] or one["label"]]
        versions = [label.split(":")[2] for label in labels if label.count(":") == 3]
        assert versions == [self.kept.rpartition("/")[2]]
        assert {label.rpartition(":")[2] for label in labels if label.count(":") != 3} == {
            "row-seal", "audit-sign", "secret-wrap"}


def sequence(doomed, pid, tmp_path, calls):
    """What the busiest thread of the process does for one deletion."""
    before = doomed.left()
    with Tracer(pid, tmp_path / "dry-run", "-e", f"trace={calls}") as tracer:
        wait_for(lambda: doomed.left() < before, "a key is deleted", 30)
    return longest_thread(tracer.lines())


def test_the_daemon_killed_at_each_step(make, tmp_path):
    own = make(settings=PACE)
    doomed = Doomed(own)
    doomed.add(1)
    own.daemon.stop()
    doomed.start(WINDOW)
    calls = sequence(doomed, own.daemon.pid, tmp_path, DAEMON_CALLS)
    assert {"fdatasync", "fsync"} & set(calls), calls
    steps, killed = spread(calls, DAEMON_STEPS_MAX), 0
    own.daemon.await_ready()
    doomed.add(len(steps))
    own.daemon.stop()
    doomed.clock.advance(WINDOW)
    for step in steps:
        doomed.start(LEASE)
        with killer(own.daemon.pid, tmp_path / "kill", *step):
            wait_for(lambda: not own.daemon.running() or doomed.left() == 0, "killed", 30)
        if own.daemon.running():
            break
        killed += 1
        own.daemon.wait()
    assert killed > len(steps) / 2
    if not own.daemon.running():
        doomed.start(LEASE)
    doomed.check_end()


def test_the_worker_killed_at_each_step(make, tmp_path):
    own = make(settings=PACE)
    doomed = Doomed(own)
    doomed.add(1)
    own.daemon.stop()
    worker = own.worker()
    before = doomed.left()
    with Tracer(worker, tmp_path / "dry-run", "-e", f"trace={TOKEN_CALLS}") as tracer:
        doomed.start(WINDOW)
        wait_for(lambda: doomed.left() < before, "a key is deleted", 30)
    (calls,) = [calls for calls in threads_of(tracer.lines()) if "unlink" in calls]
    steps = spread(calls, TOKEN_STEPS_MAX, max(0, calls.index("unlink") - BEFORE_UNLINK))
    killed = 0
    own.daemon.await_ready()
    doomed.add(len(steps))
    own.daemon.stop()
    doomed.clock.advance(WINDOW)
    for step in steps:
        worker = own.worker()
        with killer(worker, tmp_path / "kill", *step):
            before = doomed.left()
            doomed.start(LEASE)
            wait_for(lambda: not alive(worker) or doomed.left() < before, "killed or done", 30)
        killed += not alive(worker)
        own.daemon.kill()
        # Its supervisor would replace the worker as well, later each time.
        own.token.kill()
        own.start_token()
    assert killed > len(steps) / 2
    doomed.start(LEASE)
    doomed.check_end()
