"""Whatever is sent, every destination ends with what the slow reference says."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.arrivals import arrival
from tests.conformance.destinations import Warehouse, span, warehouse
from tests.conformance.reference import Reference, counted
from tidegate.destinations import DESTINATIONS
from tidegate.tables.prepare import Arrival

SYSTEM = {
    *("_sdc_received_at", "_sdc_batched_at", "_sdc_sequence", "_sdc_table_version"),
    *("__sdc_primary_key", "_sdc_source_key___sdc_primary_key"),
}
_numbers = itertools.count()


@pytest.fixture(params=sorted(DESTINATIONS))
def shop(
    request: pytest.FixtureRequest, tmp_path: Path, exercised: Callable[[str], None]
) -> Iterator[Warehouse]:
    """One empty warehouse of each kind, open, whose generated keys are all different."""
    exercised(f"loading against the reference: {request.param}")
    with warehouse(request.param, tmp_path) as it:
        it.new_uuids = lambda count: [f"uuid {next(_numbers)}" for _ in range(count)]
        yield it


SCALARS = st.sampled_from(
    [
        None,
        0,
        1,
        -5,
        2**63,
        1.5,
        -0.25,
        True,
        False,
        "x",
        "",
        "1",
        Decimal("1.25"),
        Decimal("0.12345678901234"),
    ]
)


def values(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Objects and arrays of values. Their names tell them apart, so that no two subtables share one."""
    objects = st.dictionaries(st.sampled_from(["o1", "o2"]), inner, max_size=2)
    elements = st.dictionaries(st.sampled_from(["e1", "e2"]), inner, max_size=2)
    return objects | st.lists(inner.filter(lambda value: type(value) is not dict) | elements, max_size=3)


VALUES = st.recursive(SCALARS, values, max_leaves=5)
RECORDS = st.dictionaries(st.sampled_from(["a", "b"]), VALUES, max_size=2)
KEYS = st.sampled_from([0, 1, 2, 2, 1, 0, "0", 2**63])


@st.composite
def batches(draw: st.DrawFn, *, keyed: bool) -> Arrival:
    """Return one batch: a few records, with or without version and activation."""
    records = draw(st.lists(RECORDS, max_size=3))
    return arrival(
        *({"id": draw(KEYS) if keyed else 1} | record for record in records),
        keys=("id",) if keyed else (),
        table_name="t",
        sequences=[draw(st.integers(0, 3)) for _ in records],
        table_version=draw(st.sampled_from([None, None, 1, 1, 2, 3])),
        activates=draw(st.sampled_from([False, False, True])),
    )


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), keyed=st.booleans())
def test_any_requests_end_as_the_reference_says(shop: Warehouse, data: st.DataObject, keyed: bool) -> None:
    """Rows, columns, elements and rejections are the same, however requests fall into loads. (L10 to L83)"""
    first = arrival({"id": 0}, keys=("id",) if keyed else (), table_name="t", sequences=[0])
    loads = [[first], *data.draw(st.lists(st.lists(batches(keyed=keyed), max_size=3), max_size=3))]
    schema = f"s{next(_numbers)}"
    reference = Reference("t", keyed)
    for upto, load in enumerate(loads, start=1):
        reference.load(load)
        parts = shop.prepare(*load, schema_name=schema).parts
        shop.destination.load(parts, span(upto - 1, upto, f"journal of {schema}"))
    tables = {table.name: table for table in shop.destination.tables(schema)}
    rejected = shop.ask("select * from _sdc_rejected", schema) if tables.pop("_sdc_rejected", None) else []
    assert reference.rejected == len(rejected)
    assert set(reference.fields) == set(tables)
    for name, expected in reference.contents().items():
        own = {column.name for column in tables[name].columns} - SYSTEM
        keys = {column for column in own if column.startswith(("_sdc_source_key", "_sdc_level"))}
        assert reference.columns(name) == own - keys
        there = shop.ask(f'select * from "{name}"', schema)
        assert expected == counted(
            {column: row[column] for column in own if row[column] is not None} for row in there
        )
