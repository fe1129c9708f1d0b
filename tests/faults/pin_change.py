# SPDX-License-Identifier: Apache-2.0
"""holdfast-token --change-pin: killed at each step, refused by the token, asked for at a terminal.

After every kill the next run finishes what was begun, or begins anew; the service says so instead of
trying a PIN that may be the wrong one; no run has a wrong PIN refused more than once.
"""
import os
import pty
import re
import select
import signal
import subprocess
import time

import pytest

from holdfast import wait_for
from holdfast.installation import PROGRAMS, SOFTHSM, program, settings_text, write_file
from holdfast.tracing import kill_at

KILLED_AT = ("ftruncate", "write", "fsync", "rename", "renameat", "unlink", "flock")
SHIM = os.path.join(os.path.dirname(PROGRAMS), "tests", "unit", "hsm", "libsofthsm2_shim.so")
STAGES = ("new", "changing", "tried", "refused")


def read(path):
    with open(path, encoding="ascii") as file:
        return file.read().strip()


def change(own, *more, check=True, source="random"):
    return own.run("holdfast-token", "--config", own.settings, "--change-pin", "--new-pin", source,
                   *more, check=check)


def stages(own):
    return [stage for stage in STAGES if os.path.exists(f"{own.pin_file}.{stage}")]


@pytest.fixture
def stopped(own):
    """An installation that does not run, with a ciphertext that must open afterwards."""
    kms = own.client()
    key = kms.create_key()["KeyMetadata"]["Arn"]
    own.blob = kms.encrypt(KeyId=key, Plaintext=b"dear")["CiphertextBlob"]
    own.stop()
    return own


def serves(own):
    own.start()
    own.await_calls()
    assert own.client().decrypt(CiphertextBlob=own.blob)["Plaintext"] == b"dear"
    own.stop()


@pytest.fixture
def faulty(stopped):
    """The same behind a module that misbehaves as told: faulty.rules("C_SetPIN kill=1")."""
    path = stopped.path("rules")

    def rules(*lines):
        write_file(path + ".new", "".join(line + "\n" for line in lines))
        os.rename(path + ".new", path)

    stopped.rules = rules
    stopped.environment["HOLDFAST_SHIM"] = path
    sections = stopped.sections()
    sections["token"]["module"] = SHIM
    write_file(stopped.settings, settings_text(sections))
    rules()
    yield stopped
    sections["token"]["module"] = SOFTHSM
    write_file(stopped.settings, settings_text(sections))


def test_a_random_pin_replaces_the_one_of_before(stopped):
    before = read(stopped.pin_file)
    ran = change(stopped)
    after = read(stopped.pin_file)
    assert len(after) == 32 and after != before
    assert after not in ran.stdout + ran.stderr and before not in ran.stdout + ran.stderr
    assert os.stat(stopped.pin_file).st_mode & 0o777 == 0o600 and stages(stopped) == []
    serves(stopped)
    write_file(stopped.pin_file, before)
    refused = change(stopped, check=False)
    assert refused.returncode == 77 and "nothing was changed" in refused.stderr
    assert stages(stopped) == [] and read(stopped.pin_file) == before
    write_file(stopped.pin_file, after)
    serves(stopped)


def test_a_running_service_is_left_alone(own):
    before = read(own.pin_file)
    ran = change(own, check=False)
    assert ran.returncode == 69 and "stop it" in ran.stderr and read(own.pin_file) == before
    assert own.exchange().call("ListKeys").status == 200


def test_a_pin_of_ones_own(stopped):
    source = write_file(stopped.path("next"), "correct horse\n")
    change(stopped, source=f"file:{source}")
    assert read(stopped.pin_file) == "correct horse"
    ran = change(stopped, source=f"file:{source}", check=False)
    assert ran.returncode == 78 and "the one of before" in ran.stderr
    for pin, why in (("abc", "has 3 bytes; the token takes 4 to"), ("x" * 256, "has 256 bytes")):
        write_file(source, pin)
        ran = change(stopped, source=f"file:{source}", check=False)
        assert ran.returncode == 78 and why in ran.stderr, ran.stderr
    ran = change(stopped, source="S3CRET", check=False)
    assert ran.returncode == 64 and "command line" in ran.stderr and "S3CRET" not in ran.stderr
    ran = change(stopped, source="ask", check=False)
    assert ran.returncode == 64 and "no terminal" in ran.stderr
    assert read(stopped.pin_file) == "correct horse" and stages(stopped) == []
    serves(stopped)


