"""
Which column the values of a field go to: one column for each type, told from the warehouse's own columns.

Source: docs/specs/loading.md, L16 and L29.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pyarrow as pa
import pyarrow.compute as pc

from tidegate.tables import reasons
from tidegate.tables.capabilities import Capabilities
from tidegate.tables.columns import Slot
from tidegate.tables.model import Column
from tidegate.tables.naming import small_integer_name, split_name
from tidegate.tables.reading import Reading
from tidegate.tables.scales import Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Values of one type, and their column as it is or shall be."""

    column: Column
    values: pa.Array


@dataclass(slots=True)
class Placing:
    """
    Where one slot's values go.

    Shape: `renamed` is the old and the new name of the field's first column, at its first split. `refused`:
    row number -> why there is no column for its value.
    """

    placed: list[Placed] = field(default_factory=list)
    renamed: tuple[str, str] | None = None
    refused: Refused = field(default_factory=dict)


def place_key(slot: Slot, reading: Reading) -> Placing:
    """Place a key's values, which all have the type of its column; that column refuses null."""
    [(kind, values)] = reading.arrays.items()
    column = slot.existing or Column(name=slot.name, type=kind, nullable=False)
    return Placing(placed=[_placed(column, values)])


def place_values(slot: Slot, reading: Reading, capabilities: Capabilities) -> Placing:
    """
    Place a field's values of any types.

    Values go to the column named for their type, else to the field's first column if it has their type, else
    to any other of the field that has it. Where there is none it is made: under the field's own name as long
    as the field has no column at all, or else under the name for the type.
    """
    placing = Placing()
    is_new = not slot.columns()
    is_split = False
    for kind, values in reading.arrays.items():
        column = slot.home(kind)
        if column is None:
            is_first = is_new and not placing.placed
            plain = is_first and (len(reading.arrays) == 1 or not capabilities.renames_on_split)
            name = slot.name if plain else split_name(slot.name, kind, capabilities)
            if kind in slot.splits:
                reason = reasons.name_taken(slot.splits[kind].name, kind, slot.splits[kind].native)
                placing.refused |= dict.fromkeys(pc.indices_nonzero(values.is_valid()).to_pylist(), reason)
                continue
            column = Column(name=name, type=kind)
            is_split = is_split or not plain
        placing.placed.append(_placed(column, values))
    if is_split and capabilities.renames_on_split:
        _rename_first(placing, slot, capabilities)
    return placing


def _placed(column: Column, values: pa.Array) -> Placed:
    """A decimal column has as many digits after the point as its values want; the warehouse's follows."""
    scale = values.type.scale if pa.types.is_decimal(values.type) else None
    return Placed(column=replace(column, scale=scale), values=values)


def _rename_first(placing: Placing, slot: Slot, capabilities: Capabilities) -> None:
    """At the first split, name the field's first column for its type too, where Tidegate makes such types."""
    first = slot.existing
    if first is None or first.type is None:
        return
    if first.bits is None:
        taken, name = first.type in slot.splits, split_name(slot.name, first.type, capabilities)
    else:
        taken, name = slot.small is not None, small_integer_name(slot.name)
    if taken:
        return
    placing.renamed = (first.name, name)
    placing.placed = [
        replace(each, column=replace(each.column, name=name)) if each.column.name == first.name else each
        for each in placing.placed
    ]
