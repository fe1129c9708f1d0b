# SPDX-License-Identifier: Apache-2.0
"""Every operation answers the members that AWS answers, no more and no less, with AWS's values."""
import datetime
import re

import pytest

from holdfast.operations import MODEL, built, make_place, requests

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
ARN = re.compile(rf"arn:aws:kms:us-east-1:111122223333:key/{UUID}")
MATERIAL = re.compile(r"[0-9a-f]{64}")
METADATA = {
    "AWSAccountId", "Arn", "CreationDate", "CurrentKeyMaterialId", "CustomerMasterKeySpec",
    "Description", "Enabled", "EncryptionAlgorithms", "KeyId", "KeyManager", "KeySpec", "KeyState",
    "KeyUsage", "MultiRegion", "Origin",
}


def members(answer):
    return set(answer) - {"ResponseMetadata"}


def test_create_key_answers_the_metadata_of_a_symmetric_key(kms):
    before = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=2)
    answer = kms.create_key(Description="a letter box")
    assert members(answer) == {"KeyMetadata"}
    metadata = answer["KeyMetadata"]
    assert set(metadata) == METADATA
    assert ARN.fullmatch(metadata["Arn"])
    assert metadata["Arn"].endswith("/" + metadata["KeyId"])
    assert before <= metadata["CreationDate"] <= datetime.datetime.now(datetime.timezone.utc)
    assert MATERIAL.fullmatch(metadata["CurrentKeyMaterialId"])
    fixed = {
        "AWSAccountId": "111122223333", "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
        "Description": "a letter box", "Enabled": True,
        "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"], "KeyManager": "CUSTOMER",
        "KeySpec": "SYMMETRIC_DEFAULT", "KeyState": "Enabled", "KeyUsage": "ENCRYPT_DECRYPT",
        "MultiRegion": False, "Origin": "AWS_KMS",
    }
    assert {name: metadata[name] for name in fixed} == fixed


def test_create_key_takes_every_spelling_of_its_defaults(kms):
    metadata = kms.create_key(KeyUsage="ENCRYPT_DECRYPT", KeySpec="SYMMETRIC_DEFAULT",
                              Origin="AWS_KMS", MultiRegion=False)["KeyMetadata"]
    assert metadata["Description"] == ""
    old = kms.create_key(CustomerMasterKeySpec="SYMMETRIC_DEFAULT")["KeyMetadata"]
    assert old["KeySpec"] == "SYMMETRIC_DEFAULT"


def test_two_keys_share_nothing(kms):
    one, two = (kms.create_key()["KeyMetadata"] for _ in range(2))
    assert one["KeyId"] != two["KeyId"]
    assert one["CurrentKeyMaterialId"] != two["CurrentKeyMaterialId"]


def test_describe_key_answers_what_create_key_answered(kms):
    created = kms.create_key(Description="Größe ✓")["KeyMetadata"]
    for name in (created["KeyId"], created["Arn"]):
        answer = kms.describe_key(KeyId=name)
        assert members(answer) == {"KeyMetadata"}
        assert answer["KeyMetadata"] == created


def test_encrypt_and_decrypt(kms, key):
    sealed = kms.encrypt(KeyId=key, Plaintext=b"hello")
    assert members(sealed) == {"CiphertextBlob", "EncryptionAlgorithm", "KeyId"}
    assert (sealed["KeyId"], sealed["EncryptionAlgorithm"]) == (key, "SYMMETRIC_DEFAULT")
    opened = kms.decrypt(CiphertextBlob=sealed["CiphertextBlob"])
    assert members(opened) == {"EncryptionAlgorithm", "KeyId", "KeyMaterialId", "Plaintext"}
    assert (opened["KeyId"], opened["EncryptionAlgorithm"]) == (key, "SYMMETRIC_DEFAULT")
    assert opened["Plaintext"] == b"hello"
    current = kms.describe_key(KeyId=key)["KeyMetadata"]["CurrentKeyMaterialId"]
    assert opened["KeyMaterialId"] == current


@pytest.mark.parametrize("size", [1, 15, 16, 17, 4095, 4096])
def test_every_size_of_plaintext_comes_back(kms, key, size):
    plaintext = bytes(i * 7 % 256 for i in range(size))
    sealed = kms.encrypt(KeyId=key, Plaintext=plaintext)["CiphertextBlob"]
    assert len(sealed) == 23 + 15 + 12 + size + 16
    assert kms.decrypt(CiphertextBlob=sealed, KeyId=key)["Plaintext"] == plaintext


def test_the_same_plaintext_never_makes_the_same_ciphertext(kms, key):
    made = {kms.encrypt(KeyId=key, Plaintext=b"same")["CiphertextBlob"] for _ in range(50)}
    assert len(made) == 50


