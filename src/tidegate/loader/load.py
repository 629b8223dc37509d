"""One load: entries of the journal become tables, and the progress moves with them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from tidegate.crashpoints import crash_point
from tidegate.errors import LoadRefused, TableHeld
from tidegate.loader.arrivals import Arrivals, chosen, read_entries, table_identity
from tidegate.loader.culprits import find_culprits
from tidegate.tables.model import Held, Part, Progress, Span
from tidegate.tables.prepare import TableReport, prepare
from tidegate.tables.whole import WHOLE_CHANGES, WholeRecord, whole_part

if TYPE_CHECKING:
    from tidegate.destinations.base import Destination
    from tidegate.logs import Log
    from tidegate.records import Entry
    from tidegate.tables.rows import Arrival

Place = tuple[int, int]
"""Where a record stands: position of its entry, index in its request."""

TableKey = tuple[str, str]
"""A table: its schema and its identity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """
    Where a source's tables stand, and how they are loaded.

    Shape: `staged_versions`: new versions are kept apart until activated. `append_only`: rows are only added
    and replace none. `discards`: table, by its name as sent or in the warehouse -> the position up to which
    its records are rejected, because a person gave up what waits.
    """

    source_id: int
    schema_name: str
    staged_versions: bool = False
    append_only: bool = False
    discards: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """
    What one load covers: the entries behind `start` up to `upto`.

    Shape: `before` is the progress stored in the destination, under `name` if that is not the journal's own.
    With `only`, the load catches up on one held table: nothing but its records is loaded, and the progress
    of everything else stays.
    """

    journal_id: str
    before: Progress | None
    start: int
    upto: int
    batched_at_ms: int
    only: Held | None = None
    name: str | None = None


@dataclass(slots=True)
class Done:
    """What a load did: rows, the progress it left, reports by source, and the tables that are held now."""

    rows: int = 0
    progress: Progress | None = None
    tables: list[tuple[int, TableReport]] = field(default_factory=list)
    held: list[tuple[int, Held]] = field(default_factory=list)


def load_entries(
    destination: Destination, entries: Sequence[Entry], load: Load, sources: Mapping[int, Source], *, log: Log
) -> Done:
    """
    Load entries into an open destination, all of them with the progress, in one transaction.

    Records that the warehouse refuses are found by rehearsal and go to `_sdc_rejected` with its reason, so
    that nothing waits behind them. A table that takes nothing at all is held: its entries stay in the journal
    and the other tables go on. Errors: those of `Destination.load`, but TableHeld; LoadRefused only when
    rehearsals do not show what is refused.
    """
    return load_arrivals(destination, read_entries(entries, frozenset(sources), log), load, sources, log=log)


def load_arrivals(
    destination: Destination, arrivals: Arrivals, load: Load, sources: Mapping[int, Source], *, log: Log
) -> Done:
    """Load what entries say, once it is read. Shape, errors: as `load_entries`."""
    attempt = _Attempt(destination, arrivals, load, sources)
    while True:
        try:
            return attempt.load()
        except TableHeld as exc:
            if not attempt.hold(exc.schema_name, exc.table_name, exc.reason):
                raise
            log.warning("table held", table=f"{exc.schema_name}.{exc.table_name}", reason=exc.reason)
        except LoadRefused as exc:
            culprits = attempt.culprits()
            log.warning("records refused by the warehouse", records=len(culprits), reason=str(exc))
            if not culprits:
                raise
            attempt.refused |= culprits


