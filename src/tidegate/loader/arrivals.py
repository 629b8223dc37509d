"""Entries of the journal, read again: what each source's tables get, in order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
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
    arrivals: dict[int, list[Arrival]] = defaultdict(list)
    known: _Openings = {}
    for entry in entries:
        request = entry.request
        if request.source_id not in source_ids:
            continue
        try:
            batches = _read_request(request, known)
        except (MalformedBody, Refusal) as exc:
            _tell_unreadable(log, entry.position, request.request_id, exc)
            continue
        arrivals[request.source_id] += [
            Arrival(
                position=entry.position,
                received_at_ms=request.received_at_ms,
                request_id=request.request_id,
                batch=batch,
            )
            for batch in batches
        ]
    return {source_id: _read_all(each, log) for source_id, each in arrivals.items()}


def _read_all(arrivals: Sequence[Arrival], log: Log) -> Sequence[Arrival]:
    """Read the records of a source's arrivals, in columns where that can be."""
    read_columns(each.batch for each in arrivals)
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
