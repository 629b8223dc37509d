"""Where the records of one table go: what it is called, what is there, what identifies its rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tidegate.tables.capabilities import Capabilities
from tidegate.tables.model import Column, Table, Type
from tidegate.tables.naming import identity, length, name_column
from tidegate.tables.system import GENERATED_KEY, level_name, source_key_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """
    The table records go to.

    Shape: `table` is None while it does not exist; `key_names` are fields in the order of its key columns,
    empty for a table that only grows; `tables`: all tables of the schema, by identity of their names.
    """

    schema_name: str
    name: str
    key_names: tuple[str, ...]
    table: Table | None
    tables: Mapping[str, Table]
    capabilities: Capabilities

    def key_identities(self) -> list[str]:
        """Return the identities of the key columns."""
        names = [name_column(name, self.capabilities).text for name in self.key_names]
        return [identity(name, self.capabilities) for name in names]

    def subtable(self, name: str) -> Table | None:
        """Return what is there under the name of a subtable."""
        return self.tables.get(identity(name, self.capabilities))

    def subtables(self) -> list[Table]:
        """Return the subtables that are there."""
        return [table for table in self.tables.values() if self._is_ours(table)]

    def may_fill(self, name: str, depth: int) -> bool:
        """Tell whether elements may go to a table of this name: to none yet, or to a subtable of this one."""
        there = self.subtable(name)
        return there is None or (self._is_ours(there) and len(there.key_columns) == self._keys() + depth)

    def long_source_key(self) -> str | None:
        """Return a key whose name leaves no room for that of a subtable's column, None when there is none."""
        # A column's limit leaves room for a type's suffix, which keys never get.
        name_max = self.capabilities.column_name_max + len("__xx")
        names = (name_column(each, self.capabilities).text for each in self.key_names)
        keys = (source_key_name(each) for each in names)
        return next((each for each in keys if length(each, self.capabilities) > name_max), None)

    def key_types(self) -> dict[str, Type]:
        """
        Return the types that keys must have, by identity; new keys have none.

        A key column that somebody dropped is made again with the type it has in subtables.
        """
        there = {identity(each.name, self.capabilities): each.type for each in self._columns()}
        types = {key: there.get(key) for key in self.key_identities()}
        for table in self.subtables():
            for key, name in zip(types, table.key_columns, strict=False):
                column = table.column(name)
                types[key] = types[key] or (column.type if column is not None else None)
        return {key: kind for key, kind in types.items() if kind is not None}

    def _columns(self) -> tuple[Column, ...]:
        return self.table.columns if self.table is not None else ()

    def _is_ours(self, table: Table) -> bool:
        """Tell whether a table is one of our subtables, made for the keys that we have."""
        if identity(table.parent, self.capabilities) != identity(self.name, self.capabilities):
            return False
        depth = len(table.key_columns) - self._keys()
        keys = self.key_identities() or [GENERATED_KEY]
        wanted = [*map(source_key_name, keys), *map(level_name, range(depth))]
        if depth <= 0 or wanted != [identity(key, self.capabilities) for key in table.key_columns]:
            return False
        there = {identity(each.name, self.capabilities): each.type for each in self._columns()}
        pairs = zip(keys, map(table.column, table.key_columns), strict=False)
        # Rows whose keys have another type than those of the elements cannot be compared with them.
        return all(column is None or there.get(key, column.type) is column.type for key, column in pairs)

    def _keys(self) -> int:
        return max(1, len(self.key_names))