@pytest.mark.parametrize("wanted,size", [({"KeySpec": "AES_256"}, 32), ({"KeySpec": "AES_128"}, 16),
                                         ({"NumberOfBytes": 1}, 1), ({"NumberOfBytes": 64}, 64),
                                         ({"NumberOfBytes": 1024}, 1024)])
def test_generate_data_key(kms, key, wanted, size):
    made = kms.generate_data_key(KeyId=key, **wanted)
    assert members(made) == {"CiphertextBlob", "KeyId", "KeyMaterialId", "Plaintext"}
    assert made["KeyId"] == key and len(made["Plaintext"]) == size
    assert MATERIAL.fullmatch(made["KeyMaterialId"])
    opened = kms.decrypt(CiphertextBlob=made["CiphertextBlob"])
    assert opened["Plaintext"] == made["Plaintext"]


def test_generate_data_key_without_plaintext(kms, key):
    made = kms.generate_data_key_without_plaintext(KeyId=key, KeySpec="AES_256")
    assert members(made) == {"CiphertextBlob", "KeyId", "KeyMaterialId"}
    assert len(kms.decrypt(CiphertextBlob=made["CiphertextBlob"])["Plaintext"]) == 32


def test_data_keys_are_all_different(kms, key):
    made = [kms.generate_data_key(KeyId=key, KeySpec="AES_256")["Plaintext"] for _ in range(50)]
    assert len(set(made)) == 50 and b"\0" * 32 not in made


def test_re_encrypt(kms, key, other_key):
    sealed = kms.encrypt(KeyId=key, Plaintext=b"moved", EncryptionContext={"a": "1"})
    moved = kms.re_encrypt(CiphertextBlob=sealed["CiphertextBlob"],
                           SourceEncryptionContext={"a": "1"}, DestinationKeyId=other_key,
                           DestinationEncryptionContext={"b": "2"})
    assert members(moved) == {
        "CiphertextBlob", "DestinationEncryptionAlgorithm", "DestinationKeyMaterialId", "KeyId",
        "SourceEncryptionAlgorithm", "SourceKeyId", "SourceKeyMaterialId",
    }
    assert (moved["SourceKeyId"], moved["KeyId"]) == (key, other_key)
    opened = kms.decrypt(CiphertextBlob=moved["CiphertextBlob"], EncryptionContext={"b": "2"})
    assert (opened["Plaintext"], opened["KeyId"]) == (b"moved", other_key)
    assert opened["KeyMaterialId"] == moved["DestinationKeyMaterialId"]


