"""
A slow and simple model of docs/specs/loading.md: one record after the other, one value after the other.

It knows keys, sequences, versions, activations, append-only, split columns, objects and arrays, names that
need cleaning, are empty or collide, and rejections for a value out of range, a text that cannot be stored or
a key of another type. It knows no names too long or reserved, and decimals as too long for any column or not.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from tidegate.tables.prepare import Arrival

SUFFIXES = {bool: "bo", int: "bi", float: "do", Decimal: "de", str: "st", datetime: "ti"}

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
    """One row of the table with all its elements; only rows of one `era` can replace each other."""

    key: Any
    era: int
    sequence: int
    version: int
    values: Mapping[Field, Any]
    elements: tuple[Element, ...]


@dataclass
class Reference:
    """
    One table and its subtables. Its first record must be one that loads, without a version.

    Shape: `digits_max` is how many digits a decimal may have, None for any; `rejected` says of each rejected
    record in which request, by position, it stood at which place; `append_only`: each load is an era.
    """

    name: str
    keyed: bool
    digits_max: int | None
    keeps_nul: bool
    append_only: bool = False
    era: int = 0
    rows: list[Row] = field(default_factory=list)
    fields: dict[str, set[Field]] = field(default_factory=dict)
    rejected: set[tuple[int, int]] = field(default_factory=set)
    active: int = 0
    key_type: str | None = None

    def load(self, arrivals: Iterable[Arrival]) -> None:
        """Take a load's batches in order; where one ends and the next begins matters to append-only alone."""
        self.era += self.append_only
        for arrival in arrivals:
            batch, version = arrival.batch, arrival.batch.table_version
            for place, record, sequence in zip(batch.places, batch.data, batch.sequences, strict=True):
                if not self._adds(record, sequence, version):
                    self.rejected.add((arrival.position, place))
            if batch.activates and version is not None and version >= self.active:
                least, self.active = self.active, version
                self.rows = [r for r in self.rows if r.version == version or r.version > version > least]
                self.era += self.append_only

    def _adds(self, record: Mapping[str, Any], sequence: int, version: int | None) -> bool:
        """Take one record; False rejects it."""
        version = self.active if version is None else version
        if version < self.active:
            return True
        values, elements = _opened(record, self.name, ())
        kept = [values, *(element.values for element in elements)]
        can_be_kept = all(self._keeps(value) for each in kept for value in each.values())
        bad_key = self.keyed and self._stored(record["id"]) != record["id"]
        if not can_be_kept or bad_key or not _is_well_named(record) or self._is_misfit(record):
            return False
        self._know(self.name, values)
        for element in elements:
            self._know(element.table, element.values)
        row = Row(record.get("id"), self.era, sequence, version, values, elements)
        stored = [each for each in self.rows if self.keyed and (each.key, each.era) == (row.key, row.era)]
        if all(each.sequence <= sequence for each in stored):
            self.rows = [each for each in self.rows if each not in stored] + [row]
        return True

    def _keeps(self, value: Any) -> bool:
        if isinstance(value, int):
            return -(2**63) <= value < 2**63
        if isinstance(value, str):
            return not any("\ud800" <= each <= "\udfff" for each in value)
        if not isinstance(value, Decimal) or self.digits_max is None:
            return True
        return len(format(value, "f").lstrip("-").replace(".", "").lstrip("0")) <= self.digits_max

    def _is_misfit(self, record: Mapping[str, Any]) -> bool:
        found = SUFFIXES[type(record["id"])] if self.keyed else None
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
        return {self._column(table, each): self._stored(value) for each, value in values.items()}

    def _stored(self, value: Any) -> Any:
        return value if self.keeps_nul or not isinstance(value, str) else value.replace("\0", "")

    def _column(self, table: str, wanted: Field) -> str:
        """A field of one type has a column of its name, one of several types has one for each."""
        several = sum(name == wanted[0] for name, _ in self.fields[table]) > 1
        return f"{wanted[0]}__{wanted[1]}" if several else wanted[0]


def counted(rows: Iterable[Mapping[str, Any]]) -> Counter[Any]:
    """Return rows in a form that can be compared, whatever their order."""
    return Counter(frozenset((name, *_comparable(value)) for name, value in row.items()) for row in rows)


def _comparable(value: Any) -> tuple[str, Any]:
    if isinstance(value, Decimal):
        text = format(value, "f")
        return "Decimal", text.rstrip("0").rstrip(".") if "." in text else text
    return type(value).__name__, repr(value) if isinstance(value, float) else value


def _clean(name: str, *, first: bool = False) -> str:
    """Return what a warehouse keeps of a name; the first of a path begins with a letter or `_`."""
    kept = re.sub("[^A-Za-z0-9_ ]", "", name)
    return (re.sub("^[^A-Za-z_]*", "", kept) if first else kept).strip(" ")


def _is_well_named(record: Mapping[str, Any]) -> bool:
    """Tell whether no two fields of a record share a column, and no value has an empty name."""
    names = [_clean(name, first=True) for name in record if _clean(name, first=True)]
    empty = [name for name in record if not _clean(name, first=True)]
    return len(names) == len(set(names)) and all(record[name] is None for name in empty)


def _opened(
    record: Mapping[str, Any], table: str, levels: Sequence[int]
) -> tuple[dict[Field, Any], tuple[Element, ...]]:
    """Return a record's own values, and all elements inside it."""
    values: dict[Field, Any] = {}
    elements: list[Element] = []
    for name, value in _flat(record, first=not levels):
        if isinstance(value, list):
            elements += _elements(value, f"{table}__{name}", levels)
        elif value is not None:
            values[name, SUFFIXES[type(value)]] = value
    return values, tuple(elements)


def _flat(record: Mapping[str, Any], *, first: bool) -> Iterator[tuple[str, Any]]:
    for sent, value in record.items():
        name = _clean(sent, first=first)
        if isinstance(value, dict):
            yield from ((f"{name}__{inner}", each) for inner, each in _flat(value, first=False))
        else:
            yield name, value


def _elements(array: Sequence[Any], table: str, levels: Sequence[int]) -> Iterator[Element]:
    for place, element in enumerate(array):
        if element is not None:
            here = (*levels, place)
            values, inner = _opened(element if isinstance(element, dict) else {"value": element}, table, here)
            yield Element(table, here, values)
            yield from inner
