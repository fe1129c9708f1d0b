# SPDX-License-Identifier: Apache-2.0
"""cloudtrail:LookupEvents as stock clients ask it: what they find, what each account sees of it, and how
it refuses."""
import dataclasses
import datetime
import json
import os
import uuid

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from holdfast.admin import Admin, allow
from holdfast.process import wait_for

ACCOUNT, OWNER, CALLER = "111122223333", "222211113333", "444411113333"
LOOKUP = allow("cloudtrail:LookupEvents")
TARGET = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101"
USE = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:DescribeKey", "cloudtrail:LookupEvents"]


def client(service, name, signer, daemon=None):
    return boto3.client(
        name, endpoint_url=service.endpoint(daemon), region_name=service.region,
        aws_access_key_id=signer.access_key, aws_secret_access_key=signer.secret_key,
        config=Config(retries={"total_max_attempts": 1}))


@pytest.fixture(scope="module")
def admin(service):
    made = Admin(service)
    for account in (OWNER, CALLER):
        made.account(account)
    return made


@pytest.fixture(scope="module")
def trail(service):
    return client(service, "cloudtrail", service.signer)


class Person:
    def __init__(self, service, admin, account, policy):
        self.name = f"person-{uuid.uuid4().hex[:12]}"
        self.arn, self.signer = admin.user(self.name, account=account, policy=policy)
        self.kms = client(service, "kms", self.signer)
        self.trail = client(service, "cloudtrail", self.signer)

    def find(self, **members):
        return find(self.trail, **members)


@pytest.fixture(scope="module")
def owner(service, admin):
    return Person(service, admin, OWNER, allow("*"))


@pytest.fixture(scope="module")
def caller(service, admin):
    return Person(service, admin, CALLER, allow(USE))


def by_hand(service, target, members, scope="cloudtrail"):
    """The reply to a request that no client makes."""
    exchange = service.exchange()
    signer = dataclasses.replace(exchange.signer, service=scope)
    return exchange.call(target, members, signer=signer)


def find(trail, **attribute):
    """All events of one attribute, page by page; each with its record."""
    members = {"LookupAttributes": [{"AttributeKey": name, "AttributeValue": value}
                                    for name, value in attribute.items()]}
    pages = trail.get_paginator("lookup_events").paginate(**members)
    events = [event for page in pages for event in page["Events"]]
    for event in events:
        event["record"] = json.loads(event["CloudTrailEvent"])
    return events


def refused(call, **members):
    with pytest.raises(ClientError) as caught:
        call(**members)
    reply = caught.value.response
    assert reply["ResponseMetadata"]["HTTPStatusCode"] == 400
    return reply["Error"]["Code"], reply["Error"].get("Message", "")


def code(call, **members):
    return refused(call, **members)[0]


def attribute(name, value):
    return [{"AttributeKey": name, "AttributeValue": value}]


def key_of(kms, **members):
    return kms.create_key(**members)["KeyMetadata"]["Arn"]


# --- what is found ---

