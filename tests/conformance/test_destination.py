"""Every destination keeps the rules of docs/specs/destination.md, and the rules about rows of loading.md."""

from __future__ import annotations

import itertools
import string
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.arrivals import arrival
from tests.conformance.destinations import SCHEMA, Warehouse, span, warehouse
from tidegate.destinations import DESTINATIONS, connect
from tidegate.errors import InputInvalid, LoadConflict, LoadRefused, QueryFailed
from tidegate.tables.model import (
    AddColumn,
    Change,
    Child,
    Column,
    CreateSchema,
    CreateTable,
    GrowDecimal,
    Held,
    Part,
    Progress,
    RenameColumn,
    Span,
    Table,
    Type,
)


@pytest.fixture(params=sorted(DESTINATIONS))
def shop(
    request: pytest.FixtureRequest, tmp_path: Path, exercised: Callable[[str], None]
) -> Iterator[Warehouse]:
    """One empty warehouse of each kind, open."""
    exercised(f"destination: {request.param}")
    with warehouse(request.param, tmp_path) as it:
        yield it


@pytest.mark.parametrize(
    "url", ["", "duckdb", "duckdb:", "duckdb://", "duckdb:///", "mysql://x", "memory://x"]
)
def test_an_address_that_cannot_be_one_is_refused(url: str) -> None:
    """Before anything is opened, in words that do not repeat it."""
    with pytest.raises(InputInvalid):
        connect(url)


# --- D1, D9: open and close --------------------------------------------------------------------------------


def test_open_and_close_may_be_repeated(shop: Warehouse) -> None:
    """Twice is as good as once, and what was loaded is there when it is opened again. (D1, D9)"""
    shop.destination.open()
    shop.load(arrival({"id": 1}), after=0, upto=1)
    shop.destination.close()
    shop.destination.close()
    shop.destination.open()
    assert Progress(1) == shop.destination.progress("journal-1")


# --- D2, D3: tables and changes ----------------------------------------------------------------------------

ALL_TYPES = Table(
    schema_name=SCHEMA,
    name='odd "name".x',
    columns=(
        Column(name="b", type=Type.STRING, nullable=False),
        Column(name="a", type=Type.INTEGER, nullable=False),
        *(Column(name=f"of {kind}", type=kind) for kind in Type if kind is not Type.DECIMAL),
        Column(name='of "decimal"', type=Type.DECIMAL, scale=6),
    ),
    key_columns=("b", "a"),
)


def scale_there(shop: Warehouse, column: Column) -> int | None:
    """Return the scale a column has once it is made: none where decimals have any number of digits."""
    return None if shop.destination.capabilities.decimal_digits_max is None else column.scale


def described(shop: Warehouse) -> list[tuple[str, list[tuple[Any, ...]], tuple[str, ...]]]:
    """Return what a schema's tables look like, without the warehouse's own words for types."""
    return [
        (table.name, [(c.name, c.type, c.scale, c.nullable) for c in table.columns], table.key_columns)
        for table in shop.destination.tables(SCHEMA)
    ]


def test_tables_come_back_as_they_were_made(shop: Warehouse) -> None:
    """Columns in order with type, scale and NOT NULL, keys in key order, names letter by letter. (D2)"""
    assert [] == shop.destination.tables(SCHEMA)
    shop.destination.apply(CreateSchema(schema_name=SCHEMA))
    shop.destination.apply(CreateTable(table=ALL_TYPES))
    expected = [(c.name, c.type, scale_there(shop, c), c.nullable) for c in ALL_TYPES.columns]
    assert [(ALL_TYPES.name, expected, ("b", "a"))] == described(shop)


def test_a_schema_does_not_see_the_tables_of_another(shop: Warehouse) -> None:
    """Each source has its own. (D2)"""
    shop.load(arrival({"id": 1}), after=0, upto=1)
    shop.load(arrival({"id": 2}), after=1, upto=2, schema_name="other")
    assert ["_sdc_rejected", "cars"] == sorted(table.name for table in shop.destination.tables("other"))
    assert [{"id": 1}] == shop.ask("select id from cars")


