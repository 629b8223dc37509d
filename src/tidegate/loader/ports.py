"""What the loader needs to know and to tell, beside journal and destination."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tidegate.loader.load import Done


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadReport:
    """
    What one load did to one table, or why that table is held.

    Units: ms since 1970 UTC. `table_name` as sent; of a held table as in the warehouse.
    """

    source_id: int
    destination_id: int
    started_at_ms: int
    finished_at_ms: int
    table_name: str
    rows: int
    rejected: int
    error: str | None


def reports_of(done: Done, destination_id: int, started_at_ms: int, finished_at_ms: int) -> list[LoadReport]:
    """Turn what a load did into reports for the ledger."""
    outcomes = [
        *(
            (source_id, table.table_name, table.rows, table.rejected, None)
            for source_id, table in done.tables
        ),
        *((source_id, held.table_name, 0, 0, held.reason) for source_id, held in done.held),
    ]
    return [
        LoadReport(
            source_id=source_id,
            destination_id=destination_id,
            started_at_ms=started_at_ms,
            finished_at_ms=finished_at_ms,
            table_name=table_name,
            rows=rows,
            rejected=rejected,
            error=error,
        )
        for source_id, table_name, rows, rejected, error in outcomes
    ]


class Surroundings(Protocol):
    """The control store, as far as the loader process is concerned."""

    def look(self) -> tuple[bool, bool]:
        """
        Tell whether destinations changed since the lanes began, and whether entries must be kept for a
        destination still to come.

        Errors: ControlError.
        """
        ...


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
