# SPDX-License-Identifier: Apache-2.0
"""One key with thousands of grants to one user, each for another encryption context.

GRANTS_SCALE  how many: by default as many as keep this part short; a key may have 50,000
"""
import base64
import concurrent.futures
import os
import random

import pytest

from holdfast.admin import Admin
from holdfast.crowd import Caller, caller

COUNT = int(os.environ.get("GRANTS_SCALE", "2000"))
CREATORS = 4
CALLS = 500
PAGE = 100
PLAINTEXT = base64.b64encode(b"x" * 32).decode()


def median(values):
    return f"{1000 * sorted(values)[len(values) // 2]:8.2f} ms"


def context(number):
    return {"tenant": f"t-{number:06}", "app": "scale"}


def constraint(number):
    kind = ("EncryptionContextEquals", "EncryptionContextSubset")[number % 2]
    return {kind: context(number)}


@pytest.fixture(scope="module")
def grantee(crowd):
    """(ARN, a caller that signs as this user, who has no policies)"""
    arn, signer = Admin(crowd.installation).user("scale-grantee")
    exchange = crowd.installation.exchange()
    calls = Caller(exchange.address, signer, timeout=60.0)
    yield arn, calls
    calls.close()


def create(installation, key, arn, numbers):
    calls = caller(installation)
    for number in numbers:
        calls.must("CreateGrant", KeyId=key, GranteePrincipal=arn, Name=f"n-{number}",
                   Operations=["Encrypt", "Decrypt"], Constraints=constraint(number))
    calls.close()


def new_key(crowd):
    calls = caller(crowd.installation)
    key = calls.must("CreateKey")["KeyMetadata"]["KeyId"]
    calls.close()
    return key


@pytest.fixture(scope="module")
def full(crowd, grantee):
    key = new_key(crowd)
    with concurrent.futures.ThreadPoolExecutor(CREATORS) as pool:
        parts = [pool.submit(create, crowd.installation, key, grantee[0],
                             range(part, COUNT, CREATORS)) for part in range(CREATORS)]
        for part in parts:
            part.result()
    return key


def encrypts(calls, key, numbers):
    return [calls.timed("Encrypt", KeyId=key, Plaintext=PLAINTEXT,
                        EncryptionContext=context(number))[0] for number in numbers]


def test_a_call_finds_its_grant(crowd, figure, grantee, full):
    calls, chance = grantee[1], random.Random(9)
    first, = encrypts(calls, full, [COUNT - 1])
    many = encrypts(calls, full, [chance.randrange(COUNT) for _ in range(CALLS)])
    single = new_key(crowd)
    create(crowd.installation, single, grantee[0], [0])
    one = encrypts(calls, single, [0] * CALLS)
    figure(f"the first call on a key with {COUNT} grants", f"{1000 * first:8.2f} ms")
    figure(f"Encrypt by one of {COUNT} grants, by the only one", f"{median(many)} {median(one)}")
    refused = calls.call("Encrypt", {"KeyId": full, "Plaintext": PLAINTEXT,
                                     "EncryptionContext": {"tenant": "nobody", "app": "scale"}})
    assert refused.error == "AccessDeniedException"


def test_the_list_has_every_grant_once(crowd, full):
    calls, found, marker = caller(crowd.installation), [], {}
    while True:
        page = calls.must("ListGrants", KeyId=full, Limit=PAGE, **marker)
        found += page["Grants"]
        if not page["Truncated"]:
            break
        marker = {"Marker": page["NextMarker"]}
    calls.close()
    assert sorted(entry["Name"] for entry in found) == sorted(f"n-{i}" for i in range(COUNT))
    assert [e["GrantId"] for e in found] == sorted(e["GrantId"] for e in found)
    for entry in found[:PAGE]:
        assert entry["Constraints"] == constraint(int(entry["Name"][2:]))


def test_one_that_is_revoked_among_many(crowd, grantee, full):
    calls, owner = grantee[1], caller(crowd.installation)
    again = owner.must("CreateGrant", KeyId=full, GranteePrincipal=grantee[0], Name="n-0",
                       Operations=["Encrypt", "Decrypt"], Constraints=constraint(0))
    encrypts(calls, full, [0])
    owner.must("RevokeGrant", KeyId=full, GrantId=again["GrantId"])
    refused = calls.call("Encrypt", {"KeyId": full, "Plaintext": PLAINTEXT,
                                     "EncryptionContext": context(0)})
    assert refused.error == "AccessDeniedException"
    encrypts(calls, full, [1])
    owner.close()
