"""The whole product on PostgreSQL: rows arrive, the server goes away and comes back, nothing is lost. (P7)"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conformance.postgres_server import PASSWORD, QUOTED_PASSWORD, PostgresServer, own_server
from tests.product import Product
from tests.waiting import wait_until


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """A server that may be stopped."""
    with own_server() as it:
        yield it


@pytest.fixture
def product(tmp_path: Path, server: PostgresServer) -> Iterator[Product]:
    """A started product that loads into an empty database."""
    running = Product(
        tmp_path / "data",
        flags=("--workers", "1", "--destination", f"postgresql://{server.new_database()}"),
        environ={"TIDEGATE_LOAD_WAIT_S": "0.1", "TIDEGATE_RETRY_WAIT_S_MAX": "0.5"},
    )
    running.start()
    yield running
    running.close()


def test_rows_wait_for_a_server_that_is_away(
    product: Product, server: PostgresServer, exercised: Callable[[str], None]
) -> None:
    """Accepted and loaded; accepted while it is stopped, with 202; after it was killed; and all is there."""
    exercised("destination down and back: postgresql")

    def push(number: int) -> int:
        record = product.record("cars", number, {"id": number})
        with product.client() as client:
            return client.post("/v2/import/push", json=[record]).status_code

    assert 201 == push(1)
    product.wait_until_loaded()
    assert [{"id": 1}] == product.rows("select id from cars")
    server.stop()
    wait_until(lambda: push(2) == 202, what="202 while the server is away")
    assert "Connection refused" in str(product.status()["destinations"][0]["error"])
    assert 3 == product.run("sql", "select 1", check=False).returncode
    server.start()
    product.wait_until_loaded()
    assert [{"id": 1}, {"id": 2}] == product.rows("select id from cars order by id")
    server.kill()
    server.start()
    assert push(3) in {201, 202}
    product.wait_until_loaded()
    assert [{"n": 3, "last": 3}] == product.rows("select count(*) as n, max(id) as last from cars")
    assert product.status()["healthy"]
    said = product.log_path.read_text() + product.run("status", "--json").stdout
    assert [] == [secret for secret in (PASSWORD, QUOTED_PASSWORD) if secret in said]
