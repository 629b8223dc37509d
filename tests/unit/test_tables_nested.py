"""Objects, arrays and table versions. Rules L70 to L77, L80 to L85 and L90 of docs/specs/loading.md."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tests.arrivals import DUCKDB_LIKE, arrival, prepared, rejections, rows_of, typed
from tidegate.tables.model import AddColumn, Child, CreateTable, Table, Type
from tidegate.tables.prepare import Prepared

KEY = "_sdc_source_key_id"
LEVEL = "_sdc_level_{}_id"


def made(load: Prepared) -> list[Table]:
    """Return the tables a load makes."""
    return [change.table for change in load.changes if isinstance(change, CreateTable)]


def child(load: Prepared, name: str) -> Child:
    """Return what a load has for one subtable."""
    return next(each for part in load.parts for each in part.children if each.table.name == name)


def elements(load: Prepared, name: str) -> list[dict[str, Any]]:
    """Return the rows of a subtable without nulls and without the columns every table has."""
    shared = {"_sdc_received_at", "_sdc_batched_at", "_sdc_sequence", "_sdc_table_version"}
    return [
        {name: value for name, value in row.items() if value is not None and name not in shared}
        for row in child(load, name).rows.to_pylist()
    ]


# --- Objects -----------------------------------------------------------------------------------------------


def test_an_object_becomes_columns_at_every_depth() -> None:
    """Names are joined with two underscores; empty and null objects are nothing. (L70)"""
    load = prepared(
        arrival(
            {"id": 1, "a": {"b": 1, "c": {"d": "x"}}, "e": {}},
            {"id": 2, "a": None},
            {"id": 3, "a": {"c": None}},
        )
    )
    expected: list[dict[str, Any]] = [{"id": 1, "a__b": 1, "a__c__d": "x"}]
    expected += [{"id": id_, "a__b": None, "a__c__d": None} for id_ in (2, 3)]
    assert expected == rows_of(load)


def test_each_name_of_a_path_is_cleaned_alone() -> None:
    """Only the first must begin with a letter or underscore. (L70)"""
    load = prepared(arrival({"id": 1, "1a!": {"2 b": {"c-d": 5}}}))
    assert [{"id": 1, "a__2 b__cd": 5}] == rows_of(load)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"a": {"b": 1}, "a__b": 2}, "Field collision on a__b"),
        ({"a": {"b": 1}, "a__B": None}, "Field collision on a__b"),
        ({"a": {"b": [1]}, "a__b": [2]}, "Field collision on a__b"),
        (
            {"address": {"st": "PA"}},
            "column names from client should not include reserved datatype suffix on address__st",
        ),
        ({"_sdc_x": {"a": 1}}, "column names from client should not include reserved prefix on _sdc_x__a"),
        ({"_sdc_x": [1]}, "column names from client should not include reserved prefix on _sdc_x"),
        ({"a": {"!": 1}}, "Column name a__! is empty after removing unsupported characters"),
        ({"a": {"!": [1]}}, "Column name a__! is empty after removing unsupported characters"),
        (
            {"a": [{"_sdc_sequence": 1}]},
            "column names from client should not include reserved prefix on _sdc_sequence",
        ),
        ({"a": [{"b": 2**63}]}, "integer out of range for DuckDB on 9223372036854775808"),
        ({"a": [[{"b": "\ud800"}]]}, "string has a character that DuckDB cannot store on b"),
    ],
)
def test_what_is_wrong_inside_rejects_the_record_whole(record: dict[str, Any], reason: str) -> None:
    """Once, with the documented words; its neighbours load with their elements. (L70, L71, L41)"""
    load = prepared(arrival({"id": 1} | record, {"id": 2, "z": [1]}))
    assert [reason] == [each for each, _ in rejections(load)]
    assert [{"id": 2}] == rows_of(load)
    assert [{KEY: 2, LEVEL.format(0): 0, "value": 1}] == elements(load, "cars__z")


def test_a_field_may_be_scalar_and_object_and_array() -> None:
    """An object adds columns, an array a subtable, and neither splits the scalar's column. (L70, L71)"""
    load = prepared(arrival({"id": 1, "a": 5}, {"id": 2, "a": {"b": "x"}}, {"id": 3, "a": [7]}))
    assert [{"a": 5, "a__b": None}, {"a": None, "a__b": "x"}, {"a": None, "a__b": None}] == [
        {name: row[name] for name in ("a", "a__b")} for row in rows_of(load)
    ]
    assert [{KEY: 3, LEVEL.format(0): 0, "value": 7}] == elements(load, "cars__a")


