"""
Rows of a new table version kept apart until it is activated. Source: docs/specs/loading.md, L85 to L87.

They are planned as if they went to the table itself, whose columns are made at once. Then they are sent to a
table beside it that has columns of the same names, from where an activation takes them in one transaction.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tidegate.tables import reasons
from tidegate.tables.capabilities import Capabilities
from tidegate.tables.growing import grown
from tidegate.tables.model import Change, Column, Move, Part, RenameColumn, Table
from tidegate.tables.naming import STAGE_PREFIX, identity
from tidegate.tables.plan import Planned
from tidegate.tables.renaming import as_after_all

_DIGITS = 16
"""Hexadecimal digits of a table's digest: 64 bits, and short enough for any warehouse's names."""


def stage_name(table_name: str, capabilities: Capabilities) -> str:
    """Name the table beside a table or subtable; no client can send this name."""
    return STAGE_PREFIX + hashlib.sha256(identity(table_name, capabilities).encode()).hexdigest()[:_DIGITS]


def is_stage(table: Table) -> bool:
    """Tell whether a table keeps rows apart for another."""
    return table.name.startswith(STAGE_PREFIX)


@dataclass(slots=True)
class Staging:
    """
    What keeping apart makes of the parts of one table.

    Shape: `changes` come after those of the plan; `reason`: why the table is held instead, None mostly.
    """

    parts: list[Part] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    reason: str | None = None


def keep_apart(
    name: str,
    planned: Sequence[Planned],
    tables: Mapping[str, Table],
    stages: dict[str, Table],
    capabilities: Capabilities,
) -> Staging:
    """
    Send the parts that are ahead of their version beside the table, and let activations take them.

    Shape: `name` as the warehouse has it; `tables` of the schema after the plan, `stages` those beside them,
    by identity; the latter are brought up to date.
    """
    staging = Staging()
    own = _Beside(name, tables, stages, capabilities, staging)
    own.rename(change for each in planned for change in each.changes if isinstance(change, RenameColumn))
    with_part = [each for each in planned if each.part is not None]
    for each, part in zip(with_part, as_after_all(planned), strict=True):
        if each.ahead:
            staging.parts.append(own.beside(part))
        elif part.activates is not None:
            staging.parts.append(replace(part, moves=own.moves(part)))
        else:
            staging.parts.append(part)
    return staging


@dataclass(slots=True)
class _Beside:
    """The tables beside one table and its subtables."""

    name: str
    tables: Mapping[str, Table]
    stages: dict[str, Table]
    capabilities: Capabilities
    staging: Staging

    def rename(self, changes: Iterable[RenameColumn]) -> None:
        """Rename columns as they are in the tables themselves."""
        for change in changes:
            stage = self._stage(change.table_name)
            if stage is not None and stage.column(change.old_name) and not stage.column(change.new_name):
                self._grow(change.table_name, stage, [], {change.old_name: change.new_name})

    def beside(self, part: Part) -> Part:
        """Return a part that writes beside the table what the given one would write into it."""
        table = self._room(part.table, part.rows.column_names)
        children = [
            replace(child, table=self._room(child.table, child.rows.column_names))
            for child in part.children
            if child.rows.num_rows or self._stage(child.table.name) is not None
        ]
        return Part(table=table, rows=part.rows, children=tuple(children))

    def moves(self, part: Part) -> tuple[Move, ...]:
        """Return what an activation takes over, the table first; nothing when nothing was ever kept apart."""
        if self._stage(self.name) is None:
            return ()
        own = identity(self.name, self.capabilities)
        there = {stage_name(each.name, self.capabilities): each for each in self.tables.values()}
        moves: list[Move] = []
        for stage in self.stages.values():
            if identity(stage.parent, self.capabilities) != own:
                continue
            target = there.get(stage.name)
            if target is None:
                self.staging.reason = reasons.stage_left(stage.name, part.table.name)
                return ()
            moves.append(Move(source=stage, target=self._filled(stage, target)))
        return tuple(sorted(moves, key=lambda each: each.target.name != part.table.name))

    def _filled(self, stage: Table, target: Table) -> Table:
        """Return the table with room for all that stands beside it."""
        self._check_keys(stage, target)
        for column in stage.columns:
            there = target.column(column.name)
            if there is not None and not there.takes(column):
                what = f"column {column.name}"
                self.staging.reason = reasons.stage_misfit(stage.name, target.name, what)
        table, changes = grown(target, target, stage.columns, {})
        self.staging.changes += changes
        return table

    def _check_keys(self, stage: Table, table: Table) -> None:
        keys = [[identity(key, self.capabilities) for key in each.key_columns] for each in (stage, table)]
        if keys[0] != keys[1]:
            self.staging.reason = reasons.stage_misfit(stage.name, table.name, "the key")

    def _stage(self, table_name: str) -> Table | None:
        name = stage_name(table_name, self.capabilities)
        return self.stages.get(identity(name, self.capabilities))

    def _room(self, table: Table, names: Sequence[str]) -> Table:
        """Return the table beside one, with columns of these names."""
        columns = [table.column(name) for name in names]
        wanted = [
            replace(each, nullable=each.name not in table.key_columns, native="")
            for each in columns
            if each is not None
        ]
        stage = self._stage(table.name)
        if stage is not None:
            self._check_keys(stage, table)
        return self._grow(table.name, stage, wanted, {}, table.key_columns)

    def _grow(
        self,
        table_name: str,
        stage: Table | None,
        wanted: Sequence[Column],
        renamed: Mapping[str, str],
        key_columns: tuple[str, ...] = (),
    ) -> Table:
        schema_name = next(iter(self.tables.values())).schema_name
        name = stage_name(table_name, self.capabilities)
        new = Table(schema_name=schema_name, name=name, columns=(), key_columns=key_columns, parent=self.name)
        table, changes = grown(stage, new, wanted, renamed)
        if wanted or renamed:
            self.staging.changes += changes
            self.stages[identity(name, self.capabilities)] = table
        return table
