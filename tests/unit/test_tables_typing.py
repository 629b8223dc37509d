"""Types of values and columns. Rules L20 to L29 of docs/specs/loading.md."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.arrivals import DUCKDB_LIKE, arrival, prepared, rejections, rows_of, typed
from tidegate.instants import parse_instant
from tidegate.tables.branches import Branch, branches
from tidegate.tables.canonical import canonical_value
from tidegate.tables.capabilities import Capabilities
from tidegate.tables.model import AddColumn, Column, CreateTable, RenameColumn, Table, Type
from tidegate.tables.prepare import Prepared
from tidegate.tables.reading import Reading, read_by_value, read_column

NUMBER = {"type": "number"}
DECIMAL = {"type": "number", "multipleOf": 0.01}
INSTANT = {"type": "string", "format": "date-time"}
DATE = {"type": "string", "format": "date"}
DECIMAL_TEXT = {"type": "string", "format": "singer.decimal"}

MIDNIGHT_US = 1_768_262_400_000_000  # 2026-01-13T00:00:00Z


@pytest.mark.parametrize(
    ("value", "taken"),
    [
        (True, (Type.BOOLEAN, True)),
        (1, (Type.INTEGER, 1)),
        (2**70, (Type.INTEGER, 2**70)),
        (10.0, (Type.DOUBLE, 10.0)),
        (
            Decimal("0.1000000000000000000000000001"),
            (Type.DECIMAL, Decimal("0.1000000000000000000000000001")),
        ),
        ("1.00", (Type.STRING, "1.00")),
        ("2026-01-13T00:00:00Z", (Type.STRING, "2026-01-13T00:00:00Z")),
        (datetime(2026, 1, 13, 1, tzinfo=timezone(timedelta(hours=1))), (Type.TIMESTAMP, MIDNIGHT_US)),
        ({}, None),
        ([1], None),
    ],
)
def test_a_value_without_schema_has_the_type_of_its_json(value: Any, taken: Any) -> None:
    """No text is taken for anything but a text. (L20)"""
    assert taken == canonical_value(value, ())


@pytest.mark.parametrize(
    ("schema", "value", "taken"),
    [
        ({"type": "integer"}, 5, (Type.INTEGER, 5)),
        (NUMBER, 5, (Type.DOUBLE, 5.0)),
        (NUMBER, 5.5, (Type.DOUBLE, 5.5)),
        (NUMBER, 2**53 + 1, (Type.DECIMAL, Decimal(2**53 + 1))),
        (NUMBER, 2**60, (Type.DOUBLE, float(2**60))),
        (NUMBER, 10**400, (Type.DECIMAL, Decimal(10**400))),
        (DECIMAL, 5.55, (Type.DECIMAL, Decimal("5.55"))),
        (DECIMAL, 5, (Type.DECIMAL, Decimal(5))),
        (DECIMAL, Decimal("5.550000000000000000001"), (Type.DECIMAL, Decimal("5.550000000000000000001"))),
        (INSTANT, "2026-01-13T01:00:00+01:00", (Type.TIMESTAMP, MIDNIGHT_US)),
        (INSTANT, "2026-01-13 00:00:00.123456789", (Type.TIMESTAMP, MIDNIGHT_US + 123_456)),
        (INSTANT, "1969-12-31T23:59:59.9999999Z", (Type.TIMESTAMP, -1)),
        (DATE, "2026-01-13", (Type.TIMESTAMP, MIDNIGHT_US)),
        (DATE, "13.1.2026", (Type.STRING, "13.1.2026")),
        (DECIMAL_TEXT, "-1.50", (Type.DECIMAL, Decimal("-1.50"))),
        (DECIMAL_TEXT, "1_000", (Type.STRING, "1_000")),
        ({"type": "string"}, "x", (Type.STRING, "x")),
        ({"type": "boolean"}, False, (Type.BOOLEAN, False)),
        ({"type": "boolean"}, 1, (Type.INTEGER, 1)),
        ({"type": ["null", "string", "integer"]}, 1, (Type.INTEGER, 1)),
        ({"type": ["number", "integer"]}, 1, (Type.INTEGER, 1)),
        ({"type": ["number", "integer"]}, 1.5, (Type.DOUBLE, 1.5)),
        ({"anyOf": [{"type": "string"}, INSTANT]}, "2026-01-13T00:00:00Z", (Type.TIMESTAMP, MIDNIGHT_US)),
        ({"anyOf": [{"type": "null"}, INSTANT, {"type": "string"}]}, "soon", (Type.STRING, "soon")),
        ({"oneOf": [DECIMAL_TEXT, {"type": "null"}]}, "1", (Type.DECIMAL, Decimal(1))),
        ({"format": "date-time"}, "2026-01-13T00:00:00Z", (Type.TIMESTAMP, MIDNIGHT_US)),
        ({"multipleOf": 0.1}, 1, (Type.DECIMAL, Decimal(1))),
    ],
)
def test_a_value_has_the_type_of_the_branch_it_satisfies(schema: Any, value: Any, taken: Any) -> None:
    """Branches are tried in order, the more exact first; otherwise by value. (L21, L22)"""
    assert taken == canonical_value(value, branches(schema))


@pytest.mark.parametrize(
    "schema", [None, 5, {"type": 5}, {"type": [{}]}, {"format": []}, {"anyOf": 3}, {"type": []}]
)
def test_what_a_schema_says_wrongly_it_does_not_say(schema: Any) -> None:
    """Odd schemas leave values to themselves. (L21)"""
    assert () == branches(schema)


def test_a_schema_of_itself_ends() -> None:
    """Branches within branches are followed only so far. (L22)"""
    schema: dict[str, Any] = {"type": "integer"}
    schema["anyOf"] = [schema]
    assert (Branch.INTEGER,) == branches(schema)


PRICED = {
    "definitions": {
        "a/b c": {"type": "number"},
        "price": {"type": ["number", "null"], "multipleOf": 0.01},
        "at": INSTANT,
    }
}


@pytest.mark.parametrize(
    ("schema", "value", "kind"),
    [
        ({"$ref": "#/definitions/price"}, 1, Type.DECIMAL),
        ({"$ref": "#/definitions/price", "type": "integer"}, 1, Type.DECIMAL),
        ({"anyOf": [{"type": "null"}, {"$ref": "#/definitions/at"}]}, "2026-01-13T00:00:00Z", Type.TIMESTAMP),
        ({"allOf": [{"type": "string"}, {"format": "date-time"}]}, "2026-01-13T00:00:00Z", Type.TIMESTAMP),
        ({"allOf": [{"type": ["number", "null"]}], "type": ["null", "integer", "number"]}, 1, Type.DOUBLE),
        ({"allOf": [{"$ref": "#/definitions/price"}, {"minimum": 0}]}, 1, Type.DECIMAL),
        ({"$ref": "#/properties/a"}, "2026-01-13T00:00:00Z", Type.STRING),
        ({"allOf": [{"$ref": "#/properties/a"}]}, 1.5, Type.DOUBLE),
        ({"$ref": "#/definitions/a~1b%20c"}, 1, Type.DOUBLE),
        ({"$ref": "#/nowhere/0"}, 1, Type.INTEGER),
        ({"$ref": "elsewhere"}, 1, Type.INTEGER),
        ({"allOf": 5}, 1, Type.INTEGER),
    ],
)
def test_a_schema_means_what_it_refers_to(schema: Any, value: Any, kind: Type) -> None:
    """References and `allOf` describe values as the schema they stand for. (L21a)"""
    load = prepared(arrival({"id": 1, "a": value}, schema=PRICED | typed(a=schema)))
    column = load.parts[0].table.column("a")
    assert kind == (column.type if column is not None else None)


def test_references_reach_objects_elements_and_what_allof_adds() -> None:
    """At any depth. (L21a, L70, L71)"""
    order = {
        "allOf": [
            {"properties": {"at": {"$ref": "#/definitions/at"}}},
            {"properties": {"lines": {"items": {"properties": {"price": {"$ref": "#/definitions/price"}}}}}},
        ]
    }
    record = {"id": 1, "o": {"at": "2026-01-13T00:00:00Z", "lines": [{"price": 1}]}}
    [part] = prepared(arrival(record, schema=PRICED | typed(o=order))).parts
    found = [part.table.column("o__at"), part.children[0].table.column("price")]
    assert [Type.TIMESTAMP, Type.DECIMAL] == [each.type for each in found if each is not None]


def test_references_that_multiply_are_followed_only_so_far() -> None:
    """A small schema cannot take the loader's time. (L21a)"""
    tripled = {
        f"d{n}": {"properties": {name: {"$ref": f"#/definitions/d{n + 1}"} for name in "xyz"}}
        for n in range(50)
    }
    schema = {"definitions": tripled} | typed(a={"$ref": "#/definitions/d0"}, b=INSTANT)
    assert [{"id": 1, "a__x__y__z": 1}] == rows_of(
        prepared(arrival({"id": 1, "a": {"x": {"y": {"z": 1}}}}, schema=schema))
    )


