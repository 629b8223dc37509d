"""
One table's share of a load: its rows and the elements they bring along, as Arrow, and the changes they need.

Source: docs/specs/loading.md, L10 to L33, L60 to L63 and L70 to L77.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa
import pyarrow.compute as pc

from tidegate.tables import reasons
from tidegate.tables.growing import grown
from tidegate.tables.model import Change, Child, Column, Part, Table, Type
from tidegate.tables.newest import newest_rows
from tidegate.tables.reading import TIMESTAMP
from tidegate.tables.rows import Rows
from tidegate.tables.settling import Refusal, Settled, Settlement, settle
from tidegate.tables.system import (
    BATCHED_AT,
    COLUMN_TYPES,
    GENERATED_KEY,
    SEQUENCE,
    level_name,
    source_key_name,
)
from tidegate.tables.target import Target


@dataclass(slots=True)
class Planned:
    """
    What a load does to one table.

    Shape: `part` is None when nothing is written; `valueless` counts records without any value, for which
    no table is made; `settlement` is what became of the records, None when none came.
    `ahead`: the part is of a version that is kept apart until it is activated.
    """

    changes: list[Change] = field(default_factory=list)
    part: Part | None = None
    refused: list[Refusal] = field(default_factory=list)
    valueless: int = 0
    settlement: Settlement | None = None
    ahead: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Content:
    """The columns of all rows before older versions go: system columns, and the key with its columns."""

    system: Mapping[str, pa.Array]
    keys: Mapping[str, tuple[Column, pa.Array]]


def plan_table(
    target: Target, rows: Rows, *, batched_at_ms: int, new_uuids: Callable[[int], Sequence[str]]
) -> Planned:
    """
    Plan one table's share of a load.

    Shape: the rows accepted for it, in order -> changes, a part, and the records it cannot take.
    """
    settlement = settle(target, rows)
    planned = Planned(refused=settlement.refused, settlement=settlement)
    count = len(settlement.rows)
    if not count:
        return planned
    top, *subs = settlement.tables
    if target.table is None and not top.placings and not subs:
        planned.valueless = count
        return planned
    system = dict(settlement.system)
    if not target.key_names:
        system[GENERATED_KEY] = pa.array(new_uuids(count), pa.string())
    system[BATCHED_AT] = pa.repeat(pa.scalar(batched_at_ms * 1_000, pa.int64()).cast(TIMESTAMP), count)
    content = _Content(system=system, keys=_keys(target, top, system))
    table, changes = _grown_top(target, top, content)
    if len(table.columns) > target.capabilities.columns_max:
        planned.refused += [(record, reasons.TOO_MANY_COLUMNS) for record in settlement.rows.data]
        return planned
    planned.changes = changes
    newest = _newest(target, content)
    columns = {each.column.name: each.values for each in top.columns()} | system
    written = _arrow(table, columns)
    planned.part = Part(
        table=table,
        rows=written if newest is None else written.take(newest),
        children=tuple(_children(target, settlement, subs, content, newest, planned)),
    )
    return planned


def _keys(target: Target, top: Settled, system: Mapping[str, pa.Array]) -> dict[str, tuple[Column, pa.Array]]:
    if not target.key_names:
        column = Column(name=GENERATED_KEY, type=Type.STRING)
        return {GENERATED_KEY: (column, system[GENERATED_KEY])}
    placed = [top.placings[key].placed[0] for key in target.key_identities()]
    return {each.column.name: (each.column, each.values) for each in placed}


def _newest(target: Target, content: _Content) -> pa.Array | None:
    """Return the numbers of the rows to write; None for all."""
    if not target.key_names:
        return None
    return newest_rows([values for _, values in content.keys.values()], content.system[SEQUENCE])


def _grown_top(target: Target, top: Settled, content: _Content) -> tuple[Table, list[Change]]:
    keys = tuple(content.keys) if target.key_names else ()
    new = Table(schema_name=target.schema_name, name=target.name, columns=(), key_columns=keys)
    own = [content.keys[name][0] for name in keys]
    return _grown(top, new, own, content.system)


def _grown(
    settled: Settled, new: Table, keys: Sequence[Column], system: Mapping[str, pa.Array]
) -> tuple[Table, list[Change]]:
    wanted = [
        *keys,
        *(each.column for each in settled.columns() if each.column.name not in new.key_columns),
        *(Column(name=name, type=kind) for name, kind in COLUMN_TYPES.items() if name in system),
    ]
    renamed = dict(each.renamed for each in settled.placings.values() if each.renamed is not None)
    return grown(settled.table, new, wanted, renamed)


def _arrow(table: Table, columns: Mapping[str, pa.Array]) -> pa.Table:
    """Put columns into the table's order."""
    return pa.table({each.name: columns[each.name] for each in table.columns if each.name in columns})


# --- Elements ----------------------------------------------------------------------------------------------


def _children(
    target: Target,
    settlement: Settlement,
    subs: Sequence[Settled],
    content: _Content,
    newest: pa.Array | None,
    planned: Planned,
) -> list[Child]:
    """Return the subtables with the elements of the rows that are written, and those that get none."""
    children: list[Child] = []
    for sub in subs:
        child, changes = _child(target, sub, content, newest)
        if len(child.table.columns) > target.capabilities.columns_max:
            tops = dict.fromkeys(sub.frame.tops)
            planned.refused += [(settlement.rows.data[top], reasons.TOO_MANY_COLUMNS) for top in tops]
        else:
            children.append(child)
            planned.changes += changes
    filled = {child.table.name for child in children}
    nothing = pa.array([], pa.int64())
    children += [
        Child(table=table, rows=pa.table({}), parents=nothing)
        for table in target.subtables()
        if table.name not in filled
    ]
    return children


def _child(
    target: Target, sub: Settled, content: _Content, newest: pa.Array | None
) -> tuple[Child, list[Change]]:
    tops = pa.array(sub.frame.tops, pa.int64())
    system = {name: each.take(tops) for name, each in content.system.items() if name != GENERATED_KEY}
    keys = _child_keys(sub, content, tops)
    new = Table(
        schema_name=target.schema_name,
        name=sub.frame.name,
        columns=(),
        key_columns=tuple(column.name for column, _ in keys),
        parent=target.name,
    )
    table, changes = _grown(sub, new, [column for column, _ in keys], system)
    columns = {each.column.name: each.values for each in sub.columns()} | system
    rows = _arrow(table, columns | {column.name: values for column, values in keys})
    if newest is None:
        return Child(table=table, rows=rows, parents=tops), changes
    kept = pc.is_in(tops, newest)
    parents = pc.index_in(tops.filter(kept), newest).cast(pa.int64())
    return Child(table=table, rows=rows.filter(kept), parents=parents), changes


def _child_keys(sub: Settled, content: _Content, tops: pa.Array) -> list[tuple[Column, pa.Array]]:
    """Return the key columns of a subtable, as the warehouse spells them, with their values."""
    keys = [
        (replace(column, name=source_key_name(key), nullable=False, bits=None), values.take(tops))
        for key, (column, values) in content.keys.items()
    ]
    keys += [
        (Column(name=level_name(depth), type=Type.INTEGER, nullable=False), pa.array(level, pa.int64()))
        for depth, level in enumerate(sub.frame.levels)
    ]
    if sub.table is None:
        return keys
    spelled = zip(keys, sub.table.key_columns, strict=True)
    return [(replace(column, name=name), values) for (column, values), name in spelled]
