# SPDX-License-Identifier: Apache-2.0
"""ListKeys, page by page."""
import base64

import pytest

COUNT = 23


@pytest.fixture(scope="module")
def many(service, kms):
    """At least COUNT keys, whatever else is there."""
    for _ in range(COUNT):
        kms.create_key()
    return service


def pages(kms, limit):
    out, marker = [], {}
    while True:
        page = kms.list_keys(Limit=limit, **marker)
        out.append(page)
        if not page["Truncated"]:
            assert "NextMarker" not in page
            return out
        assert len(page["Keys"]) == limit
        marker = {"Marker": page["NextMarker"]}


def test_entries_and_members(many, kms):
    page = kms.list_keys(Limit=1000)
    assert set(page) - {"ResponseMetadata"} == {"Keys", "Truncated"}
    assert page["Truncated"] is False and len(page["Keys"]) >= COUNT
    for entry in page["Keys"]:
        assert set(entry) == {"KeyArn", "KeyId"}
        assert entry["KeyArn"] == f"arn:aws:kms:us-east-1:111122223333:key/{entry['KeyId']}"


@pytest.mark.parametrize("limit", [1, 2, 7, 1000])
def test_every_page_size_gives_the_same_keys_in_the_same_order(many, kms, limit):
    whole = kms.list_keys(Limit=1000)["Keys"]
    assert [key for page in pages(kms, limit) for key in page["Keys"]] == whole
    assert len({key["KeyId"] for key in whole}) == len(whole)


def test_a_last_page_that_is_just_full(many, kms):
    count = len(kms.list_keys(Limit=1000)["Keys"])
    assert len(pages(kms, count)) == 1


def test_the_default_page_has_a_hundred(many, kms):
    while len(kms.list_keys(Limit=1000)["Keys"]) <= 100:
        kms.create_key()
    page = kms.list_keys()
    assert len(page["Keys"]) == 100 and page["Truncated"] is True


def test_botocores_own_paginator(many, kms):
    found = [key for page in kms.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 5})
             for key in page["Keys"]]
    assert found == kms.list_keys(Limit=1000)["Keys"]


def test_keys_made_meanwhile_do_not_repeat_others(many, kms):
    first = kms.list_keys(Limit=5)
    kms.create_key()
    rest = kms.list_keys(Limit=1000, Marker=first["NextMarker"])["Keys"]
    assert not {key["KeyId"] for key in first["Keys"]} & {key["KeyId"] for key in rest}


def test_made_up_markers(many, kms):
    good = kms.list_keys(Limit=1)["NextMarker"]
    changed = good[:-2] + ("AA" if good[-2:] != "AA" else "BB")
    for marker in ("x", "0", "a" * 1024, changed, good + "x", good[1:],
                   base64.b64encode(b"\0" * 16).decode()):
        with pytest.raises(kms.exceptions.InvalidMarkerException):
            kms.list_keys(Marker=marker)
