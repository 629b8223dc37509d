"""
One entry as the row that is stored, and back. Pure.

The checksum covers the stored bytes and every other column, the position included, so a row that slipped to
another place is found as surely as a flipped bit. It is taken over the compressed body: that is what the disk
can spoil, and it is several times shorter.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import zstandard

from tidegate.records import Endpoint, Entry, Request

ENTRIES_SCHEMA = """
CREATE TABLE entries (
  position INTEGER PRIMARY KEY, records_total INTEGER NOT NULL, bytes_total INTEGER NOT NULL,
  source_id INTEGER NOT NULL, received_at_ms INTEGER NOT NULL, record_count INTEGER NOT NULL,
  body_bytes INTEGER NOT NULL, packing INTEGER NOT NULL, endpoint BLOB NOT NULL, content_type BLOB NOT NULL,
  request_id BLOB NOT NULL, checksum BLOB NOT NULL, body BLOB NOT NULL)
"""
COLUMNS = (
    "position, records_total, bytes_total, source_id, received_at_ms, record_count,"
    " body_bytes, packing, endpoint, content_type, request_id, checksum, body"
)
"""The order of columns that `Packed.row` writes and `unpack` reads. The body is last: SQLite then reads the
other columns without following a large row's overflow pages."""

_NUMBERS = struct.Struct("<11q")
_PLAIN, _ZSTD = 0, 1
_PLAIN_BYTES_MAX = 64  # A zstd frame costs about 12 bytes; shorter bodies hardly ever win them back.
_TOGETHER_MIN = 2  # The call for several makes a zstd context of its own each time, which takes 10 us.
_CHECKSUM_BYTES = 8


class Unsound(Exception):
    """A stored row is not what was written; the message says how. Never leaves this package."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A request ready to be stored: all that can be computed before its position is known."""

    numbers: tuple[int, int, int, int, int]
    texts: tuple[bytes, bytes, bytes]
    stored: bytes
    hasher: blake2b
    record_count: int
    bytes: int

    def row(self, position: int, records_total: int, bytes_total: int) -> tuple[Any, ...]:
        """Shape: place, totals including this entry -> values in the order of `COLUMNS`. Once only."""
        placed = (position, records_total, bytes_total, *self.numbers)
        self.hasher.update(_header(placed, self.texts))
        return (*placed, *self.texts, self.hasher.digest(), self.stored)


class Packer:
    """Turns requests into rows and back. Reuses its zstd contexts, so it serves one thread at a time."""

    def __init__(self) -> None:
        # The entry's own checksum makes a second one inside the frame needless.
        self._compressor = zstandard.ZstdCompressor(level=1, write_checksum=False)
        self._decompressor = zstandard.ZstdDecompressor()

    def pack(self, requests: Sequence[Request]) -> list[Packed]:
        """Compress requests' bodies where that makes them smaller, and hash what will be stored."""
        long = [each.body for each in requests if len(each.body) > _PLAIN_BYTES_MAX]
        compressed = iter(self._compressed(long))
        return [
            _packed(each, next(compressed) if len(each.body) > _PLAIN_BYTES_MAX else each.body)
            for each in requests
        ]

    def _compressed(self, bodies: Sequence[bytes]) -> Iterable[bytes]:
        """Compress several in one call: other threads have the interpreter until all are done."""
        if len(bodies) < _TOGETHER_MIN:
            return map(self._compressor.compress, bodies)
        frames = self._compressor.multi_compress_to_buffer(list(bodies))
        return [frames[number].tobytes() for number in range(len(bodies))]

    def unpack(self, row: Sequence[Any]) -> Entry:
        """
        Rebuild an entry from its row.

        Errors: Unsound when anything in the row differs from what was written.
        """
        placed, texts, checksum, stored = row[:8], row[8:11], row[11], row[12]
        try:
            hasher = blake2b(stored, digest_size=_CHECKSUM_BYTES)
            hasher.update(_header(placed, texts))
        except (struct.error, TypeError) as exc:
            raise Unsound("a column has another type than was written") from exc
        if hasher.digest() != checksum:
            raise Unsound("the checksum does not match")
        position, _, _, source_id, received_at_ms, record_count, body_bytes, packing = placed
        body = (
            stored if packing == _PLAIN else self._decompressor.decompress(stored, max_output_size=body_bytes)
        )
        endpoint, content_type, request_id = (text.decode("utf-8", "surrogatepass") for text in texts)
        return Entry(
            position,
            Request(
                source_id=source_id,
                endpoint=Endpoint(endpoint),
                content_type=content_type,
                received_at_ms=received_at_ms,
                record_count=record_count,
                request_id=request_id,
                body=body,
            ),
        )


def _packed(request: Request, compressed: bytes) -> Packed:
    body, packing = request.body, _PLAIN
    if len(compressed) < len(body):
        body, packing = compressed, _ZSTD
    texts = (_encode(request.endpoint), _encode(request.content_type), _encode(request.request_id))
    return Packed(
        numbers=(
            request.source_id,
            request.received_at_ms,
            request.record_count,
            len(request.body),
            packing,
        ),
        texts=texts,
        stored=body,
        hasher=blake2b(body, digest_size=_CHECKSUM_BYTES),
        record_count=request.record_count,
        bytes=len(body) + _NUMBERS.size + _CHECKSUM_BYTES + sum(map(len, texts)),
    )


def _header(placed: Sequence[int], texts: Sequence[bytes]) -> bytes:
    """Everything but the body as bytes; the lengths make two different headers differ always."""
    return _NUMBERS.pack(*placed, *map(len, texts)) + b"".join(texts)


def _encode(text: str) -> bytes:
    """Any text can be kept: a strange header of one request must not fail its whole group."""
    return text.encode("utf-8", "surrogatepass")
