"""B1: accepted records/s through one gate, against a bare handler; bodies of 100 records, and others."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.figures import Budget, at_least, compared
from bench.plan import Plan, in_turn
from bench.programs import Server, accepting_only, bare_server, gate_of, send
from bench.records import BODY_RECORDS, FLAT_SCHEMA, NESTED_SCHEMA, batch_bodies, flat, nested, write_bodies

ID, WHAT, BUDGET = "B1", "accept batch bodies, one gate", ">= 0.5x"
CONNECTIONS = 32
RUN_S, RUN_S_QUICK = 1.2, 0.6
"""How long each run lasts: short, so that many rounds spread what other programs do over both sides."""

LEAST_REQUESTS = 8


@dataclass(frozen=True, slots=True)
class Size:
    """A form of body: how many records, of which data set, how many different bodies are sent in turn."""

    id: str
    records: int
    bodies: int
    nested: bool = False

    @property
    def what(self) -> str:
        """Words for the table."""
        kind = ", nested" if self.nested else ""
        return f"{WHAT}, {self.records:,} record{'s' if self.records > 1 else ''} each{kind}"

    def written(self, folder: Path) -> Path:
        """Write the bodies; few enough to stay in memory everywhere."""
        path = folder / f"{self.id}.bodies"
        records = (nested if self.nested else flat)(self.records * self.bodies)
        schema = NESTED_SCHEMA if self.nested else FLAT_SCHEMA
        write_bodies(path, batch_bodies(records, size=self.records, schema=schema))
        return path


BUDGETED = Size(ID, BODY_RECORDS, 200)
# A quick run has the first two.
OTHERS = (
    Size(f"{ID}.1", 1, 2_000),
    Size(f"{ID}.20000", 20_000, 3),
    Size(f"{ID}.1000", 1_000, 20),
    Size(f"{ID}.nested", BODY_RECORDS, 200, nested=True),
)


@dataclass(slots=True)
class Side:
    """One of two that are compared: a server, what is sent to it, and its runs."""

    server: Server
    bodies: Path
    token: str = ""
    flags: tuple[str, ...] = ()
    records: int = BODY_RECORDS
    requests: int = 0
    reports: list[dict[str, Any]] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)

    def warm_up(self, requests: int, run_s: float) -> None:
        """Send some, and from their rate reckon how many a run takes."""
        self.requests = requests
        self.run()
        self.requests = max(LEAST_REQUESTS, round(self.reports[0]["requests_per_s"] * run_s))
        self.reports.clear()
        self.cpu_us.clear()

    def run(self) -> None:
        """Send a run's requests; note the report and the server's processor time for each body."""
        before = self.server.cpu_s()
        flags = ("--connections", str(CONNECTIONS), *self.flags)
        self.reports.append(send(self.server.port, self.bodies, self.requests, *flags, token=self.token))
        self.cpu_us.append((self.server.cpu_s() - before) / self.requests * 1e6)

    def rates(self) -> list[float]:
        """Return records/s of every run."""
        return [each["requests_per_s"] * self.records for each in self.reports]


def measure(plan: Plan) -> list[Budget]:
    """Send the same requests to both in turn; both stay up, and the one not asked idles."""
    with (
        accepting_only(plan.folder / "b1") as product,
        bare_server(plan.folder / "b1.appended") as bare,
    ):

        def compare(size: Size, rounds: tuple[int, int], seconds: tuple[float, float]) -> Budget:
            plan.say(f"{size.id}: {size.what}")
            bodies = size.written(plan.folder)
            gate = Side(gate_of(product), bodies, product.access_token, records=size.records)
            limit = Side(bare, bodies, records=size.records)
            _rounds(plan, [gate, limit], rounds, seconds)
            return _line(size, gate, limit)

        return [compare(BUDGETED, (7, 25), (6, 50))] + [
            compare(size, (2, 9), (1, 11)) for size in OTHERS[: 2 if plan.quick else None]
        ]


def _rounds(plan: Plan, sides: Sequence[Side], rounds: tuple[int, int], seconds: tuple[float, float]) -> None:
    for side in sides:
        side.warm_up(max(LEAST_REQUESTS, 6_000 // side.records), RUN_S_QUICK if plan.quick else RUN_S)
    for number in plan.rounds(*rounds, seconds=seconds):
        for side in in_turn(sides, number):
            side.run()


def _line(size: Size, gate: Side, limit: Side) -> Budget:
    gate_us, limit_us = statistics.median(gate.cpu_us), statistics.median(limit.cpu_us)
    sender_us = statistics.median(each["cpu_us_each"] for each in gate.reports + limit.reports)
    figures: dict[str, Any] = {
        "against": "bare Starlette handler",
        "requests_each_run": [gate.requests, limit.requests],
        "connections": CONNECTIONS,
        "p99_ms": [each["p99_ms"] for each in gate.reports],
        "limit_p99_ms": [each["p99_ms"] for each in limit.reports],
        "cpu_us_per_body": gate_us,
        "limit_cpu_us_per_body": limit_us,
        "sender_cpu_us_per_body": sender_us,
        "conditions": (
            f"{size.records:,} records in a body, {CONNECTIONS} connections; processor time per body of the"
            f" gate {gate_us:.0f} us, of the bare handler {limit_us:.0f} us, of the load generator"
            f" {sender_us:.0f} us; all share the machine's cores, and the loader is frozen"
        ),
    }
    if size is BUDGETED:
        return at_least(size.id, size.what, "records/s", 0.5, gate.rates(), limit.rates(), **figures)
    return compared(size.id, size.what, "records/s", gate.rates(), limit.rates(), **figures)
