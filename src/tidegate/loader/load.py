"""One load: entries of the journal become tables, and the position moves with them."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tidegate.crashpoints import crash_point
from tidegate.errors import LoadRefused, MalformedBody, TableHeld
from tidegate.loader.ports import LoadReport
from tidegate.records import Batch, Endpoint, Entry, Request
from tidegate.tables.model import Part, Progress, Span
from tidegate.tables.prepare import Arrival, Prepared, TableReport, prepare
from tidegate.wire.batch import read_batch
from tidegate.wire.push import read_push

if TYPE_CHECKING:
    from tidegate.destinations.base import Destination
    from tidegate.logs import Log


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a source's tables stand."""

    source_id: int
    schema_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What one load covers, and the time it writes into `_sdc_batched_at`."""

    journal_id: str
    before: Progress | None
    after: Progress
    batched_at_ms: int

    def span(self) -> Span:
        """The same in the destination's words."""
        return Span(journal_id=self.journal_id, before=self.before, after=self.after)


@dataclass(slots=True)
class Done:
    """What a load did, by source."""

    rows: int = 0
    tables: list[tuple[int, TableReport]] = field(default_factory=list)

    def reports(self, destination_id: int, started_at_ms: int, finished_at_ms: int) -> list[LoadReport]:
        """Turn it into reports for the ledger."""
        return [
            LoadReport(
                source_id=source_id,
                destination_id=destination_id,
                started_at_ms=started_at_ms,
                finished_at_ms=finished_at_ms,
                table=table,
            )
            for source_id, table in self.tables
        ]


def load_entries(
    destination: Destination, entries: Sequence[Entry], load: Load, sources: Mapping[int, Source], *, log: Log
) -> Done:
    """
    Load entries into an open destination, all of them with the position, in one transaction.

    When the warehouse refuses the data itself, or takes nothing into a table, the span is cut in halves until
    one entry is left; that entry's records go to `_sdc_rejected` with the warehouse's reason, so that nothing
    waits behind it.
    Errors: those of `Destination.load`, but LoadRefused and TableHeld.
    """
    arrivals = _arrivals(entries, sources, log)
    try:
        return _load_once(destination, arrivals, load, sources, {})
    except (LoadRefused, TableHeld) as exc:
        if len(entries) == 1:
            log.warning("entry refused by the warehouse", position=entries[0].position, reason=str(exc))
            refused = {
                (arrival.position, place): str(exc)
                for each in arrivals.values()
                for arrival in each
                for place in arrival.batch.places
            }
            return _load_once(destination, arrivals, load, sources, refused)
    middle = len(entries) // 2
    cut = Progress(entries[middle - 1].position)
    halves = ((entries[:middle], replace(load, after=cut)), (entries[middle:], replace(load, before=cut)))
    done = Done()
    for half, part in halves:
        loaded = load_entries(destination, half, part, sources, log=log)
        done.rows += loaded.rows
        done.tables += loaded.tables
    return done


def read_request(request: Request) -> Sequence[Batch]:
    """Read an accepted body again, now for its records. Errors: MalformedBody if it was never accepted."""
    if request.endpoint is Endpoint.BATCH:
        return read_batch(request.body)
    return read_push(request.body, request.content_type)


def _arrivals(entries: Sequence[Entry], sources: Mapping[int, Source], log: Log) -> dict[int, list[Arrival]]:
    """Read entries into arrivals by source, in order; the unreadable are reported, the journal keeps them."""
    arrivals: dict[int, list[Arrival]] = defaultdict(list)
    for entry in entries:
        request = entry.request
        if request.source_id not in sources:
            continue  # another destination's
        try:
            batches = read_request(request)
        except MalformedBody as exc:
            log.error(
                "entry cannot be read",
                position=entry.position,
                request_id=request.request_id,
                reason=str(exc),
            )
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


def _load_once(
    destination: Destination,
    arrivals: Mapping[int, Sequence[Arrival]],
    load: Load,
    sources: Mapping[int, Source],
    refused: Mapping[tuple[int, int], str],
) -> Done:
    crash_point("loader before changes")
    parts: list[Part] = []
    done = Done()
    for source_id, each in arrivals.items():
        schema_name = sources[source_id].schema_name
        prepared: Prepared = prepare(
            schema_name,
            each,
            destination.tables(schema_name),
            destination.capabilities,
            batched_at_ms=load.batched_at_ms,
            new_uuids=new_uuids,
            refused=refused,
        )
        for change in prepared.changes:
            destination.apply(change)
        parts += prepared.parts
        done.tables += [(source_id, report) for report in prepared.reports]
    crash_point("loader before load")
    done.rows = destination.load(parts, load.span()).rows
    return done


def new_uuids(count: int) -> list[str]:
    """Return as many random UUIDs (version 4), as text."""
    return [str(uuid.uuid4()) for _ in range(count)]
