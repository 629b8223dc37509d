"""Layouts take only what the careful way takes, and they do take what plain schemas describe."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from tidegate.errors import Refusal
from tidegate.instants import is_instant
from tidegate.wire import batch_rules
from tidegate.wire.batch import BatchChecker, read_batch
from tidegate.wire.decode import decode_exact
from tidegate.wire.layouts import KEPT_BYTES_MAX, MISSES_MAX, Layouts, layout_of
from tidegate.wire.pieces import PIECE_BYTES
from tidegate.wire.schemas import SchemaCache, compile_schema

Schema = dict[str, Any]

LITERALS = (
    *(
        "0",
        "-0",
        "1",
        "1.0",
        "1.5",
        "2e0",
        "1e400",
        "1e-400",
        "1E-2",
        "0.1",
        "9223372036854775808",
        "1" * 400,
    ),
    *("1" * 4_400, "1." + "0" * 600 + "1", "1." + "0" * 600 + "e5", "1e999999999", "0e999999999", "-1e-99"),
    *("0." + "3" * 30, "9007199254740993.0", "true", "null", "{}", "[]", '"x"', '"\\ud800"', '"\\u0000"'),
)
TEXTS = st.sampled_from(
    [
        *("2026-01-01T00:00:00Z", "2026-02-29T00:00:00Z", "2024-02-29T00:00:00Z", "2026-04-31T00:00:00Z"),
        *(
            "2026-01-31 23:59:59.123456789+0530",
            "2026-01-01T00:00:00.1234567890Z",
            "0001-01-01T00:00:00+10:00",
        ),
        *("9999-12-31T23:59:59-10:00", "2026-01-01T00:00:00Z\n2026-01-01T00:00:00Z", "2026-01-01", "x", ""),
        *("1.5", "-1e5", "1e999999", "1\n2", "a" * 1_024, "a" * 1_025, "é" * 1_024, "new"),
    ]
)
SCALARS = st.sampled_from(LITERALS) | TEXTS.map(json.dumps)
PLAIN_TYPES = st.sampled_from(["string", "integer", "number", "boolean"])
LEAVES = st.one_of(
    st.builds(lambda kind: {"type": kind}, PLAIN_TYPES),
    st.builds(lambda kind: {"type": ["null", kind]}, PLAIN_TYPES),
    st.builds(lambda kinds: {"type": kinds}, st.lists(PLAIN_TYPES, min_size=2, max_size=3, unique=True)),
    st.sampled_from(
        [
            *({"type": "string", "format": each} for each in ("date-time", "singer.decimal", "email")),
            {"type": ["null", "string"], "format": "date-time"},
            {"type": "string", "minLength": 1, "maxLength": 1_024},
            {"type": "string", "enum": ["new", "x"]},
            {"type": "integer", "minimum": 0, "maximum": 5},
            {"type": "integer", "minimum": 0, "exclusiveMinimum": True},
            {"type": "number", "multipleOf": 0.01},
            {"type": "string", "pattern": "^n"},
            {"type": "null"},
            {},
        ]
    ),
)


def _object(properties: dict[str, Schema], needed: list[str]) -> Schema:
    required = [name for name in needed if name in properties]
    return {"type": "object", "properties": properties} | ({"required": required} if required else {})


NAMES = st.sampled_from(["id", "a", "b", "", 'q"uote', "naïve", "f0"])
SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: (
        st.builds(_object, st.dictionaries(NAMES, inner, max_size=3), st.lists(NAMES, max_size=2))
        | st.builds(lambda items: {"type": ["null", "array"], "items": items}, inner)
    ),
    max_leaves=4,
)
RECORD_SCHEMAS = st.builds(
    lambda first, others, needed, top: {**_object({"id": first, **others}, needed), **top},
    LEAVES,
    st.dictionaries(NAMES, SCHEMAS, max_size=3),
    st.lists(NAMES, max_size=2, unique=True),
    st.sampled_from([{}, {}, {}, {"type": ["null", "object"]}, {"type": "string"}, {"minProperties": 1}]),
)


_FITTING = {
    "string": TEXTS.map(json.dumps),
    "integer": st.sampled_from(["0", "-0", "5", "6", "9223372036854775808", "1" * 400]),
    "number": st.sampled_from([each for each in LITERALS if each[-1].isdigit()]),
    "boolean": st.sampled_from(["true", "false"]),
    "null": st.just("null"),
}


@st.composite
def values(draw: st.DrawFn, schema: Schema) -> str:
    """JSON that mostly has the shape a schema describes, with literals of every kind at its leaves."""
    kinds = schema.get("type", [])
    if "object" in kinds and draw(st.integers(0, 9)):
        names = [name for name in schema["properties"] if draw(st.integers(0, 5))]
        fields = [f"{json.dumps(name)}:{draw(values(schema['properties'][name]))}" for name in names]
        return "{" + ",".join(fields) + "}"
    if "array" in kinds and draw(st.integers(0, 9)):
        return "[" + ",".join(draw(st.lists(values(schema["items"]), max_size=3))) + "]"
    kind = kinds if isinstance(kinds, str) else draw(st.sampled_from(kinds or ["null"]))
    return draw(_FITTING[kind] if kind in _FITTING and draw(st.integers(0, 9)) else SCALARS)


@st.composite
def bodies(draw: st.DrawFn) -> tuple[Schema, list[str], bytes]:
    """A schema, key names, and a body with records that nearly keep them."""
    schema = draw(RECORD_SCHEMAS)
    keys = draw(st.sampled_from([["id"], ["id"], [], ["id", "a"]]))
    records = draw(st.lists(values(schema), min_size=1, max_size=3))
    messages = ",".join(
        f'{{"action":"upsert","sequence":{n},"data":{each}}}' for n, each in enumerate(records)
    )
    head = f'{{"table_name":"t","schema":{json.dumps(schema)},"key_names":{json.dumps(keys)},'
    return schema, keys, (head + f'"messages":[{messages}]}}').encode()


def _outcome(check: Callable[[], int | None]) -> int | str | None:
    try:
        return check()
    except Refusal as exc:
        return str(exc)


def _schemas() -> SchemaCache:
    return SchemaCache(schemas_max=9, schema_bytes_max=10**6, cached_bytes_max=10**6)


@given(bodies())
def test_a_layout_takes_only_what_the_careful_way_takes(case: tuple[Schema, list[str], bytes]) -> None:
    """Whatever a layout is sure of, the careful way takes, and the loader can read. (W50)"""
    schema, keys, body = case
    try:
        source = compile_schema(schema).source
    except Refusal:
        return
    layout = layout_of(json.dumps(schema).encode(), source, keys)
    found = None if layout is None else _outcome(lambda: layout.count(body))
    event("no layout" if layout is None else "unsure" if found is None else "sure")
    if found is not None:
        assert found == _outcome(lambda: batch_rules.check_values(decode_exact(body), _schemas(), body))
    if isinstance(found, int):
        assert sum(len(batch.data) for batch in read_batch(body)) == found


PLAIN = {
    "type": "object",
    "properties": {
        "id": {"type": "integer"},
        "name": {"type": ["null", "string"], "maxLength": 20},
        "amount": {"type": ["null", "number"]},
        "at": {"type": "string", "format": "date-time"},
        "kind": {"type": "string", "enum": ["a", "b"]},
        "address": {"type": ["null", "object"], "properties": {"zip": {"type": "string"}}},
        "lines": {"type": "array", "items": {"type": "object", "properties": {"price": {"type": "number"}}}},
    },
}
RECORD = {
    "id": 1,
    "name": None,
    "amount": 1.25,
    "at": "2026-01-31T10:00:00Z",
    "kind": "a",
    "address": {"zip": "1"},
    "lines": [{"price": 1}, {"price": 0.1}, {}],
}


def _body(*records: object, schema: Schema | None = None) -> bytes:
    messages = [{"action": "upsert", "sequence": n, "data": each} for n, each in enumerate(records)]
    body = {"table_name": "t", "schema": schema or PLAIN, "key_names": ["id"], "messages": messages}
    return json.dumps(body).encode()


INSTANTS = st.builds(
    "{}-{}{}{}{}{}".format,
    st.sampled_from(["2026", "2026", "2024", "1969", "8999", "0001", "0999", "9999", "0000", "20260"]),
    st.sampled_from(["01-31", "12-31", "02-28", "02-29", "04-31", "13-01", "1-1", "00-10"]),
    st.sampled_from(["T", "T", "t", " ", "_", ""]),
    st.sampled_from(["00:00:00", "23:59:59", "10:20:30", "24:00:00", "23:59:60", "10:20"]),
    st.sampled_from(["", ".1", ".999999999", ".9999999999", ".", ",1", ".12345678901"]),
    st.sampled_from(["", "Z", "z", "+00:00", "-23:59", "+0530", "+05", "+24:00", "-00:60", "\n"]),
)


@given(st.lists(INSTANTS, min_size=1, max_size=3))
def test_a_layout_takes_only_texts_that_are_instants(texts: list[str]) -> None:
    """Whatever else the decoder takes for a date-time, a layout is not sure of it. (W60)"""
    schema: Schema = {"type": "object", "properties": {"id": {"type": "string", "format": "date-time"}}}
    layout = layout_of(json.dumps(schema).encode(), schema, ["id"])
    assert layout is not None
    is_sure = layout.count(_body(*({"id": text} for text in texts), schema=schema)) is not None
    event("sure" if is_sure else "unsure")
    assert is_sure == all(map(is_instant, texts))


def test_a_plain_schema_has_a_layout_that_is_sure_of_what_conforms() -> None:
    """All of what people's schemas usually say can be said by types."""
    layout = layout_of(json.dumps(PLAIN).encode(), PLAIN, ["id"])
    assert layout is not None
    assert layout.count(_body(RECORD, RECORD | {"at": "2024-02-29T00:00:00Z"})) == 2


