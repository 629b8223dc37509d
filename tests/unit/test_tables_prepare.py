"""Planning of loads. Rules L10 to L17, L30 to L33, L40 to L43 and L60 to L63 of docs/specs/loading.md."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.arrivals import (
    BATCHED_AT_MS,
    DUCKDB_LIKE,
    RECEIVED_AT_MS,
    arrival,
    prepared,
    rejections,
    rows_of,
    typed,
)
from tidegate.tables.model import AddColumn, Column, CreateSchema, CreateTable, GrowDecimal, Table, Type
from tidegate.tables.prepare import Prepared
from tidegate.tables.rejected import record_text
from tidegate.tables.system import REJECTED, rejected_table

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def made(load: Prepared, name: str = "cars") -> Table:
    """Return the table a load makes."""
    return next(
        each.table for each in load.changes if isinstance(each, CreateTable) and each.table.name == name
    )


def columns(load: Prepared, name: str = "cars") -> list[str]:
    """Return the names of the columns a load makes a table with."""
    return [column.name for column in made(load, name).columns]


# --- Tables and columns ------------------------------------------------------------------------------------


def test_a_table_is_made_with_keys_first_then_fields_then_system_columns() -> None:
    """Columns stand in the documented order, key columns refuse null. (L10, L14, L30)"""
    load = prepared(arrival({"b": 1, "id": 1, "a": None}, {"id": 2, "c": 2, "a": "x"}))
    system = ["_sdc_received_at", "_sdc_batched_at", "_sdc_sequence", "_sdc_table_version"]
    assert ["id", "b", "a", "c", *system] == columns(load)
    assert ("id",) == made(load).key_columns
    assert [False, True] == [made(load).columns[place].nullable for place in (0, 1)]


def test_the_schema_and_its_rejected_records_come_before_any_table() -> None:
    """A new schema is made first, `_sdc_rejected` before the first table. (L40)"""
    load = prepared(arrival({"id": 1}))
    assert [CreateSchema(schema_name="shop"), CreateTable(table=rejected_table("shop"))] == list(
        load.changes[:2]
    )
    later = prepared(arrival({"id": 1}), tables=[rejected_table("shop")])
    assert ["cars"] == [each.table.name for each in later.changes if isinstance(each, CreateTable)]


def test_a_later_field_is_a_new_column_at_the_end() -> None:
    """Columns are added for first values, never for nulls. (L10, L12)"""
    table = made(prepared(arrival({"id": 1, "a": 1})))
    load = prepared(arrival({"id": 2, "b": "x", "c": None}), tables=[table, rejected_table("shop")])
    added = AddColumn(schema_name="shop", table_name="cars", column=Column(name="b", type=Type.STRING))
    assert [added] == list(load.changes)
    assert "b" == load.parts[0].table.columns[-1].name


def test_records_without_any_value_make_no_table() -> None:
    """Keyless records of nulls only are told in a warning, and are rows once the table is there. (L11)"""
    nulls = arrival({"a": None}, {}, keys=())
    load = prepared(nulls)
    assert [] == rows_of(load)
    assert [("2 records have no value at all; no table was made for them",)] == [
        report.warnings for report in load.reports
    ]
    table = made(prepared(arrival({"a": 1}, keys=())))
    assert [{}, {}] == rows_of(prepared(nulls, tables=[table]))


def test_a_dropped_column_is_made_again() -> None:
    """What somebody dropped comes back when a value needs it. (L12)"""
    table = made(prepared(arrival({"id": 1, "a": 1})))
    load = prepared(arrival({"id": 2, "a": 2}), tables=[without(table, "a"), rejected_table("shop")])
    assert ["a"] == [each.column.name for each in load.changes if isinstance(each, AddColumn)]


def without(table: Table, column: str) -> Table:
    """Return a table after somebody dropped one of its columns."""
    return replace(table, columns=tuple(each for each in table.columns if each.name != column))


@pytest.mark.parametrize("column", ["id", "_sdc_sequence", "_sdc_table_version"])
def test_a_dropped_system_or_key_column_holds_its_table_alone(column: str) -> None:
    """Nothing of the table is changed, written or rejected until it is back; others load. (L90)"""
    load = prepared(
        arrival({"id": 2}),
        arrival({"id": 3}, table_name="boats"),
        tables=[without(made(prepared(arrival({"id": 1}))), column), rejected_table("shop")],
    )
    reason = f"column {column} of cars was dropped; put it back, or drop the table to have it made anew"
    assert {"cars": reason} == load.held
    assert ["boats"] == [part.table.name for part in load.parts]
    assert ["boats"] == [report.table_name for report in load.reports]


def test_too_many_columns_reject_the_load_of_that_table() -> None:
    """Over the warehouse's number of columns nothing of the table loads, and everything of others. (L13)"""
    wide = {"id": 1} | {f"c{number}": number for number in range(DUCKDB_LIKE.columns_max)}
    load = prepared(arrival(wide, {"id": 2}), arrival({"id": 3}, table_name="boats"))
    assert ["ERROR: too many columns"] * 2 == [reason for reason, _ in rejections(load)]
    assert ["boats"] == [each.table.name for each in load.changes if isinstance(each, CreateTable)][1:]


