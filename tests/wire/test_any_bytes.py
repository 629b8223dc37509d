"""Whatever a client sends is accepted or refused as documented, and what is accepted can be read."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tidegate.errors import Refusal
from tidegate.records import Batch
from tidegate.wire import batch_rules, push_rules
from tidegate.wire.answers import Answer, refusal_answer
from tidegate.wire.batch import BatchChecker, read_batch
from tidegate.wire.content import JSON
from tidegate.wire.decode import decode_doubles, decode_exact
from tidegate.wire.push import check_push, read_push
from tidegate.wire.schemas import SchemaCache

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([1.0, 1.5, 2**63, -(2**63), 10**30, 1e300, "", " ", "id", "x" * 1_025])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)
DATA = st.dictionaries(st.sampled_from(["id", "a", "b"]), VALUES, max_size=3)
NAMES = st.lists(st.sampled_from(["id", "a"]), max_size=2)
TYPES = st.sampled_from(["integer", "number", "string", "boolean", "object", "array", "null", "any"])
SCHEMAS = st.recursive(
    st.builds(dict)
    | st.builds(lambda names: {"type": names}, TYPES | st.lists(TYPES, max_size=3))
    | st.sampled_from(
        [
            {"format": "date-time"},
            {"format": "singer.decimal"},
            {"multipleOf": 0.01},
            {"enum": [1, "id"]},
            {"$ref": "#"},
            {"$ref": "#/properties/id"},
            {"pattern": "^i"},
            {"minimum": 0, "exclusiveMinimum": True},
        ]
    ),
    lambda inner: (
        st.builds(lambda each: {"not": each}, inner)
        | st.builds(lambda a, b: {"anyOf": [a, b]}, inner, inner)
        | st.builds(lambda a, b: {"allOf": [a, b]}, inner, inner)
        | st.builds(lambda a, b: {"oneOf": [a, b]}, inner, inner)
        | st.builds(lambda a: {"items": a, "uniqueItems": True}, inner)
        | st.builds(
            lambda a, b, c: {"properties": {"id": a, "a": b}, "required": ["a"], "additionalProperties": c},
            inner,
            inner,
            inner | st.booleans(),
        )
    ),
    max_leaves=6,
)
ACTIONS = st.sampled_from(["upsert", "upsert", "upsert", "switch_view", "activate_version"])


def changed(sound: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects that are nearly what they should be: now and then a field too many, too few, or strange."""
    change = st.dictionaries(
        st.sampled_from(["sequence", "data", "key_names", "action", "x"]), VALUES, max_size=1
    )
    return st.builds(lambda one, other: one | other, sound, st.just({}) | st.just({}) | change)


RECORDS = changed(
    st.fixed_dictionaries(
        {
            "client_id": st.just(5) | st.just(5) | SCALARS,
            "table_name": st.sampled_from("tu"),
            "sequence": st.integers(-(2**63), 2**63 - 1),
            "action": ACTIONS,
        },
        optional={
            "key_names": NAMES,
            "data": DATA,
            "table_version": st.integers(0, 2) | st.none(),
            "namespace": st.none(),
            "time_extracted": st.just("2020-01-01T00:00:00Z"),
            "bookmark_names": NAMES,
        },
    )
)
MESSAGES = changed(
    st.fixed_dictionaries(
        {"action": ACTIONS, "sequence": st.integers(-(2**63), 2**63 - 1)},
        optional={"data": DATA, "time_extracted": st.text(max_size=3)},
    )
)
BATCHES = changed(
    st.fixed_dictionaries(
        {
            "table_name": st.just("t"),
            "schema": SCHEMAS | st.builds(lambda each: {"properties": {"id": each, "a": {}}}, SCHEMAS),
            "messages": st.lists(MESSAGES, max_size=4),
        },
        optional={"key_names": NAMES, "table_version": st.integers(0, 2), "bookmark_names": NAMES},
    )
)


