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

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Record = dict[str, Any]
"""The `data` object of one message."""


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
