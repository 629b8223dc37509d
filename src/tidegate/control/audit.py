"""
The audit log: who changed what, in the transaction of the change, so that neither is without the other.

Who it was comes with the transaction: `Store.writing(actor=...)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select

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
    actor = conn.get_execution_options()["tidegate_actor"]
    values = {"at": now(), "client_id": client_id, "actor": actor, "action": action, "subject": subject}
    conn.execute(insert(audit).values(values))
    oldest_kept = select(func.max(audit.c.id) - KEPT_MAX).scalar_subquery()
    conn.execute(delete(audit).where(audit.c.id <= oldest_kept))


def latest(conn: Connection, limit: int, *, client_id: int | None = None) -> Sequence[Change]:
    """Return the newest changes, newest first, at most `limit`, of that account alone."""
    query = select(audit).order_by(audit.c.id.desc()).limit(limit)
    if client_id is not None:
        query = query.where(audit.c.client_id == client_id)
    return [_change(row) for row in conn.execute(query)]


def _change(row: Row[Any]) -> Change:
    return Change(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for a row as a mapping
