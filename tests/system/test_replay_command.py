"""`tidegate replay` as people run it beside a server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.product import Product

ROWS = "select id, name, _sdc_sequence from import_api.cars order by id"


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A server with one table in several versions, and a rejected record."""
    running = Product(
        tmp_path_factory.mktemp("replay") / "data",
        flags=("--workers", "1"),
        environ={"TIDEGATE_LOAD_WAIT_S": "0.1"},
    )
    running.start()
    records: list[dict[str, Any]] = [
        {"id": 1, "name": "a"},
        {"id": 2},
        {"id": 1, "name": "b"},
        {"id": 3, "a__st": 1},
    ]
    for sequence, data in enumerate(records):
        with running.client() as client:
            client.post("/v2/import/push", json=[running.record("cars", sequence, data)]).raise_for_status()
    running.wait_until_loaded()
    yield running
    running.close()


def copied(path: Path, sql: str) -> list[tuple[Any, ...]]:
    """Ask a copy that nobody else uses."""
    with duckdb.connect(str(path), read_only=True) as db:
        return db.execute(sql).fetchall()


def test_a_source_is_copied_into_another_warehouse(
    product: Product, tmp_path: Path, exercised: Callable[[str], None]
) -> None:
    """The copy has the rows that the source's own warehouse has, rejected records too."""
    exercised("commands: replay")
    path = tmp_path / "copy.duckdb"
    done = json.loads(product.run("replay", "import_api", "--to", f"duckdb:///{path}", "--json").stdout)
    assert (4, 2, 1, 0) == tuple(done[name] for name in ("requests", "rows", "rejected", "damaged"))
    assert [tuple(row.values()) for row in product.rows(ROWS)] == copied(path, ROWS)
    assert [("replay-",)] == copied(path, "select left(journal_id, 7) from _tidegate.rejected")
    again = ("replay", "import_api", "--to", f"duckdb:///{path}", "--resume", done["replay_id"])
    assert "0 requests of import_api" in product.run(*again).stdout


def test_nothing_was_accepted_in_another_time(product: Product, tmp_path: Path) -> None:
    """Times bound what is replayed."""
    to = f"duckdb:///{tmp_path / 'empty.duckdb'}"
    for bound in (("--until", "2020-01-31"), ("--since", "2999-01-01T00:00:00Z")):
        assert "0 requests" in product.run("replay", "import_api", "--to", to, *bound).stdout


def test_the_own_warehouse_is_refused(product: Product) -> None:
    """However it is spelled: rows of tables without keys would be doubled."""
    status = product.status()["destinations"][0]["url"]
    path = product.data_dir / ".." / "data" / "warehouse.duckdb"
    for url in (status, f"duckdb:///{path}"):
        done = product.run("replay", "import_api", "--to", url, check=False)
        assert (2, True) == (done.returncode, "already loads into" in done.stderr), done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["import_api", "--to", "mongodb://x"], 2, "address begins with one of"),
        (["import_api", "--to", "duckdb:///x", "--since", "soon"], 2, "--since is 'soon'"),
        (["import_api", "--to", "duckdb:///x", "--resume", "1"], 2, "--resume is '1'"),
        (["shop", "--to", "duckdb:///x"], 4, "no source 'shop'"),
    ],
)
def test_mistakes_are_told(product: Product, arguments: list[str], code: int, words: str) -> None:
    """Before anything is opened."""
    done = product.run("replay", *arguments, check=False)
    assert (code, True) == (done.returncode, words in done.stderr), done.stderr