def test_a_credential_needs_its_file_named(stopped):
    sections = stopped.sections()
    sections["token"]["pin_source"] = "credential:pin"
    write_file(stopped.settings, settings_text(sections))
    ran = change(stopped, check=False)
    assert ran.returncode == 78 and "LoadCredential=" in ran.stderr
    change(stopped, "--pin-file", stopped.pin_file)
    assert len(read(stopped.pin_file)) == 32
    sections["token"]["pin_source"] = f"file:{stopped.pin_file}"
    write_file(stopped.settings, settings_text(sections))
    serves(stopped)


def type_twice(own, first, second):
    """Runs --change-pin at a terminal; (exit status, what was shown)."""
    pid, fd = pty.fork()
    if pid == 0:
        os.environ.update(own.environment)
        os.execv(program("holdfast-token"),
                 ["holdfast-token", "--config", own.settings, "--change-pin"])
    shown, answers, end = b"", [first, second], time.monotonic() + 30
    try:
        while time.monotonic() < end:
            if select.select([fd], [], [], 0.1)[0]:
                try:
                    shown += os.read(fd, 4096)
                except OSError:
                    break
            if answers and shown.count(b": ") > 2 - len(answers):
                os.write(fd, answers.pop(0))
    finally:
        os.close(fd)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode()


def test_it_is_typed_twice_unseen(stopped):
    before = read(stopped.pin_file)
    status, shown = type_twice(stopped, b"first\n", b"second\n")
    assert status == 78 and "not alike" in shown and read(stopped.pin_file) == before
    status, shown = type_twice(stopped, b"\x03", b"")
    assert status == 64 and read(stopped.pin_file) == before
    status, shown = type_twice(stopped, b"Kreide!\x7f blau\n", b"Kreide blau\n")
    assert status == 0 and "Kreide" not in shown, shown
    assert read(stopped.pin_file) == "Kreide blau"
    serves(stopped)


# --- kills ---


def killed_change(own, output, step):
    """Whether --change-pin was killed at its n-th call of this name."""
    output.write_text("")
    command = ["strace", "-f", "-o", output, *kill_at(*step), program("holdfast-token"), "--config",
               own.settings, "--change-pin", "--new-pin", "random"]
    # What is traced cannot be searched for leaks.
    environment = {**os.environ, **own.environment, "ASAN_OPTIONS": "detect_leaks=0"}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60,
                         check=False)
    killed = "+++ killed by SIGKILL +++" in output.read_text()
    assert killed or ran.returncode == 0, ran.stderr
    return killed


def explains(own):
    """What a start of the service says when a change was left half done."""
    ran = own.run("holdfast-token", "--config", own.settings, check=False)
    assert ran.returncode == 78 and "--change-pin once more" in ran.stderr, ran.stderr
    assert "pin_refused" not in ran.stderr


@pytest.mark.parametrize("name", KILLED_AT)
def test_a_change_killed_at_each_step_is_finished_by_the_next(stopped, tmp_path, name):
    nth, seen = 1, set()
    while killed_change(stopped, tmp_path / "strace", (name, nth)):
        left = stages(stopped)
        seen.update(left)
        assert len(left) <= 1, left
        if left in (["changing"], ["tried"]):
            explains(stopped)
        ran = change(stopped)
        assert ran.stderr.count("pin_refused") <= 1, ran.stderr
        assert stages(stopped) == [] and stopped.pin_file + ".new" not in os.listdir(stopped.directory)
        if nth % 6 == 1:
            serves(stopped)
        nth += 1
    assert nth > 1
    serves(stopped)
    if name in ("write", "ftruncate"):
        assert "changing" in seen


@pytest.mark.parametrize("when, refusals", [("kill=1", 1), ("kill=1 late=1", 0)])
def test_a_token_that_dies_before_or_after_it_changed_its_pin(faulty, when, refusals):
    before = read(faulty.pin_file)
    faulty.rules(f"C_SetPIN {when}")
    assert change(faulty, check=False).returncode == -signal.SIGKILL
    assert stages(faulty) == ["changing"] and read(faulty.pin_file) == before
    wanted = read(faulty.pin_file + ".changing")
    explains(faulty)
    faulty.rules()
    ran = change(faulty)
    assert "Finishing" in ran.stdout and ran.stderr.count("pin_refused") == refusals
    assert read(faulty.pin_file) == wanted and stages(faulty) == []


def test_runs_that_die_never_begin_with_the_same_wrong_pin(faulty):
    """Each dies with its first login; the PINs take turns, so that every second one is right."""
    faulty.rules("C_SetPIN kill=1")
    change(faulty, check=False)
    faulty.rules("C_Login kill=1")
    for stage in ("tried", "changing", "tried", "changing"):
        assert change(faulty, check=False).returncode == -signal.SIGKILL
        assert stages(faulty) == [stage]
        explains(faulty)
    faulty.rules()
    change(faulty)
    assert stages(faulty) == []


