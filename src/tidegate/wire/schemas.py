"""
JSON Schemas (Draft 4) of batch bodies, made into validators, and the cache that keeps them.

Source: docs/specs/import-api.md, W50 to W53.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import msgspec
from jsonschema_rs import Draft4Validator, FancyRegexOptions, ValidationError

from tidegate.decimals import PLAIN_DECIMAL_PATTERN, exact_number, is_decimal
from tidegate.errors import BatchRefused
from tidegate.instants import PLAIN_INSTANT_PATTERN, is_instant
from tidegate.wire.bounds import DEPTH_MAX, data_points, is_too_deep
from tidegate.wire.decode import decode_as
from tidegate.wire.keywords import HOLDERS, subschemas, with_subschemas
from tidegate.wire.schema_cost import COST_MAX, SchemaCost, schema_cost
from tidegate.wire.schema_work import defect_of_references
from tidegate.wire.texts import violations_of
from tidegate.wire.violations import Violation, pointer, shown

TYPES = frozenset(("integer", "number", "string", "boolean", "object", "array", "null"))

_FORMATS: dict[str, Callable[..., bool]] = {"date-time": is_instant, "singer.decimal": is_decimal}
_PLAIN_PATTERNS = {
    "date-time": f"^(?:{PLAIN_INSTANT_PATTERN})$",
    "singer.decimal": f"^{PLAIN_DECIMAL_PATTERN}$",
}
"""For each format a pattern that matches only, if not all, texts of the format."""

_BACKTRACKS_MAX = 1_000
"""Steps one match of a pattern may take: 10 us, so that 20,000 records cannot hold a process for long."""

_RULES_MAX = 100_000
"""Most findings that the validator may be asked for at once; each takes a microsecond and a kilobyte."""


@dataclass(frozen=True, slots=True)
class CompiledSchema:
    """
    A schema ready to be used.

    Shape: `properties` are the names under `properties`; `are_surely_valid` takes many records, is quick, and
    False may mean "not sure"; `is_valid` takes one and is exact.
    """

    properties: frozenset[str]
    are_surely_valid: Callable[[Sequence[Any]], bool]
    is_valid: Callable[[Any], bool]
    validator: Draft4Validator
    source: Mapping[str, Any]
    cost: SchemaCost

    def violations(self, data: Any) -> list[Violation]:
        """
        Return what is wrong with data that is not valid, in the documented words.

        Where very many rules could be broken, only the first that is.
        """
        if self.cost.rules * (1 + data_points(data)) > _RULES_MAX:
            try:
                self.validator.validate(data)
            except ValidationError as first:
                return violations_of([first], data, self.source)
        return violations_of(self.validator.iter_errors(data), data, self.source)

    def is_affordable(self, text: bytes, records: int) -> bool:
        """Tell whether the schema may be asked about a body, by its bytes and how many records it has."""
        return self.cost.of(text, records) <= COST_MAX

    def hold_affordable(self, text: bytes, records: int) -> None:
        """Hold the same. Errors: BatchRefused. Source: docs/specs/import-api.md, W52."""
        if not self.is_affordable(text, records):
            _refuse("too much work for this body; send fewer records in a request, or a simpler schema")


class SchemaCache:
    """
    Validators of the schemas used last, by the bytes of the schema.

    Units: `schemas_max` schemas; `schema_bytes_max` bytes of one schema; `cached_bytes_max` of all together.
    Two threads may use it: each step on the dictionary is whole, and at worst a schema is compiled twice.
    """

    def __init__(self, *, schemas_max: int, schema_bytes_max: int, cached_bytes_max: int) -> None:
        self._schemas_max = schemas_max
        self._schema_bytes_max = schema_bytes_max
        self._cached_bytes_max = cached_bytes_max
        self._cached: dict[bytes, CompiledSchema] = {}  # the one used last is at the end

    def __len__(self) -> int:
        return len(self._cached)

    def get(self, raw: bytes) -> CompiledSchema | None:
        """Return the validator of a schema given as JSON; None when it is not a usable schema."""
        known = self._cached.pop(raw, None)
        if known is not None:
            self._cached[raw] = known
            return known
        if len(raw) > self._schema_bytes_max:
            return None
        schema = decode_as(_SCHEMA, raw)
        if schema is None:
            return None
        try:
            compiled = compile_schema(schema)
        except BatchRefused:
            return None
        self._keep(raw, compiled)
        return compiled

    def compile(self, schema: dict[str, Any]) -> CompiledSchema:
        """Make the validator of a decoded schema. Errors: BatchRefused says what is wrong with it."""
        if len(msgspec.json.encode(schema)) > self._schema_bytes_max:
            _refuse(f"longer than {self._schema_bytes_max} bytes")
        return compile_schema(schema)

    def _keep(self, raw: bytes, compiled: CompiledSchema) -> None:
        self._cached[raw] = compiled
        kept = list(self._cached)
        cached_bytes = sum(map(len, kept))
        for count, oldest in zip(range(len(kept), 0, -1), kept, strict=True):
            if count <= self._schemas_max and cached_bytes <= self._cached_bytes_max:
                break
            self._cached.pop(oldest, None)
            cached_bytes -= len(oldest)


_SCHEMA = msgspec.json.Decoder(dict[str, Any], float_hook=exact_number)


def compile_schema(schema: dict[str, Any]) -> CompiledSchema:
    """
    Make the validators of a schema.

    Errors: BatchRefused, whose text names an unknown type or says what else is wrong.
    """
    if is_too_deep([schema]):
        _refuse(f"nested deeper than {DEPTH_MAX} levels")
    exact = _rewritten(schema, plainly=False)
    if (defect := defect_of_references(exact)) is not None:
        _refuse(defect)
    validator = _validator(exact)
    return CompiledSchema(
        properties=frozenset(exact.get("properties", ())),
        are_surely_valid=_together(exact if _is_contrary(exact) else _rewritten(schema, plainly=True)),
        is_valid=validator.is_valid,
        validator=validator,
        source=exact,
        cost=schema_cost(exact),
    )


def _refuse(detail: str) -> NoReturn:
    raise BatchRefused(f"Invalid JSON schema: {detail}")


def _validator(schema: dict[str, Any]) -> Draft4Validator:
    try:
        return Draft4Validator(
            schema,
            formats=_FORMATS,
            validate_formats=True,
            offline=True,
            pattern_options=FancyRegexOptions(backtrack_limit=_BACKTRACKS_MAX),
        )
    except ValidationError as exc:
        _refuse(f"{pointer(tuple(exc.instance_path))}: {shown(exc.message)}")
    except ValueError as exc:
        _refuse(shown(str(exc)))


def _together(schema: dict[str, Any]) -> Callable[[Sequence[Any]], bool]:
    """
    Return the check of many records in one native call.

    A schema with references is asked once for each record: inside another they would point elsewhere.
    """
    if _has(schema, "$ref"):
        is_valid = _validator(schema).is_valid
        return lambda records: all(map(is_valid, records))
    return _validator({"items": schema}).is_valid


def _rewritten(schema: dict[str, Any], *, plainly: bool) -> dict[str, Any]:
    """
    Copy a schema into what the validator shall see.

    It shall not see another dialect or base (`$schema`, `id`), formats that are not checked, or an empty
    `required`, which Draft 4 forbids and people write. `plainly`: formats become patterns, which the
    validator matches without calling back.
    """
    _check_types(schema.get("type"))
    copy = with_subschemas(schema, lambda inner: _rewritten(inner, plainly=plainly))
    copy.pop("$schema", None)
    copy.pop("id", None)
    if copy.get("required") == []:
        del copy["required"]
    form = copy.get("format")
    if not isinstance(form, str) or form not in _FORMATS:
        copy.pop("format", None)
    elif plainly and "pattern" not in copy:
        copy["pattern"] = _PLAIN_PATTERNS[copy.pop("format")]
    return copy


def _check_types(types: Any) -> None:
    for name in types if isinstance(types, list) else [types]:
        if isinstance(name, str) and name not in TYPES:
            _refuse(f"unknown type: [{shown(name)}]")


def _is_contrary(schema: Mapping[str, Any]) -> bool:
    """Tell whether a stricter schema inside could make the whole one take more."""
    return _has(schema, "not") or _has(schema, "oneOf")


def _has(schema: Mapping[str, Any], word: str) -> bool:
    """Tell whether a keyword stands in a schema or in one inside."""
    if word in schema:
        return True
    return any(_has(each, word) for keyword in HOLDERS for each in subschemas(schema, keyword))
