"""The files that loading is measured with: the same records in the form that each contender reads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from bench.records import (
    BODY_RECORDS,
    FIRST_SEQUENCE,
    FLAT_SCHEMA,
    NESTED_SCHEMA,
    Record,
    batch_body,
    chunks,
    flat,
    nested,
)

TEXTS = ("customer", "email", "city", "status")


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """
    What a warehouse holds: rows, elements of their arrays, and sums over every column.

    Two warehouses with equal sums may differ, but not by a lost, doubled or stale row.
    Units: money in cents, moments in milliseconds since 1970, texts in characters.
    """

    rows: int
    quantity: int
    cents: int
    paid: int
    texts: int
    notes: int
    moments_ms: int
    elements: int = 0
    elements_cents: int = 0

    def words(self) -> str:
        """Name rows and the sums that tell most."""
        return f"{self.rows} rows (quantities {self.quantity}, {self.cents} cents, {self.elements} elements)"


@dataclass(frozen=True, kw_only=True)
class LoadFiles:
    """The same records as batch bodies, as plain JSON lines and as Singer messages, in `folder`."""

    folder: Path
    records: int
    expected: Held
    nested: bool = False

    @property
    def bodies(self) -> Path:
        """Batch bodies, one a line."""
        return self.folder / "load.bodies"

    @property
    def lines(self) -> Path:
        """Records, one a line."""
        return self.folder / "load.jsonl"

    @property
    def messages(self) -> Path:
        """Singer messages, one a line."""
        return self.folder / "load.singer"

    @property
    def requests(self) -> int:
        """How many bodies there are."""
        return -(-self.records // BODY_RECORDS)

    @classmethod
    def written(cls, folder: Path, records: int, *, nested: bool = False) -> LoadFiles:
        """Write all three files into a new folder, and note what they amount to in a warehouse."""
        folder.mkdir()
        newest: dict[int, Record] = {}
        files = cls(folder=folder, records=records, expected=_amount({}), nested=nested)
        files._write(newest)
        return cls(folder=folder, records=records, expected=_amount(newest), nested=nested)

    @property
    def _schema(self) -> Record:
        return NESTED_SCHEMA if self.nested else FLAT_SCHEMA

    def _write(self, newest: dict[int, Record]) -> None:
        schema = {"type": "SCHEMA", "stream": "orders", "schema": self._schema, "key_properties": ["id"]}
        encode = msgspec.json.encode
        number = 0
        with (
            self.bodies.open("wb") as bodies,
            self.lines.open("wb") as lines,
            self.messages.open("wb") as messages,
        ):
            messages.write(encode(schema) + b"\n")
            for chunk in chunks(nested(self.records) if self.nested else flat(self.records)):
                bodies.write(batch_body(chunk, FIRST_SEQUENCE + number, schema=self._schema) + b"\n")
                number += len(chunk)
                for record in chunk:
                    newest[record["id"]] = record
                    lines.write(encode(record) + b"\n")
                    messages.write(encode({"type": "RECORD", "stream": "orders", "record": record}) + b"\n")


def _amount(newest: dict[int, Record]) -> Held:
    """Return what a warehouse must hold of the newest version of each row."""
    rows = newest.values()
    elements = [line for row in rows for line in row.get("lines", ())]
    return Held(
        rows=len(newest),
        quantity=sum(row["quantity"] for row in rows),
        cents=sum(round(row["amount"] * 100) for row in rows),
        paid=sum(row["paid"] for row in rows),
        texts=sum(len(row[name]) for row in rows for name in TEXTS),
        notes=sum(len(row["note"] or "") for row in rows),
        moments_ms=sum(_milliseconds(row["updated_at"]) for row in rows),
        elements=len(elements),
        elements_cents=sum(round(line["price"] * 100) for line in elements),
    )


def _milliseconds(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)
