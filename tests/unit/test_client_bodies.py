"""The Python client: rows to request bodies."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.client.api import clock_sequences
from tidegate.client.bodies import Body, Limits, batch_bodies, push_bodies
from tidegate.client.encoding import encode_row
from tidegate.errors import InputInvalid

HEAD = {"table_name": "cars", "key_names": ["id"]}

NUMBERS = (
    st.integers(-(10**40), 10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.decimals(allow_nan=False, allow_infinity=False)
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=10,
)
ROWS = st.lists(st.dictionaries(TEXTS, VALUES, max_size=5), max_size=30)


def batch(rows: Sequence[Any], schema: dict[str, Any] | None = None, **limits: int) -> list[Body]:
    """Return the bodies of rows whose sequences are 0, 1, 2 ..."""
    return list(batch_bodies(HEAD, rows, range(len(rows)), Limits(**limits), schema=schema))


def messages(bodies: Sequence[Body]) -> list[dict[str, Any]]:
    """Return the messages of all bodies, decimals as written."""
    return [each for body in bodies for each in json.loads(body.content, parse_float=Decimal)["messages"]]


def digits(value: Any) -> Any:
    """Return floats as the decimal of their shortest text, so that numbers compare digit by digit."""
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, list):
        return [digits(each) for each in value]
    return {name: digits(each) for name, each in value.items()} if isinstance(value, dict) else value


@given(ROWS, st.integers(1, 7), st.integers(1, 600))
def test_every_row_is_sent_once_in_order_with_its_exact_values(
    rows: list[dict[str, Any]], records_max: int, bytes_max: int
) -> None:
    """Whatever the limits, the requests together carry the rows as given, in order, digit by digit."""
    sent = messages(batch(rows, records_max=records_max, bytes_max=bytes_max))
    assert digits(rows) == [each["data"] for each in sent]


@given(ROWS, st.integers(1, 7), st.integers(1, 600))
def test_a_request_keeps_its_limits_unless_it_is_a_single_record(
    rows: list[dict[str, Any]], records_max: int, bytes_max: int
) -> None:
    """No request is over the records or bytes allowed, but for one record that alone is too large."""
    bodies = batch(rows, records_max=records_max, bytes_max=bytes_max)
    over = [each for each in bodies if len(each.content) > bytes_max and each.row_count > 1]
    assert ([], []) == (over, [each for each in bodies if each.row_count > records_max])


def test_the_limit_in_bytes_counts_fields_of_datetimes_in_the_schema() -> None:
    """Datetimes that join the schema with each row do not push a request over its limit."""
    rows = [{f"at_{index}": datetime(2026, 1, 1, tzinfo=UTC)} for index in range(50)]
    assert [] == [each for each in batch(rows, bytes_max=700) if len(each.content) > 700]


def test_a_request_says_which_rows_it_carries() -> None:
    """A body knows the run of rows in it, so that a refusal can name the row."""
    bodies = batch([{"id": index} for index in range(5)], records_max=2)
    assert [(0, 2), (2, 2), (4, 1)] == [(each.row_index, each.row_count) for each in bodies]


def test_no_rows_make_no_request() -> None:
    """An empty push sends nothing, because the server refuses empty requests."""
    assert [] == batch([])


def test_push_records_carry_what_the_endpoint_asks_for() -> None:
    """Each pushed record has the account, the table, its sequence, the action and the keys."""
    head = {"client_id": 7, "table_name": "cars", "action": "upsert", "key_names": ["id"]}
    (body,) = push_bodies(head, [{"id": 1}, {"id": 2}], [5, 6], Limits())
    assert json.loads(body.content) == [
        head | {"sequence": 5, "data": {"id": 1}},
        head | {"sequence": 6, "data": {"id": 2}},
    ]


def test_without_a_schema_keys_are_properties_and_datetimes_are_timestamps() -> None:
    """A request names its keys in the schema and types datetimes; all else is left to the values."""
    (body,) = batch([{"id": 1, "at": datetime(2026, 1, 2, tzinfo=UTC), "name": "Ada"}, {"id": 2, "at": None}])
    properties = {"id": {}, "at": {"type": ["null", "string"], "format": "date-time"}}
    assert {"type": "object", "properties": properties} == json.loads(body.content)["schema"]


def test_a_given_schema_is_sent_as_it_is() -> None:
    """The caller's schema decides, whatever the values are."""
    schema = {
        "properties": {"id": {"type": "integer"}, "price": {"type": "number", "multipleOf": Decimal("1e-20")}}
    }
    (body,) = batch([{"id": 1, "at": datetime(2026, 1, 2, tzinfo=UTC)}], schema)
    assert schema == json.loads(body.content, parse_float=Decimal)["schema"]


