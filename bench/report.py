"""What a person reads and what a program reads of one run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from bench.figures import Budget
from bench.plan import Plan

HEAD = (
    "id",
    "what was measured",
    "value",
    "against",
    "its value",
    "ratio",
    "budget",
    "met",
    "spread",
    "runs",
)
BUSY = (
    "warning: other programs were running before this began; absolute values are too low, ratios hold better"
)
WORDS = frozenset({0, 1, 3})
"""The columns that are texts; the others are numbers and stand to the right."""


def as_json(
    machine: dict[str, Any], lines: Sequence[Budget], plan: Plan, installed_s: float
) -> dict[str, Any]:
    """Return the whole run as one object; `budgets` are the lines with a budget, `figures` the others."""
    objects = [{**asdict(each), **each.raw, "raw": None} for each in lines]
    return {
        "machine": machine,
        "quick": plan.quick,
        "seconds": round(plan.seconds, 1),
        "seconds_max": plan.seconds_max,
        "installed_s": round(installed_s, 1),
        "budgets": [each for each in objects if each["budget"]],
        "figures": [each for each in objects if not each["budget"]],
    }


def as_text(result: dict[str, Any]) -> str:
    """Return a run as text: machine and time, the table, what is missing and why, conditions of each line."""
    lines = [*result["budgets"], *result["figures"]]
    machine = result["machine"]
    busy = [BUSY] if machine["load_before"] > machine["cores"] / 2 else []
    missing = [f"{each['id']} not measured: {each['why']}" for each in lines if each["value"] is None]
    notes = [f"{each['id']}: {each['conditions']}" for each in lines if each.get("conditions")]
    return "\n".join(
        [
            machine_line(machine),
            time_line(result),
            "",
            *_table([row(each) for each in result["budgets"]], [row(each) for each in result["figures"]]),
            "",
            *busy,
            *missing,
            *notes,
        ]
    )


def _table(budgets: list[tuple[str, ...]], figures: list[tuple[str, ...]]) -> list[str]:
    rows = [HEAD, *budgets, *figures]
    widths = [max(len(each[place]) for each in rows) for place in range(len(HEAD))]

    def line(cells: tuple[str, ...]) -> str:
        return "  ".join(
            cell.ljust(width) if place in WORDS else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ).rstrip()

    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    shown = [line(HEAD), rule, *map(line, budgets)]
    return [*shown, *([rule] if budgets and figures else []), *map(line, figures)]


def row(each: dict[str, Any]) -> tuple[str, ...]:
    """Return one line's cells, in the order of `HEAD`."""
    if each["value"] is None:
        return (each["id"], each["what"], "not measured", "", "", "", each["budget"], "-", "", "")
    low, high = each["spread"]
    return (
        each["id"],
        each["what"],
        f"{number(each['value'])} {each['unit']}",
        each["against"],
        "" if each["limit"] is None else number(each["limit"]),
        "" if each["ratio"] is None else f"{each['ratio']:.2f}x",
        each["budget"],
        verdict(each),
        f"{number(low)} to {number(high)}",
        str(each["runs"]),
    )


def verdict(each: dict[str, Any]) -> str:
    """Return whether a budget is met, in a word or two."""
    if each["met"] is None:
        return ""
    doubt = "" if each["sure"] else ", one run" if each["runs"] == 1 else ", unsure"
    return ("yes" if each["met"] else "NO") + doubt


def number(value: float) -> str:
    """Return a number with three or more digits that count, and no more than people read."""
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.2f}" if value >= 1 else f"{value:.3g}"


def machine_line(machine: dict[str, Any]) -> str:
    """Name the machine."""
    return (
        f"machine: {machine['cores']} cores, {machine['cpu']}, {machine['memory_gib']} GiB, {machine['os']},"
        f" Python {machine['python']}, {machine['filesystem']}, fdatasync {machine['fdatasync_ms']} ms,"
        f" load before {machine['load_before']}"
    )


def time_line(result: dict[str, Any]) -> str:
    """Say how long it took, and how long it may."""
    kind = "quick" if result["quick"] else "full"
    return (
        f"{kind} run, {result['seconds']:.0f} s of at most {result['seconds_max']}; installing peers took"
        f" {result['installed_s']:.0f} s more"
    )
