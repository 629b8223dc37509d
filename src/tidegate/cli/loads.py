"""`tidegate loads`: what the last loads did to each table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli.choosing import chosen_source
from tidegate.cli.context import AsJson, DataDir, open_store, print_json, settings_for
from tidegate.cli.shown import as_json_object, print_table, when

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tidegate.control.loads import LoadReport
    from tidegate.settings import Settings

EXAMPLES = """

[bold]Examples[/]

tidegate loads

tidegate loads --table cars --limit 5

tidegate loads --source shop --limit 1000 --json

[bold]What is printed[/]

One line for each table of each load, newest first. Rows are those written,
the elements in subtables included. Why records were rejected is shown by
`tidegate rejected list`; loads that fail as a whole, by `tidegate status`.
"""
"""Shown under the command's help."""


def loads(
    *,
    source: Annotated[
        str | None, typer.Option(help="Loads of this source (id or name) only.", show_default="all sources")
    ] = None,
    table: Annotated[
        str | None, typer.Option(help="Loads of this table only, by its name as sent.", show_default="all")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=20_000, help="Most loads to show.")] = 20,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show what the last loads did: when, which table, how many rows and rejected records."""
    names, reports = _look(settings_for(data_dir), source, table, limit)
    if as_json:
        print_json([as_json_object(each) | {"source": names[each.source_id]} for each in reports])
        return
    rows = [
        (
            when(each.finished_at),
            names[each.source_id],
            each.table_name,
            f"{each.rows_loaded:,}",
            f"{each.rows_rejected:,}",
            f"{(each.finished_at - each.started_at).total_seconds():.2f} s",
            each.error or "",
        )
        for each in reports
    ]
    print_table(("finished", "source", "table", "rows", "rejected", "took", "error"), rows)


loads.__doc__ = (loads.__doc__ or "") + EXAMPLES


def _look(
    settings: Settings, named: str | None, table_name: str | None, limit: int
) -> tuple[Mapping[int, str], Sequence[LoadReport]]:
    """Return the schema name of each source, and the reports asked for."""
    from tidegate.control import loads, sources

    with open_store(settings) as store, store.reading() as conn:
        names = {each.id: each.schema_name for each in sources.list_(conn, deleted=True)}
        source_id = None if named is None else chosen_source(conn, named, first_will_do=False).id
        return names, loads.latest(conn, limit, source_id=source_id, table_name=table_name)
