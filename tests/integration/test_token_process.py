#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""holdfast-token as processes: who may connect, what a killed or hanging worker costs, how it stops.

Environment: HOLDFAST_BUILD, the build directory. Runs under unittest and under pytest. What needs
no token runs on token_memory, which is holdfast-token linked with tests/support/hsm_memory.c.
"""
import contextlib
import json
import os
import random
import re
import resource
import shutil
import signal
import socket
import stat
import struct
import subprocess
import tempfile
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("HOLDFAST_BUILD", os.path.join(ROOT, "build", "asan"))
TOKEN = os.path.join(BUILD, "bin", "holdfast-token")
MEMORY = os.path.join(BUILD, "tests", "token_memory")
CLIENT = os.path.join(BUILD, "tests", "token_client")
SHIM = os.path.join(BUILD, "tests", "unit", "hsm", "libsofthsm2_shim.so")
SOFTHSM = "/usr/lib/softhsm/libsofthsm2.so"
NOBODY = 65534
HANG_KEY, SLOW_KEY = "0xee", "0xdd"
RETRYABLE = {"E_OK", "E_HSM_AWAY", "E_HSM_TIMEOUT", "E_BUSY"}
UP, CONNECTING, AWAY, PIN_REFUSED = 1, 2, 3, 4

# A process that cannot be traced cannot be searched for leaks either.
ENVIRONMENT = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}


def wait_for(condition, what, timeout=10.0):
    end = time.monotonic() + timeout
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {timeout} s")
        time.sleep(0.01)


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


def descriptors(pid):
    """What each of a process's descriptors is: number → target. Those that are being closed, as the
    connection of a client that has just gone, are left out."""
    found = {}
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            found[fd] = os.readlink(f"/proc/{pid}/fd/{fd}")
        except FileNotFoundError:
            continue
    return found


class Frame:
    """The process protocol, as far as a rude peer needs it."""
    REQUEST, PROBE, RANDOM = 3, 11, 5

    @staticmethod
    def make(kind, verb=0, body=b"", tag=0, deadline=0, version=1):
        rest = struct.pack(">BBBBQQH", version, kind, verb, 0, tag, deadline, 0) + body
        return struct.pack(">I", len(rest)) + rest

    HELLO = None


Frame.HELLO = Frame.make(1, body=b"HFKT")


class Case(unittest.TestCase):
    """A directory, settings in it, and at most one holdfast-token that is ended with it."""

    program = MEMORY

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="holdfast-token-")
        os.chmod(self.directory, 0o755)
        self.socket = self.path("token.sock")
        self.supervisor = None
        self.environment = dict(ENVIRONMENT)
        self.settings = {"module": SOFTHSM, "uri": "pkcs11:token=lab", "socket": self.socket,
                         "state_directory": self.path("state"), "hang_ms": "300"}
        self.addCleanup(self.end)

    def end(self):
        if self.supervisor and self.supervisor.poll() is None:
            self.supervisor.terminate()
            try:
                self.supervisor.wait(30)
            finally:
                self.supervisor.kill()
                self.supervisor.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, text, mode=0o600):
        with open(self.path(name), "w", encoding="ascii") as file:
            file.write(text)
        os.chmod(self.path(name), mode)
        return self.path(name)

    def configure(self, **more):
        self.settings.update(more)
        lines = [f"{name} = {value}" for name, value in self.settings.items()]
        return self.write("holdfast.conf", "[token]\n" + "\n".join(lines) + "\n", 0o644)

    def argv(self, *words):
        return [self.program, "--config", self.configure(), *words]

    def run_once(self, *words, timeout=30):
        return subprocess.run(self.argv(*words), env=self.environment, capture_output=True,
                              text=True, timeout=timeout, check=False)

    def start(self, **more):
        with open(self.path("log"), "ab") as log:
            self.supervisor = subprocess.Popen(self.argv(), env=self.environment, stderr=log,
                                               stdin=subprocess.DEVNULL, **more)
        wait_for(lambda: os.path.exists(self.socket) or self.supervisor.poll() is not None,
                 "the socket")
        self.assertIsNone(self.supervisor.poll(), self.log())

    def log(self):
        with open(self.path("log"), encoding="utf-8") as file:
            return file.read()

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def worker(self):
        return wait_for(lambda: children(self.supervisor.pid), "a worker")[0]

    def another_worker(self, before):
        return wait_for(lambda: [pid for pid in children(self.supervisor.pid) if pid != before],
                        "another worker")[0]

    def client(self, verb, count, seconds, *more, user=None):
        argv = [CLIENT, self.socket, verb, str(count), str(seconds), *map(str, more)]
        if user is not None:
            argv = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *argv]
        return subprocess.Popen(argv, env=self.environment, stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL, text=True)

    def result(self, client, timeout=40):
        output, _ = client.communicate(timeout=timeout)
        self.assertEqual(client.returncode, 0, output)
        return json.loads(output)

    def load(self, verb="seal", count=32, seconds=0.5, *more, user=None):
        return self.result(self.client(verb, count, seconds, *more, user=user))

    def condition(self):
        return self.load("status", 1, 3)["condition"]

    def assert_serves(self, **more):
        answer = self.load(**more)
        self.assertGreater(answer.get("E_OK", 0), 0, self.log())
        self.assertEqual(answer["wrong"], 0)
        return answer

    def assert_clean(self, answer):
        """Only success, or what may be tried again."""
        self.assertEqual({name for name in answer if name.startswith("E_")} - RETRYABLE, set())
        self.assertEqual(answer["wrong"], 0)

    def stop(self):
        self.supervisor.send_signal(signal.SIGTERM)
        return self.supervisor.wait(30)

    def peer(self):
        """A connection of a rude peer, which has said HELLO and read nothing."""
        peer = socket.socket(socket.AF_UNIX)
        self.addCleanup(peer.close)
        peer.settimeout(15)
        peer.connect(self.socket)
        with contextlib.suppress(BrokenPipeError):  # refused before it could speak: the reader sees
            peer.sendall(Frame.HELLO)
        return peer

    def closed(self, peer):
        """Reads until the other side has ended it."""
        try:
            while peer.recv(65536):
                pass
        except (ConnectionResetError, BrokenPipeError):
            pass


class Verbs(Case):
    def test_every_kind_of_load_is_served(self):
        self.start()
        for verb in ("seal", "open", "generate", "random", "key", "probe", "sign", "raise", "anchor"):
            self.assert_serves(verb=verb, seconds=0.2)


class Peers(Case):
    def test_other_users_are_refused_and_told_in_the_log(self):
        self.start()
        answer = self.load("random", 1, 0.5, 1, 300, user=NOBODY)
        self.assertNotIn("E_OK", answer)
        self.assertRegex(self.log(), rf'connection.refused why="this user may not connect" '
                                     rf'uid={NOBODY}')
        self.assert_serves()

    def test_users_of_the_setting_are_served(self):
        self.configure(daemon_users="daemon nobody")
        self.start()
        answer = self.load("random", 1, 0.3, 1, 2000, 0, user=NOBODY)
        self.assertGreater(answer.get("E_OK", 0), 0, self.log())

    def test_refusals_do_not_flood_the_log(self):
        self.start()
        clients = [self.client("random", 1, 0.5, 1, 300, user=NOBODY) for _ in range(4)]
        for client in clients:
            self.result(client)
        self.assertLess(self.log().count("connection.refused"), 6)

    def test_connections_are_bounded(self):
        self.configure(connections_max=2)
        self.start()
        peers = [self.peer() for _ in range(2)]
        for peer in peers:
            self.assertTrue(peer.recv(1))
        self.closed(self.peer())
        wait_for(lambda: "too many connections" in self.log(), "the log line")
        for peer in peers:
            peer.close()
        self.assert_serves()


class RudePeers(Case):
    """None of them costs anybody else anything."""

    def test_malformed_frames_close_their_connection(self):
        self.start()
        deadline = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000000 + 5000
        rude = (b"GET / HTTP/1.1\r\n\r\n" + bytes(64),
                struct.pack(">I", 0xfffffff0) + bytes(64),
                Frame.make(3, 99, deadline=deadline),
                Frame.make(3, Frame.RANDOM, b"\xff\xff", deadline=deadline),
                Frame.make(4, Frame.PROBE),
                Frame.make(3, Frame.PROBE, deadline=deadline, version=9))
        client = self.client("seal", 32, 1.5)
        for frame in rude:
            peer = self.peer()
            peer.sendall(frame)
            self.closed(peer)
        answer = self.result(client)
        self.assertEqual({name for name in answer if name.startswith("E_")}, {"E_OK"})
        self.assertEqual(self.log().count("E_HSM_PROTOCOL"), len(rude))

    def test_a_peer_that_never_reads_stalls_nobody(self):
        self.start()
        peer = self.peer()
        peer.setblocking(False)
        deadline = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000000 + 60000
        request = Frame.make(3, Frame.RANDOM, struct.pack(">H", 1024), deadline=deadline)
        sent = 0
        try:
            while sent < 64 << 20:
                sent += peer.send(request * 100)
        except BlockingIOError:
            pass
        self.assertLess(sent, 64 << 20)
        answer = self.assert_serves()
        self.assertEqual({name for name in answer if name.startswith("E_")}, {"E_OK"})
        with open(f"/proc/{self.worker()}/status", encoding="ascii") as file:
            resident = [line for line in file if line.startswith("VmRSS")][0]
        self.assertLess(int(resident.split()[1]), 300 << 10)

    def test_one_peer_does_not_take_all_locked_memory(self):
        """Which never comes back: others could then not even connect."""
        self.start()
        self.assert_serves()
        worker = self.worker()
        peer = self.peer()
        peer.setblocking(False)
        body = bytes([int(SLOW_KEY, 16)]) + bytes(15) + struct.pack(">BBHcI", 2, 0, 1, b"h", 0)
        deadline = int(time.monotonic() * 1000) + 60000
        flood = b"".join(
            struct.pack(">IBBBBQQH", 22 + 4096 + len(body), 1, Frame.REQUEST, 1, 0, tag, deadline,
                        4096) + bytes(4096) + body for tag in range(1500))
        whole = len(flood)
        end = time.monotonic() + 1.5
        while flood and time.monotonic() < end:
            try:
                flood = flood[peer.send(flood[:65536]):]
            except BlockingIOError:
                time.sleep(0.01)
        self.assertLess(whole - len(flood), 3 << 20)
        os.kill(worker, signal.SIGKILL)

    def test_a_peer_that_says_nothing_is_closed(self):
        self.start()
        peer = socket.socket(socket.AF_UNIX)
        self.addCleanup(peer.close)
        peer.settimeout(15)
        peer.connect(self.socket)
        begun = time.monotonic()
        self.closed(peer)
        self.assertGreater(time.monotonic() - begun, 4)
        self.assertIn("E_HSM_TIMEOUT", self.log())

    def test_a_half_frame_stalls_nobody(self):
        self.start()
        peer = self.peer()
        peer.sendall(Frame.make(3, Frame.PROBE)[:9])
        self.assert_serves()


class Deaths(Case):
    def test_a_killed_worker_costs_no_operation_more_than_time(self):
        self.start()
        client = self.client("seal", 256, 3)
        for _ in range(2):
            time.sleep(0.7)
            before = self.worker()
            os.kill(before, signal.SIGKILL)
            self.another_worker(before)
        answer = self.result(client)
        self.assert_clean(answer)
        self.assertGreater(answer["E_OK"], 1000)
        self.assertLess(answer["gap_ms"], 2000)

    def test_a_lost_answer_about_a_key_is_no_success(self):
        self.start()
        client = self.client("key", 64, 2)
        time.sleep(0.1)
        os.kill(self.worker(), signal.SIGKILL)
        answer = self.result(client)
        self.assertEqual(answer["wrong"], 0)
        self.assertGreater(answer["E_OK"], 0)

    def test_the_worker_dies_with_its_supervisor(self):
        self.start()
        worker = self.worker()
        self.assert_serves()
        self.supervisor.kill()
        self.supervisor.wait()
        wait_for(lambda: not alive(worker), "the worker's end")
        self.assertTrue(os.path.exists(self.socket))
        os.unlink(self.path("log"))
        self.start()
        self.assert_serves()

    def test_a_hanging_worker_is_replaced(self):
        self.start()
        before = self.worker()
        hung = self.client("seal", 1, 0.2, HANG_KEY, 200)
        self.another_worker(before)
        answer = self.result(hung)
        self.assertIn("E_HSM_TIMEOUT", answer)
        self.assertIn("the module does not return", self.log())
        answer = self.assert_serves()
        self.assert_clean(answer)

    def test_workers_that_keep_dying_are_replaced_ever_more_slowly(self):
        self.start()
        for _ in range(5):
            before = self.worker()
            os.kill(before, signal.SIGKILL)
            self.another_worker(before)
        begun = time.monotonic()
        before = self.worker()
        os.kill(before, signal.SIGKILL)
        self.another_worker(before)
        self.assertGreater(time.monotonic() - begun, 0.2)
        self.assert_serves(seconds=1)


class Stopping(Case):
    def test_what_is_under_way_is_finished(self):
        self.start()
        client = self.client("seal", 1, 0.1, SLOW_KEY, 5000)
        wait_for(lambda: "memory.slow_begun" in self.log(), "an operation under way")
        begun = time.monotonic()
        self.assertEqual(self.stop(), 0, self.log())
        self.assertLess(time.monotonic() - begun, 5)
        answer = self.result(client)
        self.assertEqual(answer.get("E_OK"), 1)
        self.assertFalse(os.path.exists(self.socket))

    def test_stop_under_load(self):
        self.start()
        client = self.client("seal", 256, 1.5)
        time.sleep(0.5)
        self.assertEqual(self.stop(), 0, self.log())
        self.assert_clean(self.result(client))

    def test_a_hanging_module_does_not_prevent_it(self):
        self.configure(hang_ms="60000")
        self.start()
        client = self.client("seal", 1, 0.1, HANG_KEY, 300)
        self.result(client)
        self.assertEqual(self.stop(), 0, self.log())


class Instances(Case):
    def test_a_second_one_is_refused(self):
        self.start()
        second = self.run_once()
        self.assertEqual(second.returncode, 69)
        self.assertIn("another holdfast-token", second.stderr)
        self.configure(state_directory=self.path("other"))
        third = self.run_once()
        self.assertEqual(third.returncode, 69)
        self.assertIn("another process answers", third.stderr)
        self.assert_serves()

    def test_a_socket_left_over_is_removed_and_nothing_else(self):
        left = socket.socket(socket.AF_UNIX)
        left.bind(self.socket)
        left.close()
        self.start()
        self.assert_serves()
        self.stop()
        self.write("token.sock", "precious")
        refused = self.run_once()
        self.assertEqual(refused.returncode, 78)
        self.assertIn("something else than a socket", refused.stderr)
        with open(self.socket, encoding="ascii") as file:
            self.assertEqual(file.read(), "precious")

    def test_socket_activation(self):
        given = socket.socket(socket.AF_UNIX)
        given.bind(self.path("given.sock"))
        given.listen(8)
        script = 'exec 3<&"$0"; LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"'
        with open(self.path("log"), "ab") as log:
            self.supervisor = subprocess.Popen(
                ["bash", "-c", script, str(given.fileno()), *self.argv()], env=self.environment,
                stderr=log, pass_fds=[given.fileno()])
        given.close()
        self.socket = self.path("given.sock")
        self.assert_serves(seconds=1)
        self.assertEqual(self.stop(), 0)
        self.assertTrue(os.path.exists(self.socket))

    def test_service_manager_is_told(self):
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(notify.close)
        notify.bind(self.path("notify"))
        notify.settimeout(10)
        self.environment["NOTIFY_SOCKET"] = self.path("notify")
        self.start()
        said = ""
        while "the token is ready" not in said:
            said += notify.recv(4096).decode() + "\n"
        self.assertIn("READY=1", said)
        self.stop()
        while "STOPPING=1" not in said:
            said += notify.recv(4096).decode() + "\n"


class Pins(Case):
    """On the memory token, which wants the PIN "right"."""

    def setUp(self):
        super().setUp()
        self.configure(uri="pkcs11:token=lab;pin=right", pin_source="file:" + self.path("pin"))

    def test_a_refused_pin_is_tried_once_until_sighup(self):
        self.write("pin", "wrong\n")
        self.start()
        self.assertEqual(self.condition(), PIN_REFUSED)
        answer = self.load("random", 1, 0.2)
        self.assertEqual({name for name in answer if name.startswith("E_")}, {"E_HSM_PIN"})
        before = self.worker()
        os.kill(before, signal.SIGKILL)
        before = self.another_worker(before)
        self.assertEqual(self.condition(), PIN_REFUSED)
        self.assertEqual(self.log().count("token.not_opened"), 1)
        self.assertEqual(self.log().count("token.pin_refused"), 1)
        self.write("pin", "right")
        self.supervisor.send_signal(signal.SIGHUP)
        self.another_worker(before)
        self.assert_serves()

    def test_a_refused_pin_is_not_tried_again_because_of_other_settings(self):
        """systemctl reload for the log's level, five times: a token may lock at the third failure."""
        self.write("pin", "wrong\n")
        self.start()
        self.assertEqual(self.condition(), PIN_REFUSED)
        before = self.worker()
        for n in range(1, 6):
            self.supervisor.send_signal(signal.SIGHUP)
            wait_for(lambda: self.log().count("token.pin_not_tried") == n, "the signal")  # noqa: B023
        time.sleep(0.5)
        self.assertEqual(self.condition(), PIN_REFUSED)
        self.assertEqual(self.log().count("token.not_opened"), 1)
        self.assertEqual(self.worker(), before)
        self.write("pin", "right\n")
        self.supervisor.send_signal(signal.SIGHUP)
        self.another_worker(before)
        self.assert_serves()

    def test_another_size_of_the_log_file_is_taken_over(self):
        """settings.applied is said of it, so it is so, in both processes."""
        self.write("pin", "right\n")
        for name in ("token.log", "token.log.1"):
            self.write(name, "x" * (3 << 19) + "\n", 0o640)
        self.settings["log_file"] = self.path("token.log")
        self.start()
        self.assert_serves()
        self.assertEqual(os.stat(self.path("token.log.1")).st_size, (3 << 19) + 1)
        with open(self.configure(), "a", encoding="ascii") as file:
            file.write("[log]\nfile_mib = 1\nfiles_kept = 1\n")
        self.supervisor.send_signal(signal.SIGHUP)
        wait_for(lambda: "settings.reloaded" in self.read("token.log"), "a file of its own")
        self.assertLess(os.stat(self.path("token.log")).st_size, 1 << 20)
        self.assertFalse(os.path.exists(self.path("token.log.2")))
        # And the worker alone: a connection's end is a line of its own.
        self.load("random", 1, 0.1)
        with open(self.path("token.log"), "ab") as file:
            file.write(b"y" * (3 << 19) + b"\n")
        self.load("random", 1, 0.1)
        wait_for(lambda: "yyy" in self.read("token.log.1"), "a file of the worker's")

    def test_sighup_leaves_a_working_worker_alone(self):
        self.write("pin", "right\n")
        self.start()
        before = self.worker()
        self.assertEqual(self.condition(), UP)
        self.supervisor.send_signal(signal.SIGHUP)
        wait_for(lambda: "pin.read_again" in self.log(), "the signal")
        self.assert_serves()
        self.assertEqual(self.worker(), before)

    def test_the_pin_is_in_no_argument_and_no_variable(self):
        self.settings["pin_source"] = "fd:9"
        self.settings["uri"] = "pkcs11:token=lab"
        self.configure()
        reading, writing = os.pipe()
        os.write(writing, b"S3CRETPIN\n")
        os.close(writing)
        with open(self.path("log"), "ab") as log:
            self.supervisor = subprocess.Popen(
                ["bash", "-c", 'exec 9<&"$0"; exec "$@"', str(reading), *self.argv()],
                env=self.environment, stderr=log, pass_fds=[reading])
        os.close(reading)
        wait_for(lambda: os.path.exists(self.socket), "the socket")
        for pid in (self.supervisor.pid, self.worker()):
            for name in ("cmdline", "environ"):
                with open(f"/proc/{pid}/{name}", "rb") as file:
                    self.assertNotIn(b"S3CRETPIN", file.read())
        self.assertNotIn("S3CRETPIN", self.log())
        self.assert_serves()

    def test_a_file_open_to_others_stops_the_start(self):
        self.write("pin", "right", 0o644)
        refused = self.run_once()
        self.assertEqual(refused.returncode, 78)
        self.assertIn("chmod 600", refused.stderr)


