"""
Decimals as Arrow: which scale a column needs, and which values it cannot take.

Source: docs/specs/loading.md, L26 and L27.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pyarrow as pa

from tidegate.tables import reasons
from tidegate.tables.capabilities import Capabilities

_UNBOUNDED_DIGITS = (131_072, 16_383)  # before and after the point: what PostgreSQL documents
_PROBE = 400_000  # no number of either side is longer, so nothing longer is ever written out
_SHORT_CHARS = 38

Refused = dict[int, str]
"""Row number -> why its record is rejected."""


def decimal_array(
    values: Sequence[Decimal | None], scale: int, capabilities: Capabilities
) -> tuple[pa.Array, Refused]:
    """
    Build a decimal column of the least scale, `scale` or more, that takes the values.

    Shape: as many values as rows; values that do not fit are null in the column and refused. In order of
    arrival: a value is refused when it and those before it need more digits than there are. Where the
    warehouse bounds no digits the column is text, digit by digit, for the warehouse to read.
    """
    digits_max = capabilities.decimal_digits_max
    if digits_max is None:
        return _text_array(values, capabilities)
    try:
        if _are_short(values):
            return pa.array(values, pa.decimal128(digits_max, scale)), {}
    except (pa.ArrowException, ValueError, TypeError, OverflowError):
        pass
    return _fitted(values, scale, digits_max, capabilities)


def _are_short(values: Sequence[Decimal | None]) -> bool:
    """
    Tell whether no value has so many digits that Arrow would lose them in silence.

    Arrow refuses what does not fit a scale, but not reliably where more than 38 digits after the point go.
    """
    texts = list(map(str, values))
    return max(map(len, texts), default=0) <= _SHORT_CHARS and "E" not in "".join(texts)


def _fitted(
    values: Sequence[Decimal | None], scale: int, digits_max: int, capabilities: Capabilities
) -> tuple[pa.Array, Refused]:
    refused: Refused = {}
    taken: list[Decimal | None] = list(values)
    whole = 0
    for row, value in enumerate(values):
        if value is None:
            continue
        before, after = digits_needed(value)
        if max(whole, before) + max(scale, after) > digits_max:
            refused[row] = reasons.out_of_range("decimal", capabilities.display_name, value)
            taken[row] = None
        else:
            whole, scale = max(whole, before), max(scale, after)
            taken[row] = _written_out(value, after)
    return pa.array(taken, pa.decimal128(digits_max, scale)), refused


def _written_out(value: Decimal, after: int) -> Decimal:
    """Return the same number without an exponent and without zeros at the end."""
    text = f"{value:f}"
    point = text.find(".")
    return Decimal(text if point < 0 else text[: point + 1 + after])


def _text_array(values: Sequence[Decimal | None], capabilities: Capabilities) -> tuple[pa.Array, Refused]:
    refused: Refused = {}
    texts: list[str | None] = []
    for row, value in enumerate(values):
        texts.append(None)
        if value is None:
            continue
        before, after = digits_needed(value)
        if before > _UNBOUNDED_DIGITS[0] or after > _UNBOUNDED_DIGITS[1]:
            refused[row] = reasons.out_of_range("decimal", capabilities.display_name, value)
        else:
            texts[row] = f"{value:f}"
    return pa.array(texts, pa.string()), refused


def digits_needed(value: Decimal) -> tuple[int, int]:
    """Return how many digits a decimal has before and after its point, zeros at the ends left out."""
    if not value.is_finite():
        return _PROBE, _PROBE
    _, digits, exponent = value.as_tuple()
    zeros = 0
    for digit in reversed(digits):
        if digit:
            break
        zeros += 1
    else:
        return 0, 0
    places = int(exponent)
    return max(0, len(digits) + places), max(0, -places - zeros)
