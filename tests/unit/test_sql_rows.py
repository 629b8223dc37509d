"""`tidegate sql`: rows as JSON, CSV and tables."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from tidegate.cli import sql_rows, sql_table

TEXTS = st.none() | st.text(st.characters(exclude_categories=["Cs"]))
NS = 1_577_836_800_123_456_789


def one_column(values: list[Any], kind: pa.DataType) -> pa.RecordBatch:
    """Return rows of one column x."""
    return pa.record_batch({"x": pa.array(values, kind)})


def printed(batch: pa.RecordBatch, **options: Any) -> tuple[list[str], str]:
    """Return the lines of a table, without colours, and the note under it."""
    screen = io.StringIO()
    table, note = sql_table.table(batch.schema, [batch], **{"rows_max": 10, "width": 80} | options)
    Console(file=screen, width=80, color_system=None).print(table)
    return screen.getvalue().splitlines(), note


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (None, pa.int64(), "null"),
        (2**63 - 1, pa.int64(), "9223372036854775807"),
        (2**64 - 1, pa.uint64(), "18446744073709551615"),
        (
            Decimal("123456789012345678901234567890.12345678"),
            pa.decimal128(38, 8),
            "123456789012345678901234567890.12345678",
        ),
        (Decimal(0), pa.decimal128(38, 10), "0.0000000000"),
        (
            Decimal(170141183460469231731687303715884105727),
            pa.decimal256(39, 0),
            "170141183460469231731687303715884105727",
        ),
        (0.1, pa.float64(), "0.1"),
        (float("nan"), pa.float64(), '"NaN"'),
        (float("-inf"), pa.float64(), '"-Infinity"'),
        (True, pa.bool_(), "true"),
        ("", pa.string(), '""'),
        ("é\n", pa.string(), '"é\\n"'),
        (NS, pa.timestamp("ns", "UTC"), '"2020-01-01T00:00:00.123456789Z"'),
        (NS, pa.timestamp("ns", "Europe/Berlin"), '"2020-01-01T00:00:00.123456789Z"'),
        (1_577_836_800_500_000, pa.timestamp("us"), '"2020-01-01T00:00:00.5"'),
        (datetime(2020, 1, 1, tzinfo=UTC), pa.timestamp("us", "UTC"), '"2020-01-01T00:00:00Z"'),
        (date(2020, 1, 2), pa.date32(), '"2020-01-02"'),
        (time(10, 20, 30), pa.time64("us"), '"10:20:30.000000"'),
        (b"\x00\xff", pa.binary(), '"00ff"'),
        ([1, None], pa.list_(pa.int32()), "[1,null]"),
        ({"a": Decimal("1.50")}, pa.struct({"a": pa.decimal128(5, 2)}), '{"a":1.50}'),
    ],
)
def test_values_are_printed_digit_by_digit(value: Any, kind: pa.DataType, text: str) -> None:
    """JSON output has every digit of numbers and instants, and tells null from empty."""
    batch = one_column([value], kind)
    assert [f'{{"x":{text}}}\n'] == list(sql_rows.json_lines(batch.schema, [batch]))


@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=8))
def test_csv_tells_null_from_empty_text_and_round_trips(rows: list[tuple[str | None, str | None]]) -> None:
    """Read back with Python's reader every text is the same, and null is the only unquoted empty cell."""
    batch = pa.record_batch(
        {"a": pa.array([a for a, _ in rows], pa.string()), "b": pa.array([b for _, b in rows], pa.string())}
    )
    lines = "".join(sql_rows.csv_lines(batch.schema, [batch]))
    read = list(csv.reader(io.StringIO(lines, newline="")))
    assert [["a", "b"], *([a or "", b or ""] for a, b in rows)] == read


def test_csv_null_is_empty_and_an_empty_text_is_quoted() -> None:
    """The two are told apart as PostgreSQL's COPY does."""
    batch = pa.record_batch({"a": pa.array([None, ""]), "b": pa.array([1, None])})
    assert 'a,b\n,1\n"",\n' == "".join(sql_rows.csv_lines(batch.schema, [batch]))


@given(st.lists(st.lists(st.integers() | TEXTS, max_size=3), max_size=4))
def test_a_json_array_is_one_document_however_rows_arrive(batches: list[list[Any]]) -> None:
    """Empty batches, many batches or none: the output is one JSON array of all rows."""
    parts = [
        one_column([None if each is None else str(each) for each in rows], pa.string()) for rows in batches
    ]
    schema = pa.schema({"x": pa.string()})
    document = "".join(sql_rows.json_array(schema, parts))
    assert [row for part in parts for row in part.to_pylist()] == json.loads(document)


def test_columns_of_one_name_are_all_kept() -> None:
    """A join's second id is not lost in an object; CSV keeps the names as they are."""
    batch = pa.RecordBatch.from_arrays(
        [pa.array([1]), pa.array([2]), pa.array([3])], names=["id", "id", "id_2"]
    )
    assert ['{"id":1,"id_2":2,"id_2_2":3}\n'] == list(sql_rows.json_lines(batch.schema, [batch]))


def test_a_table_tells_null_from_the_text_null() -> None:
    """NULL stands bare, the text in quotes."""
    lines, note = printed(one_column([None, "NULL", ""], pa.string()))
    assert (["NULL", "'NULL'", ""], "3 rows") == ([line.strip("│┃ ") for line in lines[3:6]], note)


def test_a_table_cannot_steer_the_terminal() -> None:
    """Control characters of data and names are shown, not sent."""
    batch = pa.record_batch({"a\x1b": pa.array(["\x1b[31mred\r\n\x9b"])})
    lines, _ = printed(batch)
    assert (True, []) == (
        "\\x1b[31mred\\r\\n\\x9b" in "".join(lines),
        [line for line in lines if "\x1b" in line or "\x9b" in line],
    )


def test_a_long_table_says_what_is_missing() -> None:
    """Only the first rows are drawn; the note has the true count and the way to all of them."""
    lines, note = printed(one_column(list(range(5_000)), pa.int64()), rows_max=3)
    assert (3, "first 3 of 5,000 rows; --format jsonl or csv prints all") == (len(lines) - 4, note)


def test_a_wide_table_says_which_columns_are_missing() -> None:
    """Columns that find no room are left out and named; none is squeezed to nothing."""
    batch = pa.record_batch({f"column_{index}": pa.array(["x" * 30]) for index in range(9)})
    lines, note = printed(batch)
    assert (
        "1 row, 4 columns left out (column_5, column_6, column_7, column_8); --format jsonl or csv prints all"
        == note
    )
    assert {80} >= {len(line) for line in lines}


@given(st.lists(st.integers(0, 200), min_size=1, max_size=20), st.integers(20, 200))
def test_no_column_is_squeezed_away(wanted: list[int], width: int) -> None:
    """Every drawn column keeps its own width or a readable one, and together they fit the screen."""
    widths = sql_table.fitting(wanted, width)
    narrow = [w for w, want in zip(widths, wanted, strict=False) if w < min(want, sql_table.COLUMN_WIDTH_MIN)]
    assert ([], True) == (narrow, 1 + sum(each + 3 for each in widths) <= width)


def test_room_left_over_is_shared() -> None:
    """Narrow columns get all they want, the wide ones share what is left equally."""
    assert [5, 30, 30, 20] == sql_table.fitting([5, 100, 100, 20], 98)


def test_one_row_is_one_row() -> None:
    """The note is grammatical."""
    assert "1 row" == printed(one_column([1], pa.int64()))[1]
