"""Sources whose rows are only added, also to tables with keys. Rules L64 to L66."""

from __future__ import annotations

import itertools
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.arrivals import arrival
from tests.conformance.destinations import SCHEMA, Warehouse, span
from tidegate.errors import TableHeld
from tidegate.tables.prepare import Arrival, Prepared

SUITE = "append-only"


@pytest.fixture
def shop(empty: Warehouse) -> Warehouse:
    """One empty warehouse of each kind, to whose tables rows are only added."""
    empty.append_only = True
    return empty


def load(shop: Warehouse, *arrivals: Arrival) -> Prepared:
    """Load requests together, after those before, and return what was planned."""
    progress = shop.destination.progress("journal-1")
    after = progress.upto if progress is not None else 0
    done = shop.prepare(*arrivals)
    shop.destination.load(done.parts, span(after, after + 1))
    return done


def rows(shop: Warehouse, columns: str = "id, n", table: str = "cars") -> list[tuple[Any, ...]]:
    """Return some columns of a table, ordered."""
    return [tuple(row.values()) for row in shop.ask(f"select {columns} from {table} order by {columns}")]


def told(done: Prepared) -> list[str]:
    """Return the warnings of a load."""
    return [warning for report in done.reports for warning in report.warnings]


def in_constraint(shop: Warehouse) -> set[str]:
    """Return the tables whose keys the server keeps unique."""
    asked = (
        "select table_name from information_schema.table_constraints where constraint_type = 'PRIMARY KEY'"
    )
    return {row["table_name"] for row in shop.ask(f"{asked} and table_schema = '{SCHEMA}'")}


def postgresql_alone(shop: Warehouse) -> None:
    """Go on where the warehouse itself keeps keys unique."""
    if not shop.destination.capabilities.keeps_keys_unique:
        pytest.skip(f"never: {shop.kind} has no constraint to drop")


PARTS = "id, _sdc_level_0_id, value"
PAIRED = "cars join cars__b on id = _sdc_source_key_id and cars._sdc_sequence = cars__b._sdc_sequence"


def test_each_record_is_a_row_with_elements_of_its_own(shop: Warehouse) -> None:
    """Also one of a lower sequence; elements are paired with their row by the sequence. (L64)"""
    load(shop, arrival({"id": 1, "n": 1, "b": ["x", "y"]}, sequences=[5]))
    load(shop, arrival({"id": 1, "n": 2, "b": ["z"]}, {"id": 2, "n": 3}, sequences=[6, 7]))
    load(shop, arrival({"id": 1, "n": 4}, sequences=[1]))
    assert [(1, 1), (1, 2), (1, 4), (2, 3)] == rows(shop)
    assert [(1, 0, "x"), (1, 0, "z"), (1, 1, "y")] == rows(shop, PARTS, PAIRED)


def test_of_one_key_in_one_load_the_newest_is_added(shop: Warehouse) -> None:
    """Over all its requests, by the values of keys and not by how they are written. (L60, L64)"""
    ids = [Decimal("1.5"), Decimal("1.50"), Decimal("2.25")]
    load(
        shop,
        *(arrival({"id": id_, "n": place, "b": [place]}, position=place) for place, id_ in enumerate(ids, 1)),
    )
    assert ([(Decimal("1.5"), 2), (Decimal("2.25"), 3)], [(2,), (3,)]) == (
        rows(shop),
        rows(shop, "value", "cars__b"),
    )


def test_a_repeated_load_adds_nothing(shop: Warehouse) -> None:
    """After a crash the same rows come again, and stand there once. (D5, L64)"""
    parts = load(shop, arrival({"id": 1, "n": 1, "b": [1]})).parts
    assert 0 == shop.destination.load(parts, span(0, 1)).rows
    assert ([(1, 1)], [(1,)]) == (rows(shop), rows(shop, "value", "cars__b"))


