"""What a person reads and what a program reads of one run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from bench.figures import Budget

HEAD = ("id", "what was measured", "value", "limit", "ratio", "budget", "met", "spread")
BUSY = (
    "warning: other programs were running before this began; absolute values are too low, ratios hold better"
)
LEFT = 2
"""The first two columns are texts; the others are numbers and stand to the right."""


def as_json(machine: dict[str, Any], budgets: Sequence[Budget], *, quick: bool) -> dict[str, Any]:
    """Return the whole run as one object."""
    return {
        "machine": machine,
        "quick": quick,
        "budgets": [{**asdict(each), **each.raw, "raw": None} for each in budgets],
    }


def as_table(machine: dict[str, Any], budgets: Sequence[Budget]) -> str:
    """Return the run as text: the machine, one line for each budget, the reasons for what is missing."""
    rows = [HEAD, *(_row(each) for each in budgets)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(HEAD))]
    lines = [
        "  ".join(
            cell.ljust(width) if place < LEFT else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    lines.insert(1, "-" * max(len(line) for line in lines))
    busy = [BUSY] if machine["load_before"] > machine["cores"] / 2 else []
    reasons = [f"{each.id} not measured: {each.why}" for each in budgets if each.met is None]
    notes = [f"{each.id}: {each.raw['conditions']}" for each in budgets if "conditions" in each.raw]
    return "\n".join([_machine_line(machine), "", *lines, "", *busy, *reasons, *notes])


def _row(each: Budget) -> tuple[str, ...]:
    if each.value is None:
        return (each.id, each.what, "not measured", "-", "-", each.budget, "-", "-")
    low, high = each.spread or (each.value, each.value)
    return (
        each.id,
        each.what,
        f"{_number(each.value)} {each.unit}",
        "-" if each.limit is None else _number(each.limit),
        "-" if each.ratio is None else f"{each.ratio:.2f}x",
        each.budget,
        ("yes" if each.met else "NO") + ("" if each.sure else ", unsure"),
        f"{low:.2f} to {high:.2f}",
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.2f}"


def _machine_line(machine: dict[str, Any]) -> str:
    return (
        f"machine: {machine['cores']} cores, {machine['cpu']}, {machine['memory_gib']} GiB, {machine['os']},"
        f" Python {machine['python']}, {machine['filesystem']}, fdatasync {machine['fdatasync_ms']} ms,"
        f" load before {machine['load_before']}"
    )
