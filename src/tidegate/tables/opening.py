"""
Records taken apart into columns: objects become paths of names, arrays rows of subtables.

Columns at a time: what all records have in common is never looked at record by record.
Source: docs/specs/loading.md, L70 to L75.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain, compress, repeat
from types import NoneType
from typing import Any

from tidegate.records import Record
from tidegate.tables.branches import element_schema, schema_at
from tidegate.tables.rows import Schema

Path = tuple[str, ...]
"""The names that lead to a value, from the record or element inwards."""

Values = list[Any]
"""One value for each row, None where it is null or absent."""

_NESTED = {dict, list}


@dataclass(frozen=True, slots=True)
class Scalars:
    """Values of one path that are no objects and no arrays, and their Python types (of None too)."""

    values: Values
    kinds: set[type]


@dataclass(slots=True)
class Opened:
    """Records without objects: scalars and arrays by path, in order of first appearance."""

    scalars: dict[Path, Scalars] = field(default_factory=dict)
    arrays: dict[Path, Values] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Elements:
    """
    The elements of one array of all records, those that are not null, as records.

    Shape: what is no object stands under `value`. `parents`: the row each is from, ascending; `positions`:
    its place in its array, from 0; `schemas`: what describes them, and for how many.
    """

    data: list[Record]
    parents: list[int]
    positions: list[int]
    schemas: list[tuple[Schema, int]]


def open_records(data: Sequence[Record], fields_max: int) -> Opened | None:
    """
    Take records apart. Shape: as many values at each path as records; None when there are more paths than
    `fields_max`, since each costs a value for every record.
    """
    opened = Opened()
    return opened if _open((), data, opened, fields_max) else None


def _open(prefix: Path, data: Sequence[Record], opened: Opened, fields_max: int) -> bool:
    fields = take_apart(data, fields_max - len(opened.scalars) - len(opened.arrays))
    if fields is None:
        return False
    for name, values in fields.items():
        path = (*prefix, name)
        kinds = set(map(type, values))
        if kinds.isdisjoint(_NESTED):
            opened.scalars[path] = Scalars(values, kinds)
            continue
        if not kinds <= {dict, list, NoneType}:
            scalars = [None if type(value) in _NESTED else value for value in values]
            opened.scalars[path] = Scalars(scalars, kinds - _NESTED | {NoneType})
        if list in kinds:
            uniform = kinds <= {list, NoneType}
            opened.arrays[path] = values if uniform else [v if type(v) is list else None for v in values]
        if dict in kinds:
            objects = values if kinds == {dict} else [v if type(v) is dict else {} for v in values]
            if not _open(path, objects, opened, fields_max):
                return False
    return True


def take_apart(data: Sequence[Record], fields_max: int) -> dict[str, Values] | None:
    """
    Return the fields of records, None when they are more than `fields_max`.

    Records that all have the same fields, as is usual, cost a third.
    """
    if not data:
        return {}
    names = tuple(data[0])
    if set(map(len, data)) == {len(names)} and len(names) <= fields_max:
        try:
            return {name: [record[name] for record in data] for name in names}
        except KeyError:
            pass  # as many fields in each, but not the same ones
    every = dict.fromkeys(chain.from_iterable(data))
    if len(every) > fields_max:
        return None
    return {name: [record.get(name) for record in data] for name in every}


def has_path(record: Any, path: Path) -> bool:
    """Tell whether a record has something at a path, null too."""
    for name in path:
        if type(record) is not dict or name not in record:
            return False
        record = record[name]
    return True


def open_array(arrays: Values, path: Path, schemas: Sequence[tuple[Schema, int]]) -> Elements:
    """Put the elements of one array of all rows after one another."""
    rows = [row for row, array in enumerate(arrays) if array]
    lengths = [len(arrays[row]) for row in rows]
    elements = list(chain.from_iterable(arrays[row] for row in rows))
    parents = list(chain.from_iterable(map(repeat, rows, lengths)))
    positions = list(chain.from_iterable(map(range, lengths)))
    kinds = set(map(type, elements))
    if NoneType in kinds:
        kept = [element is not None for element in elements]
        elements, parents, positions = (list(compress(each, kept)) for each in (elements, parents, positions))
    if not kinds <= {dict, NoneType}:
        elements = [element if type(element) is dict else {"value": element} for element in elements]
    return Elements(
        data=elements, parents=parents, positions=positions, schemas=_of_elements(schemas, path, parents)
    )


def _of_elements(
    schemas: Sequence[tuple[Schema, int]], path: Path, parents: Sequence[int]
) -> list[tuple[Schema, int]]:
    found: list[tuple[Schema, int]] = []
    end = before = 0
    for schema, count in schemas:
        end += count
        upto = bisect_left(parents, end)
        if upto > before:
            found.append((element_schema(schema_at(schema, path)), upto - before))
        before = upto
    return found
