# SPDX-License-Identifier: Apache-2.0
"""M12, a log store by key policy.

Logs of one group are kept under the customer's key. There are no grants here: the key policy itself
names the logs service, and lets it use the key for that one log group alone, by the encryption context
that the service always sends.
"""
import pytest
from botocore.exceptions import ClientError
from holdfast.people import People, allow, policy, root

ACCOUNT = "111122223333"
PROVIDER = "888877776666"
LOGS = "logs.us-east-1.amazonaws.com"


def group(name):
    return {"aws:logs:arn": f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{name}"}


KEY_POLICY = policy(
    allow("kms:*", Principal=root(ACCOUNT), Sid="The account manages the key"),
    allow(["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"],
          Principal={"Service": LOGS}, Sid="Logs of the shop alone",
          condition={"ArnLike": {"kms:EncryptionContext:aws:logs:arn":
                                 f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/shop/*"}}))


@pytest.fixture(scope="module")
def logs(service):
    people = People(service)
    people.account(PROVIDER)
    people.service_principal(LOGS, PROVIDER)
    return people.as_service(LOGS)


@pytest.fixture(scope="module")
def key(service, logs):
    return service.client().create_key(Policy=KEY_POLICY)["KeyMetadata"]["Arn"]


def refused(call, **members):
    with pytest.raises(ClientError) as caught:
        call(**members)
    assert caught.value.response["Error"]["Code"] == "AccessDeniedException"
    return caught.value.response["Error"]["Message"]


def test_one_log_group_is_kept_and_another_is_refused(logs, key):
    sealed = logs.generate_data_key(KeyId=key, KeySpec="AES_256",
                                    EncryptionContext=group("/shop/orders"))
    assert logs.decrypt(CiphertextBlob=sealed["CiphertextBlob"],
                        EncryptionContext=group("/shop/orders"))["Plaintext"] == sealed["Plaintext"]
    for context in (group("/bank/orders"), group("/shop"), {}, {"aws:logs:arn": "/shop/x"}):
        message = refused(logs.generate_data_key, KeyId=key, KeySpec="AES_256",
                          EncryptionContext=context)
        assert "kms:GenerateDataKey" in message


def test_the_wildcards_allow_what_they_name_and_nothing_else(logs, key):
    context = group("/shop/orders")
    logs.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext=context)
    logs.generate_data_key_without_plaintext(KeyId=key, KeySpec="AES_128", EncryptionContext=context)
    sealed = logs.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext=context)["CiphertextBlob"]
    logs.re_encrypt(CiphertextBlob=sealed, SourceEncryptionContext=context, DestinationKeyId=key,
                    DestinationEncryptionContext=context)
    refused(logs.disable_key, KeyId=key)
    refused(logs.get_key_policy, KeyId=key)
    # DescribeKey has no encryption context, so the condition cannot hold.
    refused(logs.describe_key, KeyId=key)


def test_why_is_on_record(service, logs, key):
    logs.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext=group("/shop/audited"))
    refused(logs.encrypt, KeyId=key, Plaintext=b"x", EncryptionContext=group("/bank/audited"))
    mine = [record for record in service.daemon.audit_records()
            if "audited" in str(record.get("requestParameters"))]
    allowed, denied = mine
    assert "Logs of the shop alone" in str(allowed["additionalEventData"])
    assert denied["errorCode"] == "AccessDeniedException"
    assert denied["userIdentity"]["type"] == "AWSService"
