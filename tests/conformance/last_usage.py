# SPDX-License-Identifier: Apache-2.0
"""GetKeyLastUsage: what each key was last used for with success."""
import datetime
import uuid

import pytest
from botocore.exceptions import ClientError

ARN = "arn:aws:kms:us-east-1:111122223333:key/"


@pytest.fixture
def new(kms):
    return kms.create_key()["KeyMetadata"]


def usage(kms, key):
    return kms.get_key_last_usage(KeyId=key)["KeyLastUsage"]


def test_a_key_that_was_never_used(kms, new):
    for asked in (new["KeyId"], new["Arn"]):
        answer = kms.get_key_last_usage(KeyId=asked)
        assert set(answer) - {"ResponseMetadata"} == {
            "KeyCreationDate", "KeyId", "KeyLastUsage", "TrackingStartDate"}
        assert answer["KeyId"] == new["KeyId"]
        assert answer["KeyLastUsage"] == {}
        assert answer["KeyCreationDate"] == new["CreationDate"]
        assert answer["TrackingStartDate"] == new["CreationDate"]


def test_a_use_tells_its_record(service, kms, new):
    before = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=2)
    sent = kms.encrypt(KeyId=new["KeyId"], Plaintext=b"x")
    told = usage(kms, new["KeyId"])
    assert set(told) == {"CloudTrailEventId", "KmsRequestId", "Operation", "Timestamp"}
    assert told["Operation"] == "Encrypt"
    assert told["KmsRequestId"] == sent["ResponseMetadata"]["RequestId"]
    assert before <= told["Timestamp"] <= datetime.datetime.now(datetime.timezone.utc)
    record = next(r for r in service.daemon.audit_records()
                  if r["eventID"] == told["CloudTrailEventId"])
    assert record["eventName"] == "Encrypt" and record["requestID"] == told["KmsRequestId"]


def test_every_operation_that_counts(kms, new):
    name = new["KeyId"]
    sealed = kms.encrypt(KeyId=name, Plaintext=b"x")["CiphertextBlob"]
    for operation, call, arguments in (
            ("Decrypt", kms.decrypt, {"CiphertextBlob": sealed}),
            ("GenerateDataKey", kms.generate_data_key, {"KeyId": name, "KeySpec": "AES_256"}),
            ("GenerateDataKeyWithoutPlaintext", kms.generate_data_key_without_plaintext,
             {"KeyId": name, "KeySpec": "AES_256"}),
            ("ReEncrypt", kms.re_encrypt, {"CiphertextBlob": sealed, "DestinationKeyId": name}),
            ("Encrypt", kms.encrypt, {"KeyId": name, "Plaintext": b"x"})):
        call(**arguments)
        assert usage(kms, name)["Operation"] == operation


def test_both_keys_of_re_encrypt(kms, new):
    target = kms.create_key()["KeyMetadata"]["KeyId"]
    sealed = kms.encrypt(KeyId=new["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    kms.re_encrypt(CiphertextBlob=sealed, DestinationKeyId=target)
    assert usage(kms, new["KeyId"]) == usage(kms, target)
    assert usage(kms, target)["Operation"] == "ReEncrypt"


def test_what_does_not_count(kms, new, key):
    name = new["KeyId"]
    sealed = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    for call, arguments in (
            (kms.encrypt, {"KeyId": name, "Plaintext": b"x", "DryRun": True}),
            (kms.generate_data_key, {"KeyId": name, "KeySpec": "AES_256", "DryRun": True}),
            (kms.re_encrypt, {"CiphertextBlob": sealed, "DestinationKeyId": name, "DryRun": True}),
            (kms.decrypt, {"CiphertextBlob": sealed, "KeyId": name})):
        with pytest.raises(ClientError):
            call(**arguments)
    kms.describe_key(KeyId=name)
    kms.disable_key(KeyId=name)
    with pytest.raises(ClientError):
        kms.encrypt(KeyId=name, Plaintext=b"x")
    kms.enable_key(KeyId=name)
    assert usage(kms, name) == {}


def test_a_use_by_alias_is_the_keys(kms, new):
    kms.create_alias(AliasName="alias/used", TargetKeyId=new["KeyId"])
    kms.encrypt(KeyId="alias/used", Plaintext=b"x")
    assert usage(kms, new["KeyId"])["Operation"] == "Encrypt"


def test_it_is_kept_over_a_restart(own):
    kms = own.client()
    key = kms.create_key()["KeyMetadata"]
    idle = kms.create_key()["KeyMetadata"]
    kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")
    told = kms.get_key_last_usage(KeyId=key["KeyId"])
    own.daemon.stop()
    own.daemon.start()
    own.daemon.await_ready()
    again = kms.get_key_last_usage(KeyId=key["KeyId"])
    for member in ("KeyLastUsage", "TrackingStartDate", "KeyCreationDate", "KeyId"):
        assert again[member] == told[member]
    assert usage(kms, idle["KeyId"]) == {}


def test_of_what_is_no_key(kms):
    unknown = str(uuid.uuid4())
    for asked, expected in ((unknown, f"Key '{ARN}{unknown}' does not exist"),
                            ("fake", "Invalid keyId 'fake'"),
                            ("alias/used", "Invalid keyId 'alias/used'")):
        with pytest.raises(kms.exceptions.NotFoundException) as caught:
            kms.get_key_last_usage(KeyId=asked)
        assert caught.value.response["Error"]["Message"] == expected
    with pytest.raises(kms.exceptions.InvalidArnException):
        kms.get_key_last_usage(KeyId="arn:aws:kms:us-east-1:111122223333:grant/x")
