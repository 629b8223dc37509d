"""What a post-load hook is sent: one load of one table that clients name. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from tidegate.control.loads import LoadReport

VERSION = "1.0"


def payload(report: LoadReport, integration_name: str) -> dict[str, Any]:
    """
    Return the body of a call.

    Shape: the report of a load that worked, the source's schema name -> the documented object; without
    `s3_objects`, which only warehouses that are files on S3 have. Source: docs/specs/notifications.md, N12.
    """
    return {
        "version": VERSION,
        "minimum_sdc_batched_at": _instant(report.started_at),
        "integration_name": integration_name,
        "new_version": report.activated,
        "source_root_table_name": report.table_name,
        "destination_root_table_name": report.destination_table or None,
        "table_version": report.table_version,
        "tables": list(_tables(report)),
    }


def _tables(report: LoadReport) -> Iterator[dict[str, Any]]:
    yield {
        "source_table_name": report.table_name,
        "destination_table_name": report.destination_table or None,
        "num_rows": report.rows_loaded,
        "num_rows_rejected": report.rows_rejected,
        "primary_keys": list(report.key_names),
        "bookmark_metadata": _bookmarks(report),
        "max_time_extracted": report.extracted_at_max,
    }
    for each in report.subtables:
        yield {
            "source_table_name": each.array,
            "destination_table_name": each.destination_table,
            "num_rows": each.rows,
            "num_rows_rejected": 0,  # a record is rejected with its elements, and counted once
            "bookmark_metadata": [],
            "max_time_extracted": report.extracted_at_max,
        }


def _bookmarks(report: LoadReport) -> list[dict[str, Any]] | None:
    if not report.rows_loaded and report.rows_rejected:
        return None
    return [
        {"key": each.field, "max_value": each.greatest, "min_value": each.least} for each in report.bookmarks
    ]


def _instant(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