ODD_INSTANTS = [
    "2026-01-13T10:20:30Z",
    "2026-01-13 10:20:30",
    "2026-01-13t10:20:30.5z",
    "2026-01-13T10:20Z",
    "2026-01-13T10:20:30+0530",
    "2026-01-13T10:20:30.123456789Z",
    "1969-12-31T23:59:59.9999999Z",
    "0001-01-01T00:00:00+01:00",
    "9999-12-31T23:59:59-01:00",
    "2026-01-13T10:20:30+24:00",
    "2026-01-13T10:20:30+12:60",
    "2026-02-29T10:20:30Z",
    "2026-01-13T10:20:60Z",
    "+2026-01-13T1:20:30Z",
]

SCALARS: list[st.SearchStrategy[Any]] = [
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.integers(-(2**65), 2**65),
    st.floats(),
    st.decimals(allow_nan=False, allow_infinity=False, places=3),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.text(st.characters(), max_size=4),
    st.sampled_from(["a\0b", "\ud800", "1.5", "1e3", "2026-01-13", "0000-00-00"]),
    st.datetimes(timezones=st.just(UTC)),
    st.datetimes().map(lambda at: at.isoformat() + "Z"),
    st.sampled_from(ODD_INSTANTS),
]
BRANCHES = st.sampled_from(
    [
        *((), (Branch.INTEGER,), (Branch.NUMBER,), (Branch.DECIMAL,), (Branch.STRING,), (Branch.BOOLEAN,)),
        *((Branch.INSTANT,), (Branch.DATE,), (Branch.DECIMAL_TEXT,), (Branch.OBJECT,), (Branch.ARRAY,)),
        *((Branch.INTEGER, Branch.NUMBER), (Branch.INSTANT, Branch.STRING), (Branch.NUMBER, Branch.STRING)),
        *((Branch.INTEGER, Branch.DECIMAL), (Branch.DECIMAL, Branch.INSTANT, Branch.DATE, Branch.STRING)),
    ]
)
# Mostly columns of one kind of value, as columns are; sometimes of several.
COLUMNS = st.one_of(*(st.lists(st.one_of(st.none(), kind), max_size=6) for kind in SCALARS)) | st.lists(
    st.one_of(*SCALARS), max_size=8
)


