"""Draws a run: every budget on one scale, how far it is met or missed, with the spread of its median."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from bench.report import machine_line, number, verdict

WIDTH, TOP, ROW, LABELS, ROOM = 900, 92, 30, 350, 130
PLOT = WIDTH - LABELS - ROOM
SCALE_MIN = 2.0
"""The scale reaches at least from half a budget to double; it is logarithmic, so both are equally far."""

STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2933; }
.small { font-size: 11px; fill: #52606d; }
.title { font-size: 16px; font-weight: 600; }
.rule { stroke: #cbd2d9; } .line { stroke: #1f2933; stroke-width: 2; }
.met { fill: #0b7a75; stroke: #0b7a75; } .missed { fill: #b44d12; stroke: #b44d12; }
.range { stroke-width: 2; }
@media (prefers-color-scheme: dark) {
  text { fill: #e4e7eb; } .small { fill: #9aa5b1; }
  .rule { stroke: #3e4c59; } .line { stroke: #e4e7eb; }
  .met { fill: #2cb1a6; stroke: #2cb1a6; } .missed { fill: #f0883e; stroke: #f0883e; }
}
"""


@dataclass(frozen=True, slots=True)
class Mark:
    """One budget on the scale: 1 is the budget itself, 2 is twice as good."""

    id: str
    said: str
    met: bool
    verdict: str
    middle: float
    low: float
    high: float


def chart(result: dict[str, Any]) -> str:
    """
    Return a run as a picture that needs no program to show, light or dark as its reader's screen.

    Shape: results as `bench/results` has them -> SVG; without a measured budget it says so.
    """
    marks = [mark for each in result["budgets"] if (mark := _mark(each)) is not None]
    extent = max([SCALE_MIN, *(max(each.high, 1 / each.low) for each in marks)])
    height = TOP + ROW * max(1, len(marks)) + 40
    kind = "a quick run, of smaller sizes than the budgets say" if result["quick"] else "a full run"
    about = f"Budgets met and missed in {kind}. {machine_line(result['machine'])}"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
            f"<title>{escape(about)}</title>",
            f"<style>{STYLE}</style>",
            _text(16, 26, "How far each budget is met", "title"),
            _text(
                16, 46, f"{kind}; the dot is the median, the bar where it lies with 95% confidence", "small"
            ),
            _text(16, 62, machine_line(result["machine"])[:150], "small"),
            *_scale(extent, height),
            *(part for place, mark in enumerate(marks) for part in _row(mark, place, extent)),
            *([] if marks else [_text(16, TOP + 20, "no budget was measured", "")]),
            "</svg>",
            "",
        ]
    )


def _mark(each: dict[str, Any]) -> Mark | None:
    """Return where a budget stands, with what is better to the right; None when it was not measured."""
    if each["value"] is None:
        return None
    budget = float(each["budget"].split()[1].removesuffix("x"))
    found = each["value"] if each["ratio"] is None else each["ratio"]
    unit = each["unit"] if each["ratio"] is None else "x"
    ends = [found, *each["middle"]]
    shares = [end / budget if each["budget"].startswith(">=") else budget / end for end in ends]
    said = f"{number(found)}{' ' if unit != 'x' else ''}{unit} (budget {each['budget']})"
    return Mark(each["id"], said, bool(each["met"]), _words(each), shares[0], min(shares), max(shares))


def _words(each: dict[str, Any]) -> str:
    return verdict(each).replace("yes", "met").replace("NO", "missed")


def _scale(extent: float, height: int) -> Sequence[str]:
    parts = []
    step = 1
    while step <= extent:
        for share, label in {float(step): f"{step}x better", 1 / step: f"{step}x worse"}.items():
            x = _x(share, extent)
            kind = "line" if step == 1 else "rule"
            parts.append(f'<line class="{kind}" x1="{x}" x2="{x}" y1="{TOP - 8}" y2="{height - 30}"/>')
            parts.append(_text(x, height - 12, "the budget" if step == 1 else label, "small", "middle"))
        step *= 2 if extent < 10 else 4
    return parts


def _row(mark: Mark, place: int, extent: float) -> Sequence[str]:
    y = TOP + ROW * place + 14
    kind = "met" if mark.met else "missed"
    low, middle, high = (_x(share, extent) for share in (mark.low, mark.middle, mark.high))
    return [
        _text(16, y + 4, mark.id, ""),
        _text(LABELS - 12, y + 4, mark.said, "small", "end"),
        f'<line class="range {kind}" x1="{low}" x2="{high}" y1="{y}" y2="{y}"/>',
        f'<circle class="{kind}" cx="{middle}" cy="{y}" r="5"/>',
        _text(WIDTH - ROOM + 40, y + 4, mark.verdict, "small"),
    ]


def _x(share: float, extent: float) -> float:
    """Return where a share of its budget stands: the budget in the middle, twice and half equally far."""
    place = math.log(share) / math.log(extent)
    return round(LABELS + PLOT / 2 + place * (PLOT / 2 - 10), 1)


def _text(x: float, y: float, text: str, kind: str, anchor: str = "start") -> str:
    classes = f' class="{kind}"' if kind else ""
    turned = f' text-anchor="{anchor}"' if anchor != "start" else ""
    return f'<text x="{x}" y="{y}"{classes}{turned}>{escape(text)}</text>'