def test_names_with_our_prefix_inside_objects_are_free() -> None:
    """Only top names are reserved, and those of Singer taps are not. (L5, L70)"""
    load = prepared(arrival({"id": 1, "a": {"_sdc_sequence": 5}, "_sdc_extra": ["x"]}))
    assert [{"id": 1, "a___sdc_sequence": 5}] == rows_of(load)
    assert "x" == elements(load, "cars___sdc_extra")[0]["value"]


def test_schemas_reach_inside() -> None:
    """Objects, elements and alternatives are typed by what describes them. (L21, L70, L71)"""
    moment = {"type": "string", "format": "date-time"}
    schema = typed(
        id={"type": "integer"},
        a={"anyOf": [{"type": "null"}, {"type": "object", "properties": {"at": moment}}]},
        b={"type": "array", "items": {"type": "object", "properties": {"at": moment}}},
        c={"type": ["array", "null"], "items": {"type": "number"}},
    )
    text = "2026-01-13T00:00:00Z"
    record = {"id": 1, "a": {"at": text}, "b": [{"at": text}], "c": [1, 2.5]}
    load = prepared(arrival(record, schema=schema), arrival({"id": 2, "b": [{"at": text}]}, position=2))
    types = {column.name: column.type for table in made(load) for column in table.columns}
    assert Type.TIMESTAMP is types["a__at"]
    assert [Type.TIMESTAMP, Type.STRING] == [types["at__ti"], types["at__st"]]
    assert Type.DOUBLE is types["value"]


# --- Arrays ------------------------------------------------------------------------------------------------

ORDER: dict[str, Any] = {
    "id": "1234",
    "line_items": [
        {"product_id": "5008798", "tax_lines": [{"price": "5.99"}, {"price": "6"}]},
        {"product_id": "3445689", "tax_lines": [{"price": "10.99"}]},
    ],
}


def test_an_array_becomes_a_subtable_at_every_depth() -> None:
    """Rows carry the top table's key and their place in each array around them. (L71, L72)"""
    load = prepared(arrival(ORDER, table_name="orders"))
    zero, one = LEVEL.format(0), LEVEL.format(1)
    assert [
        {KEY: "1234", zero: 0, "product_id": "5008798"},
        {KEY: "1234", zero: 1, "product_id": "3445689"},
    ] == elements(load, "orders__line_items")
    assert [
        {KEY: "1234", zero: 0, one: 0, "price": "5.99"},
        {KEY: "1234", zero: 0, one: 1, "price": "6"},
        {KEY: "1234", zero: 1, one: 0, "price": "10.99"},
    ] == elements(load, "orders__line_items__tax_lines")
    deepest = made(load)[-1]
    assert ((KEY, zero, one), "orders") == (deepest.key_columns, deepest.parent)
    assert [False] * 3 == [deepest.columns[place].nullable for place in range(3)]


def test_elements_of_every_kind_have_a_place() -> None:
    """Scalars and arrays stand under `value`, nulls are skipped and counted, objects may be empty. (L73)"""
    load = prepared(arrival({"id": 1, "a": [None, "x", {}, [3, [4]], {"value": 5}, []]}))
    zero, one, two = (LEVEL.format(level) for level in range(3))
    assert [
        {KEY: 1, zero: 1, "value__st": "x"},
        {KEY: 1, zero: 2},
        {KEY: 1, zero: 3},
        {KEY: 1, zero: 4, "value__bi": 5},
        {KEY: 1, zero: 5},
    ] == elements(load, "cars__a")
    assert [{KEY: 1, zero: 3, one: 0, "value": 3}, {KEY: 1, zero: 3, one: 1}] == elements(
        load, "cars__a__value"
    )
    assert [{KEY: 1, zero: 3, one: 1, two: 0, "value": 4}] == elements(load, "cars__a__value__value")


