# SPDX-License-Identifier: Apache-2.0
"""A bundle of evidence of thousands of keys, and what callers notice of it: Encrypt before, while the
bundle is being made, and after; then what verifying it takes.

  evidence.py [--keys N] [--rotated N] [--seconds N] [--connections N] [--keep DIR] [--json]

BENCH_EVIDENCE_FOLDER  where token, store and audit log lie: memory when there is room
Nothing is asserted but that every request was answered well and that the bundle agrees with itself.
The demand is that of rotations (due.py): at least 0.7 of the rate, and no request waits longer than
250 ms.
"""
import argparse
import base64
import concurrent.futures
import json
import os
import subprocess
import sys
import tempfile
import time

from holdfast import Installation
from holdfast.crowd import caller
from holdfast.installation import PROGRAMS, program
from holdfast.memory import resident

LOAD = os.path.join(os.path.dirname(PROGRAMS), "tests/bench/load")
MAKERS = 4


class Keys:
    """`count` keys, every third of which has been rotated `rotated` times."""

    def __init__(self, installation, count, rotated):
        self.installation, self.count, self.rotated = installation, count, rotated

    def make(self):
        with concurrent.futures.ThreadPoolExecutor(MAKERS) as pool:
            return sum(pool.map(self.make_part, range(MAKERS)))

    def make_part(self, first):
        calls, versions = caller(self.installation), 0
        for number in range(first, self.count, MAKERS):
            key = calls.must("CreateKey", Description=f"number {number}")["KeyMetadata"]["KeyId"]
            versions += 1
            for _ in range(self.rotated if number % 3 == 0 else 0):
                calls.must("RotateKeyOnDemand", KeyId=key)
                self.await_rotation(calls, key)
                versions += 1
        calls.close()
        return versions

    @staticmethod
    def await_rotation(calls, key):
        while "OnDemandRotationStartDate" in calls.must("GetKeyRotationStatus", KeyId=key):
            time.sleep(0.02)


def load(installation, key, connections, seconds):
    body = {"KeyId": key, "Plaintext": base64.b64encode(b"x" * 32).decode()}
    ran = subprocess.run([LOAD, str(installation.daemon.port), installation.credentials_file,
                          installation.region, "Encrypt", json.dumps(body), str(connections),
                          str(seconds)],
                         capture_output=True, text=True, timeout=seconds + 60, check=False)
    if not ran.stdout:
        raise RuntimeError(f"load: {ran.stderr}")
    return json.loads(ran.stdout)


class Holdfast:
    """The command, begun; wait() gives seconds, processor seconds and the most memory it had."""

    def __init__(self, installation, *arguments):
        self.start = time.monotonic()
        self.popen = subprocess.Popen([program("holdfast"), *arguments], stdin=subprocess.DEVNULL,
                                      stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                      env={**os.environ, **installation.environment})

    def ended(self):
        """It is left for wait() to be buried."""
        return os.waitid(os.P_PID, self.popen.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def wait(self):
        _, status, usage = os.wait4(self.popen.pid, 0)
        self.popen.returncode = os.waitstatus_to_exitcode(status)
        if self.popen.returncode != 0:
            raise RuntimeError(f"status {self.popen.returncode}: {self.popen.stderr.read().decode()}")
        return {"seconds": round(time.monotonic() - self.start, 2),
                "processor_s": round(usage.ru_utime + usage.ru_stime, 2),
                "memory_mib": round(usage.ru_maxrss / 1024)}


def together(found):
    """Of several runs of the load: the mean rate, the worst of each delay."""
    return {"rate": sum(r["rate"] for r in found) / len(found),
            **{name: max(r[name] for r in found) for name in ("p50_us", "p99_us", "max_us")},
            "errors": sum(r["errors"] for r in found)}


def make_bundle(installation, key, options, folder):
    """(what callers saw meanwhile, what the command took)"""
    command = Holdfast(installation, "evidence", folder, "--config", installation.daemon.settings)
    meanwhile = []
    while not command.ended():
        meanwhile.append(load(installation, key, options.connections, options.seconds))
    return together(meanwhile), command.wait()


def memory(installation):
    return {name: [round(mib) for mib in resident(pid)]
            for name, pid in (("holdfastd", installation.daemon.pid),
                              ("worker", installation.worker()))}


def measure(installation, options, folder):
    installation.initialise()
    installation.start()
    begin = time.monotonic()
    versions = Keys(installation, options.keys, options.rotated).make()
    found = {"keys": options.keys, "versions": versions,
             "made_s": round(time.monotonic() - begin)}
    calls = caller(installation)
    key = calls.must("CreateKey")["KeyMetadata"]["KeyId"]
    calls.close()
    found["memory_before"] = memory(installation)
    quiet = Holdfast(installation, "evidence", folder + "-quiet", "--config",
                     installation.daemon.settings)
    found["without_load"] = quiet.wait()
    found["alone"] = load(installation, key, options.connections, options.seconds)
    found["meanwhile"], found["with_load"] = make_bundle(installation, key, options, folder)
    found["after"] = load(installation, key, options.connections, options.seconds)
    found["memory_after"] = memory(installation)
    found["bytes"] = {name: os.path.getsize(os.path.join(folder, name))
                      for name in ("evidence.json", "report.html")}
    found["verify"] = Holdfast(installation, "evidence", "verify", folder).wait()
    return found


def print_found(found):
    print(f"{found['keys']} keys, {found['versions']} versions, made in {found['made_s']} s")
    print("                  rate/s   p50 ms   p99 ms   max ms  errors")
    for name in ("alone", "meanwhile", "after"):
        row = found[name]
        print(f"  {name:12} {row['rate']:9.0f} {row['p50_us'] / 1e3:8.2f} {row['p99_us'] / 1e3:8.2f} "
              f"{row['max_us'] / 1e3:8.1f} {row['errors']:7}")
    for name, what in (("without_load", "evidence, no callers"), ("with_load", "evidence, with them"),
                       ("verify", "evidence verify")):
        row = found[name]
        print(f"  {what:21} {row['seconds']:7.2f} s, {row['processor_s']:6.2f} s of a processor, "
              f"{row['memory_mib']} MiB")
    print(f"  memory (now, highest; MiB): before {found['memory_before']}, after "
          f"{found['memory_after']}")
    print("  " + ", ".join(f"{name} {size / 1e6:.1f} MB" for name, size in found["bytes"].items()))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keys", type=int, default=300)
    parser.add_argument("--rotated", type=int, default=2, help="rotations of every third key")
    parser.add_argument("--seconds", type=int, default=3, help="of each run of the load")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--keep", help="a new folder for the bundle, which is kept")
    parser.add_argument("--json", action="store_true", help="for machines")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="holdfast-evidence-", dir=place()) as directory:
        installation = Installation(directory, settings={"log": {"level": "warning"}})
        try:
            found = measure(installation, options, options.keep or os.path.join(directory, "bundle"))
        except BaseException:
            print(installation.logs(), file=sys.stderr)
            raise
        finally:
            installation.cleanup()
    print(json.dumps(found)) if options.json else print_found(found)
    return 1 if found["alone"]["errors"] + found["meanwhile"]["errors"] else 0


def place():
    return os.environ.get("BENCH_EVIDENCE_FOLDER", "/dev/shm" if os.path.isdir("/dev/shm") else None)


if __name__ == "__main__":
    sys.exit(main())
