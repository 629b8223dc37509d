"""A number that grows when a token, source or destination changes, so that gates know when to look again."""

from __future__ import annotations

from sqlalchemy import Connection, func, insert, select, update

from tidegate.control.schema import grant_changes


def note(conn: Connection) -> None:
    """Say that what a token stands for may have changed; every function that changes that calls this."""
    changed = conn.execute(update(grant_changes).values(number=grant_changes.c.number + 1))
    if changed.rowcount == 0:
        conn.execute(insert(grant_changes).values(id=1, number=1))


def number(conn: Connection) -> int:
    """Return the number of changes so far."""
    found: int = conn.execute(select(func.coalesce(func.max(grant_changes.c.number), 0))).scalar_one()
    return found
