"""What suites share: the control store in every database, an empty warehouse of every kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conformance.control_stores import KINDS, open_at
from tests.conformance.destinations import Warehouse, warehouse
from tidegate.control import accounts
from tidegate.control.accounts import Account
from tidegate.control.store import Store
from tidegate.destinations import DESTINATIONS


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


@pytest.fixture(params=sorted(DESTINATIONS))
def empty(
    request: pytest.FixtureRequest, tmp_path: Path, exercised: Callable[[str], None]
) -> Iterator[Warehouse]:
    """One empty warehouse of each kind, open; a suite may say what it tests there with `SUITE`."""
    exercised(f"{getattr(request.module, 'SUITE', 'loading')}: {request.param}")
    with warehouse(request.param, tmp_path) as it:
        yield it