def as_comparable(reading: Reading) -> Any:
    """NaN equals nothing, so values are compared as texts."""
    arrays = {
        kind: (str(array.type), repr(array.cast(_plain(array)).to_pylist()))
        for kind, array in reading.arrays.items()
    }
    return arrays, reading.refused


def _plain(array: Any) -> Any:
    return pa.int64() if pa.types.is_timestamp(array.type) else array.type


@pytest.mark.parametrize("text", ODD_INSTANTS)
def test_an_odd_date_time_is_read_at_once_as_it_is_alone(text: str) -> None:
    """Arrow's parser takes more than the Import API does, and less; neither shows. (L21, L24)"""
    all_years = replace(DUCKDB_LIKE, timestamp_min_us=-(2**62), timestamp_max_us=2**62)
    for branches_taken in ((Branch.INSTANT,), (Branch.INSTANT, Branch.STRING)):
        runs = [(branches_taken, 2)]
        assert as_comparable(read_by_value([text, None], runs, "c", 6, all_years)) == as_comparable(
            read_column([text, None], runs, "c", 6, all_years)
        )


@given(COLUMNS, BRANCHES, st.booleans())
def test_a_column_read_at_once_is_a_column_read_value_by_value(
    values: list[Any], taken: tuple[Branch, ...], keeps_nul: bool
) -> None:
    """The fast way and the slow way mean the same, whatever the values. (L20 to L28)"""
    capabilities = replace(DUCKDB_LIKE, keeps_nul_in_text=keeps_nul)
    runs = [(taken, len(values))]
    assert as_comparable(read_by_value(values, runs, "c", 6, capabilities)) == as_comparable(
        read_column(values, runs, "c", 6, capabilities)
    )


