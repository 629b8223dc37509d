"""Real data sets through the running server, by HTTP and by `tidegate push`, compared with their files."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.destinations import ADDRESSES
from tests.datasets import ROWS, dataset
from tests.product import Product

Exercised = Callable[[str], None]
ROWS_EACH_REQUEST = 500


@pytest.fixture(scope="module", params=["duckdb", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    """One kind of warehouse that people have."""
    return str(request.param)


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory, kind: str) -> Iterator[Product]:
    """A started product for each kind of warehouse, shared: each test pushes to its own table."""
    folder = tmp_path_factory.mktemp("real")
    flags = ("--workers", "1", "--destination", f"{kind}://{ADDRESSES[kind](folder)}")
    running = Product(folder / "data", flags=flags, environ={"TIDEGATE_LOAD_WAIT_S": "0.1"})
    running.start()
    yield running
    running.close()


def records_of(path: Path) -> list[dict[str, Any]]:
    """Read a data set as the file says it: JSON values exact, CSV cells as text."""
    if path.suffix == ".json":
        records: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
        return records
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def counted(rows: list[dict[str, Any]]) -> Counter[tuple[tuple[str, str], ...]]:
    """Count rows by their values as text, nulls and empty cells left out."""
    return Counter(
        tuple(sorted((name, as_text(value)) for name, value in row.items() if value not in {None, ""}))
        for row in rows
    )


def as_text(value: Any) -> str:
    """Write a value so that 1, 1.0 and "1.00" are one number, and any other text is itself."""
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    try:
        return format(Decimal(text).normalize(), "f")
    except ArithmeticError:
        return text


def as_sent(rows: list[dict[str, Any]], records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows with the fields the records have; a field of several types has several columns."""
    fields = dict.fromkeys(field for record in records for field in record)
    return [{field: next(values(row, field), None) for field in fields} for row in rows]


def values(row: dict[str, Any], field: str) -> Iterator[Any]:
    """Return what a row holds in the columns of one field."""
    columns = (field, *(f"{field}__{suffix}" for suffix in ("bi", "do", "de", "bo", "ti", "st")))
    return (row[column] for column in columns if row.get(column) is not None)


@pytest.mark.parametrize(
    "name", ["cars.json", "movies.json", "seattle-weather.csv", "airports.csv", "github.csv"]
)
def test_a_pushed_file_is_the_table(product: Product, kind: str, name: str, exercised: Exercised) -> None:
    """`tidegate push` of a real file: as many rows, and every value, as in the file."""
    path = dataset(name)
    table = "pushed_" + path.stem.replace("-", "_")
    summary = json.loads(product.run("push", table, str(path), "--json").stdout)
    assert ROWS[name] == summary["records"]
    product.wait_until_loaded()
    expected = records_of(path)
    kept = as_sent(product.rows(f"SELECT * FROM {table}"), expected)
    rejected = [
        json.loads(row["record"])
        for row in product.rows(f"SELECT record FROM _sdc_rejected WHERE table_name = '{table}'")
    ]
    assert counted(expected) == counted(kept) + counted(rejected)
    exercised(f"data: {name} by tidegate push, {kind}")


@pytest.mark.parametrize("name", ["cars.json", "seattle-weather.csv", "airports.csv", "movies.json"])
def test_a_file_sent_by_http_is_the_table(
    product: Product, kind: str, name: str, exercised: Exercised
) -> None:
    """The same by plain HTTP to push, with a row number as key: values and rows as in the file."""
    path = dataset(name)
    table = "sent_" + path.stem.replace("-", "_")
    records = [{"row": row, **record} for row, record in enumerate(json_safe(records_of(path)))]
    with product.client() as client:
        for start in range(0, len(records), ROWS_EACH_REQUEST):
            chunk = records[start : start + ROWS_EACH_REQUEST]
            answer = client.post(
                "/v2/import/push", json=[product.record(table, 1, record, "row") for record in chunk]
            )
            assert 201 == answer.status_code, answer.text
    product.wait_until_loaded()
    kept = as_sent(product.rows(f"SELECT * FROM {table}"), records)
    rejected = [
        json.loads(row["record"])
        for row in product.rows(f"SELECT record FROM _sdc_rejected WHERE table_name = '{table}'")
    ]
    assert counted(records) == counted(kept) + counted(rejected)
    exercised(f"data: {name} by HTTP, {kind}")


def test_nested_earthquakes_are_a_table_and_its_elements(
    product: Product, kind: str, exercised: Exercised
) -> None:
    """Objects of a GeoJSON file are columns, coordinates rows of a subtable, in place; sent twice."""
    path = dataset("earthquakes.json")
    features = json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)["features"]
    for _ in range(2):
        product.run("push", "quakes", str(path), "--field", "features", "--key", "id")
    product.wait_until_loaded()
    expected = [flat(feature) for feature in features]
    assert ROWS["earthquakes.json"] == len(expected)
    assert counted(expected) == counted(as_sent(product.rows("SELECT * FROM quakes"), expected))
    places = [
        {"id": feature["id"], "axis": axis, "value": value}
        for feature in features
        for axis, value in enumerate(feature["geometry"]["coordinates"])
    ]
    renamed = "_sdc_source_key_id AS id, _sdc_level_0_id AS axis"
    there = product.rows(f"SELECT *, {renamed} FROM quakes__geometry__coordinates")
    assert counted(places) == counted(as_sent(there, places))
    assert [] == product.rows("SELECT * FROM _sdc_rejected WHERE table_name = 'quakes'")
    exercised(f"data: earthquakes.json by tidegate push, {kind}")


def flat(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record with the fields of its objects beside its own, and without arrays."""
    found: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, dict):
            found |= {f"{name}__{inner}": each for inner, each in flat(value).items()}
        elif not isinstance(value, list):
            found[name] = value
    return found


def json_safe(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Turn decimals into the floats that a plain JSON encoder would send."""
    return [
        {name: float(value) if isinstance(value, Decimal) else value for name, value in record.items()}
        for record in records
    ]
