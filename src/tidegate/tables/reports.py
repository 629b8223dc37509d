"""What a load tells of each table. Source: docs/specs/loading.md, L3, L11, L41 and L81 to L84."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from tidegate.tables.plan import Planned
from tidegate.tables.rows import Arrival
from tidegate.tables.system import SEQUENCE


@dataclass(frozen=True, slots=True, kw_only=True)
class TableReport:
    """
    What a load holds for one table.

    Shape: `table_name` as first sent, `destination_table` as in the warehouse ("" when it can have none);
    `rows` counts rows after versions of one key were reduced to the newest; `rejected` counts rows of
    `_sdc_rejected`, `outdated` records dropped because their table version is older than the active one;
    sequences are those of `rows`, None without any; `warnings` are sentences for people. A subtable has a
    report of its own, under its name in the warehouse.
    """

    table_name: str
    destination_table: str
    rows: int
    rejected: int
    sequence_min: int | None
    sequence_max: int | None
    table_version: int | None
    warnings: tuple[str, ...] = ()
    outdated: int = 0


def table_report(
    arrivals: Sequence[Arrival], destination_table: str, planned: Sequence[Planned], *, rejected: int
) -> TableReport:
    """Return the report of one table; `destination_table` is "" when it can have none."""
    parts = [each.part.rows for each in planned if each.part is not None]
    spellings = dict.fromkeys(arrival.batch.table_name for arrival in arrivals)
    versions = [each.batch.table_version for each in arrivals if each.batch.table_version is not None]
    warnings: list[str] = []
    if len(spellings) > 1 and destination_table:
        warnings.append(f"{', '.join(spellings)} are one table in the warehouse, {destination_table}")
    valueless = sum(each.valueless for each in planned)
    if valueless:
        warnings.append(f"{valueless} records have no value at all; no table was made for them")
    return _counted(
        parts,
        TableReport(
            table_name=arrivals[0].batch.table_name,
            destination_table=destination_table,
            rows=0,
            rejected=rejected,
            sequence_min=None,
            sequence_max=None,
            table_version=max(versions, default=None),
            warnings=tuple(warnings),
        ),
    )


def child_reports(planned: Sequence[Planned]) -> list[TableReport]:
    """Return the reports of the subtables that got rows."""
    rows: dict[str, list[pa.Table]] = {}
    for each in planned:
        for child in each.part.children if each.part is not None else ():
            rows.setdefault(child.table.name, []).append(child.rows)
    return [
        _counted(
            tables,
            TableReport(
                table_name=name,
                destination_table=name,
                rows=0,
                rejected=0,
                sequence_min=None,
                sequence_max=None,
                table_version=None,
            ),
        )
        for name, tables in rows.items()
        if any(table.num_rows for table in tables)
    ]


def _counted(tables: Sequence[pa.Table], report: TableReport) -> TableReport:
    """Return the report with the rows of these tables."""
    filled = [table[SEQUENCE] for table in tables if table.num_rows]
    bounds = [pc.min_max(sequences) for sequences in filled]
    return replace(
        report,
        rows=sum(map(len, filled)),
        sequence_min=min((each["min"].as_py() for each in bounds), default=None),
        sequence_max=max((each["max"].as_py() for each in bounds), default=None),
    )
