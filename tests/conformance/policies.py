# SPDX-License-Identifier: Apache-2.0
"""Key policies as documents, descriptions, random bytes, and how their changes are recorded."""
import json

import pytest

POLICY = '{"Version":"2012-10-17",\n\t"Id" : "b", "Statement": [{"Sid": "ä", "Effect": "Allow", ' \
         '"Principal": {"AWS": "*"}, "Action": "kms:*", "Resource": "*"}], "A": 1}'
MAX = 32768


def document(size):
    """A policy of so many bytes."""
    head, tail = '{"Id": "', '", "Statement": []}'
    return head + "x" * (size - len(head) - len(tail)) + tail


def refused(service, operation, **body):
    reply = service.exchange().call(operation, body)
    assert reply.status == 400, reply.body
    return reply.error, reply.message


@pytest.fixture
def bare(kms):
    return kms.create_key()["KeyMetadata"]["Arn"]


def last(service, operation, key):
    return [record for record in service.daemon.audit_records()
            if record.get("eventName") == operation and key in json.dumps(record.get("resources"))][-1]


def test_the_policy_that_a_key_has_by_itself(kms, bare):
    answer = kms.get_key_policy(KeyId=bare)
    assert set(answer) - {"ResponseMetadata"} == {"Policy", "PolicyName"}
    assert answer["PolicyName"] == "default"
    assert json.loads(answer["Policy"]) == {
        "Version": "2012-10-17", "Id": "key-default-1", "Statement": [{
            "Sid": "Enable IAM User Permissions", "Effect": "Allow", "Action": "kms:*", "Resource": "*",
            "Principal": {"AWS": "arn:aws:iam::111122223333:root"}}]}
    assert answer["Policy"].startswith('{\n  "Version" : "2012-10-17",\n')


def test_a_policy_comes_back_as_it_was_put(service, kms, bare):
    reply = service.exchange().call("PutKeyPolicy", {
        "KeyId": bare, "PolicyName": "default", "Policy": POLICY,
        "BypassPolicyLockoutSafetyCheck": True})
    assert (reply.status, reply.body) == (200, b"")
    assert kms.get_key_policy(KeyId=bare, PolicyName="default")["Policy"] == POLICY
    made = kms.create_key(Policy=POLICY)["KeyMetadata"]["KeyId"]
    assert kms.get_key_policy(KeyId=made)["Policy"] == POLICY


def test_every_key_has_the_one_policy(service, kms, bare):
    reply = service.exchange().call("ListKeyPolicies", {"KeyId": bare, "Limit": 1})
    assert reply.json == {"PolicyNames": ["default"], "Truncated": False}
    paginator = kms.get_paginator("list_key_policies").paginate(KeyId=bare)
    assert [name for page in paginator for name in page["PolicyNames"]] == ["default"]


def test_no_other_name(service, kms, bare):
    expected = ("NotFoundException", "No such policy exists")
    before = kms.get_key_policy(KeyId=bare)["Policy"]
    for name in ("other", "Default", "default_"):
        assert refused(service, "GetKeyPolicy", KeyId=bare, PolicyName=name) == expected
        assert refused(service, "PutKeyPolicy", KeyId=bare, PolicyName=name, Policy=POLICY) == expected
    assert kms.get_key_policy(KeyId=bare)["Policy"] == before


@pytest.mark.parametrize("text", ["x", "[]", "1", '"{}"', '{"a": 1} {}', '{"a": 1, "a": 2}', '{"a": }',
                                  "null", "{" * 100, "\t\n"])
def test_what_is_no_document(service, kms, bare, text):
    before = kms.get_key_policy(KeyId=bare)["Policy"]
    assert refused(service, "PutKeyPolicy", KeyId=bare, Policy=text)[0] == \
        "MalformedPolicyDocumentException"
    assert refused(service, "CreateKey", Policy=text)[0] == "MalformedPolicyDocumentException"
    assert kms.get_key_policy(KeyId=bare)["Policy"] == before


