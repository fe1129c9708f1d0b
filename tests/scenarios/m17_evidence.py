# SPDX-License-Identifier: Apache-2.0
"""M17, evidence for a lab.

Lena has keys, made and rotated with a stock AWS CLI. A lab wants to see that they cannot leave the
token, when they were rotated, who may use them, and that nobody changed the log. She runs `holdfast
evidence DIR` and hands over the folder and, on another day, the public key. The lab has neither her
token nor her service: it verifies the folder, and looks at the report.
"""
import base64
import hashlib
import json
import os
import shutil
import subprocess

import pytest
from holdfast.process import wait_for
from holdfast.timeline import Story

FILES = ["SHA256SUMS", "audit-public-key.pem", "evidence.json", "report.html", "signature.json"]
SCRIPT = "<script>alert('lab')</script>"
YEAR = 365


def holdfast(own, *arguments, check=True):
    return own.run("holdfast", *arguments, check=check)


@pytest.fixture(scope="module")
def story(calendar):
    """A key that has lived for a year: made, tagged, granted, rotated by the clock and on demand."""
    own = calendar.installation
    story = Story(calendar, Description=SCRIPT, Tags=[{"TagKey": "<b>team</b>", "TagValue": "\"&'"}])

    def kms(command, *arguments):
        own.aws("kms", command, *arguments)

    kms("create-alias", "--alias-name", "alias/letters", "--target-key-id", story.key)
    kms("create-grant", "--key-id", story.key, "--name", "lab", "--operations", "Decrypt",
        "--grantee-principal", f"arn:aws:iam::{own.account}:root")
    kms("enable-key-rotation", "--key-id", story.key)
    story.day(YEAR)
    story.await_rotations(YEAR)
    kms("rotate-key-on-demand", "--key-id", story.key)
    wait_for(lambda: len(story.rotations()) == 2, "it is rotated on demand, too")
    return story


@pytest.fixture(scope="module")
def bundle(calendar, story, tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("lab") / "bundle")
    own = calendar.installation
    ran = holdfast(own, "evidence", folder, "--config", own.daemon.settings)
    assert "report.html" in ran.stdout and story.key
    return folder


@pytest.fixture(scope="module")
def evidence(bundle):
    with open(os.path.join(bundle, "evidence.json"), encoding="utf-8") as file:
        return json.load(file)


@pytest.fixture
def copy(bundle, tmp_path):
    """A copy to be tampered with."""
    return shutil.copytree(bundle, tmp_path / "copy")


def verify(own, folder, *more):
    """(exit status, {row: its detail} of what is wrong, the verdict). No service is asked: the
    socket that is named is nobody's."""
    ran = holdfast(own, "evidence", "verify", str(folder), "--json", "--socket", "/nowhere", *more,
                   check=False)
    told = json.loads(ran.stdout)
    wrong = {row["Name"]: row["Detail"] for row in told["Checks"] if row["Level"] == "failure"}
    return ran.returncode, wrong, told["Verdict"]


def read(folder, name):
    with open(os.path.join(folder, name), "rb") as file:
        return file.read()


def write(folder, name, content):
    with open(os.path.join(folder, name), "wb") as file:
        file.write(content)


def the_key(evidence, story):
    (key,) = [key for key in evidence["Keys"] if key["Arn"] == story.key]
    return key


def test_the_folder_has_five_files_for_its_owner_alone(bundle):
    assert sorted(os.listdir(bundle)) == FILES
    assert os.stat(bundle).st_mode & 0o77 == 0
    for name in FILES:
        assert os.stat(os.path.join(bundle, name)).st_mode & 0o77 == 0


def test_a_folder_that_is_no_bundle_is_told_in_one_line(calendar, tmp_path):
    (tmp_path / "one").touch()
    (tmp_path / "two").touch()
    code, wrong, verdict = verify(calendar.installation, tmp_path)
    assert (code, wrong) == (65, {"folder": f"there is no bundle in {tmp_path}"})
    assert verdict == verify(calendar.installation, "/not/there")[2] == "There is NO BUNDLE to verify."


