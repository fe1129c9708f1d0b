# SPDX-License-Identifier: Apache-2.0
"""Who may what: every operation is refused without permission, and that is recorded with its reason;
what is taken away is gone with the next request; keys of other accounts."""
import json
import uuid

import pytest
from botocore.exceptions import ClientError

from holdfast.admin import Admin, allow
from holdfast.operations import MODEL, built, make_place, requests

OTHER = "444455556666"
UNSEEN = ("because the resource does not exist in this Region, no resource-based policies allow access, "
          "or a resource-based policy explicitly denies access")
# KMS API: RetireGrant is allowed by the grant; whoever asks for a grant that is not his learns so.
OWN_RULE = {"RetireGrant"}


def named(prefix):
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


def records(service, operation, principal):
    return [r for r in service.daemon.audit_records()
            if r.get("eventName") == operation and r["userIdentity"].get("arn") == principal]


@pytest.fixture(scope="session")
def admin(service):
    return Admin(service)


@pytest.fixture(scope="session")
def nobody(admin):
    """A user without any permission: (ARN, signer)."""
    return admin.user(named("nobody"))


@pytest.fixture(scope="session")
def place(kms):
    """What every request can name; for requests that are refused, and so may share it."""
    return make_place(kms, "all of them: Alias, Grant")


@pytest.fixture
def user(admin):
    name = named("user")
    arn, signer = admin.user(name)
    return name, arn, signer


@pytest.fixture(scope="session")
def stranger(admin):
    """A user of another account, who may everything there."""
    admin.account(OTHER)
    return admin.user(named("stranger"), OTHER, allow("kms:*"))


def client_of(service, signer):
    """A stock client with somebody's credentials."""
    usual, service.signer = service.signer, signer
    try:
        return service.client()
    finally:
        service.signer = usual


# --- nothing is allowed by nothing ---


@pytest.mark.parametrize("operation", built())
def test_every_operation_is_refused_without_permission(service, admin, nobody, place, operation):
    arn, signer = nobody
    body = requests(place)[operation]
    reply = admin.calls_as(signer).call(operation, body)
    assert (reply.status, reply.error) == (400, "AccessDeniedException"), reply.body
    assert reply.message.startswith(f"User: {arn} is not authorized to perform: kms:"), reply.message
    record = records(service, operation, arn)[-1]
    assert (record["errorCode"], record["errorMessage"]) == ("AccessDeniedException", reply.message)
    reason = record["additionalEventData"]["decidedBy"]
    assert "default-deny" in reason, reason


