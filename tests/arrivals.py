"""Accepted batches, as tests of tables and destinations need them: short to write, complete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tidegate.records import Batch
from tidegate.tables.capabilities import SUFFIXES, Capabilities
from tidegate.tables.model import Table, Type
from tidegate.tables.prepare import Arrival, Prepared, prepare
from tidegate.tables.system import REJECTED

RECEIVED_AT_MS = 1_700_000_000_123
BATCHED_AT_MS = 1_700_000_060_456

DUCKDB_LIKE = Capabilities(
    kind="test",
    display_name="DuckDB",
    table_name_max=255,
    column_name_max=255,
    names_in_bytes=False,
    names_case_sensitive=False,
    columns_max=40,
    suffixes=SUFFIXES,
    natives={kind: str(kind) for kind in Type},
    integer_min=-(2**63),
    integer_max=2**63 - 1,
    decimal_digits_max=38,
    decimal_scale_min=6,
    timestamp_min_us=-62_135_596_800_000_000,
    timestamp_max_us=253_402_300_799_999_999,
    keeps_nul_in_text=True,
    renames_on_split=True,
    keeps_keys_unique=False,
    hold_open=True,
)
"""What DuckDB can hold, with few columns and the years 0001 to 9999."""


def arrival(
    *data: dict[str, Any],
    keys: Sequence[str] = ("id",),
    table_name: str = "cars",
    position: int = 1,
    schema: dict[str, Any] | None = None,
    sequences: Sequence[int] | None = None,
    table_version: int | None = None,
    extracted: Sequence[str | None] | None = None,
    activates: bool = False,
    bookmarks: Sequence[str] = (),
) -> Arrival:
    """Return one accepted batch of these records; sequences count up from the position unless given."""
    batch = Batch(
        table_name=table_name,
        key_names=tuple(keys),
        schema=schema,
        table_version=table_version,
        bookmark_names=tuple(bookmarks),
        sequences=list(sequences)
        if sequences is not None
        else [position * 1_000 + i for i in range(len(data))],
        data=list(data),
        places=list(range(len(data))),
        extracted=extracted,
        activates=activates,
    )
    return Arrival(
        position=position, received_at_ms=RECEIVED_AT_MS, request_id=f"request-{position}", batch=batch
    )


def typed(**fields: Any) -> dict[str, Any]:
    """Return a batch schema whose fields have these schemas."""
    return {"properties": fields}


def numbered(count: int) -> list[str]:
    """Return "UUIDs" that a test can foretell."""
    return [f"uuid-{number}" for number in range(count)]


def prepared(
    *arrivals: Arrival,
    tables: Sequence[Table] = (),
    capabilities: Capabilities = DUCKDB_LIKE,
    refused: Mapping[tuple[int, int], str] | None = None,
) -> Prepared:
    """Prepare one load into schema `shop`."""
    return prepare(
        "shop",
        arrivals,
        tables,
        capabilities,
        batched_at_ms=BATCHED_AT_MS,
        new_uuids=numbered,
        refused=refused or {},
    )


def rows_of(load: Prepared, table_name: str = "cars") -> list[dict[str, Any]]:
    """Return the rows of one table's part without system columns; [] when it has none."""
    parts = [part for part in load.parts if part.table.name == table_name]
    rows = parts[0].rows.to_pylist() if parts else []
    return [
        {name: value for name, value in row.items() if not name.startswith(("_sdc", "__sdc"))} for row in rows
    ]


def rejections(load: Prepared) -> list[tuple[str, str]]:
    """Return reason and record of everything a load rejects."""
    parts = [part for part in load.parts if part.table.name == REJECTED]
    return [(row["reason"], row["record"]) for part in parts for row in part.rows.to_pylist()]
