"""
PostgreSQL: one schema for each source, real primary keys. Rules D1 to D12: docs/specs/destination.md.

Rows go as Arrow into a temporary table and from there, in one statement, to where they belong; rows and
position (in schema `_tidegate` of the same database) are one transaction. A table's key list is noted there
too, so that a table whose constraint somebody took away still has keys: it is then only added to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar

import pyarrow as pa

from tidegate.destinations.base import Loaded, is_loaded
from tidegate.destinations.forms import Form
from tidegate.destinations.postgresql_form import FORM
from tidegate.destinations.postgresql_query import run_query
from tidegate.destinations.postgresql_rows import write_part
from tidegate.destinations.postgresql_session import Address, Session, held
from tidegate.destinations.quoting import quoted
from tidegate.errors import (
    AccessDenied,
    DestinationBusy,
    DestinationDown,
    DestinationError,
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
from tidegate.tables.reasons import TOO_MANY_COLUMNS, key_kept
from tidegate.tables.system import counts_as_loaded

_NATIVE = {
    Type.BOOLEAN: "boolean",
    Type.INTEGER: "bigint",
    Type.DOUBLE: "double precision",
    Type.DECIMAL: "numeric",
    Type.TIMESTAMP: "timestamp with time zone",
    Type.STRING: "text",
}
_TYPES = {native: kind for kind, native in _NATIVE.items()}
_SMALLER = {"integer": 32, "smallint": 16}
"""Integers of fewer bits, which people make."""

_FILL_PERCENT = 90
"""
How full the pages of tables with keys are made: what replaces a row finds room beside it, the index stays as
it is. In a table of 10 million rows that saves half of what an upsert writes to the log.
"""

_BOOKKEEPING = {
    "positions": "journal_id text primary key, upto bigint not null",
    "held": """
        journal_id text not null, schema_name text not null, table_name text not null,
        "after" bigint not null, reason text not null, primary key (journal_id, schema_name, table_name)
    """,
    "tables": """
        schema_name text not null, table_name text not null, parent text not null, version bigint not null,
        primary key (schema_name, table_name)
    """,
    "key_columns": """
        schema_name text not null, table_name text not null, ordinal bigint not null,
        column_name text not null, primary key (schema_name, table_name, ordinal)
    """,
}
"""Tables of schema `_tidegate`."""

_TOO_MANY_COLUMNS = "54011"
_MADE_MEANWHILE = {"42P06", "42P07", "42701", "42710", "23505"}
"""SQLSTATEs of a change that somebody else made between our look and our try."""


class PostgreSQL:
    """Writes tables into one PostgreSQL database."""

    form: ClassVar[Form] = FORM
    capabilities: ClassVar[Capabilities] = Capabilities(
        kind="postgresql",
        display_name="PostgreSQL",
        table_name_max=63,
        column_name_max=59,
        names_in_bytes=True,
        names_case_sensitive=True,
        columns_max=1_600,
        suffixes=SUFFIXES,
        natives=_NATIVE,
        integer_min=-(2**63),
        integer_max=2**63 - 1,
        decimal_digits_max=None,
        decimal_scale_min=0,
        timestamp_min_us=-210_866_803_200_000_000,  # 4713 BC
        timestamp_max_us=2**63 - 1,  # what Arrow can hold; PostgreSQL goes two years further
        keeps_nul_in_text=False,
        renames_on_split=True,
        keeps_keys_unique=True,
        hold_open=True,
    )

    def __init__(self, address: Address) -> None:
        self._address = address
        self._session: Session | None = None

    @classmethod
    def from_address(cls, address: str) -> PostgreSQL:
        """Read what follows `postgresql://`: user, password, host, port, database. Errors: InputInvalid."""
        return cls(Address.read(address))

    def open(self) -> None:
        """Connect, or find that we still are connected; make the bookkeeping on first use (D1)."""
        if self._session is not None and self._answers(self._session):
            return
        self.close()
        # Errors of the data can only be those of two processes that make the bookkeeping at once.
        with self._address.translated(DestinationBusy):
            session = Session(self._address)
            try:
                _keep_books(session)
            except BaseException:
                session.close()
                raise
        self._session = session

    def close(self) -> None:
        """Give up the connection (D9)."""
        session, self._session = self._session, None
        if session is not None:
            with self._address.translated(DestinationDown):
                session.close()

    def tables(self, schema_name: str) -> Sequence[Table]:
        """Return the tables of a schema as they are now (D2)."""
        with self._working(DestinationDown) as session:
            columns = session.rows(_COLUMNS, [schema_name])
            keys = session.rows(_KEYS, [schema_name])
            notes = {name: (parent, version) for name, parent, version in session.rows(_NOTES, [schema_name])}
            unique = _unique_columns(session, schema_name)
        by_table: dict[str, list[Column]] = {}
        for table_name, name, native, nullable in columns:
            by_table.setdefault(table_name, []).append(_column(name, native, nullable))
        by_key: dict[str, list[str]] = {}
        for table_name, name, _ in keys:
            by_key.setdefault(table_name, []).append(name)
        return [
            Table(
                schema_name=schema_name,
                name=name,
                columns=tuple(columns),
                key_columns=tuple(by_key.get(name, ())),
                parent=notes.get(name, ("", 0))[0],
                version=notes.get(name, ("", 0))[1],
                merges=name not in by_key or (name, frozenset(by_key[name])) in unique,
            )
            for name, columns in by_table.items()
        ]

    def apply(self, change: Change) -> None:
        """Make one change; one already made is left as it is (D3, D11)."""
        try:
            with self._working(LoadRefused) as session:
                _apply(session, change)
        except DestinationError as exc:
            sqlstate = getattr(exc.__cause__, "sqlstate", None)
            if sqlstate in _MADE_MEANWHILE:
                return
            if sqlstate == _TOO_MANY_COLUMNS:
                raise LoadRefused(TOO_MANY_COLUMNS) from exc
            if isinstance(exc, AccessDenied) and isinstance(change, CreateSchema):
                raise AccessDenied(f"Encountered error while attempting to create new schema. {exc}") from exc
            raise

    def load(self, parts: Sequence[Part], span: Span, *, rehearse: bool = False) -> Loaded:
        """Write the parts and the progress, in one transaction (D4 to D6, D10, D11)."""
        with self._working(LoadRefused) as session, session.transaction(undo=rehearse):
            if not self._take_turn(session, span):
                return Loaded(rows=0)
            rows = 0
            for part in parts:
                count = write_part(session, part)
                rows += count if counts_as_loaded(part.table) else 0
        return Loaded(rows=rows)

    def progress(self, journal_id: str) -> Progress | None:
        """Return the progress last committed for a journal (D7)."""
        with self._working(DestinationDown) as session:
            return _progress(session, journal_id)

    def forget(self, before_ms: int, *, rows_max: int) -> int:
        """Delete rejected records kept whole, in the order they are found in (D12)."""
        with self._working(DestinationDown) as session, session.transaction():
            if session.rows("select to_regclass('_tidegate.rejected')::text") == [(None,)]:
                return 0
            return session.execute(_FORGET.format(before_ms=int(before_ms), rows_max=int(rows_max)))

    def query(self, sql: str, *, wait_s: float, schema_name: str | None = None) -> pa.RecordBatchReader:
        """Run one reading statement over a connection of its own, beside any load (D8)."""
        return run_query(self._address, sql, wait_s=wait_s, schema_name=schema_name)

    @contextmanager
    def _working(self, otherwise: type[DestinationError]) -> Iterator[Session]:
        """Give the open connection; whether it outlived an error is found by the next `open`."""
        if self._session is None:
            raise DestinationDown(f"{self._address.place} is not open; open() comes first")
        with self._address.translated(otherwise):
            yield self._session

    def _answers(self, session: Session) -> bool:
        try:
            with self._address.translated(DestinationDown):
                return session.rows("select 1") == [(1,)]
        except DestinationError:
            return False

    def _take_turn(self, session: Session, span: Span) -> bool:
        """
        Lock the progress, which makes other loaders wait, and move it; False when that was done before.

        Errors: LoadConflict.
        """
        stored = _progress(session, span.journal_id, lock=" for update")
        if is_loaded(stored, span, self._address.place):
            return False
        place = [span.journal_id, span.after.upto]
        if stored is not None:
            session.execute("update _tidegate.positions set upto = $2 where journal_id = $1", place)
        elif not session.rows(_FIRST, place):
            # Another loader's first load was committed in this moment.
            return not is_loaded(_progress(session, span.journal_id), span, self._address.place)
        if stored is not None and stored.held:
            session.execute("delete from _tidegate.held where journal_id = $1", [span.journal_id])
        for each in span.after.held:
            values = [span.journal_id, each.schema_name, each.table_name, each.after, each.reason]
            session.execute("insert into _tidegate.held values ($1, $2, $3, $4, $5)", values)
        return True


def _unique_columns(session: Session, schema_name: str) -> set[tuple[str, frozenset[str]]]:
    """Return the tables of a schema with the columns that an index keeps unique: rows can replace by them."""
    by_index: dict[tuple[str, int], set[str]] = {}
    for table_name, index, name in session.rows(_UNIQUE, [schema_name]):
        by_index.setdefault((table_name, index), set()).add(name)
    return {(table_name, frozenset(names)) for (table_name, _), names in by_index.items()}


def _keep_books(session: Session) -> None:
    """Make what is missing. Nothing is asked of the server's rights when nothing is missing."""
    there = {name for (name,) in session.rows(_BOOKS)}
    if not there:
        _create_schema(session, "_tidegate")
    for name in _BOOKKEEPING.keys() - there:
        session.execute(f"create table if not exists _tidegate.{name} ({_BOOKKEEPING[name]})")


