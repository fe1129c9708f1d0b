# SPDX-License-Identifier: Apache-2.0
"""Rotation as clients see it: what it is set to, and what it leaves as it was. Dates that would have to
be waited for are proven elsewhere (tests/unit/kms/test_rotation.c, tests/scenarios)."""
import datetime
import json

import pytest
from botocore.exceptions import ClientError

from holdfast.admin import Admin, allow
from holdfast.operations import GRANTEE, OPEN_POLICY

OTHER = "444455556666"
VERSIONS = 10


@pytest.fixture
def new(kms):
    return kms.create_key()["KeyMetadata"]


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def status(kms, key):
    answer = kms.get_key_rotation_status(KeyId=key)
    del answer["ResponseMetadata"]
    return answer


def is_in(date, days):
    return abs(date - now() - datetime.timedelta(days=days)) < datetime.timedelta(minutes=1)


def rotations(kms, key, **more):
    return kms.list_key_rotations(KeyId=key, **more)["Rotations"]


def current(kms, key):
    return kms.describe_key(KeyId=key)["KeyMetadata"]["CurrentKeyMaterialId"]


def test_the_status_tells_what_was_set(kms, new):
    off = {"KeyId": new["KeyId"], "KeyRotationEnabled": False}
    for name in (new["KeyId"], new["Arn"]):  # told by its id, as AWS does here
        assert status(kms, name) == off
    for members, days in (({}, 365), ({"RotationPeriodInDays": 90}, 90),
                          ({"RotationPeriodInDays": 2560}, 2560)):
        kms.enable_key_rotation(KeyId=new["Arn"], **members)
        on = status(kms, new["KeyId"])
        assert is_in(on.pop("NextRotationDate"), days)
        assert on == {"KeyId": new["KeyId"], "KeyRotationEnabled": True,
                      "RotationPeriodInDays": days}
    kms.disable_key_rotation(KeyId=new["KeyId"])
    assert status(kms, new["KeyId"]) == off


def test_a_call_that_is_repeated_does_not_move_the_date(kms, new):
    kms.enable_key_rotation(KeyId=new["KeyId"])
    told = status(kms, new["KeyId"])
    kms.enable_key_rotation(KeyId=new["KeyId"], RotationPeriodInDays=365)
    assert status(kms, new["KeyId"]) == told


@pytest.mark.parametrize("days,bound", [
    (89, "greater than or equal to 90"), (2561, "less than or equal to 2560")])
def test_periods_out_of_bounds(service, new, days, bound):
    reply = service.exchange().call("EnableKeyRotation",
                                    {"KeyId": new["KeyId"], "RotationPeriodInDays": days})
    assert (reply.error, reply.message) == (
        "ValidationException",
        f"1 validation error detected: Value '{days}' at 'rotationPeriodInDays' failed to satisfy "
        f"constraint: Member must have value {bound}")


def test_ten_versions_and_all_that_they_encrypted(own):
    """A client notices nothing: neither new material nor a restart makes a ciphertext unreadable."""
    kms = own.client()
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    sealed, materials = [], []
    for i in range(VERSIONS):
        if i > 0:
            assert kms.rotate_key_on_demand(KeyId=key)["KeyId"] == key
        materials.append(current(kms, key))
        made = kms.generate_data_key(KeyId=key, KeySpec="AES_256")
        assert made["KeyMaterialId"] == materials[-1]
        sealed.append((made["CiphertextBlob"], made["Plaintext"]))
    assert len(set(materials)) == VERSIONS
    for restarted in (False, True):
        if restarted:
            own.stop()
            own.start()
            kms = own.client()
        for (blob, plaintext), material in zip(sealed, materials):
            opened = kms.decrypt(CiphertextBlob=blob)
            assert (opened["Plaintext"], opened["KeyMaterialId"]) == (plaintext, material)
        everything = rotations(kms, key, IncludeKeyMaterial="ALL_KEY_MATERIAL")
        assert [entry["KeyMaterialId"] for entry in everything] == materials
    moved = kms.re_encrypt(CiphertextBlob=sealed[0][0], DestinationKeyId=key)
    assert (moved["SourceKeyMaterialId"], moved["DestinationKeyMaterialId"]) == (
        materials[0], materials[-1])


def properties(service, key):
    """All that clients can read of a key, byte by byte as it was sent, but for its material."""
    told = {}
    for operation in ("DescribeKey", "GetKeyPolicy", "ListGrants", "ListAliases",
                      "ListResourceTags", "ListKeyPolicies", "GetKeyRotationStatus"):
        told[operation] = service.exchange().call(operation, {"KeyId": key}).body
    material = json.loads(told["DescribeKey"])["KeyMetadata"]["CurrentKeyMaterialId"]
    told["DescribeKey"] = told["DescribeKey"].replace(material.encode(), b"")
    return told


def test_a_rotation_changes_nothing_but_the_material(service, kms, new):
    key = new["KeyId"]
    kms.update_key_description(KeyId=key, Description="kept")
    kms.put_key_policy(KeyId=key, Policy=OPEN_POLICY)
    kms.tag_resource(KeyId=key, Tags=[{"TagKey": "a", "TagValue": "b"}])
    kms.create_alias(AliasName=f"alias/{key}", TargetKeyId=key)
    kms.create_grant(KeyId=key, GranteePrincipal=GRANTEE, Operations=["Encrypt"])
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=200)
    before, material = properties(service, key), current(kms, key)
    kms.rotate_key_on_demand(KeyId=key)
    assert current(kms, key) != material
    assert properties(service, key) == before


