"""Rows of a new version are kept apart until it is activated. Rules L85 to L87 of docs/specs/loading.md."""

from __future__ import annotations

import itertools
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.arrivals import arrival
from tests.conformance.destinations import Warehouse, span
from tidegate.tables.prepare import Arrival

SUITE = "staged versions"


@pytest.fixture
def shop(empty: Warehouse) -> Warehouse:
    """One warehouse of each kind, whose source keeps versions apart; version 10 has two cars."""
    empty.staged = True
    load(empty, version(10, {"id": 1, "n": 1, "b": ["x"]}, {"id": 2, "n": 2, "b": ["y", "z"]}))
    return empty


def version(number: int | None, *records: dict[str, Any], activates: bool = False, **about: Any) -> Arrival:
    """Return records of one table version."""
    return arrival(*records, table_version=number, activates=activates, **about)


def load(shop: Warehouse, *loads: Arrival | list[Arrival]) -> None:
    """Load requests one after another, or several in one load."""
    progress = shop.destination.progress("journal-1")
    start = progress.upto if progress is not None else 0
    for after, arrivals in enumerate(loads, start=start):
        shop.load(*(arrivals if isinstance(arrivals, list) else [arrivals]), after=after, upto=after + 1)


def rows(shop: Warehouse, columns: str = "id, n", table: str = "cars") -> list[tuple[Any, ...]]:
    """Return some columns of a table, ordered."""
    return [tuple(row.values()) for row in shop.ask(f"select {columns} from {table} order by {columns}")]


def elements(shop: Warehouse) -> list[tuple[Any, ...]]:
    """Return the elements there are."""
    return rows(shop, "_sdc_source_key_id, value", "cars__b")


def waiting(shop: Warehouse) -> int:
    """Return how many rows are kept apart, elements included."""
    names = [each.name for each in shop.destination.tables("shop") if each.name.startswith("_tidegate_stage")]
    return sum(len(shop.ask(f"select * from {name}")) for name in names)


@pytest.mark.parametrize("in_one_load", [True, False])
def test_a_new_version_is_seen_whole_or_not_at_all(shop: Warehouse, in_one_load: bool) -> None:
    """Nothing of it until it is activated, then nothing else; its elements too. (L85, L86)"""
    batches = [version(20, {"id": 2, "n": 22, "b": ["w"]}), version(20, {"id": 3, "n": 23, "b": []})]
    activation = version(20, activates=True)
    load(shop, *([[*batches, activation]] if in_one_load else batches))
    if not in_one_load:
        assert [(1, 1), (2, 2)] == rows(shop)
        assert [(1, "x"), (2, "y"), (2, "z")] == elements(shop)
        load(shop, activation)
    assert [(2, 22), (3, 23)] == rows(shop)
    assert [(2, "w")] == elements(shop)
    assert 0 == waiting(shop)
    assert [20] == [each.version for each in shop.destination.tables("shop") if each.name == "cars"]


def test_rows_kept_apart_are_rows_like_others(shop: Warehouse) -> None:
    """The greatest sequence wins among them; the table goes on meanwhile. (L60, L61, L85)"""
    load(
        shop,
        version(20, {"id": 1, "n": 5, "b": ["old", "er"]}, sequences=[5]),
        version(20, {"id": 1, "n": 4, "b": ["less"]}, sequences=[4]),
        version(20, {"id": 1, "n": 6, "b": ["new"]}, sequences=[6]),
        version(10, {"id": 2, "n": 3, "b": []}, sequences=[9_000]),
        version(None, {"id": 4, "n": 4}),
    )
    assert ([(1, 1), (2, 3), (4, 4)], [(1, "x")]) == (rows(shop), elements(shop))
    load(shop, version(20, activates=True))
    assert ([(1, 6)], [(1, "new")]) == (rows(shop), elements(shop))
    load(shop, version(10, {"id": 9}), version(20, {"id": 7, "n": 7}))
    assert [(1, 6), (7, 7)] == rows(shop)


