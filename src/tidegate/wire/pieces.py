"""
Large bodies in pieces: their records are cut out as bytes first, and become objects a few at a time.

A body of 20 MB can stand for half a gigabyte of objects. Source: docs/specs/import-api.md, W5 and W8.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice

import msgspec

from tidegate.errors import MalformedBody
from tidegate.wire.bounds import DATA_POINTS_MAX

PIECE_BYTES = 1_000_000
"""Bodies and records above this are looked at as bytes first. Objects take up to 40 times as much."""

WEIGHT_MAX = 250_000_000
"""What the objects of a body may weigh when it is looked at as a whole. Units: bytes of memory."""

_OBJECT_BYTES = 232
_ARRAY_BYTES = 72
_VALUE_BYTES = 60

_TOKENS = re.compile(rb'"(?:[^"\\]++|\\.)*+"|,', re.DOTALL).finditer
"""Strings and commas: with the strings taken out of the way, the commas that are left are JSON's own."""


def pieces(records: Sequence[msgspec.Raw]) -> Iterator[tuple[int, bytes]]:
    """
    Put a few records at a time into an array.

    Shape: -> the number of the first record, and the array as JSON.
    """
    begin = 0
    while begin < len(records):
        end, size = begin, 0
        while end < len(records) and (end == begin or size + len(records[end]) <= PIECE_BYTES):
            size += len(records[end])
            end += 1
        yield begin, b"[" + b",".join(records[begin:end]) + b"]"
        begin = end


def first_with_too_many_points(records: Sequence[msgspec.Raw]) -> int | None:
    """
    Find the first large record with more data points than a record may have, before it becomes objects.

    Outside strings there is one comma less than there are data points. Only records above `PIECE_BYTES` are
    looked at: in them, a key sent twice in one object counts twice.
    """
    for number, raw in enumerate(records):
        if len(raw) > PIECE_BYTES and _has_too_many_points(bytes(raw)):
            return number
    return None


def _has_too_many_points(raw: bytes) -> bool:
    commas = (token for token in _TOKENS(raw) if token[0] == b",")
    return next(islice(commas, DATA_POINTS_MAX - 1, None), None) is not None


def hold_weight(text: bytes) -> None:
    """
    Hold that a body may be made into objects as a whole.

    Errors: MalformedBody. Only bodies that break a rule, or nearly do, are ever looked at as a whole.
    """
    if len(text) <= PIECE_BYTES:
        return
    containers = _OBJECT_BYTES * text.count(b"{") + _ARRAY_BYTES * text.count(b"[")
    if containers + _VALUE_BYTES * text.count(b",") > WEIGHT_MAX:
        raise MalformedBody(_TOO_MUCH)


def hold_containers(text: bytes) -> None:
    """Hold that the objects and arrays of a Transit body fit into memory, twice. Errors: MalformedBody."""
    if len(text) > PIECE_BYTES:
        containers = _OBJECT_BYTES * text.count(b"{") + _ARRAY_BYTES * text.count(b"[")
        if 2 * containers > WEIGHT_MAX:
            raise MalformedBody("there are too many objects and arrays in the body; send less at a time")


_TOO_MUCH = "something is wrong, and the body has too many values to say what; send less at a time"
