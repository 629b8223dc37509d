"""Sources: where records come from. Each has its access tokens and its own schema in the warehouse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, or_, select, update

from tidegate.control import accounts, assignments, audit, destinations, grant_changes, schema_names
from tidegate.control.names import is_name, shown_name
from tidegate.control.schema import now, sources
from tidegate.errors import Conflict, InvalidName, Unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """
    A source. `schema_name` never changes; `destination_id` is None for the account's default destination.
    `staged_versions`: a new table version is kept apart until it is activated. `append_only`: rows are only
    added and replace none.

    Any `paused_at` means paused now, even one that lies ahead. Source: docs/specs/control.md, C4 to C8.
    """

    id: int
    client_id: int
    destination_id: int | None
    display_name: str
    schema_name: str
    created_at: datetime
    updated_at: datetime
    paused_at: datetime | None
    deleted_at: datetime | None
    staged_versions: bool
    append_only: bool

    @property
    def active(self) -> bool:
        """Whether its tokens are taken: neither paused nor deleted."""
        return self.paused_at is None and self.deleted_at is None


def create(
    conn: Connection,
    client_id: int,
    display_name: str,
    schema_name: str | None = None,
    *,
    destination_id: int | None = None,
) -> Source:
    """
    Make a source; its schema name is derived from the display name unless it is given.

    Errors: InvalidName, Conflict when an undeleted source of the account has that schema name, Unknown
    when there is no such account or the destination is not its own.
    """
    if not display_name.strip():
        raise InvalidName(f"invalid display_name ({shown_name(display_name)})")
    name = schema_names.chosen(display_name, schema_name)
    _check_name(display_name)
    accounts.get(conn, client_id)
    if destination_id is not None:
        destinations.get(conn, destination_id, client_id=client_id)
    taken = select(sources.c.id).where(
        sources.c.client_id == client_id, sources.c.schema_name == name, sources.c.deleted_at.is_(None)
    )
    if conn.execute(taken).first() is not None:
        derived = f" after deriving it from display_name ({display_name} -> {name})"
        given = f" ({name})"
        raise Conflict(
            "non-unique name" + (derived if schema_name is None and name != display_name else given)
        )
    at = now()
    values = {
        "client_id": client_id,
        "destination_id": destination_id,
        "display_name": display_name,
        "schema_name": name,
        "created_at": at,
        "updated_at": at,
    }
    made = _source(conn.execute(insert(sources).values(values).returning(sources)).one())
    assignments.begin(conn, made.id)
    return _noted(conn, "created", made)


def get(conn: Connection, source_id: int, *, client_id: int | None = None) -> Source:
    """
    Return a source, a deleted one too; with `client_id`, another account's is as if there were none.

    Errors: Unknown.
    """
    query = select(sources).where(sources.c.id == source_id)
    if client_id is not None:
        query = query.where(sources.c.client_id == client_id)
    row = conn.execute(query).one_or_none()
    if row is None:
        raise Unknown(f"source not found ({source_id})")
    return _source(row)


def find(conn: Connection, text: str, *, client_id: int | None = None) -> Source:
    """
    Return the undeleted source of that id or schema name, as people name it.

    Shape: with `client_id`, another account's is as if there were none. Errors: Unknown, Conflict.
    """
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
    named = or_(sources.c.schema_name == text, sources.c.id == number)
    query = select(sources).where(named, sources.c.deleted_at.is_(None))
    if client_id is not None:
        query = query.where(sources.c.client_id == client_id)
    rows = conn.execute(query).all()
    if not rows:
        raise Unknown(f"source not found ({text})")
    if len(rows) > 1:
        raise Conflict(f"several accounts have a source {text}; give its id")
    return _source(rows[0])


def list_(conn: Connection, client_id: int | None = None, *, deleted: bool = False) -> Sequence[Source]:
    """Return the sources of an account (None: of all), oldest first, on request with the deleted ones."""
    query = select(sources).order_by(sources.c.id)
    if client_id is not None:
        query = query.where(sources.c.client_id == client_id)
    if not deleted:
        query = query.where(sources.c.deleted_at.is_(None))
    return [_source(row) for row in conn.execute(query)]


def rename(conn: Connection, source_id: int, display_name: str) -> Source:
    """Change the display name; the schema name stays. Errors: Unknown, InvalidName."""
    _check_name(display_name)
    return _noted(conn, "renamed", _change(conn, source_id, display_name=display_name))


def pause(conn: Connection, source_id: int, at: datetime | None = None) -> Source:
    """Refuse the source's requests from now on; what was accepted still loads. Errors: Unknown."""
    return _noted(conn, "paused", _change(conn, source_id, paused_at=at or now()))


def resume(conn: Connection, source_id: int) -> Source:
    """Take the source's requests again. Errors: Unknown."""
    return _noted(conn, "resumed", _change(conn, source_id, paused_at=None))


def stage_versions(conn: Connection, source_id: int, on: bool) -> Source:
    """Keep new table versions apart until they are activated, or no longer; from now on. Errors: Unknown."""
    what = "keeps versions apart" if on else "loads versions at once"
    return _noted(conn, what, _change(conn, source_id, staged_versions=on))


def staged(conn: Connection) -> frozenset[int]:
    """Return the sources that keep new table versions apart, deleted ones too."""
    return frozenset(conn.execute(select(sources.c.id).where(sources.c.staged_versions)).scalars())


def only_append(conn: Connection, source_id: int, on: bool) -> Source:
    """Only add rows, or replace those of equal keys again; from now on. Errors: Unknown."""
    what = "has rows only added" if on else "has rows replaced"
    return _noted(conn, what, _change(conn, source_id, append_only=on))


def appending(conn: Connection) -> frozenset[int]:
    """Return the sources whose rows are only added, deleted ones too."""
    return frozenset(conn.execute(select(sources.c.id).where(sources.c.append_only)).scalars())


def move(conn: Connection, source_id: int, destination_id: int | None) -> Source:
    """
    Load into another destination of the account (None: its default one), from where the loader changes over.

    What was loaded stays where it is. Errors: Unknown source or destination.
    """
    if destination_id is not None:
        destinations.get(conn, destination_id, client_id=get(conn, source_id).client_id)
    return _noted(conn, "moved", _change(conn, source_id, destination_id=destination_id))


def delete(conn: Connection, source_id: int) -> Source:
    """
    Delete for good: requests are refused, the schema name is free, the warehouse keeps its data.

    Errors: Unknown, also when it was deleted before.
    """
    return _noted(conn, "deleted", _change(conn, source_id, deleted_at=now()))


def touch(conn: Connection, source_id: int) -> Source:
    """Note a change of the source's tokens; other writers wait. Errors: Unknown when deleted."""
    return _change(conn, source_id)


def _check_name(display_name: str) -> None:
    if not is_name(display_name):
        raise InvalidName(f"invalid display_name ({shown_name(display_name)})")


def _noted(conn: Connection, what: str, source: Source) -> Source:
    audit.note(conn, source.client_id, f"source {what}", f"{source.id} ({source.display_name})")
    return source


def _change(conn: Connection, source_id: int, **values: Any) -> Source:
    statement = (
        update(sources)
        .where(sources.c.id == source_id, sources.c.deleted_at.is_(None))
        .values(updated_at=now(), **values)
        .returning(sources)
    )
    row = conn.execute(statement).one_or_none()
    if row is None:
        raise Unknown(f"source not found ({source_id})")
    grant_changes.note(conn)
    return _source(row)


def _source(row: Row[Any]) -> Source:
    return Source(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for a row as a mapping
