"""`tidegate sql`: ask the warehouse of a source."""

from __future__ import annotations


def sql() -> None:
    """Ask the warehouse of a source."""
