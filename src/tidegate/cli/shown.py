"""How values of the control store look: to people in tables, to machines in JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tidegate.cli.context import console

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


PIPE_CHARS = 1_000
"""Where no screen bounds a table, this does."""


def as_json_object(value: DataclassInstance) -> dict[str, Any]:
    """Shape: one of our values -> a JSON object with the same names; times as ISO 8601 in UTC."""
    return {
        name: _utc_text(each) if isinstance(each, datetime) else each for name, each in asdict(value).items()
    }


def when(at: datetime | None) -> str:
    """A time for people: to the second, UTC; empty for none."""
    return "" if at is None else f"{at:%Y-%m-%d %H:%M:%S} UTC"


def to_the_minute(at: datetime | None) -> str:
    """A time for people that is known to the minute, UTC; empty for none."""
    return "" if at is None else f"{at:%Y-%m-%d %H:%M} UTC"


def byte_size(count: int) -> str:
    """A number of bytes for people: three digits are enough."""
    size, units = float(count), ("bytes", "kB", "MB", "GB", "TB")
    for unit in units:
        if size < 1000 or unit == units[-1]:
            break
        size /= 1000
    return f"{count} bytes" if unit == "bytes" else f"{size:.3g} {unit}"


def print_table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """
    Print rows under headings; on a narrow screen long cells go on below, nothing is cut off.

    What is no screen has no width: a file or a pipe gets the lines as long as they are.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(*headings, box=box.SIMPLE_HEAD, pad_edge=False)
    for column, heading in zip(table.columns, headings, strict=True):
        column.overflow, column.min_width = "fold", len(heading)
    table.columns[0].no_wrap = True
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    screen = console()
    if not screen.is_terminal:
        screen.width = PIPE_CHARS
    screen.print(table)


def _utc_text(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
