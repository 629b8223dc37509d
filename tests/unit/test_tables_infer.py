"""Schemas from samples, and what requests would become. Rules L20 to L22 of docs/specs/loading.md."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.arrivals import BATCHED_AT_MS, DUCKDB_LIKE, arrival
from tidegate.tables.infer import infer_schema
from tidegate.tables.model import Type
from tidegate.tables.preview import ROWS_MAX, preview
from tidegate.wire.decode import decode_exact
from tidegate.wire.schemas import compile_schema


def proposed(*values: Any) -> Any:
    """Return the schema proposed for a field with these values."""
    return infer_schema([{"a": value} for value in values])["properties"]["a"]


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ([1, None], {"type": ["null", "integer"]}),
        ([1, 2.5], {"type": ["null", "number"]}),
        ([True], {"type": ["null", "boolean"]}),
        (["x", ""], {"type": ["null", "string"]}),
        ([None], {}),
        ([2**63 - 1, -(2**63)], {"type": ["null", "integer"]}),
        ([1, 2**63], {"type": ["null", "number"], "multipleOf": 1}),
        ([0.5, 2**53 + 1], {"type": ["null", "number"], "multipleOf": Decimal("0.1")}),
        (
            [0.125, Decimal("0.1234567890123456789")],
            {"type": ["null", "number"], "multipleOf": Decimal("1E-19")},
        ),
        (["2020-01-01T10:00:00Z", None], {"type": ["null", "string"], "format": "date-time"}),
        (["2020-01-01T10:00:00Z", "soon"], {"type": ["null", "string"]}),
        ([1, "2020-01-01T10:00:00Z"], {"type": ["null", "integer", "string"], "format": "date-time"}),
        ([[]], {"type": ["null", "array"], "items": {}}),
        ([[1], ["x"]], {"type": ["null", "array"], "items": {"type": ["null", "integer", "string"]}}),
        (
            [{"b": 1}, {"c": True}],
            {
                "type": ["null", "object"],
                "properties": {"b": {"type": ["null", "integer"]}, "c": {"type": ["null", "boolean"]}},
            },
        ),
    ],
)
def test_a_field_has_the_type_its_whole_column_has(values: list[Any], wanted: dict[str, Any]) -> None:
    """Decimals only where doubles would change a value, date-times only when all are. (L20 to L22)"""
    assert wanted == proposed(*values)


def test_keys_may_not_be_null() -> None:
    """A key is never null, so the schema refuses null keys when they are sent. (L14)"""
    properties = infer_schema([{"id": 1, "a": 1}], ["id"])["properties"]
    assert {"id": {"type": "integer"}, "a": {"type": ["null", "integer"]}} == properties


NUMBERS = st.one_of(
    st.integers(-(10**25), 10**25),
    st.floats(allow_nan=False, allow_infinity=False),
    st.decimals(-(10**9), 10**9, places=30),
)
TEXTS = st.one_of(st.text(), st.just("2020-02-29T10:00:00.5+02:00"))
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=12,
)
RECORDS = st.lists(st.dictionaries(st.sampled_from("abcd"), VALUES), min_size=1, max_size=6)


@given(RECORDS)
def test_every_sample_conforms_to_its_schema(records: list[dict[str, Any]]) -> None:
    """What was looked at is accepted with the schema proposed, by the check that batch makes. (W50)"""
    encoded = msgspec.json.Encoder(decimal_format="number").encode(records)
    read = decode_exact(encoded)
    schema = infer_schema(read)
    sent = decode_exact(msgspec.json.Encoder(decimal_format="number").encode(schema))
    check = compile_schema(sent).is_valid
    assert [] == [record for record in read if not check(record)]


# --- What requests would become ----------------------------------------------------------------------------


def test_a_preview_has_the_tables_and_what_would_be_rejected() -> None:
    """Tables come with all their columns and their first rows, rejected records with the reason. (L40)"""
    good = [{"id": number, "price": 0.5} for number in range(ROWS_MAX + 5)]
    batches = [arrival(*good).batch, arrival({"id": 99, "a__st": 1}).batch]
    seen = preview(batches, DUCKDB_LIKE, schema_name="shop", at_ms=BATCHED_AT_MS)
    (cars,) = seen.tables
    assert ("cars", ("id",), ROWS_MAX + 5, ROWS_MAX) == (
        cars.table.name,
        cars.table.key_columns,
        cars.row_count,
        cars.rows.num_rows,
    )
    assert [("id", Type.INTEGER), ("price", Type.DOUBLE)] == [
        (each.name, each.type) for each in cars.table.columns[:2]
    ]
    (rejected,) = seen.rejected
    assert {"id": 99, "a__st": 1} == json.loads(rejected["record"])
    assert "reserved datatype suffix on a__st" in rejected["reason"]


def test_a_preview_tells_of_a_table_that_would_wait() -> None:
    """Where the tables are there already, and what is sent has other keys. (L15, L90)"""
    (cars,) = preview([arrival({"id": 1}).batch], DUCKDB_LIKE, schema_name="shop", at_ms=1).tables
    other = arrival({"id": 1, "b": 2}, keys=("b",)).batch
    seen = preview([other], DUCKDB_LIKE, schema_name="shop", at_ms=1, tables=[cars.table])
    reason = "Primary Keys for table do not match Primary Keys of incoming data"
    assert ([], [f"cars would wait: {reason}"]) == ([*seen.tables], [*seen.warnings])