@pytest.mark.parametrize("record", [{"id": None, "a": 1}, {"a": 1}])
def test_a_record_without_its_key_is_rejected(record: dict[str, Any]) -> None:
    """It came past the API's check, and has no place. (L14)"""
    load = prepared(arrival(record))
    assert ["missing pk(id) from updated record"] == [reason for reason, _ in rejections(load)]


@pytest.mark.parametrize("keys", [(), ("a",), ("id", "a")])
def test_records_with_other_keys_than_the_table_hold_it(keys: tuple[str, ...]) -> None:
    """The table keeps the keys it was made with; nothing is appended in silence. (L15, L90)"""
    table = made(prepared(arrival({"id": 1, "a": 1})))
    load = prepared(arrival({"id": 2, "a": 2}, keys=keys), tables=[table, rejected_table("shop")])
    assert {"cars": "Primary Keys for table do not match Primary Keys of incoming data"} == load.held
    assert ([], []) == (list(load.changes), list(load.parts))


def test_within_the_first_load_the_first_record_decides_the_keys() -> None:
    """Later batches with other keys are rejected, a batch without records decides nothing. (L15)"""
    empty = arrival(keys=("a",), activates=False)
    load = prepared(empty, arrival({"id": 1, "a": 1}), arrival({"id": 2, "a": 1}, keys=("a",), position=2))
    assert [{"id": 1, "a": 1}] == rows_of(load)


def test_the_order_of_key_names_does_not_matter() -> None:
    """The table's order stays. (L15)"""
    table = made(prepared(arrival({"a": 1, "b": 1}, keys=("a", "b"))))
    load = prepared(arrival({"a": 2, "b": 2}, keys=("b", "A")), tables=[table])
    assert [{"a": 2, "b": 2}] == rows_of(load)
    assert ("a", "b") == load.parts[0].table.key_columns


def test_a_column_of_a_foreign_type_takes_nothing() -> None:
    """A column that a person added stays theirs, and is renamed by nobody. (L16)"""
    table = made(prepared(arrival({"id": 1})))
    theirs = replace(table, columns=(*table.columns, Column(name="day", type=None, native="DATE")))
    load = prepared(arrival({"id": 2, "day": "2026-01-13"}), tables=[theirs, rejected_table("shop")])
    assert [{"id": 2, "day__st": "2026-01-13"}] == rows_of(load)
    assert ["AddColumn"] == [type(change).__name__ for change in load.changes]


