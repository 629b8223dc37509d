"""A critical error holds one table, not its neighbours; it is seen, heals itself, and keeps the order."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from tests.product import Product
from tests.waiting import wait_until

Exercised = Callable[[str], None]


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Product]:
    """A started product that loads at once."""
    running = Product(tmp_path / "data", flags=("--workers", "1"), environ={"TIDEGATE_LOAD_WAIT_S": "0.1"})
    running.start()
    yield running
    running.close()


def push(product: Product, table: str, key: int, text: str) -> None:
    """Push one row; all have the same sequence, so that the order decides."""
    with product.client() as client:
        record = product.record(table, 1, {"id": key, "text": text})
        assert client.post("/v2/import/push", json=[record]).status_code in {201, 202}


def by_hand(product: Product, sql: str) -> None:
    """Change the warehouse as a person with a database tool would."""

    def done() -> bool:
        try:
            with duckdb.connect(str(product.data_dir / "warehouse.duckdb")) as warehouse:
                warehouse.execute(sql)
        except duckdb.IOException:
            return False
        return True

    wait_until(done, what="the warehouse file free")


def test_what_waits_for_a_held_table_can_be_given_up(product: Product, exercised: Exercised) -> None:
    """Records with other keys hold their table; given up they are rejected, and it goes on. (L15, L92)"""
    push(product, "orders", 1, "first")
    product.wait_until_loaded()
    wrong = [
        product.record("orders", 1, {"id": key, "text": f"wrong {key}"}) | {"key_names": ["text"]}
        for key in (1, 2)
    ]
    with product.client() as client:
        client.post("/v2/import/push", json=wrong).raise_for_status()
    wait_until(lambda: [each for each in product.status()["troubles"] if "orders" in each], what="status")
    push(product, "orders", 1, "second, but waits")
    slip = product.run("tables", "discard", "import_api", "order", "--yes", check=False)
    assert (2, True) == (slip.returncode, "no load has told of a table 'order'" in slip.stderr)
    product.run("tables", "discard", "import_api", "orders", "--yes")
    wait_until(lambda: product.status()["healthy"], what="health")
    push(product, "orders", 1, "third")
    product.wait_until_loaded()
    assert [{"text": "third"}] == product.rows("SELECT text FROM orders")
    reason = (
        "discarded while its table waited: Primary Keys for table do not match Primary Keys of incoming data"
    )
    listed = json.loads(product.run("rejected", "list", "--table", "orders", "--json").stdout)
    assert [reason] * 3 == [each["reason"] for each in listed]
    last = product.run("rejected", "show", listed[0]["id"], "--json").stdout
    assert "second, but waits" in json.loads(last)["message"]
    product.run("rejected", "replay", listed[0]["id"])
    product.wait_until_loaded()
    wait_until(
        lambda: product.rows("SELECT text FROM orders") == [{"text": "second, but waits"}], what="replay"
    )
    exercised("commands: tables discard")


def test_a_table_that_takes_nothing_waits_while_others_go_on(product: Product, exercised: Exercised) -> None:
    """A NOT NULL column added by hand holds its table; when it is gone everything arrives, in order."""
    push(product, "held", 1, "first")
    push(product, "other", 1, "first")
    product.wait_until_loaded()
    by_hand(
        product,
        "ALTER TABLE import_api.held ADD COLUMN mine INTEGER DEFAULT 0;"
        "ALTER TABLE import_api.held ALTER COLUMN mine SET NOT NULL;"
        "ALTER TABLE import_api.held ALTER COLUMN mine DROP DEFAULT",
    )
    push(product, "held", 1, "second")
    push(product, "other", 1, "second")
    wait_until(
        lambda: product.rows("SELECT text FROM other") == [{"text": "second"}], what="the neighbour's row"
    )
    status = wait_until(
        lambda: [each for each in product.status()["troubles"] if "held" in each], what="status"
    )
    assert "mine" in status[0]
    push(product, "held", 1, "third")
    push(product, "held", 2, "new")
    assert [{"text": "first"}] == product.rows("SELECT text FROM held")
    product.kill("loader")
    by_hand(product, "ALTER TABLE import_api.held ALTER COLUMN mine DROP NOT NULL")
    expected = [{"id": 1, "text": "third"}, {"id": 2, "text": "new"}]
    wait_until(
        lambda: product.rows("SELECT id, text FROM held ORDER BY id") == expected,
        within_s=60,
        what="all rows",
    )
    wait_until(lambda: product.status()["healthy"], what="health")
    assert [{"n": 0}] == product.rows("SELECT count(*) AS n FROM _sdc_rejected")
    exercised("held table: duckdb")
