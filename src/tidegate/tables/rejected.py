"""
Rejected records: kept whole enough to be recognised, with the reason.

Source: docs/specs/loading.md, L40 to L43.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

from tidegate.instants import instant_text
from tidegate.records import Record
from tidegate.tables.canonical import datetime_us
from tidegate.tables.model import Part
from tidegate.tables.reading import TIMESTAMP
from tidegate.tables.system import RECORD_BYTES_MAX, REJECTED_AT, rejected_table


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A record that no table took, or not whole. `table_name` is as sent."""

    table_name: str
    reason: str
    record: Record


def rejected_part(schema_name: str, rejected: Sequence[Rejected], *, rejected_at_ms: int) -> Part:
    """Return what a load writes into a schema's `_sdc_rejected`."""
    at = pa.scalar(rejected_at_ms * 1_000, pa.int64()).cast(TIMESTAMP)
    rows = pa.table(
        {
            REJECTED_AT: pa.repeat(at, len(rejected)),
            "table_name": pa.array([storable(each.table_name) for each in rejected], pa.string()),
            "reason": pa.array([storable(each.reason) for each in rejected], pa.string()),
            "record": pa.array([record_text(each.record) for each in rejected], pa.string()),
        }
    )
    return Part(table=rejected_table(schema_name), rows=rows)


def record_text(record: Record) -> str:
    """
    Return a record as JSON, numbers digit by digit, cut at `RECORD_BYTES_MAX` bytes of UTF-8.

    Instants are RFC 3339; NaN and infinities, which JSON has not, are written as Python names them.
    """
    encoded = json_text(record).encode()
    return encoded[:RECORD_BYTES_MAX].decode(errors="ignore")


def storable(text: str) -> str:
    """Return a text that every warehouse keeps: what some cannot is written as an escape."""
    return text.encode(errors="backslashreplace").decode().replace("\0", "\\u0000")


def json_text(value: Any) -> str:
    """Return a value as JSON without a change, but for what `record_text` says of instants and NaN."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{_text(str(name))}:{json_text(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(json_text, value)) + "]"
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime):
        return _text(instant_text(datetime_us(value) * 1_000))
    return _text(value) if isinstance(value, str) else json.dumps(value)


def _text(text: str) -> str:
    quoted = json.dumps(text, ensure_ascii=False)
    return quoted if quoted.isprintable() or _encodes(quoted) else json.dumps(text)


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