def test_without_keys_versions_do_not_stand_beside_each_other(shop: Warehouse) -> None:
    """Each row has its elements by the generated key. (L63, L85)"""
    keyless: dict[str, Any] = {"keys": (), "table_name": "log"}
    load(shop, version(1, {"n": 1, "b": [1]}, {"n": 1}, **keyless), version(2, {"n": 2, "b": [2]}, **keyless))
    assert [(1,), (1,)] == rows(shop, "n", "log")
    load(shop, version(2, {"n": 3}, activates=True, **keyless))
    assert [(2,), (3,)] == rows(shop, "n", "log")
    joined = "log join log__b on __sdc_primary_key = _sdc_source_key___sdc_primary_key"
    assert [(2, 2)] == rows(shop, "n, value", joined)


def test_types_that_changed_with_the_version_find_their_columns(shop: Warehouse) -> None:
    """As if the rows had gone to the table itself, whatever comes between. (L26, L29, L85)"""
    load(
        shop,
        version(20, {"id": 1, "n": "one", "d": Decimal("1.5")}),
        version(20, {"id": 2, "n": 2, "new": True, "d": Decimal("0.123456789")}),
        version(10, {"id": 3, "new": "text"}),
        version(20, {"id": 3, "new": False}),
    )
    assert [(1, 1, None), (2, 2, None), (3, None, "text")] == rows(shop, "id, n__bi, new__st")
    load(shop, version(20, activates=True))
    assert [(1, None, "one", None), (2, 2, None, True), (3, None, None, False)] == rows(
        shop, "id, n__bi, n__st, new__bo"
    )
    assert [Decimal("1.5"), Decimal("0.123456789"), None] == [d for _, d in rows(shop, "id, d")]


def test_several_versions_may_wait(shop: Warehouse) -> None:
    """Activating one takes its rows and ends those before it; the greater wait on. (L86)"""
    load(
        shop,
        version(20, {"id": 5, "n": 20}),
        version(30, {"id": 6, "n": 30, "b": ["c"]}),
        version(40, {"id": 7, "n": 40}),
        version(30, activates=True),
    )
    assert ([(6, 30)], [(6, "c")]) == (rows(shop), elements(shop))
    load(shop, version(20, {"id": 8}), version(40, activates=True))
    assert ([(7, 40)], []) == (rows(shop), elements(shop))


def test_the_active_version_again_ends_what_waits(shop: Warehouse) -> None:
    """What began and was given up never comes. (L83, L86)"""
    load(shop, version(20, {"id": 5, "n": 5, "b": [1]}), version(10, activates=True))
    assert [(1, 1), (2, 2)] == rows(shop)
    assert 0 == waiting(shop)
    load(shop, version(20, activates=True))
    assert [] == rows(shop)


def test_versions_kept_apart_may_be_begun_or_ended_anywhere(shop: Warehouse) -> None:
    """The setting counts for what is loaded from then on; the newest of a key stays. (L87)"""
    shop.staged = False
    load(
        shop,
        version(20, {"id": 1, "n": 21, "b": ["in"]}, {"id": 2, "n": 22, "b": ["in"]}, sequences=[7_000, 9]),
    )
    shop.staged = True
    load(shop, version(20, {"id": 1, "n": 31, "b": ["a"]}, {"id": 3, "n": 33}, sequences=[6_000, 10]))
    load(shop, version(20, {"id": 2, "n": 32, "b": ["a"]}, sequences=[5_000]))
    shop.staged = False
    load(shop, version(20, {"id": 4, "n": 34}), version(20, activates=True))
    assert [(1, 21), (2, 32), (3, 33), (4, 34)] == rows(shop)
    assert [(1, "in"), (2, "a")] == elements(shop)


def test_a_new_table_has_the_version_of_its_first_record_at_once(shop: Warehouse) -> None:
    """It is seen from the start; only what would take its place waits. (L80, L85)"""
    boats: dict[str, Any] = {"table_name": "boats"}
    load(shop, [version(5, {"id": 1}, **boats), version(6, {"id": 2}, position=2, **boats)])
    assert [(1,)] == rows(shop, "id", "boats")
    load(shop, version(6, activates=True, **boats))
    assert [(2,)] == rows(shop, "id", "boats")


def test_columns_that_people_dropped_come_back_with_the_rows(shop: Warehouse) -> None:
    """Their values waited. (L12, L86)"""
    load(shop, version(20, {"id": 5, "n": 5}))
    shop.people("alter table shop.cars drop column n")
    load(shop, version(20, activates=True))
    assert [(5, 5)] == rows(shop)