def test_what_cannot_be_made_leaves_nothing_behind(calendar, tmp_path):
    """And an empty folder that was there stays."""
    own = calendar.installation
    (tmp_path / "empty").mkdir()
    for name in ("new", "empty"):
        ran = holdfast(own, "evidence", str(tmp_path / name), "--socket", "/nowhere", check=False)
        assert ran.returncode == 69 and ran.stderr.startswith("holdfast: ") and "->" in ran.stderr
    assert os.listdir(tmp_path) == ["empty"]
    ran = holdfast(own, "evidence", str(tmp_path / "not" / "there"), "--socket", "/nowhere", check=False)
    assert ran.returncode == 73 and "make the folder that it is to be in" in ran.stderr


def test_the_lab_verifies_it_with_the_key_alone(calendar, bundle, tmp_path):
    own = calendar.installation
    code, wrong, verdict = verify(own, bundle)
    assert (code, wrong) == (0, {})
    assert verdict.startswith("The bundle is genuine if the key below is the installation's")
    key = tmp_path / "key.pem"
    key.write_bytes(read(bundle, "audit-public-key.pem"))
    code, _, verdict = verify(own, bundle, "--key", str(key))
    assert code == 0 and verdict == "The bundle is genuine, and what it tells is well."
    told = holdfast(own, "evidence", "verify", bundle, "--socket", "/nowhere").stdout
    fingerprint = json.loads(read(bundle, "signature.json"))["KeyFingerprint"]
    assert fingerprint in told

    # It is the key that signs the audit log, too, and others can check the signature without us.
    shown = holdfast(own, "audit", "public-key", "--config", own.daemon.settings).stdout
    assert "BEGIN PUBLIC KEY" in read(bundle, "audit-public-key.pem").decode()
    assert fingerprint[:16] in shown or read(bundle, "audit-public-key.pem").decode() in shown
    sums = subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=bundle,
                          capture_output=True, text=True, check=False, timeout=60)
    assert sums.returncode == 0, sums.stdout


def test_the_signature_is_what_the_manual_says(bundle):
    """By OpenSSL, from the description alone."""
    signature = json.loads(read(bundle, "signature.json"))
    sums = hashlib.sha256(read(bundle, "SHA256SUMS")).digest()
    assert signature["Sha256Sums"] == sums.hex()
    parts = [b"holdfast evidence 1", signature["Installation"].encode(),
             signature["Time"].encode(), sums]
    statement = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    raw = base64.b64decode(signature["Signature"])

    def integer(number):
        number = number.lstrip(b"\0")
        number = (b"\0" if number[0] & 0x80 else b"") + number
        return b"\x02" + bytes([len(number)]) + number

    pair = integer(raw[:32]) + integer(raw[32:])
    der = b"\x30" + bytes([len(pair)]) + pair
    folder = os.path.dirname(bundle)
    write(folder, "signature.der", der)
    write(folder, "statement", statement)
    ran = subprocess.run(["openssl", "dgst", "-sha256", "-verify",
                          os.path.join(bundle, "audit-public-key.pem"), "-signature",
                          os.path.join(folder, "signature.der"), os.path.join(folder, "statement")],
                         capture_output=True, text=True, check=False, timeout=60)
    assert ran.stdout == "Verified OK\n", ran.stdout + ran.stderr


def test_it_tells_of_every_key_and_version_as_the_token_has_it(evidence, story):
    key = the_key(evidence, story)
    assert (key["Description"], key["Aliases"]) == (SCRIPT, ["alias/letters"])
    assert key["Tags"] == [{"Key": "<b>team</b>", "Value": "\"&'"}]
    assert key["PolicySha256"] == hashlib.sha256(key["Policy"].encode()).hexdigest()
    assert [v["MadeBy"] for v in key["Versions"]] == ["CREATION", "AUTOMATIC", "ON_DEMAND"]
    assert [v["Number"] for v in key["Versions"]] == [1, 2, 3]
    assert [v["Current"] for v in key["Versions"]] == [False, False, True]
    (grant,) = key["Grants"]
    assert (grant["Name"], grant["Operations"]) == ("lab", ["Decrypt"])
    for version in key["Versions"]:
        attributes = version["Token"]["Attributes"]
        assert version["AsRequired"] == "yes"
        assert attributes["CKA_SENSITIVE"] and attributes["CKA_NEVER_EXTRACTABLE"]
        assert not attributes["CKA_EXTRACTABLE"] and not attributes["CKA_MODIFIABLE"]
        assert (version["Token"]["KeyType"], version["Token"]["Bits"]) == ("AES", 256)
        assert version["Token"]["Label"].endswith(f":{story.id}:{version['Number']}")


