# SPDX-License-Identifier: Apache-2.0
"""M1, the story of an envelope.

Ada keeps letters in a bucket that she does not trust. Each letter gets a data key of its own; the
bucket gets the encrypted letter and the wrapped data key beside it. Whoever may use Ada's KMS key
can read a letter; whoever has the bucket alone cannot. The tools are the stock AWS CLI and boto3.
"""
import base64
import json
import subprocess

import pytest

LETTER = b"Meet me at the harbour at nine.\n"
CONTEXT = {"bucket": "letters", "letter": "one"}
CLI_CONTEXT = ",".join(f"{name}={value}" for name, value in CONTEXT.items())


def aes(data_key, data, *flags):
    """AES-256-CTR with the OpenSSL command, as a user's own program would."""
    command = ["openssl", "enc", "-aes-256-ctr", *flags, "-K", data_key.hex(), "-iv", "0" * 32]
    return subprocess.run(command, input=data, capture_output=True, check=True, timeout=30).stdout


@pytest.fixture
def bucket(tmp_path):
    folder = tmp_path / "bucket"
    folder.mkdir()
    return folder


def test_with_boto3(kms, bucket):
    # Once: a key in the token.
    key = kms.create_key(Description="letters")["KeyMetadata"]["KeyId"]

    # For each letter: a data key, in the open and wrapped. The open one is used and forgotten.
    made = kms.generate_data_key(KeyId=key, KeySpec="AES_256", EncryptionContext=CONTEXT)
    (bucket / "one.enc").write_bytes(aes(made["Plaintext"], LETTER, "-e"))
    (bucket / "one.key").write_bytes(made["CiphertextBlob"])
    data_key = made["Plaintext"]
    del made

    # The bucket alone gives nothing away.
    kept = (bucket / "one.enc").read_bytes() + (bucket / "one.key").read_bytes()
    assert LETTER not in kept and data_key not in kept

    # Later, whoever may use the key has the data key unwrapped, and reads.
    opened = kms.decrypt(CiphertextBlob=(bucket / "one.key").read_bytes(), EncryptionContext=CONTEXT)
    assert opened["Plaintext"] == data_key
    assert aes(opened["Plaintext"], (bucket / "one.enc").read_bytes(), "-d") == LETTER


def test_with_the_aws_cli(service, bucket):
    created = json.loads(service.aws("kms", "create-key", "--description", "letters").stdout)
    key = created["KeyMetadata"]["KeyId"]

    made = json.loads(service.aws("kms", "generate-data-key", "--key-id", key, "--key-spec", "AES_256",
                                  "--encryption-context", CLI_CONTEXT).stdout)
    (bucket / "one.enc").write_bytes(aes(base64.b64decode(made["Plaintext"]), LETTER, "-e"))
    (bucket / "one.key").write_bytes(base64.b64decode(made["CiphertextBlob"]))

    opened = json.loads(service.aws("kms", "decrypt", "--ciphertext-blob", f"fileb://{bucket}/one.key",
                                    "--encryption-context", CLI_CONTEXT).stdout)
    data_key = base64.b64decode(opened["Plaintext"])
    assert aes(data_key, (bucket / "one.enc").read_bytes(), "-d") == LETTER
    assert opened["KeyId"] == created["KeyMetadata"]["Arn"]


def test_a_writer_who_may_not_read(kms, bucket):
    """A backup job prepares wrapped data keys that it never sees in the open."""
    key = kms.create_key(Description="backups")["KeyMetadata"]["KeyId"]
    made = kms.generate_data_key_without_plaintext(KeyId=key, KeySpec="AES_256",
                                                   EncryptionContext={"backup": "2030-01-01"})
    assert "Plaintext" not in made
    (bucket / "backup.key").write_bytes(made["CiphertextBlob"])

    blob = (bucket / "backup.key").read_bytes()
    first, second = (kms.decrypt(CiphertextBlob=blob, EncryptionContext={"backup": "2030-01-01"})
                     for _ in range(2))
    assert first["Plaintext"] == second["Plaintext"] and len(first["Plaintext"]) == 32


def test_moving_to_another_key(kms, bucket):
    """The old key is to go: wrapped keys move to the new one without ever being open."""
    old, new = (kms.create_key(Description=d)["KeyMetadata"]["Arn"] for d in ("old", "new"))
    made = kms.generate_data_key(KeyId=old, KeySpec="AES_256", EncryptionContext=CONTEXT)
    moved = kms.re_encrypt(CiphertextBlob=made["CiphertextBlob"], SourceEncryptionContext=CONTEXT,
                           DestinationKeyId=new, DestinationEncryptionContext=CONTEXT)
    kms.disable_key(KeyId=old)
    with pytest.raises(kms.exceptions.DisabledException):
        kms.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext=CONTEXT)
    opened = kms.decrypt(CiphertextBlob=moved["CiphertextBlob"], EncryptionContext=CONTEXT)
    assert opened["Plaintext"] == made["Plaintext"] and opened["KeyId"] == new


def test_every_use_is_on_record(service, kms):
    """Who used which key for what, and never the secret itself."""
    key = kms.create_key(Description="recorded")["KeyMetadata"]["Arn"]
    made = kms.generate_data_key(KeyId=key, KeySpec="AES_256", EncryptionContext=CONTEXT)
    kms.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext=CONTEXT)
    with pytest.raises(kms.exceptions.InvalidCiphertextException):
        kms.decrypt(CiphertextBlob=made["CiphertextBlob"])

    records = [r for r in service.daemon.audit_records()
               if any(key == resource["ARN"] for resource in r.get("resources") or [])]
    assert [r["eventName"] for r in records][:3] == ["CreateKey", "GenerateDataKey", "Decrypt"]
    refused = [r for r in service.daemon.audit_records() if r.get("errorCode")][-1]
    assert (refused["eventName"], refused["errorCode"]) == ("Decrypt", "InvalidCiphertextException")
    for record in records:
        assert record["eventSource"] == "kms.amazonaws.com"
        assert record["recipientAccountId"] == "111122223333"
        assert record["userIdentity"]["accessKeyId"] == service.signer.access_key
    assert records[1]["requestParameters"]["encryptionContext"] == CONTEXT
    assert len({r["eventID"] for r in records}) == len(records)
    whole = json.dumps(service.daemon.audit_records())
    for form in (made["Plaintext"].hex(), base64.b64encode(made["Plaintext"]).decode(),
                 service.signer.secret_key):
        assert form not in whole
