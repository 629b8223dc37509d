"""What the tests of the Connect API share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conformance.control_stores import KINDS
from tests.connect.caller import Caller, connect_api, new_caller


@pytest.fixture(params=sorted(KINDS))
def kind(request: pytest.FixtureRequest) -> str:
    """Each kind of database that a control store can be on."""
    return str(request.param)


@pytest.fixture
def caller(kind: str, tmp_path: Path, exercised: Callable[[str], None]) -> Iterator[Caller]:
    """A program with a token of a new account."""
    exercised(f"Connect API: in process, on {kind}")
    with connect_api(tmp_path, kind=kind) as api:
        yield new_caller(api, tmp_path, "Shop")
