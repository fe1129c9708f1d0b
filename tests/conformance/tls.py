# SPDX-License-Identifier: Apache-2.0
"""TLS and mutual TLS as clients meet them: what is spoken, who is let in, and reloads."""
import concurrent.futures
import contextlib
import hashlib
import os
import re
import signal
import socket
import ssl
import subprocess
import threading
import time

import botocore.exceptions
import pytest
from holdfast.authority import Authority
from holdfast.installation import free_port, running, write_file
from holdfast.process import wait_for
from holdfast.request import Exchange, read_reply

REQUEST_TIMEOUT_S = 2
GOOD_SUITES = {"ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305",
               "ECDHE-ECDSA-AES128-GCM-SHA256"}
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
LOOK = b"GET /none HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"), "own-ca")


@pytest.fixture(scope="module")
def other_ca(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("other-ca"), "other-ca")


@pytest.fixture(scope="module")
def client_certificate(ca):
    return ca.issue("client", "client")


class Secured:
    """An installation with TLS, whose files can be replaced under it."""

    def __init__(self, installation, ca, folder):
        self.installation, self.ca, self.folder = installation, ca, folder
        self.daemon = installation.daemon
        self.address = ("127.0.0.1", installation.daemon.port)

    def file(self, name):
        return os.path.join(self.folder, name)

    def install(self, certificate):
        certificate.install(self.file("server.pem"), self.file("server.key"))

    def context(self, client=None, version=None, ca=None):
        context = ssl.create_default_context(cafile=(ca or self.ca).certificate)
        if client is not None:
            context.load_cert_chain(*client.pair)
        if version is not None:
            context.minimum_version = context.maximum_version = version
        return context

    def connect(self, context):
        plain = socket.create_connection(self.address, 20)
        try:
            return context.wrap_socket(plain, server_hostname="127.0.0.1")
        except BaseException:
            plain.close()
            raise

    def answers(self, context):
        """Whether a request is answered: with TLS 1.3 a client learns only then that it was refused."""
        try:
            with self.connect(context) as connection, connection.makefile("rb") as stream:
                connection.sendall(LOOK)
                return read_reply(stream) is not None
        except (ssl.SSLError, ConnectionError):
            return False

    def served(self, client=None):
        """The SHA-256 of the certificate that a new connection is shown."""
        with self.connect(self.context(client)) as connection:
            return hashlib.sha256(connection.getpeercert(binary_form=True)).hexdigest()

    def client(self, **options):
        return self.installation.client(verify=self.ca.certificate, **options)

    def await_log(self, text, since=0):
        wait_for(lambda: text in self.daemon.read_log()[since:], f"the log says {text}", 20)
        return self.daemon.read_log()[since:]

    def reload(self, says):
        """SIGHUP; what the log says until it `says` that."""
        since = len(self.daemon.read_log())
        self.daemon.signal(signal.SIGHUP)
        return self.await_log(says, since)


@contextlib.contextmanager
def secured(folder, ca, **tls):
    """The harness's own, with [tls] as given and health in the clear beside it."""
    folder = str(folder)
    os.mkdir(os.path.join(folder, "installation"))
    files = {name: os.path.join(folder, f"server.{end}")
             for name, end in (("certificate", "pem"), ("private_key", "key"))}
    ca.issue("server", "server").install(*files.values())
    settings = {"tls": {**files, **tls}, "health": {"listen": f"127.0.0.1:{free_port()}"},
                "server": {"request_timeout_s": REQUEST_TIMEOUT_S}}
    with running(os.path.join(folder, "installation"), settings=settings) as installation:
        try:
            yield Secured(installation, ca, folder)
        except BaseException:
            print(installation.logs())
            raise


@pytest.fixture(scope="module")
def plain_clients(tmp_path_factory, ca):
    with secured(tmp_path_factory.mktemp("tls"), ca) as made:
        yield made


@pytest.fixture(scope="module")
def mutual(tmp_path_factory, ca):
    folder = tmp_path_factory.mktemp("mutual")
    trusted = write_file(str(folder / "client-ca.pem"), open(ca.certificate, encoding="ascii").read())
    with secured(folder, ca, client_ca=trusted, client_certificates="required") as made:
        yield made


