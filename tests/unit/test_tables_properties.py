"""The quick way through a load and the careful one mean the same. Rules of docs/specs/loading.md."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.arrivals import DUCKDB_LIKE, arrival, prepared, rejections
from tidegate.tables.model import Column, Table, Type
from tidegate.tables.prepare import Prepared
from tidegate.tables.scales import decimal_array
from tidegate.tables.system import COLUMN_TYPES

ANY_DIGITS = replace(DUCKDB_LIKE, decimal_digits_max=None, decimal_scale_min=0)
DECIMALS_EACH = 5_000
LISTS = 30

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**64), 2**64),
    st.sampled_from([2**31 - 1, 2**31, -(2**31) - 1, 2**15 - 1, 2**15, -(2**15) - 1]),
    st.floats(),
    st.decimals(allow_nan=False, allow_infinity=False, places=4),
    st.text(max_size=3),
    st.datetimes(timezones=st.just(UTC)),
    st.sampled_from(["", "a\0b", "\ud800", "1", "2026-01-13T00:00:00Z"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.dictionaries(st.sampled_from(["x", "y"]), inner, max_size=2) | st.lists(inner, max_size=2)
    ),
    max_leaves=4,
)
RECORDS = st.lists(
    st.dictionaries(st.sampled_from(["a", "b", "c"]), VALUES, max_size=3).map(lambda data: {"id": 1} | data),
    max_size=4,
).map(lambda records: [record | {"id": place} for place, record in enumerate(records)])


def outcome(load: Prepared) -> Any:
    """Return tables, rows and rejections of a load in a form that can be compared; NaN equals nothing."""
    tables = {}
    for part in load.parts:
        for table, rows in [(part.table, part.rows), *((child.table, child.rows) for child in part.children)]:
            if not table.name.startswith("_sdc"):
                types = {name: str(rows.schema.field(name).type) for name in rows.column_names}
                there = sorted(repr(sorted(_without_system(row).items())) for row in rows.to_pylist())
                tables[table.name] = (types, there)
    return tables, sorted(rejections(load))


def _without_system(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name in _PLACES or not name.startswith("_sdc")}


_PLACES = {"_sdc_source_key_id", "_sdc_level_0_id", "_sdc_level_1_id", "_sdc_level_2_id", "_sdc_level_3_id"}


SMALL = Table(
    schema_name="shop",
    name="cars",
    columns=(
        Column(name="id", type=Type.INTEGER, nullable=False, bits=16),
        Column(name="a", type=Type.INTEGER, bits=32),
        Column(name="b__it", type=Type.INTEGER, bits=16),
        Column(name="b__st", type=Type.STRING),
        *(Column(name=name, type=kind) for name, kind in COLUMN_TYPES.items()),
    ),
    key_columns=("id",),
)
"""A table whose integers people made smaller."""


@given(RECORDS, st.sampled_from([[], [SMALL]]))
def test_a_neighbour_that_is_rejected_changes_nothing(
    records: list[dict[str, Any]], there: list[Table]
) -> None:
    """It makes native code give up every column; what is then read value by value is the same. (L23, L41)"""
    bad: dict[str, Any] = {"id": -1, "a": "\ud800", "b": "\ud800", "c": "\ud800"}
    tables, rejected = outcome(prepared(arrival(*records), tables=there))
    with_it, rejected_too = outcome(prepared(arrival(*records, bad), tables=there))
    assert (tables, 1 + len(rejected)) == (with_it, len(rejected_too))
    assert set(rejected) <= set(rejected_too)


@given(RECORDS)
def test_records_may_come_in_one_batch_or_in_many(records: list[dict[str, Any]]) -> None:
    """Within a load it makes no difference, for types, rows, elements and rejections. (L23, L29, L71)"""
    assert outcome(prepared(arrival(*records))) == outcome(prepared(*(arrival(each) for each in records)))


@given(RECORDS, st.randoms(use_true_random=False))
def test_fields_may_come_in_any_order(records: list[dict[str, Any]], dice: random.Random) -> None:
    """Only the order of new columns follows it. (L10)"""
    shuffled = [dict(sorted(record.items(), key=lambda _: dice.random())) for record in records]
    assert _unordered(prepared(arrival(*records))) == _unordered(prepared(arrival(*shuffled)))


def _unordered(load: Prepared) -> Any:
    """Return the outcome without the texts of rejected records, which show their fields in order."""
    tables, rejected = outcome(load)
    return tables, len(rejected)


@pytest.mark.parametrize("seed", range(LISTS))
def test_random_decimals_are_kept_to_the_digit_or_refused(seed: int) -> None:
    """150,000 of them, short, long and with exponents, however Arrow would read them. (L24, L26, L27)"""
    dice = random.Random(seed)  # noqa: S311 - a test's dice
    values = [decimal_at_random(dice, 1 + seed * 2) for _ in range(DECIMALS_EACH)]
    array, refused = decimal_array(values, DUCKDB_LIKE.decimal_scale_min, DUCKDB_LIKE)
    kept = array.to_pylist()
    wrong = [row for row, value in enumerate(values) if kept[row] != (None if row in refused else value)]
    assert [] == wrong
    texts, too_long = decimal_array(values, 0, ANY_DIGITS)
    assert {} == too_long
    assert values == [Decimal(text) for text in texts.to_pylist()]


def decimal_at_random(dice: random.Random, digits_max: int) -> Decimal:
    """Return a decimal of up to so many digits, its point anywhere, some with an exponent or zeros."""
    digits = dice.randint(1, digits_max)
    number = dice.randrange(10**digits)
    if dice.random() < 0.2:
        number = number // 1_000 * 1_000
    exponent = -dice.randint(0, digits) if dice.random() < 0.9 else dice.randint(-digits_max, digits_max)
    return Decimal(f"{dice.choice(['', '-'])}{number}E{exponent}")