def test_an_event_has_the_members_that_aws_gives_it(kms, trail, key):
    kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"tenant": "a"})
    event = find(trail, ResourceName=key)[0]
    record = event.pop("record")
    assert set(event) == {"EventId", "EventName", "ReadOnly", "AccessKeyId", "EventTime",
                          "EventSource", "Username", "Resources", "CloudTrailEvent"}
    assert event["EventName"] == "Encrypt" and event["EventSource"] == "kms.amazonaws.com"
    assert event["ReadOnly"] == "true"
    assert event["Resources"] == [{"ResourceType": "AWS::KMS::Key", "ResourceName": key}]
    assert record["eventID"] == event["EventId"]
    assert record["userIdentity"]["accessKeyId"] == event["AccessKeyId"]
    assert record["userIdentity"]["userName"] == event["Username"]
    assert record["requestParameters"]["encryptionContext"] == {"tenant": "a"}
    assert "chain" not in record and "sharedEventID" not in record
    assert record["eventTime"] == event["EventTime"].astimezone(
        datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_the_record_is_the_one_of_the_log(service, kms, trail, key):
    kms.describe_key(KeyId=key)
    event = find(trail, ResourceName=key)[0]
    assert event["record"] in service.daemon.audit_records()


def test_every_attribute_finds_the_event(kms, trail, key):
    kms.encrypt(KeyId=key, Plaintext=b"x")
    event = find(trail, ResourceName=key)[0]
    values = {"EventId": event["EventId"], "EventName": "Encrypt", "ReadOnly": "true",
              "Username": event["Username"], "ResourceType": "AWS::KMS::Key",
              "ResourceName": key.rpartition("/")[2], "EventSource": "kms.amazonaws.com",
              "AccessKeyId": event["AccessKeyId"]}
    for name, value in values.items():
        answer = trail.lookup_events(LookupAttributes=attribute(name, value))
        assert event["EventId"] in [e["EventId"] for e in answer["Events"]], name
    assert len(find(trail, EventId=event["EventId"])) == 1


def test_an_alias_is_found_by_its_arn_and_by_its_name(kms, trail, key):
    name = f"alias/{uuid.uuid4()}"
    kms.create_alias(AliasName=name, TargetKeyId=key)
    arn = key.rpartition(":")[0] + ":" + name
    for value in (name, arn):
        events = find(trail, ResourceName=value)
        assert [e["EventName"] for e in events] == ["CreateAlias"]
        assert {"ResourceType": "AWS::KMS::Alias", "ResourceName": arn} in events[0]["Resources"]


@pytest.mark.parametrize("name, value", [
    ("EventId", "00000000-0000-4000-8000-000000000000"), ("EventName", "encrypt"),
    ("EventName", "Encryp"), ("Username", "nobody-at-all"), ("ReadOnly", "TRUE"),
    ("ResourceName", "alias/none"), ("ResourceType", "AWS::S3::Bucket"), ("AccessKeyId", "AKIA")])
def test_what_is_not_there_is_not_found(trail, name, value):
    assert trail.lookup_events(LookupAttributes=attribute(name, value)).get("Events") == []


def test_a_refused_call_is_found_with_the_reason(service, admin, trail, key):
    nobody = Person(service, admin, ACCOUNT, LOOKUP)
    with pytest.raises(ClientError):
        nobody.kms.encrypt(KeyId=key, Plaintext=b"x")
    [event] = [e for e in find(trail, Username=nobody.name) if e["EventName"] == "Encrypt"]
    assert event["record"]["errorCode"] == "AccessDeniedException"
    assert event["record"]["additionalEventData"]["decidedBy"].startswith("default-deny")


def test_a_lookup_is_recorded(service, trail):
    trail.lookup_events(LookupAttributes=attribute("EventName", "Decrypt"), MaxResults=7,
                        StartTime=datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc))
    record = [r for r in service.daemon.audit_records() if r.get("eventName") == "LookupEvents"][-1]
    assert record["eventSource"] == "cloudtrail.amazonaws.com" and record["readOnly"] is True
    assert record["requestParameters"] == {
        "lookupAttributes": [{"attributeKey": "EventName", "attributeValue": "Decrypt"}],
        "maxResults": 7, "startTime": 1767225600}
    assert find(trail, EventName="LookupEvents")[0]["EventSource"] == "cloudtrail.amazonaws.com"


def test_insights_there_are_none(trail):
    answer = trail.lookup_events(EventCategory="insight")
    assert answer["Events"] == [] and "NextToken" not in answer


# --- time and pages ---

def test_events_come_newest_first_and_pages_follow_on(kms, trail):
    key = key_of(kms)
    for _ in range(11):
        kms.describe_key(KeyId=key)
    pages, token = [], {}
    while True:
        answer = trail.lookup_events(LookupAttributes=attribute("ResourceName", key), MaxResults=5,
                                     **token)
        pages.append([e["EventId"] for e in answer["Events"]])
        kms.describe_key(KeyId=key)  # moves nothing
        if "NextToken" not in answer:
            break
        token = {"NextToken": answer["NextToken"]}
    assert [len(page) for page in pages] == [5, 5, 2]
    found = [event for page in pages for event in page]
    assert len(set(found)) == 12
    everything = [e["EventId"] for e in find(trail, ResourceName=key)]
    assert everything[-12:] == found and len(everything) == 12 + len(pages)
    times = [e["EventTime"] for e in find(trail, ResourceName=key)]
    assert times == sorted(times, reverse=True)