def test_a_change_made_again_changes_nothing(shop: Warehouse) -> None:
    """Each kind of change, twice, and over what is there. (D3)"""
    decimal = Column(name='of "decimal"', type=Type.DECIMAL, scale=9)
    changes: list[Change] = [
        CreateSchema(schema_name=SCHEMA),
        CreateTable(table=ALL_TYPES),
        AddColumn(schema_name=SCHEMA, table_name=ALL_TYPES.name, column=Column(name="new", type=Type.STRING)),
        GrowDecimal(schema_name=SCHEMA, table_name=ALL_TYPES.name, column=decimal),
        RenameColumn(
            schema_name=SCHEMA, table_name=ALL_TYPES.name, old_name="of string", new_name="of string__st"
        ),
    ]
    for change in changes:
        shop.destination.apply(change)
    once = described(shop)
    for change in changes:
        shop.destination.apply(change)
    assert once == described(shop)
    assert scale_there(shop, decimal) == next(column[2] for column in once[0][1] if column[0] == decimal.name)
    assert ("of string__st", Type.STRING, None, True) in once[0][1]
    assert "of string" not in {column[0] for column in once[0][1]}


def test_a_renamed_column_keeps_its_values(shop: Warehouse) -> None:
    """It is the same column. (D3)"""
    shop.load(arrival({"id": 1, "a": "x"}), after=0, upto=1)
    shop.destination.apply(
        RenameColumn(schema_name=SCHEMA, table_name="cars", old_name="a", new_name="a__st")
    )
    assert [{"id": 1, "a__st": "x"}] == shop.ask("select id, a__st from cars")


def test_a_table_that_is_there_keeps_its_shape(shop: Warehouse) -> None:
    """Making it again with other columns and keys finds it made. (D3)"""
    shop.load(arrival({"id": 1}), after=0, upto=1)
    before = described(shop)
    other = Table(
        schema_name=SCHEMA, name="cars", columns=(Column(name="x", type=Type.STRING),), key_columns=("x",)
    )
    shop.destination.apply(CreateTable(table=other))
    assert before == described(shop)


def test_a_decimal_column_that_is_full_refuses_to_grow(shop: Warehouse) -> None:
    """A stored value would no longer fit, so it stays and the load is refused; or none is ever full. (D3)"""
    shop.load(arrival({"id": 1, "a": Decimal("9" * 32)}), after=0, upto=1)
    if shop.destination.capabilities.decimal_digits_max is None:
        shop.load(arrival({"id": 2, "a": Decimal("0.1234567")}), after=1, upto=2)
        assert [Decimal("0.1234567")] == [row["a"] for row in shop.ask("select a from cars where id = 2")]
        return
    with pytest.raises(LoadRefused, match="decimal out of range"):
        shop.prepare(arrival({"id": 2, "a": Decimal("0.1234567")}))
    assert [{"a": Decimal("9" * 32)}] == shop.ask("select a from cars")


# --- D4 to D7: loads ---------------------------------------------------------------------------------------


def test_a_load_counts_the_rows_it_wrote(shop: Warehouse) -> None:
    """Not those passed over for a newer stored version, not rejected ones. (D4)"""
    assert 2 == shop.load(arrival({"id": 1}, {"id": 2}, sequences=[5, 5]), after=0, upto=1).rows
    later = arrival({"id": 1}, {"id": 2}, {"id": "x"}, {"id": 3}, sequences=[4, 6, 6, 6])
    assert 2 == shop.load(later, after=1, upto=2).rows


