"""Entries of the journal, read again: what each source's tables get, in order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from tidegate.errors import MalformedBody, Refusal
from tidegate.records import Batch, Endpoint, Entry, Request
from tidegate.tables.capabilities import Capabilities
from tidegate.tables.naming import identity, name_table
from tidegate.tables.prepare import Arrival
from tidegate.wire.batch import read_batch
from tidegate.wire.push import read_push

if TYPE_CHECKING:
    from tidegate.logs import Log

Arrivals = Mapping[int, Sequence[Arrival]]
"""Source id -> its batches, in the order they were accepted."""


def read_request(request: Request) -> Sequence[Batch]:
    """Read an accepted body again, now for its records. Errors: Refusal if it was never accepted."""
    if request.endpoint is Endpoint.BATCH:
        return read_batch(request.body)
    return read_push(request.body, request.content_type)


def read_entries(entries: Sequence[Entry], source_ids: frozenset[int], log: Log) -> Arrivals:
    """
    Read the entries of some sources.

    An entry that cannot be read (it was accepted, so its bytes or our code changed) is reported and passed
    over; the journal keeps it for its retention.
    """
    arrivals: dict[int, list[Arrival]] = defaultdict(list)
    for entry in entries:
        request = entry.request
        if request.source_id not in source_ids:
            continue
        try:
            batches = read_request(request)
        except (MalformedBody, Refusal) as exc:
            about = {"position": entry.position, "request_id": request.request_id}
            log.error("entry cannot be read", **about, reason=str(exc))
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
    return arrivals


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
