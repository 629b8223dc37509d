"""
Numbers as text and as values: which literal a float keeps, and which needs a Decimal.

Imports nothing of ours but errors. Invariants:

1. A number is a float only where that float's shortest text is the same number (on push: or where the text
   has at most 17 significant digits, which is how programs write a double).
2. No number needs more than `DIGITS_MAX` digits when it is written out without an exponent, so that nobody
   who expands one can be made to fill the memory; written with an exponent, `EXPONENT_DIGITS_MAX`, so that a
   few bytes cannot make arithmetic slow.
"""

from __future__ import annotations

import re
import sys
from decimal import Decimal, InvalidOperation

from tidegate.errors import MalformedBody

DIGITS_MAX = 4_300
"""Most digits of a number, written out; Python's own bound for integers (`sys.int_info`)."""

EXPONENT_DIGITS_MAX = 500
"""Most digits, written out, of a number that has an exponent; a double in any notation needs at most 341."""

PLAIN_DECIMAL_PATTERN = r"[+-]?[0-9]{1,100}(?:\.[0-9]{1,100})?(?:[eE][+-]?[0-9]{1,2})?"
"""Matches only, if not all, texts of `format: singer.decimal`."""

_DOUBLE_DIGITS = 17
_LITERAL_CHARS_SURE = 16  # a point or an exponent, and so at most 15 digits: every double keeps these
_SHOWN_CHARS = 40
_SHORT_CHARS = 100
_SHORT_EXPONENT = EXPONENT_DIGITS_MAX - _SHORT_CHARS - 1
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?").fullmatch
_EXPONENT = re.compile("[eE]").search


def exact_number(literal: str) -> float | Decimal:
    """
    Read a JSON number that has a point or an exponent, without changing it.

    Shape: the literal -> float where its shortest text is the same number, Decimal otherwise.
    Errors: MalformedBody when the number is out of bounds. Source: docs/specs/import-api.md, W64.
    """
    value = float(literal)
    if len(literal) <= _LITERAL_CHARS_SURE and (1e-290 < value < 1e290 or -1e290 < value < -1e-290):
        return value
    return _exact(literal, value)


def double_number(literal: str) -> float | Decimal:
    """
    Read a JSON number that has a point or an exponent, as push understands it: a double, unless it cannot be.

    Shape: the literal -> float, or Decimal when it has more than 17 significant digits that a float cannot
    keep, or is out of a double's range. Errors: MalformedBody as above.
    Source: docs/specs/import-api.md, W63.
    """
    value = float(literal)
    if len(literal) <= _LITERAL_CHARS_SURE and (1e-290 < value < 1e290 or -1e290 < value < -1e-290):
        return value  # once more what `exact_number` begins with: a call less for nearly every number
    exact = _exact(literal, value)
    if isinstance(exact, float) or len(exact.as_tuple().digits) > _DOUBLE_DIGITS:
        return exact
    return value if sys.float_info.min <= abs(value) <= sys.float_info.max else exact


def _exact(literal: str, value: float) -> float | Decimal:
    if repr(value) == literal:
        return value
    exact = _decimal(literal)
    if exact is None:
        shown = literal if len(literal) <= _SHOWN_CHARS else literal[:_SHOWN_CHARS] + "..."
        raise MalformedBody(f"number {shown} has too many digits when written out")
    return value if exact == Decimal(repr(value)) else exact


def parse_decimal(text: str) -> Decimal | None:
    """
    Read a decimal number written as a string (`format: singer.decimal`); None when the text is none.

    Shape: an optional sign, digits with an optional point, an optional exponent; within the bounds above.
    """
    return None if _DECIMAL(text) is None else _decimal(text)


def is_decimal(text: str) -> bool:
    """Tell whether `parse_decimal` reads the text."""
    return parse_decimal(text) is not None


def _decimal(literal: str) -> Decimal | None:
    """Return None when the number is out of bounds; of zeros only those with an absurd exponent are."""
    try:
        exact = Decimal(literal)
    except InvalidOperation:
        return None
    if len(literal) <= _SHORT_CHARS and -_SHORT_EXPONENT < exact.adjusted() < _SHORT_EXPONENT:
        return exact  # within the bounds, whatever its digits are
    exponent = int(exact.as_tuple().exponent)
    digits = max(exact.adjusted() + 1, 1) + max(-exponent, 0)
    digits_max = EXPONENT_DIGITS_MAX if exact and _EXPONENT(literal) else DIGITS_MAX
    return exact if digits <= digits_max else None
