"""Replay: what the journal still has of one source, loaded into another destination."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tidegate.loader.load import Done, Load, Source, load_entries
from tidegate.tables.model import Held

if TYPE_CHECKING:
    from tidegate.destinations.base import Destination
    from tidegate.journal.base import Journal
    from tidegate.logs import Log
    from tidegate.records import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """
    What is replayed: the requests of one source accepted from `since_ms` on and before `until_ms`.

    Shape: `replay_id` is the name under which the destination keeps how far this replay is; one that was cut
    short goes on from there under the same name. Units: milliseconds since 1970 UTC, None for no bound;
    `load_bytes` bytes of bodies read for one load.
    """

    replay_id: str
    source: Source
    since_ms: int | None
    until_ms: int | None
    load_bytes: int

    def takes(self, entry: Entry) -> bool:
        """Tell whether an entry is replayed."""
        request = entry.request
        return (
            request.source_id == self.source.source_id
            and (self.since_ms is None or request.received_at_ms >= self.since_ms)
            and (self.until_ms is None or request.received_at_ms < self.until_ms)
        )


@dataclass(slots=True)
class Replayed:
    """How far a replay came: positions, and what was loaded. `damaged` entries were passed over."""

    upto: int
    end: int
    requests: int = 0
    rows: int = 0
    rejected: int = 0
    damaged: int = 0
    held: tuple[Held, ...] = field(default_factory=tuple)

    def add(self, done: Done, requests: int) -> None:
        """Count one load."""
        self.requests += requests
        self.rows += done.rows
        self.rejected += sum(report.rejected for _, report in done.tables)
        self.held = () if done.progress is None else done.progress.held


def replay(
    journal: Journal, destination: Destination, what: Replay, *, now_ms: Callable[[], int], log: Log
) -> Iterator[Replayed]:
    """
    Load into an open destination what the journal has now, yielding the totals before the first load and
    after each.

    Requests that come while it runs are not for it. Errors: those of `load_entries` and `Journal.read`.
    """
    progress = destination.progress(what.replay_id)
    so_far = Replayed(upto=0 if progress is None else progress.upto, end=journal.end())
    yield so_far
    while so_far.upto < so_far.end:
        reading = journal.read(so_far.upto, bytes_max=what.load_bytes)
        so_far.damaged += len(reading.damaged)
        upto = min(reading.upto, so_far.end)
        entries = [each for each in reading.entries if each.position <= upto and what.takes(each)]
        if entries:
            load = Load(
                journal_id=what.replay_id,
                before=progress,
                start=so_far.upto,
                upto=upto,
                batched_at_ms=now_ms(),
            )
            done = load_entries(destination, entries, load, {what.source.source_id: what.source}, log=log)
            progress = done.progress
            so_far.add(done, len(entries))
        if upto == so_far.upto:
            return
        so_far.upto = upto
        yield so_far


def is_fed_by(destination: Destination, names: Sequence[str], schema_name: str) -> bool:
    """
    Tell whether a destination has tables of this schema that the loader loaded.

    Shape: `names` are all under which a destination may keep its progress with the journal.
    """
    loaded = any(destination.progress(name) is not None for name in names)
    return loaded and bool(destination.tables(schema_name))
