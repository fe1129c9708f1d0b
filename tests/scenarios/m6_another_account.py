# SPDX-License-Identifier: Apache-2.0
"""M6, a key of another account.

The platform team owns the keys, in an account of its own; the application runs in another one. For a
call to go through, both sides must say yes: the key's policy (or a grant) lets the application's account
in, and that account's own policies let the one who asks. The key is named by its ARN, or by the ARN of
an alias.
"""
import pytest
from botocore.exceptions import ClientError
from holdfast.people import People, allow, deny, policy, root

PLATFORM, APPLICATION = "222233334444", "555566667777"
USE = ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey*", "kms:DescribeKey"]
UNSEEN = ("is not authorized to perform: kms:Encrypt on resource: {} because the resource does not "
          "exist in this Region, no resource-based policies allow access, or a resource-based policy "
          "explicitly denies access")


@pytest.fixture(scope="module")
def people(service):
    people = People(service)
    people.account(PLATFORM)
    people.account(APPLICATION)
    people.user("app", allow(USE), account=APPLICATION)
    people.user("idle", account=APPLICATION)
    return people


@pytest.fixture(scope="module")
def platform(people):
    return people.as_root(PLATFORM)


@pytest.fixture(scope="module")
def app(people):
    return people.as_user("app", APPLICATION)


@pytest.fixture(scope="module")
def shared(platform):
    """A key that the application's account may use, and its alias."""
    key = platform.create_key(Policy=policy(
        allow("kms:*", Principal=root(PLATFORM)),
        allow(USE, Principal=root(APPLICATION), Sid="The application")))["KeyMetadata"]["Arn"]
    platform.create_alias(AliasName="alias/shared", TargetKeyId=key)
    return key


def refused(call, **members):
    with pytest.raises(ClientError) as caught:
        call(**members)
    assert caught.value.response["Error"]["Code"] == "AccessDeniedException"
    return caught.value.response["Error"]["Message"]


def test_the_key_is_used_by_its_arn_and_by_the_arn_of_its_alias(app, platform, shared):
    sealed = app.encrypt(KeyId=shared, Plaintext=b"x")
    assert sealed["KeyId"] == shared
    by_alias = f"arn:aws:kms:us-east-1:{PLATFORM}:alias/shared"
    assert app.encrypt(KeyId=by_alias, Plaintext=b"x")["KeyId"] == shared
    assert app.decrypt(CiphertextBlob=sealed["CiphertextBlob"])["Plaintext"] == b"x"
    assert app.describe_key(KeyId=by_alias)["KeyMetadata"]["AWSAccountId"] == PLATFORM
    assert platform.decrypt(CiphertextBlob=sealed["CiphertextBlob"])["Plaintext"] == b"x"


def test_without_the_arn_it_is_a_key_of_ones_own_account(app, shared):
    for name in (shared.rpartition("/")[2], "alias/shared"):
        with pytest.raises(ClientError) as caught:
            app.encrypt(KeyId=name, Plaintext=b"x")
        assert caught.value.response["Error"]["Code"] == "NotFoundException"


def test_both_sides_must_agree(people, app, platform, shared):
    # The key lets the account in, but the account has not let this user.
    idle = people.as_user("idle", APPLICATION)
    assert "no identity-based policy allows the kms:Encrypt action" in refused(
        idle.encrypt, KeyId=shared, Plaintext=b"x")
    # The account lets the user, but the key does not let the account in. That a key is there and
    # that none is there reads the same: other accounts' keys are nobody's business.
    own = platform.create_key()["KeyMetadata"]["Arn"]
    absent = own[:-12] + "0" * 12
    for key in (own, absent):
        assert refused(app.encrypt, KeyId=key, Plaintext=b"x").endswith(UNSEEN.format(key))


def test_a_grant_can_be_the_keys_side(people, app, platform):
    key = platform.create_key()["KeyMetadata"]["Arn"]
    refused(app.encrypt, KeyId=key, Plaintext=b"x")
    grant = platform.create_grant(KeyId=key, Operations=["Encrypt"],
                                  GranteePrincipal=f"arn:aws:iam::{APPLICATION}:user/app")
    app.encrypt(KeyId=key, Plaintext=b"x")
    platform.revoke_grant(KeyId=key, GrantId=grant["GrantId"])
    refused(app.encrypt, KeyId=key, Plaintext=b"x")


def test_what_belongs_to_the_owner_stays_with_the_owner(app, people, shared):
    people.permit("app", allow("kms:*"), account=APPLICATION)
    for call, members in ((app.schedule_key_deletion, {}), (app.disable_key, {}),
                          (app.tag_resource, {"Tags": [{"TagKey": "a", "TagValue": "b"}]}),
                          (app.put_key_policy, {"Policy": policy(allow("kms:*", Principal="*"))})):
        refused(call, KeyId=shared, **members)
    people.permit("app", allow(USE), account=APPLICATION)


def test_an_explicit_deny_of_either_side_wins(people, app, shared):
    people.permit("app", allow(USE), deny("kms:Encrypt", shared), account=APPLICATION)
    assert refused(app.encrypt, KeyId=shared, Plaintext=b"x").endswith(
        "with an explicit deny in an identity-based policy")
    people.permit("app", allow(USE), account=APPLICATION)
    app.encrypt(KeyId=shared, Plaintext=b"x")
