"""
The journal's contract. Numbered rules J1 to J11: docs/specs/journal.md.

One process may append while others append and one reads and trims; each process opens its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from tidegate.records import Entry, Request

NOTHING: Mapping[int, int] = MappingProxyType({})
"""No source waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Damaged:
    """An entry whose checksum or page is wrong: reported, skipped, never served."""

    position: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """
    What stands after a position: sound entries in order, damaged ones apart.

    `upto` is the last position this reading covers, damaged ones included; the next reading starts after it.
    It equals the `after` that was asked for when nothing stands behind it.
    """

    entries: Sequence[Entry]
    damaged: Sequence[Damaged]
    upto: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """
    How full the journal is, in constant time.

    Units: bytes are what bodies and headers take on disk (compressed); `*_at_ms` milliseconds since 1970
    UTC, None when nothing waits. `loaded` and `end` are positions; 0 before the first.
    """

    loaded: int
    end: int
    entries_waiting: int
    records_waiting: int
    bytes_waiting: int
    oldest_waiting_at_ms: int | None
    bytes_kept: int
    bytes_on_disk: int
    bytes_max: int


@dataclass(frozen=True, slots=True)
class KeyReused:
    """A request that was not kept: its key belongs to a request that sent something else (J10)."""

    position: int
    """Where that other request stands, or stood."""


@dataclass(frozen=True, slots=True)
class Crowded:
    """A request that was not kept: its source waits, and the last quarter is for the others (J11)."""


Placed = int | KeyReused | Crowded
"""What `append` says of one request: its position, or why it has none."""


class Journal(Protocol):
    """Keeps accepted requests, in one order, until they are loaded and their retention is over."""

    @property
    def journal_id(self) -> str:
        """Names this journal for ever; a destination keeps its position under this name (J9)."""
        ...

    def append(self, requests: Sequence[Request]) -> Sequence[Placed]:
        """
        Put requests at the end, all or none, and return their positions.

        Shape: 1 or more requests -> as many positions, growing, greater than all before (J1, J2).
        On return they are committed and synced: a crash from here on loses nothing (J3).
        A request whose `idempotency_key` its source has used within the last day is not kept again: it gets
        the position of the earlier entry, or KeyReused when that one sent something else (J10).
        A request of a source that waits is Crowded when the journal is filled too much (J11).
        Errors: JournalFull (size limit or disk), JournalUnavailable; then nothing was kept.
        """
        ...

    def read(self, after: int, *, bytes_max: int) -> Reading:
        """
        Read entries with positions greater than `after`, in order, until `bytes_max` of bodies.

        Units: bytes of bodies as received. At least one entry is returned when there is one, however large.
        Errors: JournalUnavailable. A damaged entry is in `damaged`, never an error (J6).
        """
        ...

    def of_source(self, source_id: int, after: int, upto: int, *, bytes_max: int) -> Reading:
        """
        Read one source's entries with positions greater than `after`, up to `upto`, also those kept for it.

        Units, errors: as `read`. `upto` of the reading is the last position that needs no more looking at;
        what is not stored is left out silently, because the others' entries around may be freed (J11).
        """
        ...

    def end(self) -> int:
        """Return the greatest position ever given, 0 before the first. Cheap: ask 20 times a second."""
        ...

    def trim(self, loaded: int, kept: Mapping[int, int] = NOTHING) -> None:
        """
        Note that everything up to `loaded` is in the warehouse, and free what is past its retention.

        Shape: `kept` are the sources that wait -> the position behind which their entries stay, until a later
        call no longer says so (J11).

        Loaded entries are kept for the retention's time and bytes, less when accepting needs the room (J7).
        Entries after `loaded` are never removed (J5). Works in small steps so that appends do not stall,
        and gives disk space back (J8). Safe to repeat; a smaller `loaded` than before changes nothing.
        """
        ...

    def stats(self) -> Stats:
        """Return how full the journal is."""
        ...

    def close(self) -> None:
        """Give up files and locks. Safe to repeat."""
        ...
