"""
What `?preview=tables` adds to the answer of validate: the tables, columns and first rows that would result.

Source: docs/specs/import-api.md, W36.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from tidegate.errors import BodyTooLarge
from tidegate.wire.answers import Answer, valid_answer
from tidegate.wire.batch import read_batch
from tidegate.wire.push import read_push
from tidegate.wire.validate import is_batch

if TYPE_CHECKING:
    from tidegate.tables.capabilities import Capabilities
    from tidegate.tables.preview import TablePreview

BODY_BYTES_MAX = 4_000_000
"""Rows of larger bodies could take more memory than a gate process may; a sample is enough to look at."""

DEFAULT_KIND = "duckdb"
"""Stands in for the warehouse of a source that has none yet: what `tidegate serve` sets up by itself."""

REJECTED_MAX = 20
"""Most rejected records that are shown; they are all counted."""


def wants_preview(query: bytes) -> bool:
    """Tell whether a query string asks for the tables."""
    return bool(query) and parse_qs(query.decode("latin-1")).get("preview") == ["tables"]


def preview_answer(body: bytes, media_type: str, kind: str | None, *, at_ms: int) -> Answer:
    """
    Return the answer to a body that validate has accepted, with what it would become in an empty schema.

    Shape: `kind` of warehouse, None for a source without one. Units: `at_ms` is milliseconds since 1970 UTC.
    Loads Arrow and the warehouse's driver, once for each process that is ever asked.
    Errors: BodyTooLarge.
    """
    if len(body) > BODY_BYTES_MAX:
        raise BodyTooLarge(len(body), BODY_BYTES_MAX)
    from tidegate.destinations import capabilities_of  # noqa: PLC0415 - few gates are ever asked
    from tidegate.tables.preview import preview  # noqa: PLC0415 - it loads Arrow, which the gate needs nowhere else

    batches = read_batch(body) if is_batch(body, media_type) else read_push(body, media_type)
    capabilities = capabilities_of(kind or DEFAULT_KIND)
    seen = preview(batches, capabilities, schema_name="preview", at_ms=at_ms)
    return valid_answer(
        {
            "destination": capabilities.kind,
            "tables": [_table(each, capabilities) for each in seen.tables],
            "rejected": [
                {name: row[name] for name in ("table_name", "reason", "record")}
                for row in seen.rejected[:REJECTED_MAX]
            ],
            "rejected_count": len(seen.rejected),
            "warnings": list(seen.warnings),
        }
    )


def _table(seen: TablePreview, capabilities: Capabilities) -> dict[str, Any]:
    table = seen.table
    return {
        "name": table.name,
        "parent": table.parent or None,
        "key_columns": list(table.key_columns),
        "columns": [
            {
                "name": column.name,
                "type": column.type,
                "native_type": capabilities.native_type(column),
                "nullable": column.nullable,
            }
            for column in table.columns
        ],
        "row_count": seen.row_count,
        "rows": [_row(row) for row in seen.rows.to_pylist()],
    }


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Leave every value as it is, but for doubles that JSON has no word for."""
    return {
        name: str(value) if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in row.items()
    }
