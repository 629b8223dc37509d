"""
Fields become columns: names given, collisions and unusable names found.

Source: docs/specs/loading.md, L4 to L9.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tidegate.records import Record
from tidegate.tables import reasons
from tidegate.tables.capabilities import Capabilities
from tidegate.tables.fields import Fields
from tidegate.tables.model import Column, Table, Type
from tidegate.tables.naming import identity, name_column, split_name
from tidegate.tables.scales import Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """
    One field's share of the records.

    Shape: `name` as the warehouse has it or will have it, without the suffix of a type; `existing` the column
    of that name there now, `splits` those named for a type beside it; `fields` are the spellings that led
    here (more than one only from different records); `values` one per record.
    """

    name: str
    existing: Column | None
    splits: Mapping[Type, Column]
    fields: tuple[str, ...]
    values: list[Any]


@dataclass(slots=True)
class Slots:
    """
    The columns of some records, by identity of their name without suffix.

    Shape: `refused`: row number -> why the record is rejected. `dropped`: row number and why that record
    loads without one of its fields.
    """

    by_identity: dict[str, Slot] = field(default_factory=dict)
    refused: Refused = field(default_factory=dict)
    dropped: list[tuple[int, str]] = field(default_factory=list)


def find_slots(
    fields: Fields,
    data: Sequence[Record],
    key_names: Sequence[str],
    table: Table | None,
    capabilities: Capabilities,
) -> Slots:
    """Return the columns for the fields of some records."""
    slots = Slots()
    existing = {identity(each.name, capabilities): each for each in (table.columns if table else ())}
    spellings: dict[str, list[str]] = {}
    for name, values in fields.items():
        named = name_column(name, capabilities)
        if named.reason is None:
            spellings.setdefault(identity(named.text, capabilities), []).append(name)
            continue
        rows = [row for row, value in enumerate(values) if value is not None]
        if named.droppable and name not in key_names:
            slots.dropped += [(row, named.reason) for row in rows]
        else:
            slots.refused |= dict.fromkeys(rows, named.reason)
    for key, names in spellings.items():
        column, splits = existing.get(key), _splits(key, existing, capabilities)
        name = _name(column, splits, capabilities) or name_column(names[0], capabilities).text
        if len(names) > 1:
            clashing = (row for row, record in enumerate(data) if sum(map(record.__contains__, names)) > 1)
            slots.refused |= dict.fromkeys(clashing, reasons.collision(name))
        values = _merged([fields[each] for each in names])
        slots.by_identity[key] = Slot(
            name=name, existing=column, splits=splits, fields=tuple(names), values=values
        )
    return slots


def _splits(key: str, existing: Mapping[str, Column], capabilities: Capabilities) -> dict[Type, Column]:
    """Return the columns that are named for a type beside the column of this identity."""
    named = {kind: existing.get(split_name(key, kind, capabilities)) for kind in capabilities.suffixes}
    return {kind: column for kind, column in named.items() if column is not None}


def _name(first: Column | None, splits: Mapping[Type, Column], capabilities: Capabilities) -> str:
    """Return how the warehouse spells a field that has columns, "" for one that has none."""
    if first is not None:
        return first.name
    for kind, column in splits.items():
        return column.name[: -len(split_name("", kind, capabilities))]
    return ""


def _merged(columns: list[list[Any]]) -> list[Any]:
    """Lay columns over one another: at most one of them has a value in a row that is kept."""
    merged, *others = columns
    for other in others:
        merged = [ours if ours is not None else theirs for ours, theirs in zip(merged, other, strict=True)]
    return merged
