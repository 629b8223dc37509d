"""B3: records/s from the journal into PostgreSQL, against a straight script, dlt and target-postgres."""

from __future__ import annotations

from bench.contest import Contest, Rival
from bench.figures import Budget
from bench.peers.install import DLT_POSTGRESQL, TARGET_POSTGRES
from bench.plan import LoadFiles, Plan
from bench.postgres import CONDITIONS, Database, postgres

ID, WHAT, BUDGET = "B3", "load journal -> PostgreSQL upsert", ">= 0.6x"
SCRIPT = "bench.limits.upsert_postgresql"


def measure(plan: Plan) -> list[Budget]:
    """Flat records against script and peers, nested ones against the script."""
    flat = LoadFiles.written(plan.folder, plan.pick(10_000, 200_000))
    nested = LoadFiles.written(plan.folder, plan.pick(5_000, 50_000), nested=True)
    rivals = [
        Rival(peer=DLT_POSTGRESQL, least=4, given=flat.lines),
        Rival(peer=TARGET_POSTGRES, least=12, given=flat.messages),
    ]
    lines = []
    with postgres() as server:
        warehouse = Database(server)
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
                note=f"; {CONDITIONS}",
            )
            lines += contest.measure(plan.pick(2, 3))
    return lines
