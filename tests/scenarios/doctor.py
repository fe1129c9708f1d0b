# SPDX-License-Identifier: Apache-2.0
"""holdfast doctor: each thing that can be wrong has its line, and the line says what to do."""
import json
import os
import shutil
import sqlite3

import pytest
from holdfast import wait_for
from holdfast.installation import program, write_file

NOBODY = 65534


def doctor(own, *more, config=None):
    """(exit status, all rows)."""
    ran = own.run("holdfast", "doctor", "--json", "--config", config or own.daemon.settings, *more,
                  check=False)
    return ran.returncode, json.loads(ran.stdout)["Checks"]


def row(rows, name, group=None):
    (found,) = [r for r in rows if r["Name"] == name and group in (None, r["Group"])]
    return found


def trouble(rows):
    return {r["Name"]: r for r in rows if r["Level"] != "ok"}


@pytest.fixture
def well(make):
    """Whatever the disk of this machine is like."""
    return make(settings={"audit": {"warn_free_mib": 0}})


def test_all_is_well(well):
    well.client().create_key()
    code, rows = doctor(well)
    assert (code, trouble(rows)) == (0, {})
    groups = list(dict.fromkeys(r["Group"] for r in rows))
    assert groups == ["Settings", "Processes and limits", "Permissions", "Disk", "Token", "Clock",
                      "Store", "Audit log", "Due work", "Doors", "Sandbox", "Versions", "Units",
                      "Service"]
    assert {"seals", "chain", "self-tests", "serial", "audit-sign", "PIN", "token sandbox",
            "libraries"} <= {r["Name"] for r in rows}
    # What holdfast status tells is told here, too, once.
    told = json.loads(well.run("holdfast", "status", "--json", "--config",
                               well.daemon.settings).stdout)
    names = [r["Name"] for r in rows]
    assert all(r["Name"] in names for r in told["Checks"])
    text = well.run("holdfast", "doctor", "--config", well.daemon.settings).stdout
    assert text.startswith("Holdfast is well.\n\nSettings\n") and "->" not in text


def test_open_files_are_a_failure_with_the_command_that_closes_them(well):
    for name, path, mode in (("store", well.store, 0o644), ("PIN", well.pin_file, 0o644),
                             ("audit folder", well.daemon.audit, 0o777),
                             ("token's state", well.path("token-state"), 0o755)):
        before = os.stat(path).st_mode & 0o7777
        os.chmod(path, mode)
        code, rows = doctor(well)
        found = row(rows, name, "Permissions")
        assert code == 2 and found["Level"] == "failure"
        assert found["Remedy"].startswith(f"chmod 0{before:o} "), found
        os.chmod(path, before)
    assert doctor(well)[0] == 0


def test_a_file_of_another_user_is_a_failure(well):
    if os.getuid() != 0:
        pytest.skip("only root gives files away")
    wait_for(lambda: os.path.exists(well.store + "-wal"), "the store has a log")
    os.chown(well.store, NOBODY, NOBODY)
    found = row(doctor(well)[1], "store", "Permissions")
    os.chown(well.store, os.getuid(), os.getgid())
    assert found["Level"] == "failure" and found["Remedy"].startswith("chown ")


def edited(own, line, section):
    with open(own.daemon.settings, encoding="utf-8") as file:
        text = file.read()
    assert f"[{section}]\n" in text
    return write_file(own.path("edited.conf"),
                      text.replace(f"[{section}]\n", f"[{section}]\n{line}\n", 1))


def test_a_bad_setting_is_told_with_its_line_and_the_rest_goes_on(well):
    code, rows = doctor(well, "--socket", well.daemon.admin,
                        config=edited(well, "no_such_setting = 1", "store"))
    assert code == 2 and "no_such_setting" in row(rows, "file")["Detail"]
    assert row(rows, "Permissions")["Level"] == "unknown"
    assert row(rows, "token")["Level"] == "ok"  # the daemon still answers
    code, rows = doctor(well, config=edited(well, "allowed_users = nosuchuser", "admin"))
    assert "no such user" in row(rows, "users")["Detail"] and code == 2


def test_a_disk_that_fills_is_a_warning(well):
    well.daemon.stop()
    path = edited(well, "", "audit")
    with open(path, encoding="utf-8") as file:
        text = file.read().replace("warn_free_mib = 0", "warn_free_mib = 1073741824")
    write_file(well.daemon.settings, text)
    code, rows = doctor(well)  # from outside
    assert code == 2 and row(rows, "audit disk")["Level"] == "warning"
    well.daemon.start()
    well.daemon.await_ready()
    code, rows = doctor(well)  # from the daemon
    assert (code, set(trouble(rows))) == (1, {"store disk", "audit disk"})
    assert row(rows, "store disk")["Remedy"].startswith("make room")


