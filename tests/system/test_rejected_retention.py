"""The running loader forgets rejected records, and what was done with them, when their retention is over."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.conformance.destinations import ADDRESSES, PEOPLE
from tests.product import Product
from tests.waiting import wait_until

DAY_MS = 86_400_000
KINDS = ("duckdb", "postgresql")


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """One kind of warehouse that outlives its process."""
    return str(request.param)


@pytest.fixture
def address(kind: str, tmp_path: Path) -> str:
    """Where the warehouse is: what follows `<kind>://`."""
    return ADDRESSES[kind](tmp_path)


@pytest.fixture
def product(tmp_path: Path, kind: str, address: str) -> Iterator[Product]:
    """A started product."""
    flags = ("--workers", "1", "--destination", f"{kind}://{address}")
    running = Product(tmp_path / "data", flags=flags, environ={"TIDEGATE_LOAD_WAIT_S": "0.1"})
    running.start()
    yield running
    running.close()


def listed(product: Product) -> list[str]:
    """Return the ids of all rejected records, those put aside too."""
    found = json.loads(product.run("rejected", "list", "--marked", "--json").stdout)
    found += json.loads(product.run("rejected", "list", "--json").stdout)
    return sorted({each["id"] for each in found})


def marks(product: Product, sql: str) -> int:
    """Run a statement about the marks in the control store."""
    with closing(sqlite3.connect(product.data_dir / "control.db")) as store, store:
        return int((store.execute(sql).fetchone() or (0,))[0])


def test_rejected_records_go_when_their_retention_is_over(
    product: Product, kind: str, address: str, exercised: Callable[[str], None]
) -> None:
    """Those of a week ago are gone with their marks, those of today stay, and so does _sdc_rejected. (L44)"""
    exercised(f"retention of rejected records: {kind}")
    with product.client() as client:
        body = [product.record("cars", 1, {"id": id_}) for id_ in (1, "x", "y", "z")]
        client.post("/v2/import/push", json=body).raise_for_status()
    product.wait_until_loaded()
    ids = listed(product)
    assert 3 == len(ids)
    assert "3 records of the last loads were rejected" in str(product.status()["warnings"])
    product.run("rejected", "discard", ids[0])
    product.stop()
    PEOPLE[kind](
        address,
        "update _tidegate.rejected set rejected_at = rejected_at - interval '8 days' where place < 3",
    )
    marks(product, f"update rejected_marks set marked_at = marked_at - {9 * DAY_MS}")
    product.start()
    wait_until(
        lambda: marks(product, "select count(*) from rejected_marks") == 0, within_s=60, what="marks to go"
    )
    assert ids[-1:] == listed(product)
    assert [{"n": 3}] == product.rows("select count(*) as n from _sdc_rejected")
