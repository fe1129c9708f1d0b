# SPDX-License-Identifier: Apache-2.0
"""M2, a service's own key for an account beside a customer's.

Who does not want to look after a key leaves it to the service: on its first use for an account it makes
alias/aws/rds there. The account sees that key and uses it through the service; it cannot change, rotate,
disable, delete or share it, and nobody else's account can open what is under it. With a key of the
customer's own, all that is the customer's decision.
"""
import concurrent.futures
import datetime
import json

import pytest
from botocore.exceptions import ClientError
from holdfast.people import People, allow, policy, root
from holdfast.process import wait_for

ACCOUNT, FRIEND = "111122223333", "333322221111"
PROVIDER = "777766664444"
RDS = "rds.us-east-1.amazonaws.com"
SECRETS = "secretsmanager.us-east-1.amazonaws.com"


@pytest.fixture(scope="module")
def people(service):
    people = People(service)
    people.account(FRIEND)
    people.account(PROVIDER)
    for name in (RDS, SECRETS):
        people.service_principal(name, PROVIDER)
    people.user("maria", allow("rds:*"))  # no kms permission at all
    people.user("friend", allow("kms:*"), account=FRIEND)
    return people


MARIA = f"arn:aws:iam::{ACCOUNT}:user/maria"


@pytest.fixture(scope="module")
def through_rds(people):
    return people.acting_for(MARIA, RDS)


@pytest.fixture(scope="module")
def managed(through_rds):
    """Made by its first use."""
    return through_rds.describe_key(KeyId="alias/aws/rds")["KeyMetadata"]


def refusal(call, **members):
    with pytest.raises(ClientError) as caught:
        call(**members)
    return caught.value.response["Error"]["Code"]


def test_the_first_use_makes_it_once(service, through_rds, managed):
    assert (managed["KeyManager"], managed["AWSAccountId"]) == ("AWS", ACCOUNT)
    again = through_rds.generate_data_key(KeyId="alias/aws/rds", KeySpec="AES_256")
    assert again["KeyId"] == managed["Arn"]
    # The account sees it, with what may be done with it.
    admin = service.client()
    aliases = admin.get_paginator("list_aliases").paginate().build_full_result()["Aliases"]
    assert [a["TargetKeyId"] for a in aliases
            if a["AliasName"] == "alias/aws/rds"] == [managed["KeyId"]]
    assert admin.describe_key(KeyId="alias/aws/rds")["KeyMetadata"] == managed
    told = json.loads(admin.get_key_policy(KeyId=managed["KeyId"])["Policy"])
    assert any(RDS in json.dumps(statement) for statement in told["Statement"])


def test_of_many_first_uses_one_makes_it(service, people):
    backup = people.service_principal("backup.us-east-1.amazonaws.com", PROVIDER)
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        clients = [people.acting_for(MARIA, backup) for _ in range(6)]
        made = list(pool.map(lambda kms: kms.describe_key(KeyId="alias/aws/backup"), clients))
    assert len({reply["KeyMetadata"]["KeyId"] for reply in made}) == 1
    wait_for(lambda: [record for record in service.daemon.audit_records()
                      if record["eventName"] == "CreateKey"
                      and record["userIdentity"].get("invokedBy") == backup],
             "the making of the key is on record")


def test_only_its_own_service_makes_and_uses_it(service, people, managed):
    admin = service.client()  # may do everything that the account may
    assert refusal(admin.encrypt, KeyId=managed["Arn"],
                   Plaintext=b"x") == "AccessDeniedException"
    other = people.acting_for(MARIA, SECRETS)
    assert refusal(other.encrypt, KeyId=managed["Arn"], Plaintext=b"x") == "AccessDeniedException"
    # Nobody but the service itself brings one into being.
    assert refusal(admin.describe_key, KeyId="alias/aws/secretsmanager") == "NotFoundException"
    assert refusal(people.acting_for(MARIA, RDS).describe_key,
                   KeyId="alias/aws/secretsmanager") == "NotFoundException"


def test_the_account_cannot_change_it(service, managed):
    admin, key = service.client(), managed["KeyId"]
    everybody = policy(allow("kms:*", Principal=root(ACCOUNT)))
    for call, members in (
            (admin.disable_key, {}), (admin.enable_key, {}), (admin.schedule_key_deletion, {}),
            (admin.put_key_policy, {"Policy": everybody}),
            (admin.enable_key_rotation, {}), (admin.disable_key_rotation, {}),
            (admin.rotate_key_on_demand, {}), (admin.update_key_description, {"Description": "mine"}),
            (admin.tag_resource, {"Tags": [{"TagKey": "a", "TagValue": "b"}]}),
            (admin.create_grant, {"GranteePrincipal": MARIA, "Operations": ["Decrypt"]})):
        assert refusal(call, KeyId=key, **members) == "AccessDeniedException"
    rotates = admin.get_key_rotation_status(KeyId=key)
    assert (rotates["KeyRotationEnabled"], rotates["RotationPeriodInDays"]) == (True, 1095)
    assert rotates["NextRotationDate"] - managed["CreationDate"] == datetime.timedelta(days=1095)
    assert refusal(admin.delete_alias, AliasName="alias/aws/rds") == "NotAuthorizedException"
    assert refusal(admin.create_alias, AliasName="alias/aws/mine",
                   TargetKeyId=key) == "NotAuthorizedException"
    assert refusal(admin.update_alias, AliasName="alias/aws/rds",
                   TargetKeyId=key) == "NotAuthorizedException"


def test_a_snapshot_can_be_shared_under_a_customer_managed_key_only(service, people, through_rds,
                                                                    managed):
    friend_through_rds = people.acting_for(f"arn:aws:iam::{FRIEND}:user/friend", RDS)
    snapshot = through_rds.generate_data_key(KeyId=managed["Arn"], KeySpec="AES_256")
    assert refusal(friend_through_rds.decrypt, CiphertextBlob=snapshot["CiphertextBlob"],
                   KeyId=managed["Arn"]) == "AccessDeniedException"

    # Under a key of the account's own, the account decides.
    admin = service.client()
    own = admin.create_key(Policy=policy(
        allow("kms:*", Principal=root(ACCOUNT)),
        allow(["kms:Decrypt", "kms:DescribeKey"], Principal=root(FRIEND))))["KeyMetadata"]["Arn"]
    shared = admin.generate_data_key(KeyId=own, KeySpec="AES_256")
    opened = friend_through_rds.decrypt(CiphertextBlob=shared["CiphertextBlob"], KeyId=own)
    assert opened["Plaintext"] == shared["Plaintext"]