# --- what is spoken ---


def test_boto3_works_with_the_ca_and_no_other(plain_clients, other_ca):
    kms = plain_clients.client()
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    blob = kms.encrypt(KeyId=key, Plaintext=b"over TLS")["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"over TLS"
    stranger = plain_clients.installation.client(verify=other_ca.certificate)
    with pytest.raises(botocore.exceptions.SSLError):
        stranger.list_keys()


def test_the_aws_cli_works_with_a_ca_bundle(plain_clients):
    ran = plain_clients.installation.aws("kms", "list-keys", "--ca-bundle", plain_clients.ca.certificate)
    assert "Keys" in ran.stdout
    ran = plain_clients.installation.aws("kms", "list-keys", check=False)
    assert ran.returncode != 0 and "SSL" in ran.stderr


@pytest.mark.parametrize("version", VERSIONS)
def test_current_versions_are_spoken(plain_clients, version):
    assert plain_clients.answers(plain_clients.context(version=version))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_old_versions_are_refused(plain_clients, version):
    context = plain_clients.context(version=version)
    context.set_ciphers("ALL:@SECLEVEL=0")
    assert not plain_clients.answers(context)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    assert plain_clients.answers(context), "the same client may, once it speaks 1.2"
    plain_clients.await_log("no version or suite in common")


def test_only_suites_with_forward_secrecy_and_aead_are_spoken(plain_clients):
    every = ssl.create_default_context()
    every.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    names = {c["name"] for c in every.get_ciphers() if c["protocol"] not in ("TLSv1.3",)
             and not any(word in c["description"] for word in ("Kx=PSK", "Au=PSK", "SRP"))}
    assert len(names) > 20 and GOOD_SUITES < names
    spoken = set()
    for name in names:
        context = plain_clients.context(version=ssl.TLSVersion.TLSv1_2)
        context.set_ciphers(f"{name}:@SECLEVEL=0")
        if plain_clients.answers(context):
            spoken.add(name)
    assert spoken == GOOD_SUITES


def test_sessions_are_not_resumed(plain_clients):
    for version in VERSIONS:
        context = plain_clients.context(version=version)
        with plain_clients.connect(context) as first:
            first.sendall(LOOK)
            first.recv(1)
            session = first.session
        with socket.create_connection(plain_clients.address, 20) as plain:
            with context.wrap_socket(plain, server_hostname="127.0.0.1", session=session) as again:
                assert not again.session_reused


def s_client(target, script, *options):
    """What openssl's client says that is fed by a shell script."""
    return subprocess.run(["sh", "-c", f'({script}) | openssl s_client "$@"', "sh", "-connect",
                           f"127.0.0.1:{target.daemon.port}", "-CAfile", target.ca.certificate, *options],
                          capture_output=True, text=True, timeout=30, check=False)


ASK = "printf 'GET /none HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n'; sleep 1"


def test_a_client_cannot_renegotiate(plain_clients):
    assert "HTTP/1.1 404" in s_client(plain_clients, f"sleep 0.5; {ASK}", "-tls1_2").stdout
    again = s_client(plain_clients, f"sleep 0.5; echo R; sleep 0.5; {ASK}", "-tls1_2")
    assert "RENEGOTIATING" in again.stderr and "HTTP/1.1" not in again.stdout


def test_plain_http_on_the_tls_port_fails_cleanly_and_is_told(plain_clients):
    since = len(plain_clients.daemon.read_log())
    with socket.create_connection(plain_clients.address, 20) as connection:
        connection.sendall(LOOK)
        with contextlib.suppress(ConnectionResetError):
            assert b"HTTP" not in connection.recv(100)
    assert plain_clients.answers(plain_clients.context())
    # One line for a whole window of them: the tests before may have begun one.
    wait_for(lambda: "no TLS was spoken" in plain_clients.daemon.read_log()[since:], "it is told", 20)


def metric(target, name):
    """A sample of the real daemon's metrics, which stand beside its health."""
    text = target.daemon.get("/metrics")[1].decode()
    return float(next(line for line in text.split("\n") if line.startswith(name + " ")).split()[-1])


def test_handshakes_and_the_end_of_the_certificate_are_measured(plain_clients):
    count = {result: f'holdfast_tls_handshakes_total{{result="{result}"}}' for result in ("ok", "failed")}
    before = {result: metric(plain_clients, name) for result, name in count.items()}
    assert plain_clients.answers(plain_clients.context())
    with socket.create_connection(plain_clients.address, 20) as connection:
        connection.sendall(LOOK)
        with contextlib.suppress(ConnectionResetError):
            connection.recv(100)
    for result, name in count.items():
        wait_for(lambda r=result, n=name: metric(plain_clients, n) > before[r], f"{name} moves", 20)
    with socket.create_connection(plain_clients.address, 20) as connection, \
            plain_clients.context().wrap_socket(connection, server_hostname="127.0.0.1") as session:
        end = ssl.cert_time_to_seconds(session.getpeercert()["notAfter"])
    assert metric(plain_clients, "holdfast_tls_certificate_expiry_timestamp_seconds") == end


def test_tls_on_the_plain_port_fails_cleanly(service):
    context = ssl.create_default_context()
    with socket.create_connection(("127.0.0.1", service.daemon.port), 20) as plain:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            context.wrap_socket(plain, server_hostname="127.0.0.1")
    assert service.daemon.ready()


def test_junk_makes_one_line_and_not_one_each(plain_clients):
    since = len(plain_clients.daemon.read_log())
    for _ in range(50):
        with socket.create_connection(plain_clients.address, 20) as connection:
            connection.sendall(b"junk!\r\n\r\n" * 3)
            with contextlib.suppress(ConnectionResetError):
                connection.recv(100)
    time.sleep(2)
    lines = [l for l in plain_clients.daemon.read_log()[since:].splitlines() if "server.tls_refused" in l]
    assert len(lines) <= 2
    assert plain_clients.answers(plain_clients.context())


# --- many, slow and silent ones ---


def test_two_hundred_at_once(plain_clients):
    context = plain_clients.context()

    def one(_):
        with plain_clients.connect(context) as connection, connection.makefile("rb") as stream:
            connection.sendall(LOOK)
            first = read_reply(stream).status
            ready.wait(60)
            connection.sendall(LOOK)
            return first, read_reply(stream).status

    count = 200
    ready = threading.Barrier(count)
    # Waiting for the last one may take longer than a busy machine's request_timeout_s, not idle_timeout_s.
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        assert list(pool.map(one, range(count))) == [(404, 404)] * count


def test_silent_and_slow_handshakes_hold_nobody_up_and_end(plain_clients):
    begun = time.monotonic()
    silent = [socket.create_connection(plain_clients.address, 20) for _ in range(20)]
    hello = ssl_hello(plain_clients)
    slow = socket.create_connection(plain_clients.address, 20)
    slow.sendall(hello[:20])
    for _ in range(5):
        before = time.monotonic()
        assert plain_clients.answers(plain_clients.context())
        assert time.monotonic() - before < REQUEST_TIMEOUT_S
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        for byte in hello[20:60]:
            slow.sendall(bytes([byte]))
            time.sleep(0.1)
    for connection in (*silent, slow):
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(100) == b""
        connection.close()
    assert time.monotonic() - begun < 3 * REQUEST_TIMEOUT_S + 2


def ssl_hello(target):
    """The bytes of a client's hello."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = target.context().wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


# --- client certificates ---


@pytest.mark.parametrize("version", VERSIONS)
def test_a_client_certificate_lets_in(mutual, client_certificate, version):
    assert mutual.answers(mutual.context(client_certificate, version))


@pytest.mark.parametrize("version", VERSIONS)
def test_other_client_certificates_are_refused(mutual, ca, other_ca, version):
    cases = {
        "no client certificate was shown": None,
        "is of another CA": other_ca.issue("stranger", "client"),
        "is expired": ca.issue("late", "client", dates=("-20", "-10")),
        "not yet valid": ca.issue("early", "client", dates=("10", "20")),
        "is not for clients": ca.issue("server-as-client", "server"),
        "cannot be accepted": ca.issue("weak", "client", algorithm=("rsa", "rsa_keygen_bits:1024")),
    }
    for _, certificate in cases.items():
        context = mutual.context(version=version)
        context.set_ciphers("ALL:@SECLEVEL=0")
        if certificate is not None:
            context.load_cert_chain(*certificate.pair)
        assert not mutual.answers(context)
    # Those of a window are told together, in lines of their own reasons.
    wait_for(lambda: all(reason in mutual.daemon.read_log() for reason in cases), "all are told", 20)


def test_a_refused_client_is_told_why(mutual, other_ca):
    alerts = {"-tls1_3": "certificate required", "-tls1_2": "handshake failure"}
    for version, alert in alerts.items():
        assert alert in s_client(mutual, "sleep 1", version).stderr
    stranger = other_ca.issue("stranger", "client")
    for version in alerts:
        told = s_client(mutual, "sleep 1", version, "-cert", stranger.certificate, "-key", stranger.key)
        assert "unknown ca" in told.stderr


def test_a_certificate_signed_by_a_client_is_refused(mutual, ca, client_certificate, tmp_path):
    """A certificate that is no CA signs nobody, even one that the CA has signed."""
    forger = Authority.__new__(Authority)
    forger.folder, forger.name, forger.count = str(tmp_path), "forger", 0
    forger.certificate, forger.key = client_certificate.pair
    forged = forger.issue("forged", "client")
    with open(forged.certificate, "a", encoding="ascii") as out:
        out.write(open(client_certificate.certificate, encoding="ascii").read())
    assert not mutual.answers(mutual.context(forged))


def test_boto3_with_a_client_certificate_and_its_record(mutual, client_certificate):
    kms = mutual.client(client_cert=client_certificate.pair)
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.encrypt(KeyId=key, Plaintext=b"x")
    record = mutual.daemon.audit_records()[-1]
    assert record["eventName"] == "Encrypt"
    assert record["tlsDetails"] == {"tlsVersion": "TLSv1.3", "cipherSuite": "TLS_AES_256_GCM_SHA384",
                                    "clientProvidedHostHeader": f"127.0.0.1:{mutual.daemon.port}"}
    additional = record["additionalEventData"]
    assert additional["clientCertificateSubject"] == "CN=client,O=Tests"
    assert additional["clientCertificateSha256"] == client_certificate.fingerprint()
    with pytest.raises(botocore.exceptions.SSLError):
        mutual.client().list_keys()


def test_optional_takes_none_or_a_good_one(tmp_path, ca, other_ca, client_certificate):
    with secured(tmp_path, ca, client_ca=ca.certificate, client_certificates="optional") as made:
        for version in VERSIONS:
            assert made.answers(made.context(version=version))
            assert made.answers(made.context(client_certificate, version))
            assert not made.answers(made.context(other_ca.issue("stranger", "client"), version))
            assert not made.answers(made.context(ca.issue("late", "client", ("-9", "-2")), version))
        kms = made.client()
        kms.list_keys()
        record = made.daemon.audit_records()[-1]
        assert "clientCertificateSubject" not in record.get("additionalEventData", {})


# --- reload ---


def test_a_reload_changes_the_certificate_and_open_connections_live_on(plain_clients, ca):
    before = plain_clients.served()
    context = plain_clients.context()
    signer = Exchange(plain_clients.address, plain_clients.installation.signer)
    body = b'{"Limit": 10}' + b" " * 100000
    request = signer.build("ListKeys", body)
    with plain_clients.connect(context) as kept, plain_clients.connect(context) as long:
        with kept.makefile("rb") as kept_stream, long.makefile("rb") as long_stream:
            kept.sendall(LOOK)
            assert read_reply(kept_stream).status == 404
            long.sendall(request[:50000])
            renewed = ca.issue("renewed", "server")
            plain_clients.install(renewed)
            assert plain_clients.served() == before, "not before it is told"
            plain_clients.reload("settings.reloaded")
            assert plain_clients.served() == renewed.fingerprint() != before
            kept.sendall(LOOK)
            assert read_reply(kept_stream).status == 404
            long.sendall(request[50000:])
            assert read_reply(long_stream).status == 200
            kept.sendall(request)
            assert read_reply(kept_stream).status == 200


def test_a_broken_certificate_leaves_the_old_one_in_force(plain_clients, ca):
    before = plain_clients.served()
    good = ca.issue("good", "server")
    other = ca.issue("other", "server")
    expired = ca.issue("expired", "server", dates=("-20", "-10"))
    pem, key = plain_clients.file("server.pem"), plain_clients.file("server.key")

    def refused(says):
        log = plain_clients.reload("server.tls_reload_failed")
        assert says in log and pem.rpartition("/")[0] in log
        assert plain_clients.served() == before
        assert plain_clients.answers(plain_clients.context())

    plain_clients.install(good)
    write_file(pem, "-----BEGIN CERTIFICATE-----\nbm90aGluZw==\n-----END CERTIFICATE-----\n")
    refused("there is no PEM certificate in it that can be read")
    plain_clients.install(good)
    os.chmod(key, 0o644)
    refused("others can read the private key")
    plain_clients.install(good)
    write_file(key, open(other.key, encoding="ascii").read())
    refused("the private key does not belong to the certificate")
    plain_clients.install(expired)
    refused("the new certificate is expired or not yet valid")
    os.unlink(pem)
    refused("there is no such file")
    plain_clients.install(good)
    plain_clients.reload("settings.reloaded")
    assert plain_clients.served() == good.fingerprint()


def test_a_reload_changes_the_client_ca(mutual, ca, other_ca, client_certificate):
    trusted = mutual.file("client-ca.pem")
    newcomer = other_ca.issue("newcomer", "client")
    with mutual.connect(mutual.context(client_certificate)) as kept, kept.makefile("rb") as stream:
        kept.sendall(LOOK)
        assert read_reply(stream).status == 404
        assert not mutual.answers(mutual.context(newcomer))
        write_file(trusted, open(other_ca.certificate, encoding="ascii").read())
        mutual.reload("settings.reloaded")
        assert mutual.answers(mutual.context(newcomer))
        assert not mutual.answers(mutual.context(client_certificate))
        kept.sendall(LOOK)
        assert read_reply(stream).status == 404
    write_file(trusted, open(ca.certificate, encoding="ascii").read())
    mutual.reload("settings.reloaded")
    assert mutual.answers(mutual.context(client_certificate))


# --- the start ---


def test_the_start_says_what_is_wrong_with_the_files(tmp_path, ca):
    with secured(tmp_path, ca, minimum_version="1.3") as made:
        assert made.answers(made.context(version=ssl.TLSVersion.TLSv1_3))
        assert not made.answers(made.context(version=ssl.TLSVersion.TLSv1_2))
        daemon = made.daemon

        def start_with(certificate):
            daemon.stop()
            made.install(certificate)
            since = len(daemon.read_log())
            daemon.start()
            return since

        def refused(since, says):
            assert daemon.wait() == 78
            assert says in daemon.read_log()[since:]

        since = start_with(ca.issue("late", "server", dates=("-20", "-10")))
        # Ten days and the moments since: the eleventh day has begun, or is about to.
        assert re.search("days_left=-1[01] ", made.await_log("server.tls_certificate_expired", since))
        since = start_with(ca.issue("early", "server", dates=("10", "20")))
        made.await_log("server.tls_certificate_not_yet_valid", since)
        since = start_with(ca.issue("soon", "server", dates=("-20", "10")))
        made.await_log("server.tls_certificate_expires_soon", since)
        one, two = ca.issue("one", "server"), ca.issue("two", "server")
        one.key = two.key
        refused(start_with(one), "the private key does not belong to the certificate")
