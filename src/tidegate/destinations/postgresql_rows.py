"""
How one part's rows get into PostgreSQL: set by set, inside the load's transaction.

Rows that replace others are copied into a temporary table and go from there to where they belong in one
statement; rows that are only added are copied there. Where replaced rows have elements in subtables, a second
temporary table keeps the keys of those that were written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from tidegate.destinations.moving import move_statements
from tidegate.destinations.postgresql_session import Session, held
from tidegate.destinations.quoting import quoted
from tidegate.tables.model import Child, Part, Table, Type
from tidegate.tables.newest import newest_rows
from tidegate.tables.system import SEQUENCE, TABLE_VERSION

_INCOMING = "_tidegate_incoming"
_WRITTEN = "_tidegate_written"

_STAGED = {
    pa.bool_(): "boolean",
    pa.int64(): "bigint",
    pa.float64(): "double precision",
    pa.timestamp("us", "UTC"): "timestamp with time zone",
    pa.string(): "text",
}
"""What a column of the temporary table is called. Decimals come as text and are read by the server."""


def write_part(session: Session, part: Part) -> int:
    """
    Write one part with its children, and return how many rows that were.

    Errors: TableHeld when the server takes nothing into a table; otherwise the driver's own.
    """
    part = _one_row_each(part)
    count = _write_rows(session, part) if part.rows.num_rows else 0
    if part.activates is not None:
        _activate(session, part, part.activates)
    return count


def _write_rows(session: Session, part: Part) -> int:
    merges = not part.adds and _has_unique_keys(session, part.table)
    if part.adds or not part.table.key_columns or not (merges or part.children):
        count = _add(session, part.table, part.rows)
        return count + sum(_add(session, child.table, child.rows) for child in part.children)
    statement = _merge_sql(part) if merges else _insert_sql(part.table, part.rows)
    with _staged(session, part.rows), held(part.table, part.rows.column_names):
        if not part.children:
            return session.execute(statement)
        keys = _columns("", part.table.key_columns)
        session.execute(
            f"create temporary table {_WRITTEN} on commit drop as"  # noqa: S608 - quoted
            f" select {keys} from {_sql(part.table)} with no data"
        )
        count = session.execute(
            f"with written as ({statement} returning {_columns('stored', part.table.key_columns)})"  # noqa: S608 - quoted
            f" insert into pg_temp.{_WRITTEN} select * from written"
        )
    for child in part.children:
        count += _replace_elements(session, part, child)
    session.execute(f"drop table pg_temp.{_WRITTEN}")
    return count


def _add(session: Session, table: Table, rows: pa.Table) -> int:
    """Put rows beside those that are stored; straight there, where the columns have the types of the rows."""
    if not rows.num_rows:
        return 0
    if any(_is_converted(table, field) for field in rows.schema):
        with _staged(session, rows), held(table, rows.column_names):
            return session.execute(_insert_sql(table, rows))
    with held(table, rows.column_names):
        session.copy(rows, table.name, table.schema_name)
    return int(rows.num_rows)


def _replace_elements(session: Session, part: Part, child: Child) -> int:
    """Take away what is stored of the rows that were written, and put what they bring in place."""
    keys, table = part.table.key_columns, child.table
    sources = table.key_columns[: len(keys)]
    pairs = zip(keys, sources, strict=True)
    same = " and ".join(f"written.{quoted(key)} = stored.{quoted(source)}" for key, source in pairs)
    with held(table):
        session.execute(
            f"delete from {_sql(table)} as stored using pg_temp.{_WRITTEN} as written where {same}"  # noqa: S608 - quoted
        )
    if not child.rows.num_rows:
        return 0
    incoming = ", ".join(_value_sql(table, source) for source in sources)
    of_written = f" where ({incoming}) in (select {_columns('', keys)} from pg_temp.{_WRITTEN})"  # noqa: S608 - quoted
    with _staged(session, child.rows), held(table, child.rows.column_names):
        return session.execute(_insert_sql(table, child.rows) + of_written)


def _activate(session: Session, part: Part, version: int) -> None:
    ends = "<>" if part.ends_greater else "<"
    for table in (part.table, *(child.table for child in part.children)):
        with held(table):
            session.execute(f"delete from {_sql(table)} where {TABLE_VERSION} {ends} {version:d}")  # noqa: S608 - quoted
    session.execute(_NOTE_VERSION, [part.table.schema_name, part.table.name, version])
    with held(part.table):
        for statement in move_statements(part):
            session.execute(statement)


@contextmanager
def _staged(session: Session, rows: pa.Table) -> Iterator[None]:
    """Let SQL see rows as a temporary table; after an error it goes with the transaction."""
    columns = ", ".join(f"{quoted(field.name)} {_STAGED[field.type]}" for field in rows.schema)
    session.execute(f"create temporary table {_INCOMING} ({columns}) on commit drop")
    session.copy(rows, _INCOMING)
    yield
    session.execute(f"drop table pg_temp.{_INCOMING}")


def _insert_sql(table: Table, rows: pa.Table) -> str:
    columns = _columns("", rows.column_names)
    values = ", ".join(_value_sql(table, name) for name in rows.column_names)
    return f"insert into {_sql(table)} as stored ({columns}) select {values} from pg_temp.{_INCOMING}"  # noqa: S608 - quoted


def _merge_sql(part: Part) -> str:
    """
    Insert rows with new keys; of stored rows replace those that are not newer, whole.

    Columns the load does not know get their default, which is null in those we made. Columns of types that we
    never write stay as they are.
    """
    table, brought = part.table, set(part.rows.column_names)
    replaced = [
        f"{quoted(column.name)} = "
        + (f"excluded.{quoted(column.name)}" if column.name in brought else "default")
        for column in table.columns
        if column.name not in table.key_columns and (column.type is not None or column.name in brought)
    ]
    return (
        f"{_insert_sql(table, part.rows)} on conflict ({_columns('', table.key_columns)})"
        f" do update set {', '.join(replaced)}"
        f" where (stored.{SEQUENCE} > excluded.{SEQUENCE}) is not true"
    )


def _one_row_each(part: Part) -> Part:
    """
    Reduce rows whose keys are equal for the server only.

    A part holds one row for each key, but decimals come as text: 1.0 and 1.00 are two texts and one number.
    """
    table, rows = part.table, part.rows
    if not rows.num_rows or not any(_is_decimal(table, key) for key in table.key_columns):
        return part
    keys = [
        _number_text(rows[key].combine_chunks()) if _is_decimal(table, key) else rows[key].combine_chunks()
        for key in table.key_columns
    ]
    kept = newest_rows(keys, rows[SEQUENCE].combine_chunks())
    if kept is None:
        return part
    children = [
        replace(child, rows=child.rows.filter(pc.is_in(child.parents, kept))) for child in part.children
    ]
    return replace(part, rows=rows.take(kept), children=tuple(children))


def _number_text(texts: pa.Array) -> pa.Array:
    """Write equal numbers alike: without zeros at the end, without minus zero."""
    texts = pc.replace_substring_regex(texts, r"^(-?[0-9]*\.[0-9]*?)0*$", r"\1")
    return pc.replace_substring_regex(pc.utf8_rtrim(texts, "."), "^-0$", "0")


def _has_unique_keys(session: Session, table: Table) -> bool:
    """Tell whether the server keeps the keys unique, without which no row can be replaced."""
    if not table.key_columns:
        return False
    by_index: dict[int, set[str]] = {}
    for index, name in session.rows(_UNIQUE, [_sql(table)]):
        by_index.setdefault(index, set()).add(name)
    return set(table.key_columns) in by_index.values()


_UNIQUE = """
    select i.indexrelid::bigint, a.attname::text
    from pg_index as i
    cross join lateral unnest(i.indkey::int[]) with ordinality as k (number, ordinal)
    join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.number
    where i.indrelid = to_regclass($1) and k.ordinal <= i.indnkeyatts
        and i.indisunique and i.indimmediate and i.indisvalid and i.indpred is null and i.indexprs is null
"""
_NOTE_VERSION = """
    insert into _tidegate.tables values ($1, $2, '', $3)
    on conflict (schema_name, table_name) do update set version = excluded.version
"""


def _sql(table: Table) -> str:
    return f"{quoted(table.schema_name)}.{quoted(table.name)}"


def _columns(of: str, names: Sequence[str]) -> str:
    return ", ".join(f"{of}.{quoted(name)}" if of else quoted(name) for name in names)


def _value_sql(table: Table, name: str) -> str:
    return f"{quoted(name)}::numeric" if _is_decimal(table, name) else quoted(name)


def _is_converted(table: Table, field: pa.Field) -> bool:
    """Tell whether the server turns values into another type: decimals, and what people made of a column."""
    column = table.column(field.name)
    if column is None or _is_decimal(table, field.name):
        return column is not None
    return column.bits is not None or column.native not in ("", _STAGED[field.type])


def _is_decimal(table: Table, name: str) -> bool:
    column = table.column(name)
    return column is not None and column.type is Type.DECIMAL