def test_the_largest_document_and_one_byte_more(service, kms, bare):
    kms.put_key_policy(KeyId=bare, Policy=document(MAX))
    assert kms.get_key_policy(KeyId=bare)["Policy"] == document(MAX)
    for size in (MAX + 1, 131072):
        assert refused(service, "PutKeyPolicy", KeyId=bare, Policy=document(size))[0] == \
            "LimitExceededException"
    # Bytes, not characters: 20,000 of two bytes each.
    wide = json.dumps({"Id": "ä" * 20000}, ensure_ascii=False)
    assert refused(service, "PutKeyPolicy", KeyId=bare, Policy=wide)[0] == "LimitExceededException"
    assert kms.get_key_policy(KeyId=bare)["Policy"] == document(MAX)


def test_a_description_is_replaced(service, kms, bare):
    for text in ("old", "größer ✓ \u0001", "", "d" * 8192):
        reply = service.exchange().call("UpdateKeyDescription", {"KeyId": bare, "Description": text})
        assert (reply.status, reply.body) == (200, b"")
        assert kms.describe_key(KeyId=bare)["KeyMetadata"]["Description"] == text


@pytest.mark.parametrize("size", [1, 31, 32, 1024])
def test_random_bytes(kms, size):
    answer = kms.generate_random(NumberOfBytes=size)
    assert set(answer) - {"ResponseMetadata"} == {"Plaintext"}
    assert len(answer["Plaintext"]) == size


def test_random_bytes_differ(kms):
    drawn = {kms.generate_random(NumberOfBytes=32)["Plaintext"] for _ in range(50)}
    assert len(drawn) == 50 and bytes(32) not in drawn


def test_random_bytes_from_elsewhere(service):
    assert refused(service, "GenerateRandom", NumberOfBytes=1, CustomKeyStoreId="cks-1") == (
        "CustomKeyStoreNotFoundException", "Custom key store 'cks-1' does not exist")
    assert refused(service, "GenerateRandom", NumberOfBytes=1, Recipient={
        "KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": "aGk="})[0] == \
        "UnsupportedOperationException"
    assert refused(service, "GenerateRandom", CustomKeyStoreId="cks-1") == (
        "ValidationException", "NumberOfBytes is required.")


# --- the record ---


def test_changes_are_recorded_with_the_key_that_they_were_about(service, kms, bare):
    kms.put_key_policy(KeyId=bare, Policy=POLICY)
    kms.update_key_description(KeyId=bare, Description="d")
    kms.disable_key(KeyId=bare)
    kms.enable_key(KeyId=bare)
    for operation, asked in (
            ("PutKeyPolicy", {"keyId": bare, "policy": POLICY}),
            ("UpdateKeyDescription", {"keyId": bare, "description": "d"}),
            ("DisableKey", {"keyId": bare}), ("EnableKey", {"keyId": bare})):
        record = last(service, operation, bare)
        assert record["requestParameters"] == asked
        assert record["responseElements"] == {"keyId": bare}


def test_a_deletion_is_recorded_with_its_date(service, kms, bare):
    answer = kms.schedule_key_deletion(KeyId=bare, PendingWindowInDays=9)
    record = last(service, "ScheduleKeyDeletion", bare)
    assert record["requestParameters"] == {"keyId": bare, "pendingWindowInDays": 9}
    told = record["responseElements"]
    assert set(told) == {"keyId", "keyState", "deletionDate", "pendingWindowInDays"}
    assert (told["keyId"], told["keyState"], told["pendingWindowInDays"]) == (bare, "PendingDeletion", 9)
    assert told["deletionDate"] == pytest.approx(answer["DeletionDate"].timestamp(), abs=0.001)
    kms.cancel_key_deletion(KeyId=bare)
    assert last(service, "CancelKeyDeletion", bare)["responseElements"] == {"keyId": bare}


def test_reading_is_recorded_and_random_bytes_are_not_told(service, kms, bare):
    drawn = service.exchange().call("GenerateRandom", {"NumberOfBytes": 32}).json["Plaintext"]
    kms.get_key_policy(KeyId=bare)
    record = last(service, "GetKeyPolicy", bare)
    assert record["readOnly"] is True and record["responseElements"] is None
    random = [r for r in service.daemon.audit_records() if r.get("eventName") == "GenerateRandom"]
    assert random and all(r["responseElements"] is None and r["readOnly"] for r in random)
    assert drawn not in json.dumps(random)
