"""
Why a record is rejected, in the documented words. Source: docs/specs/loading.md, L2 to L29.

Texts with a name of a warehouse take its display name; the value or name at fault comes last.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

KEYS_DIFFER = "Primary Keys for table do not match Primary Keys of incoming data"
TOO_MANY_COLUMNS = "ERROR: too many columns"
ACTIVATION_OF_NONE = "an activation without a table version was ignored"


def out_of_range(kind: str, display_name: str, value: Any) -> str:
    """A number or an instant that the warehouse's type cannot hold."""
    return f"{kind} out of range for {display_name} on {value}"


def not_text(display_name: str, column: str) -> str:
    """A text with an unpaired surrogate, or a key with U+0000 where the warehouse has no place for it."""
    return f"string has a character that {display_name} cannot store on {column}"


def table_too_long(table_name: str, display_name: str) -> str:
    """The table's name is over the warehouse's limit."""
    return f"Table name {table_name} is too long for {display_name}"


def table_empty(table_name: str) -> str:
    """Nothing of the table's name is left."""
    return f"Table name {table_name} is empty after removing unsupported characters"


def table_reserved(table_name: str) -> str:
    """The table's name begins like ours."""
    return f"table names from client should not include reserved prefix on {table_name}"


def column_too_long(field: str, display_name: str) -> str:
    """The column's name is over the warehouse's limit."""
    return f"Column name {field} is too long for {display_name}"


def column_empty(field: str) -> str:
    """Nothing of the column's name is left."""
    return f"Column name {field} is empty after removing unsupported characters"


def reserved_suffix(column: str) -> str:
    """The name ends like a split column's."""
    return f"column names from client should not include reserved datatype suffix on {column}"


def reserved_prefix(column: str) -> str:
    """The name begins like a system column's."""
    return f"column names from client should not include reserved prefix on {column}"


def collision(column: str) -> str:
    """Two fields of one record would share a column."""
    return f"Field collision on {column}"


def key_type(column: str) -> str:
    """A key value of another type than its column: keys are never split."""
    return f"Primary Key type for {column} does not match Primary Key type in existing table"


def key_missing(column: str) -> str:
    """A key value is null or absent; the API refuses such records, so this one came another way."""
    return f"missing pk({column}) from updated record"


def name_taken(column: str, found: str, native: str) -> str:
    """A value whose column's name a person gave to a column of another type."""
    return f"{found} value, but column {column} is {native}"


def table_taken(table_name: str) -> str:
    """Elements whose subtable would be another table that is there already."""
    return f"Table name {table_name} is taken by another table"


def column_gone(table_name: str, column: str) -> str:
    """A column of ours that somebody dropped; rows without it would not be told apart."""
    return f"column {column} of {table_name} was dropped; put it back, or drop the table to have it made anew"


def shortened(count: int, display_name: str) -> str:
    """A warning: texts with U+0000 where the warehouse has no place for it."""
    return f"texts stored without the character U+0000, which {display_name} cannot store: {count}"


def only_added(key_columns: Sequence[str]) -> str:
    """A warning: people took away what keeps the keys of a table unique."""
    names = ", ".join(key_columns)
    return (
        f"the primary key over {names} is gone, so rows are only added and replace none; put it back, or drop"
        " the table to have it made anew"
    )


def key_dropped(table_name: str, key_columns: Sequence[str]) -> str:
    """A warning: what kept the keys of a table unique had to go, because its rows are only added now."""
    names = ", ".join(key_columns)
    return f"the primary key of {table_name} over {names} was dropped, since its rows are only added now"


def key_kept(key_columns: Sequence[str], index: str) -> str:
    """What people made lets each key in once, but the source is told to add every record."""
    names = ", ".join(key_columns)
    return (
        f"rows are only added now, but unique index {index} lets each {names} in once; drop it, or have rows"
        " replaced (tidegate sources set SOURCE --no-append-only)"
    )


def stage_left(stage_name: str, table_name: str) -> str:
    """A subtable that somebody dropped while elements for it are kept apart."""
    return (
        f"a subtable of {table_name} was dropped while elements of its next version wait in {stage_name};"
        " drop that too to go on without them"
    )


def stage_misfit(stage_name: str, table_name: str, what: str) -> str:
    """A table that somebody changed while rows for it are kept apart."""
    return (
        f"{what} of {table_name} was changed while rows of its next version wait in {stage_name} and do not"
        " fit now; change that too, or drop it to go on without them"
    )


def activation_ignored(version: int, active: int) -> str:
    """A warning: an activation that came too late, or is no version that a column holds."""
    return f"the activation of version {version} was ignored, because version {active} is active"
