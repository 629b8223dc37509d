"""Destinations: where sources load to. Secrets in an address are encrypted; only `full_url` tells them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, literal, or_, select, update

from tidegate.control import accounts, grant_changes
from tidegate.control.schema import Instant, destinations, from_ms, now
from tidegate.control.sealing import scrubbed, shown
from tidegate.control.store import sealer
from tidegate.errors import Conflict, Unknown

DESTINATIONS_MAX = 10
"""For each account, as in Stitch's plans with several destinations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """
    A destination. `url` may be shown to anyone: secrets in it are masked, so it may not do to connect with.

    `failing_since` and `error` tell of the loads to it: None while they work.
    Source: docs/specs/control.md, C14 to C17.
    """

    id: int
    client_id: int
    name: str
    url: str
    is_default: bool
    created_at: datetime
    failing_since: datetime | None
    error: str | None


def create(conn: Connection, client_id: int, url: str, name: str) -> Destination:
    """
    Make a destination; an account's first one is its default.

    Errors: Unknown account, Conflict when it has ten, InputInvalid when `url` is no URL, ControlUnusable
    when it holds a secret and there is no usable key.
    """
    accounts.get(conn, client_id)
    count = conn.execute(select(func.count()).where(destinations.c.client_id == client_id)).scalar_one()
    if count >= DESTINATIONS_MAX:
        raise Conflict("you are at your destination limit")
    public = shown(url)
    values = {
        "client_id": client_id,
        "name": name,
        "shown_url": public,
        "sealed_url": None if public == url else sealer(conn).seal(url),
        "is_default": count == 0,
        "created_at": now(),
    }
    grant_changes.note(conn)
    return _destination(conn.execute(insert(destinations).values(values).returning(destinations)).one())


def get(conn: Connection, destination_id: int, *, client_id: int | None = None) -> Destination:
    """
    Return a destination; with `client_id`, another account's is as if there were none.

    Errors: Unknown.
    """
    query = select(destinations).where(destinations.c.id == destination_id)
    if client_id is not None:
        query = query.where(destinations.c.client_id == client_id)
    row = conn.execute(query).one_or_none()
    if row is None:
        raise Unknown(f"destination not found ({destination_id})")
    return _destination(row)


def default(conn: Connection, client_id: int) -> Destination:
    """Return the destination of an account's sources that name none. Errors: Unknown when there is none."""
    query = select(destinations).where(destinations.c.client_id == client_id, destinations.c.is_default)
    row = conn.execute(query).one_or_none()
    if row is None:
        raise Unknown(f"account {client_id} has no destination yet")
    return _destination(row)


def list_(conn: Connection, client_id: int | None = None) -> Sequence[Destination]:
    """Return the destinations of an account (None: of all), oldest first."""
    query = select(destinations).order_by(destinations.c.id)
    if client_id is not None:
        query = query.where(destinations.c.client_id == client_id)
    return [_destination(row) for row in conn.execute(query)]


def full_url(conn: Connection, destination_id: int) -> str:
    """
    Return the address to connect with, secrets included: for the loader, never for a page, a log or an error.

    Errors: Unknown; ControlUnusable when it was encrypted with another key.
    """
    row = conn.execute(select(destinations).where(destinations.c.id == destination_id)).one_or_none()
    if row is None:
        raise Unknown(f"destination not found ({destination_id})")
    return row.shown_url if row.sealed_url is None else sealer(conn).unseal(row.sealed_url)


def note_failing(conn: Connection, destination_id: int, error_text: str, at_ms: int) -> None:
    """
    Note that loads fail, since `at_ms` (milliseconds since 1970 UTC) unless they failed before.

    Writes nothing when nothing changed. Secrets of the address are masked in the text. Errors: Unknown.
    """
    text = scrubbed(error_text, full_url(conn, destination_id))
    changed = or_(destinations.c.failing_since.is_(None), destinations.c.error != text)
    since = func.coalesce(destinations.c.failing_since, literal(from_ms(at_ms), Instant))
    noted = conn.execute(
        update(destinations)
        .where(destinations.c.id == destination_id, changed)
        .values(failing_since=since, error=text)
    )
    if noted.rowcount:
        grant_changes.note(conn)


def note_working(conn: Connection, destination_id: int) -> None:
    """Note that loads work; writes nothing when they did before."""
    failing = destinations.c.failing_since.is_not(None)
    noted = conn.execute(
        update(destinations)
        .where(destinations.c.id == destination_id, failing)
        .values(failing_since=None, error=None)
    )
    if noted.rowcount:
        grant_changes.note(conn)


def _destination(row: Row[Any]) -> Destination:
    return Destination(
        id=row.id,
        client_id=row.client_id,
        name=row.name,
        url=row.shown_url,
        is_default=row.is_default,
        created_at=row.created_at,
        failing_since=row.failing_since,
        error=row.error,
    )
