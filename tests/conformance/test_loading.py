"""Requests in, rows out: docs/specs/loading.md over every destination."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from tests.arrivals import arrival
from tests.conformance.destinations import Warehouse
from tests.datasets import ROWS, dataset
from tidegate.tables.prepare import Arrival

ROWS_EACH_LOAD = 800
KEY = "_sdc_source_key_id"
LEVEL_0, LEVEL_1 = "_sdc_level_0_id", "_sdc_level_1_id"


@pytest.fixture
def shop(empty: Warehouse) -> Warehouse:
    """One empty warehouse of each kind, open."""
    return empty


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


# --- Elements ----------------------------------------------------------------------------------------------

ORDER: dict[str, Any] = {
    "id": "1234",
    "customer": {"id": "100", "address": {"city": "Paris"}},
    "items": [
        {"product": "5008798", "price": 5.99, "taxes": [{"rate": 0.06, "title": "State Tax"}]},
        {"product": "3445689", "price": 10.99, "taxes": [{"rate": 0.06, "title": "State Tax"}]},
    ],
}


def test_the_documented_example_of_nested_records(shop: Warehouse) -> None:
    """Objects are columns, arrays subtables with the key and the places around them. (L70 to L72)"""
    load(shop, arrival(ORDER))
    assert [{"id": "1234", "customer__id": "100", "customer__address__city": "Paris"}] == rows(shop)
    assert [
        {KEY: "1234", LEVEL_0: 0, "product": "5008798", "price": 5.99},
        {KEY: "1234", LEVEL_0: 1, "product": "3445689", "price": 10.99},
    ] == rows(shop, "cars__items")
    tax = {"rate": 0.06, "title": "State Tax"}
    assert [
        {KEY: "1234", LEVEL_0: 0, LEVEL_1: 0} | tax,
        {KEY: "1234", LEVEL_0: 1, LEVEL_1: 0} | tax,
    ] == rows(shop, "cars__items__taxes")


@pytest.mark.parametrize("later", [{"items": ORDER["items"][1:]}, {"items": []}, {"items": None}, {}])
def test_elements_are_replaced_with_their_row(shop: Warehouse, later: dict[str, Any]) -> None:
    """Fewer, none, null or absent: the old ones are gone, at every depth; those of others stay. (L74)"""
    other = ORDER | {"id": "5678"}
    load(shop, [arrival(ORDER), arrival(other, position=2)], arrival({"id": "1234"} | later, position=3))
    kept = later.get("items") or []
    for table in ("cars__items", "cars__items__taxes"):
        assert len(kept) == len([row for row in rows(shop, table) if row[KEY] == "1234"])
        assert 2 == len([row for row in rows(shop, table) if row[KEY] == "5678"])
    if kept:
        assert ["3445689"] == [row["product"] for row in rows(shop, "cars__items") if row[KEY] == "1234"]


def test_a_lower_sequence_changes_no_elements(shop: Warehouse) -> None:
    """An older version of a row is passed over with what it brings; an equal sequence replaces. (L61, L74)"""
    load(
        shop,
        arrival({"id": 1, "a": ["x"]}, sequences=[5]),
        arrival({"id": 1, "a": ["old", "er"]}, sequences=[4]),
    )
    assert ["x"] == [row["value"] for row in rows(shop, "cars__a")]
    load(shop, arrival({"id": 1, "a": ["y"]}, sequences=[5]))
    assert ["y"] == [row["value"] for row in rows(shop, "cars__a")]


def test_arrays_of_scalars_and_of_arrays(shop: Warehouse) -> None:
    """Values stand in `value`, split by type, inner arrays one level further down. (L29, L73)"""
    load(shop, arrival({"id": 1, "a": [1, "x", None, True], "b": [[1, 2], [], [3]]}))
    assert [
        {KEY: 1, LEVEL_0: 0, "value__bi": 1},
        {KEY: 1, LEVEL_0: 1, "value__st": "x"},
        {KEY: 1, LEVEL_0: 3, "value__bo": True},
    ] == rows(shop, "cars__a")
    assert [{KEY: 1, LEVEL_0: place} for place in range(3)] == rows(shop, "cars__b")
    assert [(0, 0, 1), (0, 1, 2), (2, 0, 3)] == [
        (row[LEVEL_0], row[LEVEL_1], row["value"]) for row in rows(shop, "cars__b__value")
    ]


def test_elements_of_rows_without_keys_are_joined_by_the_generated_key(shop: Warehouse) -> None:
    """Nothing is replaced: equal records are rows of their own, with elements of their own. (L63, L72)"""
    load(shop, *(arrival({"a": 1, "b": [1, 2]}, keys=(), position=position) for position in (1, 2)))
    joined = shop.ask(
        "select count(*) as n from cars join cars__b on __sdc_primary_key = _sdc_source_key___sdc_primary_key"
    )
    assert [{"n": 4}] == joined


def test_keys_of_every_type_lead_to_their_elements(shop: Warehouse) -> None:
    """Decimals grow with the key's column, several keys stand in the key's order. (L26, L72, L74)"""
    keys = [Decimal("1.5"), Decimal("1.1234567")]
    for id_ in keys:
        load(shop, arrival({"id": id_, "b": "x", "a": [1]}, keys=("b", "id")))
        load(shop, arrival({"id": id_, "b": "x", "a": [2]}, keys=("id", "b")))
    found = [(row["_sdc_source_key_id"], row["value"]) for row in rows(shop, "cars__a")]
    assert sorted((id_, 2) for id_ in keys) == found


# --- Table versions ----------------------------------------------------------------------------------------


def batch(version: int | None, *ids: int, activates: bool = False, position: int = 1) -> Arrival:
    """Return records of one table version, each with one element."""
    records = ({"id": id_, "a": [id_]} for id_ in ids)
    return arrival(*records, table_version=version, activates=activates, position=position)


def ids(shop: Warehouse) -> tuple[list[int], list[int]]:
    """Return which records and which elements are there."""
    return [row["id"] for row in rows(shop)], [row["value"] for row in rows(shop, "cars__a")]


def test_an_activation_ends_the_versions_before(shop: Warehouse) -> None:
    """Rows of a new version are there at once, the old ones until it is activated. (L80, L83)"""
    load(shop, batch(10, 1, 2), batch(10, activates=True), batch(20, 2, 3, position=2))
    assert ([1, 2, 3], [1, 2, 3]) == ids(shop)
    load(shop, batch(20, activates=True))
    assert ([2, 3], [2, 3]) == ids(shop)


def test_a_version_that_was_given_up_goes_with_the_next_activation_of_the_active_one(shop: Warehouse) -> None:
    """Also in a load of its own; the next version that is activated spares those still greater. (L83)"""
    load(shop, batch(10, 1), batch(20, 2, position=2), batch(10, activates=True))
    assert ([1], [1]) == ids(shop)
    load(shop, [batch(20, 2, position=4), batch(30, 3, position=4), batch(20, activates=True, position=4)])
    assert ([2, 3], [2, 3]) == ids(shop)
    load(shop, [batch(40, 4, position=5), batch(20, activates=True, position=5)])
    assert ([2], [2]) == ids(shop)


def test_what_comes_after_its_time_is_dropped(shop: Warehouse) -> None:
    """In later loads too: the warehouse knows the active version. (L81, L82)"""
    load(
        shop,
        batch(10, 1),
        batch(20, 2, activates=True),
        batch(10, 3),
        batch(None, 4),
        batch(10, activates=True),
    )
    assert ([2, 4], [2, 4]) == ids(shop)
    load(shop, batch(20, activates=True))
    assert ([2, 4], [2, 4]) == ids(shop)
    assert [] == rejected(shop)


def test_an_activation_among_the_batches_of_one_load(shop: Warehouse) -> None:
    """The same as one load after another. (L83)"""
    batches = [batch(10, 1), batch(20, 2), batch(20, activates=True), batch(10, 3), batch(20, 4)]
    load(shop, batches)
    assert ([2, 4], [2, 4]) == ids(shop)


# --- People change their warehouses ------------------------------------------------------------------------


def test_a_table_that_people_dropped_comes_back(shop: Warehouse) -> None:
    """With the columns of the load, and a version of its own; its subtables too. (L12)"""
    load(shop, batch(10, 1, activates=True))
    for table in ("cars", "cars__a"):
        shop.people(f"drop table shop.{table}")
    load(shop, batch(5, 2))
    assert ([2], [2]) == ids(shop)


def test_a_column_that_people_dropped_comes_back(shop: Warehouse) -> None:
    """With its next value. (L12)"""
    load(shop, arrival({"id": 1, "a": "x", "b": 1}))
    shop.people("alter table shop.cars drop column a")
    load(shop, arrival({"id": 2, "a": "y"}, position=2))
    assert [{"id": 1, "b": 1}, {"id": 2, "a": "y"}] == rows(shop)


def test_a_system_column_that_people_dropped_holds_the_table(shop: Warehouse) -> None:
    """Until it is back. (L90)"""
    load(shop, arrival({"id": 1}))
    shop.people("alter table shop.cars drop column _sdc_sequence")
    assert {"cars"} == set(shop.prepare(arrival({"id": 2}, position=2)).held)
    shop.people("alter table shop.cars add column _sdc_sequence bigint")
    load(shop, arrival({"id": 2}, position=2))
    assert [{"id": 1}, {"id": 2}] == rows(shop)


# --- Limits ------------------------------------------------------------------------------------------------


def test_an_integer_beyond_64_bits_is_rejected_with_its_digits(shop: Warehouse) -> None:
    """In the warehouse's name. (L25)"""
    load(shop, arrival({"id": 1, "a": 2**63}))
    name = shop.destination.capabilities.display_name
    expected = f"integer out of range for {name} on 9223372036854775808"
    assert [("cars", expected, '{"id":1,"a":9223372036854775808}')] == rejected(shop)


