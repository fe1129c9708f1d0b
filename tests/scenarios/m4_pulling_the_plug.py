# SPDX-License-Identifier: Apache-2.0
"""M4, the story of pulling the plug.

Ada's letters (see m1_envelope.py) are protected by one KMS key. One morning she has reason to believe
that somebody reads them who should not. She cannot call every copy of every letter back, but all of
them hang on the one key: she disables it, and from that moment no letter opens, for anybody. Later she
enables it again, or does away with it for good, and even that can be taken back for a while.

Every command is the stock AWS CLI's; every error is the one that AWS would print.
"""
import base64
import json
import re

import pytest

LETTER = b"Meet me at the harbour at nine.\n"


@pytest.fixture
def aws(service):
    """aws(...) runs `aws kms ...` and returns what it printed; refused(...) its error."""

    def run(*arguments):
        out = service.aws("kms", *arguments).stdout
        return json.loads(out) if out else None

    return run


@pytest.fixture
def refused(service):
    def run(*arguments):
        ran = service.aws("kms", *arguments, check=False)
        assert ran.returncode != 0, ran.stdout
        return ran.stderr.strip()

    return run


@pytest.fixture
def ada(aws, tmp_path):
    """Ada's key, and a sealed letter in a file: (key ARN, path)."""
    key = aws("create-key", "--description", "letters", "--tags", "TagKey=owner,TagValue=ada")
    (tmp_path / "letter").write_bytes(LETTER)
    sealed = aws("encrypt", "--key-id", key["KeyMetadata"]["KeyId"],
                 "--plaintext", f"fileb://{tmp_path}/letter")
    (tmp_path / "letter.sealed").write_bytes(base64.b64decode(sealed["CiphertextBlob"]))
    return key["KeyMetadata"]["Arn"], f"fileb://{tmp_path}/letter.sealed"


def opened(aws, path):
    return base64.b64decode(aws("decrypt", "--ciphertext-blob", path)["Plaintext"])


def test_the_plug_is_pulled_and_put_back(aws, refused, ada):
    key, letter = ada
    assert opened(aws, letter) == LETTER

    # Something is wrong: the plug is pulled. From here on nobody reads and nobody writes.
    aws("disable-key", "--key-id", key)
    for command in (("decrypt", "--ciphertext-blob", letter),
                    ("encrypt", "--key-id", key, "--plaintext", "aGk="),
                    ("generate-data-key", "--key-id", key, "--key-spec", "AES_256")):
        operation = "".join(word.capitalize() for word in command[0].split("-"))
        assert re.search(rf"An error occurred \(DisabledException\) when calling the {operation} "
                         rf"operation: {re.escape(key)} is disabled\.$", refused(*command))

    # The key itself can still be looked at and looked after.
    metadata = aws("describe-key", "--key-id", key)["KeyMetadata"]
    assert (metadata["KeyState"], metadata["Enabled"]) == ("Disabled", False)
    aws("update-key-description", "--key-id", key, "--description", "letters; under suspicion")
    aws("tag-resource", "--key-id", key, "--tags", "TagKey=incident,TagValue=4711")
    assert aws("list-resource-tags", "--key-id", key)["Tags"] == [
        {"TagKey": "incident", "TagValue": "4711"}, {"TagKey": "owner", "TagValue": "ada"}]

    # The alarm was false: every letter opens again, unchanged.
    aws("enable-key", "--key-id", key)
    aws("untag-resource", "--key-id", key, "--tag-keys", "incident")
    assert opened(aws, letter) == LETTER


def test_the_key_is_done_away_with_and_called_back(aws, refused, ada):
    key, letter = ada

    # For good, but not at once: there are at least seven days to notice a mistake.
    assert refused("schedule-key-deletion", "--key-id", key, "--pending-window-in-days", "1").endswith(
        "(ValidationException) when calling the ScheduleKeyDeletion operation: PendingWindowInDays "
        "must be between 7 and 30")
    answer = aws("schedule-key-deletion", "--key-id", key, "--pending-window-in-days", "7")
    assert (answer["KeyId"], answer["KeyState"], answer["PendingWindowInDays"]) == (
        key, "PendingDeletion", 7)
    metadata = aws("describe-key", "--key-id", key)["KeyMetadata"]
    assert metadata["DeletionDate"] == answer["DeletionDate"]

    # Meanwhile it opens nothing, and it cannot be enabled, changed or scheduled once more.
    for command in (("decrypt", "--ciphertext-blob", letter), ("enable-key", "--key-id", key),
                    ("update-key-description", "--key-id", key, "--description", "x"),
                    ("schedule-key-deletion", "--key-id", key)):
        assert re.search(rf"\(KMSInvalidStateException\) when calling the \w+ operation: "
                         rf"{re.escape(key)} is pending deletion\.$", refused(*command))

    # It was a mistake. The key comes back, but disabled: using it again is a decision of its own.
    assert aws("cancel-key-deletion", "--key-id", key) == {"KeyId": key}
    metadata = aws("describe-key", "--key-id", key)["KeyMetadata"]
    assert metadata["KeyState"] == "Disabled" and "DeletionDate" not in metadata
    assert refused("decrypt", "--ciphertext-blob", letter).endswith(f"{key} is disabled.")
    aws("enable-key", "--key-id", key)
    assert opened(aws, letter) == LETTER


def test_who_pulled_it_is_on_record(service, aws, refused, ada):
    key, letter = ada
    aws("disable-key", "--key-id", key)
    refused("decrypt", "--ciphertext-blob", letter)
    aws("schedule-key-deletion", "--key-id", key)
    aws("cancel-key-deletion", "--key-id", key)
    aws("enable-key", "--key-id", key)
    records = [record for record in service.daemon.audit_records()
               if any(resource["ARN"] == key for resource in record.get("resources") or [])]
    assert [(record["eventName"], record.get("errorCode")) for record in records] == [
        ("CreateKey", None), ("Encrypt", None), ("DisableKey", None), ("Decrypt", "DisabledException"),
        ("ScheduleKeyDeletion", None), ("CancelKeyDeletion", None), ("EnableKey", None)]
    assert all(record["userIdentity"]["accessKeyId"] == service.signer.access_key for record in records)
