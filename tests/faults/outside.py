# SPDX-License-Identifier: Apache-2.0
"""P1 and P2 from outside: what root sees in the daemon's memory and on the socket beside it."""
import base64
import os
import secrets
import subprocess
import time

import pytest

from holdfast import Memory
from holdfast.objects import token_objects
from holdfast.tracing import transferred, transfers


def forms(name, data):
    """A secret as it could lie about: raw, Base64 as clients get it, hex; halves of each."""
    out = {}
    for kind, text in (("raw", data), ("base64", base64.b64encode(data)),
                       ("hex", data.hex().encode()), ("HEX", data.hex().upper().encode())):
        half = max(12, len(text) // 2)
        out[f"{name} {kind}, first half"] = text[:half]
        out[f"{name} {kind}, second half"] = text[-half:]
    return out


def find(pid, needles):
    """Where they are, apart from what can only be chance: nothing of 12 bytes is chance."""
    return Memory(pid).find(needles)


def settle():
    """A connection's buffers are wiped when the next request comes or the connection closes."""
    time.sleep(0.3)


def test_the_search_finds_what_is_there(own):
    """The control: what the daemon does hold is found, so that finding nothing means something."""
    key = own.client().create_key(Description="a description to be found")["KeyMetadata"]["KeyId"]
    memory = Memory(own.daemon.pid)
    found = memory.find({"path": own.store.encode(), "description": b"a description to be found",
                         "absent": secrets.token_bytes(24)})
    assert set(found) == {"path", "description"}, key
    assert memory.bytes_read() > 1 << 20


def is_module(path):
    """Whether a shared library is a PKCS#11 module: defines C_GetFunctionList."""
    if ".so" not in path or path.startswith("/memfd:"):
        return False
    listed = subprocess.run(["objdump", "-T", path], capture_output=True, text=True, check=False)
    return any(line.endswith(" C_GetFunctionList") and "*UND*" not in line
               for line in listed.stdout.splitlines())


def test_no_pkcs11_module_is_in_the_daemons_map(own):
    own.client().create_key()
    assert [path for path in Memory(own.worker()).mapped_files() if is_module(path)
            and "softhsm" in path], "not even the worker has it: the test looks for the wrong thing"
    mapped = Memory(own.daemon.pid).mapped_files()
    assert not [path for path in mapped if "softhsm" in path or "softokn" in path]
    # GnuTLS, which the HTTP server links, brings p11-kit's loader, idle and without a module.
    assert [path for path in mapped if is_module(path) and "/libp11-kit.so." not in path] == []


def test_root_keys_are_never_in_the_daemons_memory(own):
    """SoftHSM's files and the PIN tell the test the bytes of every key on the token."""
    kms = own.client()
    arns = [kms.create_key()["KeyMetadata"]["Arn"] for _ in range(3)]
    for arn in arns:
        made = kms.generate_data_key(KeyId=arn, KeySpec="AES_256")
        kms.decrypt(CiphertextBlob=made["CiphertextBlob"])
    own.token.stop()
    known = [one for one in token_objects(own, reveal=True) if one["value"]]
    assert sum(one["label"].count(":") == 3 for one in known) == 3, known
    own.start_token()
    own.await_calls()
    for arn in arns:
        kms.encrypt(KeyId=arn, Plaintext=b"x")
    needles = {}
    for one in known:
        needles.update(forms(one["label"], bytes.fromhex(one["value"])))
    assert find(own.daemon.pid, needles) == {}


def test_the_pin_is_not_in_the_daemons_memory(own):
    own.client().create_key()
    assert find(own.daemon.pid, {"pin": own.pin.encode()}) == {}


def test_the_token_tells_no_key(own):
    """P1 read back with another program: sensitive, not extractable, and so no value."""
    own.client().create_key()
    own.token.stop()
    objects = token_objects(own)
    assert len(objects) >= 4
    assert all(one["value"] is None for one in objects if one["label"].startswith("holdfast:")), objects


@pytest.mark.parametrize("size", [32, 1024])
def test_a_data_key_is_not_in_the_daemons_memory_after_the_reply(own, size):
    kms = own.client()
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    needles, blobs = {}, []
    for i in range(20):
        made = kms.generate_data_key(KeyId=key, NumberOfBytes=size)
        needles.update(forms(f"generated {i}", made["Plaintext"]))
        blobs.append(made["CiphertextBlob"])
    settle()
    assert find(own.daemon.pid, needles) == {}, "with the connection still open"
    for blob in blobs:
        kms.decrypt(CiphertextBlob=blob)
    kms.close()
    settle()
    assert find(own.daemon.pid, needles) == {}, "after Decrypt, the connection closed"


@pytest.mark.parametrize("size", [48, 700, 4096])
def test_a_plaintext_that_came_in_is_not_kept_either(own, size):
    """Encrypt's plaintext comes through HTTP buffers and the JSON parser."""
    kms = own.client()
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    needles = {}
    for i in range(10):
        plaintext = secrets.token_bytes(size)
        kms.encrypt(KeyId=key, Plaintext=plaintext)
        needles.update(forms(f"encrypted {i}", plaintext))
    kms.describe_key(KeyId=key)
    settle()
    assert find(own.daemon.pid, needles) == {}


def test_a_plaintext_of_a_refused_call_is_not_kept(own):
    """Errors leave by other ways than successes do."""
    exchange = own.exchange()
    key = own.client().create_key()["KeyMetadata"]["KeyId"]
    own.client().disable_key(KeyId=key)
    needles = {}
    for i, (name, more) in enumerate([("none", {}), (key, {}), (key, {"EncryptionAlgorithm": "X"}),
                                      (key, {"EncryptionContext": []})]):
        plaintext = secrets.token_bytes(64)
        body = {"KeyId": name, "Plaintext": base64.b64encode(plaintext).decode(), **more}
        assert exchange.call("Encrypt", body).status == 400
        needles.update(forms(f"refused {i}", plaintext))
    settle()
    assert find(own.daemon.pid, needles) == {}


def test_nothing_secret_is_left_in_files_or_arguments(own):
    kms = own.client()
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    made = kms.generate_data_key(KeyId=key, KeySpec="AES_256", EncryptionContext={"a": "b"})
    kms.encrypt(KeyId=key, Plaintext=made["Plaintext"])
    kms.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext={"a": "b"})
    needles = {**forms("data key", made["Plaintext"]), "pin": own.pin.encode(),
               "secret": own.signer.secret_key.encode()}
    allowed = {"pin": {own.pin_file}, "secret": {own.credentials_file}}
    for top, _, names in os.walk(own.directory):
        for name in names:
            path = os.path.join(top, name)
            if not os.path.isfile(path):
                continue
            with open(path, "rb") as file:
                data = file.read()
            for what, needle in needles.items():
                assert needle not in data or path in allowed.get(what, ()), f"{what} in {path}"
    for pid in (own.daemon.pid, own.token.pid, own.worker()):
        for name in ("cmdline", "environ"):
            with open(f"/proc/{pid}/{name}", "rb") as file:
                data = file.read()
            assert not any(needle in data for needle in needles.values())


