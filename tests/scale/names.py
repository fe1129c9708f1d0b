# SPDX-License-Identifier: Apache-2.0
"""Calls that name one key of thousands, by its id and by an alias."""
import base64
import random

import pytest

from holdfast.crowd import caller

CALLS = 1000


def latency(values):
    ordered = sorted(values)
    return (f"p50 {1000 * ordered[len(ordered) // 2]:8.2f} ms"
            f"   p99 {1000 * ordered[int(len(ordered) * 0.99)]:8.2f} ms   ({len(ordered)} calls)")


@pytest.mark.parametrize("by", ["id", "alias"])
@pytest.mark.parametrize("operation", ["DescribeKey", "Encrypt"])
def test_a_call_finds_its_key(crowd, figure, operation, by):
    calls, chance, times = caller(crowd.installation), random.Random(7), []
    members = {"Plaintext": base64.b64encode(b"x" * 32).decode()} if operation == "Encrypt" else {}
    names = sorted(crowd.aliases)
    for _ in range(CALLS):
        alias = chance.choice(names)
        key = crowd.aliases[alias]
        took, answer = calls.timed(operation, KeyId=alias if by == "alias" else key, **members)
        times.append(took)
        told = answer["KeyMetadata"]["Arn"] if operation == "DescribeKey" else answer["KeyId"]
        assert told.endswith(f":key/{key}")
    calls.close()
    figure(f"{operation} by {by}", latency(times))


def test_any_key_of_all(crowd, figure):
    """Keys in no order, so that not all of them are at hand."""
    calls, chance, times = caller(crowd.installation), random.Random(8), []
    for key in chance.sample(crowd.ids, min(CALLS, crowd.count)):
        took, answer = calls.timed("DescribeKey", KeyId=key)
        times.append(took)
        assert answer["KeyMetadata"]["KeyId"] == key
    calls.close()
    figure("DescribeKey by id, each key for the first time", latency(times))
