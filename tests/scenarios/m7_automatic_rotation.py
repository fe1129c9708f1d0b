# SPDX-License-Identifier: Apache-2.0
"""M7, the story of keys that are rotated by themselves.

Ada switches rotation on and forgets it. A year later the key has new material: what she encrypts from
then on is encrypted with the new, what she ever encrypted opens with the old, and neither she nor
her programs notice. The key has the same name, policy, grants, aliases and tags as before.

The days are days of the released daemon's clock, which the tests move (holdfast.timeline). All tests
live in one installation, each with a key of its own and a day 0 of its own.
"""
import json
import sqlite3

import pytest
from holdfast.people import People, allow, policy, root
from holdfast.process import wait_for
from holdfast.timeline import MINUTE, Story

OLD, NEW = b"Meet me at the harbour at nine.\n", b"The harbour is closed. Meet me at the mill.\n"
ACCOUNT, PROVIDER = "111122223333", "777766664444"
RDS = "rds.us-east-1.amazonaws.com"


def disable(story):
    story.kms.disable_key(KeyId=story.key)


def enable(story):
    story.kms.enable_key(KeyId=story.key)


def switch_on(story, **members):
    story.kms.enable_key_rotation(KeyId=story.key, **members)


@pytest.fixture
def story(calendar):
    return Story(calendar, Description="letters")


def test_a_year(calendar, story):
    """With the AWS CLI. On day 364 no, on day 365 yes."""
    def kms(command, *arguments):
        ran = calendar.installation.aws("kms", command, "--key-id", story.key, *arguments)
        return json.loads(ran.stdout) if ran.stdout else None

    assert kms("get-key-rotation-status") == {"KeyId": story.id, "KeyRotationEnabled": False}
    kms("enable-key-rotation")
    first, sealed = story.material(), story.encrypt(OLD)
    assert story.next_day() == 365

    story.day(364)
    assert story.rotations() == []
    story.day(365 - MINUTE)  # minus one minute
    assert story.rotations() == []
    story.day(365)
    story.await_rotations(365)
    (rotation,) = kms("list-key-rotations")["Rotations"]
    assert rotation["RotationType"] == "AUTOMATIC"
    status = kms("get-key-rotation-status")
    assert (status["KeyRotationEnabled"], status["RotationPeriodInDays"]) == (True, 365)
    assert story.next_day() == 730

    # The old letter opens with the old material, the new one with the new. Nobody says which.
    assert story.material() != first
    assert story.opens(sealed, OLD) and story.opens(story.encrypt(NEW), NEW)
    assert story.kms.decrypt(CiphertextBlob=sealed)["KeyMaterialId"] == first
    last = kms("get-key-last-usage")["KeyLastUsage"]
    assert last["Operation"] == "Decrypt"

    # The log has one record of it, and of who did it: nobody.
    (record,) = story.records("RotateKey")
    assert (record["eventType"], record["recipientAccountId"]) == ("AwsServiceEvent", ACCOUNT)
    details = record["serviceEventDetails"]
    assert details["rotationType"] == "AUTOMATIC"
    assert (details["previousKeyMaterialId"], details["currentKeyMaterialId"]) == (
        first, story.material())

    # So have those who listen to events: the same, under the same id.
    (event,) = story.events("KMS CMK Rotation")
    assert (event["source"], event["account"], event["id"]) == (
        "aws.kms", ACCOUNT, record["eventID"])
    told = event["detail"]
    assert (told["key-id"], told["rotation-type"]) == (story.id, "AUTOMATIC")
    assert (told["previous-key-material-id"], told["current-key-material-id"]) == (
        first, story.material())

    # A year later, again.
    second = story.encrypt(NEW)
    story.day(730)
    story.await_rotations(365, 730)
    story.records("RotateKey", 2)
    assert story.opens(sealed, OLD) and story.opens(second, NEW)


def test_disabled_when_the_day_came(story):
    """Disabled on day 350, enabled on day 400: rotated at once, and next on day 765."""
    switch_on(story)
    story.day(350)
    disable(story)
    story.day(400)
    assert story.rotations() == [] and story.status()["KeyRotationEnabled"]
    enable(story)
    story.await_rotations(400)
    assert story.next_day() == 765


def test_the_age_of_the_material_counts_and_not_the_date_missed(story):
    """Switched on on day 300, disabled on 350, enabled on 370. Its date would be day 665; but its
    material is 370 days old."""
    story.day(300)
    switch_on(story)
    assert story.next_day() == 665
    story.day(350)
    disable(story)
    story.day(370)
    assert story.rotations() == []
    enable(story)
    story.await_rotations(370)
    assert story.next_day() == 735


