"""
DuckDB: one file on this machine, held only while loading. Rules D1 to D12: docs/specs/destination.md.

DuckDB lets one process open a file for writing, or several for reading. So the loader opens it for each load
and closes it again, and `query` waits for its turn. Keys are no PRIMARY KEY constraint, whose index is read
again after each opening: the key columns are NOT NULL, the key lists stand in schema `_tidegate`.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, TypeVar

import duckdb
import pyarrow as pa

from tidegate.destinations.base import Loaded, is_loaded
from tidegate.destinations.duckdb_form import FORM
from tidegate.destinations.duckdb_rows import write_part
from tidegate.destinations.forms import Form
from tidegate.destinations.reading import quoted, run_query
from tidegate.errors import (
    AccessDenied,
    DestinationBusy,
    DestinationDown,
    DestinationError,
    InputInvalid,
    LoadRefused,
    TableHeld,
)
from tidegate.tables.capabilities import SUFFIXES, Capabilities
from tidegate.tables.model import (
    AddColumn,
    Change,
    Column,
    CreateSchema,
    CreateTable,
    DropKey,
    GrowDecimal,
    Held,
    Part,
    Progress,
    RenameColumn,
    Span,
    Table,
    Type,
)
from tidegate.tables.system import BOOKKEEPING, REJECTED_WHOLE, counts_as_loaded

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
_SMALLER = {"INTEGER": 32, "SMALLINT": 16, "TINYINT": 8}
"""Integers of fewer bits, which people make."""

# No extension is fetched or loaded behind anyone's back, in no mode.
_Config = dict[str, str | bool | int | float | list[str]]
_OFFLINE: _Config = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
# DuckDB keeps as much of the file in memory as it may; what does not fit goes through the system's cache. Of
# 1,000 MB for the loader, two loads of a 20 MB request take 350 MB at worst, beside 130 MB for the programs.
_LOADING: _Config = _OFFLINE | {"memory_limit": "250MB"}
_MORE_MEMORY = ("1GB", "4GB")
"""
What a change or a load may have that fails with less, until the file is closed.

DuckDB holds half a megabyte of memory for each table that a transaction replaces rows of.
"""
_QUERYING: _Config = _OFFLINE | {"enable_external_access": "false"}

_BOOKKEEPING = """
    create schema if not exists _tidegate;
    create table if not exists _tidegate.positions (journal_id varchar not null, upto bigint not null);
    create table if not exists _tidegate.held (
        journal_id varchar not null, schema_name varchar not null, table_name varchar not null,
        "after" bigint not null, reason varchar not null
    );
    create table if not exists _tidegate.tables (
        schema_name varchar not null, table_name varchar not null, parent varchar not null,
        version bigint not null
    );
    create table if not exists _tidegate.key_columns (
        schema_name varchar not null, table_name varchar not null, ordinal integer not null,
        column_name varchar not null
    );
