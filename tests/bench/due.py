# SPDX-License-Identifier: Apache-2.0
"""A backlog of rotations, and what callers notice of it: Encrypt while nothing is due, and while
thousands of keys are, in turns and in the same process, so that both meet the same noise.

  due.py [--keys N] [--rounds N] [--seconds N] [--share PERCENT] [--finish] [--deletions N] [--json]

BENCH_DUE_KEYS    how many keys are due at once: 300 unless said; 10,000 is what is promised
BENCH_DUE_FOLDER  where token, store and audit log lie: memory when there is room
Nothing is asserted but that every request was answered well. The demand (README, "Rotation"): at
least 0.7 of the rate, and no request waits longer than 250 ms.
"""
import argparse
import base64
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

from holdfast import Installation
from holdfast.backlog import Backlog
from holdfast.clock import DAY
from holdfast.crowd import caller
from holdfast.installation import PROGRAMS, free_port
from holdfast.memory import resident

LOAD = os.path.join(os.path.dirname(PROGRAMS), "tests/bench/load")
CONNECTIONS = (8, 64)
KEYS = int(os.environ.get("BENCH_DUE_KEYS", "300"))
SETTLE_S = 1.2  # a round begins within a second
FINISH_S = 3600


def load(backlog, key, connections, seconds):
    """Encrypt, signed with the time that the daemon goes by."""
    installation = backlog.installation
    body = {"KeyId": key, "Plaintext": base64.b64encode(b"x" * 32).decode()}
    ran = subprocess.run([LOAD, str(installation.daemon.port), installation.credentials_file,
                          installation.region, "Encrypt", json.dumps(body), str(connections),
                          str(seconds)],
                         env={**os.environ, **backlog.clock.environment}, capture_output=True, text=True,
                         timeout=seconds + 60, check=False)
    if not ran.stdout:
        raise RuntimeError(f"load: {ran.stderr}")
    sys.stderr.write(ran.stderr)
    return json.loads(ran.stdout)


def measure(backlog, key, options):
    """Rounds of: nothing is due, then the backlog is; per number of connections."""
    rows = []
    for _ in range(options.rounds):
        for connections in CONNECTIONS:
            backlog.go_back()
            time.sleep(SETTLE_S)
            alone = load(backlog, key, connections, options.seconds)
            backlog.come_due()
            time.sleep(SETTLE_S)
            done, begin = backlog.done(), time.monotonic()
            meanwhile = load(backlog, key, connections, options.seconds)
            took = time.monotonic() - begin
            rows.append({"connections": connections, "alone": alone, "meanwhile": meanwhile,
                         "acts": (backlog.done() - done) / took,
                         "left": backlog.count - backlog.done()})
            print_row(rows[-1], options)
    return rows


def measure_deletions(backlog, key, options):
    """Once each: before the windows are over, and after."""
    installation, rows = backlog.installation, []
    backlog.end(list(backlog.due)[:options.deletions])
    alone = {n: load(backlog, key, n, options.seconds) for n in CONNECTIONS}
    installation.daemon.stop()
    backlog.clock.set(8 * DAY)
    installation.start()
    for connections in CONNECTIONS:
        done, begin = backlog.done("deletion"), time.monotonic()
        meanwhile = load(backlog, key, connections, options.seconds)
        now = backlog.done("deletion")
        rows.append({"connections": connections, "alone": alone[connections],
                     "meanwhile": meanwhile, "left": options.deletions - now,
                     "acts": (now - done) / (time.monotonic() - begin)})
        print_row(rows[-1], options)
    return rows


def latencies(found):
    return f"{found['p50_us'] / 1e3:7.2f} {found['p99_us'] / 1e3:7.2f} {found['max_us'] / 1e3:7.1f}"


def print_row(row, options):
    alone, meanwhile = row["alone"], row["meanwhile"]
    if not options.json:
        print(f"{row['connections']:5} {alone['rate']:8.0f} {meanwhile['rate']:8.0f} "
              f"{meanwhile['rate'] / alone['rate']:6.2f}  {latencies(alone)}  {latencies(meanwhile)} "
              f"{row['acts']:8.1f} {row['left']:8}", flush=True)