def test_enabled_again_in_time(story):
    """Disabled on day 100, enabled on day 200: the schedule is what it was."""
    switch_on(story)
    story.day(100)
    disable(story)
    story.day(200)
    enable(story)
    assert (story.rotations(), story.next_day()) == ([], 365)


def test_a_deletion_that_is_called_back(story):
    """While a deletion is pending the key is not rotated and says so; then all is as before, but
    rotated it is when it is enabled."""
    switch_on(story)
    story.day(350)
    story.kms.schedule_key_deletion(KeyId=story.key, PendingWindowInDays=30)
    assert set(story.status()) - {"ResponseMetadata"} == {"KeyId", "KeyRotationEnabled"}
    assert not story.status()["KeyRotationEnabled"]
    with pytest.raises(story.kms.exceptions.KMSInvalidStateException):
        story.kms.disable_key_rotation(KeyId=story.key)
    story.day(370)
    story.kms.cancel_key_deletion(KeyId=story.key)
    assert story.status()["KeyRotationEnabled"]
    story.day(371)
    assert story.rotations() == []
    enable(story)
    story.await_rotations(371)
    assert story.next_day() == 736


def test_another_period(story):
    """The new period counts from the change; asking for what is so already changes nothing."""
    switch_on(story)
    story.day(100)
    switch_on(story)
    assert story.next_day() == 365
    switch_on(story, RotationPeriodInDays=90)
    assert story.next_day() == 190
    story.day(190 - MINUTE)
    assert story.rotations() == []
    story.day(190)
    story.await_rotations(190)
    story.day(280)
    story.await_rotations(190, 280)
    story.kms.disable_key_rotation(KeyId=story.key)
    story.day(380)
    assert len(story.rotations()) == 2


def test_a_key_of_a_service(calendar):
    """alias/aws/rds: after three years, and nobody in the account can say otherwise."""
    people = People(calendar.installation)
    people.account(PROVIDER)
    people.service_principal(RDS, PROVIDER)
    maria = people.user("maria", allow("rds:*"))

    def through_rds():
        return people.acting_for(maria, RDS)

    key = through_rds().describe_key(KeyId="alias/aws/rds")["KeyMetadata"]["Arn"]
    story = Story(calendar, key)
    sealed = through_rds().encrypt(KeyId=key, Plaintext=OLD)["CiphertextBlob"]
    for call in (story.kms.enable_key_rotation, story.kms.disable_key_rotation,
                 story.kms.rotate_key_on_demand):
        with pytest.raises(story.kms.exceptions.ClientError) as refused:
            call(KeyId=key)
        assert refused.value.response["Error"]["Code"] == "AccessDeniedException"
    status = story.status()
    assert (status["KeyRotationEnabled"], status["RotationPeriodInDays"]) == (True, 1095)
    assert story.next_day() in (1094, 1095)  # made a moment before its story began
    for day in (365, 730, 1094 - MINUTE):
        story.day(day)
    assert story.rotations() == []
    story.day(1095)
    wait_for(story.rotations, "the key of the service is rotated")
    assert through_rds().decrypt(CiphertextBlob=sealed)["Plaintext"] == OLD
    story.records("RotateKey", 1)


def test_a_key_that_belongs_to_a_service(calendar):
    """In the service's own account, on the service's own schedule. Those whose data it protects have no
    say in it, and do not see it."""
    people = People(calendar.installation)
    people.account(PROVIDER)
    people.service_principal(RDS, PROVIDER)
    owner = people.as_root(PROVIDER)
    story = Story(calendar, client=owner, Policy=policy(
        allow("kms:*", Principal=root(PROVIDER)),
        allow(["kms:Encrypt", "kms:Decrypt"], Principal={"Service": RDS})))
    switch_on(story, RotationPeriodInDays=120)
    rds = people.as_service(RDS)
    sealed = rds.encrypt(KeyId=story.key, Plaintext=OLD)["CiphertextBlob"]
    stranger = calendar.installation.client()
    for call in (stranger.get_key_rotation_status, stranger.enable_key_rotation,
                 stranger.rotate_key_on_demand, stranger.describe_key):
        with pytest.raises(stranger.exceptions.ClientError) as refused:
            call(KeyId=story.key)
        assert refused.value.response["Error"]["Code"] == "AccessDeniedException"

    story.day(120 - MINUTE)
    assert story.rotations() == []
    story.day(120)
    story.await_rotations(120)
    assert story.next_day() == 240
    assert rds.decrypt(CiphertextBlob=sealed)["Plaintext"] == OLD
    (record,) = story.records("RotateKey")
    (event,) = story.events("KMS CMK Rotation")
    assert (record["recipientAccountId"], event["account"]) == (PROVIDER, PROVIDER)


