"""
The limit of loading PostgreSQL: `python -m bench.limits.upsert_postgresql BODIES URL LOAD_BYTES`.

The straight script of `upsert.py`, but the columns go into a temporary table by ADBC's binary COPY, and from
there in by INSERT ... ON CONFLICT; elements are deleted and inserted. Prints `rows` and `seconds`.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pyarrow as pa
from adbc_driver_postgresql import dbapi

from bench.limits.upsert import CREATE, CREATE_LINES, NESTED, columns, is_nested, lines_of, loads, newest_of

LINES_STATEMENTS = (
    "DELETE FROM orders__lines USING incoming WHERE orders__lines.order_id = incoming.id",
    "INSERT INTO orders__lines SELECT * FROM incoming_lines",
)


def _create(cursor: dbapi.Cursor, nested: bool) -> None:
    columns_sql = NESTED if nested else ""
    key = "id BIGINT PRIMARY KEY"
    cursor.execute(
        CREATE.format(nested=columns_sql).replace("id BIGINT NOT NULL", key).replace("DOUBLE", "FLOAT8")
    )
    if nested:
        cursor.execute(CREATE_LINES.replace("DOUBLE", "FLOAT8"))


def _upsert_sql(names: list[str]) -> str:
    changes = ", ".join(f"{name} = excluded.{name}" for name in names if name != "id")
    listed = ", ".join(names)
    insert = f"INSERT INTO orders ({listed}) SELECT {listed} FROM incoming"
    return f"{insert} ON CONFLICT (id) DO UPDATE SET {changes}"


def _copy(cursor: dbapi.Cursor, name: str, rows: pa.Table) -> None:
    cursor.execute(f"DROP TABLE IF EXISTS {name}")
    cursor.adbc_ingest(name, rows, mode="create", temporary=True)


def main() -> None:
    """Load every body and print how long it took."""
    path, url, load_bytes = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    rows = 0
    nested = is_nested(path)
    begun = time.perf_counter()
    with dbapi.connect(url) as conn, conn.cursor() as cursor:
        _create(cursor, nested)
        conn.commit()
        for group in loads(path, load_bytes):
            newest = newest_of(group)
            incoming = columns(newest, nested=nested)
            rows += incoming.num_rows
            _copy(cursor, "incoming", incoming)
            cursor.execute(_upsert_sql(incoming.column_names))
            if nested:
                _copy(cursor, "incoming_lines", lines_of(newest))
                for statement in LINES_STATEMENTS:
                    cursor.execute(statement)
            conn.commit()
    json.dump({"rows": rows, "seconds": time.perf_counter() - begun}, sys.stdout)


if __name__ == "__main__":
    main()