def test_a_decimal_column_grows_when_a_value_needs_it() -> None:
    """More digits after the point are a change to the table. (L26)"""
    table = made(prepared(arrival({"id": 1, "a": Decimal("1.5")})))
    load = prepared(arrival({"id": 2, "a": Decimal("1.12345678")}), tables=[table, rejected_table("shop")])
    assert [8] == [each.column.scale for each in load.changes if isinstance(each, GrowDecimal)]
    narrower = prepared(arrival({"id": 2, "a": Decimal("1.1")}), tables=[table, rejected_table("shop")])
    assert [] == list(narrower.changes)


# --- System columns ----------------------------------------------------------------------------------------


def test_every_row_says_when_it_came_and_with_which_sequence() -> None:
    """Times to the millisecond, the sequence unchanged, version 0 when none was given. (L30, L32)"""
    part = prepared(arrival({"id": 1}, sequences=[2**62])).parts[0]
    expected = {
        "id": 1,
        "_sdc_received_at": EPOCH + timedelta(milliseconds=RECEIVED_AT_MS),
        "_sdc_batched_at": EPOCH + timedelta(milliseconds=BATCHED_AT_MS),
        "_sdc_sequence": 2**62,
        "_sdc_table_version": 0,
    }
    assert [expected] == part.rows.to_pylist()


def test_extraction_times_make_their_column_only_when_carried() -> None:
    """A batch without them leaves null. (L31)"""
    timed = arrival({"id": 1}, {"id": 2}, extracted=["2026-01-13T00:00:00.5Z", None])
    part = prepared(timed, arrival({"id": 3}, position=2)).parts[0]
    expected = [datetime(2026, 1, 13, 0, 0, 0, 500_000, tzinfo=UTC), None, None]
    assert expected == part.rows["_sdc_extracted_at"].to_pylist()
    assert "_sdc_extracted_at" not in columns(prepared(arrival({"id": 3})))


def test_rows_without_keys_get_one() -> None:
    """A keyless table has a generated key, a keyed one has not. (L33)"""
    part = prepared(arrival({"a": 1}, {"a": 1}, keys=())).parts[0]
    assert ["uuid-0", "uuid-1"] == part.rows["__sdc_primary_key"].to_pylist()
    assert "__sdc_primary_key" not in columns(prepared(arrival({"id": 1})))


# --- Rejected records --------------------------------------------------------------------------------------


def test_a_rejected_record_says_when_which_table_and_why() -> None:
    """One row with the table's name as sent. (L40)"""
    part = prepared(arrival({"id": 2**63}, table_name="cars!")).parts[0]
    expected = {
        "_sdc_rejected_at": EPOCH + timedelta(milliseconds=BATCHED_AT_MS),
        "table_name": "cars!",
        "reason": "integer out of range for DuckDB on 9223372036854775808",
        "record": '{"id":9223372036854775808}',
    }
    assert (REJECTED, [expected]) == (part.table.name, part.rows.to_pylist())


@pytest.mark.parametrize(
    ("record", "text"),
    [
        ({"a": 2**70, "b": Decimal("1.10"), "c": 0.1}, '{"a":1180591620717411303424,"b":1.10,"c":0.1}'),
        ({"a": True, "b": None, "c": ["x", {"d": "é\n"}]}, '{"a":true,"b":null,"c":["x",{"d":"é\\n"}]}'),
        ({"a": datetime(2026, 1, 13, 1, 2, 3, 4_000, tzinfo=UTC)}, '{"a":"2026-01-13T01:02:03.004Z"}'),
        ({"a": "\ud800", "\ud800": 1}, '{"a":"\\ud800","\\ud800":1}'),
        ({"a": float("nan"), "b": float("-inf")}, '{"a":NaN,"b":-Infinity}'),
    ],
)
def test_a_rejected_record_keeps_every_digit(record: dict[str, Any], text: str) -> None:
    """The record is JSON a person can read and send again. (L42)"""
    assert text == record_text(record)


def test_a_long_rejected_record_is_cut_between_characters() -> None:
    """At most 65,536 bytes of UTF-8, all of them whole characters. (L42)"""
    text = record_text({"ab": "é" * 40_000})
    assert 65_535 == len(text.encode())
    assert '{"ab":"éé' == text[:9]


