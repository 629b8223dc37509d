"""
The contract of a destination. Numbered rules D1 to D9: docs/specs/destination.md.

A destination is one file in this package and one line in `DESTINATIONS`. One process loads into it at a
time; other processes may query it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import pyarrow as pa

from tidegate.tables.capabilities import Capabilities
from tidegate.tables.model import Change, Part, Span, Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What a load did: rows written (older versions of a row that were passed over do not count)."""

    rows: int


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

    def load(self, parts: Sequence[Part], span: Span) -> Loaded:
        """
        Write all parts and the position `span.upto`, or nothing (D4).

        When the stored position already is `span.upto`, nothing happens and `rows` is 0 (D5).
        Errors: LoadConflict when the stored position is neither that nor `span.after` (D6; a destination
        that holds no position yet takes any); LoadRefused when the warehouse refuses the data itself;
        DestinationDown, DestinationBusy, AccessDenied.
        """
        ...

    def position(self, journal_id: str) -> int | None:
        """Return the last `upto` committed for that journal, None before the first (D7)."""
        ...

    def query(self, sql: str, *, wait_s: float, schema_name: str | None = None) -> pa.RecordBatchReader:
        """
        Run one reading query and return its rows as a stream, without keeping loads out for longer.

        Table names without a schema are looked up in `schema_name` first.

        Works on a destination that was never opened here, while another process loads (D8): waits up to
        `wait_s` seconds for its turn. Errors: QueryFailed, DestinationBusy, DestinationDown.
        """
        ...

    def close(self) -> None:
        """Give up connections and locks, so that others get their turn. Safe to repeat (D9)."""
        ...