HEAD = ("                             of   --- alone, ms ----------  --- meanwhile, ms ------       acts\n"
        "conns  alone/s   with/s  ratio      p50     p99     max      p50     p99     max      per s"
        "     left")


def summary(backlog, rows, options):
    out = {}
    for connections in CONNECTIONS:
        mine = [r for r in rows if r["connections"] == connections and r["left"] > 0]
        if not mine:
            continue
        # Of the sums: what disturbs a round for a second disturbs both sides alike in the end.
        ratio = sum(r["meanwhile"]["rate"] for r in mine) / sum(r["alone"]["rate"] for r in mine)
        median = statistics.median(r["meanwhile"]["rate"] / r["alone"]["rate"] for r in mine)
        speed = statistics.mean(r["acts"] for r in mine)
        out[connections] = {
            "ratio": round(ratio, 2), "median_ratio": round(median, 2), "acts_per_s": round(speed, 1),
            "max_ms": max(r["meanwhile"]["max_us"] for r in mine) / 1e3,
            "whole_backlog_s": round(backlog.count / speed) if speed else None}
    found = {"keys": backlog.count, "share_percent": options.share, "connections": out}
    if options.finish:
        left = backlog.count - backlog.done()
        backlog.come_due()
        found["rest"] = {"keys": left, "seconds": round(backlog.wait_until_done(FINISH_S), 1)}
    rotated = backlog.rotated()
    found["rotated"], found["twice"] = len(rotated), len(rotated) - len(set(rotated))
    found["out_of_order"] = backlog.disorder(rotated)
    return found


def memory(installation, when):
    for name, pid in (("holdfastd", installation.daemon.pid), ("worker", installation.worker())):
        print(f"  memory {when}: {name} %.0f MiB, highest %.0f MiB" % resident(pid))


def run(installation, options):
    installation.initialise()
    backlog = Backlog(installation, options.keys)
    installation.start()
    begin = time.monotonic()
    backlog.make()
    made = time.monotonic() - begin
    calls = caller(installation)
    key = calls.must("CreateKey")["KeyMetadata"]["KeyId"]
    calls.close()
    if not options.json:
        print(f"{options.keys} keys made in {made:.0f} s, due at once; share {options.share} %")
        memory(installation, "before")
        print(HEAD)
    if options.deletions:
        rows = measure_deletions(backlog, key, options)
        found = {"deleted": backlog.done("deletion")}
    else:
        rows = measure(backlog, key, options)
        found = summary(backlog, rows, options)
    if options.json:
        print(json.dumps({**found, "rows": rows}))
    else:
        memory(installation, "after")
        print(f"  {json.dumps(found)}")
    return sum(r["alone"]["errors"] + r["meanwhile"]["errors"] for r in rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keys", type=int, default=KEYS)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seconds", type=int, default=2, help="of each case")
    parser.add_argument("--share", type=int, default=10, help="[scheduler] share_percent")
    parser.add_argument("--deletions", type=int, default=0,
                        help="instead: delete so many of the keys, the others stay")
    parser.add_argument("--finish", action="store_true", help="wait until the last key is rotated")
    parser.add_argument("--json", action="store_true", help="for machines")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="holdfast-due-", dir=folder()) as directory:
        installation = Installation(directory, settings={
            "log": {"level": "warning"}, "scheduler": {"share_percent": options.share},
            "health": {"listen": f"127.0.0.1:{free_port()}"}})
        try:
            bad = run(installation, options)
        except BaseException:
            print(installation.logs(), file=sys.stderr)
            raise
        finally:
            installation.cleanup()
    return 1 if bad else 0


def folder():
    return os.environ.get("BENCH_DUE_FOLDER", "/dev/shm" if os.path.isdir("/dev/shm") else None)


if __name__ == "__main__":
    sys.exit(main())
