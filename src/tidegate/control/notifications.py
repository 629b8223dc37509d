"""
Notifications: what people should know of, until its cause is gone or somebody dismisses it.

One notification stands for one cause, however often that is met. A dismissed one is kept as long as its cause
lasts, so that it does not come back at once. Source: docs/specs/notifications.md, N40 to N46.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from tidegate.control import audit
from tidegate.control.schema import notifications, now
from tidegate.errors import Unknown

if TYPE_CHECKING:
    from tidegate.control.hooks import Hook

ERROR_CHARACTERS_MAX = 4_000
"""What a driver says may repeat a whole row."""

KEPT_MAX = 1_000
"""Notifications whose cause is gone, for each account."""


class Level(StrEnum):
    """How bad it is: critical needs somebody, warning went through, delay ends by itself."""

    CRITICAL = "critical"
    WARNING = "warning"
    DELAY = "delay"


class Kind(StrEnum):
    """What can be wrong."""

    DESTINATION = "load_error"
    TABLE = "table_held"
    REJECTED = "rejected_records"
    WARNING = "table_warning"
    HOOK = "hook_undeliverable"


LEVELS = {
    Kind.DESTINATION: Level.CRITICAL,
    Kind.TABLE: Level.CRITICAL,
    Kind.REJECTED: Level.WARNING,
    Kind.WARNING: Level.WARNING,
    Kind.HOOK: Level.WARNING,
}

TITLES = {
    Kind.DESTINATION: "We're having trouble writing to your data warehouse",
    Kind.TABLE: "We're unable to load some of your data",
    Kind.REJECTED: "Some of your records were rejected",
    Kind.WARNING: "A table needs your attention",
    Kind.HOOK: "Unable to Deliver Post Load Notification",
}
"""Also the subjects of mails, behind a prefix. Those of Stitch, where Stitch has one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """
    What is wrong now: `subject` tells causes of one kind apart, `place` names it to people.

    Shape: `since` is when it began; `error` are the words of whoever refused, without secrets.
    """

    client_id: int
    kind: Kind
    subject: str
    place: str
    since: datetime
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """A notification. `times` counts how often its cause was met; open while nobody dismissed it."""

    id: int
    client_id: int
    kind: Kind
    subject: str
    place: str
    error: str | None
    since: datetime
    last_at: datetime
    times: int
    mailed_at: datetime | None
    dismissed_at: datetime | None
    ended_at: datetime | None

    @property
    def level(self) -> Level:
        """How bad it is."""
        return LEVELS[self.kind]

    @property
    def title(self) -> str:
        """What it is, in a sentence for people."""
        return TITLES[self.kind]


def hook_subject(hook_id: int) -> str:
    """Return what names a hook among the causes of its kind."""
    return f"hook {hook_id}"


def hook_failed(conn: Connection, hook: Hook, error: str) -> None:
    """Open the notification that a hook's calls do not arrive, or count one more."""
    cause = Cause(
        client_id=hook.client_id,
        kind=Kind.HOOK,
        subject=hook_subject(hook.id),
        place=f"hook {hook.id} ({hook.host})",
        since=now(),
        error=error,
    )
    meet(conn, cause)


def meet(conn: Connection, cause: Cause, *, again: bool = True) -> None:
    """Open a notification for a cause; when there is one, take its newest words and count it `again`."""
    error = None if cause.error is None else cause.error[:ERROR_CHARACTERS_MAX]
    values: dict[str, Any] = {"error": error, "place": cause.place}
    known = conn.execute(select(notifications).where(*_lasting(cause.client_id, cause.kind, cause.subject)))
    row = known.one_or_none()
    if row is None:
        values |= {name: getattr(cause, name) for name in ("client_id", "kind", "subject", "since")}
        conn.execute(insert(notifications).values(**values, last_at=now(), times=1))
    elif again or (row.error, row.place) != (error, cause.place):
        values |= {"last_at": now(), "times": notifications.c.times + int(again)}
        conn.execute(update(notifications).where(notifications.c.id == row.id).values(values))


def end(conn: Connection, client_id: int, kind: Kind, subject: str) -> None:
    """Note that a cause is gone. Writes nothing when it was."""
    where = _lasting(client_id, kind, subject)
    conn.execute(update(notifications).where(*where).values(ended_at=now()))
    _prune(conn, client_id)


