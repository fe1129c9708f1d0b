# SPDX-License-Identifier: Apache-2.0
"""What happens to keys reaches the sinks of [events], once it has happened, whatever fails on the way."""
import http.server
import json
import os
import signal
import ssl
import threading
import time

import pytest

from holdfast import wait_for
from holdfast.authority import Authority
from holdfast.installation import settings_text, write_file
from holdfast.tracing import Tracer

TOKEN = "dG9rZW4tdGhhdC1ub2JvZHktbG9ncw=="


class Receiver:
    """An HTTP endpoint on loopback that answers as it is told; a context manager."""

    def __init__(self, port=0, pair=None):
        self.status, self.hang = 200, threading.Event()
        self.taken, self.asked, self.heads = [], [], []
        self.hang.set()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            """One request."""
            protocol_version = "HTTP/1.1"

            def do_POST(self):  # pylint: disable=invalid-name
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.asked.append(body)
                outer.heads.append(dict(self.headers))
                outer.hang.wait(60)
                status = outer.status
                if status < 300:
                    outer.taken.append(body)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):  # pylint: disable=arguments-differ
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None
        self.port = self.server.server_address[1]
        if pair:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*pair)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True,
                                                     do_handshake_on_connect=False)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.hang.set()
        self.server.shutdown()
        self.server.server_close()


def events_settings(installation, **values):
    """Other settings of [events] at the next start."""
    path = installation.daemon.settings
    with open(path, encoding="utf-8") as file:
        text = file.read()
    sections = text.partition("[events]\n")[0]
    write_file(path, sections + settings_text({"events": values}))


def spool_of(installation):
    return installation.path("events.spool")


def configure(installation, **values):
    installation.daemon.stop()
    events_settings(installation, spool=spool_of(installation), **values)
    installation.start()


def rotate(installation):
    """The event that a rotation of a new key must become, by its audit record."""
    kms = installation.client()
    key = kms.create_key()["KeyMetadata"]
    kms.rotate_key_on_demand(KeyId=key["KeyId"])
    return key


def records(installation, key):
    return [record for record in installation.daemon.audit_records()
            if record["eventName"] == "RotateKey" and record["resources"][0]["ARN"] == key["Arn"]]


def expected(record, key):
    details = record["serviceEventDetails"]
    return {"version": "0", "id": record["eventID"], "detail-type": "KMS CMK Rotation",
            "source": "aws.kms", "account": key["AWSAccountId"], "time": record["eventTime"],
            "region": record["awsRegion"], "resources": [key["Arn"]],
            "detail": {"key-id": key["KeyId"], "key-origin": "AWS_KMS", "rotation-type": "ON_DEMAND",
                       "previous-key-material-id": details["previousKeyMaterialId"],
                       "current-key-material-id": details["currentKeyMaterialId"]}}


def lines(path):
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def ids(events):
    return [event["id"] for event in events]


def status_row(installation, name):
    ran = installation.run("holdfast", "--socket", installation.daemon.admin, "status", "--json",
                           check=False)
    return next((row for row in json.loads(ran.stdout)["Checks"] if row["Name"] == name), None)


def warned(installation):
    """The row of the events when it is a warning."""
    row = status_row(installation, "events")
    return row if row["Level"] == "warning" else None


def test_a_rotation_is_told_as_its_record_says_and_a_moved_file_is_followed(own):
    file = own.path("events.jsonl")
    configure(own, file=file)
    key = rotate(own)
    (record,) = records(own, key)
    assert lines(file) == [expected(record, key)]
    os.rename(file, f"{file}.1")
    other = rotate(own)
    assert [event["resources"] for event in lines(file)] == [[other["Arn"]]]
    assert len(lines(f"{file}.1")) == 1


@pytest.mark.parametrize("sink", ["file", "spool"])
def test_a_crash_between_the_commit_and_the_telling_loses_nothing(own, tmp_path, sink):
    file = own.path("events.jsonl")
    with Receiver() as receiver:
        if sink == "file":
            configure(own, file=file)
            before_it = ["-P", file, "-e", "trace=newfstatat", "-e",
                         "inject=newfstatat:signal=KILL:when=1"]
        else:
            configure(own, url=f"http://127.0.0.1:{receiver.port}/")
            before_it = ["-P", spool_of(own), "-e", "trace=write", "-e",
                         "inject=write:error=EIO:signal=KILL:when=1"]
        kms = own.client()
        key = kms.create_key()["KeyMetadata"]
        with Tracer(own.daemon.pid, tmp_path / "trace", *before_it):
            with pytest.raises(Exception):
                kms.rotate_key_on_demand(KeyId=key["KeyId"])
            own.daemon.wait()
        assert not records(own, key) and not lines(file) and not receiver.taken
        own.start()
        (record,) = records(own, key)
        told = (lambda: lines(file)) if sink == "file" else (lambda: receiver.taken)
        wait_for(told, "the event is told after the restart")
        assert expected(record, key) in told()
        assert set(ids(told())) == {record["eventID"]}