def test_rows_of_tables_without_keys_are_added_as_ever(shop: Warehouse) -> None:
    """They always were. (L63, L64)"""
    for _ in range(2):
        assert [] == told(load(shop, arrival({"n": 1, "b": [1]}, {"n": 1}, keys=())))
    assert ([(1,)] * 4, [(1,)] * 2) == (rows(shop, "n"), rows(shop, "value", "cars__b"))


def test_an_activation_ends_older_versions_all_the_same(shop: Warehouse) -> None:
    """Rows of the versions before go, with their elements. (L64, L83)"""
    load(shop, arrival({"id": 1, "n": 1, "b": [1]}, table_version=1))
    load(shop, arrival({"id": 1, "n": 2, "b": [2]}, table_version=2))
    load(shop, arrival({"id": 1, "n": 3, "b": [3]}, table_version=2))
    assert [(1, 1), (1, 2), (1, 3)] == rows(shop)
    load(shop, arrival(table_version=2, activates=True))
    assert ([(1, 2), (1, 3)], [(2,), (3,)]) == (rows(shop), rows(shop, "value", "cars__b"))


def test_versions_kept_apart_come_in_whole(shop: Warehouse) -> None:
    """Every row that waited, beside rows of the same version and key that did not. (L64, L86)"""
    load(shop, arrival({"id": 1, "n": 1}, table_version=1))
    load(shop, arrival({"id": 1, "n": 2}, sequences=[9], table_version=2))
    shop.staged = True
    for n in (3, 4):
        load(shop, arrival({"id": 1, "n": n, "b": [n]}, sequences=[n], table_version=2))
    assert [(1, 1), (1, 2)] == rows(shop)
    load(shop, arrival(table_version=2, activates=True))
    assert ([(1, 2), (1, 3), (1, 4)], [(3,), (4,)]) == (rows(shop), rows(shop, "value", "cars__b"))


def test_keys_are_still_the_table_s(shop: Warehouse) -> None:
    """Records with others hold it, and none may be null. (L14, L15, L64)"""
    load(shop, arrival({"id": 1, "n": 1}))
    held = shop.prepare(arrival({"id": 1, "n": 1}, keys=("n",))).held
    assert {"cars": "Primary Keys for table do not match Primary Keys of incoming data"} == held
    [table] = [each for each in shop.destination.tables(SCHEMA) if each.name == "cars"]
    assert (("id",), False) == (table.key_columns, table.columns[0].nullable)


def test_new_tables_have_no_constraint(shop: Warehouse) -> None:
    """Nor their subtables, nor what is kept apart for them; and nothing is said of it. (L65)"""
    postgresql_alone(shop)
    shop.staged = True
    done = [load(shop, arrival({"id": 1, "b": [1]}, table_version=version)) for version in (1, 2)]
    assert (set(), []) == (in_constraint(shop), [warning for each in done for warning in told(each)])


def test_a_constraint_that_is_there_is_dropped_and_told_of(shop: Warehouse) -> None:
    """With the first row that needs it, once for each table that gets rows. (L65)"""
    postgresql_alone(shop)
    shop.append_only = False
    load(shop, arrival({"id": 1, "n": 1, "b": [1], "c": [1]}))
    shop.append_only = True
    assert [] == told(load(shop, arrival({"x": 1}, keys=(), table_name="log")))
    assert {"cars", "cars__b", "cars__c"} == in_constraint(shop)
    gone = "the primary key of {} was dropped, since its rows are only added now"
    assert [
        gone.format("cars over id"),
        gone.format("cars__b over _sdc_source_key_id, _sdc_level_0_id"),
    ] == told(load(shop, arrival({"id": 1, "n": 2, "b": [2]})))
    assert {"cars__c"} == in_constraint(shop)
    assert [] == told(load(shop, arrival({"id": 1, "n": 3, "b": [3]})))
    assert ([(1, 1), (1, 2), (1, 3)], [(1,), (2,), (3,)]) == (rows(shop), rows(shop, "value", "cars__b"))