def test_a_time_range_includes_both_ends(kms, trail):
    key = key_of(kms)
    [event] = find(trail, ResourceName=key)
    at, second = event["EventTime"], datetime.timedelta(seconds=1)

    def count(**times):
        return len(trail.lookup_events(LookupAttributes=attribute("ResourceName", key),
                                       **times)["Events"])

    assert count(StartTime=at, EndTime=at) == 1
    assert count(StartTime=at + second) == 0 and count(EndTime=at - second) == 0
    assert count(StartTime=at - second) == 1 and count(EndTime=at + second) == 1


def test_a_token_is_good_for_its_own_question_alone(service, admin, kms, trail):
    key = key_of(kms)
    kms.describe_key(KeyId=key)
    question = {"LookupAttributes": attribute("ResourceName", key), "MaxResults": 1}
    token = trail.lookup_events(**question)["NextToken"]
    assert len(trail.lookup_events(**question, NextToken=token)["Events"]) == 1
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
    for other in ({"NextToken": "made up"}, {"NextToken": token[:-4] + "AAA="},
                  {"NextToken": token, "StartTime": start},
                  {"NextToken": token, "LookupAttributes": attribute("EventName", "CreateKey")}):
        assert code(trail.lookup_events, **{**question, **other}) == "InvalidNextTokenException"
    someone = Person(service, admin, CALLER, LOOKUP)
    assert code(someone.trail.lookup_events, **question,
                NextToken=token) == "InvalidNextTokenException"


# --- refusals ---

@pytest.mark.parametrize("members, name", [
    ({"MaxResults": 0}, "InvalidMaxResultsException"),
    ({"MaxResults": 51}, "InvalidMaxResultsException"),
    ({"StartTime": 10, "EndTime": 9}, "InvalidTimeRangeException"),
    ({"StartTime": -1}, "InvalidTimeRangeException"),
    ({"EndTime": 1e300}, "InvalidTimeRangeException"),
    ({"EventCategory": "data"}, "InvalidEventCategoryException"),
    ({"LookupAttributes": [{"AttributeKey": "Nothing", "AttributeValue": "x"}]},
     "InvalidLookupAttributesException"),
    ({"LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": ""}]},
     "InvalidLookupAttributesException"),
    ({"LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": "x" * 2001}]},
     "InvalidLookupAttributesException"),
    ({"LookupAttributes": 2 * [{"AttributeKey": "EventName", "AttributeValue": "x"}]},
     "InvalidLookupAttributesException"),
    ({"LookupAttributes": [{"AttributeKey": "EventName"}]}, "ValidationException"),
    ({"StartTime": "yesterday"}, "SerializationException"),
])
def test_bad_input_is_refused_as_aws_does(service, members, name):
    reply = by_hand(service, f"{TARGET}.LookupEvents", members)
    assert (reply.status, reply.error) == (400, name)


def test_other_operations_are_not_supported(service, trail):
    assert refused(trail.describe_trails) == ("UnsupportedOperationException",
                                              "DescribeTrails is not supported.")
    for target in (f"{TARGET}.Nothing", "CloudTrail_20131101.ListKeys", f"{TARGET}."):
        reply = by_hand(service, target, {})
        assert (reply.status, reply.error) == (400, "UnknownOperationException")


def test_the_short_target_of_newer_clients_is_understood(service):
    reply = by_hand(service, "CloudTrail_20131101.LookupEvents", {"MaxResults": 1})
    assert reply.status == 200 and len(reply.json["Events"]) == 1


def test_the_signature_must_be_made_for_cloudtrail(service):
    reply = by_hand(service, f"{TARGET}.LookupEvents", {}, scope="kms")
    assert reply.error == "InvalidSignatureException"
    reply = by_hand(service, "TrentService.ListKeys", {})
    assert reply.error == "InvalidSignatureException"


def test_who_has_no_permission_is_told_so(service, admin):
    nobody = Person(service, admin, ACCOUNT, allow("kms:*"))
    assert refused(nobody.trail.lookup_events) == (
        "AccessDeniedException",
        f"User: {nobody.arn} is not authorized to perform: cloudtrail:LookupEvents because no "
        "identity-based policy allows the cloudtrail:LookupEvents action")


# --- several accounts ---

