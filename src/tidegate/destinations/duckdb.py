"""
DuckDB: one file on this machine, held only while loading. Rules D1 to D9: docs/specs/destination.md.

DuckDB lets one process open a file for writing, or several for reading. So the loader opens it for each load
and closes it again, and `query` waits for its turn. Keys are no PRIMARY KEY constraint, whose index is read
again after each opening: the key columns are NOT NULL, the key lists stand in schema `_tidegate`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from tidegate.destinations.base import Loaded
from tidegate.destinations.reading import quoted, run_query
from tidegate.errors import (
    AccessDenied,
    DestinationBusy,
    DestinationDown,
    DestinationError,
    InputInvalid,
    LoadConflict,
    LoadRefused,
)
from tidegate.tables.capabilities import Capabilities
from tidegate.tables.model import (
    AddColumn,
    Change,
    Column,
    CreateSchema,
    CreateTable,
    GrowDecimal,
    Part,
    Span,
    Table,
    Type,
)
from tidegate.tables.system import REJECTED, SEQUENCE

DECIMAL_DIGITS = 38
LOOK_AGAIN_S = 0.02
"""How often a query asks whether the loader has let go of the file."""

_NATIVE = {
    Type.BOOLEAN: "BOOLEAN",
    Type.INTEGER: "BIGINT",
    Type.DOUBLE: "DOUBLE",
    Type.TIMESTAMP: "TIMESTAMP WITH TIME ZONE",
    Type.STRING: "VARCHAR",
}
_TYPES = {native: kind for kind, native in _NATIVE.items()}

# No extension is fetched or loaded behind anyone's back, in no mode.
_Config = dict[str, str | bool | int | float | list[str]]
_OFFLINE: _Config = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
_LOADING: _Config = _OFFLINE | {"memory_limit": "600MB"}
_QUERYING: _Config = _OFFLINE | {"enable_external_access": "false"}

_BOOKKEEPING = """
    create schema if not exists _tidegate;
    create table if not exists _tidegate.positions (journal_id varchar not null, upto bigint not null);
    create table if not exists _tidegate.key_columns (
        schema_name varchar not null, table_name varchar not null, ordinal integer not null,
        column_name varchar not null
    );