def test_a_record_nested_as_deep_as_the_api_takes_is_written() -> None:
    """Depth is no reason to lose one. (L42)"""
    record: dict[str, Any] = {}
    for _ in range(100):
        record = {"a": [record]}
    assert record == json.loads(record_text(record))


def test_what_the_warehouse_refused_is_rejected_with_its_words() -> None:
    """Named by position and place; the others of the request load. (L43)"""
    load = prepared(arrival({"id": 1}, {"id": 2}, {"id": 3}, position=9), refused={(9, 1): "disk says no"})
    assert [{"id": 1}, {"id": 3}] == rows_of(load)
    assert [("disk says no", '{"id":2}')] == rejections(load)


def test_reports_count_rows_and_rejections() -> None:
    """What people see adds up; elements are counted to their subtables. (L41, L100)"""
    report = prepared(
        arrival({"id": 1}, {"id": 1, "a": [1, {"b": [2]}]}, {"id": "x", "a": [1]}, sequences=[5, 6, 7])
    ).reports[0]
    assert ("cars", "cars", ("id",), 1, 1) == (
        report.table_name,
        report.destination_table,
        report.key_names,
        report.rows,
        report.rejected,
    )
    assert [("a", "cars__a", 2), ("a__b", "cars__a__b", 1)] == [
        (each.array, each.destination_table, each.rows) for each in report.subtables
    ]


@pytest.mark.parametrize(
    ("values", "least", "greatest"),
    [
        ([3, 10, 2], "2", "10"),
        ([1.5, Decimal("1E+30"), 2, None], "1.5", str(10**30)),
        ([Decimal("1.10"), Decimal("1.2")], "1.1", "1.2"),
        ([float("nan"), 1.5], "1.5", "1.5"),
        (["b", "a", "B"], "B", "b"),
        ([True, False], "false", "true"),
        (["x", 3, 4, True], "3", "4"),
        ([None, {"b": 1}, [1]], None, None),
        (["a" * 2_000], "a" * 1_000, "a" * 1_000),
        ([2**63], None, None),
    ],
)
def test_a_report_has_the_bounds_of_bookmark_fields(values: list[Any], least: str, greatest: str) -> None:
    """As text, exact; numbers of all types together; rejected records do not count. (L101)"""
    records = [{"id": id_, "at": value} for id_, value in enumerate(values)]
    for keys in (("id",), ()):
        report = prepared(arrival(*records, keys=keys, bookmarks=["at", "nothing"])).reports[0]
        assert [("at", least, greatest), ("nothing", None, None)] == [
            (each.field, each.least, each.greatest) for each in report.bookmarks
        ]


def test_bookmarks_that_are_instants_are_compared_as_such() -> None:
    """Over all batches of the load and whatever their offsets, written in UTC. (L101)"""
    at = typed(at={"type": "string", "format": "date-time"})
    report = prepared(
        arrival({"id": 1, "at": "2026-01-01T01:00:00+02:00"}, schema=at, bookmarks=["at"]),
        arrival({"id": 2, "at": "2026-01-01T00:00:00.5Z"}, schema=at, position=2),
    ).reports[0]
    [found] = report.bookmarks
    assert ("2025-12-31T23:00:00Z", "2026-01-01T00:00:00.5Z") == (found.least, found.greatest)


def test_a_report_tells_the_last_extraction_and_the_version() -> None:
    """The last time of rows, and whether another version became the active one. (L102)"""
    times = ["2026-01-13T10:00:00.25Z", None, "2026-01-13T09:00:00-02:00"]
    records = [{"id": id_} for id_ in range(3)]
    first = prepared(arrival(*records, extracted=times, table_version=7)).reports[0]
    assert ("2026-01-13T11:00:00Z", 7, False) == (
        first.extracted_at_max,
        first.table_version,
        first.activated,
    )
    both = prepared(
        arrival({"id": 1}, table_version=7), arrival(table_version=8, activates=True, position=2)
    ).reports[0]
    assert (None, 8, True) == (both.extracted_at_max, both.table_version, both.activated)


