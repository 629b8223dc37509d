"""Latency: how long accepting takes at half and at nine tenths of the greatest throughput, open loop."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.b1_accept import BUDGETED, CONNECTIONS
from bench.figures import Budget, seen
from bench.plan import Plan
from bench.programs import Failed, accepting_only, port_of, send, serving
from tests.product import Product

ID, WHAT, BUDGET = "latency", "accept latency at a steady rate, open loop", ""
SHARES = (("half", 0.5), ("nine tenths", 0.9))
CONNECTIONS_OPEN = 256
"""Enough that a request waits for the gate and hardly ever for a connection; those that do are counted."""

GREATEST_RUNS = 3
PERCENTILES = (("p50", "p50_ms"), ("p99", "p99_ms"), ("p99.9", "p999_ms"))


def measure(plan: Plan) -> list[Budget]:
    """With the loader frozen; in a full run also with the loader at work."""
    with accepting_only(plan.folder / "frozen") as product:
        lines = list(_at_both_rates(plan, product, ID, ""))
    if not plan.quick:
        with serving(plan.folder / "loading", "--workers", "1") as product:
            lines += _at_both_rates(plan, product, f"{ID}.loading", ", the loader at work")
            product.kill()  # it would load what has gathered, and nobody asked for that
    return lines


def _at_both_rates(plan: Plan, product: Product, id_: str, how: str) -> Iterator[Budget]:
    bodies = BUDGETED.written(plan.folder)
    greatest = _greatest(product, bodies, plan.pick(1, 3), plan.pick(1, GREATEST_RUNS))
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name, _ in SHARES}
    for _ in plan.rounds(1, 3, seconds=(5, 36), least=1):
        for name, share in SHARES:
            runs[name].append(_open_loop(product, bodies, greatest * share, plan.pick(2, 6)))
    for name, share in SHARES:
        for title, key in PERCENTILES:
            yield seen(
                f"{id_}.{share:g}.{title}",
                f"accept {title} at {name} of the greatest rate, {greatest * share:,.0f} requests/s{how}",
                "ms",
                [each[key] for each in runs[name]],
                greatest_requests_per_s=greatest,
                each_run=runs[name],
                conditions=_conditions(runs[name]) if title == "p50" else "",
            )


def _greatest(product: Product, bodies: Path, seconds: int, runs: int) -> float:
    """Return the requests/s of a closed loop as in B1: the median of some runs after a warm-up."""
    rates = [500.0 / seconds]
    for _ in range(runs + 1):
        requests = max(1, round(rates[-1] * seconds))
        flags = ("--connections", str(CONNECTIONS))
        report = send(port_of(product), bodies, requests, *flags, token=product.access_token)
        rates.append(report["requests_per_s"])
    return statistics.median(rates[2:])


def _open_loop(product: Product, bodies: Path, per_s: float, seconds: int) -> dict[str, Any]:
    """Send at this rate, whatever is answered when. Errors: Failed when the sender itself was too slow."""
    flags = ("--per-s", str(per_s), "--connections", str(CONNECTIONS_OPEN))
    report = send(port_of(product), bodies, round(per_s * seconds), *flags, token=product.access_token)
    if report["cpu_us_each"] * per_s > 1e6:
        raise Failed(f"the load generator could not send {per_s:.0f} requests/s")
    return {name: value for name, value in report.items() if name != "answered"}


def _conditions(runs: list[dict[str, Any]]) -> str:
    requests = sum(each["requests"] for each in runs)
    in_line = sum(each["waited_in_line"] for each in runs)
    late_ms = statistics.median(each["sent_late_p99_ms"] for each in runs)
    cpu = statistics.median(each["cpu_us_each"] * each["requests"] / each["seconds"] / 1e4 for each in runs)
    return (
        f"{requests:,} requests of 100 records at random moments (Poisson), each counted from when it was"
        f" due, so that waiting behind a slow one counts; {in_line:,} of them waited for one of"
        f" {CONNECTIONS_OPEN} connections; the generator, a process of its own, took {cpu:.0f}% of a core and"
        f" sent {late_ms:.1f} ms late (p99), which is in the figures"
    )