def recorded(own, tmp_path, act):
    """What crosses between client, daemon and worker while `act` runs."""
    with transfers([own.daemon.pid, own.worker()], tmp_path / "transfers") as tracer:
        answer = act()
        time.sleep(0.2)
    return answer, transferred(tracer.lines())


def test_the_recording_records(own, tmp_path):
    """The control: a data key that was asked for does cross, in the open and as Base64."""
    kms = own.client()
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    made, data = recorded(own, tmp_path, lambda: kms.generate_data_key(KeyId=key, KeySpec="AES_256"))
    assert made["Plaintext"] in data and base64.b64encode(made["Plaintext"]) in data
    assert made["CiphertextBlob"][23:] in data


def test_an_unwanted_data_key_never_crosses(own, tmp_path):
    kms = own.client()
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    made, data = recorded(own, tmp_path, lambda: [
        kms.generate_data_key_without_plaintext(KeyId=key, KeySpec="AES_256") for _ in range(5)])
    for one in made:
        assert one["CiphertextBlob"][23:] in data  # it was recorded, and
        plaintext = kms.decrypt(CiphertextBlob=one["CiphertextBlob"])["Plaintext"]
        for name, needle in forms("data key", plaintext).items():
            assert needle not in data, name


def test_the_plaintext_of_re_encrypt_never_crosses(own, tmp_path):
    kms = own.client()
    source, target = (kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(2))
    plaintext = secrets.token_bytes(64)
    sealed = kms.encrypt(KeyId=source, Plaintext=plaintext, EncryptionContext={"a": "1"})
    moved, data = recorded(own, tmp_path, lambda: kms.re_encrypt(
        CiphertextBlob=sealed["CiphertextBlob"], SourceEncryptionContext={"a": "1"},
        DestinationKeyId=target, DestinationEncryptionContext={"b": "2"}))
    assert sealed["CiphertextBlob"][23:] in data and moved["CiphertextBlob"][23:] in data
    for name, needle in forms("plaintext", plaintext).items():
        assert needle not in data, name
    opened = kms.decrypt(CiphertextBlob=moved["CiphertextBlob"], EncryptionContext={"b": "2"})
    assert opened["Plaintext"] == plaintext


def test_a_dry_run_draws_no_data_key(own, tmp_path):
    kms = own.client()
    key = kms.create_key()["KeyMetadata"]["KeyId"]

    def act():
        with pytest.raises(kms.exceptions.DryRunOperationException):
            kms.generate_data_key(KeyId=key, KeySpec="AES_256", DryRun=True)

    _, data = recorded(own, tmp_path, act)
    assert b"DryRunOperationException" in data


def test_no_core_dumps_and_no_other_user(own):
    """Not dumpable: /proc belongs to root, and so a process of the same user cannot attach."""
    for pid in (own.daemon.pid, own.worker(), own.token.pid):
        with open(f"/proc/{pid}/limits", encoding="ascii") as file:
            core = next(line for line in file if line.startswith("Max core file size"))
        assert core.split()[4:6] == ["0", "0"], core
        assert os.stat(f"/proc/{pid}/mem").st_uid == 0
    for path in (own.token_socket, own.pin_file):
        assert os.path.exists(path)
    assert os.stat(own.store).st_mode & 0o077 == 0
