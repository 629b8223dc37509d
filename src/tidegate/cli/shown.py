"""How values of the control store look: to people in tables, to machines in JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tidegate.cli.context import console, err_console

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


@contextmanager
def progress(unit: str) -> Iterator[Callable[[int, float, float | None], None]]:
    """
    Yield what is told of long work: how many of a unit are done, how far that is, and how far it goes.

    A bar shows it to people, where standard error is a terminal.
    """
    if not err_console().is_terminal:
        yield lambda *_: None
        return
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    parts = (
        TextColumn("{task.fields[count]:,} " + unit),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*parts, console=err_console(), transient=True) as bar:
        task = bar.add_task("", total=None, count=0)
        yield lambda count, far, whole: bar.update(task, total=whole, completed=far, count=count)


def say(text: str, *, style: str = "") -> None:
    """Tell people something on standard error, as it is."""
    err_console().print(text, style=style, markup=False, highlight=False, soft_wrap=True)


def _utc_text(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
