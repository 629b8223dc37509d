"""Load reports: what each load did to each table, the newest kept for people to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select

from tidegate.control import usage
from tidegate.control.schema import loads

KEPT_MAX = 10_000
"""About three hours at one load a second; a report is some 100 bytes, so the store stays near a megabyte."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadReport:
    """
    What one load did to one table: `error` is None when it worked, else why nothing was loaded.

    `table_name` is the one the client sent. Rows of subtables count; refused records stand apart.
    """

    source_id: int
    destination_id: int | None
    table_name: str
    started_at: datetime
    finished_at: datetime
    rows_loaded: int
    rows_rejected: int
    error: str | None = None


_COLUMNS = tuple(LoadReport.__dataclass_fields__)


def add(conn: Connection, reports: Sequence[LoadReport]) -> None:
    """Keep reports, in the order given, and count their rows to the day. Nothing is written for none."""
    if reports:
        conn.execute(insert(loads), [{name: getattr(each, name) for name in _COLUMNS} for each in reports])
    for each in reports:
        usage.add(
            conn,
            each.source_id,
            each.table_name,
            each.finished_at,
            rows_loaded=each.rows_loaded,
            rows_rejected=each.rows_rejected,
        )


def latest(
    conn: Connection, limit: int, *, source_id: int | None = None, table_name: str | None = None
) -> Sequence[LoadReport]:
    """Return the newest reports, newest first, at most `limit`, of that source and that table alone."""
    query = select(*(loads.c[name] for name in _COLUMNS)).order_by(loads.c.id.desc()).limit(limit)
    if source_id is not None:
        query = query.where(loads.c.source_id == source_id)
    if table_name is not None:
        query = query.where(loads.c.table_name == table_name)
    return [_report(row) for row in conn.execute(query)]


def failing(conn: Connection) -> Sequence[LoadReport]:
    """Return the newest report of every table whose last load did not work: those tables are held."""
    newest = select(func.max(loads.c.id)).group_by(loads.c.source_id, func.lower(loads.c.table_name))
    query = select(*(loads.c[name] for name in _COLUMNS)).where(
        loads.c.id.in_(newest), loads.c.error.is_not(None)
    )
    return [_report(row) for row in conn.execute(query)]


def prune(conn: Connection, *, kept_max: int = KEPT_MAX) -> int:
    """
    Remove all but the newest `kept_max` reports and return how many went; each table's newest always stays.

    Without that, a table that is seldom loaded would seem never to have been.
    """
    newest = select(func.max(loads.c.id)).group_by(loads.c.source_id, loads.c.table_name)
    oldest_kept = select(func.max(loads.c.id) - kept_max).scalar_subquery()
    removed = conn.execute(delete(loads).where(loads.c.id <= oldest_kept, loads.c.id.not_in(newest)))
    return removed.rowcount


def _report(row: Row[Any]) -> LoadReport:
    return LoadReport(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for a row as a mapping
