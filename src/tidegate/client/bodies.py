"""Rows to request bodies: split by records and bytes, in order. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from tidegate.client.encoding import DATE_TIME, Row, datetime_fields, encode_json, encode_row
from tidegate.errors import InputInvalid


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much one request may carry. Source: docs/specs/import-api.md, 8."""

    records_max: int = 20_000
    bytes_max: int = 4_000_000

    def __post_init__(self) -> None:
        """Refuse bounds no request could keep."""
        if self.records_max < 1 or self.bytes_max < 1:
            raise InputInvalid("a request must be allowed at least 1 record and 1 byte")


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """One request body and the run of rows it carries: `row_count` rows from `row_index` on, from 0."""

    content: bytes
    row_index: int
    row_count: int


@dataclass(slots=True)
class _Gathering:
    """The records of the request being filled. `size` is what they take with the commas between them."""

    row_index: int
    records: list[bytes] = field(default_factory=list)
    size: int = 0

    def has_room(self, record: bytes, limits: Limits, around: int) -> bool:
        """Say whether a record fits; the first always does, the server judges records that are too large."""
        full = (
            self.size + len(record) + 1 + around > limits.bytes_max or len(self.records) == limits.records_max
        )
        return not self.records or not full

    def add(self, record: bytes) -> None:
        """Take one record."""
        self.records.append(record)
        self.size += len(record) + 1

    def body(self, before: bytes, after: bytes) -> Body:
        """Return the request with what stands before and after its records."""
        content = before + b",".join(self.records) + after
        return Body(content=content, row_index=self.row_index, row_count=len(self.records))


def push_bodies(
    head: Mapping[str, Any], rows: Iterable[Row], sequences: Iterable[int], limits: Limits
) -> Iterator[Body]:
    """
    Yield the bodies of `/v2/import/push` (and validate) for rows of one table.

    Shape: `head` holds the fields all records share (`client_id`, `table_name`, `action`, `key_names`).
    Errors: InputInvalid when a row cannot be written as JSON, or when sequences and rows differ in number.
    """
    shared = encode_json(head)[:-1]
    gathering = _Gathering(0)
    for row_index, (row, sequence) in enumerate(_pairs(rows, sequences)):
        record = b'%b,"sequence":%d,"data":%b}' % (shared, sequence, encode_row(row, row_index))
        if not gathering.has_room(record, limits, around=2):
            yield gathering.body(b"[", b"]")
            gathering = _Gathering(row_index)
        gathering.add(record)
    if gathering.records:
        yield gathering.body(b"[", b"]")


def batch_bodies(
    head: Mapping[str, Any],
    rows: Iterable[Row],
    sequences: Iterable[int],
    limits: Limits,
    *,
    schema: Mapping[str, Any] | None,
) -> Iterator[Body]:
    """
    Yield the bodies of `/v2/import/batch`.

    Shape: `head` holds `table_name` and `key_names`. Without a schema each request gets one that names the
    keys, and as date-times the fields that hold a datetime; all else is typed by its value.
    Errors: as `push_bodies`.
    """
    heading = _Heading(head, schema)
    gathering = _Gathering(0)
    for row_index, (row, sequence) in enumerate(_pairs(rows, sequences)):
        record = b'{"action":"upsert","sequence":%d,"data":%b}' % (sequence, encode_row(row, row_index))
        unknown = heading.unknown(row)
        if not gathering.has_room(record, limits, around=heading.size_with(unknown) + 2):
            yield gathering.body(heading.before(), b"]}")
            gathering = _Gathering(row_index)
            heading = _Heading(head, schema)
            unknown = heading.unknown(row)
        heading.add(unknown)
        gathering.add(record)
    if gathering.records:
        yield gathering.body(heading.before(), b"]}")


class _Heading:
    """What stands before the messages of a batch body, as the rows of that body make it."""

    def __init__(self, head: Mapping[str, Any], schema: Mapping[str, Any] | None) -> None:
        self._head = head
        self._given = schema
        self._date_times: dict[str, Any] = {}
        self._size = len(self.before())

    def unknown(self, row: Row) -> list[str]:
        """Return the fields of a row that hold a datetime and are not yet in the schema."""
        if self._given is not None or isinstance(row, msgspec.Raw):
            return []
        return [name for name in datetime_fields(row) if name not in self._date_times]

    def size_with(self, names: Sequence[str]) -> int:
        """Return the bytes before the messages if these fields join the schema."""
        return self._size + (len(encode_json(dict.fromkeys(names, DATE_TIME))) if names else 0)

    def add(self, names: Sequence[str]) -> None:
        """Put fields into the schema as date-times."""
        if names:
            self._date_times |= dict.fromkeys(names, DATE_TIME)
            self._size = len(self.before())

    def before(self) -> bytes:
        """Return the body up to the first message."""
        schema = self._given
        if schema is None:
            keys: dict[str, Any] = {name: {} for name in self._head["key_names"]}
            schema = {"type": "object", "properties": keys | self._date_times}
        return encode_json({**self._head, "schema": schema})[:-1] + b',"messages":['


def _pairs(rows: Iterable[Row], sequences: Iterable[int]) -> Iterator[tuple[Row, int]]:
    given = iter(sequences)
    for row in rows:
        try:
            yield row, next(given)
        except StopIteration:
            raise InputInvalid("there are fewer sequences than rows; give one for each row") from None
