# SPDX-License-Identifier: Apache-2.0
"""What each condition key is in real requests: with a policy that asks for the value it has, the
request is allowed, and with one that asks for another value it is not. Whether operators compare
rightly is proven elsewhere (tests/unit/auth/decisions); here, that every key is filled in, for every
operation that has it."""
import base64
import json
import os
import re
import uuid

import pytest

from holdfast.admin import Admin, allow
from holdfast.installation import ACCOUNT, ROOT
from holdfast.operations import OPEN_POLICY, built, make_place
from holdfast.request import Signer

REGION, OTHER = "us-east-1", "444455556666"
SERVICE = f"conditions.{REGION}.amazonaws.com"
SERVICE_ANYWHERE = "conditions.amazonaws.com"
SOURCE = f"arn:aws:conditions:{REGION}:{ACCOUNT}:thing/7"
APP = {"app": "pay"}
TAGS = [{"TagKey": "team", "TagValue": "red"}]
ROOT_ARN = f"arn:aws:iam::{ACCOUNT}:root"
AGES, AGES_AGO = "2120-01-01T00:00:00Z", "2020-01-01T00:00:00Z"
ANY = "ForAnyValue:StringEquals"
DEFINED = os.path.join(ROOT, "module/auth/condition_key.def")

# Keys that only operations have which are not built; and those of a role's trust policy (sts.py).
NOT_YET = {
    "kms:DataKeyPairSpec": {"GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext"},
    "kms:ExpirationModel": {"ImportKeyMaterial"},
    "kms:KeyAgreementAlgorithm": {"DeriveSharedSecret"},
    "kms:MacAlgorithm": {"GenerateMac", "VerifyMac"},
    "kms:MessageType": {"Sign", "Verify"},
    "kms:MultiRegionKeyType": {"ReplicateKey"},
    "kms:PrimaryRegion": {"UpdatePrimaryRegion"},
    "kms:ReplicaRegion": {"ReplicateKey"},
    "kms:SigningAlgorithm": {"Sign", "Verify"},
    "kms:ValidTo": {"ImportKeyMaterial"},
    "kms:WrappingAlgorithm": {"GetParametersForImport"},
    "kms:WrappingKeySpec": {"GetParametersForImport"},
}
ELSEWHERE = {"sts:RoleSessionName", "sts:ExternalId"}

