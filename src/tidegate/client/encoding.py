"""Rows to JSON, exactly: no digit is lost, and what JSON cannot carry is refused. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from tidegate.errors import InputInvalid

Row = Mapping[str, Any] | msgspec.Raw
"""One record: its fields by name, or a JSON object that is already encoded."""

_ENCODER = msgspec.json.Encoder(decimal_format="number")
_PLAIN = frozenset((str, int, bool, type(None)))
_SUSPECT = (b"null", b"NaN", b"Infinity")
DATE_TIME = {"type": ["null", "string"], "format": "date-time"}


def encode_json(value: Any) -> bytes:
    """Return a value as JSON, Decimals as numbers with all their digits."""
    return _ENCODER.encode(value)


def encode_row(row: Row, row_index: int) -> bytes:
    """
    Return one row as a JSON object.

    Errors: InputInvalid names the row, the field and what to do.
    """
    if isinstance(row, msgspec.Raw):
        return bytes(row)
    if not isinstance(row, Mapping):
        raise InputInvalid(
            f"row {row_index + 1:,} is a {type(row).__name__}; a row must be a mapping of fields"
        )
    try:
        encoded = _ENCODER.encode(row if type(row) is dict else dict(row))
    except (TypeError, ValueError) as exc:
        raise InputInvalid(
            f"row {row_index + 1:,} cannot be sent as JSON: {exc}; convert the value first"
        ) from exc
    # The encoder writes NaN as null and Decimal("NaN") as NaN: only such rows are worth a closer look.
    if any(suspect in encoded for suspect in _SUSPECT) and (field := _not_finite(row)) is not None:
        raise InputInvalid(
            f"row {row_index + 1:,}, field {field}: JSON has no NaN and no infinity;"
            " send None or a text instead"
        )
    return encoded


def datetime_fields(row: Mapping[str, Any]) -> list[str]:
    """Return the names of the fields that hold a datetime."""
    return [name for name, value in row.items() if isinstance(value, datetime)]


def _not_finite(value: Any, field: str = "") -> str | None:
    """Return the path of the first number that is not finite, None when all are."""
    if isinstance(value, float):
        return None if math.isfinite(value) else field
    if isinstance(value, Decimal):
        return None if value.is_finite() else field
    parts: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, Mapping):
        parts = value.items()
    elif isinstance(value, list | tuple | set | frozenset):
        parts = ((f"[{index}]", part) for index, part in enumerate(value))
    for name, part in parts:
        if type(part) not in _PLAIN:
            path = f"{field}.{name}" if field and isinstance(value, Mapping) else f"{field}{name}"
            if (found := _not_finite(part, path)) is not None:
                return found
    return None
