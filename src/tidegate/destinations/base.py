"""
The contract of a destination. Numbered rules D1 to D12: docs/specs/destination.md.

A destination is one file in this package and one line in `DESTINATIONS`. One process loads into it at a
time; other processes may query it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import pyarrow as pa

from tidegate.errors import LoadConflict
from tidegate.tables.capabilities import Capabilities
from tidegate.tables.model import Change, Part, Progress, Span, Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What a load did: rows written, elements in subtables included (what was passed over does not count)."""

    rows: int


def is_loaded(stored: Progress | None, span: Span, where: str) -> bool:
    """
    Tell whether a load was made before (D5). `where` is the warehouse, for people.

    Errors: LoadConflict when it is not this load's turn (D6).
    """
    if stored == span.after:
        return True
    if stored != span.before:
        raise LoadConflict(f"{where} has {stored}, this load begins after {span.before}; read again")
    return False


class Destination(Protocol):
    """Writes tables into one warehouse and answers queries about it."""

    capabilities: ClassVar[Capabilities]

    def open(self) -> None:
        """
        Be ready to load: connect, make the bookkeeping. Safe to repeat (D1).

        Errors: DestinationDown, DestinationBusy, AccessDenied.
        """
        ...

    def tables(self, schema_name: str) -> Sequence[Table]:
        """Return the tables a schema has now, asked from the warehouse, with their key columns (D2)."""
        ...

    def apply(self, change: Change) -> None:
        """Make one change; safe to repeat, and nothing existing is dropped or rewritten (D3)."""
        ...

    def load(self, parts: Sequence[Part], span: Span, *, rehearse: bool = False) -> Loaded:
        """
        Write all parts and the progress `span.after`, or nothing (D4).

        When the stored progress already is `span.after`, nothing happens and `rows` is 0 (D5).
        With `rehearse` everything is done and then undone, the progress included (D10).
        Errors: LoadConflict when the stored progress is neither that nor `span.before` (D6); LoadRefused
        when the warehouse refuses the data itself; TableHeld when it takes nothing into one table (D11);
        DestinationDown, DestinationBusy, AccessDenied.
        """
        ...

    def progress(self, journal_id: str) -> Progress | None:
        """Return the progress last committed for that journal, None before the first (D7)."""
        ...

    def query(self, sql: str, *, wait_s: float, schema_name: str | None = None) -> pa.RecordBatchReader:
        """
        Run one reading query and return its rows as a stream, without keeping loads out for longer.

        Table names without a schema are looked up in `schema_name` first.

        Works on a destination that was never opened here, while another process loads (D8): waits up to
        `wait_s` seconds for its turn. Errors: QueryFailed, DestinationBusy, DestinationDown.
        """
        ...

    def forget(self, before_ms: int, *, rows_max: int) -> int:
        """
        Delete rejected records kept whole that were rejected before that time, and return how many (D12).

        At most `rows_max` in one call, so that nothing waits for long. Units: milliseconds since 1970 UTC.
        Errors: DestinationDown, DestinationBusy, AccessDenied.
        """
        ...

    def close(self) -> None:
        """Give up connections and locks, so that others get their turn. Safe to repeat (D9)."""
        ...
