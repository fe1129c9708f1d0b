# SPDX-License-Identifier: Apache-2.0
"""What a ciphertext is bound to: its context, its key and version, each of its bytes."""
import itertools
import json
import os
import struct
import uuid

import pytest

CONTEXT = {"bucket": "letters", "object": "one", "": "empty key", "Ünï": "cödé ✓"}
HEADER = 23


def opens(kms, blob, context=None):
    try:
        kms.decrypt(CiphertextBlob=blob, EncryptionContext=context or {})
        return True
    except kms.exceptions.InvalidCiphertextException as error:
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 400
        return False


@pytest.fixture(scope="module")
def sealed(kms, key):
    return kms.encrypt(KeyId=key, Plaintext=b"bound", EncryptionContext=CONTEXT)["CiphertextBlob"]


def test_pairs_in_any_order_are_the_same_context(kms, sealed):
    for pairs in itertools.permutations(CONTEXT.items()):
        assert opens(kms, sealed, dict(pairs))


def test_every_other_context_is_refused(kms, sealed):
    others = [{}, {**CONTEXT, "more": "x"}, {"more": "x"}]
    for name, value in CONTEXT.items():
        without = {n: v for n, v in CONTEXT.items() if n != name}
        others += [without, {**CONTEXT, name: value + "x"}, {**CONTEXT, name: value[:-1]},
                   {**CONTEXT, name: value.upper()}, {**without, name + "x": value},
                   {**without, value: name}]
    for context in others:
        assert not opens(kms, sealed, context), context


def test_where_a_key_ends_and_its_value_begins_counts(kms, key):
    pairs = [{"a": "bc"}, {"ab": "c"}, {"abc": ""}, {"": "abc"}, {"a": "b", "c": ""},
             {"a": "", "b": "c"}, {"A": "bc"}, {"a": "bc\1"}, {"a\1": "bc"}]
    made = [kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext=p)["CiphertextBlob"] for p in pairs]
    for i, blob in enumerate(made):
        assert [opens(kms, blob, p) for p in pairs] == [i == j for j in range(len(pairs))]


def test_characters_that_look_alike_are_not_the_same(kms, key):
    composed, decomposed = "\u00e9", "e\u0301"
    blob = kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"a": composed})["CiphertextBlob"]
    assert opens(kms, blob, {"a": composed})
    assert not opens(kms, blob, {"a": decomposed})


def test_an_empty_context_is_none(kms, key):
    blob = kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={})["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    assert opens(kms, blob, {})


def test_the_context_of_re_encrypts_source_counts(kms, key, sealed):
    with pytest.raises(kms.exceptions.InvalidCiphertextException):
        kms.re_encrypt(CiphertextBlob=sealed, DestinationKeyId=key,
                       DestinationEncryptionContext=CONTEXT)
    moved = kms.re_encrypt(CiphertextBlob=sealed, SourceEncryptionContext=CONTEXT, DestinationKeyId=key)
    assert opens(kms, moved["CiphertextBlob"], {})
    assert not opens(kms, moved["CiphertextBlob"], CONTEXT)


def test_data_keys_are_bound_as_well(kms, key):
    for call in (kms.generate_data_key, kms.generate_data_key_without_plaintext):
        blob = call(KeyId=key, KeySpec="AES_256", EncryptionContext={"a": "b"})["CiphertextBlob"]
        assert opens(kms, blob, {"a": "b"})
        assert not opens(kms, blob, {"a": "c"})
        assert not opens(kms, blob)


def test_the_largest_context_and_one_character_more(kms, key):
    largest = {"k" * 4000: "v" * 4192}
    blob = kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext=largest)["CiphertextBlob"]
    assert opens(kms, blob, largest)
    with pytest.raises(kms.exceptions.ClientError) as caught:
        kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"k" * 4000: "v" * 4193})
    assert caught.value.response["Error"]["Code"] == "ValidationException"


def test_many_pairs(kms, key):
    many = {f"k{i}": str(i) for i in range(700)}
    blob = kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext=many)["CiphertextBlob"]
    assert opens(kms, blob, dict(reversed(many.items())))
    assert not opens(kms, blob, {**many, "k699": "0"})