@given(COLUMNS, BRANCHES, COLUMNS, BRANCHES)
def test_each_request_is_read_by_its_own_schema(
    values: list[Any], taken: tuple[Branch, ...], others: list[Any], others_taken: tuple[Branch, ...]
) -> None:
    """Values of two schemas in one column are each read by theirs. (L21)"""
    runs = [(taken, len(values)), (others_taken, len(others))]
    assert as_comparable(read_by_value([*values, *others], runs, "c", 6, DUCKDB_LIKE)) == as_comparable(
        read_column([*values, *others], runs, "c", 6, DUCKDB_LIKE)
    )


@given(COLUMNS, BRANCHES)
def test_every_value_is_in_one_array_or_refused(values: list[Any], taken: tuple[Branch, ...]) -> None:
    """Nothing is lost, nothing doubled: a row is null, refused, or held by exactly one type. (L24, L41)"""
    reading = read_column(values, [(taken, len(values))], "c", 6, DUCKDB_LIKE)
    held = [sum(array[row].is_valid for array in reading.arrays.values()) for row in range(len(values))]
    expected = [0 if value is None or row in reading.refused else 1 for row, value in enumerate(values)]
    assert expected == held


@given(st.lists(st.one_of(st.none(), st.integers(), st.floats(), st.decimals(allow_nan=False)), max_size=6))
def test_numbers_are_kept_exactly(values: list[Any]) -> None:
    """What comes out of Arrow is the number that went in, to the last bit. (L24)"""
    reading = read_column(values, [((Branch.NUMBER,), len(values))], "c", 6, DUCKDB_LIKE)
    for array in reading.arrays.values():
        for row, number in enumerate(array.to_pylist()):
            if number is not None:
                sent, kept = Decimal(values[row]), Decimal(number)
                assert sent == kept or (sent.is_nan() and kept.is_nan())


