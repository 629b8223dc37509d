"""The next load's entries, read and decoded while the warehouse is busy with the one before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tidegate.loader.arrivals import Arrivals, read_entries

if TYPE_CHECKING:
    from tidegate.journal.base import Reading
    from tidegate.loader.ports import Assigned, Reads
    from tidegate.logs import Log
    from tidegate.records import Entry

Assignments = Mapping[int, "Assigned"]
"""Source id -> what of it loads here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """A reading behind position `after`, and what it says to those who have these assignments."""

    after: int
    reading: Reading
    assigned: Assignments
    arrivals: Arrivals


class Ahead:
    """
    Gathers the loads of one lane; during a backlog each while the one before is written.

    Used from one thread; the one that reads ahead is its own. Units: `bytes_max` bytes of bodies in a load.
    At most two loads are in memory, one being gathered and one being written.
    """

    def __init__(self, journal: Reads, *, bytes_max: int, log: Log) -> None:
        self._journal = journal
        self._bytes_max = bytes_max
        self._log = log
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ahead")
        self._coming: Future[Gathered | None] | None = None
        self._come: Gathered | None = None

    def read(self, after: int) -> Reading:
        """
        Return what stands behind a position. Errors: JournalUnavailable.

        What loads here is asked for after this, so that no entry can be of a source that is not known yet.
        """
        coming, self._coming = self._coming, None
        self._come = None if coming is None else coming.result()
        if self._come is not None and self._come.after == after:
            return self._come.reading
        self._come = None
        return self._journal.read(after, bytes_max=self._bytes_max)

    def arrivals(self, reading: Reading, assigned: Assignments) -> Arrivals:
        """Return what a reading says to those who have these assignments."""
        come, self._come = self._come, None
        if come is not None and come.reading is reading and come.assigned == assigned:
            return come.arrivals
        return _arrivals(reading.entries, assigned, self._log)

    def go_on(self, reading: Reading, assigned: Assignments) -> None:
        """Begin with what stands behind a reading if that fills a load; less is left until asked for."""
        if self._fills(reading):
            self._coming = self._thread.submit(self._gather, reading.upto, assigned)

    def close(self) -> None:
        """Wait for the thread and give it up. Safe to repeat."""
        self._thread.shutdown(cancel_futures=True)
        self._coming = self._come = None

    def _gather(self, after: int, assigned: Assignments) -> Gathered | None:
        reading = self._journal.read(after, bytes_max=self._bytes_max)
        if not self._fills(reading):
            return None
        arrivals = _arrivals(reading.entries, assigned, self._log)
        return Gathered(after=after, reading=reading, assigned=assigned, arrivals=arrivals)

    def _fills(self, reading: Reading) -> bool:
        """Tell whether a reading has more than half of what a load may have: then it ended for its size."""
        return sum(len(entry.request.body) for entry in reading.entries) * 2 > self._bytes_max


def _arrivals(entries: Sequence[Entry], assigned: Assignments, log: Log) -> Arrivals:
    taken = [
        entry
        for entry in entries
        if entry.request.source_id in assigned and assigned[entry.request.source_id].takes(entry.position)
    ]
    return read_entries(taken, frozenset(assigned), log)
