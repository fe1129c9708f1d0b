#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The units as systemd sees them: sound, and exposed no more than they were when they were made.

Prints the score of each, 0 (nothing exposed) to 10, as `systemd-analyze security` gives it.
"""
import os
import re
import shutil
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
UNITS = os.path.join(ROOT, "config", "systemd")
# What is left: holdfastd is on the network; both know each other by user and meet at a socket.
SCORES = {"holdfastd.service": 1.1, "holdfast-token.service": 0.4}
LEFT = {"holdfastd.service": {"RootDirectory=/RootImage=", "RestrictAddressFamilies=~AF_UNIX",
                              "RestrictAddressFamilies=~AF_(INET|INET6)", "PrivateNetwork=",
                              "PrivateUsers=", "DeviceAllow=", "IPAddressDeny="},
        "holdfast-token.service": {"RootDirectory=/RootImage=", "RestrictAddressFamilies=~AF_UNIX",
                                   "PrivateUsers=", "DeviceAllow="}}
# sysexits.h: EX_USAGE, EX_NOPERM, EX_CONFIG.
FOR_THE_OPERATOR = {"64", "77", "78"}
TIMEOUT = 60


def read(name):
    with open(os.path.join(UNITS, name), encoding="utf-8") as file:
        return file.read()


def value(text, name):
    found = re.findall(rf"^{name}=(.*)$", text, re.MULTILINE)
    return found[-1] if found else None


def analyze(*words):
    return subprocess.run(["systemd-analyze", "--no-pager", *words], capture_output=True, text=True,
                          timeout=TIMEOUT, check=False, env={**os.environ, "LC_ALL": "C.UTF-8"})


class Units(unittest.TestCase):
    def test_scores(self):
        for name, most in SCORES.items():
            with self.subTest(unit=name):
                ran = analyze("security", "--offline=true", f"--threshold={round(most * 10)}",
                              os.path.join(UNITS, name))
                match = re.search(r"Overall exposure level for \S+: ([0-9.]+) (\w+)", ran.stdout)
                self.assertIsNotNone(match, ran.stdout + ran.stderr)
                print(f"systemd-analyze security {name}: {match.group(1)} {match.group(2)}")
                self.assertLessEqual(float(match.group(1)), most)
                self.assertEqual(ran.returncode, 0, ran.stdout)

    def test_what_is_left_exposed_is_known(self):
        for name, left in LEFT.items():
            with self.subTest(unit=name):
                ran = analyze("security", "--offline=true", os.path.join(UNITS, name))
                marked = {line.split()[1] for line in ran.stdout.splitlines()
                          if line.startswith("✗")}
                self.assertEqual(marked - left, set())

    def test_systemd_takes_every_line(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in SCORES:
                text = re.sub(r"^ExecStart=.*$", "ExecStart=/bin/true", read(name), flags=re.MULTILINE)
                text = re.sub(r"^Documentation=.*\n", "", text, flags=re.MULTILINE)
                with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                    file.write(text)
            ran = analyze("verify", "--man=no", "--recursive-errors=no",
                          *(os.path.join(folder, name) for name in SCORES))
            about = [line for line in ran.stderr.splitlines() if "holdfast" in line]
            self.assertEqual(about, [])

    def test_users_of_their_own(self):
        users = {name: value(read(name), "User") for name in SCORES}
        self.assertEqual(users, {"holdfastd.service": "holdfast",
                                 "holdfast-token.service": "holdfast-token"})

    def test_neither_sees_the_state_of_the_other(self):
        self.assertIn("-/var/lib/holdfast-token", value(read("holdfastd.service"), "InaccessiblePaths"))
        self.assertIn("-/etc/holdfast/pin", value(read("holdfastd.service"), "InaccessiblePaths"))
        self.assertIn("-/var/lib/holdfast",
                      value(read("holdfast-token.service"), "InaccessiblePaths").split())

    def test_no_restart_where_an_operator_must_act(self):
        for name in SCORES:
            text = read(name)
            self.assertEqual(value(text, "Restart"), "on-failure")
            prevented = set(value(text, "RestartPreventExitStatus").split())
            self.assertLessEqual(FOR_THE_OPERATOR, prevented, name)
            # Unavailable and defects are worth another try.
            self.assertFalse({"69", "70", "75"} & prevented, name)

    def test_readiness_and_life_are_reported(self):
        for name in SCORES:
            self.assertEqual(value(read(name), "Type"), "notify")
            self.assertGreater(int(value(read(name), "WatchdogSec")), 20)


class Users(unittest.TestCase):
    """Users, groups and folders, made in a root of the test's own."""

    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest("only root makes files of other users")
        self.root = tempfile.mkdtemp(prefix="holdfast-root-")
        self.addCleanup(shutil.rmtree, self.root)
        os.makedirs(os.path.join(self.root, "etc"))

    def run_in_root(self, program, *words):
        subprocess.run([program, f"--root={self.root}", *words], check=True, capture_output=True,
                       timeout=TIMEOUT)

    def names(self, name):
        with open(os.path.join(self.root, "etc", name), encoding="utf-8") as file:
            return {line.split(":")[0]: int(line.split(":")[2]) for line in file}

    def test_users_and_folders(self):
        self.run_in_root("systemd-sysusers", os.path.join(UNITS, "holdfast.sysusers"))
        self.run_in_root("systemd-tmpfiles", "--create", os.path.join(UNITS, "holdfast.tmpfiles"))
        users, groups = self.names("passwd"), self.names("group")
        for user in ("holdfast", "holdfast-token"):
            self.assertEqual(len({users[user], 0}), 2)
            folder = os.stat(os.path.join(self.root, "var/lib", user))
            self.assertEqual((folder.st_uid, folder.st_gid, folder.st_mode & 0o7777),
                             (users[user], groups[user], 0o700))
        self.assertNotEqual(users["holdfast"], users["holdfast-token"])
        tokens = os.stat(os.path.join(self.root, "var/lib/holdfast-token/tokens"))
        self.assertEqual((tokens.st_uid, tokens.st_mode & 0o7777), (users["holdfast-token"], 0o700))


