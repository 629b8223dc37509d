"""
Outboxes: what is to be sent, kept until it is sent or given up, whatever crashes meanwhile.

An outbox is a table with the columns `state`, `due_at`, `attempts`, `finished_at` and `error`. Whoever sends
takes an item first: that counts the attempt and moves `due_at` past the end of it, so that no two send it at
once, a crash while sending costs one attempt, and the attempts end (docs/specs/notifications.md, N20 to N23).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, Table, delete, func, select, update

from tidegate.control.schema import now


class State(StrEnum):
    """Whether an item is sent."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"


def due(
    conn: Connection, outbox: Table, *, limit: int, without: Mapping[str, Sequence[int]] | None = None
) -> Sequence[Row[Any]]:
    """Return the items whose time has come, the longest due first, `without` those with these values."""
    query = select(outbox).where(outbox.c.state == State.WAITING, outbox.c.due_at <= now())
    for name, values in (without or {}).items():
        query = query.where(outbox.c[name].not_in(values))
    return conn.execute(query.order_by(outbox.c.due_at, outbox.c.id).limit(limit)).all()


def take(conn: Connection, outbox: Table, item: Row[Any], *, for_s: float) -> bool:
    """Count an attempt; False when another took the item since it was read. `for_s` is its longest time."""
    taken = conn.execute(
        update(outbox)
        .where(outbox.c.id == item.id, outbox.c.state == State.WAITING, outbox.c.attempts == item.attempts)
        .values(attempts=item.attempts + 1, due_at=now() + timedelta(seconds=for_s))
    )
    return taken.rowcount == 1


def finish(conn: Connection, outbox: Table, item_id: int, state: State, **values: Any) -> bool:
    """Note how an item ended; False when it had ended before, or is gone."""
    done = conn.execute(
        update(outbox)
        .where(outbox.c.id == item_id, outbox.c.state == State.WAITING)
        .values(state=state, finished_at=now(), **values)
    )
    return done.rowcount == 1


def put_off(conn: Connection, outbox: Table, item_id: int, due_at: datetime, **values: Any) -> None:
    """Let an item wait for another attempt."""
    conn.execute(
        update(outbox)
        .where(outbox.c.id == item_id, outbox.c.state == State.WAITING)
        .values(due_at=due_at, **values)
    )


def waiting(conn: Connection, outbox: Table, **where: Any) -> int:
    """Return how many items wait, of those whose columns have these values."""
    query = select(func.count()).select_from(outbox).where(outbox.c.state == State.WAITING)
    found: int = conn.execute(query.where(*_equal(outbox, where))).scalar_one()
    return found


def prune(conn: Connection, outbox: Table, *, kept_max: int, **where: Any) -> None:
    """Remove the oldest of the items that ended, of those whose columns have these values."""
    ended = (outbox.c.state != State.WAITING, *_equal(outbox, where))
    newest_gone = (
        select(outbox.c.id).where(*ended).order_by(outbox.c.id.desc()).offset(kept_max).limit(1)
    ).scalar_subquery()
    conn.execute(delete(outbox).where(*ended, outbox.c.id <= newest_gone))


def _equal(outbox: Table, where: dict[str, Any]) -> list[Any]:
    return [outbox.c[name] == value for name, value in where.items()]