class _Attempt:
    """One load until it succeeds: what is set aside grows from try to try."""

    def __init__(
        self, destination: Destination, arrivals: Arrivals, load: Load, sources: Mapping[int, Source]
    ) -> None:
        self._destination = destination
        self._load = load
        self._sources = sources
        held = () if load.before is None else load.before.held
        self._held = {self._key(each.schema_name, each.table_name): each for each in held}
        if load.only is not None:
            del self._held[self._key(load.only.schema_name, load.only.table_name)]
        self.refused: dict[Place, str] = {}
        self._arrivals = {
            source_id: self._given_up(sources[source_id], each) if sources[source_id].discards else each
            for source_id, each in arrivals.items()
        }

    def load(self, *, rehearse: bool = False, refused: Mapping[Place, str] | None = None) -> Done:
        """Prepare what is not set aside and write it with the progress."""
        done = Done()
        parts: list[Part] = []
        crash_point("loader before changes")
        held = dict(self._held)
        rejected: list[WholeRecord] = []
        for source_id, arrivals in self._arrivals.items():
            source = self._sources[source_id]
            schema_name = source.schema_name
            prepared = prepare(
                schema_name,
                chosen(arrivals, partial(self._takes, schema_name)),
                self._destination.tables(schema_name),
                self._destination.capabilities,
                batched_at_ms=self._load.batched_at_ms,
                new_uuids=new_uuids,
                refused=self.refused if refused is None else refused,
                staged=source.staged_versions,
                append_only=source.append_only,
            )
            for table_name, reason in prepared.held.items():
                held[self._key(schema_name, table_name)] = self._holding(schema_name, table_name, reason)
            for change in prepared.changes:
                self._destination.apply(change)
            parts += prepared.parts
            rejected += prepared.rejected
            done.tables += [(source_id, report) for report in prepared.reports]
        if rejected and not rehearse:
            parts.append(self._whole(rejected))
        done.progress = self._progress(held)
        done.held = self._newly(held)
        span = Span(
            journal_id=self._load.name or self._load.journal_id, before=self._load.before, after=done.progress
        )
        crash_point("loader before load")
        done.rows = self._destination.load(parts, span, rehearse=rehearse).rows
        return done

    def _given_up(self, source: Source, arrivals: Sequence[Arrival]) -> Sequence[Arrival]:
        """Refuse the records that a person gave up, and let their batches activate nothing."""
        upto = {self._key(source.schema_name, name): each for name, each in source.discards.items()}
        before = () if self._load.before is None else self._load.before.held
        held = {self._key(each.schema_name, each.table_name): each.reason for each in before}
        kept: list[Arrival] = []
        for arrival in arrivals:
            key = self._key(source.schema_name, arrival.batch.table_name)
            if arrival.position > upto.get(key, 0):
                kept.append(arrival)
                continue
            reason = f"discarded while its table waited: {held[key]}" if key in held else "discarded unloaded"
            self.refused |= {(arrival.position, place): reason for place in arrival.batch.places}
            kept.append(replace(arrival, batch=replace(arrival.batch, activates=False)))
        return kept

    def _whole(self, rejected: Sequence[WholeRecord]) -> Part:
        """Return the part that keeps rejected records whole, its table made."""
        for change in WHOLE_CHANGES:
            self._destination.apply(change)
        return whole_part(self._load.journal_id, rejected, rejected_at_ms=self._load.batched_at_ms)

    def hold(self, schema_name: str, table_name: str, reason: str) -> bool:
        """
        Set a table aside, for a subtable the one whose elements it holds.

        Returns False when it already was, so that trying again would change nothing.
        """
        tables = self._destination.tables(schema_name)
        table_name = next((each.parent for each in tables if each.name == table_name), "") or table_name
        key = self._key(schema_name, table_name)
        if key in self._held:
            return False
        self._held[key] = self._holding(schema_name, table_name, reason)
        return True

    def culprits(self) -> dict[Place, str]:
        """Return the records that the warehouse refuses, each with its reason."""
        places = [
            (arrival.position, place)
            for arrivals in self._arrivals.values()
            for arrival in arrivals
            for place in arrival.batch.places
        ]
        suspects = [place for place in places if place not in self.refused]

        def reason_without(some: Sequence[Place]) -> str | None:
            alone = set(some)
            others = {place: "set aside" for place in places if place not in alone}
            try:
                self.load(rehearse=True, refused=others)
            except LoadRefused as exc:
                return str(exc)
            return None

        return find_culprits(suspects, reason_without)

    def _takes(self, schema_name: str, table_name: str) -> bool:
        """Whether a table's records are loaded now."""
        key = self._key(schema_name, table_name)
        only = self._load.only
        wanted = only is None or key == self._key(only.schema_name, only.table_name)
        return wanted and key not in self._held

    def _progress(self, held: Mapping[TableKey, Held]) -> Progress:
        load = self._load
        if load.only is None or load.before is None:
            return Progress(load.upto, tuple(held.values()))
        key = self._key(load.only.schema_name, load.only.table_name)
        if key in held or load.upto >= load.before.upto:
            return Progress(load.before.upto, tuple(held.values()))
        further = replace(load.only, after=load.upto)
        return Progress(load.before.upto, (*held.values(), further))

    def _newly(self, held: Mapping[TableKey, Held]) -> list[tuple[int, Held]]:
        """Tables that were not held before this load, with their source."""
        before = () if self._load.before is None else self._load.before.held
        known = {self._key(each.schema_name, each.table_name) for each in before}
        source_ids = {source.schema_name: source.source_id for source in self._sources.values()}
        return [
            (source_ids[each.schema_name], each)
            for key, each in held.items()
            if key not in known and each.schema_name in source_ids
        ]

    def _holding(self, schema_name: str, table_name: str, reason: str) -> Held:
        return Held(schema_name=schema_name, table_name=table_name, after=self._load.start, reason=reason)

    def _key(self, schema_name: str, table_name: str) -> TableKey:
        return schema_name, table_identity(table_name, self._destination.capabilities)


def new_uuids(count: int) -> list[str]:
    """Return as many random UUIDs (version 4), as text."""
    return [str(uuid.uuid4()) for _ in range(count)]
