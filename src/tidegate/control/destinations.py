"""Destinations: where sources load to. Secrets in an address are encrypted; only `full_url` tells them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection, Row, and_, func, insert, literal, or_, select, update

from tidegate.control import accounts, audit, grant_changes
from tidegate.control.schema import Instant, destinations, from_ms, now, sources
from tidegate.control.sealing import is_masked, scrubbed, shown
from tidegate.control.store import sealer
from tidegate.errors import Conflict, InputInvalid, Unknown

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
    description: str | None
    updated_at: datetime


def create(
    conn: Connection,
    client_id: int,
    url: str,
    name: str,
    *,
    description: str | None = None,
    adopts: bool = True,
) -> Destination:
    """
    Make a destination; the first one of an account that has none is its default.

    Shape: one that `adopts` also takes over the sources whose destination was deleted; what they sent since
    waits for it.
    Errors: Unknown account, Conflict when it has ten or another destination is at the same place,
    InputInvalid when `url` is no URL, ControlUnusable when it holds a secret and there is no usable key.
    """
    accounts.get(conn, client_id)
    known = list_(conn, client_id)
    if len(known) >= DESTINATIONS_MAX:
        raise Conflict("you are at your destination limit")
    at = now()
    values = _addressed(conn, client_id, url) | {
        "client_id": client_id,
        "name": name,
        "description": description,
        "is_default": adopts and not any(each.is_default for each in known),
        "created_at": at,
        "updated_at": at,
    }
    grant_changes.note(conn)
    made = _destination(conn.execute(insert(destinations).values(values).returning(destinations)).one())
    if adopts:
        gone = select(destinations.c.id).where(destinations.c.deleted_at.is_not(None))
        conn.execute(
            update(sources)
            .where(sources.c.client_id == client_id, sources.c.destination_id.in_(gone))
            .values(destination_id=made.id)
        )
    return _noted(conn, "created", made)


def change(
    conn: Connection,
    destination_id: int,
    *,
    url: str | None = None,
    name: str | None = None,
    description: str | None = None,
) -> Destination:
    """Change what is given; None leaves it. Errors: Unknown, and as `create` for the address."""
    before = get(conn, destination_id)
    values: dict[str, Any] = {"updated_at": now()}
    if url is not None:
        values |= _addressed(conn, before.client_id, url, except_for=destination_id)
        # Also when it may be the same place under another name: the loader finds that out there.
        values |= {"generation": destinations.c.generation + 1}
    values |= {} if name is None else {"name": name}
    values |= {} if description is None else {"description": description}
    statement = update(destinations).where(destinations.c.id == destination_id).values(values)
    grant_changes.note(conn)
    return _noted(conn, "changed", _destination(conn.execute(statement.returning(destinations)).one()))


def delete(conn: Connection, destination_id: int, *, client_id: int) -> None:
    """
    Delete a destination with its secrets; the warehouse keeps its data.

    What its sources send from now on is kept until the account's next destination takes them over.
    Errors: Unknown, also when it was deleted before.
    """
    _noted(conn, "deleted", get(conn, destination_id, client_id=client_id))
    conn.execute(
        update(destinations)
        .where(destinations.c.id == destination_id)
        .values(deleted_at=now(), is_default=False, sealed_url=None, failing_since=None, error=None)
    )
    grant_changes.note(conn)


def homeless(conn: Connection) -> bool:
    """Whether any source has nowhere to load to, so that what it sends must be kept."""
    own = and_(sources.c.destination_id == destinations.c.id, destinations.c.deleted_at.is_(None))
    inherited = and_(
        sources.c.destination_id.is_(None),
        sources.c.client_id == destinations.c.client_id,
        destinations.c.is_default,
    )
    query = (
        select(sources.c.id)
        .select_from(sources.outerjoin(destinations, or_(own, inherited)))
        .where(sources.c.deleted_at.is_(None), destinations.c.id.is_(None))
        .limit(1)
    )
    return conn.execute(query).first() is not None


def get(conn: Connection, destination_id: int, *, client_id: int | None = None) -> Destination:
    """
    Return a destination; with `client_id`, another account's is as if there were none.

    Errors: Unknown.
    """
    query = select(destinations).where(
        destinations.c.id == destination_id, destinations.c.deleted_at.is_(None)
    )
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
    query = select(destinations).where(destinations.c.deleted_at.is_(None)).order_by(destinations.c.id)
    if client_id is not None:
        query = query.where(destinations.c.client_id == client_id)
    return [_destination(row) for row in conn.execute(query)]


def full_url(conn: Connection, destination_id: int) -> str:
    """
    Return the address to connect with, secrets included: for the loader, never for a page, a log or an error.

    Errors: Unknown; ControlUnusable when it was encrypted with another key.
    """
    query = select(destinations).where(
        destinations.c.id == destination_id, destinations.c.deleted_at.is_(None)
    )
    row = conn.execute(query).one_or_none()
    if row is None:
        raise Unknown(f"destination not found ({destination_id})")
    return row.shown_url if row.sealed_url is None else sealer(conn).unseal(row.sealed_url)


def note_failing(conn: Connection, destination_id: int, error_text: str, at_ms: int) -> None:
    """
    Note that loads fail, since `at_ms` (milliseconds since 1970 UTC) unless they failed before.

    Writes nothing when nothing changed, or the destination was deleted meanwhile. Secrets of the address are
    masked in the text.
    """
    if not any(each.id == destination_id for each in list_(conn)):
        return
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


def note_progress(conn: Connection, destination_id: int, text: str) -> None:
    """Keep how far the loader says a destination is, also one that was deleted meanwhile."""
    conn.execute(update(destinations).where(destinations.c.id == destination_id).values(progress=text))


def noted_progress(conn: Connection, destination_id: int) -> str | None:
    """Return what `note_progress` kept last, of a deleted destination too."""
    found: str | None = conn.execute(
        select(destinations.c.progress).where(destinations.c.id == destination_id)
    ).scalar()
    return found


def names_of_progress(conn: Connection, destination_id: int, journal_id: str) -> Sequence[str]:
    """
    Return under which names a destination may keep its progress with a journal: its own, then earlier ones.

    Each place that the destination pointed to has its own name, so that two destinations in one warehouse do
    not disturb each other, nor one that comes back to an earlier place. The last is that of releases which
    had one name for all. Source: docs/specs/control.md, C37.
    """
    generation: int = conn.execute(
        select(destinations.c.generation).where(destinations.c.id == destination_id)
    ).scalar_one()
    return [
        *(f"{journal_id}/{destination_id}.{number}" for number in range(generation, 0, -1)),
        journal_id,
    ]


def all_names_of_progress(conn: Connection, journal_id: str) -> Sequence[str]:
    """Return every name under which any destination, of whatever account and time, may keep its progress."""
    found = conn.execute(select(destinations.c.id).order_by(destinations.c.id)).scalars()
    names = [name for each in found for name in names_of_progress(conn, each, journal_id)[:-1]]
    return [*names, journal_id]


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
        description=row.description,
        updated_at=row.updated_at or row.created_at,
    )


def _noted(conn: Connection, what: str, destination: Destination) -> Destination:
    subject = f"{destination.id} ({destination.url})"
    audit.note(conn, destination.client_id, f"destination {what}", subject)
    return destination


def _addressed(
    conn: Connection, client_id: int, url: str, *, except_for: int | None = None
) -> dict[str, Any]:
    """
    Return an address's columns.

    An account has one destination at a place, and a file is one account's. Of a server no account is told
    what others have there. Errors: InputInvalid, ControlUnusable, Conflict.
    """
    public = shown(url)
    if is_masked(url):
        raise InputInvalid("the address has *** where its password or options were; give them again")
    place = _place(public)
    others = list_(conn, client_id if place[1] else None)
    if any(_place(each.url) == place and each.id != except_for for each in others):
        raise Conflict("there already is a destination at this place")
    return {"shown_url": public, "sealed_url": None if public == url else sealer(conn).seal(url)}


def _place(public_url: str) -> tuple[str, str | None, int | None, str]:
    """Return what tells warehouses apart: everything but who connects, and how."""
    parts = urlsplit(public_url)
    return parts.scheme, parts.hostname, parts.port, parts.path
