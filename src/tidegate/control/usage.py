"""Usage: how many rows each table of each source got on each day, kept for good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from tidegate.control.schema import usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """One day of one table. Units: rows, elements in subtables included; `day` is UTC."""

    source_id: int
    table_name: str
    day: date
    rows_loaded: int
    rows_rejected: int


def add(
    conn: Connection, source_id: int, table_name: str, at: datetime, *, rows_loaded: int, rows_rejected: int
) -> None:
    """Count rows to a table's day."""
    if not rows_loaded and not rows_rejected:
        return
    key = {"source_id": source_id, "table_name": table_name, "day": at.date()}
    counted = conn.execute(
        update(usage)
        .where(*(usage.c[name] == value for name, value in key.items()))
        .values(
            rows_loaded=usage.c.rows_loaded + rows_loaded,
            rows_rejected=usage.c.rows_rejected + rows_rejected,
        )
    )
    if counted.rowcount == 0:
        conn.execute(insert(usage).values(**key, rows_loaded=rows_loaded, rows_rejected=rows_rejected))


def list_(conn: Connection, *, since: date, source_id: int | None = None) -> Sequence[Usage]:
    """Return the days from `since` on, of that source alone: newest day first, then by source and table."""
    query = select(usage).where(usage.c.day >= since)
    if source_id is not None:
        query = query.where(usage.c.source_id == source_id)
    ordered = query.order_by(usage.c.day.desc(), usage.c.source_id, usage.c.table_name)
    return [_usage(row) for row in conn.execute(ordered)]


def totals(conn: Connection, source_id: int) -> Mapping[str, tuple[int, int]]:
    """Return how many rows each table of a source got in all: loaded, and rejected records."""
    sums = (func.sum(usage.c.rows_loaded), func.sum(usage.c.rows_rejected))
    query = select(usage.c.table_name, *sums).where(usage.c.source_id == source_id)
    rows = conn.execute(query.group_by(usage.c.table_name))
    return {name: (int(loaded), int(rejected)) for name, loaded, rejected in rows}


def _usage(row: Row[Any]) -> Usage:
    return Usage(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for a row as a mapping
