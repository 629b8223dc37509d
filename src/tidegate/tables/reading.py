"""
Whole columns: a field's values become one Arrow array for each type they have.

Uniform columns, which are nearly all, are read by native code; every other goes value by value through
`canonical`, with the same meaning. Source: docs/specs/loading.md, L20 to L29.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain, repeat
from types import NoneType
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tidegate.instants import INSTANT_MAX_NS, INSTANT_MIN_NS
from tidegate.tables import reasons
from tidegate.tables.branches import Branch, Branches
from tidegate.tables.canonical import canonical_value, decimal_of
from tidegate.tables.capabilities import Capabilities
from tidegate.tables.model import Type
from tidegate.tables.scalars import NOT_NATIVE, Scalars, Values
from tidegate.tables.scales import Refused, decimal_array

TIMESTAMP = pa.timestamp("us", "UTC")
ARROW_TYPES = {
    Type.BOOLEAN: pa.bool_(),
    Type.INTEGER: pa.int64(),
    Type.DOUBLE: pa.float64(),
    Type.TIMESTAMP: TIMESTAMP,
    Type.STRING: pa.string(),
}
"""Decimals are not here: their type has a scale."""

_TEXT_BRANCHES = {Branch.INSTANT, Branch.DECIMAL_TEXT, Branch.DATE, Branch.STRING}
_NUMBER_BRANCHES = {Branch.INTEGER, Branch.NUMBER, Branch.DECIMAL}
_NUMBERS = {int, float, Decimal}
_FRACTION_AT = len("2026-01-13T10:20:30")
_ZONE = re.compile("[Zz+-]")
_YEARS_US = (INSTANT_MIN_NS // 1_000, INSTANT_MAX_NS // 1_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """
    A field's values, by type.

    Shape: `arrays` in order of first appearance, each as long as the values, null where the value is null,
    of another type or refused. `refused`: row number -> why no column can hold the value. `shortened` counts
    texts that lost characters which the warehouse cannot store.
    """

    arrays: dict[Type, pa.Array]
    refused: Refused
    shortened: int = 0


Runs = Sequence[tuple[Branches, int]]
"""Branches, and for how many rows they hold; all rows are covered in order."""


def read_column(
    values: Values | Scalars,
    runs: Runs,
    name: str,
    scale: int,
    capabilities: Capabilities,
    *,
    is_key: bool = False,
) -> Reading:
    """
    Read one field's values.

    Shape: values in order, None for null or absent; `name` its column, for reasons; `scale` the digits after
    the point its decimal column has now, or would start with. A key's text is refused
    rather than shortened, lest two keys become one.
    """
    scalars = values if isinstance(values, Scalars) else Scalars(values, set(map(type, values)))
    branches = runs[0][0] if len({each for each, _ in runs}) == 1 else None
    if branches is not None:
        kinds = scalars.kinds - {NoneType}
        if not kinds:
            return Reading(arrays={}, refused={})
        native = _native(kinds, branches)
        try:
            reading = native(scalars, scale, capabilities) if native is not None else None
        except NOT_NATIVE:
            reading = None
        if reading is not None:
            return reading
    return read_by_value(scalars.values, runs, name, scale, capabilities, is_key=is_key)


_Native = Callable[[Scalars, int, Capabilities], "Reading | None"]


def _native(kinds: set[type], branches: Branches) -> _Native | None:
    """Choose how native code reads values that all have these Python types; None when it cannot."""
    if kinds == {str}:
        return _TEXT_READERS.get(_first(branches, _TEXT_BRANCHES))
    if kinds == {bool}:
        return _booleans
    if not kinds <= _NUMBERS:
        return None
    relevant = _NUMBER_BRANCHES if int in kinds else _NUMBER_BRANCHES - {Branch.INTEGER}
    first = _first(branches, relevant)
    if first is Branch.DECIMAL or kinds == {Decimal}:
        return _decimals
    if kinds == {float} or (Decimal not in kinds and first is Branch.NUMBER):
        return _doubles
    return _integers if kinds == {int} else None


def _first(branches: Branches, relevant: Collection[Branch]) -> Branch | None:
    return next((branch for branch in branches if branch in relevant), None)


def _integers(scalars: Scalars, _scale: int, capabilities: Capabilities) -> Reading | None:
    array = scalars.array(pa.int64())
    if not _within(array, capabilities.integer_min, capabilities.integer_max):
        return None
    return Reading(arrays={Type.INTEGER: array}, refused={})


def _doubles(scalars: Scalars, _scale: int, _capabilities: Capabilities) -> Reading | None:
    return Reading(arrays={Type.DOUBLE: scalars.array(pa.float64())}, refused={})


def _booleans(scalars: Scalars, _scale: int, _capabilities: Capabilities) -> Reading | None:
    return Reading(arrays={Type.BOOLEAN: scalars.array(pa.bool_())}, refused={})


def _strings(scalars: Scalars, _scale: int, capabilities: Capabilities) -> Reading | None:
    array = scalars.array(pa.string())
    if not capabilities.keeps_nul_in_text and pc.any(pc.match_substring(array, "\0")).as_py():
        return None
    return Reading(arrays={Type.STRING: array}, refused={})


def _instants(scalars: Scalars, _scale: int, capabilities: Capabilities) -> Reading | None:
    texts = scalars.array(pa.string())
    # Arrow also reads texts without seconds, which are no instants here; those have no colon in that place.
    if pc.all(pc.equal(pc.utf8_slice_codeunits(texts, 16, 17), ":")).as_py() is False:
        return None
    array = _parsed(texts, texts[texts.is_valid().index(True).as_py()].as_py())
    least, most = _YEARS_US
    if not _within(
        array.cast(pa.int64()),
        max(least, capabilities.timestamp_min_us),
        min(most, capabilities.timestamp_max_us),
    ):
        return None
    return Reading(arrays={Type.TIMESTAMP: array}, refused={})


def _parsed(texts: pa.Array, sample: str) -> pa.Array:
    """
    Parse date-times that are all written like `sample`; digits finer than a microsecond are cut.

    The sample decides, since a failing attempt costs as much as reading the column value by value.
    """
    fraction, *zone = _ZONE.split(sample[_FRACTION_AT:], maxsplit=1)
    fine = len(fraction) > len(".123456")
    array = texts.cast(pa.timestamp("ns" if fine else "us", "UTC" if zone else None))
    if fine:
        array = pc.floor_temporal(array.cast(pa.int64()).cast(pa.timestamp("ns")), unit="microsecond")
    return array.cast(TIMESTAMP)


def _decimals(scalars: Scalars, scale: int, capabilities: Capabilities) -> Reading | None:
    values = scalars.values
    exact = [None if value is None else decimal_of(value) for value in values]
    if exact.count(None) != values.count(None):
        return None
    return _decimal_reading(exact, scale, capabilities)


def _decimal_reading(values: list[Any], scale: int, capabilities: Capabilities) -> Reading:
    array, refused = decimal_array(values, scale, capabilities)
    # A column none of whose values fits has no type yet.
    return Reading(arrays={Type.DECIMAL: array} if array.null_count < len(array) else {}, refused=refused)


_TEXT_READERS: dict[Branch | None, _Native] = {
    None: _strings,
    Branch.STRING: _strings,
    Branch.INSTANT: _instants,
}


def _within(array: pa.Array, least: int, most: int) -> bool:
    bounds = pc.min_max(array)
    low, high = bounds["min"].as_py(), bounds["max"].as_py()
    return low is None or (least <= low and high <= most)


def read_by_value(
    values: list[Any], runs: Runs, name: str, scale: int, capabilities: Capabilities, *, is_key: bool = False
) -> Reading:
    """Read a column value by value: the same as `read_column`, whatever the values."""
    refused: Refused = {}
    shortens = not capabilities.keeps_nul_in_text and not is_key
    shortened = 0
    found: dict[Type, dict[int, Any]] = {}
    each_branches = chain.from_iterable(repeat(branches, count) for branches, count in runs)
    for row, (value, branches) in enumerate(zip(values, each_branches, strict=True)):
        if value is None:
            continue
        taken = canonical_value(value, branches)
        if taken is None:
            continue  # an object or array is no scalar; none comes here
        if shortens and taken[0] is Type.STRING and "\0" in taken[1]:
            taken = Type.STRING, taken[1].replace("\0", "")
            shortened += 1
        reason = _CHECKS.get(taken[0], _holds)(taken[1], name, capabilities)
        if reason is None:
            found.setdefault(taken[0], {})[row] = taken[1]
        else:
            refused[row] = reason
    arrays: dict[Type, pa.Array] = {}
    for kind, by_row in found.items():
        column = list(map(by_row.get, range(len(values))))
        if kind is not Type.DECIMAL:
            arrays[kind] = pa.array(column, ARROW_TYPES[kind])
            continue
        decimals = _decimal_reading(column, scale, capabilities)
        refused |= decimals.refused
        arrays |= decimals.arrays
    return Reading(arrays=arrays, refused=refused, shortened=shortened)


def _holds(_value: Any, _name: str, _capabilities: Capabilities) -> str | None:
    return None


def _check_integer(value: int, _name: str, capabilities: Capabilities) -> str | None:
    if capabilities.integer_min <= value <= capabilities.integer_max:
        return None
    return reasons.out_of_range("integer", capabilities.display_name, value)


def _check_timestamp(value: int, _name: str, capabilities: Capabilities) -> str | None:
    if capabilities.timestamp_min_us <= value <= capabilities.timestamp_max_us:
        return None
    return reasons.out_of_range("timestamp", capabilities.display_name, value)


def _check_string(value: str, name: str, capabilities: Capabilities) -> str | None:
    try:
        value.encode()
    except UnicodeEncodeError:
        return reasons.not_text(capabilities.display_name, name)
    if "\0" in value and not capabilities.keeps_nul_in_text:
        return reasons.not_text(capabilities.display_name, name)
    return None


_Check = Callable[[Any, str, Capabilities], str | None]
_CHECKS: dict[Type, _Check] = {
    Type.INTEGER: _check_integer,
    Type.TIMESTAMP: _check_timestamp,
    Type.STRING: _check_string,
}
