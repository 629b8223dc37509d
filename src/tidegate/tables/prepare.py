"""
Accepted records become one load: changes to tables, rows in Arrow, rejected records, reports.

Source: docs/specs/loading.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import pyarrow as pa

from tidegate.records import Batch
from tidegate.tables import reasons
from tidegate.tables.adding import only_added
from tidegate.tables.capabilities import Capabilities
from tidegate.tables.critical import hold_reason, key_identities
from tidegate.tables.model import Change, Child, CreateSchema, CreateTable, Part, Table
from tidegate.tables.naming import Name, identity, name_column, name_table
from tidegate.tables.plan import Planned, plan_table
from tidegate.tables.rejected import Rejected, rejected_part
from tidegate.tables.reporting import table_report
from tidegate.tables.reports import TableReport
from tidegate.tables.rows import Arrival, gather
from tidegate.tables.staging import is_stage, keep_apart
from tidegate.tables.system import REJECTED, rejected_table
from tidegate.tables.target import Target
from tidegate.tables.versions import Stretch, Versions
from tidegate.tables.whole import WholeRecord, find_whole

__all__ = ["Arrival", "Prepared", "TableReport", "prepare"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """
    One load: `changes` are applied in order before `parts` are written.

    `held`: table as in the warehouse -> why nothing can be loaded into it until a person changes something;
    nothing of it is among changes and parts. `rejected`: the records behind the rows of `_sdc_rejected`.
    """

    changes: Sequence[Change]
    parts: Sequence[Part]
    reports: Sequence[TableReport]
    held: Mapping[str, str] = field(default_factory=dict)
    rejected: Sequence[WholeRecord] = ()


@dataclass(slots=True)
class _Load:
    """What all tables of a load share, and what they add to."""

    schema_name: str
    capabilities: Capabilities
    tables: dict[str, Table]
    refused: Mapping[tuple[int, int], str]
    batched_at_ms: int
    new_uuids: Callable[[int], Sequence[str]]
    changes: list[Change] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    reports: list[TableReport] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    held: dict[str, str] = field(default_factory=dict)
    staged: bool = False
    append_only: bool = False
    stages: dict[str, Table] = field(default_factory=dict)


_NOTHING_REFUSED: Mapping[tuple[int, int], str] = MappingProxyType({})


def prepare(
    schema_name: str,
    arrivals: Sequence[Arrival],
    tables: Sequence[Table],
    capabilities: Capabilities,
    *,
    batched_at_ms: int,
    new_uuids: Callable[[int], Sequence[str]],
    refused: Mapping[tuple[int, int], str] = _NOTHING_REFUSED,
    staged: bool = False,
    append_only: bool = False,
) -> Prepared:
    """
    Turn accepted batches of one source into one load.

    Shape: batches in order of acceptance; `tables` as the schema has them now; `refused` maps (position,
    place) of a record to the warehouse's reason for refusing it before; `new_uuids(n)` gives n fresh
    UUID texts; `staged`: versions greater than the active one are kept apart until activated; `append_only`:
    rows are only added and replace none.
    Units: `batched_at_ms` is milliseconds since 1970 UTC, also the time of rejections.
    Errors: none; a record that cannot be loaded is in the part for `_sdc_rejected`.
    """
    load = _Load(
        schema_name=schema_name,
        capabilities=capabilities,
        tables={identity(each.name, capabilities): each for each in tables if not is_stage(each)},
        stages={identity(each.name, capabilities): each for each in tables if is_stage(each)},
        staged=staged,
        append_only=append_only,
        refused=refused,
        batched_at_ms=batched_at_ms,
        new_uuids=new_uuids,
    )
    if not tables:
        load.changes.append(CreateSchema(schema_name=schema_name))
    if identity(REJECTED, capabilities) not in load.tables:
        load.changes.append(CreateTable(table=rejected_table(schema_name)))
    for name, group in _by_table(arrivals, capabilities):
        _add_table(load, name, group)
    if load.rejected:
        load.parts.append(rejected_part(schema_name, load.rejected, rejected_at_ms=batched_at_ms))
    return Prepared(
        changes=load.changes,
        parts=load.parts,
        reports=load.reports,
        held=load.held,
        rejected=find_whole(schema_name, arrivals, load.rejected),
    )


def _by_table(arrivals: Sequence[Arrival], capabilities: Capabilities) -> list[tuple[Name, list[Arrival]]]:
    """Group batches by the table they go to; unusable names stand alone, each under its own spelling."""
    named: dict[str, Name] = {}
    groups: dict[tuple[bool, str], tuple[Name, list[Arrival]]] = {}
    for arrival in arrivals:
        sent = arrival.batch.table_name
        if sent not in named:
            named[sent] = name_table(sent, capabilities)
        name = named[sent]
        usable = name.reason is None
        key = (usable, identity(name.text, capabilities) if usable else sent)
        groups.setdefault(key, (name, []))[1].append(arrival)
    return list(groups.values())


def _add_table(load: _Load, name: Name, arrivals: Sequence[Arrival]) -> None:
    rejected_before = len(load.rejected)
    if name.reason is not None:
        for arrival in arrivals:
            _reject(load, arrival.batch, name.reason)
        _report(load, "", arrivals, [], Versions(None), rejected_before)
        return
    arrivals_kept = [_without_refused(load, each) for each in arrivals]
    wants = any(each.batch.data or each.batch.activates for each in arrivals_kept)
    table = load.tables.get(identity(name.text, load.capabilities))
    if table is not None and wants:
        own = identity(table.name, load.capabilities)
        subtables = [each for each in load.tables.values() if identity(each.parent, load.capabilities) == own]
        reason = hold_reason(table, subtables, arrivals_kept, load.capabilities)
        if reason is not None:
            load.held[table.name] = reason
            del load.rejected[rejected_before:]
            return
    versions = Versions(table.version if table is not None else None, staged=load.staged)
    planned: list[Planned] = []
    for stretch in versions.stretches(_sound(load, table, arrivals_kept), load.capabilities):
        planned.append(_plan(load, name, stretch))
        if identity(name.text, load.capabilities) not in load.tables:
            versions.active = None  # all were rejected, so the table is still to have its first record
    destination_table = table.name if table is not None else name.text
    staging = keep_apart(destination_table, planned, load.tables, load.stages, load.capabilities)
    if staging.reason is not None:
        load.held[destination_table] = staging.reason
        del load.rejected[rejected_before:]
        return
    changes = [change for each in planned if each.part is not None for change in each.changes]
    _write(load, [*changes, *staging.changes], staging.parts, versions)
    _report(load, destination_table, arrivals, planned, versions, rejected_before)


def _write(load: _Load, changes: list[Change], parts: list[Part], versions: Versions) -> None:
    """Add one table's changes and parts to the load."""
    if load.append_only:
        added = only_added(changes, parts, load.capabilities)
        changes, parts = added.changes, added.parts
        versions.warnings += added.warnings
    load.changes += changes
    load.parts += parts


