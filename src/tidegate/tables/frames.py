"""
The rows one load has for a table and for each of its subtables, before they have columns.

Source: docs/specs/loading.md, L70 to L77.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tidegate.records import Record
from tidegate.tables import reasons
from tidegate.tables.capabilities import Capabilities
from tidegate.tables.naming import identity, name_array, subtable_name
from tidegate.tables.opening import Opened, Path, has_path, open_array, open_records
from tidegate.tables.rows import Schema
from tidegate.tables.scalars import Values
from tidegate.tables.scales import Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """
    The rows for one table or subtable.

    Shape: `name` as the table will be called; `data` the records or elements, `opened` the same in columns;
    `schemas` what describes them; `tops`: for each row the number of the record it is from; `levels`: one
    list for each array around it, outermost first, with the row's place in that array.
    """

    name: str
    data: Sequence[Record]
    opened: Opened
    schemas: Sequence[tuple[Schema, int]]
    tops: Sequence[int]
    levels: tuple[Sequence[int], ...] = ()


@dataclass(slots=True)
class Frames:
    """
    All rows of a load for one table: its own first, then those of subtables, parents before children.

    Shape: `refused`: row of the table -> why the record is rejected. `dropped`: rows of records that load
    without something, and why.
    """

    frames: list[Frame] = field(default_factory=list)
    refused: Refused = field(default_factory=dict)
    dropped: list[tuple[int, str]] = field(default_factory=list)


def open_frames(
    name: str, data: Sequence[Record], schemas: Sequence[tuple[Schema, int]], capabilities: Capabilities
) -> Frames:
    """Open the records of one table, however deep."""
    found = Frames()
    opened = open_records(data, capabilities.columns_max)
    if opened is None:
        opened = Opened()
        found.refused = dict.fromkeys(range(len(data)), reasons.TOO_MANY_COLUMNS)
    top = Frame(name=name, data=data, opened=opened, schemas=schemas, tops=range(len(data)))
    _add(found, top, capabilities)
    return found


def _add(found: Frames, frame: Frame, capabilities: Capabilities) -> None:
    found.frames.append(frame)
    spellings: dict[str, list[Path]] = {}
    for path, arrays in frame.opened.arrays.items():
        named = name_array(path)
        if named.reason is None:
            spellings.setdefault(identity(named.text, capabilities), []).append(path)
        else:
            rows = (row for row, array in enumerate(arrays) if array is not None)
            found.refused |= {frame.tops[row]: named.reason for row in rows}
    for paths in spellings.values():
        _add_child(found, frame, paths, capabilities)


def _add_child(found: Frames, frame: Frame, paths: Sequence[Path], capabilities: Capabilities) -> None:
    array = name_array(paths[0]).text
    found.refused |= clashes(frame, paths, array)
    arrays = merged([frame.opened.arrays[path] for path in paths])
    elements = open_array(arrays, paths[0], frame.schemas)
    tops = [frame.tops[parent] for parent in elements.parents]
    named = subtable_name(frame.name, array, capabilities)
    if named.reason is not None:
        found.dropped += [(top, named.reason) for top in dict.fromkeys(tops)]
        return
    if not elements.data:
        return
    opened = open_records(elements.data, capabilities.columns_max)
    if opened is None:
        found.dropped += [(top, reasons.TOO_MANY_COLUMNS) for top in dict.fromkeys(tops)]
        return
    child = Frame(
        name=named.text,
        data=elements.data,
        opened=opened,
        schemas=elements.schemas,
        tops=tops,
        levels=(
            *([level[parent] for parent in elements.parents] for level in frame.levels),
            elements.positions,
        ),
    )
    _add(found, child, capabilities)


def clashes(frame: Frame, paths: Sequence[Path], name: str) -> Refused:
    """Find records with more than one of these paths, which share one name; null counts."""
    if len(paths) == 1:
        return {}
    several = (
        row for row, record in enumerate(frame.data) if sum(has_path(record, path) for path in paths) > 1
    )
    return {frame.tops[row]: reasons.collision(name) for row in several}


def merged(columns: Sequence[Values]) -> Values:
    """Lay columns over one another: at most one of them has a value in a row that is kept."""
    first, *others = columns
    for other in others:
        first = [ours if ours is not None else theirs for ours, theirs in zip(first, other, strict=True)]
    return first
