"""
The values every part shares: what a client sent, and where it stands in the journal.

Imports nothing of ours. Invariants:

1. A `Request` is what was received, byte for byte; nothing is ever rewritten in place.
2. A `Batch` is columnar: `sequences`, `data`, `places` and `extracted` have equal length, in the order sent.
3. Values inside `data` are exact: int (any size), float only where the float's shortest text is the number
   sent (on push also where the number has at most 17 significant digits, as a double written by a program
   does), Decimal otherwise, str, bool, None, dict, list; from Transit also datetime (aware, UTC) and the
   floats NaN and infinity. No number has more than 4,300 digits when written out without an exponent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, overload

Record = dict[str, Any]
"""The `data` object of one message."""


class UnreadRecords(Sequence[Record]):
    """
    Records that are text until somebody looks at one of them; then all are read, once.

    Shape: `texts` are JSON objects (of joined records the first piece's), `read` reads any number of them.
    `columns`: an Arrow table that has the same values, and at which of its rows they begin; None where nobody
    made one.
    """

    __slots__ = ("_count", "_pieces", "_read", "_records", "columns", "texts")

    def __init__(
        self,
        texts: Sequence[Any],
        read: Callable[[Sequence[Any]], list[Record]],
        pieces: Sequence[UnreadRecords] = (),
    ) -> None:
        self.texts = texts
        self.columns: tuple[Any, int] | None = None
        self._read = read
        self._pieces = pieces
        self._count = sum(map(len, pieces)) if pieces else len(texts)
        self._records: list[Record] | None = None

    @classmethod
    def joined(cls, pieces: Sequence[UnreadRecords]) -> UnreadRecords:
        """Put records after one another, some at least. Those read are the pieces' own."""
        first, end = pieces[0], 0
        joined = cls(first.texts, first._read, pieces)  # noqa: SLF001 - of the same class
        for piece in pieces:
            if piece.columns is None:
                return joined
            table, begin = piece.columns
            if joined.columns is None:
                joined.columns, end = (table, begin), begin
            if table is not joined.columns[0] or begin != end:
                joined.columns = None
                return joined
            end += len(piece)
        return joined

    def records(self) -> list[Record]:
        """Return the records, the same ones each time. Errors: those of `read`."""
        if self._records is None and self._pieces:
            self._records = [record for piece in self._pieces for record in piece.records()]
        elif self._records is None:
            self._records = self._read(self.texts)
        return self._records

    def first(self) -> Record:
        """Return a record like the first one, without reading the others."""
        return self._read(self.texts[:1])[0]

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and self.records() == list(other)

    __hash__ = None  # type: ignore[assignment]  # as of a list

    @overload
    def __getitem__(self, place: int) -> Record: ...
    @overload
    def __getitem__(self, place: slice) -> list[Record]: ...
    def __getitem__(self, place: int | slice) -> Record | list[Record]:
        return self.records()[place]


class Endpoint(StrEnum):
    """Where a request was accepted. Source: docs/specs/import-api.md, section 3."""

    PUSH = "push"
    BATCH = "batch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """
    One accepted request, as the journal keeps it.

    Shape: `body` is the bytes received (content encoding removed), `record_count` counts its records or
    messages. `idempotency_key` is for `Journal.append` alone, which keeps a request and its repetitions once;
    a request that was read has none. Units: `received_at_ms` is milliseconds since 1970 UTC.
    """

    source_id: int
    endpoint: Endpoint
    content_type: str
    received_at_ms: int
    record_count: int
    request_id: str
    body: bytes
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A request at its place in the journal. Positions grow, and none is ever used twice."""

    position: int
    request: Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """
    A run of messages of one request for one table, with what holds for all of them.

    Shape: `places[i]` is the index of message i in the request's array (`$[i]` on push, `$.messages[i]` on
    batch). `schema` is the JSON Schema of a batch request, None on push. `extracted` is None when no message
    carried `time_extracted`. `table_version` is None when none was given.
    `activates`: after these rows (there may be none) `table_version` becomes the table's only version.
    """

    table_name: str
    key_names: tuple[str, ...]
    schema: Record | None
    table_version: int | None
    bookmark_names: tuple[str, ...]
    sequences: Sequence[int]
    data: Sequence[Record]
    places: Sequence[int]
    extracted: Sequence[str | None] | None
    activates: bool