def everything(story):
    """What the API tells of a key, apart from its material and its rotations."""
    kms, name = story.kms, {"KeyId": story.key}
    metadata = kms.describe_key(**name)["KeyMetadata"]
    del metadata["CurrentKeyMaterialId"]
    return (metadata, kms.get_key_policy(**name)["Policy"], kms.list_grants(**name)["Grants"],
            kms.list_aliases(**name)["Aliases"], kms.list_resource_tags(**name)["Tags"])


BESIDE = "aliases", "tags", "grants", "grant_counts"
MOVES = {"current_version", "revision", "rotation_from_ms", "seal"}


def rows(story):
    """The rows of a key in the store: its own, without what a rotation moves, those of its versions,
    and all that hangs on it, seals and all."""
    number = bytes.fromhex(story.id.replace("-", ""))
    with sqlite3.connect(story.calendar.installation.store) as connection:
        connection.row_factory = sqlite3.Row

        def found(table):
            chosen = connection.execute(f"SELECT * FROM {table} WHERE key_id=? ORDER BY 1,2,3,4",
                                        (number,))
            return [dict(row) for row in chosen]

        (key,) = found("keys")
        return ({name: value for name, value in key.items() if name not in MOVES},
                {table: found(table) for table in BESIDE}, found("versions"))


def test_what_a_rotation_leaves_alone(calendar):
    """Ten versions, the daemon started again between them: each letter opens, and all that is known
    of the key beside its material stays as it is, to the byte."""
    story = Story(calendar, Description="letters of ten years",
                  Tags=[{"TagKey": "owner", "TagValue": "ada"}, {"TagKey": "room", "TagValue": ""}],
                  Policy=policy(allow("kms:*", Principal=root(ACCOUNT), Sid="Ada's own")))
    for name in ("alias/letters", "alias/letters/old"):
        story.kms.create_alias(AliasName=name, TargetKeyId=story.key)
    story.kms.create_grant(KeyId=story.key, Name="reader", Operations=["Decrypt", "DescribeKey"],
                           GranteePrincipal=root(ACCOUNT)["AWS"],
                           Constraints={"EncryptionContextSubset": {"box": "7"}})
    switch_on(story)
    told, (key, beside, versions) = everything(story), rows(story)
    letters, materials = [], []
    for year in range(10):
        text = f"letter {year}".encode()
        letters.append((text, story.encrypt(text), story.material()))
        materials.append(story.material())
        if year == 9:
            break
        if year % 3 == 0:  # now by itself, now on demand
            story.day(story.next_day())
        else:
            story.kms.rotate_key_on_demand(KeyId=story.key)
            calendar.restart()
        wait_for(lambda: story.material() != materials[-1], "the rotation")
    assert len(set(materials)) == 10
    for text, blob, material in letters:
        assert story.opens(blob, text)
        assert story.kms.decrypt(CiphertextBlob=blob)["KeyMaterialId"] == material
    listed = story.kms.list_key_rotations(KeyId=story.key, IncludeKeyMaterial="ALL_KEY_MATERIAL")
    assert {one["KeyMaterialId"] for one in listed["Rotations"]} == set(materials)
    assert [kind for _, kind in story.rotations()].count("ON_DEMAND") == 6

    assert everything(story) == told
    now = rows(story)
    assert (now[0], now[1]) == (key, beside)
    assert now[2][: len(versions)] == versions and len(now[2]) == 10


def test_ten_years_in_one_jump(calendar, story):
    """Who slept ten years is rotated once. And nothing is destroyed by a clock that went so far,
    before somebody has said that it is right."""
    switch_on(story)
    sealed = story.encrypt(OLD)
    condemned = Story(calendar, Description="to be destroyed")
    condemned.kms.schedule_key_deletion(KeyId=condemned.key, PendingWindowInDays=7)
    story.day(3650)
    story.await_rotations(3650)
    assert story.next_day() == 3650 + 365
    assert story.opens(sealed, OLD)

    kept = condemned.kms.describe_key(KeyId=condemned.key)["KeyMetadata"]
    assert kept["KeyState"] == "PendingDeletion"
    assert condemned.records("DeleteKey", 0) == []
    calendar.installation.run("holdfast", "clock", "accept", "--socket", calendar.daemon.admin)

    def gone():
        try:
            condemned.kms.describe_key(KeyId=condemned.key)
            return False
        except condemned.kms.exceptions.NotFoundException:
            return True

    wait_for(gone, "the key is destroyed")
    (record,) = condemned.records("DeleteKey")
    assert record["eventType"] == "AwsServiceEvent"
    (event,) = condemned.events("KMS CMK Deletion")
    assert event["id"] == record["eventID"]