class Tokens(Case):
    def test_a_token_that_is_away_is_waited_for(self):
        self.configure(uri="pkcs11:token=lab;missing=" + self.path("token"))
        self.start()
        self.assertEqual(self.condition(), AWAY)
        answer = self.load("random", 1, 0.2)
        self.assertEqual({name for name in answer if name.startswith("E_")}, {"E_HSM_AWAY"})
        before = self.worker()
        self.write("token", "")
        wait_for(lambda: self.condition() == UP, "the token")
        self.assert_serves()
        self.assertEqual(self.worker(), before)
        self.assertEqual(self.log().count("token.not_opened"), 1)


class Hardening(Case):
    def test_both_processes(self):
        self.start()
        for pid in (self.supervisor.pid, self.worker()):
            with open(f"/proc/{pid}/status", encoding="ascii") as file:
                self.assertIn("NoNewPrivs:\t1", file.read())
            self.assertEqual(resource.prlimit(pid, resource.RLIMIT_CORE), (0, 0))

    def test_what_the_module_starts_inherits_nothing(self):
        """A helper of the vendor's would hold lock and socket after the worker is gone."""
        self.start()
        self.assert_serves()
        worker = self.worker()
        seen = 0
        for fd in os.listdir(f"/proc/{worker}/fd"):
            try:
                with open(f"/proc/{worker}/fdinfo/{fd}", encoding="ascii") as file:
                    flags = int(file.read().partition("flags:")[2].split()[0], 8)
            except FileNotFoundError:
                continue  # the client's connection, just closed
            if int(fd) > 2:
                seen += 1
                self.assertTrue(flags & os.O_CLOEXEC, fd)
        self.assertGreaterEqual(seen, 6)  # socket, page, lock; epoll, signals, outbox

    def test_closed_standard_descriptors_are_filled(self):
        """Else the log would be written into the lock, the socket or the shared page."""
        self.write("log", "")
        self.supervisor = subprocess.Popen(
            ["bash", "-c", 'exec "$@" <&- >&- 2>&-', "start", *self.argv()],
            env=self.environment)
        wait_for(lambda: os.path.exists(self.socket), "the socket")
        self.assert_serves()
        for pid in (self.supervisor.pid, self.worker()):
            for fd in range(3):
                self.assertEqual(os.readlink(f"/proc/{pid}/fd/{fd}"), "/dev/null")

    def test_the_shared_page_cannot_be_cut(self):
        self.start()
        worker = self.worker()
        pages = [fd for fd, target in descriptors(worker).items() if "holdfast-page" in target]
        self.assertEqual(len(pages), 1)
        with open(f"/proc/{worker}/fd/{pages[0]}", "r+b") as page:
            self.assertRaises(PermissionError, page.truncate, 0)
        self.assert_serves()

    def test_same_user_may_not_look_inside(self):
        """proc(5): the files of a process that is not dumpable belong to root."""
        if os.geteuid() != 0:
            self.skipTest("needs root to become another user")
        os.chown(self.directory, NOBODY, NOBODY)
        with open(self.path("log"), "ab") as log:
            self.supervisor = subprocess.Popen(
                ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
                 *self.argv()], env=self.environment, stderr=log)
        wait_for(lambda: os.path.exists(self.socket), "the socket")
        for pid in (self.supervisor.pid, self.worker()):
            wait_for(lambda pid=pid: os.stat(f"/proc/{pid}/mem").st_uid == 0, "hardening")