@pytest.mark.parametrize("operation", [name for name in built() if name not in OWN_RULE])
def test_a_denial_outweighs_everything(service, admin, place, operation):
    """An administrator, but for this one action, on whatever it is asked."""
    name = named("denied")
    arn, signer = admin.user(name)
    admin.call("AttachIdentityPolicy", Kind="user", Name=name,
               PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    actions = ["kms:ReEncryptFrom"] if operation == "ReEncrypt" else [f"kms:{operation}"]
    admin.put_policy("user", name, {"Version": "2012-10-17", "Statement": [
        {"Sid": "Never", "Effect": "Deny", "Action": actions, "Resource": "*"}]})
    body = requests(place)[operation]
    reply = admin.calls_as(signer).call(operation, body)
    assert reply.error == "AccessDeniedException", reply.body
    assert reply.message.endswith("with an explicit deny in an identity-based policy"), reply.message
    reason = records(service, operation, arn)[-1]["additionalEventData"]["decidedBy"]
    assert reason.startswith("deny ") and "Never" in reason, reason


def test_nothing_was_done(kms, admin, nobody):
    at = make_place(kms, "UpdateAlias")
    before = kms.describe_key(KeyId=at.key)["KeyMetadata"]
    for operation in ("DisableKey", "ScheduleKeyDeletion", "UpdateKeyDescription", "TagResource",
                      "PutKeyPolicy", "DeleteAlias", "UpdateAlias"):
        assert admin.calls_as(nobody[1]).call(operation, requests(at)[operation]).status == 400
    assert kms.describe_key(KeyId=at.key)["KeyMetadata"] == before
    assert kms.describe_key(KeyId=at.other_alias)["KeyMetadata"]["Arn"] == at.other
    assert kms.describe_key(KeyId=at.alias)["KeyMetadata"]["Arn"] == at.key


# --- what is taken away is gone with the next request ---


def describe(admin, signer, key):
    return admin.calls_as(signer).call("DescribeKey", {"KeyId": key}).status


def test_a_policy_that_is_detached_allows_nothing_more(admin, user, key):
    name, _, signer = user
    policy = named("reads")
    arn = admin.create("policy", policy, Document=json.dumps(allow("kms:DescribeKey")))["Arn"]
    for _ in range(3):
        admin.call("AttachIdentityPolicy", Kind="user", Name=name, PolicyArn=arn)
        assert describe(admin, signer, key) == 200
        admin.call("DetachIdentityPolicy", Kind="user", Name=name, PolicyArn=arn)
        assert describe(admin, signer, key) == 400
    admin.call("AttachIdentityPolicy", Kind="user", Name=name, PolicyArn=arn)
    assert describe(admin, signer, key) == 200
    admin.call("UpdateIdentity", Kind="policy", Name=policy, Document=json.dumps(allow("kms:Encrypt")))
    assert describe(admin, signer, key) == 400


def test_a_user_who_leaves_a_group_leaves_its_rights(admin, user, key):
    name, _, signer = user
    group = named("group")
    admin.create("group", group)
    admin.put_policy("group", group, allow("kms:DescribeKey"))
    assert describe(admin, signer, key) == 400
    admin.call("AddUserToGroup", Name=name, Group=group)
    assert describe(admin, signer, key) == 200
    admin.call("RemoveUserFromGroup", Name=name, Group=group)
    assert describe(admin, signer, key) == 400


def test_a_boundary_limits_from_the_next_request(admin, user, key):
    name, _, signer = user
    edge = admin.create("policy", named("edge"), Document=json.dumps(allow("kms:Encrypt")))["Arn"]
    admin.put_policy("user", name, allow("kms:*"))
    assert describe(admin, signer, key) == 200
    admin.call("PutPermissionsBoundary", Kind="user", Name=name, PolicyArn=edge)
    assert describe(admin, signer, key) == 400
    admin.call("DeletePermissionsBoundary", Kind="user", Name=name)
    assert describe(admin, signer, key) == 200


def test_a_key_policy_that_is_replaced_lets_nobody_in_any_more(kms, admin, user):
    _, arn, signer = user
    bare = kms.create_key()["KeyMetadata"]["Arn"]
    usual = json.loads(kms.get_key_policy(KeyId=bare)["Policy"])
    open_to = {**usual, "Statement": [*usual["Statement"], {
        "Effect": "Allow", "Principal": {"AWS": arn}, "Action": "kms:DescribeKey", "Resource": "*"}]}
    for _ in range(3):
        kms.put_key_policy(KeyId=bare, Policy=json.dumps(open_to))
        assert describe(admin, signer, bare) == 200
        kms.put_key_policy(KeyId=bare, Policy=json.dumps(usual))
        assert describe(admin, signer, bare) == 400


# --- conditions of real requests ---


def test_a_condition_on_the_encryption_context(admin, user, key):
    name, _, signer = user
    admin.put_policy("user", name, allow(
        "kms:Encrypt", StringEquals={"kms:EncryptionContext:app": "pay"},
        **{"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": ["app", "stage"]}}))
    for context, status in (({"app": "pay"}, 200), ({"app": "pay", "stage": "x"}, 200),
                            ({"app": "Pay"}, 400), ({"stage": "x"}, 400), ({}, 400),
                            ({"app": "pay", "more": "x"}, 400)):
        reply = admin.calls_as(signer).call("Encrypt", {
            "KeyId": key, "Plaintext": "aGk=", "EncryptionContext": context})
        assert reply.status == status, (context, reply.body)


def test_conditions_on_members_and_their_defaults(admin, user):
    name, _, signer = user
    admin.put_policy("user", name, allow(
        ["kms:CreateKey", "kms:TagResource"],
        StringEquals={"kms:KeySpec": "SYMMETRIC_DEFAULT", "kms:KeyOrigin": "AWS_KMS"},
        Bool={"kms:MultiRegion": "false"},
        **{"ForAllValues:StringEquals": {"aws:TagKeys": ["team"]},
           "StringEqualsIfExists": {"aws:RequestTag/team": "red"}}))
    calls = admin.calls_as(signer)
    red, blue = ({"Tags": [{"TagKey": "team", "TagValue": value}]} for value in ("red", "blue"))
    assert calls.call("CreateKey", {}).status == 200
    assert calls.call("CreateKey", red).status == 200
    assert calls.call("CreateKey", blue).error == "AccessDeniedException"
    assert calls.call("CreateKey", {"Tags": [*red["Tags"], {"TagKey": "x", "TagValue": ""}]}).error == \
        "AccessDeniedException"


def test_a_condition_on_where_a_request_comes_from(admin, user, key):
    name, _, signer = user
    for address, status in (("127.0.0.0/8", 200), ("10.0.0.0/8", 400)):
        admin.put_policy("user", name, allow("kms:DescribeKey", IpAddress={"aws:SourceIp": address}))
        assert describe(admin, signer, key) == status


# --- other accounts ---


@pytest.mark.parametrize("operation", [
    name for name in built() if "KeyId" in MODEL.operation_model(name).input_shape.members])
