"""The Python client: files of rows."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.client.csv_rows import read_csv
from tidegate.client.files import Format, open_rows
from tidegate.client.json_rows import read_json
from tidegate.errors import InputInvalid

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
SCALARS = st.none() | st.booleans() | st.integers(-(10**30), 10**30) | TEXTS
OBJECTS = st.lists(st.dictionaries(TEXTS, SCALARS, max_size=4), min_size=1, max_size=8)


def stream(content: bytes) -> io.BufferedReader:
    """Return bytes as an open file."""
    return io.BufferedReader(cast("io.RawIOBase", io.BytesIO(content)))


def json_rows(content: bytes, *, lines_only: bool = False) -> list[Any]:
    """Return the rows of JSON, decimals as written."""
    return [
        json.loads(row, parse_float=Decimal) for _, row in read_json(stream(content), lines_only=lines_only)
    ]


def csv_rows(content: str, *, texts_only: bool = False) -> tuple[dict[str, Any], list[Any]]:
    """Return the columns' types and the rows of CSV."""
    properties, rows = read_csv(stream(content.encode()), texts_only=texts_only)
    return properties, [json.loads(row, parse_float=Decimal) for _, row in rows]


@given(OBJECTS, st.sampled_from(["array", "pretty array", "lines", "pretty objects", "one line"]))
def test_every_shape_of_json_gives_the_same_rows(rows: list[dict[str, Any]], shape: str) -> None:
    """An array, lines and objects one after the other are read alike, however they are laid out."""
    content = {
        "array": json.dumps(rows),
        "pretty array": "\n" + json.dumps(rows, indent=2),
        "lines": "\n\n".join(json.dumps(row) for row in rows) + "\n",
        "pretty objects": "\n".join(json.dumps(row, indent=2) for row in rows),
        "one line": " ".join(json.dumps(row) for row in rows),
    }[shape]
    assert rows == json_rows(content.encode())


def test_numbers_keep_their_digits() -> None:
    """The bytes of a row are passed on, so 1.10, 1e400 and long numbers arrive as written."""
    rows = [
        row
        for _, row in read_json(
            stream(b'{"a": 1.10, "b": 1e400}\n{"a": 0.1234567890123456789}'), lines_only=False
        )
    ]
    assert [b'{"a": 1.10, "b": 1e400}', b'{"a": 0.1234567890123456789}'] == rows


def test_a_byte_order_mark_is_skipped() -> None:
    """Files written on Windows are read like others."""
    assert [{"a": 1}] == json_rows(b'\xef\xbb\xbf{"a": 1}')


def test_an_empty_file_has_no_rows() -> None:
    """Nothing in, nothing out: no error."""
    assert [] == json_rows(b" \n\n ")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"a": 1}\n{"a": nul}\n', ", line 2, column 8: "),
        (b'{"a": 1}\n\n{"a": NaN}', ", line 3, column 7: "),
        (b'{"a": 1}\n[1]', ", line 2, column 1: "),
        (b'{"a": 1}\n{"a": "\xff"}', ", line 2, column 8: the bytes are not UTF-8"),
        (b'[{"a": 1},\n {"a": 01}]', ", line 2, column 9: "),
        (b'[{"a": 1}, 7]', ", element 2 is b'7'; every row must be a JSON object"),
        (b'[{"a": 1}', ", line 1, column 1: "),
        (b'{\n"a": 1\n}\n{\n"a": x\n}', ", line 5, column 6: "),
        (b'{\n"a": NaN\n}', ", line 2, column 6: "),
        (b'"text"', ", line 1, column 1: "),
    ],
)
def test_broken_json_is_refused_with_its_place(content: bytes, words: str) -> None:
    """A file that is not rows is refused, never sent in part of a row; the message names the line."""
    with pytest.raises(InputInvalid) as refused:
        json_rows(content)
    assert str(refused.value).startswith(words)


@given(st.binary(max_size=60))
def test_any_bytes_are_rows_or_refused(content: bytes) -> None:
    """Whatever a file holds, it is rows or an error that says where."""
    for read in (lambda: json_rows(content), lambda: list(read_csv(stream(content), texts_only=False)[1])):
        try:
            found: Sequence[Any] = read()
        except InputInvalid as exc:
            found = str(exc)
        assert isinstance(found, list | str)


@pytest.mark.parametrize(
    ("cells", "kind", "values"),
    [
        (["1", "-20", "0", ""], "integer", [1, -20, 0, None]),
        (["9223372036854775807", "-9223372036854775808"], "integer", [2**63 - 1, -(2**63)]),
        (["9223372036854775808", "1"], "number", [2**63, 1]),
        (["1" * 40], "string", ["1" * 40]),
        (["01", "2"], "string", ["01", "2"]),
        (["+1", "2"], "string", ["+1", "2"]),
        (["-0"], "string", ["-0"]),
        (["1_000"], "string", ["1_000"]),
        (["\u0661"], "string", ["\u0661"]),
        (["1.50", "2", "-0.5"], "number", [Decimal("1.50"), 2, Decimal("-0.5")]),
        (["1e5", "2"], "string", ["1e5", "2"]),
        ([".5"], "string", [".5"]),
        (["1 ", "2"], "string", ["1 ", "2"]),
        (["1\n"], "string", ["1\n"]),
        (["nan"], "string", ["nan"]),
        (["true", "FALSE", "True", ""], "boolean", [True, False, True, None]),
        (["true", "1"], "string", ["true", "1"]),
        (["yes"], "string", ["yes"]),
        (["", ""], None, [None, None]),
    ],
)
def test_a_column_is_typed_only_where_every_cell_agrees(
    cells: list[str], kind: str | None, values: list[Any]
) -> None:
    """Digits are a number only where nothing is lost by it; a code with leading zeros stays text."""
    text = io.StringIO()
    csv.writer(text).writerows([["id", "x"], *([number, cell] for number, cell in enumerate(cells))])
    properties, rows = csv_rows(text.getvalue())
    assert ({"type": ["null", kind]} if kind else {}, values) == (properties["x"], [row["x"] for row in rows])