def _report(
    load: _Load,
    destination_table: str,
    arrivals: Sequence[Arrival],
    planned: Sequence[Planned],
    versions: Versions,
    rejected_before: int,
) -> None:
    rejected = len(load.rejected) - rejected_before
    table = load.tables.get(identity(destination_table, load.capabilities))
    if table is not None and not table.merges and not load.append_only:
        versions.warnings.append(reasons.only_added(table.key_columns))
    load.reports.append(
        table_report(arrivals, destination_table, planned, versions, load.capabilities, rejected=rejected)
    )


def _plan(load: _Load, name: Name, stretch: Stretch) -> Planned:
    """Plan the batches up to an activation, over what those before will have made of the table."""
    table = load.tables.get(identity(name.text, load.capabilities))
    stored = table.key_columns if table is not None else ()
    key_names = stretch.arrivals[0].batch.key_names if stretch.arrivals else stored
    target = Target(
        schema_name=load.schema_name,
        name=table.name if table is not None else name.text,
        key_names=_in_table_order(key_names, table, load.capabilities),
        table=table,
        tables=load.tables,
        capabilities=load.capabilities,
    )
    planned = Planned()
    if stretch.arrivals:
        planned = plan_table(
            target,
            gather(stretch.arrivals, stretch.version),
            batched_at_ms=load.batched_at_ms,
            new_uuids=load.new_uuids,
        )
    load.rejected += [
        Rejected(table_name=stretch.arrivals[0].batch.table_name, reason=reason, record=record)
        for record, reason in planned.refused
    ]
    planned.part = _activating(target, planned.part, stretch)
    planned.ahead = stretch.ahead and table is not None
    if planned.part is not None:
        for written in (planned.part.table, *(child.table for child in planned.part.children)):
            load.tables[identity(written.name, load.capabilities)] = written
    return planned