@pytest.mark.parametrize("array", [[], None, [None], [None, None]])
def test_an_array_without_elements_makes_no_subtable(array: Any) -> None:
    """There is nothing to put into it. (L73)"""
    assert ["_sdc_rejected", "cars"] == [
        table.name for table in made(prepared(arrival({"id": 1, "a": array})))
    ]


def test_a_keyless_table_lends_its_generated_key() -> None:
    """So elements can be joined to their rows; a record of arrays alone is a row. (L72, L11)"""
    load = prepared(arrival({"a": [1]}, {"a": [2, 3]}, keys=()))
    key = "_sdc_source_key___sdc_primary_key"
    assert [("uuid-0", 1), ("uuid-1", 2), ("uuid-1", 3)] == [
        (row[key], row["value"]) for row in elements(load, "cars__a")
    ]
    assert ["uuid-0", "uuid-1"] == load.parts[0].rows["__sdc_primary_key"].to_pylist()


def test_elements_come_with_the_system_columns_of_their_record() -> None:
    """Sequence, version and times are the record's. (L72)"""
    load = prepared(
        arrival({"id": 1, "a": [1, 2]}, sequences=[7], table_version=3, extracted=["2026-01-13T00:00:00Z"])
    )
    [parent] = load.parts[0].rows.to_pylist()
    for row in child(load, "cars__a").rows.to_pylist():
        names = [name for name in parent if name.startswith("_sdc")]
        assert [parent[name] for name in names] == [row[name] for name in names]


def test_only_the_newest_version_of_a_row_brings_its_elements() -> None:
    """Numbered anew, so that each points at the row that is written. (L60, L74)"""
    load = prepared(
        arrival(
            {"id": 1, "a": ["old"]}, {"id": 2, "a": ["x"]}, {"id": 1, "a": ["n", "m"]}, sequences=[1, 1, 2]
        )
    )
    assert [2, 1] == load.parts[0].rows["id"].to_pylist()
    assert [(0, "x"), (1, "n"), (1, "m")] == [
        (parent, row["value"])
        for parent, row in zip(
            child(load, "cars__a").parents.to_pylist(), elements(load, "cars__a"), strict=True
        )
    ]


def test_every_subtable_there_is_takes_part_in_a_load() -> None:
    """So that elements of a row that has none now go away. (L74)"""
    tables = made(prepared(arrival({"id": 1, "a": [1], "b": {"c": [2]}})))
    load = prepared(arrival({"id": 1}), tables=tables)
    assert [("cars__a", 0), ("cars__b__c", 0)] == [
        (each.table.name, each.rows.num_rows) for each in load.parts[0].children
    ]


def test_an_element_s_later_field_is_a_new_column() -> None:
    """Subtables grow as tables do, and their keys' decimals with them. (L10, L26)"""
    tables = made(prepared(arrival({"id": Decimal("1.5"), "a": [{"b": 1}]})))
    load = prepared(arrival({"id": Decimal("1.1234567"), "a": [{"c": 1}]}), tables=tables)
    assert [("cars__a", "c")] == [
        (each.table_name, each.column.name) for each in load.changes if isinstance(each, AddColumn)
    ]
    scales = {column.name: column.scale for column in child(load, "cars__a").table.columns}
    assert 7 == scales[KEY]


# --- Subtables that cannot be ------------------------------------------------------------------------------


def test_a_subtable_whose_name_is_too_long_costs_only_its_elements() -> None:
    """The record loads, and stands in the rejected ones beside, once. (L75)"""
    short = replace(DUCKDB_LIKE, table_name_max=10)
    record = {"id": 1, "a": [1], "long_name": [{"deeper": [1]}, 2]}
    load = prepared(arrival(record), capabilities=short)
    assert [{"id": 1}] == rows_of(load)
    assert ["cars__a"] == [each.table.name for each in load.parts[0].children]
    assert ["Table name cars__long_name is too long for DuckDB"] == [reason for reason, _ in rejections(load)]


