"""`tidegate usage`: how many rows each table got on each day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from tidegate.cli.accounts import OnlyAccount, within
from tidegate.cli.context import AsJson, DataDir, open_store, print_json, settings_for
from tidegate.cli.shown import as_json_object, print_table
from tidegate.cli.sources import find_source

EXAMPLES = """

[bold]Examples[/]

tidegate usage

tidegate usage --source shop --days 365 --json

[bold]What is printed[/]

One line for each day (UTC), source and table, newest day first: rows written,
the elements in subtables included, and records rejected.
"""
"""Shown under the command's help."""


def usage(
    *,
    source: Annotated[
        str | None,
        typer.Option(help="Rows of this source (id or schema name) only.", show_default="all sources"),
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=36_500, help="How many days to show, today included.")] = 30,
    account: OnlyAccount = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show how many rows each table got on each day."""
    from tidegate.control import sources, usage

    since = (datetime.now(UTC) - timedelta(days=days - 1)).date()
    with open_store(settings_for(data_dir)) as store, store.reading() as conn:
        client_id = within(conn, account)
        names = {each.id: each.schema_name for each in sources.list_(conn, client_id, deleted=True)}
        source_id = None if source is None else find_source(conn, source, client_id=client_id).id
        every = usage.list_(conn, since=since, source_id=source_id)
        found = [each for each in every if each.source_id in names]
    if as_json:
        print_json([as_json_object(each) | {"source": names[each.source_id]} for each in found])
        return
    rows = [
        (
            each.day,
            names[each.source_id],
            each.table_name,
            f"{each.rows_loaded:,}",
            f"{each.rows_rejected:,}",
        )
        for each in found
    ]
    print_table(("day", "source", "table", "rows", "rejected"), rows)


usage.__doc__ = (usage.__doc__ or "") + EXAMPLES
