"""
One load in a process that dies after so many of its statements: `python -m tests.crash.dying`.

Shape: kind, what follows `<kind>://`, what is loaded, the number of statements; with 0 it only makes what is
there before that load.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from tests.arrivals import arrival
from tests.conformance.destinations import Warehouse, span
from tidegate.tables.prepare import Arrival

KEYS = 100


class Trap:
    """Stands before a session or connection, and is the end of the process after so many statements."""

    def __init__(self, behind: Any, statements: int) -> None:
        self._behind, self._left = behind, statements

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._behind, name)
        return self._counting(found) if name in {"execute", "rows", "copy"} else found

    def _counting(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any) -> Any:
            result = call(*arguments)
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return counted

    def transaction(self, *arguments: Any, **options: Any) -> Any:
        """Begin and end a transaction with statements that count; only PostgreSQL's session has this."""
        return type(self._behind).transaction(self, *arguments, **options)


def version(number: int, keys: range, position: int, *, activates: bool = False) -> Arrival:
    """Return rows of one table version, each with as many elements as its number."""
    records = [{"id": key, "n": number, "b": [number] * number} for key in keys]
    return arrival(*records, table_version=number, position=position, activates=activates)


def before(shop: Warehouse, what: str) -> None:
    """Make what is there before: a first version, and half of a second one kept apart."""
    shop.load(version(1, range(KEYS), 1), after=0, upto=1)
    shop.staged = what == "swap"
    waiting = version(2, range(KEYS // 2), 2) if shop.staged else arrival({"id": 1}, table_name="log")
    shop.load(waiting, after=1, upto=2)


def last(shop: Warehouse, what: str) -> list[Arrival]:
    """Return the load that dies: the other half and the activation, or the same rows once more."""
    shop.staged, shop.append_only = what == "swap", what == "append"
    if shop.append_only:
        return [version(1, range(KEYS), 3)]
    return [version(2, range(KEYS // 2, KEYS), 3), version(2, range(0), 4, activates=True)]


def main(kind: str, address: str, what: str, statements: int) -> None:
    """Do as the command line says."""
    shop = Warehouse(kind, lambda: address)
    if statements == 0:
        before(shop, what)
    else:
        parts = shop.prepare(*last(shop, what)).parts
        behind = "_session" if kind == "postgresql" else "_connection"
        trap: Any = Trap(getattr(shop.destination, behind), statements)
        setattr(shop.destination, behind, trap)
        shop.destination.load(parts, span(2, 4))
    shop.destination.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
