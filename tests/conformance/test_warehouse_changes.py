"""What people change in their warehouse, and what becomes of it. Rules L12, L16, L29, L75, L90 and L91."""

from __future__ import annotations

from typing import Any

import pytest

from tests.arrivals import arrival
from tests.conformance.destinations import Warehouse
from tidegate.errors import TableHeld
from tidegate.tables.prepare import Prepared

ONLY_ADDED = (
    "the primary key over id is gone, so rows are only added and replace none; put it back, or drop the table"
    " to have it made anew"
)


@pytest.fixture
def shop(empty: Warehouse) -> Warehouse:
    """One warehouse of each kind with two cars in it."""
    push(empty, {"id": 1, "a": 1, "b": ["x"]}, {"id": 2, "a": 2, "b": ["y", "z"]})
    return empty


def push(shop: Warehouse, *records: dict[str, Any], **about: Any) -> Prepared:
    """Load one request after all those before."""
    progress = shop.destination.progress("journal-1")
    after = progress.upto if progress is not None else 0
    load = shop.prepare(arrival(*records, position=after + 1, **about))
    shop.load(arrival(*records, position=after + 1, **about), after=after, upto=after + 1)
    return load


def planned(shop: Warehouse, *records: dict[str, Any]) -> Prepared:
    """Return what a load would do."""
    return shop.prepare(arrival(*records, position=9))


def rows(shop: Warehouse, columns: str, table: str = "cars") -> list[tuple[Any, ...]]:
    """Return some columns of a table, ordered."""
    found = shop.ask(f"select {columns} from {table} order by {columns}")
    return [tuple(row.values()) for row in found]


def test_a_nullable_column_is_left_alone_or_filled(shop: Warehouse) -> None:
    """Add a column: records that have its name fill it, if their type fits; it does no harm. (L16)"""
    shop.people("alter table shop.cars add column mine varchar")
    shop.people("alter table shop.cars add column other varchar")
    if shop.kind == "postgresql":  # whose varchar is no type that we make
        shop.people("alter table shop.cars alter column other type text, alter column mine type text")
    push(shop, {"id": 3, "other": "new"}, {"id": 4, "other": 5})
    assert [(1, None, None), (2, None, None), (3, "new", None), (4, None, 5)] == rows(
        shop, "id, other__st, other__bi"
    )
    assert [(None,)] * 4 == rows(shop, "mine")


def test_a_column_that_nobody_fills_holds_the_table(shop: Warehouse) -> None:
    """Add a NOT NULL column without a default: nothing is taken until that changes. (L90)"""
    shop.people("delete from shop.cars")
    if shop.kind == "duckdb":
        shop.people("alter table shop.cars add column mine bigint")
        shop.people("alter table shop.cars alter column mine set not null")
    else:
        shop.people("alter table shop.cars add column mine bigint not null")
    with pytest.raises(TableHeld, match="mine was made NOT NULL"):
        push(shop, {"id": 3})
    shop.people("alter table shop.cars alter column mine drop not null")
    push(shop, {"id": 3})
    assert [(3,)] == rows(shop, "id")


def test_a_general_column_comes_back_with_its_next_value(shop: Warehouse) -> None:
    """Drop a column of the data: it is made again, and values before are null. (L12)"""
    shop.people("alter table shop.cars drop column a")
    push(shop, {"id": 3})
    assert "a" not in shop.ask("select * from cars")[0]
    push(shop, {"id": 4, "a": 4})
    assert [(1, None), (2, None), (3, None), (4, 4)] == rows(shop, "id, a")


def test_a_split_column_comes_back_too(shop: Warehouse) -> None:
    """Drop a column named for a type: it is made again. (L12, L29)"""
    push(shop, {"id": 3, "a": "x"})
    shop.people("alter table shop.cars drop column a__st")
    push(shop, {"id": 4, "a": "y"}, {"id": 5, "a": 5})
    assert [(1, 1, None), (2, 2, None), (3, None, None), (4, None, "y"), (5, 5, None)] == rows(
        shop, "id, a__bi, a__st"
    )


def test_a_dropped_key_column(shop: Warehouse) -> None:
    """Held; but where the key's constraint went with it, rows are only added, and told of. (L90, L91)"""
    shop.people("alter table shop.cars drop column id")
    if shop.kind == "duckdb":
        reason = "column id of cars was dropped; put it back, or drop the table to have it made anew"
        assert {"cars": reason} == planned(shop, {"id": 1}).held
        return
    assert ((ONLY_ADDED,), {}) == told(push(shop, {"id": 1, "a": 3, "b": ["new"]}))
    push(shop, {"id": 1, "a": 4, "b": []}, {"id": "x"})
    assert [(1, 3), (1, 4), (None, 1), (None, 2)] == rows(shop, "id, a")
    assert [("Primary Key type for id does not match Primary Key type in existing table",)] == rows(
        shop, "reason", "_sdc_rejected"
    )
    assert [(2, "y"), (2, "z")] == rows(shop, "_sdc_source_key_id, value", "cars__b")


