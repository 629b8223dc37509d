"""
Queries people ask: one reading statement, run by DuckDB, its rows kept aside so that the warehouse is free.

Used by the destinations that DuckDB answers for.
"""

from __future__ import annotations

import duckdb
import pyarrow as pa

from tidegate.destinations.keeping import kept_aside
from tidegate.destinations.quoting import quoted
from tidegate.errors import QueryFailed

__all__ = ["quoted", "run_query"]

_BATCH_ROWS = 10_000
_READING = {duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN}


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
        rows = connection.sql(sql).to_arrow_reader(_BATCH_ROWS)
        return kept_aside(rows.schema, rows)
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
