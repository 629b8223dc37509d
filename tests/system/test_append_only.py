"""Rows only added, as people switch it on and off: commands, requests, and what PostgreSQL has then."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.conformance import postgres_server
from tests.product import Product


@pytest.fixture
def address() -> str:
    """An empty database."""
    return f"postgresql://{postgres_server.address(Path())}"


@pytest.fixture
def product(tmp_path: Path, address: str) -> Iterator[Product]:
    """A started product that loads into it at once."""
    flags = ("--workers", "1", "--destination", address)
    running = Product(tmp_path / "data", flags=flags, environ={"TIDEGATE_LOAD_WAIT_S": "0.1"})
    running.start()
    yield running
    running.close()


def push(product: Product, sequence: int, n: int) -> None:
    """Push a version of one row with one element, and wait until it is loaded."""
    record = product.record("cars", sequence, {"id": 1, "n": n, "parts": [{"m": n}]}, "id")
    with product.client() as client:
        client.post("/v2/import/push", json=[record]).raise_for_status()
    product.wait_until_loaded()


def seen(product: Product) -> list[tuple[int, int]]:
    """Return rows and their elements."""
    same = "id = _sdc_source_key_id and cars._sdc_sequence = cars__parts._sdc_sequence"
    found = product.rows(f"select n, m from cars join cars__parts on {same} order by n")
    return [(row["n"], row["m"]) for row in found]


def warnings(product: Product) -> Any:
    """Return what the newest load warned of."""
    return json.loads(product.run("loads", "--limit", "1", "--json").stdout)[0]["warnings"]


def test_rows_are_added_and_replaced_as_it_is_said(
    product: Product, address: str, exercised: Callable[[str], None]
) -> None:
    """For a running server, at once; dropped keys are told of, and replacing needs them back. (L64 to L66)"""
    exercised("commands: sources set --append-only")
    push(product, 1, 1)
    product.run("sources", "set", "import_api", "--append-only")
    push(product, 2, 2)
    assert [(1, 1), (2, 2)] == seen(product)
    told = "the primary key of {} was dropped, since its rows are only added now"
    children = "cars__parts over _sdc_source_key_id, _sdc_level_0_id"
    assert [told.format("cars over id"), told.format(children)] == warnings(product)
    push(product, 0, 3)
    assert ([(1, 1), (2, 2), (3, 3)], []) == (seen(product), warnings(product))
    off = product.run("sources", "set", "import_api", "--no-append-only", "--json").stdout
    assert json.loads(off)["append_only"] is False
    with psycopg.connect(address, autocommit=True) as person:
        person.execute(
            "delete from import_api.cars where ctid not in (select distinct on (id) ctid from import_api.cars"
            " order by id, _sdc_sequence desc, _sdc_batched_at desc)"
        )
        person.execute("alter table import_api.cars add primary key (id)")
    push(product, 9, 9)
    assert [(9, 9)] == seen(product)
    assert [{"rows": 1}] == product.rows("select count(*) as rows from cars__parts")
