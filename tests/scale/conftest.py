# SPDX-License-Identifier: Apache-2.0
"""One crowd of keys for this part, and the figures that it ends with.

SCALE_KEYS    how many: by default as many as keep this part short; 10,000 is what is promised
SCALE_FOLDER  where token, store and audit log lie: memory when there is room, since the time of a
              creation on a disk is the disk's; name a folder to see that
"""
import os
import shutil
import tempfile

import pytest

from holdfast.crowd import Crowd
from holdfast.installation import running

FIGURES = pytest.StashKey()
DEFAULT_KEYS = 3000
MEMORY = "/dev/shm"
ROOM = 1 << 30


def pytest_configure(config):
    config.stash[FIGURES] = []


def pytest_terminal_summary(terminalreporter, config):
    terminalreporter.section("figures")
    for line in config.stash[FIGURES]:
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def figure(request):
    """figure(what, value): a line of the summary."""
    return lambda what, value: request.config.stash[FIGURES].append(f"{what:<58} {value}")


def folder():
    named = os.environ.get("SCALE_FOLDER")
    if named:
        return named
    room = os.path.isdir(MEMORY) and shutil.disk_usage(MEMORY).free >= ROOM
    return MEMORY if room else None


@pytest.fixture(scope="session")
def place():
    """The folder for installations; None: where temporary files lie."""
    return folder()


@pytest.fixture(scope="session")
def crowd(figure, place):
    with tempfile.TemporaryDirectory(prefix="holdfast-scale-", dir=place) as directory:
        with running(directory, settings={"log": {"level": "info"}}) as installation:
            made = Crowd(installation, int(os.environ.get("SCALE_KEYS", DEFAULT_KEYS)))
            try:
                made.create()
            except BaseException:
                print(installation.logs())
                raise
            figure("keys", made.count)
            figure("keys created a second", f"{made.count / made.took:.0f}")
            figure("aliases; keys with tags", f"{len(made.aliases)}; {len(made.tags)}")
            yield made
