"""
Requests that are sent again: which of a call are new, and where the others stand already. Pure. Rule J10.

Only hashes are kept: of source and key, so that nobody's keys are stored and all take the same room, and of
what was sent, so that a key used for something else is noticed.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from tidegate.journal.base import KeyReused, Placed
from tidegate.records import Request

KEYS_MS = 24 * 3_600 * 1_000
"""How long a key is known at least, while there is room. Units: milliseconds."""

KEY_BYTES = 100
"""What one key takes at most in a SQLite journal, its index included; 81 were measured."""

_KEYS_SHARE = 8  # Of a journal's size limit one part in so many is for keys.
_HASH_BYTES = 16


@dataclass(frozen=True, slots=True)
class Mark:
    """What a request is known again by. Shape: hash of source and key, hash of what was sent."""

    name: bytes
    content: bytes


@dataclass(frozen=True, slots=True)
class Known:
    """What is remembered under a mark's name: the content it came with, and the entry's position."""

    content: bytes
    position: int


@dataclass(frozen=True, slots=True)
class Sorted:
    """
    The requests of one call: `placed` has what each is told, `fresh` the indexes of those to be stored.

    `marks` holds the new marks with their positions.
    """

    placed: Sequence[Placed]
    fresh: Sequence[int]
    marks: Sequence[tuple[Mark, int]]


def keys_max(bytes_max: int) -> int:
    """Return how many keys a journal of this size limit keeps, however young they are."""
    return bytes_max // _KEYS_SHARE // KEY_BYTES


def mark_of(request: Request) -> Mark | None:
    """Return what a request is known again by; None when it carries no key."""
    if request.idempotency_key is None:
        return None
    named = struct.pack("<q", request.source_id) + _encode(request.idempotency_key)
    texts = (_encode(request.endpoint), _encode(request.content_type))
    content = blake2b(struct.pack("<2q", *map(len, texts)) + b"".join(texts), digest_size=_HASH_BYTES)
    content.update(request.body)
    return Mark(blake2b(named, digest_size=_HASH_BYTES).digest(), content.digest())


def sort_out(marks: Sequence[Mark | None], find: Callable[[bytes], Known | None], end: int) -> Sorted:
    """
    Tell each request of a call its position: one behind `end`, or that of the request it repeats.

    Shape: `find` looks up a mark's name among those kept; repeats within the call are found here.
    """
    if not any(marks):
        count = len(marks)
        return Sorted(range(end + 1, end + 1 + count), range(count), ())
    placed: list[Placed] = []
    fresh: list[int] = []
    new: dict[bytes, tuple[Mark, int]] = {}
    for index, mark in enumerate(marks):
        earlier = None if mark is None else _earlier(mark, new, find)
        if mark is None or earlier is None:
            end += 1
            placed.append(end)
            fresh.append(index)
            if mark is not None:
                new[mark.name] = (mark, end)
        elif earlier.content == mark.content:
            placed.append(earlier.position)
        else:
            placed.append(KeyReused(earlier.position))
    return Sorted(placed, fresh, list(new.values()))


def _earlier(
    mark: Mark, new: dict[bytes, tuple[Mark, int]], find: Callable[[bytes], Known | None]
) -> Known | None:
    if mark.name in new:
        first, position = new[mark.name]
        return Known(first.content, position)
    return find(mark.name)


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
