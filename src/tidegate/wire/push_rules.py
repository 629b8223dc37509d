"""
The careful way of push: record by record, every rule, every documented text.

Source: docs/specs/import-api.md, W20 to W34.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

import msgspec

from tidegate.errors import (
    ArrayExpected,
    ClientIdMissing,
    ClientMismatch,
    RecordCountOutOfBounds,
    RecordsRefused,
)
from tidegate.wire.bounds import (
    DATA_POINTS_MAX,
    ECHO_CHARS_MAX,
    INT64_MAX,
    INT64_MIN,
    KEY_CHARS_MAX,
    RECORDS_MAX,
    check_depth,
    data_points,
)

Reasons = dict[str, list[str]]

_REASONS_MAX = 100
"""Most records, and most unknown keys of one record, that one answer names."""


TOO_MANY_POINTS = f"data cannot contain more than {DATA_POINTS_MAX} data points"

Action = Literal["upsert", "switch_view", "activate_version"]


class PushRecord(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """One element of a push body. Optional fields that are null count as absent."""

    client_id: int
    table_name: str
    sequence: int
    action: Action
    key_names: list[str] | None = None
    data: dict[str, Any] | None = None
    table_version: int | None = None
    namespace: str | None = None
    time_extracted: str | None = None
    bookmark_names: list[str] | None = None


_FIELDS = PushRecord.__struct_fields__
_ACTIVATIONS = ("switch_view", "activate_version")
KEY_KINDS = frozenset((str, int, float, bool, Decimal, datetime))


def keys_hold(key_names: Sequence[str], data: Mapping[str, Any]) -> bool:
    """Tell whether every key is in `data`, is a scalar, and is not too long."""
    for name in key_names:
        value = data.get(name)
        if type(value) not in KEY_KINDS or (type(value) is str and len(value) > KEY_CHARS_MAX):
            return False
    return True


def read_records(values: Any, client_id: int | None) -> list[PushRecord]:
    """
    Check decoded push values in the documented order, and return the records.

    Shape: `client_id` is the access token's; None when the records were accepted before.
    Errors: ArrayExpected, RecordCountOutOfBounds, ClientIdMissing, ClientMismatch, RecordsRefused,
    MalformedBody when data is nested too deeply.
    """
    if type(values) is not list or not values:
        raise ArrayExpected
    if len(values) > RECORDS_MAX:
        raise RecordCountOutOfBounds
    if any(type(value) is not dict for value in values):
        raise ArrayExpected
    check_depth(inner for value in values for inner in value.values())
    _check_clients(values, client_id)
    _refuse(_record_reasons(value) for value in values)
    return [_record(value) for value in values]


def _refuse(found: Iterable[Reasons]) -> None:
    reasons: list[Reasons] = []
    for each in found:
        if each:
            reasons.append(each)
            if len(reasons) == _REASONS_MAX:
                break
    if reasons:
        raise RecordsRefused(reasons)


def _check_clients(values: Sequence[dict[str, Any]], client_id: int | None) -> None:
    clients = [value.get("client_id") for value in values]
    if None in clients:
        raise ClientIdMissing
    _refuse({"client_id": said} if (said := _integer(client)) else {} for client in clients)
    if client_id is None:
        return
    if any(client != clients[0] for client in clients):
        only = f"Only client_id {client_id} is allowed"
        raise RecordsRefused([f"The batch contains data points for multiple clients. {only}"])
    if clients[0] != client_id:
        raise ClientMismatch


def _record_reasons(value: dict[str, Any]) -> Reasons:
    """All that is wrong with one record, field by field; empty when nothing is."""
    reasons: Reasons = {}
    activates = value.get("action") in _ACTIVATIONS
    required = {"table_name", "sequence", "action"}
    required |= {"table_version"} if activates else {"key_names", "data"}
    for name, check in _CHECKS.items():
        if activates and name in {"key_names", "data"}:
            continue
        given = value.get(name)
        if name in required and _is_blank(given):
            reasons[name] = ["can't be blank"]
        elif given is not None and (said := check(given)):
            reasons[name] = said
    if not activates and "data" not in reasons and (said := _data(value, "key_names" not in reasons)):
        reasons["data"] = said
    unknown = [name for name in value if name not in _FIELDS]
    return reasons | {name[:ECHO_CHARS_MAX]: ["unknown key"] for name in unknown[:_REASONS_MAX]}


def _is_blank(given: Any) -> bool:
    return given is None or given == [] or (isinstance(given, str) and not given.strip())


def _integer(given: Any) -> list[str]:
    """Hold that a value is a whole number of 64 bits."""
    if type(given) not in {int, float, Decimal}:
        return ["should be an integer", "should be a number"]
    if given != given or given in _INFINITIES or given != int(given):  # noqa: PLR0124 - only a NaN differs
        return ["should be an integer"]
    if given > INT64_MAX:
        return [f"can not be above {INT64_MAX}"]
    if given < INT64_MIN:
        return [f"can not be below {INT64_MIN}"]
    return []


_INFINITIES = (float("inf"), float("-inf"))


def _string(given: Any) -> list[str]:
    return [] if type(given) is str else ["should be a string"]


def _strings(given: Any) -> list[str]:
    if type(given) is list and all(type(each) is str for each in given):
        return []
    return ["should be an array of strings"]


def _action(given: Any) -> list[str]:
    if type(given) is not str:
        return ["should be a string"]
    return [] if given == "upsert" or given in _ACTIVATIONS else ["should be upsert or switch_view"]


def _object(given: Any) -> list[str]:
    return [] if type(given) is dict else ["data must be an object"]


_CHECKS: dict[str, Callable[[Any], list[str]]] = {
    "table_name": _string,
    "sequence": _integer,
    "action": _action,
    "key_names": _strings,
    "data": _object,
    "table_version": _integer,
    "namespace": _string,
    "time_extracted": _string,
    "bookmark_names": _strings,
}


def _data(value: dict[str, Any], keys_known: bool) -> list[str]:
    """The first rule about keys or data points that `data` breaks."""
    data: dict[str, Any] = value["data"]
    keys: list[str] = value["key_names"] if keys_known else []
    if not data or any(name not in data for name in keys):
        return ["data must include keys"]
    found = [data[name] for name in keys]
    if any(each is None for each in found):
        return ["keys cannot not be null in data"]
    if any(isinstance(each, dict | list) for each in found):
        return ["keys must be scalar values"]
    if any(isinstance(each, str) and len(each) > KEY_CHARS_MAX for each in found):
        return [f"String keys cannot be longer than {KEY_CHARS_MAX} characters"]
    if data_points(data) > DATA_POINTS_MAX:
        return [TOO_MANY_POINTS]
    return []


def _record(value: dict[str, Any]) -> PushRecord:
    """Build a record from values that keep every rule; whole numbers written as 1.0 become integers."""
    fields = {name: given for name, given in value.items() if given is not None}
    for name in ("client_id", "sequence", "table_version"):
        if name in fields:
            fields[name] = int(fields[name])
    if value["action"] in _ACTIVATIONS:
        fields.pop("data", None)
        fields.pop("key_names", None)
    return PushRecord(**fields)
