"""Discards: tables whose waiting records a person gave up. The loader turns those into rejected records."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, delete, insert, select

from tidegate.control import audit, grant_changes, sources
from tidegate.control.schema import discards, now

TABLES_MAX = 1_000
"""Most discards that are kept of a source; the oldest are long done, and go."""


def add(conn: Connection, source_id: int, table_name: str, journal_id: str, upto: int) -> None:
    """
    Give up what waits for a table up to a position of a journal; what was loaded stays.

    Source: docs/specs/control.md, C35. Errors: Unknown.
    """
    source = sources.get(conn, source_id)
    mine = discards.c.source_id == source_id
    conn.execute(delete(discards).where(mine, discards.c.table_name == table_name))
    old = select(discards.c.table_name).where(mine).order_by(discards.c.discarded_at.desc())
    for (name,) in conn.execute(old.offset(TABLES_MAX - 1)).all():
        conn.execute(delete(discards).where(mine, discards.c.table_name == name))
    conn.execute(
        insert(discards).values(
            source_id=source_id, table_name=table_name, journal_id=journal_id, upto=upto, discarded_at=now()
        )
    )
    audit.note(conn, source.client_id, "waiting records discarded", f"{source.id}, table {table_name}")
    grant_changes.note(conn)


def of_journal(conn: Connection, journal_id: str) -> Mapping[int, Mapping[str, int]]:
    """Return source -> table as it was named -> the position up to which its records are given up."""
    found: dict[int, dict[str, int]] = {}
    for row in conn.execute(select(discards).where(discards.c.journal_id == journal_id)):
        found.setdefault(row.source_id, {})[row.table_name] = row.upto
    return found
