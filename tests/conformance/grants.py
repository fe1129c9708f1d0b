# SPDX-License-Identifier: Apache-2.0
"""Grants: who may do what by one, for how long, and who may make and end it; the wording of what is
refused; lists page by page. Users have no policy of their own unless a test says so."""
import datetime
import json
import re
import uuid

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from holdfast.admin import Admin, allow
from holdfast.installation import ACCOUNT
from holdfast.request import Signer

OTHER = "555566667777"
AIRFLOW = "airflow-grants.us-east-1.amazonaws.com"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
GRANT_ID = re.compile(r"[0-9a-f]{64}")
DRY = "The request would have succeeded, but the DryRun option is set."


class Person:
    """An identity with an access key, and a client of its own."""

    def __init__(self, service, arn, signer, token=None):
        self.arn = arn
        self.kms = boto3.client(
            "kms", endpoint_url=service.endpoint(), region_name=service.region,
            aws_access_key_id=signer.access_key, aws_secret_access_key=signer.secret_key,
            aws_session_token=token, config=Config(retries={"total_max_attempts": 1}))


@pytest.fixture(scope="module")
def admin(service):
    return Admin(service)


@pytest.fixture(scope="module")
def person(service, admin):
    """person(policy=None, account=None): a new user."""
    def make(policy=None, account=None):
        arn, signer = admin.user(f"u-{uuid.uuid4()}", account, policy)
        return Person(service, arn, signer)
    return make


@pytest.fixture(scope="module")
def alice(person):
    return person()


@pytest.fixture(scope="module")
def bob(person):
    return person()


@pytest.fixture(scope="module")
def airflow(service, admin):
    admin.create("service", AIRFLOW)
    return Person(service, AIRFLOW, admin.access_key("service", AIRFLOW))


@pytest.fixture(scope="module")
def carol(admin, person):
    """A user of another account, who may do what others let that account do."""
    admin.account(OTHER)
    return person(allow("kms:*"), OTHER)


@pytest.fixture(scope="module")
def session(service, admin):
    """session(Principal=..., ...): somebody with temporary credentials."""
    def make(**members):
        made = admin.call("CreateSession", **members)
        keys = made["Credentials"]
        signer = Signer(keys["AccessKeyId"], keys["SecretAccessKey"], service.region)
        return Person(service, members["Principal"], signer, keys["SessionToken"])
    return make


@pytest.fixture
def mine(kms):
    return kms.create_key()["KeyMetadata"]["Arn"]


def grant(kms, key, grantee, *operations, **members):
    return kms.create_grant(KeyId=key, GranteePrincipal=grantee, Operations=list(operations),
                            **members)


def listed(kms, key, **members):
    return kms.list_grants(KeyId=key, **members)["Grants"]


def refused(call, **members):
    """(error, message) of a call that must be refused."""
    with pytest.raises(ClientError) as caught:
        call(**members)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def is_denied(call, **members):
    try:
        call(**members)
    except ClientError as error:
        assert error.response["Error"]["Code"] == "AccessDeniedException", error
        return True
    return False


# --- what it is, and what it gives ---


def test_a_grant_and_its_entry(kms, mine, alice, bob):
    before = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=2)
    made = grant(kms, mine.rpartition("/")[2], alice.arn, "Decrypt", "Encrypt",
                 "RetireGrant", RetiringPrincipal=bob.arn, Name="letters",
                 Constraints={"EncryptionContextSubset": {"b": "2", "a": "1"}})
    assert set(made) - {"ResponseMetadata"} == {"GrantId", "GrantToken"}
    assert GRANT_ID.fullmatch(made["GrantId"])
    (entry,) = listed(kms, mine)
    assert before <= entry.pop("CreationDate") <= datetime.datetime.now(datetime.timezone.utc)
    assert entry == {
        "KeyId": mine, "GrantId": made["GrantId"], "Name": "letters", "GranteePrincipal": alice.arn,
        "RetiringPrincipal": bob.arn, "IssuingAccount": ROOT,
        "Operations": ["Decrypt", "Encrypt", "RetireGrant"],
        "Constraints": {"EncryptionContextSubset": {"a": "1", "b": "2"}}}
    grant(kms, mine, alice.arn, "Encrypt")
    plain = next(e for e in listed(kms, mine) if e["GrantId"] != made["GrantId"])
    assert set(plain) == {"KeyId", "GrantId", "CreationDate", "GranteePrincipal", "IssuingAccount",
                          "Operations"}


