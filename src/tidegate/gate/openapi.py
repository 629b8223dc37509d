"""
Makes the OpenAPI 3.1 document from the route table, the answers and the refusals.

Source: the OpenAPI specification 3.1.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any

from tidegate.gate.app import Route
from tidegate.gate.documents_refusals import ELSEWHERE, KEPT, REFUSALS
from tidegate.gate.openapi_schemas import SCHEMAS, Schema, answer_schema
from tidegate.wire.answers import (
    ACCEPTED,
    JSON,
    QUEUED,
    VALID,
    Answer,
    refusal_answer,
    status_answer,
    valid_answer,
)
from tidegate.wire.content import TRANSIT
from tidegate.wire.encoding import ENCODINGS

ABOUT = """\
Push JSON records over HTTP; they are kept durably before the answer, and become rows of typed tables. This is
the Stitch Import API, version 2, as Tidegate speaks it. `/docs` has the same for reading.

Any other path is answered with 404, and another method on these paths with 405.
"""

SUMMARIES = {
    "status": "Tell whether records can be accepted",
    "validate": "Check records as push or batch does, and keep nothing",
    "push": "Accept records for any number of tables, typed by their values",
    "batch": "Accept records for one table, typed by a JSON Schema",
}

RECORD = {
    "client_id": 1001,
    "table_name": "hello",
    "sequence": 1,
    "action": "upsert",
    "key_names": ["id"],
    "data": {"id": 1, "greeting": "The tide is in"},
}
BATCH_BODY = {
    "table_name": "orders",
    "schema": {
        "properties": {"id": {"type": "integer"}, "placed_at": {"type": "string", "format": "date-time"}}
    },
    "key_names": ["id"],
    "messages": [{"action": "upsert", "sequence": 1, "data": {"id": 1, "placed_at": "2026-01-13T21:25:03Z"}}],
}
TRANSIT_DATA = ["^ ", "id", 1, "seen_at", "~m1565880017000"]
TRANSIT_BODY = [["^ ", *chain(*(RECORD | {"data": TRANSIT_DATA}).items())]]

OPERATORS: Mapping[str, tuple[str, str, Mapping[int, str]]] = {
    "/healthz": ("Tell whether this process answers", JSON, {200: "It does."}),
    "/readyz": (
        "Tell whether requests can be accepted",
        JSON,
        {200: "They can.", 503: "They cannot; the body says why."},
    ),
    "/metrics": (
        "Counters and gauges for Prometheus",
        "text/plain; version=0.0.4; charset=utf-8",
        {200: "In its text format."},
    ),
    "/openapi.json": ("This document", JSON, {200: "OpenAPI 3.1."}),
    "/docs": ("The documentation of the API, for reading", "text/html; charset=utf-8", {200: "A page."}),
}
"""Paths beside the Import API: what they tell, the type of the answer, and when there is which status."""


def openapi(routes: Mapping[str, Route], *, version: str) -> dict[str, Any]:
    """
    Return the document.

    Shape: `routes` is the gate's route table; a path or method that is not in it is not in the document.
    """
    paths = {path: _operations(route) for path, route in routes.items()}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tidegate Import API", "version": version, "description": ABOUT},
        "servers": [{"url": "/"}],
        "tags": [{"name": "Import API"}, {"name": "Operators"}],
        "paths": paths | {path: _told(path) for path in OPERATORS},
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {
                "access_token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An access token, from `tidegate serve` or `tidegate tokens create`.",
                }
            },
            "parameters": _PARAMETERS,
            "responses": {
                type(each.refusal).__name__: _response([(each.cause, refusal_answer(each.refusal))])
                for each in REFUSALS
                if each.endpoints == ELSEWHERE
            },
        },
    }


_PARAMETERS: dict[str, Schema] = {
    "RequestId": {
        "name": "X-Request-Id",
        "in": "header",
        "description": "Your own id of the request, for the log and the answer: 1 to 128 letters, digits and"
        " `._:-`. Without one, or with another, one is made.",
        "schema": {"type": "string"},
    },
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "A fresh key for each request; the same request sent again with it is kept once.",
        "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
    },
    "Preview": {
        "name": "preview",
        "in": "query",
        "description": "`tables` adds what the body would become in an empty schema of your warehouse.",
        "schema": {"type": "string"},
    },
    "Encoding": {
        "name": "Content-Encoding",
        "in": "header",
        "description": "How the body is compressed; empty means the same as absent.",
        "schema": {"type": "string", "enum": ["", *sorted(ENCODINGS)]},
    },
}


def _operations(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "tags": ["Import API"],
        "summary": SUMMARIES[route.name],
        "parameters": [{"$ref": "#/components/parameters/RequestId"}],
        "responses": _responses(route.name),
    }
    content = _BODIES.get(route.name)
    if content is not None:
        operation["security"] = [{"access_token": []}]
        operation["parameters"].append({"$ref": "#/components/parameters/Encoding"})
        own = "IdempotencyKey" if route.name in KEPT else "Preview"
        operation["parameters"].append({"$ref": f"#/components/parameters/{own}"})
        operation["requestBody"] = {"required": True, "content": content}
    return {
        method.lower(): {"operationId": f"{method.lower()}_{route.name}", **operation}
        for method in sorted(route.methods)
    }


_RECORDS: dict[str, Any] = {
    JSON: {"schema": {"$ref": "#/components/schemas/Records"}, "example": [RECORD]},
    TRANSIT: {
        "schema": {"type": "array", "description": "The same records in Transit, compact or verbose."},
        "example": TRANSIT_BODY,
    },
}
_BODIES: dict[str, dict[str, Any]] = {
    "validate": _RECORDS
    | {
        JSON: {
            "schema": {"anyOf": [{"$ref": f"#/components/schemas/{name}"} for name in ("Records", "Batch")]},
            "example": [RECORD],
        }
    },
    "push": _RECORDS,
    "batch": {JSON: {"schema": {"$ref": "#/components/schemas/Batch"}, "example": BATCH_BODY}},
}

_PREVIEW = {
    "destination": "duckdb",
    "tables": [
        {
            "name": "hello",
            "parent": None,
            "key_columns": ["id"],
            "columns": [{"name": "id", "type": "integer", "native_type": "BIGINT", "nullable": False}],
            "row_count": 1,
            "rows": [{"id": 1}],
        }
    ],
    "rejected": [],
    "rejected_count": 0,
    "warnings": [],
}

_KEPT = [
    ("The records are on durable storage and will be loaded.", ACCEPTED),
    ("The records are on durable storage; loading is impossible right now and will catch up.", QUEUED),
]
_SUCCESS: dict[str, list[tuple[str, Answer]]] = {
    "status": [
        ("Records can be accepted.", status_answer("0.1.0", "0.1.0", None)),
        ("Records cannot be accepted.", status_answer("0.1.0", "0.1.0", "the disk is full")),
    ],
    "validate": [
        ("The records would be accepted.", VALID),
        ("And with preview=tables, this is what they would become.", valid_answer(_PREVIEW)),
    ],
    "push": _KEPT,
    "batch": _KEPT,
}


def _responses(name: str) -> dict[str, Any]:
    """Return all answers of an endpoint by status, each with when it comes."""
    found: dict[int, list[tuple[str, Answer]]] = {}
    for when, answer in _SUCCESS[name]:
        found.setdefault(answer.status, []).append((when, answer))
    for each in REFUSALS:
        if name in each.endpoints:
            found.setdefault(each.refusal.status, []).append((each.cause, refusal_answer(each.refusal)))
    return {str(status): _response(answers) for status, answers in found.items()}


def _response(answers: Iterable[tuple[str, Answer]]) -> dict[str, Any]:
    """Describe the answers with one status: when they come, what they look like."""
    answers = list(answers)
    content: dict[str, Any] = {}
    headers: dict[str, Any] = {"X-Request-Id": {"schema": {"type": "string"}, "required": True}}
    for when, answer in answers:
        described = content.setdefault(answer.content_type, {"schema": {"anyOf": []}, "examples": {}})
        shape = answer_schema(answer)
        if shape not in described["schema"]["anyOf"]:
            described["schema"]["anyOf"].append(shape)
        value = json.loads(answer.body) if answer.content_type == JSON else answer.body.decode()
        described["examples"][f"example {len(described['examples']) + 1}"] = {"summary": when, "value": value}
        headers |= {name: {"schema": {"type": "string"}} for name, _ in answer.headers}
    return {"description": " Or: ".join(when for when, _ in answers), "headers": headers, "content": content}


def _told(path: str) -> dict[str, Any]:
    summary, content_type, statuses = OPERATORS[path]
    schema = {"type": "object" if content_type == JSON else "string"}
    responses = {
        str(status): {"description": when, "content": {content_type: {"schema": schema}}}
        for status, when in statuses.items()
    }
    return {
        "get": {
            "tags": ["Operators"],
            "operationId": f"get_{path.strip('/').replace('.', '_')}",
            "summary": summary,
            "responses": responses,
        }
    }
