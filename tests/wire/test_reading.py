"""Accepted bodies become batches: in order, in columns, with every value as sent."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.records import Batch
from tidegate.wire.batch import read_batch
from tidegate.wire.content import JSON
from tidegate.wire.push import read_push


def record(table: str, sequence: int, **changes: Any) -> dict[str, Any]:
    """A sound pushed record."""
    sound = {
        "client_id": 1,
        "table_name": table,
        "sequence": sequence,
        "action": "upsert",
        "key_names": ["id"],
        "data": {"id": sequence},
    }
    return sound | changes


def activation(table: str, version: int) -> dict[str, Any]:
    """A pushed activation, as the Java client sends it."""
    return {
        "client_id": 1,
        "table_name": table,
        "sequence": 0,
        "action": "switch_view",
        "table_version": version,
        "namespace": None,
    }


def outline(batches: list[Batch]) -> list[tuple[str, int | None, list[int], bool]]:
    """What makes batches apart: table, version, places, activation."""
    return [(each.table_name, each.table_version, list(each.places), each.activates) for each in batches]


def pushed(*records: dict[str, Any]) -> list[Batch]:
    """Read pushed records."""
    return read_push(json.dumps(records).encode(), JSON)


def test_pushed_records_are_grouped_by_table_in_order() -> None:
    """One batch for each table, holding the places of its records in the order sent. (W33)"""
    found = pushed(record("a", 1), record("b", 2), record("a", 3))
    assert [("a", None, [0, 2], False), ("b", None, [1], False)] == outline(found)
    assert [[1, 3], [2]] == [each.sequences for each in found]
    assert [[{"id": 1}, {"id": 3}], [{"id": 2}]] == [each.data for each in found]


def test_a_new_batch_begins_where_what_holds_for_all_changes() -> None:
    """Other keys, another version, other bookmarks: each begins a batch, and order is kept. (W33)"""
    found = pushed(
        record("a", 1),
        record("a", 2, key_names=["id", "id"]),
        record("a", 3, table_version=1),
        record("a", 4, table_version=1, bookmark_names=["id"]),
        record("a", 5, table_version=1, bookmark_names=["id"]),
    )
    places = [[0], [1], [2], [3, 4]]
    assert places == [each.places for each in found]
    assert [(), (), (), ("id",)] == [each.bookmark_names for each in found]
    assert {("id",)} == {each.key_names for each in found}


def test_an_activation_ends_a_batch_of_its_version() -> None:
    """An activation applies behind the records before it and ahead of those after it. (W34)"""
    found = pushed(
        record("a", 1, table_version=7),
        record("b", 1),
        activation("a", 7),
        record("a", 2, table_version=7),
        activation("a", 8),
        activation("a", 8),
    )
    expected = [
        ("a", 7, [0], True),
        ("b", None, [1], False),
        ("a", 7, [3], False),
        ("a", 8, [], True),
        ("a", 8, [], True),
    ]
    assert expected == outline(found)


def test_time_extracted_is_a_column_when_someone_sent_it() -> None:
    """`extracted` is None unless a record carries `time_extracted`. (W33)"""
    found = pushed(record("a", 1), record("a", 2, time_extracted="2020-01-01T00:00:00Z"), record("b", 3))
    assert [[None, "2020-01-01T00:00:00Z"], None] == [each.extracted for each in found]


def test_a_whole_number_with_a_point_is_an_integer_where_one_is_asked_for() -> None:
    """1.0 as sequence or version is read as 1. (W27)"""
    (found,) = pushed(record("a", 1) | {"sequence": 1.0, "table_version": 2.0})
    assert [(1, int), (2, int)] == [(each, type(each)) for each in (found.sequences[0], found.table_version)]


SCHEMA = {"properties": {"id": {"type": "integer"}}}


def batch(messages: list[dict[str, Any]], **changes: Any) -> list[Batch]:
    """Read a batch body."""
    body = {"table_name": "t", "schema": SCHEMA, "key_names": ["id"], "messages": messages}
    return read_batch(json.dumps(body | changes).encode())


def upsert(sequence: int, **changes: Any) -> dict[str, Any]:
    """A sound message."""
    return {"action": "upsert", "sequence": sequence, "data": {"id": sequence}} | changes


ACTIVATE = {"action": "activate_version", "sequence": 9}


def test_a_batch_body_is_one_batch() -> None:
    """Table, keys, schema, version and bookmarks of the body hold for all its messages. (W48)"""
    (found,) = batch(
        [upsert(1), upsert(2, time_extracted="x")],
        key_names=["id", "id"],
        table_version=3,
        bookmark_names=["id"],
    )
    expected = Batch(
        table_name="t",
        key_names=("id",),
        schema=SCHEMA,
        table_version=3,
        bookmark_names=("id",),
        sequences=[1, 2],
        data=[{"id": 1}, {"id": 2}],
        places=[0, 1],
        extracted=[None, "x"],
        activates=False,
    )
    assert expected == found


@pytest.mark.parametrize(
    ("messages", "version", "expected"),
    [
        ([upsert(1), ACTIVATE], 1, [("t", 1, [0], True)]),
        ([ACTIVATE], 1, [("t", 1, [], True)]),
        ([ACTIVATE, upsert(1)], 1, [("t", 1, [], True), ("t", 1, [1], False)]),
        (
            [upsert(1), ACTIVATE, upsert(2), ACTIVATE | {"action": "switch_view"}],
            1,
            [("t", 1, [0], True), ("t", 1, [2], True)],
        ),
        ([upsert(1), ACTIVATE, upsert(2)], None, [("t", None, [0, 2], False)]),
        ([ACTIVATE], None, [("t", None, [], False)]),
    ],
)
def test_a_batch_body_is_cut_behind_each_activation(
    messages: list[dict[str, Any]], version: int | None, expected: Any
) -> None:
    """An activation applies in its place; without a version to activate it changes nothing. (W49)"""
    changes = {} if version is None else {"table_version": version}
    assert expected == outline(batch(messages, **changes))


LITERALS = st.from_regex(
    r"-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,40})?([eE][+-]?[1-3]?[0-9]{1,2})?", fullmatch=True
)


@given(LITERALS)
def test_numbers_survive_a_batch_exactly(literal: str) -> None:
    """Every digit of a number reaches the loader, and whole numbers stay integers. (W64)"""
    body = b'{"table_name":"t","schema":{},"messages":[{"action":"upsert","sequence":1,"data":{"n":%s}}]}'
    value = read_batch(body % literal.encode())[0].data[0]["n"]
    assert Fraction(literal) == Fraction(repr(value) if isinstance(value, float) else value)
    assert literal.lstrip("-").isdigit() == isinstance(value, int)


@given(LITERALS)
def test_numbers_survive_a_push_as_documented(literal: str) -> None:
    """Whole numbers are integers of any size, others doubles or, beyond what those keep, decimals. (W63)"""
    body = json.dumps([record("t", 1, data={"id": 1, "n": "here"})]).replace('"here"', literal).encode()
    value = read_push(body, JSON)[0].data[0]["n"]
    if isinstance(value, float):
        assert float(literal) == value
    else:
        assert Fraction(literal) == Fraction(value)
        assert isinstance(value, Decimal) != literal.lstrip("-").isdigit()


@given(st.text() | st.integers(0, 10**40) | st.booleans() | st.none())
def test_other_values_survive_as_sent(value: Any) -> None:
    """Strings stay strings, whatever they look like, and nothing is converted. (W67)"""
    (found,) = pushed(record("t", 1, data={"id": 1, "v": [value, {"w": value}]}))
    assert [value, {"w": value}] == found.data[0]["v"]
