# SPDX-License-Identifier: Apache-2.0
"""Time of day that a test moves while programs run (the release build: AddressSanitizer and
faketime do not mix). Steady and boot time stay what they are, as when somebody sets the clock of a
machine."""
import contextlib
import datetime
import os
import re
import threading

import botocore.auth

FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"
# Without the last one, timed waits for steady time end at once and are begun again: half a processor.
STEADY = {"LD_PRELOAD": FAKETIME, "FAKETIME_DONT_FAKE_MONOTONIC": "1",
          "FAKETIME_FORCE_MONOTONIC_FIX": "0"}
DAY = 86400

_signing = threading.local()


SHARED = re.compile(r"(?:faketime_shm|sem\.faketime_sem)_(\d+)")


def sweep():
    """Removes what faketime leaves in memory of each process that was killed."""
    for name in os.listdir("/dev/shm"):
        match = SHARED.fullmatch(name)
        if match and not os.path.exists(f"/proc/{match[1]}"):
            with contextlib.suppress(OSError):
                os.unlink(f"/dev/shm/{name}")


def _signing_time(now=botocore.auth.get_current_datetime, **options):
    return now(**options) + datetime.timedelta(seconds=getattr(_signing, "ahead", 0))


# What botocore signs with is asked here, so that a client of a moved installation can be ahead.
botocore.auth.get_current_datetime = _signing_time


class Clock:
    """A clock beside the machine's: `ahead` seconds of it, for all that run with `environment`."""

    def __init__(self, path):
        self.path = str(path)
        self.ahead = 0
        self.environment = {**STEADY, "FAKETIME_TIMESTAMP_FILE": self.path,
                            "FAKETIME_NO_CACHE": "1"}
        self.set(0)

    def set(self, seconds):
        """So far ahead of the machine's clock (behind: negative), at once and for all."""
        self.ahead = round(seconds)
        with open(self.path + ".new", "w", encoding="ascii") as file:
            file.write(f"{self.ahead:+d}\n")
        os.replace(self.path + ".new", self.path)

    def advance(self, seconds=0, days=0):
        self.set(self.ahead + days * DAY + seconds)

    def now(self):
        """Seconds since 1970, by this clock."""
        return self.datetime().timestamp()

    def datetime(self):
        return datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=self.ahead)

    @contextlib.contextmanager
    def elsewhere(self, seconds):
        """So far ahead for a while."""
        before = self.ahead
        self.set(seconds)
        try:
            yield self
        finally:
            self.set(before)

    def sign_with(self, client):
        """A boto3 client whose requests are signed with this clock's time; those of others are not."""
        events = client.meta.events
        events.register_first("before-sign", lambda **_: setattr(_signing, "ahead", self.ahead))
        events.register_first("before-send", lambda **_: setattr(_signing, "ahead", 0))
        return client
