# SPDX-License-Identifier: Apache-2.0
"""holdfastd killed while aliases and tags change: what was acknowledged is there, and every change
that is there has its one record."""
import collections
import http.client
import random
import threading
import time

ROUNDS = 8
WRITERS = 4


class Writer(threading.Thread):
    """Makes, moves and removes one alias, and tags its keys, until the daemon is gone."""

    def __init__(self, installation, number, keys):
        super().__init__()
        self.installation, self.keys = installation, keys
        self.name = f"alias/writer-{number}"
        self.target = None  # of the alias, as it was acknowledged last; None: it is not there
        self.asked = None   # what was asked for and not answered
        self.successes = []  # request ids
        self.refused = None  # what was answered otherwise

    def call(self, operation, target, **members):
        self.asked = (target,)
        reply = self.installation.exchange().call(operation, members)
        if reply.status != 200:
            self.refused = operation, reply.body
            raise ValueError(self.refused)
        self.successes.append(reply.headers["x-amzn-requestid"])
        self.target, self.asked = target, None

    def run(self):
        try:
            while True:
                first, second = random.sample(self.keys, 2)
                self.call("CreateAlias", first, AliasName=self.name, TargetKeyId=first)
                self.call("TagResource", first, KeyId=second,
                          Tags=[{"TagKey": self.name.rpartition("/")[2], "TagValue": str(time.time())}])
                self.call("UpdateAlias", second, AliasName=self.name, TargetKeyId=second)
                self.call("DeleteAlias", None, AliasName=self.name)
        except (OSError, http.client.HTTPException, AttributeError, ValueError):
            pass  # it was killed


def kill_amid_changes(own, keys):
    writers = [Writer(own, number, keys) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    time.sleep(random.uniform(0.1, 0.8))
    own.daemon.kill()
    for writer in writers:
        writer.join()
    own.daemon.start()
    own.await_calls()
    return writers


def test_what_was_acknowledged_is_there_and_recorded(own):
    kms = own.client()
    keys = [kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(3)]
    successes = []
    for _ in range(ROUNDS):
        writers = kill_amid_changes(own, keys)
        kms = own.client()
        there = {alias["AliasName"]: alias["TargetKeyId"] for alias in kms.list_aliases()["Aliases"]}
        for writer in writers:
            wanted = [writer.target, *(writer.asked or ())]
            assert writer.refused is None
            assert there.get(writer.name) in wanted
            successes += writer.successes
            if writer.name in there:
                kms.delete_alias(AliasName=writer.name)
    records = [record for record in own.daemon.audit_records() if "errorCode" not in record]
    assert max(collections.Counter(record["eventID"] for record in records).values()) == 1
    recorded = collections.Counter(record.get("requestID") for record in records)
    assert successes and all(recorded[request] == 1 for request in successes)
    made, gone = (collections.Counter(record["requestParameters"]["aliasName"] for record in records
                                      if record["eventName"] == name)
                  for name in ("CreateAlias", "DeleteAlias"))
    assert made == gone
