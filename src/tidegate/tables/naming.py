"""
Names: what a table and a column are called in the warehouse. Source: docs/specs/loading.md, L1 to L9.

PostgreSQL's rules, which DuckDB shares: case and spaces kept, other characters deleted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tidegate.tables import reasons
from tidegate.tables.capabilities import Capabilities
from tidegate.tables.model import Type
from tidegate.tables.system import COLUMN_TYPES, PASSED_THROUGH

_UNSUPPORTED = re.compile(r"[^A-Za-z0-9_ ]")
_LEADING = re.compile(r"^[^A-Za-z_]+")
SEPARATOR = "__"
"""Between the names of a path."""

_RESERVED_PREFIXES = ("_sdc", "_rjm")
STAGE_PREFIX = "_tidegate_stage_"
"""How the tables are called that keep rows of a new version apart; reserved for tables."""

_SMALL_INTEGER_SUFFIX = "it"  # of integer columns that people made smaller; Tidegate makes none


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """
    A name as the warehouse has it, or why there is none.

    Shape: `reason` is None for a good name. `droppable`: records load without this column.
    """

    text: str
    reason: str | None = None
    droppable: bool = False


def canonical(name: str) -> str:
    """Return the name with only the characters a warehouse keeps; may be empty, may be too long."""
    return _LEADING.sub("", _UNSUPPORTED.sub("", name)).strip(" ")


def identity(name: str, capabilities: Capabilities) -> str:
    """Return what two names must share to be one in the warehouse."""
    return name if capabilities.names_case_sensitive else name.lower()


def length(name: str, capabilities: Capabilities) -> int:
    """Return how long the warehouse finds a name. Units: as its limits."""
    return len(name.encode()) if capabilities.names_in_bytes else len(name)


def name_table(table_name: str, capabilities: Capabilities) -> Name:
    """Name the table for records sent under `table_name`."""
    text = canonical(table_name)
    if not text:
        return Name(text=text, reason=reasons.table_empty(table_name))
    if _is_reserved(text) or text.lower().startswith(STAGE_PREFIX):
        return Name(text=text, reason=reasons.table_reserved(table_name))
    if length(text, capabilities) > capabilities.table_name_max:
        return Name(text=text, reason=reasons.table_too_long(table_name, capabilities.display_name))
    return Name(text=text)


def name_column(field: str, capabilities: Capabilities) -> Name:
    """Name the column for a top-level field."""
    return name_path((field,), capabilities)


def name_path(path: Sequence[str], capabilities: Capabilities) -> Name:
    """Name the column for what stands at a path of names."""
    name = name_array(path)
    if name.reason is not None:
        return name
    text, field, lower = name.text, SEPARATOR.join(path), name.text.lower()
    if lower.endswith(_reserved_suffixes(capabilities)):
        return Name(text=text, reason=reasons.reserved_suffix(text))
    if length(text, capabilities) > capabilities.column_name_max:
        return Name(
            text=text, reason=reasons.column_too_long(field, capabilities.display_name), droppable=True
        )
    return Name(text=text)


def name_array(path: Sequence[str]) -> Name:
    """Name the array at a path, which has a subtable and no column: without a limit and reserved suffixes."""
    first, *others = path
    parts = [canonical(first), *(_UNSUPPORTED.sub("", each).strip(" ") for each in others)]
    text = SEPARATOR.join(parts)
    if not all(parts):
        return Name(text=text, reason=reasons.column_empty(SEPARATOR.join(path)))
    top = parts[0].lower()
    if top in COLUMN_TYPES or (_is_reserved(top) and top not in PASSED_THROUGH):
        return Name(text=text, reason=reasons.reserved_prefix(text))
    return Name(text=text)


def subtable_name(table_name: str, array: str, capabilities: Capabilities) -> Name:
    """Name the subtable of a table (or subtable) for an array, by the array's name."""
    text = f"{table_name}{SEPARATOR}{array}"
    if length(text, capabilities) > capabilities.table_name_max:
        return Name(text=text, reason=reasons.table_too_long(text, capabilities.display_name), droppable=True)
    return Name(text=text)


def split_name(column: str, kind: Type, capabilities: Capabilities) -> str:
    """Name the column for a field's values of one type, once it has values of several."""
    return f"{column}__{capabilities.suffixes[kind]}"


def small_integer_name(column: str) -> str:
    """Name the column that people made for smaller integers, once its field has values of several types."""
    return f"{column}__{_SMALL_INTEGER_SUFFIX}"


def _is_reserved(name: str) -> bool:
    return name.lower().startswith(_RESERVED_PREFIXES)


def _reserved_suffixes(capabilities: Capabilities) -> tuple[str, ...]:
    return tuple(f"__{suffix}" for suffix in (*capabilities.suffixes.values(), _SMALL_INTEGER_SUFFIX))