def test_it_lets_the_grantee_do_that_and_no_more(kms, mine, other_key, alice, bob):
    assert is_denied(alice.kms.encrypt, KeyId=mine, Plaintext=b"x")
    grant(kms, mine, alice.arn, "Encrypt", "DescribeKey")
    assert alice.kms.encrypt(KeyId=mine, Plaintext=b"x")["KeyId"] == mine
    assert alice.kms.describe_key(KeyId=mine)["KeyMetadata"]["Arn"] == mine
    assert is_denied(alice.kms.generate_data_key, KeyId=mine, KeySpec="AES_256")
    assert is_denied(alice.kms.encrypt, KeyId=other_key, Plaintext=b"x")
    assert is_denied(bob.kms.encrypt, KeyId=mine, Plaintext=b"x")


@pytest.mark.parametrize("end", ["revoke", "retire"])
def test_its_end_counts_for_the_next_request(kms, mine, alice, end):
    for _ in range(5):
        made = grant(kms, mine, alice.arn, "Encrypt")
        alice.kms.encrypt(KeyId=mine, Plaintext=b"x")
        (kms.revoke_grant if end == "revoke" else kms.retire_grant)(
            KeyId=mine, GrantId=made["GrantId"])
        assert is_denied(alice.kms.encrypt, KeyId=mine, Plaintext=b"x")
    assert listed(kms, mine) == []


@pytest.mark.parametrize("kind,context,allowed", [
    ("EncryptionContextSubset", {"a": "1", "b": "2"}, True),
    ("EncryptionContextSubset", {"c": "3", "b": "2", "a": "1"}, True),
    ("EncryptionContextSubset", {"a": "1"}, False),
    ("EncryptionContextSubset", {"a": "1", "b": "3"}, False),
    ("EncryptionContextSubset", {"a": "1", "B": "2"}, False),
    ("EncryptionContextSubset", {}, False),
    ("EncryptionContextEquals", {"b": "2", "a": "1"}, True),
    ("EncryptionContextEquals", {"a": "1", "b": "2", "c": "3"}, False),
    ("EncryptionContextEquals", {"a": "1"}, False),
])
def test_constraints(kms, mine, alice, kind, context, allowed):
    grant(kms, mine, alice.arn, "Encrypt", "DescribeKey",
          Constraints={kind: {"a": "1", "b": "2"}})
    assert is_denied(alice.kms.encrypt, KeyId=mine, Plaintext=b"x",
                     EncryptionContext=context) is not allowed
    alice.kms.describe_key(KeyId=mine)  # takes no context: the constraint does not bind it


def test_grants_to_an_account_need_identity_policies(kms, mine, alice, person):
    grant(kms, mine, ROOT, "Encrypt")
    grant(kms, mine, ACCOUNT, "DescribeKey")
    able = person(allow(["kms:Encrypt", "kms:DescribeKey"]))
    assert is_denied(alice.kms.encrypt, KeyId=mine, Plaintext=b"x")
    able.kms.encrypt(KeyId=mine, Plaintext=b"x")


def test_another_account(kms, mine, carol):
    context = {"a": "1"}
    assert is_denied(carol.kms.encrypt, KeyId=mine, Plaintext=b"x")
    made = grant(kms, mine, carol.arn, "Encrypt", "RetireGrant",
                 Constraints={"EncryptionContextEquals": context})
    carol.kms.encrypt(KeyId=mine, Plaintext=b"x", EncryptionContext=context)
    assert is_denied(carol.kms.encrypt, KeyId=mine, Plaintext=b"x")
    carol.kms.retire_grant(GrantToken=made["GrantToken"])
    assert is_denied(carol.kms.encrypt, KeyId=mine, Plaintext=b"x", EncryptionContext=context)


def test_a_role_and_its_sessions(admin, kms, mine, session):
    name = f"r-{uuid.uuid4()}"
    trust = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": "sts:AssumeRole"}]}
    role = admin.create("role", name, Document=json.dumps(trust))["Arn"]
    one, two = (session(Principal=role, SessionName=f"s{i}") for i in (1, 2))
    made = grant(kms, mine, f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/s1", "Encrypt",
                 "RetireGrant")
    one.kms.encrypt(KeyId=mine, Plaintext=b"x")
    assert is_denied(two.kms.encrypt, KeyId=mine, Plaintext=b"x")
    assert is_denied(two.kms.retire_grant, KeyId=mine, GrantId=made["GrantId"])
    one.kms.retire_grant(KeyId=mine, GrantId=made["GrantId"])
    made = grant(kms, mine, role, "Encrypt", RetiringPrincipal=role)
    one.kms.encrypt(KeyId=mine, Plaintext=b"x")
    two.kms.encrypt(KeyId=mine, Plaintext=b"x")
    two.kms.retire_grant(GrantToken=made["GrantToken"])
    assert is_denied(one.kms.encrypt, KeyId=mine, Plaintext=b"x")


