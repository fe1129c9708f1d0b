# SPDX-License-Identifier: Apache-2.0
"""Every operation that is built, through three stock clients: boto3, the AWS CLI and the AWS SDK for
JavaScript. The same story for each; replies must have the members that AWS sends, and only those."""
import datetime
import subprocess
import uuid

import pytest
from holdfast.clients import CLIENTS, ROOT, Refused

CONTEXT = {"tenant": "a", "purpose": "story"}
SECRET = bytes(range(32))
METADATA = {"AWSAccountId", "Arn", "CreationDate", "CurrentKeyMaterialId", "CustomerMasterKeySpec",
            "Description", "Enabled", "EncryptionAlgorithms", "KeyId", "KeyManager", "KeySpec",
            "KeyState", "KeyUsage", "MultiRegion", "Origin"}
ALIASES = 7


@pytest.fixture(scope="module", autouse=True)
def node():
    subprocess.run([f"{ROOT}/tests/support/node/install"], check=True, timeout=300)


@pytest.fixture(scope="module", params=CLIENTS)
def story(request, service):
    made = Story(CLIENTS[request.param](service))
    yield made
    made.client.close()


class Story:
    """A client, a key of its own, and which operations it has called."""

    def __init__(self, client):
        self.client, self.called = client, set()
        self.key = self("CreateKey", Description="story")["KeyMetadata"]
        self.name = f"alias/story-{uuid.uuid4()}"

    def __call__(self, operation, **members):
        self.called.add(operation)
        return self.client.call(operation, **members)

    def pages(self, operation, page_size, **members):
        self.called.add(operation)
        return self.client.pages(operation, page_size, **members)

    @property
    def arn(self):
        return self.key["Arn"]

    @property
    def id(self):
        return self.key["KeyId"]


def members(reply):
    return set(reply)


def test_create_and_describe(story):
    assert members(story.key) == METADATA
    described = story("DescribeKey", KeyId=story.id)
    assert members(described) == {"KeyMetadata"}
    assert described["KeyMetadata"] == story.key
    assert isinstance(story.key["CreationDate"], datetime.datetime)


def test_encrypt_decrypt_and_re_encrypt(story):
    sealed = story("Encrypt", KeyId=story.id, Plaintext=SECRET, EncryptionContext=CONTEXT)
    assert members(sealed) == {"CiphertextBlob", "EncryptionAlgorithm", "KeyId"}
    opened = story("Decrypt", CiphertextBlob=sealed["CiphertextBlob"], EncryptionContext=CONTEXT)
    assert members(opened) == {"EncryptionAlgorithm", "KeyId", "KeyMaterialId", "Plaintext"}
    assert opened["Plaintext"] == SECRET and opened["KeyId"] == story.arn
    moved = story("ReEncrypt", CiphertextBlob=sealed["CiphertextBlob"],
                  SourceEncryptionContext=CONTEXT, DestinationKeyId=story.arn)
    assert members(moved) == {"CiphertextBlob", "DestinationEncryptionAlgorithm", "KeyId",
                              "SourceEncryptionAlgorithm", "SourceKeyId",
                              "SourceKeyMaterialId", "DestinationKeyMaterialId"}
    assert story("Decrypt", CiphertextBlob=moved["CiphertextBlob"])["Plaintext"] == SECRET


def test_data_keys(story):
    made = story("GenerateDataKey", KeyId=story.arn, KeySpec="AES_256", EncryptionContext=CONTEXT)
    assert members(made) == {"CiphertextBlob", "KeyId", "KeyMaterialId", "Plaintext"}
    opened = story("Decrypt", CiphertextBlob=made["CiphertextBlob"], EncryptionContext=CONTEXT)
    assert opened["Plaintext"] == made["Plaintext"] and len(made["Plaintext"]) == 32
    closed = story("GenerateDataKeyWithoutPlaintext", KeyId=story.arn, NumberOfBytes=64)
    assert members(closed) == {"CiphertextBlob", "KeyId", "KeyMaterialId"}
    assert len(story("Decrypt", CiphertextBlob=closed["CiphertextBlob"])["Plaintext"]) == 64


def test_random_bytes(story):
    made = story("GenerateRandom", NumberOfBytes=1024)
    assert members(made) == {"Plaintext"} and len(made["Plaintext"]) == 1024
    assert story("GenerateRandom", NumberOfBytes=1024)["Plaintext"] != made["Plaintext"]


def test_states(story):
    assert story("DisableKey", KeyId=story.id) == {}
    with pytest.raises(Refused) as refused:
        story("Encrypt", KeyId=story.id, Plaintext=SECRET)
    assert refused.value.name == "DisabledException"
    assert refused.value.message == f"{story.arn} is disabled."
    assert story("EnableKey", KeyId=story.id) == {}
    assert story("Encrypt", KeyId=story.id, Plaintext=SECRET)["KeyId"] == story.arn


