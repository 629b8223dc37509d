"""What a person gives up of a table's waiting records. Rule L92 of docs/specs/loading.md, everywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.arrivals import BATCHED_AT_MS, arrival
from tests.conformance.destinations import JOURNAL, SCHEMA, Warehouse, warehouse
from tidegate.destinations import DESTINATIONS
from tidegate.loader.load import Done, Load, Source, load_arrivals
from tidegate.logs import open_log
from tidegate.tables.model import Held
from tidegate.tables.prepare import Arrival

LOG = open_log(log_format="json", log_level="error", process="test")


@pytest.fixture(params=sorted(DESTINATIONS))
def shop(
    request: pytest.FixtureRequest, tmp_path: Path, exercised: Callable[[str], None]
) -> Iterator[Warehouse]:
    """One warehouse of each kind with one car."""
    exercised(f"discards: {request.param}")
    with warehouse(request.param, tmp_path) as it:
        load(it, arrival({"id": 1}, table_version=1, position=1), upto=1)
        yield it


def load(
    shop: Warehouse, *arrivals: Arrival, upto: int, discards: dict[str, int] | None = None, only: bool = False
) -> Done:
    """Load requests as the loader does; with `only`, catch up on the held table."""
    before = shop.destination.progress(JOURNAL)
    held: Held | None = before.held[0] if only and before is not None else None
    start = held.after if held is not None else before.upto if before is not None else 0
    what = Load(
        journal_id=JOURNAL, before=before, start=start, upto=upto, batched_at_ms=BATCHED_AT_MS, only=held
    )
    source = Source(source_id=1, schema_name=SCHEMA, discards=discards or {})
    return load_arrivals(shop.destination, {1: list(arrivals)}, what, {1: source}, log=LOG)


def rejected(shop: Warehouse) -> list[tuple[Any, ...]]:
    """Return reasons and records of what was rejected, in order of requests."""
    reasons = {row["record"]: row["reason"] for row in shop.ask("select reason, record from _sdc_rejected")}
    whole = shop.ask("select position, place, reason from rejected order by 1, 2", "_tidegate")
    assert sorted(reasons.values()) == sorted(row["reason"] for row in whole)
    return [(row["position"], row["place"], row["reason"]) for row in whole]


def test_what_is_given_up_is_rejected_whole_and_holds_nothing(shop: Warehouse) -> None:
    """Up to the position and in order, whatever holds the table; what came later loads. (L92)"""
    wrong = arrival({"id": 2, "b": 1}, {"id": 3, "b": 2}, keys=("b",), position=2)
    right = arrival({"id": 4}, position=3)
    late = arrival({"id": 5}, position=4)
    assert ["cars"] == [held.table_name for _, held in load(shop, wrong, right, late, upto=4).held]
    done = load(
        shop,
        wrong,
        right,
        late,
        upto=4,
        discards={"Cars" if shop.kind != "postgresql" else "cars": 3},
        only=True,
    )
    reason = (
        "discarded while its table waited: Primary Keys for table do not match Primary Keys of incoming data"
    )
    assert [(2, 0, reason), (2, 1, reason), (3, 0, reason)] == rejected(shop)
    assert [1, 5] == [row["id"] for row in shop.ask("select id from cars order by id")]
    assert done.progress is not None
    assert ((), [3]) == (done.progress.held, [each.rejected for _, each in done.tables])


def test_an_activation_that_is_given_up_ends_no_rows(shop: Warehouse) -> None:
    """The version whose rows are given up is not the active one. (L92)"""
    load(shop, arrival({"id": 2}, table_version=2, position=2, activates=True), upto=2, discards={"cars": 2})
    assert [1] == [row["id"] for row in shop.ask("select id from cars")]
    assert [(2, 0, "discarded unloaded")] == rejected(shop)


def test_a_table_whose_column_was_dropped_can_be_given_up(shop: Warehouse) -> None:
    """Nothing is to be written there, so nothing is in the way. (L90, L92)"""
    shop.people("alter table shop.cars drop column _sdc_sequence")
    waits = arrival({"id": 2}, position=2)
    assert [1] == [held.after for _, held in load(shop, waits, upto=2).held]
    load(shop, waits, upto=2, discards={"cars": 2}, only=True)
    assert [(2, 0)] == [each[:2] for each in rejected(shop)]
    assert ["cars"] == [
        held.table_name for _, held in load(shop, arrival({"id": 3}, position=3), upto=3).held
    ]