def test_a_name_over_the_limit(shop: Warehouse) -> None:
    """Costs the column, or the table's records, or the elements; what is within it loads. (L2, L7, L75)"""
    capabilities = shop.destination.capabilities
    column, table = "c" * (capabilities.column_name_max + 1), "t" * (capabilities.table_name_max + 1)
    array = "a" * (capabilities.table_name_max - len("cars__") + 1)
    longest = {"c" * capabilities.column_name_max: 5}
    load(shop, arrival({"id": 1, column: 1, array: [1]} | longest), arrival({"id": 2}, table_name=table))
    assert [{"id": 1} | longest] == rows(shop)
    assert [
        f"Column name {column} is too long for {capabilities.display_name}",
        f"Table name cars__{array} is too long for {capabilities.display_name}",
        f"Table name {table} is too long for {capabilities.display_name}",
    ] == sorted(reason for _, reason, _ in rejected(shop))


def test_a_singer_record_loads_with_its_own_system_columns(shop: Warehouse) -> None:
    """Names that taps put into records are fields. (L5)"""
    load(shop, arrival({"id": 1, "_sdc_deleted_at": "2026-01-13T00:00:00Z"}))
    assert [{"d": "2026-01-13T00:00:00Z"}] == shop.ask("select _sdc_deleted_at as d from cars")
