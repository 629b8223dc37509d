"""
One table's share of a load: types settled, columns added, Arrow built.

Source: docs/specs/loading.md, L10 to L33.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tidegate.records import Record
from tidegate.tables import reasons
from tidegate.tables.branches import Branch, Branches
from tidegate.tables.capabilities import Capabilities
from tidegate.tables.columns import Slot, find_slots
from tidegate.tables.fields import take_apart
from tidegate.tables.model import AddColumn, Change, Column, CreateTable, GrowDecimal, Part, Table, Type
from tidegate.tables.naming import identity, name_column
from tidegate.tables.newest import newest_rows
from tidegate.tables.reading import TIMESTAMP, Reading, Runs, read_column
from tidegate.tables.rows import Rows
from tidegate.tables.scales import Refused
from tidegate.tables.system import (
    BATCHED_AT,
    COLUMN_TYPES,
    EXTRACTED_AT,
    GENERATED_KEY,
    RECEIVED_AT,
    SEQUENCE,
    TABLE_VERSION,
)

Refusal = tuple[Record, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """
    The table records go to: what it is called, what is there, what identifies its rows.

    Shape: `table` is None while it does not exist; `key_names` are fields, empty for a table that only
    grows.
    """

    schema_name: str
    name: str
    key_names: tuple[str, ...]
    table: Table | None
    capabilities: Capabilities


@dataclass(slots=True)
class Planned:
    """
    What a load does to one table.

    Shape: `part` is None when nothing is written; `valueless` counts records without any value, for which
    no table is made.
    """

    changes: list[Change] = field(default_factory=list)
    part: Part | None = None
    refused: list[Refusal] = field(default_factory=list)
    valueless: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Settled:
    """Columns whose every value can be stored. Shape: by identity of the column's name."""

    slots: Mapping[str, Slot]
    types: Mapping[str, Type]
    arrays: Mapping[str, pa.Array]


def plan_table(
    target: Target, rows: Rows, *, batched_at_ms: int, new_uuids: Callable[[int], Sequence[str]]
) -> Planned:
    """
    Plan one table's share of a load.

    Shape: the rows accepted for it, in order -> changes, a part, and the records it cannot take.
    """
    planned = Planned()
    rows, settled, system = _settle(target, rows, planned)
    if not len(rows):
        return planned
    if target.table is None and not settled.arrays:
        planned.valueless = len(rows)
        return planned
    keys = [
        identity(name_column(each, target.capabilities).text, target.capabilities)
        for each in target.key_names
    ]
    if not keys:
        system[GENERATED_KEY] = pa.array(new_uuids(len(rows)), pa.string())
    system[BATCHED_AT] = pa.repeat(pa.scalar(batched_at_ms * 1_000, pa.int64()).cast(TIMESTAMP), len(rows))
    table, changes = _grown(target, settled, keys, system)
    if len(table.columns) > target.capabilities.columns_max:
        planned.refused += [(record, reasons.TOO_MANY_COLUMNS) for record in rows.data]
        return planned
    columns = {settled.slots[key].name: array for key, array in settled.arrays.items()} | system
    content = pa.table(
        {column.name: columns[column.name] for column in table.columns if column.name in columns}
    )
    newest = newest_rows([settled.arrays[key] for key in keys], system[SEQUENCE]) if keys else None
    planned.changes = changes
    planned.part = Part(table=table, rows=content if newest is None else content.take(newest))
    return planned


def _settle(target: Target, rows: Rows, planned: Planned) -> tuple[Rows, _Settled, dict[str, pa.Array]]:
    """
    Give every column one type, setting aside the records that cannot be stored, until the rest can.

    Records refused for reasons of their own go first, then types are settled and misfits go: three rounds
    at most, since neither leaves anything for a second time.
    """
    types: dict[str, Type] = {}
    while True:
        slots = find_slots(
            take_apart(rows.data), rows.data, target.key_names, target.table, target.capabilities
        )
        readings = {key: _read(slot, rows, target.capabilities) for key, slot in slots.by_identity.items()}
        system, refused = _system_columns(rows, target.capabilities)
        for reading in readings.values():
            refused |= reading.refused
        # Of several reasons the one about the name is told, since the others may follow from it.
        refused = _missing_keys(target, slots.by_identity, len(rows)) | refused | slots.refused
        if not refused:
            refused = _misfits(target, slots.by_identity, readings, types)
        if not refused:
            break
        planned.refused += [(rows.data[row], reason) for row, reason in sorted(refused.items())]
        rows = rows.without(refused)
    planned.refused += [(rows.data[row], reason) for row, reason in slots.dropped]
    arrays = {key: next(iter(reading.arrays.values())) for key, reading in readings.items() if reading.arrays}
    return rows, _Settled(slots=slots.by_identity, types=types, arrays=arrays), system


def _read(slot: Slot, rows: Rows, capabilities: Capabilities) -> Reading:
    scale = slot.existing.scale if slot.existing is not None else None
    start = capabilities.decimal_scale_min if scale is None else scale
    return read_column(slot.values, _slot_runs(slot, rows), slot.name, start, capabilities)


def _slot_runs(slot: Slot, rows: Rows) -> Runs:
    """Return the branches of a column's values. Of two spellings in one schema the first described counts."""
    found: list[tuple[Branches, int]] = []
    for described, count in rows.runs:
        branches = next((described[each] for each in slot.fields if each in described), ())
        found.append((branches, count))
    return found or [((), 0)]


