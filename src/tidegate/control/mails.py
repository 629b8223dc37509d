"""Mails: what is sent to whom, kept until the mail server has taken it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from tidegate.control import outbox
from tidegate.control.outbox import State
from tidegate.control.schema import mails, now

KEPT_MAX = 200
"""Mails that ended, for each account, for people to look at."""

WAITING_MAX = 1_000
"""For each account: more would arrive as one flood when the mail server is back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One mail to one address. `error` is what the last attempt met."""

    id: int
    client_id: int
    email_address: str
    subject: str
    body: str
    created_at: datetime
    state: State
    attempts: int
    due_at: datetime
    finished_at: datetime | None
    error: str | None


def enqueue(conn: Connection, client_id: int, addresses: Sequence[str], subject: str, body: str) -> None:
    """Note one mail for each address; nothing when too many wait already."""
    if outbox.waiting(conn, mails, client_id=client_id) + len(addresses) > WAITING_MAX:
        return
    at = now()
    about = {"client_id": client_id, "subject": subject, "body": body, "created_at": at}
    rows = [
        about | {"email_address": each, "state": State.WAITING, "due_at": at, "attempts": 0}
        for each in dict.fromkeys(addresses)
    ]
    if rows:
        conn.execute(insert(mails), rows)


def latest(conn: Connection, limit: int, *, client_id: int | None = None) -> Sequence[Mail]:
    """Return the newest mails, newest first, at most `limit`, of that account alone."""
    query = select(mails).order_by(mails.c.id.desc()).limit(limit)
    if client_id is not None:
        query = query.where(mails.c.client_id == client_id)
    return [mail(row) for row in conn.execute(query)]


def ended(conn: Connection, item: Mail, *, error: str | None = None) -> None:
    """Note that the mail server took a mail, or why it never will."""
    outbox.finish(conn, mails, item.id, State.DELIVERED if error is None else State.FAILED, error=error)
    outbox.prune(conn, mails, kept_max=KEPT_MAX, client_id=item.client_id)


def put_off(conn: Connection, item: Mail, due_at: datetime, *, error: str) -> None:
    """Note that an attempt failed, and when the next one is due."""
    outbox.put_off(conn, mails, item.id, due_at, error=error)


def mail(row: Row[Any]) -> Mail:
    """Shape: a row of the outbox -> the mail."""
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for a row as a mapping
    return Mail(**values | {"state": State(row.state)})