def shared_key(owner):
    return key_of(owner.kms, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{OWNER}:root"}, "Action": "kms:*",
         "Resource": "*"},
        {"Sid": "Partner", "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{CALLER}:root"},
         "Action": ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*"], "Resource": "*"}]}))


def test_an_account_sees_its_own_events_alone(kms, trail, owner, caller):
    key = key_of(owner.kms)
    assert [e["EventName"] for e in owner.find(ResourceName=key)] == ["CreateKey"]
    for other in (caller.trail, trail):
        assert find(other, ResourceName=key) == []
        assert find(other, Username=owner.name) == []
        assert find(other, AccessKeyId=owner.signer.access_key) == []
    events = caller.find(EventSource="kms.amazonaws.com") + caller.find(ResourceType="AWS::KMS::Key")
    assert all(e["record"]["recipientAccountId"] == CALLER for e in events)


def test_a_call_across_accounts_is_seen_by_both(owner, caller):
    key = shared_key(owner)
    caller.kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"order": "17"})
    [theirs] = [e for e in owner.find(ResourceName=key) if e["EventName"] == "Encrypt"]
    [own] = caller.find(ResourceName=key)
    assert own["record"]["sharedEventID"] == theirs["record"]["sharedEventID"]
    assert own["EventId"] != theirs["EventId"]
    assert theirs["record"]["eventID"] == theirs["EventId"]
    assert own["record"]["recipientAccountId"] == CALLER
    assert theirs["record"]["recipientAccountId"] == OWNER
    assert theirs["record"]["requestParameters"]["encryptionContext"] == {"order": "17"}
    assert [e["EventId"] for e in owner.find(EventId=theirs["EventId"])] == [theirs["EventId"]]
    assert caller.find(EventId=theirs["EventId"]) == owner.find(EventId=own["EventId"]) == []


def test_the_owner_learns_which_account_called_and_not_by_whose_access_key(owner, caller):
    key = shared_key(owner)
    caller.kms.encrypt(KeyId=key, Plaintext=b"x")
    [theirs] = [e for e in owner.find(ResourceName=key) if e["EventName"] == "Encrypt"]
    who = theirs["record"]["userIdentity"]
    assert set(who) == {"type", "principalId", "accountId"}
    assert (who["type"], who["accountId"]) == ("AWSAccount", CALLER)
    assert "Username" not in theirs and "AccessKeyId" not in theirs
    for secret in (caller.name, caller.signer.access_key):
        assert secret not in theirs["CloudTrailEvent"]
    assert owner.find(Username=caller.name) == []
    assert owner.find(AccessKeyId=caller.signer.access_key) == []


def test_each_side_learns_of_its_own_policy_alone(owner, caller):
    key = shared_key(owner)
    caller.kms.encrypt(KeyId=key, Plaintext=b"x")
    [theirs] = [e for e in owner.find(ResourceName=key) if e["EventName"] == "Encrypt"]
    [own] = caller.find(ResourceName=key)
    assert "Partner" in theirs["record"]["additionalEventData"]["decidedBy"]
    assert "inline" not in theirs["record"]["additionalEventData"]["decidedBy"]
    assert "inline" in own["record"]["additionalEventData"]["decidedBy"]
    assert "Partner" not in own["CloudTrailEvent"]


def test_what_was_refused_across_accounts_tells_nothing_of_the_key(owner, caller):
    """Neither to the owner that somebody tried, nor to who tried whether the key is there."""
    there = key_of(owner.kms)
    missing = there[:-12] + "000000000000"
    for key in (there, missing):
        with pytest.raises(ClientError):
            caller.kms.encrypt(KeyId=key, Plaintext=b"x")
    assert [e["EventName"] for e in owner.find(ResourceName=there)] == ["CreateKey"]
    assert caller.find(ResourceName=there) == caller.find(ResourceName=missing) == []
    records = []
    for event in caller.find(EventName="Encrypt"):
        named = event["record"]["requestParameters"]["keyId"]
        if named in (there, missing):
            assert event["Resources"] == [] and "resources" not in event["record"]
            assert "decidedBy" not in event["CloudTrailEvent"]
            records.append(set(event["record"]))
    assert len(records) == 2 and records[0] == records[1]


