"""
What to change, in plain words, for each refusal whose body has room for it.

A hint is ours and no contract: clients may show it and must not look into it. It repeats nothing but names
of fields that stand in the refusal itself, and tells a stranger nothing.
Source: docs/specs/import-api.md, W18.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from tidegate import errors
from tidegate.errors import Refusal
from tidegate.wire.bounds import DATA_POINTS_MAX, KEY_CHARS_MAX, RECORDS_MAX

Rules = Sequence[tuple[str, str]]
"""What a text contains, as a pattern, and the hint for it; the first that is found counts."""


def hint_for(refusal: Refusal) -> str | None:
    """Return what to change; None when the answer to a refusal has no place for it."""
    match refusal:
        case errors.BatchRefused(text=text):
            return _found(_BATCH, text)
        case errors.MalformedBody(detail=detail):
            return _found(_MALFORMED, detail)
        case errors.RecordsRefused(reasons=reasons):
            return _of_reason(reasons[0])
        case _:
            return _ALWAYS.get(type(refusal))


def _of_reason(reason: str | Mapping[str, Sequence[str]]) -> str:
    """Return the hints for all that is wrong with one record, each once."""
    if isinstance(reason, str):
        return "Send the client_id that the access token belongs to, in all records."
    # Of several messages about one field the last says most.
    said = (_found(_FIELDS, f"{field}: {messages[-1]}", field) for field, messages in reason.items())
    return " ".join(list(dict.fromkeys(said))[:_TOLD_MAX])


_TOLD_MAX = 5


def _found(rules: Rules, text: str, field: str = "") -> str:
    said = next(hint for pattern, hint in rules if re.search(pattern, text))
    return said.replace("<field>", field)


_ALWAYS: dict[type[Refusal], str] = {
    errors.NotAuthorized: (
        "Send the header Authorization: Bearer <access token>. `tidegate tokens list` shows those there are,"
        " `tidegate tokens create` makes one."
    ),
    errors.InvalidRegion: "Send to the server of the access token's region, or use a token of this one.",
    errors.SourceNotActive: "`tidegate sources resume` lets the source in again; then send this once more.",
    errors.ClientIdMissing: (
        "Put client_id, the account's number that the access token belongs to, into every record."
    ),
    errors.ClientMismatch: "Use the client_id and the access token of one account.",
    errors.ArrayExpected: (
        "Send an array of records, even for a single one: [{...}]. A body with schema and messages goes to"
        " /v2/import/batch."
    ),
    errors.RecordCountOutOfBounds: f"Send the records in several requests of at most {RECORDS_MAX}.",
    errors.IdempotencyKeyInvalid: "Send a fresh UUID as Idempotency-Key for each new request.",
    errors.IdempotencyKeyReused: (
        "Make a fresh key for each new request; send the same key only with the same body, byte for byte."
    ),
}

_KEY = f"Shorten the key to {KEY_CHARS_MAX} characters, or name another field in key_names."
_NO_KEY = "Give the fields in key_names a value other than null in every record."
_NESTED_KEY = "Name fields with a text, number or boolean in key_names, not objects or arrays."
_POINTS = f"Send at most {DATA_POINTS_MAX} values in a record; a long list may be rows of a table of its own."
_INT64 = "Send a whole number of 64 bits, such as milliseconds since 1970."

_MALFORMED: Rules = (
    ("surrogate", "Write the character as UTF-8, or as both halves of its escape."),
    ("UTF-8", "Encode the body as UTF-8."),
    ("encoding", "Compress the whole body once, and say how in Content-Encoding."),
    ("too many digits", "Send the number as text in quotes."),
    ("nested|levels", "Send the inner objects as text in quotes, or as rows of a table of their own."),
    (
        "",
        "Let a JSON library write the body, and correct it at the place named. NaN and Infinity are no JSON.",
    ),
)

_FIELDS: Rules = (
    ("can't be blank$", "Put <field> into every record, with a value."),
    ("^key_properties: unknown key$", "Rename key_properties to key_names."),
    ("unknown key$", "Take <field> out, or move it into data."),
    ("should be (an integer|a number)$", "Send <field> as a whole number without quotes."),
    ("can not be (above|below)", f"<field>: {_INT64[0].lower()}{_INT64[1:]}"),
    ("should be a string$", "Send <field> as text in quotes."),
    ("should be an array of strings$", 'Send <field> as an array of names, such as ["id"].'),
    ("should be upsert or switch_view$", "Set action to upsert; switch_view activates a table version."),
    ("data must be an object$", "Send data as an object of field names and values."),
    ("data must include keys$", "Put every field that key_names lists into data."),
    ("keys cannot not be null", _NO_KEY),
    ("keys must be scalar", _NESTED_KEY),
    ("String keys cannot be longer", _KEY),
    ("cannot contain more than", _POINTS),
    ("", "Correct <field>."),
)

_MESSAGE = (
    "Give each message action upsert, a whole number as sequence, data, and nothing else but time_extracted;"
    " activate_version has no data."
)
_ENVELOPE = (
    "Take the key out. A batch has table_name, schema, messages, key_names, table_version and bookmark_names;"
    " fields of a record stand in its data."
)

_BATCH: Rules = (
    ("^Invalid JSON schema: unknown type", "Use array, boolean, integer, null, number, object or string."),
    ("^Invalid JSON schema", "Correct the schema: it is read as JSON Schema, Draft 4."),
    ("^Record is missing key property", _NO_KEY),
    ("must be a scalar value$", _NESTED_KEY),
    ("^String keys cannot be longer", _KEY),
    ("cannot contain more than", _POINTS),
    ("sequence can not|table_version can not", _INT64),
    (
        "is not a property of the schema$",
        "Add the key to properties of the schema, or take it out of key_names.",
    ),
    ("#/messages: expected (minimum|maximum)", f"Send 1 to {RECORDS_MAX} messages in a request."),
    ("^Request failed validation:.*#/messages/[0-9]+: #: 0 subschemas", _MESSAGE),
    (
        r"^Request failed validation:.*extraneous key \[client_id\]",
        "Take client_id out: the access token says who sends.",
    ),
    ("^Request failed validation:.*extraneous key", _ENVELOPE),
    (
        "^Request failed validation:.*required key",
        "Add the key; a batch has table_name, schema and messages.",
    ),
    ("^Request failed validation", "Correct the value at the place named."),
    (
        "found: Null",
        'Send a value, or let the schema take null: {"type": ["null", ...]}. Records are counted from 0.',
    ),
    (
        "is not a valid date-time",
        "Send a time such as 2026-01-13T21:25:03Z, or null where the schema takes it; empty text is no time.",
    ),
    ("extraneous key", "Take the field out, or describe it under properties of the schema."),
    ("required key", "Put the field into the record, or take it out of required in the schema."),
    ("", "Send the value as the schema says, or change the schema. Records are counted from 0."),
)
