"""What is wrong now, as the control store tells it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time, timedelta

from sqlalchemy import Connection

from tidegate.control import destinations, loads, sources, usage
from tidegate.control.notifications import Cause, Kind
from tidegate.control.sources import Source

SEEN_KINDS = (Kind.DESTINATION, Kind.TABLE, Kind.WARNING, Kind.REJECTED)
"""The kinds that are seen here; undeliverable hooks are told by their deliveries."""

REJECTED_DAYS = 7
"""Rejected records are a cause for this long, unless later ones of the table take their place."""


def causes(conn: Connection, at: datetime) -> Sequence[Cause]:
    """Return all that is wrong, of the kinds that are seen in the store."""
    known = {each.id: each for each in sources.list_(conn, deleted=True)}
    return [*_destinations(conn), *_tables(conn, known), *_rejected(conn, known, at)]


def _destinations(conn: Connection) -> Iterator[Cause]:
    for each in destinations.list_(conn):
        if each.failing_since is not None:
            yield Cause(
                client_id=each.client_id,
                kind=Kind.DESTINATION,
                subject=f"destination {each.id}",
                place=f"destination {each.id} ({each.name})",
                since=each.failing_since,
                error=each.error,
            )


def _tables(conn: Connection, known: dict[int, Source]) -> Iterator[Cause]:
    """Yield a cause for each table that is held, and for each whose last load had something to tell."""
    for kind, reports in ((Kind.TABLE, loads.failing(conn)), (Kind.WARNING, loads.warned(conn))):
        for each in reports:
            source = known[each.source_id]
            yield Cause(
                client_id=source.client_id,
                kind=kind,
                subject=f"source {source.id} table {each.table_name.lower()}",
                place=f"table {each.table_name} of source {source.schema_name}",
                since=each.finished_at,
                error=each.error or "\n".join(each.warnings),
            )


def _rejected(conn: Connection, known: dict[int, Source], at: datetime) -> Iterator[Cause]:
    """Yield one cause for each table: its newest day with rejected records."""
    told: set[tuple[int, str]] = set()
    for each in usage.list_(conn, since=(at - timedelta(days=REJECTED_DAYS - 1)).date()):
        source = known[each.source_id]
        if not each.rows_rejected or (source.id, each.table_name) in told:
            continue
        told.add((source.id, each.table_name))
        yield Cause(
            client_id=source.client_id,
            kind=Kind.REJECTED,
            subject=f"source {source.id} table {each.table_name} day {each.day}",
            place=f"table {each.table_name} of source {source.schema_name}, {each.day}",
            since=datetime.combine(each.day, time(), UTC),
        )
