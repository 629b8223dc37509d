"""Entries of the journal, read again: what each source's tables get, in order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tidegate.errors import MalformedBody, Refusal
from tidegate.loader.columns import may_have_columns, read_columns
from tidegate.records import Batch, Endpoint, Entry, Request, UnreadRecords
from tidegate.tables.capabilities import Capabilities
from tidegate.tables.naming import identity, name_table
from tidegate.tables.prepare import Arrival
from tidegate.wire.batch import read_batch, read_batch_later
from tidegate.wire.push import read_push

if TYPE_CHECKING:
    from tidegate.logs import Log

Arrivals = Mapping[int, Sequence[Arrival]]
"""Source id -> its batches, in the order they were accepted."""


OPENING_BYTES = 64
"""Bodies that begin alike mostly have one schema."""

_Openings = dict[bytes, bool]
"""How bodies began, and whether their records may be read in columns."""


def _read_request(request: Request, known: _Openings) -> Sequence[Batch]:
    """
    Read an accepted body again, now for its records; those that may be read in columns stay text.

    A guess that is wrong costs a little time and nothing else. Errors: Refusal if it was never accepted.
    """
    if request.endpoint is not Endpoint.BATCH:
        return read_push(request.body, request.content_type)
    opening = request.body[:OPENING_BYTES]
    if not known.get(opening, True):
        return read_batch(request.body)
    batches = read_batch_later(request.body)
    if opening not in known:
        known[opening] = may_have_columns(batches[0].schema or {})
    return batches


def read_entries(entries: Sequence[Entry], source_ids: frozenset[int], log: Log) -> Arrivals:
    """
    Read the entries of some sources.

    An entry that cannot be read (it was accepted, so its bytes or our code changed) is reported and passed
    over; the journal keeps it for its retention.
    """
    return read_some(entries, source_ids, log, bytes_max=None).arrivals


@dataclass(frozen=True, slots=True, kw_only=True)
class Some:
    """
    What entries say, perhaps not all of them: `left_at` is the position of the first that was left.

    Units: `bytes_read` is the size of the bodies whose records were read one by one, not in columns.
    """

    arrivals: Arrivals
    bytes_read: int
    left_at: int | None


def read_some(
    entries: Sequence[Entry], source_ids: frozenset[int], log: Log, *, bytes_max: int | None
) -> Some:
    """
    Read entries as `read_entries` does, until bodies whose records have no columns have `bytes_max` bytes.

    Records take many times the memory of their text, columns about as much. The first entry may have more.
    """
    arrivals: dict[int, list[Arrival]] = defaultdict(list)
    sizes: dict[int, int] = {}
    known: _Openings = {}
    room = _Room(bytes_max)
    for entry in entries:
        request = entry.request
        if request.source_id not in source_ids:
            continue
        try:
            batches = _read_request(request, known)
        except (MalformedBody, Refusal) as exc:
            _tell_unreadable(log, entry.position, request.request_id, exc)
            continue
        sizes[entry.position] = len(request.body)
        if not all(map(_is_text, batches)) and not room.takes(entry.position, len(request.body)):
            break
        arrivals[request.source_id] += [
            Arrival(
                position=entry.position,
                received_at_ms=request.received_at_ms,
                request_id=request.request_id,
                batch=batch,
            )
            for batch in batches
        ]
    for each in arrivals.values():
        read_columns(arrival.batch for arrival in each)
    room = _room_for(arrivals, sizes, room)
    kept = {source_id: _read_all(room.before(each), log) for source_id, each in arrivals.items()}
    return Some(arrivals=kept, bytes_read=room.bytes_taken, left_at=room.left_at)


class _Room:
    """What may be read one by one, in the order of positions; `left_at` is the first that may not."""

    def __init__(self, bytes_max: int | None, left_at: int | None = None) -> None:
        self.bytes_max = bytes_max
        self.bytes_taken = 0
        self.left_at = left_at

    def takes(self, position: int, size: int) -> bool:
        """Take a body, unless it is one too many."""
        if self.bytes_max is not None and 0 < self.bytes_taken > self.bytes_max - size:
            self.left_at = position
            return False
        self.bytes_taken += size
        return True

    def before(self, arrivals: Sequence[Arrival]) -> Sequence[Arrival]:
        """Return what stands before the entry that is left."""
        left_at = self.left_at
        return arrivals if left_at is None else [each for each in arrivals if each.position < left_at]


def _room_for(arrivals: Arrivals, sizes: Mapping[int, int], before: _Room) -> _Room:
    """Take again, now that it is known whose records have columns."""
    room = _Room(before.bytes_max, before.left_at)
    without = {
        arrival.position for each in arrivals.values() for arrival in each if not _has_columns(arrival.batch)
    }
    for position in sorted(without):
        if not room.takes(position, sizes[position]):
            break
    return room


def _is_text(batch: Batch) -> bool:
    return isinstance(batch.data, UnreadRecords)


def _has_columns(batch: Batch) -> bool:
    return isinstance(batch.data, UnreadRecords) and batch.data.columns is not None


def _read_all(arrivals: Sequence[Arrival], log: Log) -> Sequence[Arrival]:
    """Read the records that have no columns; entries of which some cannot be read are passed over whole."""
    unreadable: set[int] = set()
    for arrival in arrivals:
        data = arrival.batch.data
        try:
            if isinstance(data, UnreadRecords) and data.columns is None:
                data.records()
        except (MalformedBody, Refusal) as exc:
            _tell_unreadable(log, arrival.position, arrival.request_id, exc)
            unreadable.add(arrival.position)
    return [each for each in arrivals if each.position not in unreadable] if unreadable else arrivals


def _tell_unreadable(log: Log, position: int, request_id: str, exc: Exception) -> None:
    log.error("entry cannot be read", position=position, request_id=request_id, reason=str(exc))


def table_identity(table_name: str, capabilities: Capabilities) -> str:
    """Return what two spellings of one table share; `table_name` as sent or as in the warehouse."""
    return identity(name_table(table_name, capabilities).text, capabilities)


def chosen(arrivals: Sequence[Arrival], takes: Callable[[str], bool]) -> Sequence[Arrival]:
    """Return the arrivals whose table name (as sent) is taken."""
    names = {arrival.batch.table_name for arrival in arrivals}
    taken = {name for name in names if takes(name)}
    if len(taken) == len(names):
        return arrivals
    return [arrival for arrival in arrivals if arrival.batch.table_name in taken]
