"""Growth with the table's rows: the same upserts into a hundred thousand, a million and ten million rows."""

from __future__ import annotations

from bench.b7_growth import KEYS, LARGE, LARGE_QUICK, SMALL, opened, upsert_ms
from bench.figures import Budget, not_measured
from bench.growths import line
from bench.plan import Plan
from bench.programs import Failed

ID, WHAT = "growth.rows", f"upsert {KEYS:,} random existing keys as the table grows"
BOUNDS = {
    "DuckDB": "bound: it reads the key column of the whole table, so a part of the cost grows with the rows",
    "PostgreSQL": "bound: each key goes down an index whose depth grows with the logarithm of the rows",
}


def measure(plan: Plan) -> list[Budget]:
    """As B7, which is a run of every day, but with a size between."""
    lines = []
    for name, bound in BOUNDS.items():
        id_ = f"{ID}.{name}"
        try:
            with opened(plan, name) as warehouse:
                costs = upsert_ms(plan, warehouse, (SMALL, LARGE_QUICK, *(() if plan.quick else (LARGE,))))
        except Failed as exc:
            lines.append(not_measured(id_, WHAT, "", str(exc)))
        else:
            lines.append(line(id_, f"upsert {KEYS:,} keys in {name} into", "rows", costs, bound, unit="ms"))
    return lines
