"""B1: accepted records/s of 100-record batch bodies through one gate process, against a bare handler."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.figures import Budget, at_least
from bench.plan import Plan
from bench.programs import IDLE_LOADER, Server, bare_server, gate_of, send, serving
from bench.records import BODY_RECORDS

ID, WHAT, BUDGET = "B1", "accept batch bodies, 1 gate", ">= 0.5x"
CONNECTIONS = 32


@dataclass(slots=True)
class Side:
    """One of the two servers, and its runs."""

    server: Server
    bodies: Path
    token: str = ""
    flags: tuple[str, ...] = ()
    reports: list[dict[str, Any]] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)

    def run(self, requests: int) -> None:
        """Send so many requests, and note the report and the server's processor time for each body."""
        before = self.server.cpu_s()
        flags = ("--connections", str(CONNECTIONS), *self.flags)
        self.reports.append(send(self.server.port, self.bodies, requests, *flags, token=self.token))
        self.cpu_us.append((self.server.cpu_s() - before) / requests * 1e6)

    def rates(self) -> list[float]:
        """Return records/s of every run."""
        return [each["requests_per_s"] * BODY_RECORDS for each in self.reports]

    def forget(self) -> None:
        """Forget the warm-up."""
        self.reports.clear()
        self.cpu_us.clear()


def measure(plan: Plan) -> list[Budget]:
    """Send the same requests to both in turn; both stay up, and the one not asked idles."""
    requests = plan.pick(4_000, 12_000)
    with (
        serving(plan.folder / "b1", "--workers", "1", **IDLE_LOADER) as product,
        bare_server(plan.folder / "b1.bodies") as bare,
    ):
        gate = Side(gate_of(product), plan.accept_bodies, product.access_token)
        limit = Side(bare, plan.accept_bodies)
        for side in (gate, limit):
            side.run(requests // 4)
            side.forget()
        for _ in range(plan.pick(3, 7)):
            gate.run(requests)
            limit.run(requests)
    return [_budget(gate, limit, requests)]


def _budget(gate: Side, limit: Side, requests: int) -> Budget:
    gate_us, limit_us = statistics.median(gate.cpu_us), statistics.median(limit.cpu_us)
    sender_us = statistics.median(each["cpu_us_each"] for each in gate.reports + limit.reports)
    return at_least(
        ID,
        f"{WHAT}, against a bare handler",
        "records/s",
        0.5,
        gate.rates(),
        limit.rates(),
        requests_each_run=requests,
        connections=CONNECTIONS,
        p99_ms=[each["p99_ms"] for each in gate.reports],
        limit_p99_ms=[each["p99_ms"] for each in limit.reports],
        cpu_us_per_body=gate_us,
        limit_cpu_us_per_body=limit_us,
        sender_cpu_us_per_body=sender_us,
        conditions=(
            "load generator and server share the cores; the loader is told to wait; processor time per body"
            f" of the gate {gate_us:.0f} us, of the bare server {limit_us:.0f} us, of the load generator"
            f" {sender_us:.0f} us (the dearer that is, the more the ratio flatters the gate)"
        ),
    )