@given(st.datetimes(), st.integers(0, 999_999_999), st.sampled_from(["Z", "", "+05:30", "-0800", "z"]))
def test_instants_lose_nothing_but_nanoseconds(at: datetime, nanoseconds: int, offset: str) -> None:
    """Arrow's parser, ours, and the documented cut agree. (L24)"""
    text = f"{at:%H:%M:%S}.{nanoseconds:09}"
    text = f"{at.year:04}-{at:%m-%d}T{text}{offset}"
    instant = parse_instant(text)
    reading = read_column([text], [((Branch.INSTANT,), 1)], "c", 6, DUCKDB_LIKE)
    if instant is None:
        assert [Type.STRING] == list(reading.arrays)
    else:
        assert [instant // 1_000] == reading.arrays[Type.TIMESTAMP].cast(pa.int64()).to_pylist()


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (2**63, "integer out of range for DuckDB on 9223372036854775808"),
        (-(2**63) - 1, "integer out of range for DuckDB on -9223372036854775809"),
        (Decimal("1" + "0" * 33), "decimal out of range for DuckDB on 1000000000000000000000000000000000"),
        (Decimal("1E-39"), "decimal out of range for DuckDB on 1E-39"),
        ("\ud800", "string has a character that DuckDB cannot store on a"),
    ],
)
def test_a_value_that_cannot_be_kept_rejects_its_record_alone(value: Any, reason: str) -> None:
    """The documented words, and the neighbours load. (L25, L26, L28, L41)"""
    load = prepared(arrival({"id": 1, "a": value}, {"id": 2}))
    assert [reason] == [each for each, _ in rejections(load)]
    assert [{"id": 2}] == rows_of(load)


def test_a_character_without_a_place_is_left_out_and_counted() -> None:
    """Where U+0000 cannot be stored; also in elements. A key with it is rejected. (L28)"""
    keeps_none = replace(DUCKDB_LIKE, keeps_nul_in_text=False, display_name="PostgreSQL")
    load = prepared(
        arrival({"id": "a", "a": "x\0y\0"}, {"id": "b", "a": "z", "b": ["\0"]}, {"id": "c\0"}),
        capabilities=keeps_none,
    )
    assert [{"id": "a", "a": "xy"}, {"id": "b", "a": "z"}] == rows_of(load)
    assert [""] == load.parts[0].children[0].rows["value"].to_pylist()
    assert ["string has a character that PostgreSQL cannot store on id"] == [
        reason for reason, _ in rejections(load)
    ]
    warning = "texts stored without the character U+0000, which PostgreSQL cannot store: 2"
    assert [(warning,)] == [report.warnings for report in load.reports]
    assert [{"id": "c\0"}] == rows_of(prepared(arrival({"id": "c\0"})))


def test_the_greatest_and_least_values_are_kept() -> None:
    """The range's ends are within the range. (L25)"""
    data = {"id": 2**63 - 1, "least": -(2**63), "decimal": Decimal("9" * 32), "inf": float("inf")}
    assert [data] == rows_of(prepared(arrival(data)))


def test_a_decimal_column_starts_with_the_scale_it_needs() -> None:
    """At least 6 digits, more when the first load has more; zeros at the end need none. (L26)"""
    load = prepared(arrival({"id": 1, "a": Decimal("1.50000000000"), "b": Decimal("1.12345678")}))
    part = load.parts[0]
    assert [6, 8] == [part.rows.schema.field(name).type.scale for name in "ab"]


@pytest.mark.parametrize("text", ["9.133082717949334150189620E-21", "1.5E-44", "0." + "1" * 60])
def test_a_decimal_with_more_digits_than_arrow_counts_is_rejected(text: str) -> None:
    """Arrow would read some of these as zero. (L24, L26)"""
    load = prepared(arrival({"id": 1, "a": Decimal(text)}))
    assert [f"decimal out of range for DuckDB on {Decimal(text)}"] == [
        reason for reason, _ in rejections(load)
    ]


@pytest.mark.parametrize("text", ["1." + "0" * 60, "-0E+40", "0E-60", "12E+20"])
def test_zeros_at_the_ends_of_a_decimal_need_no_digits(text: str) -> None:
    """However many there are. (L26)"""
    assert [{"id": 1, "a": Decimal(text)}] == rows_of(prepared(arrival({"id": 1, "a": Decimal(text)})))


def test_decimals_that_need_too_many_digits_together_are_refused_in_order() -> None:
    """The first come first; what no longer fits beside them is rejected, not rounded. (L26)"""
    data = [
        {"id": 1, "a": Decimal(10) ** 30},
        {"id": 2, "a": Decimal("1.1234567")},
        {"id": 3, "a": Decimal("1.12345678")},
    ]
    load = prepared(arrival(*data))
    assert data[:2] == rows_of(load)
    assert ["decimal out of range for DuckDB on 1.12345678"] == [reason for reason, _ in rejections(load)]


