# SPDX-License-Identifier: Apache-2.0
"""Aliases: their life, their names and errors, and every operation that takes one."""
import datetime
import itertools
import uuid

import pytest
from botocore.exceptions import ClientError

ARN = "arn:aws:kms:us-east-1:111122223333:"
HELP = "https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html"
NUMBERS = itertools.count()
INCORRECT = ("IncorrectKeyException",
             "The key ID in the request does not identify a CMK that can perform this operation.")


def refused(call, **arguments):
    """(code, message) of a call that must fail; HTTP 400. Without a text the message is ''."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    error = caught.value.response["Error"]
    return error["Code"], error.get("Message", "")


def missing(name):
    return "NotFoundException", f"Alias {ARN}{name} is not found."


def entries(kms, **arguments):
    pages = kms.get_paginator("list_aliases").paginate(**arguments)
    return [entry for page in pages for entry in page["Aliases"]]


def entry_of(kms, name):
    return next(entry for entry in entries(kms) if entry["AliasName"] == name)


@pytest.fixture
def name():
    return f"alias/conformance/{next(NUMBERS)}"


@pytest.fixture(scope="module")
def key(kms):
    """Not the suite's own, which have room for 50 aliases each."""
    return kms.create_key()["KeyMetadata"]["Arn"]


@pytest.fixture(scope="module")
def other_key(kms):
    return kms.create_key()["KeyMetadata"]["Arn"]


@pytest.fixture
def new_key(kms):
    return kms.create_key()["KeyMetadata"]["KeyId"]


# --- their life ---


def test_a_life(kms, name, new_key, other_key):
    before = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=2)
    answer = kms.create_alias(AliasName=name, TargetKeyId=new_key)
    assert set(answer) == {"ResponseMetadata"}
    made = entry_of(kms, name)
    assert set(made) == {"AliasArn", "AliasName", "CreationDate", "LastUpdatedDate", "TargetKeyId"}
    assert (made["AliasArn"], made["TargetKeyId"]) == (ARN + name, new_key)
    assert before <= made["CreationDate"] == made["LastUpdatedDate"]

    answer = kms.update_alias(AliasName=name, TargetKeyId=other_key)
    assert set(answer) == {"ResponseMetadata"}
    moved = entry_of(kms, name)
    assert moved["TargetKeyId"] == other_key.rpartition("/")[2]
    assert moved["CreationDate"] == made["CreationDate"]
    assert moved["LastUpdatedDate"] > made["LastUpdatedDate"]

    answer = kms.delete_alias(AliasName=name)
    assert set(answer) == {"ResponseMetadata"}
    assert name not in [entry["AliasName"] for entry in entries(kms)]
    assert refused(kms.delete_alias, AliasName=name) == missing(name)
    kms.create_alias(AliasName=name, TargetKeyId=new_key)
    assert entry_of(kms, name)["CreationDate"] > made["CreationDate"]


def test_replies_have_no_body(service, name, new_key):
    for operation, body in (("CreateAlias", {"AliasName": name, "TargetKeyId": new_key}),
                            ("UpdateAlias", {"AliasName": name, "TargetKeyId": new_key}),
                            ("DeleteAlias", {"AliasName": name})):
        reply = service.exchange().call(operation, body)
        assert (reply.status, reply.body) == (200, b"")


def test_a_target_may_be_an_arn(kms, name, key):
    kms.create_alias(AliasName=name, TargetKeyId=key)
    assert kms.describe_key(KeyId=name)["KeyMetadata"]["Arn"] == key


def test_an_alias_moved_to_its_own_key(kms, name, new_key):
    kms.create_alias(AliasName=name, TargetKeyId=new_key)
    made = entry_of(kms, name)
    kms.update_alias(AliasName=name, TargetKeyId=new_key)
    moved = entry_of(kms, name)
    assert moved["TargetKeyId"] == new_key
    assert moved["LastUpdatedDate"] > made["LastUpdatedDate"]


def test_names_are_case_sensitive(kms, name, new_key, other_key):
    kms.create_alias(AliasName=name + "/a", TargetKeyId=new_key)
    kms.create_alias(AliasName=name + "/A", TargetKeyId=other_key)
    assert kms.describe_key(KeyId=name + "/a")["KeyMetadata"]["KeyId"] == new_key
    assert kms.describe_key(KeyId=name + "/A")["KeyMetadata"]["Arn"] == other_key


