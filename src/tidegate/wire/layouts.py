"""
Layouts: what a plain schema says, as types that the decoder checks while it reads.

One native pass then does what decoding and validating do in two, and no record becomes a dictionary. A layout
only ever says "holds" or "not sure": whoever is not sure asks the validator. Invariants:

1. What a layout takes, the careful way takes (a property test holds the two against each other).
2. Types are closed: a field that the schema does not name makes it unsure, and a keyword that no type can say
   means that there is no layout.

Source: docs/specs/import-api.md, W50.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Union

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tidegate.decimals import PLAIN_DECIMAL_PATTERN, exact_number, is_decimal
from tidegate.instants import is_instant
from tidegate.wire.bounds import DATA_POINTS_MAX, INT64_MAX, INT64_MIN, KEY_CHARS_MAX, RECORDS_MAX
from tidegate.wire.decode import decode_as

FIELDS_MAX = 300
"""
Schemas with more fields are left to the validator: fields that come in another order than the schema's are
searched for one by one.
"""

KEPT_BYTES_MAX = 20_000_000
"""What all layouts together may weigh in memory, with the schemas they are compared with."""

_OPENING_WEIGHT, _FIELD_WEIGHT = 500, 1_000

OPENING_BYTES = 64
"""How much of a body's beginning tells which layout to try: the table's name, and the first of the schema."""

MISSES_MAX = 8
"""How often in a row a layout may not be sure of what opens like it before another takes its place."""

_COMMON = frozenset(("type", "title", "description", "default", "$schema", "id", "definitions"))
_SAID = {
    "object": frozenset(("properties", "required", "additionalProperties")),
    "array": frozenset(("items",)),
    "string": frozenset(("format", "minLength", "maxLength", "enum")),
    "integer": frozenset(("minimum", "maximum")),
}
"""What a type can say of a value of each kind."""

_KEYWORDS = frozenset(
    (
        *("$ref", "$dynamicRef", "$recursiveRef", "allOf", "anyOf", "oneOf", "not", "if", "then", "else"),
        *("enum", "const", "type", "format", "pattern", "minLength", "maxLength", "contentEncoding"),
        *("contentMediaType", "multipleOf", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
        *("items", "additionalItems", "prefixItems", "contains", "minContains", "maxContains", "minItems"),
        *("maxItems", "uniqueItems", "unevaluatedItems", "properties", "patternProperties"),
        *("additionalProperties", "unevaluatedProperties", "propertyNames", "minProperties"),
        *("maxProperties", "required", "dependencies", "dependentRequired", "dependentSchemas"),
    )
)
"""Keywords that say something about values, in any draft; all others are notes."""

_KINDS: Mapping[str, frozenset[type]] = {
    "string": frozenset((str,)),
    "integer": frozenset((int,)),
    "boolean": frozenset((bool,)),
    "number": frozenset((int, float, Decimal)),
    "null": frozenset((type(None),)),
}
_ABSENT = frozenset((type(None), UnsetType))
_EACH = None
"""A step into every element of an array."""

Column = Sequence[Any]
Path = tuple[str | None, ...]


class _Plain(Exception):
    """The schema is not plain: it says what no type can."""


@dataclass(frozen=True, slots=True)
class _Later:
    """Values that are looked at together after decoding: where they stand, and what must hold of them."""

    path: Path
    holds: Callable[[Column], bool]


@dataclass(frozen=True, slots=True)
class Layout:
    """
    The types of one schema with one list of keys.

    Shape: `raw` is the schema's JSON, `bodies` decodes a batch body of upserts, `records` an array of data.
    """

    raw: bytes
    key_names: tuple[str, ...]
    bodies: msgspec.json.Decoder[Any]
    records: msgspec.json.Decoder[list[Any]]
    later: Sequence[_Later]
    has_arrays: bool
    fields: int

    def count(self, text: bytes) -> int | None:
        """Return how many messages a batch body has when it surely keeps every rule; None when unsure."""
        body = decode_as(self.bodies, text)
        if (
            body is None
            or not self.is_of(bytes(body.schema), body.key_names or ())
            or (self.has_arrays and text.count(b",") >= DATA_POINTS_MAX)
        ):
            return None
        data = [message.data for message in body.messages]
        return len(data) if self._later_holds(data) else None

    def takes(self, records: bytes, longest: int) -> bool:
        """Tell whether an array of records, the longest of so many bytes, surely keeps every rule."""
        if self.has_arrays and longest > DATA_POINTS_MAX:
            return False
        data = decode_as(self.records, records)
        return data is not None and self._later_holds(data)

    def is_of(self, raw: bytes, key_names: Sequence[str]) -> bool:
        """Tell whether it is the layout of a schema and keys."""
        return raw == self.raw and tuple(key_names) == self.key_names

    def _later_holds(self, data: Column) -> bool:
        return all(each.holds(_column(data, each.path)) for each in self.later)


def layout_of(raw: bytes, schema: Mapping[str, Any], key_names: Sequence[str]) -> Layout | None:
    """
    Make the layout of a schema that is known to be sound.

    Shape: None when the schema is not plain. Units: about a millisecond, so not for a schema seen once.
    """
    making = _Making()
    try:
        record = making.record(schema, (), key_names)
    except (_Plain, ValueError, TypeError):
        # msgspec's own bounds, such as quotes in a field's name, are ValueError and TypeError.
        return None
    message = msgspec.defstruct(
        "Message",
        [
            ("action", Literal["upsert"]),
            ("sequence", _Int64),
            ("data", record),
            ("time_extracted", str | UnsetType, UNSET),
        ],
        forbid_unknown_fields=True,
        gc=False,
    )
    messages = Annotated[list[message], Meta(min_length=1, max_length=RECORDS_MAX)]  # type: ignore[valid-type]  # made above
    body = msgspec.defstruct("Body", [*_ENVELOPE[:2], ("messages", messages), *_ENVELOPE[2:]], **_CLOSED)
    return Layout(
        raw=raw,
        key_names=tuple(key_names),
        bodies=msgspec.json.Decoder(body, float_hook=exact_number),
        records=msgspec.json.Decoder(list[record], float_hook=exact_number),  # type: ignore[valid-type]  # made above
        later=tuple(making.later),
        has_arrays=making.has_arrays,
        fields=making.fields,
    )


_CLOSED: dict[str, Any] = {"forbid_unknown_fields": True, "gc": False, "kw_only": True}
_Int64 = Annotated[int, Meta(ge=INT64_MIN, le=INT64_MAX)]
_ENVELOPE: list[Any] = [
    ("table_name", Annotated[str, Meta(min_length=1)]),
    ("schema", msgspec.Raw),
    ("key_names", list[str] | UnsetType, UNSET),
    ("table_version", _Int64 | UnsetType, UNSET),
    ("bookmark_names", list[str] | UnsetType, UNSET),
]


@dataclass(slots=True)
class _Making:
    """One walk through a schema, gathering what types cannot say."""

    later: list[_Later] = field(default_factory=list)
    has_arrays: bool = False
    fields: int = 0

    def record(self, schema: Mapping[str, Any], path: Path, key_names: Sequence[str] = ()) -> Any:
        """Return the closed type of an object."""
        _hold_said(schema, "object")
        if "object" not in _types(schema, unsaid="object"):
            raise _Plain
        named = schema.get("properties", {})
        required = {*schema.get("required", ()), *key_names}
        if not required <= named.keys():
            raise _Plain
        self.fields += len(named)
        if self.fields > FIELDS_MAX:
            raise _Plain
        fields: list[Any] = []
        for number, (name, inner) in enumerate(named.items()):
            attribute = f"f{number}"
            is_needed = name in required
            found = self.value(inner, (*path, attribute), is_key=name in key_names, is_needed=is_needed)
            fields.append((attribute, found) if is_needed else (attribute, found, UNSET))
        names = {f"f{number}": name for number, name in enumerate(named)}
        return msgspec.defstruct("Data", fields, rename=names, **_CLOSED)

    def value(self, schema: Mapping[str, Any], path: Path, *, is_key: bool, is_needed: bool) -> Any:
        """Return the type of a value, `UnsetType` in it unless it is needed."""
        types = _types(schema)
        if is_key:
            types -= {"null"}
        inner = types - {"null"}
        if inner & {"object", "array"}:
            if len(inner) > 1 or is_key:
                raise _Plain
            found = self._container(schema, path, *inner)
        elif "number" in inner or len(inner) > 1:
            if is_key and "string" in inner:
                raise _Plain
            self._later_kinds(schema, path, types, is_needed=is_needed)
            return Any
        else:
            found = self._scalar(schema, path, *inner, is_key=is_key)
        if "null" in types:
            found = _either(found, None)
        return found if is_needed else _either(found, UnsetType)

    def _container(self, schema: Mapping[str, Any], path: Path, kind: str) -> Any:
        if kind == "object":
            return self.record(schema, path)
        _hold_said(schema, "array")
        self.has_arrays = True
        items = schema.get("items")
        if not isinstance(items, dict):
            raise _Plain
        element = self.value(items, (*path, _EACH), is_key=False, is_needed=True)
        return list[element]  # type: ignore[valid-type]  # made above

    def _later_kinds(
        self, schema: Mapping[str, Any], path: Path, types: frozenset[str], *, is_needed: bool
    ) -> None:
        _hold_said(schema)
        taken = frozenset().union(*(_KINDS[each] for each in types), () if is_needed else (UnsetType,))
        self.later.append(_Later(path, lambda column: taken.issuperset(map(type, column))))

    def _scalar(self, schema: Mapping[str, Any], path: Path, kind: str, *, is_key: bool) -> Any:
        _hold_said(schema, kind)
        if kind == "integer":
            return _bounded(int, ge=_whole(schema.get("minimum")), le=_whole(schema.get("maximum")))
        if kind == "boolean":
            return bool
        if (check := _FORMATS.get(schema.get("format", ""))) is not None:
            self.later.append(_Later(path, check))
        bounds = _whole(schema.get("minLength")), _whole(schema.get("maxLength"))
        if "enum" in schema:
            return _one_of(schema["enum"], plain=bounds == (None, None) and not is_key)
        shortest, longest = bounds
        if is_key:
            longest = KEY_CHARS_MAX if longest is None else min(longest, KEY_CHARS_MAX)
        return _bounded(str, min_length=shortest, max_length=longest)


def _types(schema: Mapping[str, Any], unsaid: str | None = None) -> frozenset[str]:
    types = schema.get("type", unsaid)
    named = frozenset(types if isinstance(types, list) else [types])
    if not named or not named <= {*_KINDS, "object", "array"} or named == {"null"}:
        raise _Plain
    return named


def _hold_said(schema: Mapping[str, Any], *kinds: str) -> None:
    """Hold that types say all that a schema says."""
    said = _COMMON.union(*(_SAID.get(kind, ()) for kind in kinds))
    if any(word in _KEYWORDS and word not in said for word in schema):
        raise _Plain


def _either(one: Any, other: Any) -> Any:
    """Return the union of two types that are known only as values; `|` is not for all of them."""
    return Union.__getitem__((one, other))


def _bounded(kind: type, **bounds: int | None) -> Any:
    given: dict[str, Any] = {name: bound for name, bound in bounds.items() if bound is not None}
    return Annotated[kind, Meta(**given)] if given else kind


def _one_of(values: Any, *, plain: bool) -> Any:
    """Return the type of some texts; with anything else said of them, it is left to the validator."""
    if not plain or not values or not all(type(each) is str for each in values):
        raise _Plain
    return Literal[tuple(values)]


def _whole(bound: Any) -> int | None:
    if bound is not None and (type(bound) is not int or not INT64_MIN <= bound <= INT64_MAX):
        raise _Plain
    return bound


def _column(records: Column, path: Path) -> Column:
    """Return the values at a path; on the way, what is absent is left out."""
    values = records
    for number, step in enumerate(path):
        if number:
            values = [each for each in values if type(each) not in _ABSENT]
        if step is _EACH:
            values = [inner for each in values for inner in each]
        else:
            values = list(map(operator.attrgetter(step), values))
    return values


def _hold_instants(column: Column) -> bool:
    """
    Tell whether all texts are date-times.

    The decoder's own reading of them is quickest, and stricter than ours but at the ends of time and for more
    than nine digits of a second; no text of fewer than 30 characters has so many.
    """
    texts = [each for each in column if type(each) is str]
    if texts and max(map(len, texts)) < _INSTANT_CHARS_SURE and min(texts) >= "1" and max(texts) < "9":
        with suppress(msgspec.ValidationError):
            msgspec.convert(texts, list[datetime])
            return True
    return all(map(is_instant, texts))


def _hold_decimals(column: Column) -> bool:
    """Tell whether all texts are decimal numbers: one call where they are plain ones, of one line each."""
    texts = [each for each in column if type(each) is str]
    joined = "\n".join(texts)
    if _PLAIN_DECIMALS(joined) and joined.count("\n") == len(texts) - 1:
        return True
    return all(map(is_decimal, texts))


_INSTANT_CHARS_SURE = len("2026-01-01T00:00:00.1234567890")
_PLAIN_DECIMALS = re.compile(f"{PLAIN_DECIMAL_PATTERN}(?:\n{PLAIN_DECIMAL_PATTERN})*").fullmatch
_FORMATS = {"date-time": _hold_instants, "singer.decimal": _hold_decimals}


@dataclass(slots=True)
class _Known:
    """What is known of bodies that begin alike: `layout` is None when none was made, or none can be."""

    raw: bytes = b""
    layout: Layout | None = None
    misses: int = 0

    @property
    def weight(self) -> int:
        """Units: bytes of memory, about."""
        fields = 0 if self.layout is None else self.layout.fields
        return _OPENING_WEIGHT + len(self.raw) + _FIELD_WEIGHT * fields


class Layouts:
    """
    The layouts of bodies seen before, by how a body begins.

    A guess that is wrong costs a little time and nothing else: a layout looks whether it is the right one.
    Shape: `learning` is entered while something is learnt; where two threads use this, it is a lock.
    """

    def __init__(self, learning: AbstractContextManager[object]) -> None:
        self._known: dict[bytes, _Known] = {}  # the one learnt last is at the end
        self._weight = 0
        self._learning = learning

    def count(self, text: bytes) -> int | None:
        """Return how many messages a batch body has when it surely keeps every rule; None when unsure."""
        known = self._known.get(text[:OPENING_BYTES])
        if known is None or known.layout is None:
            return None
        found = known.layout.count(text)
        known.misses = 0 if found is not None else known.misses + 1
        return found

    def learn(self, text: bytes, raw: bytes, schema: Mapping[str, Any], key_names: Sequence[str]) -> None:
        """Take note of a body that keeps the rules; the second that begins like it has its layout made."""
        opening = text[:OPENING_BYTES]
        known = self._known.get(opening)
        if known is None:
            self._keep(opening, _Known())
        elif known.misses >= MISSES_MAX or (known.layout is None and known.raw != raw):
            self._keep(opening, _Known(raw, layout_of(raw, schema, key_names)))

    def of(
        self, text: bytes, raw: bytes, schema: Mapping[str, Any], key_names: Sequence[str]
    ) -> Layout | None:
        """Return the layout for a large body, made at once where it is not known: that is little for it."""
        known = self._known.get(text[:OPENING_BYTES])
        if known is None or known.raw != raw:
            known = _Known(raw, layout_of(raw, schema, key_names))
            self._keep(text[:OPENING_BYTES], known)
        layout = known.layout
        return layout if layout is not None and layout.is_of(raw, key_names) else None

    def _keep(self, opening: bytes, known: _Known) -> None:
        """Keep what is known, and forget what was learnt first while all together weigh too much."""
        with self._learning:
            before = self._known.pop(opening, None)
            self._known[opening] = known
            self._weight += known.weight - (0 if before is None else before.weight)
            while self._weight > KEPT_BYTES_MAX and len(self._known) > 1:
                self._weight -= self._known.pop(next(iter(self._known))).weight
