# SPDX-License-Identifier: Apache-2.0
"""What every suite in Python has: its own installations, and their logs when a test fails."""
import contextlib
import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "support"))

from holdfast.installation import free_port, running  # noqa: E402 pylint: disable=wrong-import-position
from holdfast.timeline import Timeline  # noqa: E402 pylint: disable=wrong-import-position

RUNNING = []
# Files that take longest, by what they last took: they go first where several processors work through
# files, so that none of these is left for one of them at the end. The others follow as they stand.
LONGEST = ("creation", "outside", "rotation", "tampering", "rows", "restarts", "pin_change", "recovery",
           "sandbox", "doctored_log", "kills", "anchoring", "deletion",
           "clients", "tls", "metrics", "tokens", "command", "states",
           "quickstart", "m7_automatic_rotation", "m17_evidence", "doctor", "status")


@contextlib.contextmanager
def kept(directory, **options):
    """A running installation whose logs are shown when a test fails meanwhile."""
    with running(directory, **options) as installation:
        RUNNING.append(installation)
        try:
            yield installation
            installation.assert_nothing_refused()
        finally:
            RUNNING.remove(installation)


@pytest.fixture(scope="session")
def service(tmp_path_factory):
    """One installation for all tests that leave it running and their keys enabled."""
    with kept(tmp_path_factory.mktemp("service")) as installation:
        yield installation


@pytest.fixture
def own(tmp_path):
    """One installation for this test alone, which may stop, break and change it."""
    with kept(tmp_path) as installation:
        yield installation


@pytest.fixture
def make(tmp_path):
    """Makes installations with settings of their own: make(settings=..., token=...)."""
    with contextlib.ExitStack() as stack:
        count = iter(range(100))

        def one(**options):
            folder = tmp_path / f"installation{next(count)}"
            folder.mkdir()
            return stack.enter_context(kept(folder, **options))

        yield one


@pytest.fixture(scope="module")
def calendar(tmp_path_factory):
    """The days of an installation that the tests of one file share, in their order."""
    folder = tmp_path_factory.mktemp("calendar")
    settings = {"events": {"file": folder / "events.jsonl"},
                "scheduler": {"interval_ms": 100, "share_percent": 100},
                "metrics": {"listen": f"127.0.0.1:{free_port()}"}}
    with kept(folder, settings=settings) as installation:
        yield Timeline(installation)


@pytest.fixture(scope="session")
def kms(service):
    return service.client()


@pytest.fixture(scope="session")
def key(kms):
    """The ARN of a key that stays enabled."""
    return kms.create_key(Description="for the suite")["KeyMetadata"]["Arn"]


@pytest.fixture(scope="session")
def other_key(kms):
    return kms.create_key(Description="another")["KeyMetadata"]["Arn"]


def pytest_collection_modifyitems(items):
    ranks = {name: rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get(item.path.stem, len(ranks)))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for installation in RUNNING:
            report.sections.append(("logs of " + installation.directory, installation.logs()))
