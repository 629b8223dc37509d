"""The command: `python -m bench [--only B1,B2] [--json]`; QUICK=1 in the environment for a short run."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, cast

from bench import (
    b1_accept,
    b2_load_duckdb,
    b3_load_postgresql,
    b4_transit,
    b5_freshness,
    b6_memory,
    b7_growth,
    b8_start,
)
from bench.figures import Budget, not_measured
from bench.machine import machine
from bench.plan import Plan
from bench.programs import Failed
from bench.report import as_json, as_table

REPOSITORY = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results"


class Measures(Protocol):
    """A module that measures one budget; one more file and one more line below for one more budget."""

    ID: str
    WHAT: str
    BUDGET: str

    def measure(self, plan: Plan) -> list[Budget]:
        """Return the budget's lines. Errors: Failed when a program did not do what it should."""
        ...


MEASURES = {
    each.ID: each
    for each in cast(
        "list[Measures]",
        [
            b1_accept,
            b2_load_duckdb,
            b3_load_postgresql,
            b4_transit,
            b5_freshness,
            b6_memory,
            b7_growth,
            b8_start,
        ],
    )
}


def main() -> int:
    """Measure, print, keep. Exit code 0 when everything asked for was measured, met or not."""
    parser = argparse.ArgumentParser(description="Measure the budgets. QUICK=1 makes a short run.")
    parser.add_argument("--only", default="", help=f"some of {','.join(MEASURES)}")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    given = parser.parse_args()
    chosen = [each for each in given.only.upper().split(",") if each] or list(MEASURES)
    if unknown := set(chosen) - set(MEASURES):
        parser.error(f"there is no {', '.join(sorted(unknown))}; known: {', '.join(MEASURES)}")
    quick = os.environ.get("QUICK", "") not in {"", "0"}
    cache = REPOSITORY / ".cache" / "bench"
    cache.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="run-", dir=cache) as folder:
        plan = Plan(quick=quick, folder=Path(folder), cache=cache)
        about = machine(plan.folder)
        budgets = [line for each in chosen for line in _measured(MEASURES[each], plan)]
    result = as_json(about, budgets, quick=quick)
    _keep(result)
    print(json.dumps(result, indent=2) if given.json else as_table(about, budgets))
    return 1 if any(each.met is None for each in budgets) else 0


def _measured(each: Measures, plan: Plan) -> list[Budget]:
    """Measure one budget; a failure takes its line, and the others go on."""
    plan.say(f"{each.ID}: {each.WHAT}")
    try:
        return each.measure(plan)
    except (Failed, OSError, AssertionError, subprocess.SubprocessError) as exc:
        return [not_measured(each.ID, each.WHAT, each.BUDGET, f"{type(exc).__name__}: {exc}")]


def _keep(result: dict[str, object]) -> None:
    RESULTS.mkdir(exist_ok=True)
    name = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("bench: stopped")
