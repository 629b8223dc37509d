"""B2: records/s from the journal into DuckDB, against a straight script, dlt and target-duckdb."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.contest import Contest, Rival
from bench.figures import Budget
from bench.loads import held
from bench.peers.install import DLT, TARGET_DUCKDB
from bench.plan import Expected, LoadFiles, Plan

ID, WHAT, BUDGET = "B2", "load journal -> DuckDB upsert", ">= 0.6x"
SCRIPT = "bench.limits.upsert"


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

    def held(self, who: str) -> Expected:
        """Return what it holds of the orders. Errors: Failed when there is no such table."""
        return held(self.path, who)


def measure(plan: Plan) -> list[Budget]:
    """Flat records against script and peers, nested ones against the script."""
    flat = LoadFiles.written(plan.folder, plan.pick(20_000, 400_000))
    nested = LoadFiles.written(plan.folder, plan.pick(5_000, 100_000), nested=True)
    warehouse = DuckDBFile(plan.folder / "contest.duckdb")
    rivals = [
        Rival(peer=DLT, least=6, given=flat.lines),
        Rival(peer=TARGET_DUCKDB, least=8, given=flat.messages),
    ]
    lines = []
    for id_, what, files, chosen in (
        (ID, WHAT, flat, rivals),
        (f"{ID}.nested", f"{WHAT}, nested records", nested, []),
    ):
        contest = Contest(
            id=id_,
            what=what,
            files=files,
            warehouse=warehouse,
            script=SCRIPT,
            cache=plan.cache,
            rivals=chosen,
        )
        lines += contest.measure(plan.pick(2, 5))
    return lines
