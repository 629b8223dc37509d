"""B6: greatest resident memory of a gate under 64 concurrent 20 MB bodies, of the loader with a backlog."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from bench.figures import Budget, at_most
from bench.load import TOKEN_ENV
from bench.loads import LoadLine, load_lines
from bench.plan import Plan
from bench.programs import Failed, load_command, loader_of, port_of, run_json, serving
from bench.records import WORDS, batch_body, flat
from tests.product import Product

ID, WHAT, BUDGET = "B6", "memory", "<= 400 MB, 1000 MB"
BODY_RECORDS = 20_000
NOTE_CHARS = 750
"""With a note about this long a body has just less than the 20,971,520 bytes that are allowed by default."""

BODY_BYTES_LEAST, BODY_BYTES_MOST = 20_000_000, 20_971_520
GATE_BODIES, GATE_BODIES_QUICK = 64, 8
BACKLOG_BYTES = 5_000_000_000
FILE_BODIES = 16
"""How many different bodies stand in one file; with 64 connections each is on four of them at once."""

ID_MARK, ID_UNIT = b'"id":9', 100_000
FILL_S_MAX, LOAD_S_MAX = 75.0, 120.0
"""A full run spends no more than this on filling and on loading; the line says how far that got."""

LOOK_AGAIN_S = 0.1
MB = 1e6


@dataclass(slots=True)
class Backlog:
    """What was accepted and what of it was loaded, in requests of 20 MB."""

    accepted: int = 0
    sent: int = 0
    loaded: int = 0


def measure(plan: Plan) -> list[Budget]:
    """Send large bodies while the loader is frozen; then let it go."""
    at_once = plan.pick(GATE_BODIES_QUICK, GATE_BODIES)
    data_dir = plan.folder / "b6"
    backlog = Backlog()
    with serving(data_dir, "--workers", "1") as product:
        loader = loader_of(product)
        loader.suspend()
        plan.say(f"  {at_once} bodies of 20 MB at once")
        statuses = _send(product, _body_file(plan.folder, backlog.sent), at_once, at_once)
        gate_mb = _peak_mb(product, "gate")
        backlog.accepted, backlog.sent = statuses.get("201", 0), FILE_BODIES
        if not plan.quick:
            _fill(plan, product, backlog)
        plan.say(f"  loading {backlog.accepted * BODY_BYTES_LEAST / 1e9:.1f} GB")
        loader.resume()
        backlog.loaded = _load(data_dir.with_suffix(".log"), backlog.accepted)
        if product.processes("loader") != [loader]:
            raise Failed("the loader did not live through the backlog")
        loader_mb = _peak_mb(product, "loader")
        product.kill()  # it would load what is left, and nobody asked for that
    return [_gate_line(plan, gate_mb, at_once, statuses), _loader_line(plan, loader_mb, backlog)]


def _gate_line(plan: Plan, gate_mb: float, at_once: int, statuses: dict[str, int]) -> Budget:
    less = f"; QUICK: {at_once} bodies at once, the budget says {GATE_BODIES}" if plan.quick else ""
    what = f"{WHAT}: greatest resident size of one gate, {at_once} concurrent 20 MB bodies"
    conditions = f"answers {statuses}, 503 where one waited 20 s for room{less}"
    return at_most(f"{ID}.gate", what, "MB", 400, [gate_mb], statuses=statuses, conditions=conditions)


def _loader_line(plan: Plan, loader_mb: float, backlog: Backlog) -> Budget:
    gathered, loaded = (each * BODY_BYTES_LEAST / 1e9 for each in (backlog.accepted, backlog.loaded))
    less = "; the budget says 5 GB" if plan.quick or gathered < BACKLOG_BYTES / 1e9 else ""
    return at_most(
        f"{ID}.loader",
        f"{WHAT}: greatest resident size of the loader, {gathered:.1f} GB backlog",
        "MB",
        1000,
        [loader_mb],
        requests_waiting=backlog.accepted,
        requests_loaded=backlog.loaded,
        conditions=(
            f"{backlog.accepted} requests of 20 MB waited, {BODY_RECORDS:,} records each, gathered while"
            f" the loader was frozen; {loaded:.1f} GB were loaded within"
            f" {LOAD_S_MAX:.0f} s{less}"
        ),
    )


def _fill(plan: Plan, product: Product, backlog: Backlog) -> None:
    """Send more bodies, two at a time, until the backlog is as large as it shall be, or time is up."""
    end = time.monotonic() + FILL_S_MAX
    while backlog.accepted * BODY_BYTES_LEAST < BACKLOG_BYTES and time.monotonic() < end:
        plan.say(f"  {backlog.accepted * BODY_BYTES_LEAST / 1e9:.1f} GB of 5 GB are waiting")
        statuses = _send(product, _body_file(plan.folder, backlog.sent), FILE_BODIES, 2)
        if set(statuses) != {"201"}:
            raise Failed(f"not every request was accepted: {statuses}")
        backlog.accepted += FILE_BODIES
        backlog.sent += FILE_BODIES


def _load(log: Path, requests: int) -> int:
    """Wait until everything is loaded or time is up, and return how much was. Errors: Failed."""
    end = time.monotonic() + LOAD_S_MAX
    while (done := _requests(load_lines(log))) < requests and time.monotonic() < end:
        time.sleep(LOOK_AGAIN_S)
    if not done:
        raise Failed(f"nothing was loaded within {LOAD_S_MAX:.0f} s")
    return done


def _requests(lines: list[LoadLine]) -> int:
    return sum(line.requests for line in lines)


def _send(product: Product, bodies: Path, requests: int, connections: int) -> dict[str, int]:
    """Send with the load generator; 503 is a right answer under pressure, and counted."""
    command = load_command(port_of(product), bodies, requests, "--connections", str(connections))
    report: dict[str, Any] = run_json(command, **{TOKEN_ENV: product.access_token})
    statuses: dict[str, int] = report["statuses"]
    if not statuses.get("201") or set(statuses) - {"201", "503"}:
        raise Failed(f"large bodies were answered {statuses}")
    return statuses


def _body_file(folder: Path, first: int) -> Path:
    """Write bodies whose keys no other file has: one body as a model, the first digit of its ids replaced."""
    model = _model()
    path = folder / "b6.bodies"
    with path.open("wb") as file:
        for number in range(first, first + FILE_BODIES):
            file.write(model.replace(ID_MARK, b'"id":%d' % (100 + number)) + b"\n")
    return path


def _model() -> bytes:
    """Return one body whose ids begin with 9 and have six digits; its texts are words, as people write."""
    chance = random.Random(13)
    records = [
        record | {"id": 9 * ID_UNIT + place, "note": " ".join(chance.choices(WORDS, k=200))[:NOTE_CHARS]}
        for place, record in enumerate(flat(BODY_RECORDS, updates_share=0))
    ]
    body = batch_body(records, 1)
    if not BODY_BYTES_LEAST <= len(body) <= BODY_BYTES_MOST - 3 * BODY_RECORDS:
        raise Failed(f"the large body has {len(body)} bytes")
    return body


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
