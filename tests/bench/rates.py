# SPDX-License-Identifier: Apache-2.0
"""How fast, as ratios: signed and audited requests per second of the daemon, divided by what the raw
token does in the same run, on the same machine, under the same noise.

  rates.py [--seconds N] [--json]

Two tokens: SoftHSM as it is (fast), and SoftHSM behind a module that takes 5 ms per encryption (slow,
as a network HSM is). Nothing here is asserted but that every request was answered well: a machine may
be noisy, a reply may not be wrong.
"""
import argparse
import base64
import json
import os
import subprocess
import sys
import tempfile

from holdfast import Installation
from holdfast.installation import LABEL, PROGRAMS, SOFTHSM

BUILD = os.path.dirname(PROGRAMS)
RAW = os.path.join(BUILD, "tests/bench/raw_token")
LOAD = os.path.join(BUILD, "tests/bench/load")
SHIM = os.path.join(BUILD, "tests/unit/hsm/libsofthsm2_shim.so")
SLOW_MS = 5
SLOW_LANES = 16
CONNECTIONS = (1, 8, 64, 256)
HELD = 600
CONTEXT = {"bench": "rates", "of": "the daemon"}


def load(installation, operation, body, connections, seconds):
    """One run of the load generator; rate, errors, and latencies in microseconds."""
    ran = subprocess.run([LOAD, str(installation.daemon.port), installation.credentials_file,
                          installation.region, operation, json.dumps(body), str(connections),
                          str(seconds)], capture_output=True, text=True, timeout=seconds + 60,
                         check=False)
    if not ran.stdout:
        raise RuntimeError(f"load {operation}: {ran.stderr}")
    sys.stderr.write(ran.stderr)
    return json.loads(ran.stdout)


def raw_rates(installation, seconds):
    """After the processes have stopped: one process per SoftHSM directory."""
    ran = subprocess.run([RAW, SOFTHSM, LABEL, installation.pin_file, str(seconds)],
                         env={**os.environ, **installation.environment}, capture_output=True, text=True,
                         timeout=60 + 4 * seconds, check=True)
    return json.loads(ran.stdout)


class Report:
    def __init__(self):
        self.rows, self.bad = [], 0

    def add(self, token, operation, connections, found, base, base_name):
        self.bad += found["errors"]
        self.rows.append({"token": token, "operation": operation, "connections": connections,
                          "rate": round(found["rate"]), "ratio": round(found["rate"] / base, 2),
                          "of": base_name, "p50_ms": found["p50_us"] / 1e3,
                          "p99_ms": found["p99_us"] / 1e3, "max_ms": found["max_us"] / 1e3,
                          "bad": found["errors"]})

    def print(self):
        print(f"{'token':6} {'operation':18} {'conns':>5} {'req/s':>7} {'ratio':>6}  {'of':24} "
              f"{'p50 ms':>8} {'p99 ms':>8} {'max ms':>8} {'bad':>4}")
        for r in self.rows:
            print(f"{r['token']:6} {r['operation']:18} {r['connections']:5} {r['rate']:7} "
                  f"{r['ratio']:6.2f}  {r['of']:24} {r['p50_ms']:8.2f} {r['p99_ms']:8.2f} "
                  f"{r['max_ms']:8.2f} {r['bad']:4}")


def bodies(kms):
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    sealed = kms.encrypt(KeyId=key, Plaintext=b"x" * 32, EncryptionContext=CONTEXT)["CiphertextBlob"]
    blob = base64.b64encode(sealed).decode()
    plain = base64.b64encode(b"x" * 32).decode()
    return {
        "DescribeKey": {"KeyId": key},
        "Encrypt": {"KeyId": key, "Plaintext": plain, "EncryptionContext": CONTEXT},
        "Decrypt": {"CiphertextBlob": blob, "EncryptionContext": CONTEXT},
        "GenerateDataKey": {"KeyId": key, "KeySpec": "AES_256", "EncryptionContext": CONTEXT},
    }


def measure_fast(folder, seconds, report):
    installation = Installation(folder, settings={"log": {"level": "warning"}})
    found = []
    try:
        installation.initialise()
        installation.start()
        wanted = bodies(installation.client())
        for operation, body in wanted.items():
            for connections in CONNECTIONS:
                result = load(installation, operation, body, connections, seconds)
                found.append((operation, connections, result))
        found.append(("Encrypt", HELD, load(installation, "Encrypt", wanted["Encrypt"], HELD, seconds)))
        installation.stop()
        base = raw_rates(installation, seconds)
    finally:
        installation.cleanup()
    for operation, connections, result in found:
        report.add("fast", operation, connections, result, base["session_object_1"], "raw, one thread")
    return base


def measure_slow(folder, seconds, report):
    control = os.path.join(folder, "shim")
    with open(control, "w", encoding="utf-8") as file:
        file.write("")
    settings = {"log": {"level": "warning"}, "token": {"module": SHIM, "lanes": SLOW_LANES}}
    installation = Installation(folder, settings=settings)
    shim = {"HOLDFAST_SHIM": control, "HOLDFAST_SHIM_MODULE": SOFTHSM}
    installation.environment.update(shim)
    installation.token.environment.update(shim)
    try:
        installation.initialise()
        installation.start()
        wanted = bodies(installation.client())
        fresh = control + ".new"
        with open(fresh, "w", encoding="utf-8") as file:
            file.write(f"C_Encrypt delay={SLOW_MS}\n")
        os.rename(fresh, control)
        for connections in CONNECTIONS:
            result = load(installation, "Encrypt", wanted["Encrypt"], connections, seconds)
            lanes = min(connections, SLOW_LANES)
            report.add("slow", "Encrypt", connections, result, lanes * 1000 / SLOW_MS,
                       f"{lanes} lanes at {SLOW_MS} ms")
        installation.stop()
    finally:
        installation.cleanup()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=2, help="of each case")
    parser.add_argument("--json", action="store_true", help="for machines")
    options = parser.parse_args()
    report = Report()
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as folder:
        for name in ("fast", "slow"):
            os.makedirs(os.path.join(folder, name))
        base = measure_fast(os.path.join(folder, "fast"), options.seconds, report)
        measure_slow(os.path.join(folder, "slow"), options.seconds, report)
    if options.json:
        print(json.dumps({"raw": base, "rows": report.rows}))
    else:
        print("Raw token: " + ", ".join(f"{name} {rate:,}/s" for name, rate in base.items()))
        report.print()
    return 1 if report.bad else 0


if __name__ == "__main__":
    sys.exit(main())