def test_decimals_of_any_length_travel_as_text() -> None:
    """Where the warehouse bounds no digits, none is lost on the way. (L27)"""
    load = prepared(
        arrival({"id": 1, "a": Decimal("1E+50")}, {"id": 2, "a": Decimal("0." + "1" * 60)}),
        capabilities=replace(DUCKDB_LIKE, decimal_digits_max=None),
    )
    assert ["1" + "0" * 50, "0." + "1" * 60] == [row["a"] for row in rows_of(load)]


KEEPS_NAMES = replace(DUCKDB_LIKE, renames_on_split=False)
MIXED: list[dict[str, Any]] = [{"id": 1, "a": 1}, {"id": 2, "a": "x"}, {"id": 3, "a": 2.5}, {"id": 4, "a": 4}]


def filled(load: Prepared) -> list[dict[str, Any]]:
    """Return the rows of a load without their nulls."""
    return [{name: value for name, value in row.items() if value is not None} for row in rows_of(load)]


def made(load: Prepared) -> list[Table]:
    """Return the tables a load makes."""
    return [change.table for change in load.changes if isinstance(change, CreateTable)]


def renames(load: Prepared) -> list[tuple[str, str]]:
    """Return which columns a load renames, and how."""
    return [(each.old_name, each.new_name) for each in load.changes if isinstance(each, RenameColumn)]


def added(load: Prepared) -> list[str]:
    """Return the names of the columns a load adds."""
    return [change.column.name for change in load.changes if isinstance(change, AddColumn)]


@pytest.mark.parametrize(
    ("capabilities", "names"),
    [(DUCKDB_LIKE, ("a__bi", "a__st", "a__do")), (KEEPS_NAMES, ("a", "a__st", "a__do"))],
)
def test_values_of_several_types_in_one_load_have_a_column_each(
    capabilities: Capabilities, names: tuple[str, str, str]
) -> None:
    """The first column is named for its type too, where the warehouse renames. (L29)"""
    load = prepared(arrival(*MIXED), capabilities=capabilities)
    integer, string, double = names
    expected = [{"id": 1, integer: 1}, {"id": 2, string: "x"}, {"id": 3, double: 2.5}, {"id": 4, integer: 4}]
    assert expected == filled(load)
    assert [] == renames(load)


def test_the_first_value_of_a_second_type_renames_the_column() -> None:
    """At the first split only; later values find the columns of their types. (L29)"""
    tables = made(prepared(arrival({"id": 1, "Has Magic": False, "b": 1})))
    split = prepared(arrival({"id": 2, "has magic": "yes"}, {"id": 3, "has magic": True}), tables=tables)
    assert [("Has Magic", "Has Magic__bo")] == renames(split)
    assert ["Has Magic__st"] == added(split)
    assert [{"id": 2, "Has Magic__st": "yes"}, {"id": 3, "Has Magic__bo": True}] == filled(split)
    later = prepared(
        arrival({"id": 4, "HAS MAGIC": "no"}, {"id": 5, "has magic": 1.5}), tables=[split.parts[0].table]
    )
    assert ([], ["Has Magic__do"]) == (renames(later), added(later))
    assert [{"id": 4, "Has Magic__st": "no"}, {"id": 5, "Has Magic__do": 1.5}] == filled(later)


def test_where_names_stay_only_the_new_type_gets_a_column() -> None:
    """The first column keeps its name. (L29)"""
    tables = made(prepared(arrival({"id": 1, "cost": 3.14}), capabilities=KEEPS_NAMES))
    load = prepared(arrival({"id": 2, "cost": 10}), tables=tables, capabilities=KEEPS_NAMES)
    assert ([], ["cost__bi"]) == (renames(load), added(load))


