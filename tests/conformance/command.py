# SPDX-License-Identifier: Apache-2.0
"""The holdfast command end to end: a user is made, permitted, given a profile, and works with the AWS
CLI; what the command explains is what the service then does."""
import json
import os
import subprocess
import threading
import time

import pytest

from holdfast import aws_cli
from holdfast.installation import ACCOUNT, program
from holdfast.people import People, allow, deny, policy

ALLOWED, DENIED, USAGE, REFUSED, AWAY = 0, 1, 64, 65, 69
USER = f"arn:aws:iam::{ACCOUNT}:user/"
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"


@pytest.fixture(scope="module")
def people(service):
    return People(service)


@pytest.fixture
def desk(service, people, tmp_path):
    return Desk(service, people, tmp_path)


class Desk:
    """A home with profiles, and the two commands that are used there."""

    def __init__(self, service, people, home):
        self.service, self.people, self.home = service, people, home
        self.environment = {"PATH": "/usr/bin:/bin", "HOME": str(home), "AWS_PAGER": "",
                            "AWS_EC2_METADATA_DISABLED": "true", "AWS_MAX_ATTEMPTS": "1"}

    def run(self, command, text=""):
        return subprocess.run(command, env=self.environment, input=text, capture_output=True,
                              text=True, timeout=60, check=False)

    def holdfast(self, *arguments, text=""):
        return self.run([program("holdfast"), *arguments, "--config",
                         self.service.daemon.settings], text)

    def aws(self, profile, *arguments):
        """With nothing but the profile to know of the service."""
        return aws_cli.run(["--profile", profile, "--output", "json", *arguments], self.environment,
                           60)

    def secrets(self):
        """Of the profiles."""
        lines = (self.home / ".aws" / "credentials").read_text().split("\n")
        return [line.split(" = ")[1] for line in lines if line.startswith("aws_secret")]

    def profile(self, name, *statements):
        """A user with a policy from standard input, and a profile of the same name."""
        assert self.holdfast("user", "create", name).returncode == 0
        put = self.holdfast("user", "put-policy", name, "Own", "--document", "-",
                            text=policy(*statements))
        assert put.returncode == 0, put.stderr
        made = self.holdfast("access-key", "create", "--user", name, "--profile", name)
        assert made.returncode == 0, made.stderr
        return made


def explain(desk, principal, action, *more):
    ran = desk.holdfast("explain", "--principal", principal, "--action", action, "--json", *more)
    assert ran.returncode in (ALLOWED, DENIED), ran.stderr
    said = json.loads(ran.stdout)
    assert said["Allowed"] == (ran.returncode == ALLOWED)
    return said


def data_key(desk, profile, key, context):
    return desk.aws(profile, "kms", "generate-data-key-without-plaintext", "--key-id", key,
                    "--key-spec", "AES_256", "--encryption-context", f"tenant={context}")


def test_a_user_with_a_profile_does_what_explain_said(desk, key):
    desk.profile("c-ann", allow(["kms:GenerateDataKeyWithoutPlaintext"], key,
                                {"StringEquals": {"kms:EncryptionContext:tenant": "7"}}))
    who = json.loads(desk.aws("c-ann", "sts", "get-caller-identity").stdout)
    assert who["Arn"] == USER + "c-ann"
    for tenant, allowed in (("7", True), ("8", False)):
        said = explain(desk, who["Arn"], "kms:GenerateDataKeyWithoutPlaintext", "--key", key,
                       "--context", f"tenant={tenant}")
        ran = data_key(desk, "c-ann", key, tenant)
        assert said["Allowed"] == allowed == (ran.returncode == 0), ran.stderr
        assert allowed or said["Message"] in ran.stderr
        assert not allowed or "user/c-ann/Own:1" in said["DecidedBy"]


def test_what_explain_says_by_name(desk, key):
    """The statement, the boundary, nothing; text for people and exit statuses."""
    desk.profile("c-bob", allow("kms:*"), deny("kms:Decrypt", Sid="NotThat"))
    denied = desk.holdfast("explain", "--principal", USER + "c-bob", "--action", "kms:Decrypt",
                           "--key", key)
    assert denied.returncode == DENIED
    assert denied.stdout.startswith("DENIED: ") and "NotThat" in denied.stdout.split("\n")[0]
    edge = desk.people.ask("policy", "create", "c-Edge", "--document", desk.people.document(
        policy(allow("kms:DescribeKey"))))["Identity"]["Arn"]
    assert desk.holdfast("user", "set-boundary", "c-bob", edge).returncode == 0
    said = explain(desk, USER + "c-bob", "kms:Encrypt", "--key", key)
    assert said["DecidedBy"] == "default-deny: not allowed by boundary policy/c-Edge"
    assert "boundary policy/c-Edge" in said["Policies"]
    assert explain(desk, USER + "c-bob", "kms:DescribeKey", "--key", key)["Allowed"]


