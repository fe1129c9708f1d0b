# SPDX-License-Identifier: Apache-2.0
"""Lists of thousands: everything that stays is told exactly once, in order, while clients make and
remove what stands beside it."""
import pytest

from holdfast.crowd import Changes, caller

ROUNDS = 3


def percentile(values, part):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def latency(values):
    return (f"p50 {1000 * percentile(values, 0.5):8.2f} ms   p99 {1000 * percentile(values, 0.99):8.2f} ms"
            f"   ({len(values)} calls)")


@pytest.fixture
def calls(crowd):
    made = caller(crowd.installation)
    yield made
    made.close()


def walk(calls, operation, member, limit, **members):
    """All entries of a list, page by page: (entries, seconds of each page)."""
    entries, times, marker = [], [], {}
    while True:
        took, page = calls.timed(operation, Limit=limit, **members, **marker)
        entries += page[member]
        times.append(took)
        if not page["Truncated"]:
            return entries, times
        assert len(page[member]) == limit
        marker = {"Marker": page["NextMarker"]}


def assert_whole(told, stays):
    """What stays is told, and nothing is told twice."""
    assert len(told) == len(set(told))
    assert set(stays) <= set(told)


def changed(changes):
    assert changes.failures == []
    assert changes.total() > 0


@pytest.mark.parametrize("limit", [1000, 100])
def test_keys(crowd, calls, figure, limit):
    times = []
    with Changes(crowd) as changes:
        for _ in range(ROUNDS):
            entries, took = walk(calls, "ListKeys", "Keys", limit)
            times += took
            assert_whole([entry["KeyId"] for entry in entries], crowd.ids)
            told = [entry["KeyId"] for entry in entries]
            assert told == sorted(told)
    changed(changes)
    figure(f"ListKeys, pages of {limit}, under changes", latency(times))
    figure("  changes meanwhile", changes.total())


def test_keys_at_rest(crowd, calls, figure):
    entries, times = walk(calls, "ListKeys", "Keys", 1000)
    assert_whole([entry["KeyId"] for entry in entries], crowd.ids)
    figure("ListKeys, pages of 1000, nothing else", latency(times))


def test_aliases(crowd, calls, figure):
    times = []
    with Changes(crowd) as changes:
        for _ in range(ROUNDS):
            entries, took = walk(calls, "ListAliases", "Aliases", 100)
            times += took
            told = [entry["AliasName"] for entry in entries]
            assert_whole(told, crowd.aliases)
            assert told == sorted(told)
            for entry in entries:
                stays = crowd.aliases.get(entry["AliasName"])
                assert stays is None or stays == entry["TargetKeyId"]
    changed(changes)
    figure("ListAliases, pages of 100, under changes", latency(times))


def test_aliases_of_one_key(crowd, calls, figure):
    times = []
    with Changes(crowd) as changes:
        for number in crowd.named:
            key = crowd.ids[number]
            entries, took = walk(calls, "ListAliases", "Aliases", 7, KeyId=key)
            times += took
            assert {entry["TargetKeyId"] for entry in entries} == {key}
            assert_whole([entry["AliasName"] for entry in entries],
                         [name for name, target in crowd.aliases.items() if target == key])
    changed(changes)
    figure("ListAliases of one key, pages of 7, under changes", latency(times))


def test_tags(crowd, calls, figure):
    times = []
    with Changes(crowd) as changes:
        for number in crowd.tagged:
            entries, took = walk(calls, "ListResourceTags", "Tags", 7, KeyId=crowd.ids[number])
            times += took
            told = {entry["TagKey"]: entry["TagValue"] for entry in entries}
            assert len(told) == len(entries)
            assert told.items() >= crowd.tags[number].items()
            assert set(told.values()) <= {f"{number}", "passing"}
    changed(changes)
    figure("ListResourceTags, pages of 7, under changes", latency(times))
