"""
The request bodies of the Import API as JSON Schemas, and the shape of an answer.

They say what a schema can say; rules between fields are in the descriptions and in
docs/specs/import-api.md.
"""

from __future__ import annotations

import json
from typing import Any

from tidegate.wire.answers import JSON, Answer
from tidegate.wire.bounds import DATA_POINTS_MAX, INT64_MAX, INT64_MIN, KEY_CHARS_MAX, RECORDS_MAX

Schema = dict[str, Any]

INT64: Schema = {"type": "integer", "minimum": INT64_MIN, "maximum": INT64_MAX}
NAMES: Schema = {"type": "array", "items": {"type": "string"}}
NOT_BLANK: Schema = {"type": "string", "pattern": r"\S"}


def _field(schema: Schema, description: str) -> Schema:
    return {**schema, "description": description}


_CLIENT_ID = _field({"type": "integer"}, "Your account's id: the one the access token belongs to.")
_TABLE_NAME = _field(NOT_BLANK, "The table; made with its first record.")
_SEQUENCE = _field(INT64, "Orders the versions of a row: the greatest wins.")
_VERSION = _field(INT64, "Version of the table's contents, for sources that send a table whole now and then.")
_BOOKMARKS = _field(NAMES, "Names of the fields by which the sender keeps its place.")
_EXTRACTED = _field({"type": "string"}, "When the sender read the record, RFC 3339.")
_DATA = _field(
    {"type": "object"},
    f"The record, up to {DATA_POINTS_MAX} scalars at any depth. Keys are scalars, never null, of at most"
    f" {KEY_CHARS_MAX} characters.",
)


