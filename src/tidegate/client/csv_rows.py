"""Rows of CSV files: columns are typed only where every cell agrees; digits stay as they are written."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from json.encoder import encode_basestring
from typing import Any

from tidegate.errors import InputInvalid

CELL_CHARACTERS_MAX = 100_000_000
"""Longest cell; the csv module's own bound (131,072) is below what a record may hold."""

_CHUNK = 2_000
_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,18}").fullmatch
_NUMBER = re.compile(r"(?=.{1,39}\Z)(?:-?(?:0|[1-9][0-9]*)\.[0-9]+|0|-?[1-9][0-9]*)").fullmatch
_BOOLEAN = frozenset(("true", "false", "True", "False", "TRUE", "FALSE"))

Line = tuple[int, list[str]]


def read_csv(
    stream: io.BufferedReader, *, texts_only: bool
) -> tuple[dict[str, Any], Iterator[tuple[int, bytes]]]:
    """
    Return the columns as JSON Schema properties, and each row's line and JSON object.

    Shape: the first line names the columns; comma, semicolon or tab separates, whichever the header has most.
    A column whose cells are all plain 64-bit integers, all decimal numbers, or all true or false becomes
    that; any other is text. An empty cell is null. With `texts_only` all is text and the stream is read once;
    else twice, from its beginning.
    Errors: InputInvalid; its message begins with the place, to be put behind the file's name.
    """
    csv.field_size_limit(CELL_CHARACTERS_MAX)
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
    lines = _lines(text)
    names = next(lines, (1, []))[1]
    _check_names(names)
    kinds = ["string"] * len(names)
    if not texts_only:
        kinds = _kinds(lines, len(names))
        text.seek(0)
        lines = _lines(text)
        next(lines)
    properties = {
        name: {"type": ["null", kind]} if kind else {} for name, kind in zip(names, kinds, strict=True)
    }
    return properties, _rows(lines, names, kinds)


def _lines(text: io.TextIOWrapper) -> Iterator[Line]:
    """Yield every line that is not blank with its number; a row over several lines has that of its first."""
    number = 0
    try:
        header = text.readline()
        separator = max(",;\t", key=header.count)
        reader = csv.reader(chain((header,), text), delimiter=separator, strict=True)
        for cells in reader:
            if cells:
                yield number + 1, cells
            number = reader.line_num
    except csv.Error as exc:
        raise InputInvalid(f", line {number + 1:,}: {exc}; correct the quotes") from exc
    except UnicodeDecodeError as exc:
        raise InputInvalid(
            f", after line {number:,}: the bytes are not UTF-8; convert the file to UTF-8"
        ) from exc


def _check_names(names: Sequence[str]) -> None:
    if not names:
        raise InputInvalid(" is empty; the first line must name the columns")
    for index, name in enumerate(names):
        if not name.strip():
            raise InputInvalid(f", line 1: column {index + 1} has no name; give it one")
        if name in names[:index]:
            raise InputInvalid(f", line 1: two columns are named {name!r}; rename one")


def _chunks(lines: Iterator[Line], width: int) -> Iterator[tuple[Sequence[int], Sequence[tuple[str, ...]]]]:
    """Yield the lines' numbers and cells, column by column."""
    while chunk := list(islice(lines, _CHUNK)):
        numbers = [number for number, _ in chunk]
        rows = [cells for _, cells in chunk]
        if set(map(len, rows)) != {width}:
            number, cells = next(line for line in chunk if len(line[1]) != width)
            raise InputInvalid(
                f", line {number:,}: {len(cells)} cells, but the first line names {width} columns; "
                "quote cells that contain the separator"
            )
        yield numbers, list(zip(*rows, strict=True))


def _kinds(lines: Iterator[Line], width: int) -> list[str]:
    """Return each column's JSON type, "" for a column of empty cells."""
    possible: list[list[str]] = [list(_AGREES) for _ in range(width)]
    filled = [False] * width
    for _, columns in _chunks(lines, width):
        for index, column in enumerate(columns):
            kinds = possible[index]
            if kinds == ["string"]:
                continue
            cells = set(column)
            cells.discard("")
            filled[index] = filled[index] or bool(cells)
            possible[index] = [kind for kind in kinds if _AGREES[kind](cells)]
    return [kinds[0] if seen else "" for kinds, seen in zip(possible, filled, strict=True)]


def _all_integers(cells: set[str]) -> bool:
    return all(map(_INTEGER, cells)) and all(
        -(2**63) <= int(cell) < 2**63 for cell in cells if len(cell) > 18
    )


_AGREES: dict[str, Callable[[set[str]], bool]] = {
    "integer": _all_integers,
    "number": lambda cells: all(map(_NUMBER, cells)),
    "boolean": lambda cells: cells <= _BOOLEAN,
    "string": lambda _: True,
}
"""The types a column may have, the narrowest first, and whether a chunk's cells allow each."""


def _rows(lines: Iterator[Line], names: Sequence[str], kinds: Sequence[str]) -> Iterator[tuple[int, bytes]]:
    """Yield each row as JSON: cells of a typed column already are JSON as they are written."""
    fields = (encode_basestring(name).replace("%", "%%") + ":%s" for name in names)
    template = "{" + ",".join(fields) + "}"
    for numbers, columns in _chunks(lines, len(names)):
        encoded = [_ENCODERS.get(kind, _verbatim)(cells) for kind, cells in zip(kinds, columns, strict=True)]
        for number, cells in zip(numbers, zip(*encoded, strict=True), strict=True):
            yield number, (template % cells).encode()


def _verbatim(cells: Sequence[str]) -> list[str]:
    return [cell or "null" for cell in cells]


def _texts(cells: Sequence[str]) -> list[str]:
    return [encode_basestring(cell) if cell else "null" for cell in cells]


def _booleans(cells: Sequence[str]) -> list[str]:
    return [cell.lower() or "null" for cell in cells]


_ENCODERS: dict[str, Callable[[Sequence[str]], list[str]]] = {"string": _texts, "boolean": _booleans}
