# SPDX-License-Identifier: Apache-2.0
"""P1 and P2 on paper: no plaintext, secret, PIN or key byte in any log, record, report, metric, event,
backup, bundle or core. All kinds of secrets are planted, everything that Holdfast writes or tells is
gathered, and searched for them in many spellings."""
import base64
import contextlib
import json
import os
import resource
import secrets
import signal
import socket
import subprocess
import threading
import urllib.parse

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from holdfast import Installation, wait_for
from holdfast.admin import Admin, allow
from holdfast.canary import Canaries
from holdfast.installation import free_port, write_file
from holdfast.objects import token_objects
from holdfast.process import alive

DESCRIPTION = "a description that everybody may read"
CONTEXT = "a context that everybody may read"
DUMPED = 3  # waitid(2): CLD_DUMPED


def spellings(secret):
    """As programs write bytes that they did not mean to write."""
    letters = secret.decode("latin-1")
    text = base64.b64encode(secret)
    return {"raw": secret, "hex": secret.hex(), "HEX": secret.hex().upper(),
            "spaced": secret.hex(" "), "colons": secret.hex(":"),
            "array": ", ".join(f"0x{byte:02x}" for byte in secret),
            "C": "".join(f"\\x{byte:02x}" for byte in secret),
            "octal": "".join(f"\\{byte:03o}" for byte in secret),
            "URL": urllib.parse.quote(secret), "JSON": json.dumps(letters),
            "UTF-8": letters.encode(), "UTF-16": letters.encode("utf-16-le"),
            "UTF-16 hex": secret.hex().encode("utf-16-be"),
            "Base64": text, "Base64 in JSON": text.replace(b"/", b"\\/"),
            "Base64 for URLs": base64.urlsafe_b64encode(secret),
            "Base64 in lines": b"\n".join(text[at:at + 20] for at in range(0, len(text), 20)),
            "UTF-16 Base64": text.decode().encode("utf-16-le"),
            "inside of something": base64.b64encode(b"{" + secret + b"}"),
            "the first half": secret[:len(secret) // 2], "the second": secret[len(secret) // 2:]}


def test_the_search_finds_every_spelling_at_every_place():
    """The control: and in what is only random it finds nothing."""
    canaries = Canaries()
    secret = canaries.add("secret", secrets.token_bytes(32))
    for name, text in spellings(secret).items():
        for before in range(5):
            data = text if isinstance(text, bytes) else text.encode()
            around = secrets.token_bytes(100 + before) + data + secrets.token_bytes(30)
            assert list(canaries.search_bytes(around)) == ["secret"], (name, before)
    assert canaries.search_bytes(secrets.token_bytes(100000)) == {}
    assert canaries.search_bytes(secrets.token_bytes(50000).hex().encode()) == {}


def encrypt_blocks(key, blocks):
    """AES in ECB: what the token derives message keys with (suite 2), and a block of its GCM."""
    ran = subprocess.run(["openssl", "enc", "-aes-256-ecb", "-nopad", "-K", key.hex()], input=blocks,
                         capture_output=True, check=True, timeout=60)
    return ran.stdout


def message_key(version_key, blob, plaintext):
    """The key that `blob` was sealed with, from its header; checked by opening its first block."""
    header = 1 + 1 + 1 + 16 + 4
    nonce, rest = blob[header:header + 15], blob[header + 15:]
    assert blob[1] == 2
    key = encrypt_blocks(version_key, nonce + b"\0" + nonce + b"\1")
    stream = encrypt_blocks(key, rest[:12] + (2).to_bytes(4, "big"))
    opened = bytes(a ^ b for a, b in zip(stream, rest[12:]))
    return key if plaintext.startswith(opened[:16]) else None


class Journal(threading.Thread):
    """The other end of the audit log's sink; a context manager."""

    def __init__(self, path):
        super().__init__()
        self.taken = []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.settimeout(0.1)
        self.ended = threading.Event()

    def run(self):
        while not self.ended.is_set():
            with contextlib.suppress(TimeoutError):
                self.taken.append(self.socket.recv(1 << 20))

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.join()
        self.socket.close()


def refused(call, **members):
    with pytest.raises(ClientError):
        call(**members)


class Scene:
    """An installation that writes all that it can, and what it was told in confidence."""

    def __init__(self, own, journal, folder):
        self.own, self.journal, self.folder = own, journal, str(folder)
        self.canaries, self.sealed = Canaries(), []
        self.told = own.path("told")  # what it said, rather than wrote
        os.mkdir(self.told)
        add = self.canaries.add
        # Where secrets belong: there alone they may be.
        self.places = [own.pin_file, own.so_pin_file, os.path.join(folder, "bearer"),
                       own.credentials_file]
        for path in self.places[:3]:
            with open(path, encoding="ascii") as file:
                add(path, file.read())
        add("the administrator's secret", own.signer.secret_key)

    def keep(self, name, said):
        """A file of its own for each thing that was said."""
        path = os.path.join(self.told, f"{len(os.listdir(self.told)):03}-{name}")
        with open(path, "wb") as file:
            file.write(said if isinstance(said, bytes) else said.encode())

    def plaintext(self, name, size=48):
        return self.canaries.add(name, secrets.token_bytes(size))

    # --- planting ---

    def keys(self):
        kms, add = self.own.client(), self.canaries.add
        key = kms.create_key(Description=DESCRIPTION)["KeyMetadata"]["KeyId"]
        other = kms.create_key()["KeyMetadata"]["KeyId"]
        context = {"EncryptionContext": {"of": CONTEXT}}
        sealed = []
        for size in (16, 48, 700, 4096):
            plaintext = self.plaintext(f"a plaintext of {size}", size)
            sealed.append(kms.encrypt(KeyId=key, Plaintext=plaintext, **context)["CiphertextBlob"])
            self.sealed.append((sealed[-1], plaintext))
        text = add("a plaintext that is text", secrets.token_urlsafe(40))
        sealed.append(kms.encrypt(KeyId=key, Plaintext=text, **context)["CiphertextBlob"])
        made = kms.generate_data_key(KeyId=key, KeySpec="AES_256", **context)
        add("a data key", made["Plaintext"])
        unseen = kms.generate_data_key_without_plaintext(KeyId=key, NumberOfBytes=64, **context)
        sealed += [made["CiphertextBlob"], unseen["CiphertextBlob"]]
        for blob in sealed:
            opened = kms.decrypt(CiphertextBlob=blob, **context)["Plaintext"]
            if blob == unseen["CiphertextBlob"]:
                add("a data key without plaintext", opened)
            kms.re_encrypt(CiphertextBlob=blob, SourceEncryptionContext=context["EncryptionContext"],
                           DestinationKeyId=other)
        add("random bytes", kms.generate_random(NumberOfBytes=32)["Plaintext"])
        kms.rotate_key_on_demand(KeyId=key)
        return key, sealed[0]

    def refusals(self, key, blob):
        """Calls that fail: errors leave by other ways than answers do, and quote what was wrong."""
        kms, exchange = self.own.client(), self.own.exchange()
        refused(kms.encrypt, KeyId="alias/nowhere", Plaintext=self.plaintext("for no key"))
        refused(kms.encrypt, KeyId=key, Plaintext=self.plaintext("too long", 4097))
        refused(kms.encrypt, KeyId=key, Plaintext=self.plaintext("no algorithm"),
                EncryptionAlgorithm="RSAES_OAEP_SHA_256")
        refused(kms.decrypt, CiphertextBlob=blob)  # without its context
        kms.disable_key(KeyId=key)
        refused(kms.encrypt, KeyId=key, Plaintext=self.plaintext("for a disabled key"))
        refused(kms.generate_data_key, KeyId=key, KeySpec="AES_256")
        kms.enable_key(KeyId=key)
        text = self.canaries.add("not Base64", secrets.token_urlsafe(40) + "!")
        other = self.canaries.add("in a broken body", secrets.token_urlsafe(40))
        for body in ({"KeyId": key, "Plaintext": text}, {"KeyId": key, "Plaintext": {text: text}},
                     {"KeyId": key, "Plaintext": [text]}, f'{{"Plaintext":"{other}"'.encode(),
                     f'{{"KeyId":"{key}","Plaintext":"{other}"}} and more'.encode(),
                     f'{{"KeyId":"{key}","Plaintext":"{other}","Plaintext":"{other}"}}'.encode()):
            reply = exchange.call("Encrypt", body)
            assert reply.status == 400
            self.keep("refusal", reply.body)

    def client(self, name, keys):
        return boto3.client(
            name, endpoint_url=self.own.endpoint(), region_name=self.own.region,
            aws_access_key_id=keys["AccessKeyId"], aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys.get("SessionToken"),
            config=Config(retries={"total_max_attempts": 1}))

    def people(self):
        """Access keys and temporary credentials; then wrong ones, and such as are gone."""
        admin, add = Admin(self.own), self.canaries.add
        user, signer = admin.user("ina", policy=allow("*"))
        add("a user's secret", signer.secret_key)
        add("a derived signing key", signer.key("20261122"))
        document = {"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"AWS": user}, "Action": "sts:AssumeRole"}]}
        role = admin.create("role", "clerk", Document=json.dumps(document))["Arn"]
        admin.put_policy("role", "clerk", allow("*"))
        keys = {"AccessKeyId": signer.access_key, "SecretAccessKey": signer.secret_key}
        sts = self.client("sts", keys)
        made = [sts.assume_role(RoleArn=role, RoleSessionName=f"session{i}")["Credentials"]
                for i in range(2)]
        for number, one in enumerate(made):
            add(f"a session's secret {number}", one["SecretAccessKey"])
            add(f"a session's token {number}", one["SessionToken"])
            self.client("kms", one).list_keys()
        shared = os.path.commonprefix([one["SessionToken"] for one in made])
        assert len(shared) < 20
        self.canaries.allow(shared)
        for wrong in ({**made[0], "SessionToken": made[1]["SessionToken"]},
                      {**made[0], "SecretAccessKey": made[1]["SecretAccessKey"]},
                      {**keys, "SecretAccessKey": add("a guessed secret", secrets.token_urlsafe(30))},
                      {**made[0], "SessionToken": add("no token", secrets.token_urlsafe(60))}):
            refused(self.client("kms", wrong).list_keys)
        admin.call("DeleteSession", AccessKeyId=made[1]["AccessKeyId"])
        refused(self.client("kms", made[1]).list_keys)
        found = self.client("cloudtrail", keys).lookup_events(MaxResults=50)["Events"]
        assert len(found) > 20
        self.keep("lookup-events", json.dumps(found, default=str))

    def trouble(self):
        """A PIN that is refused, and a worker that dies at work."""
        own = self.own
        wrong = self.canaries.add("a wrong PIN", secrets.token_hex(8))
        os.kill(own.worker(), signal.SIGKILL)
        own.daemon.await_ready()
        own.token.stop()
        write_file(own.pin_file, wrong)
        before = len(own.token.read_log())
        own.token.start()
        wait_for(lambda: "PIN" in own.token.read_log()[before:].upper(), "the PIN is refused")
        own.token.stop()
        write_file(own.pin_file, own.pin)
        own.start()
        own.await_calls()

    # --- gathering ---

    def commands(self):
        config = ("--config", self.own.daemon.settings)
        for words in (["status"], ["status", "--json"], ["doctor"], ["doctor", "--json"],
                      ["store", "verify", "--json"], ["backup", "--json"], ["clock", "show"],
                      ["evidence", self.own.path("bundle")], ["access-key", "list", "--user", "ina"],
                      ["audit", "public-key"], ["user", "show", "ina", "--json"],
                      ["audit", "verify", self.own.daemon.audit],
                      ["audit", "show", self.own.daemon.audit, "--json"],
                      ["audit", "show", self.own.daemon.audit]):
            ran = self.own.run("holdfast", *words, *config, check=False)
            assert ran.returncode in (0, 1, 2), f"{words}: {ran.stdout}{ran.stderr}"
            self.keep("-".join(words[:2]).replace("/", "_"), ran.stdout + ran.stderr)

    def doors(self, metrics):
        daemon = self.own.daemon
        self.keep("healthz", daemon.get("/healthz")[1])
        self.keep("readyz", daemon.get("/readyz")[1])
        daemon.health_port = metrics
        status, text = daemon.get("/metrics")
        assert status == 200
        self.keep("metrics", text)

    def stopped(self):
        """What is told and left behind when nothing runs, and the secrets of the token itself."""
        own = self.own
        with open(own.store + "-wal", "rb") as file:
            self.keep("store-wal", file.read())
        own.daemon.kill()
        ran = own.run("holdfastd", "--config", own.daemon.settings, "--recover", "--json", check=False)
        self.keep("recover", ran.stdout + ran.stderr)
        own.token.stop()
        self.keep("journal", b"\n".join(self.journal.taken))
        revealed = {one["label"]: bytes.fromhex(one["value"])
                    for one in token_objects(own, reveal=True) if one["value"]}
        assert len(revealed) >= 6  # three versions of two keys, and those of the service
        for label, value in revealed.items():
            self.canaries.add(f"the key {label}", value)
        made = [message_key(value, blob, plaintext) for blob, plaintext in self.sealed
                for value in revealed.values() if len(value) == 32]
        for key in filter(None, made):
            self.canaries.add("a message key", key)
        assert "a message key" in self.canaries.secrets


@pytest.fixture
def said(monkeypatch):
    """What all programs print that are run to their end: --init among them."""
    out, run = [], Installation.run

    def kept(self, *arguments, **options):
        ran = run(self, *arguments, **options)
        out.append(ran.stdout + ran.stderr)
        return ran

    monkeypatch.setattr(Installation, "run", kept)
    return out


@pytest.fixture
def scene(said, make, tmp_path):
    metrics, sink, bearer = free_port(), tmp_path / "journal", tmp_path / "bearer"
    write_file(bearer, secrets.token_urlsafe(30))
    settings = {"audit": {"sink": "journal", "sink_socket": sink, "segment_mib": 1},
                "metrics": {"listen": f"127.0.0.1:{metrics}"},
                "events": {"file": tmp_path / "events.jsonl", "spool": tmp_path / "events.spool",
                           "url": f"http://127.0.0.1:{free_port()}/", "token_file": bearer},
                "scheduler": {"interval_ms": 100, "share_percent": 100}}
    with Journal(sink) as journal:
        made = Scene(make(settings=settings), journal, tmp_path)
        made.metrics, made.said = metrics, said
        yield made


def test_no_canary_is_in_anything_that_is_written_or_told(scene):
    own = scene.own
    key, blob = scene.keys()
    scene.refusals(key, blob)
    scene.people()
    scene.trouble()
    wait_for(lambda: os.path.exists(os.path.join(scene.folder, "events.jsonl")), "the rotation is told")
    scene.doors(scene.metrics)
    scene.commands()
    scene.stopped()
    scene.keep("programs", "\n".join(scene.said))
    found, read = scene.canaries.search(scene.folder, but=scene.places)
    assert found == {}
    gathered(scene, read)


def gathered(scene, read):
    """What may be told is found by the same search where it must be: nothing was left out."""
    public = Canaries()
    public.add("description", DESCRIPTION)
    public.add("context", CONTEXT)
    found, again = public.search(scene.folder)
    assert again == read + len(scene.places) and read > 30
    names = {what: " ".join(path for path, inside in found.items() if what in inside)
             for what in ("description", "context")}
    for where in ("holdfast.db", "backup", "evidence.json", "report.html", "store-wal"):
        assert where in names["description"], where
    for where in ("/audit/", "journal", "lookup-events", "audit-show"):
        assert where in names["context"], where


def ended_how(pid):
    """Of waitid(2), leaving the process to be waited for by whoever started it."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT).si_code


def cores(*folders):
    return {os.path.join(folder, name) for folder in folders for name in os.listdir(folder)
            if name == "core" or name.startswith("core.")}


@pytest.fixture
def dumps(tmp_path):
    """Whether a program that crashes leaves a core here: one does, as a control."""
    limits = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (limits[1], limits[1]))
    try:
        with subprocess.Popen(["sleep", "60"], cwd=tmp_path) as control:
            control.send_signal(signal.SIGSEGV)
            yield ended_how(control.pid) == DUMPED
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, limits)


def test_a_crash_leaves_no_core(dumps, own):
    """Not by the limit that they set themselves alone: whoever may lift it gets none, either."""
    if not dumps:
        pytest.skip("nothing leaves a core on this machine")
    own.client().create_key()
    pids = {"daemon": own.daemon.pid, "worker": own.worker(), "supervisor": own.token.pid}
    folders = {os.readlink(f"/proc/{pid}/cwd") for pid in pids.values()} | {own.directory}
    before = cores(*folders)
    for name, pid in pids.items():
        assert resource.prlimit(pid, resource.RLIMIT_CORE) == (0, 0), name
        with contextlib.suppress(PermissionError):  # CAP_SYS_RESOURCE, which not every root has
            resource.prlimit(pid, resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2)
        os.kill(pid, signal.SIGSEGV)
        if name == "worker":  # which is not a child of this process
            wait_for(lambda worker=pid: not alive(worker), "the worker ends")
        else:
            assert ended_how(pid) != DUMPED, name
    assert cores(*folders) == before
