# SPDX-License-Identifier: Apache-2.0
"""What was acknowledged survives: stops, starts, and kill -9 of any process, at rest and under load."""
import os
import pathlib
import signal
import sqlite3
import threading
import time

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from holdfast import wait_for
from holdfast.process import alive, children, wait_for as until

LOAD_THREADS = 4


def make_some(kms, count=3):
    """[(key, context, ciphertext, plaintext)]"""
    out = []
    for i in range(count):
        key = kms.create_key(Description=f"key {i}")["KeyMetadata"]["Arn"]
        context = {"i": str(i)}
        made = kms.generate_data_key(KeyId=key, KeySpec="AES_256", EncryptionContext=context)
        out.append((key, context, made["CiphertextBlob"], made["Plaintext"]))
    return out


def check_all(kms, made):
    for key, context, blob, plaintext in made:
        opened = kms.decrypt(CiphertextBlob=blob, EncryptionContext=context)
        assert (opened["Plaintext"], opened["KeyId"]) == (plaintext, key)


class Load:
    """Clients that create, encrypt and decrypt until told to stop; keeps what was acknowledged."""

    def __init__(self, installation, key):
        self.installation, self.key = installation, key
        self.sealed, self.keys, self.wrong = [], [], []
        self.errors = 0
        self.ended = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(i,)) for i in range(LOAD_THREADS)]

    def run(self, number):
        kms = self.installation.client()
        count = 0
        while not self.ended.is_set():
            count += 1
            plaintext = f"{number}/{count}".encode()
            try:
                blob = kms.encrypt(KeyId=self.key, Plaintext=plaintext)["CiphertextBlob"]
                self.sealed.append((self.key, {}, blob, plaintext))
                if kms.decrypt(CiphertextBlob=blob)["Plaintext"] != plaintext:
                    self.wrong.append(plaintext)
                if count % 20 == 0:
                    self.keys.append(kms.create_key()["KeyMetadata"]["Arn"])
            except ClientError as error:
                # A service without its token says so; it never says that a good ciphertext is bad.
                code = error.response["Error"]["Code"]
                if code in ("InvalidCiphertextException", "NotFoundException", "IncorrectKeyException"):
                    self.wrong.append(code)
                self.errors += 1
                time.sleep(0.01)
            except (BotoCoreError, OSError):
                self.errors += 1
                time.sleep(0.01)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        wait_for(lambda: len(self.sealed) > 50, "load is under way", 60)
        return self

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join(60)

    def check(self, kms):
        assert not self.wrong
        listed = {entry["KeyArn"] for entry in kms.list_keys(Limit=1000)["Keys"]}
        assert set(self.keys) <= listed
        check_all(kms, self.sealed)
        for key in self.keys:
            blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
            assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


def test_a_stop_and_a_start(own):
    kms = own.client()
    made = make_some(kms)
    described = [kms.describe_key(KeyId=key)["KeyMetadata"] for key, *_ in made]
    kms.disable_key(KeyId=made[0][0])
    for _ in range(3):
        own.stop()
        own.start()
    kms = own.client()
    assert kms.describe_key(KeyId=made[0][0])["KeyMetadata"]["KeyState"] == "Disabled"
    kms.enable_key(KeyId=made[0][0])
    assert [kms.describe_key(KeyId=key)["KeyMetadata"] for key, *_ in made] == described
    check_all(kms, made)


def test_the_second_token_as_well(make):
    """NSS softokn, suite 1."""
    there = make(token="nss")
    made = make_some(there.client())
    assert made[0][2][1] == 1  # the suite in the ciphertext's header
    there.stop()
    there.start()
    check_all(there.client(), made)
    os.kill(there.worker(), signal.SIGKILL)
    there.daemon.await_ready()
    check_all(there.client(), made)


