# SPDX-License-Identifier: Apache-2.0
"""strace as a tool of the tests: kill a process at its n-th system call, or read what it transfers."""
import collections
import re
import signal
import subprocess
import time

from .process import alive

CALL = re.compile(r"^(\d+) +(\w+)\(")
BYTES = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


class Tracer:
    """strace attached to running processes, all threads; a context manager."""

    def __init__(self, pids, output, *options):
        pids = [pids] if isinstance(pids, int) else pids
        self.output, self.pids = str(output), pids
        words = [word for pid in pids for word in ("-p", str(pid))]
        self.argv = ["strace", "-f", "-o", self.output, *options, *words]
        self.popen = None

    def __enter__(self):
        self.popen = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                      stdout=subprocess.DEVNULL, text=True)
        left = set(self.pids)
        while left:
            line = self.popen.stderr.readline()
            assert line, f"{' '.join(self.argv)} ended: strace must be allowed to attach"
            match = re.match(r"strace: Process (\d+) attached", line)
            if match:
                left.discard(int(match.group(1)))
        return self

    def __exit__(self, *_):
        # strace that is told to detach while a process dies under it waits for ever.
        time.sleep(0.05)
        if self.popen.poll() is None and all(alive(pid) for pid in self.pids):
            self.popen.send_signal(signal.SIGINT)
        try:
            self.popen.communicate(timeout=3)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.communicate(timeout=10)

    def lines(self):
        with open(self.output, encoding="ascii", errors="replace") as file:
            return file.read().splitlines()


def kill_at(name, when):
    """strace's words for: kill the process at the `when`-th `name` that one of its threads calls."""
    return ["-e", f"trace={name}", "-e", f"inject={name}:signal=KILL:when={when}"]


def killer(pid, output, name, when):
    return Tracer(pid, output, *kill_at(name, when))


def threads_of(lines):
    """The system calls, in order, of each thread."""
    threads = collections.defaultdict(list)
    for line in lines:
        match = CALL.match(line)
        if match:
            threads[match.group(1)].append(match.group(2))
    return list(threads.values())


def longest_thread(lines):
    """The system calls, in order, of the thread that made the most of them."""
    return max(threads_of(lines), key=len, default=[])


TRANSFERS = "read,write,readv,writev,pread64,pwrite64,sendto,sendmsg,recvfrom,recvmsg,sendmmsg,recvmmsg"


def transfers(pids, output):
    """Records every byte that goes in or out of the processes."""
    return Tracer(pids, output, "-e", f"trace={TRANSFERS}", "-xx", "-s", "1048576")


def transferred(lines):
    """The bytes of the recorded calls, one after the other per thread."""
    threads = collections.defaultdict(bytearray)
    for line in lines:
        tid = line.split(" ", 1)[0]
        for hexes in BYTES.findall(line):
            threads[tid] += bytes.fromhex(hexes.replace("\\x", ""))
    return b"\n--\n".join(bytes(data) for data in threads.values())