def test_re_encrypt_under_the_same_key_changes_the_context(kms, key):
    sealed = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    moved = kms.re_encrypt(CiphertextBlob=sealed, SourceKeyId=key, DestinationKeyId=key,
                           DestinationEncryptionContext={"now": "bound"})["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=moved, EncryptionContext={"now": "bound"})["Plaintext"] == b"x"
    with pytest.raises(kms.exceptions.InvalidCiphertextException):
        kms.decrypt(CiphertextBlob=moved)


def test_disable_and_enable(service, kms):
    name = kms.create_key()["KeyMetadata"]["KeyId"]
    for operation, state, enabled in (("DisableKey", "Disabled", False), ("EnableKey", "Enabled", True)):
        for _ in range(2):  # once more changes nothing
            reply = service.exchange().call(operation, {"KeyId": name})
            assert (reply.status, reply.body) == (200, b"")
        metadata = kms.describe_key(KeyId=name)["KeyMetadata"]
        assert (metadata["KeyState"], metadata["Enabled"]) == (state, enabled)


def test_replies_carry_what_clients_read(service, key):
    reply = service.exchange().call("DescribeKey", {"KeyId": key})
    assert reply.headers["content-type"] == "application/x-amz-json-1.1"
    assert re.fullmatch(UUID, reply.headers["x-amzn-requestid"])
    refused = service.exchange().call("DescribeKey", {"KeyId": "none"})
    assert refused.headers["content-type"] == "application/x-amz-json-1.1"
    assert re.fullmatch(UUID, refused.headers["x-amzn-requestid"])
    assert refused.headers["x-amzn-requestid"] != reply.headers["x-amzn-requestid"]


def test_timestamps_are_numbers_and_blobs_are_base64(service, kms):
    created = service.exchange().call("CreateKey", {}).json["KeyMetadata"]
    assert isinstance(created["CreationDate"], (int, float))
    sealed = service.exchange().call("Encrypt", {"KeyId": created["KeyId"], "Plaintext": "aGk="}).json
    assert re.fullmatch(r"[A-Za-z0-9+/]+={0,2}", sealed["CiphertextBlob"])


# --- every operation against the model ---

# The members of each reply, for a key that has what they tell of. Others have no body.
ANSWERS = {
    "CancelKeyDeletion": {"KeyId"},
    "CreateGrant": {"GrantId", "GrantToken"},
    "CreateKey": {"KeyMetadata"},
    "Decrypt": {"EncryptionAlgorithm", "KeyId", "KeyMaterialId", "Plaintext"},
    "DescribeKey": {"KeyMetadata"},
    "Encrypt": {"CiphertextBlob", "EncryptionAlgorithm", "KeyId"},
    "GenerateDataKey": {"CiphertextBlob", "KeyId", "KeyMaterialId", "Plaintext"},
    "GenerateDataKeyWithoutPlaintext": {"CiphertextBlob", "KeyId", "KeyMaterialId"},
    "GenerateRandom": {"Plaintext"},
    "GetKeyLastUsage": {"KeyCreationDate", "KeyId", "KeyLastUsage", "TrackingStartDate"},
    "GetKeyPolicy": {"Policy", "PolicyName"},
    "GetKeyRotationStatus": {"KeyId", "KeyRotationEnabled"},
    "ListAliases": {"Aliases", "Truncated"},
    "ListGrants": {"Grants", "Truncated"},
    "ListKeyPolicies": {"PolicyNames", "Truncated"},
    "ListKeyRotations": {"Rotations", "Truncated"},
    "ListKeys": {"Keys", "Truncated"},
    "ListResourceTags": {"Tags", "Truncated"},
    "ListRetirableGrants": {"Grants", "Truncated"},
    "ReEncrypt": {
        "CiphertextBlob", "DestinationEncryptionAlgorithm", "DestinationKeyMaterialId", "KeyId",
        "SourceEncryptionAlgorithm", "SourceKeyId", "SourceKeyMaterialId",
    },
    "RotateKeyOnDemand": {"KeyId"},
    "ScheduleKeyDeletion": {"DeletionDate", "KeyId", "KeyState", "PendingWindowInDays"},
}
TYPES = {"string": str, "blob": str, "integer": int, "boolean": bool, "timestamp": (int, float),
         "list": list, "structure": dict, "map": dict}


def check_shape(shape, value, path):
    """A value of a reply against its shape: members that the model has, of its types and bounds."""
    assert isinstance(value, TYPES[shape.type_name]), (path, value)
    assert shape.type_name == "boolean" or not isinstance(value, bool), (path, value)
    if shape.type_name == "structure":
        assert set(value) <= set(shape.members), path
        assert set(shape.required_members) <= set(value), path
        for name, inner in value.items():
            check_shape(shape.members[name], inner, f"{path}.{name}")
    elif shape.type_name == "list":
        for i, inner in enumerate(value):
            check_shape(shape.member, inner, f"{path}.{i}")
    elif shape.type_name == "map":
        for name, inner in value.items():
            check_shape(shape.key, name, f"{path}.{name}")
            check_shape(shape.value, inner, f"{path}.{name}")
    if "enum" in shape.metadata:
        assert value in shape.metadata["enum"], (path, value)
    size = value if isinstance(value, (int, float)) else len(value)
    if shape.type_name in ("string", "integer"):
        assert shape.metadata.get("min", size) <= size <= shape.metadata.get("max", size), (path, value)


@pytest.mark.parametrize("operation", built())
def test_replies_have_the_models_shape(service, kms, operation):
    at = make_place(kms, operation)
    if operation == "CancelKeyDeletion":
        kms.schedule_key_deletion(KeyId=at.key)
    body = requests(at)[operation]
    if operation == "ListKeys":
        body = {**body, "Limit": 1000}
    reply = service.exchange().call(operation, body)
    assert reply.status == 200, reply.body
    shape = MODEL.operation_model(operation).output_shape
    assert (shape is None) == (operation not in ANSWERS)
    if shape is None:
        assert reply.body == b""
    else:
        assert set(reply.json) == ANSWERS[operation]
        check_shape(shape, reply.json, operation)


def test_the_metadata_of_a_key_that_waits_for_its_deletion(kms):
    name = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.schedule_key_deletion(KeyId=name)
    assert set(kms.describe_key(KeyId=name)["KeyMetadata"]) == METADATA | {"DeletionDate"}


def test_every_other_operation_of_the_model_is_unsupported(service):
    """The table of operations, by which the other tests know what is built, tells the truth."""
    for operation in sorted(MODEL.operation_names):
        reply = service.exchange().call(operation, {})
        unsupported = (reply.status, reply.error) == (400, "UnsupportedOperationException")
        assert unsupported == (operation not in built()), operation


@pytest.mark.parametrize("target", ["TrentService.MakeCoffee", "TrentService.encrypt",
                                    "TrentService.", "OtherService.Encrypt", "TrentService.Encrypt "
                                    "now", "DynamoDB_20120810.ListTables"])
def test_operations_that_nobody_knows(service, target):
    reply = service.exchange().call(target, {})
    assert (reply.status, reply.error) == (400, "UnknownOperationException")