def test_a_session_policy_limits_what_the_role_was_granted(admin, kms, mine, session):
    """IAM User Guide, "Session policies": but for what names the session's own ARN."""
    name = f"r-{uuid.uuid4()}"
    trust = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": "sts:AssumeRole"}]}
    role = admin.create("role", name, Document=json.dumps(trust))["Arn"]
    narrow = session(Principal=role, SessionName="narrow",
                     Policy=json.dumps(allow("kms:DescribeKey")))
    grant(kms, mine, role, "Encrypt", "DescribeKey")
    assert is_denied(narrow.kms.encrypt, KeyId=mine, Plaintext=b"x")
    narrow.kms.describe_key(KeyId=mine)
    grant(kms, mine, f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/narrow", "Encrypt")
    narrow.kms.encrypt(KeyId=mine, Plaintext=b"x")


def test_a_service_that_acts_for_a_user(admin, mine, airflow, person, session):
    """kms:GrantIsForAWSResource: the user may, through the service alone."""
    able = person(allow(["kms:CreateGrant", "kms:ListGrants", "kms:RevokeGrant"],
                        Bool={"kms:GrantIsForAWSResource": "true"}))
    through = session(Principal=able.arn, Service=AIRFLOW)
    wanted = {"KeyId": mine, "GranteePrincipal": airflow.arn, "Operations": ["Decrypt"]}
    assert is_denied(able.kms.create_grant, **wanted)
    assert is_denied(able.kms.list_grants, KeyId=mine)
    made = through.kms.create_grant(**wanted)
    assert [e["GrantId"] for e in listed(through.kms, mine)] == [made["GrantId"]]
    assert is_denied(able.kms.revoke_grant, KeyId=mine, GrantId=made["GrantId"])
    through.kms.revoke_grant(KeyId=mine, GrantId=made["GrantId"])


def test_a_service(kms, mine, airflow):
    made = kms.create_grant(KeyId=mine, GranteeServicePrincipal=AIRFLOW,
                            RetiringServicePrincipal=AIRFLOW, Operations=["Encrypt"])
    (entry,) = listed(kms, mine)
    for role in ("Grantee", "Retiring"):
        assert entry[f"{role}Principal"] == entry[f"{role}ServicePrincipal"] == AIRFLOW
    airflow.kms.encrypt(KeyId=mine, Plaintext=b"x")
    found = airflow.kms.list_retirable_grants(RetiringServicePrincipal=AIRFLOW)["Grants"]
    assert made["GrantId"] in [e["GrantId"] for e in found]
    airflow.kms.retire_grant(KeyId=mine, GrantId=made["GrantId"])
    assert listed(kms, mine) == []


def test_one_made_anew_under_an_old_name_holds_nothing(service, admin, kms, mine):
    name = f"u-{uuid.uuid4()}"
    arn, signer = admin.user(name)
    made = grant(kms, mine, arn, "Encrypt", "RetireGrant", RetiringPrincipal=arn)
    Person(service, arn, signer).kms.encrypt(KeyId=mine, Plaintext=b"x")
    admin.call("DeleteAccessKey", AccessKeyId=signer.access_key)
    admin.call("DeleteIdentity", Kind="user", Name=name)
    arn, signer = admin.user(name, policy=allow("kms:ListRetirableGrants"))
    again = Person(service, arn, signer).kms
    assert is_denied(again.encrypt, KeyId=mine, Plaintext=b"x")
    assert is_denied(again.retire_grant, KeyId=mine, GrantId=made["GrantId"])
    assert again.list_retirable_grants(RetiringPrincipal=arn)["Grants"] == []


def test_the_record_names_the_grant(service, kms, mine, alice):
    made = grant(kms, mine, alice.arn, "Encrypt")
    alice.kms.encrypt(KeyId=mine, Plaintext=b"x")
    records = service.daemon.audit_records() if hasattr(service.daemon, "audit_records") else \
        service.audit_records()
    created = next(r for r in reversed(records) if r["eventName"] == "CreateGrant")
    assert created["responseElements"] == {"grantId": made["GrantId"], "keyId": mine}
    assert created["requestParameters"]["operations"] == ["Encrypt"]
    assert made["GrantToken"] not in str(records)
    used = next(r for r in reversed(records) if r["eventName"] == "Encrypt")
    assert f"grant:{made['GrantId']}" in str(used)


# --- names and tokens ---


def test_the_same_name_again_is_the_same_grant(kms, mine, alice, bob):
    given = {"Name": "once", "Constraints": {"EncryptionContextEquals": {"a": "1", "b": "2"}}}
    first = grant(kms, mine, alice.arn, "Encrypt", "Decrypt", **given)
    again = grant(kms, mine, alice.arn, "Decrypt", "Encrypt", "Encrypt", **given)
    assert again["GrantId"] == first["GrantId"] and again["GrantToken"] != first["GrantToken"]
    others = [grant(kms, mine, bob.arn, "Encrypt", "Decrypt", **given),
              grant(kms, mine, alice.arn, "Encrypt", **given),
              grant(kms, mine, alice.arn, "Encrypt", "Decrypt", **{**given, "Name": "twice"}),
              grant(kms, mine, alice.arn, "Encrypt", "Decrypt", Name="once"),
              grant(kms, mine, alice.arn, "Encrypt", "Decrypt", RetiringPrincipal=bob.arn, **given)]
    ids = {first["GrantId"], *(other["GrantId"] for other in others)}
    assert len(ids) == 6 and {e["GrantId"] for e in listed(kms, mine)} == ids
    kms.revoke_grant(KeyId=mine, GrantId=first["GrantId"])
    assert grant(kms, mine, alice.arn, "Encrypt", "Decrypt", **given)["GrantId"] not in ids


def test_without_a_name_every_grant_is_another(kms, mine, alice):
    made = [grant(kms, mine, alice.arn, "Encrypt")["GrantId"] for _ in range(3)]
    assert len(set(made)) == 3


def test_tokens_are_taken_wherever_the_model_has_them(kms, mine, other_key, alice):
    token = grant(kms, mine, alice.arn, "Encrypt")["GrantToken"]
    sealed = alice.kms.encrypt(KeyId=mine, Plaintext=b"x", GrantTokens=[token])["CiphertextBlob"]
    kms.decrypt(CiphertextBlob=sealed, GrantTokens=[token] * 10)
    kms.describe_key(KeyId=other_key, GrantTokens=[token])
    assert is_denied(alice.kms.encrypt, KeyId=other_key, Plaintext=b"x", GrantTokens=[token])


def test_made_up_tokens(kms, mine, alice):
    token = grant(kms, mine, alice.arn, "Encrypt")["GrantToken"]
    changed = token[:40] + ("A" if token[40] != "A" else "B") + token[41:]
    for wrong in ("x", token[:-4], changed, token + "AAAA", "A" * len(token)):
        for call, members in ((kms.describe_key, {"KeyId": mine, "GrantTokens": [token, wrong]}),
                              (kms.encrypt, {"KeyId": mine, "Plaintext": b"x",
                                             "GrantTokens": [wrong]}),
                              (kms.retire_grant, {"GrantToken": wrong})):
            assert refused(call, **members)[0] == "InvalidGrantTokenException"
    assert len(listed(kms, mine)) == 1


# --- what is refused ---


@pytest.mark.parametrize("members,message", [
    ({"GranteePrincipal": None},
     "You must specify either GranteePrincipal or GranteeServicePrincipal, but not both."),
    ({"GranteeServicePrincipal": AIRFLOW},
     "You must specify either GranteePrincipal or GranteeServicePrincipal, but not both."),
    ({"RetiringPrincipal": ROOT, "RetiringServicePrincipal": AIRFLOW},
     "You must specify either RetiringPrincipal or RetiringServicePrincipal, but not both."),
    ({"Operations": []}, "Operations must name between 1 and 64 operations."),
    ({"Operations": ["Encapsulate"]}, "Operation Encapsulate is not valid in a grant."),
    ({"Operations": ["Encrypt", "Sign"]},
     "Operation Sign is not supported on a KMS key with key spec SYMMETRIC_DEFAULT and key usage "
     "ENCRYPT_DECRYPT."),
    ({"Operations": ["GetPublicKey"]},
     "Operation GetPublicKey is not supported on a KMS key with key spec SYMMETRIC_DEFAULT and key "
     "usage ENCRYPT_DECRYPT."),
    ({"Constraints": {"EncryptionContextSubset": {"a": "1"}, "EncryptionContextEquals": {"a": "1"}}},
     "You can specify either EncryptionContextSubset or EncryptionContextEquals, but not both."),
    ({"Constraints": {"EncryptionContextSubset": {f"k{i}": "v" for i in range(9)}}},
     "An encryption context constraint can have up to 8 pairs, with up to 384 characters in each "
     "key and value."),
    ({"Constraints": {"EncryptionContextEquals": {"a": "ä" * 385}}},
     "An encryption context constraint can have up to 8 pairs, with up to 384 characters in each "
     "key and value."),
    ({"Name": "a b"},
     "1 validation error detected: Value 'a b' at 'name' failed to satisfy constraint: Member must "
     "satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$"),
])
def test_validation(service, kms, mine, alice, members, message):
    body = {"KeyId": mine, "GranteePrincipal": alice.arn, "Operations": ["Encrypt"], **members}
    body = {name: value for name, value in body.items() if value is not None}
    reply = service.exchange().call("CreateGrant", body)
    assert (reply.error, reply.message) == ("ValidationException", message)
    assert listed(kms, mine) == []


def test_the_constraint_that_is_not_built_is_refused(kms, mine, alice):
    assert refused(grant_with_source, kms=kms, key=mine, grantee=alice.arn) == (
        "UnsupportedOperationException", "The grant constraint SourceArn is not supported.")
    assert listed(kms, mine) == []


def grant_with_source(kms, key, grantee):
    return grant(kms, key, grantee, "Encrypt",
                 Constraints={"SourceArn": f"arn:aws:s3:us-east-1:{ACCOUNT}:bucket"})


def test_the_longest_constraint(kms, mine, alice):
    context = {chr(ord("a") + i) * 384: "✓" * 384 for i in range(8)}
    grant(kms, mine, alice.arn, "Encrypt", Constraints={"EncryptionContextEquals": context})
    (entry,) = listed(kms, mine)
    assert entry["Constraints"] == {"EncryptionContextEquals": context}
    alice.kms.encrypt(KeyId=mine, Plaintext=b"x", EncryptionContext=context)


@pytest.mark.parametrize("member", ["GranteePrincipal", "RetiringPrincipal"])
@pytest.mark.parametrize("name,known", [
    (f"arn:aws:iam::{ACCOUNT}:user/nobody", True), (f"arn:aws:iam::{ACCOUNT}:role/nobody", True),
    ("arn:aws:iam::999999999999:root", True), ("999999999999", True),
    ("nobody.us-east-1.amazonaws.com", True),
    ("alice", False), (f"arn:aws:iam::{ACCOUNT}:group/all", False), ("rds..amazonaws.com", False),
    (f"arn:aws:kms:us-east-1:{ACCOUNT}:key/x", False), ("1234", False)])
def test_principals_that_are_none(kms, mine, alice, member, name, known):
    members = {"GranteePrincipal": alice.arn, member: name}
    text = f"ARN does not refer to a valid principal: {name}" if known else f"Invalid arn {name}"
    assert refused(kms.create_grant, KeyId=mine, Operations=["Encrypt"], **members) == (
        "InvalidArnException", text)


def test_keys_that_are_none(kms, alice):
    for call, members in ((kms.create_grant, {"GranteePrincipal": alice.arn,
                                              "Operations": ["Encrypt"]}), (kms.list_grants, {})):
        assert refused(call, KeyId="invalid", **members) == (
            "NotFoundException", "Invalid keyId 'invalid'")
        assert refused(call, KeyId="alias/x", **members) == (
            "NotFoundException", "Invalid keyId 'alias/x'")


@pytest.mark.parametrize("operation", ["revoke_grant", "retire_grant"])
def test_grants_that_are_none(kms, mine, other_key, alice, operation):
    call = getattr(kms, operation)
    made = grant(kms, mine, alice.arn, "Encrypt")["GrantId"]
    for key, name in ((other_key, made), (mine, "0" * 64)):
        assert refused(call, KeyId=key, GrantId=name) == (
            "NotFoundException", f"Grant ID {name} not found")
    for name in ("x", made[:-1], made.upper(), made + "0"):
        assert refused(call, KeyId=mine, GrantId=name) == (
            "InvalidGrantIdException", f"Invalid grant ID {name}")
    call(KeyId=mine, GrantId=made)
    assert refused(call, KeyId=mine, GrantId=made) == (
        "NotFoundException", f"Grant ID {made} not found")


@pytest.mark.parametrize("members", [{}, {"KeyId": "k"}, {"GrantId": "g"},
                                     {"GrantToken": "t", "KeyId": "k", "GrantId": "g"}])
def test_retiring_needs_one_way_to_name_the_grant(kms, members):
    assert refused(kms.retire_grant, **members) == (
        "ValidationException",
        "You must specify either GrantToken or both KeyId and GrantId.")


def test_dry_runs_change_nothing(kms, mine, alice):
    wanted = {"KeyId": mine, "GranteePrincipal": alice.arn, "Operations": ["Encrypt"], "Name": "n"}
    assert refused(kms.create_grant, DryRun=True, **wanted) == ("DryRunOperationException", DRY)
    assert listed(kms, mine) == []
    made = kms.create_grant(**wanted)
    assert refused(kms.create_grant, DryRun=True, **wanted) == ("DryRunOperationException", DRY)
    for call, members in ((kms.revoke_grant, {"KeyId": mine, "GrantId": made["GrantId"]}),
                          (kms.retire_grant, {"KeyId": mine, "GrantId": made["GrantId"]}),
                          (kms.retire_grant, {"GrantToken": made["GrantToken"]})):
        assert refused(call, DryRun=True, **members) == ("DryRunOperationException", DRY)
    assert [e["GrantId"] for e in listed(kms, mine)] == [made["GrantId"]]
    assert is_denied(alice.kms.retire_grant, KeyId=mine, GrantId=made["GrantId"], DryRun=True)


# --- who may end one ---


def test_who_may_retire(kms, mine, alice, bob, person, carol):
    root_only = person(allow("kms:RetireGrant"))
    kms.put_key_policy(KeyId=mine, Policy=policy_for(carol.arn, bob.arn))

    def made(**members):
        return grant(kms, mine, alice.arn, "Encrypt", *members.pop("more", ()),
                     **members)["GrantId"]

    plain, own = made(), made(more=["RetireGrant"])
    retirable = made(RetiringPrincipal=bob.arn)
    for who in (alice, bob, carol):
        assert is_denied(who.kms.retire_grant, KeyId=mine, GrantId=plain)
    assert is_denied(bob.kms.retire_grant, KeyId=mine, GrantId=own)
    assert is_denied(alice.kms.retire_grant, KeyId=mine, GrantId=retirable)
    alice.kms.retire_grant(KeyId=mine, GrantId=own)
    bob.kms.retire_grant(KeyId=mine, GrantId=retirable)
    root_only.kms.retire_grant(KeyId=mine, GrantId=plain)  # its account's permission
    assert listed(kms, mine) == []


def policy_for(*arns):
    """A key policy that lets them do everything: which is not enough to retire."""
    return json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": [ROOT, *arns]}, "Action": "kms:*",
         "Resource": "*"}]})