def test_of_two_keys_each_owner_sees_its_own(service, admin, owner, caller):
    """ReEncrypt from a key of one account to one of another, called by a third."""
    third = Person(service, admin, ACCOUNT, allow("*"))
    second = key_of(third.kms, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": [f"arn:aws:iam::{ACCOUNT}:root",
                                                  f"arn:aws:iam::{CALLER}:root"]},
         "Action": "kms:*", "Resource": "*"}]}))
    first = shared_key(owner)
    sealed = caller.kms.encrypt(KeyId=first, Plaintext=b"x")["CiphertextBlob"]
    caller.kms.re_encrypt(CiphertextBlob=sealed, DestinationKeyId=second, SourceKeyId=first,
                          DestinationEncryptionContext={"second": "secret"})
    [source] = [e for e in owner.find(ResourceName=first) if e["EventName"] == "ReEncrypt"]
    [destination] = [e for e in third.find(ResourceName=second) if e["EventName"] == "ReEncrypt"]
    [own] = [e for e in caller.find(EventName="ReEncrypt") if second in e["CloudTrailEvent"]]
    assert [r["ResourceName"] for r in source["Resources"]] == [first]
    assert [r["ResourceName"] for r in destination["Resources"]] == [second]
    assert second not in source["CloudTrailEvent"] and "secret" not in source["CloudTrailEvent"]
    assert first not in destination["CloudTrailEvent"]
    assert {r["ResourceName"] for r in own["Resources"]} == {first, second}
    assert len({e["record"]["sharedEventID"] for e in (source, destination, own)}) == 1
    assert len({e["EventId"] for e in (source, destination, own)}) == 3


def test_what_an_operator_does_is_seen_by_the_account_that_it_concerns(admin, trail, owner, caller):
    name = f"made-{uuid.uuid4().hex[:12]}"
    arn = admin.create("user", name, Account=OWNER)["Arn"]
    [event] = owner.find(ResourceName=arn)
    assert event["EventName"] == "CreateIdentity" and event["EventSource"] == "holdfast.admin"
    assert event["record"]["recipientAccountId"] == OWNER
    for other in (trail, caller.trail):
        assert find(other, ResourceName=arn) == []


def test_what_is_about_the_whole_installation_is_no_accounts(service, admin, trail):
    """It stands in the log's files alone, that of the account included that is the installation's."""
    admin.call("AcceptClock")
    assert "AcceptClock" in [r.get("eventName") for r in service.daemon.audit_records()]
    assert find(trail, EventName="AcceptClock") == []


def test_failed_authentications_are_nobodys(trail):
    assert find(trail, EventName="AuthenticationFailure") == []


# --- the command line of AWS ---

def test_the_stock_command_line_finds_who_used_a_key(service, kms, key):
    kms.encrypt(KeyId=key, Plaintext=b"x")
    told = json.loads(service.aws(
        "cloudtrail", "lookup-events", "--lookup-attributes",
        f"AttributeKey=ResourceName,AttributeValue={key}", "--max-items", "1").stdout)
    assert told["Events"][0]["EventName"] == "Encrypt"
    assert json.loads(told["Events"][0]["CloudTrailEvent"])["resources"][0]["ARN"] == key


# --- indexes ---

def test_indexes_are_sealed_and_none_that_is_wrong_hides_anything(make):
    service = make(settings={"audit": {"segment_mib": 1}})
    kms = service.client()
    key = key_of(kms)
    for _ in range(150):
        kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"a": "x" * 8000})

    def index():
        found = [n for n in os.listdir(service.daemon.audit) if n.endswith(".index")]
        return os.path.join(service.daemon.audit, found[0]) if found else None

    path = wait_for(index, "a complete file of the log has an index")
    trail = client(service, "cloudtrail", service.signer)
    assert len(find(trail, ResourceName=key)) == 151
    with open(path, "rb") as file:
        good = file.read()
    for bad in (good[:-1] + bytes([good[-1] ^ 1]), good[:100], b""):
        service.daemon.stop()
        with open(path, "wb") as file:
            file.write(bad)
        service.daemon.start()
        service.daemon.await_ready()
        trail = client(service, "cloudtrail", service.signer)
        assert len(find(trail, ResourceName=key)) == 151
        wait_for(lambda: os.path.getsize(path) == len(good), "the index is made anew")