def _nullable(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


_PUSH_OPTIONAL = {
    "namespace": _field(_nullable({"type": "string"}), "Ignored: the token says which schema."),
    "time_extracted": _nullable(_EXTRACTED),
    "bookmark_names": _nullable(_BOOKMARKS),
}

UPSERT: Schema = {
    "title": "Upsert",
    "description": "One version of one row.",
    "type": "object",
    "required": ["client_id", "table_name", "sequence", "action", "key_names", "data"],
    "additionalProperties": False,
    "properties": {
        "client_id": _CLIENT_ID,
        "table_name": _TABLE_NAME,
        "sequence": _SEQUENCE,
        "action": {"const": "upsert"},
        "key_names": _field({**NAMES, "minItems": 1}, "The primary key: fields of data."),
        "data": {**_DATA, "minProperties": 1},
        "table_version": _nullable(_VERSION),
        **_PUSH_OPTIONAL,
    },
}

SWITCH_VIEW: Schema = {
    "title": "Switch view",
    "description": "From here on the given version is the table's only one.",
    "type": "object",
    "required": ["client_id", "table_name", "sequence", "action", "table_version"],
    "additionalProperties": False,
    "properties": {
        "client_id": _CLIENT_ID,
        "table_name": _TABLE_NAME,
        "sequence": _SEQUENCE,
        "action": {"enum": ["switch_view", "activate_version"]},
        "table_version": _VERSION,
        "key_names": {"description": "Ignored."},
        "data": {"description": "Ignored."},
        **_PUSH_OPTIONAL,
    },
}

PUSH: Schema = {
    "title": "Records",
    "description": "Records for any number of tables. All carry the same client_id.",
    "type": "array",
    "minItems": 1,
    "maxItems": RECORDS_MAX,
    "items": {
        "anyOf": [{"$ref": "#/components/schemas/Upsert"}, {"$ref": "#/components/schemas/SwitchView"}]
    },
}

BATCH: Schema = {
    "title": "Batch",
    "description": "Records for one table, with the JSON Schema that types them.",
    "type": "object",
    "required": ["table_name", "schema", "messages"],
    "additionalProperties": False,
    "properties": {
        "table_name": _field({"type": "string", "minLength": 1}, "The table; made with its first record."),
        "schema": _field({"type": "object"}, "JSON Schema, Draft 4, of data."),
        "key_names": _field(NAMES, "The primary key: properties of the schema. None: rows are only added."),
        "table_version": _VERSION,
        "bookmark_names": _BOOKMARKS,
        "messages": {
            "type": "array",
            "minItems": 1,
            "maxItems": RECORDS_MAX,
            "items": {
                "anyOf": [
                    {
                        "title": "Upsert",
                        "type": "object",
                        "required": ["action", "sequence", "data"],
                        "additionalProperties": False,
                        "properties": {
                            "action": {"const": "upsert"},
                            "sequence": _SEQUENCE,
                            "data": _DATA,
                            "time_extracted": _EXTRACTED,
                        },
                    },
                    {
                        "title": "Activate version",
                        "type": "object",
                        "required": ["action", "sequence"],
                        "additionalProperties": False,
                        "properties": {
                            "action": {"enum": ["activate_version", "switch_view"]},
                            "sequence": _SEQUENCE,
                        },
                    },
                ]
            },
        },
    },
}

SCHEMAS: dict[str, Schema] = {"Records": PUSH, "Upsert": UPSERT, "SwitchView": SWITCH_VIEW, "Batch": BATCH}

_COLUMN: Schema = {
    "type": "object",
    "required": ["name", "type", "native_type", "nullable"],
    "properties": {
        **{key: {"type": "string"} for key in ("name", "type", "native_type")},
        "nullable": {"type": "boolean"},
    },
}
_TABLE: Schema = {
    "type": "object",
    "required": ["name", "parent", "key_columns", "columns", "row_count", "rows"],
    "properties": {
        "name": {"type": "string"},
        "parent": _nullable(_field({"type": "string"}, "Of a subtable, the table whose elements it holds.")),
        "key_columns": NAMES,
        "columns": {"type": "array", "items": _COLUMN},
        "row_count": {"type": "integer"},
        "rows": _field({"type": "array", "items": {"type": "object"}}, "The first 20."),
    },
}
PREVIEW: Schema = {
    "title": "Preview",
    "type": "object",
    "required": ["status", "message", "destination", "tables", "rejected", "rejected_count", "warnings"],
    "properties": {
        "status": {"const": "OK"},
        "message": {"type": "string"},
        "destination": _field({"type": "string"}, "The kind of warehouse."),
        "tables": {"type": "array", "items": _TABLE},
        "rejected": _field(
            {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["table_name", "reason", "record"],
                    "additionalProperties": {"type": "string"},
                },
            },
            "The first 20 records that no table would take.",
        ),
        "rejected_count": {"type": "integer"},
        "warnings": NAMES,
    },
}

_REFUSED_STATUS_MIN = 400
_HINT: Schema = {"type": "string", "description": "What to do about it, in plain words."}
_REASON: Schema = {
    "anyOf": [
        {"type": "string"},
        {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}},
    ]
}


def answer_schema(answer: Answer) -> Schema:
    """Return the shape of an answer: its very fields, of the types they have in it; a hint may be there."""
    if answer.content_type != JSON:
        return {"type": "string", "enum": [answer.body.decode()]}
    body = json.loads(answer.body)
    if "tables" in body:
        return PREVIEW
    shape = _shape(body)
    if answer.status >= _REFUSED_STATUS_MIN:
        shape["required"] = [each for each in shape["required"] if each != "hint"]
        shape["properties"]["hint"] = _HINT
    return shape


def _shape(value: Any) -> Schema:
    match value:
        case {"reason": _, **others} if not others:
            fields = {"reason": _REASON}
        case dict():
            fields = {key: _shape(each) for key, each in value.items()}
        case list():
            return {"type": "array", "minItems": 1, "items": _shape(value[0])}
        case None:
            return {"type": "null"}
        case _:
            return {"type": "string"}
    return {"type": "object", "required": [*fields], "additionalProperties": False, "properties": fields}
