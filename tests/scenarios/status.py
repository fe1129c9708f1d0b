# SPDX-License-Identifier: Apache-2.0
"""holdfast status: an operator sees at a glance whether all is well, and if not, what to do."""
import datetime
import json
import os
import pty
import re
import shutil
import signal
import subprocess

import pytest

from holdfast import wait_for
from holdfast.authority import Authority
from holdfast.installation import free_port, program, write_file

NOBODY = 65534


def status(own, *more, config=True):
    """(exit status, what was said)."""
    where = ["--config", own.daemon.settings] if config else ["--socket", own.daemon.admin]
    ran = own.run("holdfast", "status", *where, *more, check=False)
    return ran.returncode, ran.stdout


def checks(own, **more):
    code, text = status(own, "--json", **more)
    told = json.loads(text)
    return code, told["Status"], {row["Name"]: row for row in told["Checks"]}


def edit(own, section, line):
    with open(own.daemon.settings, encoding="utf-8") as file:
        text = file.read()
    if f"[{section}]\n" not in text:
        text += f"[{section}]\n"
    write_file(own.daemon.settings, text.replace(f"[{section}]\n", f"[{section}]\n{line}\n", 1))


@pytest.fixture
def well(own):
    """Whatever the disk of this machine is like."""
    own.daemon.stop()
    edit(own, "audit", "warn_free_mib = 0")
    own.daemon.start()
    own.daemon.await_ready()
    return own


def test_all_is_well(well):
    code, text = status(well)
    assert code == 0 and text.startswith("Holdfast is well.\n\n"), text
    assert "->" not in text and "\033" not in text
    assert "warning token.operation_failed" not in well.token.read_log()  # searches for keys to be made
    code, verdict, rows = checks(well)
    assert (code, verdict) == (0, "ok")
    assert {"service", "token", "store", "audit log", "outbox", "keys", "due work", "clock", "calls", "store disk",
            "audit disk", "schema", "audit files", "certificate", "settings", "log",
            "sandbox"} <= set(rows)
    assert all(row["Level"] == "ok" and "Remedy" not in row for row in rows.values())
    assert "system calls filtered" in rows["sandbox"]["Detail"]
    assert "kept for ever" in rows["audit files"]["Detail"]
    first = min(name for name in os.listdir(well.daemon.audit) if name.startswith("audit-"))
    begun = datetime.datetime.strptime(first.split("-")[1], "%Y%m%dT%H%M%SZ")
    assert f"since {begun.isoformat()}Z" in rows["audit files"]["Detail"]


def test_a_token_that_is_away_is_a_failure_with_what_to_do(well):
    well.token.stop()
    wait_for(lambda: not well.daemon.ready(), "the daemon notices")
    code, verdict, rows = checks(well)
    assert (code, verdict, rows["token"]["Level"]) == (2, "failure", "failure")
    assert "journalctl -u holdfast-token" in rows["token"]["Remedy"]
    assert status(well)[1].startswith("Holdfast is NOT WELL.\n")
    well.start_token()
    wait_for(lambda: status(well)[0] == 0, "well again")


def test_settings_that_wait_are_a_warning(well):
    edit(well, "server", "threads = 2")
    code, verdict, rows = checks(well)
    assert (code, verdict) == (1, "warning") and "was changed" in rows["settings"]["Detail"]
    well.daemon.signal(signal.SIGHUP)
    wait_for(lambda: "[server] threads" in checks(well)[2]["settings"]["Detail"], "it waits")
    assert checks(well)[2]["settings"]["Remedy"] == "restart holdfastd"
    edit(well, "server", "no_such_setting = 1")
    well.daemon.signal(signal.SIGHUP)
    wait_for(lambda: "is wrong" in checks(well, config=False)[2]["settings"]["Detail"], "it is wrong")
    assert status(well, config=False)[1].startswith("Holdfast serves, and needs attention.\n")


@pytest.mark.parametrize("dates, level, told", [
    (("-1", "365"), "ok", "36[45] days left"), (("-1", "20"), "warning", "(19|20) days left"),
    (("-20", "-10"), "failure", r"ended \d{4}-\d\d-\d\dT"), (("9", "90"), "failure", "not valid before")])
def test_the_certificate_and_its_end(well, dates, level, told):
    files = [well.path("server.pem"), well.path("server.key")]
    Authority(well.directory, "ca").issue("server", "server", dates=dates).install(*files)
    edit(well, "tls", f"certificate = {files[0]}\nprivate_key = {files[1]}")
    edit(well, "health", f"listen = 127.0.0.1:{well.daemon.health_port}")
    port = free_port()
    with open(well.daemon.settings, encoding="utf-8") as file:
        text = file.read()
    write_file(well.daemon.settings, text.replace(f"listen = 127.0.0.1:{well.daemon.port}",
                                                  f"listen = 127.0.0.1:{port}", 1))
    well.daemon.stop()
    well.daemon.start()
    well.daemon.await_ready()
    row = checks(well)[2]["certificate"]
    assert row["Level"] == level and re.search(told, row["Detail"]), row
    assert ("Remedy" in row) == (level != "ok")