def test_it_tells_of_everything_else(evidence, calendar):
    assert all(test["Passed"] for test in evidence["SelfTests"]["Tests"])
    assert len(evidence["SelfTests"]["Tests"]) >= 8
    assert evidence["Store"]["Ok"] and evidence["Store"]["Rows"] > 0
    assert evidence["Audit"]["Looked"] and evidence["Audit"]["Verified"]
    assert evidence["Audit"]["Attestations"] > 0
    assert {key["Role"] for key in evidence["ServiceKeys"]} == {"row-seal", "audit-sign",
                                                               "secret-wrap"}
    assert all(key["AsRequired"] == "yes" for key in evidence["ServiceKeys"])
    names = {library["Name"] for library in evidence["System"]["Libraries"]}
    assert {"OpenSSL libcrypto", "SQLite", "GnuTLS"} <= names
    assert evidence["System"]["Token"]["IsOfInstallation"]
    answered = {key["Token"]["AnsweredBy"] for key in evidence["ServiceKeys"]}
    assert len(answered) == 1 and "PKCS#11 2.40" in answered.pop()
    users = [i for i in evidence["Identities"] if i["Kind"] == "user"]
    assert users and users[0]["AttachedPolicies"]
    verdicts = {promise["Id"]: promise["Verdict"] for promise in evidence["Promises"]}
    assert verdicts["P1"] == verdicts["P5"] == verdicts["P7"] == "shown"
    assert verdicts["P4"] == "not shown here"
    with open(calendar.installation.credentials_file, encoding="utf-8") as file:
        secret = file.read().split("=")[-1].strip()
    assert secret and secret not in json.dumps(evidence)


def test_making_it_is_on_record(calendar, bundle):
    records = calendar.installation.daemon.audit_records()
    (signed,) = [r for r in records if r["eventName"] == "SignStatement"]
    digest = hashlib.sha256(read(bundle, "SHA256SUMS")).hexdigest()
    assert signed["requestParameters"]["digest"] == digest
    assert any(r["eventName"] == "ListKeyEvidence" for r in records)


def test_the_report_is_one_page_that_runs_nothing(bundle, story):
    page = read(bundle, "report.html").decode()
    assert "<script" not in page and "http://" not in page and "https://" not in page
    assert "default-src 'none'" in page
    assert "&lt;script&gt;alert(&#39;lab&#39;)&lt;/script&gt;" in page
    assert "&lt;b&gt;team&lt;/b&gt;=&quot;&amp;&#39;" in page
    assert page.count('<circle class="auto" r="5"') == 1 and page.count('class="demand" d="M') == 2
    assert f'id="key-{story.id}"' in page and "alias/letters" in page


def test_the_report_begins_with_its_verdict(bundle):
    """And with what was checked for it; tables and plots say what they are to whoever hears them."""
    page = read(bundle, "report.html").decode()
    front = page[:page.index("Promises, and what this report shows")]
    assert "Nothing that was checked contradicts a promise" in front
    for row in ("Attributes of keys", "Store", "Audit log", "Self-tests", "Service", "Not shown here"):
        assert f'<th scope="row">{row}</th>' in front, row
    assert "as it was sealed" in front and "whole and in order" in front and "P4, P8" in front
    assert "<th>" not in page and '<th class=' not in page
    assert all("aria-label=" in part[:300] or "aria-hidden=" in part[:60]
               for part in page.split("<svg ")[1:])


