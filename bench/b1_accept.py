"""B1: accepted records/s of 100-record batch bodies through one gate process, against a bare handler."""

from __future__ import annotations

from typing import Any

from bench.figures import Budget, at_least
from bench.plan import Plan
from bench.programs import IDLE_LOADER, bare_server, port_of, send, serving
from bench.records import BODY_RECORDS

ID, WHAT, BUDGET = "B1", "accept batch bodies, 1 gate", ">= 0.5x"
CONNECTIONS = 32


def measure(plan: Plan) -> list[Budget]:
    """Send the same requests to both in turn; both stay up, and the one not asked idles."""
    requests, runs = plan.pick(4_000, 12_000), plan.pick(3, 7)
    flags = ("--connections", str(CONNECTIONS))
    ours: list[dict[str, Any]] = []
    bare: list[dict[str, Any]] = []
    with (
        serving(plan.folder / "b1", "--workers", "1", **IDLE_LOADER) as product,
        bare_server(plan.folder / "b1.bodies") as bare_port,
    ):
        gate_port, token = port_of(product), product.access_token
        for port in (gate_port, bare_port):
            send(port, plan.accept_bodies, requests // 4, *flags, token=token)
        for _ in range(runs):
            ours.append(send(gate_port, plan.accept_bodies, requests, *flags, token=token))
            bare.append(send(bare_port, plan.accept_bodies, requests, *flags, token=token))
    return [
        at_least(
            ID,
            f"{WHAT}, against a bare handler",
            "records/s",
            0.5,
            [each["requests_per_s"] * BODY_RECORDS for each in ours],
            [each["requests_per_s"] * BODY_RECORDS for each in bare],
            requests_each_run=requests,
            connections=CONNECTIONS,
            body_bytes=plan.accept_bodies.stat().st_size // 200,
            p99_ms=[each["p99_ms"] for each in ours],
            limit_p99_ms=[each["p99_ms"] for each in bare],
            conditions="load generator and server share the cores; the loader is told to wait",
        )
    ]
