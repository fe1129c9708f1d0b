# SPDX-License-Identifier: Apache-2.0
"""M3 and M4, an encrypted database on a customer's key, and the plug.

A database service (as Amazon Aurora is one) keeps the data of a cluster under a key of the customer.
Dora, who makes clusters, needs kms:CreateGrant and kms:DescribeKey, and only through the service; the
service works in its own name through the grant, and always names the database in the encryption
context. When the key is disabled, or the grant revoked, the database stops at its next use of the key.
"""
import pytest
from botocore.exceptions import ClientError
from holdfast.people import People, allow, policy, root

ACCOUNT = "111122223333"
PROVIDER = "777766665555"
RDS = "rds.us-east-1.amazonaws.com"
WORK = ["Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo", "GenerateDataKey",
        "GenerateDataKeyWithoutPlaintext", "CreateGrant", "RetireGrant", "DescribeKey"]


class DatabaseService:
    """The provider's side: a cluster is a data key, wrapped under the customer's key."""

    def __init__(self, people):
        self.people = people
        self.kms = people.as_service(RDS)

    @staticmethod
    def context(cluster):
        return {"aws:rds:db-id": cluster, "aws:ebs:id": f"vol-{cluster}"}

    def create(self, cluster, key, user):
        """Acting for the user it grants itself the use of the key, for this database alone."""
        for_user = self.people.acting_for(user, RDS)
        for_user.describe_key(KeyId=key)
        grant = for_user.create_grant(
            KeyId=key, GranteePrincipal=RDS, RetiringPrincipal=RDS, Operations=WORK,
            Constraints={"EncryptionContextSubset": {"aws:rds:db-id": cluster}})
        made = self.kms.generate_data_key_without_plaintext(
            KeyId=key, KeySpec="AES_256", EncryptionContext=self.context(cluster),
            GrantTokens=[grant["GrantToken"]])
        return {"cluster": cluster, "grant": grant["GrantId"], "volume": made["CiphertextBlob"]}

    def start(self, database):
        """Needs the data key in the clear; the error is what makes a database inaccessible."""
        return self.kms.decrypt(CiphertextBlob=database["volume"],
                                EncryptionContext=self.context(database["cluster"]))["Plaintext"]

    def change_key(self, database, key, user):
        """Another key for the same data: the wrapped key moves, nothing is opened outside the token."""
        moved = self.create(database["cluster"], key, user)
        again = self.kms.re_encrypt(
            CiphertextBlob=database["volume"], DestinationKeyId=key,
            SourceEncryptionContext=self.context(database["cluster"]),
            DestinationEncryptionContext=self.context(database["cluster"]))
        return {**moved, "volume": again["CiphertextBlob"]}


@pytest.fixture(scope="module")
def people(service):
    people = People(service)
    people.account(PROVIDER)
    people.service_principal(RDS, PROVIDER)
    people.user("dora", allow(
        ["kms:CreateGrant", "kms:DescribeKey"],
        condition={"StringEquals": {"kms:ViaService": RDS}}))
    return people


@pytest.fixture(scope="module")
def rds(people):
    return DatabaseService(people)


DORA = f"arn:aws:iam::{ACCOUNT}:user/dora"


@pytest.fixture
def key(service):
    return service.client().create_key(Description="clusters")["KeyMetadata"]["Arn"]


def refusal(call, *arguments, **members):
    with pytest.raises(ClientError) as caught:
        call(*arguments, **members)
    return caught.value.response["Error"]["Code"]


def test_a_cluster_is_made_and_works(rds, key):
    database = rds.create("db-1", key, DORA)
    assert len(rds.start(database)) == 32


def test_the_grant_is_for_one_database(rds, key):
    rds.create("db-2", key, DORA)
    for context in ({"aws:rds:db-id": "db-3"}, {"aws:ebs:id": "vol-db-2"}, {}):
        assert refusal(rds.kms.generate_data_key, KeyId=key, KeySpec="AES_256",
                       EncryptionContext=context) == "AccessDeniedException"


