"""Growth with columns: the same number of values in narrow records and in records of a thousand fields."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

from bench.b2_load_duckdb import LOAD_BYTES, DuckDBFile
from bench.backlogs import fill, load
from bench.figures import Budget
from bench.growths import in_rounds, line
from bench.plan import Plan
from bench.records import batch_bodies, wide, wide_schema, write_bodies

ID, WHAT = "growth.columns", "cost of a value as records get wider"
COLUMNS, COLUMNS_QUICK = (10, 100, 1_000), (10, 200)
VALUES, VALUES_QUICK = 4_000_000, 400_000
BODY_VALUES = 1_000
"""Bodies have about as many values each, so that a wide record costs no more requests than narrow ones."""

ACCEPT_BOUND = (
    "bound: every value is read and checked once; a schema is compiled once and its checker kept for the next"
    " request with the same text, whose length grows with the columns"
)
LOAD_BOUND = (
    "bound: every value goes into one cell of one column; a load looks at each column once more for its type"
)


def measure(plan: Plan) -> list[Budget]:
    """Accept and load into DuckDB; the cost is that of a value, not of a record."""
    sizes = COLUMNS_QUICK if plan.quick else COLUMNS
    accepting: dict[int, list[float]] = {size: [] for size in sizes}
    loading = in_rounds(plan, sizes, partial(_cost, plan, accepting), full=4)
    return [
        line(f"{ID}.accept", "accept records of", "fields", accepting, ACCEPT_BOUND, unit="us/value"),
        line(f"{ID}.load", "load into DuckDB records of", "fields", loading, LOAD_BOUND, unit="us/value"),
    ]


def _cost(plan: Plan, accepting: dict[int, list[float]], columns: int) -> float:
    """Return microseconds for each value loaded; note those for each accepted."""
    values = plan.pick(VALUES_QUICK, VALUES)
    data_dir = plan.folder / "columns"
    try:
        bodies, requests = _bodies(plan.folder, values // columns, columns)
        report = fill(data_dir, bodies, requests)
        warehouse = DuckDBFile(data_dir / "warehouse.duckdb")
        done = load(data_dir, requests, load_bytes=LOAD_BYTES, freed=warehouse.freed_at)
    finally:
        shutil.rmtree(data_dir, ignore_errors=True)
    accepting[columns].append(float(report["seconds"]) / values * 1e6)
    return done.seconds / values * 1e6


def _bodies(folder: Path, records: int, columns: int) -> tuple[Path, int]:
    path = folder / f"{columns}.bodies"
    size = max(1, BODY_VALUES // columns)
    bodies = batch_bodies(wide(records, columns), size=size, schema=wide_schema(columns))
    return path, write_bodies(path, bodies)
