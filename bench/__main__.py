"""
The command: `python -m bench [run] [--only B1,B2] [--json]`; `chart` and `page` of a run's results; `flame`.

QUICK=1 in the environment makes a short run, ONLY=B1,growth is the same as `--only`.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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
    growth,
    latency,
)
from bench.chart import chart
from bench.figures import Budget, not_measured
from bench.flame import flame
from bench.machine import machine
from bench.page import page
from bench.peers.install import NotInstalled, Peer, installed
from bench.plan import Plan
from bench.programs import Failed
from bench.report import as_json, as_text, machine_line
from bench.sampling import WATCHES, Sampler

REPOSITORY = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results"
IMAGES = REPOSITORY / "docs" / "images"
CHART = IMAGES / "budgets.svg"
PAGE = REPOSITORY / "docs" / "explanation" / "performance.md"


class Measures(Protocol):
    """A module that measures one budget; one more file and one more line below for one more budget."""

    ID: str
    WHAT: str
    BUDGET: str

    def measure(self, plan: Plan) -> list[Budget]:
        """Return the budget's lines. Errors: Failed when a program did not do what it should."""
        ...


def _by_id(*modules: object) -> dict[str, Measures]:
    return {each.ID.upper(): each for each in cast("Sequence[Measures]", modules)}


MEASURES = _by_id(
    b1_accept,
    b2_load_duckdb,
    b3_load_postgresql,
    b4_transit,
    b5_freshness,
    b6_memory,
    b7_growth,
    b8_start,
    latency,
)
ASKED_FOR = _by_id(growth)
"""What a run measures only when it is named: it takes too long to be part of each."""


def main() -> int:
    """Do what was asked; exit code 0 when everything asked for was measured, met or not."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure the budgets.")
    commands = parser.add_subparsers(dest="command")
    run = commands.add_parser("run", help="measure (the default); QUICK=1 makes a short run")
    known = ", ".join(each.ID for each in [*MEASURES.values(), *ASKED_FOR.values()])
    run.add_argument("--only", default=os.environ.get("ONLY", ""), help=f"some of {known}")
    run.add_argument("--json", action="store_true", help="print JSON instead of a table")
    for name, about in (
        ("chart", f"draw a run into {CHART.name}"),
        ("page", f"write a run, and how those after it ended, into {PAGE.name}"),
    ):
        other = commands.add_parser(name, help=about)
        several = "+" if name == "page" else 1
        other.add_argument("results", type=Path, nargs=several, help="a run's file in bench/results")
        other.add_argument(
            "--out", type=Path, default=CHART if name == "chart" else PAGE, help="file to write"
        )
    drawn = commands.add_parser("flame", help="draw where a process spends its time; takes half a minute")
    drawn.add_argument("process", choices=list(WATCHES), help="which one")
    drawn.add_argument("--out", type=Path, help=f"file to write [{IMAGES.name}/flame-PROCESS.svg]")
    arguments = sys.argv[1:]
    if not arguments or arguments[0].startswith("--"):
        arguments = ["run", *arguments]
    given = parser.parse_args(arguments)
    if given.command == "run":
        return _run(parser, given.only, as_object=given.json)
    if given.command == "flame":
        return _flame(given.process, given.out or IMAGES / f"flame-{given.process}.svg")
    return _shown(given.command, given.results, given.out)


def _flame(process: str, out: Path) -> int:
    """Watch a process at work, and draw what was seen."""
    with _scratch() as folder:
        try:
            watched = WATCHES[process](Sampler(folder, folder.parent))
        except (Failed, NotInstalled) as exc:
            print(f"bench: nothing could be drawn: {exc}", file=sys.stderr)
            return 1
        about = machine_line(machine(folder))
    out.write_text(flame(watched.what, about, watched.stacks), encoding="utf-8")
    print(f"written: {out}")
    return 0


def _shown(command: str, results: Sequence[Path], out: Path) -> int:
    """Draw a run, or write it and those after it into the page."""
    try:
        runs = [json.loads(each.read_text(encoding="utf-8")) for each in results]
        text = chart(runs[0]) if command == "chart" else page(out.read_text(encoding="utf-8"), *runs)
    except (OSError, ValueError, KeyError, Failed) as exc:
        print(f"bench: {', '.join(map(str, results))} cannot be used: {exc}", file=sys.stderr)
        return 2
    out.write_text(text, encoding="utf-8")
    print(f"written: {out}")
    return 0


def _run(parser: argparse.ArgumentParser, only: str, *, as_object: bool) -> int:
    """Measure, print, keep."""
    known = MEASURES | ASKED_FOR
    chosen = [each for each in only.upper().split(",") if each] or list(MEASURES)
    if unknown := set(chosen) - set(known):
        parser.error(f"there is no {', '.join(sorted(unknown))}; known: {', '.join(known)}")
    quick = os.environ.get("QUICK", "") not in {"", "0"}
    modules = [known[each] for each in chosen]
    with _scratch() as folder:
        about = machine(folder)
        began = time.monotonic()
        peers = {
            peer: _installed(peer, folder.parent) for each in modules for peer in getattr(each, "PEERS", ())
        }
        installed_s = time.monotonic() - began
        plan = Plan(quick=quick, folder=folder, peers=peers)
        lines = [line for each in modules for line in _measured(each, plan)]
        result = as_json(about, lines, plan, installed_s)
    kept = _keep(result)
    print(json.dumps(result, indent=2) if as_object else f"{as_text(result)}\n\nkept in {kept}")
    return 0 if all(each.measured for each in lines) else 1


@contextmanager
def _scratch() -> Iterator[Path]:
    """Yield a folder on the disk that is measured, in the one that environments are kept in."""
    cache = REPOSITORY / ".cache" / "bench"
    cache.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="run-", dir=cache) as folder:
        yield Path(folder)


def _installed(peer: Peer, cache: Path) -> Path | NotInstalled:
    try:
        return installed(peer, cache)
    except NotInstalled as exc:
        return exc


def _measured(each: Measures, plan: Plan) -> list[Budget]:
    """Measure one budget; a failure takes its line, and the others go on."""
    plan.say(f"{each.ID}: {each.WHAT}")
    if not each.BUDGET and plan.begun_late:
        why = f"the time for all was over; measure it alone with ONLY={each.ID}"
        return [not_measured(each.ID, each.WHAT, each.BUDGET, why)]
    try:
        with plan.scratch(each.ID.lower()) as inner:
            return each.measure(inner)
    except (Failed, OSError, AssertionError, subprocess.SubprocessError) as exc:
        return [not_measured(each.ID, each.WHAT, each.BUDGET, f"{type(exc).__name__}: {exc}")]


def _keep(result: dict[str, object]) -> Path:
    """Write the results where no other run's are, and return the path from here."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return path.relative_to(REPOSITORY)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("bench: stopped")
    except RuntimeError as exc:
        if str(exc) != "Query interrupted":  # how DuckDB tells of Ctrl-C in the middle of a query
            raise
        sys.exit("bench: stopped")
