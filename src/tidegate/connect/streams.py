"""Streams: `/v4/sources/{source_id}/streams`: the tables of a source, to be read and not to be chosen."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection

from tidegate.connect.calls import Call, Route, number
from tidegate.control import sources, stream_schemas
from tidegate.control.stream_schemas import StreamSchema
from tidegate.errors import Declined, Unknown

EMPTY_SCHEMA = '{"type": "object"}'
NOT_SELECTABLE = Declined({"invalid_fields": "Unsupported fields cannot be selected by default"})


def stream_object(stream: StreamSchema) -> dict[str, Any]:
    """Shape: a table -> the object that the Connect API answers; all that is pushed is selected."""
    return {
        "selected": True,
        "stream_id": stream.id,
        "tap_stream_id": stream.table_name,
        "stream_name": stream.table_name,
        "metadata": _metadata(stream),
    }


def list_(call: Call) -> Any:
    """Answer the tables of a source that were loaded, in the order they came."""
    with call.store.reading() as conn:
        source_id = _own_source(conn, call, call.path["source_id"])
        return [stream_object(each) for each in stream_schemas.list_(conn, source_id)]


def show(call: Call) -> Any:
    """Answer what the records of a table look like; `schema` is a text with JSON in it."""
    stream_id = call.path["stream_id"]
    with call.store.reading() as conn:
        source_id = _own_source(conn, call, stream_id)
        try:
            found = stream_schemas.get(conn, number(stream_id) or 0, source_id=source_id)
        except Unknown as exc:
            raise _invalid(stream_id) from exc
    schema = found.schema_text or EMPTY_SCHEMA
    return {
        "schema": schema,
        "metadata": [{"breadcrumb": [], "metadata": _metadata(found)}, *_fields(schema)],
    }


def refuse(_call: Call) -> Any:
    """Refuse to choose among fields: all that is pushed is loaded."""
    raise NOT_SELECTABLE


ROUTES = (
    Route("GET", "/v4/sources/{source_id}/streams", "List the tables of a source", list_),
    Route("PUT", "/v4/sources/{source_id}/streams/metadata", "Select fields: always refused", refuse),
    Route("GET", "/v4/sources/{source_id}/streams/{stream_id}", "Show a table's schema", show),
)


def _own_source(conn: Connection, call: Call, stream_id: str) -> int:
    try:
        wanted = number(call.path["source_id"]) or 0
        return sources.get(conn, wanted, client_id=call.client_id).id
    except Unknown as exc:
        raise _invalid(stream_id) from exc


def _invalid(stream_id: str) -> Declined:
    return Declined(f"invalid stream-id: {stream_id}")


def _metadata(stream: StreamSchema) -> dict[str, Any]:
    return {"selected": True, "table-key-properties": list(stream.key_names)}


def _fields(schema: str) -> list[dict[str, Any]]:
    """Return the metadata of each field that a schema names at its top."""
    properties = json.loads(schema).get("properties")
    names = properties if isinstance(properties, dict) else {}
    return [
        {"breadcrumb": ["properties", name], "metadata": {"selected": True, "inclusion": "automatic"}}
        for name in names
    ]
