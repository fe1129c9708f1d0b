# SPDX-License-Identifier: Apache-2.0
"""What strict durability costs: requests per second of one daemon while its syncs reach the disk,
divided by those while they do nothing, in turns of a second or so in one run.

  durability.py [--seconds N] [--rounds N] [--folder DIR] [--json]

Store and audit log lie in DIR (build), which must be on a real disk: in memory there is nothing to
see. Encrypt waits for the audit log's sync alone, CreateGrant for that of the store's commit before it,
too. The token's process syncs on both sides. Nothing is asserted but that every request was answered
well.
"""
import argparse
import base64
import json
import os
import statistics
import subprocess
import sys
import tempfile

from holdfast import Installation
from holdfast.installation import PROGRAMS, ROOT

BUILD = os.path.dirname(PROGRAMS)
LOAD = os.path.join(BUILD, "tests/bench/load")
SHIM = os.path.join(BUILD, "tests/bench/libno_sync.so")
CONNECTIONS = (1, 8, 64)
WARM_UP_S = 3


class Switch:
    """Of tests/bench/no_sync.c."""

    def __init__(self, path):
        self.path = path
        self.turn(True)
        self.environment = {"LD_PRELOAD": SHIM, "NO_SYNC": path}

    def turn(self, syncs):
        with open(self.path, "r+b" if os.path.exists(self.path) else "wb", buffering=0) as file:
            file.write(b"0" if syncs else b"1")


def load(installation, operation, body, connections, seconds):
    """One run of the load generator."""
    ran = subprocess.run([LOAD, str(installation.daemon.port), installation.credentials_file,
                          installation.region, operation, json.dumps(body), str(connections),
                          str(seconds)], capture_output=True, text=True, timeout=seconds + 60,
                         check=False)
    if not ran.stdout:
        raise RuntimeError(f"load {operation}: {ran.stderr}")
    sys.stderr.write(ran.stderr)
    return json.loads(ran.stdout)


def bodies(installation):
    """For each operation one for each number of connections: a key has 50,000 grants at the most."""
    kms = installation.client()
    keys = [kms.create_key()["KeyMetadata"]["KeyId"] for _ in CONNECTIONS]
    plain = base64.b64encode(b"x" * 32).decode()
    root = f"arn:aws:iam::{installation.account}:root"
    return {"Encrypt": [{"KeyId": key, "Plaintext": plain} for key in keys],
            "CreateGrant": [{"KeyId": key, "GranteePrincipal": root, "Operations": ["Encrypt"]}
                            for key in keys]}


def measure(installation, switch, options):
    """The rows of the table: medians over the rounds, each of which has both sides."""
    rows, wanted = [], bodies(installation)
    load(installation, "Encrypt", wanted["Encrypt"][0], 8, WARM_UP_S)  # the first segment is written ahead
    for operation, each in wanted.items():
        for connections, body in zip(CONNECTIONS, each):
            found = {True: [], False: []}
            for number in range(options.rounds):
                for syncs in (number % 2 == 0, number % 2 != 0):
                    switch.turn(syncs)
                    found[syncs].append(load(installation, operation, body, connections,
                                             options.seconds))
            switch.turn(True)
            rows.append(row_of(operation, connections, found))
    return rows


def row_of(operation, connections, found):
    ratios = [with_["rate"] / max(1, without["rate"])
              for with_, without in zip(found[True], found[False])]
    row = {"operation": operation, "connections": connections,
           "ratio": round(statistics.median(ratios), 2),
           "lowest": round(min(ratios), 2), "highest": round(max(ratios), 2),
           "bad": sum(one["errors"] for side in found.values() for one in side)}
    for name, side in (("synced", found[True]), ("unsynced", found[False])):
        row[name] = round(statistics.median(one["rate"] for one in side))
        row[name + "_p50_ms"] = statistics.median(one["p50_us"] for one in side) / 1e3
        row[name + "_p99_ms"] = statistics.median(one["p99_us"] for one in side) / 1e3
    return row


def show(rows):
    print(f"{'operation':22} {'conns':>5} {'synced/s':>9} {'unsynced/s':>10} {'ratio':>6} "
          f"{'(rounds)':>12} {'p50 ms':>14} {'p99 ms':>16} {'bad':>4}")
    for r in rows:
        print(f"{r['operation']:22} {r['connections']:5} {r['synced']:9} {r['unsynced']:10} "
              f"{r['ratio']:6.2f} {r['lowest']:5.2f} -{r['highest']:5.2f} "
              f"{r['synced_p50_ms']:6.2f}/{r['unsynced_p50_ms']:7.2f} "
              f"{r['synced_p99_ms']:8.2f}/{r['unsynced_p99_ms']:7.2f} {r['bad']:4}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=1, help="of each turn")
    parser.add_argument("--rounds", type=int, default=3, help="of each case: both sides, in turn")
    parser.add_argument("--folder", default=os.path.join(ROOT, "build"), help="on a real disk")
    parser.add_argument("--json", action="store_true", help="for machines")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="durability-", dir=options.folder) as folder:
        switch = Switch(os.path.join(folder, "switch"))
        installation = Installation(folder, settings={"log": {"level": "warning"}})
        installation.daemon.environment.update(switch.environment)
        try:
            rows = measure(installation.initialise().start(), switch, options)
            installation.stop()
        finally:
            installation.cleanup()
    if options.json:
        print(json.dumps(rows))
    else:
        show(rows)
    return 1 if any(row["bad"] for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
