# SPDX-License-Identifier: Apache-2.0
"""What the tests in Python share: a Holdfast of their own, and ways to look at it from outside."""
from .installation import ACCOUNT, REGION, Installation
from .memory import Memory
from .process import Deadline, wait_for
from .request import Exchange, Reply, Signer

__all__ = ["ACCOUNT", "REGION", "Deadline", "Exchange", "Installation", "Memory", "Reply", "Signer",
           "wait_for"]