def _activating(target: Target, part: Part | None, stretch: Stretch) -> Part | None:
    """Let a part end older versions; a new table has the version of its first record."""
    activates = stretch.activates
    ends_greater = activates == stretch.version
    if activates is None and target.table is None and stretch.version:
        activates = stretch.version
    if activates is None:
        return part
    if part is not None:
        return replace(part, activates=activates, ends_greater=ends_greater)
    if target.table is None:
        return None
    nothing = pa.array([], pa.int64())
    children = tuple(Child(table=each, rows=pa.table({}), parents=nothing) for each in target.subtables())
    return Part(
        table=target.table,
        rows=pa.table({}),
        children=children,
        activates=activates,
        ends_greater=ends_greater,
    )


def _sound(load: _Load, table: Table | None, arrivals: Sequence[Arrival]) -> list[Arrival]:
    """
    Return the batches the table can take.

    A new table has the keys of its first record; batches with others are rejected.
    """
    sound: list[Arrival] = []
    known: dict[tuple[str, ...], frozenset[str]] = {}  # thousands of batches come with the same key names
    keys = None if table is None else key_identities(table.key_columns, load.capabilities)
    for kept in arrivals:
        names = kept.batch.key_names
        if names not in known:
            known[names] = key_identities(names, load.capabilities)
        incoming = known[names]
        keys = incoming if keys is None and kept.batch.data else keys
        if not kept.batch.data or incoming == keys:
            sound.append(kept)
        else:
            _reject(load, kept.batch, reasons.KEYS_DIFFER)
            sound.append(_only(kept, ()))
    return sound


def _without_refused(load: _Load, arrival: Arrival) -> Arrival:
    """Set aside the records the warehouse refused before."""
    batch = arrival.batch
    if not load.refused:
        return arrival
    reasons_found = [load.refused.get((arrival.position, place)) for place in batch.places]
    keep = [row for row, reason in enumerate(reasons_found) if reason is None]
    if len(keep) == len(batch.data):
        return arrival
    load.rejected += [
        Rejected(table_name=batch.table_name, reason=reason, record=record)
        for record, reason in zip(batch.data, reasons_found, strict=True)
        if reason is not None
    ]
    return _only(arrival, keep)


def _only(arrival: Arrival, keep: Sequence[int]) -> Arrival:
    """Return a batch with some of its records, by number; what it activates stays."""
    batch = arrival.batch
    extracted = batch.extracted
    kept = replace(
        batch,
        sequences=[batch.sequences[row] for row in keep],
        data=[batch.data[row] for row in keep],
        places=[batch.places[row] for row in keep],
        extracted=None if extracted is None else [extracted[row] for row in keep],
    )
    return replace(arrival, batch=kept)


def _in_table_order(
    key_names: tuple[str, ...], table: Table | None, capabilities: Capabilities
) -> tuple[str, ...]:
    """Return the key fields in the order of the table's key columns."""
    if table is None or not key_names:
        return key_names
    order = [identity(name, capabilities) for name in table.key_columns]
    return tuple(
        sorted(
            key_names,
            key=lambda name: order.index(identity(name_column(name, capabilities).text, capabilities)),
        )
    )


def _reject(load: _Load, batch: Batch, reason: str) -> None:
    load.rejected += [
        Rejected(table_name=batch.table_name, reason=reason, record=record) for record in batch.data
    ]
