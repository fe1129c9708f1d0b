# SPDX-License-Identifier: Apache-2.0
"""M11, a workflow service on a customer's key.

A company runs its workflows in environments of a managed service (as Amazon Managed Workflows for
Apache Airflow is one) and wants them under its own key. Olga, who makes the environments, may let the
service use the key, through the service and in no other way. The service, in Olga's name, makes four
grants to itself, one for each of its parts; with them it works in its own name, day and night, until
the environment is deleted and the grants are retired.
"""
import re

import pytest
from botocore.exceptions import ClientError
from holdfast.people import People, allow, policy, root

CUSTOMER = "111122223333"
OTHER_CUSTOMER = "444455556666"
PROVIDER = "999988887777"
AIRFLOW = "airflow.us-east-1.amazonaws.com"

USE = ["Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo", "GenerateDataKey",
       "GenerateDataKeyWithoutPlaintext", "GenerateDataKeyPair",
       "GenerateDataKeyPairWithoutPlaintext", "DescribeKey"]
PARTS = {
    "mwaa-grant-for-env-mgmt-role-{}": [*USE, "RetireGrant", "CreateGrant"],
    "mwaa-grant-for-lambda-exec-{}": [*USE, "RetireGrant"],
    "mwaa-grant-for-cfn-mgmt-{}": USE,
    "mwaa-fargate-access-for-{}": [*USE, "RetireGrant"],
}


class UnusableKey(Exception):
    """What the service answers to a key that it will not work with."""


class WorkflowService:
    """The provider's side: what it does when an environment is made, works and is deleted."""

    def __init__(self, people):
        self.people = people
        self.kms = people.as_service(AIRFLOW)

    def create_environment(self, name, key, user):
        """`user`: for whom the service acts. The key is named by its ARN, in this Region."""
        found = re.fullmatch(r"arn:aws:kms:([a-z0-9-]+):\d{12}:key/(.+)", key)
        if not found or found[1] != "us-east-1" or found[2].startswith("mrk-"):
            raise UnusableKey(key)
        for_user = self.people.acting_for(user, AIRFLOW)
        for_user.describe_key(KeyId=key)
        for grant, operations in PARTS.items():
            for_user.create_grant(KeyId=key, Name=grant.format(name), GranteePrincipal=AIRFLOW,
                                  RetiringPrincipal=AIRFLOW, Operations=operations)
        return self.kms.generate_data_key(KeyId=key, KeySpec="AES_256",
                                          EncryptionContext={"environment": name})

    def delete_environment(self, name, key):
        names = {grant.format(name) for grant in PARTS}
        mine = self.kms.list_retirable_grants(RetiringPrincipal=AIRFLOW)["Grants"]
        for grant in mine:
            if grant.get("Name") in names:
                self.kms.retire_grant(KeyId=key, GrantId=grant["GrantId"])


@pytest.fixture(scope="module")
def people(service):
    people = People(service)
    people.account(PROVIDER)
    people.account(OTHER_CUSTOMER)
    people.service_principal(AIRFLOW, PROVIDER)
    people.user("olga", allow("kms:*", condition={"StringEquals": {"kms:ViaService": AIRFLOW}}))
    return people


@pytest.fixture(scope="module")
def airflow(people):
    return WorkflowService(people)


OLGA = f"arn:aws:iam::{CUSTOMER}:user/olga"


@pytest.fixture
def key(service):
    return service.client().create_key(Description="workflows")["KeyMetadata"]["Arn"]


def refusal(call, **members):
    with pytest.raises(ClientError) as caught:
        call(**members)
    return caught.value.response["Error"]["Code"], caught.value.response["Error"].get("Message", "")


def test_an_environment_lives_on_the_customers_key(service, people, airflow, key):
    admin = service.client()

    # Before, the service may do nothing with the key.
    assert refusal(airflow.kms.describe_key, KeyId=key)[0] == "AccessDeniedException"

    # Olga makes an environment: the service gets four grants, and a data key with them.
    data_key = airflow.create_environment("etl", key, OLGA)
    grants = admin.list_grants(KeyId=key)["Grants"]
    assert {grant["Name"] for grant in grants} == {name.format("etl") for name in PARTS}
    for grant in grants:
        assert grant["GranteePrincipal"] == grant["RetiringPrincipal"] == AIRFLOW
        assert set(grant["Operations"]) == set(PARTS[grant["Name"].replace("etl", "{}")])
        assert grant["IssuingAccount"] == f"arn:aws:iam::{CUSTOMER}:root"

    # It works in its own name, with all that the grants let it do.
    opened = airflow.kms.decrypt(CiphertextBlob=data_key["CiphertextBlob"],
                                 EncryptionContext={"environment": "etl"})
    assert opened["Plaintext"] == data_key["Plaintext"]
    again = airflow.kms.re_encrypt(CiphertextBlob=data_key["CiphertextBlob"], DestinationKeyId=key,
                                   SourceEncryptionContext={"environment": "etl"},
                                   DestinationEncryptionContext={"environment": "etl"})
    assert again["KeyId"] == key

    # What no grant names it may not do, and Olga, without the service, nothing at all.
    assert refusal(airflow.kms.disable_key, KeyId=key)[0] == "AccessDeniedException"
    olga = people.as_user("olga")
    assert refusal(olga.decrypt, CiphertextBlob=data_key["CiphertextBlob"],
                   EncryptionContext={"environment": "etl"})[0] == "AccessDeniedException"

    # The environment is deleted: the grants are retired, and the next request is refused.
    airflow.delete_environment("etl", key)
    assert admin.list_grants(KeyId=key)["Grants"] == []
    assert refusal(airflow.kms.decrypt, CiphertextBlob=data_key["CiphertextBlob"],
                   EncryptionContext={"environment": "etl"})[0] == "AccessDeniedException"


