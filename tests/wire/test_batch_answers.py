"""Every documented answer of batch, from the bytes sent."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tidegate.errors import BatchRefused, MalformedBody
from tidegate.wire.batch import BatchChecker

ABSENT = object()
INT64_MAX = 9_223_372_036_854_775_807
SCHEMA = {"properties": {"id": {"type": "integer"}, "name": {"type": "string"}}}
NO_ENVELOPE = "Request failed validation:"
ONE_OF = "#: 0 subschemas matched instead of one"


def message(**changes: Any) -> dict[str, Any]:
    """A sound upsert, with fields changed; ABSENT takes one out."""
    sound = {"action": "upsert", "sequence": 1, "data": {"id": 1, "name": "Finn"}}
    return {name: value for name, value in (sound | changes).items() if value is not ABSENT}


def activation(**changes: Any) -> dict[str, Any]:
    """A sound activation, with fields changed."""
    return message(**({"action": "activate_version", "data": ABSENT} | changes))


def batch(**changes: Any) -> dict[str, Any]:
    """A sound batch body, with fields changed."""
    sound = {"table_name": "customers", "schema": SCHEMA, "key_names": ["id"], "messages": [message()]}
    return {name: value for name, value in (sound | changes).items() if value is not ABSENT}


def said(body: Any, checker: BatchChecker | None = None) -> str:
    """Check a body and return the text of the refusal, "" when it is accepted."""
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    try:
        count = (checker or BatchChecker()).check(sent)
    except BatchRefused as refusal:
        return refusal.text
    assert len(json.loads(sent)["messages"]) == count
    return ""


ENVELOPES: dict[str, tuple[Any, str]] = {
    "table_name missing": (batch(table_name=ABSENT), "#: required key [table_name] not found"),
    "schema missing": (batch(schema=ABSENT), "#: required key [schema] not found"),
    "messages missing": (batch(messages=ABSENT), "#: required key [messages] not found"),
    "an extra key": (batch(extra=1), "#: extraneous key [extra] is not permitted"),
    "client_id": (batch(client_id=1), "#: extraneous key [client_id] is not permitted"),
    "table_name a number": (
        batch(table_name=5),
        "#/table_name: expected type: String, found: Integer",
    ),
    "table_name empty": (batch(table_name=""), "#/table_name: expected minLength: 1, actual: 0"),
    "schema an array": (batch(schema=[]), "#/schema: expected type: JSONObject, found: JSONArray"),
    "schema null": (batch(schema=None), "#/schema: expected type: JSONObject, found: Null"),
    "key_names null": (batch(key_names=None), "#/key_names: expected type: JSONArray, found: Null"),
    "key_names a string": (batch(key_names="id"), "#/key_names: expected type: JSONArray, found: String"),
    "a key name a number": (
        batch(key_names=["id", 2]),
        "#/key_names/1: expected type: String, found: Integer",
    ),
    "bookmark_names an object": (
        batch(bookmark_names={}),
        "#/bookmark_names: expected type: JSONArray, found: JSONObject",
    ),
    "table_version a string": (
        batch(table_version="1"),
        "#/table_version: expected type: Integer, found: String",
    ),
    "table_version 1.0": (
        batch(table_version=1.0),
        "#/table_version: expected type: Integer, found: Double",
    ),
    "table_version too high": (
        batch(table_version=INT64_MAX + 1),
        "#: table_version can not be above 9223372036854775807",
    ),
    "messages an object": (
        batch(messages={}),
        "#/messages: expected type: JSONArray, found: JSONObject",
    ),
    "messages empty": (
        batch(messages=[]),
        "#/messages: expected minimum item count: 1, found: 0",
    ),
    "too many messages": (
        batch(messages=[message()] * 20_001),
        "#/messages: expected maximum item count: 20000, found: 20001",
    ),
    "the root an array": ([batch()], "#: expected type: JSONObject, found: JSONArray"),
    "the root a string": ("x", "#: expected type: JSONObject, found: String"),
    "several at once": (
        batch(table_name=ABSENT, extra=1, key_names=[1], table_version=True),
        (
            "#: 4 schema violations found #: required key [table_name] not found "
            "#: extraneous key [extra] is not permitted "
            "#/table_version: expected type: Integer, found: Boolean "
            "#/key_names/0: expected type: String, found: Integer"
        ),
    ),
    "sequence missing": (
        batch(messages=[message(), message(sequence=ABSENT), message(data=ABSENT)]),
        (
            f"#/messages/1: {ONE_OF} #/messages/1: 2 schema violations found "
            "#/messages/1: required key [sequence] not found "
            "#/messages/1: extraneous key [data] is not permitted "
            "#/messages/1: required key [sequence] not found"
        ),
    ),
    "action missing": (
        batch(messages=[message(action=ABSENT)]),
        (
            f"#/messages/0: {ONE_OF} #/messages/0: 2 schema violations found "
            "#/messages/0: required key [action] not found "
            "#/messages/0: extraneous key [data] is not permitted "
            "#/messages/0: required key [action] not found"
        ),
    ),
    "data missing": (
        batch(messages=[message(data=ABSENT)]),
        (
            f"#/messages/0: {ONE_OF} #/messages/0/action: upsert is not a valid enum value "
            "#/messages/0: required key [data] not found"
        ),
    ),
    "data an array": (
        batch(messages=[message(data=[])]),
        (
            f"#/messages/0: {ONE_OF} #/messages/0: extraneous key [data] is not permitted "
            "#/messages/0/data: expected type: JSONObject, found: JSONArray"
        ),
    ),
    "action unknown": (
        batch(messages=[message(action="delete")]),
        (
            f"#/messages/0: {ONE_OF} #/messages/0: extraneous key [data] is not permitted "
            "#/messages/0/action: delete is not a valid enum value"
        ),
    ),
    "action a number": (
        batch(messages=[message(action=5)]),
        (
            f"#/messages/0: {ONE_OF} #/messages/0: extraneous key [data] is not permitted "
            "#/messages/0/action: 5 is not a valid enum value"
        ),
    ),
    "an activation with data": (
        batch(messages=[activation(data={"id": 1})]),
        (
            f"#/messages/0: {ONE_OF} #/messages/0: extraneous key [data] is not permitted "
            "#/messages/0/action: activate_version is not a valid enum value"
        ),
    ),
    "a message with an extra key": (
        batch(messages=[message(table_version=1)]),
        (
            f"#/messages/0: {ONE_OF} #/messages/0: 2 schema violations found "
            "#/messages/0: extraneous key [data] is not permitted "
            "#/messages/0: extraneous key [table_version] is not permitted "
            "#/messages/0: extraneous key [table_version] is not permitted"
        ),
    ),
    "a message no object": (
        batch(messages=[1]),
        (
            f"#/messages/0: {ONE_OF} #/messages/0: expected type: JSONObject, found: Integer "
            "#/messages/0: expected type: JSONObject, found: Integer"
        ),
    ),
    "sequence a string": (
        batch(messages=[activation(sequence="1")]),
        (
            f"#/messages/0: {ONE_OF} #/messages/0/sequence: expected type: Integer, found: String "
            "#/messages/0: 2 schema violations found #/messages/0: required key [data] not found "
            "#/messages/0/sequence: expected type: Integer, found: String"
        ),
    ),
    "sequence too high": (
        batch(messages=[message(sequence=INT64_MAX + 1)]),
        "#: sequence can not be above 9223372036854775807",
    ),
    "sequence too low": (
        batch(messages=[message(sequence=-INT64_MAX - 2)]),
        "#: sequence can not be below -9223372036854775808",
    ),
    "a key not in the schema": (
        batch(key_names=["id", "no"]),
        "#/key_names: key [no] is not a property of the schema",
    ),
    "a key with a schema without properties": (
        batch(schema={}),
        "#/key_names: key [id] is not a property of the schema",
    ),
}


@pytest.mark.parametrize("case", ENVELOPES)
def test_an_envelope_gets_its_documented_text(case: str) -> None:
    """Everything around the records is checked in the documented order, each with its text. (W41 to W45)"""
    body, text = ENVELOPES[case]
    assert NO_ENVELOPE + text == said(body)


RECORDS: dict[str, tuple[Any, str]] = {
    "a key missing": (
        batch(messages=[message(), message(data={"name": "x"})]),
        "Record is missing key property id",
    ),
    "a key null": (
        batch(messages=[message(data={"id": None})]),
        "Record is missing key property id",
    ),
    "a key missing that is also required": (
        batch(schema=SCHEMA | {"required": ["id"]}, messages=[message(data={"name": 1})]),
        "Record is missing key property id",
    ),
    "a value of another type": (
        batch(messages=[message(), message(data={"id": 1, "name": 5})]),
        "Record 1 did not conform to schema: #/name: expected: String, found: Integer",
    ),
    "a key an object": (
        batch(schema={"properties": {"id": {}}}, messages=[message(data={"id": {}})]),
        "Record key property id must be a scalar value",
    ),
    "a key too long": (
        batch(schema={"properties": {"id": {}}}, messages=[message(data={"id": "x" * 1_025})]),
        "String keys cannot be longer than 1024 characters",
    ),
    "too many data points": (
        batch(messages=[message(data={"id": 1, "list": [[]] * 10_000})]),
        "Record 0 cannot contain more than 10000 data points",
    ),
    "too many data points in one array": (
        batch(messages=[message(data={"id": 1, "list": [0] * 10_000})]),
        "Record 0 cannot contain more than 10000 data points",
    ),
    "the first failing record only": (
        batch(messages=[message(data={"id": "x"}), message(data={})]),
        "Record 0 did not conform to schema: #/id: expected: Integer, found: String",
    ),
}


@pytest.mark.parametrize("case", RECORDS)
def test_a_record_gets_its_documented_text(case: str) -> None:
    """Keys come before the schema, the schema before scalar keys, lengths and data points. (W47)"""
    body, text = RECORDS[case]
    assert text == said(body)


ACCEPTED: dict[str, Any] = {
    "a sound batch": batch(),
    "no keys": batch(key_names=[]),
    "key_names absent": batch(key_names=ABSENT),
    "all that may be there": batch(
        table_version=1_560_877_805_878,
        bookmark_names=["id"],
        messages=[message(time_extracted="2019-06-18T17:10:05.123456Z"), activation(sequence=2)],
    ),
    "an activation alone": batch(table_version=1, messages=[activation()]),
    "an activation without version": batch(messages=[activation(action="switch_view")]),
    "an empty schema": batch(schema={}, key_names=[]),
    "a field the schema does not name": batch(messages=[message(data={"id": 1, "more": [1]})]),
    "an empty record without keys": batch(key_names=[], messages=[message(data={})]),
    "the ends of sequences": batch(messages=[message(sequence=INT64_MAX), message(sequence=-INT64_MAX - 1)]),
    "most messages": batch(messages=[message()] * 20_000),
    "most data points": batch(messages=[message(data={"id": 1, "list": [0] * 9_999})]),
    "a long record among many": batch(messages=[message()] * 5_000 + [message(data={"id": 1, "l": [{}]})]),
    "the longest key": batch(schema={"properties": {"id": {}}}, messages=[message(data={"id": "ü" * 1_024})]),
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_what_the_rules_allow_is_accepted(case: str) -> None:
    """The edges of every rule lie inside it, and all messages are counted. (W41 to W47)"""
    assert "" == said(ACCEPTED[case])


SCHEMAS: dict[str, tuple[Any, str]] = {
    "an unknown type": ({"type": "datetime"}, "unknown type: [datetime]"),
    "an unknown type in a list": ({"type": ["null", "int"]}, "unknown type: [int]"),
    "an unknown type inside": (
        {"anyOf": [{"items": {"additionalProperties": {"not": {"type": "any"}}}}]},
        "unknown type: [any]",
    ),
    "a remote reference": ({"$ref": "http://example.com/x"}, "$ref [http://example.com/x] is not local"),
    "a file reference": ({"$ref": "file:///etc/passwd"}, "$ref [file:///etc/passwd] is not local"),
    "a dead reference": ({"$ref": "#/definitions/x"}, "$ref [#/definitions/x] does not point to a schema"),
    "a bad pattern": ({"pattern": "("}, '#/properties/id/pattern: "(" is not a "regex"'),
    "properties a list": ({"properties": []}, '#/properties/id/properties: [] is not of type "object"'),
}


@pytest.mark.parametrize("case", SCHEMAS)
def test_an_unusable_schema_gets_a_text(case: str) -> None:
    """An unknown type is named as documented, another defect with its place. (W50, W51)"""
    schema, text = SCHEMAS[case]
    assert f"Invalid JSON schema: {text}" == said(batch(schema={"properties": {"id": schema}}))


def doubling(levels: int) -> dict[str, Any]:
    """A small schema that unfolds into 2**levels."""
    definitions: dict[str, Any] = {"d0": {"type": "integer"}}
    for i in range(1, levels):
        both = {"$ref": f"#/definitions/d{i - 1}"}
        definitions[f"d{i}"] = {"allOf": [both, both]}
    return {"properties": {"id": {"$ref": f"#/definitions/d{levels - 1}"}}, "definitions": definitions}


def nested(levels: int) -> dict[str, Any]:
    """A schema with containers inside each other."""
    schema: dict[str, Any] = {"properties": {"id": {}}}
    for _ in range((levels - 2) // 2):
        schema = {"properties": {"id": schema}}
    return schema


HOSTILE: dict[str, tuple[dict[str, Any], str]] = {
    "doubling": (doubling(40), "more than 1000 schemas apply to one value"),
    "recursing twice": (
        {
            "properties": {"id": {"anyOf": [{"$ref": "#"}, {"properties": {"id": {"$ref": "#"}}}]}},
        },
        "a schema refers to itself in more than one way",
    ),
    "deep": (nested(400), "nested deeper than 100 levels"),
    "a long chain": (
        {
            "properties": {"id": {"$ref": "#/definitions/0"}},
            "definitions": {str(i): {"$ref": f"#/definitions/{i + 1}"} for i in range(5_000)} | {"5000": {}},
        },
        "schemas are nested too deeply",
    ),
    "long": ({"properties": {"id": {}}, "title": "x" * 2_000_000}, "longer than 2000000 bytes"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_schema_that_would_hold_a_process_is_refused(case: str) -> None:
    """Depth, size, unfolding and branching recursion of schemas are bounded. (W52)"""
    schema, text = HOSTILE[case]
    assert f"Invalid JSON schema: {text}" == said(batch(schema=schema))


def test_a_pattern_that_backtracks_for_ever_refuses_the_record() -> None:
    """Matching a pattern takes a bounded number of steps. (W52)"""
    schema = {"properties": {"id": {"pattern": r"^(?=(a+)+$)(?!b)(a|a)*\1c$"}}}
    text = said(batch(schema=schema, messages=[message(data={"id": "a" * 60 + "!"})]))
    assert text.startswith("Record 0 did not conform to schema: #/id: string [aaa"), text


TAKEN: dict[str, dict[str, Any]] = {
    "unknown keywords": {"selected": True, "inclusion": "automatic", "x-a": {"type": "strange"}},
    "another dialect named": {"$schema": "http://json-schema.org/draft-07/schema#", "id": "http://x/y"},
    "an empty required": {"required": []},
    "formats that are not checked": {"format": "uuid"},
    "a list recursing once": {"items": {"$ref": "#"}, "properties": {"more": {"$ref": "#/properties"}}},
    "a reference with escapes": {
        "properties": {"a/b%": {}, "c": {"$ref": "#/properties/id/properties/a~1b%25"}}
    },
    "nothing": {},
}


@pytest.mark.parametrize("case", TAKEN)
def test_what_real_schemas_hold_is_taken(case: str) -> None:
    """Keywords, formats and dialects that real taps send are no reason to refuse. (W50)"""
    assert "" == said(batch(schema={"properties": {"id": TAKEN[case]}}))


def test_a_schema_of_a_thousand_columns_is_taken() -> None:
    """The bound on work counts what looks at one value, not columns. (W52)"""
    columns = {f"c{i}": {"anyOf": [{"type": "null"}, {"type": "string"}]} for i in range(5_000)}
    assert "" == said(batch(schema={"properties": {"id": {"type": "integer"}} | columns}))


def test_a_body_that_is_not_json_is_malformed_as_on_push() -> None:
    """A batch body that cannot be parsed has the same refusal as on push. (W4)"""
    with pytest.raises(MalformedBody, match="line: 1, column: 1"):
        BatchChecker().check(b"")


def test_the_cache_of_schemas_is_bounded_and_changes_no_answer() -> None:
    """However many schemas come by, few are kept, and a forgotten one works as before. (W53)"""
    checker = BatchChecker(schemas_max=3, cached_bytes_max=300)
    for i in (*range(20), *range(20)):
        schema = {"properties": {"id": {"type": "integer", "maximum": i}}}
        text = "" if i >= 10 else f"Record 0 did not conform to schema: #/id: 10 is not less or equal to {i}"
        assert text == said(batch(schema=schema, messages=[message(data={"id": 10})]), checker)
    assert len(checker._schemas) <= 3
