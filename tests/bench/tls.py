# SPDX-License-Identifier: Apache-2.0
"""What TLS costs: signed and audited requests per second in the clear and over TLS, one after the
other on the same machine, and handshakes per second; with each, the daemon's own processor time,
which a busy machine changes least.

  tls.py [--seconds N]

Nothing is asserted but that every request was answered well: a machine may be noisy.
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile

from holdfast.authority import Authority
from holdfast.installation import PROGRAMS, running

LOAD = os.path.join(os.path.dirname(PROGRAMS), "tests/bench/load")
CONNECTIONS = 64
CLIENTS = 2
KEYS = {"EC P-256": ("ec", "ec_paramgen_curve:P-256"), "RSA 2048": ("rsa", "rsa_keygen_bits:2048")}


WARM_UP_S = 0.5  # of the load generator: served, and not in its rate


def cpu_s(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rate(installation, daemon, operation, body, seconds, ca=None):
    """(answers per second, microseconds of the daemon's processor time for each)."""
    before = cpu_s(daemon.pid)
    ran = subprocess.run([LOAD, str(daemon.port), installation.credentials_file, installation.region,
                          operation, body, str(CONNECTIONS), str(seconds), *([ca] if ca else [])],
                         capture_output=True, text=True, timeout=seconds + 60, check=True)
    found = float(re.search(r'"rate":(\d+)', ran.stdout).group(1))
    return found, (cpu_s(daemon.pid) - before) * 1e6 / (found * (seconds + WARM_UP_S))


def handshakes(daemon, ca, seconds, *options):
    """(per second by clients that do nothing else, microseconds of the daemon's time for each)."""
    before = cpu_s(daemon.pid)
    argv = ["openssl", "s_time", "-connect", f"127.0.0.1:{daemon.port}", "-CAfile", ca, "-new",
            "-time", str(seconds), *options]
    running_ones = [subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
                    for _ in range(CLIENTS)]
    texts = [one.communicate(timeout=seconds + 60)[0] for one in running_ones]
    found = [re.search(r"(\d+) connections in (\d+) real seconds", text) for text in texts]
    count = sum(int(match.group(1)) for match in found)
    return count / seconds, (cpu_s(daemon.pid) - before) * 1e6 / count


def measure(folder, seconds):
    ca = Authority(folder, "bench-ca")
    os.mkdir(os.path.join(folder, "installation"))
    with running(os.path.join(folder, "installation")) as installation:
        plain = installation.daemon
        key = installation.client().create_key()["KeyMetadata"]["KeyId"]
        operations = {"GenerateDataKey": f'{{"KeyId":"{key}","KeySpec":"AES_256"}}',
                      "ListKeys": "{}", "DescribeKey": f'{{"KeyId":"{key}"}}'}
        plain.stop()
        for name, algorithm in KEYS.items():
            served = ca.issue("server", "server", algorithm=algorithm)
            daemon = installation.add_daemon(name.replace(" ", "-"), {
                "tls": {"certificate": served.certificate, "private_key": served.key},
                "health": {"listen": f"127.0.0.1:{plain.port}"}})
            for operation, body in operations.items():
                plain.start()
                plain.await_ready()
                clear = rate(installation, plain, operation, body, seconds)
                plain.stop()
                daemon.start()
                daemon.await_ready()
                over = rate(installation, daemon, operation, body, seconds, ca.certificate)
                daemon.stop()
                print(f"{name:9} {operation:16} {CONNECTIONS} connections: {clear[0]:7.0f}/s, "
                      f"{clear[1]:5.0f} us each in the clear; {over[0]:7.0f}/s, {over[1]:5.0f} us each "
                      f"over TLS: {over[0] / clear[0]:.2f}", flush=True)
            daemon.start()
            daemon.await_ready()
            for version in ("-tls1_3", "-tls1_2"):
                shaken = handshakes(daemon, ca.certificate, seconds, version)
                print(f"{name:9} handshakes {version[1:]}: {shaken[0]:7.0f}/s, {shaken[1]:5.0f} us each",
                      flush=True)
            daemon.stop()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=4)
    with tempfile.TemporaryDirectory() as folder:
        measure(folder, parser.parse_args().seconds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
