"""`tidegate infer` as people and scripts run it; it needs no server."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.datasets import dataset
from tests.product import TIDEGATE


@pytest.fixture
def run(tmp_path: Path, exercised: Callable[[str], None]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the command in an empty folder."""
    exercised("commands: infer")

    def run(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*TIDEGATE, "infer", *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            **options,
        )

    return run


Run = Callable[..., subprocess.CompletedProcess[str]]


def test_standard_output_is_a_schema_that_push_takes(run: Run) -> None:
    """The schema can be written into a file as it is; the tables are told beside it."""
    rows = "id,price,at\n1,0.10,2020-01-01T10:00:00Z\n2,,\n"
    done = run("-", "--key", "id", "--table", "cars", "--format", "csv", input=rows)
    assert 0 == done.returncode, done.stderr
    assert {
        "type": "object",
        "properties": {
            "id": {"type": "integer"},
            "price": {"type": ["null", "number"]},
            "at": {"type": ["null", "string"], "format": "date-time"},
        },
    } == json.loads(done.stdout)
    assert "cars: 2 rows, key id" in done.stderr
    assert ["price", "double"] in [line.split() for line in done.stderr.splitlines()]


def test_json_has_schema_tables_and_rejected_records(run: Run) -> None:
    """Scripts get all of it in one document, numbers of the schema with all their digits."""
    rows = '{"id":1,"n":0.1234567890123456789}\n{"id":2,"a__st":"x"}\n'
    done = run("-", "--table", "cars", "--json", input=rows)
    found = json.loads(done.stdout)
    assert '"multipleOf":1E-19' in done.stdout
    assert (2, False, "duckdb") == (found["rows"], found["more_rows"], found["warehouse"])
    (table,) = found["tables"]
    assert ("cars", 1) == (table["table_name"], table["rows"])
    assert {"name": "n", "type": "decimal", "nullable": True, "scale": 19} in table["columns"]
    assert ["a__st"] == [each["reason"].rpartition(" ")[2] for each in found["rejected"]]


def test_real_data_becomes_a_table(run: Run) -> None:
    """The usual sample of the field gives the table that people expect, named after its file."""
    found = json.loads(run(str(dataset("cars.json")), "--json").stdout)
    (table,) = found["tables"]
    types = {each["name"]: each["type"] for each in table["columns"]}
    assert ("cars", 406, []) == (table["table_name"], table["rows"], found["rejected"])
    assert ("string", "double", "integer") == (
        types["Name"],
        types["Miles_per_Gallon"],
        types["Weight_in_lbs"],
    )


def test_only_as_many_rows_as_asked_for_are_looked_at(run: Run) -> None:
    """A large file costs no more than the rows that are wanted."""
    found = json.loads(run("-", "--rows", "2", "--json", input='{"a":1}\n{"a":2}\n{"a":"x"}\n').stdout)
    assert (2, True) == (found["rows"], found["more_rows"])
    assert {"type": ["null", "integer"]} == found["schema"]["properties"]["a"]


@pytest.mark.parametrize(
    ("arguments", "rows", "words"),
    [
        ([], "", "has no rows"),
        (["--key", "no"], '{"id":1}', "has no field 'no', which --key names; it has id"),
        (["--key", "id"], '{"id":1}\n{"a":1}\n', "standard input, line 2 would be refused"),
        (["--format", "xml"], "", "it must be one of json, ndjson, csv"),
        ([], '{"a": 1e999999}', "standard input, line 1: number 1e999999 has too many digits"),
    ],
)
def test_what_cannot_be_used_is_told_with_its_place(
    run: Run, arguments: list[str], rows: str, words: str
) -> None:
    """People learn which line is at fault before they send anything."""
    done = run("-", *arguments, input=rows)
    assert (2, True) == (done.returncode, words in done.stderr), done.stderr
