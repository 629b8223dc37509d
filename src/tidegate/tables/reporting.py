"""How a load comes to tell what it holds for each table. Source: docs/specs/loading.md, L100 to L102."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tidegate.instants import instant_text
from tidegate.tables import reasons
from tidegate.tables.capabilities import Capabilities
from tidegate.tables.model import Type
from tidegate.tables.naming import SEPARATOR, identity, name_column
from tidegate.tables.placing import Placed
from tidegate.tables.plan import Planned
from tidegate.tables.rejected import storable
from tidegate.tables.reports import Bookmark, SubtableReport, TableReport
from tidegate.tables.rows import Arrival
from tidegate.tables.schema_texts import schema_text
from tidegate.tables.system import EXTRACTED_AT
from tidegate.tables.versions import Versions

BOOKMARKS_MAX = 20
"""Most fields whose bounds are told: a table has one or two bookmarks, a request could name thousands."""

TEXT_MAX = 1_000
"""Longest text of a bound, in characters; a bookmark is a date or a number."""

SUBTABLES_MAX = 500
"""Most subtables that are told apart, so that a report stays below 100 kB."""

_Bound = tuple[int, Any]
"""Rank of a kind of value and the value; all kinds of number are one, so that they are compared."""

_RANKS = {
    Type.TIMESTAMP: 0,
    Type.INTEGER: 1,
    Type.DOUBLE: 1,
    Type.DECIMAL: 1,
    Type.STRING: 2,
    Type.BOOLEAN: 3,
}


def table_report(
    arrivals: Sequence[Arrival],
    destination_table: str,
    planned: Sequence[Planned],
    versions: Versions,
    capabilities: Capabilities,
    *,
    rejected: int,
) -> TableReport:
    """Return the report of one table; `destination_table` is "" when it can have none."""
    written = [each for each in planned if each.part is not None and each.settlement is not None]
    sent = [each.batch.table_version for each in arrivals if each.batch.table_version is not None]
    fields = dict.fromkeys(name for each in arrivals for name in each.batch.bookmark_names)
    return TableReport(
        table_name=arrivals[0].batch.table_name,
        destination_table=destination_table,
        rows=sum(each.part.rows.num_rows for each in planned if each.part is not None),
        rejected=rejected,
        key_names=arrivals[0].batch.key_names,
        table_version=min(max(sent, default=versions.active or 0), capabilities.integer_max),
        activated=versions.activated,
        outdated=versions.outdated,
        extracted_at_max=_extracted_at_max(written),
        bookmarks=tuple(_bookmark(name, written, capabilities) for name in list(fields)[:BOOKMARKS_MAX]),
        subtables=_subtables(destination_table, planned),
        warnings=(
            *_warnings(arrivals, destination_table, planned, capabilities),
            *versions.warnings,
        ),
        schema_text=schema_text(arrivals, planned),
    )


def _warnings(
    arrivals: Sequence[Arrival],
    destination_table: str,
    planned: Sequence[Planned],
    capabilities: Capabilities,
) -> list[str]:
    warnings: list[str] = []
    spellings = dict.fromkeys(arrival.batch.table_name for arrival in arrivals)
    if len(spellings) > 1 and destination_table:
        warnings.append(f"{', '.join(spellings)} are one table in the warehouse, {destination_table}")
    valueless = sum(each.valueless for each in planned)
    if valueless:
        warnings.append(f"{valueless} records have no value at all; no table was made for them")
    shortened = sum(each.settlement.shortened for each in planned if each.settlement is not None)
    if shortened:
        warnings.append(reasons.shortened(shortened, capabilities.display_name))
    return warnings


def _subtables(destination_table: str, planned: Sequence[Planned]) -> tuple[SubtableReport, ...]:
    """Return the reports of the subtables that got rows."""
    rows: dict[str, int] = {}
    for each in planned:
        for child in each.part.children if each.part is not None else ():
            rows[child.table.name] = rows.get(child.table.name, 0) + child.rows.num_rows
    filled = [(name, count) for name, count in rows.items() if count]
    return tuple(
        SubtableReport(
            array=name[len(destination_table) + len(SEPARATOR) :], destination_table=name, rows=count
        )
        for name, count in filled[:SUBTABLES_MAX]
    )


def _extracted_at_max(written: Sequence[Planned]) -> str | None:
    """Return the last time of extraction, None when no row had one."""
    bounds = [
        bound
        for each in written
        if each.settlement is not None and EXTRACTED_AT in each.settlement.system
        for bound in _bounds(Type.TIMESTAMP, each.settlement.system[EXTRACTED_AT])
    ]
    return _text(max(bounds)) if bounds else None


def _bookmark(field: str, written: Sequence[Planned], capabilities: Capabilities) -> Bookmark:
    """Return the bounds of one field over all its columns; of several kinds of values the first rank's."""
    key = identity(name_column(field, capabilities).text, capabilities)
    bounds = [
        bound for placed in _placed(key, written) for bound in _bounds(placed.column.type, placed.values)
    ]
    least, greatest = (_text(min(bounds)), _text(_greatest(bounds))) if bounds else (None, None)
    return Bookmark(field=storable(field), least=least, greatest=greatest)


def _placed(key: str, written: Sequence[Planned]) -> Iterable[Placed]:
    for each in written:
        if each.settlement is not None:
            placing = each.settlement.tables[0].placings.get(key)
            yield from placing.placed if placing is not None else ()


def _greatest(bounds: Sequence[_Bound]) -> _Bound:
    rank = min(bounds)[0]
    return max(each for each in bounds if each[0] == rank)


def _bounds(kind: Type | None, values: pa.Array) -> list[_Bound]:
    """Return least and greatest of the values of one type; none when there are none, or only NaN."""
    if kind is None:
        return []
    if kind is Type.TIMESTAMP:
        values = values.cast(pa.int64())
    if kind is Type.DECIMAL and pa.types.is_string(values.type):
        numbers = [Decimal(text) for text in values.to_pylist() if text is not None]
        return [(_RANKS[kind], each) for each in ((min(numbers), max(numbers)) if numbers else ())]
    if kind is Type.DOUBLE:
        values = values.filter(pc.invert(pc.is_nan(values)))
    found = pc.min_max(values)
    both = (found["min"].as_py(), found["max"].as_py())
    return [(_RANKS[kind], each) for each in both if each is not None]


def _text(bound: _Bound) -> str:
    rank, value = bound
    if rank == _RANKS[Type.TIMESTAMP]:
        return instant_text(value * 1_000)
    if rank == _RANKS[Type.BOOLEAN]:
        return "true" if value else "false"
    if isinstance(value, Decimal):
        digits = format(value, "f")  # plain, and without the zeros that only its column has
        return digits.rstrip("0").rstrip(".") if "." in digits else digits
    return storable(value[:TEXT_MAX]) if isinstance(value, str) else str(value)
