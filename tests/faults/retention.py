# SPDX-License-Identifier: Apache-2.0
"""Old segments of the audit log go, each after the record that says so, whenever the daemon dies."""
import os
import signal
import time

import pytest

from holdfast import wait_for
from holdfast.installation import write_file
from holdfast.tracing import killer

OLD = [f"audit-20250101T000000Z-{number:06d}.jsonl" for number in (1, 2, 3)]


@pytest.fixture
def aged(own):
    """The newest segment has a high number, and three that are a year old lie before it."""
    own.stop()
    audit = own.daemon.audit
    (first,) = [name for name in os.listdir(audit) if name.endswith(".jsonl")]
    os.rename(os.path.join(audit, first), os.path.join(audit, "audit-20260101T000000Z-000004.jsonl"))
    for name in OLD:
        path = write_file(os.path.join(audit, name), '{"eventName":"Old"}\n', 0o640)
        year_ago = time.time() - 365 * 86400
        os.utime(path, (year_ago, year_ago))
    return own


def keep_days(own, days):
    with open(own.daemon.settings, encoding="utf-8") as file:
        text = file.read()
    write_file(own.daemon.settings,
               text.replace("[audit]\n", f"[audit]\nkeep_days = {days}\n", 1))


def without_rule(own):
    """So that the start removes nothing before the next tracer is there."""
    with open(own.daemon.settings, encoding="utf-8") as file:
        text = file.read()
    write_file(own.daemon.settings, text.replace("keep_days = 30\n", ""))


def old_ones(own):
    return [name for name in OLD if os.path.exists(os.path.join(own.daemon.audit, name))]


def deletions(own):
    return [record["requestParameters"]["segment"] for record in own.daemon.audit_records()
            if record["eventName"] == "DeleteAuditSegment"]


def test_nothing_goes_by_default_and_a_reload_starts_it(aged):
    aged.start()
    time.sleep(0.5)
    assert old_ones(aged) == OLD
    keep_days(aged, 30)
    aged.daemon.signal(signal.SIGHUP)
    wait_for(lambda: old_ones(aged) == [], "the old segments are gone")
    assert deletions(aged) == OLD
    assert aged.daemon.read_log().count("audit.segment_removed") == 3


@pytest.mark.parametrize("name", ["unlinkat", "fsync", "fdatasync"])
def test_no_segment_is_gone_without_its_record(aged, tmp_path, name):
    aged.start()
    keep_days(aged, 30)
    killed = 0
    while old_ones(aged):
        with killer(aged.daemon.pid, tmp_path / f"{name}{killed}", name, 1 + killed % 3):
            aged.daemon.signal(signal.SIGHUP)
            wait_for(lambda: not aged.daemon.running() or not old_ones(aged), "killed or done")
        gone = set(OLD) - set(old_ones(aged))
        assert gone <= set(deletions(aged)), "a segment is gone, and nobody can tell why"
        if aged.daemon.running():
            break
        killed += 1
        aged.daemon.wait()
        without_rule(aged)
        aged.daemon.start()
        aged.daemon.await_ready()
        keep_days(aged, 30)
    assert killed >= 1
    assert set(deletions(aged)) == set(OLD) - set(old_ones(aged))
    assert old_ones(aged) == []


def test_a_disk_that_is_nearly_full_is_told_of(own):
    with open(own.daemon.settings, encoding="utf-8") as file:
        text = file.read()
    write_file(own.daemon.settings,
               text.replace("[audit]\n", "[audit]\nwarn_free_mib = 1073741824\n", 1))
    own.daemon.signal(signal.SIGHUP)
    wait_for(lambda: "audit.disk_nearly_full" in own.daemon.read_log(), "the warning")