"""
T = TypeVar("T")

_HOLDER = re.compile(r"held in (?P<program>.+?) \(PID (?P<pid>\d+)\)")


class DuckDB:
    """Writes tables into one DuckDB file."""

    form: ClassVar[Form] = FORM
    capabilities: ClassVar[Capabilities] = Capabilities(
        kind="duckdb",
        display_name="DuckDB",
        table_name_max=255,
        column_name_max=255,
        names_in_bytes=False,
        names_case_sensitive=False,
        columns_max=10_000,
        suffixes=SUFFIXES,
        natives=_NATIVE | {Type.DECIMAL: f"DECIMAL({DECIMAL_DIGITS}, {{scale}})"},
        integer_min=-(2**63),
        integer_max=2**63 - 1,
        decimal_digits_max=DECIMAL_DIGITS,
        decimal_scale_min=6,
        timestamp_min_us=-9_223_372_022_400_000_000,
        timestamp_max_us=9_223_372_036_854_775_806,
        keeps_nul_in_text=True,
        renames_on_split=True,
        keeps_keys_unique=False,
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
                _make_file(self._path)
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
            notes = {name: (parent, version) for name, parent, version in self._rows(_NOTES, [schema_name])}
        by_table: dict[str, list[Column]] = {}
        for table_name, name, native, nullable, scale in columns:
            by_table.setdefault(table_name, []).append(_column(name, native, nullable, scale))
        return [
            Table(
                schema_name=schema_name,
                name=name,
                columns=tuple(columns),
                key_columns=tuple(column for table_name, column in keys if table_name == name),
                parent=notes.get(name, ("", 0))[0],
                version=notes.get(name, ("", 0))[1],
            )
            for name, columns in by_table.items()
        ]

    def apply(self, change: Change) -> None:
        """Make one change; one already made is left as it is (D3)."""
        with self._translated(DestinationDown):
            self._with_room(partial(self._apply, change))

    def load(self, parts: Sequence[Part], span: Span, *, rehearse: bool = False) -> Loaded:
        """Write the parts and the progress, in one transaction (D4 to D6, D10, D11)."""
        with self._translated(LoadRefused):
            return self._with_room(partial(self._load, parts, span, rehearse=rehearse))

    def progress(self, journal_id: str) -> Progress | None:
        """Return the progress last committed for a journal (D7)."""
        with self._translated(DestinationDown):
            return self._progress(journal_id)

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

    def forget(self, before_ms: int, *, rows_max: int) -> int:
        """Delete rejected records kept whole, in the order they are found in (D12)."""
        with self._translated(DestinationDown), self._transaction():
            if not self._rows(_THERE, [BOOKKEEPING, REJECTED_WHOLE]):
                return 0
            (count,) = self._rows(_FORGET, [before_ms, rows_max])[0]
        return int(count)

    @property
    def _db(self) -> duckdb.DuckDBPyConnection:
        if self._connection is None:
            raise DestinationDown(f"{self._path} is not open; open() comes first")
        return self._connection

    def _apply(self, change: Change) -> None:
        with self._transaction():
            match change:
                case CreateSchema():
                    self._db.execute(f"create schema if not exists {quoted(change.schema_name)}")
                case CreateTable():
                    self._create_table(change.table)
                case AddColumn() | RenameColumn() | GrowDecimal():
                    self._alter(change)
                case DropKey():
                    pass  # nothing keeps keys unique

    def _load(self, parts: Sequence[Part], span: Span, *, rehearse: bool) -> Loaded:
        with self._transaction(undo=rehearse):
            if is_loaded(self._progress(span.journal_id), span, str(self._path)):
                return Loaded(rows=0)
            rows = 0
            for part in parts:
                count = write_part(self._db, part)
                rows += count if counts_as_loaded(part.table) else 0
            self._note(span.journal_id, span.after)
        return Loaded(rows=rows)

    def _with_room(self, work: Callable[[], T]) -> T:
        """Do something that undoes itself when it fails; again with more memory if that is what it lacked."""
        for memory in _MORE_MEMORY:
            try:
                return work()
            except duckdb.OutOfMemoryException:
                if self._connection is None:  # nothing can be asked of it any more
                    raise
                self._db.execute(f"set memory_limit = '{memory}'")
        return work()

    @contextmanager
    def _transaction(self, *, undo: bool = False) -> Iterator[None]:
        self._db.execute("begin")
        try:
            yield
        except BaseException:
            self._roll_back()
            raise
        self._db.execute("rollback" if undo else "commit")

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

    def _progress(self, journal_id: str) -> Progress | None:
        found = self._rows("select upto from _tidegate.positions where journal_id = ?", [journal_id])
        held = self._rows(_HELD, [journal_id])
        return Progress(found[0][0], tuple(_held(*row) for row in held)) if found else None

    def _note(self, journal_id: str, progress: Progress) -> None:
        self._db.execute("delete from _tidegate.positions where journal_id = ?", [journal_id])
        self._db.execute("insert into _tidegate.positions values (?, ?)", [journal_id, progress.upto])
        self._db.execute("delete from _tidegate.held where journal_id = ?", [journal_id])
        for held in progress.held:
            self._db.execute(
                "insert into _tidegate.held values (?, ?, ?, ?, ?)",
                [journal_id, held.schema_name, held.table_name, held.after, held.reason],
            )

    def _rows(self, sql: str, values: Sequence[str | int]) -> list[tuple[Any, ...]]:
        """Return all rows: an unread rest would hold up the connection."""
        return self._db.execute(sql, values).fetchall()

    def _create_table(self, table: Table) -> None:
        names = [table.schema_name, table.name]
        if self._rows(_THERE, names):
            return
        columns = ", ".join(map(_column_sql, table.columns))
        self._db.execute(f"create table {_table_sql(*names)} ({columns})")
        # A table somebody dropped may have left its key list and notes.
        self._db.execute("delete from _tidegate.key_columns where schema_name = ? and table_name = ?", names)
        self._db.execute("delete from _tidegate.tables where schema_name = ? and table_name = ?", names)
        self._db.execute("insert into _tidegate.tables values (?, ?, ?, 0)", [*names, table.parent])
        for ordinal, column in enumerate(table.key_columns):
            self._db.execute(
                "insert into _tidegate.key_columns values (?, ?, ?, ?)", [*names, ordinal, column]
            )

    def _alter(self, change: AddColumn | RenameColumn | GrowDecimal) -> None:
        """Errors: TableHeld when something a person made depends on the table, such as an index."""
        table = _table_sql(change.schema_name, change.table_name)
        try:
            match change:
                case AddColumn():
                    self._db.execute(
                        f"alter table {table} add column if not exists {_column_sql(change.column)}"
                    )
                case RenameColumn():
                    self._rename_column(change)
                case GrowDecimal():
                    self._grow_decimal(change)
        except duckdb.DependencyException as exc:
            raise TableHeld(change.schema_name, change.table_name, str(exc)) from exc

    def _rename_column(self, change: RenameColumn) -> None:
        names = [change.schema_name, change.table_name]
        there = {name.lower() for (name,) in self._rows(_NAMES, names)}
        if change.old_name.lower() in there and change.new_name.lower() not in there:
            old, new = quoted(change.old_name), quoted(change.new_name)
            self._db.execute(f"alter table {_table_sql(*names)} rename column {old} to {new}")

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
_NOTES = "select table_name, parent, version from _tidegate.tables where schema_name = ?"
_HELD = 'select schema_name, table_name, "after", reason from _tidegate.held where journal_id = ?'
_FORGET = """
    delete from _tidegate.rejected where rowid in (
        select rowid from _tidegate.rejected where epoch_ms(rejected_at) < ? limit ?
    )
