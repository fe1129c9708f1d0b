# SPDX-License-Identifier: Apache-2.0
"""The table of key states (KMS Developer Guide, "Key states of AWS KMS keys"), walked: what every
operation answers for a key that is enabled, disabled or waits for its deletion; the order of checks;
DryRun, which comes last."""
import dataclasses
import datetime
import itertools
import uuid

import pytest

from holdfast.operations import MODEL, built, make_place, requests

STATES = ("Enabled", "Disabled", "PendingDeletion")
# Y works, D DisabledException, S KMSInvalidStateException: one letter for each of STATES.
TABLE = {
    "Encrypt": "Y D S", "Decrypt": "Y D S", "ReEncrypt": "Y D S", "GenerateDataKey": "Y D S",
    "GenerateDataKeyWithoutPlaintext": "Y D S",
    "CreateAlias": "Y Y S", "UpdateAlias": "Y Y S", "DeleteAlias": "Y Y Y", "ListAliases": "Y Y Y",
    "DescribeKey": "Y Y Y", "GetKeyLastUsage": "Y Y Y",
    "GetKeyPolicy": "Y Y Y", "PutKeyPolicy": "Y Y Y", "ListKeyPolicies": "Y Y Y",
    "ListResourceTags": "Y Y Y", "TagResource": "Y Y S", "UntagResource": "Y Y S",
    "UpdateKeyDescription": "Y Y S", "EnableKey": "Y Y S", "DisableKey": "Y Y S",
    "CreateGrant": "Y D S", "ListGrants": "Y Y Y", "RetireGrant": "Y Y Y", "RevokeGrant": "Y Y Y",
    "EnableKeyRotation": "Y D S", "DisableKeyRotation": "Y D S", "RotateKeyOnDemand": "Y D S",
    "GetKeyRotationStatus": "Y Y Y", "ListKeyRotations": "Y Y Y",
    "ScheduleKeyDeletion": "Y Y S", "CancelKeyDeletion": "S S Y",
}
NO_KEY = {"CreateKey", "GenerateRandom", "ListKeys", "ListRetirableGrants"}
BUILT = built()
# Members that name the key in another place of the request.
OTHER_PLACES = {
    "Decrypt": lambda at: {"CiphertextBlob": at.sealed, "KeyId": at.key},
    "ReEncrypt": lambda at: {"CiphertextBlob": at.other_sealed, "DestinationKeyId": at.key},
}


def one(kms, operation, state="Enabled"):
    """A place whose key is in that state."""
    at = make_place(kms, operation)
    key = at.key
    if state == "Disabled":
        kms.disable_key(KeyId=key)
    elif state == "PendingDeletion":
        kms.schedule_key_deletion(KeyId=key)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == state
    return at


def wanted(letter, operation, key, state):
    """(status, error, message)"""
    if letter == "Y":
        return 200, None, None
    if letter == "D":
        return 400, "DisabledException", f"{key} is disabled."
    if operation == "CancelKeyDeletion":
        return 400, "KMSInvalidStateException", f"{key} is not pending deletion."
    assert state == "PendingDeletion"
    return 400, "KMSInvalidStateException", f"{key} is pending deletion."


def answered(service, operation, body):
    reply = service.exchange().call(operation, body)
    if reply.status == 200:
        return 200, None, None
    return reply.status, reply.error, reply.message


def test_every_operation_that_is_built_has_its_row():
    assert set(BUILT) <= set(TABLE) | NO_KEY


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("operation", [name for name in BUILT if name not in NO_KEY])
def test_the_table(service, kms, operation, state):
    at = one(kms, operation, state)
    expected = wanted(TABLE[operation].split()[STATES.index(state)], operation, at.key, state)
    bodies = [requests(at)[operation]]
    if operation in OTHER_PLACES:
        bodies.append(OTHER_PLACES[operation](at))
    if "KeyId" in bodies[0]:  # texts name the ARN even when the id was given
        bodies[0] = {**bodies[0], "KeyId": at.key.rpartition("/")[2]}
    for body in bodies:
        assert answered(service, operation, body) == expected, body


