"""A run of the bench as text, as JSON, as a picture and as a page."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from bench.chart import chart
from bench.figures import Budget, at_least, at_most, not_measured, seen
from bench.page import BEGIN, END, page
from bench.plan import Plan, in_turn
from bench.programs import Failed
from bench.report import as_json, as_text

MACHINE = {
    "cores": 2,
    "cpu": "a <fast> one",
    "memory_gib": 4.0,
    "os": "Linux",
    "python": "3.11",
    "filesystem": "ext4",
    "fdatasync_ms": 0.2,
    "load_before": 0.0,
}
LINES = [
    at_least(
        "B1", "accept", "records/s", 0.5, [60, 66, 72], [100, 100, 100], against="bare", conditions="c1"
    ),
    at_most("B5", "fresh", "s", 2, [3.0, 3.5, 4.0]),
    not_measured("B7", "growth", "<= 12x", "no server"),
    seen("latency.p99", "latency", "ms", [4.0, 5.0, 6.0]),
]


def result(lines: list[Budget], *, quick: bool = False) -> dict[str, Any]:
    """Return a run's results as they are kept."""
    return as_json(MACHINE, lines, Plan(quick=quick, folder=Path()), 12.0)


def test_results_have_what_others_read() -> None:
    """An object with the machine and the budgets, each with id, what, value, limit, budget and met."""
    found = result(LINES)
    assert MACHINE == found["machine"]
    assert ["B1", "B5", "B7"] == [each["id"] for each in found["budgets"]]
    assert ["latency.p99"] == [each["id"] for each in found["figures"]]
    first = found["budgets"][0]
    assert (66, 100, ">= 0.5x", True) == (first["value"], first["limit"], first["budget"], first["met"])
    assert [60, 66, 72] == first["values"]


def test_the_table_names_machine_ratio_budget_and_verdict() -> None:
    """Each line says what was compared with what; the machine stands above, reasons below."""
    shown = as_text(result(LINES)).splitlines()
    assert "a <fast> one" in shown[0]
    (accept,) = (line for line in shown if line.startswith("B1 "))
    assert all(part in accept for part in ("66.00 records/s", "bare", "0.66x", ">= 0.5x", "yes"))
    (fresh,) = (line for line in shown if line.startswith("B5 "))
    assert "NO" in fresh
    assert "B7 not measured: no server" in shown
    assert "B1: c1" in shown


def test_the_chart_is_well_formed_and_shows_every_measured_budget() -> None:
    """A dot for each, beside the words met and missed, so that nothing is said by colour alone."""
    root = ET.fromstring(chart(result(LINES)))  # noqa: S314 - our own text
    name = "{http://www.w3.org/2000/svg}"
    texts = [each.text for each in root.iter(f"{name}text")]
    assert 2 == len(list(root.iter(f"{name}circle")))
    assert {"B1", "B5", "met", "missed"} <= set(texts)
    assert "B7" not in texts


def test_the_better_of_two_stands_further_right() -> None:
    """Whether a budget is a least or a most, right is better and the budget is in the middle."""
    lines = [at_least("G", "g", "x", 1, [2.0], [1.0]), at_most("L", "l", "s", 2, [4.0])]
    root = ET.fromstring(chart(result(lines)))  # noqa: S314 - our own text
    good, bad = (float(each.attrib["cx"]) for each in root.iter("{http://www.w3.org/2000/svg}circle"))
    assert bad < good


def test_a_run_without_budgets_has_a_chart() -> None:
    """It says that there is nothing to draw."""
    assert "no budget was measured" in chart(result(LINES[3:]))


def test_the_page_gets_the_figures_and_keeps_its_words() -> None:
    """What stands between the marks is replaced as often as wanted; all else stays."""
    text = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    once = page(text, result(LINES))
    assert once.startswith("before\n")
    assert once.endswith(f"{END}\nafter\n")
    assert "| B1 | accept | 66.00 records/s | bare |" in once
    assert "old" not in once
    assert once == page(once, result(LINES))


def test_the_page_says_how_each_run_ended() -> None:
    """Of later runs there are the verdicts alone, beside that of the first."""
    later = [at_least("B1", "accept", "records/s", 0.5, [10, 20, 30], [100, 100, 100]), LINES[1]]
    lines = page(f"{BEGIN}\n{END}", result(LINES), result(later)).splitlines()
    assert "| id | budget | run 1 | run 2 |" in lines
    assert "| B1 | >= 0.5x | 0.66x, met | 0.20x, missed |" in lines
    assert "| B5 | <= 2 s | 3.50 s, missed | 3.50 s, missed |" in lines
    assert "| B7 | <= 12x | not measured | not measured |" in lines


def test_the_page_has_the_figures_of_a_run_without_budgets() -> None:
    """What is measured by itself stands on the page of those that are measured together."""
    alone = [seen("growth.rows", "upsert", "ms", [4.0], conditions="c2")]
    text = page(f"{BEGIN}\n{END}", result(LINES[:2]), result(alone))
    assert "| run 1 |" not in text
    assert "| growth.rows | upsert | 4.00 ms |" in text.partition("In a run of its own:")[2]
    assert "- **growth.rows**: c2." in text


def test_a_quick_run_is_no_page() -> None:
    """Its sizes are not those of the budgets."""
    with pytest.raises(Failed, match="quick"):
        page(f"{BEGIN}\n{END}", result(LINES, quick=True))


def test_a_page_without_marks_is_left_alone() -> None:
    """Nobody's text is overwritten."""
    with pytest.raises(Failed, match="lacks"):
        page("text", result(LINES))


def test_rounds_alternate_who_is_first() -> None:
    """There and back again, so that nobody always follows the same one."""
    assert [["a", "b", "c"], ["c", "b", "a"]] == [in_turn(["a", "b", "c"], number) for number in range(2)]


def test_rounds_end_when_their_time_is_over() -> None:
    """A slow machine gets the least number of rounds, not a longer run."""
    plan = Plan(quick=False, folder=Path())
    assert [0, 1] == list(plan.rounds(5, 9, seconds=(0, 0)))
    assert list(range(9)) == list(plan.rounds(5, 9, seconds=(0, 3_600)))