def as_bytes(value: Any) -> bytes:
    """Write a value as JSON."""
    return json.dumps(value).encode()


def rows(batches: list[Batch]) -> int:
    """Count what batches hold, and hold that their columns are equally long."""
    for batch in batches:
        assert len(batch.sequences) == len(batch.data) == len(batch.places)
        assert batch.extracted is None or len(batch.extracted) == len(batch.places)
    return sum(len(batch.places) for batch in batches)


@given(st.binary() | st.lists(RECORDS, max_size=4).map(as_bytes) | VALUES.map(as_bytes))
@example(b'[{"client_id":5,"client_id":"x"}]')
@example(b'[{"a":1e99999999999999999999}]')
@example(b"[" * 100_000)
def test_push_accepts_or_refuses_anything(body: bytes) -> None:
    """Any bytes are counted or refused, and what is accepted is read with as many records. (W20)"""
    found = outcome(lambda: check_push(body, JSON, 5))
    if isinstance(found, Answer):
        assert 400 <= found.status < 500
        with suppress(Refusal):
            read_push(body, JSON)
        return
    sent = json.loads(body)
    assert found == len(sent)
    assert sum(each["action"] == "upsert" for each in sent) == rows(read_push(body, JSON))


@given(st.binary() | BATCHES.map(as_bytes) | VALUES.map(as_bytes))
@example(b'{"schema":1,"schema":{},"table_name":"t","messages":[{"action":"upsert","sequence":1,"data":{}}]}')
@example(b'{"a":' * 100_000)
def test_batch_accepts_or_refuses_anything(body: bytes) -> None:
    """Any bytes are counted or refused, and what is accepted is read with as many records. (W40)"""
    found = outcome(lambda: BatchChecker().check(body))
    if isinstance(found, Answer):
        assert 400 == found.status
        with suppress(Refusal):
            read_batch(body)
        return
    sent = json.loads(body)
    assert found == len(sent["messages"])
    assert sum(each["action"] == "upsert" for each in sent["messages"]) == rows(read_batch(body))


@given(st.lists(RECORDS, max_size=4).map(as_bytes))
def test_the_short_way_of_push_takes_only_what_the_careful_way_takes(body: bytes) -> None:
    """The outcome is that of the careful way, for every body."""
    careful = outcome(lambda: len(push_rules.read_records(decode_doubles(body), 5)))
    assert careful == outcome(lambda: check_push(body, JSON, 5))


@given(BATCHES.map(as_bytes))
def test_the_short_way_of_batch_takes_only_what_the_careful_way_takes(body: bytes) -> None:
    """The outcome is that of the careful way, for every body and schema."""
    schemas = SchemaCache(schemas_max=1, schema_bytes_max=10_000, cached_bytes_max=10_000)
    careful = outcome(lambda: batch_rules.check_values(decode_exact(body), schemas, body))
    assert careful == outcome(lambda: BatchChecker().check(body))


def outcome(check: Callable[[], int]) -> int | Answer:
    """Return what a check returns, or the answer to its refusal."""
    try:
        return check()
    except Refusal as refusal:
        return refusal_answer(refusal)


@pytest.mark.parametrize("count", [9_999, 10_000])
def test_data_points_are_counted_alike_in_many_and_in_deep_records(count: int) -> None:
    """Every scalar counts at any depth, and an empty object or array counts as one. (W5)"""
    inner: Any = [[], {}, None, "x"] * (count // 4) + [1] * (count % 4)
    data = {"id": 1, "deep": {"er": [inner]}}
    body = as_bytes(
        [
            {
                "client_id": 5,
                "table_name": "t",
                "sequence": 1,
                "action": "upsert",
                "key_names": ["id"],
                "data": each,
            }
            for each in [{"id": 1}] * 50 + [data]
        ]
    )
    expected = 51 if count < 10_000 else 422
    found = outcome(lambda: check_push(body, JSON, 5))
    assert expected == getattr(found, "status", found)