def test_a_load_that_cannot_finish_writes_nothing(shop: Warehouse) -> None:
    """Neither the part before, nor the position. (D4)"""
    load = shop.prepare(arrival({"id": 1}), arrival({"a": 1}, keys=(), table_name="log"))
    missing = Table(schema_name=SCHEMA, name="missing", columns=())
    parts = [*load.parts, Part(table=missing, rows=pa.table({"x": [1]}))]
    with pytest.raises(Exception, match="missing"):
        shop.destination.load(parts, span(0, 1))
    assert shop.destination.progress("journal-1") is None
    assert [{"n": 0}] == shop.ask("select (select count(*) from cars) + (select count(*) from log) as n")
    assert 2 == shop.destination.load(load.parts, span(0, 1)).rows


def test_a_repeated_load_adds_nothing(shop: Warehouse) -> None:
    """After a crash the loader sends the same rows again; the tables are as after once. (D5)"""
    load = shop.prepare(arrival({"a": 1}, {"a": 2}, keys=()))
    assert 2 == shop.destination.load(load.parts, span(0, 7)).rows
    assert 0 == shop.destination.load(load.parts, span(0, 7)).rows
    assert [{"n": 2}] == shop.ask("select count(*) as n from cars")


@pytest.mark.parametrize("after", [0, 6, 8])
def test_a_load_out_of_turn_is_a_conflict_and_writes_nothing(shop: Warehouse, after: int) -> None:
    """Another loader was faster, or something was skipped. (D6)"""
    shop.load(arrival({"id": 1}), after=0, upto=7)
    with pytest.raises(LoadConflict):
        shop.load(arrival({"id": 2}), after=after, upto=9)
    assert ([{"id": 1}], Progress(7)) == (
        shop.ask("select id from cars"),
        shop.destination.progress("journal-1"),
    )


def test_positions_belong_to_their_journal(shop: Warehouse) -> None:
    """Two journals load in turn without seeing each other, an empty load moves on too. (D6, D7)"""
    assert shop.destination.progress("journal-1") is None
    shop.destination.load([], span(0, 5))
    shop.destination.load([], span(0, 200, "journal-2"))
    shop.destination.load([], span(5, 6))
    assert [Progress(6), Progress(200)] == [
        shop.destination.progress(journal) for journal in ("journal-1", "journal-2")
    ]


PROGRESS = Progress(7, (Held(schema_name=SCHEMA, table_name="cars", after=3, reason="it's odd"),))


def test_a_table_held_is_part_of_the_progress(shop: Warehouse) -> None:
    """Catching up moves the list and not the position; whoever knows another list is out of turn. (D6, D7)"""
    caught_up = Progress(7)
    shop.destination.load([], Span(journal_id="journal-1", before=None, after=PROGRESS))
    assert PROGRESS == shop.destination.progress("journal-1")
    with pytest.raises(LoadConflict):
        shop.load(arrival({"id": 1}), after=7, upto=8)
    parts = shop.prepare(arrival({"id": 1})).parts
    catching_up = Span(journal_id="journal-1", before=PROGRESS, after=caught_up)
    assert [1, 0] == [shop.destination.load(parts, catching_up).rows for _ in range(2)]
    assert caught_up == shop.destination.progress("journal-1")


# --- D10, D11: rehearsals, tables that take nothing ---------------------------------------------------------


def test_a_rehearsal_leaves_nothing(shop: Warehouse) -> None:
    """All is done and undone: rows, versions, progress; and the load itself can follow. (D10)"""
    shop.load(arrival({"id": 1, "n": 1}), after=0, upto=1)
    [part] = shop.prepare(arrival({"id": 1, "n": 2}, {"id": 2, "n": 2}, position=2)).parts
    activating = [replace(part, activates=5)]
    assert 2 == shop.destination.load(activating, span(1, 2), rehearse=True).rows
    assert [{"id": 1, "n": 1}] == shop.ask("select id, n from cars")
    assert Progress(1) == shop.destination.progress("journal-1")
    assert [0] == [table.version for table in shop.destination.tables(SCHEMA) if table.name == "cars"]
    assert 2 == shop.destination.load([part], span(1, 2)).rows


