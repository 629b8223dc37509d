"""The bounds of the Import API, and how data is measured by them. Source: docs/specs/import-api.md, W5."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tidegate.errors import MalformedBody

RECORDS_MAX = 20_000
DATA_POINTS_MAX = 10_000
KEY_CHARS_MAX = 1_024
INT64_MAX = 9_223_372_036_854_775_807
INT64_MIN = -9_223_372_036_854_775_808
DEPTH_MAX = 100
"""Most levels of objects and arrays inside each other, counted from `data`, or from `schema`."""

ECHO_CHARS_MAX = 500
"""Most characters of a client's own text that an answer repeats."""


def check_depth(data: Iterable[Any]) -> None:
    """Hold that no record's `data` is nested too deeply. Errors: MalformedBody."""
    if is_too_deep(data):
        raise MalformedBody(f"data is nested deeper than {DEPTH_MAX} levels")


def is_too_deep(values: Iterable[Any]) -> bool:
    """
    Tell whether a value is nested deeper than `DEPTH_MAX`; a container among `values` is at level 1.

    Level by level, so that depth costs no stack.
    """
    level = [value for value in values if type(value) in _CONTAINERS]
    for _ in range(DEPTH_MAX):
        level = [inner for value in level for inner in _inside(value) if type(inner) in _CONTAINERS]
        if not level:
            return False
    return True


def data_points(data: dict[str, Any]) -> int:
    """Count the scalars in `data`, at any depth; an empty object or array inside counts as one."""
    points = 0
    level: list[Any] = [data]
    while level:
        inner = [each for value in level for each in _inside(value)]
        level = [each for each in inner if type(each) in _CONTAINERS and each]
        points += len(inner) - len(level)
    return points


def nested_opens(body: bytes, accounted: int) -> int:
    """
    Bound from above how many containers the records of a JSON body hold inside their `data`.

    Shape: `accounted` is the number of opening brackets that the request's own structure needs. Brackets
    inside strings only make the bound larger.
    """
    return len(body) - len(body.translate(None, b"{[")) - accounted


def _inside(value: Any) -> Iterable[Any]:
    return value.values() if type(value) is dict else value


_CONTAINERS = frozenset((dict, list))
