"""
Sources handed over from one destination to another, at a position, while no lane runs.

What a source sent up to that position has its old destination, what came behind it gets the new one. The old
destination is asked how far it is; one that was deleted, or does not answer, is where it last said it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from tidegate.control import assignments, destinations
from tidegate.control.assignments import Misplaced
from tidegate.errors import DestinationError, Unknown
from tidegate.loader.progress_text import from_text, furthest
from tidegate.tables.model import Progress

if TYPE_CHECKING:
    from tidegate.control.store import Store
    from tidegate.destinations.base import Destination
    from tidegate.journal.base import Journal
    from tidegate.logs import Log

Connect = Callable[[str], "Destination"]
Asked = Mapping[str, Progress]
"""Name of progress -> what a warehouse has under it."""


def hand_over(store: Store, journal: Journal, connect: Connect, *, log: Log) -> None:
    """
    Assign every source to where it is wanted.

    No lane may run meanwhile. Errors: ControlError, JournalError.
    """
    journal_id = journal.journal_id
    with store.reading() as conn:
        to_ask = _to_ask(conn, journal_id)
    asked: dict[str, Progress] = {}
    for url, names in to_ask.items():
        asked |= _ask(connect(url), names)
    with store.writing() as conn:
        assignments.forget_others(conn, journal_id)
        for each in assignments.misplaced(conn):
            after = _position(conn, each, asked, journal)
            if each.assignment is not None:
                assignments.end(conn, each.assignment, after, journal_id)
            assignments.assign(
                conn,
                each.source_id,
                each.wanted,
                journal_id=journal_id,
                after=after,
                reached=None if each.wanted is None or each.assignment is None else after,
            )
            log.info("source handed over", source=each.source_id, destination=each.wanted, after=after)


def newcomer_name(name: str, assignment_id: int) -> str:
    """Return under which name a destination keeps how far it has caught up with a source."""
    return f"{name}/{assignment_id}"


def _position(conn: Connection, each: Misplaced, asked: Asked, journal: Journal) -> int:
    """Return the position up to which a source's entries are where it was assigned."""
    before = each.assignment
    if before is None:
        # A release without assignments: its one default held for all, and kept everything for the homeless.
        return 0 if each.wanted is not None else journal.stats().loaded
    if before.destination_id is None:
        return before.after
    names = destinations.names_of_progress(conn, before.destination_id, journal.journal_id)
    if before.reached is not None:
        found = asked.get(newcomer_name(names[0], before.id))
        return max(before.reached, 0 if found is None else _safe(found, each.schema_name))
    noted = from_text(destinations.noted_progress(conn, before.destination_id), journal.journal_id)
    progress = furthest([*(asked.get(name) for name in names), noted])
    if progress is None:
        return max(before.after, journal.stats().loaded)
    if _is_there(conn, before.destination_id):
        return max(before.after, progress.upto)
    # Nobody will fetch what a deleted destination held back, so the next one gets it.
    return max(before.after, _safe(progress, each.schema_name))


def _safe(progress: Progress, schema_name: str) -> int:
    """Return up to where nothing of a schema is missing."""
    held = [each.after for each in progress.held if each.schema_name == schema_name]
    return min([progress.upto, *held])


def _to_ask(conn: Connection, journal_id: str) -> dict[str, list[str]]:
    """Return the addresses of destinations that sources leave, with the names of progress to ask for."""
    found: dict[str, list[str]] = {}
    before = [each.assignment for each in assignments.misplaced(conn) if each.assignment is not None]
    for destination_id in {each.destination_id for each in before if each.destination_id is not None}:
        if not _is_there(conn, destination_id):
            continue
        names = destinations.names_of_progress(conn, destination_id, journal_id)
        newcomers = [
            newcomer_name(names[0], each.id)
            for each in before
            if each.destination_id == destination_id and each.reached is not None
        ]
        found[destinations.full_url(conn, destination_id)] = [*names, *newcomers]
    return found


def _ask(warehouse: Destination, names: Sequence[str]) -> dict[str, Progress]:
    """Return what a warehouse has under some names; nothing when it does not answer."""
    with closing(warehouse):
        try:
            warehouse.open()
            stored = {name: warehouse.progress(name) for name in names}
        except DestinationError:
            return {}
    return {name: progress for name, progress in stored.items() if progress is not None}


def _is_there(conn: Connection, destination_id: int) -> bool:
    try:
        destinations.get(conn, destination_id)
    except Unknown:
        return False
    return True