def told(load: Prepared) -> tuple[tuple[str, ...], Any]:
    """Return warnings and held tables."""
    return load.reports[0].warnings, load.held


@pytest.mark.parametrize("column", ["_sdc_sequence", "_sdc_received_at", "_sdc_table_version"])
def test_a_dropped_system_column_holds_the_table(shop: Warehouse, column: str) -> None:
    """Drop a system column: nothing is loaded until it is back. (L90)"""
    kind = "bigint" if column != "_sdc_received_at" else "timestamp with time zone"
    shop.people(f"alter table shop.cars drop column {column}")
    assert ["cars"] == list(planned(shop, {"id": 3}).held)
    shop.people(f"alter table shop.cars add column {column} {kind}")
    push(shop, {"id": 1, "a": 3})
    assert [(1, 3), (2, 2)] == rows(shop, "id, a")


def test_the_type_a_person_gave_is_the_column_s_type(shop: Warehouse) -> None:
    """Change a column's type: values of that type go there, others beside it. (L23, L29)"""
    native = shop.destination.capabilities.natives
    text = next(each for kind, each in native.items() if kind == "string")
    shop.people(f"alter table shop.cars alter column a type {text}")
    push(shop, {"id": 3, "a": "x"}, {"id": 4, "a": 4})
    assert [(1, None, "1"), (2, None, "2"), (3, None, "x"), (4, 4, None)] == rows(shop, "id, a__bi, a__st")


def test_elements_never_meet_keys_of_another_type(shop: Warehouse) -> None:
    """Change a key's type: rows go on, elements have no table any more, which is told. (L29a, L75)"""
    if shop.kind == "duckdb":
        shop.people("alter table shop.cars alter column id type varchar")
    else:
        shop.people("alter table shop.cars alter column id type text")
    push(shop, {"id": "x", "b": ["new"]}, {"id": 5})
    assert [("1",), ("2",), ("x",)] == rows(shop, "id")
    assert [(1, "x"), (2, "y"), (2, "z")] == rows(shop, "_sdc_source_key_id, value", "cars__b")
    assert [
        ("Primary Key type for id does not match Primary Key type in existing table",),
        ("Table name cars__b is taken by another table",),
    ] == rows(shop, "reason", "_sdc_rejected")


@pytest.mark.parametrize(
    "change",
    [
        "alter table shop.cars drop constraint cars_pkey",
        "alter table shop.cars drop constraint cars_pkey, add primary key (id, a)",
        "alter table shop.cars drop constraint cars_pkey, add primary key (a)",
    ],
)
def test_a_dropped_or_changed_constraint(shop: Warehouse, change: str) -> None:
    """Rows are only added, which is told with each load, until the constraint is back. (L91)"""
    if shop.kind != "postgresql":
        pytest.skip(f"never: {shop.kind} has no constraint to drop")
    shop.people(change)
    assert ((ONLY_ADDED,), {}) == told(push(shop, {"id": 1, "a": 3, "b": ["new"]}, {"id": 1, "a": 4}))
    assert [(1, 1), (1, 4), (2, 2)] == rows(shop, "id, a")
    assert [(2, "y"), (2, "z")] == rows(shop, "_sdc_source_key_id, value", "cars__b")
    shop.people("delete from shop.cars where a = 4")
    shop.people("alter table shop.cars drop constraint if exists cars_pkey, add primary key (id)")
    assert ((), {}) == told(push(shop, {"id": 1, "a": 5}))
    assert [(1, 5), (2, 2)] == rows(shop, "id, a")


def test_another_key_in_the_data_holds_the_table(shop: Warehouse) -> None:
    """Not in the warehouse but in what is sent: a mistake that somebody must see. (L15, L90)"""
    held = shop.prepare(arrival({"id": 3, "a": 3}, keys=("a",), position=9)).held
    assert {"cars": "Primary Keys for table do not match Primary Keys of incoming data"} == held


def test_a_dropped_table_is_made_again_from_its_next_load(shop: Warehouse) -> None:
    """Drop the table: the columns are those of the next load. (L12)"""
    shop.people("drop table shop.cars")
    push(shop, {"id": 3, "c": 1})
    assert {"id", "c"} == {name for name in shop.ask("select * from cars")[0] if not name.startswith("_sdc")}


def test_indexes_and_views_are_respected(shop: Warehouse) -> None:
    """They stay, and loading goes on; what an index forbids to change holds the table. (L90)"""
    shop.people("create index mine on shop.cars (a)")
    shop.people("create view shop.look as select id, a from shop.cars")
    push(shop, {"id": 1, "a": 3})
    assert [(1, 3), (2, 2)] == rows(shop, "id, a", "look")
