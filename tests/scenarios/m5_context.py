# SPDX-License-Identifier: Apache-2.0
"""M5, the story of the encryption context.

Many tenants share one KMS key. What keeps one tenant's data key from being opened for another is
the encryption context: pairs that are not secret, are not kept in the ciphertext, and must be given
again exactly. It also says in the audit record what each call was for.
"""
import pytest


@pytest.fixture(scope="module")
def shared(kms):
    return kms.create_key(Description="shared by all tenants")["KeyMetadata"]["KeyId"]


def data_key_of(kms, shared, tenant):
    return kms.generate_data_key(KeyId=shared, KeySpec="AES_256", EncryptionContext={
        "tenant": tenant, "purpose": "records"})


def test_each_tenant_opens_its_own(kms, shared):
    for tenant in ("ada", "bob", "Ada", "ada ", ""):
        made = data_key_of(kms, shared, tenant)
        opened = kms.decrypt(CiphertextBlob=made["CiphertextBlob"],
                             EncryptionContext={"purpose": "records", "tenant": tenant})
        assert opened["Plaintext"] == made["Plaintext"]


def test_nobody_opens_anothers(kms, shared):
    made = data_key_of(kms, shared, "ada")
    for context in ({"tenant": "bob", "purpose": "records"}, {"tenant": "Ada", "purpose": "records"},
                    {"tenant": "ada", "purpose": "mail"}, {"tenant": "ada"}, {},
                    {"tenant": "ada", "purpose": "records", "reader": "bob"},
                    {"tenant": "records", "purpose": "ada"}):
        with pytest.raises(kms.exceptions.InvalidCiphertextException) as caught:
            kms.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext=context)
        # No word on what was wrong with it.
        assert caught.value.response["Error"].get("Message", "") == ""


def test_the_context_is_not_in_the_ciphertext(kms, shared):
    blob = kms.encrypt(KeyId=shared, Plaintext=b"x",
                       EncryptionContext={"a-long-name": "a-long-value"})["CiphertextBlob"]
    assert b"a-long" not in blob
    longer = kms.encrypt(KeyId=shared, Plaintext=b"x",
                         EncryptionContext={"a-long-name": "a-long-value" * 100})["CiphertextBlob"]
    assert len(longer) == len(blob)


def test_records_tell_tenants_apart(service, kms, shared):
    made = data_key_of(kms, shared, "carol")
    with pytest.raises(kms.exceptions.InvalidCiphertextException):
        kms.decrypt(CiphertextBlob=made["CiphertextBlob"],
                    EncryptionContext={"tenant": "mallory", "purpose": "records"})
    last = service.daemon.audit_records()[-2:]
    assert [r["eventName"] for r in last] == ["GenerateDataKey", "Decrypt"]
    assert [r["requestParameters"]["encryptionContext"]["tenant"] for r in last] == ["carol", "mallory"]
    assert [r.get("errorCode") for r in last] == [None, "InvalidCiphertextException"]


def test_moving_a_tenant(kms, shared):
    """Bob's firm is bought by Ada's: his data keys are sealed anew, for her, and never open."""
    made = data_key_of(kms, shared, "bob")
    moved = kms.re_encrypt(
        CiphertextBlob=made["CiphertextBlob"], DestinationKeyId=shared,
        SourceEncryptionContext={"tenant": "bob", "purpose": "records"},
        DestinationEncryptionContext={"tenant": "ada", "purpose": "records"})
    opened = kms.decrypt(CiphertextBlob=moved["CiphertextBlob"],
                         EncryptionContext={"tenant": "ada", "purpose": "records"})
    assert opened["Plaintext"] == made["Plaintext"]
    with pytest.raises(kms.exceptions.InvalidCiphertextException):
        kms.decrypt(CiphertextBlob=moved["CiphertextBlob"],
                    EncryptionContext={"tenant": "bob", "purpose": "records"})