@pytest.mark.parametrize(
    "change",
    [
        *({"id": None}, {"id": "1"}, {"id": 1.5}, {"name": 1}, {"name": "x" * 21}, {"amount": "1"}),
        *({"at": "yesterday"}, {"at": None}, {"kind": "c"}, {"address": []}, {"lines": [{"price": "1"}]}),
        *({"lines": [{"price": None}]}, {"more": 1}, {"address": {"zip": "1", "more": 1}}, {"amount": True}),
    ],
    ids=str,
)
def test_a_layout_is_not_sure_of_what_does_not_conform(change: dict[str, Any]) -> None:
    """Each kind of violation, and each field that the schema does not name, is left to the validator."""
    layout = layout_of(json.dumps(PLAIN).encode(), PLAIN, ["id"])
    assert layout is not None
    assert layout.count(_body(RECORD, RECORD | change)) is None


def test_bodies_of_one_kind_are_checked_by_their_layout_from_the_third_on() -> None:
    """The first is only noted, the second has the layout made; other schemas are noticed, and take over."""
    checker = BatchChecker()
    layouts = checker._layouts
    body, other = _body(RECORD), _body({"id": 1}, schema={**PLAIN, "required": ["id"]})
    for sent in (body, body):
        assert layouts.count(sent) is None
        assert checker.check(sent) == 1
    assert layouts.count(body) == 1
    for _ in range(MISSES_MAX + 1):
        assert checker.check(other) == 1
    assert layouts.count(other) == 1


