# SPDX-License-Identifier: Apache-2.0
"""One package's life in a fresh Debian 12: installed, set up as the README says, used from outside,
upgraded, removed, purged. The tests follow each other, each from where the last one left off."""
import os
import re
import subprocess

import boto3
import pytest
from botocore.config import Config
from holdfast.installation import ACCOUNT, REGION, ROOT, free_port, read_credentials
from holdfast.package import Unit, documented_steps, make_root, pack, run

UNITS = ("holdfast-token", "holdfastd")
STATE = ("/var/lib/holdfast", "/var/lib/holdfast-token")
CREDENTIALS = "/var/lib/holdfast/administrator"
HEADING = "First steps after the installation"
CONTEXT = {"letter": "one"}
# A stand-in for systemctl that writes down what it is asked for.
SYSTEMCTL = "#!/bin/sh\necho \"$*\" >>/root/systemctl.log\n"


class Machine:
    """The root, what runs in it, and what the tests tell each other."""

    def __init__(self, root):
        self.root, self.units = root, {}
        self.port = free_port()
        self.key = self.ciphertext = None

    def listen_on_own_port(self):
        """The one change an administrator makes here: 4599 may be taken on the test's machine."""
        text = self.root.read("/etc/holdfast/holdfast.conf")
        assert "\n#listen = 127.0.0.1:4599\n" in text
        self.root.write("/etc/holdfast/holdfast.conf",
                        text.replace("\n#listen = 127.0.0.1:4599\n",
                                     f"\nlisten = 127.0.0.1:{self.port}\n"))

    def start(self, name):
        self.units[name] = Unit(self.root, name).start_ready()

    def stop(self):
        for name in reversed(UNITS):
            if name in self.units:
                assert self.units[name].stop() == 0, self.units[name].read_log()[-3000:]

    def start_all(self):
        for name in UNITS:
            self.start(name)

    def end(self):
        for unit in self.units.values():
            unit.end()

    def step(self, command):
        """One of the README's commands; a start is done as the unit says."""
        started = re.fullmatch(r"systemctl start (\S+)", command)
        if started:
            self.start(started.group(1))
        else:
            self.root.shell(command)

    def endpoint(self):
        return f"http://127.0.0.1:{self.port}"

    def keys(self):
        return read_credentials(self.root.path(CREDENTIALS))

    def kms(self):
        access_key, secret_key = self.keys()
        return boto3.client("kms", endpoint_url=self.endpoint(), region_name=REGION,
                            aws_access_key_id=access_key, aws_secret_access_key=secret_key,
                            config=Config(retries={"total_max_attempts": 1}, read_timeout=30))

    def decrypts(self):
        reply = self.kms().decrypt(CiphertextBlob=self.ciphertext, EncryptionContext=CONTEXT)
        return reply["Plaintext"] == b"Meet me at nine."


@pytest.fixture(scope="module")
def machine(package, tmp_path_factory):
    made = Machine(make_root(package, str(tmp_path_factory.mktemp("debian") / "root")))
    yield made
    made.end()
    made.root.remove()


@pytest.fixture(scope="module")
def root(machine):
    return machine.root


def with_systemctl(root):
    os.makedirs(root.path("/run/systemd/system"), exist_ok=True)
    os.rename(root.path("/usr/bin/systemctl"), root.path("/root/systemctl"))
    root.write("/usr/bin/systemctl", SYSTEMCTL, 0o755)
    root.write("/root/systemctl.log", "")


def without_systemctl(root):
    """What was asked for."""
    os.rename(root.path("/root/systemctl"), root.path("/usr/bin/systemctl"))
    os.rmdir(root.path("/run/systemd/system"))
    return root.read("/root/systemctl.log").splitlines()


def test_apt_installs_it(root, package):
    told = root.install(package).stdout
    assert "holdfast: installed, not started." in told
    assert "dpkg: warning" not in told and "Failed" not in told
    assert root.run("dpkg-query", "-W", "-f", "${db:Status-Abbrev}", "holdfast").stdout == "ii "
    assert root.exists("/usr/lib/softhsm/libsofthsm2.so")


