# SPDX-License-Identifier: Apache-2.0
"""The same service on each token and with each suite: SoftHSM (2, 3) and NSS softokn (1, 3)."""
import base64
import json
import os
import signal

import pytest

from holdfast.installation import running
from holdfast.process import wait_for

CONTEXT = {"bucket": "letters", "letter": "one"}
KINDS = [("softhsm", 2, {}), ("softhsm", 3, {"suite": 3}), ("nss", 1, {}), ("nss", 3, {"suite": 3})]


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: f"{kind[0]}-suite-{kind[1]}")
def kind(request, tmp_path_factory):
    """(installation, suite): the best suite of the token by itself, or the one pinned."""
    token, suite, pinned = request.param
    folder = tmp_path_factory.mktemp(f"{token}-{suite}")
    with running(folder, token=token, settings={"token": pinned} if pinned else None) as there:
        yield there, suite


@pytest.fixture(scope="module")
def there(kind):
    return kind[0]


@pytest.fixture(scope="module")
def client(there):
    return there.client()


@pytest.fixture(scope="module")
def arn(client):
    return client.create_key(Description="tokens")["KeyMetadata"]["Arn"]


def suite_of(blob):
    return blob[1]


def test_the_status_names_token_and_suite(kind):
    there, suite = kind
    ran = there.run("holdfast", "status", "--json", "--socket", there.daemon.admin)
    token = json.loads(ran.stdout)["Token"]
    assert (token["Ok"], token["Condition"], token["Suite"]) == (True, "up", suite)
    assert ("NSS" in token["Label"]) == (there.kind == "nss")


def test_an_envelope(kind, client, arn):
    made = client.generate_data_key(KeyId=arn, KeySpec="AES_256", EncryptionContext=CONTEXT)
    assert len(made["Plaintext"]) == 32 and suite_of(made["CiphertextBlob"]) == kind[1]
    opened = client.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext=CONTEXT)
    assert opened["Plaintext"] == made["Plaintext"] and opened["KeyId"] == arn
    for context in ({}, {"bucket": "letters"}, {**CONTEXT, "letter": "two"}):
        with pytest.raises(client.exceptions.InvalidCiphertextException):
            client.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext=context)


def test_an_envelope_with_the_aws_cli(there, arn, tmp_path):
    made = json.loads(there.aws("kms", "generate-data-key", "--key-id", arn, "--key-spec", "AES_128",
                                "--encryption-context", "letter=one").stdout)
    (tmp_path / "wrapped").write_bytes(base64.b64decode(made["CiphertextBlob"]))
    opened = json.loads(there.aws("kms", "decrypt", "--ciphertext-blob", f"fileb://{tmp_path}/wrapped",
                                  "--encryption-context", "letter=one").stdout)
    assert opened["Plaintext"] == made["Plaintext"]
    assert len(base64.b64decode(opened["Plaintext"])) == 16


def test_a_data_key_that_nobody_saw(kind, client, arn):
    made = client.generate_data_key_without_plaintext(KeyId=arn, NumberOfBytes=1024,
                                                      EncryptionContext=CONTEXT)
    assert "Plaintext" not in made and suite_of(made["CiphertextBlob"]) == kind[1]
    first, second = (client.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext=CONTEXT)
                     for _ in range(2))
    assert first["Plaintext"] == second["Plaintext"] and len(first["Plaintext"]) == 1024


@pytest.mark.parametrize("size", [1, 15, 16, 17, 4096])
def test_every_size_comes_back(client, arn, size):
    plaintext = bytes(i % 251 for i in range(size))
    blobs = [client.encrypt(KeyId=arn, Plaintext=plaintext)["CiphertextBlob"] for _ in range(2)]
    assert blobs[0] != blobs[1]
    assert all(client.decrypt(CiphertextBlob=blob)["Plaintext"] == plaintext for blob in blobs)


def test_moving_to_another_key(client, arn):
    other = client.create_key()["KeyMetadata"]["Arn"]
    blob = client.encrypt(KeyId=arn, Plaintext=b"letter", EncryptionContext=CONTEXT)["CiphertextBlob"]
    moved = client.re_encrypt(CiphertextBlob=blob, SourceEncryptionContext=CONTEXT,
                              DestinationKeyId=other)
    assert (moved["SourceKeyId"], moved["KeyId"]) == (arn, other)
    opened = client.decrypt(CiphertextBlob=moved["CiphertextBlob"])
    assert opened["Plaintext"] == b"letter" and opened["KeyId"] == other


def test_no_changed_byte_opens_and_the_token_stays(there, client, arn):
    blob = client.encrypt(KeyId=arn, Plaintext=b"letter", EncryptionContext=CONTEXT)["CiphertextBlob"]
    before = there.worker()
    for at in range(len(blob)):
        changed = blob[:at] + bytes([blob[at] ^ 1]) + blob[at + 1:]
        with pytest.raises(client.exceptions.InvalidCiphertextException):
            client.decrypt(CiphertextBlob=changed, EncryptionContext=CONTEXT)
    assert client.decrypt(CiphertextBlob=blob, EncryptionContext=CONTEXT)["Plaintext"] == b"letter"
    assert there.worker() == before


def test_a_disabled_key_and_back(client):
    key = client.create_key()["KeyMetadata"]["Arn"]
    blob = client.encrypt(KeyId=key, Plaintext=b"letter")["CiphertextBlob"]
    client.disable_key(KeyId=key)
    with pytest.raises(client.exceptions.DisabledException) as refused:
        client.decrypt(CiphertextBlob=blob)
    assert refused.value.response["Error"]["Message"] == f"{key} is disabled."
    client.enable_key(KeyId=key)
    assert client.decrypt(CiphertextBlob=blob)["Plaintext"] == b"letter"


def test_a_new_worker_and_a_new_start_open_what_was_sealed(there, client, arn):
    blob = client.encrypt(KeyId=arn, Plaintext=b"letter", EncryptionContext=CONTEXT)["CiphertextBlob"]
    first = there.worker()
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: there.worker() != first, "another worker")
    there.await_calls()
    assert client.decrypt(CiphertextBlob=blob, EncryptionContext=CONTEXT)["Plaintext"] == b"letter"
    there.stop()
    there.start()
    assert client.decrypt(CiphertextBlob=blob, EncryptionContext=CONTEXT)["Plaintext"] == b"letter"
