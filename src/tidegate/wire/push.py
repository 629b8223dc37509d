"""
Push and validate: an array of records for any number of tables. Source: docs/specs/import-api.md, W20 to W34.

The short way decodes into `PushRecord` and looks at columns; whatever it does not take goes to
`push_rules`, which accepts it after all or names what is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from tidegate.decimals import double_number
from tidegate.records import Batch
from tidegate.wire import push_rules
from tidegate.wire.bounds import (
    DATA_POINTS_MAX,
    INT64_MAX,
    INT64_MIN,
    RECORDS_MAX,
    check_depth,
    data_points,
    nested_opens,
)
from tidegate.wire.content import TRANSIT
from tidegate.wire.decode import decode_as, decode_doubles, text_of
from tidegate.wire.push_rules import PushRecord, keys_hold
from tidegate.wire.transit_records import transit_records, transit_values

_RECORDS = msgspec.json.Decoder(list[PushRecord], float_hook=double_number)


def check_push(body: bytes, media_type: str, client_id: int) -> int:
    """
    Check a push body and return how many records it has.

    Shape: `client_id` is the account's id of the access token. Errors: MalformedBody, ArrayExpected,
    RecordCountOutOfBounds, ClientIdMissing, ClientMismatch, RecordsRefused.
    """
    records = _short_way(body, media_type)
    if records is None or {record.client_id for record in records} != {client_id}:
        records = push_rules.read_records(_values(body, media_type), client_id)
    return len(records)


def read_push(body: bytes, media_type: str) -> list[Batch]:
    """
    Read a push body that was accepted.

    Shape: batches in the order of their first record; within a table the order is the order sent. A new
    batch begins where `key_names`, `table_version` or `bookmark_names` change, and after an activation.
    Errors: a Refusal when the body was never accepted.
    """
    records = _decoded(body, media_type)
    if records is None or not all(map(_holds, records)):
        records = push_rules.read_records(_values(body, media_type), None)
    return _batches(records)


def _values(body: bytes, media_type: str) -> Any:
    return transit_values(body) if media_type == TRANSIT else decode_doubles(text_of(body))


def _decoded(body: bytes, media_type: str) -> list[PushRecord] | None:
    """Decode the short way; None when that does not do. Errors: MalformedBody, of Transit."""
    return transit_records(body) if media_type == TRANSIT else decode_as(_RECORDS, text_of(body))


def _short_way(body: bytes, media_type: str) -> list[PushRecord] | None:
    """Return the records when they keep every rule but those about `client_id`; None when unsure."""
    records = _decoded(body, media_type)
    if records is None or not 1 <= len(records) <= RECORDS_MAX or not all(map(_holds, records)):
        return None
    return records if _data_holds(body, records) else None


def _data_holds(text: bytes, records: Sequence[PushRecord]) -> bool:
    """Tell whether no record has too many data points. Errors: MalformedBody when one is too deep."""
    data = [record.data for record in records if record.action == "upsert" and record.data is not None]
    # A record opens itself, an upsert also its `data` and its `key_names`; what is left may be nested data.
    if nested_opens(text, 1 + len(records) + 2 * len(data)) > 0:
        check_depth(data)
        return text.count(b",") < DATA_POINTS_MAX or all(
            data_points(each) <= DATA_POINTS_MAX for each in data
        )
    return max(map(len, data), default=0) <= DATA_POINTS_MAX


def _holds(record: PushRecord) -> bool:
    if not INT64_MIN <= record.sequence <= INT64_MAX or not record.table_name.strip():
        return False
    version = record.table_version
    if version is not None and not INT64_MIN <= version <= INT64_MAX:
        return False
    if record.action != "upsert":
        return version is not None
    if not record.key_names or not record.data:
        return False
    return keys_hold(record.key_names, record.data)


def _batches(records: Sequence[PushRecord]) -> list[Batch]:
    """Cut the records into runs; one pass, each table has at most one run open."""
    runs: list[_Run] = []
    opened: dict[str, _Run] = {}
    for place, record in enumerate(records):
        run = opened.get(record.table_name)
        if run is None or not run.takes(record):
            run = _Run(record)
            runs.append(run)
            opened[record.table_name] = run
        if record.action == "upsert":
            run.places.append(place)
            run.records.append(record)
        else:
            run.activates = True
            del opened[record.table_name]
    return [run.batch() for run in runs]


class _Run:
    """Records of one table that one batch can hold."""

    __slots__ = ("activates", "head", "places", "records")

    def __init__(self, head: PushRecord) -> None:
        self.head = head
        self.places: list[int] = []
        self.records: list[PushRecord] = []
        self.activates = False

    def takes(self, record: PushRecord) -> bool:
        head = self.head
        return record.table_version == head.table_version and (
            record.action != "upsert"
            or (record.key_names == head.key_names and record.bookmark_names == head.bookmark_names)
        )

    def batch(self) -> Batch:
        head = self.head
        extracted = [record.time_extracted for record in self.records]
        return Batch(
            table_name=head.table_name,
            key_names=tuple(dict.fromkeys(head.key_names or ())) if self.records else (),
            schema=None,
            table_version=head.table_version,
            bookmark_names=tuple(head.bookmark_names or ()),
            sequences=[record.sequence for record in self.records],
            data=[record.data for record in self.records if record.data is not None],
            places=self.places,
            extracted=extracted if any(extracted) else None,
            activates=self.activates,
        )