@pytest.mark.parametrize(
    ("theirs", "undone", "reason"),
    [
        (
            "create unique index mine on shop.cars (id)",
            "drop index shop.mine",
            r"unique index shop.mine lets each id in once; drop it, or have rows replaced",
        ),
        (
            "create table shop.mine (id bigint references shop.cars)",
            "drop table shop.mine",
            "cannot drop constraint cars_pkey on table .*cars because other objects depend on it",
        ),
    ],
)
def test_what_people_made_of_the_key_holds_the_table(
    shop: Warehouse, theirs: str, undone: str, reason: str
) -> None:
    """It is theirs to drop; until then nothing is changed. (L65, L90)"""
    postgresql_alone(shop)
    shop.append_only = False
    load(shop, arrival({"id": 1, "n": 1}))
    shop.people(theirs)
    shop.append_only = True
    with pytest.raises(TableHeld, match=reason):
        load(shop, arrival({"id": 1, "n": 2}))
    assert "cars" in in_constraint(shop)
    shop.people(undone)
    load(shop, arrival({"id": 1, "n": 2}))
    assert [(1, 1), (1, 2)] == rows(shop)


def test_rows_are_replaced_again_when_that_is_said(shop: Warehouse) -> None:
    """All of their key; where the server keeps keys unique, once somebody put that back. (L61, L66, L91)"""
    for n in (1, 2):
        load(shop, arrival({"id": 1, "n": n, "b": [n]}))
    shop.append_only = False
    if shop.destination.capabilities.keeps_keys_unique:
        assert 1 == len(told(load(shop, arrival({"id": 1, "n": 3}))))
        assert [(1, 1), (1, 2), (1, 3)] == rows(shop)
        shop.people("delete from shop.cars where n < 3; alter table shop.cars add primary key (id)")
    assert [] == told(load(shop, arrival({"id": 1, "n": 4, "b": [4]})))
    assert ([(1, 4)], [(4,)]) == (rows(shop), rows(shop, "value", "cars__b"))


# --- Any records -------------------------------------------------------------------------------------------

RECORD = st.fixed_dictionaries(
    {"id": st.sampled_from([1, 2, Decimal("1.5"), Decimal("1.50")])},
    optional={
        "n": st.sampled_from([1, 2.5, "x", None]),
        "b": st.lists(st.sampled_from([1, "y", None]), max_size=2),
    },
)
_numbers = itertools.count(1)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(loads=st.lists(st.lists(RECORD, min_size=1, max_size=4), min_size=1, max_size=4))
def test_what_is_there_is_the_newest_of_each_load(shop: Warehouse, loads: list[list[dict[str, Any]]]) -> None:
    """Of each key, all with the elements they brought, whatever the records. (L60, L64)"""
    schema = f"s{next(_numbers)}"
    expected: list[tuple[str, int]] = []
    fitting = type(loads[0][0]["id"])  # keys of another type are rejected
    for after, records in enumerate(loads):
        sent = arrival(*records, position=after + 1)
        newest = {record["id"]: record for record in records if type(record["id"]) is fitting}
        expected += [
            (str(record.get("n")), sum(each is not None for each in record.get("b", ())))
            for record in newest.values()
        ]
        parts = shop.prepare(sent, schema_name=schema).parts
        shop.destination.load(parts, span(after, after + 1, f"journal of {schema}"))
    there = shop.ask("select * from cars", schema)
    elements = (
        [row["_sdc_sequence"] for row in shop.ask("select * from cars__b", schema)]
        if any(table.name == "cars__b" for table in shop.destination.tables(schema))
        else []
    )
    found = [
        (
            str(
                next(
                    (row[name] for name in row if name.split("__")[0] == "n" and row[name] is not None), None
                )
            ),
            elements.count(row["_sdc_sequence"]),
        )
        for row in there
    ]
    assert sorted(expected) == sorted(found)
    if shop.kind != "memory":
        shop.people(f"drop schema {schema} cascade")  # the last example is no slower than the first
