"""`tidegate tables`: the tables of a source, and what can be done about one."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli.accounts import OnlyAccount, within
from tidegate.cli.context import AsJson, DataDir, look_into_journal, open_store, print_json, settings_for
from tidegate.cli.shown import print_table
from tidegate.cli.sources import SourceArgument, find_source
from tidegate.errors import InputInvalid, NotSetUp

if TYPE_CHECKING:
    from sqlalchemy import Connection

app = typer.Typer(help="Tables: what a source sends, and what can be done about one.", no_args_is_help=True)


@app.command("list", epilog="Example: `tidegate tables list import_api --json`")
def list_(
    source: SourceArgument, *, account: OnlyAccount = None, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """List the tables that a source sent, with their keys and how many rows each got in all."""
    from tidegate.control import stream_schemas, usage

    with open_store(settings_for(data_dir)) as store, store.reading() as conn:
        found = find_source(conn, source, client_id=within(conn, account))
        tables = stream_schemas.list_(conn, found.id)
        counts = usage.totals(conn, found.id)
    if as_json:
        told = [
            {
                "id": each.id,
                "table_name": each.table_name,
                "key_names": list(each.key_names),
                "rows_loaded": counts.get(each.table_name, (0, 0))[0],
                "rows_rejected": counts.get(each.table_name, (0, 0))[1],
                "schema": json.loads(each.schema_text or "{}"),
            }
            for each in tables
        ]
        print_json(told)
        return
    rows = [
        (
            each.table_name,
            ", ".join(each.key_names) or "none: rows are added",
            *(f"{count:,}" for count in counts.get(each.table_name, (0, 0))),
        )
        for each in tables
    ]
    print_table(("table", "key", "rows", "rejected"), rows)


@app.command("discard", epilog="Example: `tidegate tables discard import_api orders --yes`")
def discard(
    source: SourceArgument,
    table: Annotated[str, typer.Argument(metavar="TABLE", help="The table's name as sent, or as it is.")],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    account: OnlyAccount = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """
    Give up what waits for a table now, such as records with wrong key_names that hold it.

    They become rejected records, in their order, which `tidegate rejected` shows and can send again; what
    is sent from now on loads as before. An activation of a table version that waits is given up too.
    """
    from tidegate.control import discards

    settings = settings_for(data_dir)
    journal = look_into_journal(settings)
    if journal is None:
        raise NotSetUp(f"{settings.data_dir} has no journal yet, so nothing waits")
    with closing(journal), open_store(settings) as store:
        with store.reading() as conn:
            found = find_source(conn, source, client_id=within(conn, account))
            _check_known(conn, found.id, table)
        if (
            not yes
            and typer.prompt("What waits for it is rejected. Type the table's name", err=True) != table
        ):
            raise InputInvalid(f"that was not {table}; nothing is changed")
        upto = journal.stats().end
        with store.writing() as conn:
            discards.add(conn, found.id, table, journal.journal_id, upto)
    if as_json:
        print_json({"source": found.schema_name, "table_name": table, "upto": upto})
    else:
        typer.echo(
            f"What waited for table {table} of source {found.schema_name} is rejected within seconds;"
            f" `tidegate rejected list --table {table}` shows it."
        )


def _check_known(conn: Connection, source_id: int, table_name: str) -> None:
    """A slip of the pen gives up nothing, and says so. Errors: InputInvalid."""
    from tidegate.control import loads

    if not loads.knows(conn, source_id, table_name):
        raise InputInvalid(
            f"no load has told of a table {table_name!r} of this source; `tidegate loads` shows those it did"
        )
