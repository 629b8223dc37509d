"""Outcomes become exact bytes. Source: docs/specs/import-api.md, W10 to W17."""

from __future__ import annotations

import json

import pytest

from tidegate import errors
from tidegate.errors import Refusal
from tidegate.wire.answers import ACCEPTED, QUEUED, VALID, Answer, refusal_answer, status_answer

CASES: dict[str, tuple[Refusal, int, str]] = {
    "unknown path": (errors.NotFound(), 404, '{"message": "Not Found"}'),
    "wrong region": (errors.InvalidRegion(), 401, '{"message": "Invalid region."}'),
    "bad token": (errors.NotAuthorized(), 401, '{"message": "Not Authorized"}'),
    "paused source": (
        errors.SourceNotActive(),
        401,
        '{"error": "Forbidden", "errors": {"error": "Connection is not active."}}',
    ),
    "client_id missing": (
        errors.ClientIdMissing(),
        401,
        '{"status": "ERROR", "error": "Not Authenticated.", "errors": null}',
    ),
    "client_id of another": (
        errors.ClientMismatch(),
        403,
        (
            '{"status": "ERROR", "error": "Forbidden", '
            '"errors": {"error": "Access token is not associated with this client."}}'
        ),
    ),
    "not JSON": (
        errors.MalformedBody("trailing comma in array at line: 16, column: 2"),
        400,
        (
            '{"status": "ERROR", "message": "Malformed json in the body!", '
            '"error": "trailing comma in array at line: 16, column: 2", "input": null}'
        ),
    ),
    "not an array": (
        errors.ArrayExpected(),
        400,
        '{"status": "ERROR", "message": "An array of records is expected"}',
    ),
    "too many records": (
        errors.RecordCountOutOfBounds(),
        400,
        '{"status": "ERROR", "message": "The array of records must contain between 1 and 20000 records"}',
    ),
    "too large": (
        errors.BodyTooLarge(20_971_521, 20_971_520),
        413,
        (
            '{"status": "ERROR", '
            '"message": "Request rejected: request size (20971521 bytes) exceeds the maximum"}'
        ),
    ),
    "other content type": (
        errors.UnsupportedContentType("text/csv", batch=False),
        415,
        (
            '{"status": "ERROR", "message": "Unsupported content-type text/csv. '
            'Please send application/json or application/transit+json"}'
        ),
    ),
    "no content type": (
        errors.UnsupportedContentType("", batch=False),
        415,
        (
            '{"status": "ERROR", "message": "Unsupported content-type . '
            'Please send application/json or application/transit+json"}'
        ),
    ),
    "other content encoding": (
        errors.UnsupportedContentEncoding("gzip, zstd", batch=False),
        415,
        (
            '{"status": "ERROR", "message": "Unsupported content-encoding gzip, zstd. '
            'Please send gzip, zstd or identity"}'
        ),
    ),
    "records refused": (
        errors.RecordsRefused(["a text", {"key_names": ["can't be blank"]}]),
        422,
        (
            '{"status": "ERROR", "error": "Request cannot be processed; see errors.", '
            '"errors": [{"reason": "a text"}, {"reason": {"key_names": ["can\'t be blank"]}}]}'
        ),
    ),
    "batch refused": (
        errors.BatchRefused("Record is missing key property id"),
        400,
        '{"error": "Record is missing key property id"}',
    ),
    "idempotency key of other characters": (
        errors.IdempotencyKeyInvalid(),
        400,
        '{"message": "Idempotency-Key must be 1 to 255 visible ASCII characters"}',
    ),
    "idempotency key used before": (
        errors.IdempotencyKeyReused(),
        422,
        '{"message": "Idempotency-Key was already used for a different request"}',
    ),
    "slow body": (errors.BodyTooSlow(), 504, '{"message": "Gateway Timeout"}'),
    "journal full": (errors.Unavailable("full"), 503, '{"message": "Service Unavailable"}'),
    "timed out": (errors.TimedOut(), 504, '{"message": "Gateway Timeout"}'),
    "defect": (errors.Failed(), 500, '{"message": "Internal Server Error"}'),
}


