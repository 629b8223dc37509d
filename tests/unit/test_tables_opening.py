"""Records are taken apart a few at a time; that shows nowhere. Rules L70 to L75 of docs/specs/loading.md."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tidegate.tables.opening import Opened, open_records

NAMES = st.sampled_from(["a", "b", "c"])
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.sampled_from([0, -1, 2**63 - 1, 2**63, -(2**70)])
    | st.sampled_from([0.0, -0.0, 0.1, 1e300, float("inf")])
    | st.sampled_from([Decimal("0.10"), Decimal("1e40")])
    | st.sampled_from(["", "x", "\0", "\ud800", "é"]),
    lambda inner: st.dictionaries(NAMES, inner, max_size=3) | st.lists(inner, max_size=2),
    max_leaves=5,
)
RECORDS = st.lists(st.dictionaries(NAMES, VALUES, max_size=3), max_size=7)
MANY = 1_000


def as_comparable(opened: Opened | None) -> Any:
    """Return everything that is in it; -0.0 and 0.0, 1 and True look different as text."""
    if opened is None:
        return None
    return (
        [(path, repr(each.values), each.kinds, each.has_nulls()) for path, each in opened.scalars.items()],
        [(path, repr(each)) for path, each in opened.arrays.items()],
    )


@given(RECORDS, st.integers(1, 3))
def test_records_taken_apart_in_pieces_are_the_same(records: list[dict[str, Any]], piece_rows: int) -> None:
    """Paths, their order, values and types do not depend on how many records are seen at a time. (L70)"""
    assert as_comparable(open_records(records, MANY)) == as_comparable(
        open_records(records, MANY, piece_rows=piece_rows)
    )


@given(RECORDS, st.integers(1, 3), st.integers(0, 9))
def test_too_many_fields_are_found_in_pieces_too(
    records: list[dict[str, Any]], piece_rows: int, fields_max: int
) -> None:
    """The bound is that of all records together, to the last field. (L13)"""
    assert as_comparable(open_records(records, fields_max)) == as_comparable(
        open_records(records, fields_max, piece_rows=piece_rows)
    )
