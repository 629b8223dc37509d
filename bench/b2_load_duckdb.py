"""B2: records/s from the journal into DuckDB, against a straight script, dlt and target-duckdb."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path

from bench.figures import Budget, at_least, not_measured
from bench.loads import check_warehouse, held, wait_for_requests
from bench.peers.install import DLT, TARGET_DUCKDB, NotInstalled, Peer, installed
from bench.plan import Expected, LoadFiles, Plan
from bench.programs import IDLE_LOADER, Failed, port_of, run_json, send, serving
from bench.records import BODY_RECORDS

ID, WHAT, BUDGET = "B2", "load journal -> DuckDB upsert", ">= 0.6x"
LOAD_BYTES = 8_000_000
"""The product's default; the straight script commits as much at a time."""

FLAWED_SHARE_MAX = 0.001
"""A peer may hold so many rows too few or too many and still be measured; the line then says so."""

CONDITIONS = (
    "from the start of the first load to the end of the last, by the product's own log lines;"
    " the journal was filled before by real pushes"
)


def measure(plan: Plan) -> list[Budget]:
    """Fill a journal once; then all contenders load the same records, in rounds."""
    files = LoadFiles.written(plan.folder, plan.pick(60_000, 400_000))
    backlog = _fill(plan, files)
    peers = [
        PeerRuns(DLT, 6, files.lines, files, plan.cache),
        PeerRuns(TARGET_DUCKDB, 8, files.messages, files, plan.cache),
    ]
    _straight(files)
    ours: list[float] = []
    straight: list[float] = []
    loads = 0
    for _ in range(plan.pick(3, 5)):
        seconds, loads = _ours(plan, backlog, files)
        ours.append(files.records / seconds)
        straight.append(files.records / _straight(files))
        for each in peers:
            each.run()
    against_script = at_least(
        ID,
        f"{WHAT}, against a straight script",
        "records/s",
        0.6,
        ours,
        straight,
        records=files.records,
        loads_each_run=loads,
        conditions=CONDITIONS,
    )
    return [against_script, *(each.budget(ours) for each in peers)]


@dataclass(slots=True)
class PeerRuns:
    """A peer's runs on the same records; whatever hinders it ends them, and is shown in its line."""

    peer: Peer
    least: float
    given: Path
    files: LoadFiles
    cache: Path
    rates: list[float] = field(default_factory=list)
    why: str = ""
    flaw: str = ""

    def run(self) -> None:
        """Load once into a new file."""
        if self.why:
            return
        warehouse = _fresh(self.files.folder / f"{self.peer.name.replace('-', '_')}.duckdb")
        try:
            python = installed(self.peer, self.cache)
            report = run_json([str(python), str(self.peer.script), str(self.given), str(warehouse)])
            self._judge(held(warehouse, self.peer.title))
        except (NotInstalled, Failed) as exc:
            self.why = str(exc)
        else:
            self.rates.append(self.files.records / float(report["seconds"]))

    def _judge(self, found: Expected) -> None:
        """A few wrong rows are a flaw to tell of; many mean that it did not do the work."""
        expected = self.files.expected
        if found != expected:
            self.flaw = f"{self.peer.title} holds {found.rows} rows, not {expected.rows}"
        if abs(found.rows - expected.rows) > expected.rows * FLAWED_SHARE_MAX:
            raise Failed(self.flaw)

    def budget(self, ours: list[float]) -> Budget:
        """Return the peer's line."""
        id_, what = f"{ID}.{self.peer.name}", f"{WHAT}, against {self.peer.title}"
        if self.why:
            return not_measured(id_, what, f">= {self.least:g}x", self.why)
        flaw = {"conditions": f"measured although {self.flaw}"} if self.flaw else {}
        return at_least(
            id_, what, "records/s", self.least, ours, self.rates, records=self.files.records, **flaw
        )


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


def _fresh(warehouse: Path) -> Path:
    for each in (warehouse, warehouse.with_name(warehouse.name + ".wal")):
        each.unlink(missing_ok=True)
    return warehouse
