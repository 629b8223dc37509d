"""
The audit log: who changed what, in the transaction of the change, so that neither is without the other.

Who it was comes with the transaction: `Store.writing(actor=...)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, or_, select

from tidegate.control.schema import audit, now

KEPT_MAX = 100_000
"""Some ten megabytes. Changes are made by people and scripts, not by records that arrive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change: `action` such as `source paused`, `subject` which one; never a secret."""

    id: int
    at: datetime
    client_id: int
    actor: str
    action: str
    subject: str


def note(conn: Connection, client_id: int, action: str, subject: str) -> None:
    """Note a change that this transaction makes."""
    values = {"at": now(), "client_id": client_id, "actor": actor(conn), "action": action, "subject": subject}
    conn.execute(insert(audit).values(values))
    oldest_kept = select(func.max(audit.c.id) - KEPT_MAX).scalar_subquery()
    conn.execute(delete(audit).where(audit.c.id <= oldest_kept))


def actor(conn: Connection) -> str:
    """Return who makes the changes of this transaction."""
    found: str = conn.get_execution_options()["tidegate_actor"]
    return found


def latest(
    conn: Connection,
    limit: int,
    *,
    client_id: int | None = None,
    who: str = "",
    what: str = "",
    since: datetime | None = None,
) -> Sequence[Change]:
    """
    Return the newest changes, newest first, at most `limit`, of that account alone.

    Shape: `who` and `what` are parts of the actor and of the action or subject, in any case.
    """
    query = select(audit).order_by(audit.c.id.desc()).limit(limit)
    if client_id is not None:
        query = query.where(audit.c.client_id == client_id)
    if who:
        query = query.where(audit.c.actor.icontains(who, autoescape=True))
    if what:
        found = (each.icontains(what, autoescape=True) for each in (audit.c.action, audit.c.subject))
        query = query.where(or_(*found))
    if since is not None:
        query = query.where(audit.c.at >= since)
    return [_change(row) for row in conn.execute(query)]


def _change(row: Row[Any]) -> Change:
    return Change(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for a row as a mapping
