"""The columns and tables Tidegate itself writes. Source: docs/specs/loading.md, L30 to L33 and L40."""

from __future__ import annotations

from tidegate.tables.model import Column, Table, Type

RECEIVED_AT = "_sdc_received_at"
BATCHED_AT = "_sdc_batched_at"
SEQUENCE = "_sdc_sequence"
TABLE_VERSION = "_sdc_table_version"
EXTRACTED_AT = "_sdc_extracted_at"
GENERATED_KEY = "__sdc_primary_key"
REJECTED = "_sdc_rejected"
REJECTED_AT = "_sdc_rejected_at"
BOOKKEEPING = "_tidegate"
REJECTED_WHOLE = "rejected"
"""The schema of what Tidegate notes for itself in a warehouse."""

COLUMN_TYPES = {
    RECEIVED_AT: Type.TIMESTAMP,
    BATCHED_AT: Type.TIMESTAMP,
    SEQUENCE: Type.INTEGER,
    TABLE_VERSION: Type.INTEGER,
    EXTRACTED_AT: Type.TIMESTAMP,
    GENERATED_KEY: Type.STRING,
}
"""Type of every system column, in the order they are created."""

PASSED_THROUGH = frozenset(
    {
        "_sdc_deleted_at",
        "_sdc_replication_id",
        "_sdc_extra",
        "_sdc_source_file",
        "_sdc_source_lineno",
        "_sdc_source_bucket",
        "_sdc_customer_id",
        "_sdc_record_hash",
        "_sdc_dimensions_hash_key",
        "_sdc_report_datetime",
    }
)
"""Names with our prefix that Singer taps put into their records: ordinary fields."""

RECORD_BYTES_MAX = 65_536
"""How much of a rejected record is kept in the warehouse; the journal keeps the whole."""


def source_key_name(key_column: str) -> str:
    """Name the column of a subtable that holds a key of the top-level table."""
    return f"_sdc_source_key_{key_column}"


def level_name(depth: int) -> str:
    """Name the column of a subtable that holds an element's place in the array at a depth, from 0."""
    return f"_sdc_level_{depth}_id"


def rejected_table(schema_name: str) -> Table:
    """Return the table of a schema's rejected records: only grows, has no system columns."""
    columns = (
        Column(name=REJECTED_AT, type=Type.TIMESTAMP),
        Column(name="table_name", type=Type.STRING),
        Column(name="reason", type=Type.STRING),
        Column(name="record", type=Type.STRING),
    )
    return Table(schema_name=schema_name, name=REJECTED, columns=columns)


def counts_as_loaded(table: Table) -> bool:
    """Tell whether the rows written into a table are loaded rows, and no rejected records."""
    return table.name != REJECTED and table.schema_name != BOOKKEEPING
