"""
A journal in memory: the contract without a disk, for tests and for simulators that keep nothing.

It passes the same conformance suite as the durable ones; what it cannot do is outlive its process.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from threading import Lock

from tidegate.errors import JournalFull
from tidegate.journal.base import NOTHING, Crowded, Placed, Reading, Stats
from tidegate.journal.repeats import KEYS_MS, Known, keys_max, mark_of, sort_out
from tidegate.records import Entry, Request

ENTRY_BYTES = 100
"""What an entry counts beside its body, near to what a stored one costs."""


class MemoryJournal:
    """`Journal` in a list; any thread may call any method. Contract: docs/specs/journal.md."""

    def __init__(
        self,
        *,
        bytes_max: int = 1_000_000_000,
        retention_s: float = 0,
        retention_bytes_max: int = 0,
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self.journal_id = str(uuid.uuid4())
        self._bytes_max = bytes_max
        self._retention_ms = retention_s * 1000
        self._retention_bytes_max = retention_bytes_max
        self._clock = clock
        self._lock = Lock()
        self._entries: list[Entry] = []
        self._known: dict[bytes, tuple[Known, int]] = {}
        self._freed = 0
        self._loaded = 0
        self._kept: Mapping[int, int] = {}
        self._aside: list[Entry] = []

    def append(self, requests: Sequence[Request]) -> Sequence[Placed]:
        """Put requests at the end, all or none, and return their positions. See `Journal.append`."""
        with self._lock:
            crowded = self._live() > self._bytes_max // 4 * 3
            refused = [crowded and request.source_id in self._kept for request in requests]
            taken = [request for request, no in zip(requests, refused, strict=True) if not no]
            found = sort_out([mark_of(request) for request in taken], self._find, self._end())
            fresh = [replace(taken[index], idempotency_key=None) for index in found.fresh]
            needed = sum(len(request.body) + ENTRY_BYTES for request in fresh)
            while needed and self._live() + needed > self._bytes_max:
                if self._freed == self._loaded:
                    raise JournalFull(
                        f"the journal in memory has reached its limit of {self._bytes_max} bytes"
                    )
                self._free_oldest()
            self._entries += [Entry(at, request) for at, request in enumerate(fresh, self._end() + 1)]
            kept_at_ms = self._clock()
            for mark, position in found.marks:
                self._known[mark.name] = (Known(mark.content, position), kept_at_ms)
            placed = iter(found.placed)
            return [Crowded() if no else next(placed) for no in refused]

    def read(self, after: int, *, bytes_max: int) -> Reading:
        """Read entries with positions greater than `after`. See `Journal.read`."""
        with self._lock:
            entries: list[Entry] = []
            for entry in self._entries[max(after - self._freed, 0) :]:
                bytes_max -= len(entry.request.body)
                if entries and bytes_max < 0:
                    break
                entries.append(entry)
            return Reading(entries=entries, damaged=(), upto=entries[-1].position if entries else after)

    def of_source(self, source_id: int, after: int, upto: int, *, bytes_max: int) -> Reading:
        """Read one source's entries between two positions. See `Journal.of_source`."""
        with self._lock:
            upto = max(after, min(upto, self._end()))
            entries: list[Entry] = []
            for entry in (*self._aside, *self._entries):
                if entry.request.source_id != source_id or not after < entry.position <= upto:
                    continue
                bytes_max -= len(entry.request.body)
                if entries and bytes_max < 0:
                    return Reading(entries=entries, damaged=(), upto=entries[-1].position)
                entries.append(entry)
            return Reading(entries=entries, damaged=(), upto=upto)

    def end(self) -> int:
        """Return the greatest position ever given. See `Journal.end`."""
        with self._lock:
            return self._end()

    def trim(self, loaded: int, kept: Mapping[int, int] = NOTHING) -> None:
        """Note that everything up to `loaded` is in the warehouse, and free. See `Journal.trim`."""
        with self._lock:
            self._kept = dict(kept)
            self._aside = [entry for entry in self._aside if self._waits(entry)]
            self._loaded = max(self._loaded, min(loaded, self._end()))
            while self._freed < self._loaded and self._is_due():
                self._free_oldest()
            self._forget()

    def stats(self) -> Stats:
        """Return how full the journal is. See `Journal.stats`."""
        with self._lock:
            waiting = self._entries[self._loaded - self._freed :]
            return Stats(
                loaded=self._loaded,
                end=self._end(),
                entries_waiting=len(waiting),
                records_waiting=sum(entry.request.record_count for entry in waiting),
                bytes_waiting=_bytes(waiting),
                oldest_waiting_at_ms=waiting[0].request.received_at_ms if waiting else None,
                bytes_kept=_bytes(self._entries),
                bytes_on_disk=0,
                bytes_max=self._bytes_max,
            )

    def close(self) -> None:
        """Give up nothing: the journal stays readable for the test that closes it."""

    def _end(self) -> int:
        return self._freed + len(self._entries)

    def _is_due(self) -> bool:
        retained = _bytes(self._entries[: self._loaded - self._freed])
        return (
            retained > self._retention_bytes_max
            or self._live() > self._bytes_max // 2
            or self._entries[0].request.received_at_ms <= self._clock() - self._retention_ms
        )

    def _find(self, name: bytes) -> Known | None:
        found = self._known.get(name)
        return None if found is None else found[0]

    def _forget(self) -> None:
        """Forget the oldest keys that are old enough, or too many (J10)."""
        while self._known:
            name, (_, kept_at_ms) = next(iter(self._known.items()))
            if len(self._known) <= keys_max(self._bytes_max) and kept_at_ms > self._clock() - KEYS_MS:
                break
            del self._known[name]

    def _waits(self, entry: Entry) -> bool:
        return self._kept.get(entry.request.source_id, entry.position) < entry.position

    def _live(self) -> int:
        return _bytes(self._aside) + _bytes(self._entries)

    def _free_oldest(self) -> None:
        entry = self._entries.pop(0)
        if self._waits(entry):
            self._aside.append(entry)
        self._freed += 1


def _bytes(entries: Sequence[Entry]) -> int:
    return sum(len(entry.request.body) + ENTRY_BYTES for entry in entries)
