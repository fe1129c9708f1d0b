# SPDX-License-Identifier: Apache-2.0
"""Somebody sets the clock: nothing is destroyed until it is right again, or an operator says that it
is. The time of day of the real daemon is moved; boot time is not."""
import json
import os
import re
import signal
import time
import urllib.request

import pytest
from botocore.exceptions import ClientError

from holdfast import wait_for
from holdfast.clock import DAY
from holdfast.installation import free_port, write_file

HOUR = 3600


@pytest.fixture
def own(make):
    """With a clock that can be moved, and metrics."""
    port = free_port()
    installation = make(settings={"metrics": {"listen": f"127.0.0.1:{port}"},
                                  "audit": {"keep_days": "20", "warn_free_mib": "0"}})
    installation.metrics = f"http://127.0.0.1:{port}/metrics"
    installation.daemon.stop()
    installation.with_clock()
    return installation.start()


def again(own):
    own.daemon.stop()
    own.start()


def holdfast(own, *arguments):
    return own.run("holdfast", *arguments, "--socket", own.daemon.admin, check=False)


def shown(own):
    ran = holdfast(own, "clock", "show", "--json")
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def state(own):
    return shown(own)["State"]


def accept(own):
    ran = holdfast(own, "clock", "accept")
    assert ran.returncode == 0 and "destroyed for good" in ran.stdout, ran.stdout + ran.stderr


def status_row(own, name="clock"):
    rows = json.loads(holdfast(own, "status", "--json").stdout)["Checks"]
    return next(row for row in rows if row["Name"] == name)


def metric(own, name):
    with urllib.request.urlopen(own.metrics, timeout=5) as reply:
        text = reply.read().decode()
    return float(re.search(rf"^{name} (\S+)$", text, re.MULTILINE).group(1))


def logged(own, event):
    return [line for line in own.daemon.read_log().splitlines() if f" {event} " in line]


def test_set_ahead_it_is_held_over_restarts_until_accepted(own):
    assert state(own) == "trusted" and status_row(own)["Level"] == "ok"
    assert metric(own, "holdfast_clock_trusted") == 1
    own.clock.advance(days=30)
    told = shown(own)
    assert (told["Trusted"], told["State"], told["Destruction"]) == (False, "apart", "held")
    assert abs(told["OffsetSeconds"] - 30 * DAY) < 60 and "holdfast clock accept" in told["Remedy"]
    row = status_row(own)
    assert row["Level"] == "warning" and "nothing is destroyed" in row["Detail"]
    assert "holdfast clock accept" in row["Remedy"]
    wait_for(lambda: metric(own, "holdfast_clock_trusted") == 0, "the metric tells of it")
    assert abs(metric(own, "holdfast_clock_offset_seconds") - 30 * DAY) < 60
    wait_for(lambda: "HeldSince" in shown(own), "the hold is stored")
    again(own)
    assert state(own) == "apart"
    accept(own)
    assert state(own) == "trusted"
    wait_for(lambda: metric(own, "holdfast_clock_trusted") == 1, "the metric tells of it")
    again(own)
    assert state(own) == "trusted"
    assert len(logged(own, "clock.accepted")) == 1
    records = [r for r in own.daemon.audit_records() if r["eventName"] == "AcceptClock"]
    assert len(records) == 1 and records[0]["userIdentity"]["type"] == "Operator"
    assert records[0]["responseElements"]["stateBefore"] == "apart"
    assert records[0]["responseElements"]["acceptedTime"][:10] == f"{own.clock.datetime():%Y-%m-%d}"


def test_set_right_again_nobody_need_accept(own):
    own.clock.advance(seconds=-2 * HOUR)
    wait_for(lambda: "HeldSince" in shown(own), "the hold is stored")
    own.clock.set(0)
    assert state(own) == "trusted"
    wait_for(lambda: "HeldSince" not in shown(own), "the hold has ended")
    again(own)
    assert state(own) == "trusted"


def test_across_a_downtime(own):
    own.daemon.stop()
    own.clock.advance(days=399)
    own.start()
    assert state(own) == "trusted"
    assert 'days=399' in logged(own, "clock.gap")[0] or 'days=398' in logged(own, "clock.gap")[0]
    own.daemon.stop()
    own.clock.advance(days=401)
    own.start()
    assert state(own) == "gap"
    own.daemon.stop()
    own.clock.advance(days=-402)
    own.start()
    assert state(own) == "behind"
    own.clock.advance(days=1, seconds=HOUR)  # set right, as a time server does after the start
    assert state(own) == "trusted"


def put_off(own):
    """The deletion is due, and the clock keeps it."""
    told = json.loads(holdfast(own, "status", "--json").stdout)["Due"]["Deletion"]
    return told["Due"] == 1 and told.get("PutOff") == "E_CLOCK_UNTRUSTED"


def gone(kms, key):
    try:
        kms.describe_key(KeyId=key)
    except ClientError as error:
        return error.response["Error"]["Code"] == "NotFoundException"
    return False


def test_a_key_is_not_destroyed_early(own):
    kms = own.client()
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    own.clock.advance(days=8)
    wait_for(lambda: put_off(own), "the deletion is due")
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingDeletion"
    again(own)
    wait_for(lambda: put_off(own), "the deletion is due after a restart")
    kms.cancel_key_deletion(KeyId=key)  # it has not begun
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    own.clock.advance(days=8)
    wait_for(lambda: put_off(own), "the deletion is due again")
    accept(own)
    wait_for(lambda: gone(kms, key), "the key is destroyed")


def put_old_segment(own, days):
    """Before the one that is being written, with a last record so many days old."""
    audit = own.daemon.audit
    (first,) = [name for name in os.listdir(audit) if name.endswith(".jsonl")]
    os.rename(os.path.join(audit, first), os.path.join(audit, "audit-20260101T000000Z-000002.jsonl"))
    path = write_file(os.path.join(audit, "audit-20250101T000000Z-000001.jsonl"),
                      '{"eventName":"Old"}\n', 0o640)
    then = time.time() - days * DAY
    os.utime(path, (then, then))
    return path


def look_over(own):
    """Settings read again are a round of the keeper's."""
    before = len(logged(own, "settings.reloaded"))
    own.daemon.signal(signal.SIGHUP)
    wait_for(lambda: len(logged(own, "settings.reloaded")) > before, "the settings are read again")


def test_audit_files_do_not_age_by_a_clock_that_was_set(own):
    own.daemon.stop()
    old = put_old_segment(own, 10)  # keep_days is 20
    own.start()
    own.clock.advance(days=30)
    look_over(own)
    wait_for(lambda: "because of its age" in status_row(own, "audit files")["Detail"], "it is told")
    assert os.path.exists(old)
    accept(own)
    look_over(own)
    wait_for(lambda: not os.path.exists(old), "the old one is removed")
