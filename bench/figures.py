"""What a measurement says: a budget's line in the table, and medians with their spread."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """
    One line: a budget, what was measured, and whether it is met.

    Shape: `value` and `limit` are medians in `unit`; `ratio` is what the budget speaks of (value to limit, or
    None where the budget is an absolute bound); `spread` is the least and greatest of what is compared with
    `budget`. `met` is None when it was not measured, and `why` says why; `sure` tells whether every run says
    the same as the median. `raw` holds every run's figures.
    """

    id: str
    what: str
    unit: str
    budget: str
    value: float | None = None
    limit: float | None = None
    ratio: float | None = None
    met: bool | None = None
    sure: bool | None = None
    spread: tuple[float, float] | None = None
    why: str = ""
    raw: dict[str, Any] = field(default_factory=dict)


def at_least(
    id_: str, what: str, unit: str, least: float, values: Sequence[float], limits: Sequence[float], **raw: Any
) -> Budget:
    """Judge a ratio: the median of the values against the median of the limits, run beside run."""
    return _ratio((id_, what, unit, f">= {least:g}x"), values, limits, lambda ratio: ratio >= least, **raw)


def at_most_times(
    id_: str, what: str, unit: str, most: float, values: Sequence[float], limits: Sequence[float], **raw: Any
) -> Budget:
    """Judge a ratio that shall be small, as of times."""
    return _ratio((id_, what, unit, f"<= {most:g}x"), values, limits, lambda ratio: ratio <= most, **raw)


def _ratio(
    names: tuple[str, str, str, str],
    values: Sequence[float],
    limits: Sequence[float],
    is_met: Callable[[float], bool],
    **raw: Any,
) -> Budget:
    id_, what, unit, budget = names
    value, limit = statistics.median(values), statistics.median(limits)
    # Runs alternate, so neighbours saw the same machine; a limit measured once is everybody's neighbour.
    pairs = list(zip(values, limits, strict=False)) if len(limits) > 1 else [(each, limit) for each in values]
    ratios = [mine / theirs for mine, theirs in pairs]
    ratio = statistics.median(ratios)
    return Budget(
        id=id_,
        what=what,
        unit=unit,
        budget=budget,
        value=value,
        limit=limit,
        ratio=ratio,
        met=is_met(ratio),
        sure=len({is_met(each) for each in ratios}) == 1,
        spread=(min(ratios), max(ratios)),
        raw={"values": list(values), "limits": list(limits), "ratios": ratios, **raw},
    )


def at_most(id_: str, what: str, unit: str, most: float, values: Sequence[float], **raw: Any) -> Budget:
    """Judge an absolute bound by the median."""
    value = statistics.median(values)
    return Budget(
        id=id_,
        what=what,
        unit=unit,
        budget=f"<= {most:g} {unit}",
        value=value,
        met=value <= most,
        sure=len({each <= most for each in values}) == 1,
        spread=(min(values), max(values)),
        raw={"values": list(values), **raw},
    )


def not_measured(id_: str, what: str, budget: str, why: str) -> Budget:
    """Keep the line of what could not be measured, with the reason."""
    return Budget(id=id_, what=what, unit="", budget=budget, why=why)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` of all values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