def test_a_key_policy_can_deny_retiring(kms, mine, alice):
    made = grant(kms, mine, alice.arn, "RetireGrant")
    policy = json.loads(policy_for())
    policy["Statement"].append({"Effect": "Deny", "Principal": {"AWS": alice.arn},
                                "Action": "kms:RetireGrant", "Resource": "*"})
    kms.put_key_policy(KeyId=mine, Policy=json.dumps(policy))
    code, message = refused(alice.kms.retire_grant, KeyId=mine, GrantId=made["GrantId"])
    assert code == "AccessDeniedException" and "explicit deny" in message


def test_another_accounts_key_is_not_told(kms, mine, alice, carol):
    made = grant(kms, mine, alice.arn, "RetireGrant")
    there = refused(carol.kms.retire_grant, KeyId=mine, GrantId=made["GrantId"])
    gone = refused(carol.kms.retire_grant, KeyId=mine, GrantId="0" * 64)
    assert there == gone and there[0] == "AccessDeniedException"
    nothing = mine.rpartition("/")[0] + "/" + str(uuid.uuid4())
    absent = refused(carol.kms.retire_grant, KeyId=nothing, GrantId="0" * 64)
    assert absent == (there[0], there[1].replace(mine, nothing))
    code, message = refused(carol.kms.retire_grant, GrantToken=made["GrantToken"])
    assert code == "AccessDeniedException" and mine not in message


