"""How often each account asked for its loads lately, for the optional limit on that."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection, delete, insert, select, update

from tidegate.control.schema import job_calls, now

WINDOW_S = 600
"""Source: Stitch Connect API, rate limits of the resource type "jobs": 30 calls in ten minutes."""


def count(conn: Connection, client_id: int, calls_max: int) -> int | None:
    """
    Count a call; return None when it may be made, else the seconds after which one may be.

    A window begins with its first call, whichever process took it.
    """
    at, window = now(), timedelta(seconds=WINDOW_S)
    own = job_calls.c.client_id == client_id
    row = conn.execute(select(job_calls).where(own)).one_or_none()
    if row is None or row.since + window <= at:
        conn.execute(delete(job_calls).where(own))
        conn.execute(insert(job_calls).values(client_id=client_id, since=at, calls=1))
        return None
    if row.calls < calls_max:
        conn.execute(update(job_calls).where(own).values(calls=row.calls + 1))
        return None
    return int((row.since + window - at).total_seconds()) + 1