def test_a_daemon_that_is_stopped_leaves_no_line_out(well):
    names = {r["Name"] for r in doctor(well)[1]}
    well.daemon.stop()
    code, rows = doctor(well)
    assert code == 2 and row(rows, "daemon")["Level"] == "failure"
    assert "systemctl start holdfastd" in row(rows, "service")["Remedy"]
    for name in ("seals", "clock", "due work", "self-tests", "chain", "certificate"):
        found = row(rows, name)
        assert found["Level"] == "unknown" and "not looked at" in found["Detail"], name
    own_keys = {"row-seal", "audit-sign", "secret-wrap"}
    told = {r["Name"] for r in rows}
    assert names - told <= own_keys | {"events", "log", "store's log", "store's index"}
    assert row(rows, "token process")["Level"] == "ok"
    assert row(rows, "store", "Permissions")["Level"] == "ok"


def test_a_token_that_is_stopped(well):
    well.token.stop()
    wait_for(lambda: not well.daemon.ready(), "the daemon notices")
    code, rows = doctor(well)
    assert code == 2
    assert row(rows, "token process")["Level"] == "failure"
    assert "journalctl -u holdfast-token" in row(rows, "token")["Remedy"]
    assert row(rows, "self-tests")["Level"] == "failure"
    assert "token probe" in row(rows, "self-tests")["Detail"]


def test_a_pin_that_is_refused(well):
    well.token.stop()
    write_file(well.pin_file, "0000")
    well.token.start()

    def refused():
        return "pin_source" in row(doctor(well)[1], "token").get("Remedy", "")

    wait_for(refused, "the PIN is refused, and the remedy says where to correct it")


def test_a_row_that_was_changed_behind_the_daemon(well):
    key = well.client().create_key(Description="before")["KeyMetadata"]["KeyId"]
    with sqlite3.connect(well.store, timeout=10) as store:
        tables = {name for (name,) in
                  store.execute("SELECT name FROM sqlite_master WHERE type='table'")}
        assert "keys" in tables
        store.execute("UPDATE keys SET description='after'")
    code, rows = doctor(well)
    assert code == 2 and row(rows, "seals")["Level"] == "failure"
    assert any(r["Name"] == "row" and "keys" in r["Detail"] and r["Remedy"] for r in rows), rows
    assert key


def test_a_line_of_the_log_that_was_changed(well):
    well.client().create_key()
    (name,) = [n for n in os.listdir(well.daemon.audit) if n.startswith("audit-")]
    path = os.path.join(well.daemon.audit, name)
    with open(path, "r+b") as file:
        content = file.read()
        at = content.index(b"CreateKey")
        file.seek(at)
        file.write(b"DeleteKey")
    code, rows = doctor(well)
    found = row(rows, "chain")
    assert code == 2 and found["Level"] == "failure" and name in found["Detail"]
    assert "holdfast audit verify" in found["Remedy"]


def test_a_clock_that_was_moved(make):
    own = make(settings={"audit": {"warn_free_mib": 0}})
    clock = own.with_clock()
    own.daemon.stop()
    own.daemon.start()
    own.daemon.await_ready()
    clock.advance(days=30)
    wait_for(lambda: row(doctor(own)[1], "clock")["Level"] == "warning", "the clock is not trusted")
    assert "holdfast clock accept" in row(doctor(own)[1], "clock")["Remedy"]


def test_another_user_is_told_what_it_may_not_see(well):
    """It may not reach the socket, the folder or the PIN, and says so."""
    if os.getuid() != 0:
        pytest.skip("only root becomes another user")
    folder = "/tmp/holdfast-doctor-test"
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder, mode=0o755)
    try:
        binary = shutil.copy(program("holdfast"), folder)
        os.chmod(binary, 0o755)
        conf = shutil.copy(well.daemon.settings, folder)
        os.chmod(conf, 0o644)
        ran = well_as_nobody(binary, conf)
        rows = json.loads(ran)["Checks"]
        assert row(rows, "store", "Permissions")["Level"] == "unknown"
        assert "root" in row(rows, "store", "Permissions")["Remedy"]
        assert row(rows, "seals")["Level"] == "unknown"
    finally:
        shutil.rmtree(folder)


def well_as_nobody(binary, conf):
    import subprocess  # pylint: disable=import-outside-toplevel
    ran = subprocess.run([binary, "doctor", "--json", "--config", conf], user=NOBODY, group=NOBODY,
                         capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 2, ran.stdout + ran.stderr
    return ran.stdout