# operation, or operation and more members (place → members): condition keys that the request answers.
# Of each: operator, the value that the key has, one that it has not.
MEMBERS = [
    ("CreateKey", {"Policy": OPEN_POLICY}, [
        ("kms:BypassPolicyLockoutSafetyCheck", "Bool", "false", "true"),
        ("kms:KeySpec", "StringEquals", "SYMMETRIC_DEFAULT", "RSA_2048"),
        ("kms:CustomerMasterKeySpec", "StringEquals", "SYMMETRIC_DEFAULT", "RSA_2048"),
        ("kms:KeyUsage", "StringEquals", "ENCRYPT_DECRYPT", "SIGN_VERIFY"),
        ("kms:CustomerMasterKeyUsage", "StringEquals", "ENCRYPT_DECRYPT", "SIGN_VERIFY"),
        ("kms:KeyOrigin", "StringEquals", "AWS_KMS", "EXTERNAL"),
        ("kms:MultiRegion", "Bool", "false", "true"),
        ("aws:RequestTag/team", "Null", "true", "false")]),
    ("CreateKey", {"Policy": OPEN_POLICY, "BypassPolicyLockoutSafetyCheck": True, "Tags": TAGS}, [
        ("kms:BypassPolicyLockoutSafetyCheck", "Bool", "true", "false"),
        ("aws:RequestTag/team", "StringEquals", "red", "blue"),
        ("aws:TagKeys", ANY, "team", "cost")]),
    ("PutKeyPolicy", {"Policy": OPEN_POLICY}, [
        ("kms:BypassPolicyLockoutSafetyCheck", "Bool", "false", "true")]),
    ("PutKeyPolicy", {"Policy": OPEN_POLICY, "BypassPolicyLockoutSafetyCheck": True}, [
        ("kms:BypassPolicyLockoutSafetyCheck", "Bool", "true", "false")]),
    ("DescribeKey", {}, [
        ("kms:KeySpec", "StringEquals", "SYMMETRIC_DEFAULT", "RSA_2048"),
        ("kms:CustomerMasterKeySpec", "StringEquals", "SYMMETRIC_DEFAULT", "RSA_2048"),
        ("kms:KeyUsage", "StringEquals", "ENCRYPT_DECRYPT", "SIGN_VERIFY"),
        ("kms:CustomerMasterKeyUsage", "StringEquals", "ENCRYPT_DECRYPT", "SIGN_VERIFY"),
        ("kms:KeyOrigin", "StringEquals", "AWS_KMS", "EXTERNAL"),
        ("kms:MultiRegion", "Bool", "false", "true"),
        ("kms:CallerAccount", "StringEquals", ACCOUNT, OTHER),
        ("kms:ResourceAliases", ANY, lambda at: at.alias, "alias/none"),
        ("kms:RequestAlias", "Null", "true", "false"),
        ("aws:ResourceTag/a", "StringEquals", "b", "c"),
        ("aws:ResourceAccount", "StringEquals", ACCOUNT, OTHER)]),
    ("DescribeKey", {"KeyId": lambda at: at.alias}, [
        ("kms:RequestAlias", "StringEquals", lambda at: at.alias, "alias/none")]),
    ("Encrypt", {"KeyId": lambda at: at.key.rpartition(":")[0] + ":" + at.alias, "Plaintext": "aGk="}, [
        ("kms:RequestAlias", "StringEquals", lambda at: at.alias, "alias/none")]),
    ("Encrypt", {"Plaintext": "aGk=", "EncryptionContext": APP}, [
        ("kms:EncryptionAlgorithm", "StringEquals", "SYMMETRIC_DEFAULT", "RSAES_OAEP_SHA_1"),
        ("kms:EncryptionContext:app", "StringEquals", "pay", "play"),
        ("kms:EncryptionContextKeys", ANY, "app", "stage")]),
    *((name, {"KeySpec": "AES_256", "EncryptionContext": APP}, [
        ("kms:EncryptionAlgorithm", "StringEquals", "SYMMETRIC_DEFAULT", "RSAES_OAEP_SHA_1"),
        ("kms:EncryptionContext:app", "StringEquals", "pay", "play"),
        ("kms:EncryptionContextKeys", ANY, "app", "stage")])
      for name in ("GenerateDataKey", "GenerateDataKeyWithoutPlaintext")),
    ("Decrypt", {"CiphertextBlob": lambda at: at.in_context, "EncryptionContext": APP}, [
        ("kms:EncryptionAlgorithm", "StringEquals", "SYMMETRIC_DEFAULT", "RSAES_OAEP_SHA_1"),
        ("kms:EncryptionContext:app", "StringEquals", "pay", "play"),
        ("kms:EncryptionContextKeys", ANY, "app", "stage"),
        ("kms:RequestAlias", "Null", "true", "false")]),
    ("ReEncrypt", {"CiphertextBlob": lambda at: at.in_context, "SourceEncryptionContext": APP,
                   "DestinationEncryptionContext": APP, "DestinationKeyId": lambda at: at.other}, [
        ("kms:ReEncryptOnSameKey", "Bool", "false", "true"),
        ("kms:EncryptionAlgorithm", "StringEquals", "SYMMETRIC_DEFAULT", "RSAES_OAEP_SHA_1"),
        ("kms:EncryptionContext:app", "StringEquals", "pay", "play"),
        ("kms:EncryptionContextKeys", ANY, "app", "stage")]),
    ("ReEncrypt", {"CiphertextBlob": lambda at: at.in_context, "SourceEncryptionContext": APP,
                   "DestinationKeyId": lambda at: at.key}, [
        ("kms:ReEncryptOnSameKey", "Bool", "true", "false")]),
    ("CreateGrant", {"GranteePrincipal": ROOT_ARN, "RetiringPrincipal": SERVICE, "Operations": ["Decrypt"],
                     "Constraints": {"EncryptionContextSubset": APP}}, [
        ("kms:GranteePrincipal", "StringEquals", ROOT_ARN, SERVICE),
        ("kms:RetiringPrincipal", "StringEquals", SERVICE, ROOT_ARN),
        ("kms:GrantOperations", "ForAllValues:StringEquals", "Decrypt", "Encrypt"),
        ("kms:GrantConstraintType", "StringEquals", "EncryptionContextSubset",
         "EncryptionContextEquals"),
        ("kms:GrantIsForAWSResource", "Bool", "false", "true"),
        ("kms:EncryptionContext:app", "StringEquals", "pay", "play"),
        ("kms:EncryptionContextKeys", ANY, "app", "stage")]),
    ("CreateGrant", {"GranteeServicePrincipal": SERVICE, "RetiringServicePrincipal": SERVICE,
                     "Operations": ["Decrypt"]}, [
        ("kms:GranteePrincipal", "StringEquals", SERVICE, ROOT_ARN),
        ("kms:RetiringPrincipal", "StringEquals", SERVICE, ROOT_ARN),
        ("kms:GrantConstraintType", "Null", "true", "false")]),
    ("ListGrants", {}, [("kms:GrantIsForAWSResource", "Bool", "false", "true")]),
    ("ListRetirableGrants", {"RetiringPrincipal": ROOT_ARN}, [
        ("kms:RetiringPrincipal", "StringEquals", ROOT_ARN, SERVICE)]),
    ("EnableKeyRotation", {}, [
        ("kms:RotationPeriodInDays", "NumericEquals", "365", "90")]),
    ("EnableKeyRotation", {"RotationPeriodInDays": 90}, [
        ("kms:RotationPeriodInDays", "NumericLessThan", "91", "90")]),
    ("TagResource", {"Tags": TAGS}, [
        ("aws:RequestTag/team", "StringEquals", "red", "blue"),
        ("aws:TagKeys", ANY, "team", "cost"),
        ("aws:ResourceTag/a", "StringEquals", "b", "red")]),
    ("UntagResource", {"TagKeys": ["team"]}, [
        ("aws:TagKeys", ANY, "team", "cost"),
        ("aws:RequestTag/team", "Null", "true", "false")]),
]