"""
_NAMES = """
    select column_name from duckdb_columns()
    where schema_name = ? and table_name = ? and database_name = current_database()
"""
_THERE = """
    select 1 from duckdb_tables()
    where schema_name = ? and lower(table_name) = lower(?) and database_name = current_database()
"""
_SCALE = """
    select numeric_scale from duckdb_columns()
    where schema_name = ? and table_name = ? and column_name = ? and database_name = current_database()
"""


def _held(schema_name: str, table_name: str, after: int, reason: str) -> Held:
    return Held(schema_name=schema_name, table_name=table_name, after=after, reason=reason)


def _table_sql(schema_name: str, table_name: str) -> str:
    return f"{quoted(schema_name)}.{quoted(table_name)}"


def _column_sql(column: Column) -> str:
    return f"{quoted(column.name)} {_type_sql(column)}{'' if column.nullable else ' not null'}"


def _type_sql(column: Column) -> str:
    if column.type is Type.DECIMAL:
        return f"DECIMAL({DECIMAL_DIGITS}, {column.scale})"
    if column.bits is not None:
        return next(name for name, bits in _SMALLER.items() if bits == column.bits)
    return column.native if column.type is None else _NATIVE[column.type]


def _column(name: str, native: str, nullable: bool, scale: int | None) -> Column:
    """Describe a column that exists; nothing is loaded into types that we do not know."""
    if native.startswith(f"DECIMAL({DECIMAL_DIGITS},"):
        return Column(name=name, type=Type.DECIMAL, scale=scale, nullable=nullable, native=native)
    kind = Type.INTEGER if native in _SMALLER else _TYPES.get(native)
    return Column(name=name, type=kind, nullable=nullable, native=native, bits=_SMALLER.get(native))


def _make_file(path: Path) -> None:
    """
    Make an empty database where there is no file, whole or not at all.

    DuckDB writes the heads of a new file one after the other, and opens none that lacks one of them.
    Errors: duckdb.Error, as when the disk is full.
    """
    # Where it cannot be made like this, or somebody else made it meanwhile, opening it says so or makes it.
    with suppress(OSError):
        if not path.exists():
            with TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
                whole = Path(folder, path.name)
                duckdb.connect(str(whole), config=_LOADING).close()
                os.link(whole, path)


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
