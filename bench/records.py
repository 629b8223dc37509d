"""The records everybody is given: flat and nested, made from a seed, with the bodies that carry them."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

Record = dict[str, Any]

BODY_RECORDS = 100
FIRST_SEQUENCE = 1_700_000_000_000_000_000
UPDATES_SHARE = 0.2
"""The share of records that change an earlier row: an upsert that never meets its key proves little."""

NESTED_ELEMENTS = 3
"""How many objects the array of a nested record has."""

WORDS = ("tide", "harbour", "lantern", "granite", "willow", "copper", "meadow", "anchor", "ember", "quarry")
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)

FLAT_SCHEMA: Record = {
    "type": "object",
    "properties": {
        "id": {"type": "integer"},
        "customer": {"type": ["null", "string"]},
        "email": {"type": ["null", "string"]},
        "city": {"type": ["null", "string"]},
        "status": {"type": "string"},
        "quantity": {"type": "integer"},
        "amount": {"type": "number"},
        "paid": {"type": "boolean"},
        "note": {"type": ["null", "string"]},
        "updated_at": {"type": "string", "format": "date-time"},
    },
}
NESTED_SCHEMA: Record = {
    "type": "object",
    "properties": {
        **FLAT_SCHEMA["properties"],
        "address": {
            "type": "object",
            "properties": {"street": {"type": "string"}, "zip": {"type": "string"}},
        },
        "lines": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "sku": {"type": "string"},
                    "count": {"type": "integer"},
                    "price": {"type": "number"},
                },
            },
        },
    },
}


def flat(count: int, *, updates_share: float = UPDATES_SHARE) -> Iterator[Record]:
    """Yield records of ten flat fields, 230 bytes of JSON each; new ids grow from 0 without gaps."""
    chance = random.Random(7)
    fresh = 0
    for number in range(count):
        if fresh and chance.random() < updates_share:
            key = chance.randrange(fresh)
        else:
            key, fresh = fresh, fresh + 1
        yield _flat_record(key, number, chance)


def nested(count: int) -> Iterator[Record]:
    """Yield flat records with one object and one array of three objects more."""
    chance = random.Random(11)
    for record in flat(count):
        yield record | {
            "address": {
                "street": f"{chance.choice(WORDS)} street {chance.randrange(200)}",
                "zip": f"{record['id'] % 99_999:05}",
            },
            "lines": [
                {
                    "sku": f"{chance.choice(WORDS)}-{place}",
                    "count": place,
                    "price": chance.randrange(9_999) / 100,
                }
                for place in range(NESTED_ELEMENTS)
            ],
        }


def _flat_record(key: int, number: int, chance: random.Random) -> Record:
    word, other = chance.choice(WORDS), chance.choice(WORDS)
    moment = EPOCH + timedelta(milliseconds=number * 37)
    return {
        "id": key,
        "customer": f"{word.title()} {other.title()} {key % 5_000}",
        "email": f"{word}.{other}{key % 5_000}@example.org",
        "city": other,
        "status": chance.choice(("new", "paid", "sent", "done")),
        "quantity": chance.randrange(1, 40),
        "amount": chance.randrange(1, 1_000_000) / 100,
        "paid": chance.random() < 0.5,
        "note": None if chance.random() < 0.3 else f"{word} {other} {chance.choice(WORDS)} at the quay",
        "updated_at": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }


def batch_body(
    records: Sequence[Record],
    first_sequence: int,
    *,
    table_name: str = "orders",
    schema: Record = FLAT_SCHEMA,
) -> bytes:
    """Return one batch request's body, keyed by `id`, with sequences that grow by one."""
    messages = [
        {"action": "upsert", "sequence": first_sequence + place, "data": record}
        for place, record in enumerate(records)
    ]
    body = {"table_name": table_name, "schema": schema, "key_names": ["id"], "messages": messages}
    return json.dumps(body, separators=(",", ":")).encode()


def chunks(records: Iterator[Record], size: int = BODY_RECORDS) -> Iterator[list[Record]]:
    """Yield the records `size` at a time."""
    while chunk := [record for _, record in zip(range(size), records, strict=False)]:
        yield chunk


def batch_bodies(
    records: Iterator[Record],
    *,
    first: int = 0,
    size: int = BODY_RECORDS,
    schema: Record = FLAT_SCHEMA,
    table_name: str = "orders",
) -> Iterator[bytes]:
    """Yield bodies of `size` records, with sequences from `first` on."""
    number = first
    for chunk in chunks(records, size):
        yield batch_body(chunk, FIRST_SEQUENCE + number, schema=schema, table_name=table_name)
        number += len(chunk)


def write_bodies(path: Path, bodies: Iterator[bytes]) -> int:
    """Write one body a line (JSON of ours holds no line end) and return how many."""
    count = 0
    with path.open("wb") as file:
        for body in bodies:
            file.write(body + b"\n")
            count += 1
    return count


def wide_schema(columns: int) -> Record:
    """Return the schema of records with so many fields beside `id`, integers and texts in turn."""
    kinds = ("integer", "string")
    fields = {f"field_{place:04}": {"type": ["null", kinds[place % 2]]} for place in range(columns)}
    return {"type": "object", "properties": {"id": {"type": "integer"}, **fields}}


def wide(count: int, columns: int) -> Iterator[Record]:
    """Yield records with so many fields beside `id`, each with a value."""
    chance = random.Random(17)
    names = list(wide_schema(columns)["properties"])[1:]
    for key in range(count):
        values = (
            chance.randrange(100_000) if place % 2 == 0 else chance.choice(WORDS) for place in range(columns)
        )
        yield {"id": key, **dict(zip(names, values, strict=True))}
