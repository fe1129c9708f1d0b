# SPDX-License-Identifier: Apache-2.0
"""The README, by its word: what it prints is run as it stands."""
import os
import re
import subprocess

import pytest

from holdfast.installation import ROOT, free_port, program, write_file
from holdfast.people import People

BLOCK = re.compile(r"^### (?P<title>[^\n]+)\n(?:(?!^##).)*?^```(?P<language>\w+)\n(?P<text>.*?)^```$",
                   re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def blocks():
    """{title: text} of the blocks that stand first under a heading of the third rank."""
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
        return {match["title"]: match["text"] for match in BLOCK.finditer(file.read())}


def test_every_block_ends_and_every_link_leads_somewhere():
    """A block that is not closed turns the rest of the page into a script."""
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
        text = file.read()
    fences = re.findall(r"^```.*$", text, re.MULTILINE)
    assert all(fence == "```" for fence in fences[1::2]) and len(fences) % 2 == 0, fences
    titles = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S), re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("#"):
            assert target[1:] in anchors, target
        elif "://" not in target:
            assert os.path.exists(os.path.join(ROOT, target.partition("#")[0])), target


def run(service, folder, command, **more):
    """With the names that `. ./.holdfast/env` sets, and nothing else."""
    environment = {
        "PATH": f"{ROOT}/build/venv/bin:/usr/bin:/bin", "HOME": str(folder),
        "KMS_ENDPOINT": service.endpoint(), "AWS_ENDPOINT_URL_KMS": service.endpoint(),
        "AWS_ACCESS_KEY_ID": service.signer.access_key, "AWS_DEFAULT_REGION": service.region,
        "AWS_SECRET_ACCESS_KEY": service.signer.secret_key, **more,
    }
    return subprocess.run(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def operator(service, tmp_path):
    """PATH with a `holdfast` that finds this service, as after the package's installation."""
    os.mkdir(tmp_path / "bin")
    write_file(tmp_path / "bin" / "holdfast", mode=0o700, text=f"""#!/bin/sh
exec {program("holdfast")} "$@" --config {service.daemon.settings}
""")
    return f"{tmp_path}/bin:{ROOT}/build/venv/bin:/usr/bin:/bin"


def test_a_user_her_profile_and_a_role_by_a_profile(service, blocks, operator, tmp_path):
    ran = run(service, tmp_path, ["sh", "-euc", blocks["A user, and what she may"]], PATH=operator)
    assert ran.returncode == 0, ran.stderr
    assert "\nALLOWED: " in ran.stdout and ran.stdout.endswith("\nstatus 1\n")
    assert "user/alice/Letters:1 (OwnTenant)" in ran.stdout
    People(service).role("auditor", {
        "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:user/alice"},
        "Action": "sts:AssumeRole"})
    with open(tmp_path / ".aws" / "config", "a", encoding="utf-8") as file:
        file.write(blocks["Temporary credentials"].replace("http://127.0.0.1:4599",
                                                           service.endpoint()))
    ran = run(service, tmp_path, ["aws", "sts", "get-caller-identity", "--profile", "auditor"])
    assert ":assumed-role/auditor/" in ran.stdout, ran.stderr


def test_the_first_envelope_with_the_aws_cli(service, blocks, tmp_path):
    ran = run(service, tmp_path, ["sh", "-euc", blocks["A first envelope, with the AWS CLI"]])
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == (tmp_path / "letter.txt").read_text()
    assert not (tmp_path / "both").exists()
    # The whole data key is the password: openssl reads one line of the file, up to a NUL.
    assert re.fullmatch(r"[A-Za-z0-9+/]{43}=\n", (tmp_path / "data.key").read_text())


def test_the_wrapped_key_opens_with_no_other_context(service, blocks, tmp_path):
    block = blocks["A first envelope, with the AWS CLI"]
    assert block.count("file=letter.txt") == 2
    head, _, tail = block.rpartition("file=letter.txt")
    ran = run(service, tmp_path, ["sh", "-euc", f"{head}file=another.txt{tail}"])
    assert ran.returncode != 0 and "InvalidCiphertextException" in ran.stderr


def test_the_same_with_boto3(service, blocks, tmp_path):
    ran = run(service, tmp_path, ["python3", "-c", blocks["The same with boto3"]])
    assert ran.returncode == 0, ran.stderr


def test_the_lab_authority_serves_tls(make, service, blocks, tmp_path):
    ran = run(service, tmp_path, ["sh", "-euc", blocks["An authority for a lab"]])
    assert ran.returncode == 0, ran.stderr
    secured = make(settings={"tls": {"certificate": tmp_path / "server.pem",
                                     "private_key": tmp_path / "server.key"},
                             "health": {"listen": f"127.0.0.1:{free_port()}"}})
    command = ["aws", "kms", "list-keys", "--endpoint-url", secured.endpoint()]
    assert secured.endpoint().startswith("https://")
    ran = run(secured, tmp_path, command, AWS_CA_BUNDLE=str(tmp_path / "ca.pem"))
    assert ran.returncode == 0, ran.stderr
    assert run(secured, tmp_path, command).returncode != 0


def test_tags_and_a_deletion_that_is_called_back(service, blocks, tmp_path):
    block = blocks["Tags, and a deletion that is called back"]
    ran = run(service, tmp_path, ["sh", "-euc", block + 'echo "$KEY"'])
    assert ran.returncode == 0, ran.stderr
    assert "stage\tteam\n" in ran.stdout or "team\tstage\n" in ran.stdout
    assert "\nPendingDeletion\n" in ran.stdout
    key = service.client().describe_key(KeyId=ran.stdout.split()[-1])["KeyMetadata"]
    assert key["KeyState"] == "Enabled"


def test_a_rotation_by_hand(service, blocks, tmp_path):
    block = blocks["A name for a key, and its rotation by hand"]
    ran = run(service, tmp_path, ["sh", "-euc", block])
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == "harbourDecrypt\n"


def test_a_rotation_by_itself(service, blocks, tmp_path):
    block = blocks["A key that is rotated by itself"]
    ran = run(service, tmp_path, ["sh", "-euc", block + 'echo; echo "$KEY"'])
    assert ran.returncode == 0, ran.stderr
    status, named, rotations, text, key = ran.stdout.splitlines()
    assert (status, named, rotations, text) == ("True\t365", key, "ON_DEMAND", "harbour")
