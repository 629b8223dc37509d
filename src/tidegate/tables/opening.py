"""
Records taken apart into columns: objects become paths of names, arrays rows of subtables.

Columns at a time: what all records have in common is never looked at record by record. And some rows at a
time: a thousand records are near while they are taken apart, all those of a load are not.
Source: docs/specs/loading.md, L70 to L75.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, compress, repeat
from types import NoneType
from typing import Any

from tidegate.records import Record, UnreadRecords
from tidegate.tables.branches import element_schema, schema_at
from tidegate.tables.rows import Schema
from tidegate.tables.scalars import Scalars, Values, joined

Path = tuple[str, ...]
"""The names that lead to a value, from the record or element inwards."""

PIECE_ROWS = 1_000
"""Records taken apart at a time: they and their values fit into a processor's own memory of 1 MB. Of 200,
500, 1,000, 2,000 and 5,000 this was measured as the quickest, twice as quick as all 30,000 of a load."""

_NESTED = {dict, list}


@dataclass(slots=True)
class Opened:
    """
    Records without objects: scalars and arrays by path, in order of first appearance.

    Shape: `paths` are those and the objects', in that order.
    """

    paths: dict[Path, None] = field(default_factory=dict)
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


def open_records(data: Sequence[Record], fields_max: int, *, piece_rows: int = PIECE_ROWS) -> Opened | None:
    """
    Take records apart. Shape: as many values at each path as records; None when there are more paths than
    `fields_max`, since each costs a value for every record.
    """
    if isinstance(data, UnreadRecords):
        opened = _of_columns(data, fields_max)
        if opened is not None:
            return opened
        data = data.records()
    if len(data) <= piece_rows:
        return _opened(data, fields_max)
    pieces: list[Opened] = []
    for begin in range(0, len(data), piece_rows):
        piece = _opened(data[begin : begin + piece_rows], fields_max)
        if piece is None:
            return None
        pieces.append(piece)
    counts = [min(piece_rows, len(data) - begin) for begin in range(0, len(data), piece_rows)]
    paths = _in_order(pieces)
    # Fields that are scalars here and arrays there count twice, so near the bound all are counted together.
    return _put_together(paths, pieces, counts) if len(paths) * 2 <= fields_max else _opened(data, fields_max)


def _of_columns(data: UnreadRecords, fields_max: int) -> Opened | None:
    """
    Take records apart whose columns were made already; None where that could give something else.

    The first record has the fields in their order. One that it lacks may come anywhere, or as null alone.
    """
    if data.columns is None:
        return None
    whole, begin = data.columns
    table, names = whole.slice(begin, len(data)), list(data.first())
    if len(names) > fields_max or set(names) != set(table.column_names):
        return None
    opened = Opened()
    for name in names:
        opened.paths[(name,)] = None
        opened.scalars[(name,)] = Scalars.of_column(table.column(name))
    return opened


def _in_order(pieces: Sequence[Opened]) -> list[Path]:
    """Return the paths of all pieces, objects before what is in them, else in order of first appearance."""
    first = list(pieces[0].paths)
    if all(list(piece.paths) == first for piece in pieces):
        return first
    tree: dict[str, Any] = {}
    for piece in pieces:
        for path in piece.paths:
            node = tree
            for name in path:
                node = node.setdefault(name, {})
    return list(_walked((), tree))


def _walked(prefix: Path, tree: Mapping[str, Any]) -> Iterator[Path]:
    for name, inner in tree.items():
        yield (*prefix, name)
        yield from _walked((*prefix, name), inner)


def _put_together(paths: Iterable[Path], pieces: Sequence[Opened], counts: Sequence[int]) -> Opened:
    """Put pieces after one another, as if all their records had been taken apart at once."""
    opened = Opened(paths=dict.fromkeys(paths))
    for path in opened.paths:
        scalars = [piece.scalars.get(path) for piece in pieces]
        arrays = [piece.arrays.get(path) for piece in pieces]
        nested = any(path in piece.paths and path not in piece.scalars for piece in pieces)
        nested = nested or any(array is not None for array in arrays)
        if any(each is not None and (each.kinds != {NoneType} or not nested) for each in scalars):
            opened.scalars[path] = joined(scalars, counts)
        if any(array is not None for array in arrays):
            filled = (
                [None] * count if array is None else array
                for array, count in zip(arrays, counts, strict=True)
            )
            opened.arrays[path] = list(chain.from_iterable(filled))
    return opened


def _opened(data: Sequence[Record], fields_max: int) -> Opened | None:
    opened = Opened()
    return opened if _open((), data, opened, fields_max) else None


def _open(prefix: Path, data: Sequence[Record], opened: Opened, fields_max: int) -> bool:
    fields = take_apart(data, fields_max - len(opened.scalars) - len(opened.arrays))
    if fields is None:
        return False
    for name, values in fields.items():
        path = (*prefix, name)
        opened.paths[path] = None
        kinds = set(map(type, values))
        if kinds.isdisjoint(_NESTED):
            opened.scalars[path] = Scalars.packed(values, kinds)
            continue
        if not kinds <= {dict, list, NoneType}:
            scalars = [None if type(value) in _NESTED else value for value in values]
            opened.scalars[path] = Scalars.packed(scalars, kinds - _NESTED | {NoneType})
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
