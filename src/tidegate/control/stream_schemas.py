"""The tables that a source sends, each with its key and what its records look like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from tidegate.control.schema import now, streams
from tidegate.errors import Unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a load saw of a table: name and key as sent; `schema_text` is a JSON Schema, "" for unknown."""

    source_id: int
    table_name: str
    key_names: tuple[str, ...]
    schema_text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSchema:
    """A table of a source. `updated_at` is when its key or its schema changed last."""

    id: int
    source_id: int
    table_name: str
    key_names: tuple[str, ...]
    schema_text: str
    updated_at: datetime


def note(conn: Connection, seen: Sequence[Seen]) -> None:
    """Keep what loads saw, in the place of what was seen before; an unknown schema leaves the known one."""
    for each in seen:
        values: dict[str, Any] = {"key_names": list(each.key_names), "updated_at": now()}
        if each.schema_text:
            values["schema"] = each.schema_text
        own = (streams.c.source_id == each.source_id, streams.c.table_name == each.table_name)
        if conn.execute(update(streams).where(*own).values(values)).rowcount == 0:
            named = {"source_id": each.source_id, "table_name": each.table_name, "schema": ""}
            conn.execute(insert(streams).values(named | values))


def list_(conn: Connection, source_id: int) -> Sequence[StreamSchema]:
    """Return the tables of a source, in the order they came."""
    query = select(streams).where(streams.c.source_id == source_id).order_by(streams.c.id)
    return [_stream(row) for row in conn.execute(query)]


def get(conn: Connection, stream_id: int, *, source_id: int) -> StreamSchema:
    """Return a table of a source. Errors: Unknown, also when it is another source's."""
    query = select(streams).where(streams.c.id == stream_id, streams.c.source_id == source_id)
    row = conn.execute(query).one_or_none()
    if row is None:
        raise Unknown(f"stream not found ({stream_id})")
    return _stream(row)


def _stream(row: Row[Any]) -> StreamSchema:
    return StreamSchema(
        id=row.id,
        source_id=row.source_id,
        table_name=row.table_name,
        key_names=tuple(row.key_names),
        schema_text=row.schema,
        updated_at=row.updated_at,
    )