"""
_ROW = "_sdc_row"
"""Numbers incoming rows while they are compared; no column of a person can have the name."""

_HOLDER = re.compile(r"held in (?P<program>.+?) \(PID (?P<pid>\d+)\)")


class DuckDB:
    """Writes tables into one DuckDB file."""

    capabilities: ClassVar[Capabilities] = Capabilities(
        kind="duckdb",
        display_name="DuckDB",
        table_name_max=255,
        column_name_max=255,
        names_in_bytes=False,
        names_case_sensitive=False,
        columns_max=10_000,
        suffixes={
            Type.BOOLEAN: "bo",
            Type.INTEGER: "bi",
            Type.DOUBLE: "do",
            Type.DECIMAL: "de",
            Type.TIMESTAMP: "ti",
            Type.STRING: "st",
        },
        integer_min=-(2**63),
        integer_max=2**63 - 1,
        decimal_digits_max=DECIMAL_DIGITS,
        decimal_scale_min=6,
        timestamp_min_us=-9_223_372_022_400_000_000,
        timestamp_max_us=9_223_372_036_854_775_806,
        keeps_nul_in_text=True,
        renames_on_split=True,
        hold_open=False,
    )

    def __init__(self, path: Path) -> None:
        # An absolute path cannot be taken for one of DuckDB's prefixes, such as md: or :memory:.
        self._path = path.absolute()
        self._connection: duckdb.DuckDBPyConnection | None = None

    @classmethod
    def from_address(cls, address: str) -> DuckDB:
        """Read what follows `duckdb://`: a slash and the path. Errors: InputInvalid."""
        path = address.removeprefix("/")
        if path == address or not path or "\0" in path:
            raise InputInvalid("a DuckDB address is duckdb:/// and the path of a file")
        return cls(Path(path))

    def open(self) -> None:
        """Open the file for writing, and make file and bookkeeping on first use (D1)."""
        if self._connection is None:
            with self._translated(DestinationDown):
                connection = duckdb.connect(str(self._path), config=_LOADING)
            try:
                with self._translated(DestinationDown):
                    connection.execute(_BOOKKEEPING)
            except DestinationError:
                connection.close()
                raise
            self._connection = connection

    def close(self) -> None:
        """Let go of the file (D9)."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with self._translated(DestinationDown):
                connection.close()

    def tables(self, schema_name: str) -> Sequence[Table]:
        """Return the tables of a schema as they are now (D2)."""
        with self._translated(DestinationDown):
            columns = self._rows(_COLUMNS, [schema_name])
            keys = self._rows(_KEYS, [schema_name])
        by_table: dict[str, list[Column]] = {}
        for table_name, name, native, nullable, scale in columns:
            by_table.setdefault(table_name, []).append(_column(name, native, nullable, scale))
        return [
            Table(
                schema_name=schema_name,
                name=name,
                columns=tuple(columns),
                key_columns=tuple(column for table_name, column in keys if table_name == name),
            )
            for name, columns in by_table.items()
        ]

    def apply(self, change: Change) -> None:
        """Make one change; one already made is left as it is (D3)."""
        with self._translated(DestinationDown), self._transaction():
            match change:
                case CreateSchema():
                    self._db.execute(f"create schema if not exists {quoted(change.schema_name)}")
                case CreateTable():
                    self._create_table(change.table)
                case AddColumn():
                    table = _table_sql(change.schema_name, change.table_name)
                    self._db.execute(
                        f"alter table {table} add column if not exists {_column_sql(change.column)}"
                    )
                case GrowDecimal():
                    self._grow_decimal(change)

    def load(self, parts: Sequence[Part], span: Span) -> Loaded:
        """Write the parts and the position, in one transaction (D4 to D6)."""
        with self._translated(LoadRefused), self._transaction():
            stored = self._position(span.journal_id)
            if stored == span.upto:
                return Loaded(rows=0)
            if stored is not None and stored != span.after:
                raise LoadConflict(
                    f"{self._path} is loaded up to {stored}, this load begins after {span.after}; read again"
                )
            rows = sum(self._write(part) for part in parts if part.table.name != REJECTED)
            for part in parts:
                if part.table.name == REJECTED:
                    self._insert(part)
            self._db.execute("delete from _tidegate.positions where journal_id = ?", [span.journal_id])
            self._db.execute("insert into _tidegate.positions values (?, ?)", [span.journal_id, span.upto])
        return Loaded(rows=rows)

    def position(self, journal_id: str) -> int | None:
        """Return the last position committed for a journal (D7)."""
        with self._translated(DestinationDown):
            return self._position(journal_id)

    def query(self, sql: str, *, wait_s: float, schema_name: str | None = None) -> pa.RecordBatchReader:
        """
        Run one reading statement on the file, opened for reading only, as soon as the loader lets go (D8).

        The rows are kept aside while the file is open, so a slow reader keeps no load waiting.
        """
        until = time.monotonic() + wait_s
        while True:
            try:
                with self._translated(DestinationDown):
                    connection = duckdb.connect(str(self._path), read_only=True, config=_QUERYING)
                break
            except DestinationBusy:
                if time.monotonic() >= until:
                    raise
                time.sleep(LOOK_AGAIN_S)
        try:
            with self._translated(DestinationDown):
                connection.execute("set TimeZone = 'UTC'")
                return run_query(connection, sql, schema_name)
        finally:
            connection.close()

    @property
    def _db(self) -> duckdb.DuckDBPyConnection:
        if self._connection is None:
            raise DestinationDown(f"{self._path} is not open; open() comes first")
        return self._connection

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("begin")
        try:
            yield
        except BaseException:
            self._roll_back()
            raise
        self._db.execute("commit")

    def _roll_back(self) -> None:
        """Undo; where DuckDB gave up the transaction or the whole file by itself there is nothing to undo."""
        try:
            self._db.execute("rollback")
        except duckdb.Error:
            self._connection = None

    @contextmanager
    def _translated(self, otherwise: type[DestinationError]) -> Iterator[None]:
        """Turn DuckDB's errors into ours, the one place that does; `otherwise` is for errors of the data."""
        try:
            yield
        except duckdb.Error as exc:
            raise _ours(self._path, exc, otherwise) from exc

    def _position(self, journal_id: str) -> int | None:
        found = self._rows("select upto from _tidegate.positions where journal_id = ?", [journal_id])
        return int(found[0][0]) if found else None

    def _rows(self, sql: str, values: list[str]) -> list[tuple[Any, ...]]:
        """Return all rows: an unread rest would hold up the connection."""
        return self._db.execute(sql, values).fetchall()

    def _create_table(self, table: Table) -> None:
        names = [table.schema_name, table.name]
        if self._rows(_THERE, names):
            return
        columns = ", ".join(map(_column_sql, table.columns))
        self._db.execute(f"create table {_table_sql(*names)} ({columns})")
        # A table somebody dropped may have left its key list.
        self._db.execute("delete from _tidegate.key_columns where schema_name = ? and table_name = ?", names)
        for ordinal, column in enumerate(table.key_columns):
            self._db.execute(
                "insert into _tidegate.key_columns values (?, ?, ?, ?)", [*names, ordinal, column]
            )

    def _grow_decimal(self, change: GrowDecimal) -> None:
        names = [change.schema_name, change.table_name, change.column.name]
        found = self._rows(_SCALE, names)
        if not found or found[0][0] >= (change.column.scale or 0):
            return
        table, column = _table_sql(*names[:2]), quoted(names[2])
        try:
            self._db.execute(f"alter table {table} alter column {column} type {_type_sql(change.column)}")
        except (duckdb.ConversionException, duckdb.OutOfRangeException) as exc:
            raise LoadRefused(
                f"decimal out of range for DuckDB on {names[2]}: it holds numbers too long to give it"
                f" {change.column.scale} digits after the point"
            ) from exc

    def _write(self, part: Part) -> int:
        """Write one part; of a keyed table first take out the rows that are replaced."""
        if not part.table.key_columns or not part.rows.num_rows:
            return self._insert(part)
        rows = self._replace(part)
        return self._insert(Part(table=part.table, rows=rows))

    def _replace(self, part: Part) -> pa.Table:
        """
        Delete the stored rows that this part replaces, and return the rows still to insert.

        Two joins, each reading only what it needs: this is the cheapest way measured (ADR 0101).
        """
        rows, keys = part.rows, part.table.key_columns
        table = _table_sql(part.table.schema_name, part.table.name)
        same = " and ".join(f"stored.{quoted(key)} = incoming.{quoted(key)}" for key in keys)
        numbers = pa.array(range(rows.num_rows), pa.int64())
        with self._registered(rows.select([*keys, SEQUENCE]).append_column(_ROW, numbers)) as view:
            older = self._db.execute(
                f"select incoming.{_ROW} from {table} as stored join {view} as incoming on {same}"  # noqa: S608 - quoted
                f" where stored.{SEQUENCE} > incoming.{SEQUENCE}"
            ).fetchall()
        if older:
            passed_over = pa.array([row for (row,) in older], pa.int64())
            rows = rows.filter(pc.invert(pc.is_in(numbers, passed_over)))
        with self._registered(rows.select(keys)) as view:
            self._db.execute(f"delete from {table} as stored using {view} as incoming where {same}")  # noqa: S608 - quoted
        return rows

    def _insert(self, part: Part) -> int:
        rows = part.rows
        if rows.num_rows:
            columns = ", ".join(map(quoted, rows.column_names))
            table = _table_sql(part.table.schema_name, part.table.name)
            with self._registered(rows) as view:
                statement = f"insert into {table} ({columns}) select {columns} from {view}"  # noqa: S608 - quoted
                self._db.execute(statement)
        return int(rows.num_rows)

    @contextmanager
    def _registered(self, rows: pa.Table) -> Iterator[str]:
        """Let SQL see an Arrow table, under a name no table of a person can have."""
        self._db.register("_tidegate_rows", rows)
        yield "temp.main._tidegate_rows"
        # Not after an error: nothing can be asked of a broken transaction, and the next rows take the name.
        self._db.unregister("_tidegate_rows")