def test_a_key_whose_name_leaves_no_room_in_subtables_costs_only_the_elements() -> None:
    """No warehouse is left to cut the name. (L75)"""
    short = replace(DUCKDB_LIKE, column_name_max=20)
    load = prepared(arrival({"identifying": 1, "a": [1, 2]}, keys=("identifying",)), capabilities=short)
    assert [{"identifying": 1}] == rows_of(load)
    assert ["Column name _sdc_source_key_identifying is too long for DuckDB"] == [
        reason for reason, _ in rejections(load)
    ]


def test_a_subtable_with_too_many_columns_costs_only_its_elements() -> None:
    """As for a table, but the record loads. (L13, L75)"""
    wide = {f"c{number}": number for number in range(DUCKDB_LIKE.columns_max)}
    load = prepared(arrival({"id": 1, "a": [wide], "b": [1]}))
    assert [{"id": 1}] == rows_of(load)
    assert ["cars__b"] == [each.table.name for each in load.parts[0].children]
    assert ["ERROR: too many columns"] == [reason for reason, _ in rejections(load)]


@pytest.mark.parametrize("inside", [lambda record: record, lambda record: {"a": record}])
def test_more_different_fields_than_columns_are_not_even_taken_apart(inside: Any) -> None:
    """Every field costs a value for every record, so that few bytes could fill the memory. (L13)"""
    records = [{"id": number} | inside({f"f{number}": None, f"g{number}": [1]}) for number in range(30)]
    load = prepared(arrival(*records), arrival({"id": 1}, table_name="boats"))
    assert ["ERROR: too many columns"] * 30 == [reason for reason, _ in rejections(load)]
    assert [{"id": 1}] == rows_of(load, "boats")


def test_elements_never_go_to_a_table_that_is_not_their_subtable() -> None:
    """Neither to one that was pushed, nor to one of another table with such a name. (L75)"""
    pushed = made(prepared(arrival({"id": 1}, table_name="cars__a")))
    theirs = made(prepared(arrival({"id": 1, "b__c": [1]})))
    ours = prepared(
        arrival({"id": 1, "a": [1]}),
        arrival({"id": 1, "c": [1]}, table_name="cars__b"),
        tables=[*pushed, *theirs],
    )
    assert [
        "Table name cars__a is taken by another table",
        "Table name cars__b__c is taken by another table",
    ] == [reason for reason, _ in rejections(ours)]
    assert [["cars__b__c"], []] == [[each.table.name for each in part.children] for part in ours.parts[:2]]


def test_two_arrays_for_one_subtable_do_not_mix() -> None:
    """One has it, the records with elements of the other stand in the rejected ones beside. (L75)"""
    load = prepared(arrival({"id": 1, "a": {"b": [1]}}, {"id": 2, "a": [{"b": [2]}]}))
    assert [{KEY: 2, LEVEL.format(0): 0, LEVEL.format(1): 0, "value": 2}] == elements(load, "cars__a__b")
    taken = "Table name cars__a__b is taken by another table"
    assert [(taken, '{"id":1,"a":{"b":[1]}}')] == rejections(load)
    assert [{"id": 1}, {"id": 2}] == rows_of(load)


def test_a_dropped_column_of_a_subtable_holds_its_table() -> None:
    """Parent and elements are one. (L90)"""
    *tables, items = made(prepared(arrival({"id": 1, "a": [1]})))
    left = replace(items, columns=tuple(each for each in items.columns if each.name != KEY))
    load = prepared(arrival({"id": 2}), tables=[*tables, left])
    assert [
        ("cars", f"column {KEY} of cars__a was dropped; put it back, or drop the table to have it made anew")
    ] == list(load.held.items())


# --- Table versions ----------------------------------------------------------------------------------------


def activations(load: Prepared) -> list[tuple[list[Any], int | None]]:
    """Return the ids and the activation of each part, in order."""
    parts = [part for part in load.parts if part.table.name == "cars"]
    return [(part.rows["id"].to_pylist() if part.rows.num_rows else [], part.activates) for part in parts]


def versioned(version: int) -> list[Table]:
    """Return the tables of a source whose table cars has an active version."""
    tables = made(prepared(arrival({"id": 0})))
    return [replace(table, version=version if table.name == "cars" else 0) for table in tables]


def test_the_first_record_gives_a_new_table_its_version() -> None:
    """None is 0, which every table has. (L80)"""
    assert [([1], 5)] == activations(prepared(arrival({"id": 1}, table_version=5)))
    assert [([1], None)] == activations(prepared(arrival({"id": 1})))


