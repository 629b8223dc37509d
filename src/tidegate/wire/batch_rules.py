"""
The careful way of batch: the envelope, the keys and each record, with every documented text.

Source: docs/specs/import-api.md, W40 to W49.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn

from tidegate.errors import BatchRefused
from tidegate.wire.bounds import (
    DATA_POINTS_MAX,
    INT64_MAX,
    INT64_MIN,
    KEY_CHARS_MAX,
    RECORDS_MAX,
    check_depth,
    data_points,
)
from tidegate.wire.schemas import CompiledSchema, SchemaCache
from tidegate.wire.violations import (
    Path,
    Violation,
    extraneous,
    missing,
    shown,
    violations_text,
    wrong_type,
)

_TOP = {
    "table_name": "String",
    "schema": "JSONObject",
    "key_names": "JSONArray",
    "table_version": "Integer",
    "bookmark_names": "JSONArray",
    "messages": "JSONArray",
}
_TOP_REQUIRED = ("table_name", "schema", "messages")
_ACTIVATE = {"action": "String", "sequence": "Integer"}
_UPSERT = {"action": "String", "sequence": "Integer", "data": "JSONObject", "time_extracted": "String"}
_PYTHON = {"String": str, "JSONObject": dict, "JSONArray": list, "Integer": int}


def check_values(values: Any, schemas: SchemaCache, text: bytes) -> int:
    """
    Check a decoded batch body in the documented order and return how many messages it has.

    Shape: `text` is the body, by whose size the work is bounded.

    Errors: BatchRefused, MalformedBody when data is nested too deeply.
    """
    check_envelope(values)
    schema = schemas.compile(values["schema"])
    schema.hold_affordable(text, len(values["messages"]))
    check_key_names(values.get("key_names", ()), schema)
    for place, message in enumerate(values["messages"]):
        if message["action"] == "upsert":
            check_record(place, message["data"], values.get("key_names", ()), schema)
    return len(values["messages"])


def check_envelope(values: Any) -> None:
    """Check all of a batch body but its schema and what that says of the data. Errors: BatchRefused."""
    found = list(_top_violations(values))
    if found:
        _refuse(f"Request failed validation:{violations_text(found)}")
    check_depth(message["data"] for message in values["messages"] if "data" in message)
    numbers = {"sequence": [message["sequence"] for message in values["messages"]]}
    numbers["table_version"] = [values["table_version"]] if "table_version" in values else []
    for name, given in numbers.items():
        if any(each > INT64_MAX for each in given):
            _refuse(f"Request failed validation:#: {name} can not be above {INT64_MAX}")
        if any(each < INT64_MIN for each in given):
            _refuse(f"Request failed validation:#: {name} can not be below {INT64_MIN}")


def _refuse(text: str) -> NoReturn:
    raise BatchRefused(text)


def _top_violations(values: Any) -> Iterator[Violation]:
    if type(values) is not dict:
        yield wrong_type((), "JSONObject", values)
        return
    yield from _object_violations((), values, _TOP_REQUIRED, _TOP)
    if values.get("table_name") == "":
        yield Violation(("table_name",), "expected minLength: 1, actual: 0")
    for name in ("key_names", "bookmark_names"):
        given = values.get(name)
        for i, each in enumerate(given if type(given) is list else ()):
            if type(each) is not str:
                yield wrong_type((name, i), "String", each)
    messages = values.get("messages")
    if type(messages) is list:
        yield from _messages_violations(messages)


def _object_violations(
    path: Path, values: Mapping[str, Any], required: Sequence[str], known: Mapping[str, str]
) -> Iterator[Violation]:
    """Missing keys, keys too many, values of another type: in that order, as the library does."""
    for name in required:
        if name not in values:
            yield missing(path, name)
    for name in values:
        if name not in known:
            yield extraneous(path, name)
    for name, expected in known.items():
        if name in values and type(values[name]) is not _PYTHON[expected]:
            yield wrong_type((*path, name), expected, values[name])


def _messages_violations(messages: Sequence[Any]) -> Iterator[Violation]:
    if not messages:
        yield Violation(("messages",), "expected minimum item count: 1, found: 0")
    if len(messages) > RECORDS_MAX:
        said = f"expected maximum item count: {RECORDS_MAX}, found: {len(messages)}"
        yield Violation(("messages",), said)
        return
    for i, message in enumerate(messages):
        path = ("messages", i)
        activate = _message_violations(path, message, ("activate_version", "switch_view"), _ACTIVATE)
        if not activate:
            continue
        upsert = _message_violations(path, message, ("upsert",), _UPSERT)
        if upsert:
            yield Violation(path, "#: 0 subschemas matched instead of one", (activate, upsert))
            return


def _message_violations(
    path: Path, message: Any, actions: Sequence[str], known: Mapping[str, str]
) -> list[Violation]:
    """What keeps a message from one of its two shapes; its action counts only when nothing else does."""
    if type(message) is not dict:
        return [wrong_type(path, "JSONObject", message)]
    required = [name for name in known if name != "time_extracted"]
    found = list(_object_violations(path, message, required, known))
    found = [each for each in found if each.path != (*path, "action")]
    if not found and message["action"] not in actions:
        found.append(Violation((*path, "action"), f"{shown(message['action'])} is not a valid enum value"))
    return found


def check_key_names(key_names: Sequence[str], schema: CompiledSchema) -> None:
    """Hold that every key is a property of the schema. Errors: BatchRefused."""
    for name in key_names:
        if name not in schema.properties:
            said = f"key [{shown(name)}] is not a property of the schema"
            _refuse(f"Request failed validation:#/key_names: {said}")


def check_record(place: int, data: dict[str, Any], key_names: Sequence[str], schema: CompiledSchema) -> None:
    """Check one upsert's data in the documented order. Errors: BatchRefused."""
    for name in key_names:
        if data.get(name) is None:
            _refuse(f"Record is missing key property {shown(name)}")
    if data_points(data) > DATA_POINTS_MAX:
        refuse_points(place)
    if not schema.is_valid(data):
        text = violations_text(schema.violations(data))
        _refuse(f"Record {place} did not conform to schema: {text}")
    for name in key_names:
        if isinstance(data[name], dict | list):
            _refuse(f"Record key property {shown(name)} must be a scalar value")
        if isinstance(data[name], str) and len(data[name]) > KEY_CHARS_MAX:
            _refuse(f"String keys cannot be longer than {KEY_CHARS_MAX} characters")


def refuse_points(place: int) -> NoReturn:
    """Refuse the record at a place for its data points. Errors: BatchRefused."""
    _refuse(f"Record {place} cannot contain more than {DATA_POINTS_MAX} data points")