def test_a_key_that_waits_for_its_deletion_shows_when(kms):
    key = kms.create_key()["KeyMetadata"]["Arn"]
    before = datetime.datetime.now(datetime.timezone.utc)
    answer = kms.schedule_key_deletion(KeyId=key.rpartition("/")[2], PendingWindowInDays=7)
    assert (answer["KeyId"], answer["KeyState"], answer["PendingWindowInDays"]) == (
        key, "PendingDeletion", 7)
    wait = answer["DeletionDate"] - before
    assert datetime.timedelta(days=7, seconds=-1) < wait < datetime.timedelta(days=7, seconds=30)
    metadata = kms.describe_key(KeyId=key)["KeyMetadata"]
    assert (metadata["KeyState"], metadata["Enabled"]) == ("PendingDeletion", False)
    assert metadata["DeletionDate"] == answer["DeletionDate"]

    assert kms.cancel_key_deletion(KeyId=key.rpartition("/")[2])["KeyId"] == key
    metadata = kms.describe_key(KeyId=key)["KeyMetadata"]
    assert (metadata["KeyState"], metadata["Enabled"]) == ("Disabled", False)
    assert "DeletionDate" not in metadata


def test_the_window_is_thirty_days_when_nothing_is_said(kms):
    key = kms.create_key()["KeyMetadata"]["Arn"]
    answer = kms.schedule_key_deletion(KeyId=key)
    assert answer["PendingWindowInDays"] == 30
    wait = answer["DeletionDate"] - datetime.datetime.now(datetime.timezone.utc)
    assert abs(wait - datetime.timedelta(days=30)) < datetime.timedelta(seconds=30)


@pytest.mark.parametrize("days,taken", [(7, True), (30, True), (6, False), (31, False), (1, False),
                                        (365, False)])
def test_the_window_has_bounds_of_its_own(service, kms, days, taken):
    key = kms.create_key()["KeyMetadata"]["Arn"]
    reply = service.exchange().call("ScheduleKeyDeletion", {"KeyId": key, "PendingWindowInDays": days})
    state = kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"]
    if taken:
        assert (reply.status, state) == (200, "PendingDeletion")
    else:
        assert (reply.error, reply.message) == (
            "ValidationException", "PendingWindowInDays must be between 7 and 30")
        assert state == "Enabled"


def test_a_cancelled_key_serves_again_once_enabled(kms):
    key = kms.create_key()["KeyMetadata"]["Arn"]
    blob = kms.encrypt(KeyId=key, Plaintext=b"kept")["CiphertextBlob"]
    kms.schedule_key_deletion(KeyId=key)
    kms.cancel_key_deletion(KeyId=key)
    with pytest.raises(kms.exceptions.DisabledException):
        kms.decrypt(CiphertextBlob=blob)
    kms.enable_key(KeyId=key)
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"kept"


def test_states_survive_a_restart(own):
    kms = own.client()
    keys = {state: one(kms, "DescribeKey", state).key for state in STATES}
    told = {state: kms.describe_key(KeyId=key)["KeyMetadata"] for state, key in keys.items()}
    own.stop()
    own.start()
    for state, key in keys.items():
        assert own.client().describe_key(KeyId=key)["KeyMetadata"] == told[state]


# --- the order of checks ---

ALGORITHM = {"EncryptionAlgorithm": "RSAES_OAEP_SHA_256"}
NOT_FITTING = ("Algorithm RSAES_OAEP_SHA_256 is incompatible with key spec SYMMETRIC_DEFAULT.")


