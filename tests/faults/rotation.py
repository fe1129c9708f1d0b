# SPDX-License-Identifier: Apache-2.0
"""A rotation killed at each step is done once or not at all, and never twice.

strace kills holdfast-token's worker, or holdfastd, at its n-th system call that changes a file or
talks to the other process; n goes through the steps of a rotation, of one key for each kill. A
rotation that was accepted - its RotateKeyOnDemand is on record, or its day has come - is finished
without a hand being moved. After it there is one current version, one RotateKey record, one object on
the token for each version and no other, and no intent; the ciphertexts of before and after open.
"""
import collections
import sqlite3
import threading

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from holdfast import wait_for
from holdfast.installation import write_file
from holdfast.objects import token_objects
from holdfast.process import alive
from holdfast.timeline import Timeline
from holdfast.tracing import killer, sequence, steps

TOKEN_STEPS_MAX, DAEMON_STEPS_MAX = 20, 30  # spread over them, when there are more
TOKEN_CALLS = "openat,write,ftruncate,fsync,fdatasync,rename,unlink,sendto,sendmsg"
DAEMON_CALLS = "openat,write,pwrite64,ftruncate,fsync,fdatasync,rename,unlink,sendto,sendmsg"
PERIOD_DAYS = 90
# What a kill left is done at once; but not while the steps of one rotation are counted, or the
# scheduler, which need not wait for who asked, makes an object of its own in the middle of them.
QUICK, SLOW = "interval_ms = 50\n", "interval_ms = 60000\n"


@pytest.fixture
def slow(make):
    return make(settings={"scheduler": {"interval_ms": 60000, "share_percent": 100}})


@pytest.fixture
def quick(slow):
    hasten(slow)
    return slow


def hasten(own):
    """From its next start on the scheduler looks all the time."""
    own.daemon.stop()
    with open(own.daemon.settings, encoding="utf-8") as file:
        text = file.read()
    assert SLOW in text
    write_file(own.daemon.settings, text.replace(SLOW, QUICK))
    own.start()


class Letter:
    """A key, and a ciphertext from before its rotation."""

    def __init__(self, kms, **members):
        self.key = kms.create_key(**members)["KeyMetadata"]["Arn"]
        self.id = self.key.rpartition("/")[2]
        self.sealed = [kms.encrypt(KeyId=self.key, Plaintext=b"before")["CiphertextBlob"]]
        self.accepted = False

    def rotate(self, kms):
        try:
            kms.rotate_key_on_demand(KeyId=self.key)
            self.accepted = True
        except (ClientError, BotoCoreError):
            pass  # it may have been accepted all the same: the log knows

    def use(self, kms):
        """What was encrypted ever opens; and encrypting goes on."""
        self.sealed.append(kms.encrypt(KeyId=self.key, Plaintext=b"after")["CiphertextBlob"])
        opened = [kms.decrypt(CiphertextBlob=blob)["Plaintext"] for blob in self.sealed]
        assert opened == [b"before"] + [b"after"] * (len(opened) - 1)

    def materials(self, kms):
        listed = kms.list_key_rotations(KeyId=self.key, IncludeKeyMaterial="ALL_KEY_MATERIAL")
        return [one["KeyMaterialState"] for one in listed["Rotations"]]


def successes(own, name):
    """{key: how many} records of an event that was no failure; each event stands there once."""
    records = [record for record in own.daemon.audit_records()
               if record["eventName"] == name and not record.get("errorCode")]
    assert len({record["eventID"] for record in records}) == len(records)
    return collections.Counter(record["resources"][0]["ARN"] for record in records)


def check_store(own, letters):
    """Everything stopped: no intent is left, and the token has the store's versions, no more."""
    with sqlite3.connect(own.store) as connection:
        assert connection.execute("SELECT count(*) FROM intents").fetchone() == (0,)
        versions = {(key_id.hex(), number) for key_id, number in
                    connection.execute("SELECT key_id, number FROM versions")}
        current = dict(connection.execute("SELECT hex(key_id), current_version FROM keys"))
    # SoftHSM leaves files of objects that never came to be: no id, no label, no value.
    labels = [one["label"].split(":") for one in token_objects(own) if one["label"].count(":") == 3]
    assert sorted((key.replace("-", ""), int(number)) for _, _, key, number in labels) == sorted(
        versions)
    for letter in letters:
        name = letter.id.replace("-", "")
        numbers = [number for key, number in versions if key == name]
        assert current[name.upper()] == max(numbers)


