# SPDX-License-Identifier: Apache-2.0
"""A Holdfast of the test's own: token, store, audit log and sockets in one folder, both processes."""
import contextlib
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import tempfile
import urllib.error
import urllib.request

import boto3
from botocore.config import Config

from . import aws_cli
from .clock import STEADY, Clock, sweep
from .process import Process, children, wait_for
from .request import Exchange, Signer

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
PROGRAMS = os.environ.get("HOLDFAST_BIN", os.path.join(ROOT, "build/release/bin"))
REGION = "us-east-1"
ACCOUNT = "111122223333"
LABEL = "holdfast"
SOFTHSM = "/usr/lib/softhsm/libsofthsm2.so"
SOFTOKN = "/usr/lib/x86_64-linux-gnu/libsoftokn3.so"
SOFTOKN_URI = "pkcs11:token=NSS%20Certificate%20DB"
TIMEOUT = 60
SOCKET_PATH_MAX = 107  # sun_path of sockaddr_un, without the end


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def program(name):
    path = os.path.join(PROGRAMS, name)
    assert os.access(path, os.X_OK), f"{path} has not been built"
    return path


def write_file(path, text, mode=0o600):
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as f:
        f.write(text)
    os.chmod(path, mode)
    return path


def settings_text(sections):
    lines = []
    for section, values in sections.items():
        lines.append(f"[{section}]")
        lines += [f"{name} = {value}" for name, value in values.items()]
    return "\n".join(lines) + "\n"


def read_credentials(path):
    """(access key id, secret access key) of a file in the form of the AWS CLI's credentials."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    names = ("access_key_id", "secret_access_key")
    found = [re.search(rf"aws_{name}\s*=\s*(\S+)", text, re.IGNORECASE) for name in names]
    assert all(found), f"{path} holds no credentials"
    return tuple(match.group(1).strip("'\"") for match in found)


class Daemon(Process):
    """One holdfastd with settings of its own."""

    def __init__(self, installation, name, settings):
        self.port = free_port()
        folder = os.path.join(installation.directory, name)
        os.makedirs(os.path.join(folder, "audit"), mode=0o750)
        self.audit = os.path.join(folder, "audit")
        self.admin = installation.socket_path(os.path.join(name, "admin.sock"))
        sections = installation.sections()
        own = {"server": {"listen": f"127.0.0.1:{self.port}"}, "admin": {"socket": self.admin},
               "audit": {"directory": self.audit, "name": name}}
        for section, values in (*own.items(), *settings.items()):
            sections.setdefault(section, {}).update(values)
        # Health is asked in the clear, on its own listener where there is one.
        health = sections.get("health", {}).get("listen", f"127.0.0.1:{self.port}")
        self.health_port = int(health.rpartition(":")[2])
        self.secure = bool(sections.get("tls", {}).get("certificate"))
        self.settings = write_file(os.path.join(folder, "holdfast.conf"), settings_text(sections))
        super().__init__(name, [program("holdfastd"), "--config", self.settings],
                         installation.directory)

    def get(self, path):
        """(status, body) of a plain GET; status 0 when nobody listens."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.health_port}{path}", timeout=5) as reply:
                return reply.status, reply.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except OSError:
            return 0, b""

    def ready(self):
        return self.get("/readyz")[0] == 200

    def await_ready(self, timeout=30):
        def condition():
            assert self.running(), f"{self.name} ended: {self.read_log()[-2000:]}"
            return self.ready()

        wait_for(condition, f"{self.name} is ready", timeout)
        return self

    def later(self, seconds):
        """Starts it with a clock that is ahead (the release build: sanitizers and faketime differ)."""
        usual = dict(self.environment)
        self.environment.update({**STEADY, "FAKETIME": f"+{seconds}s"})
        try:
            self.start()
        finally:
            self.environment = usual
        return self.await_ready()

    def audit_records(self):
        """What happened, without the attestations and without the places in the chain."""
        records = [record for record in self.audit_lines() if "attestation" not in record]
        for record in records:
            record.pop("chain", None)
        return records

    def audit_lines(self):
        """All lines of the audit log as they stand there."""
        records = []
        for name in sorted(n for n in os.listdir(self.audit) if n.endswith(".jsonl")):
            with open(os.path.join(self.audit, name), "rb") as file:
                lines = file.read().split(b"\n")
            records += [json.loads(line) for line in lines if line.startswith(b"{")]
        return records


