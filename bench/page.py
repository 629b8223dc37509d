"""Writes a run's figures into the page that explains them: nobody copies figures by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.programs import Failed
from bench.report import HEAD, machine_line, row, time_line

BEGIN, END = "<!-- figures: python -m bench page -->", "<!-- end of figures -->"


def page(text: str, result: dict[str, Any]) -> str:
    """
    Return the page with the figures of a run in the place of those before.

    Shape: Markdown with one line `BEGIN` and one line `END` -> the same with everything between replaced.
    Errors: Failed when the marks are not there, or the run was a quick one.
    """
    if result["quick"]:
        raise Failed("that was a quick run, whose sizes are not those of the budgets; give a full one")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise Failed(f"the page lacks the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{markdown(result)}\n{END}{after}"


def markdown(result: dict[str, Any]) -> str:
    """Return a run as Markdown: machine, time, the budgets' table, that of the other figures, conditions."""
    parts = [_sentence(machine_line(result["machine"])), _sentence(time_line(result)), ""]
    if result["budgets"]:
        parts += [*_table(result["budgets"]), ""]
    if result["figures"]:
        parts += ["Measured too, without a budget:", "", *_table(result["figures"]), ""]
    lines = [*result["budgets"], *result["figures"]]
    told = [f"- **{each['id']}**: {each['conditions']}." for each in lines if each.get("conditions")]
    missing = [
        f"- **{each['id']}** was not measured: {each['why']}." for each in lines if each["value"] is None
    ]
    return "\n".join([*parts, *told, *missing, ""])


def _table(lines: Sequence[dict[str, Any]]) -> list[str]:
    rule = ["---"] * len(HEAD)
    cells = [HEAD, rule, *(row(each) for each in lines)]
    return ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in each) + " |" for each in cells]


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}.\n"
