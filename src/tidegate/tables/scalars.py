"""
The values of one field without objects and arrays, kept as Arrow wherever Arrow holds them exactly.

Every look at a Python value costs a fetch from memory, so values are looked at a few rows at a time, while
they are near, and from then on native code reads the Arrow column.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import NoneType
from typing import Any

import pyarrow as pa

Values = list[Any]
"""One value for each row, None where it is null or absent."""

NOT_NATIVE = (pa.ArrowException, OverflowError, UnicodeEncodeError, ValueError, TypeError)
"""What Arrow raises for a value it cannot take; the value is then looked at on its own."""

_EXACT: dict[type, pa.DataType] = {
    bool: pa.bool_(),
    int: pa.int64(),
    float: pa.float64(),
    str: pa.string(),
}
"""The Arrow type that gives back every value of a Python type that it takes."""
_KINDS = {exact: kind for kind, exact in _EXACT.items()}


class Scalars:
    """
    One value for each row, None where it is null or absent; `kinds` are their Python types, of None too.

    Shape: kept as a list, or as an Arrow column when all values have one type and fit into 64 bits or UTF-8.
    """

    __slots__ = ("_array", "_values", "kinds")

    def __init__(self, values: Values | None, kinds: set[type], array: pa.Array | None = None) -> None:
        self.kinds = kinds
        self._values = values
        self._array = array

    @classmethod
    def packed(cls, values: Values, kinds: set[type]) -> Scalars:
        """Keep values as Arrow if it can hold them."""
        exact = _exact(kinds)
        if exact is None:
            return cls(values, kinds)
        try:
            return cls(None, kinds, pa.array(values, exact))
        except NOT_NATIVE:
            return cls(values, kinds)

    @classmethod
    def of_column(cls, column: pa.ChunkedArray) -> Scalars:
        """Take a column of an Arrow type that is exact for its values."""
        if column.null_count == len(column):
            return cls([None] * len(column), {NoneType})
        kinds = {_KINDS[column.type]} | ({NoneType} if column.null_count else set())
        return cls(None, kinds, column.combine_chunks())

    @property
    def values(self) -> Values:
        """The Python values, made again from the Arrow column where there is one."""
        if self._values is None:
            self._values = [] if self._array is None else self._array.to_pylist()
        return self._values

    def array(self, wanted: pa.DataType) -> pa.Array:
        """Return the values as Arrow of another type too. Errors: those in `NOT_NATIVE`."""
        if self._array is None:
            return pa.array(self.values, wanted)
        return self._array if self._array.type == wanted else self._array.cast(wanted)

    def has_nulls(self) -> bool:
        """Tell whether any row has no value."""
        return NoneType in self.kinds


def joined(pieces: Sequence[Scalars | None], counts: Iterable[int]) -> Scalars:
    """Put values of one field after one another; a piece that is None has no value in its number of rows."""
    kinds: set[type] = set().union(*({NoneType} if piece is None else piece.kinds for piece in pieces))
    exact = _exact(kinds)
    arrays: list[pa.Array] = []
    for piece, count in zip(pieces, counts, strict=True) if exact is not None else ():
        if piece is None or piece.kinds == {NoneType}:
            arrays.append(pa.nulls(count, exact))
        elif piece._array is not None:  # noqa: SLF001 - of the same class
            arrays.append(piece._array)  # noqa: SLF001 - of the same class
    if exact is not None and len(arrays) == len(pieces):
        return Scalars(None, kinds, pa.concat_arrays(arrays))
    values: Values = []
    for piece, count in zip(pieces, counts, strict=True):
        values += [None] * count if piece is None else piece.values
    return Scalars(values, kinds)


def _exact(kinds: set[type]) -> pa.DataType | None:
    some = kinds - {NoneType}
    return _EXACT.get(next(iter(some))) if len(some) == 1 else None
