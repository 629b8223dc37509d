"""The words of tables: column types, columns, tables, changes to them, and what one load writes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa


class Type(StrEnum):
    """What a column holds. Source: docs/specs/loading.md, column types."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    DOUBLE = "double"
    DECIMAL = "decimal"
    TIMESTAMP = "timestamp"
    STRING = "string"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """
    One column, as it is or as it shall be.

    Shape: `type` is None for a column of a warehouse type that nothing is loaded into (people may add
    such columns); `native` is the warehouse's own name for it. `scale` is the number of digits after the
    point of a decimal column, None elsewhere and where the warehouse keeps any scale.
    """

    name: str
    type: Type | None
    scale: int | None = None
    nullable: bool = True
    native: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """
    A table in a schema (one schema belongs to each source).

    Shape: `key_columns` in key order; empty for a table that only grows.
    """

    schema_name: str
    name: str
    columns: tuple[Column, ...]
    key_columns: tuple[str, ...] = ()

    def column(self, name: str) -> Column | None:
        """Return the column of exactly this name, None when there is none."""
        return next((column for column in self.columns if column.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateSchema:
    """Make the schema of a source, if it is not there."""

    schema_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateTable:
    """Make a table, if it is not there."""

    table: Table


@dataclass(frozen=True, slots=True, kw_only=True)
class AddColumn:
    """Put a column at the end of a table, if it is not there."""

    schema_name: str
    table_name: str
    column: Column


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowDecimal:
    """Give a decimal column more digits after the point; every value in it still fits."""

    schema_name: str
    table_name: str
    column: Column


Change = CreateSchema | CreateTable | AddColumn | GrowDecimal
"""One additive change to a warehouse; applying it again changes nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """
    What one load writes into one table.

    Shape: `table` as it is after the changes; `rows` has a subset of its columns, named alike, the missing
    ones become null. With `table.key_columns`: at most one row for each key, and a row replaces the stored
    one unless that has a greater `_sdc_sequence`. Without: the rows are added.
    """

    table: Table
    rows: pa.Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The entries one load covers: positions after `after`, up to `upto`, of one journal."""

    journal_id: str
    after: int
    upto: int
