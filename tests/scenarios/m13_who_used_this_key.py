# SPDX-License-Identifier: Apache-2.0
"""M13, who used this key.

Every call is in the audit log before its answer leaves: who, when, from where, with which encryption
context, and which statement or grant allowed or refused it. An auditor finds it again in two ways: with
the AWS CLI or an SDK, as in CloudTrail's event history (cloudtrail:LookupEvents, for those who are
permitted, each account its own events); and with `holdfast audit show` on the log's files, without any
service running.
"""
import json

import pytest
from botocore.exceptions import ClientError
from holdfast.installation import program
from holdfast.people import People, allow, policy, root
from holdfast.process import Process, wait_for

TEAM, PARTNER = "666677771111", "666677772222"
USE = ["kms:Encrypt", "kms:Decrypt", "kms:DescribeKey"]


@pytest.fixture(scope="module")
def people(service):
    people = People(service)
    people.account(TEAM)
    people.account(PARTNER)
    people.user("ina", allow(["kms:*", "cloudtrail:LookupEvents"]), account=TEAM)
    people.user("otto", account=TEAM)
    people.user("paula", allow([*USE, "cloudtrail:LookupEvents"]), account=PARTNER)
    return people


@pytest.fixture(scope="module")
def ina(people):
    """Uses the key, and may look events up."""
    return people.as_user("ina", TEAM)


@pytest.fixture(scope="module")
def otto(people):
    """May do nothing."""
    return people.as_user("otto", TEAM)


@pytest.fixture(scope="module")
def paula(people):
    """Of the partner's account, which the key's policy lets in."""
    return people.as_user("paula", PARTNER)


@pytest.fixture(scope="module")
def key(ina, otto, paula):
    """A key, and what happened to it: made, used, refused to otto, used by the partner."""
    key = ina.create_key(Policy=policy(
        allow("kms:*", Principal=root(TEAM), Sid="The team"),
        allow(USE, Principal=root(PARTNER), Sid="The partner")))["KeyMetadata"]["Arn"]
    ina.create_alias(AliasName="alias/orders", TargetKeyId=key)
    sealed = ina.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"order": "17"})
    with pytest.raises(ClientError):
        otto.decrypt(CiphertextBlob=sealed["CiphertextBlob"], EncryptionContext={"order": "17"})
    paula.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"order": "18"})
    return key


@pytest.fixture(scope="module")
def trails(people):
    """Clients of CloudTrail for those of the users who shall look."""
    def client(name, account):
        keys = people.ask("access-key", "create", "--user", name, "--account", account)["AccessKey"]
        return people.client(keys, "cloudtrail")

    return {"ina": client("ina", TEAM), "otto": client("otto", TEAM), "paula": client("paula", PARTNER)}


@pytest.fixture(scope="module")
def history(trails):
    """The event history of a user's account, as that user sees it."""
    def look(name, attribute, value):
        pages = trails[name].get_paginator("lookup_events").paginate(
            LookupAttributes=[{"AttributeKey": attribute, "AttributeValue": value}])
        return [event for page in pages for event in page["Events"]]

    return look


def record(event):
    return json.loads(event["CloudTrailEvent"])


# --- with the clients of AWS ---

def test_who_used_the_key_newest_first(history, key):
    events = history("ina", "ResourceName", key)
    assert [(e["EventName"], e.get("Username")) for e in events] == [
        ("Encrypt", None), ("Decrypt", "otto"), ("Encrypt", "ina"), ("CreateAlias", "ina"),
        ("CreateKey", "ina")]


def test_from_where_with_which_context_and_why_it_was_allowed(history, key):
    [event] = [e for e in history("ina", "ResourceName", key) if e.get("Username") == "ina"
               and e["EventName"] == "Encrypt"]
    told = record(event)
    assert told["sourceIPAddress"] == "127.0.0.1"
    assert told["requestParameters"]["encryptionContext"] == {"order": "17"}
    assert "The team" in told["additionalEventData"]["decidedBy"]


