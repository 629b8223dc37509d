"""
Memory: the reference destination, for tests and trials. Rules D1 to D12: docs/specs/destination.md.

Tables are Python values and live as long as this object; DuckDB answers queries about a copy of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, ClassVar

import duckdb
import pyarrow as pa

from tidegate.destinations.base import Loaded, is_loaded
from tidegate.destinations.reading import quoted, run_query
from tidegate.errors import InputInvalid, LoadRefused
from tidegate.tables.canonical import datetime_us
from tidegate.tables.capabilities import SUFFIXES, Capabilities
from tidegate.tables.model import (
    AddColumn,
    Change,
    Column,
    CreateSchema,
    CreateTable,
    DropKey,
    GrowDecimal,
    Part,
    Progress,
    RenameColumn,
    Span,
    Table,
    Type,
)
from tidegate.tables.reading import ARROW_TYPES
from tidegate.tables.system import BOOKKEEPING, REJECTED_WHOLE, SEQUENCE, TABLE_VERSION, counts_as_loaded

DECIMAL_DIGITS = 38
_DAY_US = 86_400_000_000

Row = Mapping[str, Any]
Place = tuple[str, str]
"""Schema and table name."""


class Memory:
    """Writes tables into this process's memory."""

    capabilities: ClassVar[Capabilities] = Capabilities(
        kind="memory",
        display_name="Memory",
        table_name_max=255,
        column_name_max=255,
        names_in_bytes=False,
        names_case_sensitive=False,
        columns_max=1_000,
        suffixes=SUFFIXES,
        natives={kind: str(kind) for kind in Type},
        integer_min=-(2**63),
        integer_max=2**63 - 1,
        decimal_digits_max=DECIMAL_DIGITS,
        decimal_scale_min=6,
        timestamp_min_us=-719_162 * _DAY_US,  # the years 0001 to 9999, which Python can hold
        timestamp_max_us=2_932_897 * _DAY_US - 1,
        keeps_nul_in_text=True,
        renames_on_split=True,
        keeps_keys_unique=False,
        hold_open=True,
    )

    def __init__(self) -> None:
        self._schemas: set[str] = set()
        self._tables: dict[Place, Table] = {}
        self._rows: dict[Place, list[Row]] = {}
        self._progress: dict[str, Progress] = {}

    @classmethod
    def from_address(cls, address: str) -> Memory:
        """Read what follows `memory://`: nothing. Errors: InputInvalid."""
        if address:
            raise InputInvalid("a memory address is memory:// and nothing more")
        return cls()

    def open(self) -> None:
        """Be ready: it always is (D1)."""

    def close(self) -> None:
        """Give up nothing: others cannot want it (D9)."""

    def tables(self, schema_name: str) -> Sequence[Table]:
        """Return the tables of a schema (D2)."""
        return [table for (schema, _), table in self._tables.items() if schema == schema_name]

    def apply(self, change: Change) -> None:
        """Make one change; one already made is left as it is (D3)."""
        match change:
            case CreateSchema():
                self._schemas.add(change.schema_name)
            case CreateTable():
                place = _place(change.table)
                self._tables.setdefault(place, replace(change.table, merges=True))
                self._rows.setdefault(place, [])
            case AddColumn():
                place = (change.schema_name, change.table_name)
                table = self._tables[place]
                if table.column(change.column.name) is None:
                    self._tables[place] = replace(table, columns=(*table.columns, change.column))
            case RenameColumn():
                self._rename_column(change)
            case GrowDecimal():
                place = (change.schema_name, change.table_name)
                table = self._tables[place]
                self._check_room(place, change.column)
                columns = tuple(_grown(column, change.column) for column in table.columns)
                self._tables[place] = replace(table, columns=columns)
            case DropKey():
                pass  # nothing keeps keys unique

    def _rename_column(self, change: RenameColumn) -> None:
        place = (change.schema_name, change.table_name)
        table = self._tables[place]
        if table.column(change.old_name) is None or table.column(change.new_name) is not None:
            return
        columns = [
            replace(column, name=change.new_name) if column.name == change.old_name else column
            for column in table.columns
        ]
        self._tables[place] = replace(table, columns=tuple(columns))
        self._rows[place] = [
            {change.new_name if name == change.old_name else name: value for name, value in row.items()}
            for row in self._rows[place]
        ]

    def _check_room(self, place: Place, wanted: Column) -> None:
        """Errors: LoadRefused when a stored decimal leaves no room for more digits after the point."""
        bound = Decimal(10) ** (DECIMAL_DIGITS - (wanted.scale or 0))
        if any(abs(row.get(wanted.name) or 0) >= bound for row in self._rows[place]):
            raise LoadRefused(
                f"decimal out of range for Memory on {wanted.name}: it holds numbers too long to give it"
                f" {wanted.scale} digits after the point"
            )

    def load(self, parts: Sequence[Part], span: Span, *, rehearse: bool = False) -> Loaded:
        """Write the parts and the progress, or nothing (D4 to D6, D10)."""
        if is_loaded(self._progress.get(span.journal_id), span, "memory"):
            return Loaded(rows=0)
        written = 0
        rows, tables = dict(self._rows), dict(self._tables)
        for part in parts:
            count = _write(part, rows)
            _move(part, rows)
            written += count if counts_as_loaded(part.table) else 0
            if part.activates is not None:
                place = _place(part.table)
                tables[place] = replace(tables[place], version=part.activates)
        if not rehearse:
            self._rows, self._tables = rows, tables
            self._progress[span.journal_id] = span.after
        return Loaded(rows=written)

    def progress(self, journal_id: str) -> Progress | None:
        """Return the progress last loaded for a journal (D7)."""
        return self._progress.get(journal_id)

    def forget(self, before_ms: int, *, rows_max: int) -> int:
        """Delete rejected records kept whole, the oldest first (D12)."""
        rows = self._rows.get((BOOKKEEPING, REJECTED_WHOLE), [])
        old = [row for row in rows if datetime_us(row["rejected_at"]) < before_ms * 1_000][:rows_max]
        gone = set(map(id, old))
        rows[:] = [row for row in rows if id(row) not in gone]
        return len(old)

    def query(self, sql: str, *, wait_s: float, schema_name: str | None = None) -> pa.RecordBatchReader:  # noqa: ARG002 - there is never a wait
        """Run one reading statement on a copy of the tables (D8)."""
        connection = duckdb.connect(":memory:", config={"enable_external_access": "false"})
        try:
            connection.execute("set TimeZone = 'UTC'")
            for schema in self._schemas:
                connection.execute(f"create schema if not exists {quoted(schema)}")
            for (schema, name), table in self._tables.items():
                connection.register("_tidegate_rows", _arrow(table, self._rows[schema, name]))
                connection.execute(
                    f"create table {quoted(schema)}.{quoted(name)} as from temp.main._tidegate_rows"
                )
                connection.unregister("_tidegate_rows")
            return run_query(connection, sql, schema_name)
        finally:
            connection.close()


