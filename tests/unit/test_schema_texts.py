"""What the records of a table look like is told as a JSON Schema, whatever was sent."""

from __future__ import annotations

import json
from decimal import Decimal
from math import isfinite
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tidegate.records import Batch
from tidegate.tables.model import Column, Part, Table, Type
from tidegate.tables.plan import Planned
from tidegate.tables.rows import Arrival
from tidegate.tables.schema_texts import SCHEMA_CHARS_MAX, schema_text

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
TABLE = Table(
    schema_name="shop",
    name="orders",
    columns=(
        Column(name="id", type=Type.INTEGER, nullable=False),
        Column(name="at", type=Type.TIMESTAMP),
        Column(name="made_by_hand", type=None, native="bytea"),
        Column(name="_sdc_sequence", type=Type.INTEGER),
    ),
)


def arrival(schema: dict[str, Any] | None) -> Arrival:
    """A batch with a schema, or records pushed without one."""
    batch = Batch(
        table_name="orders",
        key_names=("id",),
        schema=schema,
        table_version=None,
        bookmark_names=(),
        sequences=[1],
        data=[{"id": 1}],
        places=[0],
        extracted=None,
        activates=False,
    )
    return Arrival(position=1, received_at_ms=0, request_id="r", batch=batch)


def planned() -> Planned:
    """What a load does to the table."""
    return Planned(part=Part(table=TABLE, rows=None))


@given(st.dictionaries(st.text(max_size=5), VALUES, max_size=4))
def test_the_last_schema_is_told_as_it_was_sent(schema: dict[str, Any]) -> None:
    """Any schema gives a text that is JSON and can be stored; only decimals are told as doubles. (A71)"""
    text = schema_text([arrival({"first": 1}), arrival(schema), arrival(None)], [])
    assert json.dumps(json.loads(text)) == json.dumps(json.loads(json.dumps(schema, default=_double)))
    assert text.isascii()
    assert "\0" not in text


def _double(value: Any) -> Any:
    found = float(value)
    return found if isfinite(found) else str(value)


def test_a_decimal_beyond_doubles_is_told() -> None:
    """As text at worst: a description must not stop a load. (A71)"""
    assert json.loads(schema_text([arrival({"maximum": Decimal("0.25")})], [])) == {"maximum": 0.25}
    far = schema_text([arrival({"maximum": Decimal("1e999999")})], [])
    assert {"maximum": "1E+999999"} == json.loads(far)


def test_pushed_tables_are_told_by_their_columns() -> None:
    """Without our own columns and those that nothing is loaded into. (A71)"""
    assert {
        "type": "object",
        "properties": {
            "id": {"type": ["integer", "null"]},
            "at": {"type": ["string", "null"], "format": "date-time"},
        },
    } == json.loads(schema_text([arrival(None)], [planned()]))
    assert schema_text([arrival(None)], []) == ""


def test_a_schema_that_is_too_long_is_told_by_its_columns() -> None:
    """One of a hundred thousand characters is still kept whole. (A71)"""
    long = {"title": "x" * SCHEMA_CHARS_MAX}
    assert "properties" in json.loads(schema_text([arrival(long)], [planned()]))
    fits = {"title": "x" * (SCHEMA_CHARS_MAX - len('{"title": ""}'))}
    assert fits == json.loads(schema_text([arrival(fits)], [planned()]))
