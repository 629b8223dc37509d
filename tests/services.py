"""
What a test needs beside Python: absent at a desk the test is skipped, absent in CI it fails.

A guard that can pass over a test in silence tests nothing; this is the one place where one is allowed to.
"""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest

PROGRAMS = {"npm": "npm", "node": "node"}
"""Service name -> the program whose presence on the PATH means that it can be used."""


def in_ci() -> bool:
    """Whether this run is the CI's, where everything must be there."""
    return os.environ.get("CI", "").lower() not in {"", "0", "false", "no"}


def need(service: str) -> None:
    """
    Go on only when a service of `PROGRAMS` is there.

    Errors: KeyError on an unknown name, so that a slip of the pen is not a skip.
    """
    if shutil.which(PROGRAMS[service]) is None:
        lacking(service, f"there is no {PROGRAMS[service]!r} on the PATH")


def lacking(service: str, why: str) -> NoReturn:
    """End this test because a service cannot be used: a skip at a desk, a failure in CI."""
    if in_ci():
        pytest.fail(f"{service} is needed: {why}", pytrace=False)
    pytest.skip(f"needs {service}: {why}")
