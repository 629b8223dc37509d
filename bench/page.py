"""Writes a run's figures into the page that explains them: nobody copies figures by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.programs import Failed
from bench.report import HEAD, machine_line, number, row, time_line, verdict

BEGIN, END = "<!-- figures: python -m bench page -->", "<!-- end of figures -->"


def page(text: str, result: dict[str, Any], *later: dict[str, Any]) -> str:
    """
    Return the page with the figures of a run in the place of those before, and what later runs add to it.

    Shape: Markdown with one line `BEGIN` and one line `END` -> the same with everything between replaced.
    Errors: Failed when the marks are not there, or a run was a quick one.
    """
    if any(each["quick"] for each in (result, *later)):
        raise Failed("that was a quick run, whose sizes are not those of the budgets; give a full one")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise Failed(f"the page lacks the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{markdown(result, *later)}\n{END}{after}"


def markdown(result: dict[str, Any], *later: dict[str, Any]) -> str:
    """
    Return runs as Markdown: of the first one all figures with their conditions, of all the verdicts.

    A later one that has no budgets, as those of `ONLY=growth`, is written like the first.
    """
    again = [each for each in later if each["budgets"]]
    apart = [each for each in later if not each["budgets"]]
    parts = _circumstances(result)
    if result["budgets"]:
        parts += [*_table(result["budgets"]), ""]
    if again:
        parts += [f"This run, and {len(again)} more after it:", "", *_verdicts([result, *again]), ""]
    if result["figures"]:
        parts += ["Measured too, without a budget:", "", *_table(result["figures"]), ""]
    for each in apart:
        parts += ["In a run of its own:", "", *_circumstances(each), *_table(each["figures"]), ""]
    lines = [line for each in (result, *apart) for line in (*each["budgets"], *each["figures"])]
    told = [f"- **{each['id']}**: {each['conditions']}." for each in lines if each.get("conditions")]
    missing = [
        f"- **{each['id']}** was not measured: {each['why']}." for each in lines if each["value"] is None
    ]
    return "\n".join([*parts, *told, *missing, ""])


def _circumstances(result: dict[str, Any]) -> list[str]:
    return [_sentence(machine_line(result["machine"])), _sentence(time_line(result)), ""]


def _verdicts(runs: Sequence[dict[str, Any]]) -> list[str]:
    """Return a table of each budget's ratio or value in every run, and whether it was met."""
    lines = [{each["id"]: each for each in run["budgets"]} for run in runs]
    head = ["id", "budget", *(f"run {number}" for number in range(1, len(runs) + 1))]
    return _rows(
        head,
        [[id_, each["budget"], *(_found(run.get(id_)) for run in lines)] for id_, each in lines[0].items()],
    )


def _found(each: dict[str, Any] | None) -> str:
    if each is None or each["value"] is None:
        return "not measured"
    ratio = each["ratio"]
    found = f"{number(each['value'])} {each['unit']}" if ratio is None else f"{ratio:.2f}x"
    return f"{found}, {verdict(each).replace('yes', 'met').replace('NO', 'missed')}"


def _table(lines: Sequence[dict[str, Any]]) -> list[str]:
    return _rows(HEAD, [row(each) for each in lines])


def _rows(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    cells = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in each) + " |" for each in cells]


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}.\n"
