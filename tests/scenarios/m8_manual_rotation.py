# SPDX-License-Identifier: Apache-2.0
"""M8, the story of a key that is rotated by hand.

Ada's programs know her key as alias/letters and nothing else. Once a year she makes a new key and
points the alias at it: from then on they encrypt under the new one, and no program is changed. What
the old key encrypted still opens, without anybody saying which key it was: the ciphertext knows.
That is why the old key must stay enabled for as long as anything encrypted under it is to be read.
"""
import base64
import json
import time
from dataclasses import dataclass

import pytest
from botocore.exceptions import ClientError
from holdfast.operations import MODEL

OLD, NEW = b"Meet me at the harbour at nine.\n", b"The harbour is closed. Meet me at the mill.\n"


class Ada:
    """Her commands: the stock AWS CLI."""

    def __init__(self, service, folder):
        self.service, self.folder = service, folder

    def kms(self, command, *arguments, check=True):
        ran = self.service.aws("kms", command, *arguments, check=check)
        return json.loads(ran.stdout) if ran.stdout else {} if check else ran

    def make_key(self, description):
        return self.kms("create-key", "--description", description)["KeyMetadata"]["Arn"]

    def encrypt(self, name, letter):
        """Under whatever key the name means today; its ARN."""
        (self.folder / "letter.txt").write_bytes(letter)
        sealed = self.kms("encrypt", "--key-id", "alias/letters", "--plaintext",
                          f"fileb://{self.folder}/letter.txt")
        (self.folder / name).write_bytes(base64.b64decode(sealed["CiphertextBlob"]))
        return sealed["KeyId"]

    def decrypt(self, name, *arguments, check=True):
        """(text, the key it was encrypted under); nobody names the key."""
        opened = self.kms("decrypt", "--ciphertext-blob", f"fileb://{self.folder}/{name}",
                          *arguments, check=check)
        return (base64.b64decode(opened["Plaintext"]), opened["KeyId"]) if check else opened

    def alias(self):
        listed = self.kms("list-aliases")["Aliases"]
        return next(entry for entry in listed if entry["AliasName"] == "alias/letters")


@pytest.fixture
def ada(own, tmp_path):
    folder = tmp_path / "letters"
    folder.mkdir()
    return Ada(own, folder)


def test_a_rotation_by_hand(ada):
    # The first year: a key, and a name for it that programs use.
    old = ada.make_key("letters, first year")
    ada.kms("create-alias", "--alias-name", "alias/letters", "--target-key-id", old)
    assert ada.encrypt("one.enc", OLD) == old
    before = ada.alias()
    assert before["CreationDate"] == before["LastUpdatedDate"]

    # The rotation: another key, and the name moves to it.
    new = ada.make_key("letters, second year")
    time.sleep(1)  # the AWS CLI may show whole seconds
    ada.kms("update-alias", "--alias-name", "alias/letters", "--target-key-id", new)

    # With the very next request the same name means the new key.
    assert ada.kms("describe-key", "--key-id", "alias/letters")["KeyMetadata"]["Arn"] == new
    assert ada.encrypt("two.enc", NEW) == new

    # The list tells when it was done.
    after = ada.alias()
    assert after["TargetKeyId"] == new.rpartition("/")[2]
    assert after["CreationDate"] == before["CreationDate"]
    assert after["LastUpdatedDate"] > before["LastUpdatedDate"]

    # Both keys are enabled, and everything opens under the key it was made with.
    assert ada.kms("describe-key", "--key-id", old)["KeyMetadata"]["KeyState"] == "Enabled"
    assert ada.decrypt("one.enc") == (OLD, old)
    assert ada.decrypt("two.enc") == (NEW, new)

    # Whoever insists on the name is told that the old letter is not of this key.
    wrong = ada.decrypt("one.enc", "--key-id", "alias/letters", check=False)
    assert wrong.returncode != 0 and "IncorrectKeyException" in wrong.stderr

    # The old key may not be switched off while there are old letters to read ...
    ada.kms("disable-key", "--key-id", old)
    closed = ada.decrypt("one.enc", check=False)
    assert closed.returncode != 0 and f"{old} is disabled." in closed.stderr
    assert ada.decrypt("two.enc") == (NEW, new)
    ada.kms("enable-key", "--key-id", old)
    assert ada.decrypt("one.enc") == (OLD, old)


