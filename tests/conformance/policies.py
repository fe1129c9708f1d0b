# SPDX-License-Identifier: Apache-2.0
"""Key policies as documents, descriptions, random bytes, and how their changes are recorded."""
import json

import pytest

from holdfast.admin import Admin

POLICY = '{"Version":"2012-10-17",\n\t"Id" : "b", "Statement": [{"Sid": "a", "Effect": "Allow", ' \
         '"Principal": {"AWS": "*"}, "Action": "kms:*", "Resource": "*"}] }'
MAX = 32768
ROOT_ARN = "arn:aws:iam::111122223333:root"
INVALID_PRINCIPALS = "Policy contains a statement with one or more invalid principals."
LOCKED_OUT = ("The new key policy will not allow you to update the key policy in the future.")


def document(size):
    """A policy of so many bytes."""
    head, tail = '{"Id": "', '", ' + POLICY[POLICY.index('"Statement"'):]
    return head + "x" * (size - len(head) - len(tail)) + tail


def statement(principal, action="kms:*", **more):
    """A policy of one statement that allows."""
    return json.dumps({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": principal, "Action": action, "Resource": "*", **more}]})


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
                                  "null", "{" * 100, "\t\n", "{}", '{"Statement": []}',
                                  '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow"}]}',
                                  POLICY.replace("Allow", "Permit"), POLICY.replace("Sid", "Sud"),
                                  statement({"AWS": "alice"}),
                                  statement({"Service": "rds.us-east-1.example.com"}),
                                  statement({"AWS": "*"}, Condition={"StringLik": {"a": "b"}})])
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


@pytest.mark.parametrize("principal", [
    {"AWS": "arn:aws:iam::111122223333:user/nobody"}, {"AWS": "arn:aws:iam::909090909090:root"},
    {"AWS": [ROOT_ARN, "arn:aws:iam::111122223333:role/none"]}, {"AWS": "AIDAAAAAAAAAAAAAAAAAA"},
    {"AWS": "909090909090"}])
def test_principals_must_exist(service, bare, principal):
    """A principal that comes to be later must not come into rights that nobody meant for it."""
    wanted = ("MalformedPolicyDocumentException", INVALID_PRINCIPALS)
    policy = json.loads(statement(principal))
    policy["Statement"].append(json.loads(statement({"AWS": ROOT_ARN}))["Statement"][0])
    assert refused(service, "PutKeyPolicy", KeyId=bare, Policy=json.dumps(policy)) == wanted
    assert refused(service, "CreateKey", Policy=json.dumps(policy)) == wanted


def test_principals_that_do_exist(kms, bare):
    for principal in ({"AWS": ROOT_ARN}, {"AWS": "111122223333"}, "*",
                      {"AWS": ["arn:aws:iam::111122223333:user/administrator", ROOT_ARN],
                       "Service": "logs.us-east-1.amazonaws.com"}):
        kms.put_key_policy(KeyId=bare, Policy=statement(principal))
    identity = json.loads(kms.get_key_policy(KeyId=bare)["Policy"])
    assert identity["Statement"][0]["Principal"]["Service"] == "logs.us-east-1.amazonaws.com"


LOCKING = [statement({"AWS": ROOT_ARN}, "kms:Encrypt"),
           statement({"Service": "logs.us-east-1.amazonaws.com"}),
           statement({"AWS": ROOT_ARN}, Condition={"StringEquals": {"aws:username": "somebody"}}),
           statement({"AWS": ROOT_ARN}, Effect="Deny")]


@pytest.mark.parametrize("policy", LOCKING)
def test_nobody_locks_himself_out(service, kms, bare, policy):
    wanted = ("MalformedPolicyDocumentException", LOCKED_OUT)
    before = kms.get_key_policy(KeyId=bare)["Policy"]
    assert refused(service, "PutKeyPolicy", KeyId=bare, Policy=policy) == wanted
    assert refused(service, "CreateKey", Policy=policy) == wanted
    assert kms.get_key_policy(KeyId=bare)["Policy"] == before


def test_who_says_so_may_lock_himself_out_and_the_operator_lets_him_in(service, kms, bare):
    kms.put_key_policy(KeyId=bare, Policy=LOCKING[0], BypassPolicyLockoutSafetyCheck=True)
    kms.encrypt(KeyId=bare, Plaintext=b"x")
    assert refused(service, "PutKeyPolicy", KeyId=bare, Policy=POLICY)[0] == "AccessDeniedException"
    assert refused(service, "GetKeyPolicy", KeyId=bare)[0] == "AccessDeniedException"
    answer = Admin(service).call("ResetKeyPolicy", KeyId=bare.rpartition("/")[2])
    assert answer["KeyId"] == bare
    assert kms.get_key_policy(KeyId=bare)["Policy"] == answer["Policy"]
    assert json.loads(answer["Policy"])["Statement"][0]["Principal"] == {"AWS": ROOT_ARN}
    record = last(service, "ResetKeyPolicy", bare)
    assert (record["eventSource"], record["userIdentity"]["type"]) == ("holdfast.admin", "Operator")


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
