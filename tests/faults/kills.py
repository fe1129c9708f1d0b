# SPDX-License-Identifier: Apache-2.0
"""P3, P4 and P5 at once: kill -9 at random moments under calls that change and calls that read.

Each round starts the daemon, lets it serve (or not even start) for a random while and kills it; now
and then the token's worker dies, too, or its supervisor. Behind the last one the audit log verifies
from its first line to its last, each acknowledged request is in it exactly once, what was acknowledged
is still so, the store is sound, and no start was refused.

KILLS: how many. KILLS_SEED: that of the random moments and calls; a failure names it.
"""
import base64
import collections
import json
import os
import random
import signal
import threading
import time

import pytest

from holdfast.admin import Admin
from holdfast.crowd import Caller
from holdfast.installation import write_file

KILLS = int(os.environ.get("KILLS", "100"))
SEED = int(os.environ.get("KILLS_SEED", "0")) or random.SystemRandom().getrandbits(32)
CLIENTS = 6
SERVING_S = 0.2    # longest between readiness and a kill
STARTING_S = 0.15  # longest between a start and a kill that does not wait for readiness
KEYS_EACH = 10     # that one client makes beside its own
SOUND, NOT_RECENTLY_SIGNED = 0, 1  # exit statuses of holdfast audit verify
MISSING = "00000000-1111-4222-8333-444444444444"


class Client(threading.Thread):
    """Calls on a connection of its own, about a key of its own, and what it must find again. A call
    without an answer may have been done or not, and so may one that failed inside: then more than
    one state is possible."""

    def __init__(self, own, number):
        super().__init__()
        self.own, self.number = own, number
        self.chance = random.Random(SEED + number)
        self.ended = threading.Event()
        self.answers = []  # (request id, operation, error's name or None)
        self.plain = base64.b64encode(b"of client %d" % number).decode()
        self.sealed, self.made, self.granted, self.revoked = [], [], set(), set()
        exchange = own.exchange()
        self.calls = Caller(exchange.address, exchange.signer, timeout=30.0)
        self.key = self.calls.must("CreateKey", Description="")["KeyMetadata"]["KeyId"]
        self.calls.close()
        self.possible = {"Enabled": {True}, "Description": {""}, "tag": {None}, "alias": {False}}

    def run(self):
        while not self.ended.is_set():
            try:
                self.chance.choice(ACTIONS)(self)
            except OSError:
                self.calls.close()
                time.sleep(0.005)
        self.calls.close()

    def call(self, operation, **members):
        reply = self.calls.call(operation, members)
        if reply is None or len(reply.body) < int(reply.headers.get("content-length", "1")):
            raise OSError("no answer, or half of one")
        self.answers.append((reply.headers["x-amzn-requestid"], operation, reply.error))
        return reply

    def change(self, what, wanted, operation, **members):
        """The answer settles it, a refusal leaves it as it was."""
        before = self.possible[what]
        self.possible[what] = before | {wanted}
        status = self.call(operation, **members).status
        if status == 200:
            self.possible[what] = {wanted}
        elif status < 500:
            self.possible[what] = before

    def encrypt(self):
        reply = self.call("Encrypt", KeyId=self.key, Plaintext=self.plain)
        if reply.status == 200:
            self.sealed.append(reply.json["CiphertextBlob"])

    def decrypt(self):
        if self.sealed:
            reply = self.call("Decrypt", CiphertextBlob=self.chance.choice(self.sealed))
            assert reply.error not in ("InvalidCiphertextException", "IncorrectKeyException"), reply
            assert reply.status != 200 or reply.json["Plaintext"] == self.plain

    def data_key(self):
        self.call("GenerateDataKey", KeyId=self.key, KeySpec="AES_256")

    def read(self):
        self.call("DescribeKey", KeyId=self.key)
        self.call("ListGrants", KeyId=self.key)

    def refused(self):
        assert self.call("DescribeKey", KeyId=MISSING).status != 200

    def switch(self):
        wanted = self.chance.random() < 0.8  # or most of the calls would be refused
        self.change("Enabled", wanted, "EnableKey" if wanted else "DisableKey", KeyId=self.key)

    def describe(self):
        wanted = str(self.chance.random())
        self.change("Description", wanted, "UpdateKeyDescription", KeyId=self.key, Description=wanted)

    def tag(self):
        wanted = str(self.chance.random())
        self.change("tag", wanted, "TagResource", KeyId=self.key,
                    Tags=[{"TagKey": "a", "TagValue": wanted}])

    def alias(self):
        name = {"AliasName": f"alias/client{self.number}"}
        if self.chance.random() < 0.5:
            self.change("alias", True, "CreateAlias", TargetKeyId=self.key, **name)
        else:
            self.change("alias", False, "DeleteAlias", **name)

    def grant(self):
        if self.granted:
            gone = self.granted.pop()  # answered or not: nobody says any more that it is there
            if self.call("RevokeGrant", KeyId=self.key, GrantId=gone).status == 200:
                self.revoked.add(gone)
            return
        made = self.call("CreateGrant", KeyId=self.key, Operations=["Decrypt"],
                         GranteePrincipal=f"arn:aws:iam::{self.own.account}:root")
        if made.status == 200:
            self.granted.add(made.json["GrantId"])

    def create(self):
        if len(self.made) < KEYS_EACH:
            made = self.call("CreateKey")
            if made.status == 200:
                self.made.append(made.json["KeyMetadata"]["KeyId"])

    def check(self, kms):
        known = kms.describe_key(KeyId=self.key)["KeyMetadata"]
        tags = {t["TagKey"]: t["TagValue"] for t in kms.list_resource_tags(KeyId=self.key)["Tags"]}
        found = {"Enabled": known["Enabled"], "Description": known["Description"],
                 "tag": tags.get("a"), "alias": bool(kms.list_aliases(KeyId=self.key)["Aliases"])}
        for what, value in found.items():
            assert value in self.possible[what], (self.number, what)
        pages = kms.get_paginator("list_grants").paginate(KeyId=self.key)
        granted = {grant["GrantId"] for page in pages for grant in page["Grants"]}
        assert self.granted <= granted and not self.revoked & granted
        kms.enable_key(KeyId=self.key)
        for blob in self.chance.sample(self.sealed, min(20, len(self.sealed))):
            opened = kms.decrypt(CiphertextBlob=base64.b64decode(blob))
            assert base64.b64encode(opened["Plaintext"]).decode() == self.plain


