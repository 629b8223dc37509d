"""
Records that are still text to Arrow columns, by native code alone, where that gives what reading each would.

Arrow's reader of JSON is told the type of every field. It stops at a value of another one, at a field it was
not told of, and at one that comes twice, so what it takes has the values that were sent. Numbers with a point
are looked at once more: a double may not be all that was sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from tidegate.records import Batch, UnreadRecords

RECORDS_MIN = 300
"""A call costs about as much as reading so many records one by one."""

FIELDS_MAX = 500

_TYPES = {
    "integer": pa.int64(),
    "number": pa.float64(),
    "string": pa.string(),
    "boolean": pa.bool_(),
}
_ALTERNATIVES = frozenset(("anyOf", "oneOf", "allOf", "$ref"))
_DIGITS_AS_ZERO = bytes.maketrans(b"123456789.E", b"0000000000e")
_DIGITS_UNSURE = b"0" * 16
"""Every number of 15 digits is what the nearest double shows; the point counts as one here."""

_DOUBLE_MIN_SURE = 1e-290
_ESCAPED = frozenset('"\\/\b\f\n\r\t')
"""What JSON may write in two characters; everything else stands in a text as it is, or as `\\u`."""


def read_columns(batches: Iterable[Batch], *, records_min: int = RECORDS_MIN) -> None:
    """Give unread records their columns, where there are enough alike: of one table, with one schema."""
    runs: dict[str, tuple[Mapping[str, Any], list[UnreadRecords]]] = {}
    for batch in batches:
        if not isinstance(batch.data, UnreadRecords) or batch.schema is None or not batch.data:
            continue
        run = runs.get(batch.table_name)
        if run is not None and run[0] == batch.schema:
            run[1].append(batch.data)
            continue
        if run is not None:
            _give_columns(*run, records_min)
        runs[batch.table_name] = batch.schema, [batch.data]
    for schema, unread in runs.values():
        _give_columns(schema, unread, records_min)


def may_have_columns(schema: Mapping[str, Any]) -> bool:
    """Tell whether records of a schema may be read in columns."""
    return _types(schema) is not None


def _give_columns(schema: Mapping[str, Any], unread: Sequence[UnreadRecords], records_min: int) -> None:
    count = sum(map(len, unread))
    types = _types(schema) if count >= records_min else None
    if types is None:
        return
    text = b"\n".join(text for each in unread for text in each.texts)
    table = _table(text, types)
    if table is None or table.num_rows != count:
        return
    begin = 0
    for each in unread:
        each.columns = table, begin
        begin += len(each)


def _types(schema: Mapping[str, Any]) -> pa.Schema | None:
    """Return the Arrow type of each field; None where a value may have several, or none of these."""
    properties = schema.get("properties")
    if not isinstance(properties, dict) or not 1 <= len(properties) <= FIELDS_MAX:
        return None
    if not _ALTERNATIVES.isdisjoint(schema):
        return None
    fields = {name: _type(each) for name, each in properties.items()}
    return None if None in fields.values() else pa.schema(list(fields.items()))


def _type(schema: Any) -> pa.DataType | None:
    if not isinstance(schema, dict) or not _ALTERNATIVES.isdisjoint(schema) or "multipleOf" in schema:
        return None
    said = schema.get("type")
    kinds = [kind for kind in (said if isinstance(said, list) else [said]) if kind != "null"]
    return _TYPES.get(kinds[0]) if len(kinds) == 1 and isinstance(kinds[0], str) else None


def _table(text: bytes, types: pa.Schema) -> pa.Table | None:
    """Return records as a table without the fields that none has; None when they are not that plain."""
    doubles = [field.name for field in types if field.type == pa.float64()]
    digits = text.translate(_DIGITS_AS_ZERO) if doubles else b""
    if _DIGITS_UNSURE in digits:
        return None
    try:
        table = pj.read_json(
            pa.BufferReader(text),
            read_options=pj.ReadOptions(use_threads=False),
            parse_options=pj.ParseOptions(explicit_schema=types, unexpected_field_behavior="error"),
        )
    except (pa.ArrowException, UnicodeDecodeError):
        return None
    if any(_is_unsure(table.column(name), digits) for name in doubles):
        return None
    never = [name for name in table.column_names if _is_absent(table.column(name), name, text)]
    return table.drop_columns(never) if never else table


def _is_unsure(column: pa.ChunkedArray, digits: bytes) -> bool:
    """
    Tell whether a double may stand for another number: one too small for it, or the integer `-0`.

    Shape: `digits` is the records' text with every digit as zero.
    """
    size = pc.abs(column)
    bounds = pc.min_max(pc.if_else(pc.greater(size, 0.0), size, None))
    least, most = bounds["min"].as_py(), bounds["max"].as_py()
    if least is not None and (least < _DOUBLE_MIN_SURE or most == float("inf")):
        return True
    zeros = column.filter(pc.equal(column, 0.0))
    return len(zeros) > 0 and (pc.any(pc.less(pc.divide(1.0, zeros), 0.0)).as_py() or b"0e-" in digits)


def _is_absent(column: pa.ChunkedArray, name: str, text: bytes) -> bool:
    """Tell whether surely no record has a field: null is something that a record has."""
    if column.null_count < len(column) or not _ESCAPED.isdisjoint(name):
        return False
    return b"\\u" not in text and name.encode() not in text
