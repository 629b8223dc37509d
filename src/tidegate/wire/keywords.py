"""Where a JSON Schema (Draft 4) holds further schemas, and what a local reference points to."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

BY_NAME = ("properties", "patternProperties", "definitions", "dependencies")
LISTED = ("allOf", "anyOf", "oneOf", "items")
SINGLE = ("not", "items", "additionalItems", "additionalProperties")
HOLDERS = tuple(dict.fromkeys((*BY_NAME, *LISTED, *SINGLE)))

SAME_VALUE = ("allOf", "anyOf", "oneOf", "not", "dependencies")
"""Keywords whose schemas look at the value itself; those of the others look at what is inside it."""


def with_subschemas(schema: dict[str, Any], change: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    """Copy a schema, with `change` done to each schema directly inside."""
    copy = dict(schema)
    for keyword in BY_NAME:
        if isinstance(found := copy.get(keyword), dict):
            copy[keyword] = {
                key: change(each) if isinstance(each, dict) else each for key, each in found.items()
            }
    for keyword in LISTED:
        if isinstance(found := copy.get(keyword), list):
            copy[keyword] = [change(each) if isinstance(each, dict) else each for each in found]
    for keyword in SINGLE:
        if isinstance(found := copy.get(keyword), dict):
            copy[keyword] = change(found)
    return copy


def subschemas(schema: Mapping[str, Any], keyword: str) -> Iterator[Mapping[str, Any]]:
    """Give the schemas that one keyword holds."""
    found = schema.get(keyword)
    if isinstance(found, dict):
        held = found.values() if keyword in BY_NAME else (found,)
        yield from (each for each in held if isinstance(each, dict))
    elif isinstance(found, list):
        yield from (each for each in found if isinstance(each, dict))


def target(schema: Mapping[str, Any], reference: str) -> Any:
    """Return what a local reference (`#/definitions/x`) points to; None when that is nothing."""
    here: Any = schema
    for part in _PERCENT.sub(_decoded, reference).removeprefix("#").split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(here, dict):
            here = here.get(name)
        elif isinstance(here, list) and _INDEX(name) and int(name) < len(here):
            here = here[int(name)]
        else:
            return None
    return here


_INDEX = re.compile("0|[1-9][0-9]{0,8}").fullmatch
_PERCENT = re.compile("(?:%[0-9a-fA-F]{2})+")


def _decoded(escapes: re.Match[str]) -> str:
    return bytes.fromhex(escapes[0].replace("%", "")).decode(errors="replace")
