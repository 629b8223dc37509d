"""Numbers are kept as sent."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.decimals import double_number, exact_number, is_decimal, parse_decimal
from tidegate.errors import MalformedBody

LITERALS = st.from_regex(
    r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30}([eE][+-]?[1-3]?[0-9]{1,2})?|[eE][+-]?[1-3]?[0-9]{1,2})",
    fullmatch=True,
)


@given(LITERALS)
def test_an_exact_number_is_the_number_sent(literal: str) -> None:
    """On batch a literal is a float only where its shortest text is the same number. (W64)"""
    read = exact_number(literal)
    shortest = repr(read) if isinstance(read, float) else read
    assert Fraction(literal) == Fraction(shortest)


@given(LITERALS)
def test_a_pushed_number_is_a_double_or_exact(literal: str) -> None:
    """Of more than 17 significant digits a literal stays exact, a shorter one is a double. (W63)"""
    read = double_number(literal)
    if isinstance(read, float):
        assert float(literal) == read
        assert Fraction(repr(read)) == Fraction(literal) or len(Decimal(literal).as_tuple().digits) <= 17
    else:
        assert Fraction(literal) == Fraction(read)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_double_written_by_a_program_stays_a_double(value: float) -> None:
    """The text programs write for a double, shortest or with 17 digits, is read as that double. (W63)"""
    assert (value, value) == (exact_number(repr(value)), double_number(repr(value)))
    if abs(value) > 1e-300:
        assert value == double_number(f"{value:.17g}") or "." not in f"{value:.17g}"


@pytest.mark.parametrize(
    ("literal", "exact", "double"),
    [
        ("0.10000000000000001", Decimal("0.10000000000000001"), 0.1),
        ("0.1000000000000000000000", 0.1, 0.1),
        ("123456789.123456789123", Decimal("123456789.123456789123"), Decimal("123456789.123456789123")),
        ("1e400", Decimal("1e400"), Decimal("1e400")),
        ("1e-400", Decimal("1e-400"), Decimal("1e-400")),
        ("0e4000", 0.0, 0.0),
        ("10.0", 10.0, 10.0),
    ],
)
def test_the_two_readings_differ_only_where_documented(
    literal: str, exact: float | Decimal, double: float | Decimal
) -> None:
    """Up to 17 digits push reads a double and batch keeps the digits; else they agree. (W63, W64)"""
    assert (exact, double) == (exact_number(literal), double_number(literal))
    assert (type(exact), type(double)) == (type(exact_number(literal)), type(double_number(literal)))


@pytest.mark.parametrize(
    "literal", ["1e500", "1e-500", "0." + "1" * 4_300, "1e999999999", "1e-999999999", "1e" + "9" * 40]
)
def test_a_number_that_would_fill_the_memory_is_refused(literal: str) -> None:
    """A number that needs thousands of digits when written out is refused, never expanded. (W65)"""
    with pytest.raises(MalformedBody, match="too many digits"):
        exact_number(literal)
    assert None is parse_decimal(literal)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.50", Decimal("1.50")),
        ("-.5", Decimal("-0.5")),
        ("+7.", Decimal(7)),
        ("1E+2", Decimal("1E+2")),
        ("", None),
        (".", None),
        ("NaN", None),
        ("Infinity", None),
        ("1_000", None),
        (" 1", None),
        ("\u0661", None),
        ("0x1", None),
    ],
)
def test_a_decimal_written_as_a_string_is_read(text: str, expected: Decimal | None) -> None:
    """singer.decimal strings are decimal numbers and nothing else. (W66)"""
    assert (expected, expected is not None) == (parse_decimal(text), is_decimal(text))
