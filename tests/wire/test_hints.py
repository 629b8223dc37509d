"""What each refusal says about what to change; the documented bodies have their own tests."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate import errors
from tidegate.errors import Refusal
from tidegate.wire.answers import refusal_answer
from tidegate.wire.hints import hint_for

RECORD_0 = "Record 0 did not conform to schema: #/a: "
ENVELOPE = "Request failed validation:"

CASES: dict[str, tuple[Refusal, str]] = {
    "bad token": (errors.NotAuthorized(), "`tidegate tokens list`"),
    "wrong region": (errors.InvalidRegion(), "region"),
    "paused source": (errors.SourceNotActive(), "`tidegate sources resume`"),
    "client_id missing": (errors.ClientIdMissing(), "Put client_id"),
    "client_id of another": (errors.ClientMismatch(), "one account"),
    "not an array": (errors.ArrayExpected(), "[{...}]"),
    "too many records": (errors.RecordCountOutOfBounds(), "at most 20000"),
    "no idempotency key": (errors.IdempotencyKeyInvalid(), "UUID"),
    "idempotency key used before": (errors.IdempotencyKeyReused(), "fresh key"),
    "no JSON": (errors.MalformedBody("trailing comma at line: 1, column: 2"), "JSON library"),
    "half a pair": (errors.MalformedBody("half of a surrogate pair at line: 1, column: 2"), "both halves"),
    "another charset": (errors.MalformedBody("byte 0xff is not UTF-8 at line: 1, column: 2"), "as UTF-8"),
    "damaged stream": (errors.MalformedBody("the gzip encoding ends too early"), "Content-Encoding"),
    "a huge number": (errors.MalformedBody("number 1e9 has too many digits when written out"), "in quotes"),
    "too deep": (errors.MalformedBody("data is nested deeper than 100 levels"), "inner objects"),
    "several clients": (errors.RecordsRefused(["The batch contains data points"]), "client_id"),
    "blank": (errors.RecordsRefused([{"sequence": ["can't be blank"]}]), "Put sequence into every record"),
    "key_properties": (errors.RecordsRefused([{"key_properties": ["unknown key"]}]), "to key_names"),
    "unknown key": (errors.RecordsRefused([{"nmae": ["unknown key"]}]), "Take nmae out"),
    "no integer": (errors.RecordsRefused([{"sequence": ["should be an integer"]}]), "without quotes"),
    "no number": (
        errors.RecordsRefused([{"sequence": ["should be an integer", "should be a number"]}]),
        "without quotes",
    ),
    "too high": (errors.RecordsRefused([{"sequence": ["can not be above 9"]}]), "sequence: send a whole"),
    "no string": (errors.RecordsRefused([{"table_name": ["should be a string"]}]), "table_name as text"),
    "no strings": (errors.RecordsRefused([{"key_names": ["should be an array of strings"]}]), '["id"]'),
    "action": (errors.RecordsRefused([{"action": ["should be upsert or switch_view"]}]), "to upsert"),
    "no object": (errors.RecordsRefused([{"data": ["data must be an object"]}]), "as an object"),
    "no key": (errors.RecordsRefused([{"data": ["data must include keys"]}]), "key_names lists"),
    "null key": (errors.RecordsRefused([{"data": ["keys cannot not be null in data"]}]), "other than null"),
    "nested key": (errors.RecordsRefused([{"data": ["keys must be scalar values"]}]), "not objects"),
    "long key": (
        errors.RecordsRefused([{"data": ["String keys cannot be longer than 1024 characters"]}]),
        "Shorten",
    ),
    "data points": (
        errors.RecordsRefused([{"data": ["data cannot contain more than 10000 data points"]}]),
        "at most 10000 values",
    ),
    "type name": (errors.BatchRefused("Invalid JSON schema: unknown type: [int]"), "integer"),
    "no schema": (errors.BatchRefused("Invalid JSON schema: #/a: x"), "Draft 4"),
    "key missing": (errors.BatchRefused("Record is missing key property id"), "other than null"),
    "array key": (errors.BatchRefused("Record key property id must be a scalar value"), "not objects"),
    "long batch key": (errors.BatchRefused("String keys cannot be longer than 1024 characters"), "Shorten"),
    "points": (errors.BatchRefused("Record 0 cannot contain more than 10000 data points"), "at most 10000"),
    "batch sequence": (errors.BatchRefused(f"{ENVELOPE}#: sequence can not be above 9"), "64 bits"),
    "no property": (
        errors.BatchRefused(f"{ENVELOPE}#/key_names: key [id] is not a property of the schema"),
        "to properties",
    ),
    "no messages": (
        errors.BatchRefused(f"{ENVELOPE}#/messages: expected minimum item count: 1, found: 0"),
        "1 to 20000 messages",
    ),
    "message": (
        errors.BatchRefused(f"{ENVELOPE}#/messages/0: #: 0 subschemas matched instead of one #/messages/0"),
        "Give each message",
    ),
    "batch client_id": (
        errors.BatchRefused(f"{ENVELOPE}#: extraneous key [client_id] is not permitted"),
        "Take client_id out",
    ),
    "envelope key": (
        errors.BatchRefused(f"{ENVELOPE}#: extraneous key [x] is not permitted"),
        "Take the key",
    ),
    "envelope lacks": (errors.BatchRefused(f"{ENVELOPE}#: required key [schema] not found"), "Add the key"),
    "envelope type": (errors.BatchRefused(f"{ENVELOPE}#/schema: expected type: x, found: y"), "the place"),
    "null": (errors.BatchRefused(f"{RECORD_0}expected: Integer, found: Null"), '["null", ...]'),
    "date-time": (errors.BatchRefused(f"{RECORD_0}[x] is not a valid date-time. Expected []"), "21:25:03Z"),
    "extra field": (
        errors.BatchRefused(f"{RECORD_0}extraneous key [x] is not permitted"),
        "under properties",
    ),
    "field lacks": (errors.BatchRefused(f"{RECORD_0}required key [x] not found"), "into the record"),
    "type": (errors.BatchRefused(f"{RECORD_0}expected: Integer, found: String"), "as the schema says"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_refusal_says_what_to_change(case: str) -> None:
    """The hint for each kind of mistake names its remedy. (W18)"""
    refusal, wanted = CASES[case]
    assert wanted in json.loads(refusal_answer(refusal).body)["hint"]


def test_all_that_is_wrong_with_the_first_record_is_told_once() -> None:
    """Several mistakes of one record have several hints, equal ones one. (W18)"""
    reasons = [{"a": ["unknown key"], "sequence": ["can't be blank"]}, {"b": ["unknown key"]}]
    expected = "Take a out, or move it into data. Put sequence into every record, with a value."
    assert expected == hint_for(errors.RecordsRefused(reasons))


@pytest.mark.parametrize(
    "refusal", [errors.NotFound(), errors.Unavailable("x"), errors.BodyTooLarge(2, 1), errors.Failed()]
)
def test_other_bodies_stay_as_documented(refusal: Refusal) -> None:
    """No other answer has a hint. (W18)"""
    assert hint_for(refusal) is None


@given(st.text(), st.text())
def test_any_text_has_a_hint(text: str, field: str) -> None:
    """Whatever a refusal says, its hint is a sentence. (W18)"""
    refusals = [
        errors.BatchRefused(text),
        errors.MalformedBody(text),
        errors.RecordsRefused([{field: [text]}]),
    ]
    assert all(hint_for(each) for each in refusals)