def test_a_column_is_judged_by_all_its_cells() -> None:
    """The last cell of a long file decides as the first does."""
    cells = ["1"] * 4_500 + ["x"]
    assert {"type": ["null", "string"]} == csv_rows("x\n" + "\n".join(cells))[0]["x"]


TABLES = st.integers(1, 4).flatmap(
    lambda width: st.tuples(
        st.lists(TEXTS.filter(str.strip), min_size=width, max_size=width, unique=True),
        st.lists(st.lists(TEXTS, min_size=width, max_size=width).filter(any), max_size=8),
    )
)


@given(TABLES)
def test_csv_cells_round_trip_as_text(table: tuple[list[str], list[list[str]]]) -> None:
    """With --strings every cell arrives as its text, quotes, line breaks and all; an empty one as null."""
    names, cells = table
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([names, *cells])
    rows = csv_rows("\ufeff" + text.getvalue(), texts_only=True)[1]
    assert [dict(zip(names, (cell or None for cell in row), strict=True)) for row in cells] == rows


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_header_tells_the_separator(separator: str) -> None:
    """Comma, semicolon and tab files are told apart by the header."""
    assert [{"a": 1, "b": 2}] == csv_rows(f"a{separator}b\n1{separator}2\n")[1]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", " is empty"),
        ("a,\n1,2", ", line 1: column 2 has no name"),
        ("a,a\n1,2", ", line 1: two columns are named 'a'"),
        ("a,b\n1,2\n\n1,2,3\n", ", line 4: 3 cells, but the first line names 2 columns"),
        ('a,b\n"x\ny",2\n1\n', ", line 4: 1 cells, but the first line names 2 columns"),
        ('a\n"x"y\n', ", line 2: "),
        ('a\n1\n"x', ", line 3: "),
    ],
)
def test_broken_csv_is_refused_with_its_line(content: str, words: str) -> None:
    """A file whose lines do not fit its header is refused, with the line and what to do."""
    with pytest.raises(InputInvalid) as refused:
        csv_rows(content)
    assert str(refused.value).startswith(words)


def test_lines_are_known_of_rows_over_several_lines() -> None:
    """The place of a row is the line it begins on."""
    _, rows = read_csv(stream(b'a\n"x\ny"\n\n2\n'), texts_only=True)
    assert [2, 5] == [line for line, _ in rows]


@pytest.mark.parametrize("kind", [None, Format.NDJSON])
def test_a_gzipped_stream_is_unpacked_and_told_by_its_content(kind: Format | None) -> None:
    """Nobody has to say that input is compressed, or which kind of JSON it is."""
    with open_rows(None, io.BytesIO(gzip.compress(b'\n{"a": 1}\n{"a": 2}\n')), kind=kind) as rows:
        assert [{"a": 1}, {"a": 2}] == [json.loads(bytes(row)) for row in rows]


def test_a_truncated_gzip_stream_is_refused() -> None:
    """Rows are not silently missing when a compressed file was cut."""
    cut = gzip.compress(b'{"a": 1}\n' * 9_000)[:-12]
    with (
        pytest.raises(InputInvalid, match="cannot be read to its end"),
        open_rows(None, io.BytesIO(cut)) as rows,
    ):
        list(rows)


def test_a_file_tells_where_a_row_stands() -> None:
    """A refused row is named by its line, also when blank lines came before."""
    with open_rows(None, io.BytesIO(b'{"a": 1}\n\n\n{"a": 2}\n')) as rows:
        list(rows)
        assert ("standard input, line 1", "standard input, line 4") == (rows.place(0), rows.place(1))


def test_a_row_of_an_array_is_named_by_its_number() -> None:
    """Where the line is not known, the row's number is told, counted from 1."""
    with open_rows(None, io.BytesIO(b'[{"a": 1}, {"a": 2}]')) as rows:
        list(rows)
        assert "standard input, row 2" == rows.place(1)


def test_rows_may_stand_inside_an_object() -> None:
    """The array under one name, every byte of it, such as the features of a GeoJSON file."""
    content = b'\xef\xbb\xbf{"type": "FeatureCollection", "features": [{"a": 1.10}, {"a": 2}], "bbox": [0]}'
    with open_rows(None, io.BytesIO(content), field="features") as rows:
        assert [b'{"a": 1.10}', b'{"a": 2}'] == [bytes(row) for row in rows]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"a": [1], "b": 2}', "there are a"),
        (b'{"b": 2}', "there is none"),
        (b"[]", "every row must be a JSON object"),
        (b'{"features": [1]}', "every row must be a JSON object"),
        (b'{"features": [', "truncated"),
    ],
)
def test_an_object_without_such_rows_is_refused(content: bytes, words: str) -> None:
    """What is there instead is named."""
    with (
        pytest.raises(InputInvalid, match=words),
        open_rows(None, io.BytesIO(content), field="features") as rows,
    ):
        list(rows)
