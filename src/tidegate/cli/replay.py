"""`tidegate replay`: load what the journal has of a source into another warehouse."""

from __future__ import annotations

import re
import uuid
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tidegate.cli.accounts import OnlyAccount, within
from tidegate.cli.choosing import chosen_source, warehouse_url
from tidegate.cli.context import (
    AsJson,
    DataDir,
    look_into_journal,
    open_store,
    print_json,
    settings_for,
)
from tidegate.cli.shown import progress, say
from tidegate.errors import InputInvalid, NotSetUp, TidegateError

if TYPE_CHECKING:
    from tidegate.destinations.base import Destination
    from tidegate.journal import SqliteJournal
    from tidegate.loader.replay import Replay, Replayed
    from tidegate.settings import Settings

EXAMPLES = """

[bold]Examples[/]

tidegate replay shop --to duckdb:///copy.duckdb

tidegate replay shop --to postgresql://loader@db/trial --since 2026-01-01

[bold]What is replayed[/]

Requests that the journal still has: those not loaded yet, and loaded ones
for as long as retention_s and retention_bytes_max keep them. The server may
run; requests that come meanwhile are left out.

The tables are made as a first load would make them. A replay that was cut
short goes on with --resume and the id it told, and doubles nothing.
"""
"""Shown under the command's help."""

EXIT_HELD = 1
_REPLAY_ID = re.compile(r"replay-[0-9a-f-]{36}").fullmatch


def replay(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Source (id or name) to replay.")],
    *,
    to: Annotated[
        str,
        typer.Option("--to", metavar="DESTINATION_URL", help="Where to load to; not where the source loads."),
    ],
    since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="Requests accepted from then on, UTC.", show_default="all there are"
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Requests accepted before then, UTC.", show_default="now"),
    ] = None,
    resume: Annotated[
        str | None, typer.Option(metavar="REPLAY_ID", help="Go on with a replay that was cut short.")
    ] = None,
    account: OnlyAccount = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Load what the journal has of a source into another warehouse."""
    from tidegate.control import destinations
    from tidegate.control.sealing import shown
    from tidegate.destinations import connect
    from tidegate.loader.load import Source
    from tidegate.loader.replay import Replay, is_fed_by

    settings = settings_for(data_dir)
    since_ms, until_ms = _instant_ms("--since", since), _instant_ms("--until", until)
    where, destination = shown(to), connect(to)
    with open_store(settings) as store, store.reading() as conn:
        chosen = chosen_source(conn, source, first_will_do=False, client_id=within(conn, account))
        own_url = warehouse_url(conn, chosen)
    if own_url == to:
        raise _same(chosen.schema_name, where)
    what = Replay(
        replay_id=f"replay-{uuid.uuid4()}" if resume is None else _checked_id(resume),
        source=Source(
            source_id=chosen.id,
            schema_name=chosen.schema_name,
            staged_versions=chosen.staged_versions,
            append_only=chosen.append_only,
        ),
        since_ms=since_ms,
        until_ms=until_ms,
        load_bytes=settings.load_bytes,
    )
    journal = look_into_journal(settings)
    if journal is None:
        raise NotSetUp(f"{settings.data_dir} has no journal yet; there is nothing to replay")
    with open_store(settings) as store, store.reading() as conn:
        names = destinations.all_names_of_progress(conn, journal.journal_id)
    with closing(journal), closing(destination):
        destination.open()
        if is_fed_by(destination, names, chosen.schema_name):
            raise _same(chosen.schema_name, where)
        done = _run(journal, destination, what, settings)
    _tell(done, what, where, as_json=as_json)


replay.__doc__ = (replay.__doc__ or "") + EXAMPLES


def _run(journal: SqliteJournal, destination: Destination, what: Replay, settings: Settings) -> Replayed:
    """Replay with a progress bar. Errors: as the loader's, after it was told how to go on."""
    from tidegate.cli.processes import now_ms
    from tidegate.loader.replay import Replayed, replay
    from tidegate.logs import open_log

    log = open_log(log_format=settings.log_format, log_level="warning", process="replay")
    done = Replayed(upto=0, end=0)
    try:
        with progress("rows") as advance:
            for done in replay(journal, destination, what, now_ms=now_ms, log=log):
                advance(done.rows, done.upto, done.end)
    except TidegateError:
        say(f"{done.requests:,} requests were loaded before; {_go_on(what)}", style="yellow")
        raise
    except KeyboardInterrupt:
        say(f"stopped after {done.requests:,} requests; {_go_on(what)}", style="yellow")
        raise typer.Exit(1) from None
    return done


def _go_on(what: Replay) -> str:
    return f"the same command with --resume {what.replay_id} goes on from there"


def _same(schema_name: str, where: str) -> InputInvalid:
    return InputInvalid(
        f"source {schema_name} already loads into {where}: a replay there would double rows of tables without"
        " keys; name another warehouse, or use `tidegate rejected replay` for records that were rejected"
    )


def _checked_id(replay_id: str) -> str:
    if _REPLAY_ID(replay_id) is None:
        raise InputInvalid(
            f"--resume is {replay_id!r}; it takes the id that a replay told, such as replay-..."
        )
    return replay_id


def _instant_ms(option: str, text: str | None) -> int | None:
    """Shape: a date or a date-time, UTC unless it says otherwise -> milliseconds since 1970 UTC."""
    from tidegate.instants import parse_date, parse_instant

    if text is None:
        return None
    instant = parse_date(text) if len(text) == len("YYYY-MM-DD") else parse_instant(text)
    if instant is None:
        raise InputInvalid(
            f"{option} is {text!r}; give a date or a time such as 2026-01-31 or 2026-01-31T08:00:00Z"
        )
    return -(-instant // 1_000_000)


# --- What people see ---------------------------------------------------------------------------------------


def _tell(done: Replayed, what: Replay, where: str, *, as_json: bool) -> None:
    if as_json:
        about: dict[str, Any] = {"replay_id": what.replay_id, "source": what.source.schema_name, "to": where}
        print_json(about | asdict(done))
    else:
        typer.echo(
            f"{done.requests:,} requests of {what.source.schema_name} loaded into {where}:"
            f" {done.rows:,} rows, {done.rejected:,} rejected records"
        )
    if done.damaged:
        say(f"{done.damaged:,} damaged entries of the journal were passed over", style="yellow")
    for each in done.held:
        say(
            f"table {each.table_name} was not loaded from position {each.after} on: {each.reason}",
            style="red",
        )
    if done.held:
        raise typer.Exit(EXIT_HELD)
