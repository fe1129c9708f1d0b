# SPDX-License-Identifier: Apache-2.0
"""STS on the same endpoint: who am I, assuming roles, and what temporary credentials may."""
import json
import uuid
import xml.etree.ElementTree as ElementTree

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from holdfast import aws_cli
from holdfast.admin import Admin, AdminError, allow
from holdfast.request import Exchange, Signer

ACCOUNT, OTHER = "111122223333", "444455556666"
NAMESPACE = "{https://sts.amazonaws.com/doc/2011-06-15/}"
FORM = "application/x-www-form-urlencoded; charset=utf-8"


@pytest.fixture(scope="module")
def admin(service):
    made = Admin(service)
    made.account(OTHER)
    return made


def new(prefix):
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


def trust(*principals, kind="AWS", **condition):
    statement = {"Effect": "Allow", "Principal": {kind: list(principals)},
                 "Action": "sts:AssumeRole"}
    if condition:
        statement["Condition"] = condition
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def client(service, name, keys):
    """A stock client with credentials: a Signer, or what AssumeRole and CreateSession answer."""
    if isinstance(keys, Signer):
        keys = {"AccessKeyId": keys.access_key, "SecretAccessKey": keys.secret_key}
    return boto3.client(
        name, endpoint_url=service.endpoint(), region_name=service.region,
        aws_access_key_id=keys["AccessKeyId"], aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys.get("SessionToken"),
        config=Config(retries={"total_max_attempts": 1}))


def refused(call, **members):
    with pytest.raises(ClientError) as caught:
        call(**members)
    reply = caught.value.response
    return (reply["ResponseMetadata"]["HTTPStatusCode"], reply["Error"]["Code"],
            reply["Error"].get("Message", ""))


def records(service, name):
    return [r for r in service.daemon.audit_records() if r.get("eventName") == name]


class Scene:
    """A user, and a role that trusts somebody: by default the user, by name."""

    def __init__(self, service, admin, account=ACCOUNT, role_account=ACCOUNT, **options):
        self.service, self.admin = service, admin
        self.user = new("user")
        self.user_arn, self.signer = admin.user(self.user, account=account,
                                                policy=options.get("user_policy"))
        self.role = new("role")
        document = options.get("trust", lambda scene: trust(scene.user_arn))(self)
        made = admin.create("role", self.role, Account=role_account, Document=document,
                            MaxSessionDuration=options.get("longest"))
        self.arn, self.id = made["Arn"], made["Id"]
        if "role_policy" in options:
            admin.put_policy("role", self.role, options["role_policy"], account=role_account)

    def sts(self, keys=None):
        return client(self.service, "sts", keys or self.signer)

    def assume(self, keys=None, **members):
        return self.sts(keys).assume_role(
            **{"RoleArn": self.arn, "RoleSessionName": "tests", **members})

    def refused(self, keys=None, **members):
        return refused(self.sts(keys).assume_role,
                       **{"RoleArn": self.arn, "RoleSessionName": "tests", **members})

    def denial(self):
        return (403, "AccessDenied", f"User: {self.user_arn} is not authorized to perform: "
                                     f"sts:AssumeRole on resource: {self.arn}")


@pytest.fixture
def scene(service, admin):
    return lambda **options: Scene(service, admin, **options)


# --- who am I ---

def test_a_user_is_told_who_it_is(service, admin):
    arn, signer = admin.user(new("user"))
    told = client(service, "sts", signer).get_caller_identity()
    assert told["Arn"] == arn and told["Account"] == ACCOUNT
    assert told["UserId"].startswith("AIDA")
    record = records(service, "GetCallerIdentity")[-1]
    assert record["eventSource"] == "sts.amazonaws.com"
    assert record["userIdentity"]["type"] == "IAMUser" and record["userIdentity"]["arn"] == arn