def test_an_answer_that_is_lost_is_not_taken_for_a_refusal(faulty):
    faulty.rules("C_SetPIN ckr=0x30 late=1")
    ran = change(faulty, check=False)
    assert ran.returncode == 69 and "again to finish" in ran.stderr and stages(faulty) == ["changing"]
    faulty.rules()
    assert change(faulty).stderr.count("pin_refused") == 0


def test_a_token_that_refuses_the_new_pin_keeps_the_old(faulty):
    before = read(faulty.pin_file)
    faulty.rules("C_SetPIN ckr=0xa2")
    ran = change(faulty, check=False)
    assert ran.returncode == 77 and "refuses the new PIN" in ran.stderr
    assert stages(faulty) == [] and read(faulty.pin_file) == before
    faulty.rules()
    change(faulty)


def test_a_token_near_its_lock_is_not_asked(faulty):
    """CKF_USER_PIN_FINAL_TRY."""
    faulty.rules("C_GetTokenInfo flags=0x20000", "C_SetPIN kill=1", "C_Login kill=1")
    ran = change(faulty, check=False)
    assert ran.returncode == 77 and stages(faulty) == []
    faulty.rules()
    change(faulty)


@pytest.mark.parametrize("rules", (
    ["C_GetTokenInfo flags=0x20000", "C_Login kill=1"],  # near its lock: it must not be asked
    ["C_Login ckr=0xa0 times=1", "C_Login ckr=0xa4 from=2"]))  # locked by the first of the two
def test_a_pin_that_was_not_judged_is_not_given_up(faulty, rules):
    """The new PIN is the right one, and nowhere else than in the file of the change."""
    faulty.rules("C_SetPIN kill=1 late=1")
    change(faulty, check=False)
    wanted = read(faulty.pin_file + ".changing")
    faulty.rules(*rules)
    ran = change(faulty, check=False)
    assert ran.returncode == 77 and "locked" in ran.stderr and "remove" not in ran.stderr, ran.stderr
    left = stages(faulty)
    assert left in (["changing"], ["tried"]) and read(f"{faulty.pin_file}.{left[0]}") == wanted
    faulty.rules()
    change(faulty)
    assert read(faulty.pin_file) == wanted and stages(faulty) == []
    serves(faulty)


def test_when_both_are_refused_nothing_is_tried_any_more(faulty):
    before = read(faulty.pin_file)
    faulty.rules("C_SetPIN kill=1")
    change(faulty, check=False)
    write_file(faulty.pin_file, "somebody else's")
    faulty.rules()
    ran = change(faulty, check=False)
    assert ran.returncode == 77 and ran.stderr.count("pin_refused") == 2
    assert stages(faulty) == ["refused"]
    for more in ([], ["--change-pin", "--new-pin", "random"]):
        ran = faulty.run("holdfast-token", "--config", faulty.settings, *more, check=False)
        assert re.search(r"refused both.*remove the second", ran.stderr), ran.stderr
        assert "pin_refused" not in ran.stderr
    write_file(faulty.pin_file, before)
    os.remove(faulty.pin_file + ".refused")
    change(faulty)


def test_root_works_as_the_tokens_own_user(stopped):
    """What root leaves behind must not lock the service's user out."""
    nobody = 65534
    for folder in (stopped.token_folder, stopped.path("token-state")):
        for path, _, files in os.walk(folder):
            for name in [path, *(os.path.join(path, file) for file in files)]:
                os.chown(name, nobody, nobody)
    parent = stopped.directory
    while not os.stat(parent).st_mode & 0o001:  # pytest makes its folders for one user
        os.chmod(parent, 0o711)
        parent = os.path.dirname(parent)
    os.chmod(stopped.environment["SOFTHSM2_CONF"], 0o644)
    change(stopped)
    for folder in (stopped.token_folder, stopped.path("token-state")):
        for path, _, files in os.walk(folder):
            assert {os.stat(os.path.join(path, name)).st_uid for name in [".", *files]} == {nobody}
    assert os.stat(stopped.pin_file).st_uid == 0
    wait_for(lambda: stages(stopped) == [], "no stage is left")

    # And where the PIN is that user's as well, as the Debian package has it.
    theirs = stopped.path("token-state/pin")
    os.rename(stopped.pin_file, theirs)
    os.chown(theirs, nobody, nobody)
    before = read(theirs)
    ran = change(stopped, "--pin-file", theirs, check=False)
    assert ran.returncode == 0 and read(theirs) != before, ran.stderr
    assert os.stat(theirs).st_uid == nobody and os.stat(theirs).st_mode & 0o777 == 0o600
    assert not [name for name in os.listdir(stopped.path("token-state")) if name.startswith("pin.")]