@pytest.mark.parametrize("case", CASES)
def test_a_refusal_has_its_documented_answer(case: str) -> None:
    """Status, content type and documented keys of every refusal in JSON, in their order. (W13, W16)"""
    refusal, status, body = CASES[case]
    answer = refusal_answer(refusal)
    assert (status, "application/json", body) == (answer.status, answer.content_type, documented(answer))


def documented(answer: Answer) -> str:
    """Return a JSON body without the hint behind its end."""
    fields = json.loads(answer.body)
    if "hint" in fields:
        assert "hint" == [*fields][-1]
        del fields["hint"]
    return json.dumps(fields, ensure_ascii=False)


def test_hints_stand_in_the_bodies_that_have_room_for_them() -> None:
    """All JSON bodies of 400, 401, 403 and 422 have a hint, and no other body has one. (W18)"""
    with_hint = {
        case for case, (refusal, _, _) in CASES.items() if b'"hint": "' in refusal_answer(refusal).body
    }
    assert {case for case, (_, status, _) in CASES.items() if status in {400, 401, 403, 422}} == with_hint


@pytest.mark.parametrize(
    ("refusal", "expected"),
    [
        (
            errors.MethodNotAllowed("PUT", "/x", {"HEAD", "GET"}),
            Answer(405, "text/plain", b"Method not allowed.", (("Allow", "GET, HEAD"),)),
        ),
        (
            errors.UnsupportedContentType("text/csv", batch=True),
            Answer(415, "text/plain", b"Content-Type must be application/json"),
        ),
        (
            errors.UnsupportedContentEncoding("br", batch=True),
            Answer(
                415,
                "text/plain",
                b"Content-Encoding must be gzip, zstd or identity",
                (("Accept-Encoding", "gzip, zstd"),),
            ),
        ),
    ],
)
def test_three_refusals_are_plain_text(refusal: Refusal, expected: Answer) -> None:
    """The wrong method, and the wrong content type or encoding on batch, are in plain text. (W14, W15)"""
    assert expected == refusal_answer(refusal)


def test_unavailable_says_when_to_come_back() -> None:
    """503 carries Retry-After in seconds. (W15)"""
    assert (("Retry-After", "7"),) == refusal_answer(errors.Unavailable("full", retry_after_s=7)).headers


def test_every_refusal_is_a_json_object_or_one_of_the_two_texts() -> None:
    """Published clients fail on a JSON body that is no object, so no refusal is answered with one. (W12)"""
    made = [refusal for refusal, _, _ in CASES.values()]
    missing = {each for each in Refusal.__subclasses__() if each not in map(type, made)}
    assert {errors.MethodNotAllowed} == missing
    assert all(isinstance(json.loads(refusal_answer(each).body), dict) for each in made)


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (ACCEPTED, 201, '{"status": "OK", "message": "Batch Accepted!"}'),
        (QUEUED, 202, '{"status": "Accepted", "message": "The batch is queued to be processed."}'),
        (VALID, 200, '{"status": "OK", "message": "Batch is valid!"}'),
    ],
)
def test_success_has_its_documented_answer(answer: Answer, status: int, body: str) -> None:
    """Every 2xx is a JSON object labelled as JSON, or target-stitch would send the request again. (W11)"""
    assert Answer(status, "application/json", body.encode()) == answer


@pytest.mark.parametrize(("reason", "status"), [(None, "OK"), ("the disk is full", "ERROR")])
def test_the_status_says_how_the_api_is(reason: str | None, status: str) -> None:
    """Status is answered with 200 in both states; the body tells them apart. (W10)"""
    answer = status_answer("0.1.0", "abc", reason)
    body = {
        "name": "pipeline.gate",
        "version": "0.1.0",
        "revision": "abc",
        "status": status,
        "reason": reason,
    }
    assert (200, body) == (answer.status, json.loads(answer.body))