def test_a_rejected_record_gives_no_version() -> None:
    """The next one that loads does, when an activation came between. (L80, L23)"""
    load = prepared(
        arrival({"id": 2**63}, table_version=7, activates=True),
        arrival({"id": 1}, table_version=5, position=2),
    )
    assert [([1], 5)] == activations(load)


def test_older_versions_are_dropped_and_counted() -> None:
    """Not rejected; equal and newer ones load. (L81)"""
    batches = [arrival({"id": version}, {"id": -version}, table_version=version) for version in (4, 5, 6)]
    load = prepared(*batches, tables=versioned(5))
    assert [([5, -5, 6, -6], None)] == activations(load)
    assert ([2], []) == ([report.outdated for report in load.reports], rejections(load))


def test_records_without_a_version_are_of_the_active_one() -> None:
    """So that the next activation of the same version keeps them. (L82)"""
    load = prepared(arrival({"id": 1}), tables=versioned(5))
    assert [5] == load.parts[0].rows["_sdc_table_version"].to_pylist()


def test_an_activation_stands_at_its_place_in_the_load() -> None:
    """What came before it is written before, what comes after is judged by it. (L83)"""
    load = prepared(
        arrival({"id": 1}, table_version=1),
        arrival({"id": 2}, table_version=2, position=2, activates=True),
        arrival({"id": 3}, table_version=1, position=3),
        arrival({"id": 4}, position=4),
        arrival(table_version=3, position=5, activates=True),
    )
    assert [([1, 2], 2), ([4], 3)] == activations(load)
    assert [2] == load.parts[1].rows["_sdc_table_version"].to_pylist()
    assert (3, 1) == (load.reports[0].rows, load.reports[0].outdated)


def test_a_column_split_after_an_activation_has_its_last_name_throughout() -> None:
    """All changes of a load are made before any of its rows is written. (L29, L83)"""
    load = prepared(
        arrival({"id": 1, "a": 1, "b": [1]}, table_version=1, activates=True),
        arrival({"id": 2, "a": "x", "b": ["y"]}, table_version=1, position=2),
    )
    assert [{"id": 1, "a__bi": 1}, {"id": 2, "a__st": "x"}] == [
        {name: value for name, value in row.items() if name == "id" or name.startswith("a")}
        for part in load.parts
        for row in part.rows.to_pylist()
    ]
    assert [["value__bi"], ["value__st"]] == [
        [name for name in part.children[0].rows.column_names if name.startswith("value")]
        for part in load.parts
    ]
    assert ["a__bi"] == [column.name for column in load.parts[0].table.columns if column.name.startswith("a")]


def test_an_activation_alone_ends_older_rows_of_table_and_subtables() -> None:
    """A load may consist of nothing else; a table that is not there needs none. (L83)"""
    tables = made(prepared(arrival({"id": 0, "a": [1]})))
    load = prepared(arrival(table_version=9, activates=True), tables=tables)
    assert [([], 9)] == activations(load)
    assert ["cars__a"] == [each.table.name for each in load.parts[0].children]
    absent = prepared(arrival(table_version=9, activates=True), arrival({"id": 1}, table_version=8))
    assert [([1], 8)] == activations(absent)


@pytest.mark.parametrize(
    ("version", "warning"),
    [
        (None, "an activation without a table version was ignored"),
        (4, "the activation of version 4 was ignored, because version 5 is active"),
        (2**63, f"the activation of version {2**63} was ignored, because version 5 is active"),
    ],
)
def test_an_activation_that_cannot_be_is_ignored_with_a_warning(version: int | None, warning: str) -> None:
    """Rows stay as they are. (L84)"""
    load = prepared(arrival({"id": 1}), arrival(table_version=version, activates=True), tables=versioned(5))
    assert [([1], None)] == activations(load)
    assert [(warning,)] == [report.warnings for report in load.reports]


def test_activating_the_active_version_again_ends_what_is_older() -> None:
    """It changes nothing else. (L83)"""
    assert [([], 5)] == activations(prepared(arrival(table_version=5, activates=True), tables=versioned(5)))
