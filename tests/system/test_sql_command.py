"""`tidegate sql` as a user meets it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.product import Product


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A product with one loaded table."""
    data_dir = tmp_path_factory.mktemp("sql") / "data"
    running = Product(data_dir, flags=("--workers", "1"), environ={"TIDEGATE_LOAD_WAIT_S": "0.1"})
    running.start()
    rows = '{"id": 1, "name": "Ada", "price": 0.1}\n{"id": 2, "name": null, "price": 2.5}\n'
    running.run("push", "cars", "-", "--key", "id", "--format", "ndjson", input=rows)
    running.wait_until_loaded()
    yield running
    running.close()


@pytest.mark.parametrize(
    ("shape", "text"),
    [
        ("jsonl", '{"id":1,"name":"Ada"}\n{"id":2,"name":null}\n'),
        ("json", '[{"id":1,"name":"Ada"},\n {"id":2,"name":null}]\n'),
        ("csv", "id,name\n1,Ada\n2,\n"),
    ],
)
def test_rows_are_printed_in_each_shape(product: Product, shape: str, text: str) -> None:
    """A bare table name is found in the source's schema, and the output is exactly the rows."""
    assert text == product.run("sql", "SELECT id, name FROM cars ORDER BY id", "--format", shape).stdout


def test_a_table_is_drawn_for_people(product: Product) -> None:
    """Columns, rows, NULL in words; the count goes to standard error."""
    done = product.run("sql", "SELECT id, name FROM cars ORDER BY id", "--format", "table")
    drawn = [line.replace("│", " ").replace("┃", " ").split() for line in done.stdout.splitlines()]
    assert (["id", "name"], ["1", "Ada"], ["2", "NULL"]) == (drawn[1], drawn[3], drawn[4])
    assert "2 rows\n" == done.stderr


def test_json_is_one_document(product: Product) -> None:
    """--json is what scripts parse, numbers digit by digit."""
    printed = product.run("sql", "SELECT sum(id) AS n, 0.10::DECIMAL(9, 2) AS d FROM cars", "--json").stdout
    assert '[{"n":3,"d":0.10}]\n' == printed


def test_a_query_is_read_from_standard_input(product: Product) -> None:
    """A long query comes through a pipe."""
    assert [{"n": 2}] == json.loads(
        product.run("sql", "-", "--json", input="SELECT count(*) AS n FROM cars").stdout
    )


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["SELECT * FROM no_such_table"], 4, "no_such_table"),
        (["DELETE FROM cars"], 4, "read"),
        (["SELECT 1", "--format", "xml"], 2, "it must be one of table, jsonl, csv, json"),
        (
            ["SELECT 1", "--source", "9"],
            4,
            "no source '9'; name one with --source, by its id: 1 (Import API)",
        ),
    ],
)
def test_mistakes_are_told(product: Product, arguments: list[str], code: int, words: str) -> None:
    """The warehouse's words or ours, and an exit code for scripts."""
    done = product.run("sql", *arguments, check=False)
    assert (code, True) == (done.returncode, words in done.stderr), done.stderr


def test_a_folder_never_served_is_told(tmp_path: Path) -> None:
    """Without a control store the command says how to begin."""
    done = Product(tmp_path / "none").run("sql", "SELECT 1", check=False)
    assert (2, True) == (done.returncode, "start with `tidegate serve`" in done.stderr)
