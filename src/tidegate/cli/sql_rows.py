"""Rows of a query as JSON or CSV, exactly: no digit of a number or an instant is lost. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from tidegate.errors import QueryFailed

_JSON = msgspec.json.Encoder(decimal_format="number", enc_hook=str)


def json_lines(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[str]:
    """Yield one JSON object for each row, a line each, some lines at a time."""
    names = distinct(schema.names)
    for batch in batches:
        yield "".join(f"{row}\n" for row in _objects(names, batch))


def json_array(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[str]:
    """Yield one JSON array with an object for each row, some rows at a time."""
    names = distinct(schema.names)
    before = "["
    for batch in batches:
        if batch.num_rows:
            yield before + ",\n ".join(_objects(names, batch))
            before = ",\n "
    yield "[]\n" if before == "[" else "]\n"


def csv_lines(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[str]:
    """Yield a header and the rows as CSV: NULL is an empty cell, an empty text is two quotes."""
    yield ",".join(map(_cell, schema.names)) + "\n"
    for batch in batches:
        columns = [
            [_cell(None if value is None else as_text(value)) for value in column] for column in values(batch)
        ]
        yield "".join(",".join(row) + "\n" for row in zip(*columns, strict=True))


def distinct(names: Sequence[str]) -> list[str]:
    """Return names in which none is twice, because an object would keep one of them only."""
    found: list[str] = []
    for name in names:
        number = 2
        free = name
        while free in found:
            free = f"{name}_{number}"
            number += 1
        found.append(free)
    return found


def values(batch: pa.RecordBatch) -> list[list[Any]]:
    """
    Return each column's values: None, bool, int, finite float, Decimal, text, or lists and dicts.

    A float that is not finite, an instant, and all that Python would round or has no value for, is text.
    """
    return [_values(column) for column in batch.columns]


def as_text(value: Any) -> str:
    """Return a value as people read it. Shape: as in `values`, not None."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    return str(value) if isinstance(value, int | float) else _JSON.encode(value).decode()


def _objects(names: Sequence[str], batch: pa.RecordBatch) -> Iterator[str]:
    columns = values(batch)
    for row in zip(*columns, strict=True):
        yield _JSON.encode(dict(zip(names, map(_json_value, row), strict=True))).decode()


def _json_value(value: Any) -> Any:
    """Return a number with its digits written out: 0.0000000000 rather than 0E-10."""
    return msgspec.Raw(format(value, "f").encode()) if isinstance(value, Decimal) else value


def _values(column: pa.Array) -> list[Any]:
    kind = column.type
    if isinstance(column, pa.ExtensionArray):
        return _values(column.storage)
    for fits, turn in _TURNS:
        if fits(kind):
            return turn(column)
    try:
        return list(column.to_pylist())
    except (ValueError, OverflowError, pa.ArrowException) as exc:
        raise QueryFailed(
            f"a column of type {kind} cannot be printed exactly ({exc}); cast it to text"
        ) from exc


def _instants(column: pa.Array) -> list[Any]:
    """Return RFC 3339 texts, in UTC, with as many digits of the second as are not zero."""
    if column.type.tz is not None:
        column = column.cast(pa.timestamp(column.type.unit, "UTC"))
    texts = pc.replace_substring(column.cast(pa.string()), " ", "T", max_replacements=1)
    texts = pc.replace_substring_regex(texts, r"(\.[0-9]*?)0+(Z?)$", r"\1\2")
    return list(pc.replace_substring_regex(texts, r"\.(Z?)$", r"\1").to_pylist())


def _floats(column: pa.Array) -> list[Any]:
    found = column.to_pylist()
    return [each if each is None or math.isfinite(each) else _NOT_FINITE.get(each, "NaN") for each in found]


def _texts(column: pa.Array) -> list[Any]:
    return list(column.cast(pa.string()).to_pylist())


def _intervals(column: pa.Array) -> list[Any]:
    return [
        None if each is None else f"{each.months} months {each.days} days {each.nanoseconds} ns"
        for each in column.to_pylist()
    ]


def _hexes(column: pa.Array) -> list[Any]:
    return [None if each is None else each.hex() for each in column.to_pylist()]


_NOT_FINITE = {math.inf: "Infinity", -math.inf: "-Infinity"}
_TURNS: Sequence[tuple[Callable[[pa.DataType], bool], Callable[[pa.Array], list[Any]]]] = (
    (pa.types.is_timestamp, _instants),
    (pa.types.is_floating, _floats),
    (pa.types.is_date, _texts),
    (pa.types.is_time, _texts),
    (pa.types.is_dictionary, _texts),
    (pa.types.is_interval, _intervals),
    (pa.types.is_binary, _hexes),
    (pa.types.is_large_binary, _hexes),
)


def _cell(text: str | None) -> str:
    if text is None:
        return ""
    if not text or any(mark in text for mark in ',"\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text
