# SPDX-License-Identifier: Apache-2.0
"""What the service has built, what botocore's model says of it, and a good request for each."""
import base64
import json
import os
import re
import uuid
from dataclasses import dataclass

from botocore.session import get_session

from .installation import ACCOUNT, ROOT

MODEL = get_session().get_service_model("kms")
TABLE = os.path.join(ROOT, "module/service/operations.def")


def built():
    """Names of the model's operations that the table does not call unbuilt."""
    with open(TABLE, encoding="utf-8") as file:
        unbuilt = set(re.findall(r"^OPERATION_NAME\((\w+)\)", file.read(), re.MULTILINE))
    return sorted(set(MODEL.operation_names) - unbuilt)


# Under which whoever may anything in the key's account still may it.
OPEN_POLICY = json.dumps({"Version": "2012-10-17", "Statement": [{
    "Sid": "Account", "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
    "Action": "kms:*", "Resource": "*"}]})


GRANTEE = f"arn:aws:iam::{ACCOUNT}:root"


@dataclass
class Place:
    """What a request can name."""

    key: str              # the key that it is about
    other: str            # another key, enabled
    sealed: str           # a ciphertext under `key`, as Base64
    other_sealed: str     # one under `other`
    alias: str            # an alias of `key`
    other_alias: str      # an alias of `other`
    new_alias: str        # an alias that is not there
    grant: str = "0" * 64  # a grant on `key`


def requests(at):
    """{operation: body}: each succeeds while the key is in a state that allows it."""
    key = {"KeyId": at.key}
    return {
        "CancelKeyDeletion": key,
        "CreateAlias": {"AliasName": at.new_alias, "TargetKeyId": at.key},
        "CreateGrant": {**key, "GranteePrincipal": GRANTEE, "Operations": ["Encrypt"]},
        "CreateKey": {},
        "Decrypt": {"CiphertextBlob": at.sealed},
        "DeleteAlias": {"AliasName": at.alias},
        "DescribeKey": key,
        "DisableKey": key,
        "DisableKeyRotation": key,
        "EnableKey": key,
        "EnableKeyRotation": {**key, "RotationPeriodInDays": 90},
        "Encrypt": {**key, "Plaintext": "aGk="},
        "GenerateDataKey": {**key, "KeySpec": "AES_256"},
        "GenerateDataKeyWithoutPlaintext": {**key, "KeySpec": "AES_256"},
        "GenerateRandom": {"NumberOfBytes": 32},
        "GetKeyLastUsage": key,
        "GetKeyPolicy": key,
        "GetKeyRotationStatus": key,
        "ListAliases": key,
        "ListGrants": key,
        "ListKeyPolicies": key,
        "ListKeyRotations": key,
        "ListKeys": {},
        "ListResourceTags": key,
        "ListRetirableGrants": {"RetiringPrincipal": GRANTEE},
        "PutKeyPolicy": {**key, "Policy": OPEN_POLICY},
        "ReEncrypt": {"CiphertextBlob": at.sealed, "DestinationKeyId": at.other},
        "RetireGrant": {**key, "GrantId": at.grant},
        "RotateKeyOnDemand": key,
        "RevokeGrant": {**key, "GrantId": at.grant},
        "ScheduleKeyDeletion": key,
        "TagResource": {**key, "Tags": [{"TagKey": "a", "TagValue": "b"}]},
        "UntagResource": {**key, "TagKeys": ["a"]},
        "UpdateAlias": {"AliasName": at.other_alias, "TargetKeyId": at.key},
        "UpdateKeyDescription": {**key, "Description": "d"},
    }


def make_place(kms, operation):
    """Two fresh keys, with all that a request for the operation can need of them."""
    tags = [{"TagKey": "a", "TagValue": "b"}]
    keys = [kms.create_key(Description="d", Tags=tags)["KeyMetadata"]["Arn"] for _ in range(2)]
    sealed = [kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"] for key in keys]
    names = [f"alias/{uuid.uuid4()}" for _ in range(3)]
    if "Alias" in operation:
        for name, key in zip(names, keys):
            kms.create_alias(AliasName=name, TargetKeyId=key)
    place = Place(*keys, *(base64.b64encode(blob).decode() for blob in sealed), *names)
    if "Grant" in operation:
        place.grant = kms.create_grant(
            KeyId=place.key, GranteePrincipal=GRANTEE, RetiringPrincipal=GRANTEE, Name="place",
            Operations=["Decrypt"],
            Constraints={"EncryptionContextEquals": {"a": "b"}})["GrantId"]
    return place
