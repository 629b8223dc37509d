"""
What is sent back: status, content type and exact bytes.

Every JSON body is an object and is labelled `application/json`; published clients fail on anything else.
Source: docs/specs/import-api.md, W10 to W18.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from tidegate import errors
from tidegate.errors import Refusal
from tidegate.wire.bounds import ECHO_CHARS_MAX, RECORDS_MAX
from tidegate.wire.hints import hint_for

JSON = "application/json"
TEXT = "text/plain"


@dataclass(frozen=True, slots=True)
class Answer:
    """One response, without what the server adds."""

    status: int
    content_type: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


def _json(status: int, body: dict[str, Any], *headers: tuple[str, str]) -> Answer:
    return Answer(status, JSON, json.dumps(body, ensure_ascii=False).encode(), headers)


ACCEPTED = _json(201, {"status": "OK", "message": "Batch Accepted!"})
QUEUED = _json(202, {"status": "Accepted", "message": "The batch is queued to be processed."})
VALID = _json(200, {"status": "OK", "message": "Batch is valid!"})


def valid_answer(preview: Mapping[str, Any]) -> Answer:
    """
    Answer validate with more behind the documented keys: what the body would become.

    Numbers have all their digits, instants are RFC 3339. Source: docs/specs/import-api.md, W36.
    """
    return Answer(200, JSON, _EXACT.encode(json.loads(VALID.body) | preview))


_EXACT = msgspec.json.Encoder(decimal_format="number")


def status_answer(version: str, revision: str, reason: str | None) -> Answer:
    """Say how the API is; `reason` is None while requests can be accepted. Source: W10."""
    return _json(
        200,
        {
            "name": "pipeline.gate",
            "version": version,
            "revision": revision,
            "status": "OK" if reason is None else "ERROR",
            "reason": reason,
        },
    )


def refusal_answer(refusal: Refusal) -> Answer:
    """
    Turn a refusal into its documented answer; the one place where that happens.

    Shape: the documented keys, and behind them `hint` where there is one.
    Source: docs/specs/import-api.md, W12 to W18.
    """
    text = _TEXTS.get(type(refusal))
    if text is not None and getattr(refusal, "batch", True):
        return Answer(refusal.status, TEXT, text, _headers(refusal))
    say = _BODIES.get(type(refusal))
    body = say(refusal) if say else {"message": "Internal Server Error"}
    if (hint := hint_for(refusal)) is not None:
        body = body | {"hint": hint}
    return _json(refusal.status, body, *_headers(refusal))


def _headers(refusal: Refusal) -> tuple[tuple[str, str], ...]:
    match refusal:
        case errors.Unavailable(retry_after_s=seconds):
            return (("Retry-After", str(seconds)),)
        case errors.MethodNotAllowed(allowed=allowed):
            return (("Allow", ", ".join(allowed)),)
        case errors.UnsupportedContentEncoding():
            return (("Accept-Encoding", _COMPRESSED),)
        case _:
            return ()


_TEXTS: dict[type[Refusal], bytes] = {
    errors.MethodNotAllowed: b"Method not allowed.",
    errors.UnsupportedContentType: b"Content-Type must be application/json",
    errors.UnsupportedContentEncoding: b"Content-Encoding must be gzip, zstd or identity",
}
"""The refusals that are not JSON; those after the first only on batch."""

_COMPRESSED = "gzip, zstd"


def _unsupported(refusal: errors.UnsupportedContentType) -> dict[str, Any]:
    found = refusal.media_type[:ECHO_CHARS_MAX]
    wanted = "application/json or application/transit+json"
    return {"status": "ERROR", "message": f"Unsupported content-type {found}. Please send {wanted}"}


def _unsupported_encoding(refusal: errors.UnsupportedContentEncoding) -> dict[str, Any]:
    found = refusal.encoding[:ECHO_CHARS_MAX]
    said = f"Unsupported content-encoding {found}. Please send gzip, zstd or identity"
    return {"status": "ERROR", "message": said}


def _too_large(refusal: errors.BodyTooLarge) -> dict[str, Any]:
    said = f"Request rejected: request size ({refusal.body_bytes} bytes) exceeds the maximum"
    return {"status": "ERROR", "message": said}


def _malformed(refusal: errors.MalformedBody) -> dict[str, Any]:
    said = "Malformed json in the body!"
    return {"status": "ERROR", "message": said, "error": refusal.detail, "input": None}


def _records_refused(refusal: errors.RecordsRefused) -> dict[str, Any]:
    return {
        "status": "ERROR",
        "error": "Request cannot be processed; see errors.",
        "errors": [{"reason": reason} for reason in refusal.reasons],
    }


def _always(body: dict[str, Any]) -> Callable[[Any], dict[str, Any]]:
    return lambda _: body


_MISMATCH = {"error": "Access token is not associated with this client."}
_KEY_INVALID = "Idempotency-Key must be 1 to 255 visible ASCII characters"
_KEY_REUSED = "Idempotency-Key was already used for a different request"
_COUNT = f"The array of records must contain between 1 and {RECORDS_MAX} records"

_BODIES: dict[type[Refusal], Callable[[Any], dict[str, Any]]] = {
    errors.NotFound: _always({"message": "Not Found"}),
    errors.InvalidRegion: _always({"message": "Invalid region."}),
    errors.NotAuthorized: _always({"message": "Not Authorized"}),
    errors.SourceNotActive: _always({"error": "Forbidden", "errors": {"error": "Connection is not active."}}),
    errors.ClientIdMissing: _always({"status": "ERROR", "error": "Not Authenticated.", "errors": None}),
    errors.ClientMismatch: _always({"status": "ERROR", "error": "Forbidden", "errors": _MISMATCH}),
    errors.UnsupportedContentType: _unsupported,
    errors.UnsupportedContentEncoding: _unsupported_encoding,
    errors.BodyTooLarge: _too_large,
    errors.BodyTooSlow: _always({"message": "Gateway Timeout"}),
    errors.MalformedBody: _malformed,
    errors.ArrayExpected: _always({"status": "ERROR", "message": "An array of records is expected"}),
    errors.RecordCountOutOfBounds: _always({"status": "ERROR", "message": _COUNT}),
    errors.RecordsRefused: _records_refused,
    errors.BatchRefused: lambda refusal: {"error": refusal.text},
    errors.IdempotencyKeyInvalid: _always({"message": _KEY_INVALID}),
    errors.IdempotencyKeyReused: _always({"message": _KEY_REUSED}),
    errors.Unavailable: _always({"message": "Service Unavailable"}),
    errors.TimedOut: _always({"message": "Gateway Timeout"}),
}