def test_revoking_is_the_key_policys(kms, mine, alice, person):
    made = grant(kms, mine, alice.arn, "RetireGrant", RetiringPrincipal=alice.arn)
    assert is_denied(alice.kms.revoke_grant, KeyId=mine, GrantId=made["GrantId"])
    assert is_denied(alice.kms.list_grants, KeyId=mine)
    able = person(allow(["kms:RevokeGrant", "kms:ListGrants"]))
    assert len(listed(able.kms, mine)) == 1
    able.kms.revoke_grant(KeyId=mine, GrantId=made["GrantId"])


# --- grants on grants ---


def test_a_grantee_passes_on_what_it_has_and_no_more(kms, mine, alice, bob):
    def passed(*operations, **members):
        return not is_denied(alice.kms.create_grant, KeyId=mine, GranteePrincipal=bob.arn,
                             Operations=list(operations), **members)

    subset, equals = "EncryptionContextSubset", "EncryptionContextEquals"
    assert not passed("Encrypt")
    for _ in range(3):  # others that would not do, among which the one that does is found
        grant(kms, mine, alice.arn, "CreateGrant")
    grant(kms, mine, alice.arn, "CreateGrant", "Encrypt", "RetireGrant",
          Constraints={subset: {"a": "1"}})
    assert not passed("Encrypt")
    assert not passed("Encrypt", Constraints={subset: {"b": "2"}})
    assert not passed("Decrypt", Constraints={subset: {"a": "1"}})
    assert not passed("Encrypt", "Decrypt", Constraints={subset: {"a": "1"}})
    assert passed("Encrypt", "RetireGrant", Constraints={subset: {"a": "1"}})
    assert passed("Encrypt", Constraints={subset: {"a": "1", "b": "2"}})
    assert passed("Encrypt", "CreateGrant", Constraints={equals: {"a": "1", "b": "2"}})
    bob.kms.encrypt(KeyId=mine, Plaintext=b"x", EncryptionContext={"a": "1"})
    # A child of the child: under the grant with the equal context alone.
    assert is_denied(bob.kms.create_grant, KeyId=mine, GranteePrincipal=alice.arn,
                     Operations=["Encrypt"], Constraints={subset: {"a": "1", "b": "2"}})
    bob.kms.create_grant(KeyId=mine, GranteePrincipal=alice.arn, Operations=["Encrypt"],
                         Constraints={equals: {"b": "2", "a": "1"}})