@pytest.mark.parametrize("question, complaint", [
    (("--action", "kms:Decrpyt"), "No operation of this service needs kms:Decrpyt."),
    (("--action", "kms:ListKeys", "--condition", "kms:ViaServise=x"),
     "kms:ViaServise is no condition key."),
    (("--action", "kms:ListKeys", "--condition", "aws:SecureTransport=maybe"),
     "A value in Conditions is none that its key can have."),
    (("--action", "kms:ListKeys", "--source-ip", "here"), "SourceIp must be"),
    (("--action", "KMS:decrypt"), "KeyId is required"),
])
def test_a_question_that_has_no_answer_is_no_denial(desk, question, complaint):
    ran = desk.holdfast("explain", "--principal", USER + "administrator", *question)
    assert (ran.returncode, ran.stdout) == (REFUSED, "")
    assert complaint in ran.stderr


def test_a_role_by_its_profile_and_revoked(desk, key):
    desk.profile("c-eve", allow("kms:DescribeKey"))
    trust = desk.people.document(policy(
        {"Effect": "Allow", "Principal": {"AWS": USER + "c-eve"}, "Action": "sts:AssumeRole"}))
    made = desk.holdfast("role", "create", "c-ops", "--trust", trust)
    assert made.returncode == 0 and "holdfast role put-policy c-ops POLICY" in made.stdout
    desk.people.run("role", "attach", "c-ops", ADMINISTRATOR)
    config = desk.home / ".aws" / "config"
    config.write_text(config.read_text() + f"""
[profile ops]
role_arn = arn:aws:iam::{ACCOUNT}:role/c-ops
source_profile = c-eve
role_session_name = by-profile
region = {desk.service.region}
endpoint_url = {desk.service.endpoint()}
""")
    ran = data_key(desk, "ops", key, "7")
    assert ran.returncode == 0, ran.stderr
    assert data_key(desk, "c-eve", key, "7").returncode != 0
    sessions = [row for row in desk.people.ask("session", "list")["Sessions"]
                if row["Principal"].endswith("assumed-role/c-ops/by-profile")]
    assert len(sessions) == 1
    assert explain(desk, sessions[0]["Principal"], "kms:DisableKey", "--key", key)["Allowed"]
    desk.people.run("session", "delete", sessions[0]["AccessKeyId"])
    made = desk.holdfast("session", "create", f"arn:aws:iam::{ACCOUNT}:role/c-ops", "--name", "by-hand",
                         "--profile", "hand")
    assert made.returncode == 0, made.stderr
    assert not any(secret in made.stdout for secret in desk.secrets())
    assert ":assumed-role/c-ops/by-hand" in desk.aws("hand", "sts", "get-caller-identity").stdout
    # The AWS CLI keeps the credentials of a role in its cache, and so uses the revoked ones again.
    assert "security token" in data_key(desk, "ops", key, "7").stderr


def test_deletion_waits_for_what_hangs_on_it(desk):
    desk.profile("c-hal", allow("kms:ListKeys"))
    group = ("group", "create", "c-crew")
    assert desk.holdfast(*group).returncode == 0
    assert desk.holdfast(*group).returncode == REFUSED
    desk.people.run("group", "add-user", "c-crew", "c-hal")
    for command in (("user", "delete", "c-hal"), ("group", "delete", "c-crew")):
        ran = desk.holdfast(*command)
        assert ran.returncode == REFUSED and "DeleteConflict" in ran.stderr, ran.stderr
    [row] = desk.people.ask("access-key", "list", "--user", "c-hal")["AccessKeys"]
    for command in (("access-key", "delete", row["AccessKeyId"]),
                    ("group", "remove-user", "c-crew", "c-hal"),
                    ("user", "delete-policy", "c-hal", "Own"),
                    ("user", "delete", "c-hal"), ("group", "delete", "c-crew")):
        ran = desk.holdfast(*command)
        assert (ran.returncode, ran.stdout) == (0, "Done.\n"), ran.stderr
    assert desk.holdfast("user", "show", "c-hal").returncode == REFUSED


