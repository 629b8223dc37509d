"""
Every refusal of the Import API with its cause and what to do about it.

Statuses, headers and bodies stand in `tidegate.wire.answers`; the documents render them from these refusals.
"""

from __future__ import annotations

from dataclasses import dataclass

from tidegate import errors
from tidegate.errors import Refusal

RECORDS = frozenset({"validate", "push"})
KEPT = frozenset({"push", "batch"})
BODIES = RECORDS | KEPT
ALL = BODIES | {"status"}
ELSEWHERE: frozenset[str] = frozenset()
"""For refusals of paths and methods that are no operation of the API."""


@dataclass(frozen=True, slots=True)
class Documented:
    """One refusal: an example of it, the names of the endpoints that give it, and words for people."""

    refusal: Refusal
    endpoints: frozenset[str]
    cause: str
    remedy: str


REFUSALS = (
    Documented(
        errors.MalformedBody("trailing comma in array at line: 16, column: 2"),
        BODIES,
        "The body cannot be read as JSON (or Transit), or its compression is damaged.",
        "Look at the place that the text names. NaN, half a surrogate pair and other charsets are no JSON.",
    ),
    Documented(
        errors.ArrayExpected(""),
        RECORDS,
        "The body is no array of objects, or an empty one.",
        "Put the records into an array, even a single one.",
    ),
    Documented(
        errors.RecordCountOutOfBounds(""),
        RECORDS,
        "The array has too many records.",
        "Send the records in several requests.",
    ),
    Documented(
        errors.BatchRefused("Record 0 did not conform to schema: #/id: expected: Integer, found: String"),
        frozenset({"validate", "batch"}),
        "The body, its schema or one of its records breaks a rule; nothing of the request was kept.",
        "The text names the place; records are counted from 0. Correct it and send the whole request again.",
    ),
    Documented(
        errors.IdempotencyKeyInvalid(""),
        KEPT,
        "The Idempotency-Key header is none.",
        "Send 1 to 255 visible ASCII characters, such as a UUID.",
    ),
    Documented(
        errors.NotAuthorized(""),
        BODIES,
        "The access token is missing, unknown, expired or revoked.",
        "Check the Authorization header; `tidegate tokens create` makes a new token.",
    ),
    Documented(
        errors.ClientIdMissing(""),
        RECORDS,
        "A record has no client_id.",
        "Put client_id into every record; `tidegate serve` prints it.",
    ),
    Documented(
        errors.SourceNotActive(""),
        BODIES,
        "The source is paused or deleted.",
        "`tidegate sources resume` lets it in again; send again what was refused.",
    ),
    Documented(
        errors.InvalidRegion(""),
        BODIES,
        "The token belongs to another region than this server.",
        "Send to the server of the token's region.",
    ),
    Documented(
        errors.ClientMismatch(""),
        RECORDS,
        "client_id is not the one that the token belongs to.",
        "Use the client_id and the token of one account.",
    ),
    Documented(
        errors.NotFound(""),
        ELSEWHERE,
        "There is no such path.",
        "Check the base URL: the path begins with /v2/import/.",
    ),
    Documented(
        errors.MethodNotAllowed("GET", "/v2/import/push", {"POST"}),
        ELSEWHERE,
        "The path does not take this method.",
        "Use POST, or GET on status.",
    ),
    Documented(
        errors.BodyTooSlow(""),
        BODIES,
        "The body came too slowly; the connection is closed.",
        "Send it again, in smaller requests or compressed.",
    ),
    Documented(
        errors.BodyTooLarge(20_971_521, 20_971_520),
        BODIES,
        "The body is over the limit, as sent or after decompression.",
        "Send smaller requests; compression does not raise the limit.",
    ),
    Documented(
        errors.UnsupportedContentType("text/csv", batch=False),
        RECORDS,
        "Content-Type is missing or another.",
        "Send Content-Type: application/json, or application/transit+json for Transit.",
    ),
    Documented(
        errors.UnsupportedContentType("text/csv", batch=True),
        frozenset({"batch"}),
        "Content-Type is missing or another.",
        "Send Content-Type: application/json.",
    ),
    Documented(
        errors.UnsupportedContentEncoding("br", batch=False),
        RECORDS,
        "Content-Encoding is unknown, or names several.",
        "Compress with gzip or zstd, once, or not at all.",
    ),
    Documented(
        errors.UnsupportedContentEncoding("br", batch=True),
        frozenset({"batch"}),
        "Content-Encoding is unknown, or names several.",
        "Compress with gzip or zstd, once, or not at all.",
    ),
    Documented(
        errors.RecordsRefused(
            [
                {"key_names": ["can't be blank"], "key_properties": ["unknown key"]},
                "The batch contains data points for multiple clients. Only client_id 1001 is allowed",
            ]
        ),
        RECORDS,
        "One or more records break a rule; nothing of the request was kept.",
        "Each element of errors is one failing record, in the order sent: field, then what is wrong with it.",
    ),
    Documented(
        errors.IdempotencyKeyReused(""),
        KEPT,
        "The key was used for a request with other contents.",
        "Make a fresh key for each new request.",
    ),
    Documented(
        errors.Failed(""),
        ALL,
        "A defect of Tidegate; its log has the details under the request id.",
        "Send it again; if it stays, report it with the X-Request-Id of the answer.",
    ),
    Documented(
        errors.Unavailable(""),
        KEPT,
        "Nothing can be accepted right now: the journal is full, the disk fails, or too much is under way.",
        "Wait as long as Retry-After says, then send the same request again.",
    ),
    Documented(
        errors.TimedOut(""),
        frozenset({"validate"}),
        "The request could not be handled in time.",
        "Send it again.",
    ),
)
"""In the order of their statuses; a test holds that no refusal is missing."""
