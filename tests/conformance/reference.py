"""
A slow and simple model of docs/specs/loading.md: one record after the other, one value after the other.

It knows keys, sequences, versions, activations, split columns, objects and arrays, and rejections for an
integer out of range or a key of another type. It knows no names that need cleaning, collide or are too long.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tidegate.tables.prepare import Arrival

SUFFIXES = {bool: "bo", int: "bi", float: "do", Decimal: "de", str: "st"}
INTEGER_MAX = 2**63 - 1

Field = tuple[str, str]
"""Joined names, and the suffix of the value's type."""


@dataclass(frozen=True)
class Element:
    """One row of a subtable: where it stands, and its values."""

    table: str
    levels: tuple[int, ...]
    values: Mapping[Field, Any]


@dataclass(frozen=True)
class Row:
    """One row of the table with all its elements."""

    key: Any
    sequence: int
    version: int
    values: Mapping[Field, Any]
    elements: tuple[Element, ...]


@dataclass
class Reference:
    """One table and its subtables. Its first record must be one that loads, without a version."""

    name: str
    keyed: bool
    rows: list[Row] = field(default_factory=list)
    fields: dict[str, set[Field]] = field(default_factory=dict)
    rejected: int = 0
    active: int = 0
    key_type: str | None = None

    def load(self, arrivals: Iterable[Arrival]) -> None:
        """Take batches in order; where one load ends and the next begins makes no difference."""
        for arrival in arrivals:
            batch = arrival.batch
            version = batch.table_version
            for record, sequence in zip(batch.data, batch.sequences, strict=True):
                self._add(record, sequence, version)
            if batch.activates and version is not None and version >= self.active:
                self.active = version
                self.rows = [row for row in self.rows if row.version >= version]

    def _add(self, record: Mapping[str, Any], sequence: int, version: int | None) -> None:
        if version is not None and version < self.active:
            return
        values, elements = _opened(record, self.name, ())
        kept = [values, *(element.values for element in elements)]
        if any(_is_too_large(value) for each in kept for value in each.values()) or self._is_misfit(record):
            self.rejected += 1
            return
        self._know(self.name, values)
        for element in elements:
            self._know(element.table, element.values)
        row = Row(record.get("id"), sequence, self.active if version is None else version, values, elements)
        stored = [each for each in self.rows if self.keyed and each.key == row.key]
        if all(each.sequence <= sequence for each in stored):
            self.rows = [each for each in self.rows if each not in stored] + [row]

    def _is_misfit(self, record: Mapping[str, Any]) -> bool:
        if not self.keyed:
            return False
        found = SUFFIXES[type(record["id"])]
        self.key_type = self.key_type or found
        return found != self.key_type

    def _know(self, table: str, values: Mapping[Field, Any]) -> None:
        self.fields.setdefault(table, set()).update(values)

    def columns(self, table: str) -> set[str]:
        """Return the columns a table has, without keys and system columns of subtables."""
        return {self._column(table, each) for each in self.fields[table]}

    def contents(self) -> dict[str, Counter[Any]]:
        """Return the rows of every table without nulls; those of subtables with levels and key."""
        found: dict[str, list[dict[str, Any]]] = {table: [] for table in self.fields}
        for row in self.rows:
            found[self.name].append(self._named(self.name, row.values))
            for element in row.elements:
                places = {f"_sdc_level_{depth}_id": place for depth, place in enumerate(element.levels)}
                key = {"_sdc_source_key_id": row.key} if self.keyed else {}
                found[element.table].append(key | places | self._named(element.table, element.values))
        return {table: counted(rows) for table, rows in found.items()}

    def _named(self, table: str, values: Mapping[Field, Any]) -> dict[str, Any]:
        return {self._column(table, each): value for each, value in values.items()}

    def _column(self, table: str, wanted: Field) -> str:
        """A field of one type has a column of its name, one of several types has one for each."""
        several = sum(name == wanted[0] for name, _ in self.fields[table]) > 1
        return f"{wanted[0]}__{wanted[1]}" if several else wanted[0]


def counted(rows: Iterable[Mapping[str, Any]]) -> Counter[Any]:
    """Return rows in a form that can be compared, whatever their order."""
    return Counter(frozenset((name, *_comparable(value)) for name, value in row.items()) for row in rows)


def _comparable(value: Any) -> tuple[str, Any]:
    return type(value).__name__, value.normalize() if isinstance(value, Decimal) else value


def _is_too_large(value: Any) -> bool:
    return isinstance(value, int) and abs(value) > INTEGER_MAX


def _opened(
    record: Mapping[str, Any], table: str, levels: Sequence[int]
) -> tuple[dict[Field, Any], tuple[Element, ...]]:
    """Return a record's own values, and all elements inside it."""
    values: dict[Field, Any] = {}
    elements: list[Element] = []
    for name, value in _flat(record):
        if isinstance(value, list):
            elements += _elements(value, f"{table}__{name}", levels)
        elif value is not None:
            values[name, SUFFIXES[type(value)]] = value
    return values, tuple(elements)


def _flat(record: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in record.items():
        if isinstance(value, dict):
            yield from ((f"{name}__{inner}", each) for inner, each in _flat(value))
        else:
            yield name, value


def _elements(array: Sequence[Any], table: str, levels: Sequence[int]) -> Iterator[Element]:
    for place, element in enumerate(array):
        if element is not None:
            here = (*levels, place)
            values, inner = _opened(element if isinstance(element, dict) else {"value": element}, table, here)
            yield Element(table, here, values)
            yield from inner
