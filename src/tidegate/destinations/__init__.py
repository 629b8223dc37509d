"""
Destinations: the warehouses that records end in.

May import `tables` and the words below it; never journal, control or anything above. Invariants:

1. One warehouse is one file here and one line in `DESTINATIONS`; nothing else asks what kind one is.
2. A driver is loaded when its kind is first used, and its errors leave this package translated, once.
3. Rows and the position they come with are committed together, or not at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any, cast

from tidegate.destinations.base import Destination
from tidegate.destinations.forms import Form
from tidegate.errors import InputInvalid
from tidegate.tables.capabilities import Capabilities

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
    return cast("Destination", _class(kind).from_address(address))


def capabilities_of(kind: str) -> Capabilities:
    """Return what a kind of warehouse can hold; loads its driver. Errors: InputInvalid when there is none."""
    if kind not in DESTINATIONS:
        raise InputInvalid(f"there is no kind of destination called {kind!r}")
    return cast("Capabilities", _class(kind).capabilities)


def forms() -> Sequence[Form]:
    """Return the forms of the kinds that can be set up by form."""
    found = [getattr(_class(kind), "form", None) for kind in DESTINATIONS]
    return [form for form in found if form is not None]


def form_of(url: str) -> Form | None:
    """Return the form of an address's kind, None when that has none."""
    kind = url.partition("://")[0]
    return getattr(_class(kind), "form", None) if kind in DESTINATIONS else None


def _class(kind: str) -> Any:
    module, _, name = DESTINATIONS[kind].partition(":")
    return getattr(import_module(module), name)