def settle(conn: Connection, kinds: Collection[Kind], causes: Sequence[Cause]) -> bool:
    """
    Make the notifications of some kinds match all causes there are now; tell whether anything changed.

    Writes nothing when they did.
    """
    before = _snapshot(conn, kinds)
    for cause in causes:
        meet(conn, cause, again=False)
    there = {(each.client_id, each.kind, each.subject) for each in causes}
    for client_id, kind, subject, _, _ in before:
        if (client_id, kind, subject) not in there:
            end(conn, client_id, Kind(kind), subject)
    return before != _snapshot(conn, kinds)


def matches(conn: Connection, kinds: Collection[Kind], causes: Sequence[Cause]) -> bool:
    """Tell whether `settle` would change nothing: it is asked often, and writing takes a lock and a sync."""
    wanted = {
        (each.client_id, each.kind, each.subject, each.place, (each.error or "")[:ERROR_CHARACTERS_MAX])
        for each in causes
    }
    return wanted == _snapshot(conn, kinds)


def list_(
    conn: Connection, client_id: int | None = None, *, everything: bool = False, limit: int = 1_000
) -> Sequence[Notification]:
    """Return the open notifications of an account (None: of all), newest first; or all that are kept."""
    query = select(notifications).order_by(notifications.c.id.desc()).limit(limit)
    if client_id is not None:
        query = query.where(notifications.c.client_id == client_id)
    if not everything:
        query = query.where(notifications.c.dismissed_at.is_(None), notifications.c.ended_at.is_(None))
    return [_notification(row) for row in conn.execute(query)]


def dismiss(conn: Connection, notification_id: int, *, client_id: int | None = None) -> Notification:
    """Take a notification off the list, for everybody. Errors: Unknown, also when it is not open."""
    statement = update(notifications).where(
        notifications.c.id == notification_id,
        notifications.c.dismissed_at.is_(None),
        notifications.c.ended_at.is_(None),
    )
    if client_id is not None:
        statement = statement.where(notifications.c.client_id == client_id)
    row = conn.execute(statement.values(dismissed_at=now()).returning(notifications)).one_or_none()
    if row is None:
        raise Unknown(f"notification not found ({notification_id})")
    found = _notification(row)
    audit.note(conn, found.client_id, "notification dismissed", f"{found.id} ({found.place})")
    return found


def unmailed(conn: Connection) -> Sequence[Notification]:
    """Return the open notifications that no mail was sent for, oldest first."""
    found = list_(conn)
    return [each for each in reversed(found) if each.mailed_at is None]


def note_mailed(conn: Connection, notification_id: int) -> bool:
    """Note that a notification's mails are on their way; False when they were, or it is not open any more."""
    noted = conn.execute(
        update(notifications)
        .where(
            notifications.c.id == notification_id,
            notifications.c.mailed_at.is_(None),
            notifications.c.dismissed_at.is_(None),
            notifications.c.ended_at.is_(None),
        )
        .values(mailed_at=now())
    )
    return noted.rowcount == 1


def _lasting(client_id: int, kind: Kind, subject: str) -> list[Any]:
    columns = notifications.c
    return [
        columns.client_id == client_id,
        columns.kind == kind,
        columns.subject == subject,
        columns.ended_at.is_(None),
    ]


def _snapshot(conn: Connection, kinds: Collection[Kind]) -> set[tuple[Any, ...]]:
    columns = notifications.c
    query = select(columns.client_id, columns.kind, columns.subject, columns.place, columns.error).where(
        columns.kind.in_(list(kinds)), columns.ended_at.is_(None)
    )
    return {(*row[:4], row.error or "") for row in conn.execute(query)}


def _prune(conn: Connection, client_id: int) -> None:
    gone = (notifications.c.client_id == client_id, notifications.c.ended_at.is_not(None))
    kept_from = (
        select(notifications.c.id).where(*gone).order_by(notifications.c.id.desc()).offset(KEPT_MAX).limit(1)
    ).scalar_subquery()
    conn.execute(delete(notifications).where(*gone, notifications.c.id <= func.coalesce(kept_from, -1)))


def _notification(row: Row[Any]) -> Notification:
    values = {each.name: getattr(row, each.name) for each in fields(Notification)}
    return Notification(**values | {"kind": Kind(row.kind)})