@pytest.mark.parametrize("suite", [2, 3])
def test_pinned_suites(make, suite):
    there = make(settings={"token": {"suite": suite}})
    made = make_some(there.client())
    assert {blob[1] for _, _, blob, _ in made} == {suite}
    there.stop()
    there.start()
    check_all(there.client(), made)


def test_a_suite_can_change_and_old_ciphertexts_still_open(make):
    there = make(settings={"token": {"suite": 3}})
    made = make_some(there.client(), 1)
    there.stop()
    for path in (there.settings, there.daemon.settings):
        with open(path, encoding="utf-8") as file:
            text = file.read()
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace("suite = 3", "suite = 2"))
    there.start()
    made += make_some(there.client(), 1)
    assert [blob[1] for _, _, blob, _ in made] == [3, 2]
    check_all(there.client(), made)


def test_kill_the_daemon_at_rest(own):
    made = make_some(own.client())
    own.daemon.kill()
    own.daemon.start()
    own.daemon.await_ready()
    check_all(own.client(), made)


def test_kill_the_worker_at_rest(own):
    """The daemon is not restarted: it recovers by itself."""
    made = make_some(own.client())
    pid, worker = own.daemon.pid, own.worker()
    os.kill(worker, signal.SIGKILL)
    until(lambda: not alive(worker), "the worker is gone")
    own.daemon.await_ready()
    check_all(own.client(), made)
    assert own.daemon.pid == pid and own.worker() != worker


def test_kill_the_supervisor_at_rest(own):
    made = make_some(own.client())
    own.token.kill()  # waits for the worker to go with it
    until(lambda: own.daemon.get("/readyz")[0] == 503, "the daemon notices", 10)
    assert own.daemon.get("/healthz")[0] == 200
    own.start_token()
    own.daemon.await_ready()
    check_all(own.client(), made)


def test_while_the_token_is_away_calls_fail_soon_and_clearly(own):
    kms = own.client()
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    own.token.kill()
    until(lambda: own.daemon.get("/readyz")[0] == 503, "the daemon notices", 10)
    for _ in range(5):
        start = time.monotonic()
        reply = own.exchange().call("Encrypt", {"KeyId": key, "Plaintext": "aGk="})
        assert (reply.status, reply.error) in (
            (500, "DependencyTimeoutException"), (500, "KMSInternalException"),
            (500, "KeyUnavailableException"), (400, "KeyUnavailableException"),
            (503, "ServiceUnavailableException")), reply.body
        assert time.monotonic() - start < 8
    assert own.daemon.get("/healthz")[0] == 200


@pytest.mark.parametrize("victim", ["daemon", "worker", "supervisor"])
def test_kill_under_load(own, victim):
    key = own.client().create_key()["KeyMetadata"]["Arn"]
    with Load(own, key) as load:
        for _ in range(3):
            count = len(load.sealed)
            if victim == "daemon":
                own.daemon.kill()
                own.daemon.start()
            elif victim == "worker":
                os.kill(own.worker(), signal.SIGKILL)
            else:
                own.token.kill()
                own.start_token()
            own.daemon.await_ready()
            wait_for(lambda seen=count: len(load.sealed) > seen + 20, "load goes on", 60)
    load.check(own.client())


def test_a_stop_under_load_answers_what_it_took(own):
    """SIGTERM drains: whatever was acknowledged is good, and the exit status is 0."""
    key = own.client().create_key()["KeyMetadata"]["Arn"]
    with Load(own, key) as load:
        assert own.daemon.stop() == 0
        own.daemon.start()
        own.daemon.await_ready()
        own.token.stop()
        own.start_token()
        own.daemon.await_ready()
    load.check(own.client())


def test_every_acknowledged_call_is_on_record(own):
    """P3: kill -9 in the middle of things; no reply came before its record was on disk."""
    key = own.client().create_key()["KeyMetadata"]["Arn"]
    with Load(own, key) as load:
        own.daemon.kill()
    own.daemon.start()
    own.daemon.await_ready()
    records = own.daemon.audit_records()
    encrypted = [r for r in records if r["eventName"] == "Encrypt" and not r.get("errorCode")]
    created = {r["resources"][0]["ARN"] for r in records
               if r["eventName"] == "CreateKey" and not r.get("errorCode")}
    assert len(encrypted) >= len(load.sealed)
    assert {key, *load.keys} <= created
    assert len({r["eventID"] for r in records}) == len(records)