def test_a_rehearsal_fails_as_the_load_would(shop: Warehouse) -> None:
    """That is what it is for. (D10)"""
    shop.load(arrival({"id": 1}), after=0, upto=1)
    missing = Part(table=Table(schema_name=SCHEMA, name="missing", columns=()), rows=pa.table({"x": [1]}))
    with pytest.raises(Exception, match="missing"):
        shop.destination.load([missing], span(1, 2), rehearse=True)
    with pytest.raises(LoadConflict):
        shop.destination.load([], span(5, 6), rehearse=True)


# --- D4: elements and versions ------------------------------------------------------------------------------

ORDERS = Table(
    schema_name=SCHEMA,
    name="orders",
    columns=(
        Column(name="id", type=Type.INTEGER, nullable=False),
        Column(name="_sdc_sequence", type=Type.INTEGER),
        Column(name="_sdc_table_version", type=Type.INTEGER),
    ),
    key_columns=("id",),
)
ITEMS = Table(
    schema_name=SCHEMA,
    name="orders__items",
    columns=(
        Column(name="_sdc_source_key_id", type=Type.INTEGER, nullable=False),
        Column(name="_sdc_level_0_id", type=Type.INTEGER, nullable=False),
        Column(name="item", type=Type.STRING),
        Column(name="_sdc_table_version", type=Type.INTEGER),
    ),
    key_columns=("_sdc_source_key_id", "_sdc_level_0_id"),
    parent="orders",
)
Order = tuple[int, int, int, list[str]]


def orders(*given: Order, activates: int | None = None, ends_greater: bool = False) -> Part:
    """Return the part for orders with these ids, sequences, versions and items."""
    items = [
        (order[0], level, item, order[2], number)
        for number, order in enumerate(given)
        for level, item in enumerate(order[3])
    ]
    columns: list[list[Any]] = [[each[place] for each in items] for place in range(5)]
    rows = {
        "id": [order[0] for order in given],
        "_sdc_sequence": [order[1] for order in given],
        "_sdc_table_version": [order[2] for order in given],
    }
    child = Child(
        table=ITEMS,
        rows=pa.table(
            {
                "_sdc_source_key_id": pa.array(columns[0], pa.int64()),
                "_sdc_level_0_id": pa.array(columns[1], pa.int64()),
                "item": pa.array(columns[2], pa.string()),
                "_sdc_table_version": pa.array(columns[3], pa.int64()),
            }
        ),
        parents=pa.array(columns[4], pa.int64()),
    )
    table = pa.table({name: pa.array(values, pa.int64()) for name, values in rows.items()})
    return Part(table=ORDERS, rows=table, children=(child,), activates=activates, ends_greater=ends_greater)


@pytest.fixture
def ordered(shop: Warehouse) -> Warehouse:
    """A warehouse with orders and items; order 1 has two, order 2 has one."""
    for change in (CreateSchema(schema_name=SCHEMA), CreateTable(table=ORDERS), CreateTable(table=ITEMS)):
        shop.destination.apply(change)
    first = [orders((1, 5, 1, ["a", "b"]), (2, 5, 1, ["c"]))]
    assert 5 == shop.destination.load(first, span(0, 1)).rows
    return shop


def items(shop: Warehouse) -> list[tuple[int, str]]:
    """Return order and item of every stored item."""
    rows = shop.ask("select _sdc_source_key_id as id, item from orders__items order by 1, 2")
    return [(row["id"], row["item"]) for row in rows]


