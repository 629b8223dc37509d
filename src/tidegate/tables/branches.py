"""
What a JSON Schema says about a field: the branches a value may take.

Source: docs/specs/loading.md, L20 to L24.

A schema here is of Draft 4 and was accepted with its request; what it says wrongly counts as not said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any


class Branch(Enum):
    """One way to read a value. The comments name the schema that asks for it."""

    INTEGER = "integer"  # type integer
    NUMBER = "number"  # type number
    DECIMAL = "decimal"  # type number with multipleOf
    INSTANT = "date-time"  # type string with that format
    DECIMAL_TEXT = "singer.decimal"  # type string with that format
    DATE = "date"  # type string with that format
    STRING = "string"  # type string
    BOOLEAN = "boolean"
    OBJECT = "object"
    ARRAY = "array"


Branches = tuple[Branch, ...]
"""In the order they are tried. Empty: by value."""

_FORMATS = {"date-time": Branch.INSTANT, "singer.decimal": Branch.DECIMAL_TEXT, "date": Branch.DATE}
_PLAIN = {
    "integer": Branch.INTEGER,
    "boolean": Branch.BOOLEAN,
    "object": Branch.OBJECT,
    "array": Branch.ARRAY,
}
_KINDS = {*_PLAIN, "number", "string"}
_DEPTH_MAX = 8  # anyOf within anyOf; the wire bounds schemas at 100 levels, people write two


def schema_at(schema: Any, path: Sequence[str]) -> Any:
    """Return the schema of what stands at a path, None when nothing describes it."""
    for name in path:
        schema = _properties(schema).get(name)
    return schema


def element_schema(schema: Any) -> Mapping[str, Any] | None:
    """
    Return what describes the elements of an array, as the schema of a record.

    Shape: elements that are no objects stand under `value`.
    """
    items = next((each["items"] for each in _options(schema) if isinstance(each.get("items"), dict)), None)
    return None if items is None else {"properties": {"value": items} | _properties(items)}


def _properties(schema: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for option in _options(schema):
        properties = option.get("properties")
        found = (properties | found) if isinstance(properties, dict) else found
    return found


def _options(schema: Any, depth: int = 0) -> list[Mapping[str, Any]]:
    """Return a schema and all its alternatives."""
    if not isinstance(schema, dict) or depth > _DEPTH_MAX:
        return []
    options: list[Mapping[str, Any]] = [schema]
    for word in ("anyOf", "oneOf"):
        listed = schema.get(word)
        for option in listed if isinstance(listed, list) else ():
            options += _options(option, depth + 1)
    return options


def branches(schema: Any, depth: int = 0) -> Branches:
    """
    Return the branches of one field's schema.

    Order: as listed, but integer before other numbers and plain string after formatted ones, so that the
    more exact reading wins.
    """
    if not isinstance(schema, dict) or depth > _DEPTH_MAX:
        return ()
    found: dict[Branch, None] = {}
    for kind in _kinds(schema):
        found[_branch(kind, schema)] = None
    for word in ("anyOf", "oneOf"):
        options = schema.get(word)
        for option in options if isinstance(options, list) else ():
            found.update(dict.fromkeys(branches(option, depth + 1)))
    return tuple(sorted(found, key=_exactness))


def _kinds(schema: Mapping[str, Any]) -> list[str]:
    kinds = schema.get("type")
    listed = kinds if isinstance(kinds, list) else [kinds]
    known = [kind for kind in listed if isinstance(kind, str) and kind in _KINDS]
    if not known and kinds is None:
        # Without a type, a format still speaks about strings and multipleOf about numbers.
        known += ["string"] if _format(schema) is not Branch.STRING else []
        known += ["number"] if "multipleOf" in schema else []
    return known


def _branch(kind: str, schema: Mapping[str, Any]) -> Branch:
    if kind == "number":
        return Branch.DECIMAL if "multipleOf" in schema else Branch.NUMBER
    return _format(schema) if kind == "string" else _PLAIN[kind]


def _format(schema: Mapping[str, Any]) -> Branch:
    word = schema.get("format")
    return _FORMATS.get(word, Branch.STRING) if isinstance(word, str) else Branch.STRING


def _exactness(branch: Branch) -> int:
    return {Branch.INTEGER: 0, Branch.STRING: 2}.get(branch, 1)
