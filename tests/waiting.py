"""Wait on a condition instead of sleeping: the test goes on as soon as it holds, and says what never did."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

LOOK_AGAIN_S = 0.01
_never = threading.Event()


def wait_until(
    condition: Callable[[], T | None], *, within_s: float = 20.0, what: str = "the condition"
) -> T:
    """
    Return the condition's first true value.

    Units: seconds; the bound is for a hanging product, not a measurement, so it is generous.
    Errors: AssertionError naming `what` and the last value.
    """
    end = time.monotonic() + within_s
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < end, f"{what} did not come within {within_s:g} s; last seen: {found!r}"
        _never.wait(LOOK_AGAIN_S)
