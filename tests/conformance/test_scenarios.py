"""
What happens to data and names, scenario by scenario, over every destination.

One test for each scenario, called by the name it has among people who came from Stitch; what people change in
their warehouse is in test_warehouse_changes.py. Rules of docs/specs/loading.md.
"""

from __future__ import annotations

import keyword
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.arrivals import BATCHED_AT_MS, arrival, typed
from tests.conformance.destinations import SCHEMA, Warehouse, span, warehouse
from tidegate.destinations import DESTINATIONS
from tidegate.tables.model import Type
from tidegate.tables.prepare import Arrival, prepare

INSTANT = {"type": ["null", "string"], "format": "date-time"}
SYSTEM = ["_sdc_received_at", "_sdc_batched_at", "_sdc_sequence", "_sdc_table_version"]


@pytest.fixture(params=sorted(DESTINATIONS))
def shop(
    request: pytest.FixtureRequest, tmp_path: Path, exercised: Callable[[str], None]
) -> Iterator[Warehouse]:
    """One empty warehouse of each kind, open."""
    exercised(f"scenarios: {request.param}")
    with warehouse(request.param, tmp_path) as it:
        yield it


def load(shop: Warehouse, *loads: Arrival | list[Arrival]) -> None:
    """Load requests one after another, or several in one load."""
    for each in loads:
        progress = shop.destination.progress("journal-1")
        after = progress.upto if progress is not None else 0
        shop.load(*(each if isinstance(each, list) else [each]), after=after, upto=after + 1)


def columns(shop: Warehouse, table: str = "cars") -> list[str]:
    """Return the columns of a table in their order, without those of the system."""
    (found,) = [each for each in shop.destination.tables(SCHEMA) if each.name == table]
    return [each.name for each in found.columns if not each.name.startswith(("_sdc", "__sdc"))]


def types(shop: Warehouse, table: str = "cars") -> dict[str, Type | None]:
    """Return the columns of a table with their types."""
    (found,) = [each for each in shop.destination.tables(SCHEMA) if each.name == table]
    return {each.name: each.type for each in found.columns if not each.name.startswith(("_sdc", "__sdc"))}


def names(shop: Warehouse) -> set[str]:
    """Return the tables there are for data."""
    return {each.name for each in shop.destination.tables(SCHEMA)} - {"_sdc_rejected"}


def rows(shop: Warehouse, table: str = "cars", order: str = "id") -> list[dict[str, Any]]:
    """Return the rows of a table without nulls and system columns."""
    found = shop.ask(f'select * from "{table}" order by "{order}"')
    return [
        {name: value for name, value in row.items() if not name.startswith("_") and value is not None}
        for row in found
    ]


def reasons(shop: Warehouse) -> list[str]:
    """Return why records were rejected."""
    return [row["reason"] for row in shop.ask("select reason from _sdc_rejected order by reason")]


# --- Types -------------------------------------------------------------------------------------------------


def test_mixed_data_types(shop: Warehouse) -> None:
    """Three types in one field are three columns, the first renamed; objects and arrays add nothing. (L29)"""
    load(shop, *(arrival({"id": id_, "a": value}) for id_, value in enumerate([1, "x", 1.5, {"b": 2}, [3]])))
    assert ["id", "a__bi", "a__st", "a__do", "a__b"] == columns(shop)
    expected: list[dict[str, Any]] = [{"a__bi": 1}, {"a__st": "x"}, {"a__do": 1.5}, {"a__b": 2}, {}]
    assert [{"id": id_} | values for id_, values in enumerate(expected)] == rows(shop)
    assert {"cars", "cars__a"} == names(shop)


def test_mixed_data_types_without_renaming(shop: Warehouse) -> None:
    """Where a warehouse's columns keep their names, only the new type gets one with a suffix. (L29)"""
    kept = replace(shop.destination.capabilities, renames_on_split=False)
    for upto, value in enumerate([3.5, 10, 5.61], start=1):
        planned = prepare(
            SCHEMA,
            [arrival({"id": upto, "cost": value}, position=upto)],
            shop.destination.tables(SCHEMA),
            kept,
            batched_at_ms=BATCHED_AT_MS,
            new_uuids=shop.new_uuids,
        )
        for change in planned.changes:
            shop.destination.apply(change)
        shop.destination.load(planned.parts, span(upto - 1, upto))
    assert [{"id": 1, "cost": 3.5}, {"id": 2, "cost__bi": 10}, {"id": 3, "cost": 5.61}] == rows(shop)


