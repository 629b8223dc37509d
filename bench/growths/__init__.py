"""What grows, one file each. A line compares the greatest size with the least and says the cost's bound."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from bench.figures import Budget, compared
from bench.plan import Plan, in_turn

Costs = Mapping[int, Sequence[float]]
"""By size, what a record cost in each round."""


def in_rounds(plan: Plan, sizes: Sequence[int], cost: Callable[[int], float], *, full: int = 3) -> Costs:
    """Measure every size in each round, there and back; a new data folder each time."""
    found: dict[int, list[float]] = {size: [] for size in sizes}
    for number in plan.rounds(1, full, seconds=(60, 200)):
        for size in in_turn(sizes, number):
            found[size].append(cost(size))
    return found


def line(id_: str, what: str, thing: str, costs: Costs, bound: str, *, unit: str = "us/record") -> Budget:
    """Return a line for the greatest size against the least; the sizes between are told in its conditions."""
    least, *between, greatest = sorted(costs)
    told = "".join(f"; {size:,}: {sorted(costs[size])[len(costs[size]) // 2]:.3g} {unit}" for size in between)
    return compared(
        id_,
        f"{what} {greatest:,} {thing}",
        unit,
        costs[greatest],
        costs[least],
        against=f"{least:,} {thing if least != 1 else thing.removesuffix('s')}",
        costs={str(size): list(each) for size, each in costs.items()},
        conditions=f"{bound}{told}",
    )