VALUES: st.SearchStrategy[Any] = st.sampled_from(
    [
        *(None, 1, 2**63, 1.5, "x", "\ud800", True, Decimal("1.25"), Decimal("1E+60"), float("nan")),
        *([1], [2**63], [None, [{}]], {"b": 1}, {"b": {"c": [{"d": "\ud800"}]}}, {}, []),
    ]
)
FIELDS = st.sampled_from(["a", "A", "a!", "b", "c__bi", "_sdc_x", "!", "c" * 300, "_sdc_extra"])
RECORDS = st.lists(st.dictionaries(FIELDS, VALUES, max_size=4), max_size=6)
SCHEMAS = st.sampled_from([None, typed(a={"type": "number"}), typed(a={"type": ["integer", "string"]})])


@given(st.lists(st.tuples(RECORDS, SCHEMAS), max_size=3))
def test_every_record_is_a_row_or_rejected_or_empty(batches: list[tuple[list[dict[str, Any]], Any]]) -> None:
    """Whatever comes, each record ends in one place, and `prepare` raises nothing. (L41)"""
    numbered = [
        ([record | {"n": 10 * index + row} for row, record in enumerate(records)], schema)
        for index, (records, schema) in enumerate(batches)
    ]
    load = prepared(
        *(
            arrival(*records, keys=("n",), position=index, schema=schema)
            for index, (records, schema) in enumerate(numbered)
        )
    )
    ends = Counter(row["n"] for row in rows_of(load))
    for reason, record in rejections(load):
        if "is too long" not in reason:  # such a record loads without that column
            ends[json.loads(record)["n"]] += 1
    assert Counter(record["n"] for records, _ in numbered for record in records) == ends


# --- Rows --------------------------------------------------------------------------------------------------


def test_the_greatest_sequence_of_a_key_wins_within_a_load() -> None:
    """Whatever the order; of equal sequences the later accepted. (L60)"""
    load = prepared(
        arrival({"id": 1, "a": "new"}, {"id": 1, "a": "old"}, {"id": 2, "a": "first"}, sequences=[5, 4, 7]),
        arrival({"id": 2, "a": "second"}, position=2, sequences=[7]),
    )
    assert [{"id": 1, "a": "new"}, {"id": 2, "a": "second"}] == rows_of(load)


@pytest.mark.parametrize(
    ("keys", "count"),
    [
        ([Decimal("1.0"), Decimal("1.00")], 1),
        (["a", "a ", "A", "a"], 3),
        ([0.0, -0.0, float("nan"), float("nan")], 2),
        ([True, False, True], 2),
        ([datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)], 1),
    ],
)
def test_keys_are_compared_by_value(keys: list[Any], count: int) -> None:
    """Texts are not trimmed or folded, numbers are numbers. (L60)"""
    assert count == len(rows_of(prepared(arrival(*({"id": key} for key in keys)))))


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from("xy"), st.integers(0, 3)), max_size=12))
def test_one_version_of_each_key_is_left(versions: list[tuple[int, str, int]]) -> None:
    """The same as going through the versions one by one. (L60)"""
    expected: dict[tuple[int, str], tuple[int, int]] = {}
    for number, (a, b, sequence) in enumerate(versions):
        if (a, b) not in expected or expected[a, b][0] <= sequence:
            expected[a, b] = (sequence, number)
    data = [{"a": a, "b": b, "n": number} for number, (a, b, _) in enumerate(versions)]
    load = prepared(arrival(*data, keys=("a", "b"), sequences=[sequence for *_, sequence in versions]))
    assert {key: number for key, (_, number) in expected.items()} == {
        (row["a"], row["b"]): row["n"] for row in rows_of(load)
    }


def test_rows_without_keys_are_all_kept() -> None:
    """Equal records are two rows. (L63)"""
    assert [{"a": 1}, {"a": 1}] == rows_of(prepared(arrival({"a": 1}, {"a": 1}, keys=())))
