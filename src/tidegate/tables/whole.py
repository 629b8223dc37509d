"""
Rejected records kept whole, each as a request that can be sent again once what was wrong is put right.

Source: docs/specs/loading.md, L44 and L45.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from tidegate.records import Batch, Record
from tidegate.tables.model import Column, CreateSchema, CreateTable, Part, Table, Type
from tidegate.tables.reading import TIMESTAMP
from tidegate.tables.rejected import Rejected, json_text, storable
from tidegate.tables.rows import Arrival
from tidegate.tables.system import BOOKKEEPING, REJECTED_WHOLE

MESSAGES_BYTES_MAX = 64_000_000
"""Most bytes of messages that one load keeps: each carries its schema, so they can outgrow their request."""

_SOME_INSTANT = {"anyOf": [{"type": "string", "format": "date-time"}, {}]}
"""The schema of a place where an instant stands, and anything else may."""

WHOLE_TABLE = Table(
    schema_name=BOOKKEEPING,
    name=REJECTED_WHOLE,
    columns=(
        Column(name="journal_id", type=Type.STRING),
        Column(name="position", type=Type.INTEGER),
        Column(name="place", type=Type.INTEGER),
        Column(name="schema_name", type=Type.STRING),
        Column(name="table_name", type=Type.STRING),
        Column(name="reason", type=Type.STRING),
        Column(name="request_id", type=Type.STRING),
        Column(name="rejected_at", type=Type.TIMESTAMP),
        Column(name="message", type=Type.STRING),
    ),
)
"""The rejected records of all schemas of a warehouse; they leave it by `Destination.forget` alone."""

WHOLE_CHANGES = (CreateSchema(schema_name=BOOKKEEPING), CreateTable(table=WHOLE_TABLE))
"""What is applied before rows are written into that table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeRecord:
    """A rejected record where it was sent: message number `row` of a batch. `table_name` is as sent."""

    schema_name: str
    arrival: Arrival
    row: int
    reason: str


def find_whole(
    schema_name: str, arrivals: Iterable[Arrival], rejected: Sequence[Rejected]
) -> list[WholeRecord]:
    """
    Return where rejected records were sent, each once, with all its reasons.

    What was never a record of its own (an element of a subtable) is not among them.
    """
    if not rejected:
        return []
    # The same objects come back, so identity tells records with equal contents apart.
    sent = {
        id(record): (arrival, row) for arrival in arrivals for row, record in enumerate(arrival.batch.data)
    }
    reasons: dict[int, list[str]] = {}
    for each in rejected:
        if id(each.record) in sent:
            reasons.setdefault(id(each.record), []).append(each.reason)
    return [
        WholeRecord(
            schema_name=schema_name,
            arrival=sent[key][0],
            row=sent[key][1],
            reason="; ".join(dict.fromkeys(told)),
        )
        for key, told in reasons.items()
    ]


def whole_part(journal_id: str, records: Sequence[WholeRecord], *, rejected_at_ms: int) -> Part:
    """
    Return what a load writes into `WHOLE_TABLE`.

    Beyond `MESSAGES_BYTES_MAX` a row has no message; the journal has its request.
    Units: milliseconds since 1970 UTC.
    """
    at = pa.scalar(rejected_at_ms * 1_000, pa.int64()).cast(TIMESTAMP)
    columns: Mapping[str, Any] = {
        "journal_id": pa.repeat(pa.scalar(journal_id), len(records)),
        "position": pa.array([each.arrival.position for each in records], pa.int64()),
        "place": pa.array([each.arrival.batch.places[each.row] for each in records], pa.int64()),
        "schema_name": pa.array([each.schema_name for each in records], pa.string()),
        "table_name": pa.array([storable(each.arrival.batch.table_name) for each in records], pa.string()),
        "reason": pa.array([storable(each.reason) for each in records], pa.string()),
        "request_id": pa.array([each.arrival.request_id for each in records], pa.string()),
        "rejected_at": pa.repeat(at, len(records)),
        "message": pa.array(_messages(records), pa.string()),
    }
    return Part(table=WHOLE_TABLE, rows=pa.table(columns))


def message_text(batch: Batch, row: int) -> str:
    """
    Return one message of a batch as a body of its own, every value as it was sent.

    Shape: an array with one record for push, without `client_id`; an object with one message for batch. A
    pushed record with instants, which only Transit can push, becomes a batch body whose schema names them.
    NaN and infinities, which JSON has not, are written as Python names them; nobody takes such a body.
    """
    instants = _instants(batch.data[row]) if batch.schema is None else None
    if instants is None:
        return _body(batch, row, None if batch.schema is None else json_text(batch.schema))
    keys: dict[str, Any] = {name: {} for name in batch.key_names}
    return _body(batch, row, json_text(instants | {"properties": keys | instants["properties"]}))


def _body(batch: Batch, row: int, schema_text: str | None) -> str:
    head: dict[str, Any] = {"table_name": batch.table_name}
    if batch.key_names:
        head["key_names"] = list(batch.key_names)
    if batch.table_version is not None:
        head["table_version"] = batch.table_version
    if batch.bookmark_names:
        head["bookmark_names"] = list(batch.bookmark_names)
    message: dict[str, Any] = {"action": "upsert", "sequence": batch.sequences[row]}
    if batch.extracted is not None and batch.extracted[row] is not None:
        message["time_extracted"] = batch.extracted[row]
    message["data"] = batch.data[row]
    if schema_text is None:
        return json_text([head | message])
    return f'{json_text(head)[:-1]},"schema":{schema_text},"messages":{json_text([message])}}}'


def _messages(records: Iterable[WholeRecord]) -> list[str | None]:
    messages: list[str | None] = []
    schemas: dict[int, str] = {}  # a schema takes longer to write than a record, and many records share it
    room = MESSAGES_BYTES_MAX
    for each in records:
        batch = each.arrival.batch
        text = ""
        if room > 0 and batch.schema is None:
            text = message_text(batch, each.row)
        elif room > 0:
            if id(batch.schema) not in schemas:
                schemas[id(batch.schema)] = json_text(batch.schema)
            text = _body(batch, each.row, schemas[id(batch.schema)])
        room -= len(text.encode())
        messages.append(text if room > 0 else None)
    return messages


def _instants(value: Record | Any) -> dict[str, Any] | None:
    """Return a schema that names the instants in a value, None when it has none."""
    if isinstance(value, datetime):
        return _SOME_INSTANT
    if isinstance(value, dict):
        found = {name: about for name, each in value.items() if (about := _instants(each)) is not None}
        return {"properties": found} if found else None
    if isinstance(value, list):
        return next(({"items": about} for each in value if (about := _instants(each)) is not None), None)
    return None
