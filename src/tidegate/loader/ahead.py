"""The next load's entries, read and decoded while the warehouse is busy with the one before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tidegate.loader.arrivals import Arrivals, Some, read_some

if TYPE_CHECKING:
    from tidegate.journal.base import Reading
    from tidegate.loader.ports import Assigned, Reads
    from tidegate.logs import Log
    from tidegate.records import Entry

Assignments = Mapping[int, "Assigned"]
"""Source id -> what of it loads here."""

GROWTH_MAX = 4
"""
How many times `load_bytes` a load of a backlog takes, if its records become columns in native code.

A commit, and a look at the keys there are, then cost fewer records their time. More would cost memory, and
those who wait for the first of them patience; records read one by one cost much memory and gain nothing.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """A reading behind position `after`, and what it says to those who have these assignments."""

    after: int
    reading: Reading
    assigned: Assignments
    some: Some


class Ahead:
    """
    Gathers the loads of one lane; during a backlog each while the one before is written.

    Used from one thread; the one that reads ahead is its own. Units: `bytes_max` bytes of bodies in a load.
    Those read ahead grow from load to load while all records become columns, up to `GROWTH_MAX` times that.
    At most two loads are in memory, one being gathered and one being written.
    """

    def __init__(self, journal: Reads, *, bytes_max: int, log: Log) -> None:
        self._journal = journal
        self._bytes_max = bytes_max
        self._growth = 1
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
        self._growth = 1
        return self._journal.read(after, bytes_max=self._bytes_max)

    def arrivals(self, reading: Reading, assigned: Assignments, *, go_on: bool) -> Arrivals:
        """
        Return what a reading says to those who have these assignments.

        With `go_on`, begin with what stands behind it if that fills a load; less is left until asked for.
        """
        come, self._come = self._come, None
        grown = min(2 * self._growth, GROWTH_MAX)
        if come is not None and come.reading is reading and come.assigned == assigned:
            self._growth = 1 if come.some.bytes_read else grown
            if go_on:
                self._go_on(reading, assigned, self._growth)
            return come.some.arrivals
        if go_on:  # first, so that the two are read at the same time
            self._go_on(reading, assigned, grown)
        some = self._read_some(reading.entries, assigned, bytes_max=None)
        self._growth = 1 if some.bytes_read else grown
        return some.arrivals

    def close(self) -> None:
        """Wait for the thread and give it up. Safe to repeat."""
        self._thread.shutdown(cancel_futures=True)
        self._coming = self._come = None

    def _go_on(self, reading: Reading, assigned: Assignments, growth: int) -> None:
        if self._fills(reading):
            self._coming = self._thread.submit(self._gather, reading.upto, assigned, growth)

    def _gather(self, after: int, assigned: Assignments, growth: int) -> Gathered | None:
        reading = self._journal.read(after, bytes_max=self._bytes_max * growth)
        if not self._fills(reading):
            return None
        some = self._read_some(reading.entries, assigned, bytes_max=self._bytes_max)
        return Gathered(after=after, reading=_without_rest(reading, some), assigned=assigned, some=some)

    def _fills(self, reading: Reading) -> bool:
        """Tell whether a reading has more than half of what a load has at least: then there may be more."""
        return sum(len(entry.request.body) for entry in reading.entries) * 2 > self._bytes_max

    def _read_some(self, entries: Sequence[Entry], assigned: Assignments, *, bytes_max: int | None) -> Some:
        taken = [
            entry
            for entry in entries
            if entry.request.source_id in assigned and assigned[entry.request.source_id].takes(entry.position)
        ]
        return read_some(taken, frozenset(assigned), self._log, bytes_max=bytes_max)


def _without_rest(reading: Reading, some: Some) -> Reading:
    """Return a reading that ends before the entry that was left."""
    left_at = some.left_at
    if left_at is None:
        return reading
    return replace(
        reading,
        entries=[entry for entry in reading.entries if entry.position < left_at],
        damaged=[each for each in reading.damaged if each.position < left_at],
        upto=left_at - 1,
    )
