"""What the loader needs to know and to tell, beside journal and destination."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tidegate.control.loads import LoadReport
from tidegate.control.schema import from_ms
from tidegate.loader.load import Done


def reports_of(done: Done, destination_id: int, started_at_ms: int, finished_at_ms: int) -> list[LoadReport]:
    """
    Turn what a load did into its reports, one for each table that clients name: all that is told of it.

    Units: ms since 1970 UTC.
    """
    started_at, finished_at = from_ms(started_at_ms), from_ms(finished_at_ms)
    loaded = [
        LoadReport(
            source_id=source_id,
            destination_id=destination_id,
            table_name=table.table_name,
            destination_table=table.destination_table,
            started_at=started_at,
            finished_at=finished_at,
            rows_loaded=table.rows,
            rows_rejected=table.rejected,
            rows_outdated=table.outdated,
            table_version=table.table_version,
            activated=table.activated,
            key_names=table.key_names,
            extracted_at_max=table.extracted_at_max,
            bookmarks=table.bookmarks,
            subtables=table.subtables,
            warnings=table.warnings,
        )
        for source_id, table in done.tables
    ]
    return loaded + [
        LoadReport(
            source_id=source_id,
            destination_id=destination_id,
            table_name=held.table_name,
            destination_table=held.table_name,
            started_at=started_at,
            finished_at=finished_at,
            rows_loaded=0,
            rows_rejected=0,
            error=held.reason,
        )
        for source_id, held in done.held
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

    def forget(self, before_ms: int) -> None:
        """Forget what people did before that time with records that are no more. Units: ms since 1970 UTC."""
        ...

    def failing(self, error: str) -> None:
        """Note that the destination does not work, in words for people; from now on clients get 202."""
        ...
