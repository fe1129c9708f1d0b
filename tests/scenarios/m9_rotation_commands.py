# SPDX-License-Identifier: Apache-2.0
"""M9, rotation with the commands of the AWS CLI, and what they print.

The outputs here have the form of those in AWS's documentation of the commands (`aws kms
get-key-rotation-status help` and so on); only names and dates are this installation's.
"""
import json
import re

import pytest

DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00")
MATERIAL = re.compile(r"\b[0-9a-f]{64}\b")


@pytest.fixture(scope="module")
def aws(service):
    """aws("kms", ...): what is printed. Dates as version 2 of the AWS CLI shows them; version 1 does
    so when told, by `cli_timestamp_format = iso8601` in ~/.aws/config."""
    def run(*arguments):
        return service.aws("configure", "set", "cli_timestamp_format", "iso8601") if not arguments \
            else service.aws(*arguments).stdout

    run()
    return run


@pytest.fixture(scope="module")
def key(aws):
    return json.loads(aws("kms", "create-key"))["KeyMetadata"]["KeyId"]


def form(text):
    """What is printed, with names for what is different each time."""
    return MATERIAL.sub("MATERIAL", DATE.sub("DATE", text))


def printed(text):
    return json.loads(form(text))


def test_switching_it_on_looking_and_switching_it_off(aws, key):
    def status(*options):
        return aws("kms", "get-key-rotation-status", "--key-id", key, *options)

    # A new key is not rotated.
    assert printed(status()) == {"KeyId": key, "KeyRotationEnabled": False}
    assert status("--output", "text") == f"{key}\tFalse\n"

    # "This command produces no output."
    assert aws("kms", "enable-key-rotation", "--key-id", key,
               "--rotation-period-in-days", "180") == ""
    assert printed(status()) == {"KeyId": key, "KeyRotationEnabled": True,
                                 "NextRotationDate": "DATE", "RotationPeriodInDays": 180}
    assert form(status("--output", "text")) == f"{key}\tTrue\tDATE\t180\n"

    assert aws("kms", "disable-key-rotation", "--key-id", key) == ""
    assert printed(status()) == {"KeyId": key, "KeyRotationEnabled": False}

    # Without a period it is a year.
    assert aws("kms", "enable-key-rotation", "--key-id", key) == ""
    assert status("--query", "RotationPeriodInDays") == "365\n"


def test_rotating_now_and_listing(aws, key):
    def rotations(*options):
        # As the service sends it: one page, with its `Truncated`.
        return aws("kms", "list-key-rotations", "--key-id", key, "--no-paginate", *options)

    assert printed(rotations()) == {"Rotations": [], "Truncated": False}
    assert printed(aws("kms", "rotate-key-on-demand", "--key-id", key)) == {"KeyId": key}

    one = {"KeyId": key, "KeyMaterialId": "MATERIAL", "KeyMaterialState": "CURRENT",
           "RotationDate": "DATE", "RotationType": "ON_DEMAND"}
    assert printed(rotations()) == {"Rotations": [one], "Truncated": False}
    assert form(rotations("--output", "text")) == (
        "False\n"
        f"ROTATIONS\t{key}\tMATERIAL\tCURRENT\tDATE\tON_DEMAND\n")

    # The first material is listed when asked for, without a date and a type.
    everything = printed(rotations("--include-key-material", "ALL_KEY_MATERIAL"))["Rotations"]
    first = {"KeyId": key, "KeyMaterialId": "MATERIAL", "KeyMaterialState": "NON_CURRENT"}
    assert sorted(everything, key=len) == [first, one]


def test_an_alias_that_moves(aws, key):
    other = json.loads(aws("kms", "create-key"))["KeyMetadata"]["KeyId"]
    name = "alias/commands"
    assert aws("kms", "create-alias", "--alias-name", name, "--target-key-id", key) == ""

    def listed(target, *options):
        return aws("kms", "list-aliases", "--key-id", target, *options)

    def entry(target):
        return {"AliasArn": f"arn:aws:kms:us-east-1:111122223333:{name}", "AliasName": name,
                "CreationDate": "DATE", "LastUpdatedDate": "DATE", "TargetKeyId": target}

    assert printed(listed(key))["Aliases"] == [entry(key)]
    assert aws("kms", "update-alias", "--alias-name", name, "--target-key-id", other) == ""
    assert printed(listed(key))["Aliases"] == []
    assert printed(listed(other))["Aliases"] == [entry(other)]
    assert form(listed(other, "--output", "text")).splitlines()[-1] == (
        f"ALIASES\tarn:aws:kms:us-east-1:111122223333:{name}\t{name}\tDATE\tDATE\t{other}")
