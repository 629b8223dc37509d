"""What one run of the bench is given: how thorough, where to write, and the records everybody shares."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bench.records import (
    FLAT_SCHEMA,
    NESTED_ELEMENTS,
    NESTED_SCHEMA,
    Record,
    batch_bodies,
    flat,
    write_bodies,
)
from bench.records import nested as nested_records


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a warehouse must hold after all records, whoever loaded them."""

    rows: int
    quantity: int
    elements: int = 0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """
    One run. `folder` is scratch space on the disk that is measured; `cache` is kept between runs.

    `quick` keeps the whole run under two minutes, at the price of a wider spread.
    """

    quick: bool
    folder: Path
    cache: Path

    def pick(self, quick: int, full: int) -> int:
        """Return the number for this run."""
        return quick if self.quick else full

    def say(self, text: str) -> None:
        """Tell a waiting person what happens now."""
        print(f"bench: {text}", file=sys.stderr, flush=True)

    @cached_property
    def accept_bodies(self) -> Path:
        """A file of bodies for accepting; small enough to stay in memory everywhere."""
        path = self.folder / "accept.bodies"
        write_bodies(path, batch_bodies(flat(20_000)))
        return path


@dataclass(frozen=True, kw_only=True)
class LoadFiles:
    """The same records as batch bodies, as plain JSON lines and as Singer messages, in `folder`."""

    folder: Path
    records: int
    expected: Expected
    nested: bool = False

    @property
    def bodies(self) -> Path:
        """Batch bodies, one a line."""
        return self.folder / f"{self._name}.bodies"

    @property
    def lines(self) -> Path:
        """Records, one a line."""
        return self.folder / f"{self._name}.jsonl"

    @property
    def messages(self) -> Path:
        """Singer messages, one a line."""
        return self.folder / f"{self._name}.singer"

    @classmethod
    def written(cls, folder: Path, records: int, *, nested: bool = False) -> LoadFiles:
        """Write all three files, and note what they amount to in a warehouse."""
        newest = {record["id"]: record["quantity"] for record in flat(records)}
        expected = Expected(
            rows=len(newest),
            quantity=sum(newest.values()),
            elements=len(newest) * NESTED_ELEMENTS if nested else 0,
        )
        files = cls(folder=folder, records=records, expected=expected, nested=nested)
        write_bodies(files.bodies, batch_bodies(files._made(), schema=files._schema))
        files._write_lines()
        return files

    @property
    def _name(self) -> str:
        return "nested" if self.nested else "load"

    @property
    def _schema(self) -> Record:
        return NESTED_SCHEMA if self.nested else FLAT_SCHEMA

    def _made(self) -> Iterator[Record]:
        return nested_records(self.records) if self.nested else flat(self.records)

    def _write_lines(self) -> None:
        schema = {"type": "SCHEMA", "stream": "orders", "schema": self._schema, "key_properties": ["id"]}
        with (
            self.lines.open("w", encoding="utf-8") as lines,
            self.messages.open("w", encoding="utf-8") as out,
        ):
            out.write(json.dumps(schema) + "\n")
            for record in self._made():
                lines.write(json.dumps(record) + "\n")
                out.write(json.dumps({"type": "RECORD", "stream": "orders", "record": record}) + "\n")