class Installation:
    """Made by initialise(); start() and stop() as often as wanted; cleanup() at the end."""

    def __init__(self, directory, token="softhsm", settings=None, region=REGION, account=ACCOUNT):
        self.directory = str(directory)
        self.kind, self.region, self.account = token, region, account
        self.extra = settings or {}
        self.pin = secrets.token_hex(8)
        self.pin_file = write_file(self.path("pin"), self.pin)
        self.so_pin_file = write_file(self.path("so-pin"), secrets.token_hex(8))
        self.credentials_file = self.path("credentials")
        self.token_folder = self.path("tokens")
        self.store = self.path("holdfast.db")
        self.environment = {}
        self.socket_folder = None
        self.token_socket = self.socket_path("token.sock")
        for folder in (self.token_folder, self.path("token-state")):
            os.makedirs(folder, mode=0o700, exist_ok=True)
        self.settings = self.write_token_settings()
        self.token = Process("holdfast-token",
                             [program("holdfast-token"), "--config", self.settings],
                             self.directory, self.environment)
        self.clock = None
        self.daemons = []
        self.daemon = self.add_daemon("holdfastd")
        self.signer = None

    def path(self, name):
        return os.path.join(self.directory, name)

    def socket_path(self, name):
        """In the installation's folder where a socket's path may be that long, else in a short one
        that cleanup() removes: pytest names folders after tests, and TMPDIR may lie deep."""
        path = self.path(name)
        if len(os.fsencode(path)) <= SOCKET_PATH_MAX:
            return path
        if self.socket_folder is None:
            self.socket_folder = tempfile.mkdtemp(prefix="holdfast-", dir="/tmp")
        return os.path.join(self.socket_folder, name.replace(os.sep, "-"))

    # --- settings ---

    def sections(self):
        sections = {
            "store": {"path": self.store},
            "token": {"socket": self.token_socket, **self.token_settings()},
            "log": {"form": "text", "level": "debug"},
        }
        for section, values in self.extra.items():
            sections.setdefault(section, {}).update(values)
        return sections

    def token_settings(self):
        common = {"pin_source": f"file:{self.pin_file}",
                  "state_directory": self.path("token-state")}
        if self.kind == "nss":
            return {**common, "module": SOFTOKN, "uri": SOFTOKN_URI,
                    "module_parameters": f"configdir='sql:{self.token_folder}' certPrefix='' "
                                         "keyPrefix=''"}
        return {**common, "module": SOFTHSM, "uri": f"pkcs11:token={LABEL}"}

    def write_token_settings(self):
        if self.kind == "softhsm":
            conf = f"directories.tokendir = {self.token_folder}\nobjectstore.backend = file\n" \
                   "log.level = ERROR\nslots.removable = false\n"
            self.environment["SOFTHSM2_CONF"] = write_file(self.path("softhsm2.conf"), conf)
        return write_file(self.path("token.conf"), settings_text(self.sections()))

    # --- life ---

    def run(self, name, *arguments, check=True):
        """Runs one of the programs to its end."""
        ran = subprocess.run([program(name), *arguments], env={**os.environ, **self.environment},
                             stdin=subprocess.DEVNULL, capture_output=True, text=True,
                             timeout=TIMEOUT, check=False)
        assert not check or ran.returncode == 0, f"{name} {arguments}: {ran.stdout}{ran.stderr}"
        return ran

    def init_token(self):
        if self.kind == "nss":
            subprocess.run(["certutil", "-N", "-d", f"sql:{self.token_folder}", "-f", self.pin_file],
                           check=True, capture_output=True, timeout=TIMEOUT)
        else:
            self.run("holdfast-token", "--config", self.settings, "--init-token", "--label", LABEL)

    def initialise(self):
        """Token, store, account and administrator; leaves holdfast-token running."""
        self.init_token()
        self.start_token()
        self.run("holdfastd", "--config", self.daemon.settings, "--init", "--region", self.region,
                 "--account", self.account, "--credentials", self.credentials_file)
        access_key, secret_key = read_credentials(self.credentials_file)
        self.signer = Signer(access_key, secret_key, self.region)
        return self

    def start_token(self):
        if not self.token.running():
            self.token.start()
            wait_for(lambda: os.path.exists(self.token_socket) or not self.token.running(),
                     "holdfast-token listens")
            assert self.token.running(), f"holdfast-token ended: {self.token.read_log()[-2000:]}"

    def start(self):
        self.start_token()
        for daemon in self.daemons:
            if not daemon.running():
                daemon.start()
        for daemon in self.daemons:
            daemon.await_ready()
        return self

    def keep_token(self, to):
        """A copy of the token's folder. Whoever puts back an older store and wants it believed puts
        back the token of that time: nobody notices both together."""
        self.token.stop()
        shutil.copytree(self.token_folder, to)
        self.start_token()

    def put_back_token(self, kept):
        self.token.stop()
        shutil.rmtree(self.token_folder)
        shutil.copytree(kept, self.token_folder)
        self.start_token()

    def stop(self):
        for daemon in self.daemons:
            status = daemon.stop()
            assert status in (0, None), f"{daemon.name} ended with {status}: {daemon.read_log()[-2000:]}"
        status = self.token.stop()
        assert status in (0, None), f"holdfast-token ended with {status}: {self.token.read_log()[-2000:]}"

    def cleanup(self):
        for process in (*self.daemons, self.token):
            process.end()
        if self.socket_folder is not None:
            shutil.rmtree(self.socket_folder, ignore_errors=True)

    def assert_nothing_refused(self):
        """Whatever a test did to it, no process made a system call outside its sandbox."""
        for process in (self.token, *self.daemons):
            assert " error   sandbox.refused " not in process.read_log(), process.read_log()[-3000:]

    def add_daemon(self, name, settings=None):
        """Another daemon on the same store and the same holdfast-token; start() starts it."""
        daemon = Daemon(self, name, settings or {})
        self.daemons.append(daemon)
        if self.clock is not None:
            daemon.environment.update(self.clock.environment)
        return daemon

    def with_clock(self):
        """From their next start on, all daemons go by a clock that the test moves while they run,
        and so do the clients that are made from now on (the release build)."""
        self.clock = Clock(self.path("clock"))
        for daemon in self.daemons:
            daemon.environment.update(self.clock.environment)
        return self.clock

    def worker(self):
        """The process id of holdfast-token's worker, which has the token."""
        return wait_for(lambda: children(self.token.pid), "holdfast-token has a worker")[0]

    # --- clients ---

    def endpoint(self, daemon=None):
        daemon = daemon or self.daemon
        return f"{'https' if daemon.secure else 'http'}://127.0.0.1:{daemon.port}"

    def client(self, daemon=None, verify=None, **options):
        """A stock boto3 client; it repeats nothing by itself. `verify`: the file of its CA."""
        config = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=30,
                        max_pool_connections=32, **options)
        client = boto3.client("kms", endpoint_url=self.endpoint(daemon), region_name=self.region,
                              verify=verify,
                              aws_access_key_id=self.signer.access_key,
                              aws_secret_access_key=self.signer.secret_key, config=config)
        return self.clock.sign_with(client) if self.clock else client

    def exchange(self, daemon=None):
        return Exchange(("127.0.0.1", (daemon or self.daemon).port), self.signer, clock=self.clock)

    def aws(self, *arguments, check=True):
        """The pinned AWS CLI, with nothing but this service to talk to."""
        environment = {
            "PATH": "/usr/bin:/bin", "HOME": self.directory, "AWS_PAGER": "",
            "AWS_ACCESS_KEY_ID": self.signer.access_key, "AWS_MAX_ATTEMPTS": "1",
            "AWS_SECRET_ACCESS_KEY": self.signer.secret_key, "AWS_DEFAULT_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            **(self.clock.environment if self.clock else {}),
        }
        arguments = ("--endpoint-url", self.endpoint(), "--output", "json", *arguments)
        if self.clock is None:
            ran = aws_cli.run(arguments, environment, TIMEOUT)
        else:  # the clock is loaded when a process starts
            ran = subprocess.run([os.path.join(ROOT, "build/venv/bin/aws"), *arguments],
                                 env=environment, capture_output=True, text=True,
                                 stdin=subprocess.DEVNULL, timeout=TIMEOUT, check=False)
        assert not check or ran.returncode == 0, f"aws {arguments}: {ran.stdout}{ran.stderr}"
        return ran

    def await_calls(self, timeout=30):
        """Until a call that needs store and token is answered: readiness is up to a second old."""
        exchange = self.exchange()

        def served():
            try:
                return exchange.call("ListKeys").status == 200
            except (OSError, AttributeError):
                return False

        wait_for(served, "calls are served", timeout, 0.05)

    def logs(self):
        return "\n".join(f"--- {process.name}\n{process.read_log()[-6000:]}"
                         for process in (self.token, *self.daemons))


@contextlib.contextmanager
def running(directory, **options):
    """An installation that is initialised and serves, and is gone afterwards."""
    installation = Installation(directory, **options)
    try:
        installation.initialise()
        yield installation.start()
    finally:
        installation.cleanup()
        sweep()
