"""
From sample records to the JSON Schema that types them.

Source: docs/specs/loading.md, L20 to L22; JSON Schema, Draft 4.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tidegate.instants import is_instant
from tidegate.records import Record

_INTEGER_MIN, _INTEGER_MAX = -(2**63), 2**63 - 1
"""What every warehouse keeps in an integer column; larger whole numbers need a decimal one."""


def infer_schema(records: Iterable[Record], key_names: Sequence[str] = ()) -> dict[str, Any]:
    """
    Return the schema of a record that all the samples conform to.

    Shape: values exact, as batch reads them. A field is `integer` when all its numbers are whole and have 64
    bits, `number` when doubles keep them all, else `number` with `multipleOf`, which makes a decimal column;
    a text is a `date-time` when all are. Where samples disagree all their types are listed. Any value but a
    key may be null, because a sample without nulls promises nothing; a field that is only ever null may be
    anything.
    """
    seen = _Seen()
    for record in records:
        seen.add(record)
    properties = {name: each.schema(nullable=name not in key_names) for name, each in seen.fields.items()}
    return {"type": "object", "properties": properties}


@dataclass(slots=True)
class _Numbers:
    """What the numbers of one field have in common. `scale`: most digits after the point."""

    whole: bool = True
    integers_fit: bool = True
    doubles_fit: bool = True
    scale: int = 0

    def add(self, number: float | Decimal) -> None:
        if isinstance(number, int):
            self.integers_fit = self.integers_fit and _INTEGER_MIN <= number <= _INTEGER_MAX
            self.doubles_fit = self.doubles_fit and _is_double(number)
            return
        self.whole = False
        self.doubles_fit = self.doubles_fit and isinstance(number, float)
        self.scale = max(self.scale, _scale(number))

    def schema(self) -> tuple[str, dict[str, Any]]:
        """Return the type, and what else is to be said of it."""
        if self.whole and self.integers_fit:
            return "integer", {}
        if self.doubles_fit and not self.whole:
            return "number", {}
        return "number", {"multipleOf": Decimal(1).scaleb(-self.scale) if self.scale else 1}


@dataclass(slots=True)
class _Seen:
    """All that was seen in one place of the records."""

    boolean: bool = False
    numbers: _Numbers | None = None
    text: bool = False
    instants: bool = True
    record: bool = False
    fields: dict[str, _Seen] = field(default_factory=dict)
    elements: _Seen | None = None

    def add(self, value: Any) -> None:
        match value:
            case None:
                pass
            case bool():
                self.boolean = True
            case int() | float() | Decimal():
                self.numbers = self.numbers or _Numbers()
                self.numbers.add(value)
            case str():
                self.text = True
                self.instants = self.instants and is_instant(value)
            case dict():
                self.record = True
                for name, each in value.items():
                    if name not in self.fields:
                        self.fields[name] = _Seen()
                    self.fields[name].add(each)
            case list():
                self.elements = self.elements or _Seen()
                for each in value:
                    self.elements.add(each)

    def schema(self, *, nullable: bool = True) -> dict[str, Any]:
        """Return the schema of this place."""
        kinds: list[str] = ["null"] if nullable else []
        about: dict[str, Any] = {}
        if self.boolean:
            kinds.append("boolean")
        if self.numbers is not None:
            kind, more = self.numbers.schema()
            kinds.append(kind)
            about |= more
        if self.text:
            kinds.append("string")
            about |= {"format": "date-time"} if self.instants else {}
        if self.record:
            kinds.append("object")
            about["properties"] = {name: each.schema() for name, each in self.fields.items()}
        if self.elements is not None:
            kinds.append("array")
            about["items"] = self.elements.schema()
        if kinds in ([], ["null"]):
            return {}
        return {"type": kinds[0] if len(kinds) == 1 else kinds} | about


def _is_double(number: int) -> bool:
    """Tell whether a double keeps a whole number."""
    try:
        return int(float(number)) == number
    except OverflowError:
        return False


def _scale(number: float | Decimal) -> int:
    exact = number if isinstance(number, Decimal) else Decimal(repr(number))
    exponent = exact.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