# Of two requests in a row, each ends what it is about.
ONCE = [
    ("ScheduleKeyDeletion", {}, [
        ("kms:ScheduleKeyDeletionPendingWindowInDays", "NumericEquals", "30", "7")]),
    ("ScheduleKeyDeletion", {"PendingWindowInDays": 7}, [
        ("kms:ScheduleKeyDeletionPendingWindowInDays", "NumericLessThan", "8", "7")]),
    ("RevokeGrant", {"GrantId": lambda at: at.grant}, [
        ("kms:GrantIsForAWSResource", "Bool", "false", "true")]),
]

# What the caller, or the way it comes, answers: on DescribeKey.
USER = [
    ("aws:PrincipalArn", "ArnEquals", lambda who: who.arn, ROOT_ARN),
    ("aws:PrincipalAccount", "StringEquals", ACCOUNT, OTHER),
    ("aws:PrincipalType", "StringEquals", "User", "AssumedRole"),
    ("aws:PrincipalTag/team", "StringEquals", "red", "blue"),
    ("aws:PrincipalIsAWSService", "Bool", "false", "true"),
    ("aws:ViaAWSService", "Bool", "false", "true"),
    ("aws:CalledVia", "Null", "true", "false"),
    ("kms:ViaService", "Null", "true", "false"),
    ("aws:username", "StringEquals", lambda who: who.name, "nobody"),
    ("aws:userid", "StringEquals", lambda who: who.id, "AIDA"),
    ("aws:SourceIp", "IpAddress", "127.0.0.0/8", "10.0.0.0/8"),
    ("aws:SourceArn", "Null", "true", "false"),
    ("aws:SecureTransport", "Bool", "false", "true"),
    ("aws:RequestedRegion", "StringEquals", REGION, "eu-central-1"),
    ("aws:CurrentTime", "DateLessThan", AGES, AGES_AGO),
    ("aws:EpochTime", "NumericLessThan", "4733510400", "1577836800"),
    ("aws:TokenIssueTime", "Null", "true", "false"),
    ("aws:MultiFactorAuthPresent", "Null", "true", "false"),
    ("aws:UserAgent", "StringLike", "tests/*", "aws-cli/*"),
    ("aws:Referer", "StringEquals", "https://pages.example/", "https://others.example/"),
]
ACTING = [  # the service, for that user
    ("kms:ViaService", "StringEquals", SERVICE, SERVICE_ANYWHERE),
    ("aws:ViaAWSService", "Bool", "true", "false"),
    ("aws:CalledVia", ANY, SERVICE_ANYWHERE, SERVICE),
    ("aws:CalledViaFirst", "StringEquals", SERVICE_ANYWHERE, SERVICE),
    ("aws:CalledViaLast", "StringEquals", SERVICE_ANYWHERE, SERVICE),
    ("aws:PrincipalArn", "ArnEquals", lambda who: who.arn, ROOT_ARN),
    ("aws:PrincipalTag/team", "StringEquals", "red", "blue"),
    ("aws:TokenIssueTime", "DateGreaterThan", AGES_AGO, AGES),
]
ROLE = [
    ("aws:PrincipalArn", "ArnEquals", lambda who: who.arn, "arn:aws:sts::*:assumed-role/*"),
    ("aws:PrincipalType", "StringEquals", "AssumedRole", "User"),
    ("aws:PrincipalTag/team", "StringEquals", "red", "blue"),
    ("aws:userid", "StringEquals", lambda who: f"{who.id}:night", "night"),
    ("aws:username", "Null", "true", "false"),
    ("aws:TokenIssueTime", "DateGreaterThan", AGES_AGO, AGES),
    ("aws:MultiFactorAuthPresent", "Bool", "false", "true"),
]
ITSELF = [  # a service, about something of the account's
    ("aws:PrincipalIsAWSService", "Bool", "true", "false"),
    ("aws:PrincipalServiceName", "StringEquals", SERVICE, SERVICE_ANYWHERE),
    ("aws:PrincipalServiceNamesList", ANY, SERVICE_ANYWHERE, "others.amazonaws.com"),
    ("aws:SourceArn", "ArnLike", "arn:aws:conditions:*:*:thing/*", "arn:aws:conditions:*:*:other/*"),
    ("aws:SourceAccount", "StringEquals", ACCOUNT, OTHER),
]


