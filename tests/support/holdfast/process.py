# SPDX-License-Identifier: Apache-2.0
"""Programs under test: started with a log of their own, ended by their process id, never left."""
import os
import signal
import subprocess
import time


class Deadline(Exception):
    """Something did not happen in time."""


def wait_for(condition, what, timeout=15.0, pause=0.01):
    """Calls `condition` until its answer is true, and gives it back."""
    end = time.monotonic() + timeout
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > end:
            raise Deadline(f"{what}: not within {timeout} s")
        time.sleep(pause)


def children(pid):
    """Process ids of the children of a process."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


def alive(pid):
    """Whether the process runs: a zombie does not."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


class Process:
    """One program with its log file."""

    def __init__(self, name, argv, directory, environment=None):
        self.name, self.argv = name, [str(word) for word in argv]
        self.log = os.path.join(directory, f"{name}.log")
        self.environment = {**os.environ, **(environment or {})}
        self.popen = None

    @property
    def pid(self):
        return self.popen.pid

    def start(self):
        assert self.popen is None, f"{self.name} runs already"
        with open(self.log, "ab") as log:
            self.popen = subprocess.Popen(self.argv, env=self.environment, stdin=subprocess.DEVNULL,
                                          stdout=log, stderr=log, start_new_session=True)

    def running(self):
        return self.popen is not None and self.popen.poll() is None

    def signal(self, number):
        self.popen.send_signal(number)

    def wait(self, timeout=30.0):
        """The exit status, once it has ended."""
        try:
            return self.popen.wait(timeout)
        except subprocess.TimeoutExpired as late:
            raise Deadline(f"{self.name} did not end within {timeout} s") from late
        finally:
            if self.popen.poll() is not None:
                self.popen = None

    def stop(self, timeout=30.0):
        """SIGTERM; the exit status."""
        if self.popen is None:
            return None
        self.popen.send_signal(signal.SIGTERM)
        return self.wait(timeout)

    def kill(self):
        """SIGKILL; its children are expected to go with it."""
        if self.popen is None:
            return
        orphans = children(self.popen.pid)
        self.popen.kill()
        self.wait()
        for orphan in orphans:
            wait_for(lambda pid=orphan: not alive(pid), f"the child {orphan} of {self.name} ends")

    def end(self):
        """Whatever it takes, for the end of a test."""
        if self.popen is None:
            return
        left = children(self.popen.pid)
        self.popen.kill()
        self.popen.wait(10)
        self.popen = None
        for pid in left:
            if alive(pid):
                os.kill(pid, signal.SIGKILL)

    def read_log(self):
        try:
            with open(self.log, encoding="utf-8", errors="replace") as file:
                return file.read()
        except OSError:
            return ""