def test_each_byte_counts(kms, sealed):
    assert opens(kms, sealed, CONTEXT)
    for at in range(len(sealed)):
        for mask in (0x01, 0x80, 0xFF):
            broken = bytearray(sealed)
            broken[at] ^= mask
            assert not opens(kms, bytes(broken), CONTEXT), f"byte {at} ^ {mask:#x}"


def test_each_length_counts(kms, sealed):
    for length in range(1, len(sealed)):
        assert not opens(kms, sealed[:length], CONTEXT), f"cut to {length}"
    for more in (b"\0", b"x", sealed, b"\0" * 16):
        assert not opens(kms, sealed + more, CONTEXT)
        assert not opens(kms, more + sealed, CONTEXT)


def test_the_longest_ciphertext_and_one_byte_more(kms, sealed):
    assert not opens(kms, sealed + b"\0" * (6144 - len(sealed)), CONTEXT)
    assert not opens(kms, os.urandom(6144))
    with pytest.raises(kms.exceptions.ClientError) as caught:
        kms.decrypt(CiphertextBlob=sealed + b"\0" * (6145 - len(sealed)))
    assert caught.value.response["Error"]["Code"] == "ValidationException"


def test_a_ciphertext_of_another_key_cannot_be_passed_off(kms, key, other_key):
    """The header names the key; with the other's name in it, the token has another key at hand."""
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    assert blob[3:19] == uuid.UUID(key.rpartition("/")[2]).bytes
    forged = blob[:3] + uuid.UUID(other_key.rpartition("/")[2]).bytes + blob[19:]
    assert not opens(kms, forged)
    assert not opens(kms, blob[:3] + uuid.uuid4().bytes + blob[19:])


def test_parts_of_two_ciphertexts_do_not_fit(kms, key):
    one, two = (kms.encrypt(KeyId=key, Plaintext=p)["CiphertextBlob"] for p in (b"x" * 32, b"y" * 32))
    for cut in range(HEADER + 15 + 1, len(one)):  # before the IV they may well be the same
        if one[:cut] != two[:cut] and one[cut:] != two[cut:]:
            assert not opens(kms, one[:cut] + two[cut:]), cut


def test_a_ciphertext_of_another_version_suite_or_layout(kms, key):
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    assert struct.unpack(">I", blob[19:23])[0] == 1
    for version in (0, 2, 3, 0xFFFFFFFF):
        assert not opens(kms, blob[:19] + struct.pack(">I", version) + blob[23:])
    for suite in range(256):
        if suite != blob[1]:
            assert not opens(kms, blob[:1] + bytes([suite]) + blob[2:])
    assert not opens(kms, b"\x00" + blob[1:]) and not opens(kms, b"\x02" + blob[1:])
    assert not opens(kms, blob[:2] + b"\x01" + blob[3:])  # says: a multi-Region key


def test_a_ciphertext_of_another_region(kms, make, key):
    """Another installation, for another Region, has no key of ours and ours none of its."""
    there = make(region="eu-central-1")
    client = there.client()
    made = client.create_key()["KeyMetadata"]
    assert made["Arn"].startswith("arn:aws:kms:eu-central-1:")
    foreign = client.encrypt(KeyId=made["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    assert opens(client, foreign)
    assert not opens(kms, foreign)
    ours = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    assert not opens(client, ours)


def token_state(service):
    """Which worker serves, and how often it had to recover the token."""
    ran = service.run("holdfast", "status", "--json", "--socket", service.daemon.admin)
    return service.worker(), json.loads(ran.stdout)["Token"]["Generation"]


def test_no_bad_ciphertext_resets_the_token(service, kms, sealed):
    before = token_state(service)
    for at in range(len(sealed)):
        assert not opens(kms, sealed[:at] + bytes([sealed[at] ^ 0xff]) + sealed[at + 1:], CONTEXT)
        assert not opens(kms, sealed[:HEADER] + os.urandom(60), CONTEXT)
    assert opens(kms, sealed, CONTEXT)
    assert token_state(service) == before