def check_all(own, letters, expected):
    """`expected`: {key: rotations}. Once the leases of what was interrupted have ended."""
    calendar = Timeline(own)
    calendar.restart(7200)
    kms = own.client()

    def done():
        return all(len(letter.materials(kms)) == 1 + expected[letter.key] for letter in letters)

    wait_for(done, "every rotation that was accepted is done", 60, 0.1)
    # An object that a kill left is settled by the watch, which looks once a second.
    wait_for(lambda: no_intent(own), "no intent is left", 60, 0.1)
    told = successes(own, "RotateKey")
    for letter in letters:
        letter.use(kms)
        materials = letter.materials(kms)
        assert materials.count("CURRENT") == 1 and len(materials) == 1 + expected[letter.key]
        assert told[letter.key] == expected[letter.key]
    own.stop()
    check_store(own, letters)


def no_intent(own):
    with sqlite3.connect(own.store) as connection:
        return connection.execute("SELECT count(*) FROM intents").fetchone() == (0,)


def rotation_steps(own, tmp_path, pid, calls, most):
    """(a key that was rotated undisturbed, the steps of a process meanwhile)."""
    letter = Letter(own.client())
    seen = sequence(pid, tmp_path / "dry-run", calls, lambda: letter.rotate(own.client()))
    assert letter.accepted and {"fdatasync", "fsync"} & set(seen), seen
    hasten(own)
    return letter, steps(seen, most)


def kill_on_demand(own, tmp_path, chosen, pick, restart):
    """Rotates one key for each of the steps chosen; the process (`pick`: its id) is killed there.
    The keys."""
    letters, killed = [], 0
    for step in chosen:
        letter, pid = Letter(own.client()), pick()
        letters.append(letter)
        asking = threading.Thread(target=letter.rotate, args=(own.client(),))
        with killer(pid, tmp_path / "kill", *step):
            asking.start()
            wait_for(lambda: not (alive(pid) and asking.is_alive()), "killed or answered")
        lost = not alive(pid)
        if lost:
            restart()  # while the caller may still wait
        asking.join(30)
        if not lost:
            continue  # this run needed fewer calls
        killed += 1
        own.await_calls()
        letter.use(own.client())
    assert killed > len(chosen) / 2
    return letters


def check_on_demand(own, letters):
    accepted = successes(own, "RotateKeyOnDemand")
    assert all(accepted[letter.key] for letter in letters if letter.accepted)
    check_all(own, letters, {letter.key: accepted[letter.key] for letter in letters})


def test_the_daemon_killed_at_each_step(slow, tmp_path):
    def restart():
        slow.daemon.wait()
        slow.daemon.start()

    first, chosen = rotation_steps(slow, tmp_path, slow.daemon.pid, DAEMON_CALLS, DAEMON_STEPS_MAX)
    letters = kill_on_demand(slow, tmp_path, chosen, lambda: slow.daemon.pid, restart)
    check_on_demand(slow, [first, *letters])


def test_the_worker_killed_at_each_step(slow, tmp_path):
    def restart():
        # Its supervisor would replace it as well, later each time.
        slow.token.kill()
        slow.start_token()

    first, chosen = rotation_steps(slow, tmp_path, slow.worker(), TOKEN_CALLS, TOKEN_STEPS_MAX)
    letters = kill_on_demand(slow, tmp_path, chosen, slow.worker, restart)
    check_on_demand(slow, [first, *letters])


def test_the_daemon_killed_while_it_rotates_by_itself(quick, tmp_path):
    """The day comes while the daemon runs and has no callers: what it does then, the scheduler does."""
    calendar, letters, killed = Timeline(quick), [], 0

    def is_rotated(letter):
        with sqlite3.connect(quick.store) as connection:
            return connection.execute("SELECT count(*) FROM versions WHERE hex(key_id)=?",
                                      (letter.id.replace("-", "").upper(),)).fetchone() == (2,)

    for step in (("sendto", 1), ("sendto", 2), ("fdatasync", 1), ("fdatasync", 2), ("fdatasync", 3),
                 ("pwrite64", 4), ("pwrite64", 12)):
        kms = quick.client()
        letter = Letter(kms)
        letters.append(letter)
        kms.enable_key_rotation(KeyId=letter.key, RotationPeriodInDays=PERIOD_DAYS)
        pid = quick.daemon.pid
        with killer(pid, tmp_path / "kill", *step):
            calendar.clock.advance(days=PERIOD_DAYS)
            wait_for(lambda: is_rotated(letter) or not alive(pid), "rotated or killed", pause=0.1)
        if not alive(pid):
            killed += 1
            quick.daemon.wait()
            calendar.clock.advance(7200)  # the dead one's claim has ended
            quick.daemon.start()
            quick.await_calls()
        letter.use(quick.client())
        wait_for(lambda: is_rotated(letter), "rotated after the restart")
        quick.client().disable_key_rotation(KeyId=letter.key)
    assert killed > 2
    check_all(quick, letters, {letter.key: 1 for letter in letters})
