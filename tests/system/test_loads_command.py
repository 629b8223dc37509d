"""`tidegate loads` as people and scripts run it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.product import Product


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A server with two loaded tables; one record of the second was rejected."""
    running = Product(
        tmp_path_factory.mktemp("loads") / "data",
        flags=("--workers", "1"),
        environ={"TIDEGATE_LOAD_WAIT_S": "0.1"},
    )
    running.start()
    for table_name, records in (
        ("cars", [{"id": 1}, {"id": 2}]),
        ("trips", [{"id": 1}, {"id": 2, "a__st": 1}]),
    ):
        body = [running.record(table_name, 1, data) for data in records]
        with running.client() as client:
            client.post("/v2/import/push", json=body).raise_for_status()
        running.wait_until_loaded()
    yield running
    running.close()


def test_the_newest_load_stands_first(product: Product, exercised: Callable[[str], None]) -> None:
    """Each table of each load has its source, its rows and how many records were rejected."""
    exercised("commands: loads")
    found = json.loads(product.run("loads", "--json").stdout)
    wanted = [("import_api", "trips", 1, 1, None), ("import_api", "cars", 2, 0, None)]
    keys = ("source", "table_name", "rows_loaded", "rows_rejected", "error")
    assert wanted == [tuple(each[key] for key in keys) for each in found]
    drawn = product.run("loads").stdout
    assert ["trips", "cars"] == [word for word in drawn.split() if word in ("cars", "trips")]
    assert "import_api.trips: `tidegate rejected list` says why" in drawn


@pytest.mark.parametrize(
    ("arguments", "tables"),
    [
        (["--table", "cars"], ["cars"]),
        (["--limit", "1"], ["trips"]),
        (["--source", "import_api"], ["trips", "cars"]),
        (["--table", "boats"], []),
    ],
)
def test_loads_are_picked(product: Product, arguments: list[str], tables: list[str]) -> None:
    """People look at one source or one table, and at as many loads as they ask for."""
    found = json.loads(product.run("loads", *arguments, "--json").stdout)
    assert tables == [each["table_name"] for each in found]


def test_an_unknown_source_is_told(product: Product) -> None:
    """A slip of the pen is no empty list."""
    done = product.run("loads", "--source", "shop", check=False)
    assert (4, True) == (done.returncode, "no source 'shop'" in done.stderr)


def test_a_folder_never_served_is_told(tmp_path: Path) -> None:
    """A wrong --data-dir makes no new store."""
    done = Product(tmp_path / "none").run("loads", check=False)
    assert (2, True) == (done.returncode, "start with `tidegate serve`" in done.stderr)
