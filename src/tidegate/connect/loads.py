"""The last load of each table: `/v4/{client_id}/loads`; and extractions, of which there never are any."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tidegate.connect.calls import NOT_AUTHORIZED, Call, Route, when
from tidegate.connect.pages import PAGE_SIZE, page_number, page_object
from tidegate.control import job_calls, streams
from tidegate.control.schema import now
from tidegate.control.streams import Stream
from tidegate.errors import Declined

SEEN_DAYS = 60
"""A table without a load for this long is not listed."""


def load_object(call: Call, stream: Stream) -> dict[str, Any]:
    """Shape: a stream -> the object that the Connect API answers; while it fails it has no time."""
    failed = stream.error is not None
    return {
        "stitch_client_id": call.client_id,
        "source_name": stream.schema_name,
        "stream_name": stream.table_name,
        "last_batch_loaded_at": None if failed else when(stream.attempted_at),
        "error_state": _error_state(stream.error) if stream.error is not None else None,
    }


def list_(call: Call) -> Any:
    """Answer one page of the tables that were loaded lately, by name."""
    _check_account(call)
    _count(call)
    page = page_number(call)
    since = now() - timedelta(days=SEEN_DAYS)
    with call.store.reading() as conn:
        total = streams.count(conn, call.client_id, since=since)
        offset = (page - 1) * PAGE_SIZE
        found = streams.list_(conn, call.client_id, since=since, limit=PAGE_SIZE, offset=offset)
    path = f"/v4/{call.client_id}/loads"
    return page_object([load_object(call, each) for each in found], page=page, total=total, path=path)


def extractions(call: Call) -> Any:
    """Answer an empty page: records are pushed, nothing is extracted."""
    _check_account(call)
    _count(call)
    return page_object([], page=page_number(call), total=0, path=f"/v4/{call.client_id}/extractions")


ROUTES = (
    Route("GET", "/v4/{client_id}/loads", "List the last load of each table", list_),
    Route("GET", "/v4/{client_id}/extractions", "List extractions: always none", extractions),
)


def _check_account(call: Call) -> None:
    if call.path["client_id"] != str(call.client_id):
        raise Declined(NOT_AUTHORIZED, status=401)


def _count(call: Call) -> None:
    """Count a call, where calls are limited. Errors: Declined."""
    if not call.limits.jobs_calls_max:
        return
    with call.writing() as conn:
        retry_after_s = job_calls.count(conn, call.client_id, call.limits.jobs_calls_max)
    if retry_after_s is not None:
        raise Declined({"message": "Too Many Requests"}, status=429, retry_after_s=retry_after_s)


def _error_state(error: str) -> dict[str, Any]:
    """Say what failed in the documented form; what we cannot know is null."""
    return {
        "notification_data": {
            "message": error,
            "exception_message": error,
            "warehouse_error_code": None,
            "error": "LOADER_WAREHOUSE_ERROR",
            "new_column": None,
            "status": "ERROR",
            "warehouse_sql_state": None,
            "action": "load",
            "warehouse_message": error,
            "column": None,
        },
        "exception_chain": [
            {"class": "DestinationError", "message": error, "chain_sequence_num": 0, "action": "load"}
        ],
    }
