# SPDX-License-Identifier: Apache-2.0
"""Requests made by hand: signed, or signed wrongly on purpose, and sent as bytes over a socket.

The signer is written from the published description of Signature Version 4 and shares nothing with
botocore, so that both check the service.
"""
import datetime
import hashlib
import hmac
import json
import socket
from dataclasses import dataclass, field

CONTENT_TYPE = "application/x-amz-json-1.1"


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def hmac_sha256(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


@dataclass
class Signer:
    access_key: str
    secret_key: str
    region: str
    service: str = "kms"

    def key(self, date):
        key = hmac_sha256(("AWS4" + self.secret_key).encode(), date)
        for part in (self.region, self.service, "aws4_request"):
            key = hmac_sha256(key, part)
        return key

    def authorization(self, method, path, headers, body, signed=None):
        """`headers`: pairs, x-amz-date among them; `signed`: names to sign, all by default."""
        lower = {name.lower(): " ".join(value.split()) for name, value in headers}
        names = sorted(signed if signed is not None else lower)
        target, _, query = path.partition("?")
        canonical = "\n".join(
            [method, target, query, *(f"{name}:{lower.get(name, '')}" for name in names), "",
             ";".join(names), sha256(body)])
        stamp = lower["x-amz-date"]
        scope = f"{stamp[:8]}/{self.region}/{self.service}/aws4_request"
        text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, sha256(canonical.encode())])
        signature = hmac.new(self.key(stamp[:8]), text.encode(), hashlib.sha256).hexdigest()
        return (f"AWS4-HMAC-SHA256 Credential={self.access_key}/{scope}, "
                f"SignedHeaders={';'.join(names)}, Signature={signature}")


@dataclass
class Reply:
    status: int
    headers: dict
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        """The error's name, or None for a success."""
        if self.status == 200:
            return None
        return self.json["__type"].rpartition("#")[2]

    @property
    def message(self):
        return self.json.get("message")


def read_reply(stream):
    """One HTTP/1.1 reply from a socket file; None when the other end closed before it began."""
    first = stream.readline()
    if not first:
        return None
    status = int(first.split()[1])
    headers = {}
    while True:
        line = stream.readline().strip()
        if not line:
            break
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    body = stream.read(int(headers.get("content-length", "0")))
    return Reply(status, headers, body)


@dataclass
class Exchange:
    """One endpoint, one signer. Every detail of a request can be set."""

    address: tuple
    signer: Signer
    timeout: float = 20.0
    extra: list = field(default_factory=list)
    clock: object = None  # clock.Clock: what is signed with; None: the machine's

    @property
    def host(self):
        return f"{self.address[0]}:{self.address[1]}"

    def connect(self):
        return socket.create_connection(self.address, self.timeout)

    def now(self):
        return self.clock.datetime() if self.clock else datetime.datetime.now(datetime.timezone.utc)

    def headers(self, target, date=None):
        date = date or self.now()
        pairs = [("Host", self.host), ("X-Amz-Date", date.strftime("%Y%m%dT%H%M%SZ"))]
        if target is not None:
            pairs.append(("X-Amz-Target", target))
        return pairs + [("Content-Type", CONTENT_TYPE)]

    def build(self, operation, body=b"{}", method="POST", path="/", headers=None, signed=None,
              signer=None, unsigned=(), date=None):
        """The bytes of a signed request. `unsigned`: header pairs added after the signature."""
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        target = f"TrentService.{operation}" if operation and "." not in operation else operation
        pairs = list(headers) if headers is not None else self.headers(target, date)
        signer = signer or self.signer
        pairs.append(("Authorization", signer.authorization(method, path, pairs, body, signed)))
        return self.assemble(method, path, pairs + list(unsigned), body)

    @staticmethod
    def assemble(method, path, pairs, body):
        names = {name.lower() for name, _ in pairs}
        if not names & {"content-length", "transfer-encoding"}:
            pairs = [*pairs, ("Content-Length", str(len(body)))]
        head = "".join(f"{name}: {value}\r\n" for name, value in pairs)
        return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body

    def send_bytes(self, data):
        """Sends bytes as they are on a connection of their own; the reply, or None."""
        with self.connect() as connection, connection.makefile("rb") as stream:
            try:
                connection.sendall(data)
            except (BrokenPipeError, ConnectionResetError):
                pass  # refused before it was all read: the reply may be there all the same
            try:
                return read_reply(stream)
            except ConnectionResetError:
                return None

    def call(self, operation, body=b"{}", **details):
        """Sends one signed request on a connection of its own."""
        return self.send_bytes(self.build(operation, body, **details))