def test_authenticity_shape_key_state_algorithm_dry_run(service, kms):
    """Every body has all the faults that are looked for later; one after the other is mended."""
    at = one(kms, "Encrypt", "Disabled")
    missing = str(uuid.uuid4())
    wrong = {"KeyId": missing, "Plaintext": "", **ALGORITHM, "DryRun": True}
    signer = dataclasses.replace(service.signer, secret_key="x" * 40)
    exchange = service.exchange()
    assert exchange.call("Encrypt", wrong, signer=signer).error == "InvalidSignatureException"
    assert exchange.call("Encrypt", wrong).error == "ValidationException"
    wrong["Plaintext"] = "aGk="
    assert exchange.call("Encrypt", wrong).error == "NotFoundException"
    foreign = at.key.replace("111122223333", "444455556666")
    assert exchange.call("Encrypt", {**wrong, "KeyId": foreign}).error == "AccessDeniedException"
    wrong["KeyId"] = at.key
    assert exchange.call("Encrypt", wrong).message == f"{at.key} is disabled."
    kms.enable_key(KeyId=at.key)
    assert exchange.call("Encrypt", wrong).message == NOT_FITTING
    del wrong["EncryptionAlgorithm"]
    assert exchange.call("Encrypt", wrong).error == "DryRunOperationException"
    del wrong["DryRun"]
    assert exchange.call("Encrypt", wrong).status == 200


WORSE = [
    ("ScheduleKeyDeletion", {"PendingWindowInDays": 31}, "ValidationException"),
    ("TagResource", {"Tags": [{"TagKey": "aws:x", "TagValue": ""}]}, "TagException"),
    ("UntagResource", {"TagKeys": ["aws:x"]}, "TagException"),
]


@pytest.mark.parametrize("operation,members,error", WORSE)
def test_shape_comes_before_the_key(service, operation, members, error):
    body = {"KeyId": str(uuid.uuid4()), **members}
    assert service.exchange().call(operation, body).error == error


LATER = [
    ("PutKeyPolicy", {"Policy": "no JSON"}, "MalformedPolicyDocumentException"),
    ("PutKeyPolicy", {"Policy": "{}", "PolicyName": "other"}, "NotFoundException"),
    ("GetKeyPolicy", {"PolicyName": "other"}, "NotFoundException"),
    ("ListKeyPolicies", {"Marker": "made up"}, "InvalidMarkerException"),
    ("ListGrants", {"Marker": "made up"}, "InvalidMarkerException"),
    ("ListKeyRotations", {"Marker": "made up"}, "InvalidMarkerException"),
    ("RevokeGrant", {"GrantId": "made up"}, "InvalidGrantIdException"),
    ("RetireGrant", {"GrantId": "made up"}, "InvalidGrantIdException"),
    ("CreateGrant", {"GranteePrincipal": "nobody", "Operations": ["Encrypt"]},
     "InvalidArnException"),
    ("ListResourceTags", {"Marker": "made up"}, "InvalidMarkerException"),
]


@pytest.mark.parametrize("operation,members,error", LATER)
def test_the_key_comes_before_what_only_it_can_tell(service, key, operation, members, error):
    name = str(uuid.uuid4())
    assert service.exchange().call(operation, {"KeyId": name, **members}).message == (
        f"Key 'arn:aws:kms:us-east-1:111122223333:key/{name}' does not exist")
    assert service.exchange().call(operation, {"KeyId": key, **members}).error == error


# --- DryRun ---

WITH_DRY_RUN = {name for name in BUILT
                if "DryRun" in MODEL.operation_model(name).input_shape.members}


DRY_RUN = (400, "DryRunOperationException",
           "The request would have succeeded, but the DryRun option is set.")


@pytest.mark.parametrize("operation", BUILT)
def test_dry_run_where_the_model_has_it(service, kms, operation):
    """Elsewhere it is a member that nobody knows, which is ignored as AWS ignores it."""
    state = "PendingDeletion" if operation == "CancelKeyDeletion" else "Enabled"
    at = one(kms, operation, state)
    got = answered(service, operation, {**requests(at)[operation], "DryRun": True})
    if operation in WITH_DRY_RUN:
        assert got == DRY_RUN
    else:
        assert got == (200, None, None)


@pytest.mark.parametrize("operation,state", list(itertools.product(sorted(WITH_DRY_RUN), STATES[1:])))
def test_dry_run_tells_what_would_be_refused(service, kms, operation, state):
    at = one(kms, operation, state)
    body = {**requests(at)[operation], "DryRun": True}
    letter = TABLE[operation].split()[STATES.index(state)]
    expected = DRY_RUN if letter == "Y" else wanted(letter, operation, at.key, state)
    assert answered(service, operation, body) == expected
