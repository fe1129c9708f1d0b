# SPDX-License-Identifier: Apache-2.0
"""Accounts, users, roles and services of an installation, made with the holdfast command, and stock
clients in their names."""
import json
import os

import boto3
from botocore.config import Config

from .installation import write_file


def allow(actions, resource="*", condition=None, **members):
    """A statement that allows; `members`: Principal, Sid."""
    statement = {"Effect": "Allow", "Action": actions, "Resource": resource, **members}
    return {**statement, "Condition": condition} if condition else statement


def deny(actions, resource="*", condition=None, **members):
    return {**allow(actions, resource, condition, **members), "Effect": "Deny"}


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)}, indent=2)


def root(account):
    return {"AWS": f"arn:aws:iam::{account}:root"}


class People:
    def __init__(self, service):
        self.service = service
        self.folder = service.path("people")
        os.makedirs(self.folder, mode=0o700, exist_ok=True)

    # --- the command ---

    def run(self, *arguments, check=True):
        return self.service.run("holdfast", *arguments, "--socket", self.service.daemon.admin,
                                check=check)

    def ask(self, *arguments):
        return json.loads(self.run(*arguments, "--json").stdout)

    def document(self, text):
        """A file with a policy, for the options that take one."""
        return write_file(os.path.join(self.folder, f"{abs(hash(text))}.json"), text)

    # --- whom there is ---

    def account(self, number):
        """There may be one already: tests share an installation."""
        if self.run("account", "show", number, check=False).returncode != 0:
            self.run("account", "create", number)
        return number

    def user(self, name, *statements, account=None):
        """A new user who may do what the statements say: its ARN."""
        where = ("--account", account) if account else ()
        made = self.ask("user", "create", name, *where)["Identity"]
        if statements:
            self.permit(name, *statements, account=account)
        return made["Arn"]

    def permit(self, name, *statements, account=None):
        where = ("--account", account) if account else ()
        self.run("user", "put-policy", name, "Own", "--document",
                 self.document(policy(*statements)), *where)

    def role(self, name, trust, *statements, account=None):
        where = ("--account", account) if account else ()
        made = self.ask("role", "create", name, "--trust", self.document(policy(trust)), *where)
        if statements:
            self.run("role", "put-policy", name, "Own", "--document",
                     self.document(policy(*statements)), *where)
        return made["Identity"]["Arn"]

    def service_principal(self, name, account):
        """There may be one already: tests share an installation."""
        if self.run("service", "show", name, check=False).returncode != 0:
            self.run("service", "create", name, "--account", account)
        return name

    # --- their clients ---

    def client(self, credentials, name="kms"):
        client = boto3.client(
            name, endpoint_url=self.service.endpoint(), region_name=self.service.region,
            aws_access_key_id=credentials["AccessKeyId"],
            aws_secret_access_key=credentials["SecretAccessKey"],
            aws_session_token=credentials.get("SessionToken"),
            config=Config(retries={"total_max_attempts": 1}, read_timeout=30))
        clock = self.service.clock
        return clock.sign_with(client) if clock else client

    def as_user(self, name, account=None):
        where = ("--account", account) if account else ()
        return self.client(self.ask("access-key", "create", "--user", name, *where)["AccessKey"])

    def as_service(self, name):
        return self.client(self.ask("access-key", "create", "--service", name)["AccessKey"])

    def as_root(self, account):
        return self.client(self.ask("access-key", "create", "--root", account)["AccessKey"])

    def acting_for(self, principal, service):
        """The service, asking in the name of a user (or of whoever the ARN names)."""
        return self.client(self.ask("session", "create", principal, "--service", service)
                           ["Credentials"])