def test_an_alias_outlives_a_disabled_key(kms, name, new_key, key):
    """The state table: every alias operation works with a disabled key."""
    kms.create_alias(AliasName=name, TargetKeyId=key)
    kms.disable_key(KeyId=new_key)
    kms.create_alias(AliasName=name + "/2", TargetKeyId=new_key)
    kms.update_alias(AliasName=name, TargetKeyId=new_key)
    assert refused(kms.encrypt, KeyId=name, Plaintext=b"x") == (
        "DisabledException", f"{ARN}key/{new_key} is disabled.")
    kms.update_alias(AliasName=name, TargetKeyId=key)
    kms.delete_alias(AliasName=name + "/2")


# --- names and errors ---


def test_an_alias_that_exists(kms, name, new_key, key):
    kms.create_alias(AliasName=name, TargetKeyId=new_key)
    for target in (new_key, key):
        assert refused(kms.create_alias, AliasName=name, TargetKeyId=target) == (
            "AlreadyExistsException", f"An alias with the name {ARN}{name} already exists")


def test_an_alias_that_does_not_exist(kms, name, key):
    assert refused(kms.update_alias, AliasName=name, TargetKeyId=key) == missing(name)
    assert refused(kms.delete_alias, AliasName=name) == missing(name)


def every_change(kms, name, key):
    """Each call that takes an alias by AliasName."""
    yield kms.create_alias, {"AliasName": name, "TargetKeyId": key}
    yield kms.update_alias, {"AliasName": name, "TargetKeyId": key}
    yield kms.delete_alias, {"AliasName": name}


@pytest.mark.parametrize("bad", ["x", "Alias/x", "aliasx", "alias", ARN + "alias/x", "key/alias/x"])
def test_without_the_prefix(kms, key, bad):
    for call, arguments in every_change(kms, bad, key):
        assert refused(call, **arguments) == (
            "ValidationException",
            f'Alias must start with the prefix "alias/". Please see {HELP}')


@pytest.mark.parametrize("bad", ["alias/aws/rds", "alias/aws/", "alias/aws/a/b"])
def test_reserved_names(kms, key, bad):
    for call, arguments in every_change(kms, bad, key):
        assert refused(call, **arguments) == ("NotAuthorizedException", "")


def test_reserved_names_have_no_message_member(service, key):
    reply = service.exchange().call("CreateAlias", {"AliasName": "alias/aws/x", "TargetKeyId": key})
    assert reply.json == {"__type": "NotAuthorizedException"}


def test_a_colon(kms, key):
    for call, arguments in every_change(kms, "alias/my:alias", key):
        assert refused(call, **arguments) == (
            "ValidationException", "alias/my:alias contains invalid characters for an alias")


def test_nothing_behind_the_prefix(kms, key):
    for call, arguments in every_change(kms, "alias/", key):
        assert refused(call, **arguments)[0] == "ValidationException"


@pytest.mark.parametrize("bad", ["alias/a b", "alias/é", "alias/a.b", "alias/*", "alias/a\n"])
def test_other_characters(kms, key, bad):
    for call, arguments in every_change(kms, bad, key):
        assert refused(call, **arguments) == (
            "ValidationException",
            f"1 validation error detected: Value '{bad}' at 'aliasName' failed to satisfy "
            "constraint: Member must satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$")


def test_the_longest_name(kms, new_key):
    longest = "alias/" + "a" * 250
    kms.create_alias(AliasName=longest, TargetKeyId=new_key)
    assert kms.describe_key(KeyId=longest)["KeyMetadata"]["KeyId"] == new_key
    assert kms.describe_key(KeyId=ARN + longest)["KeyMetadata"]["KeyId"] == new_key
    assert entry_of(kms, longest)["AliasArn"] == ARN + longest
    assert kms.list_aliases(KeyId=new_key, Limit=1)["Aliases"][0]["AliasName"] == longest
    kms.delete_alias(AliasName=longest)


def test_bad_targets(kms, name, key):
    unknown = str(uuid.uuid4())
    kms.create_alias(AliasName=name, TargetKeyId=key)
    cases = {
        "fake-key-id": ("NotFoundException", "Invalid keyId 'fake-key-id'"),
        unknown: ("NotFoundException", f"Key '{ARN}key/{unknown}' does not exist"),
        key.replace("us-east-1", "eu-west-1"): ("NotFoundException", "Invalid arn eu-west-1"),
        name: ("ValidationException", "Aliases must refer to keys. Not aliases"),
        ARN + name: ("ValidationException", "Aliases must refer to keys. Not aliases"),
    }
    for target, expected in cases.items():
        assert refused(kms.create_alias, AliasName=name + "/2", TargetKeyId=target) == expected
        assert refused(kms.update_alias, AliasName=name, TargetKeyId=target) == expected
    foreign = key.replace("111122223333", "444455556666")
    for call, alias in ((kms.create_alias, name + "/2"), (kms.update_alias, name)):
        code, message = refused(call, AliasName=alias, TargetKeyId=foreign)
        assert code == "AccessDeniedException"
        action = "kms:CreateAlias" if call == kms.create_alias else "kms:UpdateAlias"
        assert f"is not authorized to perform: {action} on resource: {foreign}" in message
    assert kms.describe_key(KeyId=name)["KeyMetadata"]["Arn"] == key


