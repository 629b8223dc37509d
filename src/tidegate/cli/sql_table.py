"""Rows of a query as a table that fits a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from tidegate.cli.sql_rows import as_text, values

WIDTH_MAX = 10_000
COLUMN_WIDTH_MIN = 12
"""A column is not squeezed below this; those that find no room are left out and counted."""
_CELL_MAX = 500
_PADDING = 3
_UNPRINTABLE = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}
_UNPRINTABLE |= {ord("\n"): "\\n", ord("\t"): "\\t", ord("\r"): "\\r"}


def table(
    schema: pa.Schema, batches: Iterable[pa.RecordBatch], *, rows_max: int, width: int | None
) -> tuple[Table, str]:
    """
    Return the first rows as a table, and a line that says how many there are and what is not shown.

    Units: `width` in character cells, None for any. All rows are read, the others only counted.
    """
    columns: list[list[Text]] = [[] for _ in schema.names]
    shown = found = 0
    for batch in batches:
        found += batch.num_rows
        taken = batch.slice(0, max(0, rows_max - shown))
        shown += taken.num_rows
        for column, more in zip(columns, values(taken) if taken.num_rows else (), strict=False):
            column.extend(map(_cell, more))
    heads = [Text(name.translate(_UNPRINTABLE), style="bold") for name in schema.names]
    kept = _fitting(
        [max(map(_width, [head, *column])) for head, column in zip(heads, columns, strict=True)], width
    )
    return _drawn(schema, heads[:kept], columns[:kept]), _note(shown, found, schema.names[kept:])


def _drawn(schema: pa.Schema, heads: Sequence[Text], columns: Sequence[Sequence[Text]]) -> Table:
    drawn = Table(header_style="")
    for head, field in zip(heads, schema, strict=False):
        number = (
            pa.types.is_integer(field.type)
            or pa.types.is_floating(field.type)
            or pa.types.is_decimal(field.type)
        )
        drawn.add_column(head, justify="right" if number else "left", no_wrap=True, overflow="ellipsis")
    for row in zip(*columns, strict=True):
        drawn.add_row(*row)
    return drawn


def _cell(value: Any) -> Text:
    if value is None:
        return Text("NULL", style="dim italic")
    text = as_text(value).translate(_UNPRINTABLE)
    if text == "NULL":
        text = "'NULL'"
    return Text(text if len(text) <= _CELL_MAX else text[:_CELL_MAX] + "…")


def _width(text: Text) -> int:
    return cell_len(text.plain)


def _fitting(widths: Sequence[int], width: int | None) -> int:
    """Return how many columns, from the left, get at least their own width or the least one; 1 or more."""
    if width is None:
        return len(widths)
    used = 1
    for index, wanted in enumerate(widths):
        used += min(wanted, COLUMN_WIDTH_MIN) + _PADDING
        if used > width:
            return max(1, index)
    return len(widths)


def _note(shown: int, found: int, left_out: Sequence[str]) -> str:
    rows = f"{found:,} row{'' if found == 1 else 's'}"
    parts = [rows if shown == found else f"first {shown:,} of {rows}"]
    if left_out:
        parts.append(
            f"{len(left_out)} columns left out ({', '.join(left_out[:5])}{', …' * (len(left_out) > 5)})"
        )
    more = "; --format jsonl or csv prints all" if len(parts) > 1 or shown < found else ""
    return ", ".join(parts) + more