def _grown(column: Column, wanted: Column) -> Column:
    same = column.name == wanted.name and (column.scale or 0) < (wanted.scale or 0)
    return replace(column, scale=wanted.scale) if same else column


def _place(table: Table) -> Place:
    return table.schema_name, table.name


def _write(part: Part, stored: dict[Place, list[Row]]) -> int:
    """Write one part and its children into the rows of all tables, and return how many rows that were."""
    keys = () if part.adds else part.table.key_columns
    incoming = part.rows.to_pylist()
    written = _written(stored[_place(part.table)], incoming, keys)
    count = 0
    for table, rows, parents in (
        (part.table, incoming, range(len(incoming))),
        *((child.table, child.rows.to_pylist(), child.parents.to_pylist()) for child in part.children),
    ):
        replaced = set(written.values()) if keys else set()
        stays = [
            row for row in stored[_place(table)] if _key(row, table.key_columns[: len(keys)]) not in replaced
        ]
        comes = [row for row, parent in zip(rows, parents, strict=True) if parent in written]
        count += len(comes)
        stored[_place(table)] = [row for row in (*stays, *comes) if _is_kept(part, row.get(TABLE_VERSION))]
    return count


def _move(part: Part, stored: dict[Place, list[Row]]) -> None:
    """Let an activation take over the rows that were kept apart."""
    if part.activates is None or not part.moves:
        return
    own, *others = part.moves
    keys = () if part.adds else own.source.key_columns
    waiting = [row for row in stored[_place(own.source)] if row[TABLE_VERSION] == part.activates]
    written = set(_written(stored[_place(own.target)], waiting, keys).values())
    for table in (own.target, *(child.table for child in part.children)):
        names = table.key_columns[: len(keys)]
        stays = [row for row in stored[_place(table)] if not keys or _key(row, names) not in written]
        stored[_place(table)] = stays
    for move in (own, *others):
        names = move.source.key_columns[: len(keys)]
        rows = stored[_place(move.source)]
        stored[_place(move.target)] += [
            row
            for row in rows
            if row[TABLE_VERSION] == part.activates and (not keys or _key(row, names) in written)
        ]
        stored[_place(move.source)] = [
            row for row in rows if row[TABLE_VERSION] > part.activates and not part.ends_greater
        ]


def _is_kept(part: Part, version: int | None) -> bool:
    """Tell whether a row of a version stays after the part's activation."""
    if part.activates is None or version is None or version == part.activates:
        return True
    return version > part.activates and not part.ends_greater


def _written(
    stored: Sequence[Row], incoming: Sequence[Row], keys: Sequence[str]
) -> dict[int, tuple[Any, ...]]:
    """Return number and key of the incoming rows that no stored row is newer than."""
    newest: dict[tuple[Any, ...], int] = {}
    for row in stored if keys else ():
        key = _key(row, keys)
        newest[key] = max(newest.get(key, row[SEQUENCE]), row[SEQUENCE])
    keyed = [_key(row, keys) for row in incoming]
    return {
        number: key
        for number, (key, row) in enumerate(zip(keyed, incoming, strict=True))
        if key not in newest or newest[key] <= row[SEQUENCE]
    }


def _key(row: Row, key_columns: Sequence[str]) -> tuple[Any, ...]:
    """Return what rows of one key share. NaN, which equals nothing, is one key."""
    return tuple("NaN" if row[name] != row[name] else row[name] for name in key_columns)


def _arrow(table: Table, rows: Sequence[Row]) -> pa.Table:
    columns = {}
    for column in table.columns:
        values = [row.get(column.name) for row in rows]
        columns[column.name] = pa.array(values, _arrow_type(column))
    return pa.table(columns)


def _arrow_type(column: Column) -> pa.DataType:
    if column.type is None:
        return pa.null()
    return (
        pa.decimal128(DECIMAL_DIGITS, column.scale)
        if column.type is Type.DECIMAL
        else ARROW_TYPES[column.type]
    )
