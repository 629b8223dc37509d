"""Rows of JSON files: one array, or objects one after the other. Every number keeps its digits."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator

import msgspec

from tidegate.errors import InputInvalid

LINE_BYTES_MAX = 100_000_000
"""Longest line read as a row; far above what a server accepts, and small enough for memory."""

_BOM = b"\xef\xbb\xbf"
_AT_BYTE = re.compile(r"\s*\(byte (\d+)\)$")
_ROW = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])


def read_json(
    stream: io.BufferedReader, *, lines_only: bool, field: str | None = None
) -> Iterator[tuple[int | None, bytes]]:
    """
    Yield the line (None where it is not known) and the bytes of each object.

    Shape: an array of objects; or objects one after the other, normally one on each line, which are read
    line by line (`lines_only`: nothing else is tried); or, with `field`, one object whose field of that name
    holds the array. Bytes are checked, never rewritten.
    Errors: InputInvalid; its message begins with the place, to be put behind the file's name.
    """
    if field is not None:
        yield from _inside(stream.read().removeprefix(_BOM), field)
        return
    number, line = 1, stream.readline(LINE_BYTES_MAX).removeprefix(_BOM)
    while line and not line.strip():
        number, line = number + 1, stream.readline(LINE_BYTES_MAX)
    if line.lstrip()[:1] == b"[" and not lines_only:
        yield from _array(line + stream.read(), number)
        return
    while line:
        if row := line.strip():
            try:
                _ROW.decode(row)
                row.isascii() or row.decode()
            except (msgspec.DecodeError, UnicodeDecodeError) as exc:
                if lines_only or isinstance(exc, UnicodeDecodeError):
                    raise InputInvalid(_found(exc, line, first_line=number)) from exc
                yield from _objects(line + stream.read(), number)
                return
            yield number, row
        number, line = number + 1, stream.readline(LINE_BYTES_MAX)


def _inside(text: bytes, field: str) -> Iterator[tuple[None, bytes]]:
    try:
        found = _ROW.decode(text)
        text.isascii() or text.decode()
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise InputInvalid(_found(exc, text)) from exc
    if not bytes(found.get(field, b"")).startswith(b"["):
        arrays = [name for name, value in found.items() if bytes(value).startswith(b"[")]
        there = f"there are {', '.join(arrays)}" if arrays else "there is none"
        raise InputInvalid(f" has no array {field!r}, which --field names; {there}")
    yield from _array(bytes(found[field]), 1)


def _array(text: bytes, first_line: int) -> Iterator[tuple[None, bytes]]:
    try:
        rows = _ARRAY.decode(text)
        text.isascii() or text.decode()
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise InputInvalid(_found(exc, text, first_line=first_line)) from exc
    for index, row in enumerate(rows):
        encoded = bytes(row)
        if not encoded.startswith(b"{"):
            raise InputInvalid(
                f", element {index + 1:,} is {encoded[:40]!r}; every row must be a JSON object"
            )
        yield None, encoded


def _objects(text: bytes, first_line: int) -> Iterator[tuple[int, bytes]]:
    """Yield objects over several lines: the standard library tells where each ends, their bytes stay."""
    try:
        whole = text.decode()
    except UnicodeDecodeError as exc:
        raise InputInvalid(_found(exc, text, first_line=first_line)) from exc
    decoder = json.JSONDecoder(parse_int=str, parse_float=str)
    at, line = 0, first_line
    while (start := _skip_white(whole, at)) < len(whole):
        line += whole.count("\n", at, start)
        try:
            _, at = decoder.raw_decode(whole, start)
        except ValueError:
            at = len(whole)
        row = whole[start:at].encode()
        try:
            _ROW.decode(row)
        except msgspec.DecodeError as exc:
            raise InputInvalid(_found(exc, row, first_line=line)) from exc
        yield line, row
        line += row.count(b"\n")


def _skip_white(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at


def _found(exc: msgspec.DecodeError | UnicodeDecodeError, text: bytes, *, first_line: int = 1) -> str:
    """Word a decoding error with its place: `, line 3, column 7: ...`."""
    said = str(exc)
    if isinstance(exc, UnicodeDecodeError):
        at, said = exc.start, "the bytes are not UTF-8; convert the file to UTF-8"
    elif at_byte := _AT_BYTE.search(said):
        at, said = int(at_byte[1]), _AT_BYTE.sub("", said) + "; correct the JSON"
    else:
        at, said = 0, f"{said}; every row must be a JSON object"
    line_start = text.rfind(b"\n", 0, at) + 1
    column = f", column {at - line_start + 1}"
    line = first_line + text.count(b"\n", 0, at)
    return f", line {line:,}{column}: {said}"
