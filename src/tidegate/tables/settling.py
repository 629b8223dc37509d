"""
The records of one table settled: those that cannot be stored are set aside, the others have columns.

Source: docs/specs/loading.md, L23, L29 and L70 to L77.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from tidegate.records import Record
from tidegate.tables import reasons
from tidegate.tables.branches import Branch
from tidegate.tables.capabilities import Capabilities
from tidegate.tables.columns import Slot, Slots, find_slots, read_slot
from tidegate.tables.frames import Frame, Frames, open_frames
from tidegate.tables.model import Table, Type
from tidegate.tables.naming import identity
from tidegate.tables.placing import Placed, Placing, place_key, place_values
from tidegate.tables.reading import TIMESTAMP, Reading, read_column
from tidegate.tables.rows import Rows
from tidegate.tables.scalars import Scalars
from tidegate.tables.scales import Refused
from tidegate.tables.system import EXTRACTED_AT, RECEIVED_AT, SEQUENCE, TABLE_VERSION
from tidegate.tables.target import Target

Refusal = tuple[Record, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """
    Rows of one table or subtable whose every value has a column.

    Shape: `table` is what is there now; `placings` by identity of the field's name, those with values.
    """

    frame: Frame
    table: Table | None
    placings: Mapping[str, Placing]

    def columns(self) -> list[Placed]:
        """Return the columns the values go to, as they are or shall be."""
        return [each for placing in self.placings.values() for each in placing.placed]


@dataclass(slots=True)
class Settlement:
    """
    What became of the records for one table.

    Shape: `rows` are those that stay, `tables` theirs and their elements', own table first; `system`: the
    system columns they bring along; `refused`: records that went, and records that stay without something;
    `shortened` counts texts that stay without characters which the warehouse cannot store.
    """

    rows: Rows
    tables: list[Settled] = field(default_factory=list)
    system: dict[str, pa.Array] = field(default_factory=dict)
    refused: list[Refusal] = field(default_factory=list)
    shortened: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """One frame with its fields and their values."""

    frame: Frame
    table: Table | None
    slots: Slots
    readings: Mapping[str, Reading]


def settle(target: Target, rows: Rows) -> Settlement:
    """
    Give every value a column, setting aside the records that cannot be stored, until the rest can.

    Records refused for reasons of their own go first, then keys' types are settled and misfits go, then the
    values are placed: four rounds at most, since none leaves anything for a second time.
    """
    done = Settlement(rows)
    key_types: dict[str, Type] = {}
    while True:
        frames = open_frames(target.name, done.rows.data, done.rows.schemas, target.capabilities)
        done.system, refused = _system_columns(done.rows, target.capabilities)
        read = [_read(target, frame) for frame in _usable(target, frames)]
        refused = _refused(target, frames, read, refused)
        if not refused:
            refused = _key_misfits(target, read[0], key_types)
        if not refused:
            done.tables = [
                Settled(frame=each.frame, table=each.table, placings=_placings(target, each)) for each in read
            ]
            refused = {
                settled.frame.tops[row]: reason
                for settled in done.tables
                for placing in settled.placings.values()
                for row, reason in placing.refused.items()
            }
        if not refused:
            break
        done.refused += [(done.rows.data[row], reason) for row, reason in sorted(refused.items())]
        done.rows = done.rows.without(refused)
    done.shortened = sum(reading.shortened for each in read for reading in each.readings.values())
    dropped = [*frames.dropped, *(each for one in read for each in one.slots.dropped)]
    done.refused += [(done.rows.data[row], reason) for row, reason in dict.fromkeys(dropped)]
    return done


def _usable(target: Target, frames: Frames) -> list[Frame]:
    """Return the frames whose rows have a place; elements whose table would be another's have none."""
    usable = frames.frames[:1]
    names: set[str] = set()
    long = target.long_source_key()
    for frame in frames.frames[1:]:
        if long is not None:
            reason = reasons.column_too_long(long, target.capabilities.display_name)
            frames.dropped += [(top, reason) for top in frame.tops]
            continue
        name = identity(frame.name, target.capabilities)
        if name not in names and target.may_fill(frame.name, len(frame.levels)):
            names.add(name)
            usable.append(frame)
        else:
            frames.dropped += [(top, reasons.table_taken(frame.name)) for top in dict.fromkeys(frame.tops)]
    return usable