def test_lists_are_whole_unless_a_page_is_asked_for(desk):
    names = {f"c-list{n}" for n in range(103)}  # a page has 100
    for name in names:
        desk.people.run("group", "create", name)
    found = desk.people.ask("group", "list")
    assert names <= {row["Name"] for row in found["Identities"]} and not found["Truncated"]
    lines = desk.holdfast("group", "list").stdout.rstrip("\n").split("\n")
    assert len(lines) == len(found["Identities"]) + 1
    place = lines[0].index("CreateDate")
    assert all(line[place - 1] == " " and line[place:].startswith("20") for line in lines[1:])
    page = desk.people.ask("group", "list", "--limit", "7")
    assert len(page["Identities"]) == 7 and page["Truncated"]
    rest = desk.people.ask("group", "list", "--limit", "1000", "--marker", page["NextMarker"])
    assert page["Identities"] + rest["Identities"] == found["Identities"]
    assert page["NextMarker"] in desk.holdfast("group", "list", "--limit", "7").stdout


@pytest.mark.parametrize("words, status, complaint", [
    (("user",), USAGE, ""),
    (("user", "shwo", "x"), USAGE, "Did you mean show?\nSee holdfast user --help."),
    (("user", "create"), USAGE, "NAME is missing: which one.\nSee holdfast user create --help."),
    (("access-key", "create"), USAGE, "exactly one is wanted of --user"),
    (("user", "put-policy", "x", "y", "--document", "/nowhere"), USAGE, "No such file"),
    (("user", "put-policy", "x", "y", "--document", "-"), REFUSED, "MalformedPolicyDocument"),
    (("user", "show", "nobody"), REFUSED, "NoSuchEntity: The user with name nobody"),
    (("access-key", "create", "--user", "administrator", "--profile", "a b"), USAGE, "profile"),
    (("user", "list", "--socket", "/nowhere"), AWAY, "start holdfastd"),
])
def test_exit_statuses(desk, words, status, complaint):
    ran = desk.holdfast(*words, text="{")
    assert (ran.returncode, complaint in ran.stderr) == (status, True), ran.stderr


@pytest.mark.parametrize("words, usage", [
    (("access-key", "list"), "{--user USER | --service SERVICE | --root ACCOUNT} [--account ACCOUNT]"),
    (("user", "tag"), "holdfast user tag NAME KEY=VALUE... [--account ACCOUNT]"),
    (("status",), "Usage: holdfast status\n"),
])
def test_help_says_how_it_is_written(desk, words, usage):
    ran = desk.holdfast(*words, "--help")
    assert (ran.returncode, usage in ran.stdout) == (0, True), ran.stdout


def command_lines(stop, seen):
    """What every process's arguments are, until told to stop."""
    while not stop.is_set():
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    seen.add(file.read())
            except OSError:
                pass
        time.sleep(0.001)


def everything_on_disk(service):
    """The daemons' logs, the audit log and the store."""
    for folder, _, names in os.walk(service.directory):
        for name in names:
            path = os.path.join(folder, name)
            if name.endswith((".log", ".jsonl", ".db", ".db-wal")):
                with open(path, "rb") as file:
                    yield path, file.read()


def test_secrets_are_where_they_belong_and_nowhere_else(desk):
    stop, seen = threading.Event(), set()
    desk.people.service_principal("rds.us-east-1.amazonaws.com", ACCOUNT)
    watcher = threading.Thread(target=command_lines, args=(stop, seen))
    watcher.start()
    try:
        made = desk.profile("c-sue", allow("kms:ListKeys"))
        session = desk.people.ask("session", "create", USER + "c-sue", "--service",
                                  "rds.us-east-1.amazonaws.com")["Credentials"]
        assert desk.aws("c-sue", "kms", "list-keys").returncode == 0
    finally:
        stop.set()
        watcher.join()
    [secret] = desk.secrets()
    assert secret not in made.stdout + made.stderr
    assert os.stat(desk.home / ".aws" / "credentials").st_mode & 0o777 == 0o600
    assert secret not in (desk.home / ".aws" / "config").read_text()
    assert any(b"access-key\0create" in line for line in seen)
    files = dict(everything_on_disk(desk.service))
    assert any(path.endswith(".jsonl") and session["AccessKeyId"].encode() in content
               for path, content in files.items())
    for hidden in (secret, session["SecretAccessKey"], session["SessionToken"]):
        assert not any(hidden.encode() in line for line in seen)
        assert [path for path, content in files.items() if hidden.encode() in content] == []
    shown = desk.holdfast("user", "show", "c-sue", "--json").stdout
    assert session["AccessKeyId"] not in shown and secret not in shown
