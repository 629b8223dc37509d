"""
Accepted records become one load: changes to tables, rows in Arrow, rejected records, reports.

Source: docs/specs/loading.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import pyarrow as pa
import pyarrow.compute as pc

from tidegate.records import Batch
from tidegate.tables import reasons
from tidegate.tables.capabilities import Capabilities
from tidegate.tables.model import Change, CreateSchema, CreateTable, Part, Table
from tidegate.tables.naming import Name, identity, name_column, name_table
from tidegate.tables.plan import Planned, Target, plan_table
from tidegate.tables.rejected import Rejected, rejected_part
from tidegate.tables.rows import Arrival, gather
from tidegate.tables.system import REJECTED, SEQUENCE, rejected_table
from tidegate.tables.whole import WholeRecord, find_whole

__all__ = ["Arrival", "Prepared", "TableReport", "prepare"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableReport:
    """
    What a load holds for one table.

    Shape: `table_name` as first sent, `destination_table` as in the warehouse ("" when it can have none);
    `rows` counts rows after versions of one key were reduced to the newest; `rejected` counts rows of
    `_sdc_rejected`; sequences are those of `rows`, None without any; `warnings` are sentences for people.
    """

    table_name: str
    destination_table: str
    rows: int
    rejected: int
    sequence_min: int | None
    sequence_max: int | None
    table_version: int | None
    warnings: tuple[str, ...]


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
    tables: Mapping[str, Table]
    refused: Mapping[tuple[int, int], str]
    batched_at_ms: int
    new_uuids: Callable[[int], Sequence[str]]
    changes: list[Change] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    reports: list[TableReport] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)


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
) -> Prepared:
    """
    Turn accepted batches of one source into one load.

    Shape: batches in order of acceptance; `tables` as the schema has them now; `refused` maps (position,
    place) of a record to the warehouse's reason for refusing it before; `new_uuids(n)` gives n fresh
    UUID texts. Units: `batched_at_ms` is milliseconds since 1970 UTC, also the time of rejections.
    Errors: none; a record that cannot be loaded is in the part for `_sdc_rejected`.
    """
    load = _Load(
        schema_name=schema_name,
        capabilities=capabilities,
        tables={identity(table.name, capabilities): table for table in tables},
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
    table = load.tables.get(identity(name.text, load.capabilities)) if name.reason is None else None
    destination_table = "" if name.reason is not None else table.name if table is not None else name.text
    rejected_before = len(load.rejected)
    sound = _sound(load, name, table, arrivals)
    planned = Planned()
    if sound:
        target = Target(
            schema_name=load.schema_name,
            name=destination_table,
            key_names=_in_table_order(sound[0].batch.key_names, table, load.capabilities),
            table=table,
            capabilities=load.capabilities,
        )
        planned = plan_table(
            target, gather(sound), batched_at_ms=load.batched_at_ms, new_uuids=load.new_uuids
        )
    sent = arrivals[0].batch.table_name
    load.rejected += [
        Rejected(table_name=sent, reason=reason, record=record) for record, reason in planned.refused
    ]
    load.changes += planned.changes
    load.parts += [planned.part] if planned.part is not None else []
    load.reports.append(_report(arrivals, destination_table, planned, len(load.rejected) - rejected_before))


def _sound(load: _Load, name: Name, table: Table | None, arrivals: Sequence[Arrival]) -> list[Arrival]:
    """Return the batches the table can take, and set aside everything else with its reason."""
    sound: list[Arrival] = []
    keys = (
        None if table is None else frozenset(identity(each, load.capabilities) for each in table.key_columns)
    )
    for arrival in arrivals:
        batch = arrival.batch
        if batch.activates:
            record = {"table_version": batch.table_version}
            load.rejected.append(
                Rejected(table_name=batch.table_name, reason=reasons.ACTIVATION, record=record)
            )
        if name.reason is not None:
            _reject(load, batch, name.reason)
            continue
        kept = _without_refused(load, arrival)
        if not kept.batch.data:
            continue
        incoming = _key_identities(batch.key_names, load.capabilities)
        keys = incoming if keys is None else keys  # a new table has the keys of its first record
        if incoming == keys:
            sound.append(kept)
        else:
            _reject(load, kept.batch, reasons.KEYS_DIFFER)
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
    extracted = batch.extracted
    kept = replace(
        batch,
        sequences=[batch.sequences[row] for row in keep],
        data=[batch.data[row] for row in keep],
        places=[batch.places[row] for row in keep],
        extracted=None if extracted is None else [extracted[row] for row in keep],
    )
    return replace(arrival, batch=kept)


def _key_identities(key_names: Sequence[str], capabilities: Capabilities) -> frozenset[str]:
    """Return what two key lists must share; order does not count."""
    return frozenset(identity(name_column(name, capabilities).text, capabilities) for name in key_names)


def _in_table_order(
    key_names: tuple[str, ...], table: Table | None, capabilities: Capabilities
) -> tuple[str, ...]:
    """Return the key fields in the order of the table's key columns."""
    if table is None:
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


def _report(
    arrivals: Sequence[Arrival], destination_table: str, planned: Planned, rejected: int
) -> TableReport:
    part = planned.part
    bounds = pc.min_max(part.rows[SEQUENCE]) if part is not None else pa.scalar(None)
    spellings = dict.fromkeys(arrival.batch.table_name for arrival in arrivals)
    versions = [each.batch.table_version for each in arrivals if each.batch.table_version is not None]
    warnings: list[str] = []
    if len(spellings) > 1 and destination_table:
        warnings.append(f"{', '.join(spellings)} are one table in the warehouse, {destination_table}")
    if planned.valueless:
        warnings.append(f"{planned.valueless} records have no value at all; no table was made for them")
    return TableReport(
        table_name=arrivals[0].batch.table_name,
        destination_table=destination_table,
        rows=part.rows.num_rows if part is not None else 0,
        rejected=rejected,
        sequence_min=bounds["min"].as_py() if part is not None else None,
        sequence_max=bounds["max"].as_py() if part is not None else None,
        table_version=max(versions, default=None),
        warnings=tuple(warnings),
    )
