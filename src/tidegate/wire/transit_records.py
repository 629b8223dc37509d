"""The records of a Transit body: built column by column when they are alike, which they nearly always are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import chain
from typing import Any, get_args

import msgspec

from tidegate.wire.push_rules import Action, PushRecord
from tidegate.wire.transit import Alike, decode_columns, decode_transit
from tidegate.wire.transit_values import datetime_text

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
    read = decode_columns(body)
    if isinstance(read, Alike):
        return _built(dict(zip(read.names, read.columns, strict=True)), len(read.columns[0]))
    try:
        return msgspec.convert(_with_texts(read), list[PushRecord])
    except msgspec.ValidationError:
        return None


def _with_texts(values: Any) -> Any:
    for value in values if type(values) is list else ():
        if type(value) is dict and type(moment := value.get("time_extracted")) is datetime:
            value["time_extracted"] = datetime_text(moment)
    return values


def _built(columns: dict[str, Sequence[Any]], count: int) -> list[PushRecord] | None:
    if not _REQUIRED <= columns.keys() <= _KINDS.keys():
        return None
    if any(not _KINDS[name].issuperset(map(type, column)) for name, column in columns.items()):
        return None
    if not _ACTIONS.issuperset(columns["action"]):
        return None
    for name in ("key_names", "bookmark_names"):
        named = chain.from_iterable(each or () for each in columns.get(name, ()))
        if not _TEXT.issuperset(map(type, named)):
            return None
    absent = [None] * count
    arguments = {name: columns.get(name, absent) for name in _KINDS}
    arguments["time_extracted"] = [
        datetime_text(each) if type(each) is datetime else each for each in arguments["time_extracted"]
    ]
    return list(map(PushRecord, *arguments.values()))


_TEXT = frozenset((str,))
