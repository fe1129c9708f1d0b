# SPDX-License-Identifier: Apache-2.0
"""Tags: their rules, in the words of TagException, and ListResourceTags, page by page."""
import json

import pytest

KEYS = [f"k{i:02}" for i in range(50)]


def tags(*names, value="v"):
    return [{"TagKey": name, "TagValue": value} for name in names]


def listed(kms, key):
    answer = kms.list_resource_tags(KeyId=key)
    assert answer["Truncated"] is False
    return {tag["TagKey"]: tag["TagValue"] for tag in answer["Tags"]}


def refused(service, operation, **body):
    reply = service.exchange().call(operation, body)
    assert reply.status == 400, reply.body
    return reply.error, reply.message


@pytest.fixture
def bare(kms):
    return kms.create_key()["KeyMetadata"]["Arn"]


@pytest.fixture(scope="module")
def full(kms):
    return kms.create_key(Tags=tags(*reversed(KEYS)))["KeyMetadata"]["Arn"]


def test_a_key_is_made_with_its_tags(kms):
    key = kms.create_key(Tags=tags("b", "a") + tags("c", value=""))["KeyMetadata"]["KeyId"]
    assert kms.list_resource_tags(KeyId=key)["Tags"] == tags("a", "b") + tags("c", value="")


def test_tags_are_added_changed_and_removed(service, kms, bare):
    exchange = service.exchange()
    assert listed(kms, bare) == {}
    reply = exchange.call("TagResource", {"KeyId": bare, "Tags": tags("tag1", "tag2", "tag3")})
    assert (reply.status, reply.body) == (200, b"")
    kms.tag_resource(KeyId=bare, Tags=tags("tag2", value="updated") + tags("tag4", "tag5"))
    assert listed(kms, bare) == {"tag1": "v", "tag2": "updated", "tag3": "v", "tag4": "v", "tag5": "v"}
    reply = exchange.call("UntagResource", {"KeyId": bare, "TagKeys": ["tag1", "tag4", "never there"]})
    assert (reply.status, reply.body) == (200, b"")
    assert listed(kms, bare) == {"tag2": "updated", "tag3": "v", "tag5": "v"}


def test_tags_of_one_key_are_not_anothers(kms, bare, other_key):
    before = listed(kms, other_key)
    kms.tag_resource(KeyId=bare, Tags=tags("mine"))
    assert listed(kms, other_key) == before
    kms.untag_resource(KeyId=other_key, TagKeys=["mine"])
    assert listed(kms, bare) == {"mine": "v"}


def test_no_tags_change_nothing(kms, bare):
    kms.tag_resource(KeyId=bare, Tags=[])
    kms.untag_resource(KeyId=bare, TagKeys=[])
    assert listed(kms, bare) == {}


def test_keys_of_tags_are_told_apart_by_case_and_keep_their_characters(kms, bare):
    kept = tags("A", "a", " ", "Größe ✓", "😀" * 128) + tags("long", value="漢" * 256)
    kms.tag_resource(KeyId=bare, Tags=kept)
    assert listed(kms, bare) == {tag["TagKey"]: tag["TagValue"] for tag in kept}
    kms.untag_resource(KeyId=bare, TagKeys=["a", "😀" * 128])
    assert set(listed(kms, bare)) == {"A", " ", "Größe ✓", "long"}


@pytest.mark.parametrize("name", ["aws:key1", "AWS:key1", "Aws:", "aWs:x"])
def test_reserved_keys(service, bare, name):
    expected = ("TagException", "Tags beginning with aws: are reserved")
    assert refused(service, "CreateKey", Tags=tags(name)) == expected
    assert refused(service, "TagResource", KeyId=bare, Tags=tags("a", name)) == expected
    assert refused(service, "UntagResource", KeyId=bare, TagKeys=["a", name]) == expected


@pytest.mark.parametrize("name", ["aws", "awsx:", "x-aws:", " aws:"])
def test_keys_that_only_look_reserved(kms, bare, name):
    kms.tag_resource(KeyId=bare, Tags=tags(name))
    assert listed(kms, bare) == {name: "v"}


def test_the_same_key_twice(service, kms, bare):
    expected = ("TagException", "Duplicate tag keys")
    twice = tags("a") + tags("b") + tags("a", value="other")
    assert refused(service, "CreateKey", Tags=twice) == expected
    assert refused(service, "TagResource", KeyId=bare, Tags=twice) == expected
    assert refused(service, "UntagResource", KeyId=bare, TagKeys=["a", "b", "a"]) == expected
    assert listed(kms, bare) == {}


def test_too_many_in_one_request(service, kms, bare):
    expected = ("TagException", "Too many tags")
    names = [*KEYS, "one more"]
    assert refused(service, "CreateKey", Tags=tags(*names)) == expected
    assert refused(service, "TagResource", KeyId=bare, Tags=tags(*names)) == expected
    assert refused(service, "UntagResource", KeyId=bare, TagKeys=names) == expected
    assert listed(kms, bare) == {}


