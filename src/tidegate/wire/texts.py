"""
The validator's findings in the documented words: the one place where these two vocabularies meet.

Source: docs/specs/import-api.md, W55.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from jsonschema_rs import ValidationError

from tidegate.instants import INSTANT_FORMS
from tidegate.wire.keywords import target
from tidegate.wire.violations import Path, Violation, extraneous, found_name, shown

_EXPECTED = {
    "object": "JSONObject",
    "array": "JSONArray",
    "string": "String",
    "boolean": "Boolean",
    "integer": "Integer",
    "number": "Number",
    "null": "null",
}


def violations_of(errors: Iterable[ValidationError], data: Any, schema: Mapping[str, Any]) -> list[Violation]:
    """
    Put what the validator found into documented words.

    Shape: `data` is what was validated, so that values are shown with the digits sent; `schema` as compiled.
    """
    return _violations(list(errors), 0, data, schema)


def _violations(
    errors: Sequence[ValidationError], begin: int, data: Any, schema: Mapping[str, Any]
) -> list[Violation]:
    """Shape: the first `begin` elements of the errors' evaluation paths are dealt with."""
    found: list[Violation] = []
    shared: dict[tuple[Path, Path], dict[int, list[ValidationError]]] = {}
    totals: dict[tuple[Path, Path], int] = {}
    for error in errors:
        all_of = _first_all_of(error, begin, schema)
        if all_of is None:
            found += _plain(error, data, schema)
            continue
        end, levels, total = all_of
        branch = int(error.evaluation_path[end])
        key = (tuple(error.evaluation_path[:end]), tuple(error.instance_path[:levels]))
        shared.setdefault(key, {}).setdefault(branch, []).append(error)
        totals[key] = total
    for (place, path), branches in shared.items():
        holding = totals[place, path] - len(branches)
        message = f"#: only {holding} subschema matches out of {totals[place, path]}"
        inner = tuple(_violations(each, len(place) + 1, data, schema) for each in branches.values())
        found.append(Violation(path, message, inner))
    return found


def _plain(error: ValidationError, data: Any, schema: Mapping[str, Any]) -> list[Violation]:
    kind: Any = error.kind  # its attributes are those of its class, which is found by name
    path = tuple(error.instance_path)
    value = _value_at(data, path)
    name = type(kind).__name__
    if name in {"AdditionalProperties", "FalseSchema"}:
        # The second where no property is known: it names one key, and all are extraneous.
        return [
            extraneous(path, key) for key in (kind.unexpected if name == "AdditionalProperties" else value)
        ]
    if name == "Type":
        return [_type(path, _value_at(schema, tuple(error.schema_path)), value)]
    if name in {"AnyOf", "OneOfNotValid"}:
        total = len(kind.context)
        begin = len(error.evaluation_path) + 1
        inner = tuple(_violations(each, begin, data, schema) for each in kind.context)
        said = f"no subschema matched out of the total {total} subschemas"
        return [
            Violation(path, f"#: {said if name == 'AnyOf' else '0 subschemas matched instead of one'}", inner)
        ]
    if name == "OneOfMultipleValid":
        holding = sum(not each for each in kind.context)
        return [Violation(path, f"#: {holding} subschemas matched instead of one")]
    if name == "Required" and error.schema_path[-1] != "required":
        return [Violation(path, f"property [{shown(kind.property)}] is required")]
    say = _MESSAGES.get(name)
    return [Violation(path, say(kind, value) if say else error.message[:_OTHER_CHARS_MAX])]


_OTHER_CHARS_MAX = 500


def _type(path: Path, types: Any, value: Any) -> Violation:
    """Shape: `types` as the schema has them, in its order."""
    expected = next((each for each in types if each != "null"), "null") if isinstance(types, list) else types
    return Violation(path, f"expected: {_EXPECTED[expected]}, found: {found_name(value)}")


def _format(kind: Any, value: Any) -> str:
    said = f"[{shown(value)}] is not a valid {kind.format}"
    return f"{said}. Expected {INSTANT_FORMS}" if kind.format == "date-time" else said


_MESSAGES: dict[str, Callable[[Any, Any], str]] = {
    "Format": _format,
    "Required": lambda kind, _: f"required key [{shown(kind.property)}] not found",
    "MinItems": lambda kind, value: f"expected minimum item count: {kind.limit}, found: {len(value)}",
    "MaxItems": lambda kind, value: f"expected maximum item count: {kind.limit}, found: {len(value)}",
    "UniqueItems": lambda _, __: "array items are not unique",
    "AdditionalItems": lambda kind, value: f"expected: [{kind.limit}] array items, found: [{len(value)}]",
    "MinLength": lambda kind, value: f"expected minLength: {kind.limit}, actual: {len(value)}",
    "MaxLength": lambda kind, value: f"expected maxLength: {kind.limit}, actual: {len(value)}",
    "Pattern": lambda kind, value: f"string [{shown(value)}] does not match pattern {shown(kind.pattern)}",
    "BacktrackLimitExceeded": lambda _, value: f"string [{shown(value)}] takes too long to match the pattern",
    "Enum": lambda _, value: f"{shown(value)} is not a valid enum value",
    "Minimum": lambda kind, value: f"{shown(value)} is not greater or equal to {shown(kind.limit)}",
    "ExclusiveMinimum": lambda kind, value: f"{shown(value)} is not greater than {shown(kind.limit)}",
    "Maximum": lambda kind, value: f"{shown(value)} is not less or equal to {shown(kind.limit)}",
    "ExclusiveMaximum": lambda kind, value: f"{shown(value)} is not less than {shown(kind.limit)}",
    "MultipleOf": lambda kind, value: f"{shown(value)} is not a multiple of {shown(kind.multiple_of)}",
    "MinProperties": lambda kind, value: f"minimum size: [{kind.limit}], found: [{len(value)}]",
    "MaxProperties": lambda kind, value: f"maximum size: [{kind.limit}], found: [{len(value)}]",
    "Not": lambda kind, _: f"subject must not be valid against schema {shown(kind.schema)}",
}


def _value_at(data: Any, path: Path) -> Any:
    for part in path:
        data = data[part]
    return data


def _first_all_of(
    error: ValidationError, begin: int, schema: Mapping[str, Any]
) -> tuple[int, int, int] | None:
    """
    Find the first `allOf` an error lies under.

    Shape: -> index just behind it in the evaluation path, levels of data above it, number of its branches.
    """
    path = error.evaluation_path
    if "allOf" not in path[begin:]:
        return None
    here: Any = schema
    levels = 0
    i = 0
    while i < len(path):
        word = path[i]
        if word == "$ref":
            here = target(schema, here["$ref"])
            i += 1
            continue
        if word == "allOf" and i >= begin:
            return i + 1, levels, len(here["allOf"])
        if word not in _LEVELS:
            return None
        here = here[word]
        levels += _LEVELS[word]
        i += 1
        if word in _NAMED or isinstance(here, list):
            here = here[path[i]]
            i += 1
    return None


_NAMED = frozenset(("properties", "patternProperties", "dependencies"))
_LEVELS: dict[str | int, int] = {
    "properties": 1,
    "patternProperties": 1,
    "additionalProperties": 1,
    "items": 1,
    "additionalItems": 1,
    "dependencies": 0,
    "allOf": 0,
    "anyOf": 0,
    "oneOf": 0,
    "not": 0,
}
"""Keywords that hold subschemas, and how many levels of data each goes down."""
