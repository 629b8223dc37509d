"""
The limit of loading: `python -m bench.limits.upsert BODIES WAREHOUSE LOAD_BYTES`, a straight script.

It decodes the bodies with msgspec, makes Arrow columns and upserts them into DuckDB, as many bytes in one
transaction as the product loads at once. No journal, no schema check, no rejected rows, no system columns
but the sequence. Prints one JSON object: `rows` and `seconds`, from opening the warehouse to closing it.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.compute as pc

COLUMNS = pa.schema(
    [
        ("id", pa.int64()),
        ("customer", pa.string()),
        ("email", pa.string()),
        ("city", pa.string()),
        ("status", pa.string()),
        ("quantity", pa.int64()),
        ("amount", pa.float64()),
        ("paid", pa.bool_()),
        ("note", pa.string()),
        ("updated_at", pa.string()),
    ]
)
CREATE = (
    "CREATE TABLE orders (id BIGINT NOT NULL, customer VARCHAR, email VARCHAR, city VARCHAR, status VARCHAR,"
    " quantity BIGINT, amount DOUBLE, paid BOOLEAN, note VARCHAR, updated_at TIMESTAMPTZ, sequence BIGINT)"
)


def loads(path: Path, load_bytes: int) -> Iterator[list[bytes]]:
    """Yield bodies, `load_bytes` at a time."""
    group: list[bytes] = []
    size = 0
    with path.open("rb") as file:
        for line in file:
            group.append(line)
            size += len(line)
            if size >= load_bytes:
                yield group
                group, size = [], 0
    if group:
        yield group


def columns(bodies: Sequence[bytes]) -> pa.Table:
    """Return the newest version of each row of these bodies, typed."""
    decoder = msgspec.json.Decoder()
    newest: dict[int, dict[str, Any]] = {}
    for body in bodies:
        for message in decoder.decode(body)["messages"]:
            newest[message["data"]["id"]] = message
    data = [message["data"] for message in newest.values()]
    table = pa.Table.from_pylist(data, schema=COLUMNS)
    moments = pc.cast(table["updated_at"], pa.timestamp("us", tz="UTC"))
    sequences = pa.array([message["sequence"] for message in newest.values()], pa.int64())
    return table.set_column(9, "updated_at", moments).append_column("sequence", sequences)


def main() -> None:
    """Load every body and print how long it took."""
    path, warehouse, load_bytes = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    rows = 0
    begun = time.perf_counter()
    conn = duckdb.connect(warehouse)
    conn.execute(CREATE)
    for group in loads(path, load_bytes):
        incoming = columns(group)
        rows += incoming.num_rows
        conn.register("incoming", incoming)
        conn.execute("BEGIN")
        conn.execute("DELETE FROM orders USING incoming WHERE orders.id = incoming.id")
        conn.execute("INSERT INTO orders SELECT * FROM incoming")
        conn.execute("COMMIT")
        conn.unregister("incoming")
    conn.close()
    json.dump({"rows": rows, "seconds": time.perf_counter() - begun}, sys.stdout)


if __name__ == "__main__":
    main()
