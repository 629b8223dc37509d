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
    point of a decimal column, None elsewhere and where the warehouse keeps any scale. `bits`: of an integer
    column that people made for smaller integers than Tidegate does, how many bits a value has.
    """

    name: str
    type: Type | None
    scale: int | None = None
    nullable: bool = True
    native: str = ""
    bits: int | None = None

    def takes(self, other: Column) -> bool:
        """Tell whether every value that another column can have fits into this one, of the same type."""
        is_narrower = self.bits is not None and (other.bits is None or self.bits < other.bits)
        return self.type is other.type and not is_narrower


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """
    A table in a schema (one schema belongs to each source).

    Shape: `key_columns` in key order; empty for a table that only grows. `parent`: of a subtable, the name
    of the top-level table whose elements it holds, else "". `version`: the active version of a top-level
    table, that is the least a record may have; 0 when none was ever given. `merges`: rows can replace those
    of their key; not where nothing keeps keys unique that must, then rows are only added.
    """

    schema_name: str
    name: str
    columns: tuple[Column, ...]
    key_columns: tuple[str, ...] = ()
    parent: str = ""
    version: int = 0
    merges: bool = True

    def column(self, name: str) -> Column | None:
        """Return the column of exactly this name, None when there is none."""
        return next((column for column in self.columns if column.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateSchema:
    """Make the schema of a source, if it is not there."""

    schema_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateTable:
    """Make a table, if it is not there; where it does not merge, with nothing that keeps keys unique."""

    table: Table


@dataclass(frozen=True, slots=True, kw_only=True)
class AddColumn:
    """Put a column at the end of a table, if it is not there."""

    schema_name: str
    table_name: str
    column: Column


@dataclass(frozen=True, slots=True, kw_only=True)
class RenameColumn:
    """Call a column otherwise, if it is there under its old name and the new one is free."""

    schema_name: str
    table_name: str
    old_name: str
    new_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowDecimal:
    """Give a decimal column more digits after the point; every value in it still fits."""

    schema_name: str
    table_name: str
    column: Column


@dataclass(frozen=True, slots=True, kw_only=True)
class DropKey:
    """Let a table have several rows of one key, where the warehouse itself keeps its keys unique."""

    schema_name: str
    table_name: str
    key_columns: tuple[str, ...]


Change = CreateSchema | CreateTable | AddColumn | RenameColumn | GrowDecimal | DropKey
"""One change to a warehouse that loses nothing; applying it again changes nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """
    The elements that one part's rows bring along for one subtable.

    Shape: `table` as it is after the changes; its key columns are one for each key column of the parent, in
    the parent's order, then the levels. `rows` as in Part, possibly none; `parents` is int64, for each of
    them the number of its row in the part's rows.
    """

    table: Table
    rows: pa.Table
    parents: pa.Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Rows that were kept apart in one table go into another, which has all its columns, named alike."""

    source: Table
    target: Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """
    What one load writes into one table, and into its subtables.

    Shape: `table` as it is after the changes; `rows` has a subset of its columns, named alike, the missing
    ones become null. With `table.key_columns`: at most one row for each key, and a row replaces the stored
    one unless that has a greater `_sdc_sequence`. Without: the rows are added.
    `children`: every subtable there is; a row that is written takes all stored elements of its key away and
    puts its own in place, a row that is passed over leaves the stored elements and brings none.
    `activates`: after the rows, this becomes the table's version, and rows of older versions (less
    `_sdc_table_version`) are deleted, from the table and its children; None changes nothing. With
    `ends_greater`, rows of greater versions are deleted too.
    `moves`: then the rows of the activated version that were kept apart come in, the table's own first and
    those of subtables after it; a stored row of the same key stays only if it has a greater `_sdc_sequence`.
    What is left apart of versions that have ended is deleted.
    With `adds`, rows and elements are added beside those that are stored, whatever their keys.
    A load may have several parts for one table; they are written in order.
    """

    table: Table
    rows: pa.Table
    children: tuple[Child, ...] = ()
    activates: int | None = None
    ends_greater: bool = False
    moves: tuple[Move, ...] = ()
    adds: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Entries of one table behind position `after` are not loaded yet, because of `reason`."""

    schema_name: str
    table_name: str
    after: int
    reason: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one journal is loaded: up to `upto`, but for the tables held. Order of `held` is no matter."""

    upto: int
    held: tuple[Held, ...] = ()

    def __post_init__(self) -> None:
        held = sorted(self.held, key=lambda each: (each.schema_name, each.table_name))
        object.__setattr__(self, "held", tuple(held))


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """
    What one load moves, of one journal.

    Shape: the progress stored before it, None when nothing is stored yet; and the progress it leaves.
    """

    journal_id: str
    before: Progress | None
    after: Progress