@pytest.mark.parametrize("name", FILES)
def test_a_changed_byte_anywhere_is_found(calendar, copy, name):
    """The first, the last, and some in between of each file."""
    content = read(copy, name)
    for at in {0, len(content) // 3, len(content) // 2, len(content) - 1}:
        changed = bytearray(content)
        changed[at] ^= 1
        write(copy, name, bytes(changed))
        code, wrong, verdict = verify(calendar.installation, copy)
        assert code == 65 and name in wrong, (name, at, wrong)
        assert verdict == "The bundle is NOT GENUINE."
    write(copy, name, content + b"\n")
    assert name in verify(calendar.installation, copy)[1]


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(calendar, copy, name):
    os.unlink(os.path.join(copy, name))
    code, wrong, _ = verify(calendar.installation, copy)
    assert code == 65 and wrong[name] == "it is missing"


def test_a_file_that_does_not_belong_is_named(calendar, copy):
    write(copy, "extra.txt", b"")
    code, wrong, _ = verify(calendar.installation, copy)
    assert code == 65 and wrong == {"folder": "extra.txt does not belong to the bundle"}


def test_a_link_is_no_file(calendar, copy):
    os.rename(os.path.join(copy, "report.html"), os.path.join(copy, "..", "elsewhere"))
    os.symlink("../elsewhere", os.path.join(copy, "report.html"))
    assert "report.html" in verify(calendar.installation, copy)[1]


def make_key(folder):
    key, public = os.path.join(folder, "own.key"), os.path.join(folder, "own.pem")
    for arguments in (["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key],
                      ["ec", "-in", key, "-pubout", "-out", public]):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=60)
    return public


def test_another_key_is_refused(calendar, copy, tmp_path):
    public = make_key(tmp_path)
    code, wrong, _ = verify(calendar.installation, copy, "--key", public)
    assert code == 65 and "NOT the one given" in wrong["key"]
    # Put into the bundle itself, with the digests made to fit: the signature is not by that key.
    shutil.copyfile(public, os.path.join(copy, "audit-public-key.pem"))
    rewrite_sums(copy)
    code, wrong, _ = verify(calendar.installation, copy)
    assert code == 65 and "signature.json" in wrong


def rewrite_sums(folder):
    names = ["evidence.json", "report.html", "audit-public-key.pem"]
    lines = [f"{hashlib.sha256(read(folder, name)).hexdigest()}  {name}\n" for name in names]
    write(folder, "SHA256SUMS", "".join(lines).encode())


def test_a_verdict_that_the_facts_do_not_bear_out_is_found(calendar, copy, story):
    """Whoever doctors the attributes and leaves "yes" is found out even without the signature."""
    evidence = json.loads(read(copy, "evidence.json"))
    version = the_key(evidence, story)["Versions"][0]
    version["Token"]["Attributes"]["CKA_EXTRACTABLE"] = True
    write(copy, "evidence.json", json.dumps(evidence).encode())
    rewrite_sums(copy)
    code, wrong, _ = verify(calendar.installation, copy)
    assert code == 65
    assert {"SHA256SUMS", "attributes", "conclusions"} <= set(wrong), wrong
    assert "AsRequired is not what its attributes say" in wrong["attributes"]


def test_a_folder_that_is_in_use_is_left_alone(calendar, bundle):
    own = calendar.installation
    before = {name: read(bundle, name) for name in FILES}
    ran = holdfast(own, "evidence", bundle, "--config", own.daemon.settings, check=False)
    assert ran.returncode == 73 and "is not empty" in ran.stderr
    assert before == {name: read(bundle, name) for name in FILES}


def test_many_keys_come_in_pages(calendar, tmp_path):
    """More versions and grants than a page has, and none twice or left out."""
    own = calendar.installation
    kms = own.client()
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    root = f"arn:aws:iam::{own.account}:root"
    for i in range(230):
        kms.create_grant(KeyId=key, GranteePrincipal=root, Operations=["Encrypt"], Name=f"g{i}")
    for _ in range(20):
        kms.create_key()
    folder = str(tmp_path / "many")
    holdfast(own, "evidence", folder, "--config", own.daemon.settings)
    evidence = json.loads(read(folder, "evidence.json"))
    ids = [entry["KeyId"] for entry in evidence["Keys"]]
    listed = {k["KeyId"] for page in kms.get_paginator("list_keys").paginate() for k in page["Keys"]}
    assert len(ids) == len(set(ids)) and set(ids) == listed
    (whole,) = [entry for entry in evidence["Keys"] if entry["KeyId"] == key]
    assert sorted(g["Name"] for g in whole["Grants"]) == sorted(f"g{i}" for i in range(230))
    assert verify(own, folder)[0] == 0