class CommandLine(Case):
    def test_version_and_help(self):
        self.assertRegex(self.run_once("--version").stdout, r"^holdfast-token \d")
        self.assertIn("Usage:", self.run_once("--help").stdout)
        self.assertEqual(self.run_once("--nonsense").returncode, 64)
        self.assertEqual(self.run_once("words").returncode, 64)

    def test_what_is_wrong_with_a_command_line_is_named(self):
        for arguments, word in ((["--nonsense"], "'--nonsense'"), (["words"], "not words"),
                                (["--config"], "requires an argument"),
                                (["--check", "--init-token"], "exclude each other"),
                                (["--label", "x"], "--init-token"),
                                (["--check", "--new-pin", "random"], "--change-pin"),
                                (["--pin-file", "/x"], "--change-pin")):
            wrong = self.run_once(*arguments)
            self.assertEqual((wrong.returncode, wrong.stdout), (64, ""), arguments)
            self.assertRegex(wrong.stderr, r"\Aholdfast-token: .*" + re.escape(word), arguments)

    def test_check_opens_nothing(self):
        self.configure(pin_source="file:" + self.path("missing"))
        right = self.run_once("--check")
        self.assertEqual((right.returncode, right.stderr), (0, ""))
        self.assertFalse(os.path.exists(self.path("state")))

    def test_check_names_what_is_wrong(self):
        for name, value, word in (("module", "/missing.so", "module"),
                                  ("pin_source", "1234", "pin_source"),
                                  ("daemon_users", "no-such-user", "no-such-user"),
                                  ("lanes", "many", "lanes")):
            before = dict(self.settings)
            self.configure(**{name: value})
            wrong = self.run_once("--check")
            self.assertEqual(wrong.returncode, 78, name)
            self.assertIn(word, wrong.stderr)
            self.settings = before

    def test_init_makes_pins_of_its_own(self):
        made = self.run_once("--init-token", "--label", "new", "--pin-file", self.path("pin"))
        self.assertEqual(made.returncode, 0, made.stderr)
        pins = []
        for name in ("pin", "pin-so"):
            self.assertEqual(stat.S_IMODE(os.stat(self.path(name)).st_mode), 0o600)
            with open(self.path(name), encoding="ascii") as file:
                pins.append(file.read())
        self.assertNotEqual(*pins)
        self.assertEqual({len(pin) for pin in pins}, {33})
        self.assertNotIn(pins[0].strip(), made.stdout + made.stderr)

    def test_init_leaves_no_pin_of_a_token_that_was_there(self):
        there = self.run_once("--init-token", "--label", "taken", "--pin-file", self.path("pin"))
        self.assertEqual(there.returncode, 0)
        self.assertIn("already", there.stdout)
        self.assertFalse(os.path.exists(self.path("pin")))
        self.assertFalse(os.path.exists(self.path("pin-so")))

    def test_init_needs_a_label_and_a_file(self):
        self.assertEqual(self.run_once("--init-token").returncode, 64)
        self.assertEqual(self.run_once("--init-token", "--label", "x").returncode, 64)


