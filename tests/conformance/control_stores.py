"""Where control stores live during tests: one line for each database they run on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

KINDS: dict[str, Callable[[Path], str]] = {
    "sqlite": lambda folder: f"sqlite:///{folder / 'control.db'}",
}
"""Kind of database -> the address of an empty store, given a folder of the test's own."""