class Witness(threading.Thread):
    """A client that looks into the audit log at every reply, at once."""

    def __init__(self, installation, calls, rounds):
        super().__init__()
        self.installation, self.calls, self.rounds = installation, calls, rounds
        self.seen, self.unrecorded = set(), []

    def run(self):
        exchange = self.installation.exchange()
        for operation, body in self.calls * self.rounds:
            reply = exchange.call(operation, body)
            self.seen.add((operation, reply.error))
            if not self.on_record(reply.headers["x-amzn-requestid"]):
                self.unrecorded.append((operation, reply.status, reply.body))

    def on_record(self, request):
        folder = pathlib.Path(self.installation.daemon.audit)
        return any(request.encode() in path.read_bytes() for path in folder.glob("*.jsonl"))


def test_no_reply_comes_before_its_record(own):
    """P3, of calls that change, read, are refused and, the token being killed meanwhile, fail."""
    key = own.client().create_key()["KeyMetadata"]["KeyId"]
    sealed = own.exchange().call("Encrypt", {"KeyId": key, "Plaintext": "aGk="}).json["CiphertextBlob"]
    calls = [("Decrypt", {"CiphertextBlob": sealed}),
             ("Decrypt", {"CiphertextBlob": sealed, "EncryptionContext": {"not": "this"}}),
             ("TagResource", {"KeyId": key, "Tags": [{"TagKey": "a", "TagValue": "b"}]}),
             ("DescribeKey", {"KeyId": "12345678-1234-1234-1234-123456789012"}),
             ("NoSuchOperation", {})]
    witnesses = [Witness(own, calls, 25) for _ in range(LOAD_THREADS)]
    for witness in witnesses:
        witness.start()
    own.token.kill()
    own.start_token()
    for witness in witnesses:
        witness.join(60)
    assert not [one for witness in witnesses for one in witness.unrecorded]
    seen = set.union(*(witness.seen for witness in witnesses))
    assert {("Decrypt", None), ("Decrypt", "InvalidCiphertextException"), ("TagResource", None),
            ("DescribeKey", "NotFoundException"),
            ("NoSuchOperation", "UnknownOperationException")} <= seen, seen


def test_a_torn_last_record_is_cut(own):
    kms = own.client()
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    own.daemon.kill()
    newest = max((path for path in pathlib.Path(own.daemon.audit).iterdir()
                  if path.read_bytes().startswith(b"{")), key=str)
    with open(newest, "r+b") as file:
        data = file.read().rstrip(b"\0")
        assert data.endswith(b"\n")
        file.seek(len(data))
        file.write(b'{"eventVersion":"1.11","eventName":"Torn')
    own.daemon.start()
    own.daemon.await_ready()
    own.client().encrypt(KeyId=key, Plaintext=b"x")
    names = [r["eventName"] for r in own.daemon.audit_records()]
    assert names[-1] == "Encrypt" and "Torn" not in names


def test_one_daemon_per_audit_log_and_one_holdfast_token_per_token(own):
    second = own.run("holdfastd", "--config", own.daemon.settings, check=False)
    assert second.returncode != 0
    third = own.run("holdfast-token", "--config", own.settings, check=False)
    assert third.returncode != 0
    assert own.daemon.ready() and children(own.token.pid)


def test_the_database_is_whole_after_kills(own):
    key = own.client().create_key()["KeyMetadata"]["Arn"]
    with Load(own, key):
        own.daemon.kill()
    own.daemon.start()
    own.daemon.await_ready()
    own.stop()
    with sqlite3.connect(own.store) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
