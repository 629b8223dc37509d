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
from tidegate.tables.model import (
    AddColumn,
    Change,
    Column,
    CreateTable,
    GrowDecimal,
    Part,
    RenameColumn,
    Table,
    Type,
)
from tidegate.tables.naming import identity, name_column
from tidegate.tables.newest import newest_rows
from tidegate.tables.placing import Placed, Placing, place_key, place_values
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
    """Fields whose every value has a column. Shape: by identity of the field's name, those with values."""

    placings: Mapping[str, Placing]

    def columns(self) -> list[Placed]:
        """Return the columns the values go to, as they are or shall be."""
        return [each for placing in self.placings.values() for each in placing.placed]


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
    if target.table is None and not settled.placings:
        planned.valueless = len(rows)
        return planned
    keys = [settled.placings[key].placed[0] for key in _key_identities(target)]
    if not keys:
        system[GENERATED_KEY] = pa.array(new_uuids(len(rows)), pa.string())
    system[BATCHED_AT] = pa.repeat(pa.scalar(batched_at_ms * 1_000, pa.int64()).cast(TIMESTAMP), len(rows))
    table, changes = _grown(target, settled, keys, system)
    if len(table.columns) > target.capabilities.columns_max:
        planned.refused += [(record, reasons.TOO_MANY_COLUMNS) for record in rows.data]
        return planned
    columns = {each.column.name: each.values for each in settled.columns()} | system
    content = pa.table(
        {column.name: columns[column.name] for column in table.columns if column.name in columns}
    )
    newest = newest_rows([key.values for key in keys], system[SEQUENCE]) if keys else None
    planned.changes = changes
    planned.part = Part(table=table, rows=content if newest is None else content.take(newest))
    return planned


def _settle(target: Target, rows: Rows, planned: Planned) -> tuple[Rows, _Settled, dict[str, pa.Array]]:
    """
    Give every column one type, setting aside the records that cannot be stored, until the rest can.

    Records refused for reasons of their own go first, then keys' types are settled and misfits go, then the
    values are placed: four rounds at most, since none leaves anything for a second time.
    """
    key_types: dict[str, Type] = {}
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
            refused = _key_misfits(target, slots.by_identity, readings, key_types)
        placings: dict[str, Placing] = {}
        if not refused:
            placings = _placings(target, slots.by_identity, readings)
            for placing in placings.values():
                refused |= placing.refused
        if not refused:
            break
        planned.refused += [(rows.data[row], reason) for row, reason in sorted(refused.items())]
        rows = rows.without(refused)
    planned.refused += [(rows.data[row], reason) for row, reason in slots.dropped]
    return rows, _Settled(placings=placings), system


def _placings(
    target: Target, slots: Mapping[str, Slot], readings: Mapping[str, Reading]
) -> dict[str, Placing]:
    keys = _key_identities(target)
    return {
        key: place_key(slot, readings[key])
        if key in keys
        else place_values(slot, readings[key], target.capabilities)
        for key, slot in slots.items()
        if readings[key].arrays
    }


def _key_identities(target: Target) -> list[str]:
    names = [name_column(name, target.capabilities).text for name in target.key_names]
    return [identity(name, target.capabilities) for name in names]


def _read(slot: Slot, rows: Rows, capabilities: Capabilities) -> Reading:
    held = [column for column in (slot.existing, *slot.splits.values()) if column is not None]
    scale = next((column.scale for column in held if column.type is Type.DECIMAL), None)
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


def _key_misfits(
    target: Target, slots: Mapping[str, Slot], readings: Mapping[str, Reading], types: dict[str, Type]
) -> Refused:
    """
    Settle the types of keys whose columns are not there yet, and find the records that do not fit.

    Mostly every key has one type and nothing is to be decided. Otherwise records are taken in order: one that
    fits all types settled so far settles those of its other keys, any other is refused.
    """
    keys = [key for key in _key_identities(target) if key in slots]
    held: dict[str, Type | None] = {}
    for key in keys:
        existing = slots[key].existing
        held |= {key: existing.type} if existing is not None else {}
    held |= types
    found = {key: list(readings[key].arrays) for key in keys if readings[key].arrays}
    if all([held.get(key, kinds[0])] == kinds for key, kinds in found.items()):
        return {}
    valid = [
        (key, kind, array.is_valid().to_pylist())
        for key in found
        for kind, array in readings[key].arrays.items()
    ]
    refused: Refused = {}
    for row in range(len(valid[0][2])):
        here = [(key, kind) for key, kind, is_valid in valid if is_valid[row]]
        misfit = next((key for key, kind in here if held.get(key, kind) is not kind), None)
        if misfit is None:
            held |= here
        else:
            refused[row] = reasons.key_type(slots[misfit].name)
    types |= {key: kind for key, kind in held.items() if kind is not None}
    return refused


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
                reason = reasons.name_taken(name, other, kind)
                refused |= dict.fromkeys(pc.indices_nonzero(array.is_valid()).to_pylist(), reason)
    return columns, refused


def _grown(
    target: Target, settled: _Settled, keys: Sequence[Placed], system: Iterable[str]
) -> tuple[Table, list[Change]]:
    """Return the table as it must be for these columns, and the changes that make it so."""
    key_columns = tuple(key.column.name for key in keys)
    others = [each.column for each in settled.columns() if each.column.name not in key_columns]
    wanted = [
        *(key.column for key in keys),
        *others,
        *(Column(name=name, type=kind) for name, kind in COLUMN_TYPES.items() if name in system),
    ]
    if target.table is None:
        table = Table(
            schema_name=target.schema_name, name=target.name, columns=tuple(wanted), key_columns=key_columns
        )
        return table, [CreateTable(table=table)]
    place = {"schema_name": target.schema_name, "table_name": target.table.name}
    renamed = dict(each.renamed for each in settled.placings.values() if each.renamed is not None)
    changes: list[Change] = [
        RenameColumn(**place, old_name=old, new_name=new) for old, new in renamed.items()
    ]
    now = {
        column.name: column
        for column in (replace(each, name=renamed.get(each.name, each.name)) for each in target.table.columns)
    }
    for column in wanted:
        had = now.get(column.name)
        if had is None:
            now[column.name] = replace(column, nullable=True)
            changes.append(AddColumn(**place, column=now[column.name]))
        elif column.scale is not None and had.scale is not None and column.scale > had.scale:
            now[column.name] = replace(had, scale=column.scale)
            changes.append(GrowDecimal(**place, column=now[column.name]))
    return replace(target.table, columns=tuple(now.values())), changes