def test_elements_are_replaced_with_their_row(ordered: Warehouse) -> None:
    """Fewer, other or none: the old ones are gone, those of other rows stay; all are counted. (D4)"""
    assert {"orders": "", "orders__items": "orders"} == {
        table.name: table.parent for table in ordered.destination.tables(SCHEMA)
    }
    assert 2 == ordered.destination.load([orders((1, 6, 1, ["d"]))], span(1, 2)).rows
    assert [(1, "d"), (2, "c")] == items(ordered)
    assert 1 == ordered.destination.load([orders((2, 5, 1, []))], span(2, 3)).rows
    assert [(1, "d")] == items(ordered)


def test_a_row_that_is_passed_over_changes_no_elements(ordered: Warehouse) -> None:
    """It brings none and takes none away, beside a row that does. (D4)"""
    both = [orders((1, 4, 1, ["old"]), (2, 6, 1, ["x", "y"]))]
    assert 3 == ordered.destination.load(both, span(1, 2)).rows
    assert [(1, "a"), (1, "b"), (2, "x"), (2, "y")] == items(ordered)


def test_an_activation_ends_older_versions_at_its_place_among_the_parts(ordered: Warehouse) -> None:
    """Rows and elements of older versions go, what comes after stays, the version is told. (D4)"""
    parts = [orders((1, 6, 2, ["d"])), orders(activates=2), orders((3, 1, 1, ["e"]))]
    assert 4 == ordered.destination.load(parts, span(1, 2)).rows
    assert [(1, "d"), (3, "e")] == items(ordered)
    assert [{"id": 1}, {"id": 3}] == ordered.ask("select id from orders order by id")
    assert {"orders": 2, "orders__items": 0} == {
        table.name: table.version for table in ordered.destination.tables(SCHEMA)
    }


def test_the_active_version_again_ends_every_other(ordered: Warehouse) -> None:
    """Also greater ones, when that is asked. (D4)"""
    parts = [orders((3, 1, 1, ["e"])), orders((4, 6, 2, ["f"])), orders(activates=1, ends_greater=True)]
    assert 4 == ordered.destination.load(parts, span(1, 2)).rows
    assert [(1, "a"), (1, "b"), (2, "c"), (3, "e")] == items(ordered)


# --- D8: queries -------------------------------------------------------------------------------------------


def test_a_query_answers_where_nothing_was_opened(shop: Warehouse) -> None:
    """A stranger asks; bare names mean the schema given, times are UTC. (D8)"""
    shop.load(arrival({"id": 1, "moment": datetime(2026, 1, 13, tzinfo=UTC)}), after=0, upto=1)
    shop.release()
    reader = shop.stranger().query("select moment, id from cars", wait_s=1, schema_name=SCHEMA)
    assert isinstance(reader, pa.RecordBatchReader)
    assert "UTC" == reader.schema.field("moment").type.tz
    assert [{"moment": datetime(2026, 1, 13, tzinfo=UTC), "id": 1}] == reader.read_all().to_pylist()


def test_a_schema_that_is_not_there_yet_hides_nothing(shop: Warehouse) -> None:
    """A source that has loaded nothing can be asked about others. (D8)"""
    shop.load(arrival({"id": 1}), after=0, upto=1)
    assert [{"id": 1}] == shop.ask("select id from shop.cars", schema_name='it\'s "new"')


_RANGE = "select range as n, repeat('x', 60) as t from range(400_000)"
MANY_ROWS = {
    "duckdb": _RANGE,
    "memory": _RANGE,
    "postgresql": "select n, repeat('x', 60) as t from generate_series(1, 400000) as n",
}


def test_a_large_result_is_kept_aside_whole(shop: Warehouse) -> None:
    """Larger than what stays in memory, read after the warehouse was let go. (D8)"""
    shop.release()
    reader = shop.destination.query(MANY_ROWS[shop.kind], wait_s=1)
    shop.destination.open()
    assert 400_000 == sum(batch.num_rows for batch in reader)


