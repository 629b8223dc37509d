"""What all suites of the control store share: each is run over every kind of database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conformance.control_stores import KINDS, open_at
from tidegate.control import accounts
from tidegate.control.accounts import Account
from tidegate.control.store import Store


@pytest.fixture(params=sorted(KINDS))
def kind(request: pytest.FixtureRequest, exercised: Callable[[str], None]) -> str:
    """Each kind of database."""
    exercised(f"control store: {request.param}")
    return str(request.param)


@pytest.fixture
def address(kind: str, tmp_path: Path) -> str:
    """The address of an empty store."""
    return KINDS[kind](tmp_path)


@pytest.fixture
def store(address: str, tmp_path: Path) -> Iterator[Store]:
    """That store, open."""
    opened = open_at(address, tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def account(store: Store) -> Account:
    """An account in it."""
    with store.writing() as conn:
        return accounts.create(conn, "Shop")
