"""
Push and validate: an array of records for any number of tables. Source: docs/specs/import-api.md, W20 to W34.

The short way decodes into `PushRecord` and looks at columns; whatever it does not take goes to
`push_rules`, which accepts it after all or names what is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeGuard

import msgspec
from msgspec import UNSET, UnsetType

from tidegate.decimals import double_number
from tidegate.errors import RecordsRefused
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
from tidegate.wire.pieces import PIECE_BYTES, first_with_too_many_points, hold_weight, pieces
from tidegate.wire.push_rules import PushRecord, keys_hold
from tidegate.wire.transit_records import check_transit, transit_records, transit_values


class _CutRecord(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A record whose data stays bytes until its turn comes."""

    client_id: int
    table_name: str
    sequence: int
    action: push_rules.Action
    key_names: list[str] | None = None
    data: msgspec.Raw | UnsetType = UNSET
    table_version: int | None = None
    namespace: str | None = None
    time_extracted: str | None = None
    bookmark_names: list[str] | None = None


_CUT = msgspec.json.Decoder(list[_CutRecord])
_DATA = msgspec.json.Decoder(list[dict[str, Any] | None], float_hook=double_number)
_RECORDS = msgspec.json.Decoder(list[PushRecord], float_hook=double_number)


def check_push(body: bytes, media_type: str, client_id: int) -> int:
    """
    Check a push body and return how many records it has.

    Shape: `client_id` is the account's id of the access token. Errors: MalformedBody, ArrayExpected,
    RecordCountOutOfBounds, ClientIdMissing, ClientMismatch, RecordsRefused.
    """
    records: list[PushRecord] | None
    if media_type == TRANSIT:
        looked_at = check_transit(body, client_id)
        if isinstance(looked_at, int):
            return looked_at
        records = looked_at
    else:
        if len(body) > PIECE_BYTES:
            count = _in_pieces(text_of(body), client_id)
            if count is not None:
                return count
            hold_weight(body)
        records = decode_as(_RECORDS, text_of(body))
    if not _are_sound(records, body) or {record.client_id for record in records} != {client_id}:
        records = push_rules.read_records(_values(body, media_type), client_id)
    return len(records)


def _in_pieces(text: bytes, client_id: int) -> int | None:
    """
    Return how many records a large JSON body has when they keep every rule; None when unsure.

    Errors: RecordsRefused for a record that is too large to be looked at, MalformedBody for one too deep.
    """
    records = decode_as(_CUT, text)
    if records is None or not 1 <= len(records) <= RECORDS_MAX:
        return None
    if {record.client_id for record in records} != {client_id}:
        return None
    upserts = [record for record in records if record.action == "upsert"]
    cut = [record.data for record in upserts if isinstance(record.data, msgspec.Raw)]
    if len(cut) < len(upserts) or not all(_holds(each, None) for each in records if each.action != "upsert"):
        return None
    if first_with_too_many_points(cut) is not None:
        raise RecordsRefused([{"data": [push_rules.TOO_MANY_POINTS]}])
    for begin, piece in pieces(cut):
        data = decode_as(_DATA, piece)
        if data is None or not all(map(_holds, upserts[begin:], data)):
            return None
        check_depth(data)
        if any(data_points(each or {}) > DATA_POINTS_MAX for each in data):
            return None
    return len(records)


def read_push(body: bytes, media_type: str) -> list[Batch]:
    """
    Read a push body that was accepted.

    Shape: batches in the order of their first record; within a table the order is the order sent. A new
    batch begins where `key_names`, `table_version` or `bookmark_names` change, and after an activation.
    Errors: a Refusal when the body was never accepted.
    """
    records = transit_records(body) if media_type == TRANSIT else decode_as(_RECORDS, text_of(body))
    if records is None or not all(_holds(record, record.data) for record in records):
        records = push_rules.read_records(_values(body, media_type), None)
    return _batches(records)


def _values(body: bytes, media_type: str) -> Any:
    return transit_values(body) if media_type == TRANSIT else decode_doubles(text_of(body))


def _are_sound(records: list[PushRecord] | None, body: bytes) -> TypeGuard[list[PushRecord]]:
    """Tell whether records surely keep every rule but those about `client_id`."""
    return (
        records is not None
        and 1 <= len(records) <= RECORDS_MAX
        and all(_holds(record, record.data) for record in records)
        and _data_holds(body, records)
    )


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


def _holds(record: PushRecord | _CutRecord, data: dict[str, Any] | None) -> bool:
    if not INT64_MIN <= record.sequence <= INT64_MAX or not record.table_name.strip():
        return False
    version = record.table_version
    if version is not None and not INT64_MIN <= version <= INT64_MAX:
        return False
    if record.action != "upsert":
        return version is not None
    if not record.key_names or not data:
        return False
    return keys_hold(record.key_names, data)


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