def _read(target: Target, frame: Frame) -> _Read:
    table = target.subtable(frame.name) if frame.levels else target.table
    key_names = () if frame.levels else target.key_names
    slots = find_slots(frame, key_names, table, target.capabilities)
    keys = () if frame.levels else target.key_identities()
    readings = {
        key: read_slot(slot, frame, target.capabilities, is_key=key in keys)
        for key, slot in slots.by_identity.items()
    }
    return _Read(frame=frame, table=table, slots=slots, readings=readings)


def _refused(target: Target, frames: Frames, read: Sequence[_Read], refused: Refused) -> Refused:
    """Of several reasons the one about a name is told, since the others may follow from it."""
    missing = _missing_keys(target, read[0].slots.by_identity, len(read[0].frame.data))
    refused = missing | refused
    for each in read:
        for reading in each.readings.values():
            refused |= {each.frame.tops[row]: reason for row, reason in reading.refused.items()}
    refused |= frames.refused
    for each in reversed(read):
        refused |= each.slots.refused
    return refused


def _missing_keys(target: Target, slots: Mapping[str, Slot], count: int) -> Refused:
    """Find records without a value for a key; the API refuses them, so they came another way."""
    refused: Refused = {}
    for name, key in zip(target.key_names, target.key_identities(), strict=True):
        slot = slots.get(key)
        if slot is None:
            refused |= dict.fromkeys(range(count), reasons.key_missing(name))
        elif slot.scalars.has_nulls():
            rows = (row for row, value in enumerate(slot.scalars.values) if value is None)
            refused |= dict.fromkeys(rows, reasons.key_missing(slot.name))
    return refused


def _key_misfits(target: Target, top: _Read, types: dict[str, Type]) -> Refused:
    """
    Settle the types of keys whose columns are not there yet, and find the records that do not fit.

    Mostly every key has one type and nothing is to be decided. Otherwise records are taken in order: one that
    fits all types settled so far settles those of its other keys, any other is refused.
    """
    slots = {
        key: top.slots.by_identity[key] for key in target.key_identities() if key in top.slots.by_identity
    }
    held: dict[str, Type | None] = {
        key: slot.existing.type for key, slot in slots.items() if slot.existing is not None
    }
    held |= target.key_types() | types
    arrays = {key: top.readings[key].arrays for key in slots if top.readings[key].arrays}
    found = {key: list(by_type) for key, by_type in arrays.items()}
    if all([held.get(key, kinds[0])] == kinds for key, kinds in found.items()):
        return {}
    valid = [
        (key, kind, array.is_valid().to_pylist())
        for key, each in arrays.items()
        for kind, array in each.items()
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


def _placings(target: Target, read: _Read) -> dict[str, Placing]:
    keys = () if read.frame.levels else target.key_identities()
    return {
        key: place_key(slot, read.readings[key])
        if key in keys
        else place_values(slot, read.readings[key], target.capabilities)
        for key, slot in read.slots.by_identity.items()
        if read.readings[key].arrays
    }


def _system_columns(rows: Rows, capabilities: Capabilities) -> tuple[dict[str, pa.Array], Refused]:
    """Return the system columns records bring along, and the records whose values no column holds."""
    columns: dict[str, pa.Array] = {RECEIVED_AT: pa.array(rows.received_us, TIMESTAMP)}
    refused: Refused = {}
    integers: set[type] = {int} if rows.sequences else set()  # known of them, so that nobody has to look
    extracted = Scalars(rows.extracted, set(map(type, rows.extracted)))
    brought: dict[str, tuple[Scalars, Branch, Type]] = {
        SEQUENCE: (Scalars(rows.sequences, integers), Branch.INTEGER, Type.INTEGER),
        TABLE_VERSION: (Scalars(rows.versions, integers), Branch.INTEGER, Type.INTEGER),
        EXTRACTED_AT: (extracted, Branch.INSTANT, Type.TIMESTAMP),
    }
    for name, (values, branch, kind) in brought.items():
        reading = read_column(values, [((branch,), len(rows))], name, 0, capabilities)
        refused |= reading.refused
        for other, array in reading.arrays.items():
            if other is kind:
                columns[name] = array
            else:
                reason = reasons.name_taken(name, other, kind)
                refused |= dict.fromkeys(pc.indices_nonzero(array.is_valid()).to_pylist(), reason)
    return columns, refused
