"""What a measurement says: a line of the table, medians with their spread, and whether a budget is met."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """
    One line: what was measured, and how it stands to its budget; without a `budget` it is a figure to know.

    Shape: `value` and `limit` are medians in `unit`, `against` names what the limit is; `ratio` is the median
    of the rounds' ratios, None where the budget is an absolute bound. `spread` is the least and greatest of
    what is compared with the budget, over `runs` runs; `middle` is where its median lies with 95% confidence.
    `met` is None without a budget and when nothing was measured, and then `why` says why; `sure` tells
    whether there was more than one run and all of `middle` says the same as the median. `raw` holds every
    run's figures.
    """

    id: str
    what: str
    unit: str
    budget: str = ""
    against: str = ""
    value: float | None = None
    limit: float | None = None
    ratio: float | None = None
    met: bool | None = None
    sure: bool | None = None
    spread: tuple[float, float] | None = None
    middle: tuple[float, float] | None = None
    runs: int = 0
    why: str = ""
    raw: dict[str, Any] = field(default_factory=dict)

    @property
    def measured(self) -> bool:
        """Whether there is a value."""
        return self.value is not None


def at_least(
    id_: str, what: str, unit: str, least: float, values: Sequence[float], limits: Sequence[float], **raw: Any
) -> Budget:
    """Judge a ratio that shall be great: the median over the rounds."""
    return _ratio((id_, what, unit, f">= {least:g}x"), values, limits, lambda ratio: ratio >= least, **raw)


def at_most_times(
    id_: str, what: str, unit: str, most: float, values: Sequence[float], limits: Sequence[float], **raw: Any
) -> Budget:
    """Judge a ratio that shall be small, as of times."""
    return _ratio((id_, what, unit, f"<= {most:g}x"), values, limits, lambda ratio: ratio <= most, **raw)


def compared(
    id_: str, what: str, unit: str, values: Sequence[float], limits: Sequence[float], **raw: Any
) -> Budget:
    """Return a ratio that has no budget."""
    return _ratio((id_, what, unit, ""), values, limits, None, **raw)


def at_most(id_: str, what: str, unit: str, most: float, values: Sequence[float], **raw: Any) -> Budget:
    """Judge an absolute bound by the median."""
    return _absolute((id_, what, unit, f"<= {most:g} {unit}"), values, lambda value: value <= most, **raw)


def seen(id_: str, what: str, unit: str, values: Sequence[float], **raw: Any) -> Budget:
    """Return a figure that has no budget."""
    return _absolute((id_, what, unit, ""), values, None, **raw)


def not_measured(id_: str, what: str, budget: str, why: str) -> Budget:
    """Keep the line of what could not be measured, with the reason."""
    return Budget(id=id_, what=what, unit="", budget=budget, why=why)


def _ratio(
    names: tuple[str, str, str, str],
    values: Sequence[float],
    limits: Sequence[float],
    is_met: Callable[[float], bool] | None,
    *,
    against: str = "",
    **raw: Any,
) -> Budget:
    """Compare round by round: neighbours in time saw the same machine."""
    id_, what, unit, budget = names
    ratios = [mine / theirs for mine, theirs in zip(values, limits, strict=True)]
    return Budget(
        id=id_,
        what=what,
        unit=unit,
        budget=budget,
        against=against,
        value=statistics.median(values),
        limit=statistics.median(limits),
        ratio=statistics.median(ratios),
        **_judged(ratios, is_met),
        raw={"values": list(values), "limits": list(limits), "ratios": ratios, **raw},
    )


def _absolute(
    names: tuple[str, str, str, str],
    values: Sequence[float],
    is_met: Callable[[float], bool] | None,
    **raw: Any,
) -> Budget:
    id_, what, unit, budget = names
    return Budget(
        id=id_,
        what=what,
        unit=unit,
        budget=budget,
        value=statistics.median(values),
        **_judged(values, is_met),
        raw={"values": list(values), **raw},
    )


def _judged(found: Sequence[float], is_met: Callable[[float], bool] | None) -> dict[str, Any]:
    middle = median_range(found)
    return {
        "met": None if is_met is None else is_met(statistics.median(found)),
        "sure": None if is_met is None else len(found) > 1 and len({is_met(each) for each in middle}) == 1,
        "spread": (min(found), max(found)),
        "middle": middle,
        "runs": len(found),
    }


def median_range(values: Sequence[float]) -> tuple[float, float]:
    """
    Return two of the values between which the true median lies with 95% confidence.

    With fewer than six values no two of them reach that; then it is the least and the greatest.
    Source: order statistics; whatever the distribution, a value is above the median as often as below.
    """
    ordered = sorted(values)
    count = len(ordered)
    outside = 0
    below = 0.5**count
    while (outside + 1) * 2 < count:
        more = math.comb(count, outside + 1) * 0.5**count
        if 1 - 2 * (below + more) < CONFIDENCE:
            break
        below += more
        outside += 1
    return ordered[outside], ordered[count - 1 - outside]


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` of all values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