def _progress(session: Session, journal_id: str, *, lock: str = "") -> Progress | None:
    query = f"select upto from _tidegate.positions where journal_id = $1{lock}"  # noqa: S608 - ours
    found = session.rows(query, [journal_id])
    if not found:
        return None
    held_tables = [
        Held(schema_name=schema_name, table_name=table_name, after=after, reason=reason)
        for schema_name, table_name, after, reason in session.rows(_HELD, [journal_id])
    ]
    return Progress(found[0][0], tuple(held_tables))


def _apply(session: Session, change: Change) -> None:
    """Errors: TableHeld when a right is missing, or something a person made depends on the table."""
    match change:
        case CreateSchema():
            _create_schema(session, change.schema_name)
        case CreateTable():
            with held(change.table), session.transaction():
                _create_table(session, change.table)
        case AddColumn():
            table = _table_sql(change.schema_name, change.table_name)
            with held(change):
                session.execute(f"alter table {table} add column if not exists {_column_sql(change.column)}")
        case RenameColumn():
            with held(change):
                _rename_column(session, change)
        case GrowDecimal():
            pass  # numeric has any number of digits
        case DropKey():
            with held(change), session.transaction():
                _drop_key(session, change)


def _create_schema(session: Session, name: str) -> None:
    """IF NOT EXISTS asks for the right to create even when there is nothing to create, so we look first."""
    if not session.rows("select 1 from pg_namespace where nspname = $1", [name]):
        session.execute(f"create schema if not exists {quoted(name)}")


