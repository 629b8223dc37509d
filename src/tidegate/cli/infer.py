"""`tidegate infer`: from a sample file to a JSON Schema, and the tables it would give."""

from __future__ import annotations

import sys
import time
from collections import Counter
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tidegate.cli.choosing import chosen_warehouse
from tidegate.cli.context import AsJson, DataDir, is_served, settings_for
from tidegate.cli.shown import say
from tidegate.errors import InputInvalid, Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tidegate.client import RowFile
    from tidegate.records import Batch
    from tidegate.settings import Settings
    from tidegate.tables.capabilities import Capabilities
    from tidegate.tables.preview import Preview, TablePreview

EXAMPLES = """

[bold]Examples[/]

tidegate infer cars.csv --key id

tidegate infer cars.csv --key id > cars.schema.json
tidegate push cars cars.csv --key id --schema cars.schema.json

tidegate infer orders.ndjson.gz --rows 100000 --json

[bold]What is printed[/]

The schema goes to standard output, the tables it would give to standard
error; --json puts both into one document. All rows looked at conform to the
schema, by the same check the server makes; later rows may not.

Texts are date-times when all of a field are. Numbers are decimals only where
doubles would change one; then the schema also says how many digits after the
point there are, and rows with more would be refused. Where values of a field
disagree, all their types are listed. All but keys may be null.
"""
"""Shown under the command's help."""

REASONS_MAX = 5
"""Most reasons of rejections that are shown to people; --json has all."""


def infer(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="JSON, NDJSON or CSV, also gzipped; - reads standard input.")
    ],
    *,
    table: Annotated[
        str | None, typer.Option(help="What the table would be called.", show_default="the file's name")
    ] = None,
    key_names: Annotated[
        list[str] | None,
        typer.Option("--key", metavar="NAME", help="Field of the primary key; repeat for more."),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option("--format", metavar="json|ndjson|csv", help="Default: told from name or content."),
    ] = None,
    field: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Field with the rows, where the file is one object: features of GeoJSON."
        ),
    ] = None,
    rows_max: Annotated[int, typer.Option("--rows", min=1, help="How many rows to look at.")] = 20_000,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Propose a JSON Schema for the rows of a file, and show the tables that would result."""
    from tidegate.client import Format, open_rows
    from tidegate.client.encoding import encode_json
    from tidegate.tables.infer import infer_schema
    from tidegate.tables.preview import preview

    if kind not in (None, *Format):
        raise InputInvalid(f"--format is {kind!r}; it must be one of {', '.join(Format)}")
    path = None if file == "-" else Path(file)
    keys = key_names or []
    name = table or (path.name.partition(".")[0] if path else "") or "records"
    with open_rows(path, sys.stdin.buffer, kind=Format(kind) if kind else None, field=field) as rows:
        raw = list(islice(rows, rows_max))
        schema = infer_schema(_values(rows, raw), keys)
        _check_keys(keys, schema, rows.name)
        batches = _batches(rows, raw, name, keys, schema)
        more = next(iter(rows), None) is not None
    capabilities = _capabilities(settings_for(data_dir))
    seen = preview(batches, capabilities, schema_name=name, at_ms=time.time_ns() // 1_000_000)
    if as_json:
        tables = {"tables": list(map(_table_object, seen.tables)), "rejected": list(seen.rejected)}
        document = {"schema": schema, "rows": len(raw), "more_rows": more, "warehouse": capabilities.kind}
        _print_exact(encode_json(document | tables | {"warnings": list(seen.warnings)}))
        return
    _print_exact(encode_json(schema), indent=2)
    _show(seen, capabilities, len(raw), more=more)


infer.__doc__ = (infer.__doc__ or "") + EXAMPLES


def _values(rows: RowFile, raw: Sequence[bytes]) -> list[dict[str, Any]]:
    """Return the rows as batch reads them: every number exact. Errors: InputInvalid names the row."""
    from tidegate.wire.bounds import check_depth
    from tidegate.wire.decode import decode_exact

    if not raw:
        raise InputInvalid(f"{rows.name} has no rows; a schema needs at least one to look at")
    values = []
    for index, row in enumerate(raw):
        try:
            values.append(decode_exact(bytes(row)))
            check_depth(values[-1:])
        except Refusal as exc:
            raise InputInvalid(f"{rows.place(index)}: {exc}") from exc
    return values


def _check_keys(keys: Sequence[str], schema: dict[str, Any], name: str) -> None:
    fields = schema["properties"]
    if missing := [each for each in keys if each not in fields]:
        raise InputInvalid(
            f"{name} has no field {missing[0]!r}, which --key names; it has {', '.join(fields)}"
        )


def _batches(
    rows: RowFile, raw: Sequence[Any], table_name: str, keys: Sequence[str], schema: dict[str, Any]
) -> list[Batch]:
    """Return the rows as the server would read them, checked as it checks. Errors: InputInvalid."""
    from tidegate.client.bodies import Limits, batch_bodies
    from tidegate.client.refusals import row_at_fault
    from tidegate.wire.batch import BatchChecker, read_batch

    checker = BatchChecker()
    head = {"table_name": table_name, "key_names": list(keys)}
    batches: list[Batch] = []
    for body in batch_bodies(head, raw, count(1), Limits(), schema=schema):
        try:
            checker.check(body.content)
        except Refusal as exc:
            at = row_at_fault(str(exc), body.content)
            where = rows.name if at is None else rows.place(body.row_index + at)
            raise InputInvalid(f"{where} would be refused: {exc}") from exc
        batches += read_batch(body.content)
    return batches


def _capabilities(settings: Settings) -> Capabilities:
    """Return what the data folder's warehouse can hold; DuckDB where nothing was ever served."""
    from tidegate.destinations import connect

    return connect(
        chosen_warehouse(settings, None)[0] if is_served(settings) else "duckdb:///any"
    ).capabilities