class Purge(unittest.TestCase):
    """dpkg has removed our settings when it calls this; the rest is the administrator's."""

    def setUp(self):
        self.root = tempfile.mkdtemp(prefix="holdfast-purge-")
        self.addCleanup(shutil.rmtree, self.root)

    def kept(self):
        script = os.path.join(ROOT, "config", "debian", "postrm")
        path = os.path.join(self.root, "bin")  # without a deb-systemd-helper, whose files are the machine's
        os.makedirs(path, exist_ok=True)
        for name in ("ls", "sh"):
            if not os.path.exists(os.path.join(path, name)):
                os.symlink(shutil.which(name), os.path.join(path, name))
        return subprocess.run(["/bin/sh", script, "purge"], check=True, capture_output=True, text=True,
                              timeout=TIMEOUT, env={"DPKG_ROOT": self.root, "PATH": path}).stdout

    def make(self, name):
        os.makedirs(os.path.join(self.root, os.path.dirname(name)), exist_ok=True)
        with open(os.path.join(self.root, name), "w", encoding="ascii"):
            pass

    def test_nothing_kept_nothing_said(self):
        os.makedirs(os.path.join(self.root, "etc/holdfast"))
        self.assertEqual(self.kept(), "")

    def test_a_pin_beside_the_settings_is_told_of(self):
        self.make("var/lib/holdfast/holdfast.db")
        self.make("etc/holdfast/pin")
        said = self.kept()
        self.assertIn("/var/lib/holdfast: the database", said)
        self.assertIn("/etc/holdfast: files of yours, among them perhaps a PIN", said)
        self.assertIn("rm -rf /var/lib/holdfast /etc/holdfast", said)
        self.assertTrue(os.path.exists(os.path.join(self.root, "etc/holdfast/pin")))


if __name__ == "__main__":
    unittest.main()
