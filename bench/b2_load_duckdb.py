"""B2: records/s from the journal into DuckDB, against a straight script, dlt and target-duckdb."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import duckdb

from bench.contest import Contest, Rival
from bench.figures import Budget
from bench.files import Held, LoadFiles
from bench.held import held
from bench.peers.install import DLT, TARGET_DUCKDB
from bench.plan import Plan
from bench.programs import Failed

ID, WHAT, BUDGET = "B2", "load journal -> DuckDB, upserts", ">= 0.6x"
PEERS = (DLT, TARGET_DUCKDB)
SCRIPT = "bench.limits.upsert"
LOAD_BYTES_QUICK, LOAD_BYTES = 2_000_000, 8_000_000
"""The product's default; in a quick run less, so that there are several loads, most with updates."""

LOOK_AGAIN_S, HELD_S_MAX = 0.005, 30.0
MOMENT_MS = "epoch_ms(CAST(updated_at AS TIMESTAMP))"


@dataclass(frozen=True, slots=True)
class DuckDBFile:
    """The file that all contenders write, made anew for each."""

    path: Path

    @property
    def url(self) -> str:
        """The address as the product takes it."""
        return f"duckdb:///{self.path}"

    @property
    def address(self) -> str:
        """The path."""
        return str(self.path)

    def empty(self) -> None:
        """Delete it."""
        for each in (self.path, self.path.with_name(self.path.name + ".wal")):
            each.unlink(missing_ok=True)

    def freed_at(self, finished_at: float) -> float:
        """Return when the file could be opened: at once, or when its holder has closed it."""
        looked, end = 0, time.monotonic() + HELD_S_MAX
        while True:
            try:
                duckdb.connect(str(self.path), read_only=True).close()
            except duckdb.IOException as exc:
                looked += 1
                if time.monotonic() > end:
                    raise Failed("the file is still held long after the last load") from exc
                time.sleep(LOOK_AGAIN_S)
            else:
                return time.time() if looked else finished_at

    def held(self, who: str) -> Held:
        """Return what it holds of the orders. Errors: Failed when there is no such table."""
        with duckdb.connect(str(self.path), read_only=True) as conn:
            conn.execute("SET TimeZone = 'UTC'")
            return held(lambda query: conn.execute(query).fetchall(), who, MOMENT_MS)


def measure(plan: Plan) -> list[Budget]:
    """Flat records against script and peers, nested ones against the script."""
    flat = LoadFiles.written(plan.folder / "flat", plan.pick(20_000, 400_000))
    rivals = [
        Rival(peer=DLT, least=6, given=flat.lines),
        Rival(peer=TARGET_DUCKDB, least=8, given=flat.messages),
    ]
    lines = _contest(plan, ID, WHAT, flat, rivals, (14, 140))
    nested = LoadFiles.written(plan.folder / "nested", plan.pick(10_000, 100_000), nested=True)
    return lines + _contest(plan, f"{ID}.nested", f"{WHAT}, nested", nested, [], (4, 30))


def _contest(
    plan: Plan, id_: str, what: str, files: LoadFiles, rivals: list[Rival], seconds: tuple[float, float]
) -> list[Budget]:
    with plan.scratch("contest") as inner:
        contest = Contest(
            id=id_,
            what=what,
            files=files,
            warehouse=DuckDBFile(inner.folder / "contest.duckdb"),
            script=SCRIPT,
            plan=inner,
            load_bytes=plan.pick(LOAD_BYTES_QUICK, LOAD_BYTES),
            rounds=(3, 7),
            seconds=seconds,
            rivals=rivals,
        )
        return contest.measure()