# --- What people and machines see --------------------------------------------------------------------------


def _print_exact(encoded: bytes, *, indent: int | None = None) -> None:
    import msgspec

    text = encoded if indent is None else msgspec.json.format(encoded, indent=indent)
    sys.stdout.write(text.decode() + "\n")
    sys.stdout.flush()


def _table_object(seen: TablePreview) -> dict[str, Any]:
    table = seen.table
    columns = [
        {"name": each.name, "type": each.type, "nullable": each.nullable}
        | ({"scale": each.scale} if each.scale is not None else {})
        for each in table.columns
    ]
    return {
        "table_name": table.name,
        "parent": table.parent or None,
        "key_columns": list(table.key_columns),
        "columns": columns,
        "rows": seen.row_count,
    }


def _show(seen: Preview, capabilities: Capabilities, rows: int, *, more: bool) -> None:
    rest = "; there are more, --rows looks at them" if more else ""
    say(f"\n{_count(rows, 'row')} looked at{rest}. In {capabilities.display_name} they would be:")
    for each in seen.tables:
        keys = f", key {', '.join(each.table.key_columns)}" if each.table.key_columns else ", without a key"
        say(f"\n{each.table.name}: {_count(each.row_count, 'row')}{keys}")
        width = max(len(column.name) for column in each.table.columns)
        for column in each.table.columns:
            say(f"  {column.name:{width}}  {column.type}{'' if column.nullable else ', not null'}")
    for warning in seen.warnings:
        say(warning, style="yellow")
    if seen.rejected:
        say(f"\n{_count(len(seen.rejected), 'record')} would be rejected:", style="yellow")
        reasons = Counter(str(each["reason"]) for each in seen.rejected)
        for reason, times in reasons.most_common(REASONS_MAX):
            say(f"  {_count(times, 'time')}: {reason}", style="yellow")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
