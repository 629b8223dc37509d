"""
Fields become columns: names given, collisions and unusable names found.

Source: docs/specs/loading.md, L4 to L9 and L70.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from tidegate.tables.branches import branches, schema_at
from tidegate.tables.capabilities import Capabilities
from tidegate.tables.frames import Frame, clashes, merged
from tidegate.tables.model import Column, Table, Type
from tidegate.tables.naming import identity, name_path, small_integer_name, split_name
from tidegate.tables.opening import Path
from tidegate.tables.reading import Reading, Runs, read_column
from tidegate.tables.scalars import Scalars
from tidegate.tables.scales import Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """
    One field's share of the rows.

    Shape: `name` as the warehouse has it or will have it, without the suffix of a type; `existing` the column
    of that name there now, `splits` those named for a type beside it, `small` the one named for integers of
    fewer bits; `paths` are the spellings that led here (more than one only from different records);
    `scalars` one value for each row.
    """

    name: str
    existing: Column | None
    splits: Mapping[Type, Column]
    small: Column | None
    paths: tuple[Path, ...]
    scalars: Scalars

    def columns(self) -> list[Column]:
        """Return the columns the field has."""
        return [each for each in (self.existing, *self.splits.values(), self.small) if each is not None]

    def home(self, kind: Type) -> Column | None:
        """Return the column there is for values of a type."""
        named = self.splits.get(kind)
        of_field = self.columns() if named is None else [named, *self.columns()]
        return next((column for column in of_field if column.type is kind), None)


@dataclass(slots=True)
class Slots:
    """
    The fields of some rows, by identity of their name without suffix.

    Shape: `refused` and `dropped` as in Frames.
    """

    by_identity: dict[str, Slot] = field(default_factory=dict)
    refused: Refused = field(default_factory=dict)
    dropped: list[tuple[int, str]] = field(default_factory=list)


def find_slots(
    frame: Frame, key_names: Collection[str], table: Table | None, capabilities: Capabilities
) -> Slots:
    """Return the columns for the scalars of one table's rows; `table` as it is now."""
    slots = Slots()
    existing = {identity(each.name, capabilities): each for each in (table.columns if table else ())}
    spellings: dict[str, list[Path]] = {}
    for path, scalars in frame.opened.scalars.items():
        named = name_path(path, capabilities)
        if named.reason is None:
            spellings.setdefault(identity(named.text, capabilities), []).append(path)
            continue
        tops = dict.fromkeys(frame.tops[row] for row, value in enumerate(scalars.values) if value is not None)
        if named.droppable and not (len(path) == 1 and path[0] in key_names):
            slots.dropped += [(top, named.reason) for top in tops]
        else:
            slots.refused |= dict.fromkeys(tops, named.reason)
    for key, paths in spellings.items():
        column, splits = existing.get(key), _splits(key, existing, capabilities)
        small = existing.get(identity(small_integer_name(key), capabilities))
        name = _name(column, splits, small, capabilities) or name_path(paths[0], capabilities).text
        slots.refused |= clashes(frame, paths, name)
        slots.by_identity[key] = Slot(
            name=name,
            existing=column,
            splits=splits,
            small=small,
            paths=tuple(paths),
            scalars=_merged([frame.opened.scalars[path] for path in paths]),
        )
    return slots


def _merged(scalars: list[Scalars]) -> Scalars:
    if len(scalars) == 1:
        return scalars[0]
    return Scalars(merged([each.values for each in scalars]), set().union(*(each.kinds for each in scalars)))


def _splits(key: str, existing: Mapping[str, Column], capabilities: Capabilities) -> dict[Type, Column]:
    """Return the columns that are named for a type beside the column of this identity."""
    named = {kind: existing.get(split_name(key, kind, capabilities)) for kind in capabilities.suffixes}
    return {kind: column for kind, column in named.items() if column is not None}


def _name(
    first: Column | None, splits: Mapping[Type, Column], small: Column | None, capabilities: Capabilities
) -> str:
    """Return how the warehouse spells a field that has columns, "" for one that has none."""
    if first is not None:
        return first.name
    if small is not None:
        return small.name[: -len(small_integer_name(""))]
    for kind, column in splits.items():
        return column.name[: -len(split_name("", kind, capabilities))]
    return ""


def read_slot(slot: Slot, frame: Frame, capabilities: Capabilities, *, is_key: bool) -> Reading:
    """Read a field's values, those of each request by its schema; integers by the column they go to."""
    scale = next((column.scale for column in slot.columns() if column.type is Type.DECIMAL), None)
    integers = slot.existing if is_key else slot.home(Type.INTEGER)
    return read_column(
        slot.scalars,
        _runs(slot, frame),
        slot.name,
        capabilities.decimal_scale_min if scale is None else scale,
        capabilities.for_integers_of(None if integers is None else integers.bits),
        is_key=is_key,
    )


def _runs(slot: Slot, frame: Frame) -> Runs:
    """Return the branches of a field's values. Of two spellings in one schema the first described counts."""
    runs = []
    for schema, count in frame.schemas:
        described = (schema_at(schema, path) for path in slot.paths) if schema is not None else ()
        runs.append((branches(next((each for each in described if each is not None), None)), count))
    return runs or [((), 0)]