def test_why_it_was_refused(history, key):
    [event] = history("ina", "Username", "otto")
    told = record(event)
    assert told["errorCode"] == "AccessDeniedException"
    assert told["additionalEventData"]["decidedBy"] == (
        "default-deny: no identity policy allows it")
    assert event["Resources"] == [{"ResourceType": "AWS::KMS::Key", "ResourceName": key}]


def test_the_partner_sees_its_own_call_and_none_of_the_others(history, key):
    [event] = history("paula", "ResourceName", key)
    assert event["Username"] == "paula"
    assert history("paula", "Username", "ina") == []
    [theirs] = [e for e in history("ina", "ResourceName", key)
                if record(e)["userIdentity"]["accountId"] == PARTNER]
    assert record(theirs)["sharedEventID"] == record(event)["sharedEventID"]
    assert "paula" not in theirs["CloudTrailEvent"]


def test_who_is_not_permitted_finds_nothing(trails):
    with pytest.raises(ClientError) as caught:
        trails["otto"].lookup_events()
    assert caught.value.response["Error"]["Code"] == "AccessDeniedException"


# --- with the log's files alone ---

@pytest.fixture(scope="module")
def show(service):
    def run(*arguments):
        return service.run("holdfast", "audit", "show", service.daemon.audit, *arguments).stdout

    return run


def shown(text):
    return [json.loads(line) for line in text.splitlines()]


def test_the_log_is_shown_as_a_table_the_newest_last(show, key):
    heading, *rows = show("--key", key).splitlines()
    assert heading.split() == ["TIME", "RESULT", "EVENT", "WHO", "KEY", "SOURCE", "CONTEXT"]
    assert [row.split()[1:4] for row in rows] == [
        ["ok", "CreateKey", "ina"], ["ok", "CreateAlias", "ina"], ["ok", "Encrypt", "ina"],
        ["AccessDeniedException", "Decrypt", "otto"], ["ok", "Encrypt", "paula"]]
    assert rows[2].split()[4:] == [key.rpartition("/")[2], "127.0.0.1", "order=17"]


@pytest.mark.parametrize("options, found", [
    (["--error"], ["Decrypt"]), (["--ok", "--event", "Encrypt"], ["Encrypt", "Encrypt"]),
    (["--user", "paula"], ["Encrypt"]), (["--context", "order=18"], ["Encrypt"]),
    (["--context", "order=17", "--ok"], ["Encrypt"]), (["--context", "order=19"], []),
    (["--since", "1h", "--until", "0s", "--event", "CreateKey"], ["CreateKey"]),
    (["--until", "2026-01-01"], []), (["--source", "192.0.2.1"], [])])
def test_records_are_picked(show, key, options, found):
    records = shown(show("--key", key.rpartition("/")[2], "--json", *options))
    assert [r["eventName"] for r in records] == found


def test_a_key_is_found_by_its_alias_where_that_was_said(show, key):
    assert [r["eventName"] for r in shown(show("--key", "alias/orders", "--json"))] == ["CreateAlias"]
    del key


def test_one_request_is_found_by_its_ids(show, key):
    one = shown(show("--key", key, "--json"))[-1]
    for option, member in (("--request-id", "requestID"), ("--event-id", "eventID")):
        assert shown(show(option, one[member], "--json")) == [one]


def test_what_cannot_be_is_said(service, show, key):
    del show, key
    for arguments, said in ((["--since", "yesterday"], "2h"), (["--ok", "--error"], "exclude"),
                            (["/nonexistent"], "No such file")):
        ran = service.run("holdfast", "audit", "show", *arguments, check=False)
        assert ran.returncode in (64, 74) and said in ran.stderr


def test_the_log_can_be_followed(service, key, ina):
    """One process prints what is appended, until it is interrupted."""
    follower = Process("follower", [program("holdfast"), "audit", "show", service.daemon.audit, "--key",
                                    key, "--follow", "--event", "DescribeKey", "--json"],
                       service.directory)
    follower.start()
    try:
        ina.describe_key(KeyId=key)
        wait_for(lambda: "DescribeKey" in follower.read_log(), "the call is shown")
    finally:
        follower.stop()