def test_nested_data_structures(shop: Warehouse) -> None:
    """Objects are flattened with two underscores, arrays are subtables, at every depth. (L70, L71)"""
    load(shop, arrival({"id": 1, "a": {"b": {"c": 1, "d": [{"e": {"f": 2}, "g": [3]}]}}, "h": {}, "i": []}))
    assert {"cars", "cars__a__b__d", "cars__a__b__d__g"} == names(shop)
    assert ["id", "a__b__c"] == columns(shop)
    assert (["e__f"], ["value"]) == (columns(shop, "cars__a__b__d"), columns(shop, "cars__a__b__d__g"))


def test_varchar_storage_and_widening(shop: Warehouse) -> None:
    """Texts have no width: short, empty, long and of any script, in one column. (L24)"""
    texts = ["", " ", "x", "\u00fc\U0001f980\u0301", "y" * 1_000_000]
    load(shop, *(arrival({"id": id_, "a": text}) for id_, text in enumerate(texts)))
    assert texts == [row["a"] for row in rows(shop)]
    assert {"id": Type.INTEGER, "a": Type.STRING} == types(shop)


def test_timestamp_storage(shop: Warehouse) -> None:
    """What a schema calls a date-time is a timestamp; a text that looks like one stays a text. (L20, L21)"""
    told = typed(id={"type": "integer"}, seen=INSTANT)
    load(shop, arrival({"id": 1, "seen": "2026-01-13T10:20:30.1Z"}, schema=told))
    load(shop, arrival({"id": 2, "said": "2026-01-13T10:20:30.1Z"}))
    assert {"id": Type.INTEGER, "seen": Type.TIMESTAMP, "said": Type.STRING} == types(shop)