def test_two_users_without_shell(root):
    for name in ("holdfast", "holdfast-token"):
        _, _, uid, gid, _, home, shell = root.run("getent", "passwd", name).stdout.strip().split(":")
        assert 0 < int(uid) < 1000 and 0 < int(gid) < 1000
        assert home == f"/var/lib/{name}"
        assert shell.endswith("/nologin")


def test_owners_and_modes(root):
    wanted = {
        "/var/lib/holdfast": "holdfast:holdfast 700",
        "/var/lib/holdfast-token": "holdfast-token:holdfast-token 700",
        "/var/lib/holdfast-token/tokens": "holdfast-token:holdfast-token 700",
        "/etc/holdfast": "root:root 755",
        "/etc/holdfast/holdfast.conf": "root:root 644",
        "/etc/holdfast/softhsm2.conf": "root:root 644",
        "/usr/sbin/holdfastd": "root:root 755",
        "/usr/sbin/holdfast-token": "root:root 755",
        "/usr/bin/holdfast": "root:root 755",
    }
    assert {path: root.owned(path) for path in wanted} == wanted


def test_units_are_enabled_and_not_started(root):
    for name in UNITS:
        link = f"/etc/systemd/system/multi-user.target.wants/{name}.service"
        assert os.path.islink(root.path(link)), link
    assert not root.exists("/run/holdfast") and not root.exists("/run/holdfast-token/token.sock")


def test_packaged_settings_are_sound_for_both_users(root):
    for user, program in (("holdfast", "holdfastd"), ("holdfast-token", "holdfast-token")):
        root.run("runuser", "-u", user, "--", program, "--check")


def test_completion_loads(root):
    for name in ("holdfast", *UNITS):
        file = f"/usr/share/bash-completion/completions/{name}"
        root.run("bash", "--norc", "-c", f". {file} && complete -p {name}")
    assert root.exists("/usr/share/zsh/vendor-completions/_holdfast")


def test_page_of_the_daemon_has_the_same_first_steps(root):
    shown = run("sh", "-c", f"zcat {root.path('/usr/share/man/man8/holdfastd.8.gz')}").stdout
    part = re.search(r"^\.Sh FIRST START$(.*?)^\.Sh ", shown, re.M | re.S).group(1)
    said = " ".join(part.replace("\\e\n", " ").split())
    for step in documented_steps(root.read("/usr/share/doc/holdfast/README.md"), HEADING):
        if step != "holdfast status":
            assert step in said


def test_documented_steps_give_a_service(machine, root):
    machine.listen_on_own_port()
    steps = documented_steps(root.read("/usr/share/doc/holdfast/README.md"), HEADING)
    assert [step.split()[0] for step in steps] == ["runuser", "systemctl", "runuser", "systemctl",
                                                   "holdfast"]
    for step in steps:
        machine.step(step)


def test_each_process_is_its_own_user(machine):
    assert machine.units["holdfastd"].users() == {"holdfast"}
    assert machine.units["holdfast-token"].users() == {"holdfast-token"}


def test_daemon_can_read_neither_pin_nor_token(root):
    assert root.owned("/var/lib/holdfast-token/pin") == "holdfast-token:holdfast-token 600"
    for path in ("/var/lib/holdfast-token/pin", "/var/lib/holdfast-token/tokens"):
        ran = root.run("runuser", "-u", "holdfast", "--", "ls", path, check=False)
        assert ran.returncode != 0 and "Permission denied" in ran.stdout


def test_boto3_is_served_from_outside(machine):
    kms = machine.kms()
    key = kms.create_key(Description="packaged")["KeyMetadata"]
    assert key["Arn"].startswith(f"arn:aws:kms:{REGION}:{ACCOUNT}:key/")
    machine.key = key["KeyId"]
    machine.ciphertext = kms.encrypt(KeyId=machine.key, Plaintext=b"Meet me at nine.",
                                     EncryptionContext=CONTEXT)["CiphertextBlob"]
    assert machine.decrypts()