def test_the_user_may_nothing_without_the_service(people, rds, key):
    rds.create("db-4", key, DORA)
    dora = people.as_user("dora")
    assert refusal(dora.describe_key, KeyId=key) == "AccessDeniedException"
    assert refusal(dora.create_grant, KeyId=key, GranteePrincipal=DORA,
                   Operations=["Decrypt"]) == "AccessDeniedException"


def test_the_plug_is_pulled_by_disabling_the_key(service, rds, key):
    admin = service.client()
    other = admin.create_key()["KeyMetadata"]["Arn"]
    database, untouched = rds.create("db-5", key, DORA), rds.create("db-6", other, DORA)
    data_key = rds.start(database)

    admin.disable_key(KeyId=key)
    assert refusal(rds.start, database) == "DisabledException"
    assert len(rds.start(untouched)) == 32  # nothing else breaks

    # Enabled again, the database is restored, with the very same data key.
    admin.enable_key(KeyId=key)
    assert rds.start(database) == data_key


def test_the_plug_is_pulled_by_revoking_the_grant(service, rds, key):
    admin = service.client()
    database, other = rds.create("db-7", key, DORA), rds.create("db-8", key, DORA)
    admin.revoke_grant(KeyId=key, GrantId=database["grant"])
    assert refusal(rds.start, database) == "AccessDeniedException"
    assert len(rds.start(other)) == 32  # the other cluster on the same key has its own grant


def test_the_key_of_a_cluster_is_changed(service, rds, key):
    database = rds.create("db-9", key, DORA)
    data_key = rds.start(database)
    new = service.client().create_key()["KeyMetadata"]["Arn"]
    moved = rds.change_key(database, new, DORA)
    service.client().disable_key(KeyId=key)  # the old key is needed no more
    assert rds.start(moved) == data_key


def test_creating_and_changing_only_with_the_context_that_the_policy_wants(service, people, rds):
    # The key's own policy insists: through the service, with no context keys but these two.
    fits = {"StringEquals": {"kms:ViaService": RDS},
            "ForAllValues:StringEquals": {"kms:EncryptionContextKeys": ["aws:rds:db-id",
                                                                        "aws:ebs:id"]},
            "Null": {"kms:EncryptionContextKeys": "false"}}
    direct = people.user("eve")
    strict = service.client().create_key(Policy=policy(
        allow("kms:*", Principal=root(ACCOUNT)),
        allow(["kms:GenerateDataKey*", "kms:ReEncrypt*", "kms:Decrypt"],
              Principal={"AWS": direct}, condition=fits)))["KeyMetadata"]["Arn"]
    for_eve, eve = people.acting_for(direct, RDS), people.as_user("eve")
    good = {"aws:rds:db-id": "db-1", "aws:ebs:id": "vol-1"}

    sealed = for_eve.generate_data_key(KeyId=strict, KeySpec="AES_256",
                                       EncryptionContext=good)["CiphertextBlob"]  # create
    for_eve.re_encrypt(CiphertextBlob=sealed, SourceEncryptionContext=good, DestinationKeyId=strict,
                       DestinationEncryptionContext={"aws:rds:db-id": "db-2"})   # change
    for context in ({**good, "tenant": "7"}, {"tenant": "7"}, {}):
        assert refusal(for_eve.generate_data_key, KeyId=strict, KeySpec="AES_256",
                       EncryptionContext=context) == "AccessDeniedException"
        assert refusal(for_eve.re_encrypt, CiphertextBlob=sealed, SourceEncryptionContext=good,
                       DestinationKeyId=strict,
                       DestinationEncryptionContext=context) == "AccessDeniedException"
    assert refusal(eve.generate_data_key, KeyId=strict, KeySpec="AES_256",
                   EncryptionContext=good) == "AccessDeniedException"  # not through the service