def _create_table(session: Session, table: Table) -> None:
    names = [table.schema_name, table.name]
    if session.rows("select to_regclass($1)::text", [_table_sql(*names)]) != [(None,)]:
        return
    columns = [_column_sql(column) for column in table.columns]
    if table.key_columns and table.merges:
        # PostgreSQL names the constraint <table>_pkey, and knows how to shorten that to 63 bytes.
        columns.append(f"primary key ({', '.join(map(quoted, table.key_columns))})")
    is_updated = table.key_columns and table.merges and not table.parent
    room = f" with (fillfactor = {_FILL_PERCENT})" if is_updated else ""
    session.execute(f"create table {_table_sql(*names)} ({', '.join(columns)}){room}")
    # A table somebody dropped may have left its key list and notes.
    session.execute("delete from _tidegate.key_columns where schema_name = $1 and table_name = $2", names)
    session.execute("delete from _tidegate.tables where schema_name = $1 and table_name = $2", names)
    session.execute("insert into _tidegate.tables values ($1, $2, $3, 0)", [*names, table.parent])
    for ordinal, column in enumerate(table.key_columns):
        session.execute(
            "insert into _tidegate.key_columns values ($1, $2, $3, $4)", [*names, ordinal, column]
        )


def _rename_column(session: Session, change: RenameColumn) -> None:
    table = _table_sql(change.schema_name, change.table_name)
    there = {name for (name,) in session.rows(_NAMES, [table])}
    if change.old_name in there and change.new_name not in there:
        old, new = quoted(change.old_name), quoted(change.new_name)
        session.execute(f"alter table {table} rename column {old} to {new}")


