"""
Assignments: from which position of the journal on a source loads into which destination.

A source names a destination, or its account's default holds for it; that is what is *wanted*, and changes at
once. The assignment is what holds, and follows when the loader starts: the position at which it changes is
then known. Source: docs/specs/control.md, C36.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, delete, insert, or_, select, update

from tidegate.control import grant_changes
from tidegate.control.schema import assignments, destinations, sources


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """
    One source's entries behind position `after`, up to `upto` (None: on and on), load into a destination.

    Shape: without `destination_id` they are kept until there is one. `reached` is how far the destination has
    caught up with them, None since it takes them along with its other sources. The positions are those of
    the journal `journal_id`, None when they would do for any.
    """

    id: int
    source_id: int
    destination_id: int | None
    journal_id: str | None
    after: int
    upto: int | None
    reached: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Misplaced:
    """A source that is assigned elsewhere than is wanted; `assignment` is None while it has none at all."""

    source_id: int
    schema_name: str
    wanted: int | None
    assignment: Assignment | None


def begin(conn: Connection, source_id: int) -> None:
    """Assign a new source to where it is wanted: it has sent nothing yet, so any position will do."""
    wanted = conn.execute(_wanted().where(sources.c.id == source_id)).one().wanted
    assign(conn, source_id, wanted)


def assign(
    conn: Connection,
    source_id: int,
    destination_id: int | None,
    *,
    journal_id: str | None = None,
    after: int = 0,
    reached: int | None = None,
) -> None:
    """Let a source without an open assignment load into a destination what is behind `after`, or keep it."""
    conn.execute(
        insert(assignments).values(
            source_id=source_id,
            destination_id=destination_id,
            journal_id=journal_id,
            after=after,
            reached=reached,
        )
    )
    grant_changes.note(conn)


def end(conn: Connection, assignment: Assignment, upto: int, journal_id: str) -> None:
    """Let an assignment hold up to a position; one that then holds for nothing is removed."""
    mine = assignments.c.id == assignment.id
    if upto <= assignment.after:
        conn.execute(delete(assignments).where(mine))
    else:
        conn.execute(update(assignments).where(mine).values(upto=upto, journal_id=journal_id))
    grant_changes.note(conn)


def note_reached(conn: Connection, assignment_id: int, position: int) -> None:
    """Note how far the destination has caught up."""
    conn.execute(
        update(assignments)
        .where(assignments.c.id == assignment_id, assignments.c.reached.is_not(None))
        .values(reached=position)
    )


def join(conn: Connection, assignment_id: int) -> None:
    """Note that the destination takes the entries along with those of its other sources from now on."""
    conn.execute(update(assignments).where(assignments.c.id == assignment_id).values(reached=None))
    grant_changes.note(conn)


def of_destination(conn: Connection, destination_id: int) -> Sequence[tuple[Assignment, str]]:
    """Return what loads into a destination, deleted sources too, each with its source's schema."""
    query = (
        select(assignments, sources.c.schema_name)
        .join(sources, sources.c.id == assignments.c.source_id)
        .where(assignments.c.destination_id == destination_id)
        .order_by(assignments.c.id)
    )
    return [(_assignment(row), row.schema_name) for row in conn.execute(query)]


def kept(conn: Connection) -> Mapping[int, int]:
    """Return the undeleted sources that load nowhere -> the position behind which their entries are kept."""
    query = select(assignments.c.source_id, assignments.c.after).where(
        assignments.c.source_id == sources.c.id,
        sources.c.deleted_at.is_(None),
        assignments.c.destination_id.is_(None),
        assignments.c.upto.is_(None),
    )
    return {row.source_id: row.after for row in conn.execute(query)}


def homeless(conn: Connection) -> Sequence[str]:
    """Return the schemas of the undeleted sources that are wanted nowhere: what they send waits."""
    wanted = _wanted().where(sources.c.deleted_at.is_(None), destinations.c.id.is_(None))
    return [row.schema_name for row in conn.execute(wanted.order_by(sources.c.id))]


def misplaced(conn: Connection) -> Sequence[Misplaced]:
    """Return the sources whose assignment is not what is wanted, deleted ones too."""
    wanted = _wanted().subquery()
    query = (
        select(wanted, assignments)
        .outerjoin(
            assignments,
            and_(assignments.c.source_id == wanted.c.wanting, assignments.c.upto.is_(None)),
        )
        .where(
            or_(
                assignments.c.id.is_(None),
                assignments.c.destination_id.is_distinct_from(wanted.c.wanted),
            )
        )
        .order_by(wanted.c.wanting)
    )
    return [
        Misplaced(
            source_id=row.wanting,
            schema_name=row.schema_name,
            wanted=row.wanted,
            assignment=None if row.id is None else _assignment(row),
        )
        for row in conn.execute(query)
    ]


def forget_others(conn: Connection, journal_id: str) -> None:
    """Let positions of other journals hold no longer: a new journal was begun, and counts from 1."""
    other = and_(assignments.c.journal_id.is_not(None), assignments.c.journal_id != journal_id)
    if conn.execute(select(assignments.c.id).where(other).limit(1)).first() is None:
        return
    conn.execute(delete(assignments).where(other, assignments.c.upto.is_not(None)))
    conn.execute(update(assignments).where(other).values(after=0, reached=None, journal_id=None))
    grant_changes.note(conn)


def _wanted() -> Select[Any]:
    """Every source with the destination it names, or else its account's default; None when there is none."""
    own = and_(sources.c.destination_id == destinations.c.id, destinations.c.deleted_at.is_(None))
    inherited = and_(
        sources.c.destination_id.is_(None),
        sources.c.client_id == destinations.c.client_id,
        destinations.c.is_default,
    )
    return select(
        sources.c.id.label("wanting"), sources.c.schema_name, destinations.c.id.label("wanted")
    ).select_from(sources.outerjoin(destinations, or_(own, inherited)))


def _assignment(row: Row[Any]) -> Assignment:
    return Assignment(**{name: getattr(row, name) for name in Assignment.__dataclass_fields__})