@pytest.mark.parametrize("value", [5, 1.5, Decimal("0.1234567890123456789"), "x", True])
def test_numbers_of_different_kinds_split_too(value: Any) -> None:
    """Integer, double and decimal are three types; nothing is widened. (L29)"""
    for first in (7, 2.5, Decimal("1.0000000000000000000000001")):
        load = prepared(arrival({"id": 1, "a": first}, {"id": 2, "a": value}))
        assert [first, value] == [next(v for k, v in row.items() if k != "id") for row in filled(load)]


def changed(load: Prepared, **types: Type | None) -> Table:
    """Return the table of a load after somebody gave columns other types, or other columns."""
    table = load.parts[0].table
    columns = {column.name: column for column in table.columns}
    theirs = {name: Column(name=name, type=kind, native="THEIRS") for name, kind in types.items()}
    return replace(table, columns=tuple((columns | theirs).values()))


def test_a_column_whose_type_somebody_changed_takes_its_new_type() -> None:
    """The warehouse says what a column is. (L29)"""
    table = changed(prepared(arrival({"id": 1, "a": 1})), a=Type.STRING)
    assert [{"id": 2, "a": "x"}] == filled(prepared(arrival({"id": 2, "a": "x"}), tables=[table]))
    load = prepared(arrival({"id": 3, "a": 3}), tables=[table])
    assert ([("a", "a__st")], ["a__bi"]) == (renames(load), added(load))


def test_a_split_column_whose_type_somebody_changed_is_not_made_twice() -> None:
    """Its values find another column of the field, or are rejected with the reason. (L29)"""
    table = changed(prepared(arrival(*MIXED)), a__bi=Type.STRING)
    load = prepared(arrival({"id": 5, "a": "y"}, {"id": 6, "a": 6}), tables=[table])
    assert [{"id": 5, "a__st": "y"}] == filled(load)
    assert ["integer value, but column a__bi is THEIRS"] == [reason for reason, _ in rejections(load)]


def test_a_column_that_somebody_dropped_is_made_again_where_it_was() -> None:
    """A split field stays split. (L12, L29)"""
    table = prepared(arrival(*MIXED)).parts[0].table
    left = replace(table, columns=tuple(column for column in table.columns if column.name != "a__do"))
    load = prepared(arrival({"id": 5, "a": 5.5}, {"id": 6, "a": 6}), tables=[left])
    assert ([], ["a__do"]) == (renames(load), added(load))


def test_a_rejected_record_decides_no_type() -> None:
    """The value of a record that is rejected anyway makes no column. (L23)"""
    load = prepared(arrival({"id": 1, "a": "x", "b": 2**63}, {"id": 2, "a": 5}))
    assert [{"id": 2, "a": 5}] == rows_of(load)


def test_records_settle_the_types_of_new_keys_in_order() -> None:
    """A record that does not fit one key decides no other. (L23, L29a)"""
    data: list[dict[str, Any]] = [{"a": 1, "b": "x"}, {"a": "y", "b": 2}, {"a": 3, "b": "z"}]
    assert [data[0], data[2]] == rows_of(prepared(arrival(*data, keys=("a", "b"))))


def test_a_key_of_another_type_has_its_own_reason() -> None:
    """Keys are never split. (L29a)"""
    load = prepared(arrival({"id": 1}, {"id": "1"}))
    assert ["Primary Key type for id does not match Primary Key type in existing table"] == [
        reason for reason, _ in rejections(load)
    ]


def test_a_schema_alone_types_nothing_that_has_no_value() -> None:
    """Described but null fields make no column; described and filled ones have its type. (L10, L21)"""
    schema = typed(id={"type": "integer"}, at=INSTANT, price=DECIMAL, empty={"type": "string"})
    load = prepared(
        arrival({"id": 1, "at": "2026-01-13T00:00:00Z", "price": 5.55, "empty": None}, schema=schema)
    )
    expected = [{"id": 1, "at": datetime(2026, 1, 13, tzinfo=UTC), "price": Decimal("5.55")}]
    assert expected == rows_of(load)