def test_description(story):
    assert story("UpdateKeyDescription", KeyId=story.id, Description="told anew") == {}
    assert story("DescribeKey", KeyId=story.id)["KeyMetadata"]["Description"] == "told anew"


def test_deletion_and_its_cancellation(story):
    key = story("CreateKey")["KeyMetadata"]
    doomed = story("ScheduleKeyDeletion", KeyId=key["KeyId"], PendingWindowInDays=7)
    assert members(doomed) == {"DeletionDate", "KeyId", "KeyState", "PendingWindowInDays"}
    assert doomed["KeyId"] == key["Arn"] and doomed["KeyState"] == "PendingDeletion"
    described = story("DescribeKey", KeyId=key["KeyId"])["KeyMetadata"]
    assert described["DeletionDate"] == doomed["DeletionDate"]
    assert described["DeletionDate"] - described["CreationDate"] < datetime.timedelta(days=7, hours=1)
    assert story("CancelKeyDeletion", KeyId=key["KeyId"]) == {"KeyId": key["Arn"]}
    assert members(story("DescribeKey", KeyId=key["KeyId"])["KeyMetadata"]) == METADATA


def test_aliases(story):
    assert story("CreateAlias", AliasName=story.name, TargetKeyId=story.id) == {}
    assert story("DescribeKey", KeyId=story.name)["KeyMetadata"]["Arn"] == story.arn
    other = story("CreateKey")["KeyMetadata"]["KeyId"]
    assert story("UpdateAlias", AliasName=story.name, TargetKeyId=other) == {}
    listed = story("ListAliases", KeyId=other)
    assert members(listed) == {"Aliases", "Truncated"}
    assert members(listed["Aliases"][0]) == {"AliasArn", "AliasName", "CreationDate",
                                             "LastUpdatedDate", "TargetKeyId"}
    assert story("DeleteAlias", AliasName=story.name) == {}
    with pytest.raises(Refused) as refused:
        story("DescribeKey", KeyId=story.name)
    assert refused.value.name == "NotFoundException"


def test_tags(story):
    tags = [{"TagKey": f"key {i}", "TagValue": f"wert ä {i}"} for i in range(4)]
    assert story("TagResource", KeyId=story.id, Tags=tags) == {}
    assert story("ListResourceTags", KeyId=story.id) == {"Tags": tags, "Truncated": False}
    assert story("UntagResource", KeyId=story.id, TagKeys=["key 0", "key 3"]) == {}
    assert story("ListResourceTags", KeyId=story.id)["Tags"] == tags[1:3]
    tagged = story("CreateKey", Tags=tags)["KeyMetadata"]["KeyId"]
    assert story("ListResourceTags", KeyId=tagged)["Tags"] == tags


def test_rotation(story):
    key = story("CreateKey")["KeyMetadata"]["KeyId"]
    assert story("EnableKeyRotation", KeyId=key, RotationPeriodInDays=180) == {}
    told = story("GetKeyRotationStatus", KeyId=key)
    assert members(told) == {"KeyId", "KeyRotationEnabled", "NextRotationDate",
                             "RotationPeriodInDays"}
    assert isinstance(told["NextRotationDate"], datetime.datetime)
    assert story("RotateKeyOnDemand", KeyId=key) == {"KeyId": key}
    assert story("GetKeyRotationStatus", KeyId=key) == told
    (entry,) = story("ListKeyRotations", KeyId=key)["Rotations"]
    assert members(entry) == {"KeyId", "KeyMaterialId", "KeyMaterialState", "RotationDate",
                              "RotationType"}
    assert isinstance(entry["RotationDate"], datetime.datetime)
    assert [("RotationType" in material) for page in story.pages(
        "ListKeyRotations", 1, KeyId=key, IncludeKeyMaterial="ALL_KEY_MATERIAL")
            for material in page["Rotations"]] == [False, True]
    assert story("DisableKeyRotation", KeyId=key) == {}
    assert members(story("GetKeyRotationStatus", KeyId=key)) == {"KeyId", "KeyRotationEnabled"}


def test_policies(story):
    assert story("ListKeyPolicies", KeyId=story.id) == {"PolicyNames": ["default"],
                                                        "Truncated": False}
    told = story("GetKeyPolicy", KeyId=story.id, PolicyName="default")
    assert members(told) == {"Policy", "PolicyName"} and told["PolicyName"] == "default"
    assert story("PutKeyPolicy", KeyId=story.id, Policy=told["Policy"]) == {}
    assert story("GetKeyPolicy", KeyId=story.id) == told


