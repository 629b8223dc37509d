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
    wanted = [max(map(_width, [head, *column])) for head, column in zip(heads, columns, strict=True)]
    widths = fitting(wanted, width)
    return _drawn(schema, heads, columns, widths), _note(shown, found, schema.names[len(widths) :])


def fitting(wanted: Sequence[int], width: int | None) -> list[int]:
    """
    Return the widths of the columns that fit, from the left; at least one does.

    Shape: none gets more than it wants; each gets what it wants or at least `COLUMN_WIDTH_MIN`, and what is
    left goes to all that want more in equal shares. Units: character cells.
    """
    if width is None:
        return list(wanted)
    widths: list[int] = []
    room = width - 1
    for each in wanted:
        least = min(each, COLUMN_WIDTH_MIN)
        room -= least + _PADDING
        if room < 0 and widths:
            room += least + _PADDING
            break
        widths.append(least)
    by_need = sorted(range(len(widths)), key=lambda index: wanted[index] - widths[index])
    for done, index in enumerate(by_need):
        more = min(wanted[index] - widths[index], max(0, room) // (len(widths) - done))
        widths[index] += more
        room -= more
    return widths


def _drawn(
    schema: pa.Schema, heads: Sequence[Text], columns: Sequence[Sequence[Text]], widths: Sequence[int]
) -> Table:
    drawn = Table(header_style="")
    for head, field, width in zip(heads, schema, widths, strict=False):
        number = (
            pa.types.is_integer(field.type)
            or pa.types.is_floating(field.type)
            or pa.types.is_decimal(field.type)
        )
        drawn.add_column(
            head, justify="right" if number else "left", width=width, no_wrap=True, overflow="ellipsis"
        )
    for row in zip(*columns[: len(widths)], strict=True):
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


def _note(shown: int, found: int, left_out: Sequence[str]) -> str:
    rows = f"{found:,} row{'' if found == 1 else 's'}"
    parts = [rows if shown == found else f"first {shown:,} of {rows}"]
    if left_out:
        names = ", ".join([*left_out[:5], *(["…"] if len(left_out) > 5 else [])])
        parts.append(f"{len(left_out)} column{'' if len(left_out) == 1 else 's'} left out ({names})")
    more = "; --format jsonl or csv prints all" if len(parts) > 1 or shown < found else ""
    return ", ".join(parts) + more
