"""
Parts of one table after one another: all changes are made before the first is written.

Source: docs/specs/loading.md, L29 and L83.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pyarrow as pa

from tidegate.tables.model import Part, RenameColumn, Table
from tidegate.tables.plan import Planned

Names = Mapping[tuple[str, str], str]
"""Table and column -> what the column is called afterwards."""


def as_after_all(planned: Sequence[Planned]) -> list[Part]:
    """Return the parts of one table with the names that columns have after all changes of the load."""
    parts: list[Part] = []
    later: dict[tuple[str, str], str] = {}
    for each in reversed(planned):
        if each.part is not None:
            parts.append(_renamed(each.part, later) if later else each.part)
        later |= {
            (change.table_name, change.old_name): change.new_name
            for change in each.changes
            if isinstance(change, RenameColumn)
        }
    return parts[::-1]


def _renamed(part: Part, names: Names) -> Part:
    children = tuple(
        replace(
            child,
            table=_table_renamed(child.table, names),
            rows=_rows_renamed(child.table, child.rows, names),
        )
        for child in part.children
    )
    table = _table_renamed(part.table, names)
    return replace(part, table=table, rows=_rows_renamed(part.table, part.rows, names), children=children)


def _table_renamed(table: Table, names: Names) -> Table:
    columns = (replace(each, name=names.get((table.name, each.name), each.name)) for each in table.columns)
    return replace(table, columns=tuple(columns))


def _rows_renamed(table: Table, rows: pa.Table, names: Names) -> pa.Table:
    return rows.rename_columns([names.get((table.name, name), name) for name in rows.column_names])