@pytest.mark.parametrize(
    "sql",
    [
        "selec 1",
        "",
        "-- nothing",
        "select 1; select 2",
        "select * from nowhere",
        "select error('no')",
        "select cast(if(range = 250_000, 'x', '1') as int) from range(300_000)",
        "insert into shop.cars (id) values (9)",
        "delete from shop.cars",
        "explain analyze delete from shop.cars",
        "create table shop.x (a int)",
        "create temp table x as select 1",
        "drop table shop.cars",
        "attach 'other.duckdb'",
        "copy shop.cars to 'out.csv'",
        "from read_csv('/etc/passwd')",
        "from read_text('/etc/passwd')",
        "from glob('/*')",
        "from 'https://localhost:1/x.parquet'",
        "install httpfs",
        "load httpfs",
        "set enable_external_access = true",
        "pragma disable_checkpoint_on_shutdown",
        "checkpoint",
        "begin",
    ],
)
def test_a_query_only_reads_the_warehouse(shop: Warehouse, sql: str) -> None:
    """Nothing is written, no file or network is reached, and the words are the warehouse's. (D8)"""
    shop.load(arrival({"id": 1}), after=0, upto=1)
    shop.release()
    with pytest.raises(QueryFailed):
        shop.destination.query(sql, wait_s=1).read_all()
    assert [{"id": 1}] == shop.ask("select id from cars")


# --- Rows --------------------------------------------------------------------------------------------------


def test_a_row_is_replaced_whole(shop: Warehouse) -> None:
    """What the newer record lacks becomes null. (L62)"""
    shop.load(arrival({"id": 1, "a": "x", "b": 1}), after=0, upto=1)
    shop.load(arrival({"id": 1, "c": True}, position=2), after=1, upto=2)
    assert [{"id": 1, "a": None, "b": None, "c": True}] == shop.ask("select id, a, b, c from cars")


def test_a_key_with_several_columns_identifies_by_all_of_them(shop: Warehouse) -> None:
    """Two keys that agree in one column are two rows. (L61)"""
    shop.load(
        arrival({"a": 1, "b": "x", "n": 1}, {"a": 1, "b": "y", "n": 2}, keys=("a", "b")), after=0, upto=1
    )
    shop.load(arrival({"a": 1, "b": "y", "n": 3}, keys=("b", "a"), position=2), after=1, upto=2)
    assert [{"n": 1}, {"n": 3}] == shop.ask("select n from cars order by n")


def test_a_key_may_have_any_name(shop: Warehouse) -> None:
    """Words of SQL and of ours are names like others. (L61)"""
    keys = ("row", "stored", "incoming", "select", "rowid ")
    record = dict.fromkeys(keys, 1)
    shop.load(arrival(record | {"n": 1}, keys=keys), after=0, upto=1)
    shop.load(arrival(record | {"n": 2}, keys=keys, position=2), after=1, upto=2)
    assert [{"n": 2}] == shop.ask("select n from cars")


def test_keys_that_are_not_numbers_equal_themselves(shop: Warehouse) -> None:
    """NaN is one key, and minus zero is zero, within a load and between loads. (L60, L61)"""
    keys = [float("nan"), 0.0]
    shop.load(arrival(*({"id": key, "n": 1} for key in keys)), after=0, upto=1)
    shop.load(arrival(*({"id": -key, "n": 2} for key in keys), position=2), after=1, upto=2)
    assert [{"n": 2}, {"n": 2}] == shop.ask("select n from cars")