def _drop_key(session: Session, change: DropKey) -> None:
    """Errors: TableHeld when people made an index that keeps the keys unique: it is theirs."""
    table = _table_sql(change.schema_name, change.table_name)
    for name, columns in session.rows(_PRIMARY_KEY, [table]):
        if set(columns) == set(change.key_columns):
            session.execute(f"alter table {table} drop constraint {quoted(name)}")
    for index, columns in session.rows(_UNIQUE_INDEXES, [table]):
        if set(columns) == set(change.key_columns):
            reason = key_kept(change.key_columns, index)
            raise TableHeld(change.schema_name, change.table_name, reason)


_FIRST = "insert into _tidegate.positions values ($1, $2) on conflict do nothing returning upto"
_BOOKS = """
    select c.relname::text from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
    where n.nspname = '_tidegate' and c.relkind = 'r'
"""
_HELD = 'select schema_name, table_name, "after", reason from _tidegate.held where journal_id = $1'
_FORGET = """
    delete from _tidegate.rejected where ctid = any (array(
        select ctid from _tidegate.rejected where rejected_at < to_timestamp({before_ms} / 1000.0)
        limit {rows_max}
    ))
"""
_NOTES = "select table_name, parent, version from _tidegate.tables where schema_name = $1"
_NAMES = """
    select attname::text from pg_attribute
    where attrelid = to_regclass($1) and attnum > 0 and not attisdropped
"""
_COLUMNS = """
    select c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod), not a.attnotnull
    from pg_class as c
    join pg_namespace as n on n.oid = c.relnamespace
    join pg_attribute as a on a.attrelid = c.oid
    where n.nspname = $1 and c.relkind in ('r', 'p') and a.attnum > 0
        and not a.attisdropped and not c.relispartition
    order by c.oid, a.attnum
"""
_KEYS = """
    with noted as (select table_name, ordinal, column_name from _tidegate.key_columns where schema_name = $1)
    select table_name, column_name, ordinal from noted
    union all
    select c.relname::text, a.attname::text, k.ordinal
    from pg_constraint as p
    join pg_class as c on c.oid = p.conrelid
    join pg_namespace as n on n.oid = c.relnamespace
    cross join lateral unnest(p.conkey) with ordinality as k (number, ordinal)
    join pg_attribute as a on a.attrelid = c.oid and a.attnum = k.number
    where n.nspname = $1 and p.contype = 'p'
        and not exists (select from noted where noted.table_name = c.relname)
    order by 1, 3
"""


_PRIMARY_KEY = """
    select p.conname::text, array(
        select a.attname::text from pg_attribute as a
        where a.attrelid = p.conrelid and a.attnum = any (p.conkey)
    )
    from pg_constraint as p where p.conrelid = to_regclass($1) and p.contype = 'p'
"""
_UNIQUE_INDEXES = """
    select i.indexrelid::regclass::text, array(
        select a.attname::text from unnest(i.indkey::int[]) with ordinality as k (number, ordinal)
        join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.number
        where k.ordinal <= i.indnkeyatts
    )
    from pg_index as i
    where i.indrelid = to_regclass($1) and i.indisunique and i.indpred is null and i.indexprs is null
"""
_UNIQUE = """
    select c.relname::text, i.indexrelid::bigint, a.attname::text
    from pg_index as i
    join pg_class as c on c.oid = i.indrelid
    join pg_namespace as n on n.oid = c.relnamespace
    cross join lateral unnest(i.indkey::int[]) with ordinality as k (number, ordinal)
    join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.number
    where n.nspname = $1 and k.ordinal <= i.indnkeyatts
        and i.indisunique and i.indimmediate and i.indisvalid and i.indpred is null and i.indexprs is null
"""


def _table_sql(schema_name: str, table_name: str) -> str:
    return f"{quoted(schema_name)}.{quoted(table_name)}"


def _column(name: str, native: str, nullable: bool) -> Column:
    """Describe a column that exists; nothing is loaded into types that we do not know."""
    kind = Type.INTEGER if native in _SMALLER else _TYPES.get(native)
    return Column(name=name, type=kind, nullable=nullable, native=native, bits=_SMALLER.get(native))


def _column_sql(column: Column) -> str:
    native = column.native if column.type is None else _NATIVE[column.type]
    if column.bits is not None:
        native = next(name for name, bits in _SMALLER.items() if bits == column.bits)
    return f"{quoted(column.name)} {native}{'' if column.nullable else ' not null'}"
