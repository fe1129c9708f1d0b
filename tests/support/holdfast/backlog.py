# SPDX-License-Identifier: Apache-2.0
"""Many keys whose rotation is due at once, because the clock was moved past the day of it."""
import concurrent.futures
import datetime
import os
import re
import struct
import time

from .clock import DAY
from .crowd import caller
from .installation import PROGRAMS
from .process import wait_for

SHIFT = os.path.join(os.path.dirname(PROGRAMS), "tests/bench/libclock_shift.so")

MAKERS = 4
PERIOD = 365
AHEAD = (PERIOD + 1) * DAY


class ShiftedClock:
    """As clock.Clock, and costs the programs nothing: tests/bench/clock_shift.c."""

    def __init__(self, path):
        self.path, self.ahead = str(path), 0
        with open(self.path, "wb") as file:
            file.write(bytes(8))
        self.environment = {"LD_PRELOAD": SHIFT, "CLOCK_SHIFT": self.path}

    def set(self, seconds):
        self.ahead = seconds
        with open(self.path, "r+b", buffering=0) as file:
            file.write(struct.pack("=q", seconds))

    def datetime(self):
        return datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=self.ahead)


class Backlog:
    """`count` keys that rotate by themselves; due[id]: when, as the service says. The daemon goes by
    a clock of its own from its next start on."""

    def __init__(self, installation, count):
        self.installation, self.count = installation, count
        self.due = {}
        self.clock = installation.clock = ShiftedClock(installation.path("clock"))
        for daemon in installation.daemons:
            daemon.environment.update(self.clock.environment)

    def begin(self):
        """The daemon again, by the clock."""
        self.installation.daemon.stop()
        self.installation.start()

    def make(self):
        with concurrent.futures.ThreadPoolExecutor(MAKERS) as pool:
            for part in pool.map(self.make_part, range(MAKERS)):
                self.due.update(part)

    def make_part(self, first):
        calls, made = caller(self.installation), {}
        for _ in range(first, self.count, MAKERS):
            key = calls.must("CreateKey")["KeyMetadata"]["KeyId"]
            calls.must("EnableKeyRotation", KeyId=key, RotationPeriodInDays=PERIOD)
            made[key] = calls.must("GetKeyRotationStatus", KeyId=key)["NextRotationDate"]
        calls.close()
        return made

    def come_due(self):
        self.clock.set(AHEAD)

    def go_back(self):
        """To now, when nothing is due; what was done stays."""
        self.clock.set(0)

    def done(self, kind="rotation"):
        """How many acts were done since the daemon began."""
        text = self.installation.daemon.get("/metrics")[1].decode()
        found = re.search(rf'^holdfast_due_done_total{{kind="{kind}"}} (\d+)', text, re.MULTILINE)
        return int(found.group(1)) if found else 0

    def end(self, keys):
        """Has keys deleted whose window is over when the daemon begins again: a clock that moves
        while it runs is not believed."""
        calls = caller(self.installation)
        for key in keys:
            calls.must("ScheduleKeyDeletion", KeyId=key, PendingWindowInDays=7)
        calls.close()

    def wait_until_done(self, timeout):
        """How many seconds that takes."""
        begin = time.monotonic()
        wait_for(lambda: self.done() >= self.count, "everything due is done", timeout, 0.2)
        return time.monotonic() - begin

    def rotated(self):
        """Ids of keys in the order in which the audit log says that they were rotated."""
        records = self.installation.daemon.audit_records()
        return [r["serviceEventDetails"]["keyId"] for r in records if r["eventName"] == "RotateKey"]

    def disorder(self, rotated):
        """How many of those were rotated after one that became due later."""
        out, latest = 0, 0
        for key in rotated:
            out += self.due[key] < latest
            latest = max(latest, self.due[key])
        return out
