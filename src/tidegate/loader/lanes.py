"""The lanes of a loader process, put together: one for each destination, with what it catches up with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tidegate.control import assignments, destinations
from tidegate.control.assignments import Assignment
from tidegate.loader.handover import Connect, newcomer_name
from tidegate.loader.lane import Lane, Newcomer
from tidegate.loader.ledger import NewcomerLedger, StoreLedger, Target

if TYPE_CHECKING:
    from tidegate.control.store import Store
    from tidegate.destinations.base import Destination
    from tidegate.journal.base import Journal, Reading, Stats
    from tidegate.logs import Log
    from tidegate.metrics import Metrics
    from tidegate.settings import Settings

ALWAYS_ENOUGH = 2**62
"""Bytes waiting, for who need not wait for more."""


class OneSource:
    """What a lane asks of a journal, of one source, as far as another lane has come."""

    def __init__(self, journal: Journal, source_id: int, come_to: Callable[[], int | None]) -> None:
        self._journal = journal
        self._source_id = source_id
        self._come_to = come_to

    @property
    def journal_id(self) -> str:
        """The journal's."""
        return self._journal.journal_id

    def end(self) -> int:
        """Return how far the other lane has come."""
        return self._come_to() or 0

    def read(self, after: int, *, bytes_max: int) -> Reading:
        """Read the source's entries. Errors: JournalUnavailable."""
        return self._journal.of_source(self._source_id, after, self.end(), bytes_max=bytes_max)

    def stats(self) -> Stats:
        """Return the journal's, with enough waiting to load at once."""
        return replace(self._journal.stats(), bytes_waiting=ALWAYS_ENOUGH)


@dataclass(frozen=True, slots=True, kw_only=True)
class Building:
    """What all lanes are made of."""

    store: Store
    journal: Journal
    connect: Connect
    settings: Settings
    metrics: Metrics
    log: Log
    now_ms: Callable[[], int]

    def lanes(self, known: Sequence[Target]) -> Sequence[Lane]:
        """Make a lane for each destination."""
        return [self._lane(each) for each in known]

    def _lane(self, target: Target) -> Lane:
        journal_id = self.journal.journal_id
        with self.store.reading() as conn:
            names = destinations.names_of_progress(conn, target.destination_id, journal_id)
            assigned = assignments.of_destination(conn, target.destination_id)
        warehouse = self.connect(target.url)
        newcomers: list[Newcomer] = []
        lane = Lane(
            destination_id=target.destination_id,
            destination=warehouse,
            journal=self.journal,
            ledger=StoreLedger(self.store, target.destination_id, journal_id, self.now_ms),
            settings=self.settings,
            metrics=self.metrics,
            log=self.log,
            now_ms=self.now_ms,
            names=names,
        )
        for each, schema_name in assigned:
            if each.reached is not None and each.upto is None:
                newcomers.append(self._newcomer(lane, each, schema_name, warehouse, names))
        lane.catch_up_with(newcomers)
        return lane

    def _newcomer(
        self, lane: Lane, each: Assignment, schema_name: str, warehouse: Destination, names: Sequence[str]
    ) -> Newcomer:
        own = Lane(
            destination_id=each.destination_id or 0,
            destination=warehouse,
            journal=OneSource(self.journal, each.source_id, lambda: lane.position),
            ledger=NewcomerLedger(self.store, each, schema_name, self.journal.journal_id, self.now_ms),
            settings=self.settings,
            metrics=self.metrics,
            log=self.log,
            now_ms=self.now_ms,
            names=[newcomer_name(name, each.id) for name in names[:-1]],
        )
        return Newcomer(assignment_id=each.id, source_id=each.source_id, reached=each.reached or 0, lane=own)