def test_aws_cli_is_served_from_outside(machine, root):
    environment = {"PATH": "/usr/bin:/bin", "HOME": root.path("/root"), "AWS_PAGER": "",
                   "AWS_SHARED_CREDENTIALS_FILE": root.path(CREDENTIALS),
                   "AWS_DEFAULT_REGION": REGION, "AWS_EC2_METADATA_DISABLED": "true"}
    ran = subprocess.run([os.path.join(ROOT, "build/venv/bin/aws"), "kms", "list-keys", "--query",
                          "Keys[].KeyId", "--output", "text", "--endpoint-url", machine.endpoint()],
                         env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert ran.stdout.split() == [machine.key], ran.stderr


def test_another_pin_as_the_page_says(machine, root):
    before = root.read("/var/lib/holdfast-token/pin")
    machine.stop()
    root.shell("runuser -u holdfast-token -- env SOFTHSM2_CONF=/etc/holdfast/softhsm2.conf "
               "holdfast-token --change-pin --new-pin random")
    assert root.read("/var/lib/holdfast-token/pin") != before
    assert root.owned("/var/lib/holdfast-token/pin") == "holdfast-token:holdfast-token 600"
    machine.start_all()
    assert machine.decrypts()


def test_dashboard_and_alerts_are_there(root):
    for folder in ("grafana", "prometheus"):
        assert os.listdir(root.path(f"/usr/share/holdfast/{folder}"))


def test_upgrade_restarts_and_keeps_the_changed_settings(machine, root, package, tmp_path):
    higher = pack(str(tmp_path), "99.0.0")
    settings, before = root.read("/etc/holdfast/holdfast.conf"), root.digests(STATE[1])
    with_systemctl(root)
    root.install(higher)
    asked = without_systemctl(root)
    assert "try-restart holdfast-token.service holdfastd.service" in asked
    assert not any(re.search(r"\bstop\b", line) for line in asked)
    assert root.read("/etc/holdfast/holdfast.conf") == settings
    assert root.run("dpkg-query", "-W", "-f", "${Version}", "holdfast").stdout == "99.0.0"
    assert {path for path in before if not path.endswith("lock")} <= set(root.digests(STATE[1]))
    assert machine.decrypts(), "the programs that run are not disturbed before the restart"
    machine.stop()
    machine.start_all()
    assert machine.decrypts()


def test_remove_stops_and_leaves_keys_and_settings(machine, root):
    with_systemctl(root)
    root.apt("remove", "holdfast")
    assert "stop holdfastd.service holdfast-token.service" in without_systemctl(root)
    machine.stop()
    assert not root.exists("/usr/sbin/holdfastd")
    assert root.exists("/etc/holdfast/holdfast.conf")
    for path in ("/var/lib/holdfast/holdfast.db", "/var/lib/holdfast/audit",
                 "/var/lib/holdfast-token/pin", CREDENTIALS):
        assert root.exists(path), path


def test_installed_again_it_serves_the_old_keys(machine, root, package):
    root.install(package)
    machine.start_all()
    assert machine.decrypts()
    machine.stop()


def test_purge_asks_nothing_keeps_keys_and_says_so(machine, root):
    before = root.digests(*STATE)
    assert any("/tokens/" in path for path in before) and any("/audit/" in path for path in before)
    told = root.apt("purge", "holdfast").stdout
    assert root.digests(*STATE) == before
    for said in (*STATE, "rm -rf /var/lib/holdfast /var/lib/holdfast-token", "audit log", "PIN",
                 "userdel holdfast; userdel holdfast-token"):
        assert said in told
    assert not root.exists("/etc/holdfast")
    assert not root.exists("/etc/systemd/system/multi-user.target.wants/holdfastd.service")
    assert root.owned("/var/lib/holdfast/holdfast.db").startswith("holdfast:holdfast ")


def test_installed_after_a_purge_it_serves_the_old_keys(machine, root, package):
    root.install(package)
    machine.listen_on_own_port()
    machine.start_all()
    assert machine.decrypts()
    machine.stop()


def test_what_purge_says_deletes_the_rest(root):
    told = root.apt("purge", "holdfast").stdout
    for command in re.findall(r"^  (rm -rf .*|userdel .*)$", told, re.M):
        root.shell(command)
    assert not any(root.exists(folder) for folder in STATE)
    assert "holdfast" not in root.read("/etc/passwd") + root.read("/etc/group")
