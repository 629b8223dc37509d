"""Destinations come and go while records arrive: nothing accepted is lost, and nobody restarts the server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import duckdb
import httpx
import pytest

from tests.product import Product
from tests.waiting import wait_until


@pytest.fixture
def product(tmp_path_factory: pytest.TempPathFactory, exercised: Callable[[str], None]) -> Iterator[Product]:
    """A running server."""
    exercised("Connect API: a running server")
    running = Product(
        tmp_path_factory.mktemp("switching") / "data",
        flags=("--workers", "1"),
        environ={"TIDEGATE_LOAD_WAIT_S": "0.1"},
    )
    running.start()
    yield running
    running.close()


def ids(product: Product, file: str, table_name: str) -> set[int]:
    """What is in a DuckDB file of the account; empty while it has no such table or is being loaded."""
    path = product.data_dir / "warehouses" / str(product.client_id) / file
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            return {row[0] for row in connection.execute(f"SELECT id FROM {table_name}").fetchall()}
    except (duckdb.CatalogException, duckdb.IOException, duckdb.ConnectionException):
        return set()


def test_accepted_records_follow_their_source(product: Product) -> None:
    """A second destination, a deleted one and its successor get what is theirs, in one run. (A44, A46)"""
    made = json.loads(product.run("connect-tokens", "create", "--json").stdout)
    headers = {"Authorization": f"Bearer {made['access_token']}"}
    with (
        httpx.Client(base_url=product.base_url, headers=headers, timeout=60, trust_env=False) as connect,
        product.client() as sender,
    ):

        def destination(file: str) -> int:
            body = {"type": "duckdb", "properties": {"file": file}}
            return int(connect.post("/v4/destinations", json=body).raise_for_status().json()["id"])

        def push(number: int, token: str) -> int:
            body = [product.record("orders", number, {"id": number})]
            return sender.post(
                "/v2/import/push", json=body, headers={"Authorization": f"Bearer {token}"}
            ).status_code

        second = destination("second.duckdb")
        source = connect.post(
            "/v4/sources", json={"type": "import_api", "display_name": "Aside", "destination_id": second}
        ).json()
        aside = connect.post(f"/v4/sources/{source['id']}/tokens").json()["access_token"]
        assert 201 == push(1, aside)
        assert 201 == push(2, product.access_token)
        wait_until(
            lambda: {1} == ids(product, "second.duckdb", "aside.orders"),
            within_s=90,
            what="the row of the second",
        )
        product.wait_until_loaded()
        connect.delete(f"/v4/destinations/{second}").raise_for_status()
        wait_until(lambda: 202 == push(3, aside), within_s=90, what="the answer that processing waits")
        assert 201 == push(4, product.access_token)
        wait_until(
            lambda: [{"id": 2}, {"id": 4}] == product.rows("SELECT id FROM import_api.orders ORDER BY id"),
            within_s=90,
            what="row 4",
        )
        destination("third.duckdb")
        wait_until(
            lambda: ids(product, "third.duckdb", "aside.orders") >= {3}, within_s=90, what="what had waited"
        )
        product.wait_until_loaded()
    assert "process died" not in product.log_path.read_text()


def test_a_server_without_sources_and_destinations_starts(product: Product) -> None:
    """Everything may be deleted, by command too, and made again. (A44)"""
    product.run("sources", "delete", "import_api", "--yes")
    product.run("destinations", "delete", "1", "--yes")
    product.stop()
    product.start()
    assert (None, None) == (product.about["source_id"], product.about["warehouse"])
    product.run("sources", "create", "Waiting")
    warnings = json.loads(product.run("status", "--json").stdout)["warnings"]
    assert ["source waiting has no destination"] == [each.partition(",")[0] for each in warnings]
    path = product.data_dir / "again.duckdb"
    created = json.loads(product.run("destinations", "create", f"duckdb:///{path}", "--json").stdout)
    assert created["is_default"]
    renamed = product.run("destinations", "update", str(created["id"]), "--name", "Again", "--json").stdout
    assert "Again" == json.loads(renamed)["name"]
    made = json.loads(product.run("sources", "create", "Shop", "--json").stdout)
    product.access_token = made["access_token"]
    with product.client() as sender:
        wait_until(
            lambda: (
                201 == sender.post("/v2/import/push", json=[product.record("t", 1, {"id": 1})]).status_code
            ),
            within_s=90,
            what="the answer that it will load",
        )
    wait_until(lambda: [{"id": 1}] == product.rows("SELECT id FROM shop.t"), within_s=90, what="the row")
    listed = product.run("destinations", "list").stdout + product.run("destinations", "show", "2").stdout
    assert "again.duckdb" in listed
