"""`tidegate sql`: ask the warehouse of a source."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli.accounts import OnlyAccount
from tidegate.cli.choosing import chosen_warehouse
from tidegate.cli.context import AsJson, DataDir, console, err_console, settings_for
from tidegate.errors import InputInvalid, QueryFailed

if TYPE_CHECKING:
    import pyarrow as pa

EXAMPLES = """

[bold]Examples[/]

tidegate sql "SELECT count(*) FROM cars"

tidegate sql "SELECT * FROM cars WHERE year = 1970" --format csv > cars.csv

tidegate sql "SELECT reason, record FROM _sdc_rejected" --source 2 --json

[bold]What is printed[/]

A table name without a schema is looked up in the source's schema. Numbers
and times keep all their digits. NULL is null in JSON, an empty cell in CSV
(an empty text is "") and NULL in tables (a text NULL is 'NULL').
"""
"""Shown under the command's help."""

TABLE_ROWS_MAX = 1_000
"""Most rows of a table that does not go to a terminal: the widths need them all in memory."""


class Shape(StrEnum):
    """How rows are printed."""

    TABLE = "table"
    JSONL = "jsonl"
    CSV = "csv"
    JSON = "json"


def sql(
    query: Annotated[
        str, typer.Argument(metavar="SQL", help="One reading statement; - reads standard input.")
    ],
    *,
    source: Annotated[
        str | None, typer.Option(help="Source (id or name) whose warehouse is asked; default: the first.")
    ] = None,
    shape: Annotated[
        str | None,
        typer.Option(
            "--format", metavar="table|jsonl|csv|json", help="Default: table on a terminal, else jsonl."
        ),
    ] = None,
    wait_s: Annotated[
        float,
        typer.Option("--wait", metavar="SECONDS", min=0, help="Longest wait while loads have the warehouse."),
    ] = 10.0,
    account: OnlyAccount = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Ask the warehouse of a source, also while the server runs."""
    if shape not in (None, *Shape):
        raise InputInvalid(f"--format is {shape!r}; it must be one of {', '.join(Shape)}")
    url, schema_name = chosen_warehouse(settings_for(data_dir), source, account=account)
    text = sys.stdin.read() if query == "-" else query
    from tidegate.destinations import connect

    with closing(connect(url)) as destination:
        reader = destination.query(text, wait_s=wait_s, schema_name=schema_name)
        _print(reader, Shape.JSON if as_json else Shape(shape) if shape else _usual_shape())


sql.__doc__ = (sql.__doc__ or "") + EXAMPLES


def _usual_shape() -> Shape:
    return Shape.TABLE if sys.stdout.isatty() else Shape.JSONL


def _print(reader: pa.RecordBatchReader, shape: Shape) -> None:
    from tidegate.cli import sql_rows, sql_table

    if shape is Shape.TABLE:
        screen = console()
        rows_max = max(10, screen.height - 8) if screen.is_terminal else TABLE_ROWS_MAX
        width = screen.width if screen.is_terminal else None
        table, note = sql_table.table(reader.schema, _batches(reader), rows_max=rows_max, width=width)
        if width is None:
            screen.width = sql_table.WIDTH_MAX  # a file or a pipe has room for every column
        screen.print(table, crop=False)
        err_console().print(note, style="dim", markup=False, highlight=False, soft_wrap=True)
        return
    write = {
        Shape.CSV: sql_rows.csv_lines,
        Shape.JSON: sql_rows.json_array,
        Shape.JSONL: sql_rows.json_lines,
    }[shape]
    for lines in write(reader.schema, _batches(reader)):
        sys.stdout.write(lines)
    sys.stdout.flush()


def _batches(reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    """Yield the rows as they come. Errors: QueryFailed, also when the query fails on its way."""
    import pyarrow as pa

    try:
        yield from reader
    except (pa.ArrowException, OSError) as exc:
        raise QueryFailed(f"the query failed after its first rows: {exc}") from exc
