# SPDX-License-Identifier: Apache-2.0
"""Both processes start again with thousands of keys, which are all there and usable."""
import base64
import time

from holdfast.crowd import caller
from holdfast.memory import resident

SAMPLE = 100
START_S = 300


def memory(figure, installation, when):
    for name, pid in (("holdfastd", installation.daemon.pid),
                      ("holdfast-token", installation.token.pid),
                      ("  its worker", installation.worker())):
        figure(f"resident memory {when}: {name}", "%.0f MiB, highest %.0f MiB" % resident(pid))


def started(installation):
    begin = time.monotonic()
    installation.start_token()
    installation.daemon.start()
    installation.daemon.await_ready(START_S)
    return time.monotonic() - begin


def test_all_keys_are_there_after_a_start(crowd, figure):
    installation, calls = crowd.installation, caller(crowd.installation)
    sample = crowd.ids[::max(1, crowd.count // SAMPLE)]
    sealed = {key: calls.must("Encrypt", KeyId=key, Plaintext=base64.b64encode(key.encode()).decode())
              ["CiphertextBlob"] for key in sample}
    calls.close()
    memory(figure, installation, "before the start")
    installation.stop()
    figure("start of both processes until ready", f"{started(installation):.1f} s")
    assert installation.daemon.stop() == 0
    figure("start of holdfastd alone until ready", f"{started(installation):.1f} s")
    memory(figure, installation, "after the start")
    calls, told, marker = caller(installation), [], {}
    while marker is not None:
        page = calls.must("ListKeys", Limit=1000, **marker)
        told += [entry["KeyId"] for entry in page["Keys"]]
        marker = {"Marker": page["NextMarker"]} if page["Truncated"] else None
    assert set(crowd.ids) <= set(told) and len(told) == len(set(told))
    for key, blob in sealed.items():
        assert base64.b64decode(calls.must("Decrypt", CiphertextBlob=blob)["Plaintext"]).decode() == key
    for name, key in list(crowd.aliases.items())[::len(crowd.aliases) // SAMPLE]:
        assert calls.must("DescribeKey", KeyId=name)["KeyMetadata"]["KeyId"] == key
    calls.close()
