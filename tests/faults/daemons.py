# SPDX-License-Identifier: Apache-2.0
"""Two daemons on one holdfast-token, with message keys that are turned over all the time."""
import threading

import pytest

from holdfast import wait_for
from holdfast.admin import Admin

TURNOVER = {"token": {"message_key_messages": 3, "message_key_cache": 2}}


def nonces(blobs):
    """The part of a ciphertext that says from which message key it is."""
    return {blob[23:38] for blob in blobs}


@pytest.fixture
def pair(make):
    both = make(settings=TURNOVER)
    both.add_daemon("holdfastd-2")
    both.start()
    yield [both.client(daemon) for daemon in both.daemons], both
    for daemon in both.daemons:
        assert not daemon.running() or "Distrust" not in Admin(both, daemon).call("Status")


def test_message_keys_are_turned_over(make):
    one = make(settings=TURNOVER)
    kms = one.client()
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    blobs = [kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"] for _ in range(30)]
    assert 10 <= len(nonces(blobs)) <= 12
    for blob in reversed(blobs):
        assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


def test_without_turnover_one_message_key_serves_many(own):
    kms = own.client()
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    blobs = [kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"] for _ in range(30)]
    assert len(nonces(blobs)) == 1


def test_everything_opens_everywhere(pair):
    clients, both = pair
    keys = [client.create_key()["KeyMetadata"]["Arn"] for client in clients for _ in range(2)]
    sealed = []
    for i in range(40):
        for client in clients:
            key = keys[i % len(keys)]
            made = client.generate_data_key(KeyId=key, KeySpec="AES_256",
                                            EncryptionContext={"i": str(i)})
            sealed.append((key, {"i": str(i)}, made["CiphertextBlob"], made["Plaintext"]))
    assert len(nonces(blob for *_, blob, _ in sealed)) > 20
    for client in clients:
        for key, context, blob, plaintext in sealed:
            opened = client.decrypt(CiphertextBlob=blob, EncryptionContext=context)
            assert (opened["Plaintext"], opened["KeyId"]) == (plaintext, key)
    both.stop()
    both.start()
    client = both.client(both.daemons[1])
    for key, context, blob, plaintext in sealed:
        assert client.decrypt(CiphertextBlob=blob, EncryptionContext=context)["Plaintext"] == plaintext


def test_at_the_same_time(pair):
    clients, _ = pair
    key = clients[0].create_key()["KeyMetadata"]["Arn"]
    sealed, wrong = [], []

    def work(number):
        client, other = clients[number % 2], clients[1 - number % 2]
        for i in range(60):
            plaintext = f"{number}/{i}".encode()
            blob = client.encrypt(KeyId=key, Plaintext=plaintext)["CiphertextBlob"]
            sealed.append(blob)
            if other.decrypt(CiphertextBlob=blob)["Plaintext"] != plaintext:
                wrong.append(plaintext)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong and len(sealed) == 480
    assert len({blob[23:50] for blob in sealed}) == 480  # no (nonce, IV) twice


def test_a_change_made_through_one_is_seen_by_the_other(pair):
    (one, two), _ = pair
    key = one.create_key()["KeyMetadata"]["KeyId"]
    assert two.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"
    two.encrypt(KeyId=key, Plaintext=b"x")

    def enabled(client):
        try:
            client.encrypt(KeyId=key, Plaintext=b"x")
            return True
        except client.exceptions.DisabledException:
            return False

    one.disable_key(KeyId=key)
    assert not enabled(one)
    wait_for(lambda: not enabled(two), "the other has noticed", 2)
    two.enable_key(KeyId=key)
    assert enabled(two)
    wait_for(lambda: enabled(one), "the other has noticed", 2)


def test_one_dies_and_the_other_goes_on(pair):
    (one, two), both = pair
    key = one.create_key()["KeyMetadata"]["KeyId"]
    blob = one.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    both.daemons[0].kill()
    assert two.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    two.create_key()
