"""What a lane asks of and tells to the control store."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from tidegate.control import (
    assignments,
    deliveries,
    destinations,
    discards,
    grant_changes,
    loads,
    rejected,
    sources,
    stream_schemas,
)
from tidegate.control.loads import LoadReport
from tidegate.control.schema import from_ms
from tidegate.control.store import Store
from tidegate.control.stream_schemas import Seen
from tidegate.errors import LoadConflict
from tidegate.loader.ports import Assigned
from tidegate.loader.progress_text import as_text, from_text
from tidegate.tables.model import Progress

PRUNE_EVERY = 500
"""Loads between two prunings of old reports: at one load a second, every eight minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A destination to run a lane for; `url` with its secrets."""

    destination_id: int
    url: str


def targets(store: Store) -> Sequence[Target]:
    """Return every destination there is."""
    with store.reading() as conn:
        return _targets(conn)


def _targets(conn: Connection) -> Sequence[Target]:
    return [
        Target(destination_id=each.id, url=destinations.full_url(conn, each.id))
        for each in destinations.list_(conn)
    ]


class Surroundings:
    """What the loader process must know of the store beside its lanes. Used from one thread."""

    def __init__(self, store: Store, known: Sequence[Target]) -> None:
        self._store = store
        self._known = known
        self._version: int | None = None
        self._changes: int | None = None
        self._answer: tuple[bool, Mapping[int, int]] = (False, {})

    def look(self) -> tuple[bool, Mapping[int, int]]:
        """
        Tell whether destinations or what loads into them changed since the lanes began, and which sources
        load nowhere yet, with the position behind which their entries are kept.

        Microseconds while nothing is committed. Errors: ControlError.
        """
        version = self._store.version()
        if version != self._version:
            with self._store.reading() as conn:
                changes = grant_changes.number(conn)
                if changes != self._changes:
                    moved = bool(assignments.misplaced(conn))
                    self._answer = (moved or _targets(conn) != self._known, assignments.kept(conn))
            self._version, self._changes = version, changes
        return self._answer


class StoreLedger:
    """The ledger of one lane, kept in the control store. What is assigned is read once per change."""

    def __init__(self, store: Store, destination_id: int, journal_id: str, now_ms: Callable[[], int]) -> None:
        self._store = store
        self._destination_id = destination_id
        self._journal_id = journal_id
        self._version: int | None = None
        self._changes: int | None = None
        self._assigned: Mapping[int, Assigned] = {}
        self._now_ms = now_ms
        self._failing = True  # as far as we know: the first load that works clears what an earlier run noted
        self._unsure = False  # whether what is told may have been committed, and only the answer lost
        self._since_prune = 0
        self._seen: dict[tuple[int, str], int] = {}  # hashes: schemas are long

    def assigned(self) -> Mapping[int, Assigned]:
        """Return what loads here; asking costs microseconds while nothing is committed. Errors: `_read`."""
        version = self._store.version()
        if version != self._version:
            with self._store.reading() as conn:
                changes = grant_changes.number(conn)
                if changes != self._changes:
                    self._assigned, self._changes = self._read(conn), changes
            self._version = version  # as of before reading: a change in between is seen the next time
        return self._assigned

    def _read(self, conn: Connection) -> Mapping[int, Assigned]:
        """
        Read what loads here. Errors: LoadConflict when a source was moved away, or this destination deleted.

        What was accepted from then on is for the next destination, so nothing more is loaded; the loader
        notices too, and begins anew.
        """
        here = self._destination_id
        moved = [
            each.schema_name
            for each in assignments.misplaced(conn)
            if each.assignment is not None and each.assignment.destination_id == here
        ]
        if moved:
            raise LoadConflict(f"source {moved[0]} was moved to another destination; the loader starts anew")
        staged, appending = sources.staged(conn), sources.appending(conn)
        given_up = discards.of_journal(conn, self._journal_id)
        return {
            source_id: replace(
                each,
                staged_versions=source_id in staged,
                append_only=source_id in appending,
                discards=given_up.get(source_id, {}),
            )
            for source_id, each in self._spans(conn).items()
        }

    def _spans(self, conn: Connection) -> Mapping[int, Assigned]:
        spans: dict[int, list[tuple[int, int | None]]] = defaultdict(list)
        schema_names: dict[int, str] = {}
        for each, schema_name in assignments.of_destination(conn, self._destination_id):
            if each.reached is None:
                spans[each.source_id].append((each.after, each.upto))
                schema_names[each.source_id] = schema_name
        return {
            source_id: Assigned(schema_name=schema_names[source_id], spans=tuple(found))
            for source_id, found in spans.items()
        }

    def noted(self) -> Progress | None:
        """Return the progress that was noted last."""
        with self._store.reading() as conn:
            return from_text(destinations.noted_progress(conn, self._destination_id), self._journal_id)

    def join(self, assignment_id: int) -> None:
        """Note that a source loads along with the others from now on."""
        with self._store.writing() as conn:
            assignments.join(conn, assignment_id)

    def loaded(
        self, reports: Sequence[LoadReport], progress: Progress | None, seen: Sequence[Seen] = ()
    ) -> None:
        """
        Keep the reports, and the calls of hooks that tell of them; note that the destination works.

        Errors: ControlError; then it may be told again, and is kept once.
        """
        news = [each for each in seen if self._seen.get((each.source_id, each.table_name)) != hash(each)]
        unsure, self._unsure = self._unsure, True
        with self._store.writing() as conn:
            if unsure and self._is_noted(conn, progress):
                reports = ()
            stream_schemas.note(conn, news)
            if progress is not None:
                self._note(conn, progress)
            loads.add(conn, reports)
            deliveries.enqueue(conn, reports)
            if self._failing:
                destinations.note_working(conn, self._destination_id)
            self._since_prune += 1
            if self._since_prune >= PRUNE_EVERY:
                loads.prune(conn)
                self._since_prune = 0
        self._failing = self._unsure = False
        self._seen |= {(each.source_id, each.table_name): hash(each) for each in news}

    def forget(self, before_ms: int) -> None:
        """Forget old marks on rejected records."""
        with self._store.writing() as conn:
            rejected.prune(conn, from_ms(before_ms))

    def _note(self, conn: Connection, progress: Progress) -> None:
        destinations.note_progress(conn, self._destination_id, as_text(progress, self._journal_id))

    def _is_noted(self, conn: Connection, progress: Progress | None) -> bool:
        noted = from_text(destinations.noted_progress(conn, self._destination_id), self._journal_id)
        return progress is not None and progress == noted

    def failing(self, error: str) -> None:
        """Note the error; from now on clients of these sources are told that processing waits."""
        self._failing = True
        with self._store.writing() as conn:
            destinations.note_failing(conn, self._destination_id, error, self._now_ms())


class NewcomerLedger(StoreLedger):
    """The ledger of a source that its destination catches up with."""

    def __init__(
        self,
        store: Store,
        newcomer: assignments.Assignment,
        schema_name: str,
        journal_id: str,
        now_ms: Callable[[], int],
    ) -> None:
        super().__init__(store, newcomer.destination_id or 0, journal_id, now_ms)
        self._newcomer = newcomer
        self._span = Assigned(schema_name=schema_name, spans=((newcomer.after, newcomer.upto),))

    def _spans(self, conn: Connection) -> Mapping[int, Assigned]:  # noqa: ARG002 - it never changes
        return {self._newcomer.source_id: self._span}

    def noted(self) -> Progress | None:
        """Return how far it was caught up with when the lane began."""
        return Progress(self._newcomer.reached or 0)

    def _is_noted(self, conn: Connection, progress: Progress | None) -> bool:  # noqa: ARG002 - not known of one source
        return False

    def _note(self, conn: Connection, progress: Progress) -> None:
        safe = min([progress.upto, *(each.after for each in progress.held)])
        assignments.note_reached(conn, self._newcomer.id, safe)
