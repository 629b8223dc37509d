"""B6: greatest resident memory of a gate under 64 concurrent 20 MB bodies, of the loader with a backlog."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import psutil

from bench.figures import Budget, at_most
from bench.load import TOKEN_ENV
from bench.loads import wait_for_requests
from bench.plan import Plan
from bench.programs import Failed, load_command, port_of, run_json, serving
from bench.records import batch_body, flat
from tests.product import Product

ID, WHAT, BUDGET = "B6", "memory", "<= 400 MB, 1000 MB"
BODY_RECORDS = 20_000
NOTE_CHARS = 760
"""With a note this long a body has just less than the 20,971,520 bytes that are allowed by default."""

BODY_BYTES_LEAST, BODY_BYTES_MOST = 20_000_000, 20_971_520
GATE_BODIES, GATE_BODIES_QUICK = 64, 16
BACKLOG_BYTES = 5_000_000_000
FILE_BODIES = 8
ID_MARK, ID_UNIT = b'"id":9', 100_000
HOLD_S_MAX = 30.0
MB = 1e6


def measure(plan: Plan) -> list[Budget]:
    """Send large bodies while the warehouse is held by somebody else; then let the loader have it."""
    bodies = plan.pick(GATE_BODIES_QUICK, GATE_BODIES)
    backlog = plan.pick(GATE_BODIES_QUICK, BACKLOG_BYTES // BODY_BYTES_LEAST)
    data_dir = plan.folder / "b6"
    with serving(data_dir, "--workers", "1", TIDEGATE_RETRY_WAIT_S_MAX="1") as product:
        with _held_back(data_dir / "warehouse.duckdb"):
            statuses = _send(product, _body_file(plan.folder, 0, bodies), bodies, bodies)
            gate_mb = _peak_mb(product, "gate")
            accepted = _fill(plan, product, statuses.get("201", 0), bodies, backlog)
            (loader,) = product.processes("loader")
        wait_for_requests(data_dir.with_suffix(".log"), accepted)
        if product.processes("loader") != [loader]:
            raise Failed("the loader did not live through the backlog")
        loader_mb = _peak_mb(product, "loader")
    return [
        at_most(
            f"{ID}.gate",
            f"{WHAT}: peak RSS of a gate, {bodies} concurrent 20 MB bodies",
            "MB",
            400,
            [gate_mb],
            statuses=statuses,
            conditions=f"answers {statuses}{_smaller(plan, f'{bodies} bodies at once, the budget says 64')}",
        ),
        at_most(
            f"{ID}.loader",
            f"{WHAT}: peak RSS of the loader, {accepted * BODY_BYTES_LEAST / 1e9:.1f} GB backlog",
            "MB",
            1000,
            [loader_mb],
            requests=accepted,
            conditions=(
                f"{accepted} bodies of 20 MB, {BODY_RECORDS:,} records each, all keys new; the DuckDB file"
                f" was held by another process meanwhile{_smaller(plan, 'the budget says 5 GB')}"
            ),
        ),
    ]


def _smaller(plan: Plan, how: str) -> str:
    return f"; QUICK: {how}" if plan.quick else ""


def _fill(plan: Plan, product: Product, accepted: int, sent: int, backlog: int) -> int:
    """Send more bodies, two at a time, until the backlog is as large as it shall be; return its requests."""
    while accepted < backlog:
        count = min(FILE_BODIES, backlog - accepted)
        statuses = _send(product, _body_file(plan.folder, sent, count), count, 2)
        if set(statuses) != {"201"}:
            raise Failed(f"not every request was accepted: {statuses}")
        accepted += count
        sent += count
    return accepted


def _send(product: Product, bodies: Path, requests: int, connections: int) -> dict[str, int]:
    """Send with the load generator; 503 is a right answer under pressure, and counted."""
    command = load_command(port_of(product), bodies, requests, "--connections", str(connections))
    report: dict[str, Any] = run_json(command, **{TOKEN_ENV: product.access_token})
    statuses: dict[str, int] = report["statuses"]
    if not statuses.get("201") or set(statuses) - {"201", "503"}:
        raise Failed(f"large bodies were answered {statuses}")
    return statuses


def _body_file(folder: Path, first: int, count: int) -> Path:
    """Write bodies whose keys nobody else has: one body as a model, the first digits of its ids replaced."""
    model = _model()
    path = folder / "b6.bodies"
    with path.open("wb") as file:
        for number in range(first, first + count):
            file.write(model.replace(ID_MARK, b'"id":%d' % (100 + number)) + b"\n")
    return path


def _model() -> bytes:
    """Return one body whose ids all begin with 9 and have six digits."""
    chance = random.Random(13)
    records = [
        record | {"id": 9 * ID_UNIT + place, "note": chance.randbytes(NOTE_CHARS // 2).hex()}
        for place, record in enumerate(flat(BODY_RECORDS, updates_share=0))
    ]
    body = batch_body(records, 1)
    if not BODY_BYTES_LEAST <= len(body) <= BODY_BYTES_MOST - 3 * BODY_RECORDS:
        raise Failed(f"the large body has {len(body)} bytes")
    return body


@contextmanager
def _held_back(warehouse: Path) -> Iterator[None]:
    """Hold the warehouse file while the block runs, as somebody who works in it would."""
    end = time.monotonic() + HOLD_S_MAX
    while True:
        try:
            connection = duckdb.connect(str(warehouse))
            break
        except duckdb.Error as exc:
            if time.monotonic() > end:
                raise Failed(f"the warehouse could not be held: {exc}") from exc
            time.sleep(0.05)
    with connection:
        yield


def _peak_mb(product: Product, part: str) -> float:
    """Return the greatest resident size that a part's one process ever had; the kernel keeps it."""
    (process,) = product.processes(part)
    return _high_water(process) / MB


def _high_water(process: psutil.Process) -> int:
    status = Path(f"/proc/{process.pid}/status")
    if not status.exists():
        raise Failed("the greatest resident size of another process can be read on Linux only")
    line = next(each for each in status.read_text().splitlines() if each.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024
