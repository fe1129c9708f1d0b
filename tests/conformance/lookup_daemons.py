# SPDX-License-Identifier: Apache-2.0
"""cloudtrail:LookupEvents where two daemons serve one store, each with an audit log of its own and
[audit] also_lookup naming the other's: both answer out of both, or not at all."""
import json
import os
import threading
import time

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from holdfast.process import wait_for

CALLS = 6  # of each at either daemon
PADDING = {"padding": "x" * 6000}


def trail_of(service, daemon):
    return boto3.client(
        "cloudtrail", endpoint_url=service.endpoint(daemon), region_name=service.region,
        aws_access_key_id=service.signer.access_key,
        aws_secret_access_key=service.signer.secret_key,
        config=Config(retries={"total_max_attempts": 1}))


class Pair:
    def __init__(self, make, folder):
        second = folder / "installation0" / "second" / "audit"
        self.service = make(settings={"audit": {"also_lookup": second, "segment_mib": 1}})
        first = self.service.daemon
        self.service.add_daemon("second", {"audit": {"also_lookup": first.audit}})
        self.service.start()
        self.daemons = self.service.daemons
        self.kms = [self.service.client(daemon) for daemon in self.daemons]
        self.trails = [trail_of(self.service, daemon) for daemon in self.daemons]

    def use(self, key, times=CALLS):
        """Calls at both, in turns."""
        for _ in range(times):
            for kms in self.kms:
                kms.encrypt(KeyId=key, Plaintext=b"x")

    def key(self):
        return self.kms[0].create_key()["KeyMetadata"]["Arn"]


@pytest.fixture
def pair(make, tmp_path):
    return Pair(make, tmp_path)


def asked(name, value):
    return {"LookupAttributes": [{"AttributeKey": name, "AttributeValue": value}]}


def pages_of(trail, size, **question):
    token = {}
    while True:
        answer = trail.lookup_events(MaxResults=size, **question, **token)
        yield answer["Events"]
        if "NextToken" not in answer:
            return
        token = {"NextToken": answer["NextToken"]}


def found(trail, name, value, size=50):
    return [event for page in pages_of(trail, size, **asked(name, value)) for event in page]


def ids(events):
    return [event["EventId"] for event in events]


def refusal(trail):
    """The code, or None when it answers."""
    try:
        trail.lookup_events(MaxResults=1)
        return None
    except ClientError as error:
        return (error.response["Error"]["Code"],
                error.response["ResponseMetadata"]["HTTPStatusCode"])


def test_each_daemon_finds_what_was_called_at_the_other(pair):
    """The newest first, to the second that a record tells: neither log is told before the other."""
    key = pair.key()
    pair.use(key)
    time.sleep(1.1)
    newer = time.time()
    pair.use(key)
    logs = [[r["eventID"] for r in daemon.audit_records() if key in json.dumps(r)]
            for daemon in pair.daemons]
    assert [len(log) for log in logs] == [2 * CALLS + 1, 2 * CALLS]
    answers = [found(trail, "ResourceName", key) for trail in pair.trails]
    for answer in answers:
        assert sorted(ids(answer)) == sorted(logs[0] + logs[1])
        times = [event["EventTime"].timestamp() for event in answer]
        assert times == sorted(times, reverse=True)
        assert [at >= int(newer) for at in times] == 2 * CALLS * [True] + (2 * CALLS + 1) * [False]
        for log in logs:
            assert [event for event in ids(answer) if event in log] == log[::-1]
    told = json.loads(pair.service.aws(
        "cloudtrail", "lookup-events", "--lookup-attributes",
        f"AttributeKey=ResourceName,AttributeValue={key}").stdout)
    assert ids(told["Events"]) == ids(answers[0])


def test_every_attribute_finds_the_event_of_the_other(pair):
    key = pair.key()
    pair.use(key, 1)
    for there, here in ((0, 1), (1, 0)):
        record = [r for r in pair.daemons[there].audit_records()
                  if r.get("eventName") == "Encrypt"][-1]
        event = record["eventID"]
        values = {"EventId": event, "EventName": "Encrypt", "ReadOnly": "true",
                  "Username": record["userIdentity"]["userName"],
                  "ResourceType": "AWS::KMS::Key", "ResourceName": key,
                  "EventSource": "kms.amazonaws.com",
                  "AccessKeyId": record["userIdentity"]["accessKeyId"]}
        for name, value in values.items():
            assert event in ids(found(pair.trails[here], name, value)), name


