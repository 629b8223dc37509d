"""
Destinations: the warehouses that records end in.

May import `tables` and the words below it; never journal, control or anything above. Invariants:

1. One warehouse is one file here and one line in `DESTINATIONS`; nothing else asks what kind one is.
2. A driver is loaded when its kind is first used, and its errors leave this package translated, once.
3. Rows and the position they come with are committed together, or not at all.
"""

from __future__ import annotations

from importlib import import_module
from typing import cast

from tidegate.destinations.base import Destination
from tidegate.errors import InputInvalid

DESTINATIONS = {
    "duckdb": "tidegate.destinations.duckdb:DuckDB",
    "memory": "tidegate.destinations.memory:Memory",
    "postgresql": "tidegate.destinations.postgresql:PostgreSQL",
}
"""Kind -> where its class is. The class has `from_address(str)`, given what follows `<kind>://`."""


def connect(url: str) -> Destination:
    """
    Return the destination at an address; nothing is opened yet.

    Shape: `duckdb:///relative/path`, `duckdb:////absolute/path`, `postgresql://user:password@host/database`
    or `memory://`.
    Errors: InputInvalid when the address cannot be one.
    """
    kind, separator, address = url.partition("://")
    if not separator or kind not in DESTINATIONS:
        known = ", ".join(f"{each}://" for each in DESTINATIONS)
        raise InputInvalid(f"a destination's address begins with one of {known}; this one does not")
    module, _, name = DESTINATIONS[kind].partition(":")
    return cast("Destination", getattr(import_module(module), name).from_address(address))
