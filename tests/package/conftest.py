# SPDX-License-Identifier: Apache-2.0
"""The package of the build tree, made once."""
import pytest
from holdfast.package import pack


@pytest.fixture(scope="session")
def package(tmp_path_factory):
    return pack(str(tmp_path_factory.mktemp("package")))