def test_an_endpoint_that_fails_gets_all_in_order_after_kill_9(own):
    token = write_file(own.path("bearer"), TOKEN + "\n")
    with Receiver() as receiver:
        receiver.status = 500
        configure(own, url=f"http://localhost:{receiver.port}/hook", token_file=token)
        keys = [rotate(own) for _ in range(3)]
        row = wait_for(lambda: warned(own), "its answer is told")
        assert "500" in row["Detail"] and "3 waiting" in row["Detail"]
        assert "/hook" not in row["Detail"]
        own.daemon.kill()
        receiver.status = 200
        own.start()
        wait_for(lambda: len(receiver.taken) >= 3, "all are told after the restart")
        assert [event["resources"][0] for event in receiver.taken] == [key["Arn"] for key in keys]
        head = receiver.heads[-1]
        assert head["Authorization"] == f"Bearer {TOKEN}"
        assert head["Idempotency-Key"] == f'"{receiver.taken[-1]["id"]}"'
        assert head["Content-Type"] == "application/json"
        wait_for(lambda: status_row(own, "events")["Level"] == "ok", "status is well again")
        assert os.path.getsize(spool_of(own)) == 0
    assert TOKEN not in own.daemon.read_log()


def test_one_that_refuses_or_hangs_does_not_hold_up_the_rest_or_the_end(own):
    with Receiver() as receiver:
        configure(own, url=f"http://127.0.0.1:{receiver.port}/")
        receiver.status = 404
        rotate(own)
        wait_for(lambda: "events.dropped" in own.daemon.read_log(), "the refused one is dropped")
        receiver.status = 200
        second = rotate(own)
        wait_for(lambda: receiver.taken, "the next is told")
        assert [event["resources"] for event in receiver.taken] == [[second["Arn"]]]
        receiver.hang.clear()
        third = rotate(own)
        wait_for(lambda: len(receiver.asked) == 3, "it hangs")
        began = time.monotonic()
        assert own.daemon.stop() == 0
        assert time.monotonic() - began < 8
        assert third["Arn"] in open(spool_of(own), encoding="utf-8").read()


def test_certificates_are_checked(own, tmp_path):
    ours, other = Authority(tmp_path, "ours"), Authority(tmp_path, "other")
    with Receiver(pair=ours.issue("endpoint", "server").pair) as receiver:
        url = f"https://localhost:{receiver.port}/"
        configure(own, url=url, ca_file=other.certificate)
        key = rotate(own)
        wait_for(lambda: "events.sink_failing" in own.daemon.read_log(), "it is refused")
        assert "certificate" in status_row(own, "events")["Detail"]
        configure(own, url=url, ca_file=ours.certificate)
        wait_for(lambda: receiver.taken, "it is told once the authority is right")
        assert receiver.taken[0]["resources"] == [key["Arn"]] and len(receiver.asked) == 1


def test_names_are_looked_up_inside_the_sandbox_and_a_damaged_spool_is_set_aside(own):
    own.daemon.stop()
    write_file(spool_of(own), "what is this?\n")
    own.daemon.start()
    own.daemon.await_ready()
    configure(own, url="https://events.invalid/", timeout_s=3)
    assert os.path.exists(spool_of(own) + ".corrupt")
    assert "events.spool_corrupt" in own.daemon.read_log()
    rotate(own)
    wait_for(lambda: "events.sink_failing" in own.daemon.read_log(), "the name is not there", 30)
    assert own.daemon.running()


@pytest.mark.parametrize("values, word", [
    ({"url": "https://me:hunter2@events.example/"}, "user or password"),
    ({"url": "http://events.example/", "token_file": "/etc/holdfast/bearer"}, "in the clear"),
    ({"url": "ftp://events.example/"}, "https://"),
    ({"token_file": "/etc/holdfast/bearer"}, "url is not"),
])
def test_wrong_settings_are_told_and_never_the_password(own, values, word):
    events_settings(own, **values)
    ran = own.run("holdfastd", "--config", own.daemon.settings, "--check", check=False)
    assert ran.returncode == 78 and word in ran.stdout + ran.stderr
    assert "hunter2" not in ran.stdout + ran.stderr
    own.daemon.signal(signal.SIGHUP)
    wait_for(lambda: "settings.not_reloaded" in own.daemon.read_log(), "the reload is refused")
    assert own.daemon.ready()