def test_the_command_line_is_told_who_it_is(service):
    told = json.loads(service.aws("sts", "get-caller-identity").stdout)
    assert told["Account"] == ACCOUNT
    assert told["Arn"].startswith(f"arn:aws:iam::{ACCOUNT}:user/")


def test_no_policy_keeps_anybody_from_knowing_who_they_are(service, admin):
    deny = {"Version": "2012-10-17",
            "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}
    arn, signer = admin.user(new("user"), policy=deny)
    assert client(service, "sts", signer).get_caller_identity()["Arn"] == arn


def test_a_session_is_told_who_it_is(scene):
    made = scene()
    assumed = made.assume()
    told = made.sts(assumed["Credentials"]).get_caller_identity()
    assert told["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/{made.role}/tests"
    assert told["UserId"] == f"{made.id}:tests"
    assert assumed["AssumedRoleUser"] == {"Arn": told["Arn"], "AssumedRoleId": told["UserId"]}
    assert assumed["Credentials"]["AccessKeyId"].startswith("ASIA")
    assert "PackedPolicySize" not in assumed


# --- who may assume a role ---

def test_a_caller_whom_the_trust_policy_names_needs_nothing_else(scene):
    scene().assume()


def test_where_the_account_is_named_identity_policies_decide(scene):
    by_account = {"trust": lambda _: trust(f"arn:aws:iam::{ACCOUNT}:root")}
    made = scene(**by_account)
    assert made.refused() == made.denial()
    made.admin.put_policy("user", made.user, allow("sts:AssumeRole", made.arn))
    made.assume()
    made.admin.put_policy("user", made.user, allow("sts:AssumeRole", made.arn + "x"))
    assert made.refused() == made.denial()


def test_another_account_needs_both_sides(scene):
    made = scene(account=OTHER)
    assert made.refused() == made.denial()
    made.admin.put_policy("user", made.user, allow("sts:AssumeRole", made.arn), account=OTHER)
    credentials = made.assume()["Credentials"]
    assert made.sts(credentials).get_caller_identity()["Account"] == ACCOUNT
    made.admin.call("UpdateIdentity", Kind="role", Name=made.role,
                    Document=trust("arn:aws:iam::111122223333:root"))
    assert made.refused() == made.denial()


def test_whom_the_trust_policy_does_not_name_is_refused(scene):
    made = scene(trust=lambda _: trust(f"arn:aws:iam::{OTHER}:root"),
                 user_policy=allow("sts:AssumeRole"))
    assert made.refused() == made.denial()
    record = records(made.service, "AssumeRole")[-1]
    assert record["errorCode"] == "AccessDenied"
    assert "trust policy" in record["additionalEventData"]["decidedBy"]


def test_a_role_that_is_not_there_is_refused_in_the_same_words(scene):
    made = scene(user_policy=allow("sts:AssumeRole"))
    missing = made.arn + "-missing"
    assert made.refused(RoleArn=missing) == (
        403, "AccessDenied", f"User: {made.user_arn} is not authorized to perform: sts:AssumeRole "
                             f"on resource: {missing}")


def test_an_explicit_deny_wins(scene):
    made = scene(user_policy={"Version": "2012-10-17", "Statement": [
        {"Effect": "Deny", "Action": "sts:*", "Resource": "*"}]})
    assert made.refused() == made.denial()


def test_root_may_not_assume_roles(scene):
    made = scene(trust=lambda _: trust(f"arn:aws:iam::{ACCOUNT}:root"))
    root = made.admin.access_key("account", ACCOUNT)
    assert made.refused(root) == (403, "AccessDenied", "Roles may not be assumed by root accounts.")


def test_external_id_and_session_name_are_conditions(scene):
    made = scene(trust=lambda s: trust(s.user_arn, StringEquals={
        "sts:ExternalId": "door-7", "sts:RoleSessionName": "tests"}))
    assert made.refused() == made.denial()
    assert made.refused(ExternalId="door-8") == made.denial()
    assert made.refused(ExternalId="door-7", RoleSessionName="other") == made.denial()
    made.assume(ExternalId="door-7")


def test_what_a_role_may_and_no_more(scene, kms, key):
    made = scene(role_policy=allow("kms:Encrypt", key))
    session = client(made.service, "kms", made.assume()["Credentials"])
    sealed = session.encrypt(KeyId=key, Plaintext=b"by a role")["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"by a role"
    status, code, _ = refused(session.decrypt, CiphertextBlob=sealed)
    assert (status, code) == (400, "AccessDeniedException")


def test_a_session_policy_narrows(scene, key):
    made = scene(role_policy=allow("kms:*"))
    assumed = made.assume(Policy=json.dumps(allow("kms:Encrypt")))
    assert 0 < assumed["PackedPolicySize"] <= 100
    session = client(made.service, "kms", assumed["Credentials"])
    session.encrypt(KeyId=key, Plaintext=b"x")
    assert refused(session.generate_data_key, KeyId=key, KeySpec="AES_256")[1] == (
        "AccessDeniedException")


# --- how long ---

def test_a_session_lasts_as_long_as_asked_within_the_bound_of_the_role(scene):
    made = scene(longest=7200)
    credentials = made.assume(DurationSeconds=900)["Credentials"]
    listed = {s["AccessKeyId"]: s for s in made.admin.call("ListSessions", Limit=1000)["Sessions"]}
    found = listed[credentials["AccessKeyId"]]
    assert round(found["Expiration"] - found["CreateDate"]) == 900
    made.assume(DurationSeconds=7200)
    assert made.refused(DurationSeconds=7201) == (
        400, "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set "
                                "for this role.")


def test_roles_assumed_by_sessions_last_an_hour(scene):
    made = scene(longest=7200)
    first = scene(trust=lambda s: trust(s.user_arn))
    made.admin.call("UpdateIdentity", Kind="role", Name=made.role, Document=trust(first.arn))
    session = first.assume()["Credentials"]
    made.assume(session, DurationSeconds=3600)
    status, code, message = made.refused(session, DurationSeconds=3601)
    assert (status, code) == (400, "ValidationError") and "role chaining" in message


# --- what is not well ---

def test_values_are_checked_in_the_words_of_aws(scene):
    made = scene()
    raw = form(made, Action="AssumeRole", RoleArn=made.arn, RoleSessionName="a b",
               DurationSeconds="60")
    assert error_of(raw) == (
        400, "ValidationError",
        "2 validation errors detected: Value 'a b' at 'roleSessionName' failed to satisfy "
        "constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*; Value '60' at "
        "'durationSeconds' failed to satisfy constraint: Member must have value greater than or "
        "equal to 900")
    assert error_of(form(made, Action="AssumeRole", RoleSessionName="ab"))[1:] == (
        "ValidationError", "1 validation error detected: Value null at 'roleArn' failed to satisfy "
                           "constraint: Member must not be null")
    assert error_of(form(made, Action="AssumeRole", RoleArn=made.arn, RoleSessionName="ab",
                         DurationSeconds="soon"))[:2] == (400, "MalformedInput")
    assert made.refused(RoleArn="arn:aws:iam::111122223333:user/x") == (
        400, "ValidationError", "arn:aws:iam::111122223333:user/x is invalid")


@pytest.mark.parametrize("members", [
    {"PolicyArns": [{"arn": "arn:aws:iam::aws:policy/AdministratorAccess"}]},
    {"Tags": [{"Key": "a", "Value": "b"}]}, {"SourceIdentity": "alice"},
    {"SerialNumber": "arn:aws:iam::111122223333:mfa/x", "TokenCode": "123456"}])
def test_what_is_not_supported_is_said(scene, members):
    status, code, message = scene().refused(**members)
    assert (status, code) == (400, "ValidationError")
    assert message == f"{next(iter(members))} is not supported."


def test_a_malformed_session_policy_is_refused(scene):
    assert scene().refused(Policy="{}")[:2] == (400, "MalformedPolicyDocument")


def form(scene, signer=None, extra=(), body=None, **members):
    """A request by hand: (status, headers, XML root)."""
    signer = signer or scene.signer
    body = body if body is not None else "&".join(
        f"{name}={quote(value)}" for name, value in
        {"Version": "2011-06-15", **members}.items()).encode()
    exchange = Exchange(("127.0.0.1", scene.service.daemon.port),
                        Signer(signer.access_key, signer.secret_key, scene.service.region, "sts"))
    headers = [p for p in exchange.headers(None) if p[0] != "Content-Type"]
    reply = exchange.call("", body, headers=[*headers, ("Content-Type", FORM), *extra])
    assert reply.headers["content-type"] == "text/xml"
    assert reply.headers["x-amzn-requestid"] == ElementTree.fromstring(reply.body).find(
        f".//{NAMESPACE}RequestId").text
    return reply


def quote(value):
    return "".join(c if c.isalnum() or c in "-._~" else f"%{ord(c):02X}" for c in value)


def error_of(reply):
    root = ElementTree.fromstring(reply.body)
    assert root.tag == f"{NAMESPACE}ErrorResponse"
    error = root.find(f"{NAMESPACE}Error")
    assert error.find(f"{NAMESPACE}Type").text == ("Sender" if reply.status < 500 else "Receiver")
    return (reply.status, error.find(f"{NAMESPACE}Code").text,
            error.find(f"{NAMESPACE}Message").text)


def test_unknown_actions_and_versions(scene):
    made = scene()
    assert error_of(form(made, Action="GetSessionToken")) == (
        400, "InvalidAction", "Could not find operation GetSessionToken for version 2011-06-15")
    assert error_of(form(made, Action="GetCallerIdentity", Version="2010-01-01"))[1] == (
        "InvalidAction")
    assert error_of(form(made, Action="Encrypt", KeyId="x"))[1] == "InvalidAction"
    assert error_of(form(made, body=b"Action=%zz"))[:2] == (400, "MalformedInput")
    assert error_of(form(made, body=b"Action=a&Action=a"))[:2] == (400, "MalformedInput")


def test_who_cannot_be_authenticated(scene):
    made = scene()
    wrong = Signer(made.signer.access_key, "x" * 40, made.service.region)
    assert error_of(form(made, wrong, Action="GetCallerIdentity"))[:2] == (
        403, "SignatureDoesNotMatch")
    unknown = Signer("AKIAAAAAAAAAAAAAAAAA", "x" * 40, made.service.region)
    assert error_of(form(made, unknown, Action="GetCallerIdentity")) == (
        403, "InvalidClientTokenId", "The security token included in the request is invalid.")
    token = [("X-Amz-Security-Token", "made-up")]
    assert error_of(form(made, extra=token, Action="GetCallerIdentity"))[:2] == (
        403, "InvalidClientTokenId")


def test_a_signature_for_another_service_is_no_signature(scene):
    made = scene()
    kms = client(made.service, "kms", made.signer)
    exchange = made.service.exchange()
    signer = Signer(made.signer.access_key, made.signer.secret_key, made.service.region, "sts")
    reply = exchange.call("ListKeys", signer=signer)
    assert reply.error == "InvalidSignatureException"
    assert refused(kms.list_keys)[1] == "AccessDeniedException"  # the key itself is good


# --- sessions ---

def test_wrong_and_missing_tokens_are_refused(scene):
    made = scene(role_policy=allow("kms:*"))
    good = made.assume()["Credentials"]
    other = made.assume()["Credentials"]
    client(made.service, "kms", good).list_keys()
    for token in (other["SessionToken"], good["SessionToken"][:-1] + "!", None):
        bad = client(made.service, "kms", {**good, "SessionToken": token})
        assert refused(bad.list_keys)[:2] == (400, "UnrecognizedClientException")
    client(made.service, "kms", good).list_keys()


def test_a_deleted_session_is_refused_at_once(scene):
    made = scene(role_policy=allow("kms:*"))
    credentials = made.assume()["Credentials"]
    session = client(made.service, "kms", credentials)
    session.list_keys()
    made.admin.call("DeleteSession", AccessKeyId=credentials["AccessKeyId"])
    assert refused(session.list_keys)[:2] == (400, "UnrecognizedClientException")
    with pytest.raises(AdminError) as caught:
        made.admin.call("DeleteSession", AccessKeyId=credentials["AccessKeyId"])
    assert caught.value.name == "NoSuchEntity"


def test_the_sessions_of_a_deleted_role_end_with_it(scene):
    made = scene(role_policy=allow("kms:*"))
    session = client(made.service, "kms", made.assume()["Credentials"])
    session.list_keys()
    made.admin.call("DeleteIdentityPolicy", Kind="role", Name=made.role, PolicyName="inline")
    made.admin.call("DeleteIdentity", Kind="role", Name=made.role)
    assert refused(session.list_keys)[:2] == (400, "UnrecognizedClientException")


def test_sessions_are_listed_in_pages(scene):
    made = scene()
    wanted = {made.assume()["Credentials"]["AccessKeyId"] for _ in range(5)}
    found, marker = [], None
    while True:
        page = made.admin.call("ListSessions", Limit=2, Marker=marker)
        assert len(page["Sessions"]) <= 2
        found += page["Sessions"]
        marker = page.get("NextMarker")
        assert page["Truncated"] == (marker is not None)
        if marker is None:
            break
    ids = [session["AccessKeyId"] for session in found]
    assert ids == sorted(set(ids)) and wanted <= set(ids)
    assert all("Secret" not in name and "Token" not in name for s in found for name in s)


# --- services ---

@pytest.fixture
def rds(admin):
    name = "rds.us-east-1.amazonaws.com"
    try:
        admin.create("service", name)
    except AdminError as error:
        assert error.name == "EntityAlreadyExists"
    return name


def test_a_service_acts_for_a_user(scene, rds, key):
    made = scene()
    made.admin.put_policy("user", made.user, allow(
        "kms:*", key, StringEquals={"kms:ViaService": rds}, Bool={"aws:ViaAWSService": "true"}))
    assert refused(client(made.service, "kms", made.signer).describe_key, KeyId=key)[1] == (
        "AccessDeniedException")
    answer = made.admin.call("CreateSession", Principal=made.user_arn, Service=rds)
    assert answer["Principal"] == made.user_arn
    client(made.service, "kms", answer["Credentials"]).describe_key(KeyId=key)
    identity = records(made.service, "DescribeKey")[-1]["userIdentity"]
    assert identity["type"] == "IAMUser" and identity["invokedBy"] == rds
    assert identity["accessKeyId"] == answer["Credentials"]["AccessKeyId"]
    assert "creationDate" in identity["sessionContext"]["attributes"]


def test_a_service_that_acts_for_a_user_assumes_no_role_of_it(scene, rds):
    made = scene(user_policy=allow("sts:AssumeRole"))
    made.assume()
    lent = made.admin.call("CreateSession", Principal=made.user_arn, Service=rds,
                           DurationSeconds=900)
    assert made.refused(lent["Credentials"]) == made.denial()
    record = records(made.service, "AssumeRole")[-1]
    assert "acts for another" in record["additionalEventData"]["decidedBy"]


def test_a_service_for_itself(service, admin, rds, kms):
    source = "arn:aws:rds:us-east-1:111122223333:db:prod"
    policy = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
         "Action": "kms:*", "Resource": "*"},
        {"Effect": "Allow", "Principal": {"Service": rds}, "Action": "kms:Encrypt",
         "Resource": "*", "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT},
                                        "ArnEquals": {"aws:SourceArn": source}}}]}
    name = kms.create_key(Policy=json.dumps(policy))["KeyMetadata"]["Arn"]
    answer = admin.call("CreateSession", Principal=rds, SourceArn=source, SourceAccount=ACCOUNT)
    client(service, "kms", answer["Credentials"]).encrypt(KeyId=name, Plaintext=b"x")
    identity = records(service, "Encrypt")[-1]["userIdentity"]
    assert identity["type"] == "AWSService" and identity["invokedBy"] == rds
    other = admin.call("CreateSession", Principal=rds, SourceArn=source + "2",
                       SourceAccount=ACCOUNT)
    assert refused(client(service, "kms", other["Credentials"]).encrypt, KeyId=name,
                   Plaintext=b"x")[1] == "AccessDeniedException"