def test_what_people_changed_holds_the_table_while_rows_wait_that_do_not_fit(shop: Warehouse) -> None:
    """Nothing is lost until somebody decides. (L86, L90)"""
    load(shop, version(20, {"id": 5, "n": 5, "b": ["q"]}))
    text = next(each for kind, each in shop.destination.capabilities.natives.items() if kind == "string")
    shop.people(f"alter table shop.cars alter column n type {text}")
    [(table, reason)] = shop.prepare(version(20, activates=True)).held.items()
    assert ("cars", True) == (table, reason.startswith("column n of cars was changed while rows of its next"))
    assert shop.prepare(version(20, {"id": 9}, keys=("id",))).held == {}
    shop.people(f"alter table shop.cars alter column n type {_number(shop)} using (n::{_number(shop)})")
    shop.people("drop table shop.cars__b")
    [(table, reason)] = shop.prepare(version(20, activates=True)).held.items()
    assert ("cars", True) == (
        table,
        reason.startswith("a subtable of cars was dropped while elements of its"),
    )


def _number(shop: Warehouse) -> str:
    return next(each for kind, each in shop.destination.capabilities.natives.items() if kind == "integer")


def test_no_client_can_send_to_what_is_kept_apart(shop: Warehouse) -> None:
    """The names of those tables are reserved. (L85)"""
    load(shop, version(20, {"id": 5}))
    [name] = [each.name for each in shop.destination.tables("shop") if each.name.startswith("_tidegate")]
    load(shop, arrival({"id": 6}, table_name=name))
    assert 1 == waiting(shop)
    assert [(f"table names from client should not include reserved prefix on {name}",)] == rows(
        shop, "reason", "_sdc_rejected"
    )


# --- Kept apart and not ------------------------------------------------------------------------------------

VALUES: st.SearchStrategy[Any] = st.sampled_from(
    [
        *(None, 1, 2.5, "x", True, Decimal("0.123456789"), Decimal("1E+20"), 2**70),
        *([1, "a"], [{"b": 1}, None, {"b": "y", "c": [2]}], {"d": 1}, {"d": {"e": ["z"]}}, []),
    ]
)
STEPS = st.lists(
    st.tuples(
        st.integers(0, 2),  # how many versions further
        st.lists(
            st.dictionaries(st.sampled_from(["id", "n", "m"]), VALUES, max_size=3).map(
                lambda record: record | {"id": 1 if "id" not in record else 2}
            ),
            max_size=3,
        ),
        st.booleans(),  # whether the version is activated then
        st.booleans(),  # whether a load ends here
    ),
    max_size=5,
)
_numbers = itertools.count()


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, keyed=st.booleans())
def test_after_an_activation_all_is_as_if_nothing_had_been_kept_apart(
    shop: Warehouse, steps: list[tuple[int, list[dict[str, Any]], bool, bool]], keyed: bool
) -> None:
    """The same rows and elements in the same columns, whatever is sent, wherever loads end. (L85, L86)"""
    number, found = next(_numbers), []
    loads: list[list[Arrival]] = [[]]
    versions = 1
    about: dict[str, Any] = {"keys": ("id",) if keyed else ()}
    for further, records, activates, ends in [*steps, (0, [], True, True)]:
        versions += further
        position = 1 + sum(map(len, loads))
        loads[-1].append(version(versions, *records, activates=activates, position=position, **about))
        if ends:
            loads.append([])
    for staged in (True, False):
        schema = f"s{number}_{staged}".lower()
        shop.staged = staged
        for after, arrivals in enumerate(each for each in loads if each):
            parts = shop.prepare(*arrivals, schema_name=schema).parts
            journal = f"journal of {schema}"
            shop.destination.load(parts, span(after, after + 1, journal))
        found.append(contents(shop, schema))
        if shop.kind != "memory":
            shop.people(f"drop schema {schema} cascade")  # the last example is no slower than the first
    assert found[1] == found[0]


def contents(shop: Warehouse, schema: str) -> dict[str, list[str]]:
    """Return the rows of each table of a schema that clients fill, but for keys made by chance."""
    names = [each.name for each in shop.destination.tables(schema) if not each.name.startswith("_")]
    return {
        name: sorted(
            str(sorted((key, value) for key, value in row.items() if "sdc_primary_key" not in key))
            for row in shop.ask(f'select * from "{name}"', schema)
        )
        for name in sorted(names)
    }
