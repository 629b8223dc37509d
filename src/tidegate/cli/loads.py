"""`tidegate loads`: what the last loads did to each table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli.accounts import OnlyAccount, within
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

One line for each table of each load, newest first: the rows written into the
table, the elements in its subtables, and the records rejected. Notes below say
why a table waits, and what else people should know. Loads that fail as a whole
are shown by `tidegate status`. With --json also the bounds of bookmark fields,
times, versions and each subtable.
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
    account: OnlyAccount = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show what the last loads did: when, which table, how many rows and rejected records."""
    names, reports = _look(settings_for(data_dir), source, table, limit, account)
    if as_json:
        print_json([as_json_object(each) | {"source": names[each.source_id]} for each in reports])
        return
    rows = [
        (
            when(each.finished_at),
            names[each.source_id],
            each.table_name,
            f"{each.rows_loaded:,}",
            f"{each.rows_of_subtables:,}",
            f"{each.rows_rejected:,}",
            f"{(each.finished_at - each.started_at).total_seconds():.2f} s",
        )
        for each in reports
    ]
    print_table(("finished", "source", "table", "rows", "elements", "rejected", "took"), rows)
    for each in reports:
        for note in _notes(each):
            typer.echo(f"{when(each.finished_at)}  {names[each.source_id]}.{each.table_name}: {note}")


loads.__doc__ = (loads.__doc__ or "") + EXAMPLES


def _notes(report: LoadReport) -> Sequence[str]:
    """Why nothing was loaded, or what else happened that people may want to know."""
    if report.error is not None:
        return [f"waits: {report.error}"]
    notes = [f"version {report.table_version} is active now"] if report.activated else []
    if report.rows_outdated:
        notes.append(f"{report.rows_outdated:,} records of older versions dropped")
    if report.rows_rejected:
        notes.append("`tidegate rejected list` says why")
    return [*notes, *report.warnings]


def _look(
    settings: Settings, named: str | None, table_name: str | None, limit: int, account: int | None
) -> tuple[Mapping[int, str], Sequence[LoadReport]]:
    """Return the schema name of each source, and the reports asked for."""
    from tidegate.control import loads, sources

    with open_store(settings) as store, store.reading() as conn:
        client_id = within(conn, account)
        names = {each.id: each.schema_name for each in sources.list_(conn, client_id, deleted=True)}
        source_id = None
        if named is not None:
            source_id = chosen_source(conn, named, first_will_do=False, client_id=client_id).id
        found = loads.latest(conn, limit, client_id=client_id, source_id=source_id, table_name=table_name)
        return names, found
