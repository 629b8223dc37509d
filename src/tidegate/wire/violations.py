"""
What breaks a JSON Schema, and how that reads: the words of the service Tidegate stands in for.

Source: docs/specs/import-api.md, W54 to W56.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from tidegate.wire.bounds import ECHO_CHARS_MAX, INT64_MAX, INT64_MIN

Path = tuple[str | int, ...]
"""Where a value stands: keys and indexes from the root."""

_SHOWN_MAX = 100
"""Most violations that one text spells out; the count in front of them counts all."""


@dataclass(frozen=True, slots=True)
class Violation:
    """
    One broken rule, or one choice none of whose branches holds.

    Shape: `branches` has what is wrong with each branch, in order; empty for a plain rule.
    """

    path: Path
    message: str
    branches: tuple[Sequence[Violation], ...] = ()

    @property
    def count(self) -> int:
        """How many plain rules are broken."""
        return sum(each.count for branch in self.branches for each in branch) or 1


def violations_text(violations: Sequence[Violation], depth: int = 0) -> str:
    """
    Write violations as one text: each with its pointer, several on one value under a heading.

    Shape: all violations stand at or below the value that `depth` elements of their paths lead to.
    """
    return " ".join(_lines(violations, depth)[: _SHOWN_MAX + 1])


def _lines(violations: Sequence[Violation], depth: int) -> list[str]:
    here = [each for each in violations if len(each.path) <= depth]
    below: dict[str | int, list[Violation]] = {}
    for each in violations:
        if len(each.path) > depth:
            below.setdefault(each.path[depth], []).append(each)
    lines: list[str] = []
    if len(here) + len(below) > 1:
        count = sum(each.count for each in violations)
        lines.append(f"{pointer(violations[0].path[:depth])}: {count} schema violations found")
    for each in here:
        lines.append(f"{pointer(each.path)}: {each.message}")
        for branch in each.branches:
            lines += _lines(branch, len(each.path)) if branch else []
    for group in below.values():
        lines += _lines(group, depth + 1)
    return lines


def pointer(path: Path) -> str:
    """Write a path as the fragment form of a JSON pointer: `#`, `#/a/0`."""
    parts = (str(part).replace("~", "~0").replace("/", "~1")[:ECHO_CHARS_MAX] for part in path)
    return "/".join(("#", *parts))


def found_name(value: Any) -> str:
    """Name the type of a JSON value."""
    if type(value) is int:
        if -(2**31) <= value < 2**31:
            return "Integer"
        return "Long" if INT64_MIN <= value <= INT64_MAX else "BigInteger"
    return _FOUND[type(value)]


_FOUND = {
    type(None): "Null",
    bool: "Boolean",
    float: "Double",
    Decimal: "BigDecimal",
    str: "String",
    dict: "JSONObject",
    list: "JSONArray",
}


def shown(value: Any) -> str:
    """Write a JSON value the way a text repeats it: a string bare, the rest as JSON, both cut when long."""
    text = value if isinstance(value, str) else _JSON.encode(value).decode()
    return text if len(text) <= ECHO_CHARS_MAX else text[:ECHO_CHARS_MAX] + "..."


_JSON = msgspec.json.Encoder(decimal_format="number")


def wrong_type(path: Path, expected: str, value: Any) -> Violation:
    """A value of the envelope has another type than it must."""
    return Violation(path, f"expected type: {expected}, found: {found_name(value)}")


def missing(path: Path, name: str) -> Violation:
    """A key must be there and is not."""
    return Violation(path, f"required key [{shown(name)}] not found")


def extraneous(path: Path, name: str) -> Violation:
    """A key is there and must not."""
    return Violation(path, f"extraneous key [{shown(name)}] is not permitted")