def test_the_list_and_its_pages(kms, new):
    key = new["KeyId"]
    assert rotations(kms, key) == []
    (first,) = rotations(kms, key, IncludeKeyMaterial="ALL_KEY_MATERIAL")
    assert first == {"KeyId": key, "KeyMaterialId": current(kms, key), "KeyMaterialState": "CURRENT"}
    for _ in range(3):
        kms.rotate_key_on_demand(KeyId=new["Arn"])
    told = rotations(kms, new["Arn"])
    assert [entry["KeyMaterialState"] for entry in told] == ["NON_CURRENT", "NON_CURRENT", "CURRENT"]
    assert {entry["RotationType"] for entry in told} == {"ON_DEMAND"}
    dates = [entry["RotationDate"] for entry in told]
    assert dates == sorted(dates) and is_in(dates[0], 0)
    everything = rotations(kms, key, IncludeKeyMaterial="ALL_KEY_MATERIAL")
    assert everything == [{**first, "KeyMaterialState": "NON_CURRENT"}, *told]
    for size in (1, 2, 4):
        pages = list(kms.get_paginator("list_key_rotations").paginate(
            KeyId=key, IncludeKeyMaterial="ALL_KEY_MATERIAL", PaginationConfig={"PageSize": size}))
        assert len(pages) == -(-4 // size)
        assert [entry for page in pages for entry in page["Rotations"]] == everything


def test_markers_of_other_lists_are_refused(kms, new, other_key):
    for _ in range(2):
        kms.rotate_key_on_demand(KeyId=new["KeyId"])
    marker = kms.list_key_rotations(KeyId=new["KeyId"], Limit=1)["NextMarker"]
    assert len(rotations(kms, new["KeyId"], Marker=marker)) == 1
    for key, wrong in ((other_key, marker), (new["KeyId"], kms.list_keys(Limit=1)["NextMarker"])):
        with pytest.raises(kms.exceptions.InvalidMarkerException):
            kms.list_key_rotations(KeyId=key, Marker=wrong)


def test_twenty_five_on_demand_and_no_more(kms, new):
    for _ in range(25):
        kms.rotate_key_on_demand(KeyId=new["KeyId"])
    with pytest.raises(kms.exceptions.LimitExceededException) as refused:
        kms.rotate_key_on_demand(KeyId=new["KeyId"])
    assert refused.value.response["Error"]["Message"] == (
        "The on-demand rotations limit has been reached for the given keyId. No more on-demand "
        f"rotations can be performed for this key: {new['Arn']}")
    assert len(rotations(kms, new["KeyId"])) == 25


def test_the_records_of_a_rotation(service, kms, new):
    """The call, and what the service did: told apart as CloudTrail tells them apart."""
    before = current(kms, new["KeyId"])
    kms.rotate_key_on_demand(KeyId=new["KeyId"])
    records = [r for r in service.daemon.audit_records()
               if any(one["ARN"] == new["Arn"] for one in r.get("resources", []))]
    (asked,) = [r for r in records if r["eventName"] == "RotateKeyOnDemand"]
    assert asked["responseElements"] == {"keyId": new["Arn"]}
    assert (asked["eventType"], asked["readOnly"]) == ("AwsApiCall", False)
    (done,) = [r for r in records if r["eventName"] == "RotateKey"]
    assert done["eventType"] == "AwsServiceEvent"
    details = done["serviceEventDetails"]
    assert (details["rotationType"], details["keyId"]) == ("ON_DEMAND", new["KeyId"])
    assert details["previousKeyMaterialId"] == before
    assert details["currentKeyMaterialId"] == current(kms, new["KeyId"])


def test_only_the_status_crosses_accounts(service, kms, new):
    """KMS API: "Cross-account use", of each."""
    admin = Admin(service)
    arn, signer = admin.user(f"rotation-{new['KeyId']}", account=admin.account(OTHER),
                             policy=allow("kms:*"))
    policy = json.loads(OPEN_POLICY)
    policy["Statement"].append({"Effect": "Allow", "Principal": {"AWS": arn},
                                "Action": "kms:*", "Resource": "*"})
    kms.put_key_policy(KeyId=new["KeyId"], Policy=json.dumps(policy))
    calls = admin.calls_as(signer)
    for operation, allowed in (("GetKeyRotationStatus", True), ("ListKeyRotations", False),
                               ("EnableKeyRotation", False), ("DisableKeyRotation", False),
                               ("RotateKeyOnDemand", False)):
        reply = calls.call(operation, {"KeyId": new["Arn"]})
        assert (reply.error is None) == allowed, (operation, reply.body)
    assert status(kms, new["KeyId"])["KeyRotationEnabled"] is False


def test_a_disabled_key_is_not_rotated(kms, new):
    kms.enable_key_rotation(KeyId=new["KeyId"])
    told = status(kms, new["KeyId"])
    kms.disable_key(KeyId=new["KeyId"])
    with pytest.raises(ClientError) as refused:
        kms.rotate_key_on_demand(KeyId=new["KeyId"])
    assert refused.value.response["Error"] == {"Code": "DisabledException",
                                               "Message": f"{new['Arn']} is disabled."}
    kms.enable_key(KeyId=new["KeyId"])
    assert status(kms, new["KeyId"]) == told and rotations(kms, new["KeyId"]) == []
