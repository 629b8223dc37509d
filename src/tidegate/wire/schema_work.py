"""
How much work a JSON Schema makes for one value: schemas that would hold a process for hours are refused.

References let a small schema unfold into a huge one, twice at each step.
Source: docs/specs/import-api.md, W52.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidegate.wire.keywords import SAME_VALUE, subschemas, target

WORK_MAX = 1_000
"""Most schemas that may look at one value and what it stands in; real ones need fewer than 50."""

_DEPTH_MAX = 200
_INSIDE_ONE = ("properties", "items")  # of these schemas, one looks at each value inside
_INSIDE_ALL = ("patternProperties", "additionalProperties", "additionalItems")  # of these, perhaps all


def defect_of_references(schema: Mapping[str, Any]) -> str | None:
    """Say what is wrong with the references of a schema or the work they make; None when nothing is."""
    try:
        work, _ = _Work(schema).measure(schema, 0)
    except _Defect as exc:
        return str(exc)
    return _TOO_MUCH if work > WORK_MAX else None


_TOO_MUCH = f"more than {WORK_MAX} schemas apply to one value"


class _Defect(Exception):
    """What `defect_of_references` says; it never leaves this module."""


class _Work:
    """One walk through a schema, along its references; each schema is measured once."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._measured: dict[int, tuple[int, int]] = {}
        self._open: set[int] = set()
        self._recursive: set[int] = set()

    def measure(self, schema: Mapping[str, Any], depth: int) -> tuple[int, int]:
        """
        Measure one schema.

        Shape: -> the schemas that look at one value, on the way from here down to it; and how many of these
        lead back to a schema we are inside of. Two such ways double the work with every level of data.
        """
        known = self._measured.get(id(schema))
        if known is not None:
            return known
        if id(schema) in self._open:
            self._recursive.add(id(schema))
            return 0, 1
        if depth > _DEPTH_MAX:
            raise _Defect("schemas are nested too deeply")
        self._open.add(id(schema))
        work, returns = self._sum(schema, depth + 1)
        self._open.remove(id(schema))
        if id(schema) in self._recursive and returns > 1:
            raise _Defect("a schema refers to itself in more than one way")
        if work > WORK_MAX:
            raise _Defect(_TOO_MUCH)
        self._measured[id(schema)] = (work, returns)
        return work, returns

    def _sum(self, schema: Mapping[str, Any], depth: int) -> tuple[int, int]:
        reference = schema.get("$ref")
        if isinstance(reference, str):
            work, returns = self.measure(self._target(reference), depth)
            return work + 1, returns
        parts = []
        for keyword in (*SAME_VALUE, *_INSIDE_ALL):
            parts += [self.measure(each, depth) for each in subschemas(schema, keyword)]
        for keyword in _INSIDE_ONE:
            inside = [self.measure(each, depth) for each in subschemas(schema, keyword)]
            parts.append(
                (max((part[0] for part in inside), default=0), max((part[1] for part in inside), default=0))
            )
        return 1 + sum(part[0] for part in parts), sum(part[1] for part in parts)

    def _target(self, reference: str) -> Mapping[str, Any]:
        if not reference.startswith("#"):
            raise _Defect(f"$ref [{reference[:100]}] is not local")
        found = target(self._root, reference)
        if not isinstance(found, dict):
            raise _Defect(f"$ref [{reference[:100]}] does not point to a schema")
        return found
