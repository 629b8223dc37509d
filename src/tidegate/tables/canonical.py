"""
One value at a time: which type a value has and what a column of that type holds for it.

This is the meaning; `reading` does the same for whole columns at once and comes here when a column is not
uniform. Source: docs/specs/loading.md, L20 to L29.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from tidegate.decimals import parse_decimal
from tidegate.instants import parse_date, parse_instant
from tidegate.tables.branches import Branch, Branches
from tidegate.tables.model import Type

Taken = tuple[Type, Any]
"""A type and the value in it: bool, int, float, Decimal, str, or microseconds since 1970 for a timestamp."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def canonical_value(value: Any, branches: Branches) -> Taken | None:
    """
    Return the type of a value and the value in it; None for an object or array.

    Shape: any value of `records` invariant 3 but None; `branches` as its schema says, empty for none. A
    value that satisfies no branch is taken by value.
    """
    for branch in branches:
        taken = _TAKERS[branch](value)
        if taken is not None:
            return taken
    return _by_value(value)


def _by_value(value: Any) -> Taken | None:
    kind = _TYPES.get(type(value))
    if kind is Type.TIMESTAMP:
        return kind, datetime_us(value)
    return None if kind is None else (kind, value)


_TYPES: dict[type, Type] = {
    bool: Type.BOOLEAN,
    int: Type.INTEGER,
    float: Type.DOUBLE,
    Decimal: Type.DECIMAL,
    str: Type.STRING,
    datetime: Type.TIMESTAMP,
}


def datetime_us(value: datetime) -> int:
    """Return an aware datetime as microseconds since 1970 UTC, exactly."""
    return (value - _EPOCH) // _MICROSECOND


def decimal_of(value: float | Decimal) -> Decimal | None:
    """Return a number as the decimal its digits say; None for NaN and infinities."""
    exact = Decimal(repr(value)) if type(value) is float else Decimal(value)
    return exact if exact.is_finite() else None


def _integer(value: Any) -> Taken | None:
    return (Type.INTEGER, value) if type(value) is int else None


def _number(value: Any) -> Taken | None:
    """A double, unless that would change the number."""
    kind = type(value)
    if kind is float:
        return Type.DOUBLE, value
    if kind is int:
        return (Type.DOUBLE, float(value)) if is_exact_double(value) else (Type.DECIMAL, Decimal(value))
    return (Type.DECIMAL, value) if kind is Decimal and value.is_finite() else None


def is_exact_double(value: int) -> bool:
    """Tell whether a double holds this integer."""
    try:
        return int(float(value)) == value
    except OverflowError:
        return False


def _decimal(value: Any) -> Taken | None:
    exact = decimal_of(value) if type(value) in (int, float, Decimal) else None
    return None if exact is None else (Type.DECIMAL, exact)


def _instant(value: Any) -> Taken | None:
    if type(value) is datetime:
        return Type.TIMESTAMP, datetime_us(value)
    instant = parse_instant(value) if type(value) is str else None
    return None if instant is None else (Type.TIMESTAMP, instant // 1_000)


def _date(value: Any) -> Taken | None:
    instant = parse_date(value) if type(value) is str else None
    return None if instant is None else (Type.TIMESTAMP, instant // 1_000)


def _decimal_text(value: Any) -> Taken | None:
    exact = parse_decimal(value) if type(value) is str else None
    return None if exact is None else (Type.DECIMAL, exact)


def _string(value: Any) -> Taken | None:
    return (Type.STRING, value) if type(value) is str else None


def _boolean(value: Any) -> Taken | None:
    return (Type.BOOLEAN, value) if type(value) is bool else None


def _nested(_value: Any) -> Taken | None:
    return None


_TAKERS: dict[Branch, Callable[[Any], Taken | None]] = {
    Branch.INTEGER: _integer,
    Branch.NUMBER: _number,
    Branch.DECIMAL: _decimal,
    Branch.INSTANT: _instant,
    Branch.DECIMAL_TEXT: _decimal_text,
    Branch.DATE: _date,
    Branch.STRING: _string,
    Branch.BOOLEAN: _boolean,
    Branch.OBJECT: _nested,
    Branch.ARRAY: _nested,
}
