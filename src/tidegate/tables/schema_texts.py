"""What a table's records look like, as a JSON Schema in text, for people and programs that ask for it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from math import isfinite
from typing import Any

from tidegate.tables.model import Column, Type
from tidegate.tables.plan import Planned
from tidegate.tables.rows import Arrival
from tidegate.tables.system import COLUMN_TYPES

SCHEMA_CHARS_MAX = 100_000
"""A schema is sent with each batch and kept once; a longer one is told by its columns."""

COLUMNS_MAX = 1_600
"""As many as PostgreSQL's tables can have."""

_DESCRIBED: dict[Type, dict[str, Any]] = {
    Type.BOOLEAN: {"type": ["boolean", "null"]},
    Type.INTEGER: {"type": ["integer", "null"]},
    Type.DOUBLE: {"type": ["number", "null"]},
    Type.DECIMAL: {"type": ["number", "null"]},
    Type.TIMESTAMP: {"type": ["string", "null"], "format": "date-time"},
    Type.STRING: {"type": ["string", "null"]},
}


def schema_text(arrivals: Sequence[Arrival], planned: Sequence[Planned]) -> str:
    """
    Return the schema that the last batch brought, else one made of the table's columns; "" without either.

    Shape: JSON; a number of the schema that is no double is told as the nearest.
    """
    sent = next((each.batch.schema for each in reversed(arrivals) if each.batch.schema is not None), None)
    if sent is not None:
        text = json.dumps(sent, default=_number)
        if len(text) <= SCHEMA_CHARS_MAX:
            return text
    table = next((each.part.table for each in reversed(planned) if each.part is not None), None)
    return "" if table is None else _of_columns(table.columns)


def _of_columns(columns: Sequence[Column]) -> str:
    told = [each for each in columns if each.type is not None and each.name not in COLUMN_TYPES]
    properties = {each.name: _DESCRIBED[each.type] for each in told[:COLUMNS_MAX] if each.type is not None}
    return json.dumps({"type": "object", "properties": properties})


def _number(value: Any) -> Any:
    """Write what JSON's encoder has no way to write: decimals; from Transit instants, as text."""
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        return str(value)
    return found if isfinite(found) else str(value)