def test_nothing_of_another_account_can_be_told_from_nothing(admin, stranger, place, operation):
    """A key that is there, and hidden, answers as one that is not."""
    at = place
    body = {**requests(at)[operation], "KeyId": at.key}
    missing = at.key.rpartition("/")[0] + "/" + str(uuid.uuid4())
    calls = admin.calls_as(stranger[1])
    told = [calls.call(operation, {**body, "KeyId": name}) for name in (at.key, missing)]
    assert [reply.error for reply in told] == ["AccessDeniedException"] * 2
    assert told[0].message == told[1].message.replace(missing, at.key)
    assert UNSEEN in told[0].message


def test_nor_by_a_grant_or_its_token_that_are_none(kms, admin, stranger, nobody):
    at = make_place(kms, "Encrypt")
    missing = at.key.rpartition("/")[0] + "/" + str(uuid.uuid4())
    for name, signer in ((at.key, stranger[1]), (missing, stranger[1]), (at.key, nobody[1])):
        body = {"KeyId": name, "Plaintext": "aGk=", "GrantTokens": ["made up"]}
        assert admin.calls_as(signer).call("Encrypt", body).error == "AccessDeniedException"
    for operation in ("RetireGrant", "RevokeGrant"):
        for name in (at.key, missing):
            body = {"KeyId": name, "GrantId": "made-up"}
            assert admin.calls_as(stranger[1]).call(operation, body).error == "AccessDeniedException"


def test_a_shared_key_by_arn_and_by_alias(service, kms, admin, stranger):
    arn, signer = stranger
    at = make_place(kms, "CreateAlias")
    policy = json.loads(kms.get_key_policy(KeyId=at.key)["Policy"])
    policy["Statement"].append({
        "Sid": "Neighbours", "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{OTHER}:root"},
        "Action": ["kms:Encrypt", "kms:Decrypt", "kms:DescribeKey", "kms:DisableKey"], "Resource": "*"})
    kms.put_key_policy(KeyId=at.key, Policy=json.dumps(policy))
    theirs = client_of(service, signer)
    alias = at.key.rpartition(":")[0] + ":" + at.alias
    for name in (at.key, alias):
        blob = theirs.encrypt(KeyId=name, Plaintext=b"shared")["CiphertextBlob"]
        assert theirs.decrypt(CiphertextBlob=blob)["Plaintext"] == b"shared"
        assert kms.decrypt(CiphertextBlob=blob)["KeyId"] == at.key
    # A bare id, and a bare alias, are of the caller's own account.
    bare = at.key.rpartition("/")[2]
    for name, text in ((bare, f"key/{bare}' does not exist"), (at.alias, f"{at.alias} is not found")):
        with pytest.raises(theirs.exceptions.NotFoundException) as caught:
            theirs.describe_key(KeyId=name)
        assert text in str(caught.value) and OTHER in str(caught.value)
    # AWS lets this operation cross no account, whatever the policy says.
    with pytest.raises(ClientError, match="AccessDenied"):
        theirs.disable_key(KeyId=at.key)
    record = records(service, "Encrypt", arn)[-1]
    assert record["recipientAccountId"] == OTHER
    assert record["resources"][0]["accountId"] == "111122223333"


def test_a_hidden_key_is_not_named_to_who_holds_a_ciphertext(kms, admin, stranger):
    at = make_place(kms, "Decrypt")
    told = admin.calls_as(stranger[1]).call("Decrypt", {"CiphertextBlob": at.sealed}).json
    assert told == {"__type": "AccessDeniedException", "message": (
        "The ciphertext refers to a customer master key that does not exist, does not exist in this "
        "region, or you are not allowed to access.")}


def test_each_account_lists_its_own(service, kms, stranger):
    theirs = client_of(service, stranger[1])
    mine = kms.create_key()["KeyMetadata"]
    made = theirs.create_key()["KeyMetadata"]
    assert (mine["AWSAccountId"], made["AWSAccountId"]) == ("111122223333", OTHER)
    alias = f"alias/{uuid.uuid4()}"
    for client, key_id in ((kms, mine["KeyId"]), (theirs, made["KeyId"])):
        client.create_alias(AliasName=alias, TargetKeyId=key_id)
        assert client.describe_key(KeyId=alias)["KeyMetadata"]["KeyId"] == key_id
        listed = [k["KeyId"] for page in client.get_paginator("list_keys").paginate()
                  for k in page["Keys"]]
        assert (mine["KeyId"] in listed, made["KeyId"] in listed) == (client is kms, client is theirs)


# --- the operator ---


def test_explain_agrees_with_the_call(admin, user, key):
    name, arn, signer = user
    for document in (allow("kms:DescribeKey"), allow("kms:Encrypt"),
                     allow("kms:*", resources="arn:aws:kms:*:*:key/none")):
        admin.put_policy("user", name, document)
        told = admin.call("Explain", Principal=arn, Action="kms:DescribeKey", KeyId=key)
        reply = admin.calls_as(signer).call("DescribeKey", {"KeyId": key})
        assert told["Allowed"] == (reply.status == 200)
        assert f"user/{name}/inline" in told["Policies"] and "key-policy" in told["Policies"]
        if not told["Allowed"]:
            assert told["Message"] == reply.message