def _missing_keys(target: Target, slots: Mapping[str, Slot], count: int) -> Refused:
    """Find records without a value for a key; the API refuses them, so they came another way."""
    refused: Refused = {}
    for name in target.key_names:
        column = name_column(name, target.capabilities).text
        slot = slots.get(identity(column, target.capabilities))
        if slot is None:
            refused |= dict.fromkeys(range(count), reasons.key_missing(name))
        elif None in slot.values:
            refused |= {
                row: reasons.key_missing(slot.name) for row, value in enumerate(slot.values) if value is None
            }
    return refused


def _misfits(
    target: Target, slots: Mapping[str, Slot], readings: Mapping[str, Reading], types: dict[str, Type]
) -> Refused:
    """
    Settle the types of columns that have none yet, and find the records that do not fit.

    Mostly every column has one type and nothing is to be decided. Otherwise records are taken in order: one
    that fits all types settled so far settles those of its other columns, any other is refused.
    """
    held: dict[str, Type | None] = {key: slot.existing.type for key, slot in slots.items() if slot.existing}
    held |= types
    found = {key: list(readings[key].arrays) for key in slots if readings[key].arrays}
    if all([held.get(key, kinds[0])] == kinds for key, kinds in found.items()):
        types |= {key: kinds[0] for key, kinds in found.items()}
        return {}
    keys = {
        identity(name_column(name, target.capabilities).text, target.capabilities)
        for name in target.key_names
    }
    ordered = sorted(found, key=lambda key: key not in keys)
    valid = [
        (key, kind, array.is_valid().to_pylist())
        for key in ordered
        for kind, array in readings[key].arrays.items()
    ]
    refused: Refused = {}
    for row in range(len(valid[0][2])):
        here = [(key, kind) for key, kind, is_valid in valid if is_valid[row]]
        misfit = next(((key, kind) for key, kind in here if held.get(key, kind) is not kind), None)
        if misfit is None:
            held |= here
        else:
            refused[row] = _misfit_reason(slots[misfit[0]], misfit[1], held[misfit[0]], misfit[0] in keys)
    types |= {key: kind for key, kind in held.items() if kind is not None}
    return refused


def _misfit_reason(slot: Slot, found: Type, held: Type | None, is_key: bool) -> str:
    if is_key:
        return reasons.key_type(slot.name)
    native = slot.existing.native if slot.existing is not None else ""
    return reasons.other_type(slot.name, found, held or native)


def _system_columns(rows: Rows, capabilities: Capabilities) -> tuple[dict[str, pa.Array], Refused]:
    """Return the system columns records bring along, and the records whose values no column holds."""
    received = pa.array(rows.received_us, TIMESTAMP)
    columns: dict[str, pa.Array] = {RECEIVED_AT: received}
    refused: Refused = {}
    brought: dict[str, tuple[Sequence[Any], Branch, Type]] = {
        SEQUENCE: (rows.sequences, Branch.INTEGER, Type.INTEGER),
        TABLE_VERSION: (rows.versions, Branch.INTEGER, Type.INTEGER),
        EXTRACTED_AT: (rows.extracted, Branch.INSTANT, Type.TIMESTAMP),
    }
    for name, (values, branch, kind) in brought.items():
        reading = read_column(list(values), [((branch,), len(rows))], name, 0, capabilities)
        refused |= reading.refused
        for other, array in reading.arrays.items():
            if other is kind:
                columns[name] = array
            else:
                reason = reasons.other_type(name, other, kind)
                refused |= dict.fromkeys(pc.indices_nonzero(array.is_valid()).to_pylist(), reason)
    return columns, refused


def _grown(
    target: Target, settled: _Settled, keys: Sequence[str], system: Iterable[str]
) -> tuple[Table, list[Change]]:
    """Return the table as it must be for these columns, and the changes that make it so."""
    wanted = [
        *(_column(settled, key, nullable=False) for key in keys),
        *(_column(settled, key) for key in settled.arrays if key not in keys),
        *(Column(name=name, type=kind) for name, kind in COLUMN_TYPES.items() if name in system),
    ]
    if target.table is None:
        key_columns = tuple(settled.slots[key].name for key in keys)
        table = Table(
            schema_name=target.schema_name, name=target.name, columns=tuple(wanted), key_columns=key_columns
        )
        return table, [CreateTable(table=table)]
    now = {column.name: column for column in target.table.columns}
    changes: list[Change] = []
    for column in wanted:
        had = now.get(column.name)
        if had is None:
            added = replace(column, nullable=True)
            now[column.name] = added
            changes.append(
                AddColumn(schema_name=target.schema_name, table_name=target.table.name, column=added)
            )
        elif column.scale is not None and had.scale is not None and column.scale > had.scale:
            grown = replace(had, scale=column.scale)
            now[column.name] = grown
            changes.append(
                GrowDecimal(schema_name=target.schema_name, table_name=target.table.name, column=grown)
            )
    return replace(target.table, columns=tuple(now.values())), changes


def _column(settled: _Settled, key: str, *, nullable: bool = True) -> Column:
    slot, array = settled.slots[key], settled.arrays[key]
    kind = slot.existing.type if slot.existing is not None else settled.types[key]
    scale = array.type.scale if pa.types.is_decimal(array.type) else None
    return Column(name=slot.name, type=kind, scale=scale, nullable=nullable)
