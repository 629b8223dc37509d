"""
Queries people ask of PostgreSQL: one reading statement, its rows kept aside so that no load waits for them.

A query holds a lock on what it reads, and adding a column waits for that: so its rows are taken as fast as
they come. Columns have Arrow's own types where Arrow has one, numeric is decimal, all others are text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from tidegate.destinations.keeping import kept_aside
from tidegate.destinations.postgresql_session import Address, Session
from tidegate.destinations.quoting import quoted
from tidegate.errors import QueryFailed

_AS_IT_IS = {
    "bool",
    "int2",
    "int4",
    "int8",
    "float4",
    "float8",
    "text",
    "date",
    "timestamp",
    "timestamptz",
    "numeric",
}
"""PostgreSQL types that the driver turns into Arrow without loss."""

_LEAST = (
    (pa.types.is_timestamp, pa.int64(), -210_866_803_200_000_000),
    (pa.types.is_date32, pa.int32(), -2_440_588),
)
"""4713 BC, the earliest PostgreSQL has: in microseconds and in days since 1970."""

_DIGITS_MAX = 76  # of Arrow's widest decimal
_TO_COPY = re.compile(
    r"(?:\s|--[^\n]*\n|/\*.*?\*/|\()*(?:select|with|values|table)\b", re.IGNORECASE | re.DOTALL
)
_END = re.compile(r"[\s;]*\Z")


def run_query(address: Address, sql: str, *, wait_s: float, schema_name: str | None) -> pa.RecordBatchReader:
    """
    Run one reading statement to its end, in a transaction that may only read, and return its rows.

    Shape: bare table names are looked up in `schema_name` first; `wait_s` bounds the wait for locks.
    Errors: QueryFailed with the server's words; DestinationBusy, DestinationDown; AccessDenied on connecting.
    """
    with address.translated(QueryFailed):
        session = Session(address)
    with closing(session), address.translated(QueryFailed), session.transaction("read only"):
        session.rows("select set_config('lock_timeout', $1, true)", [f"{max(1, round(wait_s * 1_000))}ms"])
        if schema_name is not None:
            path = f"{quoted(schema_name)}, public"
            session.rows("select set_config('search_path', $1, true)", [path])
        try:
            return _answer(session, _END.sub("", sql))
        except OSError as exc:
            raise QueryFailed(f"the result cannot be kept while it is read: {exc}") from exc


def _answer(session: Session, sql: str) -> pa.RecordBatchReader:
    asked = (
        session.shape(sql) if sql else pa.schema([])
    )  # the driver takes one statement, and does not run it
    if not len(asked):
        raise QueryFailed(
            "only one reading statement (SELECT, VALUES, TABLE, EXPLAIN, SHOW ...) can be asked"
        )
    by_copy = _TO_COPY.match(sql) is not None
    with session.stream(_readable(sql, asked) if by_copy else f"{sql}\n", by_copy=by_copy) as rows:
        plain = [_plain(kind) for kind in rows.schema.types]
        schema = pa.schema(list(zip(asked.names, plain, strict=True)))
        numbers = {place: _Digits() for place, each in enumerate(rows.schema) if _type_of(each) == "numeric"}
        kept = kept_aside(schema, _watched(rows, schema, numbers))
    return _with_decimals(kept, numbers) if numbers else kept


def _readable(sql: str, asked: pa.Schema) -> str:
    """Return the query with columns of foreign types as text; the line's end stops a comment at its end."""
    foreign = [_type_of(each) not in _AS_IT_IS for each in asked]
    if not any(foreign):
        return f"{sql}\n"
    names = [f"c{place}" for place in range(len(asked))]
    columns = ", ".join(
        f"{name}::text" if as_text else name for name, as_text in zip(names, foreign, strict=True)
    )
    return f"select {columns} from ({sql}\n) as asked ({', '.join(names)})"  # noqa: S608 - the person's own query


def _type_of(column: pa.Field) -> str:
    return str((column.metadata or {}).get(b"POSTGRESQL:type", b"").decode())


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind


@dataclass(slots=True)
class _Digits:
    """How many digits a column's numbers have before and after the point; None: some are no numbers."""

    before: int = 0
    after: int | None = 0

    def watch(self, texts: pa.Array) -> None:
        """Take some more numbers into account."""
        if self.after is None or not len(texts) or texts.null_count == len(texts):
            return
        if pc.any(pc.match_substring_regex(texts, "[^-0-9.]")).as_py():
            self.after = None
            return
        digits = pc.utf8_ltrim(texts, "-")
        point, length = pc.find_substring(digits, "."), pc.utf8_length(digits)
        whole = pc.if_else(pc.less(point, 0), length, point)
        after = pc.if_else(pc.less(point, 0), 0, pc.subtract(pc.subtract(length, point), 1))
        self.before = max(self.before, pc.max(whole).as_py())
        self.after = max(self.after, pc.max(after).as_py())

    def type(self) -> pa.DataType:
        """Return the decimal that holds them all digit by digit, text when there is none."""
        if self.after is None or self.before + self.after > _DIGITS_MAX:
            return pa.string()
        digits = max(1, self.before + self.after)
        return pa.decimal128(digits, self.after) if digits <= 38 else pa.decimal256(digits, self.after)


def _watched(
    rows: pa.RecordBatchReader, schema: pa.Schema, numbers: Mapping[int, _Digits]
) -> Iterator[pa.RecordBatch]:
    for batch in rows:
        columns = [
            column.storage if isinstance(column, pa.ExtensionArray) else column for column in batch.columns
        ]
        for place, digits in numbers.items():
            digits.watch(columns[place])
        for name, column in zip(schema.names, columns, strict=True):
            _check_bounds(name, column)
        yield pa.record_batch(columns, schema=schema)


def _check_bounds(name: str, column: pa.Array) -> None:
    """Errors: QueryFailed for infinite or far instants, which come from the driver wrapped around."""
    for fits, units, least in _LEAST:
        if fits(column.type):
            found = pc.min(column.cast(units)).as_py()
            if found is not None and found < least:
                raise QueryFailed(
                    f"column {name} has an infinite or too distant date or time; cast it to text"
                )


def _with_decimals(kept: pa.RecordBatchReader, numbers: Mapping[int, _Digits]) -> pa.RecordBatchReader:
    """Turn texts of numbers into numbers, as they are read."""
    schema = kept.schema
    for place, digits in numbers.items():
        schema = schema.set(place, schema.field(place).with_type(digits.type()))
    batches = (
        pa.record_batch(
            [column.cast(each.type) for column, each in zip(batch.columns, schema, strict=True)],
            schema=schema,
        )
        for batch in kept
    )
    return pa.RecordBatchReader.from_batches(schema, batches)
