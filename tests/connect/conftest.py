"""What the tests of the Connect API share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.connect.caller import Caller, connect_api, new_caller


@pytest.fixture
def caller(tmp_path: Path, exercised: Callable[[str], None]) -> Iterator[Caller]:
    """A program with a token of a new account."""
    exercised("Connect API: in process, on sqlite")
    with connect_api(tmp_path) as api:
        yield new_caller(api, tmp_path, "Shop")
