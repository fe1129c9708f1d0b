# SPDX-License-Identifier: Apache-2.0
"""The audit log's lines reach syslog or the journal as well, and nobody waits for that."""
import contextlib
import glob
import json
import os
import signal
import socket

from holdfast import wait_for
from holdfast.installation import write_file


@contextlib.contextmanager
def listening(path):
    """A socket as syslog's or the journal's."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(path))
        receiver.settimeout(10)
        try:
            yield receiver
        finally:
            os.unlink(path)


def lines_in_files(daemon):
    lines = []
    for name in sorted(glob.glob(os.path.join(daemon.audit, "*.jsonl"))):
        with open(name, "rb") as file:
            lines += file.read().split(b"\0")[0].splitlines()
    return lines


def received(receiver, event):
    """Messages up to the one about `event`."""
    messages = []
    while not messages or f'"eventName":"{event}"'.encode() not in messages[-1]:
        messages.append(receiver.recv(1 << 20))
    return messages


def set_sink(daemon, **values):
    with open(daemon.settings, encoding="utf-8") as file:
        lines = [line for line in file.read().splitlines() if not line.startswith("sink")]
    at = lines.index("[audit]") + 1
    lines[at:at] = [f"{name} = {value}" for name, value in values.items()]
    write_file(daemon.settings, "\n".join(lines) + "\n")
    before = len(daemon.read_log())
    daemon.signal(signal.SIGHUP)
    wait_for(lambda: "settings.reloaded" in daemon.read_log()[before:], "settings.reloaded")


def row(own):
    """The line of holdfast status about the sink."""
    ran = own.run("holdfast", "status", "--json", "--config", own.daemon.settings, check=False)
    return {one["Name"]: one for one in json.loads(ran.stdout)["Checks"]}.get("audit sink")


def test_records_are_told_and_a_sink_that_is_away_holds_up_nobody(make, tmp_path):
    path = tmp_path / "socket"
    with listening(path) as receiver:
        own = make(settings={"audit": {"sink": "journal", "sink_socket": path}})
        kms = own.client()
        kms.list_keys()
        message = received(receiver, "ListKeys")[-1].split(b"\n")
        assert message[0].removeprefix(b"MESSAGE=") in lines_in_files(own.daemon)
        assert b"HOLDFAST_EVENT_NAME=ListKeys" in message
        assert b"SYSLOG_IDENTIFIER=holdfast-audit" in message
        record = json.loads(message[0].removeprefix(b"MESSAGE="))
        assert f"HOLDFAST_EVENT_ID={record['eventID']}".encode() in message
        assert f"HOLDFAST_REQUEST_ID={record['requestID']}".encode() in message
    kms.list_aliases()
    wait_for(lambda: row(own)["Level"] == "warning", "the status tells that the sink is away")
    assert "audit.sink_failing" in own.daemon.read_log()
    with listening(path) as receiver:
        assert b"MESSAGE={" in received(receiver, "ListAliases")[-1]
        set_sink(own.daemon, sink="syslog", sink_socket=path, sink_facility="local3")
        kms.generate_random(NumberOfBytes=1)
        assert received(receiver, "GenerateRandom")[-1].startswith(b"<158>1 ")
        wait_for(lambda: row(own)["Level"] == "ok", "the status tells that it is well")
        set_sink(own.daemon, sink="none")
        kms.list_keys()
        assert row(own) is None
