# SPDX-License-Identifier: Apache-2.0
"""Errors in AWS's words, in AWS's order."""
import uuid

import pytest
from botocore.exceptions import ClientError

ARN = "arn:aws:kms:us-east-1:111122223333:key/"


def refused(call, **arguments):
    """(code, message) of a call that must fail; HTTP 400."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.fixture(scope="module")
def disabled(kms):
    name = kms.create_key()["KeyMetadata"]["Arn"]
    sealed = kms.encrypt(KeyId=name, Plaintext=b"before")["CiphertextBlob"]
    kms.disable_key(KeyId=name)
    return name, sealed


def test_a_key_that_does_not_exist(kms):
    name = str(uuid.uuid4())
    for asked in (name, ARN + name):
        assert refused(kms.describe_key, KeyId=asked) == (
            "NotFoundException", f"Key '{ARN}{name}' does not exist")
    multi = "mrk-" + uuid.uuid4().hex
    assert refused(kms.describe_key, KeyId=multi) == (
        "NotFoundException", f"Key '{ARN}{multi}' does not exist")


@pytest.mark.parametrize("name", ["fake-key-id", "mrk-fake-key-id", "8aee494c6f704c73be104d93e76813aa", "0", "ä" * 36])
def test_what_is_no_key_id(kms, name):
    assert refused(kms.describe_key, KeyId=name) == ("NotFoundException", f"Invalid keyId '{name}'")


def test_the_arn_of_another_region(kms):
    name = f"arn:aws:kms:eu-west-1:111122223333:key/{uuid.uuid4()}"
    assert refused(kms.describe_key, KeyId=name) == ("NotFoundException", "Invalid arn eu-west-1")


def test_a_key_of_another_account_is_not_told_apart(kms, key):
    name = key.replace("111122223333", "444455556666")
    code, _ = refused(kms.encrypt, KeyId=name, Plaintext=b"x")
    assert code in ("NotFoundException", "AccessDeniedException")


def test_an_alias_that_nobody_made(kms):
    assert refused(kms.describe_key, KeyId="alias/none") == (
        "NotFoundException",
        "Alias arn:aws:kms:us-east-1:111122223333:alias/none is not found.")


def test_a_disabled_key(kms, disabled):
    name, sealed = disabled
    bare = name.rpartition("/")[2]
    calls = (
        (kms.encrypt, {"KeyId": bare, "Plaintext": b"x"}),
        (kms.generate_data_key, {"KeyId": bare, "KeySpec": "AES_256"}),
        (kms.generate_data_key_without_plaintext, {"KeyId": bare, "KeySpec": "AES_256"}),
        (kms.decrypt, {"CiphertextBlob": sealed}),
        (kms.decrypt, {"CiphertextBlob": sealed, "KeyId": bare}),
    )
    for call, arguments in calls:
        assert refused(call, **arguments) == ("DisabledException", f"{name} is disabled.")


def test_a_disabled_key_on_either_side_of_re_encrypt(kms, key, disabled):
    name, sealed = disabled
    expected = ("DisabledException", f"{name} is disabled.")
    assert refused(kms.re_encrypt, CiphertextBlob=sealed, DestinationKeyId=key) == expected
    good = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    assert refused(kms.re_encrypt, CiphertextBlob=good, DestinationKeyId=name) == expected


def test_decrypt_with_a_key_that_is_not_the_ciphertexts(kms, key, other_key):
    expected = ("IncorrectKeyException",
                "The key ID in the request does not identify a CMK that can perform this operation.")
    sealed = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    assert refused(kms.decrypt, CiphertextBlob=sealed, KeyId=other_key) == expected
    assert refused(kms.re_encrypt, CiphertextBlob=sealed, SourceKeyId=other_key,
                   DestinationKeyId=key) == expected


def test_an_error_without_text_has_no_message_member(service, key):
    reply = service.exchange().call("Decrypt", {"CiphertextBlob": "bm90IGEgY2lwaGVydGV4dA=="})
    assert reply.status == 400
    assert reply.json == {"__type": "InvalidCiphertextException"}


def test_dry_run_comes_last(kms, key, disabled):
    expected = ("DryRunOperationException",
                "The request would have succeeded, but the DryRun option is set.")
    assert refused(kms.encrypt, KeyId=key, Plaintext=b"x", DryRun=True) == expected
    assert refused(kms.generate_data_key, KeyId=key, KeySpec="AES_256", DryRun=True) == expected
    assert refused(kms.generate_data_key_without_plaintext, KeyId=key, KeySpec="AES_256",
                   DryRun=True) == expected
    sealed = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    assert refused(kms.decrypt, CiphertextBlob=sealed, DryRun=True) == expected
    assert refused(kms.re_encrypt, CiphertextBlob=sealed, DestinationKeyId=key,
                   DryRun=True) == expected
    assert refused(kms.encrypt, KeyId=disabled[0], Plaintext=b"x", DryRun=True)[0] == \
        "DisabledException"


def test_shape_comes_before_the_key_and_the_key_before_its_state(kms, disabled):
    assert refused(kms.generate_data_key, KeyId="fake-key-id", NumberOfBytes=1025)[0] == \
        "ValidationException"
    assert refused(kms.generate_data_key, KeyId=str(uuid.uuid4()), KeySpec="AES_256")[0] == \
        "NotFoundException"


def test_a_data_key_needs_exactly_one_size(kms, key):
    for arguments in ({}, {"KeySpec": "AES_256", "NumberOfBytes": 32}):
        for call in (kms.generate_data_key, kms.generate_data_key_without_plaintext):
            assert refused(call, KeyId=key, **arguments) == (
                "ValidationException", "Please specify either number of bytes or key spec.")


def test_specs_that_are_not_built_yet(kms):
    for arguments in ({"KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY"},
                      {"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"},
                      {"Origin": "EXTERNAL"}, {"MultiRegion": True}):
        assert refused(kms.create_key, **arguments)[0] == "UnsupportedOperationException"


def test_usage_and_spec_must_fit(kms):
    code, message = refused(kms.create_key, KeySpec="RSA_2048")
    assert (code, message) == (
        "ValidationException",
        "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.")
    code, message = refused(kms.create_key, KeySpec="RSA_2048", KeyUsage="KEY_AGREEMENT")
    assert (code, message) == (
        "ValidationException", "KeyUsage KEY_AGREEMENT is not compatible with KeySpec RSA_2048")


def test_an_algorithm_that_is_not_the_keys(kms, key):
    code, message = refused(kms.encrypt, KeyId=key, Plaintext=b"x",
                            EncryptionAlgorithm="RSAES_OAEP_SHA_256")
    assert (code, message) == (
        "InvalidKeyUsageException",
        "Algorithm RSAES_OAEP_SHA_256 is incompatible with key spec SYMMETRIC_DEFAULT.")


def test_bad_ciphertexts_do_not_disturb_good_ones(kms, key):
    sealed = kms.encrypt(KeyId=key, Plaintext=b"good")["CiphertextBlob"]
    for i in range(200):
        broken = bytearray(sealed)
        broken[-1 - i % 16] ^= 1 + i % 255
        assert refused(kms.decrypt, CiphertextBlob=bytes(broken))[0] == "InvalidCiphertextException"
    assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"good"