# --- condition keys ---


@pytest.mark.parametrize("condition,members,allowed", [
    ({"StringEquals": {"kms:GranteePrincipal": AIRFLOW}}, {}, True),
    ({"StringEquals": {"kms:GranteePrincipal": ROOT}}, {}, False),
    ({"StringEquals": {"kms:RetiringPrincipal": ROOT}}, {"RetiringPrincipal": ROOT}, True),
    ({"StringEquals": {"kms:RetiringPrincipal": ROOT}}, {}, False),
    ({"ForAllValues:StringEquals": {"kms:GrantOperations": ["Encrypt", "Decrypt"]}}, {}, True),
    ({"ForAllValues:StringEquals": {"kms:GrantOperations": ["Decrypt"]}}, {}, False),
    ({"StringEquals": {"kms:GrantConstraintType": "EncryptionContextSubset"}},
     {"Constraints": {"EncryptionContextSubset": {"a": "1"}}}, True),
    ({"StringEquals": {"kms:GrantConstraintType": "EncryptionContextSubset"}},
     {"Constraints": {"EncryptionContextEquals": {"a": "1"}}}, False),
    ({"StringEquals": {"kms:EncryptionContext:a": "1"}},
     {"Constraints": {"EncryptionContextEquals": {"a": "1"}}}, True),
    ({"Bool": {"kms:GrantIsForAWSResource": "true"}}, {}, False),
    ({"Bool": {"kms:GrantIsForAWSResource": "false"}}, {}, True),
])
def test_conditions_on_making_grants(mine, airflow, person, condition, members, allowed):
    able = person(allow("kms:CreateGrant", **condition))
    assert is_denied(able.kms.create_grant, KeyId=mine, GranteePrincipal=airflow.arn,
                     Operations=["Encrypt"], **members) is not allowed


