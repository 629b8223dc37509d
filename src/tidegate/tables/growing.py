"""
A table as it must be for the columns a load has, and the changes that make it so.

Source: docs/specs/loading.md, L10, L12, L26 and L29.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from tidegate.tables.model import AddColumn, Change, Column, CreateTable, GrowDecimal, RenameColumn, Table


def grown(
    table: Table | None, new: Table, wanted: Sequence[Column], renamed: Mapping[str, str]
) -> tuple[Table, list[Change]]:
    """
    Return the table after the changes, and the changes.

    Shape: `table` as it is, or None and then `new` says what it will be called and keyed by; `wanted`:
    columns in the order they would be made; `renamed`: old name -> new name.
    """
    if table is None:
        made = replace(new, columns=tuple(wanted))
        return made, [CreateTable(table=made)]
    place = {"schema_name": table.schema_name, "table_name": table.name}
    changes: list[Change] = [
        RenameColumn(**place, old_name=old, new_name=now) for old, now in renamed.items()
    ]
    columns = _by_name(replace(each, name=renamed.get(each.name, each.name)) for each in table.columns)
    for column in wanted:
        had = columns.get(column.name)
        if had is None:
            columns[column.name] = replace(column, nullable=True)
            changes.append(AddColumn(**place, column=columns[column.name]))
        elif column.scale is not None and had.scale is not None and column.scale > had.scale:
            columns[column.name] = replace(had, scale=column.scale)
            changes.append(GrowDecimal(**place, column=columns[column.name]))
    return replace(table, columns=tuple(columns.values())), changes


def _by_name(columns: Iterable[Column]) -> dict[str, Column]:
    return {column.name: column for column in columns}