def test_datetimes_are_sent_with_their_offset() -> None:
    """A datetime is RFC 3339: the instant is never in doubt."""
    at = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=timezone(timedelta(hours=2)))
    assert b'{"at":"2026-01-02T03:04:05.000678+02:00"}' == encode_row({"at": at}, 0)


def test_encoded_rows_pass_through_untouched() -> None:
    """A row that already is JSON keeps its bytes: 1.10 stays 1.10."""
    assert b'{"price": 1.10}' == encode_row(msgspec.Raw(b'{"price": 1.10}'), 0)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"a": None, "b": float("nan")}, "row 3, field b: JSON has no NaN"),
        ({"a": {"b": [1, float("-inf")]}}, "row 3, field a.b[1]: JSON has no NaN"),
        ({"a": Decimal("NaN")}, "row 3, field a: JSON has no NaN"),
        ({"a": Decimal("-Infinity")}, "row 3, field a: JSON has no NaN"),
        ({"a": "\ud800"}, "row 3 cannot be sent as JSON: "),
        ({"a": object()}, "row 3 cannot be sent as JSON: "),
        ([1, 2], "row 3 is a list; a row must be a mapping"),
    ],
)
def test_a_row_json_cannot_carry_is_refused_by_name(row: Any, words: str) -> None:
    """What JSON cannot carry is never sent as something else; the message names row and field."""
    with pytest.raises(InputInvalid) as refused:
        encode_row(row, 2)
    assert str(refused.value).startswith(words)


def test_null_beside_finite_numbers_is_sent() -> None:
    """None and texts that look like special numbers are ordinary values."""
    assert b'{"a":null,"b":"NaN","c":1.5,"d":"Infinity"}' == encode_row(
        {"a": None, "b": "NaN", "c": 1.5, "d": "Infinity"}, 0
    )


def test_too_few_sequences_are_refused() -> None:
    """Each row needs its own sequence; a row without one is not sent with a made-up one."""
    with pytest.raises(InputInvalid, match="fewer sequences than rows"):
        list(batch_bodies(HEAD, [{"id": 1}, {"id": 2}], [1], Limits(), schema=None))


@given(st.lists(st.integers(0, 2**62), min_size=1, max_size=20))
def test_sequences_grow_whatever_the_clock_does(clock: list[int]) -> None:
    """A clock that stands still or is set back never gives a row the place of another, or a lower one."""
    ticks = iter(clock)
    sequences = clock_sequences(lambda: next(ticks))
    given_out = [next(sequences) for _ in clock]
    assert all(before < after for before, after in pairwise(given_out))


def test_sequences_follow_the_clock() -> None:
    """Sequences are the clock's nanoseconds, so a later push wins over an earlier one."""
    sequences = clock_sequences(iter([50, 50, 900]).__next__)
    assert [50, 51, 900] == [next(sequences) for _ in range(3)]


def test_limits_that_allow_nothing_are_refused() -> None:
    """A request that may carry nothing is a mistake of the caller."""
    with pytest.raises(InputInvalid, match="at least 1 record"):
        Limits(records_max=0)
