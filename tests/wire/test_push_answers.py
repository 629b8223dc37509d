"""Every documented answer of push and validate, from the bytes sent."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tidegate.errors import Refusal
from tidegate.wire.answers import refusal_answer
from tidegate.wire.content import JSON
from tidegate.wire.push import check_push

ABSENT = object()
CLIENT = 7723
INT64_MAX = 9_223_372_036_854_775_807


def record(**changes: Any) -> dict[str, Any]:
    """A sound record, with fields changed; ABSENT takes one out."""
    sound = {
        "client_id": CLIENT,
        "table_name": "customers",
        "sequence": 1,
        "action": "upsert",
        "key_names": ["id"],
        "data": {"id": 1, "name": "Finn"},
    }
    return {name: value for name, value in (sound | changes).items() if value is not ABSENT}


def activation(**changes: Any) -> dict[str, Any]:
    """A sound activation as the Java client sends it, with fields changed."""
    sound: dict[str, Any] = {"action": "switch_view", "namespace": None, "table_version": 3}
    return record(**({"key_names": ABSENT, "data": ABSENT} | sound | changes))


def answer(body: bytes) -> tuple[int, Any]:
    """Check a body and return status and documented keys of the refusal; (0, count) when accepted."""
    try:
        return 0, check_push(body, JSON, CLIENT)
    except Refusal as refusal:
        sent = refusal_answer(refusal)
        assert "application/json" == sent.content_type
        fields = json.loads(sent.body)
        del fields["hint"]
        return sent.status, fields


def refused(reasons: list[Any]) -> tuple[int, Any]:
    """The documented envelope of 422."""
    said = "Request cannot be processed; see errors."
    return 422, {"status": "ERROR", "error": said, "errors": [{"reason": each} for each in reasons]}


ARRAY_EXPECTED = (400, {"status": "ERROR", "message": "An array of records is expected"})

WHOLE_BODIES: dict[str, tuple[bytes, tuple[int, Any]]] = {
    "an object": (b"{}", ARRAY_EXPECTED),
    "a batch body": (b'{"table_name":"t","schema":{},"messages":[]}', ARRAY_EXPECTED),
    "a scalar": (b"1", ARRAY_EXPECTED),
    "an empty array": (b"[]", ARRAY_EXPECTED),
    "an element that is no object": (json.dumps([record(), 1]).encode(), ARRAY_EXPECTED),
    "too many records": (
        json.dumps([record()] * 20_001).encode(),
        (
            400,
            {
                "status": "ERROR",
                "message": "The array of records must contain between 1 and 20000 records",
            },
        ),
    ),
    "most records": (json.dumps([record()] * 20_000).encode(), (0, 20_000)),
    "client_id missing": (
        json.dumps([record(), record(client_id=ABSENT, table_name=5)]).encode(),
        (401, {"status": "ERROR", "error": "Not Authenticated.", "errors": None}),
    ),
    "client_id null": (
        json.dumps([record(client_id=None)]).encode(),
        (401, {"status": "ERROR", "error": "Not Authenticated.", "errors": None}),
    ),
    "several clients": (
        json.dumps([record(), record(client_id=1)]).encode(),
        refused(
            [
                f"The batch contains data points for multiple clients. Only client_id {CLIENT} is allowed",
            ]
        ),
    ),
    "another client": (
        json.dumps([record(client_id=1, table_name=5)]).encode(),
        (
            403,
            {
                "status": "ERROR",
                "error": "Forbidden",
                "errors": {"error": "Access token is not associated with this client."},
            },
        ),
    ),
    "a byte-order mark": (b"\xef\xbb\xbf" + json.dumps([record()]).encode(), (0, 1)),
    "white space around": (b" \n" + json.dumps([record()]).encode() + b"\n", (0, 1)),
}


@pytest.mark.parametrize("case", WHOLE_BODIES)
def test_a_body_gets_its_documented_answer(case: str) -> None:
    """The checks of a whole body are made in the documented order, each with its answer. (W20 to W24)"""
    body, expected = WHOLE_BODIES[case]
    assert expected == answer(body)


BLANK = ["can't be blank"]
NO_NUMBER = ["should be an integer", "should be a number"]
LONG = "x" * 1_025

RECORDS: dict[str, tuple[dict[str, Any], dict[str, list[str]]]] = {
    "table_name missing": (record(table_name=ABSENT), {"table_name": BLANK}),
    "table_name null": (record(table_name=None), {"table_name": BLANK}),
    "table_name empty": (record(table_name=""), {"table_name": BLANK}),
    "table_name white": (record(table_name=" \t"), {"table_name": BLANK}),
    "table_name a number": (record(table_name=5), {"table_name": ["should be a string"]}),
    "sequence missing": (record(sequence=ABSENT), {"sequence": BLANK}),
    "sequence a numeric string": (record(sequence="123"), {"sequence": NO_NUMBER}),
    "sequence a boolean": (record(sequence=True), {"sequence": NO_NUMBER}),
    "sequence a fraction": (record(sequence=1.5), {"sequence": ["should be an integer"]}),
    "sequence too high": (
        record(sequence=INT64_MAX + 1),
        {"sequence": ["can not be above 9223372036854775807"]},
    ),
    "sequence too low": (
        record(sequence=-INT64_MAX - 2),
        {"sequence": ["can not be below -9223372036854775808"]},
    ),
    "action missing": (record(action=ABSENT), {"action": BLANK}),
    "action unknown": (record(action="delete"), {"action": ["should be upsert or switch_view"]}),
    "action a number": (record(action=1), {"action": ["should be a string"]}),
    "key_names missing": (record(key_names=ABSENT), {"key_names": BLANK}),
    "key_names null, as Java sends": (record(key_names=None), {"key_names": BLANK}),
    "key_names empty": (record(key_names=[]), {"key_names": BLANK}),
    "key_names a string": (record(key_names="id"), {"key_names": ["should be an array of strings"]}),
    "key_names of numbers": (record(key_names=[1]), {"key_names": ["should be an array of strings"]}),
    "key_properties instead": (
        record(key_names=ABSENT, key_properties=["id"]),
        {"key_names": BLANK, "key_properties": ["unknown key"]},
    ),
    "data missing": (record(data=ABSENT), {"data": BLANK}),
    "data null": (record(data=None), {"data": BLANK}),
    "data an empty array": (record(data=[]), {"data": BLANK}),
    "data an array": (record(data=[1]), {"data": ["data must be an object"]}),
    "data a string": (record(data="x"), {"data": ["data must be an object"]}),
    "data empty": (record(data={}), {"data": ["data must include keys"]}),
    "a key absent": (record(key_names=["id", "no"]), {"data": ["data must include keys"]}),
    "a key null": (record(data={"id": None}), {"data": ["keys cannot not be null in data"]}),
    "a key an object": (record(data={"id": {}}), {"data": ["keys must be scalar values"]}),
    "a key an array": (record(data={"id": [1]}), {"data": ["keys must be scalar values"]}),
    "a key too long": (
        record(data={"id": LONG}),
        {"data": ["String keys cannot be longer than 1024 characters"]},
    ),
    "too many data points": (
        record(data={"id": 1, "list": [0] * 10_000}),
        {"data": ["data cannot contain more than 10000 data points"]},
    ),
    "too many columns": (
        record(data={"id": 1} | {f"c{i}": None for i in range(10_000)}),
        {"data": ["data cannot contain more than 10000 data points"]},
    ),
    "table_version a string": (record(table_version="1"), {"table_version": NO_NUMBER}),
    "table_version a fraction": (record(table_version=1.5), {"table_version": ["should be an integer"]}),
    "table_version too high": (
        record(table_version=INT64_MAX + 1),
        {"table_version": ["can not be above 9223372036854775807"]},
    ),
    "namespace a number": (record(namespace=1), {"namespace": ["should be a string"]}),
    "time_extracted a number": (record(time_extracted=1), {"time_extracted": ["should be a string"]}),
    "bookmark_names a string": (
        record(bookmark_names="a"),
        {"bookmark_names": ["should be an array of strings"]},
    ),
    "an unknown key": (record(extra=1), {"extra": ["unknown key"]}),
    "several at once": (
        record(table_name=1, sequence="x", extra=1, data="x"),
        {
            "table_name": ["should be a string"],
            "sequence": NO_NUMBER,
            "data": ["data must be an object"],
            "extra": ["unknown key"],
        },
    ),
    "an activation without version": (activation(table_version=None), {"table_version": BLANK}),
}


@pytest.mark.parametrize("case", RECORDS)
def test_a_record_gets_its_documented_reasons(case: str) -> None:
    """Each rule of a record has its text, and all errors of a record are reported together. (W25 to W31)"""
    sent, reasons = RECORDS[case]
    assert refused([reasons]) == answer(json.dumps([sent]).encode())


def test_client_id_of_another_type_is_a_wrong_type() -> None:
    """A client_id that is there but is no integer is reported before it is compared. (W23)"""
    assert refused([{"client_id": NO_NUMBER}]) == answer(json.dumps([record(client_id="7723")]).encode())


ACCEPTED = {
    "the optional fields null": record(
        namespace=None, table_version=None, time_extracted=None, bookmark_names=None
    ),
    "the optional fields given": record(
        namespace="x", table_version=0, time_extracted="2020-01-01T00:00:00Z", bookmark_names=["id"]
    ),
    "the highest sequence": record(sequence=INT64_MAX),
    "the lowest sequence": record(sequence=-INT64_MAX - 1),
    "a whole number with a point": record(sequence=1.0, table_version=2.0, client_id=float(CLIENT)),
    "the longest key": record(data={"id": "ü" * 1_024}),
    "most data points": record(data={"id": 1, "list": [0] * 9_999}),
    "a boolean and a float as keys": record(key_names=["a", "b"], data={"a": True, "b": 1.5}),
    "an activation as Java sends it": activation(),
    "an activation under its other name": activation(action="activate_version"),
    "an activation with data": activation(data={"x": 1}, key_names=["y"]),
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_what_the_rules_allow_is_accepted(case: str) -> None:
    """The edges of every rule lie inside it. (W25 to W32)"""
    assert (0, 1) == answer(json.dumps([ACCEPTED[case]]).encode())


def test_each_failing_record_is_reported_in_order_up_to_a_hundred() -> None:
    """One element for each failing record, in record order, and not more than 100. (W26)"""
    sent = [record(sequence=i) if i % 2 else record(**{f"extra{i}": 1}) for i in range(300)]
    expected = refused([{f"extra{i}": ["unknown key"]} for i in range(0, 200, 2)])
    assert expected == answer(json.dumps(sent).encode())


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b"", "line: 1, column: 1"),
        (b'[{"a": 1,\n  ]', "line: 2, column: 3"),
        (b"[\n NaN]", "line: 2, column: 2"),
        (b"[Infinity]", "line: 1, column: 2"),
        (b"[] []", "line: 1, column: 5"),
        (b'["\xff"]', "line: 1, column: 3"),
        (b'["\\ud83d"]', "line: 1, column: 3"),
        (b'["\\\\ud83d \\ude00"]', "line: 1, column: 17"),
        (b"[", "line: 1, column: 2"),
    ],
)
def test_a_malformed_body_is_answered_with_line_and_column(body: bytes, place: str) -> None:
    """What is not JSON is refused with the decoder's words and the place. (W4)"""
    status, sent = answer(body)
    error = sent.pop("error")
    assert (400, {"status": "ERROR", "message": "Malformed json in the body!", "input": None}) == (
        status,
        sent,
    )
    assert error.endswith(place), error


@pytest.mark.parametrize(
    "inner",
    ["[" * 5_000 + "]" * 5_000, '{"a":' * 101 + "1" + "}" * 101, "1" * 5_000, "1e5000", "1e-5000"],
    ids=["thousands of levels", "101 levels", "5000 digits", "a huge exponent", "a tiny exponent"],
)
def test_what_could_exhaust_a_process_is_malformed(inner: str) -> None:
    """Data nested deeper than 100 levels and numbers of more than 4,300 digits are refused. (W6, W65)"""
    body = json.dumps([record(data={"id": 1, "x": "here"})]).replace('"here"', inner).encode()
    status, sent = answer(body)
    assert (400, "Malformed json in the body!") == (status, sent["message"])


def test_data_may_be_a_hundred_levels_deep() -> None:
    """The 100th level of `data` is accepted. (W6)"""
    inner = '{"a":' * 99 + "1" + "}" * 99
    body = json.dumps([record(data={"id": 1, "x": "here"})]).replace('"here"', inner).encode()
    assert (0, 1) == answer(body)
