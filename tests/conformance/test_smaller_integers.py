"""Integer columns that people made smaller than Tidegate does. Rules L16, L17, L23, L25, L29 and L86."""

from __future__ import annotations

import itertools
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.arrivals import arrival
from tests.conformance.destinations import SCHEMA, Warehouse, span
from tidegate.tables.model import AddColumn, Column, CreateSchema, CreateTable, Table, Type
from tidegate.tables.prepare import Arrival
from tidegate.tables.system import COLUMN_TYPES, GENERATED_KEY

ALWAYS = tuple(Column(name=name, type=kind) for name, kind in COLUMN_TYPES.items() if name != GENERATED_KEY)
CARS = Table(
    schema_name=SCHEMA,
    name="cars",
    columns=(
        Column(name="id", type=Type.INTEGER, nullable=False, bits=32),
        Column(name="n", type=Type.INTEGER, bits=32),
        Column(name="s", type=Type.INTEGER, bits=16),
        *ALWAYS,
    ),
    key_columns=("id",),
)
LOG = Table(
    schema_name=SCHEMA,
    name="log",
    columns=(
        Column(name="n", type=Type.INTEGER, bits=32),
        Column(name="s", type=Type.INTEGER, bits=16),
        Column(name=GENERATED_KEY, type=Type.STRING),
        *ALWAYS,
    ),
)


@pytest.fixture
def shop(empty: Warehouse) -> Warehouse:
    """One warehouse of each kind with a keyed and a keyless table of small integers, both empty."""
    for change in (CreateSchema(schema_name=SCHEMA), CreateTable(table=CARS), CreateTable(table=LOG)):
        empty.destination.apply(change)
    return empty


def load(shop: Warehouse, *arrivals: Arrival) -> None:
    """Load requests, each in a load of its own, after those before."""
    for each in arrivals:
        progress = shop.destination.progress("journal-1")
        after = progress.upto if progress is not None else 0
        shop.load(each, after=after, upto=after + 1)


def rows(shop: Warehouse, columns: str, table: str = "cars") -> list[tuple[Any, ...]]:
    """Return some columns of a table, ordered."""
    return [tuple(row.values()) for row in shop.ask(f"select {columns} from {table} order by {columns}")]


def refused(shop: Warehouse) -> list[str]:
    """Return the reasons why records were rejected."""
    return [reason for (reason,) in rows(shop, "reason", "_sdc_rejected")]


def out_of_range(shop: Warehouse, value: int) -> str:
    """Return the documented words."""
    return f"integer out of range for {shop.destination.capabilities.display_name} on {value}"


def test_columns_come_back_with_their_range(shop: Warehouse) -> None:
    """They have a type that values go to, and a range of their own. (D2)"""
    found = {each.name: each for each in shop.destination.tables(SCHEMA)}
    told = [(column.type, column.bits) for column in found["cars"].columns[:3]]
    assert [(Type.INTEGER, 32), (Type.INTEGER, 32), (Type.INTEGER, 16)] == told
    assert {None} == {column.bits for column in found["cars"].columns[3:]}


def test_integers_that_fit_go_in_and_others_are_rejected(shop: Warehouse) -> None:
    """To the last value of each side, with the documented words, and nothing is widened. (L25)"""
    ends = [("n", 31), ("s", 15)]
    for name, bits in ends:
        fitting = [{"id": bits, name: 2**bits - 1}, {"id": -bits, name: -(2**bits)}]
        beyond = [{"id": 99, name: 2**bits}, {"id": 99, name: -(2**bits) - 1}]
        load(shop, arrival(*fitting), arrival(*beyond))
    assert [
        *((-31, -(2**31), None), (-15, None, -(2**15)), (15, None, 2**15 - 1), (31, 2**31 - 1, None)),
    ] == rows(shop, "id, n, s")
    beyond_all = [value for _, bits in ends for value in (2**bits, -(2**bits) - 1)]
    assert sorted(out_of_range(shop, value) for value in beyond_all) == refused(shop)


