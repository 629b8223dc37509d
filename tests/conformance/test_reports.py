"""What a load tells of each table. Rules L28, L81 and L100 to L102 of docs/specs/loading.md, everywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.arrivals import arrival, typed
from tests.conformance.destinations import Warehouse, warehouse
from tidegate.destinations import DESTINATIONS
from tidegate.tables.prepare import Arrival, TableReport

AT = {"type": "string", "format": "date-time"}
EXACT = {"type": "number", "multipleOf": 1e-30}


@pytest.fixture(params=sorted(DESTINATIONS))
def shop(
    request: pytest.FixtureRequest, tmp_path: Path, exercised: Callable[[str], None]
) -> Iterator[Warehouse]:
    """One empty warehouse of each kind."""
    exercised(f"reports: {request.param}")
    with warehouse(request.param, tmp_path) as it:
        yield it


def load(shop: Warehouse, *arrivals: Arrival) -> TableReport:
    """Load requests together, and return the report of their one table."""
    progress = shop.destination.progress("journal-1")
    after = progress.upto if progress is not None else 0
    [report] = shop.prepare(*arrivals).reports
    shop.load(*arrivals, after=after, upto=after + 1)
    return report


def bounds(report: TableReport) -> dict[str, tuple[Any, Any]]:
    """Return least and greatest of each bookmark."""
    return {each.field: (each.least, each.greatest) for each in report.bookmarks}


def test_a_report_tells_rows_elements_rejections_and_bounds(shop: Warehouse) -> None:
    """Of two requests in one load, whatever columns the values went to. (L100 to L102)"""
    fields = typed(at=AT, price=EXACT)
    about: dict[str, Any] = {"schema": fields, "bookmarks": ["at", "price", "who"], "table_version": 4}
    report = load(
        shop,
        arrival(
            {
                "id": 1,
                "at": "2026-01-01T00:00:00+02:00",
                "price": Decimal("9.5"),
                "who": "b",
                "c": [1, {"d": [2]}],
            },
            {"id": 2, "at": None, "price": Decimal("10.25"), "who": "a"},
            extracted=["2026-01-05T00:00:00Z", "2026-01-04T00:00:00Z"],
            **about,
        ),
        arrival(
            {"id": 2, "at": "2025-12-31T23:00:00.5Z", "who": "c"},
            {"id": "x", "who": "z"},
            position=2,
            **about,
        ),
    )
    assert (2, 1, ("id",), 4, False) == (
        report.rows,
        report.rejected,
        report.key_names,
        report.table_version,
        report.activated,
    )
    assert {
        "at": ("2025-12-31T22:00:00Z", "2025-12-31T23:00:00.5Z"),
        "price": ("9.5", "10.25"),
        "who": ("a", "c"),
    } == bounds(report)
    assert "2026-01-05T00:00:00Z" == report.extracted_at_max
    assert [("c", "cars__c", 2), ("c__d", "cars__c__d", 1)] == [
        (each.array, each.destination_table, each.rows) for each in report.subtables
    ]


def test_bounds_are_those_of_split_columns_together(shop: Warehouse) -> None:
    """Numbers of several types are numbers; texts beside them do not count. (L101)"""
    load(shop, arrival({"id": 1, "n": 5}))
    report = load(
        shop,
        arrival(
            *(
                {"id": 2 + place, "n": value}
                for place, value in enumerate([7, 6.5, Decimal("7.25"), "x", None])
            ),
            position=2,
            bookmarks=["n", "absent"],
        ),
    )
    assert {"n": ("6.5", "7.25"), "absent": (None, None)} == bounds(report)


def test_a_report_tells_of_versions(shop: Warehouse) -> None:
    """What was dropped, and that another version became the active one; or already was. (L81, L102)"""
    load(shop, arrival({"id": 1}, table_version=3))
    report = load(
        shop,
        arrival({"id": 2}, table_version=4, position=2),
        arrival(table_version=4, position=3, activates=True),
        arrival({"id": 3}, {"id": 4}, table_version=3, position=4),
    )
    assert (4, True, 2, 1) == (report.table_version, report.activated, report.outdated, report.rows)
    again = load(shop, arrival(table_version=4, position=5, activates=True))
    assert (4, False, 0) == (again.table_version, again.activated, again.rows)
    assert 4 == load(shop, arrival({"id": 5}, position=6)).table_version


def test_texts_that_lost_a_character_are_counted(shop: Warehouse) -> None:
    """Where U+0000 has no place; elsewhere it is kept and nothing is said. (L28)"""
    report = load(shop, arrival({"id": "a", "t": "x\0y", "e": ["\0"]}, {"id": "b\0", "t": "z"}))
    found = [row["t"] for row in shop.ask("select t from cars order by t")]
    if shop.destination.capabilities.keeps_nul_in_text:
        assert ((), 0, ["x\0y", "z"]) == (report.warnings, report.rejected, found)
        return
    warning = "texts stored without the character U+0000, which PostgreSQL cannot store: 2"
    assert ((warning,), 1, ["xy"]) == (report.warnings, report.rejected, found)
