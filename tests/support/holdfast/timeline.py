# SPDX-License-Identifier: Apache-2.0
"""An installation whose days pass at will: the released daemon is stopped, its clock (and that of its
clients) is moved on, and it is started again."""
import contextlib
import datetime
import json
import urllib.request

from .process import Deadline, wait_for

MINUTE = 1 / 1440  # as days
ONE_DAY = datetime.timedelta(days=1)


class Timeline:
    """The calendar of one installation. Its time only goes forward."""

    def __init__(self, installation):
        self.installation = installation
        self.clock = installation.clock or installation.with_clock()
        # It is moved while nobody runs, so the file need not be read at each look at the clock.
        for environment in (self.clock.environment, installation.daemon.environment):
            environment.pop("FAKETIME_NO_CACHE", None)
            environment["FAKETIME_CACHE_DURATION"] = "1"
        if installation.daemon.running():
            self.restart()

    @property
    def daemon(self):
        return self.installation.daemon

    def now(self):
        """What the daemon's clock shows."""
        return self.clock.datetime()

    def go_to(self, moment):
        """The daemon sleeps until then, and has looked once at what is due when this returns."""
        self.restart(max(0, (moment - self.now()).total_seconds()))

    def restart(self, asleep_s=0):
        self.daemon.stop()
        self.clock.advance(asleep_s)
        self.daemon.start()
        self.daemon.await_ready()
        wait_for(self.has_looked, "the scheduler has looked at what is due")

    def has_looked(self):
        """In its first round the scheduler removes sessions, then looks at keys."""
        listen = self.installation.extra.get("metrics", {}).get("listen")
        if listen is None:
            return True
        try:
            with urllib.request.urlopen(f"http://{listen}/metrics", timeout=5) as reply:
                return b'\nholdfast_due_done_total{kind="session"} 0\n' not in reply.read()
        except OSError:
            return False  # this door opens after the others

    def events(self):
        """What the file sink was told, in its order."""
        with open(self.installation.path("events.jsonl"), encoding="utf-8") as file:
            return [json.loads(line) for line in file]


class Story:
    """One key from its day 0 on, as the API tells it."""

    def __init__(self, calendar, key=None, client=None, **members):
        """Of a new key, or of `key`; told by `client`, or by the administrator's."""
        self.calendar = calendar
        self.kms = client or calendar.installation.client()
        self.begin = calendar.now()
        self.key = key or self.kms.create_key(**members)["KeyMetadata"]["Arn"]
        self.id = self.key.rpartition("/")[2]

    def day(self, number):
        """The whole of the day before has passed, and a few seconds of this one."""
        # What was asked for on a day was asked for some seconds after it had begun.
        self.calendar.go_to(self.begin + number * ONE_DAY + datetime.timedelta(seconds=10))

    def day_of(self, moment):
        """A moment as the number of its day."""
        return (moment - self.begin) // ONE_DAY

    def status(self):
        return self.kms.get_key_rotation_status(KeyId=self.key)

    def next_day(self):
        return self.day_of(self.status()["NextRotationDate"])

    def rotations(self):
        """[(day, type)] of all that were done, the first one first."""
        pages = self.kms.get_paginator("list_key_rotations").paginate(KeyId=self.key)
        found = [(entry["RotationDate"], entry["RotationType"])
                 for page in pages for entry in page["Rotations"]]
        return [(self.day_of(moment), kind) for moment, kind in sorted(found)]

    def await_rotations(self, *expected):
        """Exactly these (days of automatic ones, or pairs), soon or already."""
        pairs = [one if isinstance(one, tuple) else (one, "AUTOMATIC") for one in expected]
        with contextlib.suppress(Deadline):
            wait_for(lambda: self.rotations() == pairs, "the rotation", pause=0.05)
        assert self.rotations() == pairs

    def encrypt(self, text):
        return self.kms.encrypt(KeyId=self.key, Plaintext=text)["CiphertextBlob"]

    def opens(self, blob, text):
        opened = self.kms.decrypt(CiphertextBlob=blob)
        return (opened["Plaintext"], opened["KeyId"]) == (text, self.key)

    def material(self):
        """The id of the key material that encrypts today."""
        return self.kms.describe_key(KeyId=self.key)["KeyMetadata"]["CurrentKeyMaterialId"]

    def events(self, name, count=1):
        """The events of that detail-type about the key, once there are so many."""
        return self.once(count, lambda: [
            event for event in self.calendar.events()
            if event["detail-type"] == name and event["resources"] == [self.key]])

    def records(self, name, count=1):
        """Audit records of an event about the key, once there are so many. What the service does by
        itself is seen a moment before it is on record."""
        return self.once(count, lambda: [
            record for record in self.calendar.daemon.audit_records()
            if record["eventName"] == name
            and any(self.key == one["ARN"] for one in record.get("resources") or [])])

    @staticmethod
    def once(count, look):
        wait_for(lambda: len(look()) >= count, f"{count} of them")
        found = look()
        assert len(found) == count, found
        return found
