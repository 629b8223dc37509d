"""`tidegate status`: is the server well, what waits, do loads work."""

from __future__ import annotations

import json
import time
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tidegate.cli.context import (
    AsJson,
    DataDir,
    look_into_journal,
    open_store,
    print_json,
    server_file,
    settings_for,
)
from tidegate.cli.shown import as_json_object, byte_size, print_table, when
from tidegate.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tidegate.control.destinations import Destination
    from tidegate.control.loads import LoadReport
    from tidegate.journal.base import Stats
    from tidegate.settings import Settings

ANSWER_WAIT_S_MAX = 5.0
"""Longest wait for the server to say how it is."""

EXIT_FAILING = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """
    How everything is. `troubles` is empty when all is well; each says what is wrong, for people.

    `warnings` say what the last load of a table had to tell; all is loaded all the same.
    """

    server: dict[str, Any] | None
    journal: Stats | None
    destinations: Sequence[Destination]
    loads: Sequence[LoadReport]
    troubles: Sequence[str]
    warnings: Sequence[str]
    now_ms: int

    @property
    def lag_s(self) -> float:
        """How long the oldest request that is not in the warehouse has waited, in seconds."""
        oldest = self.journal.oldest_waiting_at_ms if self.journal else None
        return 0.0 if oldest is None else max(0, self.now_ms - oldest) / 1000


def status(
    *,
    loads: Annotated[int, typer.Option(min=0, max=1000, help="How many of the last loads to show.")] = 5,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """
    Show how the server, the journal and the destinations are.

    Exit code 0 when all is well, 3 when something is failing or no server runs.

    Examples: `tidegate status`, `tidegate status --json --loads 100`
    """
    health = _look(settings_for(data_dir), loads)
    if as_json:
        print_json(_object(health))
    else:
        _print(health)
    if health.troubles:
        raise typer.Exit(EXIT_FAILING)


def _look(settings: Settings, loads_max: int) -> Health:
    from tidegate.control import assignments, destinations, loads

    with open_store(settings) as store, store.reading() as conn:
        homeless = assignments.homeless(conn)
        targets = destinations.list_(conn)
        reports = loads.latest(conn, loads_max)
        held = loads.failing(conn)
        warned = loads.warned(conn)
    server = server_file(settings)
    stats, journal_trouble = _journal(settings)
    troubles = [*_server_troubles(server), *journal_trouble]
    troubles += [
        f"loads to {each.name} ({each.url}) fail: {each.error}" for each in targets if each.failing_since
    ]
    troubles += [
        f"table {each.table_name} waits since {when(each.finished_at)}: {each.error}" for each in held
    ]
    return Health(
        server=server,
        journal=stats,
        destinations=targets,
        loads=reports,
        troubles=troubles,
        warnings=[
            *(f"table {each.table_name}: {warning}" for each in warned for warning in each.warnings),
            *_rejected(reports),
            *(
                f"source {each} has no destination, what it sends waits; give it one with"
                f" `tidegate sources set {each} --destination ID`, or make one"
                for each in homeless
            ),
        ],
        now_ms=time.time_ns() // 1_000_000,
    )


def _rejected(reports: Sequence[LoadReport]) -> list[str]:
    """Say what the loads that are shown rejected, and where to see why."""
    count = sum(each.rows_rejected for each in reports)
    said = f"{count:,} records of the last loads were rejected; `tidegate rejected list` says why"
    return [said] if count else []


def _journal(settings: Settings) -> tuple[Stats | None, list[str]]:
    try:
        journal = look_into_journal(settings)
        if journal is None:
            return None, []
        with closing(journal):
            return journal.stats(), []
    except JournalError as exc:
        return None, [f"the journal cannot be read: {exc}"]


def _server_troubles(server: dict[str, Any] | None) -> list[str]:
    """Ask the running server whether it can accept requests."""
    if server is None:
        return ["no server runs on this data folder; start it with `tidegate serve`"]
    import httpx

    try:
        answer = httpx.get(f"{server['base_url']}/readyz", timeout=ANSWER_WAIT_S_MAX, trust_env=False)
        found = answer.json()
    except (httpx.HTTPError, json.JSONDecodeError) as exc:
        return [f"the server (pid {server['pid']}) does not answer at {server['base_url']}: {exc}"]
    if answer.status_code == httpx.codes.OK:
        return []
    return [f"{part}: {what}" for part, what in found.get("troubles", {}).items()] or [
        "the server is not ready"
    ]


def _object(health: Health) -> dict[str, Any]:
    return {
        "healthy": not health.troubles,
        "troubles": list(health.troubles),
        "warnings": list(health.warnings),
        "server": health.server,
        "lag_s": health.lag_s,
        "journal": None if health.journal is None else asdict(health.journal),
        "destinations": [as_json_object(each) for each in health.destinations],
        "loads": [as_json_object(each) for each in health.loads],
    }


def _print(health: Health) -> None:
    server = health.server
    running = "not running" if server is None else f"{server['base_url']} (pid {server['pid']})"
    typer.echo(f"server       {running}")
    if health.journal is not None:
        waiting = health.journal
        typer.echo(
            f"waiting      {waiting.records_waiting:,} records in {waiting.entries_waiting:,} requests,"
            f" {byte_size(waiting.bytes_waiting)}; the oldest for {health.lag_s:,.1f} s"
        )
        typer.echo(
            f"journal      {byte_size(waiting.bytes_on_disk)} on disk, at most {byte_size(waiting.bytes_max)}"
        )
    for each in health.destinations:
        state = "works" if each.failing_since is None else f"failing since {when(each.failing_since)}"
        typer.echo(f"destination  {each.name}: {each.url}, {state}")
    if health.loads:
        rows = [
            (when(each.finished_at), each.table_name, each.rows_loaded, each.rows_rejected, each.error or "")
            for each in health.loads
        ]
        print_table(("last loads", "table", "rows", "rejected", "error"), rows)
    for warning in health.warnings:
        typer.secho(f"warning      {warning}", fg=typer.colors.YELLOW)
    for trouble in health.troubles:
        typer.secho(f"failing      {trouble}", fg=typer.colors.RED)
    if not health.troubles:
        typer.secho("all is well", fg=typer.colors.GREEN)
