"""
Growth: what a record costs when something else grows: backlog, tables, sources, columns, rows of a table.

It takes a quarter of an hour, so it is measured when it is asked for: `make bench ONLY=growth`. One file in
`bench/growths` measures one of them.
"""

from __future__ import annotations

from bench.figures import Budget, not_measured
from bench.growths import backlog, columns, rows, spread
from bench.plan import Plan
from bench.programs import Failed

ID, WHAT, BUDGET = "growth", "what a record costs when something else grows", ""
MEASURES = (backlog, spread, columns, rows)


def measure(plan: Plan) -> list[Budget]:
    """Measure them one after the other; one that fails takes its own line."""
    lines: list[Budget] = []
    for each in MEASURES:
        plan.say(f"{each.ID}: {each.WHAT}")
        try:
            with plan.scratch(each.ID) as inner:
                lines += each.measure(inner)
        except Failed as exc:
            lines.append(not_measured(each.ID, each.WHAT, "", str(exc)))
    return lines
