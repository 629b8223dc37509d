"""
What a JSON Schema costs for a body: a bound from above, in checks of about ten nanoseconds.

A small schema can ask a lot of every value of a large body. Nothing stops a native call half-way, so the cost
is bounded before. Source: docs/specs/import-api.md, W52.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tidegate.wire.keywords import SAME_VALUE, subschemas, target
from tidegate.wire.schema_work import WORK_MAX

COST_MAX = 200_000_000
"""About two seconds; 1,000,000 values under schemas of 50 rules each cost a quarter of it."""

_EACH_VALUE = ("items", "additionalItems", "additionalProperties", "patternProperties")
_EXACT = ("multipleOf", "minimum", "maximum", "uniqueItems")
"""Keywords that compare numbers digit by digit."""

_LONG = re.compile(rb"[0-9]{100,}|[\[,:\s-][0-9.]+[eE][+-]?[0-9]{3,}(?=[\s,\]}])")
_LONG_WORTH_IT_BYTES = 400_000
"""Shorter bodies cannot hold enough long numbers to matter."""

_EXPONENT_DIGITS = 550
_PATTERN_COST = 10
_PATTERN_BYTES = 10
_LOOKING_COST = 1_000
"""For a pattern that looks around or back, which may take all the steps it is allowed."""

_LOOKS = re.compile(r"\(\?[=!<(>]|\\[1-9kK]").search


@dataclass(frozen=True, slots=True)
class SchemaCost:
    """
    How often the parts of a schema may be asked.

    Shape: `each_record` checks for a record, of which at most `each_field` for one value; `each_value` checks
    for every value further inside; `patterns` that may look at one text; `rules` that one value can break.
    `exact`: numbers are compared, so that long ones count by their digits; `unique`: with each other.
    """

    each_record: int
    each_field: int
    each_value: int
    patterns: int
    rules: int
    exact: bool
    unique: bool

    def of(self, text: bytes, records: int) -> int:
        """Return what a body costs: its bytes, and how many records it has."""
        values = len(text) // 2
        if self._checks(records, values) > COST_MAX:
            values = min(values, text.count(b",") + text.count(b"[") + text.count(b"{"))
        cost = self._checks(records, values) + self.patterns * len(text) // _PATTERN_BYTES
        if self.exact and len(text) > _LONG_WORTH_IT_BYTES:
            cost += sum(self._digits_cost(found[0]) for found in _LONG.finditer(text))
        return cost

    def _checks(self, records: int, values: int) -> int:
        return min(self.each_record * records, self.each_field * values) + self.each_value * values

    def _digits_cost(self, literal: bytes) -> int:
        digits = len(literal) if literal.isdigit() else _EXPONENT_DIGITS
        return digits * digits if self.unique else digits * digits // 100


def schema_cost(schema: Mapping[str, Any]) -> SchemaCost:
    """Measure a schema whose references and work are known to be sound."""
    words = {word for each in _all(schema) for word in each}
    patterns = sum("pattern" in each for each in _all(schema)) if "pattern" in words else 0
    record, field, value = _Measure(schema).of(schema)
    return SchemaCost(
        each_record=record,
        each_field=field,
        each_value=value,
        patterns=min(patterns, WORK_MAX) if value else 1 if patterns else 0,
        rules=sum(1 + _length(each, "required") for each in _all(schema)),
        exact=not words.isdisjoint(_EXACT),
        unique="uniqueItems" in words,
    )


def _all(schema: Any) -> Iterator[Mapping[str, Any]]:
    """Give every object in a schema, schemas among them."""
    level = [schema]
    while level:
        yield from (each for each in level if isinstance(each, dict))
        level = [
            inner
            for each in level
            for inner in (each.values() if isinstance(each, dict) else each)
            if isinstance(inner, dict | list)
        ]


def _length(schema: Mapping[str, Any], word: str) -> int:
    found = schema.get(word)
    return len(found) if isinstance(found, list) else 0


def _own(schema: Mapping[str, Any]) -> int:
    """Return what the keywords of one schema cost, those that hold further schemas apart."""
    cost = 1 + sum(isinstance(each, dict | list) for each in schema.get("enum") or ())
    pattern = schema.get("pattern")
    if isinstance(pattern, str):
        cost += _LOOKING_COST if _LOOKS(pattern) else _PATTERN_COST
    factor = schema.get("multipleOf")
    if isinstance(factor, int | float | Decimal) and factor:
        exact = Decimal(repr(factor)) if isinstance(factor, float) else Decimal(factor)
        digits = max(exact.adjusted(), 0) + max(-int(exact.as_tuple().exponent), 0)
        cost += digits * digits // 100
    return cost


_Costs = tuple[int, int, int]
"""For a record, for one value, for every value further inside."""


class _Measure:
    """One walk through a schema, along its references; each schema is measured once."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._known: dict[int, _Costs] = {}
        self._open: set[int] = set()
        self._recursive: set[int] = set()

    def of(self, schema: Mapping[str, Any]) -> _Costs:
        known = self._known.get(id(schema))
        if known is not None:
            return known
        if id(schema) in self._open:
            self._recursive.add(id(schema))
            return 0, 0, 0
        self._open.add(id(schema))
        record, field, value = self._sum(schema)
        self._open.remove(id(schema))
        if id(schema) in self._recursive:
            value += field  # whatever it asks of a value, it may ask of every value inside
        self._known[id(schema)] = (record, field, value)
        return record, field, value

    def _sum(self, schema: Mapping[str, Any]) -> _Costs:
        if isinstance(schema.get("$ref"), str):
            return self.of(target(self._root, schema["$ref"]))
        record = field = _own(schema)
        value = 0
        for keyword in SAME_VALUE:
            for part in map(self.of, subschemas(schema, keyword)):
                record, field, value = record + part[0], field + part[1], value + part[2]
        named = [self.of(each) for each in subschemas(schema, "properties")]
        record += sum(part[0] for part in named)
        field += max((part[1] for part in named), default=0)
        value += max((part[2] for part in named), default=0)
        for keyword in _EACH_VALUE:
            value += sum(part[1] + part[2] for part in map(self.of, subschemas(schema, keyword)))
        return record, field, value
