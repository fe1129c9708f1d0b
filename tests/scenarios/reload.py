# SPDX-License-Identifier: Apache-2.0
"""An operator edits the settings of a running service and sends SIGHUP."""
import contextlib
import os
import signal
import socket
import time

import pytest

from holdfast import wait_for
from holdfast.installation import write_file


@pytest.fixture
def daemon(own):
    return own.daemon


def edit(daemon, section, **values):
    """Sets values in a section of the daemon's settings file."""
    with open(daemon.settings, encoding="utf-8") as file:
        lines = file.read().splitlines()
    for name, value in values.items():
        lines = [line for line in lines if not line.startswith(f"{name} =")]
        if f"[{section}]" not in lines:
            lines.append(f"[{section}]")
        lines.insert(lines.index(f"[{section}]") + 1, f"{name} = {value}")
    write_file(daemon.settings, "\n".join(lines) + "\n")


def reload(daemon, event="settings.reloaded"):
    """Sends SIGHUP and gives back what was logged by it."""
    before = len(daemon.read_log())
    daemon.signal(signal.SIGHUP)
    wait_for(lambda: event in daemon.read_log()[before:], event)
    return daemon.read_log()[before:]


def test_what_can_change_is_applied_and_the_rest_is_named(daemon, own):
    kms = own.client()
    edit(daemon, "server", connections_max=333, threads=2)
    log = reload(daemon)
    assert 'settings.applied section="server" setting="connections_max"' in log
    assert 'settings.needs_restart section="server" setting="threads"' in log
    assert "changed=2" in log
    # What waits is named again by the next one; what was applied is not.
    log = reload(daemon)
    assert 'setting="threads"' in log and "connections_max" not in log
    assert kms.list_keys()["Keys"] == []


def test_a_wrong_file_changes_nothing_and_says_what_is_wrong(daemon, own):
    edit(daemon, "log", level="error")
    edit(daemon, "server", conections_max=3)
    log = reload(daemon, "settings.not_reloaded")
    assert 'did you mean \\"connections_max\\"' in log and "nothing has changed" in log
    assert own.exchange().call("ListKeys").status == 200
    os.unlink(daemon.settings)
    assert "cannot be opened" in reload(daemon, "settings.not_reloaded")
    assert daemon.ready()


def test_a_user_that_does_not_exist_refuses_the_whole_file(daemon):
    edit(daemon, "admin", allowed_users="nobody-of-that-name")
    edit(daemon, "server", connections_max=1)
    log = reload(daemon, "settings.not_reloaded")
    assert "settings.no_such_user" in log and "settings.applied" not in log
    with contextlib.ExitStack() as stack:
        for _ in range(3):
            peer = stack.enter_context(socket.create_connection(("127.0.0.1", daemon.port), 5))
            peer.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"200" in peer.recv(100)


def test_the_level_of_the_log_changes(daemon):
    edit(daemon, "log", level="error")
    reload_log = len(daemon.read_log())
    daemon.signal(signal.SIGHUP)
    time.sleep(0.5)
    assert "settings.reloaded" not in daemon.read_log()[reload_log:]
    edit(daemon, "log", level="info")
    reload(daemon)


def test_fewer_connections_hold_for_the_next_ones(daemon):
    """And more again let in those that waited."""
    edit(daemon, "server", connections_max=2)
    reload(daemon)

    def connect():
        peer = socket.create_connection(("127.0.0.1", daemon.port), 5)
        peer.settimeout(1.5)
        peer.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        return peer

    peers = [connect() for _ in range(2)]
    for peer in peers:
        assert b"200" in peer.recv(100)
    late = connect()
    with pytest.raises(TimeoutError):
        late.recv(100)
    edit(daemon, "server", connections_max=20)
    reload(daemon)
    late.settimeout(5)
    assert b"200" in late.recv(100)
    for peer in (*peers, late):
        peer.close()


def test_an_idle_timeout_holds_for_open_connections(daemon):
    peer = socket.create_connection(("127.0.0.1", daemon.port), 5)
    peer.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b"200" in peer.recv(4096)
    edit(daemon, "server", idle_timeout_s=1)
    reload(daemon)
    peer.settimeout(6)
    while peer.recv(4096):
        pass
    peer.close()


def test_systemd_is_told(daemon, tmp_path):
    """sd_notify(3): RELOADING=1 with its time, then READY=1."""
    daemon.stop()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        path = str(tmp_path / "notify")
        manager.bind(path)
        manager.settimeout(10)
        daemon.environment["NOTIFY_SOCKET"] = path
        try:
            daemon.start()
            while b"READY=1" not in manager.recv(4096):
                pass
            daemon.await_ready()
            began = time.monotonic()
            daemon.signal(signal.SIGHUP)
            message = manager.recv(4096).decode()
            while "RELOADING=1" not in message:
                message = manager.recv(4096).decode()
            fields = dict(line.split("=", 1) for line in message.splitlines())
            assert began <= int(fields["MONOTONIC_USEC"]) / 1e6 <= time.monotonic()
            assert b"READY=1" in manager.recv(4096)
        finally:
            del daemon.environment["NOTIFY_SOCKET"]


def test_a_signal_during_the_start_is_kept(own, daemon):
    """The daemon waits for its token meanwhile."""
    daemon.stop()
    own.token.stop()
    daemon.start()
    wait_for(lambda: "settings.reloaded" not in daemon.read_log(), "the log")
    time.sleep(0.5)
    edit(daemon, "server", connections_max=444)
    daemon.signal(signal.SIGHUP)
    own.start_token()
    daemon.await_ready()
    wait_for(lambda: 'setting="connections_max"' in daemon.read_log(), "the reload")


def test_the_log_moves_into_a_file_and_back(own, daemon):
    path = own.path("daemon.log")
    edit(daemon, "log", file=path)
    daemon.signal(signal.SIGHUP)

    def text():
        with contextlib.suppress(FileNotFoundError), open(path, encoding="utf-8") as file:
            return file.read()
        return ""

    wait_for(lambda: "settings.reloaded" in text(), "the file")
    assert os.stat(path).st_mode & 0o7777 == 0o640
    os.rename(path, path + ".1")  # as logrotate does
    daemon.signal(signal.SIGHUP)
    wait_for(lambda: os.path.exists(path), "the file that follows")
    edit(daemon, "log", file="")
    reload(daemon)


def test_a_log_file_that_cannot_be_had_changes_nothing(own, daemon):
    edit(daemon, "log", file=own.path("no-such-folder/daemon.log"))
    log = reload(daemon, "settings.not_reloaded")
    assert "log.file_not_opened" in log and daemon.ready()


def test_holdfast_token_reads_its_settings_again(own):
    class Token:  # as Daemon, for edit() and reload()
        settings = own.settings
        read_log, signal = own.token.read_log, own.token.signal

    edit(Token, "token", hang_ms=7777, lanes=1)
    log = reload(Token)
    assert 'settings.applied section="token" setting="hang_ms"' in log
    assert 'settings.needs_restart section="token" setting="lanes"' in log
    edit(Token, "token", lane=1)
    assert "did you mean" in reload(Token, "settings.not_reloaded")
    assert own.exchange().call("ListKeys").status == 200
