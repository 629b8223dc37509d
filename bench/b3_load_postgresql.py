"""B3: records/s from the journal into PostgreSQL, against a straight script, dlt and target-postgres."""

from __future__ import annotations

from bench.b2_load_duckdb import LOAD_BYTES, LOAD_BYTES_QUICK
from bench.contest import Contest, Rival
from bench.figures import Budget
from bench.files import LoadFiles
from bench.peers.install import DLT_POSTGRESQL, TARGET_POSTGRES
from bench.plan import Plan
from bench.postgres import CONDITIONS, Database, postgres

ID, WHAT, BUDGET = "B3", "load journal -> PostgreSQL, upserts", ">= 0.6x"
PEERS = (DLT_POSTGRESQL, TARGET_POSTGRES)
SCRIPT = "bench.limits.upsert_postgresql"


def measure(plan: Plan) -> list[Budget]:
    """Flat records against script and peers, nested ones against the script."""
    flat = LoadFiles.written(plan.folder / "flat", plan.pick(15_000, 200_000))
    nested = LoadFiles.written(plan.folder / "nested", plan.pick(5_000, 50_000), nested=True)
    rivals = [
        Rival(peer=DLT_POSTGRESQL, least=4, given=flat.lines),
        Rival(peer=TARGET_POSTGRES, least=12, given=flat.messages),
    ]
    with postgres() as server:
        warehouse = Database(server)
        return [
            *_contest(plan, ID, WHAT, flat, rivals, warehouse, (14, 120)),
            *_contest(plan, f"{ID}.nested", f"{WHAT}, nested", nested, [], warehouse, (4, 25)),
        ]


def _contest(
    plan: Plan,
    id_: str,
    what: str,
    files: LoadFiles,
    rivals: list[Rival],
    warehouse: Database,
    seconds: tuple[float, float],
) -> list[Budget]:
    with plan.scratch("contest") as inner:
        contest = Contest(
            id=id_,
            what=what,
            files=files,
            warehouse=warehouse,
            script=SCRIPT,
            plan=inner,
            load_bytes=plan.pick(LOAD_BYTES_QUICK, LOAD_BYTES),
            rounds=(3, 7),
            seconds=seconds,
            rivals=rivals,
            note=f"; {CONDITIONS}",
        )
        return contest.measure()
