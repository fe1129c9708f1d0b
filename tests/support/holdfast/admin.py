# SPDX-License-Identifier: Apache-2.0
"""The admin operations, over the admin socket: HTTP on a Unix socket, one JSON body each way."""
import http.client
import json
import socket

from .request import CONTENT_TYPE, Exchange, Reply, Signer

SECONDS = 30


class AdminError(Exception):
    """A refusal: its name, as AWS names errors, and its text."""

    def __init__(self, name, message):
        super().__init__(f"{name}: {message}")
        self.name, self.message = name, message


class Connection(http.client.HTTPConnection):
    """To a path instead of a port."""

    def __init__(self, path):
        super().__init__("localhost", timeout=SECONDS)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Admin:
    """Admin(service).call("CreateIdentity", Kind="user", Name="alice")["Identity"]["Arn"]"""

    def __init__(self, installation, daemon=None):
        self.installation = installation
        self.daemon = daemon or installation.daemon

    def exchange(self, operation, members):
        """The reply as it came, whatever its status."""
        connection = Connection(self.daemon.admin)
        try:
            connection.request("POST", "/", json.dumps(members), {
                "Content-Type": CONTENT_TYPE, "X-Amz-Target": f"Holdfast.{operation}"})
            reply = connection.getresponse()
            return Reply(reply.status, dict(reply.getheaders()), reply.read())
        finally:
            connection.close()

    def call(self, operation, **members):
        """Members of the reply; those given as None are left out of the request."""
        given = {name: value for name, value in members.items() if value is not None}
        reply = self.exchange(operation, given)
        if reply.status != 200:
            raise AdminError(reply.error, reply.message)
        return reply.json if reply.body else {}

    def create(self, kind, name, **members):
        return self.call("CreateIdentity", Kind=kind, Name=name, **members)["Identity"]

    def account(self, number):
        """There may be one already: tests share an installation."""
        try:
            self.create("account", number)
        except AdminError as error:
            if error.name != "EntityAlreadyExists":
                raise
        return number

    def access_key(self, kind, name, account=None):
        """A signer with a new access key of that identity."""
        made = self.call("CreateAccessKey", Kind=kind, Name=name, Account=account)["AccessKey"]
        return Signer(made["AccessKeyId"], made["SecretAccessKey"], self.installation.region)

    def user(self, name, account=None, policy=None):
        """A new user with an access key and, when given, one inline policy: (ARN, signer)."""
        arn = self.create("user", name, Account=account)["Arn"]
        if policy is not None:
            self.put_policy("user", name, policy, account=account)
        return arn, self.access_key("user", name, account)

    def put_policy(self, kind, name, document, policy="inline", account=None):
        text = document if isinstance(document, str) else json.dumps(document)
        self.call("PutIdentityPolicy", Kind=kind, Name=name, Account=account, PolicyName=policy,
                  Document=text)

    def calls_as(self, signer):
        """An Exchange that signs as somebody else."""
        return Exchange(("127.0.0.1", self.daemon.port), signer,
                        clock=self.installation.clock)


def allow(actions, resources="*", **condition):
    """A policy of one statement; `condition`: operator=..., as in StringEquals={...}."""
    statement = {"Effect": "Allow", "Action": actions, "Resource": resources}
    if condition:
        statement["Condition"] = condition
    return {"Version": "2012-10-17", "Statement": [statement]}
