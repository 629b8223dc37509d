"""Deliveries: the calls of post-load hooks, written with the report of the load that they tell of."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from tidegate.control import hooks, notifications, outbox, sources
from tidegate.control.hook_payload import payload
from tidegate.control.loads import LoadReport
from tidegate.control.outbox import State
from tidegate.control.schema import hook_deliveries, now

WAITING_MAX = 1_000
"""For each hook. At five attempts in five minutes this is more than three loads a second to a receiver that
is down; what comes on top is dropped, and said so."""

KEPT_MAX = 100
"""Deliveries that ended, for each hook, for people to look at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One call of a hook. `http_status` and `error` tell of the last attempt."""

    id: int
    hook_id: int
    source_id: int | None
    table_name: str
    payload: str
    created_at: datetime
    state: State
    attempts: int
    due_at: datetime
    finished_at: datetime | None
    http_status: int | None
    error: str | None


def enqueue(conn: Connection, reports: Sequence[LoadReport]) -> None:
    """Note the calls that reports of loads give rise to. Source: docs/specs/notifications.md, N10 to N12."""
    told = [each for each in reports if each.error is None and (_has_rows(each) or each.rows_rejected)]
    for destination_id in dict.fromkeys(each.destination_id for each in told):
        called = () if destination_id is None else hooks.of_destination(conn, destination_id)
        for hook in called:
            _enqueue_for(conn, hook, [each for each in told if each.destination_id == destination_id])


def enqueue_test(conn: Connection, hook: hooks.Hook) -> Delivery:
    """Note a call that tells of an invented load, to see whether it arrives."""
    at = now()
    report = LoadReport(
        source_id=0,
        destination_id=hook.destination_id,
        table_name="test",
        started_at=at,
        finished_at=at,
        rows_loaded=0,
        rows_rejected=0,
        destination_table="test",
    )
    return _insert(conn, hook, None, "test", payload(report, "test"))


def _enqueue_for(conn: Connection, hook: hooks.Hook, reports: Sequence[LoadReport]) -> None:
    room = WAITING_MAX - outbox.waiting(conn, hook_deliveries, hook_id=hook.id)
    if room < len(reports):
        what = f"{WAITING_MAX:,} calls of the hook wait already; calls are dropped until there is room again"
        notifications.hook_failed(conn, hook, what)
    for report in reports[: max(0, room)]:
        integration = sources.get(conn, report.source_id).schema_name
        _insert(conn, hook, report.source_id, report.table_name, payload(report, integration))


def get(conn: Connection, delivery_id: int) -> Delivery | None:
    """Return a delivery, None when there is none (any more)."""
    row = conn.execute(select(hook_deliveries).where(hook_deliveries.c.id == delivery_id)).one_or_none()
    return None if row is None else delivery(row)


def latest(
    conn: Connection, limit: int, *, hook_id: int | None = None, client_id: int | None = None
) -> Sequence[Delivery]:
    """Return the newest deliveries, newest first, at most `limit`, of that hook or account alone."""
    query = select(hook_deliveries).order_by(hook_deliveries.c.id.desc()).limit(limit)
    if hook_id is not None:
        query = query.where(hook_deliveries.c.hook_id == hook_id)
    if client_id is not None:
        own = [each.id for each in hooks.list_(conn, client_id)]
        query = query.where(hook_deliveries.c.hook_id.in_(own))
    return [delivery(row) for row in conn.execute(query)]


def delivered(conn: Connection, item: Delivery, http_status: int) -> None:
    """Note that a call was taken; the hook works (again)."""
    outbox.finish(conn, hook_deliveries, item.id, State.DELIVERED, http_status=http_status, error=None)
    _prune(conn, item.hook_id)
    hook = hooks.get(conn, item.hook_id)
    notifications.end(conn, hook.client_id, notifications.Kind.HOOK, notifications.hook_subject(item.hook_id))


def put_off(
    conn: Connection, item: Delivery, due_at: datetime, *, http_status: int | None, error: str
) -> None:
    """Note that an attempt failed, and when the next one is due."""
    outbox.put_off(conn, hook_deliveries, item.id, due_at, http_status=http_status, error=error)


def given_up(conn: Connection, item: Delivery, *, http_status: int | None, error: str) -> None:
    """Note that the last attempt failed, and tell people."""
    if not outbox.finish(conn, hook_deliveries, item.id, State.FAILED, http_status=http_status, error=error):
        return  # its hook was deleted or disabled meanwhile
    _prune(conn, item.hook_id)
    notifications.hook_failed(conn, hooks.get(conn, item.hook_id), error)


def delivery(row: Row[Any]) -> Delivery:
    """Shape: a row of the outbox -> the delivery."""
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for a row as a mapping
    return Delivery(**values | {"state": State(row.state)})


def _insert(
    conn: Connection, hook: hooks.Hook, source_id: int | None, table_name: str, told: dict[str, Any]
) -> Delivery:
    at = now()
    values = {
        "hook_id": hook.id,
        "source_id": source_id,
        "table_name": table_name,
        "payload": json.dumps(told),  # ASCII: bounds of bookmarks may be texts that no encoding has
        "created_at": at,
        "state": State.WAITING,
        "due_at": at,
        "attempts": 0,
    }
    return delivery(conn.execute(insert(hook_deliveries).values(values).returning(hook_deliveries)).one())


def _prune(conn: Connection, hook_id: int) -> None:
    outbox.prune(conn, hook_deliveries, kept_max=KEPT_MAX, hook_id=hook_id)


def _has_rows(report: LoadReport) -> bool:
    return bool(report.rows_loaded or report.rows_of_subtables)
