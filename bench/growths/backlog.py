"""Growth with the backlog: accepting into a journal that gets longer, loading more and more of it."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

from bench.b2_load_duckdb import LOAD_BYTES, DuckDBFile
from bench.backlogs import fill, load
from bench.figures import Budget
from bench.growths import Costs, in_rounds, line
from bench.plan import Plan
from bench.programs import accepting_only, port_of, send
from bench.records import BODY_RECORDS, batch_bodies, flat, write_bodies

ID, WHAT = "growth.backlog", "cost of a record as the journal grows"
RECORDS = (10_000, 100_000, 1_000_000)
RECORDS_QUICK = (10_000, 50_000)
ACCEPTED_AT_ONCE = 20_000
ACCEPT_BOUND = (
    "bound: a request is one row at the end of the journal's one table, which has no index but its key, and"
    " nothing is looked up among the others"
)
LOAD_BOUND = (
    "bound: a load reads `load_bytes` from its position on, found by key, and never what stands before or"
    " behind; what grows with the rows that are already in the table is measured in growth.rows"
)


def measure(plan: Plan) -> list[Budget]:
    """Load backlogs of each size; then accept into a journal that holds nothing, and on to the greatest."""
    sizes = RECORDS_QUICK if plan.quick else RECORDS
    bodies = plan.folder / "backlog.bodies"
    write_bodies(bodies, batch_bodies(flat(max(sizes))))
    loading = in_rounds(plan, sizes, partial(_load_cost, plan.folder, bodies))
    accepting = _accept_costs(plan, bodies, max(sizes))
    return [
        line(f"{ID}.load", "load into DuckDB a backlog of", "records", loading, LOAD_BOUND),
        line(f"{ID}.accept", "accept into a journal of", "records waiting", accepting, ACCEPT_BOUND),
    ]


def _load_cost(folder: Path, bodies: Path, records: int) -> float:
    """Return microseconds for each record of a backlog."""
    data_dir, requests = folder / "backlog", records // BODY_RECORDS
    try:
        fill(data_dir, bodies, requests)
        warehouse = DuckDBFile(data_dir / "warehouse.duckdb")
        return (
            load(data_dir, requests, load_bytes=LOAD_BYTES, freed=warehouse.freed_at).seconds / records * 1e6
        )
    finally:
        shutil.rmtree(data_dir, ignore_errors=True)


def _accept_costs(plan: Plan, bodies: Path, records: int) -> Costs:
    """Return microseconds for each record at the beginning and at the end of filling a journal."""
    requests = ACCEPTED_AT_ONCE // BODY_RECORDS
    with accepting_only(plan.folder / "accepting") as product:
        token, port = product.access_token, port_of(product)

        def some() -> float:
            return float(send(port, bodies, requests, token=token)["seconds"]) / ACCEPTED_AT_ONCE * 1e6

        some()
        first = [some() for _ in range(3)]
        send(port, bodies, records // BODY_RECORDS, token=token)
        last = [some() for _ in range(3)]
    return {0: first, records: last}
