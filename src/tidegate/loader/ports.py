"""What the loader needs to know and to tell, beside journal and destination."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tidegate.tables.prepare import TableReport


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadReport:
    """What one load did to one table, or why it failed. Units: ms since 1970 UTC."""

    source_id: int
    destination_id: int
    started_at_ms: int
    finished_at_ms: int
    table: TableReport


class Ledger(Protocol):
    """The control store, as far as a lane is concerned."""

    def schema_names(self) -> dict[int, str]:
        """Return the schema of every source that loads into this destination, deleted ones included."""
        ...

    def loaded(self, reports: Sequence[LoadReport]) -> None:
        """Note what a load did, and that the destination works."""
        ...

    def failing(self, error: str) -> None:
        """Note that the destination does not work, in words for people; from now on clients get 202."""
        ...
