"""
Every destination keeps rejected records whole beside the load, and forgets old ones.

Rules L44 of docs/specs/loading.md, D12 of docs/specs/destination.md.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.arrivals import BATCHED_AT_MS, arrival
from tests.conformance.destinations import Warehouse, span, warehouse
from tidegate.destinations import DESTINATIONS
from tidegate.tables.whole import WHOLE_CHANGES, WHOLE_TABLE, whole_part


@pytest.fixture(params=sorted(DESTINATIONS))
def shop(
    request: pytest.FixtureRequest, tmp_path: Path, exercised: Callable[[str], None]
) -> Iterator[Warehouse]:
    """One empty warehouse of each kind, open."""
    exercised(f"destination: {request.param}")
    with warehouse(request.param, tmp_path) as it:
        yield it


def test_rejected_records_are_kept_with_their_load(shop: Warehouse) -> None:
    """They are written in the load's transaction, do not count as rows, and can be asked for. (L44)"""
    for upto in (1, 2):
        load = shop.prepare(arrival({"id": upto}, {"id": 9, "a__st": "ä\0"}, position=upto))
        for change in WHOLE_CHANGES:
            shop.destination.apply(change)
        parts = [*load.parts, whole_part("journal-1", load.rejected, rejected_at_ms=BATCHED_AT_MS)]
        assert 1 == shop.destination.load(parts, span(upto - 1, upto)).rows
    asked = shop.ask('select * from "_tidegate"."rejected" order by "position"')
    assert [(1, 1), (2, 1)] == [(row["position"], row["place"]) for row in asked]
    assert [column.name for column in WHOLE_TABLE.columns] == list(asked[0])
    assert {"id": 9, "a__st": "ä\0"} == json.loads(asked[0]["message"])[0]["data"]


def test_old_records_are_forgotten_some_at_a_time(shop: Warehouse) -> None:
    """As many as asked for, none that is younger, and nothing where there never was one. (D12)"""
    assert 0 == shop.destination.forget(BATCHED_AT_MS, rows_max=10)
    ages_ms = (3_000, 2_000, 1_000, 0)
    for upto, age_ms in enumerate(ages_ms, start=1):
        load = shop.prepare(arrival({"id": upto}, {"id": 9, "a__st": 1}, position=upto))
        for change in WHOLE_CHANGES:
            shop.destination.apply(change)
        whole = whole_part("journal-1", load.rejected, rejected_at_ms=BATCHED_AT_MS - age_ms)
        shop.destination.load([*load.parts, whole], span(upto - 1, upto))
    assert 2 == shop.destination.forget(BATCHED_AT_MS, rows_max=2)
    assert 1 == shop.destination.forget(BATCHED_AT_MS, rows_max=2)
    assert 0 == shop.destination.forget(BATCHED_AT_MS, rows_max=2)
    assert [{"position": 4}] == shop.ask('select "position" from "_tidegate"."rejected"')
    assert [{"n": 4}] == shop.ask("select count(*) as n from _sdc_rejected")
