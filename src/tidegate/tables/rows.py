"""
The records of one load for one table, in the order they were accepted, from however many requests.

Source: docs/specs/loading.md, L15 and L60.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, compress
from typing import Any

from tidegate.records import Batch, Record, UnreadRecords
from tidegate.tables.schemas import plain_schema

Schema = Mapping[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """
    One batch of an accepted request, at its place in the journal.

    Units: `received_at_ms` is milliseconds since 1970 UTC.
    """

    position: int
    received_at_ms: int
    request_id: str
    batch: Batch


@dataclass(slots=True)
class Rows:
    """
    Records beside what their requests said of them; every list has one item for each record.

    Shape: `schemas` tells the schema of each request (None: push) and for how many rows it holds, in order.
    Units: `received_us` is microseconds since 1970 UTC.
    """

    data: Sequence[Record] = field(default_factory=list)
    sequences: list[int] = field(default_factory=list)
    received_us: list[int] = field(default_factory=list)
    versions: list[int] = field(default_factory=list)
    extracted: list[str | None] = field(default_factory=list)
    schemas: list[tuple[Schema, int]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.data)

    def without(self, dropped: Iterable[int]) -> Rows:
        """Return the rows but these, by row number."""
        keep = [True] * len(self.data)
        for row in dropped:
            keep[row] = False
        ends, start = [], 0
        for schema, count in self.schemas:
            ends.append((schema, sum(keep[start : start + count])))
            start += count
        return Rows(
            data=list(compress(self.data, keep)),
            sequences=list(compress(self.sequences, keep)),
            received_us=list(compress(self.received_us, keep)),
            versions=list(compress(self.versions, keep)),
            extracted=list(compress(self.extracted, keep)),
            schemas=[(schema, count) for schema, count in ends if count],
        )


def gather(arrivals: Sequence[Arrival], version: int) -> Rows:
    """Put the records of arrivals for one table after one another; those without a version have `version`."""
    rows = Rows()
    pieces: list[Sequence[Record]] = []
    given: Schema = None
    for arrival in arrivals:
        batch, count = arrival.batch, len(arrival.batch.data)
        if not count:
            continue
        pieces.append(batch.data)
        rows.sequences += batch.sequences
        rows.received_us += [arrival.received_at_ms * 1_000] * count
        rows.versions += [version if batch.table_version is None else batch.table_version] * count
        rows.extracted += batch.extracted if batch.extracted is not None else [None] * count
        if rows.schemas and given == batch.schema:
            schema, before = rows.schemas[-1]
            rows.schemas[-1] = (schema, before + count)
        else:
            given = batch.schema
            rows.schemas.append((plain_schema(given), count))
    unread = [piece for piece in pieces if isinstance(piece, UnreadRecords)]
    together = unread and len(unread) == len(pieces)
    rows.data = UnreadRecords.joined(unread) if together else list(chain.from_iterable(pieces))
    return rows
