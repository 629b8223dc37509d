"""What a load tells of each table, as values. Source: docs/specs/loading.md, L100 to L102."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Bookmark:
    """
    Least and greatest value of one of the `bookmark_names` among the rows of a load, None without any.

    Shape: `field` as sent; values as text, numbers digit by digit, instants as RFC 3339 in UTC.
    """

    field: str
    least: str | None
    greatest: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubtableReport:
    """
    What a load holds for one subtable.

    Shape: `array` is what stands behind the table's name: the names that lead to the array, joined.
    """

    array: str
    destination_table: str
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TableReport:
    """
    What a load holds for one table that clients name, with its subtables.

    Shape: `table_name` as first sent, `destination_table` as in the warehouse ("" when it can have none);
    `rows` counts rows after versions of one key were reduced to the newest, `subtables` those of elements;
    `rejected` counts rows of `_sdc_rejected`, `outdated` records dropped because their table version is older
    than the active one. `table_version`: the greatest sent, else the active one. `activated`: another version
    became the active one. `extracted_at_max`: the last `time_extracted` of rows, RFC 3339. `warnings` are
    sentences for people. `schema_text`: what the records look like, as a JSON Schema, "" for unknown.
    """

    table_name: str
    destination_table: str
    rows: int
    rejected: int
    key_names: tuple[str, ...] = ()
    table_version: int = 0
    activated: bool = False
    outdated: int = 0
    extracted_at_max: str | None = None
    bookmarks: tuple[Bookmark, ...] = ()
    subtables: tuple[SubtableReport, ...] = ()
    warnings: tuple[str, ...] = ()
    schema_text: str = ""
