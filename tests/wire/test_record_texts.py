"""Each keyword of JSON Schema has its documented text for a record that breaks it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tidegate.errors import BatchRefused
from tidegate.wire.batch import BatchChecker

NULL_OR_INT = {"anyOf": [{"type": "null"}, {"type": "integer"}]}
FORMS = (
    "[yyyy-MM-dd'T'HH:mm:ssZ, yyyy-MM-dd'T'HH:mm:ss.[0-9]{1,9}Z, "
    "yyyy-MM-dd'T'HH:mm:ss[+-]HH:mm, yyyy-MM-dd'T'HH:mm:ss.[0-9]{1,9}[+-]HH:mm]"
)


def said(schema: dict[str, Any], value: str) -> str:
    """Check a record `{"a": value}` (a JSON literal) by the schema of `a`; "" when it conforms."""
    sent = {
        "table_name": "t",
        "schema": {"properties": {"a": schema}, "definitions": {"text": {"type": "string"}}},
        "messages": [{"action": "upsert", "sequence": 1, "data": {"a": "value"}}],
    }
    try:
        BatchChecker().check(json.dumps(sent).replace('"value"', value).encode())
    except BatchRefused as refusal:
        return refusal.text.removeprefix("Record 0 did not conform to schema: ")
    return ""


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("{}", "JSONObject"),
        ("[]", "JSONArray"),
        ("true", "Boolean"),
        ("null", "Null"),
        ("2147483647", "Integer"),
        ("-2147483649", "Long"),
        ("9223372036854775808", "BigInteger"),
        ("1.0", "Double"),
        ("0.1234567890123456789012", "BigDecimal"),
        ("1e400", "BigDecimal"),
    ],
)
def test_a_found_type_has_its_name(value: str, found: str) -> None:
    """Values are named by the simple names of Java classes. (W56)"""
    assert f"#/a: expected: String, found: {found}" == said({"type": "string"}, value)


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        ("object", "JSONObject"),
        ("array", "JSONArray"),
        ("boolean", "Boolean"),
        ("integer", "Integer"),
        ("number", "Number"),
        ("null", "null"),
        (["null", "integer"], "Integer"),
        (["integer", "boolean", "null"], "Integer"),
    ],
)
def test_an_expected_type_has_its_name(types: str | list[str], expected: str) -> None:
    """Of several types the first that is not null is named. (W56)"""
    assert f"#/a: expected: {expected}, found: String" == said({"type": types}, '"x"')


KEYWORDS: dict[str, tuple[dict[str, Any], str, str]] = {
    "required": ({"required": ["b"]}, "{}", "#/a: required key [b] not found"),
    "additionalProperties": (
        {"additionalProperties": False},
        '{"b/~": 1}',
        "#/a: extraneous key [b/~] is not permitted",
    ),
    "inside additionalProperties": (
        {"additionalProperties": {"type": "string"}},
        '{"b/~": 1}',
        "#/a/b~1~0: expected: String, found: Integer",
    ),
    "inside items": ({"items": {"type": "string"}}, '["x", 1]', "#/a/1: expected: String, found: Integer"),
    "minItems": ({"minItems": 2}, "[1]", "#/a: expected minimum item count: 2, found: 1"),
    "maxItems": ({"maxItems": 0}, "[1]", "#/a: expected maximum item count: 0, found: 1"),
    "uniqueItems": ({"uniqueItems": True}, "[1, 1]", "#/a: array items are not unique"),
    "tuple items": (
        {"items": [{}], "additionalItems": False},
        "[1, 2]",
        "#/a: expected: [1] array items, found: [2]",
    ),
    "minLength": ({"minLength": 2}, '"ü"', "#/a: expected minLength: 2, actual: 1"),
    "maxLength": ({"maxLength": 1}, '"üü"', "#/a: expected maxLength: 1, actual: 2"),
    "pattern": ({"pattern": "^x"}, '"abc"', "#/a: string [abc] does not match pattern ^x"),
    "enum of a string": ({"enum": ["x"]}, '"y"', "#/a: y is not a valid enum value"),
    "enum of an object": ({"enum": ["x"]}, '{"k": 1.50}', '#/a: {"k":1.5} is not a valid enum value'),
    "minimum": ({"minimum": 3}, "2", "#/a: 2 is not greater or equal to 3"),
    "exclusiveMinimum": (
        {"minimum": 3, "exclusiveMinimum": True},
        "3",
        "#/a: 3 is not greater than 3",
    ),
    "maximum": ({"maximum": 3}, "3.5", "#/a: 3.5 is not less or equal to 3"),
    "exclusiveMaximum": (
        {"maximum": 3, "exclusiveMaximum": True},
        "3",
        "#/a: 3 is not less than 3",
    ),
    "maximum by a digit no double has": (
        {"maximum": 1},
        "1.00000000000000000000000000001",
        "#/a: 1.00000000000000000000000000001 is not less or equal to 1",
    ),
    "multipleOf": (
        {"multipleOf": 1e-20},
        "0.123456789012345678901",
        "#/a: 0.123456789012345678901 is not a multiple of 1e-20",
    ),
    "minProperties": ({"minProperties": 1}, "{}", "#/a: minimum size: [1], found: [0]"),
    "maxProperties": ({"maxProperties": 0}, '{"b": 1}', "#/a: maximum size: [0], found: [1]"),
    "dependencies": ({"dependencies": {"b": ["c"]}}, '{"b": 1}', "#/a: property [c] is required"),
    "a schema dependency": (
        {"dependencies": {"b": {"required": ["c"]}}},
        '{"b": 1}',
        "#/a: required key [c] not found",
    ),
    "not": (
        {"not": {"type": "string"}},
        '"x"',
        '#/a: subject must not be valid against schema {"type":"string"}',
    ),
    "anyOf": (
        NULL_OR_INT,
        '"x"',
        (
            "#/a: #: no subschema matched out of the total 2 subschemas "
            "#/a: expected: null, found: String #/a: expected: Integer, found: String"
        ),
    ),
    "anyOf with an object": (
        {"anyOf": [{"type": "null"}, {"required": ["b", "c"]}]},
        "{}",
        (
            "#/a: #: no subschema matched out of the total 2 subschemas "
            "#/a: expected: null, found: JSONObject #/a: 2 schema violations found "
            "#/a: required key [b] not found #/a: required key [c] not found"
        ),
    ),
    "oneOf without a match": (
        {"oneOf": [{"type": "null"}, {"type": "integer"}]},
        '"x"',
        (
            "#/a: #: 0 subschemas matched instead of one "
            "#/a: expected: null, found: String #/a: expected: Integer, found: String"
        ),
    ),
    "oneOf with two matches": (
        {"oneOf": [{"type": "integer"}, {"minimum": 1}]},
        "2",
        "#/a: #: 2 subschemas matched instead of one",
    ),
    "allOf": (
        {"allOf": [{"type": "string"}, {"minLength": 3}]},
        '"x"',
        "#/a: #: only 1 subschema matches out of 2 #/a: expected minLength: 3, actual: 1",
    ),
    "allOf behind a reference": (
        {"items": {"allOf": [{"$ref": "#/definitions/text"}, {}]}},
        "[1]",
        "#/a/0: #: only 1 subschema matches out of 2 #/a/0: expected: String, found: Integer",
    ),
    "allOf in an anyOf": (
        {"anyOf": [{"allOf": [{"type": "string"}, {"type": "null"}]}]},
        "1",
        (
            "#/a: #: no subschema matched out of the total 1 subschemas "
            "#/a: #: only 0 subschema matches out of 2 "
            "#/a: expected: String, found: Integer #/a: expected: null, found: Integer"
        ),
    ),
    "a reference": ({"$ref": "#/definitions/text"}, "1", "#/a: expected: String, found: Integer"),
    "date-time": (
        {"format": "date-time"},
        '"yesterday"',
        f"#/a: [yesterday] is not a valid date-time. Expected {FORMS}",
    ),
    "date-time, empty": (
        {"format": "date-time"},
        '""',
        f"#/a: [] is not a valid date-time. Expected {FORMS}",
    ),
    "singer.decimal": (
        {"type": "string", "format": "singer.decimal"},
        '"1,5"',
        "#/a: [1,5] is not a valid singer.decimal",
    ),
    "several below": (
        {"properties": {"b": {"type": "string"}, "c": {"items": {"type": "null"}}}, "required": ["d"]},
        '{"b": 1, "c": [1, null, 2]}',
        (
            "#/a: 4 schema violations found #/a: required key [d] not found "
            "#/a/b: expected: String, found: Integer "
            "#/a/c: 2 schema violations found #/a/c/0: expected: null, found: Integer "
            "#/a/c/2: expected: null, found: Integer"
        ),
    ),
    "a long value": (
        {"pattern": "^x"},
        '"' + "y" * 600 + '"',
        "#/a: string [" + "y" * 500 + "...] does not match pattern ^x",
    ),
}


@pytest.mark.parametrize("case", KEYWORDS)
def test_a_keyword_has_its_text(case: str) -> None:
    """A broken keyword is refused in the documented words, long values cut. (W17, W54, W55)"""
    schema, value, text = KEYWORDS[case]
    assert text == said(schema, value)


CONFORMING: dict[str, tuple[dict[str, Any], str]] = {
    "a documented date-time": ({"format": "date-time"}, '"2020-01-13T21:25:03+0000"'),
    "a date-time at the end of a month": ({"format": "date-time"}, '"2020-02-29 21:25:03"'),
    "a date-time far away": ({"format": "date-time"}, '"0001-01-01T00:00:00Z"'),
    "a date-time under not": ({"not": {"format": "date-time"}}, '"yesterday"'),
    "no text under date-time": ({"format": "date-time"}, "5"),
    "a decimal as text": ({"format": "singer.decimal"}, '"1e-3"'),
    "a long decimal as text": ({"format": "singer.decimal"}, f'"{"9" * 4_000}"'),
    "an exact multiple": ({"multipleOf": 0.01}, "4.35"),
    "a multiple in digits": ({"type": "number", "multipleOf": 1e-20}, "0.12345678901234567890"),
    "a bound far away": ({"maximum": 1e33}, "1" + "0" * 33),
    "a big integer": ({"type": "integer"}, "9" * 100),
    "an integer as a number": ({"type": "number"}, "1"),
    "null in a type list": ({"type": ["null", "string"]}, "null"),
    "an unchecked format": ({"format": "email"}, '"nobody"'),
}


@pytest.mark.parametrize("case", CONFORMING)
def test_what_conforms_is_accepted(case: str) -> None:
    """Draft 4 is applied with exact numbers and lenient date-times. (W50, W60, W64)"""
    schema, value = CONFORMING[case]
    assert "" == said(schema, value)


def test_a_date_time_under_not_is_refused_however_it_is_written() -> None:
    """The short way never takes more than the exact schema, also where `not` turns it round. (W50)"""
    text = said({"not": {"format": "date-time"}}, '"2020-02-29T00:00:00Z"')
    assert '#/a: subject must not be valid against schema {"format":"date-time"}' == text