# --- lists ---


def pages(call, limit, **members):
    out, marker = [], {}
    while True:
        page = call(Limit=limit, **members, **marker)
        assert set(page) - {"ResponseMetadata"} == {"Grants", "Truncated"} | (
            {"NextMarker"} if page["Truncated"] else set())
        out.append([entry["GrantId"] for entry in page["Grants"]])
        if not page["Truncated"]:
            return out
        assert len(page["Grants"]) == limit
        marker = {"Marker": page["NextMarker"]}


@pytest.fixture(scope="module")
def crowd(kms, alice, bob):
    """A key with 52 grants: every second to bob."""
    key = kms.create_key()["KeyMetadata"]["Arn"]
    made = [grant(kms, key, (alice, bob)[i % 2].arn, "Encrypt")["GrantId"] for i in range(52)]
    return key, made


@pytest.mark.parametrize("limit", [5, 26, 52, 1000])
def test_every_page_size_gives_the_same_grants(kms, crowd, limit):
    key, made = crowd
    found = pages(kms.list_grants, limit, KeyId=key)
    assert sum(found, []) == sorted(made)
    assert len(found) == -(-52 // min(limit, 100))


def test_the_default_page_has_fifty(kms, crowd):
    page = kms.list_grants(KeyId=crowd[0])
    assert len(page["Grants"]) == 50 and page["Truncated"] is True


def test_filters(kms, crowd, alice, bob):
    key, made = crowd
    found = sum(pages(kms.list_grants, 7, KeyId=key, GranteePrincipal=bob.arn), [])
    assert found == sorted(made[1::2])
    for filters, ids in (({"GrantId": made[0]}, [made[0]]), ({"GrantId": "0" * 64}, []),
                         ({"GrantId": made[0], "GranteePrincipal": alice.arn}, [made[0]]),
                         ({"GrantId": made[0], "GranteePrincipal": bob.arn}, []),
                         ({"GranteePrincipal": ROOT}, []),
                         ({"GranteeServicePrincipal": AIRFLOW}, [])):
        page = kms.list_grants(KeyId=key, **filters)
        assert [e["GrantId"] for e in page["Grants"]] == ids and page["Truncated"] is False
    assert refused(kms.list_grants, KeyId=key, GrantId="x") == (
        "InvalidGrantIdException", "Invalid grant ID x")


def test_markers_are_for_their_key(kms, crowd, mine):
    marker = kms.list_grants(KeyId=crowd[0], Limit=1)["NextMarker"]
    for key, wrong in ((mine, marker), (crowd[0], marker[:-4]), (crowd[0], "x")):
        assert refused(kms.list_grants, KeyId=key, Marker=wrong)[0] == "InvalidMarkerException"
    assert refused(kms.list_retirable_grants, RetiringPrincipal=ROOT, Marker=marker)[0] == (
        "InvalidMarkerException")


def test_retirable_grants(kms, alice, carol, person):
    keys = [kms.create_key()["KeyMetadata"]["Arn"] for _ in range(3)]
    keys.append(carol.kms.create_key()["KeyMetadata"]["Arn"])
    retiring = person(allow("kms:ListRetirableGrants"))
    made = set()
    for key in keys:
        owner = carol.kms if key == keys[3] else kms
        for _ in range(3):
            made.add((key, grant(owner, key, alice.arn, "Encrypt",
                                 RetiringPrincipal=retiring.arn)["GrantId"]))
        grant(owner, key, retiring.arn, "Encrypt")
    entries = retiring.kms.list_retirable_grants(RetiringPrincipal=retiring.arn)["Grants"]
    assert {(e["KeyId"], e["GrantId"]) for e in entries} == made
    found = pages(retiring.kms.list_retirable_grants, 5, RetiringPrincipal=retiring.arn)
    assert sum(found, []) == [e["GrantId"] for e in entries] and len(found) == 3
    # Anybody of the account may be asked about, nobody of another.
    entries = kms.list_retirable_grants(RetiringPrincipal=retiring.arn)["Grants"]
    assert len(entries) == len(made)
    assert is_denied(carol.kms.list_retirable_grants, RetiringPrincipal=retiring.arn)
    assert is_denied(alice.kms.list_retirable_grants, RetiringPrincipal=alice.arn)
    assert refused(kms.list_retirable_grants)[0] == "ValidationException"


def test_a_grant_goes_with_nothing_but_its_end(kms, mine, alice):
    """States: the grant stays while its key is disabled, and lets in again."""
    grant(kms, mine, alice.arn, "Encrypt")
    kms.disable_key(KeyId=mine)
    code, _ = refused(alice.kms.encrypt, KeyId=mine, Plaintext=b"x")
    assert code == "DisabledException"
    kms.enable_key(KeyId=mine)
    alice.kms.encrypt(KeyId=mine, Plaintext=b"x")