def test_too_many_in_all(service, kms, bare):
    kms.tag_resource(KeyId=bare, Tags=tags(*KEYS[:49]))
    assert refused(service, "TagResource", KeyId=bare, Tags=tags("x", "y")) == (
        "LimitExceededException", "Too many tags")
    assert set(listed(kms, bare)) == set(KEYS[:49])
    kms.tag_resource(KeyId=bare, Tags=tags("x"))
    kms.tag_resource(KeyId=bare, Tags=tags(*KEYS[:49], value="changed"))  # none of them is new
    assert refused(service, "TagResource", KeyId=bare, Tags=tags("y"))[0] == "LimitExceededException"
    kms.untag_resource(KeyId=bare, TagKeys=["x"])
    kms.tag_resource(KeyId=bare, Tags=tags("y"))
    assert len(listed(kms, bare)) == 50


def test_a_refused_key_is_not_made(service, kms):
    before = kms.list_keys(Limit=1000)["Keys"]
    refused(service, "CreateKey", Tags=tags("aws:x"))
    assert kms.list_keys(Limit=1000)["Keys"] == before


# --- pages ---


def pages(kms, key, limit):
    out, marker = [], {}
    while True:
        page = kms.list_resource_tags(KeyId=key, Limit=limit, **marker)
        out.append([tag["TagKey"] for tag in page["Tags"]])
        if not page["Truncated"]:
            assert "NextMarker" not in page
            return out
        marker = {"Marker": page["NextMarker"]}


@pytest.mark.parametrize("limit", [1, 7, 25, 49, 50, 51, 1000])
def test_every_page_size_gives_the_same_tags_in_the_same_order(kms, full, limit):
    found = pages(kms, full, limit)
    assert [name for page in found for name in page] == KEYS
    assert all(len(page) == min(limit, 50) for page in found[:-1])
    assert len(found) == -(-50 // min(limit, 50))


def test_the_default_page_has_fifty(kms, full):
    page = kms.list_resource_tags(KeyId=full)
    assert len(page["Tags"]) == 50 and page["Truncated"] is False and "NextMarker" not in page


def test_botocores_own_paginator(kms, full):
    paginator = kms.get_paginator("list_resource_tags").paginate(KeyId=full,
                                                                 PaginationConfig={"PageSize": 9})
    assert [tag["TagKey"] for page in paginator for tag in page["Tags"]] == KEYS


def test_tags_that_come_and_go_meanwhile(kms, bare):
    kms.tag_resource(KeyId=bare, Tags=tags(*KEYS[10:20]))
    first = kms.list_resource_tags(KeyId=bare, Limit=5)
    kms.tag_resource(KeyId=bare, Tags=tags(KEYS[0], KEYS[30]))
    kms.untag_resource(KeyId=bare, TagKeys=[KEYS[14], KEYS[16]])  # the last one told, and a later one
    rest = kms.list_resource_tags(KeyId=bare, Marker=first["NextMarker"])["Tags"]
    assert [tag["TagKey"] for tag in rest] == [KEYS[15], *KEYS[17:20], KEYS[30]]


def test_the_longest_key_fits_into_a_marker(kms, bare):
    kms.tag_resource(KeyId=bare, Tags=tags("😀" * 127 + "1", "😀" * 127 + "2"))
    first = kms.list_resource_tags(KeyId=bare, Limit=1)
    assert len(first["NextMarker"]) <= 1024
    rest = kms.list_resource_tags(KeyId=bare, Limit=1, Marker=first["NextMarker"])
    assert rest["Tags"] == tags("😀" * 127 + "2") and rest["Truncated"] is False


def test_markers_of_other_lists_and_keys(kms, full, bare):
    kms.tag_resource(KeyId=bare, Tags=tags("a", "b"))
    good = kms.list_resource_tags(KeyId=bare, Limit=1)["NextMarker"]
    keys = kms.list_keys(Limit=1)["NextMarker"]
    for key, marker in ((full, good), (bare, keys), (bare, good[:-4] + "AAAA"), (bare, "x")):
        with pytest.raises(kms.exceptions.InvalidMarkerException):
            kms.list_resource_tags(KeyId=key, Marker=marker)
    with pytest.raises(kms.exceptions.InvalidMarkerException):
        kms.list_keys(Marker=good)


# --- the record ---


def test_changes_are_recorded_as_cloudtrail_does(service, kms, bare):
    kms.tag_resource(KeyId=bare, Tags=tags("a"))
    kms.untag_resource(KeyId=bare, TagKeys=["a"])
    records = {record.get("eventName"): record for record in service.daemon.audit_records()
               if bare in json.dumps(record.get("resources"))}
    assert records["TagResource"]["requestParameters"] == {
        "keyId": bare, "tags": [{"tagKey": "a", "tagValue": "v"}]}
    assert records["UntagResource"]["requestParameters"] == {"keyId": bare, "tagKeys": ["a"]}
    for name in ("TagResource", "UntagResource"):
        assert records[name]["responseElements"] == {"keyId": bare}
        assert records[name]["readOnly"] is False
