"""Finds the records that a warehouse refuses, by rehearsing loads without some of the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")

REHEARSALS_MAX = 200
"""A bad record among 25,000 takes some 30 rehearsals; more than this is no single record's fault."""


def find_culprits(suspects: Sequence[T], reason_without: Callable[[Sequence[T]], str | None]) -> dict[T, str]:
    """
    Return the suspects at fault, each with the warehouse's reason.

    Shape: `reason_without(some)` rehearses the load of these suspects alone and says why it was refused, None
    when it was not. Returns {} when more than `REHEARSALS_MAX` rehearsals would be needed: then it is not a
    matter of single records.
    """
    found: dict[T, str] = {}
    waiting = [list(suspects)]
    for _ in range(REHEARSALS_MAX):
        if not waiting:
            return found
        some = waiting.pop()
        reason = reason_without(some)
        if reason is None:
            continue
        if len(some) == 1:
            found[some[0]] = reason
            continue
        middle = len(some) // 2
        waiting += [some[middle:], some[:middle]]
    return {}