_COLUMNS = """
    select c.table_name, c.column_name, c.data_type, c.is_nullable, c.numeric_scale
    from duckdb_columns() as c join duckdb_tables() as t using (database_oid, schema_oid, table_oid)
    where c.schema_name = ? and c.database_name = current_database()
    order by c.table_oid, c.column_index
"""
_KEYS = """
    select table_name, column_name from _tidegate.key_columns where schema_name = ?
    order by table_name, ordinal
"""
_THERE = """
    select 1 from duckdb_tables()
    where schema_name = ? and lower(table_name) = lower(?) and database_name = current_database()
"""
_SCALE = """
    select numeric_scale from duckdb_columns()
    where schema_name = ? and table_name = ? and column_name = ? and database_name = current_database()
"""


def _table_sql(schema_name: str, table_name: str) -> str:
    return f"{quoted(schema_name)}.{quoted(table_name)}"


def _column_sql(column: Column) -> str:
    return f"{quoted(column.name)} {_type_sql(column)}{'' if column.nullable else ' not null'}"


def _type_sql(column: Column) -> str:
    if column.type is Type.DECIMAL:
        return f"DECIMAL({DECIMAL_DIGITS}, {column.scale})"
    return column.native if column.type is None else _NATIVE[column.type]


def _column(name: str, native: str, nullable: bool, scale: int | None) -> Column:
    """Describe a column that exists; nothing is loaded into types that we do not make ourselves."""
    if native.startswith(f"DECIMAL({DECIMAL_DIGITS},"):
        return Column(name=name, type=Type.DECIMAL, scale=scale, nullable=nullable, native=native)
    return Column(name=name, type=_TYPES.get(native), nullable=nullable, native=native)


def _ours(path: Path, exc: duckdb.Error, otherwise: type[DestinationError]) -> DestinationError:
    text = str(exc)
    holder = _HOLDER.search(text)
    if holder is not None:
        program, pid = holder["program"], holder["pid"]
        return DestinationBusy(f"{path} is held by {program} (PID {pid}); it is free when that lets go")
    if "different configuration" in text:
        return DestinationBusy(
            f"{path} is held by another part of this process; it is free when that lets go"
        )
    if "Could not set lock" in text:
        return DestinationBusy(f"{path} is held by another process: {text}")
    if "Permission denied" in text or "Read-only file system" in text:
        return AccessDenied(f"{path} cannot be used: {text}")
    if isinstance(exc, _OF_DATA):
        return otherwise(text)
    return DestinationDown(f"{path}: {text}")


_OF_DATA = (duckdb.DataError, duckdb.IntegrityError, duckdb.InvalidInputException)
"""Errors that say something about the data or the query: the same would go wrong again."""