READING = [Client.encrypt, Client.encrypt, Client.decrypt, Client.decrypt, Client.data_key, Client.read,
           Client.refused]
CHANGING = [Client.switch, Client.switch, Client.describe, Client.tag, Client.alias, Client.grant,
            Client.grant, Client.create]
ACTIONS = READING + CHANGING


class Killer:
    """Starts and kills; nothing may end by itself."""

    def __init__(self, own):
        self.own, self.chance = own, random.Random(SEED)
        self.killed = collections.Counter()

    def must_run(self):
        daemon = self.own.daemon
        assert daemon.running(), f"it ended by itself, seed {SEED}: {daemon.read_log()[-3000:]}"

    def daemon(self):
        if self.chance.random() < 0.2:
            time.sleep(self.chance.uniform(0, STARTING_S))
            self.killed["starting"] += 1
        else:
            self.own.daemon.await_ready()
            time.sleep(self.chance.uniform(0, SERVING_S))
            self.killed["serving"] += 1
        self.must_run()
        self.own.daemon.kill()
        self.own.daemon.start()

    def token(self, number):
        """One of ten rounds has a worker killed, one of thirty the supervisor: beside the daemon,
        which serves on."""
        if number % 30 == 14:
            self.own.token.kill()
            self.own.start_token()
            self.killed["supervisor"] += 1
        elif number % 10 == 4:
            os.kill(self.own.worker(), signal.SIGKILL)
            self.killed["worker"] += 1


def verify(own, key, statuses):
    ran = own.run("holdfast", "audit", "verify", own.daemon.audit, "--key", key, "--json", check=False)
    report = json.loads(ran.stdout)
    assert ran.returncode in statuses and report["Sound"] and report["Problems"] == 0, report
    return report


@pytest.fixture
def own(make):
    """Segments are small, so that kills meet new ones, too."""
    return make(settings={"audit": {"segment_mib": 1}})


def test_kill_at_random_moments(own):
    key = write_file(own.path("audit.pem"),
                     own.run("holdfast", "audit", "public-key", "--socket", own.daemon.admin).stdout)
    clients, killer = [Client(own, number) for number in range(CLIENTS)], Killer(own)
    for client in clients:
        client.start()
    try:
        for number in range(KILLS):
            killer.token(number)
            killer.daemon()
        own.daemon.await_ready()
        time.sleep(SERVING_S)
    finally:
        for client in clients:
            client.ended.set()
        for client in clients:
            client.join(60)
    killer.must_run()
    own.daemon.kill()
    verify(own, key, (SOUND, NOT_RECENTLY_SIGNED))  # as the last kill left it
    own.start()
    assert Admin(own).call("VerifyStore")["Ok"]
    for client in clients:
        client.check(own.client())
    listed = {k["KeyId"] for page in own.client().get_paginator("list_keys").paginate()
              for k in page["Keys"]}
    assert {made for client in clients for made in client.made} <= listed
    own.stop()
    report = verify(own, key, (SOUND,))
    assert report["UnattestedRecords"] == 0 and report["Begin"]["Sequence"] == 1
    logged = collections.Counter(record["requestID"] for record in own.daemon.audit_records()
                                 if "requestID" in record)
    answers = [answer for client in clients for answer in client.answers]
    wrong = [(logged[request], operation, error) for request, operation, error in answers
             if logged[request] != 1]
    assert not wrong, f"seed {SEED}: {wrong}"
    events = [record["eventID"] for record in own.daemon.audit_records()]
    assert len(set(events)) == len(events)
    told(killer, answers, report)


def told(killer, answers, report):
    """There was load: what was killed was at work."""
    done = collections.Counter(operation for _, operation, error in answers if error is None)
    print(f"seed {SEED}: {dict(killer.killed)}, {len(answers)} answers, "
          f"{sum(1 for *_, error in answers if error)} of them errors, {report['Segments']} segments")
    print(dict(collections.Counter(error for *_, error in answers)), dict(done))
    assert sum(killer.killed[what] for what in ("starting", "serving")) == KILLS
    assert {"Encrypt", "Decrypt", "DisableKey", "CreateGrant", "RevokeGrant", "TagResource",
            "CreateKey", "CreateAlias", "UpdateKeyDescription"} <= set(done)
    assert len(answers) > 5 * KILLS