def test_a_large_body_is_checked_by_its_layout_piece_by_piece() -> None:
    """What one piece breaks is found, and named as ever."""
    checker = BatchChecker()
    records = [RECORD | {"id": n, "name": "x" * 20} for n in range(9_000)]
    assert len(_body(*records)) > 2 * PIECE_BYTES
    assert checker.check(_body(*records)) == 9_000
    records[8_500] = RECORD | {"kind": "c"}
    with pytest.raises(Refusal, match="Record 8500 did not conform to schema"):
        checker.check(_body(*records))


def test_layouts_are_bounded_by_their_weight() -> None:
    """Many fields and long schemas weigh; the ones learnt first are forgotten first, the last one stays."""
    schema = {"type": "object", "properties": {f"c{n}": {"type": "string"} for n in range(200)}}
    for raw in (b"raw", b" " * 1_000_000):
        layouts = Layouts(nullcontext())
        for number in range(150):
            for _ in range(2):
                layouts.learn(f'{{"table_name":"t{number}"'.encode(), raw, schema, [])
        known = layouts._known
        assert layouts._weight == sum(each.weight for each in known.values()) <= KEPT_BYTES_MAX
        assert b'{"table_name":"t149"' in known
        assert b'{"table_name":"t0"' not in known


def test_openings_without_end_are_forgotten() -> None:
    """Bodies that never begin alike leave no more behind than the bound, each at little cost."""
    layouts = Layouts(nullcontext())
    for number in range(2 * KEPT_BYTES_MAX // 500):
        layouts.learn(f"{number}".encode(), b"raw", {}, [])
    assert layouts._weight <= KEPT_BYTES_MAX