def test_a_service_assumes_the_role_that_trusts_it(scene, admin, rds):
    signer = admin.access_key("service", rds)
    made = scene(trust=lambda _: trust(rds, kind="Service"))
    assert made.assume(signer)["AssumedRoleUser"]["Arn"].endswith(f"{made.role}/tests")
    other = scene(trust=lambda _: trust("arn:aws:iam::111122223333:root"))
    assert other.refused(signer)[:2] == (403, "AccessDenied")


def test_a_session_of_a_role_without_its_trust(scene, key):
    made = scene(role_policy=allow("kms:DescribeKey"))
    answer = made.admin.call("CreateSession", Principal=made.arn, SessionName="ops")
    assert answer["Principal"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/{made.role}/ops"
    client(made.service, "kms", answer["Credentials"]).describe_key(KeyId=key)


def test_sessions_that_make_no_sense(scene, rds):
    made = scene()

    def error(**members):
        with pytest.raises(AdminError) as caught:
            made.admin.call("CreateSession", **members)
        return caught.value.name

    assert error(Principal=made.user_arn) == "ValidationException"
    assert error(Principal=made.arn) == "ValidationException"
    assert error(Principal=made.user_arn, Service="x") == "ValidationException"
    assert error(Principal=made.user_arn, Service="s3.eu-west-9.amazonaws.com") == "NoSuchEntity"
    assert error(Principal=made.arn + "x", SessionName="ab") == "NoSuchEntity"
    assert error(Principal="alice", Service=rds) == "ValidationException"
    assert error(Principal=rds, Service=rds) == "ValidationException"
    assert error(Principal=made.user_arn, Service=rds, SourceAccount=ACCOUNT) == (
        "ValidationException")
    assert error(Principal=made.user_arn, Service=rds, Policy="{") == (
        "MalformedPolicyDocumentException")
    assert error(Principal=made.user_arn, Service=rds, DurationSeconds=60) == "ValidationException"


# --- the record ---

def test_the_record_of_an_assumed_role(scene, key):
    made = scene(role_policy=allow("kms:DescribeKey"))
    credentials = made.assume()["Credentials"]
    record = records(made.service, "AssumeRole")[-1]
    assert record["requestParameters"] == {"roleArn": made.arn, "roleSessionName": "tests"}
    assert record["responseElements"]["credentials"]["accessKeyId"] == credentials["AccessKeyId"]
    assert set(record["responseElements"]["credentials"]) == {"accessKeyId", "expiration"}
    assert record["responseElements"]["assumedRoleUser"] == {
        "assumedRoleId": f"{made.id}:tests",
        "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{made.role}/tests"}
    assert record["additionalEventData"]["decidedBy"].startswith("trust-policy:1")
    assert record["resources"] == [{"accountId": ACCOUNT, "type": "AWS::IAM::Role",
                                    "ARN": made.arn}]
    client(made.service, "kms", credentials).describe_key(KeyId=key)
    identity = records(made.service, "DescribeKey")[-1]["userIdentity"]
    context = identity.pop("sessionContext")
    assert identity == {
        "type": "AssumedRole", "principalId": f"{made.id}:tests", "accountId": ACCOUNT,
        "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{made.role}/tests",
        "accessKeyId": credentials["AccessKeyId"]}
    assert context["sessionIssuer"] == {"type": "Role", "principalId": made.id, "arn": made.arn,
                                        "accountId": ACCOUNT, "userName": made.role}
    assert set(context["attributes"]) == {"creationDate", "mfaAuthenticated"}


def test_sessions_of_the_operators_are_on_record(scene, rds):
    made = scene()
    answer = made.admin.call("CreateSession", Principal=made.user_arn, Service=rds)
    name = answer["Credentials"]["AccessKeyId"]
    made.admin.call("DeleteSession", AccessKeyId=name)
    for operation in ("CreateSession", "DeleteSession"):
        record = records(made.service, operation)[-1]
        assert name in json.dumps(record) and "errorCode" not in record
        assert (record["eventSource"], record["userIdentity"]["type"], record["readOnly"]) == (
            "holdfast.admin", "Operator", False)
    created = records(made.service, "CreateSession")[-1]
    assert created["requestParameters"]["principal"] == made.user_arn
    assert created["requestParameters"]["service"] == rds


def test_secrets_are_in_no_record_and_no_log(scene, rds):
    made = scene()
    told = [made.assume()["Credentials"],
            made.admin.call("CreateSession", Principal=made.user_arn, Service=rds)["Credentials"]]
    with open(made.service.store, "rb") as file:
        store = file.read()
    written = json.dumps(made.service.daemon.audit_records()) + made.service.logs()
    for credentials in told:
        assert credentials["AccessKeyId"] in written
        for name in ("SecretAccessKey", "SessionToken"):
            assert credentials[name] not in written
            assert credentials[name].encode() not in store


# --- profiles ---

@pytest.fixture
def profile(scene, key, tmp_path):
    """A role, and a configuration file whose profile assumes it."""
    made = scene(role_policy=allow(["kms:Encrypt", "kms:Decrypt"], key))
    endpoint = made.service.endpoint()
    (tmp_path / "credentials").write_text(
        f"[base]\naws_access_key_id = {made.signer.access_key}\n"
        f"aws_secret_access_key = {made.signer.secret_key}\n")
    (tmp_path / "config").write_text(
        f"[profile base]\nregion = {made.service.region}\n"
        f"[profile assumed]\nregion = {made.service.region}\nrole_arn = {made.arn}\n"
        f"source_profile = base\nrole_session_name = profiled\nservices = local\n"
        f"[services local]\nkms =\n  endpoint_url = {endpoint}\nsts =\n  endpoint_url = {endpoint}\n")
    made.environment = {
        "PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "AWS_PAGER": "",
        "AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_PROFILE": "assumed",
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
        "AWS_EC2_METADATA_DISABLED": "true", "AWS_ENDPOINT_URL_STS": endpoint,
        "AWS_ENDPOINT_URL_KMS": endpoint}
    return made


def test_a_profile_of_the_command_line_assumes_a_role(profile, key, tmp_path):
    def aws(*arguments):
        ran = aws_cli.run(["--output", "json", *arguments], profile.environment, 120)
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)

    assert aws("sts", "get-caller-identity")["Arn"] == (
        f"arn:aws:sts::{ACCOUNT}:assumed-role/{profile.role}/profiled")
    (tmp_path / "plain").write_bytes(b"profile")
    sealed = aws("kms", "encrypt", "--key-id", key, "--plaintext", f"fileb://{tmp_path}/plain")
    assert sealed["KeyId"] == key


def test_a_profile_of_boto3_assumes_a_role(profile, key, monkeypatch):
    for name, value in profile.environment.items():
        monkeypatch.setenv(name, value)
    session = boto3.Session(profile_name="assumed").client("kms")
    sealed = session.encrypt(KeyId=key, Plaintext=b"profile")["CiphertextBlob"]
    assert session.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"profile"
    assert refused(session.describe_key, KeyId=key)[1] == "AccessDeniedException"