def test_disks_and_rules_of_retention(well):
    edit(well, "audit", "keep_days = 90")
    with open(well.daemon.settings, encoding="utf-8") as file:
        text = file.read()
    write_file(well.daemon.settings, text.replace("warn_free_mib = 0", "warn_free_mib = 1073741824"))
    well.daemon.signal(signal.SIGHUP)
    wait_for(lambda: status(well)[0] == 1, "the warning")
    rows = checks(well)[2]
    for name in ("store disk", "audit disk"):
        assert rows[name]["Level"] == "warning" and "make room" in rows[name]["Remedy"]
    assert "kept 90 days" in rows["audit files"]["Detail"]


def test_a_sandbox_that_only_watches_is_a_warning(well):
    well.daemon.stop()
    edit(well, "sandbox", "seccomp = log")
    well.daemon.start()
    well.daemon.await_ready()
    code, verdict, rows = checks(well)
    assert (code, verdict) == (1, "warning") and "not refused" in rows["sandbox"]["Detail"]
    assert "seccomp = enforce" in rows["sandbox"]["Remedy"]


def test_the_log_file_is_named(well):
    folder = well.path("logs")
    os.mkdir(folder)
    edit(well, "log", f"file = {folder}/daemon.log")
    well.daemon.signal(signal.SIGHUP)
    wait_for(lambda: f"{folder}/daemon.log" in checks(well)[2]["log"]["Detail"], "the file")
    assert checks(well)[2]["log"]["Level"] == "ok"


def test_a_daemon_that_does_not_run_is_looked_at_from_outside(well):
    well.daemon.stop()
    code, verdict, rows = checks(well)
    assert (code, verdict) == (69, "failure")
    assert "no socket" in rows["service"]["Detail"] and "start holdfastd" in rows["service"]["Remedy"]
    assert rows["token"]["Level"] == rows["settings"]["Level"] == rows["store"]["Level"] == "ok"
    well.token.stop()
    rows = checks(well)[2]
    assert rows["token"]["Level"] == "failure" and "start holdfast-token" in rows["token"]["Remedy"]
    code, text = status(well)
    assert code == 69 and text.startswith("Holdfast is NOT WELL.\n") and "-> start holdfastd" in text


def test_a_daemon_that_was_killed_left_its_socket(well):
    well.daemon.signal(signal.SIGKILL)
    well.daemon.wait()
    assert "nobody listens" in checks(well)[2]["service"]["Detail"]


def test_somebody_who_may_not_ask_is_told_why(well, tmp_path):
    copy = shutil.copy(program("holdfast"), tmp_path / "holdfast")
    folder = str(tmp_path)
    while not os.stat(folder).st_mode & 0o001:
        os.chmod(folder, 0o711)
        folder = os.path.dirname(folder)
    for path in (well.directory, os.path.dirname(well.daemon.admin)):
        os.chmod(path, 0o711)
    ran = subprocess.run(["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", copy,
                          "status", "--json", "--socket", well.daemon.admin], capture_output=True,
                         text=True, timeout=30, check=False)
    assert ran.returncode == 77, ran.stdout + ran.stderr
    (row,) = [row for row in json.loads(ran.stdout)["Checks"] if row["Name"] == "service"]
    assert "allowed_users" in row["Remedy"]


def test_colours_are_for_terminals(well):
    def shown(**environment):
        command = [program("holdfast"), "status", "--config", well.daemon.settings]
        leader, follower = pty.openpty()
        subprocess.run(command, stdout=follower, stdin=subprocess.DEVNULL, timeout=30, check=True,
                       env={"TERM": "xterm", **environment})
        os.close(follower)
        text = os.read(leader, 65536)
        os.close(leader)
        return text

    assert b"\033[32mHoldfast is well." in shown()
    assert b"\033" not in shown(NO_COLOR="1") and b"\033" not in shown(TERM="dumb")


def test_every_program_prints_the_one_table_of_statuses(well):
    tables = {well.run(name, "--help").stdout.rpartition("Exit status:")[2]
              for name in ("holdfast", "holdfastd", "holdfast-token")}
    assert len(tables) == 1 and " 78\t" in tables.pop()
    for name in ("holdfast", "holdfastd", "holdfast-token"):
        assert well.run(name, "--no-such-option", check=False).returncode == 64
    wrong = write_file(well.path("wrong.conf"), "[server]\nlisten = nowhere\n")
    assert well.run("holdfast", "status", "--config", wrong, check=False).returncode == 78
    for name in ("holdfastd", "holdfast-token"):
        assert well.run(name, "--check", "--config", wrong, check=False).returncode == 78
        right = well.run(name, "--check", "--config", well.settings).stdout
        assert right == f"{well.settings}: the settings are right\n"