def test_a_grant_hands_on_no_more_than_it_has(service, people, airflow, key):
    airflow.create_environment("child", key, OLGA)
    worker = people.role("worker", {"Effect": "Allow", "Action": "sts:AssumeRole",
                                    "Principal": root(PROVIDER)},
                         allow(["kms:Encrypt", "kms:Decrypt", "kms:CreateGrant"]), account=PROVIDER)
    # The first grant has CreateGrant, so the service may hand a part of it to its worker ...
    one = {"EncryptionContextSubset": {"environment": "child"}}
    child = airflow.kms.create_grant(KeyId=key, GranteePrincipal=worker, Constraints=one,
                                     Operations=["Decrypt", "CreateGrant"])
    assert child["GrantId"] in [grant["GrantId"]
                                for grant in service.client().list_grants(KeyId=key)["Grants"]]
    # The worker opens what belongs to the environment, and nothing else.
    sealed = {name: airflow.kms.encrypt(KeyId=key, Plaintext=b"x",
                                        EncryptionContext={"environment": name})["CiphertextBlob"]
              for name in ("child", "other")}
    session = people.client(people.ask("session", "create", worker, "--name", "w1")["Credentials"])
    assert session.decrypt(CiphertextBlob=sealed["child"],
                           EncryptionContext={"environment": "child"})["Plaintext"] == b"x"
    assert refusal(session.decrypt, CiphertextBlob=sealed["other"],
                   EncryptionContext={"environment": "other"})[0] == "AccessDeniedException"
    # It hands on what it holds, as narrowly or more so, and nothing else.
    helper = f"arn:aws:iam::{PROVIDER}:root"
    session.create_grant(KeyId=key, GranteePrincipal=helper, Operations=["Decrypt"], Constraints={
        "EncryptionContextSubset": {"environment": "child", "task": "7"}})
    for operations, constraints in ((["Decrypt", "Encrypt"], one), (["Decrypt"], {}), (["Decrypt"], {
            "EncryptionContextSubset": {"environment": "other"}})):
        assert refusal(session.create_grant, KeyId=key, GranteePrincipal=helper, Operations=operations,
                       Constraints=constraints)[0] == "AccessDeniedException"


def test_the_same_request_makes_no_second_grant(service, key):
    admin = service.client()
    request = {"KeyId": key, "Name": "once", "GranteePrincipal": OLGA, "Operations": ["Decrypt"]}
    first, second = admin.create_grant(**request), admin.create_grant(**request)
    assert first["GrantId"] == second["GrantId"]
    assert first["GrantToken"] != second["GrantToken"]
    other = admin.create_grant(**{**request, "Operations": ["Decrypt", "Encrypt"]})
    assert other["GrantId"] != first["GrantId"]


def test_a_key_of_another_account_is_named_by_its_arn(service, people, airflow):
    # The key belongs to the other customer, who lets Olga's account grant its use.
    owner = people.as_root(OTHER_CUSTOMER)
    shared = owner.create_key(Policy=policy(
        allow("kms:*", Principal=root(OTHER_CUSTOMER)),
        allow(["kms:DescribeKey", "kms:CreateGrant"], Principal=root(CUSTOMER),
              condition={"StringEquals": {"kms:ViaService": AIRFLOW}})))["KeyMetadata"]
    owner.create_alias(AliasName="alias/workflows", TargetKeyId=shared["KeyId"])
    airflow.create_environment("guest", shared["Arn"], OLGA)
    assert len(owner.list_grants(KeyId=shared["KeyId"])["Grants"]) == len(PARTS)
    # Nothing else is taken for a key: no alias, no bare id, no other Region, no multi-Region key.
    for name in (f"arn:aws:kms:us-east-1:{OTHER_CUSTOMER}:alias/workflows", shared["KeyId"],
                 shared["Arn"].replace("us-east-1", "eu-central-1"),
                 f"arn:aws:kms:us-east-1:{OTHER_CUSTOMER}:key/mrk-{'0' * 32}"):
        with pytest.raises(UnusableKey):
            airflow.create_environment("guest", name, OLGA)
