# SPDX-License-Identifier: Apache-2.0
"""The newcomer: config/quickstart in a copy of the tree, twice, then stop and reset."""
import base64
import os
import shutil
import socket
import stat
import subprocess
import time

import pytest

from holdfast.installation import ROOT, free_port
from holdfast.process import alive

LEFT_OUT = shutil.ignore_patterns(".git", "build", ".holdfast", "__pycache__")


def compiler_cache(tree):
    """What the caller's compilations are kept in, if anything: the copy's are the same ones."""
    launcher = os.environ.get("CMAKE_C_COMPILER_LAUNCHER")
    if launcher is None:
        return {}
    usual = os.path.join(os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")), "ccache")
    return {"CMAKE_C_COMPILER_LAUNCHER": launcher, "CCACHE_NOHASHDIR": "1",
            "CCACHE_BASEDIR": str(tree), "CCACHE_DIR": os.environ.get("CCACHE_DIR", usual)}


def run(tree, *arguments, check=True, timeout=600):
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/nonexistent", "LANG": "C"}
    for name in ("PIP_FIND_LINKS", "PIP_CERT", "PIP_INDEX_URL", "HTTPS_PROXY", "https_proxy",
                 "SSL_CERT_FILE", "NO_PROXY", "no_proxy"):
        if name in os.environ:
            environment[name] = os.environ[name]
    environment.update(compiler_cache(tree))
    ran = subprocess.run([os.path.join(tree, "config/quickstart"), *arguments], cwd="/", check=False,
                         env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                         timeout=timeout)
    assert not check or ran.returncode == 0, ran.stdout + ran.stderr
    return ran


def sourced(tree, command):
    """Runs a shell command after sourcing the env file, as the README says."""
    script = f". '{tree}/.holdfast/env'; {command}"
    return subprocess.run(["sh", "-ec", script], capture_output=True, text=True, timeout=60,
                          env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}, check=False)


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of the tree with the service of its quickstart, on a port of its own."""
    copy = tmp_path_factory.mktemp("quickstart") / "tree"
    shutil.copytree(ROOT, copy, ignore=LEFT_OUT, symlinks=True)
    try:
        first = run(copy, "--port", str(free_port()))
        (copy / "first-output").write_text(first.stdout)
        yield copy
    finally:
        run(copy, "reset", check=False)


def pid(tree, name):
    return int((tree / ".holdfast/run" / f"{name}.pid").read_text())


def test_the_first_run_shows_an_envelope(tree):
    shown = (tree / "first-output").read_text()
    assert "arn:aws:kms:us-east-1:111122223333:key/" in shown
    assert "Meet me at the harbour at nine." in shown
    assert "InvalidCiphertextException" in shown
    assert "left running" in shown


def test_the_service_is_left_running_with_an_env_to_source(tree):
    listed = sourced(tree, 'aws kms list-keys --endpoint-url "$KMS_ENDPOINT" --query "length(Keys)"')
    assert listed.stdout.strip() == "1", listed.stderr
    version = sourced(tree, "command -v aws; aws --version")
    assert version.stdout.splitlines()[0] == f"{tree}/.holdfast/bin/aws"
    names = sourced(tree, 'echo "$AWS_ENDPOINT_URL_KMS $AWS_DEFAULT_REGION $AWS_ACCESS_KEY_ID"; '
                          'test -n "$AWS_SECRET_ACCESS_KEY"')
    assert names.returncode == 0 and names.stdout.split()[1] == "us-east-1"


def test_the_env_tells_who_one_is(tree):
    told = sourced(tree, "aws sts get-caller-identity --query Arn --output text "
                         '--endpoint-url "$AWS_ENDPOINT_URL_STS"')
    assert told.stdout.startswith("arn:aws:iam::") and ":user/" in told.stdout, told.stderr


def test_the_status_command_is_there_as_shown(tree):
    assert "holdfast status --config .holdfast/holdfast.conf" in (tree / "first-output").read_text()
    shown = sourced(tree, f"cd '{tree}'; holdfast status --config .holdfast/holdfast.conf")
    assert shown.returncode == 0 and "Holdfast is well." in shown.stdout, shown.stderr


def test_what_is_secret_is_the_owners_alone(tree):
    for name in ("env", "pin", "credentials"):
        mode = os.stat(tree / ".holdfast" / name).st_mode
        assert stat.S_IMODE(mode) == 0o600, name
    assert stat.S_IMODE(os.stat(tree / ".holdfast").st_mode) == 0o700


def test_a_second_run_takes_seconds_and_reuses_everything(tree):
    before = {name: pid(tree, name) for name in ("holdfastd", "holdfast-token")}
    env = (tree / ".holdfast/env").read_text()
    start = time.monotonic()
    run(tree)
    assert time.monotonic() - start < 30
    assert {name: pid(tree, name) for name in before} == before
    assert (tree / ".holdfast/env").read_text() == env
    listed = sourced(tree, 'aws kms list-keys --endpoint-url "$KMS_ENDPOINT" --query "length(Keys)"')
    assert listed.stdout.strip() == "2"


def test_stop_and_start_keep_the_keys(tree):
    (tree / "plain").write_bytes(b"harbour")
    made = sourced(tree, 'aws kms create-key --endpoint-url "$KMS_ENDPOINT" --query '
                         'KeyMetadata.KeyId --output text').stdout.strip()
    sealed = sourced(tree, f'aws kms encrypt --endpoint-url "$KMS_ENDPOINT" --key-id {made} '
                           f'--plaintext "fileb://{tree}/plain" --query CiphertextBlob --output text'
                     ).stdout.strip()
    (tree / "blob").write_bytes(base64.b64decode(sealed))
    ended = {name: pid(tree, name) for name in ("holdfastd", "holdfast-token")}
    run(tree, "stop")
    for number in ended.values():
        assert not alive(number)
    run(tree, "stop")  # once more does no harm
    run(tree, "--no-demo")
    opened = sourced(tree, 'aws kms decrypt --endpoint-url "$KMS_ENDPOINT" --ciphertext-blob '
                           f'"fileb://{tree}/blob" --query Plaintext --output text')
    assert opened.stdout.strip() == "aGFyYm91cg==", opened.stderr


def test_a_port_that_is_taken_is_said_clearly(tree):
    run(tree, "stop")
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        ran = run(tree, "--no-demo", "--port", str(port), check=False)
    assert ran.returncode != 0
    assert f"port {port}" in ran.stderr and "--port" in ran.stderr
    run(tree, "--no-demo", "--port", str(free_port()))


def test_a_port_that_cannot_be_is_refused_and_not_kept(tree):
    settings = (tree / ".holdfast/holdfast.conf").read_text()
    for port in ("0", "65536", "99999", "http", ""):
        ran = run(tree, "--no-demo", "--port", port, check=False)
        assert ran.returncode != 0 and f"'{port}'" in ran.stderr
    assert (tree / ".holdfast/holdfast.conf").read_text() == settings


def test_a_wrong_word_is_refused(tree):
    ran = run(tree, "restart", check=False)
    assert ran.returncode == 2 and "config/quickstart stop" in ran.stderr


def test_reset_removes_it_and_says_so(tree):
    ended = [pid(tree, name) for name in ("holdfastd", "holdfast-token")]
    ran = run(tree, "reset")
    assert not (tree / ".holdfast").exists()
    assert "Removed" in ran.stdout and "keys" in ran.stdout
    assert not any(alive(number) for number in ended)