class RealToken(Case):
    """The same on SoftHSM, whose module stands behind a shim that misbehaves on command."""

    program = TOKEN

    def setUp(self):
        super().setUp()
        os.mkdir(self.path("tokens"))
        self.environment["SOFTHSM2_CONF"] = self.write(
            "softhsm2.conf", f"directories.tokendir = {self.path('tokens')}\n"
                             "objectstore.backend = file\nlog.level = ERROR\n")
        self.environment["HOLDFAST_SHIM"] = self.path("rules")
        self.configure(module=SHIM, pin_source="file:" + self.path("pin"))
        made = self.run_once("--init-token", "--label", "lab")
        self.assertEqual(made.returncode, 0, made.stderr)

    def rules(self, text):
        os.rename(self.write("rules.new", text), self.path("rules"))

    def test_init_is_idempotent(self):
        with open(self.path("pin"), encoding="ascii") as file:
            pin = file.read()
        again = self.run_once("--init-token", "--label", "lab")
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertIn("already", again.stdout)
        with open(self.path("pin"), encoding="ascii") as file:
            self.assertEqual(file.read(), pin)

    def test_a_killed_worker_costs_no_operation_more_than_time(self):
        self.start()
        client = self.client("seal", 64, 3)
        time.sleep(1.2)
        os.kill(self.worker(), signal.SIGKILL)
        answer = self.result(client)
        self.assert_clean(answer)
        self.assertGreater(answer["E_OK"], 100)

    def anchor(self):
        answer = self.load("anchor", 1, 0.05)
        self.assert_clean(answer)
        return answer["anchor"]

    def test_two_connections_raise_one_anchor(self):
        self.start()
        clients = [self.client("raise", 4, 1) for _ in range(2)]
        answers = [self.result(client) for client in clients]
        for answer in answers:
            self.assertEqual(answer["wrong"], 0)
            self.assertEqual({name for name in answer if name.startswith("E_")}, {"E_OK"})
        self.assertEqual(self.anchor(), max(answer["anchor"] for answer in answers))

    def test_what_was_anchored_outlives_the_worker_whenever_it_is_killed(self):
        self.start()
        reached = 0
        for _ in range(4):
            client = self.client("raise", 4, 1)
            time.sleep(random.uniform(0.3, 0.9))
            before = self.worker()
            os.kill(before, signal.SIGKILL)
            answer = self.result(client)
            self.assert_clean(answer)
            self.assertGreater(answer["anchor"], reached)
            reached = answer["anchor"]
            self.assertGreaterEqual(self.anchor(), reached)

    def test_a_hanging_module_is_replaced_and_the_rest_goes_on(self):
        self.start()
        self.assert_serves()
        before = self.worker()
        self.rules("C_Encrypt delay=60000\n")
        hung = self.load("seal", 1, 0.2, 1, 300)
        self.assertNotIn("E_OK", hung)
        self.rules("")
        self.another_worker(before)
        self.assertIn("the module does not return", self.log())
        self.assert_clean(self.assert_serves(seconds=2))

    def test_a_module_that_crashes_is_replaced(self):
        self.start()
        self.assert_serves()
        before = self.worker()
        self.rules("C_Encrypt kill=1 times=1\n")
        answer = self.load("seal", 4, 1.5)
        self.rules("")
        self.another_worker(before)
        self.assert_clean(answer)
        self.assert_serves()

    def test_a_wrong_pin_is_refused_once(self):
        with open(self.path("pin"), encoding="ascii") as file:
            right = file.read()
        self.write("pin", "not the PIN")
        self.start()
        self.assertEqual(self.condition(), PIN_REFUSED, self.log())
        before = self.worker()
        os.kill(before, signal.SIGKILL)
        before = self.another_worker(before)
        self.assertEqual(self.condition(), PIN_REFUSED)
        self.assertEqual(self.log().count("token.not_opened"), 1)
        self.write("pin", right)
        self.supervisor.send_signal(signal.SIGHUP)
        self.another_worker(before)
        self.assert_serves()

    def change_pin(self, old, new):
        """As an operator does, with a tool of the vendor's."""
        script = ("import ctypes, sys\n"
                  "m, n, s = ctypes.CDLL(sys.argv[1]), ctypes.c_ulong(8), ctypes.c_ulong()\n"
                  "slots = (ctypes.c_ulong * 8)()\n"
                  "old, new = sys.argv[2].encode(), sys.argv[3].encode()\n"
                  "rv = [m.C_Initialize(None), m.C_GetSlotList(1, slots, ctypes.byref(n)),\n"
                  "      m.C_OpenSession(ctypes.c_ulong(slots[0]), ctypes.c_ulong(6), None, None,\n"
                  "                      ctypes.byref(s)),\n"
                  "      m.C_Login(s, ctypes.c_ulong(1), old, ctypes.c_ulong(len(old))),\n"
                  "      m.C_SetPIN(s, old, ctypes.c_ulong(len(old)), new,\n"
                  "                 ctypes.c_ulong(len(new))), m.C_Finalize(None)]\n"
                  "sys.exit(any(rv) and str(rv))\n")
        subprocess.run(["python3", "-c", script, SOFTHSM, old, new], env=self.environment,
                       check=True, timeout=30)

    def test_a_pin_read_again_is_used_when_the_old_one_is_refused(self):
        """PIN changed, SIGHUP while all is well; the token wants a new login hours later."""
        with open(self.path("pin"), encoding="ascii") as file:
            old = file.read().strip()
        self.start()
        self.assert_serves()
        before = self.worker()
        self.change_pin(old, "another PIN")
        self.write("pin", "another PIN")
        self.supervisor.send_signal(signal.SIGHUP)
        wait_for(lambda: "pin.read_again" in self.log(), "the signal")
        self.rules("C_EncryptInit ckr=0x30 times=1\n")
        self.load("seal", 1, 0.2)
        self.another_worker(before)
        self.rules("")
        wait_for(lambda: self.condition() == UP, "the token", 15)
        self.assert_serves()

    def test_supervisor_holds_no_module(self):
        self.start()
        self.assert_serves()
        with open(f"/proc/{self.supervisor.pid}/maps", encoding="ascii") as file:
            self.assertNotIn("softhsm", file.read())


if __name__ == "__main__":
    unittest.main()
