"""Marks on rejected records: which were replayed or discarded. The records themselves are in warehouses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, bindparam, delete, insert, select

from tidegate.control.schema import now, rejected_marks

Place = tuple[str, int, int]
"""Where a rejected record was sent: journal id, position of its request, index in the request."""


class State(StrEnum):
    """What a person did with a rejected record."""

    REPLAYED = "replayed"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What was done with a rejected record, when, by which command. Source: docs/specs/control.md, C38."""

    state: State
    marked_at: datetime
    command: str


def mark(conn: Connection, places: Sequence[Place], state: State, command: str) -> None:
    """Note what was done with records; it takes the place of what was noted before. Nothing for none."""
    if not places:
        return
    names = ("journal_id", "position", "place")
    keys = [dict(zip(names, each, strict=True)) for each in dict.fromkeys(places)]
    conn.execute(
        delete(rejected_marks).where(*(rejected_marks.c[name] == bindparam(f"_{name}") for name in names)),
        [{f"_{name}": value for name, value in each.items()} for each in keys],
    )
    marked = {"state": state, "marked_at": now(), "command": command}
    conn.execute(insert(rejected_marks), [each | marked for each in keys])


def prune(conn: Connection, before: datetime) -> int:
    """Remove marks made before that time and return how many went."""
    return conn.execute(delete(rejected_marks).where(rejected_marks.c.marked_at < before)).rowcount


def marks(conn: Connection) -> Mapping[Place, Mark]:
    """Return all marks."""
    columns = rejected_marks.c
    return {
        (row.journal_id, row.position, row.place): Mark(
            state=State(row.state), marked_at=row.marked_at, command=row.command
        )
        for row in conn.execute(select(*columns))
    }
