# SPDX-License-Identifier: Apache-2.0
"""Hundreds of keys whose rotation is due at once: each is rotated once, those that were due first
come first, and what was encrypted before is decrypted as before."""
import base64
import os
import tempfile

import pytest

from holdfast.backlog import Backlog
from holdfast.crowd import caller
from holdfast.installation import free_port, running

KEYS = int(os.environ.get("SCALE_DUE_KEYS", "300"))
SHARE = 80  # percent: there are no callers to be spared
DONE_WITHIN_S = 120
SAMPLE = 50


@pytest.fixture(scope="module")
def backlog(place):
    with tempfile.TemporaryDirectory(prefix="holdfast-due-", dir=place) as directory:
        settings = {"log": {"level": "info"}, "scheduler": {"share_percent": SHARE},
                    "health": {"listen": f"127.0.0.1:{free_port()}"}}
        with running(directory, settings=settings) as installation:
            made = Backlog(installation, KEYS)
            made.begin()
            made.make()
            yield made


def sample_of(backlog):
    return list(backlog.due)[::max(1, backlog.count // SAMPLE)]


def test_a_backlog_is_done_once_and_in_order(backlog, figure):
    calls = caller(backlog.installation)
    sealed = {key: calls.must("Encrypt", KeyId=key, Plaintext=base64.b64encode(key.encode()).decode())
              for key in sample_of(backlog)}
    before = {key: calls.must("DescribeKey", KeyId=key)["KeyMetadata"] for key in sealed}
    assert backlog.rotated() == []
    backlog.come_due()
    took = backlog.wait_until_done(DONE_WITHIN_S)
    rotated = backlog.rotated()
    assert sorted(rotated) == sorted(backlog.due)
    assert backlog.disorder(rotated) == 0
    calls.close()
    calls = caller(backlog.installation)
    for key, answer in sealed.items():
        opened = calls.must("Decrypt", CiphertextBlob=answer["CiphertextBlob"])
        assert base64.b64decode(opened["Plaintext"]).decode() == key
        after = calls.must("DescribeKey", KeyId=key)["KeyMetadata"]
        assert after.pop("CurrentKeyMaterialId") != before[key].pop("CurrentKeyMaterialId")
        assert after == before[key]
    calls.close()
    figure(f"{KEYS} rotations due at once, done at {SHARE} % of the time", f"{took:.1f} s")


def test_nothing_is_due_afterwards(backlog):
    calls = caller(backlog.installation)
    for key in sample_of(backlog):
        status = calls.must("GetKeyRotationStatus", KeyId=key)
        assert status["NextRotationDate"] > backlog.clock.datetime().timestamp()
        assert len(calls.must("ListKeyRotations", KeyId=key)["Rotations"]) == 1
    calls.close()
    assert backlog.done() == KEYS
