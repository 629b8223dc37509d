"""
Parts of a source whose rows are only added: what they need, and how they say so.

They are planned as for a table whose rows are replaced, so that keys, types and held tables are the same.
Source: docs/specs/loading.md, L64 to L66.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from tidegate.tables import reasons
from tidegate.tables.capabilities import Capabilities
from tidegate.tables.model import Change, CreateTable, DropKey, Part, Table


@dataclass(slots=True)
class Added:
    """The changes and parts of one table as they are where rows are only added, and what to tell of it."""

    changes: list[Change]
    parts: list[Part]
    warnings: list[str] = field(default_factory=list)


def only_added(changes: Sequence[Change], parts: Sequence[Part], capabilities: Capabilities) -> Added:
    """
    Let parts of one table add rows and replace none; a table without keys does that anyway.

    Tables that are made get nothing that keeps their keys unique, and what existing ones have goes.
    """
    if not any(part.table.key_columns for part in parts):
        return Added(list(changes), list(parts))
    made = {change.table.name for change in changes if isinstance(change, CreateTable)}
    added = Added(
        changes=[
            replace(change, table=replace(change.table, merges=False))
            if isinstance(change, CreateTable)
            else change
            for change in changes
        ],
        parts=[replace(part, adds=True) for part in parts],
    )
    if not capabilities.keeps_keys_unique:
        return added
    filled = {table.name: table for table in _filled(parts)}
    for name, table in filled.items():
        if table.merges and name not in made:
            added.changes.append(
                DropKey(schema_name=table.schema_name, table_name=name, key_columns=table.key_columns)
            )
            added.warnings.append(reasons.key_dropped(name, table.key_columns))
    return added


def _filled(parts: Iterable[Part]) -> Iterable[Table]:
    """Return the tables that get rows, with keys all of them."""
    for part in parts:
        if part.rows.num_rows:
            yield part.table
        yield from (child.table for child in part.children if child.rows.num_rows)
        yield from (move.target for move in part.moves)
