"""Bodies made to cost: each gets its answer with bounded memory, and costly schemas are never asked."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from tidegate.errors import BatchRefused, MalformedBody, RecordsRefused, Refusal
from tidegate.wire.batch import BatchChecker
from tidegate.wire.content import JSON, TRANSIT
from tidegate.wire.pieces import PIECE_BYTES
from tidegate.wire.push import check_push
from tidegate.wire.schema_cost import COST_MAX, schema_cost
from tidegate.wire.schemas import compile_schema

BODY_BYTES = 4_000_000
WHOLE_BYTES = 12_000_000
MEMORY_MAX = 60_000_000
"""Half of what would be needed if all values of a body became objects at once."""


def many(item: str, size: int) -> str:
    """An array of one item again and again, of about so many bytes."""
    return f"[{','.join([item] * (size // (len(item) + 1)))}]"


def batch(schema: Any, *data: str) -> bytes:
    """A batch body with records given as text."""
    sent = ",".join(f'{{"action":"upsert","sequence":1,"data":{each}}}' for each in data)
    return f'{{"table_name":"t","schema":{json.dumps(schema)},"messages":[{sent}]}}'.encode()


def push(*values: str) -> bytes:
    """A push body, with one value given as text in each record."""
    head = '{"client_id":5,"table_name":"t","sequence":1,"action":"upsert","key_names":["id"],"data":'
    return ("[" + ",".join(head + '{"id":1,"x":' + each + "}}" for each in values) + "]").encode()


def spread(item: str) -> list[str]:
    """Many records of many items, together as large as a body."""
    return [many(item, 4_000)] * (BODY_BYTES // 4_200)


def outcome(body: bytes, media_type: str = JSON) -> int | Refusal:
    """Check a body by the endpoint it is for."""
    try:
        return BatchChecker().check(body) if body[:1] == b"{" else check_push(body, media_type, 5)
    except Refusal as refusal:
        return refusal


BODIES: dict[str, tuple[Callable[[], bytes], str, type | int]] = {
    "empty arrays in a push": (lambda: push(many("[]", BODY_BYTES)), JSON, RecordsRefused),
    "empty arrays in a batch": (
        lambda: batch({}, many("[]", BODY_BYTES).join(('{"x":', "}"))),
        JSON,
        BatchRefused,
    ),
    "empty objects": (lambda: push(many("{}", BODY_BYTES)), JSON, RecordsRefused),
    "arrays in arrays": (lambda: push(many("[[[[1]]]]", BODY_BYTES)), JSON, RecordsRefused),
    "huge numbers": (lambda: push(many("1e400", BODY_BYTES)), JSON, RecordsRefused),
    "texts": (lambda: push(many('"a,b"', BODY_BYTES)), JSON, RecordsRefused),
    "empty arrays in many records": (lambda: push(*spread("[]")), JSON, BODY_BYTES // 4_200),
    "objects in many records": (lambda: push(*spread('{"a":1}')), JSON, BODY_BYTES // 4_200),
    "objects in a batch": (
        lambda: batch({}, *(f'{{"x":{each}}}' for each in spread('{"a":1}'))),
        JSON,
        BODY_BYTES // 4_200,
    ),
    "no records at all": (lambda: many("[]", WHOLE_BYTES).encode(), JSON, MalformedBody),
    "no messages at all": (
        lambda: many("[]", WHOLE_BYTES).join(('{"schema":', "}")).encode(),
        JSON,
        MalformedBody,
    ),
    "empty arrays in Transit": (lambda: push(many("[]", WHOLE_BYTES)), TRANSIT, MalformedBody),
    "instants in Transit": (lambda: push(many('"~m1"', 1_200_000)), TRANSIT, MalformedBody),
}


@pytest.mark.parametrize("case", BODIES)
def test_a_body_takes_bounded_memory(case: str) -> None:
    """Whatever stands in a body, its objects are never all in memory, and it gets its answer. (W19)"""
    made, media_type, expected = BODIES[case]
    body = made()
    tracemalloc.start()
    try:
        found = outcome(body, media_type)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert expected == (found if isinstance(found, int) else type(found))
    assert peak < MEMORY_MAX


COSTLY: dict[str, tuple[Any, str]] = {
    "patterns": ({"items": {"anyOf": [{"pattern": f"^b{i}"} for i in range(900)]}}, '"aaaa"'),
    "types": ({"items": {"anyOf": [{"type": "null"}] * 900}}, '"aaaa"'),
    "looking around": ({"items": {"pattern": "(?=(a+)+$)a*$"}}, '"aaaa"'),
    "names": ({"items": {"patternProperties": {f"^b{i}": {} for i in range(900)}}}, '{"aaaa":1}'),
    "multiples of huge numbers": ({"items": {"multipleOf": 1e-20}}, "1e400"),
    "multiples of long numbers": ({"items": {"multipleOf": 0.01}}, "1" * 4_000),
    "long numbers compared": ({"uniqueItems": True}, "1" * 4_000),
    "a tiny factor": ({"items": {"multipleOf": 1e-300}}, "1"),
    "itself": ({"items": {"$ref": "#/properties/x"}, "anyOf": [{"type": "array"}] * 900}, '"a"'),
    "objects to choose from": ({"items": {"enum": [{"a": i} for i in range(2_000)]}}, '"aaaa"'),
}


@pytest.mark.parametrize("case", COSTLY)
def test_a_costly_schema_is_refused_for_a_large_body_only(case: str) -> None:
    """What a schema would cost is bounded before it is asked, and small bodies are never refused. (W52)"""
    schema, item = COSTLY[case]
    cost = compile_schema({"properties": {"x": schema}}).cost
    large = batch({}, *(f'{{"x":{each}}}' for each in [many(item, 8_000)] * 2_400))
    assert cost.of(large, 2_400) > COST_MAX
    assert cost.of(large[:8_000], 1) <= COST_MAX


def test_a_schema_too_costly_for_a_body_is_named() -> None:
    """The text says what to do. (W51, W52)"""
    schema = {"properties": {"x": COSTLY["patterns"][0]}}
    found = outcome(batch(schema, *(f'{{"x":{each}}}' for each in [many('"aaaa"', 8_000)] * 200)))
    said = "too much work for this body; send fewer records in a request, or a simpler schema"
    assert f"Invalid JSON schema: {said}" == str(found)


def test_a_usual_schema_costs_little() -> None:
    """Twenty thousand records of fifty formatted fields are far below the bound. (W52)"""
    types = {"type": ["null", "string"], "format": "date-time", "pattern": "^[0-9]"}
    cost = schema_cost({"properties": {f"f{i}": types for i in range(50)}})
    assert cost.of(b'{"f1":"2020-01-01T00:00:00Z"},' * 650_000, 20_000) < COST_MAX / 4


def test_very_many_broken_rules_are_not_all_looked_for() -> None:
    """A record that breaks a hundred thousand rules gets the first of them as its text. (W54)"""
    schema = {"required": [f"k{i}" for i in range(150_000)]}
    found = outcome(batch(schema, "{}"))
    assert "Record 0 did not conform to schema: #: required key [k0] not found" == str(found)


LARGE: dict[str, str] = {
    "not as the schema says": '{"id":"1"}',
    "a key missing": "{}",
    "a key nested": '{"id":[]}',
    "too many data points": f'{{"id":1,"x":{many("1", 20_002)}}}',
    "no object": "5",
    "nested too deeply": f'{{"id":1,"x":{"[" * 101}{"]" * 101}}}',
    "half a pair": '{"id":1,"x":"\\ud800"}',
    "a leap day": '{"id":1,"at":"2024-02-29T00:00:00Z"}',
    "no date": '{"id":1,"at":"2023-02-29T00:00:00Z"}',
    "sound": '{"id":1}',
}


@pytest.mark.parametrize("case", LARGE)
def test_a_large_batch_is_judged_as_a_small_one(case: str) -> None:
    """Whether a body goes through in pieces or whole makes no difference to its answer. (W47)"""
    schema = {"properties": {"id": {"type": ["integer", "array"]}, "at": {"format": "date-time"}}}
    texts = []
    for filler in ("", "y" * (PIECE_BYTES // 2)):
        sound = f'{{"id":1,"y":"{filler}"}}'
        body = batch(schema, sound, sound, LARGE[case])[:-1] + b',"key_names":["id"]}'
        texts.append(str(outcome(body)).partition(" at line: ")[0])
    assert texts[0] == texts[1]


@pytest.mark.parametrize("case", [each for each in LARGE if "date" not in each and "schema" not in each])
def test_a_large_push_is_judged_as_a_small_one(case: str) -> None:
    """Whether a body goes through in pieces or whole makes no difference to its answer. (W29)"""
    texts = []
    for filler in ("", "y" * (PIECE_BYTES // 2)):
        sound = push(f'"{filler}"')[1:-1]
        last = push("1")[1:-1].replace(b'{"id":1,"x":1}', LARGE[case].encode())
        found = outcome(b"[" + b",".join((sound, sound, last)) + b"]")
        texts.append(str(found).partition(" at line: ")[0])
    assert texts[0] == texts[1]
