"""
Queries people ask: one reading statement, run by DuckDB, its rows kept aside so that the warehouse is free.

Used by the destinations that DuckDB answers for.
"""

from __future__ import annotations

import tempfile
import weakref
from typing import IO, cast

import duckdb
import pyarrow as pa

from tidegate.errors import QueryFailed

SPOOL_BYTES = 16_000_000
"""Results up to this size stay in memory; larger ones go through a nameless temporary file."""

_BATCH_ROWS = 10_000
_READING = {duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN}


def quoted(name: str) -> str:
    """Return a name as an SQL identifier: the one place where names become SQL."""
    return '"' + name.replace('"', '""') + '"'


def run_query(
    connection: duckdb.DuckDBPyConnection, sql: str, schema_name: str | None
) -> pa.RecordBatchReader:
    """
    Run one reading statement to its end and return its rows as a stream of their own.

    Shape: the connection can be closed as soon as this returns.
    Errors: QueryFailed, when it is not one reading statement or DuckDB refuses it; `duckdb.IOException` when
    the warehouse itself fails.
    """
    _look_first_in(connection, schema_name)
    try:
        statements = connection.extract_statements(sql)
        if len(statements) != 1 or statements[0].type not in _READING:
            raise QueryFailed("only one reading statement (SELECT, FROM, DESCRIBE, EXPLAIN ...) can be asked")
        connection.execute("begin transaction read only")  # EXPLAIN ANALYZE would run what it explains
        return _kept_aside(connection.sql(sql).to_arrow_reader(_BATCH_ROWS))
    except duckdb.IOException:
        raise
    except duckdb.Error as exc:
        raise QueryFailed(str(exc)) from exc
    except OSError as exc:
        raise QueryFailed(f"the result cannot be kept while it is read: {exc}") from exc


def _look_first_in(connection: duckdb.DuckDBPyConnection, schema_name: str | None) -> None:
    """Make bare table names mean that schema's, if the warehouse has it already."""
    if schema_name is not None:
        there = "select 1 from duckdb_schemas() where schema_name = ? and database_name = current_database()"
        if connection.execute(there, [schema_name]).fetchall():
            path = f"{quoted(schema_name)},main".replace("'", "''")
            connection.execute(f"set search_path = '{path}'")


def _kept_aside(rows: pa.RecordBatchReader) -> pa.RecordBatchReader:
    spool = cast("IO[bytes]", tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES))  # noqa: SIM115 - see finalize
    try:
        with pa.ipc.new_stream(spool, rows.schema) as writer:
            for batch in rows:
                writer.write_batch(batch)
        spool.seek(0)
        kept = pa.ipc.open_stream(spool)
    except BaseException:
        spool.close()
        raise
    weakref.finalize(kept, spool.close)
    return kept
