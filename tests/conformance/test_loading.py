"""Requests in, rows out: docs/specs/loading.md over every destination."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.arrivals import arrival
from tests.conformance.destinations import Warehouse, warehouse
from tests.datasets import ROWS, dataset
from tidegate.destinations import DESTINATIONS
from tidegate.tables.prepare import Arrival

ROWS_EACH_LOAD = 800


@pytest.fixture(params=sorted(DESTINATIONS))
def shop(
    request: pytest.FixtureRequest, tmp_path: Path, exercised: Callable[[str], None]
) -> Iterator[Warehouse]:
    """One empty warehouse of each kind, open."""
    exercised(f"loading: {request.param}")
    with warehouse(request.param, tmp_path) as it:
        yield it


def load(shop: Warehouse, *loads: Arrival | list[Arrival]) -> None:
    """Load requests one after another, or several in one load."""
    progress = shop.destination.progress("journal-1")
    start = progress.upto if progress is not None else 0
    for after, arrivals in enumerate(loads, start=start):
        each = arrivals if isinstance(arrivals, list) else [arrivals]
        shop.load(*each, after=after, upto=after + 1)


def rows(shop: Warehouse, table: str = "cars") -> list[dict[str, Any]]:
    """Return the rows of a table, ordered, without system columns and nulls."""
    found = sorted(
        shop.ask(f'select * from "{table}"'), key=lambda row: [(v is None, v) for v in row.values()]
    )
    return [
        {name: value for name, value in row.items() if not _is_system(name) and value is not None}
        for row in found
    ]


def _is_system(name: str) -> bool:
    return name.startswith(("_sdc", "__sdc")) and not name.startswith(("_sdc_source_key", "_sdc_level"))


def rejected(shop: Warehouse) -> list[tuple[str, str, str]]:
    """Return table, reason and record of what was rejected."""
    found = shop.ask("select * from _sdc_rejected order by 1, 2, 3, 4")
    return [(row["table_name"], row["reason"], row["record"]) for row in found]


# --- Split columns -----------------------------------------------------------------------------------------


def test_the_documented_example_of_a_split(shop: Warehouse) -> None:
    """Numbers with and without point, then texts beside true and false. (L29)"""
    first = arrival(
        {"id": 1, "name": "Finn", "age": 15, "has_magic": False},
        {"id": 2, "name": "Jake", "age": 7, "has_magic": True},
    )
    second = arrival(
        {"id": 3, "name": "Bubblegum", "age": 16.0, "has_magic": "yes"},
        {"id": 4, "name": "Beemo", "age": 11, "has_magic": False},
        position=2,
    )
    load(shop, first, second)
    assert [
        {"id": 1, "name": "Finn", "age__bi": 15, "has_magic__bo": False},
        {"id": 2, "name": "Jake", "age__bi": 7, "has_magic__bo": True},
        {"id": 3, "name": "Bubblegum", "age__do": 16.0, "has_magic__st": "yes"},
        {"id": 4, "name": "Beemo", "age__bi": 11, "has_magic__bo": False},
    ] == rows(shop)


def test_a_third_type_and_growing_decimals_find_their_columns(shop: Warehouse) -> None:
    """Also after the split, also when the decimals get longer. (L26, L29)"""
    values = [1, "x", Decimal("1.5"), 2, Decimal("0.12345678901234567890"), 2.5, True]
    load(shop, *(arrival({"id": id_, "a": value}, position=id_) for id_, value in enumerate(values, 1)))
    assert values == [next(value for name, value in row.items() if name != "id") for row in rows(shop)]
    assert [] == rejected(shop)


def test_a_table_of_real_films_loads_completely(shop: Warehouse) -> None:
    """Titles that are numbers, ratings with and without point: values stand by type. (L29, L41)"""
    films = json.loads(dataset("movies.json").read_text())
    loads = [
        arrival(*films[start : start + ROWS_EACH_LOAD], keys=(), position=start + 1)
        for start in range(0, len(films), ROWS_EACH_LOAD)
    ]
    load(shop, *loads)
    assert (ROWS["movies.json"], []) == (len(rows(shop)), rejected(shop))
    titles = shop.ask('select coalesce("Title__st", cast("Title__bi" as varchar)) as title from cars')
    assert sorted(str(film["Title"]) for film in films if film["Title"] is not None) == sorted(
        row["title"] for row in titles if row["title"] is not None
    )
