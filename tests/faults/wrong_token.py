# SPDX-License-Identifier: Apache-2.0
"""Another token of the same label in the right one's place: noticed, said, and nothing is lost."""
import json
import os

import pytest

from holdfast.installation import LABEL
from holdfast.process import wait_for


def replace_token(there):
    """The installation's token is put aside; another of its label takes its place."""
    there.token.stop()
    aside = f"{there.token_folder}-aside"
    os.rename(there.token_folder, aside)
    os.mkdir(there.token_folder, 0o700)
    there.run("holdfast-token", "--config", there.settings, "--init-token", "--label", LABEL)
    there.start_token()
    return aside


def restore_token(there, aside):
    there.token.stop()
    os.rename(there.token_folder, f"{there.token_folder}-wrong")
    os.rename(aside, there.token_folder)
    there.start_token()


def status(there):
    ran = there.run("holdfast", "status", "--json", "--socket", there.daemon.admin, check=False)
    return ran.returncode, json.loads(ran.stdout)


@pytest.fixture
def sealed(own):
    kms = own.client()
    key = kms.create_key()["KeyMetadata"]["Arn"]
    return key, kms.encrypt(KeyId=key, Plaintext=b"letter")["CiphertextBlob"]


def test_under_a_running_daemon(own, sealed):
    key, blob = sealed
    aside = replace_token(own)
    wait_for(lambda: b"E_HSM_TOKEN_CHANGED" in own.daemon.get("/readyz")[1], "it is noticed")
    assert own.daemon.get("/readyz")[0] == 503
    code, told = status(own)
    assert (code, told["Token"]["Ok"], told["Token"]["Error"]) == (2, False, "E_HSM_TOKEN_CHANGED")
    for operation, body in (("CreateKey", {}), ("Encrypt", {"KeyId": key, "Plaintext": "aGk="})):
        assert own.exchange().call(operation, body).status >= 500, operation

    restore_token(own, aside)
    own.daemon.await_ready()
    own.await_calls()
    assert own.client().decrypt(CiphertextBlob=blob)["Plaintext"] == b"letter"
    assert status(own)[0] == 0


def test_at_the_start(own, sealed):
    own.daemon.stop()
    aside = replace_token(own)
    ran = own.run("holdfastd", "--config", own.daemon.settings, check=False)
    assert ran.returncode == 78 and "E_HSM_TOKEN_CHANGED" in ran.stderr

    restore_token(own, aside)
    own.daemon.start()
    own.daemon.await_ready()
    assert own.client().decrypt(CiphertextBlob=sealed[1])["Plaintext"] == b"letter"
