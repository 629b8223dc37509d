"""What requests would become on an empty schema: for looking before anything is sent or kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from tidegate.records import Batch
from tidegate.tables.capabilities import Capabilities
from tidegate.tables.model import Part, Table
from tidegate.tables.prepare import Arrival, prepare
from tidegate.tables.system import REJECTED

ROWS_MAX = 20
"""First rows of a table that are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TablePreview:
    """A table, subtables too, as it would be made. Shape: `rows` are the first of `row_count`."""

    table: Table
    row_count: int
    rows: pa.Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """
    What batches would become.

    Shape: `rejected` are rows of `_sdc_rejected`, by column; `warnings` are sentences for people.
    """

    tables: Sequence[TablePreview]
    rejected: Sequence[dict[str, Any]]
    warnings: Sequence[str]


def preview(
    batches: Sequence[Batch],
    capabilities: Capabilities,
    *,
    schema_name: str,
    at_ms: int,
    tables: Sequence[Table] = (),
) -> Preview:
    """
    Return what batches would become in a schema with these tables, in one load; nothing is touched.

    Shape: a table that could not be loaded into is told in a warning.
    Units: `at_ms` is the time of acceptance and load, milliseconds since 1970 UTC.
    """
    arrivals = [
        Arrival(position=place, received_at_ms=at_ms, request_id="", batch=batch)
        for place, batch in enumerate(batches, start=1)
    ]
    load = prepare(schema_name, arrivals, tables, capabilities, batched_at_ms=at_ms, new_uuids=_numbered)
    by_name: dict[str, list[tuple[Table, pa.Table]]] = {}
    for table, rows in _written(load.parts):
        by_name.setdefault(table.name, []).append((table, rows))
    refused = by_name.pop(REJECTED, [])
    return Preview(
        tables=[_table(each) for each in by_name.values()],
        rejected=[row for _, rows in refused for row in rows.to_pylist()],
        warnings=[
            *(warning for report in load.reports for warning in report.warnings),
            *(f"{table_name} would wait: {reason}" for table_name, reason in load.held.items()),
        ],
    )


def _written(parts: Sequence[Part]) -> Iterator[tuple[Table, pa.Table]]:
    for part in parts:
        yield part.table, part.rows
        for child in part.children:
            yield child.table, child.rows


def _table(written: Sequence[tuple[Table, pa.Table]]) -> TablePreview:
    rows = pa.concat_tables((rows for _, rows in written), promote_options="default")
    return TablePreview(table=written[-1][0], row_count=rows.num_rows, rows=rows.slice(0, ROWS_MAX))


def _numbered(count: int) -> list[str]:
    """Stand in for random UUIDs: what is only looked at needs no chance."""
    return [f"00000000-0000-4000-8000-{number:012}" for number in range(count)]