def test_pages_lose_and_repeat_nothing_while_both_are_written(pair):
    """The logs begin new files meanwhile, too."""
    key = pair.key()
    pair.use(key, 30)
    before = set(ids(found(pair.trails[0], "ResourceName", key)))
    assert len(before) == 61
    ending, failures = threading.Event(), []

    def write(kms):
        try:
            while not ending.is_set():
                kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext=PADDING)
        except Exception as failure:  # pylint: disable=broad-except
            failures.append(failure)

    writers = [threading.Thread(target=write, args=(kms,)) for kms in pair.kms]
    for writer in writers:
        writer.start()
    try:
        for _ in range(2):
            for trail in pair.trails:
                got = ids(found(trail, "ResourceName", key, size=7))
                assert len(got) == len(set(got)) and before <= set(got)
        wait_for(lambda: all(files_of(daemon) > 1 for daemon in pair.daemons),
                 "both logs have begun another file", 60)
    finally:
        ending.set()
        for writer in writers:
            writer.join()
    assert not failures
    everything = [sorted(ids(found(trail, "ResourceName", key))) for trail in pair.trails]
    assert everything[0] == everything[1] and len(set(everything[0])) == len(everything[0])
    recorded = {r["eventID"] for daemon in pair.daemons for r in daemon.audit_records()
                if r["eventName"] in ("CreateKey", "Encrypt")}
    assert set(everything[0]) == recorded


def files_of(daemon):
    return len([name for name in os.listdir(daemon.audit) if name.endswith(".jsonl")])


def history(pair):
    """The row of `holdfast status`."""
    ran = pair.service.run("holdfast", "status", "--json", "--socket", pair.daemons[0].admin, check=False)
    return [row for row in json.loads(ran.stdout)["Checks"] if row["Name"] == "event history"]


@pytest.mark.parametrize("instead", ["nothing", "an empty folder"])
def test_a_log_that_is_away_is_told_and_no_part_taken_for_the_whole(pair, instead):
    key, other = pair.key(), pair.daemons[1]
    pair.use(key)
    trail = pair.trails[0]
    assert refusal(trail) is None and history(pair)[0]["Level"] == "ok"
    os.rename(other.audit, other.audit + ".away")  # the other writes on, where it was
    if instead != "nothing":
        os.mkdir(other.audit)  # the mount point of a disk that is not there
    assert refusal(trail) == ("ServiceUnavailable", 503)
    assert "audit.log_away" in pair.daemons[0].read_log() and other.audit in pair.daemons[0].read_log()
    (row,) = history(pair)
    assert row["Level"] == "warning" and other.audit in row["Detail"] and row["Remedy"]
    pair.use(key)  # the rest of the service goes on
    if instead != "nothing":
        os.rmdir(other.audit)
    os.rename(other.audit + ".away", other.audit)
    assert refusal(trail) is None
    assert len(found(trail, "ResourceName", key)) == 4 * CALLS + 1
    assert history(pair)[0]["Level"] == "ok"
    assert "audit.log_found" in pair.daemons[0].read_log()


def test_another_folder_in_its_place_is_read_anew(pair):
    """As when a disk is mounted over it: nothing that was known of the one is held of the other."""
    key, other = pair.key(), pair.daemons[1]
    pair.use(key)
    trail = pair.trails[0]
    assert len(found(trail, "ResourceName", key)) == 2 * CALLS + 1
    other.stop()
    os.rename(other.audit, other.audit + ".full")
    os.mkdir(other.audit)
    for name in sorted(os.listdir(other.audit + ".full")):
        with open(os.path.join(other.audit + ".full", name), "rb") as file:
            lines = file.read().split(b"\n")
        kept = [line for line in lines if b'"Encrypt"' not in line]
        with open(os.path.join(other.audit, name), "wb") as file:
            file.write(b"\n".join(kept))
    assert len(found(trail, "ResourceName", key)) == CALLS + 1
    for name in os.listdir(other.audit):
        os.unlink(os.path.join(other.audit, name))
    os.rmdir(other.audit)
    os.rename(other.audit + ".full", other.audit)
    assert len(found(trail, "ResourceName", key)) == 2 * CALLS + 1


@pytest.mark.parametrize("names, why", [("{own}", "this daemon's own"), ("{own}/../audit", "own"),
                                        ("/srv/a /srv/a", "named twice"),
                                        (" ".join(f"/srv/{n}" for n in range(16)), "more logs")])
def test_a_wrong_setting_is_told_at_the_start(own, names, why):
    own.daemon.stop()
    daemon = own.add_daemon("wrong")
    with open(daemon.settings, encoding="utf-8") as file:
        settings = file.read()
    also = f"also_lookup = {names.format(own=daemon.audit)}"
    with open(daemon.settings, "w", encoding="utf-8") as file:
        file.write(settings.replace("[audit]", f"[audit]\n{also}"))
    daemon.start()
    assert daemon.wait() == 78
    assert "audit.also_lookup_wrong" in daemon.read_log() and why in daemon.read_log()