def test_rows_of_a_table_without_keys_fit_too(shop: Warehouse) -> None:
    """Where nothing is replaced either. (L25, L63)"""
    load(shop, arrival({"n": 1}, {"n": 2**31}, {"n": None}, {"n": -5}, keys=(), table_name="log"))
    assert [-5, 1] == [n for (n,) in rows(shop, "n", "log") if n is not None]
    assert ([(3,)], [out_of_range(shop, 2**31)]) == (rows(shop, "count(*)", "log"), refused(shop))


def test_values_of_other_types_stand_beside(shop: Warehouse) -> None:
    """The column gets the name of small integers, keeps them, and new ones find it. (L29)"""
    load(
        shop,
        arrival({"id": 1, "n": 1}, {"id": 2, "n": "x"}),
        arrival({"id": 3, "n": True}, {"id": 4, "n": 4}, {"id": 5, "n": 2**31}, {"id": 6, "n": 2.5}),
    )
    assert [
        (1, 1, None, None, None),
        (2, None, "x", None, None),
        (3, None, None, True, None),
        (4, 4, None, None, None),
        (6, None, None, None, 2.5),
    ] == rows(shop, "id, n__it, n__st, n__bo, n__do")
    assert [out_of_range(shop, 2**31)] == refused(shop)


def test_a_column_for_all_integers_beside_takes_them_all(shop: Warehouse) -> None:
    """Whoever wants larger ones makes it, under the name it would have. (L29)"""
    wide = Column(name="n__bi", type=Type.INTEGER)
    shop.destination.apply(AddColumn(schema_name=SCHEMA, table_name="cars", column=wide))
    load(shop, arrival({"id": 1, "n": 2**31}, {"id": 2, "n": 2}))
    assert [(1, None, 2**31), (2, None, 2)] == rows(shop, "id, n, n__bi")


def test_keys_of_fewer_bits_replace_their_rows_and_elements(shop: Warehouse) -> None:
    """Elements have keys of any size; a key that does not fit has its record rejected. (L25, L61, L74)"""
    load(
        shop,
        arrival({"id": 1, "n": 1, "b": ["x", "y"]}, {"id": 2**31, "b": ["z"]}),
        arrival({"id": 1, "n": 2, "b": ["new"]}, {"id": "1"}, position=2),
    )
    assert ([(1, 2)], [(1, "new")]) == (
        rows(shop, "id, n"),
        rows(shop, "_sdc_source_key_id, value", "cars__b"),
    )
    misfit = "Primary Key type for id does not match Primary Key type in existing table"
    assert sorted([out_of_range(shop, 2**31), misfit]) == refused(shop)


def test_a_rejected_integer_decides_no_type(shop: Warehouse) -> None:
    """What else is in its record makes no column. (L23)"""
    load(shop, arrival({"id": 1, "n": 2**31, "new": "x"}, {"id": 2, "new": 2}))
    assert [(2, 2)] == rows(shop, "id, new")


def test_a_new_column_takes_any_integer_of_64_bits(shop: Warehouse) -> None:
    """However small its first value is, and its neighbours are. (L17)"""
    load(shop, arrival({"id": 1, "new": 1}), arrival({"id": 2, "new": 2**63 - 1}))
    assert [(1, 1), (2, 2**63 - 1)] == rows(shop, "id, new")


def test_versions_kept_apart_fit_when_they_are_taken_over(shop: Warehouse) -> None:
    """What does not fit is rejected when it comes, not when its version is activated. (L85, L86)"""
    load(shop, arrival({"id": 1, "n": 1}, table_version=1))
    shop.staged = True
    load(
        shop,
        arrival({"id": 1, "n": 2}, {"id": 2, "n": 2**31}, {"id": 3, "n": "x"}, table_version=2),
        arrival(table_version=2, activates=True),
    )
    assert [(1, 2, None), (3, None, "x")] == rows(shop, "id, n__it, n__st")
    assert [out_of_range(shop, 2**31)] == refused(shop)


