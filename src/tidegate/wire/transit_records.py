"""The records of a Transit body: built column by column when they are alike, which they nearly always are."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any, get_args

import msgspec

from tidegate.wire.bounds import DATA_POINTS_MAX, INT64_MAX, INT64_MIN, KEY_CHARS_MAX, RECORDS_MAX
from tidegate.wire.push_rules import KEY_KINDS, Action, PushRecord
from tidegate.wire.transit import Alike, decode_columns, decode_transit, values_of
from tidegate.wire.transit_values import alike_or_like_them, datetime_text

_NONE = type(None)
_KINDS: dict[str, frozenset[type]] = {
    "client_id": frozenset((int,)),
    "table_name": frozenset((str,)),
    "sequence": frozenset((int,)),
    "action": frozenset((str,)),
    "key_names": frozenset((list, _NONE)),
    "data": frozenset((dict, _NONE)),
    "table_version": frozenset((int, _NONE)),
    "namespace": frozenset((str, _NONE)),
    "time_extracted": frozenset((str, datetime, _NONE)),
    "bookmark_names": frozenset((list, _NONE)),
}
"""What each field of `PushRecord` may hold, in the order of its arguments."""

_REQUIRED = frozenset(("client_id", "table_name", "sequence", "action"))
_ACTIONS = frozenset(get_args(Action))


def transit_values(body: bytes) -> Any:
    """
    Decode a Transit body into what the rules of push look at.

    An instant in `time_extracted` becomes the text it is in JSON. Errors: MalformedBody.
    """
    return _with_texts(decode_transit(body))


def transit_records(body: bytes) -> list[PushRecord] | None:
    """Decode a Transit body into records; None when its shape is another. Errors: MalformedBody."""
    return _records(decode_columns(body))


def check_transit(body: bytes, client_id: int) -> int | list[PushRecord] | None:
    """
    Look at a Transit push body, whose values are of no interest.

    Shape: how many records it has when they are alike, flat, and surely keep every rule; else the records, of
    which instants may be others', or None when their shape is another. Errors: MalformedBody.
    """
    read = decode_columns(body, alike_or_like_them)
    if isinstance(read, Alike):
        count = _count(body, dict(zip(read.names, read.columns, strict=True)), client_id)
        if count is not None:
            return count
    return _records(read)


def _count(body: bytes, records: dict[str, Sequence[Any] | Alike], client_id: int) -> int | None:
    """Return how many upserts with flat data there are when they surely keep the rules, those of `push`."""
    data, key_names = records.pop("data", None), records.pop("key_names", None)
    if (
        not isinstance(data, Alike)
        or not isinstance(key_names, Sequence)
        or set(map(type, key_names)) != {list}
    ):
        return None
    if not _TEXT.issuperset(map(type, chain.from_iterable(key_names))):
        return None
    # Each record opens itself, its data and its key names; brackets in texts only make it unsure.
    if b"{" in body or body.count(b"[") > 1 + 3 * len(key_names) or len(key_names) > RECORDS_MAX:
        return None
    columns = {name: values_of(column) for name, column in records.items()}
    versions = [each for each in columns.get("table_version", ()) if each is not None]
    holds = (
        _are_of_records(columns)
        and set(columns["action"]) == {"upsert"}
        and set(columns["client_id"]) == {client_id}
        and all(map(str.strip, set(columns["table_name"])))
        and _are_int64(columns["sequence"])
        and (not versions or _are_int64(versions))
        and len(data.names) <= DATA_POINTS_MAX
        and _keys_hold(set(map(tuple, key_names)), dict(zip(data.names, data.columns, strict=True)))
    )
    return len(key_names) if holds else None


def _records(read: Any) -> list[PushRecord] | None:
    if isinstance(read, Alike):
        return _built(dict(zip(read.names, map(values_of, read.columns), strict=True)))
    try:
        return msgspec.convert(_with_texts(read), list[PushRecord])
    except msgspec.ValidationError:
        return None


def _with_texts(values: Any) -> Any:
    for value in values if type(values) is list else ():
        if type(value) is dict and type(moment := value.get("time_extracted")) is datetime:
            value["time_extracted"] = datetime_text(moment)
    return values


def _built(columns: Mapping[str, Sequence[Any]]) -> list[PushRecord] | None:
    if not _are_of_records(columns):
        return None
    absent = [None] * len(columns["action"])
    arguments = {name: columns.get(name, absent) for name in _KINDS}
    arguments["time_extracted"] = [
        datetime_text(each) if type(each) is datetime else each for each in arguments["time_extracted"]
    ]
    return list(map(PushRecord, *arguments.values()))


def _are_of_records(columns: Mapping[str, Sequence[Any]]) -> bool:
    """Tell whether columns have what `PushRecord` may hold; those that it may do without can be left out."""
    if not _REQUIRED <= columns.keys() <= _KINDS.keys():
        return False
    if any(not _KINDS[name].issuperset(map(type, column)) for name, column in columns.items()):
        return False
    if not _ACTIONS.issuperset(columns["action"]):
        return False
    for name in ("key_names", "bookmark_names"):
        named = chain.from_iterable(each or () for each in columns.get(name, ()))
        if not _TEXT.issuperset(map(type, named)):
            return False
    return True


def _are_int64(column: Sequence[int]) -> bool:
    return min(column) >= INT64_MIN and max(column) <= INT64_MAX


def _keys_hold(key_names: Collection[Sequence[Any]], data: Mapping[Any, Sequence[Any] | Alike]) -> bool:
    """Tell whether every key that any record names holds in all records."""
    for name in set(chain.from_iterable(key_names)):
        column = data.get(name)
        if column is None or isinstance(column, Alike) or not KEY_KINDS.issuperset(map(type, column)):
            return False
        if max((len(each) for each in column if type(each) is str), default=0) > KEY_CHARS_MAX:
            return False
    return all(key_names)


_TEXT = frozenset((str,))