class Caller:
    """Somebody with credentials, whose policy can be replaced."""

    def __init__(self, admin, made, signer, token=None):
        self.admin, self.kind, self.name = admin, made["Kind"], made["Name"]
        self.arn, self.id = made["Arn"], made["Id"]
        self.calls, self.token = admin.calls_as(signer), token

    def may(self, condition):
        self.admin.put_policy(self.kind, self.name, allow("kms:*", **condition))

    def asks(self, operation, body):
        headers = [*self.calls.headers(f"TrentService.{operation}"), ("User-Agent", "tests/1"),
                   ("Referer", "https://pages.example/")]
        if self.token is not None:
            headers.append(("X-Amz-Security-Token", self.token))
        return self.calls.call(operation, body, headers=headers)


@pytest.fixture(scope="module")
def admin(service):
    made = Admin(service)
    made.create("service", SERVICE)
    return made


def with_session(admin, made, **members):
    keys = admin.call("CreateSession", **members)["Credentials"]
    signer = Signer(keys["AccessKeyId"], keys["SecretAccessKey"], REGION)
    return Caller(admin, made, signer, keys["SessionToken"])


@pytest.fixture(scope="module")
def user(admin):
    made = admin.create("user", f"u-{uuid.uuid4()}", Tags=[{"Key": "team", "Value": "red"}])
    return Caller(admin, made, admin.access_key("user", made["Name"]))


@pytest.fixture(scope="module")
def acting(admin, user):
    made = {"Kind": "user", "Name": user.name, "Arn": user.arn, "Id": user.id}
    return with_session(admin, made, Principal=user.arn, Service=SERVICE)


