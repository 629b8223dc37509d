"""Files of rows: JSON, NDJSON and CSV, plain or gzip, from a path or a stream."""

from __future__ import annotations

import gzip
import io
import shutil
import tempfile
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO, cast

import msgspec

from tidegate.client.csv_rows import read_csv
from tidegate.client.json_rows import read_json
from tidegate.errors import InputInvalid

PLACES_KEPT = 50_000
"""How many rows back a line number is known: more than one request carries."""

_GZIP = b"\x1f\x8b"
_PEEK = 4096


class Format(StrEnum):
    """How a file holds its rows. `json` is one array, or objects one after the other."""

    JSON = "json"
    NDJSON = "ndjson"
    CSV = "csv"


_ENDINGS = {
    ".json": Format.JSON,
    ".jsonl": Format.NDJSON,
    ".ndjson": Format.NDJSON,
    ".csv": Format.CSV,
    ".tsv": Format.CSV,
}


@dataclass(slots=True)
class RowFile:
    """
    The rows of one open file, read as they are asked for.

    Shape: iterating gives JSON objects, encoded. `properties` are the JSON Schema properties the file itself
    tells (the columns of a CSV file; empty for JSON). Units: `size` is in bytes on disk, None for a stream.
    """

    name: str
    kind: Format
    size: int | None
    properties: dict[str, Any]
    _rows: Iterator[tuple[int | None, bytes]]
    _raw: BinaryIO
    _given: int = 0
    _lines: deque[int | None] = field(default_factory=lambda: deque(maxlen=PLACES_KEPT))

    def __iter__(self) -> Iterator[msgspec.Raw]:
        """Yield each row once. Errors: InputInvalid names file, line, what was found and what to do."""
        try:
            for line, row in self._rows:
                self._lines.append(line)
                self._given += 1
                yield msgspec.Raw(row)
        except InputInvalid as exc:
            raise InputInvalid(f"{self.name}{exc}") from exc
        except (gzip.BadGzipFile, EOFError, OSError) as exc:
            raise InputInvalid(f"{self.name} cannot be read to its end: {exc}") from exc

    def place(self, row_index: int) -> str:
        """Say where a row (from 0) stands: "cars.csv, line 12"."""
        back = self._given - row_index
        line = self._lines[-back] if 0 < back <= len(self._lines) else None
        return f"{self.name}, row {row_index + 1:,}" if line is None else f"{self.name}, line {line:,}"

    def bytes_read(self) -> int:
        """Return how far into the file on disk reading has come."""
        if self.size is None:
            return 0
        return self.size if self._raw.closed else self._raw.tell()


@contextmanager
def open_rows(
    path: Path | None,
    stdin: BinaryIO,
    *,
    kind: Format | None = None,
    texts_only: bool = False,
    field: str | None = None,
) -> Iterator[RowFile]:
    """
    Open a file of rows, or the stream when there is no path.

    Shape: without `kind` it is taken from the name's ending, else from the first bytes. With `texts_only` the
    cells of a CSV file stay text. With `field` the file is one JSON object, and the rows are the array under
    that name. A CSV stream is kept in a temporary file: its columns are read twice.
    Errors: InputInvalid.
    """
    if field is not None and kind not in (None, Format.JSON):
        raise InputInvalid(f"rows inside an object are read from JSON, not from {kind}; leave the format out")
    kind = kind if field is None else Format.JSON
    with ExitStack() as stack:
        name = "standard input" if path is None else str(path)
        raw = stdin if path is None else _open(path, stack)
        stream = _plain(raw, stack)
        rows: Iterator[tuple[int | None, bytes]]
        try:
            kind = kind or _format_of(path) or _sniffed(stream)
            if kind is Format.CSV:
                if path is None and not texts_only:
                    stream = stack.enter_context(_spooled(stream))
                properties, rows = read_csv(stream, texts_only=texts_only)
            else:
                properties, rows = {}, read_json(stream, lines_only=kind is Format.NDJSON, field=field)
        except InputInvalid as exc:
            raise InputInvalid(f"{name}{exc}") from exc
        except (gzip.BadGzipFile, EOFError, OSError) as exc:
            raise InputInvalid(f"{name} cannot be read to its end: {exc}") from exc
        size = None if path is None or not path.is_file() else path.stat().st_size
        yield RowFile(name, kind, size, properties, rows, raw)


def _open(path: Path, stack: ExitStack) -> BinaryIO:
    try:
        return stack.enter_context(path.open("rb"))
    except OSError as exc:
        raise InputInvalid(
            f"{path} cannot be opened: {exc.strerror}; give a file, or - for standard input"
        ) from exc


def _plain(raw: BinaryIO, stack: ExitStack) -> io.BufferedReader:
    """Return the bytes without gzip, with room to look ahead."""
    stream = raw if isinstance(raw, io.BufferedReader) else io.BufferedReader(cast("io.RawIOBase", raw))
    if stream.peek(2)[:2] == _GZIP:
        unpacked = stack.enter_context(gzip.GzipFile(fileobj=stream))
        return io.BufferedReader(cast("io.RawIOBase", unpacked), 1 << 18)
    return stream


def _format_of(path: Path | None) -> Format | None:
    if path is None:
        return None
    name = path.name.lower().removesuffix(".gz")
    return _ENDINGS.get(Path(name).suffix)


def _sniffed(stream: io.BufferedReader) -> Format:
    start = stream.peek(_PEEK).removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    return Format.JSON if start in (b"[", b"{", b"") else Format.CSV


@contextmanager
def _spooled(stream: io.BufferedReader) -> Iterator[io.BufferedReader]:
    with tempfile.TemporaryFile() as kept:
        shutil.copyfileobj(stream, kept, 1 << 20)
        kept.seek(0)
        yield cast("io.BufferedReader", kept)