def test_leaving_the_old_key_behind(kms):
    """With boto3: letters are moved to the new key one by one, and the old one is used no more."""
    name = "alias/letters/moving"
    old, new = (kms.create_key(Description=d)["KeyMetadata"]["Arn"] for d in ("old", "new"))
    kms.create_alias(AliasName=name, TargetKeyId=old)
    letters = [kms.encrypt(KeyId=name, Plaintext=OLD)["CiphertextBlob"] for _ in range(3)]
    kms.update_alias(AliasName=name, TargetKeyId=new)
    for i, sealed in enumerate(letters):
        moved = kms.re_encrypt(CiphertextBlob=sealed, DestinationKeyId=name)
        assert (moved["SourceKeyId"], moved["KeyId"]) == (old, new)
        letters[i] = moved["CiphertextBlob"]

    # The old key's last use is the last move, and stays so: it can be switched off.
    last = kms.get_key_last_usage(KeyId=old)["KeyLastUsage"]
    assert last["Operation"] == "ReEncrypt"
    kms.disable_key(KeyId=old)
    for sealed in letters:
        opened = kms.decrypt(CiphertextBlob=sealed)
        assert (opened["Plaintext"], opened["KeyId"]) == (OLD, new)
    assert kms.get_key_last_usage(KeyId=old)["KeyLastUsage"] == last


def test_going_back(kms):
    """Something is wrong with the new key: the name goes back to the old one, at once."""
    name = "alias/letters/back"
    old, new = (kms.create_key(Description=d)["KeyMetadata"]["Arn"] for d in ("old", "new"))
    kms.create_alias(AliasName=name, TargetKeyId=old)
    kms.update_alias(AliasName=name, TargetKeyId=new)
    between = kms.encrypt(KeyId=name, Plaintext=NEW)
    kms.update_alias(AliasName=name, TargetKeyId=old)
    assert (between["KeyId"], kms.encrypt(KeyId=name, Plaintext=OLD)["KeyId"]) == (new, old)
    assert kms.decrypt(CiphertextBlob=between["CiphertextBlob"])["Plaintext"] == NEW


@dataclass
class Craft:
    """What a key of some usage is for: something that only it makes, and that it knows again."""

    make: object
    knows: object


CRAFTS = {
    "ENCRYPT_DECRYPT": Craft(
        lambda kms, **of: kms.encrypt(Plaintext=OLD, **of)["CiphertextBlob"],
        lambda kms, made, **of: kms.decrypt(CiphertextBlob=made, **of)["Plaintext"] == OLD),
    "SIGN_VERIFY": Craft(
        lambda kms, **of: kms.sign(Message=OLD, **of)["Signature"],
        lambda kms, made, **of: kms.verify(Message=OLD, Signature=made, **of)["SignatureValid"]),
    "GENERATE_VERIFY_MAC": Craft(
        lambda kms, **of: kms.generate_mac(Message=OLD, **of)["Mac"],
        lambda kms, made, **of: kms.verify_mac(Message=OLD, Mac=made, **of)["MacValid"]),
}
ALGORITHMS = {"SigningAlgorithms": "SigningAlgorithm", "MacAlgorithms": "MacAlgorithm",
              "EncryptionAlgorithms": "EncryptionAlgorithm"}


def key_of(kms, spec, usage):
    """The metadata of a new key; None where this service has no such keys."""
    try:
        return kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]
    except ClientError as error:
        # Another usage of the spec, or a spec of another token: neither is made by accident.
        assert error.response["Error"]["Code"] in (
            "UnsupportedOperationException", "ValidationException")
        return None


def test_every_type_of_key_that_there_is(kms):
    """What the old key made, the old key knows again, whatever the name means by now."""
    rotated = []
    for spec in MODEL.shape_for("KeySpec").enum:
        for usage, craft in CRAFTS.items():
            old = key_of(kms, spec, usage)
            if old is None:
                continue
            algorithm = {member: old[listed][0] for listed, member in ALGORITHMS.items()
                         if listed in old and old["KeySpec"] != "SYMMETRIC_DEFAULT"}
            name = f"alias/{spec}/{usage}"
            kms.create_alias(AliasName=name, TargetKeyId=old["KeyId"])
            made = craft.make(kms, KeyId=name, **algorithm)
            new = key_of(kms, spec, usage)
            kms.update_alias(AliasName=name, TargetKeyId=new["KeyId"])
            later = craft.make(kms, KeyId=name, **algorithm)
            assert craft.knows(kms, made, KeyId=old["Arn"], **algorithm)
            assert craft.knows(kms, later, KeyId=name, **algorithm)
            with pytest.raises(ClientError):
                craft.knows(kms, made, KeyId=name, **algorithm)
            rotated.append((spec, usage))
    assert ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT") in rotated