def test_grants(story):
    root = f"arn:aws:iam::{story.arn.split(':')[4]}:root"
    made = story("CreateGrant", KeyId=story.id, GranteePrincipal=root, RetiringPrincipal=root,
                 Operations=["Encrypt", "DescribeKey"], Name="story",
                 Constraints={"EncryptionContextSubset": CONTEXT})
    assert members(made) == {"GrantId", "GrantToken"}
    listed = story("ListGrants", KeyId=story.id)
    assert members(listed) == {"Grants", "Truncated"}
    (entry,) = listed["Grants"]
    assert members(entry) == {"KeyId", "GrantId", "Name", "CreationDate", "GranteePrincipal",
                              "RetiringPrincipal", "IssuingAccount", "Operations", "Constraints"}
    assert (entry["KeyId"], entry["Name"]) == (story.arn, "story")
    assert isinstance(entry["CreationDate"], datetime.datetime)
    assert entry["Constraints"] == {"EncryptionContextSubset": CONTEXT}
    retirable = story("ListRetirableGrants", RetiringPrincipal=root)["Grants"]
    assert entry in retirable
    story("Encrypt", KeyId=story.id, Plaintext=SECRET, GrantTokens=[made["GrantToken"]])
    assert story("RetireGrant", GrantToken=made["GrantToken"]) == {}
    again = story("CreateGrant", KeyId=story.id, GranteePrincipal=root, Operations=["Encrypt"])
    assert story("RevokeGrant", KeyId=story.id, GrantId=again["GrantId"]) == {}
    assert story("ListGrants", KeyId=story.id)["Grants"] == []


def test_last_usage(story):
    unused = story("CreateKey")["KeyMetadata"]
    reply = story("GetKeyLastUsage", KeyId=unused["KeyId"])
    assert members(reply) == {"KeyCreationDate", "KeyId", "KeyLastUsage", "TrackingStartDate"}
    assert reply["KeyLastUsage"] == {}
    story("Encrypt", KeyId=unused["KeyId"], Plaintext=SECRET)
    used = story("GetKeyLastUsage", KeyId=unused["KeyId"])["KeyLastUsage"]
    assert members(used) == {"CloudTrailEventId", "KmsRequestId", "Operation", "Timestamp"}
    assert used["Operation"] == "Encrypt"


def test_dry_run(story):
    with pytest.raises(Refused) as refused:
        story("Encrypt", KeyId=story.id, Plaintext=SECRET, DryRun=True)
    assert refused.value.name == "DryRunOperationException"
    assert refused.value.message == ("The request would have succeeded, but the DryRun option is "
                                     "set.")


def test_paginators(story, kms):
    """What is paged is made by one client for all: a start of the AWS CLI takes most of a second."""
    keys = [key["KeyId"] for page in story.pages("ListKeys", 3) for key in page["Keys"]]
    assert story.id in keys and len(keys) == len(set(keys))
    names = sorted(f"alias/page-{uuid.uuid4()}" for _ in range(ALIASES))
    for name in names:
        kms.create_alias(AliasName=name, TargetKeyId=story.id)
    told = [alias["AliasName"] for page in story.pages("ListAliases", 2, KeyId=story.id)
            for alias in page["Aliases"]]
    assert told == names
    tags = [{"TagKey": f"page {i}", "TagValue": ""} for i in range(ALIASES)]
    paged = kms.create_key(Tags=tags)["KeyMetadata"]["KeyId"]
    assert [tag for page in story.pages("ListResourceTags", 2, KeyId=paged)
            for tag in page["Tags"]] == tags
    grants = {kms.create_grant(KeyId=paged, GranteePrincipal=story.arn.split(":")[4],
                               Operations=["Encrypt"])["GrantId"] for _ in range(5)}
    assert {grant["GrantId"] for page in story.pages("ListGrants", 2, KeyId=paged)
            for grant in page["Grants"]} == grants
    assert [name for page in story.pages("ListKeyPolicies", 1, KeyId=story.id)
            for name in page["PolicyNames"]] == ["default"]


def is_built(exchange, operation):
    """An operation that is not says so before it looks at its input."""
    reply = exchange.call(operation)
    return reply.status == 200 or reply.message != f"{operation} is not supported."


def test_the_story_leaves_no_operation_out(story, service, kms):
    """The last test: each operation that the service has was called above."""
    exchange = service.exchange()
    names = kms.meta.service_model.operation_names
    built = {name for name in names if is_built(exchange, name)}
    assert "Encrypt" in built and built - story.called == set()
