"""
Schemas without references and `allOf`: what they say of types, written out.

The API follows references and checks all of `allOf`; types are told from the same.
Source: docs/specs/loading.md, L21a.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

NODES_MAX = 10_000
"""Most schemas that are written out: references within references multiply, people's have hundreds."""

DEPTH_MAX = 100
"""How deep references are followed; a schema that refers to itself never ends."""

_OF_VALUES = ("type", "format", "multipleOf")
_OPTIONS = ("anyOf", "oneOf")
_SPREAD = ("$ref", "allOf")

Schema = Mapping[str, Any]


def plain_schema(schema: Schema | None) -> Schema | None:
    """
    Return a schema that says the same of types without references and `allOf`, itself when it has neither.

    Shape: what lies deeper than is followed says nothing, so values there have the type of their JSON.
    """
    if schema is None or not _spreads(schema):
        return schema
    return _Writer(schema).written(schema, 0)


def _spreads(schema: Any) -> bool:
    waiting = [schema]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            if not each.keys().isdisjoint(_SPREAD):
                return True
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each
    return False


class _Writer:
    """Writes schemas out, as many as there is room for."""

    def __init__(self, root: Schema) -> None:
        self._root = root
        self._room = NODES_MAX

    def written(self, schema: Any, depth: int) -> dict[str, Any]:
        """Return what a schema says of types."""
        self._room -= 1
        if not isinstance(schema, dict) or self._room < 0 or depth > DEPTH_MAX:
            return {}
        if isinstance(schema.get("$ref"), str):  # beside which Draft 4 has nothing count
            return self.written(_target(self._root, schema["$ref"]), depth + 1)
        said: dict[str, Any] = {word: schema[word] for word in _OF_VALUES if word in schema}
        properties = schema.get("properties")
        if isinstance(properties, dict):
            said["properties"] = {name: self.written(each, depth + 1) for name, each in properties.items()}
        if isinstance(schema.get("items"), dict):
            said["items"] = self.written(schema["items"], depth + 1)
        for word in _OPTIONS:
            if isinstance(schema.get(word), list):
                said[word] = [self.written(each, depth + 1) for each in schema[word]]
        parts = schema.get("allOf")
        for part in parts if isinstance(parts, list) else ():
            said = _both(said, self.written(part, depth + 1))
        return said


def _both(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Return what two schemas of one value say together; where they differ, the first counts."""
    both = second | first
    for word in ("properties", "items"):
        if word in first and word in second:
            both[word] = (
                _each(first[word], second[word]) if word == "properties" else _both(first[word], second[word])
            )
    if "type" in first and "type" in second:
        both["type"] = _common(first["type"], second["type"])
    return both


def _each(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _both(first.get(name, {}), second.get(name, {})) for name in dict.fromkeys((*first, *second))
    }


def _common(first: Any, second: Any) -> Any:
    """Return the types that both name; those of the first when there are none."""
    listed, others = (each if isinstance(each, list) else [each] for each in (first, second))
    return [kind for kind in listed if kind in others] or first


_ESCAPED = re.compile("(?:%[0-9a-fA-F]{2})+")


def _character(escapes: re.Match[str]) -> str:
    return bytes.fromhex(escapes[0].replace("%", "")).decode(errors="replace")


def _target(root: Schema, reference: str) -> Any:
    """Return what a local reference names; None when that is nothing."""
    if not reference.startswith("#"):
        return None
    found: Any = root
    for raw in _ESCAPED.sub(_character, reference[1:]).split("/")[1:]:
        name = raw.replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict):
            found = found.get(name)
        elif isinstance(found, list) and name.isascii() and name.isdigit() and len(name) < 6:
            found = found[int(name)] if int(name) < len(found) else None
        else:
            return None
    return found