def test_a_column_that_became_smaller_waits_for_somebody(shop: Warehouse) -> None:
    """Rows that are kept apart may not fit it any more. (L86)"""
    load(shop, arrival({"id": 1, "m": 1, "n": 1}, table_version=1))
    shop.staged = True
    load(shop, arrival({"id": 1, "m": 2**31}, table_version=2))
    shop.people("alter table shop.cars alter column m type integer")
    [(table, reason)] = shop.prepare(arrival(table_version=2, activates=True)).held.items()
    assert ("cars", True) == (table, reason.startswith("column m of cars was changed while rows of its next"))


def test_what_people_make_of_our_columns_loads_on(shop: Warehouse) -> None:
    """Keys, values and level numbers, of keyed and keyless tables alike. (L16, L25)"""
    load(
        shop,
        arrival({"id": 1, "b": [1]}, table_name="vans"),
        arrival({"m": 1, "b": [1]}, keys=(), table_name="notes"),
    )
    for column in ("vans.id", "vans__b._sdc_level_0_id", "notes.m", "notes._sdc_table_version"):
        table, _, name = column.partition(".")
        shop.people(f"alter table shop.{table} alter column {name} type smallint")
    load(
        shop,
        arrival({"id": 1, "b": [2]}, {"id": 2**15}, table_name="vans"),
        arrival({"m": 2, "b": [2]}, {"m": 2**15}, keys=(), table_name="notes"),
    )
    assert ([(1,)], [(1, 0, 2)]) == (
        rows(shop, "id", "vans"),
        rows(shop, "_sdc_source_key_id, _sdc_level_0_id, value", "vans__b"),
    )
    assert ([(1,), (2,)], [(1,), (2,)]) == (rows(shop, "m", "notes"), rows(shop, "value", "notes__b"))
    assert [out_of_range(shop, 2**15)] * 2 == refused(shop)


# --- The quick way and the careful one ---------------------------------------------------------------------

AROUND = st.one_of(
    st.integers(-(2**33), 2**33),
    st.sampled_from([each + step for each in (2**31, -(2**31), 2**15, -(2**15)) for step in (-1, 0, 1)]),
)
OTHERS = st.sampled_from([None, "x", True, 2.5, Decimal("0.1234567890123456789"), 2**63])
_numbers = itertools.count(1)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    values=st.lists(AROUND, max_size=6),
    others=st.lists(OTHERS, max_size=2),
    name=st.sampled_from(["n", "s"]),
    table=st.sampled_from([CARS, LOG]),
)
def test_a_value_stands_exactly_as_it_was_sent_or_its_record_is_rejected(
    shop: Warehouse, values: list[int], others: list[Any], name: str, table: Table
) -> None:
    """Integers read all at once, and one by one among others; in every warehouse alike. (L24, L25)"""
    schema = f"s{next(_numbers)}"
    for change in (CreateSchema(schema_name=schema), CreateTable(table=replace(table, schema_name=schema))):
        shop.destination.apply(change)
    about: dict[str, Any] = {"keys": table.key_columns, "table_name": table.name}
    sent = arrival(*({"id": place, name: value} for place, value in enumerate([*values, *others])), **about)
    parts = shop.prepare(sent, schema_name=schema).parts
    shop.destination.load(parts, span(0, 1, f"journal of {schema}"))
    there = shop.ask(f"select * from {table.name}", schema)
    column = f"{name}__it" if any(f"{name}__it" in row for row in there) else name
    bound = 2**31 if name == "n" else 2**15
    fits = [value for value in values if -bound <= value < bound]
    assert sorted(fits) == sorted(row[column] for row in there if row[column] is not None)
    too_large = [value for value in [*values, *others] if type(value) is int and not -bound <= value < bound]
    reasons = shop.ask("select reason from _sdc_rejected", schema)
    assert sorted(out_of_range(shop, value) for value in too_large) == sorted(
        row["reason"] for row in reasons
    )
    if shop.kind != "memory":
        shop.people(f"drop schema {schema} cascade")  # the last example is no slower than the first
