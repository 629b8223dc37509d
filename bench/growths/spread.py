"""Growth with tables and sources: the same records in one table, and spread over a thousand of them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx

from bench.b2_load_duckdb import LOAD_BYTES, DuckDBFile
from bench.backlogs import Freed, fill, load, loading_to
from bench.figures import Budget, not_measured
from bench.growths import Costs, in_rounds, line
from bench.plan import Plan
from bench.postgres import Database, postgres
from bench.programs import Failed, accepting_only
from bench.records import FIRST_SEQUENCE, batch_body, chunks, flat, write_bodies
from tests.conformance.postgres_server import PostgresServer

ID, WHAT = "growth.spread", "cost of a record as tables and sources grow in number"
SIZES, SIZES_QUICK = (1, 10, 100, 1_000), (1, 50)
REQUEST_RECORDS = 20
REQUESTS, REQUESTS_QUICK = 2_000, 200
"""Every table gets two requests, and every load finds the tables of all of them in it."""

LOAD_BOUND = (
    "bound: a load costs a few statements for each table that it has rows for, so few rows in many tables"
    " cost what the statements cost"
)
FIRST_BOUND = "bound: each table is looked for and created once, in statements of its own"
ACCEPT_BOUND = (
    "bound: a token is looked up by its hash in memory, where the gate holds all of them and reads them again"
    " only when a token or source changed"
)


Cost = tuple[float, float, float]
"""Microseconds for each record: accepting it, loading it into a new table, and into one that is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Sends records to many tables of one source, or to one table in each of many sources."""

    folder: Path
    requests: int
    tables: int = 1
    sources: int = 1

    @property
    def records(self) -> int:
        """How many are sent each time."""
        return self.requests * REQUEST_RECORDS

    def cost(self, destination: str, freed: Freed) -> Cost:
        """Send everything twice, the same keys with greater sequences, and load it each time."""
        data_dir = self.folder / "spread"
        listed = data_dir.with_suffix(".tokens")
        try:
            listed.write_text("\n".join(self._tokens(data_dir, destination)))
            fill(data_dir, self._bodies(0), self.requests, "--tokens", str(listed))
            first = load(data_dir, self.requests, load_bytes=LOAD_BYTES, freed=freed)
            report = fill(data_dir, self._bodies(self.records), self.requests, "--tokens", str(listed))
            second = load(data_dir, self.requests, load_bytes=LOAD_BYTES, freed=freed)
        finally:
            shutil.rmtree(data_dir, ignore_errors=True)
        accepting, making, loading = (
            float(each) / self.records * 1e6 for each in (report["seconds"], first.seconds, second.seconds)
        )
        return accepting, making, loading

    def _bodies(self, first: int) -> Path:
        """Write the requests, to the tables in turn, with sequences from `first` on."""
        path = self.folder / "spread.bodies"
        bodies = (
            batch_body(
                chunk,
                FIRST_SEQUENCE + first + number * REQUEST_RECORDS,
                table_name=f"orders_{number % self.tables}",
            )
            for number, chunk in enumerate(chunks(flat(self.records), REQUEST_RECORDS))
        )
        write_bodies(path, bodies)
        return path

    def _tokens(self, data_dir: Path, destination: str) -> list[str]:
        """Make the sources as a program would, over the Connect API, and return a token of each."""
        with accepting_only(data_dir, **loading_to(destination)) as product:
            if self.sources == 1:
                return [product.access_token]
            made = product.run("connect-tokens", "create", "--json").stdout
            headers = {"Authorization": f"Bearer {json.loads(made)['access_token']}"}
            with httpx.Client(base_url=product.base_url, headers=headers, trust_env=False) as connect:
                return [_new_token(connect, number) for number in range(self.sources)]


def _new_token(connect: httpx.Client, number: int) -> str:
    asked = {"type": "import_api", "display_name": f"Source {number}"}
    source = connect.post("/v4/sources", json=asked).raise_for_status().json()
    token = connect.post(f"/v4/sources/{source['id']}/tokens").raise_for_status().json()
    return str(token["access_token"])


def measure(plan: Plan) -> list[Budget]:
    """Tables in both warehouses, sources in DuckDB: to a warehouse a source is a schema and its tables."""
    lines = _tables(plan, "DuckDB", partial(_into_file, plan.folder))
    try:
        with postgres() as server:
            lines += _tables(plan, "PostgreSQL", partial(_into_server, server))
    except Failed as exc:
        lines.append(not_measured("growth.tables.PostgreSQL", WHAT, "", str(exc)))
    return lines + _sources(plan)


def _into_file(folder: Path, spread: Spread) -> Cost:
    warehouse = DuckDBFile(folder / "spread.duckdb")
    warehouse.empty()
    return spread.cost(warehouse.url, warehouse.freed_at)


def _into_server(server: PostgresServer, spread: Spread) -> Cost:
    warehouse = Database(server)
    return spread.cost(warehouse.url, warehouse.freed_at)


def _tables(plan: Plan, name: str, into: Callable[[Spread], Cost]) -> list[Budget]:
    def cost(tables: int) -> Cost:
        return into(Spread(folder=plan.folder, requests=plan.pick(REQUESTS_QUICK, REQUESTS), tables=tables))

    costs = _in_rounds(plan, cost)
    return [
        line(f"growth.tables.{name}.new", f"load into {name}, making", "tables", costs[1], FIRST_BOUND),
        line(f"growth.tables.{name}", f"load into {name}, spread over", "tables", costs[2], LOAD_BOUND),
    ]


def _sources(plan: Plan) -> list[Budget]:
    def cost(made: int) -> Cost:
        spread = Spread(folder=plan.folder, requests=plan.pick(REQUESTS_QUICK, REQUESTS), sources=made)
        return _into_file(plan.folder, spread)

    costs = _in_rounds(plan, cost)
    return [
        line("growth.sources.accept", "accept from", "sources", costs[0], ACCEPT_BOUND),
        line("growth.sources.load", "load into DuckDB from", "sources", costs[2], LOAD_BOUND),
    ]


def _in_rounds(plan: Plan, cost: Callable[[int], Cost]) -> tuple[Costs, Costs, Costs]:
    """Return the three costs by size, from the same runs."""
    runs: dict[int, list[Cost]] = {}

    def noted(size: int) -> float:
        runs.setdefault(size, []).append(cost(size))
        return 0.0

    in_rounds(plan, SIZES_QUICK if plan.quick else SIZES, noted)
    accepting, making, loading = (
        {size: [each[place] for each in found] for size, found in runs.items()} for place in range(3)
    )
    return accepting, making, loading
