# SPDX-License-Identifier: Apache-2.0
"""M10, keys that are not rotated, and what is answered then.

Rotation by itself is for symmetric encryption keys whose material was made here. What else AWS knows
(asymmetric keys, HMAC keys, imported material, custom key stores) this service either refuses to make,
or refuses to rotate; either way it says so at once. So it does when the state of a key forbids it, when
the period is out of bounds, and when too much is asked for.
"""
import json

import pytest
from botocore.exceptions import ClientError
from holdfast.operations import MODEL

ACCOUNT = "111122223333"
SPECS = MODEL.shape_for("KeySpec").enum
USAGES = {"RSA": "ENCRYPT_DECRYPT", "HMAC": "GENERATE_VERIFY_MAC", "ML_KEM": "ENCAPSULATE_DECAPSULATE",
          "SYMMETRIC": "ENCRYPT_DECRYPT"}


def refusal(call, **members):
    with pytest.raises(ClientError) as caught:
        call(**members)
    error = caught.value.response["Error"]
    return error["Code"], error.get("Message", "")


def make(kms, **members):
    """The new key's ARN, or the name of the refusal."""
    try:
        return kms.create_key(**members)["KeyMetadata"]["Arn"]
    except ClientError as error:
        return error.response["Error"]["Code"]


def usage(spec):
    return next((usage for family, usage in USAGES.items() if spec.startswith(family)), "SIGN_VERIFY")


@pytest.mark.parametrize("spec", [spec for spec in SPECS if spec != "SYMMETRIC_DEFAULT"])
def test_only_symmetric_encryption_keys(kms, spec):
    """A spec that the service cannot make it refuses by name; one that it makes, it does not rotate."""
    made = make(kms, KeySpec=spec, KeyUsage=usage(spec))
    if made == "UnsupportedOperationException":
        return
    for call in (kms.enable_key_rotation, kms.disable_key_rotation, kms.rotate_key_on_demand):
        # As recorded from AWS: this one has no text.
        assert refusal(call, KeyId=made) == ("UnsupportedOperationException", "")
    assert kms.get_key_rotation_status(KeyId=made)["KeyRotationEnabled"] is False


@pytest.mark.parametrize("origin", ["EXTERNAL", "AWS_CLOUDHSM", "EXTERNAL_KEY_STORE"])
def test_only_material_that_was_made_here(kms, origin):
    made = make(kms, Origin=origin)
    if made.startswith("arn:"):
        assert refusal(kms.enable_key_rotation, KeyId=made)[0] == "UnsupportedOperationException"
    else:
        assert made in ("UnsupportedOperationException", "ValidationException")


def test_the_state_forbids_it(kms):
    key = kms.create_key()["KeyMetadata"]["Arn"]
    kms.enable_key_rotation(KeyId=key)
    calls = kms.enable_key_rotation, kms.disable_key_rotation, kms.rotate_key_on_demand

    kms.disable_key(KeyId=key)
    for call in calls:
        assert refusal(call, KeyId=key) == ("DisabledException", f"{key} is disabled.")
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"]

    kms.schedule_key_deletion(KeyId=key)
    for call in calls:
        assert refusal(call, KeyId=key) == ("KMSInvalidStateException", f"{key} is pending deletion.")
    assert not kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"]


@pytest.mark.parametrize("days, bound", [(89, "greater than or equal to 90"),
                                         (2561, "less than or equal to 2560")])
def test_a_period_out_of_bounds(service, kms, key, days, bound):
    unchecked = service.client(parameter_validation=False)  # boto3 would refuse one of them itself
    assert refusal(unchecked.enable_key_rotation, KeyId=key, RotationPeriodInDays=days) == (
        "ValidationException",
        f"1 validation error detected: Value '{days}' at 'rotationPeriodInDays' failed to satisfy "
        f"constraint: Member must have value {bound}")
    assert not kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"]


def test_a_key_that_is_not_there(kms):
    name = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"
    for call in (kms.enable_key_rotation, kms.disable_key_rotation, kms.get_key_rotation_status,
                 kms.rotate_key_on_demand, kms.list_key_rotations):
        assert refusal(call, KeyId=name) == ("NotFoundException", f"Key '{name}' does not exist")


def test_an_alias_is_no_name_for_it(kms, key):
    kms.create_alias(AliasName="alias/not-rotated", TargetKeyId=key)
    for call in (kms.enable_key_rotation, kms.get_key_rotation_status, kms.rotate_key_on_demand):
        assert refusal(call, KeyId="alias/not-rotated")[0] in (
            "NotFoundException", "InvalidArnException")


def test_no_more_often_than_allowed(service, kms):
    """25 rotations on demand in the life of a key; then the AWS CLI prints why not."""
    key = kms.create_key()["KeyMetadata"]["Arn"]
    for _ in range(25):
        kms.rotate_key_on_demand(KeyId=key)
    ran = service.aws("kms", "rotate-key-on-demand", "--key-id", key, check=False)
    assert ran.returncode != 0
    assert ran.stderr.strip().endswith(
        "An error occurred (LimitExceededException) when calling the RotateKeyOnDemand operation: The "
        "on-demand rotations limit has been reached for the given keyId. No more on-demand rotations "
        f"can be performed for this key: {key}")
    page = json.loads(service.aws("kms", "list-key-rotations", "--key-id", key).stdout)
    assert len(page["Rotations"]) == 25
    # By itself it is rotated all the same.
    kms.enable_key_rotation(KeyId=key)
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"]
