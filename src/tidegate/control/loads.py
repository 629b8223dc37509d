"""Load reports: what each load did to each table, the newest kept for people to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, or_, select

from tidegate.control import usage
from tidegate.control.schema import loads, sources
from tidegate.tables.reports import Bookmark, SubtableReport

KEPT_MAX = 10_000
"""About three hours at one load a second; a report is some 300 bytes, so it is a few megabytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadReport:
    """
    What one load did to one table that clients name, or why that table is held.

    Shape: `error` is None when it worked, else why nothing was loaded and the records wait. `table_name` is
    the one the client sent, of a held table the one in the warehouse; `destination_table` always that one.
    `rows_loaded` are rows of the table itself, `subtables` has those of its elements; `rows_rejected` are
    those of `_sdc_rejected`; `rows_outdated` records of older table versions, which are dropped.
    The rest is as in TableReport. `started_at` is the `_sdc_batched_at` of all rows.
    """

    source_id: int
    destination_id: int | None
    table_name: str
    started_at: datetime
    finished_at: datetime
    rows_loaded: int
    rows_rejected: int
    error: str | None = None
    destination_table: str = ""
    table_version: int = 0
    activated: bool = False
    rows_outdated: int = 0
    key_names: tuple[str, ...] = ()
    extracted_at_max: str | None = None
    bookmarks: tuple[Bookmark, ...] = ()
    subtables: tuple[SubtableReport, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def rows_of_subtables(self) -> int:
        """How many elements were written into subtables."""
        return sum(each.rows for each in self.subtables)


_DETAILS = ("key_names", "extracted_at_max", "bookmarks", "subtables", "warnings")
"""What is kept together, since nothing is looked for by it."""

_COLUMNS = tuple(name for name in LoadReport.__dataclass_fields__ if name not in _DETAILS)
_KEPT = tuple(loads.c[name] for name in (*_COLUMNS, "details"))


def add(conn: Connection, reports: Sequence[LoadReport]) -> None:
    """Keep reports, in the order given, and count their rows to the day. Nothing is written for none."""
    if reports:
        conn.execute(insert(loads), [_row(each) for each in reports])
    for each in reports:
        source_id, at = each.source_id, each.finished_at
        usage.add(
            conn,
            source_id,
            each.table_name,
            at,
            rows_loaded=each.rows_loaded,
            rows_rejected=each.rows_rejected,
        )
        for sub in each.subtables:
            usage.add(conn, source_id, sub.destination_table, at, rows_loaded=sub.rows, rows_rejected=0)


def latest(
    conn: Connection,
    limit: int,
    *,
    client_id: int | None = None,
    source_id: int | None = None,
    table_name: str | None = None,
) -> Sequence[LoadReport]:
    """Return the newest reports, newest first, at most `limit`, of that account, source and table alone."""
    query = select(*_KEPT).order_by(loads.c.id.desc()).limit(limit)
    if client_id is not None:
        own = select(sources.c.id).where(sources.c.client_id == client_id)
        query = query.where(loads.c.source_id.in_(own))
    if source_id is not None:
        query = query.where(loads.c.source_id == source_id)
    if table_name is not None:
        query = query.where(loads.c.table_name == table_name)
    return [_report(row) for row in conn.execute(query)]


def failing(conn: Connection) -> Sequence[LoadReport]:
    """Return the newest report of every table whose last load did not work: those tables are held."""
    newest = select(func.max(loads.c.id)).group_by(loads.c.source_id, func.lower(loads.c.table_name))
    query = select(*_KEPT).where(loads.c.id.in_(newest), loads.c.error.is_not(None))
    return [_report(row) for row in conn.execute(query)]


def warned(conn: Connection) -> Sequence[LoadReport]:
    """Return the newest report of every table that has warnings and is loaded."""
    newest = select(func.max(loads.c.id)).group_by(loads.c.source_id, func.lower(loads.c.table_name))
    query = select(*_KEPT).where(loads.c.id.in_(newest), loads.c.error.is_(None)).order_by(loads.c.id)
    return [each for each in map(_report, conn.execute(query)) if each.warnings]


def knows(conn: Connection, source_id: int, table_name: str) -> bool:
    """Tell whether a report of a source is about a table, by its name as sent or in the warehouse."""
    named = or_(loads.c.table_name == table_name, loads.c.destination_table == table_name)
    query = select(loads.c.id).where(loads.c.source_id == source_id, named).limit(1)
    return conn.execute(query).first() is not None


def prune(conn: Connection, *, kept_max: int = KEPT_MAX) -> int:
    """
    Remove all but the newest `kept_max` reports and return how many went; each table's newest always stays.

    Without that, a table that is seldom loaded would seem never to have been.
    """
    newest = select(func.max(loads.c.id)).group_by(loads.c.source_id, loads.c.table_name)
    oldest_kept = select(func.max(loads.c.id) - kept_max).scalar_subquery()
    removed = conn.execute(delete(loads).where(loads.c.id <= oldest_kept, loads.c.id.not_in(newest)))
    return removed.rowcount


def _row(report: LoadReport) -> dict[str, Any]:
    details = asdict(report)
    return {name: details.pop(name) for name in _COLUMNS} | {"details": details}


def _report(row: Row[Any]) -> LoadReport:
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for a row as a mapping
    details: Mapping[str, Any] = values.pop("details") or {}  # reports of earlier releases have none
    return LoadReport(
        **values,
        key_names=tuple(details.get("key_names", ())),
        extracted_at_max=details.get("extracted_at_max"),
        bookmarks=tuple(Bookmark(**each) for each in details.get("bookmarks", ())),
        subtables=tuple(SubtableReport(**each) for each in details.get("subtables", ())),
        warnings=tuple(details.get("warnings", ())),
    )