@pytest.mark.parametrize("zone", ["Z", "+05:30", "-0800", ""])
def test_date_with_and_without_timezone(shop: Warehouse, zone: str) -> None:
    """The moment is stored, in UTC; without a zone it is UTC. Nanoseconds are cut, toward the past. (L24)"""
    told = typed(seen=INSTANT)
    at = [f"2026-01-13T23:59:59.999999999{zone}", f"1969-12-31T23:59:59.9999999{zone}"]
    load(shop, arrival(*({"id": id_, "seen": text} for id_, text in enumerate(at)), schema=told))
    offset = {"+05:30": -330, "-0800": 480}.get(zone, 0)
    found = shop.ask("select id, seen from cars order by id")
    seconds = [(row["seen"] - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() for row in found]
    assert [1_768_348_799.999999 + offset * 60, -0.000001 + offset * 60] == seconds


def test_timestamps_at_the_ends_of_their_range(shop: Warehouse) -> None:
    """The first and the last moment that the Import API takes are stored. (L24, L25)"""
    at = ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z"]
    load(
        shop, arrival(*({"id": id_, "seen": text} for id_, text in enumerate(at)), schema=typed(seen=INSTANT))
    )
    found = [row["seen"].replace(tzinfo=None) for row in shop.ask("select seen from cars order by id")]
    assert [datetime.min, datetime.max] == found  # noqa: DTZ901 - the ends themselves, without a zone


def test_integer_storage_and_out_of_range(shop: Warehouse) -> None:
    """64 bits are kept, one more is rejected with its digits, and the other records load. (L25)"""
    values = [2**63 - 1, -(2**63), 2**63, -(2**63) - 1, 10**30]
    load(shop, arrival(*({"id": id_, "a": value} for id_, value in enumerate(values))))
    assert [{"id": 0, "a": values[0]}, {"id": 1, "a": values[1]}] == rows(shop)
    named = shop.destination.capabilities.display_name
    assert sorted(f"integer out of range for {named} on {value}" for value in values[2:]) == reasons(shop)


def test_decimal_storage_and_out_of_range(shop: Warehouse) -> None:
    """Every digit is kept, before the point and after, or the record is rejected with it. (L24 to L27)"""
    fits = ["0.100000000000000000000000000001", "-1234567.5", "0.000000000000000000000000000007", "3"]
    huge = "1234567890123456789012345678901234567890.5"
    told = typed(a={"type": "number", "multipleOf": 1e-30})
    data = [{"id": id_, "a": Decimal(text)} for id_, text in enumerate([*fits, huge])]
    load(shop, arrival(*data, schema=told))
    kept = {row["id"]: Decimal(row["a"]) for row in rows(shop)}
    bounded = shop.destination.capabilities.decimal_digits_max is not None
    assert dict(enumerate(map(Decimal, fits if bounded else [*fits, huge]))) == kept
    named = shop.destination.capabilities.display_name
    assert ([f"decimal out of range for {named} on {huge}"] if bounded else []) == reasons(shop)


@pytest.mark.parametrize("digits_max", [12, 30, 60])
def test_random_decimals_come_back_or_are_rejected(shop: Warehouse, digits_max: int) -> None:
    """Whatever their digits, as they were sent or in _sdc_rejected, and none is missing. (L24 to L27, L41)"""
    dice = random.Random(digits_max)  # noqa: S311 - a test's dice
    sent = {
        id_: Decimal(f"{dice.randrange(-(10**digits), 10**digits)}E-{dice.randrange(digits + 3)}")
        for id_ in range(1_500)
        for digits in [dice.randint(1, digits_max)]
    }
    told = typed(a={"type": "number", "multipleOf": 1e-30})
    load(shop, arrival(*({"id": id_, "a": value} for id_, value in sent.items()), schema=told))
    kept = {row["id"]: Decimal(row["a"]) for row in shop.ask("select * from cars")}
    assert {id_: sent[id_] for id_ in kept} == kept
    assert len(sent) == len(kept) + len(reasons(shop))
    named = shop.destination.capabilities.display_name
    assert all(reason.startswith(f"decimal out of range for {named} on ") for reason in reasons(shop))
    assert kept
    assert (len(sent) == len(kept)) == (
        digits_max == 12 or shop.destination.capabilities.decimal_digits_max is None
    )


# --- Names -------------------------------------------------------------------------------------------------

FIELDS = {
    "CuStOmErId": "CuStOmErId",
    "customerID": "customerID",
    "customer id": "customer id",
    "CUSTOMER ID": "CUSTOMER ID",
    "!customerid": "customerid",
    "customer!id": "customerid",
    "customer#id": "customerid",
    "CUSTOMER! ID": "CUSTOMER ID",
    "!CuStoMeRId": "CuStoMeRId",
    "123customerid": "customerid",
    "4customerid": "customerid",
    "_customerid": "_customerid",
    "_987CUSTOMERID": "_987CUSTOMERID",
    " customer id ": "customer id",
    "select": "select",
    'a"b; drop table cars': "ab drop table cars",
}


def test_column_names(shop: Warehouse) -> None:
    """
    mixed-case-column-name, column-name-spaces, -leading-trailing-spaces, -special-char, -starts-non-letter,
    -reserved-word: what the documented table says. (L1)
    """
    each = [
        arrival({"id": 1, field: "x"}, table_name=f"t{number}", position=number)
        for number, field in enumerate(FIELDS, start=1)
    ]
    load(shop, each)
    found = {number: columns(shop, f"t{number}")[1:] for number in range(1, len(FIELDS) + 1)}
    assert {number: [name] for number, name in enumerate(FIELDS.values(), start=1)} == found
    assert [] == reasons(shop)


def test_column_name_reserved_word(shop: Warehouse) -> None:
    """Words of SQL, as tables and as columns, in the first load and in a later one. (L1)"""
    words = ["select", "order", "table", "user", "group", "primary", "where", *keyword.kwlist[:5]]
    for value in (1, 2):
        load(
            shop,
            *(
                arrival({word: value} | {"id": 1}, table_name=word, keys=("id",))
                for word in ("order", "user")
            ),
        )
    load(shop, arrival({"id": 1} | dict.fromkeys(words, "x"), table_name="table"))
    assert [{"id": 1, "order": 2}] == rows(shop, "order")
    assert [{"id": 1} | dict.fromkeys(words, "x")] == rows(shop, "table")


def test_duplicate_field_names(shop: Warehouse) -> None:
    """Two fields of a record for one column reject it, also where one came from an object. (L8, L70)"""
    load(shop, arrival({"id": 1, "a": 1}, {"id": 2, "a": 1, "a!": 2}, {"id": 3, "b": {"c": 1}, "b__c": 2}))
    assert [{"id": 1, "a": 1}] == rows(shop)
    assert ["Field collision on a", "Field collision on b__c"] == reasons(shop)


def test_duplicate_field_names_by_case(shop: Warehouse) -> None:
    """`name` and `NAME` are two columns where case counts, and collide where it does not. (L8)"""
    load(shop, arrival({"id": 1, "name": "x", "NAME": "y"}))
    if shop.destination.capabilities.names_case_sensitive:
        assert [{"id": 1, "name": "x", "NAME": "y"}] == rows(shop)
    else:
        assert ["Field collision on name"] == reasons(shop)


def test_column_name_limit(shop: Warehouse) -> None:
    """A column that is one character too long is left out, everything else loads. (L7)"""
    longest = "c" * shop.destination.capabilities.column_name_max
    load(shop, arrival({"id": 1, longest: 1, longest + "c": 2}))
    assert [{"id": 1, longest: 1}] == rows(shop)
    named = shop.destination.capabilities.display_name
    assert [f"Column name {longest}c is too long for {named}"] == reasons(shop)


def test_table_name_limit(shop: Warehouse) -> None:
    """A name of the greatest length works, again too; one character more rejects all its records. (L2)"""
    longest = "t" * shop.destination.capabilities.table_name_max
    for value in (1, 2):
        load(shop, arrival({"id": 1, "a": value}, {"id": 2, "a": value}, table_name=longest))
    assert [{"id": 1, "a": 2}, {"id": 2, "a": 2}] == rows(shop, longest)
    load(shop, arrival({"id": 1}, {"id": 2}, table_name=longest + "t"))
    named = shop.destination.capabilities.display_name
    assert [f"Table name {longest}t is too long for {named}"] * 2 == reasons(shop)
    assert {longest} == names(shop)


def test_names_with_reserved_suffixes_and_prefixes(shop: Warehouse) -> None:
    """A name that could be a split column or ours rejects its record: `address.st` too. (L5, L6, L70)"""
    wrong: list[dict[str, Any]] = [{"address": {"st": "PA"}}, {"a__bi": 1}, {"_sdc_mine": 1}, {"_rjm": 1}]
    load(shop, arrival({"id": 0}, *({"id": id_} | each for id_, each in enumerate(wrong, start=1))))
    assert [{"id": 0}] == rows(shop)
    beginning = "column names from client should not include reserved"
    assert [
        f"{beginning} datatype suffix on a__bi",
        f"{beginning} datatype suffix on address__st",
        f"{beginning} prefix on _rjm",
        f"{beginning} prefix on _sdc_mine",
    ] == reasons(shop)


# --- Keys --------------------------------------------------------------------------------------------------


def test_no_pk(shop: Warehouse) -> None:
    """Every record is one more row, equal ones too, with a key made for it; all is nullable. (L33, L63)"""
    load(shop, *(arrival({"id": 1, "a": None}, keys=()) for _ in range(3)))
    assert [{"id": 1}] * 3 == rows(shop)
    made = shop.ask("select distinct __sdc_primary_key as made from cars")
    assert 3 == len(made)
    (table,) = [each for each in shop.destination.tables(SCHEMA) if each.name == "cars"]
    assert (all(column.nullable for column in table.columns), ()) == (True, table.key_columns)


@pytest.mark.parametrize("keys", [("id",), ("b", "id")], ids=["single_pk", "multiple_pks"])
def test_single_and_multiple_pks(shop: Warehouse, keys: tuple[str, ...]) -> None:
    """Keys are NOT NULL, stand first, and identify rows: the newest stays. (L10, L14, L60, L61)"""
    load(shop, arrival({"a": 1, "id": 1, "b": 1}, {"a": 1, "id": 1, "b": 2}, keys=keys, sequences=[1, 2]))
    load(shop, arrival({"a": 2, "id": 1, "b": 2}, keys=keys, sequences=[3]))
    found = [(row["b"], row["a"]) for row in rows(shop, order="b")]
    assert ([(2, 2)] if keys == ("id",) else [(1, 1), (2, 2)]) == found
    (table,) = [each for each in shop.destination.tables(SCHEMA) if each.name == "cars"]
    assert (keys, keys) == (table.key_columns, tuple(columns(shop))[: len(keys)])
    assert set(keys) == {column.name for column in table.columns if not column.nullable}


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("together", [False, True])
def test_backfill_incremental_table(shop: Warehouse, restarts: bool, together: bool) -> None:
    """A lower sequence is passed over, an equal or greater one replaces: in a load, across. (L60, L61)"""
    versions = [(5, "first"), (4, "older"), (5, "again"), (3, "oldest")]
    each = [
        arrival({"id": 1, "a": text}, sequences=[sequence], position=position)
        for position, (sequence, text) in enumerate(versions, start=1)
    ]
    for one in [each] if together else [[one] for one in each]:
        if restarts:
            shop.destination.close()
            shop.destination.open()
        load(shop, one)
    assert [{"id": 1, "a": "again"}] == rows(shop)
    load(shop, arrival({"id": 1, "b": "whole"}, sequences=[6]))
    assert [{"id": 1, "b": "whole"}] == rows(shop)
    assert [] == reasons(shop)


# --- What a source sends later -----------------------------------------------------------------------------


def test_new_column_source(shop: Warehouse) -> None:
    """A new field is a column at the end, null in the rows before. (L10)"""
    load(shop, arrival({"id": 1, "a": 1}), arrival({"b": 2, "id": 2, "a": 1}))
    (table,) = [each for each in shop.destination.tables(SCHEMA) if each.name == "cars"]
    assert ["id", "a", *SYSTEM, "b"] == [column.name for column in table.columns]
    assert [{"id": 1, "a": 1}, {"id": 2, "a": 1, "b": 2}] == rows(shop)


def test_removed_column_source(shop: Warehouse) -> None:
    """A field that is sent no more leaves its column, with nulls from then on. (L12, L62)"""
    load(shop, arrival({"id": 1, "a": 1}), arrival({"id": 2}))
    assert (["id", "a"], [{"id": 1, "a": 1}, {"id": 2}]) == (columns(shop), rows(shop))


def test_all_empty_column(shop: Warehouse) -> None:
    """Null in every record so far: no column, whatever the schema says; then one. (L10)"""
    told = typed(id={"type": "integer"}, a={"type": ["null", "string"]})
    load(shop, arrival({"id": 1, "a": None}, schema=told))
    assert ["id"] == columns(shop)
    load(shop, arrival({"id": 2, "a": "x"}, schema=told))
    assert ["id", "a"] == columns(shop)


def test_all_empty_columns(shop: Warehouse) -> None:
    """Nothing but nulls, without keys: no table; once it is there they are rows. (L11)"""
    load(shop, arrival({"a": None}, {}, keys=()))
    assert (set(), []) == (names(shop), reasons(shop))
    load(shop, arrival({"a": 1}, {"a": None}, keys=()))
    assert [{"a": 1}, {}] == rows(shop, order="a")


def test_column_table_limit(shop: Warehouse) -> None:
    """One column too many rejects the records of that load for the table; those before stay. (L13)"""
    most = shop.destination.capabilities.columns_max
    room = most - len(SYSTEM) - 1
    load(shop, arrival({"id": 1} | {f"c{number}": None for number in range(room)} | {"a": 1}))
    load(shop, [arrival({"id": 2} | {f"c{number}": 1 for number in range(room)}), arrival({"id": 3})])
    assert [{"id": 1, "a": 1}] == rows(shop)
    assert ["ERROR: too many columns"] * 2 == reasons(shop)


def test_arrays_that_shrink_and_stay_empty(shop: Warehouse) -> None:
    """An empty array makes no subtable; on an update it takes the old elements away. (L73, L74)"""
    load(shop, arrival({"id": 1, "a": []}))
    assert {"cars"} == names(shop)
    for later, left in ([1, 2, 3], 3), ([4], 1), ([], 0), (None, 0):
        load(shop, arrival({"id": 1, "a": later}))
        assert left == shop.ask("select count(*) as n from cars__a")[0]["n"]
