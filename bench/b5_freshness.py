"""B5: from the answer 201 until a reader of the DuckDB file sees the rows, at 1,000 records/s, open loop."""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from bench.figures import Budget, at_most, percentile
from bench.load import TOKEN_ENV
from bench.loads import LoadLine, load_lines, wait_for_requests
from bench.plan import Plan
from bench.programs import Failed, accepted, load_command, port_of, serving
from bench.records import BODY_RECORDS, batch_bodies, flat, write_bodies

ID, WHAT, BUDGET = "B5", "accepted -> visible in DuckDB, p99 at 1,000 records/s", "<= 2 s"
BATCHES_PER_S = 10
WARM_UP_BATCHES = 30
LOOK_S = 0.1
"""How often the file is opened for reading. A look takes some milliseconds, in which the loader must wait."""

LOST_S = 60.0
CONDITIONS = (
    "gate processes: as many as cores; all settings at their defaults; the first 3 s are not counted;"
    f" a reader opens the file every {LOOK_S * 1000:g} ms: that makes the value up to that much"
    " greater, and a load may find the file held; by_loads_p99_s is the same by the loader's own log lines"
)


@dataclass(slots=True)
class Watch:
    """Which batches a reader has seen, and when. Units: CLOCK_MONOTONIC seconds."""

    warehouse: Path
    batches: int
    seen_at: dict[int, float] = field(default_factory=dict)
    unseen_from: int = 0
    looks_in_vain: int = 0

    def look(self) -> None:
        """Open the file for reading once; note the batches that are there with all their rows."""
        try:
            with duckdb.connect(str(self.warehouse), read_only=True) as conn:
                found = conn.execute(
                    f"SELECT id // {BODY_RECORDS} FROM import_api.orders WHERE id >= ?"
                    f" GROUP BY ALL HAVING count(*) = {BODY_RECORDS}",
                    [self.unseen_from * BODY_RECORDS],
                ).fetchall()
        except (duckdb.IOException, duckdb.CatalogException):
            self.looks_in_vain += 1  # the loader holds the file, or has not made the table yet
            return
        now = time.monotonic()
        for (batch,) in found:
            self.seen_at.setdefault(batch, now)
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
    seconds = plan.pick(15, 60)
    batches = seconds * BATCHES_PER_S
    bodies = plan.folder / "b5.bodies"
    write_bodies(bodies, batch_bodies(flat(batches * BODY_RECORDS, updates_share=0)))
    runs = [_run(plan.folder / f"b5-{number}", bodies, batches) for number in range(plan.pick(1, 3))]
    return [
        at_most(
            ID,
            WHAT,
            "s",
            2,
            [each["p99_s"] for each in runs],
            runs=runs,
            batches_each_run=batches - WARM_UP_BATCHES,
            conditions=CONDITIONS,
        )
    ]


def _run(data_dir: Path, bodies: Path, batches: int) -> dict[str, Any]:
    """Measure once on a new data folder."""
    with serving(data_dir) as product:
        command = load_command(
            port_of(product),
            bodies,
            batches,
            *("--per-s", str(BATCHES_PER_S), "--connections", "8", "--times"),
        )
        sending = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, TOKEN_ENV: product.access_token},
        )
        watch = Watch(data_dir / "warehouse.duckdb", batches)
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