Version = tuple[int, int]
LOADS = st.lists(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), max_size=5), max_size=5)
_schemas = (f"s{number}" for number in itertools.count())


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(loads=LOADS, again=st.booleans())
def test_the_greatest_sequence_wins_over_any_loads(
    shop: Warehouse, loads: list[list[Version]], again: bool
) -> None:
    """Whatever the order and the number of deliveries; of equals the later accepted. (L60, L61, D5)"""
    schema = next(_schemas)
    journal = f"journal of {schema}"
    expected: dict[int, tuple[int, int]] = {}
    number = 0
    for upto, versions in enumerate(loads, start=1):
        data = []
        for key, sequence in versions:
            number += 1
            data.append({"id": key, "n": number})
            if key not in expected or expected[key][0] <= sequence:
                expected[key] = (sequence, number)
        batch = arrival(*data, position=upto, sequences=[sequence for _, sequence in versions])
        parts = shop.prepare(batch, schema_name=schema).parts
        for _ in range(1 + again):
            shop.destination.load(parts, span(upto - 1, upto, journal))
    there = shop.ask("select id, n from cars", schema) if expected else []
    assert {key: n for key, (_, n) in expected.items()} == {row["id"]: row["n"] for row in there}
    assert len(expected) == len(there)


NUMBERS = st.integers() | st.floats() | st.decimals(allow_nan=False, allow_infinity=False)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    NUMBERS,
    st.text(st.characters(codec=None), max_size=5),
    st.datetimes(timezones=st.just(UTC)),
    st.sampled_from(
        ["", "a\0b", "\ud800", 2**63 - 1, -(2**63), 2**63, 10**30, Decimal("0.1"), Decimal("1E-40")]
    ),
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.lists(st.dictionaries(st.sampled_from(string.ascii_lowercase[:3]), SCALARS), max_size=3),
        max_size=3,
    )
)
def test_every_value_comes_back_exactly_or_its_record_is_rejected(
    shop: Warehouse, loads: list[list[dict[str, Any]]]
) -> None:
    """Through planning, loading and asking: no value is changed on the way. (L24, L28, L41)"""
    schema = next(_schemas)
    journal = f"journal of {schema}"
    sent: dict[int, dict[str, Any]] = {}
    for upto, records in enumerate(loads, start=1):
        keyed = [record | {"id": len(sent) + place} for place, record in enumerate(records)]
        sent |= {record["id"]: record for record in keyed}
        try:
            parts = shop.prepare(arrival(*keyed, position=upto), schema_name=schema).parts
            shop.destination.load(parts, span(upto - 1, upto, journal))
        except LoadRefused:  # a stored decimal leaves no room for more digits; the loader would bisect
            sent = {key: record for key, record in sent.items() if record not in keyed}
            shop.destination.load([], span(upto - 1, upto, journal))
    if not sent:
        return
    there = (
        {row["id"]: row for row in shop.ask("select * from cars", schema)} if _has_cars(shop, schema) else {}
    )
    rejected = shop.ask("select reason, record from _sdc_rejected", schema)
    assert len(sent) == len(there) + len(rejected)
    assert all(row["reason"] and row["record"] for row in rejected)
    for key, row in there.items():
        assert dict.fromkeys(sent[key], True) == {
            name: _same(_stored(shop, value), _value(row, name)) for name, value in sent[key].items()
        }


def _stored(shop: Warehouse, value: Any) -> Any:
    """Return a value without the one character that some warehouses cannot keep. (L28)"""
    keeps = shop.destination.capabilities.keeps_nul_in_text
    return value if keeps or not isinstance(value, str) else value.replace("\0", "")


def _value(row: dict[str, Any], field: str) -> Any:
    """Return what a row holds of a field, from whichever of its columns."""
    found = [row[name] for name in row if name.split("__")[0] == field and row[name] is not None]
    assert len(found) <= 1
    return next(iter(found), None)


def _has_cars(shop: Warehouse, schema: str) -> bool:
    return any(table.name == "cars" for table in shop.destination.tables(schema))


def _same(sent: Any, there: Any) -> bool:
    if isinstance(sent, float):
        return repr(sent) == repr(there)
    if isinstance(sent, Decimal) and isinstance(there, str):  # longer than any decimal of Arrow
        return Decimal(there) == sent
    if isinstance(sent, datetime):
        return isinstance(there, datetime) and there - sent == timedelta(0)
    return bool(sent == there) and isinstance(there, type(sent))
