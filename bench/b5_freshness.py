"""B5: from the answer 201 until a reader of the warehouse sees the rows, at 1,000 records/s, open loop."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import psycopg

from bench.figures import Budget, at_most, not_measured, percentile
from bench.load import TOKEN_ENV
from bench.loads import LoadLine, load_lines, wait_for_requests
from bench.plan import Plan
from bench.postgres import CONDITIONS as POSTGRESQL_CONDITIONS
from bench.postgres import Database, postgres
from bench.programs import Failed, accepted, load_command, port_of, serving
from bench.records import BODY_RECORDS, batch_bodies, flat, write_bodies

ID, WHAT, BUDGET = "B5", "accepted -> visible, p99 at 1,000 records/s", "<= 2 s"
BATCHES_PER_S = 10
WARM_UP_BATCHES = 20
LOOK_S = 0.1
"""How often a reader looks. A look takes some milliseconds; with DuckDB's file the loader must wait."""

LOST_S = 60.0
SEEN = (
    f"SELECT id / {BODY_RECORDS} FROM (SELECT id - id % {BODY_RECORDS} AS id FROM import_api.orders"
    f" WHERE id >= {{least}}) AS batches GROUP BY id HAVING count(*) = {BODY_RECORDS}"
)
"""The batches of which every row is there, in words that both warehouses know."""

CONDITIONS = (
    "gate processes: as many as cores; all settings at their defaults; the first 2 s are not counted;"
    f" a reader looks every {LOOK_S * 1000:g} ms: that makes the value up to that much greater;"
    " by_loads_p99_s is the same by the loader's own log lines"
)
Look = Callable[[str], list[tuple[Any, ...]] | None]
"""Runs a query in the warehouse as a reader would; None when it could not, or the table is not there yet."""


@dataclass(slots=True)
class Watch:
    """Which batches a reader has seen, and when. Units: CLOCK_MONOTONIC seconds."""

    query: Look
    batches: int
    seen_at: dict[int, float] = field(default_factory=dict)
    unseen_from: int = 0
    looks_in_vain: int = 0

    def look(self) -> None:
        """Look once; note the batches that are there with all their rows."""
        found = self.query(SEEN.format(least=self.unseen_from * BODY_RECORDS))
        if found is None:
            self.looks_in_vain += 1
            return
        now = time.monotonic()
        for (batch,) in found:
            self.seen_at.setdefault(int(batch), now)
        while self.unseen_from in self.seen_at:
            self.unseen_from += 1

    def until_all_seen(self, sending: subprocess.Popen[str]) -> None:
        """Look again and again until every batch was seen. Errors: Failed when some never are."""
        ended_at: float | None = None
        while len(self.seen_at) < self.batches:
            self.look()
            time.sleep(LOOK_S)
            if ended_at is None and sending.poll() is not None:
                ended_at = time.monotonic()
            if ended_at is not None and time.monotonic() - ended_at > LOST_S:
                raise Failed(f"only {len(self.seen_at)} of {self.batches} batches became visible")


def measure(plan: Plan) -> list[Budget]:
    """Push at a steady rate and look; the value is the 99th percentile over all batches of a run."""
    batches = plan.pick(5, 20) * BATCHES_PER_S
    bodies = plan.folder / "b5.bodies"
    write_bodies(bodies, batch_bodies(flat(batches * BODY_RECORDS, updates_share=0)))
    run = partial(_run, bodies=bodies, batches=batches)

    def into_duckdb(number: int) -> dict[str, Any]:
        data_dir = plan.folder / f"duckdb-{number}"
        return run(data_dir, "", partial(_in_file, data_dir / "warehouse.duckdb"))

    lines = [
        _budget("DuckDB", [into_duckdb(number) for number in plan.rounds(1, 3, seconds=(12, 75), least=1)])
    ]
    try:
        with postgres() as server:

            def into_postgresql(number: int) -> dict[str, Any]:
                database = Database(server)
                with database.connect() as reader:
                    return run(
                        plan.folder / f"postgresql-{number}", database.url, partial(_in_server, reader)
                    )

            runs = [into_postgresql(number) for number in plan.rounds(1, 3, seconds=(12, 75), least=1)]
        lines.append(_budget("PostgreSQL", runs, f"; {POSTGRESQL_CONDITIONS}"))
    except Failed as exc:
        lines.append(not_measured(f"{ID}.PostgreSQL", f"{WHAT}, PostgreSQL", BUDGET, str(exc)))
    return lines


def _budget(name: str, runs: list[dict[str, Any]], note: str = "") -> Budget:
    return at_most(
        f"{ID}.{name}",
        f"{WHAT}, {name}",
        "s",
        2,
        [each["p99_s"] for each in runs],
        each_run=runs,
        conditions=f"{runs[0]['batches']} batches counted in each run; {CONDITIONS}{note}",
    )


def _in_file(warehouse: Path, query: str) -> list[tuple[Any, ...]] | None:
    """Open the file for reading once; the loader may hold it, or not have made the table yet."""
    try:
        with duckdb.connect(str(warehouse), read_only=True) as conn:
            return conn.execute(query).fetchall()
    except (duckdb.IOException, duckdb.CatalogException):
        return None


def _in_server(reader: psycopg.Connection[tuple[object, ...]], query: str) -> list[tuple[Any, ...]] | None:
    try:
        return reader.execute(query.encode()).fetchall()
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        return None


def _run(data_dir: Path, destination: str, query: Look, *, bodies: Path, batches: int) -> dict[str, Any]:
    """Measure once on a new data folder."""
    with serving(data_dir, TIDEGATE_DESTINATION=destination) as product:
        command = load_command(
            port_of(product),
            bodies,
            batches,
            *("--per-s", str(BATCHES_PER_S), "--even", "--connections", "8", "--times"),
        )
        sending = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, TOKEN_ENV: product.access_token},
        )
        watch = Watch(query, batches)
        try:
            watch.until_all_seen(sending)
            printed, _ = sending.communicate()
        finally:
            sending.kill()
            sending.wait()
        wait_for_requests(product.log_path, batches)
        report = accepted(json.loads(printed))
        loads = load_lines(product.log_path)
        failed = product.log_path.read_bytes().count(b'"event":"load failed"')
    answered: dict[int, float] = dict(report["answered"])
    counted = [batch for batch in answered if batch >= WARM_UP_BATCHES]
    waits = [max(0.0, watch.seen_at[batch] - answered[batch]) for batch in counted]
    return {
        "batches": len(counted),
        "p50_s": percentile(waits, 0.5),
        "p99_s": percentile(waits, 0.99),
        "by_loads_p99_s": percentile(_by_loads(answered, loads), 0.99),
        "accept_p99_ms": report["p99_ms"],
        "loads": len(loads),
        "load_p50_ms": percentile([each.seconds * 1000 for each in loads], 0.5),
        "load_slowest_ms": max(each.seconds for each in loads) * 1000,
        "loads_failed": failed,
        "looks_in_vain": watch.looks_in_vain,
    }


def _by_loads(answered: dict[int, float], loads: list[LoadLine]) -> list[float]:
    """Return each batch's wait by the log: requests are loaded in the order in which they were answered."""
    wall_minus_monotonic = time.time() - time.monotonic()
    in_order = sorted(answered.values())
    waits: list[float] = []
    for load in loads:
        first = len(waits)
        waits += [
            load.finished_at - wall_minus_monotonic - at for at in in_order[first : first + load.requests]
        ]
    return waits[WARM_UP_BATCHES:]
