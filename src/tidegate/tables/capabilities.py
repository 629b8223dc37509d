"""What a warehouse can hold and how it names things: the data that the planning of tables reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from tidegate.tables.model import Column, Type

SUFFIXES: Mapping[Type, str] = {
    Type.BOOLEAN: "bo",
    Type.INTEGER: "bi",
    Type.DOUBLE: "do",
    Type.DECIMAL: "de",
    Type.TIMESTAMP: "ti",
    Type.STRING: "st",
}
"""What PostgreSQL and its like append to a split column's name. Source: docs/specs/loading.md."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """
    One kind of warehouse, as numbers and choices. Source: docs/specs/loading.md, limits of destinations.

    Units: `*_name_max` in characters, or bytes of UTF-8 when `names_in_bytes`; `decimal_digits_max` counts
    all digits of a decimal (None: any); timestamps in microseconds since 1970 UTC.
    `natives` are the warehouse's own words for types, `{scale}` in them the digits after the point.
    `keeps_keys_unique`: a table has a constraint for that, without which no row can be replaced.
    `hold_open`: the loader may stay connected between loads (False: it must let others have the file).
    """

    kind: str
    display_name: str
    table_name_max: int
    column_name_max: int
    names_in_bytes: bool
    names_case_sensitive: bool
    columns_max: int
    suffixes: Mapping[Type, str]
    natives: Mapping[Type, str]
    integer_min: int
    integer_max: int
    decimal_digits_max: int | None
    decimal_scale_min: int
    timestamp_min_us: int
    timestamp_max_us: int
    keeps_nul_in_text: bool
    renames_on_split: bool
    keeps_keys_unique: bool
    hold_open: bool

    def native_type(self, column: Column) -> str:
        """Return what the warehouse calls the type of a column."""
        if column.type is None or column.native:
            return column.native
        return self.natives[column.type].format(scale=column.scale)

    def for_integers_of(self, bits: int | None) -> Capabilities:
        """Return the same with the range of integers of so many bits; None is the warehouse's own range."""
        if bits is None:
            return self
        bound = 2 ** (bits - 1)
        return replace(self, integer_min=-bound, integer_max=bound - 1)
