"""What the loader needs to know and to tell, beside journal and destination."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tidegate.control.loads import LoadReport
from tidegate.control.schema import from_ms
from tidegate.control.stream_schemas import Seen
from tidegate.journal.base import Reading, Stats
from tidegate.loader.load import Done
from tidegate.tables.model import Progress


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


def seen_of(done: Done) -> list[Seen]:
    """Turn what a load did into what it saw of each table that clients name."""
    return [
        Seen(
            source_id=source_id,
            table_name=table.table_name,
            key_names=table.key_names,
            schema_text=table.schema_text,
        )
        for source_id, table in done.tables
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assigned:
    """
    What of a source loads into a destination: the entries in any of these spans.

    Shape: `spans` are pairs of positions, behind the first up to the second (None: on and on).
    `staged_versions`: new table versions are kept apart until they are activated. `append_only`: rows are
    only added. `discards`: table -> the position up to which what waits for it is given up.
    """

    schema_name: str
    spans: tuple[tuple[int, int | None], ...]
    staged_versions: bool = False
    append_only: bool = False
    discards: Mapping[str, int] = field(default_factory=dict)

    def takes(self, position: int) -> bool:
        """Tell whether an entry of the source at a position loads there."""
        return any(after < position and (upto is None or position <= upto) for after, upto in self.spans)


class Reads(Protocol):
    """What a lane does with a journal. See `tidegate.journal.base`."""

    @property
    def journal_id(self) -> str:
        """Names the journal for ever."""
        ...

    def end(self) -> int:
        """Return the last position there is for this lane."""
        ...

    def read(self, after: int, *, bytes_max: int) -> Reading:
        """Read what stands behind a position, in order."""
        ...

    def stats(self) -> Stats:
        """Return how full the journal is."""
        ...


class Surroundings(Protocol):
    """The control store, as far as the loader process is concerned."""

    def look(self) -> tuple[bool, Mapping[int, int]]:
        """
        Tell whether destinations or what loads into them changed since the lanes began, and which sources
        load nowhere yet, with the position behind which their entries are kept.

        Errors: ControlError.
        """
        ...


class Ledger(Protocol):
    """The control store, as far as a lane is concerned."""

    def assigned(self) -> Mapping[int, Assigned]:
        """Return by source what of it loads into this destination, deleted sources included."""
        ...

    def noted(self) -> Progress | None:
        """Return the progress that `loaded` was told last, in an earlier place of the destination too."""
        ...

    def join(self, assignment_id: int) -> None:
        """Note that a source loads along with the others from now on."""
        ...

    def loaded(
        self, reports: Sequence[LoadReport], progress: Progress | None, seen: Sequence[Seen] = ()
    ) -> None:
        """Note what a load did and saw, and the progress it left, and that the destination works."""
        ...

    def forget(self, before_ms: int) -> None:
        """Forget what people did before that time with records that are no more. Units: ms since 1970 UTC."""
        ...

    def failing(self, error: str) -> None:
        """Note that the destination does not work, in words for people; from now on clients get 202."""
        ...
