"""
The limit of loading: `python -m bench.limits.upsert BODIES WAREHOUSE LOAD_BYTES`, a straight script.

It decodes the bodies with msgspec, makes Arrow columns and upserts them into DuckDB, a transaction for each
LOAD_BYTES: with two or four times 8 MB, as the product loads of a backlog, it is slower. No journal, no
schema check, no rejected rows, no system columns but the sequence. Prints one JSON object: `rows` and
`seconds`, from opening the warehouse to closing it.
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
    " quantity BIGINT, amount DOUBLE, paid BOOLEAN, note VARCHAR, updated_at TIMESTAMPTZ,"
    "{nested} sequence BIGINT)"
)
NESTED = " address__street VARCHAR, address__zip VARCHAR,"
NESTED_COLUMNS = pa.schema([*COLUMNS, ("address__street", pa.string()), ("address__zip", pa.string())])
CREATE_LINES = (
    "CREATE TABLE orders__lines (order_id BIGINT NOT NULL, place BIGINT NOT NULL, sku VARCHAR, count BIGINT,"
    " price DOUBLE)"
)
Message = dict[str, Any]


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


def is_nested(path: Path) -> bool:
    """Tell whether a file's records have an object and an array."""
    with path.open("rb") as file:
        return b'"address"' in file.readline()


def newest_of(bodies: Sequence[bytes]) -> list[Message]:
    """Return the newest message for each key."""
    decoder = msgspec.json.Decoder()
    newest: dict[int, Message] = {}
    for body in bodies:
        for message in decoder.decode(body)["messages"]:
            newest[message["data"]["id"]] = message
    return list(newest.values())


def columns(newest: Sequence[Message], *, nested: bool) -> pa.Table:
    """Return the rows of these messages, typed."""
    data = [message["data"] for message in newest]
    if nested:
        for each in data:
            address = each["address"]
            each["address__street"], each["address__zip"] = address["street"], address["zip"]
    table = pa.Table.from_pylist(data, schema=NESTED_COLUMNS if nested else COLUMNS)
    moments = pc.cast(table["updated_at"], pa.timestamp("us", tz="UTC"))
    sequences = pa.array([message["sequence"] for message in newest], pa.int64())
    return table.set_column(9, "updated_at", moments).append_column("sequence", sequences)


def lines_of(newest: Sequence[Message]) -> pa.Table:
    """Return the elements of these messages' arrays, typed."""
    data = [message["data"] for message in newest]
    lines = [line for each in data for line in each["lines"]]
    return pa.table(
        {
            "order_id": pa.array([each["id"] for each in data for _ in each["lines"]], pa.int64()),
            "place": pa.array([place for each in data for place in range(len(each["lines"]))], pa.int64()),
            "sku": pa.array([line["sku"] for line in lines], pa.string()),
            "count": pa.array([line["count"] for line in lines], pa.int64()),
            "price": pa.array([line["price"] for line in lines], pa.float64()),
        }
    )


def main() -> None:
    """Load every body and print how long it took."""
    path, warehouse, load_bytes = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    rows = 0
    nested = is_nested(path)
    begun = time.perf_counter()
    conn = duckdb.connect(warehouse)
    conn.execute(CREATE.format(nested=NESTED if nested else ""))
    if nested:
        conn.execute(CREATE_LINES)
    for group in loads(path, load_bytes):
        newest = newest_of(group)
        incoming = columns(newest, nested=nested)
        rows += incoming.num_rows
        conn.register("incoming", incoming)
        conn.execute("BEGIN")
        conn.execute("DELETE FROM orders USING incoming WHERE orders.id = incoming.id")
        conn.execute("INSERT INTO orders SELECT * FROM incoming")
        if nested:
            conn.register("incoming_lines", lines_of(newest))
            conn.execute("DELETE FROM orders__lines USING incoming WHERE order_id = incoming.id")
            conn.execute("INSERT INTO orders__lines SELECT * FROM incoming_lines")
        conn.execute("COMMIT")
        conn.unregister("incoming")
    conn.close()
    json.dump({"rows": rows, "seconds": time.perf_counter() - begun}, sys.stdout)


if __name__ == "__main__":
    main()