@pytest.fixture(scope="module")
def role(admin):
    trust = {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": ROOT_ARN}, "Action": "sts:AssumeRole"}]}
    made = admin.create("role", f"r-{uuid.uuid4()}", Tags=[{"Key": "team", "Value": "red"}],
                        Document=json.dumps(trust))
    return with_session(admin, made, Principal=made["Arn"], SessionName="night")


@pytest.fixture(scope="module")
def place(kms):
    return new_place(kms)


def new_place(kms):
    place = make_place(kms, "Alias, Grant")
    sealed = kms.encrypt(KeyId=place.key, Plaintext=b"x", EncryptionContext=APP)["CiphertextBlob"]
    place.in_context = base64.b64encode(sealed).decode()
    return place


def told(value, source):
    return value(source) if callable(value) else value


def body_of(operation, members, place):
    """What is asked; of the place's key unless the members say otherwise."""
    body = {name: told(value, place) for name, value in members.items()}
    if operation not in ("CreateKey", "Decrypt", "ReEncrypt", "ListRetirableGrants"):
        body.setdefault("KeyId", place.key)
    return body


def check(caller, operation, body, row, source):
    key, operator, has, has_not = row
    for value, error in ((has_not, "AccessDeniedException"), (has, None)):
        caller.may({operator: {key: told(value, source)}})
        reply = caller.asks(operation, body)
        assert reply.error == error, (operation, key, told(value, source), reply.body)


def each(table):
    return [pytest.param(operation, members, row, id=f"{operation}-{row[0]}")
            for operation, members, rows in table for row in rows]


@pytest.mark.parametrize("operation,members,row", each(MEMBERS))
def test_what_the_request_and_the_key_say(user, place, operation, members, row):
    check(user, operation, body_of(operation, members, place), row, place)


@pytest.mark.parametrize("operation,members,row", each(ONCE))
def test_what_the_request_says_of_an_end(kms, user, operation, members, row):
    place = new_place(kms)
    check(user, operation, body_of(operation, members, place), row, place)


@pytest.mark.parametrize("row", USER, ids=lambda row: row[0])
def test_what_is_known_of_a_user(user, place, row):
    check(user, "DescribeKey", {"KeyId": place.key}, row, user)


@pytest.mark.parametrize("row", ACTING, ids=lambda row: row[0])
def test_what_is_known_of_a_service_that_acts_for_a_user(acting, place, row):
    check(acting, "DescribeKey", {"KeyId": place.key}, row, acting)


def test_grants_of_a_service_that_acts_for_a_user(kms, acting):
    place = new_place(kms)
    row = ("kms:GrantIsForAWSResource", "Bool", "true", "false")
    for operation, members in (
            ("CreateGrant", {"GranteePrincipal": SERVICE, "Operations": ["Decrypt"]}),
            ("ListGrants", {}), ("RevokeGrant", {"GrantId": place.grant})):
        check(acting, operation, body_of(operation, members, place), row, place)


@pytest.mark.parametrize("row", ROLE, ids=lambda row: row[0])
def test_what_is_known_of_a_session_of_a_role(role, place, row):
    check(role, "DescribeKey", {"KeyId": place.key}, row, role)


def test_what_is_known_of_a_service(kms, admin):
    """It has no policy of its own: the key's asks."""
    made = {"Kind": "service", "Name": SERVICE, "Arn": SERVICE, "Id": ""}
    caller = with_session(admin, made, Principal=SERVICE, SourceArn=SOURCE, SourceAccount=ACCOUNT)
    key = kms.create_key()["KeyMetadata"]["Arn"]
    policy = json.loads(OPEN_POLICY)
    for name, operator, has, has_not in ITSELF:
        for value, error in ((has_not, "AccessDeniedException"), (has, None)):
            statement = {"Effect": "Allow", "Principal": {"Service": SERVICE}, "Resource": "*",
                         "Action": "kms:DescribeKey", "Condition": {operator: {name: value}}}
            kms.put_key_policy(KeyId=key, Policy=json.dumps(
                {**policy, "Statement": [*policy["Statement"], statement]}))
            reply = caller.asks("DescribeKey", {"KeyId": key})
            assert reply.error == error, (name, value, reply.body)


def test_variables_are_filled_from_the_request(user, place):
    for variable, value in (("${aws:PrincipalTag/team}", "red"), ("${aws:username}", user.name),
                            ("${aws:userid}", user.id)):
        user.may({"StringEquals": {"kms:EncryptionContext:app": variable}})
        for app, error in (("blue", "AccessDeniedException"), (value, None)):
            reply = user.asks("Encrypt", {"KeyId": place.key, "Plaintext": "aGk=",
                                          "EncryptionContext": {"app": app}})
            assert reply.error == error, (variable, app, reply.body)


def test_no_condition_key_is_forgotten():
    """A new key needs rows above; so does one whose operation has been built."""
    with open(DEFINED, encoding="utf-8") as file:
        rows = re.findall(r'^CONDITION_(KEY|FAMILY)\(\w+, "([^"]+)"', file.read(), re.MULTILINE)
    proven = {row[0] for _, _, rows in MEMBERS + ONCE for row in rows}
    proven |= {row[0] for row in USER + ACTING + ROLE + ITSELF}
    for kind, name in rows:
        there = name in proven if kind == "KEY" else any(key.startswith(name) for key in proven)
        if name in NOT_YET:
            assert not NOT_YET[name] & set(built()), f"{name}: an operation that has it is built"
        else:
            assert there or name in ELSEWHERE, f"{name}: no test asks what it is"
    assert NOT_YET.keys() <= {name for _, name in rows}
