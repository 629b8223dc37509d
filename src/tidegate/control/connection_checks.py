"""Connection checks: whether a destination could be connected to when that was last tried on request."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from sqlalchemy import Connection, delete, insert, select

from tidegate.control.schema import connection_checks


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check: `error` is None when it succeeded, else what failed, without secrets."""

    name: str
    started_at: datetime
    completed_at: datetime
    error: str | None


def check_name(client_id: int, destination_id: int) -> str:
    """Return a new name for a check, unlike all others. Source: Stitch Connect API, `check_job_name`."""
    return f"{client_id}.{destination_id}.check.{uuid4()}"


def note(conn: Connection, destination_id: int, check: Check) -> None:
    """Keep a check in the place of the destination's last one."""
    conn.execute(delete(connection_checks).where(connection_checks.c.destination_id == destination_id))
    conn.execute(
        insert(connection_checks).values(
            destination_id=destination_id,
            name=check.name,
            started_at=check.started_at,
            completed_at=check.completed_at,
            error=check.error,
        )
    )


def last(conn: Connection, destination_id: int) -> Check | None:
    """Return a destination's last check, None when there was none."""
    query = select(connection_checks).where(connection_checks.c.destination_id == destination_id)
    row = conn.execute(query).one_or_none()
    if row is None:
        return None
    return Check(name=row.name, started_at=row.started_at, completed_at=row.completed_at, error=row.error)