def test_fifty_aliases_of_one_key(kms, name, new_key, key):
    full = ("LimitExceededException", "Aliases per key quota for this account in this region is 50, "
                                      "current usage is 50.")
    names = [f"{name}/{i:02}" for i in range(50)]
    for alias in names:
        kms.create_alias(AliasName=alias, TargetKeyId=new_key)
    assert refused(kms.create_alias, AliasName=name, TargetKeyId=new_key) == full
    kms.create_alias(AliasName=name, TargetKeyId=key)
    assert refused(kms.update_alias, AliasName=name, TargetKeyId=new_key) == full
    kms.update_alias(AliasName=names[0], TargetKeyId=new_key)  # is there already
    kms.delete_alias(AliasName=names[0])
    kms.update_alias(AliasName=name, TargetKeyId=new_key)
    assert [e["AliasName"] for e in entries(kms, KeyId=new_key)] == sorted([name, *names[1:]])


# --- lists ---


def test_lists_of_one_key_and_of_all(kms, name, new_key, key):
    mine = sorted(f"{name}/{part}" for part in ("b", "a", "A", "a/b", "a-b", "Z"))
    for alias in mine:
        kms.create_alias(AliasName=alias, TargetKeyId=new_key)
    kms.create_alias(AliasName=name, TargetKeyId=key)
    for asked in (new_key, f"{ARN}key/{new_key}"):
        assert [entry["AliasName"] for entry in entries(kms, KeyId=asked)] == mine
    everything = [entry["AliasName"] for entry in entries(kms)]
    assert everything == sorted(everything) and set(everything) > {*mine, name}
    for limit in (1, 2, 5, 6, 7):
        pages = list(kms.get_paginator("list_aliases").paginate(
            KeyId=new_key, PaginationConfig={"PageSize": limit}))
        assert [entry["AliasName"] for page in pages for entry in page["Aliases"]] == mine
        assert len(pages) == -(-len(mine) // limit)
        for page in pages:
            assert page["Truncated"] == (page is not pages[-1]) == ("NextMarker" in page)


def test_a_key_without_aliases(kms, new_key):
    answer = kms.list_aliases(KeyId=new_key)
    assert answer["Aliases"] == [] and answer["Truncated"] is False and "NextMarker" not in answer


def test_pages_have_fifty_and_at_most_a_hundred(kms):
    for _ in range(3):
        target = kms.create_key()["KeyMetadata"]["KeyId"]
        for i in range(40):
            kms.create_alias(AliasName=f"alias/page/{target}/{i}", TargetKeyId=target)
    for arguments, count in (({}, 50), ({"Limit": 99}, 99), ({"Limit": 100}, 100),
                             ({"Limit": 1000}, 100)):
        page = kms.list_aliases(**arguments)
        assert len(page["Aliases"]) == count and page["Truncated"] is True


def test_pages_under_changes(kms, name, new_key):
    """What stays is neither left out nor told twice, whatever comes and goes meanwhile."""
    stays = [f"{name}/{i:02}" for i in range(0, 20, 2)]
    for alias in stays:
        kms.create_alias(AliasName=alias, TargetKeyId=new_key)
    seen, marker = [], {}
    for i in range(1, 20, 2):
        page = kms.list_aliases(KeyId=new_key, Limit=2, **marker)
        seen += [entry["AliasName"] for entry in page["Aliases"]]
        if not page["Truncated"]:
            break
        marker = {"Marker": page["NextMarker"]}
        kms.create_alias(AliasName=f"{name}/{i:02}", TargetKeyId=new_key)
        if i > 2:
            kms.delete_alias(AliasName=f"{name}/{i - 2:02}")
    assert len(set(seen)) == len(seen)
    assert [alias for alias in seen if alias in stays] == stays


def test_markers_belong_to_their_list(kms, name, new_key, key):
    for part in "abc":
        kms.create_alias(AliasName=f"{name}/{part}", TargetKeyId=new_key)
    good = kms.list_aliases(KeyId=new_key, Limit=1)["NextMarker"]
    keys = kms.list_keys(Limit=1)["NextMarker"]
    for arguments in ({"Marker": good}, {"Marker": good, "KeyId": key},
                      {"Marker": keys}, {"Marker": good + "x", "KeyId": new_key},
                      {"Marker": good[1:], "KeyId": new_key}, {"Marker": "x", "KeyId": new_key}):
        assert refused(kms.list_aliases, **arguments)[0] == "InvalidMarkerException"


def test_lists_of_what_is_no_key(kms, name, key):
    unknown = str(uuid.uuid4())
    kms.create_alias(AliasName=name, TargetKeyId=key)
    assert refused(kms.list_aliases, KeyId=unknown) == (
        "NotFoundException", f"Key '{ARN}key/{unknown}' does not exist")
    assert refused(kms.list_aliases, KeyId="fake") == ("NotFoundException", "Invalid keyId 'fake'")
    assert refused(kms.list_aliases, KeyId=name) == ("NotFoundException", f"Invalid keyId '{name}'")
    assert refused(kms.list_aliases, KeyId=ARN + "grant/x")[0] == "InvalidArnException"
    assert refused(kms.list_aliases, KeyId=key.replace("111122223333", "444455556666"))[0] == \
        "AccessDeniedException"


# --- in place of a key ---


@pytest.fixture
def aliased(kms, name, key, other_key):
    """(alias of `key`, alias of `other_key`)"""
    kms.create_alias(AliasName=name, TargetKeyId=key)
    kms.create_alias(AliasName=name + "/other", TargetKeyId=other_key)
    return name, name + "/other"


@pytest.mark.parametrize("prefix", ["", ARN])
def test_every_operation_that_takes_an_alias(kms, aliased, key, other_key, prefix):
    mine, others = (prefix + alias for alias in aliased)
    assert kms.describe_key(KeyId=mine)["KeyMetadata"]["Arn"] == key
    sealed = kms.encrypt(KeyId=mine, Plaintext=b"x")
    assert sealed["KeyId"] == key
    for arguments in ({}, {"KeyId": mine}):
        opened = kms.decrypt(CiphertextBlob=sealed["CiphertextBlob"], **arguments)
        assert (opened["KeyId"], opened["Plaintext"]) == (key, b"x")
    moved = kms.re_encrypt(CiphertextBlob=sealed["CiphertextBlob"], SourceKeyId=mine,
                           DestinationKeyId=others)
    assert (moved["SourceKeyId"], moved["KeyId"]) == (key, other_key)
    assert kms.decrypt(CiphertextBlob=moved["CiphertextBlob"], KeyId=others)["Plaintext"] == b"x"
    made = kms.generate_data_key(KeyId=mine, KeySpec="AES_256")
    assert made["KeyId"] == key
    blind = kms.generate_data_key_without_plaintext(KeyId=mine, KeySpec="AES_256")
    assert blind["KeyId"] == key
    assert kms.decrypt(CiphertextBlob=made["CiphertextBlob"])["Plaintext"] == made["Plaintext"]


def test_an_alias_of_another_key(kms, aliased):
    mine, others = aliased
    sealed = kms.encrypt(KeyId=mine, Plaintext=b"x")["CiphertextBlob"]
    assert refused(kms.decrypt, CiphertextBlob=sealed, KeyId=others) == INCORRECT
    assert refused(kms.re_encrypt, CiphertextBlob=sealed, SourceKeyId=others,
                   DestinationKeyId=mine) == INCORRECT


def test_operations_that_take_no_alias(kms, aliased):
    for asked in (aliased[0], ARN + aliased[0]):
        for call in (kms.enable_key, kms.disable_key, kms.get_key_last_usage):
            assert refused(call, KeyId=asked) == ("NotFoundException", f"Invalid keyId '{asked}'")


def test_aliases_that_nobody_made(kms, key):
    sealed = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    for asked in ("alias/nobody", ARN + "alias/nobody"):
        for call, arguments in (
                (kms.describe_key, {"KeyId": asked}), (kms.encrypt, {"KeyId": asked, "Plaintext": b"x"}),
                (kms.decrypt, {"KeyId": asked, "CiphertextBlob": sealed}),
                (kms.re_encrypt, {"SourceKeyId": asked, "CiphertextBlob": sealed,
                                  "DestinationKeyId": key}),
                (kms.re_encrypt, {"CiphertextBlob": sealed, "DestinationKeyId": asked}),
                (kms.generate_data_key, {"KeyId": asked, "KeySpec": "AES_256"})):
            assert refused(call, **arguments) == missing("alias/nobody")


def test_aliases_of_elsewhere(kms, aliased):
    arn = ARN + aliased[0]
    assert refused(kms.encrypt, KeyId=arn.replace("us-east-1", "eu-west-1"), Plaintext=b"x") == (
        "NotFoundException", "Invalid arn eu-west-1")
    assert refused(kms.encrypt, KeyId=arn.replace("111122223333", "444455556666"),
                   Plaintext=b"x")[0] == "AccessDeniedException"


def test_a_change_takes_effect_with_the_next_request(kms, name, key, other_key):
    targets = (key, other_key)
    assert refused(kms.describe_key, KeyId=name) == missing(name)
    kms.create_alias(AliasName=name, TargetKeyId=key)
    for i in range(1, 30):
        for asked in (name, ARN + name):  # in memory from the first request on
            assert kms.encrypt(KeyId=asked, Plaintext=b"x")["KeyId"] == targets[(i + 1) % 2]
        kms.update_alias(AliasName=name, TargetKeyId=targets[i % 2])
    kms.describe_key(KeyId=name)
    kms.delete_alias(AliasName=name)
    for asked in (name, ARN + name):
        assert refused(kms.encrypt, KeyId=asked, Plaintext=b"x") == missing(name)
        assert refused(kms.describe_key, KeyId=asked) == missing(name)


def test_what_an_alias_encrypted_opens_wherever_it_points(kms, name, key, other_key):
    kms.create_alias(AliasName=name, TargetKeyId=key)
    sealed = kms.encrypt(KeyId=name, Plaintext=b"x")["CiphertextBlob"]
    kms.update_alias(AliasName=name, TargetKeyId=other_key)
    assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"x"
    assert refused(kms.decrypt, CiphertextBlob=sealed, KeyId=name) == INCORRECT


def test_aliases_survive_a_restart(own):
    kms = own.client()
    key = kms.create_key()["KeyMetadata"]["Arn"]
    kms.create_alias(AliasName="alias/stays", TargetKeyId=key)
    listed = kms.list_aliases()["Aliases"]
    own.daemon.stop()
    own.daemon.start()
    own.daemon.await_ready()
    assert kms.describe_key(KeyId="alias/stays")["KeyMetadata"]["Arn"] == key
    assert kms.list_aliases()["Aliases"] == listed


def test_another_daemon_on_the_same_store(own):
    """What one changes the other learns within its 50 ms, without being asked to forget."""
    second = own.add_daemon("second")
    second.start()
    second.await_ready()
    here, there = own.client(), own.client(second)
    keys = [here.create_key()["KeyMetadata"]["Arn"] for _ in range(2)]
    here.create_alias(AliasName="alias/both", TargetKeyId=keys[0])
    assert there.describe_key(KeyId="alias/both")["KeyMetadata"]["Arn"] == keys[0]
    here.update_alias(AliasName="alias/both", TargetKeyId=keys[1])
    limit = datetime.datetime.now() + datetime.timedelta(seconds=5)
    while there.describe_key(KeyId="alias/both")["KeyMetadata"]["Arn"] != keys[1]:
        assert datetime.datetime.now() < limit


# --- on record ---


def test_records_name_the_alias_and_its_keys(service, kms, name, key, other_key):
    kms.create_alias(AliasName=name, TargetKeyId=key)
    kms.encrypt(KeyId=name, Plaintext=b"x")
    kms.update_alias(AliasName=name, TargetKeyId=other_key)
    kms.encrypt(KeyId=ARN + name, Plaintext=b"x")
    kms.delete_alias(AliasName=name)
    refused(kms.create_alias, AliasName=name, TargetKeyId="fake")

    def resource(arn):
        kind = "Alias" if ":alias/" in arn else "Key"
        return {"accountId": "111122223333", "type": f"AWS::KMS::{kind}", "ARN": arn}

    told = [(r["eventName"], r["readOnly"], r["requestParameters"],
             r.get("resources", []), r.get("errorCode"))
            for r in service.daemon.audit_records()
            if r.get("requestParameters") and name in str(r["requestParameters"])]
    alias, one, two = resource(ARN + name), resource(key), resource(other_key)
    assert told == [
        ("CreateAlias", False, {"aliasName": name, "targetKeyId": key}, [alias, one], None),
        ("Encrypt", True, {"keyId": name}, [one], None),
        ("UpdateAlias", False, {"aliasName": name, "targetKeyId": other_key}, [alias, one, two],
         None),
        ("Encrypt", True, {"keyId": ARN + name}, [two], None),
        ("DeleteAlias", False, {"aliasName": name}, [alias, two], None),
        ("CreateAlias", False, {"aliasName": name, "targetKeyId": "fake"}, [], "NotFoundException"),
    ]
