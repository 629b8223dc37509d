"""Streams: the tables that sources send, each with what became of its last load."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, func, or_, select

from tidegate.control.schema import destinations, loads, sources


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """
    A table of a source, deleted ones too.

    Shape: `attempted_at` is when the last load of it ended; `error` why it, or all loading into its
    destination, does not work now, None when it does.
    """

    source_id: int
    schema_name: str
    table_name: str
    attempted_at: datetime
    error: str | None


def count(conn: Connection, client_id: int, *, since: datetime) -> int:
    """Return how many streams of an account had a load since then."""
    found: int = conn.execute(
        select(func.count()).select_from(_query(client_id, since).subquery())
    ).scalar_one()
    return found


def list_(
    conn: Connection, client_id: int, *, since: datetime, limit: int, offset: int = 0
) -> Sequence[Stream]:
    """Return an account's streams with a load since then, by table name, `limit` of them after `offset`."""
    query = _query(client_id, since).order_by(loads.c.table_name, loads.c.source_id).limit(limit)
    return [_stream(row) for row in conn.execute(query.offset(offset))]


def _query(client_id: int, since: datetime) -> Select[Any]:
    newest = select(func.max(loads.c.id)).group_by(loads.c.source_id, loads.c.table_name)
    own = sources.c.destination_id == destinations.c.id
    inherited = and_(
        sources.c.destination_id.is_(None),
        sources.c.client_id == destinations.c.client_id,
        destinations.c.is_default,
    )
    return (
        select(
            loads.c.source_id,
            sources.c.schema_name,
            loads.c.table_name,
            loads.c.finished_at,
            func.coalesce(loads.c.error, destinations.c.error).label("error"),
        )
        .select_from(
            loads.join(sources, loads.c.source_id == sources.c.id).outerjoin(
                destinations, or_(own, inherited)
            )
        )
        .where(sources.c.client_id == client_id, loads.c.id.in_(newest), loads.c.finished_at >= since)
    )


def _stream(row: Row[Any]) -> Stream:
    return Stream(
        source_id=row.source_id,
        schema_name=row.schema_name,
        table_name=row.table_name,
        attempted_at=row.finished_at,
        error=row.error,
    )
