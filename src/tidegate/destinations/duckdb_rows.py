"""
How one part's rows get into DuckDB: set by set, inside the load's transaction.

Two joins replace rows, each reading only what it needs: the cheapest way measured (ADR 0101).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from tidegate.destinations.moving import move_statements
from tidegate.destinations.reading import quoted
from tidegate.errors import TableHeld
from tidegate.tables.model import Child, Part, Table
from tidegate.tables.system import SEQUENCE, TABLE_VERSION

_ROW = "_sdc_row"
"""Numbers incoming rows while they are compared; no column of a person can have the name."""

_NOT_NULL = re.compile(r"NOT NULL constraint failed: .*?\.(?P<column>[^\n]+)")


def write_part(db: duckdb.DuckDBPyConnection, part: Part) -> int:
    """
    Write one part with its children, and return how many rows that were.

    Errors: TableHeld when a table wants values that nobody sends; otherwise DuckDB's own.
    """
    rows, written = part.rows, None
    if part.table.key_columns and rows.num_rows and not part.adds:
        written = _not_older(db, part.table, rows)
        rows = rows if written is None else rows.take(written)
        _delete_keys(db, part, rows)
    count = _insert(db, part.table, rows)
    for child in part.children:
        count += _insert(db, child.table, _of_parents(child, written))
    if part.activates is not None:
        _activate(db, part, part.activates)
    return count


def _not_older(db: duckdb.DuckDBPyConnection, table: Table, rows: pa.Table) -> pa.Array | None:
    """Return the numbers of the rows that no stored row is newer than; None when those are all."""
    keys = table.key_columns
    numbers = pa.arange(0, rows.num_rows)
    with _registered(db, rows.select([*keys, SEQUENCE]).append_column(_ROW, numbers)) as view:
        newer = db.execute(
            f"select incoming.{_ROW} from {_sql(table)} as stored join {view} as incoming"  # noqa: S608 - quoted
            f" on {_same(keys, keys)} where stored.{SEQUENCE} > incoming.{SEQUENCE}"
        ).fetchall()
    if not newer:
        return None
    passed_over = pa.array([row for (row,) in newer], pa.int64())
    return numbers.filter(pc.invert(pc.is_in(numbers, passed_over)))


def _delete_keys(db: duckdb.DuckDBPyConnection, part: Part, rows: pa.Table) -> None:
    """Delete what is stored under the keys of these rows, elements included."""
    keys = part.table.key_columns
    with _registered(db, rows.select(keys)) as view:
        for table in (part.table, *(child.table for child in part.children)):
            same = _same(table.key_columns[: len(keys)], keys)
            db.execute(f"delete from {_sql(table)} as stored using {view} as incoming where {same}")  # noqa: S608 - quoted


def _of_parents(child: Child, written: pa.Array | None) -> pa.Table:
    return child.rows if written is None else child.rows.filter(pc.is_in(child.parents, written))


def _insert(db: duckdb.DuckDBPyConnection, table: Table, rows: pa.Table) -> int:
    if rows.num_rows:
        columns = ", ".join(map(quoted, rows.column_names))
        with _registered(db, rows) as view:
            try:
                db.execute(f"insert into {_sql(table)} ({columns}) select {columns} from {view}")  # noqa: S608 - quoted
            except duckdb.ConstraintException as exc:
                wanted = _NOT_NULL.search(str(exc))
                if wanted is None or wanted["column"] in rows.column_names:
                    raise
                reason = f"column {wanted['column']} was made NOT NULL, but no record has it: {exc}"
                raise TableHeld(table.schema_name, table.name, reason) from exc
    return int(rows.num_rows)


def _activate(db: duckdb.DuckDBPyConnection, part: Part, version: int) -> None:
    ends = "<>" if part.ends_greater else "<"
    for table in (part.table, *(child.table for child in part.children)):
        db.execute(f"delete from {_sql(table)} where {TABLE_VERSION} {ends} ?", [version])  # noqa: S608 - quoted
    names = [part.table.schema_name, part.table.name]
    db.execute("delete from _tidegate.tables where schema_name = ? and table_name = ?", names)
    db.execute("insert into _tidegate.tables values (?, ?, '', ?)", [*names, version])
    for statement in move_statements(part):
        db.execute(statement)


def _sql(table: Table) -> str:
    return f"{quoted(table.schema_name)}.{quoted(table.name)}"


def _same(stored: Sequence[str], incoming: Sequence[str]) -> str:
    pairs = zip(stored, incoming, strict=True)
    return " and ".join(f"stored.{quoted(left)} = incoming.{quoted(right)}" for left, right in pairs)


@contextmanager
def _registered(db: duckdb.DuckDBPyConnection, rows: pa.Table) -> Iterator[str]:
    """Let SQL see an Arrow table, under a name no table of a person can have."""
    db.register("_tidegate_rows", rows)
    yield "temp.main._tidegate_rows"
    # Not after an error: nothing can be asked of a broken transaction, and the next rows take the name.
    db.unregister("_tidegate_rows")
