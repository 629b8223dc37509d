"""B2: records/s from the journal into DuckDB, against a straight script, dlt and target-duckdb."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from bench.figures import Budget, at_least, not_measured
from bench.loads import check_warehouse, wait_for_requests
from bench.peers.install import DLT, TARGET_DUCKDB, NotInstalled, Peer, installed
from bench.plan import LoadFiles, Plan
from bench.programs import IDLE_LOADER, Failed, port_of, run_json, send, serving
from bench.records import BODY_RECORDS

ID, WHAT, BUDGET = "B2", "load journal -> DuckDB upsert", ">= 0.6x"
LOAD_BYTES = 8_000_000
"""The product's default; the straight script commits as much at a time."""

CONDITIONS = (
    "from the start of the first load to the end of the last, by the product's own log lines;"
    " the journal was filled before by real pushes"
)


def measure(plan: Plan) -> list[Budget]:
    """Fill a journal once, then load it afresh in alternation with the straight script; peers after it."""
    files = LoadFiles.written(plan.folder, plan.pick(100_000, 400_000))
    backlog = _fill(plan, files)
    _straight(files)
    ours: list[float] = []
    straight: list[float] = []
    loads = 0
    for _ in range(plan.pick(3, 5)):
        seconds, loads = _ours(plan, backlog, files)
        ours.append(files.records / seconds)
        straight.append(files.records / _straight(files))
    return [
        at_least(
            ID,
            f"{WHAT}, against a straight script",
            "records/s",
            0.6,
            ours,
            straight,
            records=files.records,
            loads_each_run=loads,
            conditions=CONDITIONS,
        ),
        _against_peer(plan, DLT, 6, files.lines, ours, files),
        _against_peer(plan, TARGET_DUCKDB, 8, files.messages, ours, files),
    ]


def _fill(plan: Plan, files: LoadFiles) -> Path:
    """Return a data folder whose journal holds every body, and whose warehouse is empty."""
    data_dir, kept = plan.folder / "b2", plan.folder / "b2.backlog"
    with serving(data_dir, **IDLE_LOADER) as product:
        send(port_of(product), files.bodies, files.records // BODY_RECORDS, token=product.access_token)
        # Told to stop, the loader would load what has gathered; a new one takes longer to start than this.
        product.kill("loader")
        product.kill()
    shutil.copytree(data_dir, kept)
    return kept


def _ours(plan: Plan, backlog: Path, files: LoadFiles) -> tuple[float, int]:
    """Load the backlog with the product; return seconds and the number of loads."""
    data_dir = plan.folder / "b2"
    shutil.rmtree(data_dir)
    shutil.copytree(backlog, data_dir)
    log = data_dir.with_suffix(".log")
    log.unlink(missing_ok=True)
    with serving(data_dir, TIDEGATE_LOAD_WAIT_S="0", TIDEGATE_LOAD_BYTES=str(LOAD_BYTES)):
        lines = wait_for_requests(log, files.records // BODY_RECORDS)
    check_warehouse(data_dir / "warehouse.duckdb", files.expected, "the product")
    return lines[-1].finished_at - (lines[0].finished_at - lines[0].seconds), len(lines)


def _straight(files: LoadFiles) -> float:
    """Load the bodies with the straight script; return seconds."""
    warehouse = _fresh(files.folder / "straight.duckdb")
    command = [
        sys.executable,
        "-m",
        "bench.limits.upsert",
        str(files.bodies),
        str(warehouse),
        str(LOAD_BYTES),
    ]
    seconds = float(run_json(command)["seconds"])
    check_warehouse(warehouse, files.expected, "the straight script")
    return seconds


def _against_peer(
    plan: Plan, peer: Peer, least: float, given: Path, ours: list[float], files: LoadFiles
) -> Budget:
    """Measure a peer on the same records; whatever hinders it is shown in its line."""
    id_, what = f"{ID}.{peer.name}", f"{WHAT}, against {peer.title}"
    warehouse = files.folder / f"{peer.name.replace('-', '_')}.duckdb"
    theirs: list[float] = []
    try:
        python = installed(peer, plan.cache)
        for _ in range(plan.pick(1, 3)):
            report = run_json([str(python), str(peer.script), str(given), str(_fresh(warehouse))])
            check_warehouse(warehouse, files.expected, peer.title)
            theirs.append(files.records / float(report["seconds"]))
    except (NotInstalled, Failed) as exc:
        return not_measured(id_, what, f">= {least:g}x", str(exc))
    return at_least(id_, what, "records/s", least, ours, theirs, records=files.records)


def _fresh(warehouse: Path) -> Path:
    for each in (warehouse, warehouse.with_name(warehouse.name + ".wal")):
        each.unlink(missing_ok=True)
    return warehouse
